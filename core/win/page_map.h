// From physical pages back to virtual addresses: a sorted list of mapped runs, 16 bytes each.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_PAGE_MAP_H
#define WIN_PAGE_MAP_H

#include "win/session.h"

enum {
	PAGE_MAP_OWNERS_MAX = 1 << 20,
	PAGE_MAP_SHARES = 8, // runs a page of the image, on average; and so many more:
	PAGE_MAP_RUNS_LEAST = 1 << 20,
};

// Pages that lie side by side both physically and virtually. A run does not cross a multiple of 16
// frames, so that the runs that hold a frame start at most 15 frames before it.
struct page_run {
	uint64_t frame : 40;
	uint64_t owner : 24;
	uint64_t page : 52; // virtual address / PAGE_SIZE
	uint64_t more : 12; // pages behind the first
};
_Static_assert(sizeof(struct page_run) == 16, "a run is the cost of a page in the worst case");

struct page_map {
	struct page_run *runs;
	size_t count, room, limit;
	bool cut; // the limit, or memory, ran out: no use in adding more
};

// Page tables are anybody's data: what they can make a map hold depends on the image's size
// alone.
void page_map_init(struct page_map *map, const struct image *image);
void page_map_deinit(struct page_map *map);

// Adds [va, va + size) at `pa`, multiples of PAGE_SIZE. What follows the last run is joined to it.
void page_map_add(struct page_map *map, uint64_t pa, uint64_t va, uint64_t size, uint32_t owner);

// By frame, then by owner, then by address. Once, before anything is looked up.
void page_map_sort(struct page_map *map);

// The next run that holds the frame of `pa`: `cursor` starts at 0. False after the last.
bool page_map_next(const struct page_map *map, uint64_t pa, size_t *cursor, struct page_run *out);

static inline uint64_t page_run_va(const struct page_run *run, uint64_t pa)
{
	int64_t page = (int64_t)((uint64_t)run->page << 12) >> 12;
	uint64_t behind = pa - ((uint64_t)run->frame * PAGE_SIZE);
	return (uint64_t)page * PAGE_SIZE + behind;
}

// The kernel's own map, built once a session; NULL when there was no memory for it.
const struct page_map *kernel_map(ei_run *run);

// The kernel's address of physical `pa`; false when the kernel does not map it.
bool kernel_address(ei_run *run, uint64_t pa, uint64_t *va);

#endif
