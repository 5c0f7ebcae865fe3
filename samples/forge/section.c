// Sections: control areas, their segments and subsections, prototype page table entries.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdlib.h>

enum { IMAGE_SECTOR = 0x200, PROTECTION_SHIFT = 5, PTE_TRANSITION = 0x800 };

// As the types say: some describe a kernel without PAE, whatever the image runs with.
static uint32_t pte_bytes(const struct forge *f)
{
	uint32_t bytes = profile_type_size(f->profile, "_MMPTE");
	return bytes ? bytes : f->mode == PAGING_X86 ? 4 : 8;
}

// An entry that says "ask the file": the subsection's address, spread over the bits of the build.
static uint64_t subsection_pte(
	struct forge *f, uint64_t scratch, uint64_t subsection, uint32_t protection)
{
	struct object pte = { &f->kernel, scratch, "_MMPTE" };
	uint64_t value = 0;
	forge_put(f, pte, "u.Subsect.Prototype", 1);
	forge_put(f, pte, "u.Subsect.Protection", protection);
	forge_put(f, pte, "u.Subsect.SubsectionAddress", subsection);
	forge_put(f, pte, "u.Subsect.SubsectionAddressLow", subsection >> 3);
	forge_put(f, pte, "u.Subsect.SubsectionAddressHigh", subsection >> 7);
	read_bytes(f, &f->kernel, scratch, &value, pte_bytes(f));
	return value;
}

static uint64_t resident_pte(const struct section_page *page, uint32_t protection)
{
	uint64_t frame = page->frame * PAGE_SIZE;
	if (page->transition)
		return frame | PTE_TRANSITION | (uint64_t)protection << PROTECTION_SHIFT;
	return frame | 0x121;
}

static void ptes_write(struct forge *f, const struct section *s, const struct section_part *part,
	uint64_t subsection)
{
	uint32_t bytes = pte_bytes(f);
	uint64_t first = s->prototypes + part->first_page * bytes;
	uint64_t absent = s->file_object ? subsection_pte(f, first, subsection, part->protection)
					 : (uint64_t)part->protection << PROTECTION_SHIFT;
	uint8_t *array = forge_alloc(f, part->pages * bytes);
	for (uint64_t i = 0; array && i < part->pages; i++) {
		const struct section_page *page = &s->pages[part->first_page + i];
		uint64_t value = page->frame ? resident_pte(page, part->protection) : absent;
		memcpy(array + i * bytes, &value, bytes);
	}
	if (array)
		write_bytes(f, &f->kernel, first, array, part->pages * bytes);
	free(array);
}

static uint64_t part_write(
	struct forge *f, const struct section *s, const struct section_part *part, uint64_t va)
{
	struct object o = { &f->kernel, va, "_SUBSECTION" };
	uint32_t sector = s->image ? IMAGE_SECTOR : PAGE_SIZE;
	forge_put(f, o, "ControlArea", s->control_area);
	forge_put(f, o, "SubsectionBase", s->prototypes + part->first_page * pte_bytes(f));
	forge_put(f, o, "PtesInSubsection", part->pages);
	forge_put(f, o, "StartingSector", part->file_offset / sector);
	forge_put(f, o, "NumberOfFullSectors", part->file_bytes / sector);
	// Out of the union since 11 24H2 (26100): what the types do not have is not written.
	forge_put(f, o, "SubsectionFlags.SectorEndOffset", part->file_bytes % sector);
	forge_put(f, o, "SubsectionFlags.Protection", part->protection);
	forge_put(f, o, "u.SubsectionFlags.SectorEndOffset", part->file_bytes % sector);
	forge_put(f, o, "u.SubsectionFlags.Protection", part->protection);
	ptes_write(f, s, part, va);
	return va;
}

