// Mapped runs by physical page: filled in any order, sorted once, then looked up.
// SPDX-License-Identifier: Apache-2.0
#include "win/page_map.h"

#include "win/shared.h"

enum { GRAIN = 16, ROOM_START = 4096, RADIX_BITS = 11 };

void page_map_init(struct page_map *map, const struct image *image)
{
	uint64_t pages = MIN(image_bytes(image) / PAGE_SIZE, UINT64_C(1) << 32);
	*map = (struct page_map){ .limit = PAGE_MAP_SHARES * pages + PAGE_MAP_RUNS_LEAST };
}

void page_map_deinit(struct page_map *map)
{
	free(map->runs);
	*map = (struct page_map){ 0 };
}

static bool make_room(struct page_map *map)
{
	if (map->count < map->room)
		return true;
	size_t room = MIN(map->room ? map->room * 2 : (size_t)ROOM_START, map->limit);
	struct page_run *runs = room > map->room ? realloc(map->runs, room * sizeof *runs) : NULL;
	if (!runs) {
		map->cut = true;
		return false;
	}
	map->runs = runs;
	map->room = room;
	return true;
}

static bool run_goes_on(const struct page_run *last, const struct page_run *run)
{
	uint64_t pages = last->more + 1u;
	return last->owner == run->owner && last->frame + pages == run->frame &&
	       last->page + pages == run->page && run->frame % GRAIN;
}

void page_map_add(struct page_map *map, uint64_t pa, uint64_t va, uint64_t size, uint32_t owner)
{
	uint64_t frame = pa / PAGE_SIZE, page = va / PAGE_SIZE, left = size / PAGE_SIZE;
	while (left && make_room(map)) {
		uint64_t count = MIN(left, GRAIN - frame % GRAIN);
		struct page_run run = {
			.frame = frame & 0xffffffffff,
			.owner = owner & 0xffffff,
			.page = page & 0xfffffffffffff,
			.more = (count - 1) & 0xfff,
		};
		struct page_run *last = map->count ? &map->runs[map->count - 1] : NULL;
		if (last && run_goes_on(last, &run))
			last->more = (last->more + count) & 0xfff;
		else
			map->runs[map->count++] = run;
		frame += count;
		page += count;
		left -= count;
	}
}

static int compare_runs(const void *left, const void *right)
{
	const struct page_run *a = left, *b = right;
	if (a->frame != b->frame)
		return a->frame < b->frame ? -1 : 1;
	if (a->owner != b->owner)
		return a->owner < b->owner ? -1 : 1;
	return (a->page > b->page) - (a->page < b->page);
}

static void radix_pass(const struct page_run *from, struct page_run *to, size_t count, unsigned bit)
{
	size_t starts[1 << RADIX_BITS] = { 0 }, sum = 0;
	const unsigned mask = (1 << RADIX_BITS) - 1;
	for (size_t i = 0; i < count; i++)
		starts[from[i].frame >> bit & mask]++;
	for (size_t i = 0; i <= mask; i++) {
		size_t here = starts[i];
		starts[i] = sum;
		sum += here;
	}
	for (size_t i = 0; i < count; i++)
		to[starts[from[i].frame >> bit & mask]++] = from[i];
}

// Owners are added one after the other, each by ascending address: a sort that keeps the order of
// equals is enough.
static bool radix_sort(struct page_map *map)
{
	struct page_run *other = malloc(map->count * sizeof *other);
	if (!other)
		return false;
	uint64_t highest = 0;
	for (size_t i = 0; i < map->count; i++)
		highest = MAX(highest, map->runs[i].frame);
	for (unsigned bit = 0; bit < 40 && highest >> bit; bit += RADIX_BITS) {
		radix_pass(map->runs, other, map->count, bit);
		struct page_run *sorted = other;
		other = map->runs;
		map->runs = sorted;
	}
	map->room = map->count;
	free(other);
	return true;
}

void page_map_sort(struct page_map *map)
{
	if (map->count && !radix_sort(map))
		qsort(map->runs, map->count, sizeof map->runs[0], compare_runs);
}

// The first run that starts at `frame` or behind it.
static size_t first_at(const struct page_map *map, uint64_t frame)
{
	size_t low = 0, high = map->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (map->runs[middle].frame < frame)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool page_map_next(const struct page_map *map, uint64_t pa, size_t *cursor, struct page_run *out)
{
	uint64_t frame = pa / PAGE_SIZE;
	size_t at = *cursor ? *cursor : first_at(map, frame - frame % GRAIN);
	for (; at < map->count && map->runs[at].frame <= frame; at++)
		if (map->runs[at].frame + map->runs[at].more >= frame) {
			*out = map->runs[at];
			*cursor = at + 1;
			return true;
		}
	return false;
}

// ---- the kernel's ---------------------------------------------------------------------------

static void *kernel_map_build(ei_run *run)
{
	const struct space *kernel = &run->session->identity.kernel;
	struct page_map *map = calloc(1, sizeof *map);
	struct page page;
	if (map)
		page_map_init(map, run->session->image);
	if (!run->session->identity.found)
		return map;
	uint64_t va = kernel->mode->kernel_start, last = kernel->mode->kernel_end;
	while (map && !map->cut && !ei_stopped(run) &&
		space_next(kernel, run->reader, va, last, 0, &page)) {
		page_map_add(map, page.pa, page.va, page.size, 0);
		va = page.va + page.size;
		if (!va || va > last)
			break;
	}
	if (map)
		page_map_sort(map);
	if (!map || map->cut)
		ei_note(run, "no memory for all of the kernel's address map: objects may be shown "
			     "by physical address");
	return map;
}

static void kernel_map_drop(void *table)
{
	page_map_deinit(table);
	free(table);
}

const struct page_map *kernel_map(ei_run *run)
{
	return shared_table(run, SHARED_KERNEL_REVERSE, kernel_map_build, kernel_map_drop);
}

bool kernel_address(ei_run *run, uint64_t pa, uint64_t *va)
{
	const struct page_map *map = kernel_map(run);
	struct page_run found;
	size_t cursor = 0;
	if (!map || !page_map_next(map, pa, &cursor, &found))
		return false;
	*va = run_canonical(run, page_run_va(&found, pa));
	return true;
}
