// memmap: the pages of each process's address space that are in the image, contiguous ones joined.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/extract.h>
#include <eidetic/win.h>

enum { VIRTUAL, PHYSICAL, SIZE, FILE_OFFSET, OUTPUT, PID, PROCESS, COLUMNS };
enum { OPT_PID, OPT_DUMP };

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
	[OPT_PID]  = { "pid",  EI_UINT, EI_MANY, "only these processes" },
	[OPT_DUMP] = { "dump", EI_BOOL, 0,       "write the ranges of each process, one behind the other, into a file" },
};
// clang-format on

// One process's map while it is shown.
struct map {
	ei_run *run;
	const eprocess *process;
	const ei_space *space;
	ei_extract *file; // NULL: nothing is written
	ei_val name;      // of the file
	uint64_t file_offset;
};

static void range_emit(struct map *map, const ei_page *range)
{
	if (!range->size)
		return;
	if (map->file)
		ei_extract_memory(map->file, map->space, range->va, range->size);
	ei_emit(map->run, (ei_val[COLUMNS]){
				  [VIRTUAL] = ei_addr(range->va),
				  [PHYSICAL] = ei_addr(range->pa),
				  [SIZE] = ei_hex(range->size),
				  [FILE_OFFSET] = ei_hex(map->file_offset),
				  [OUTPUT] = map->name,
				  [PID] = ei_get(*map->process, UniqueProcessId),
				  [PROCESS] = ei_get(*map->process, ImageFileName),
			  });
	map->file_offset += range->size;
}

static void map_emit(struct map *map)
{
	ei_page range = { 0 };
	uint64_t va = 0;
	for (ei_page page; ei_next_page(map->run, map->space, va, &page);) {
		if (range.size && page.va == range.va + range.size &&
			page.pa == range.pa + range.size) {
			range.size += page.size;
		} else {
			range_emit(map, &range);
			range = page;
		}
		va = page.va + page.size;
		if (va <= page.va)
			break; // the last page of the address space
	}
	range_emit(map, &range);
}

static ei_error *process_emit(ei_run *r, const eprocess *p, const ei_space *space)
{
	uint64_t pid = ei_u64_or(ei_get(*p, UniqueProcessId), 0);
	struct map map = { .run = r, .process = p, .space = space, .name = ei_absent(EI_NONE) };
	if (ei_has(ei_opt(r, OPT_DUMP))) {
		char *wanted = ei_text(ei_scratch(r), "pid.%llu.dmp", (unsigned long long)pid);
		EI_TRY(ei_extract_begin(r, wanted, &map.file));
		map.name = ei_extract_name(map.file);
	}
	map_emit(&map);
	return map.file ? ei_extract_end(map.file, NULL) : NULL;
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
			EI_TRY(process_emit(r, &p, space));
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
	.asks = "processes: the pages of all are very many",
};
