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
	free(map->seams);
	*map = (struct page_map){ 0 };
}

uint8_t page_weight(uint64_t region_bytes)
{
	uint64_t pages = region_bytes / PAGE_SIZE;
	if (pages < 8)
		return (uint8_t)pages;
	unsigned doubling = 60 - (unsigned)__builtin_clzll(pages); // of 8 pages
	return (uint8_t)MIN(8 + doubling * 8 + (pages >> doubling) % 8, UINT64_C(255));
}

// ---- filling --------------------------------------------------------------------------------

static bool make_room(struct page_map *map, size_t wanted)
{
	if (map->count + wanted <= map->room)
		return true;
	size_t room = MIN(MAX(map->room * 2, map->count + wanted), map->limit);
	room = MAX(room, MIN((size_t)ROOM_START, map->limit));
	struct page_run *runs =
		room >= map->count + wanted ? realloc(map->runs, room * sizeof *runs) : NULL;
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
	       last->page + pages == run->page && run->frame % GRAIN &&
	       last->weight == run->weight && last->flags == run->flags;
}

void page_map_add(struct page_map *map, const struct mapped *mapped)
{
	uint64_t frame = mapped->pa / PAGE_SIZE, page = mapped->va / PAGE_SIZE;
	uint64_t left = mapped->size / PAGE_SIZE;
	while (left && make_room(map, 1)) {
		uint64_t count = MIN(left, GRAIN - frame % GRAIN);
		struct page_run run = {
			.frame = frame & 0xffffffffff,
			.owner = mapped->owner & 0xffffff,
			.page = page & 0xffffffffffff,
			.more = (count - 1) & 0xf,
			.weight = mapped->weight,
			.flags = mapped->flags & 0xf,
		};
		struct page_run *last = map->count ? &map->runs[map->count - 1] : NULL;
		if (last && run_goes_on(last, &run))
			last->more = (last->more + count) & 0xf;
		else
			map->runs[map->count++] = run;
		frame += count;
		page += count;
		left -= count;
	}
}

static bool make_seam_room(struct page_map *map, size_t wanted)
{
	if (map->seam_count + wanted <= map->seam_room)
		return true;
	size_t room = MAX(map->seam_room * 2, MAX(map->seam_count + wanted, (size_t)ROOM_START));
	struct seam *seams = map->seam_count + wanted <= map->limit
				     ? realloc(map->seams, room * sizeof *seams)
				     : NULL;
	if (!seams) {
		map->cut = true;
		return false;
	}
	map->seams = seams;
	map->seam_room = room;
	return true;
}

void page_map_seam(struct page_map *map, uint64_t pa, uint64_t next_pa)
{
	if (make_seam_room(map, 1))
		map->seams[map->seam_count++] =
			(struct seam){ pa / PAGE_SIZE, next_pa / PAGE_SIZE };
}

void page_map_append(struct page_map *map, const struct page_map *from, uint32_t owner)
{
	map->cut |= from->cut;
	if (from->count && make_room(map, from->count)) {
		for (size_t i = 0; i < from->count; i++) {
			struct page_run run = from->runs[i];
			run.owner = (run.owner + owner) & 0xffffff;
			map->runs[map->count++] = run;
		}
	}
	if (from->seam_count && make_seam_room(map, from->seam_count)) {
		memcpy(map->seams + map->seam_count, from->seams,
			from->seam_count * sizeof *map->seams);
		map->seam_count += from->seam_count;
	}
}

// ---- sorting --------------------------------------------------------------------------------

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

// Libraries are mapped by every process, the same pages behind each other in each. A seam goes when
// the last one with its hash is the same: nearly all that repeat do, and in one sweep.
static void seams_sieve(struct page_map *map)
{
	size_t room = 1;
	while (room < map->seam_count)
		room *= 2;
	struct seam *last = calloc(room, sizeof *last);
	size_t kept = 0;
	for (size_t i = 0; last && i < map->seam_count; i++) {
		struct seam seam = map->seams[i];
		uint64_t hash = (seam.from * 31 + seam.to) * UINT64_C(0x9e3779b97f4a7c15);
		struct seam *slot = &last[hash >> 32 & (room - 1)];
		if (slot->from == seam.from && slot->to == seam.to)
			continue;
		*slot = seam;
		map->seams[kept++] = seam;
	}
	if (last)
		map->seam_count = kept;
	free(last);
}

void page_map_sort(struct page_map *map)
{
	if (map->count && !radix_sort(map))
		qsort(map->runs, map->count, sizeof map->runs[0], compare_runs);
	if (map->seam_count)
		seams_sieve(map);
}

// ---- asking ---------------------------------------------------------------------------------

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

static bool run_holds(const struct page_run *run, uint64_t frame)
{
	return run->frame <= frame && run->frame + run->more >= frame;
}

enum { CURSOR_WEIGHT = 48 }; // the weight of the run given last, above its number

// Runs are few to a frame: each call looks at all of them for the one that comes next.
bool page_map_next(const struct page_map *map, uint64_t pa, size_t *cursor, struct page_run *out)
{
	const uint64_t frame = pa / PAGE_SIZE, low = (UINT64_C(1) << CURSOR_WEIGHT) - 1;
	uint64_t after = *cursor, best = UINT64_MAX;
	for (size_t at = first_at(map, frame - frame % GRAIN);
		at < map->count && map->runs[at].frame <= frame; at++) {
		uint64_t key = (uint64_t)map->runs[at].weight << CURSOR_WEIGHT | (at + 1);
		if (key > after && key < best && run_holds(&map->runs[at], frame))
			best = key;
	}
	if (best == UINT64_MAX)
		return false;
	*out = map->runs[(best & low) - 1];
	*cursor = best;
	return true;
}

bool page_map_has(const struct page_map *map, uint64_t pa, uint32_t owner, uint64_t va)
{
	const uint64_t frame = pa / PAGE_SIZE;
	for (size_t at = first_at(map, frame - frame % GRAIN);
		at < map->count && map->runs[at].frame <= frame; at++) {
		const struct page_run *run = &map->runs[at];
		if (run->owner == owner && run_holds(run, frame) && page_run_va(run, pa) == va)
			return true;
	}
	return false;
}

// ---- the kernel's ---------------------------------------------------------------------------

void page_map_walk(struct page_map *map, ei_run *run, const struct space *space, uint64_t first,
	uint64_t last, struct page_walk *walk)
{
	struct page page;
	uint64_t va = first, end_va = 0, end_pa = 0;
	while (!map->cut && !ei_stopped(run) &&
		space_next(space, run->reader, va, last, 0, &page)) {
		if (end_va && end_va == page.va && end_pa != page.pa)
			page_map_seam(map, end_pa - PAGE_SIZE, page.pa);
		end_va = page.va + page.size;
		end_pa = page.pa + page.size;
		if (walk)
			walk->add(walk, map, &page);
		else
			page_map_add(map, &(struct mapped){ page.pa, page.va, page.size,
						  .flags = page_run_flags(page.flags) });
		va = end_va;
		if (!va || va > last)
			return;
	}
}

static void *kernel_map_build(ei_run *run)
{
	const struct space *kernel = &run->session->identity.kernel;
	struct page_map *map = calloc(1, sizeof *map);
	if (map)
		page_map_init(map, run->session->image);
	if (!run->session->identity.found)
		return map;
	if (map)
		page_map_walk(map, run, kernel, kernel->mode->kernel_start,
			kernel->mode->kernel_end, NULL);
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
