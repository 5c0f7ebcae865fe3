// The owner table itself: owners, their named regions, and walks over page tables.
// SPDX-License-Identifier: Apache-2.0
#include "win/owner.h"

#include "space/paging.h"

enum {
	OWNERS_START = 64,
	TABLES_LEAST = 1 << 12,
	REGIONS_START = 32,
	REGIONS_MAX = 1 << 20, // of one owner
};

struct owner_table *owner_table_create(const struct image *image)
{
	struct owner_table *table = calloc(1, sizeof *table);
	if (!table)
		return NULL;
	page_map_init(&table->map, image);
	// Kernel tables are each process's, but are entered for the kernel alone.
	table->tables_left = 2 * (image_bytes(image) / PAGE_SIZE) + TABLES_LEAST;
	return table;
}

void owner_table_drop(void *dropped)
{
	struct owner_table *table = dropped;
	if (!table)
		return;
	for (size_t i = 0; i < table->count; i++) {
		for (size_t n = 0; n < table->owners[i].region_count; n++)
			free(table->owners[i].regions[n].name);
		free(table->owners[i].regions);
	}
	free(table->owners);
	page_map_deinit(&table->map);
	free(table);
}

int64_t owner_add(struct owner_table *table, const struct owner *owner)
{
	if (table->count == table->room) {
		size_t room = table->room ? table->room * 2 : OWNERS_START;
		struct owner *owners = room <= PAGE_MAP_OWNERS_MAX
					       ? realloc(table->owners, room * sizeof *owners)
					       : NULL;
		if (!owners)
			return -1;
		table->owners = owners;
		table->room = room;
	}
	table->owners[table->count] = *owner;
	return (int64_t)table->count++;
}

void owner_region_add(
	struct owner_table *table, uint64_t start, uint64_t size, const char *name, size_t length)
{
	struct owner *owner = &table->owners[table->count - 1];
	if (owner->region_count == owner->region_room) {
		size_t room = owner->region_room ? owner->region_room * 2 : REGIONS_START;
		struct region *regions = room <= REGIONS_MAX
						 ? realloc(owner->regions, room * sizeof *regions)
						 : NULL;
		if (!regions)
			return;
		owner->regions = regions;
		owner->region_room = room;
	}
	char *copy = strndup(name, length);
	if (copy)
		owner->regions[owner->region_count++] = (struct region){ start, size, copy };
}

static int compare_regions(const void *left, const void *right)
{
	const struct region *a = left, *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

void owner_regions_sort(struct owner *owner)
{
	if (owner->region_count)
		qsort(owner->regions, owner->region_count, sizeof owner->regions[0],
			compare_regions);
}

const char *owner_region_name(const struct owner *owner, uint64_t va)
{
	size_t low = 0, high = owner->region_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (owner->regions[middle].start <= va)
			low = middle + 1;
		else
			high = middle;
	}
	const struct region *region = low ? &owner->regions[low - 1] : NULL;
	return region && va - region->start < region->size ? region->name : NULL;
}

// ---- walks ----------------------------------------------------------------------------------

void owner_walk_pages(ei_run *run, struct owner_table *table, const struct space *space,
	uint64_t first, uint64_t last, uint32_t owner)
{
	struct page page;
	for (uint64_t va = first; space_next(space, run->reader, va, last, 0, &page);) {
		page_map_add(&table->map, page.pa, page.va, page.size, owner);
		va = page.va + page.size;
		if (!va || va > last || table->map.cut || ei_stopped(run))
			return;
	}
}

struct table_walk {
	ei_run *run;
	struct owner_table *table;
	const struct space *space;
	uint32_t owner;
};

// Depth is bounded by the levels of the mode, breadth by `tables_left`: tables that loop end too.
static void walk_table(
	struct table_walk *walk, uint64_t pa, unsigned level, unsigned from, unsigned to)
{
	const struct paging *paging = walk->space->mode->paging;
	uint8_t copy[PAGE_SIZE];
	const uint8_t *page = reader_page(walk->run->reader, pa);
	if (!page || !walk->table->tables_left)
		return;
	walk->table->tables_left--;
	page_map_add(&walk->table->map, pa / PAGE_SIZE * PAGE_SIZE, 0, PAGE_SIZE, walk->owner);
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

void owner_walk_tables(ei_run *run, struct owner_table *table, const struct space *space,
	bool kernel_half, uint32_t owner)
{
	const struct paging *paging = space->mode->paging;
	struct table_walk walk = { run, table, space, owner };
	unsigned count = paging->levels[0].count;
	// User addresses begin at entry 0; the system's half begins in the middle of the root.
	unsigned half = count / 2;
	walk_table(&walk, paging->root(space, 0), 0, kernel_half ? half : 0,
		kernel_half ? count : half);
}