static void segment_write(struct forge *f, struct section *s)
{
	struct object o = { &f->kernel, 0, "_SEGMENT" };
	o.va = s->segment = pool_take(f, POOL_PAGED, "MmSm", forge_size(f, o.type, 64));
	forge_put(f, o, "ControlArea", s->control_area);
	forge_put(f, o, "TotalNumberOfPtes", s->page_count);
	forge_put(f, o, "NonExtendedPtes", s->page_count);
	forge_put(f, o, "SizeOfSegment", s->page_count * PAGE_SIZE);
	forge_put(f, o, "PrototypePte", s->prototypes);
	forge_put(f, o, "BasedAddress", s->base);
}

static void area_write(struct forge *f, struct section *s)
{
	struct object o = { &f->kernel, s->control_area, "_CONTROL_AREA" };
	forge_put(f, o, "Segment", s->segment);
	// A fast reference since Vista.
	uint64_t count = !f->vista || !s->file_object ? 0 : f->pointer == 8 ? 0xf : 0x7;
	forge_put(f, o, "FilePointer", s->file_object | count);
	forge_put(f, o, "u.Flags.Image", s->image);
	forge_put(f, o, "u.Flags.File", s->file_object != 0);
	forge_put(f, o, "u.Flags.Commit", !s->file_object);
	forge_put(f, o, "NumberOfMappedViews", 1);
	forge_put(f, o, "NumberOfUserReferences", 1);
	forge_put(f, o, "NumberOfSectionReferences", 1);
	forge_put(f, o, "NumberOfSubsections", s->part_count);
}

void section_write(struct forge *f, struct section *s)
{
	uint32_t area = forge_size(f, "_CONTROL_AREA", 128);
	uint32_t each = forge_size(f, "_SUBSECTION", 64);
	// Of data files the only subsection is of the longer kind.
	uint32_t all = MAX(each * s->part_count, forge_size(f, "_MSUBSECTION", each));
	s->control_area = pool_take(f, POOL_NONPAGED, s->image ? "MmCi" : "MmCa", area + all);
	s->prototypes =
		pool_take(f, POOL_PAGED, "MmSt", (uint32_t)MAX(s->page_count, 1u) * pte_bytes(f));
	s->subsection = s->control_area + area;
	segment_write(f, s);
	area_write(f, s);
	for (uint32_t i = 0; i < s->part_count && !f->error; i++) {
		uint64_t va = part_write(f, s, &s->parts[i], s->subsection + (uint64_t)i * each);
		struct object o = { &f->kernel, va, "_SUBSECTION" };
		if (i + 1 < s->part_count)
			forge_put(f, o, "NextSubsection", va + each);
	}
}

void section_map(
	struct forge *f, struct process *p, const struct section *s, uint64_t va, uint64_t flags)
{
	for (uint64_t i = 0; i < s->page_count && !f->error; i++) {
		if (!s->pages[i].frame || s->pages[i].transition)
			continue;
		memory_mark_user(f, s->pages[i].frame);
		paging_map(f, &p->space, va + i * PAGE_SIZE, s->pages[i].frame, flags);
	}
}

uint64_t section_last_pte(const struct forge *f, const struct section *s)
{
	return s->page_count ? s->prototypes + (s->page_count - 1) * pte_bytes(f) : 0;
}

// The pointers that a file system keeps for all who open a file.
void section_attach(struct forge *f, uint64_t file_object, const char *field, uint64_t control_area)
{
	struct object file = { &f->kernel, file_object, "_FILE_OBJECT" };
	struct object pointers = { &f->kernel, 0, "_SECTION_OBJECT_POINTERS" };
	uint64_t at = forge_field(f, file, "SectionObjectPointer");
	if (!at)
		return;
	pointers.va = read_pointer(f, &f->kernel, at);
	if (!pointers.va)
		pointers.va = pool_take(
			f, POOL_NONPAGED, "NtFs", forge_size(f, pointers.type, 3 * f->pointer));
	write_pointer(f, &f->kernel, at, pointers.va);
	forge_put(f, pointers, field, control_area);
}
