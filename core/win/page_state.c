// The pages of a region as they are now: what the page tables allow, and whether a page is the
// process's own or that of the section behind it.
//
// Layouts: _MMPTE_HARDWARE, _MMPTE_TRANSITION of public symbol tables.
// SPDX-License-Identifier: Apache-2.0
#include "win/session.h"
#include "win/vad_fields.h"
#include <eidetic/memory.h>

enum {
	PTE_VALID = 1,
	PTE_PROTOTYPE = 1 << 10,
	PTE_TRANSITION = 1 << 11,
};

#define FRAME_64 UINT64_C(0x0000fffffffff000)
#define FRAME_32 UINT64_C(0x00000000fffff000)

// A frame in a transition entry may be disguised in one bit above all memory.
static bool frames_equal(uint64_t a, uint64_t b)
{
	uint64_t differs = a ^ b;
	return !differs || (!(differs & (differs - 1)) && differs >> 32);
}

// Bytes of an entry. Where the two ends tell, they are believed: a profile may be of a kernel
// without PAE, whatever the image runs with.
static unsigned entry_size(const ei_region *region, const struct space *space)
{
	uint64_t pages = (region->end - region->start) / PAGE_SIZE;
	uint64_t span = region->last_entry - region->first_entry;
	if (pages && (span == pages * 4 || span == pages * 8))
		return (unsigned)(span / pages);
	return space->mode == &space_x86 ? 4 : 8;
}

// The entry of the section for the page at `va`: what all processes share. EI_NONE when the region
// has none, or when it is not known where.
static ei_val section_entry_at(
	ei_run *run, const ei_region *region, const struct space *space, uint64_t va)
{
	unsigned size = entry_size(region, space);
	uint64_t first = region->first_entry, last = region->last_entry;
	uint64_t at = first + (va - region->start) / PAGE_SIZE * size;
	uint8_t bytes[8] = { 0 };
	if (!first || first % size || at < first || at > last)
		return ei_absent(EI_NONE);
	if (ei_read(run, NULL, at, bytes, size) < size)
		return ei_absent(EI_UNREADABLE);
	return ei_hex(size == 8 ? load_u64(bytes) : load_u32(bytes));
}

// A section's entry leads to memory as long as a process has the page; whoever has another page
// there has made it its own.
static void owner_find(
	ei_run *run, const ei_region *region, const struct space *space, ei_page_state *state)
{
	uint64_t frame_mask = entry_size(region, space) == 4 ? FRAME_32 : FRAME_64;
	if (ei_u64_or(region->is_private, 0)) {
		state->flags |= EI_PAGE_PRIVATE;
		return;
	}
	ei_val entry = section_entry_at(run, region, space, state->va);
	if (!ei_has(entry))
		return;
	bool resident =
		entry.u & PTE_VALID || (entry.u & PTE_TRANSITION && !(entry.u & PTE_PROTOTYPE));
	if (resident && frames_equal(entry.u & frame_mask, state->pa)) {
		state->flags |= EI_PAGE_SHARED;
		return;
	}
	state->flags |= EI_PAGE_PRIVATE;
	state->original = resident ? entry.u & frame_mask : 0;
}

static uint32_t page_allows(
	const ei_region *region, const struct space *space, const struct page *page)
{
	bool execute = !(page->flags & PAGE_NO_EXECUTE);
	if (space->mode == &space_x86) // has no bit for it
		execute = ei_u64_or(region->protection, 0) & EI_PROTECT_EXECUTE;
	return (page->flags & (PAGE_WRITE | PAGE_MAY_WRITE) ? EI_PAGE_WRITE : 0) |
	       (execute ? EI_PAGE_EXECUTE : 0) | (page->flags & PAGE_TRANSITION ? EI_PAGE_AWAY : 0);
}

bool ei_next_region_page(ei_run *run, const ei_space *space, const ei_region *region, uint64_t va,
	ei_page_state *out)
{
	struct page page;
	va = MAX(va, region->start);
	if (va > region->end || ei_stopped(run) ||
		!space_next(space, run->reader, va, region->end, 0, &page))
		return false;
	uint64_t from = MAX(page.va, va), last = MIN(page.va + (page.size - 1), region->end);
	*out = (ei_page_state){
		.va = from,
		.pa = page.pa + (from - page.va),
		.size = last - from + 1,
		.flags = page_allows(region, space, &page),
	};
	owner_find(run, region, space, out);
	return true;
}
