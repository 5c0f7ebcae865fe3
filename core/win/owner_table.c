// The owner table itself: owners and their named regions.
// SPDX-License-Identifier: Apache-2.0
#include "win/owner.h"

enum {
	OWNERS_START = 64,
	REGIONS_START = 32,
	REGIONS_MAX = 1 << 20, // of one owner
	NAMES_MAX = 256 << 20, // bytes, of one owner
	NESTING_MAX = 16,      // regions inside of regions
};

struct owner_table *owner_table_create(const struct image *image)
{
	struct owner_table *table = calloc(1, sizeof *table);
	if (table)
		page_map_init(&table->map, image);
	return table;
}

void owner_table_drop(void *dropped)
{
	struct owner_table *table = dropped;
	if (!table)
		return;
	for (size_t i = 0; i < table->count; i++)
		regions_deinit(&table->owners[i].regions);
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

// ---- regions --------------------------------------------------------------------------------

void regions_deinit(struct regions *regions)
{
	free(regions->items);
	free(regions->names);
	*regions = (struct regions){ 0 };
}

static bool name_add(struct regions *regions, const char *name, size_t length, uint32_t *at)
{
	size_t wanted = regions->names_length + length + 1;
	if (wanted > regions->names_room) {
		size_t room = MAX(wanted, 2 * regions->names_room);
		char *names = room <= NAMES_MAX ? realloc(regions->names, room) : NULL;
		if (!names)
			return false;
		regions->names = names;
		regions->names_room = room;
	}
	*at = (uint32_t)regions->names_length;
	memcpy(regions->names + *at, name, length);
	regions->names[*at + length] = '\0';
	regions->names_length = wanted;
	return true;
}

static bool region_push(struct regions *regions, struct region region)
{
	if (regions->count == regions->room) {
		size_t room = regions->room ? regions->room * 2 : REGIONS_START;
		struct region *items =
			room <= REGIONS_MAX ? realloc(regions->items, room * sizeof *items) : NULL;
		if (!items)
			return false;
		regions->items = items;
		regions->room = room;
	}
	regions->items[regions->count++] = region;
	return true;
}

void region_add(struct regions *regions, uint64_t start, uint64_t size, ei_region_kind kind,
	const char *name, size_t length)
{
	struct region region = { .start = start,
		.size = MIN(size, UINT64_MAX - start),
		.kind = (uint8_t)kind,
		.weight = page_weight(size) };
	if (region.size && name_add(regions, name, length, &region.name))
		(void)region_push(regions, region);
}

static int compare_regions(const void *left, const void *right)
{
	const struct region *a = left, *b = right;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	return (a->name > b->name) - (a->name < b->name);
}

static uint64_t region_end(const struct region *region)
{
	return region->start + region->size;
}

// The piece of `region` in [start, end).
static void piece_push(
	struct regions *out, const struct region *region, uint64_t start, uint64_t end)
{
	struct region piece = *region;
	if (start >= end)
		return;
	piece.start = start;
	piece.size = end - start;
	(void)region_push(out, piece);
}

struct nesting {
	const struct region *open[NESTING_MAX]; // the innermost last
	unsigned depth;
	uint64_t at; // settled up to here
};

// Settles what is open up to `end`.
static void nesting_advance(struct nesting *nesting, struct regions *out, uint64_t end)
{
	while (nesting->depth) {
		const struct region *inner = nesting->open[nesting->depth - 1];
		uint64_t stop = MIN(region_end(inner), end);
		piece_push(out, inner, nesting->at, stop);
		nesting->at = MAX(nesting->at, stop);
		if (region_end(inner) > end)
			return;
		nesting->depth--;
	}
	nesting->at = MAX(nesting->at, end);
}

void regions_settle(struct regions *regions)
{
	struct regions out = { 0 };
	struct nesting nesting = { 0 };
	if (!regions->count)
		return;
	qsort(regions->items, regions->count, sizeof regions->items[0], compare_regions);
	for (size_t i = 0; i < regions->count; i++) {
		const struct region *region = &regions->items[i];
		nesting_advance(&nesting, &out, region->start);
		if (nesting.depth == NESTING_MAX)
			nesting.depth--;
		nesting.open[nesting.depth++] = region;
	}
	nesting_advance(&nesting, &out, UINT64_MAX);
	if (!out.count)
		return;
	free(regions->items);
	regions->items = out.items;
	regions->count = out.count;
	regions->room = out.room;
}

const struct region *region_at(const struct regions *regions, uint64_t va)
{
	size_t low = 0, high = regions->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (regions->items[middle].start <= va)
			low = middle + 1;
		else
			high = middle;
	}
	const struct region *region = low ? &regions->items[low - 1] : NULL;
	return region && va - region->start < region->size ? region : NULL;
}
