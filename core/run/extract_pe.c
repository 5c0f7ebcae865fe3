// Programs on their way out of memory: headers made to say how the file is laid out.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/pe.h>
#include <eidetic/system.h>

#include "run/engine.h"
#include "win/fields.h"
#include <stdlib.h>

enum {
	// The section table ends here at the latest: headers start in the first page.
	HEAD_PAGES = 3,
	SECTION_VIRTUAL_SIZE = 8,
	SECTION_RAW_SIZE = 16,
	SECTION_RAW = 20,
	NAME_BYTES = 64, // of a module, in the name of a file
};

struct head {
	uint8_t bytes[HEAD_PAGES * PAGE_SIZE];
	uint64_t missing; // bit n: page n is not in the image
	uint32_t size;
};

// ---- the headers ----------------------------------------------------------------------------

static void head_put(struct head *head, uint32_t at, uint64_t value, uint32_t bytes)
{
	if (span_inside(at, bytes, head->size))
		memcpy(head->bytes + at, &value, bytes);
}

static uint32_t align_up(uint32_t value, uint32_t alignment)
{
	bool plain = alignment && !(alignment & (alignment - 1)) && alignment <= EI_PE_SIZE_MAX;
	uint64_t up =
		plain ? ((uint64_t)value + alignment - 1) & ~((uint64_t)alignment - 1) : value;
	return (uint32_t)MIN(up, (uint64_t)UINT32_MAX);
}

// A section is in the file where it is in memory, and as long: of what lies beyond the image there
// is nothing.
static void section_fix(struct head *head, const ei_pe *pe, const ei_pe_section *section)
{
	uint32_t rva = MIN(section->rva, pe->size);
	uint32_t size = section->size ? section->size : section->raw_size;
	size = MIN(align_up(size, pe->alignment), pe->size - rva);
	head_put(head, section->header + SECTION_VIRTUAL_SIZE, size, 4);
	head_put(head, section->header + SECTION_RAW_SIZE, size, 4);
	head_put(head, section->header + SECTION_RAW, size ? section->rva : 0, 4);
}

static void head_read(ei_run *run, const ei_space *space, const ei_pe *pe, struct head *head)
{
	head->missing = 0;
	head->size = MIN(pe->size, (uint32_t)sizeof head->bytes);
	for (uint32_t at = 0; at < head->size; at += PAGE_SIZE) {
		uint32_t want = MIN(head->size - at, (uint32_t)PAGE_SIZE);
		size_t got = ei_read(run, space, pe->base + at, head->bytes + at, want);
		memset(head->bytes + at + got, 0, want - got);
		head->missing |= (uint64_t)(got < want) << at / PAGE_SIZE;
	}
	head_put(head, pe->preferred_at, pe->base, pe->wide ? 8 : 4);
	for (uint32_t i = 0; i < pe->section_count; i++)
		section_fix(head, pe, &pe->sections[i]);
}

static void head_write(ei_extract *extract, const struct head *head)
{
	for (uint32_t at = 0; at < head->size; at += PAGE_SIZE) {
		uint32_t size = MIN(head->size - at, (uint32_t)PAGE_SIZE);
		if (head->missing >> at / PAGE_SIZE & 1)
			ei_extract_hole(extract, size);
		else
			ei_extract_bytes(extract, head->bytes + at, size);
	}
}

// ---- the file -------------------------------------------------------------------------------

ei_error *ei_pe_extract(
	ei_run *run, const ei_space *space, uint64_t base, const char *name, ei_val *file)
{
	ei_pe pe;
	struct head head;
	ei_extract *extract;
	ei_extracted done;
	if (!name)
		return ei_fail(EI_E_NOMEM, "out of memory");
	if (!ei_pe_read(run, space, base, &pe)) {
		*file = ei_absent(EI_UNREADABLE);
		return NULL;
	}
	head_read(run, space, &pe, &head);
	EI_TRY(ei_extract_begin(run, name, &extract));
	head_write(extract, &head);
	ei_extract_memory(extract, space, base + head.size, pe.size - head.size);
	EI_TRY(ei_extract_end(extract, &done));
	*file = done.file;
	return NULL;
}

// Addresses in names are as the rows have them.
static unsigned long long name_address(const ei_run *run, uint64_t va)
{
	return ei_compat_vol3(run) ? va & ((UINT64_C(1) << 48) - 1) : va;
}

static void file_excuse(const ei_run *run, ei_val *file)
{
	if (!ei_has(*file) && ei_compat_vol3(run))
		*file = ei_str("Error outputting file");
}

// ---- processes ------------------------------------------------------------------------------

// Where the process itself says that its program is: the kernel's word outlives its memory, but
// an empty place is no use.
static uint64_t program_base(ei_run *run, const eprocess *process, const ei_space *space)
{
	ei_val block = ei_get(*process, Peb);
	if (ei_u64_or(block, 0)) {
		peb p = ei_at_in(run, space, peb, block.u);
		uint64_t base = ei_u64_or(ei_get(p, ImageBaseAddress), 0);
		if (base)
			return base;
	}
	return ei_u64_or(ei_get(*process, SectionBaseAddress), 0);
}

ei_error *ei_pe_extract_process(ei_run *run, const eprocess *process, ei_val *file)
{
	const ei_space *space = ei_process_space(run, process);
	ei_val name = ei_get(*process, ImageFileName);
	uint64_t base = space ? program_base(run, process, space) : 0;
	*file = ei_absent(EI_UNREADABLE);
	if (base)
		EI_TRY(ei_pe_extract(run, space, base,
			ei_text(ei_scratch(run), "%llu.%.*s.0x%llx.dmp",
				(unsigned long long)ei_u64_or(ei_get(*process, UniqueProcessId), 0),
				ei_has(name) ? (int)name.length : 0, ei_has(name) ? name.s : "",
				name_address(run, base)),
			file));
	file_excuse(run, file);
	return NULL;
}

// ---- modules --------------------------------------------------------------------------------

// Drivers of a session are not in every address space.
static const ei_space *space_of_session(ei_run *run, uint64_t base)
{
	uint8_t byte;
	if (ei_read(run, NULL, base, &byte, 1))
		return NULL;
	ei_iter it = ei_processes(run);
	for (eprocess p = ei_handle(run, eprocess); ei_next(&it, &p);) {
		const ei_space *space = ei_process_space(run, &p);
		if (space && ei_read(run, space, base, &byte, 1))
			return space;
	}
	return NULL;
}

// The text behind the last slash, cut, without what has no place in a name.
static void tail_of(ei_val path, char out[NAME_BYTES + 1])
{
	const char *from = ei_has(path) ? path.s : "unreadable";
	size_t length = ei_has(path) ? path.length : strlen(from), start = length;
	while (start && from[start - 1] != '\\' && from[start - 1] != '/')
		start--;
	length = MIN(length - start, (size_t)NAME_BYTES);
	memcpy(out, from + start, length);
	out[length] = 0;
}

ei_error *ei_pe_extract_entry(ei_run *run, const ei_pe_entry *entry, ei_val *file)
{
	char name[NAME_BYTES + 1];
	struct space session;
	const ei_space *space = entry->space;
	if (!space && (space = space_of_session(run, entry->base)))
		session = *space, space = &session;
	tail_of(entry->path, name);
	EI_TRY(ei_pe_extract(run, space, entry->base,
		ei_text(ei_scratch(run), "%s%s.0x%llx.0x%llx.dmp", entry->prefix, name,
			name_address(run, entry->at), name_address(run, entry->base)),
		file));
	file_excuse(run, file);
	return NULL;
}
