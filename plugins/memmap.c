// memmap: the pages of each process's address space that are in the image, contiguous ones joined.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/win.h>

enum { VIRTUAL, PHYSICAL, SIZE, FILE_OFFSET, OUTPUT, PID, PROCESS, COLUMNS };
enum { OPT_PID };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[VIRTUAL]     = { "virtual",     EI_ADDR, "start of the range", .vol3 = "Virtual" },
	[PHYSICAL]    = { "physical",    EI_ADDR, "where it lies in physical memory", .vol3 = "Physical" },
	[SIZE]        = { "size",        EI_HEX,  "bytes", .vol3 = "Size" },
	[FILE_OFFSET] = { "file_offset", EI_HEX,  "where it would lie in a dump of the ranges", .vol3 = "Offset in File" },
	[OUTPUT]      = { "file",        EI_STR,  "file written", .vol3 = "File output", .vol3_absent = "Disabled" },
	[PID]         = { "pid",         EI_UINT, "process id" },
	[PROCESS]     = { "process",     EI_STR,  "image name of the process (15 bytes)" },
};

static const ei_option options[] = {
	[OPT_PID] = { "pid", EI_UINT, EI_MANY, "only these processes" },
};
// clang-format on

static void emit_range(ei_run *r, const eprocess *p, const ei_page *range, uint64_t file_offset)
{
	ei_emit(r, (ei_val[COLUMNS]){
			   [VIRTUAL] = ei_addr(range->va),
			   [PHYSICAL] = ei_addr(range->pa),
			   [SIZE] = ei_hex(range->size),
			   [FILE_OFFSET] = ei_hex(file_offset),
			   [OUTPUT] = ei_absent(EI_NONE),
			   [PID] = ei_get(*p, UniqueProcessId),
			   [PROCESS] = ei_get(*p, ImageFileName),
		   });
}

static void emit_map(ei_run *r, const eprocess *p, const ei_space *space)
{
	ei_page range = { 0 };
	uint64_t file_offset = 0, va = 0;
	for (ei_page page; ei_next_page(r, space, va, &page);) {
		if (range.size && page.va == range.va + range.size &&
			page.pa == range.pa + range.size) {
			range.size += page.size;
		} else {
			if (range.size)
				emit_range(r, p, &range, file_offset);
			file_offset += range.size;
			range = page;
		}
		va = page.va + page.size;
		if (va <= page.va)
			break; // the last page of the address space
	}
	if (range.size)
		emit_range(r, p, &range, file_offset);
}

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);) {
		ei_val pid = ei_get(p, UniqueProcessId);
		if (!ei_opt_allows(r, OPT_PID, pid))
			continue;
		const ei_space *space = ei_process_space(r, &p);
		if (space)
			emit_map(r, &p, space);
		else
			ei_note(r, "process %llu: its page-table root cannot be read",
				(unsigned long long)ei_u64_or(pid, 0));
	}
	return NULL;
}

EI_PLUGIN(memmap) = {
	EI_HEAD(memmap),
	.vol3 = "windows.memmap.Memmap",
	.purpose = "pages of a process that are in the image",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	EI_SYMBOLS("PsActiveProcessHead"),
	.run = run,
};
