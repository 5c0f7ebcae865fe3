// The file cache: a map of a file's views, each of which is 256 KiB of the kernel's address space.
//
// Layouts: _SHARED_CACHE_MAP, _VACB of public symbol tables. A map points at up to four views
// itself, or at an array of pointers; above 32 MiB at a tree of arrays of 128 pointers each, of
// which branches without a view are left out.
// SPDX-License-Identifier: Apache-2.0
#include "win/section_pieces.h"

enum {
	VIEW_SHIFT = 18,
	OWN_VIEWS = 4,
	ARRAY_SHIFT = 7,
	ARRAY_VIEWS = 1 << ARRAY_SHIFT,
	ARRAYS_MAX = 1 << 15, // of one map: views of a tebibyte
	LEVELS_MAX = 7,
	POINTER_MAX = 8,
};

#define SIZE_MAX_FILE (UINT64_C(1) << 44)
#define SIZE_UNKNOWN UINT64_C(0x7fffffffffffffff)

struct cache_walk {
	ei_run *run;
	struct pieces *pieces;
	uint64_t map;
	cache_view view; // table, without an object
	uint32_t arrays_left;
};

static bool map_sizes(const cache_map *map, uint64_t *file, uint64_t *section)
{
	ei_val size = ei_get(*map, file_size), whole = ei_get(*map, section_size);
	uint64_t valid = ei_u64_or(ei_get(*map, valid_size), 0);
	if (!ei_has(size) || !ei_has(whole) || !size.u || size.u > SIZE_MAX_FILE ||
		whole.u > SIZE_MAX_FILE + VIEW_BYTES)
		return false;
	*file = size.u;
	*section = whole.u;
	return valid && (valid <= size.u || valid == SIZE_UNKNOWN);
}

uint64_t cache_file_size(ei_run *run, uint64_t map)
{
	uint64_t size, section;
	cache_map m = ei_at(run, cache_map, map);
	return map && map_sizes(&m, &size, &section) ? size : 0;
}

// ---- views ----------------------------------------------------------------------------------

// What a view maps may come and go page by page.
static void view_pages(struct cache_walk *walk, uint64_t base, uint64_t offset)
{
	const struct space *kernel = &walk->run->session->identity.kernel;
	for (uint64_t at = 0; at < VIEW_BYTES; at += PAGE_SIZE) {
		struct page page;
		if (space_translate(kernel, walk->run->reader, base + at, &page))
			pieces_add(walk->pieces, offset + at, PAGE_SIZE,
				page.pa + (base + at - page.va));
	}
	if (walk->pieces->shape == EI_SHAPE_VOL3)
		walk->pieces->end = MAX(walk->pieces->end, offset + VIEW_BYTES);
}

// True when there is a view of this map at `va`.
static bool view_take(struct cache_walk *walk, uint64_t va, uint64_t index)
{
	cache_view view = walk->view;
	ei_mark mark = ei_arena_mark(walk->run->scratch);
	view.obj = ei_open(walk->run, NULL, va, &view.at->layout);
	ei_val owner = ei_get(view, SharedCacheMap), base = ei_get(view, BaseAddress);
	ei_val offset = ei_get(view, offset);
	ei_arena_rewind(walk->run->scratch, mark);
	if (ei_u64_or(owner, 0) != walk->map)
		return false;
	// Where the profile does not say: by its place in the index.
	if (offset.state == EI_NO_FIELD)
		offset = ei_uint(MIN(index, SIZE_MAX_FILE / VIEW_BYTES) * VIEW_BYTES);
	uint64_t from = ei_u64_or(offset, 0) & ~UINT64_C(0xffff);
	if (ei_has(offset) && ei_u64_or(base, 0) && from <= SIZE_MAX_FILE &&
		base.u % VIEW_BYTES == 0 && from % VIEW_BYTES == 0)
		view_pages(walk, base.u, from);
	return true;
}

// `first` is the number of the first view that the array leads to.
static void array_walk(
	struct cache_walk *walk, uint64_t array, unsigned count, unsigned levels, uint64_t first)
{
	uint32_t pointer = ei_pointer_size(walk->run);
	uint8_t bytes[ARRAY_VIEWS * POINTER_MAX];
	if (!walk->arrays_left || ei_stopped(walk->run))
		return;
	walk->arrays_left--;
	uint64_t read = ei_read(walk->run, NULL, array, bytes, count * pointer) / pointer;
	for (unsigned i = 0; i < read; i++) {
		uint64_t va = pointer == 8 ? load_u64(bytes + 8 * i) : load_u32(bytes + 4 * i);
		uint64_t index = first + ((uint64_t)i << ARRAY_SHIFT * (levels - 1));
		// As deep as the size asks for, and no deeper.
		if (va && !view_take(walk, va, index) && levels > 1)
			array_walk(walk, va, ARRAY_VIEWS, levels - 1, index);
	}
}

static unsigned levels_of(uint64_t views)
{
	unsigned levels = 1;
	while (levels < LEVELS_MAX && views > UINT64_C(1) << (ARRAY_SHIFT * levels))
		levels++;
	return levels;
}

bool cache_collect(ei_run *run, uint64_t map, struct pieces *pieces, uint64_t *size)
{
	uint64_t whole;
	cache_map m = ei_at(run, cache_map, map);
	if (!map_sizes(&m, size, &whole))
		return false;
	struct cache_walk walk = {
		.run = run,
		.pieces = pieces,
		.map = map,
		.view = ei_handle(run, cache_view),
		.arrays_left = ARRAYS_MAX,
	};
	uint64_t views = (whole + VIEW_BYTES - 1) >> VIEW_SHIFT;
	ei_val own = ei_get(m, InitialVacbs), array = ei_get(m, Vacbs);
	if (ei_has(own) && views <= OWN_VIEWS)
		array_walk(&walk, own.u, (unsigned)views, 1, 0);
	if (ei_u64_or(array, 0) && !(ei_has(own) && own.u == array.u))
		array_walk(&walk, array.u, (unsigned)MIN(views, (uint64_t)ARRAY_VIEWS),
			levels_of(views), 0);
	return true;
}
