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

enum page_run_flag {
	RUN_WRITE = 1,      // the page tables let it be written,
	RUN_NO_EXECUTE = 2, // forbid execution,
	RUN_AWAY = 4,       // or hold it in transition: in memory, of nobody's working set
};

// Pages that lie side by side both physically and virtually. A run does not cross a multiple of 16
// frames, so that the runs that hold a frame start at most 15 frames before it.
struct page_run {
	uint64_t frame : 40;
	uint64_t owner : 24;
	uint64_t page : 48;  // virtual address / PAGE_SIZE, without the bits that repeat the sign
	uint64_t more : 4;   // pages behind the first
	uint64_t weight : 8; // page_weight() of the region that it is of
	uint64_t flags : 4;  // enum page_run_flag
};
_Static_assert(sizeof(struct page_run) == 16, "a run is the cost of a page in the worst case");

// Two pages that follow each other in somebody's address space and not in physical memory: what
// lies across is seen by reading the end of the one and the start of the other.
struct seam {
	uint64_t from, to; // frames
};

struct page_map {
	struct page_run *runs;
	size_t count, room, limit;
	struct seam *seams;
	size_t seam_count, seam_room;
	bool cut; // the limit, or memory, ran out: no use in adding more
};

// Page tables are anybody's data: what they can make a map hold depends on the image's size
// alone.
void page_map_init(struct page_map *map, const struct image *image);
void page_map_deinit(struct page_map *map);

// Pages to add: [va, va + size) at `pa`, multiples of PAGE_SIZE.
struct mapped {
	uint64_t pa, va, size;
	uint32_t owner;
	uint8_t weight, flags;
};

// What follows the last run is joined to it.
void page_map_add(struct page_map *map, const struct mapped *mapped);
// Notes that the page at `pa` goes on, for whoever maps both, in the page at `next_pa`.
void page_map_seam(struct page_map *map, uint64_t pa, uint64_t next_pa);

// Moves all of `from` behind what is there; its owners become `owner` + their own number.
void page_map_append(struct page_map *map, const struct page_map *from, uint32_t owner);

// By frame, then in the order of adding: by owner, then by address. Of seams that are the same,
// nearly all but one go. Once, before anything is looked up.
void page_map_sort(struct page_map *map);

// The next run that holds the frame of `pa`: `cursor` starts at 0. False after the last. The
// lightest first; equals in the order of their owners.
bool page_map_next(const struct page_map *map, uint64_t pa, size_t *cursor, struct page_run *out);

// True when `owner` maps `pa` at `va`.
bool page_map_has(const struct page_map *map, uint64_t pa, uint32_t owner, uint64_t va);

static inline uint64_t page_run_va(const struct page_run *run, uint64_t pa)
{
	int64_t page = (int64_t)((uint64_t)run->page << 16) >> 16;
	uint64_t behind = pa - ((uint64_t)run->frame * PAGE_SIZE);
	return (uint64_t)page * PAGE_SIZE + behind;
}

// The size of a region on a scale of 255 steps, eight to a doubling: what orders owners.
uint8_t page_weight(uint64_t region_bytes);

static inline uint8_t page_run_flags(uint32_t page_flags)
{
	return (uint8_t)((page_flags & PAGE_WRITE ? RUN_WRITE : 0) |
			 (page_flags & PAGE_NO_EXECUTE ? RUN_NO_EXECUTE : 0) |
			 (page_flags & PAGE_TRANSITION ? RUN_AWAY : 0));
}

// Adds all pages of [first, last] of a space, and the seams between them. `walk` (may be NULL) adds
// what needs more than that.
struct page_walk {
	void (*add)(struct page_walk *walk, struct page_map *map, const struct page *page);
};
void page_map_walk(struct page_map *map, ei_run *run, const struct space *space, uint64_t first,
	uint64_t last, struct page_walk *walk);

// The kernel's own map, built once a session; NULL when there was no memory for it.
const struct page_map *kernel_map(ei_run *run);

// The kernel's address of physical `pa`; false when the kernel does not map it.
bool kernel_address(ei_run *run, uint64_t pa, uint64_t *va);

#endif
