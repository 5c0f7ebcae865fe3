// Walks over page tables: what a process maps, and the tables with which it does.
// SPDX-License-Identifier: Apache-2.0
#include "win/owner_walk.h"

#include "space/paging.h"

// ---- pages ----------------------------------------------------------------------------------

struct weighted_walk {
	struct page_walk walk; // first
	uint32_t owner;
	const struct regions *regions;
};

// A large page may be of several regions.
static void pages_add(struct page_walk *of, struct page_map *map, const struct page *page)
{
	const struct weighted_walk *walk = (const struct weighted_walk *)of;
	struct mapped mapped = { page->pa, page->va, 0, walk->owner, UINT8_MAX,
		page_run_flags(page->flags) };
	for (uint64_t left = page->size; left; left -= mapped.size) {
		const struct region *region = region_at(walk->regions, mapped.va);
		mapped.weight = region ? region->weight : UINT8_MAX;
		mapped.size = page->size == PAGE_SIZE ? left : MIN(left, (uint64_t)PAGE_SIZE);
		page_map_add(map, &mapped);
		if (map->cut)
			return;
		mapped.pa += mapped.size;
		mapped.va += mapped.size;
	}
}

void owner_walk_pages(ei_run *run, struct page_map *map, const struct space *space, uint32_t owner,
	const struct regions *regions)
{
	struct weighted_walk walk = { { pages_add }, owner, regions };
	page_map_walk(map, run, space, 0, space->mode->user_end, &walk.walk);
}

// ---- tables ---------------------------------------------------------------------------------

struct table_walk {
	ei_run *run;
	struct page_map *map;
	const struct space *space;
	uint32_t owner;
	atomic_llong *tables_left;
};

// Depth is bounded by the levels of the mode, breadth by `tables_left`: tables that loop end too.
static void walk_table(
	struct table_walk *walk, uint64_t pa, unsigned level, unsigned from, unsigned to)
{
	const struct paging *paging = walk->space->mode->paging;
	uint8_t copy[PAGE_SIZE];
	const uint8_t *page = reader_page(walk->run->reader, pa);
	if (!page || atomic_fetch_sub(walk->tables_left, 1) <= 0)
		return;
	page_map_add(walk->map, &(struct mapped){ pa / PAGE_SIZE * PAGE_SIZE, 0, PAGE_SIZE,
					walk->owner, .weight = UINT8_MAX });
	if (level + 1 == paging->level_count)
		return;
	memcpy(copy, page, sizeof copy);
	uint64_t offset = pa % PAGE_SIZE;
	for (unsigned i = from; i < to && offset + (i + 1) * paging->entry_size <= PAGE_SIZE; i++) {
		struct entry entry;
		uint64_t value = entry_load(copy + offset, paging->entry_size, i);
		if (!value)
			continue;
		entry = (struct entry){ 0 };
		paging->decode(walk->space, level, value, &entry);
		if (entry.kind == ENTRY_TABLE && entry.pa / PAGE_SIZE != pa / PAGE_SIZE)
			walk_table(walk, entry.pa, level + 1, 0, paging->levels[level + 1].count);
	}
}

void owner_walk_tables(ei_run *run, struct page_map *map, const struct space *space,
	bool kernel_half, uint32_t owner, atomic_llong *tables_left)
{
	const struct paging *paging = space->mode->paging;
	struct table_walk walk = { run, map, space, owner, tables_left };
	unsigned count = paging->levels[0].count;
	// User addresses begin at entry 0; the system's half begins in the middle of the root.
	unsigned half = count / 2;
	walk_table(&walk, paging->root(space, 0), 0, kernel_half ? half : 0,
		kernel_half ? count : half);
}
