// A range of memory as YARA sees it: read a window at a time into one buffer, whose pages lie where
// they lie in the range; blocks are the parts of it that are worth a look.
//
// A condition asks for bytes at any offset, and for any block again: those of the present window
// are there without reading, so a range of one window, which nearly all are, is read once.
// SPDX-License-Identifier: Apache-2.0
#include "run/yara.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
	PAGES = YARA_WINDOW / PAGE_SIZE,
	STEP = YARA_WINDOW - YARA_OVERLAP, // from a window to the next
	PIECES_MAX = 1 << 22,
};

// A block: where it is in the range. It lies in one window.
struct piece {
	uint64_t base;
	uint32_t size, window;
};

struct yara_window {
	struct reader *reader;
	uint8_t *bytes;
	bool filled[PAGES];  // pages with something other than zeroes
	bool written[PAGES]; // pages that the present window has read
	const struct yara_range *range;
	uint64_t loaded; // number of the window in `bytes`, + 1; 0: none
	uint64_t listed; // windows whose pieces are known
	bool is_program; // not parted at gaps
	struct piece *pieces;
	size_t count, room;
	size_t next; // piece to give
	YR_MEMORY_BLOCK block;
	YR_MEMORY_BLOCK_ITERATOR iterator;
};

ei_error *yara_window_create(const struct image *image, struct yara_window **out)
{
	EI_OWNED(yara_window) window = calloc(1, sizeof *window);
	if (!window)
		return ei_fail(EI_E_NOMEM, "out of memory");
	void *bytes = mmap(NULL, YARA_WINDOW, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bytes == MAP_FAILED)
		return ei_fail(EI_E_NOMEM, "out of memory");
	window->bytes = bytes;
	madvise(bytes, YARA_WINDOW, MADV_HUGEPAGE);
	EI_TRY(reader_create(image, &window->reader));
	*out = EI_GIVE(window);
	return NULL;
}

void yara_window_drop(struct yara_window *window)
{
	if (!window)
		return;
	if (window->bytes)
		munmap(window->bytes, YARA_WINDOW);
	reader_drop(window->reader);
	free(window->pieces);
	free(window);
}

struct reader *yara_window_reader(struct yara_window *window)
{
	return window->reader;
}

// ---- reading --------------------------------------------------------------------------------

// What the window before has left, where this one has read nothing.
static void window_wipe(struct yara_window *window)
{
	for (size_t i = 0; i < PAGES; i++)
		if (window->filled[i] && !window->written[i]) {
			memset(window->bytes + i * PAGE_SIZE, 0, PAGE_SIZE);
			window->filled[i] = false;
		}
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, size - 1);
}

// The first part of a page that a window reads: the rest of it is from another window.
static void page_begin(struct yara_window *window, size_t page, size_t from, size_t end)
{
	uint8_t *bytes = window->bytes + page * PAGE_SIZE;
	memset(bytes, 0, from);
	memset(bytes + end, 0, PAGE_SIZE - end);
	window->written[page] = true;
	window->filled[page] = false;
}

// Notes which pages of what was read, at `at` of the window, say something.
static void pages_note(struct yara_window *window, size_t at, size_t size)
{
	for (size_t end = at + size; at < end;) {
		size_t from = at % PAGE_SIZE, here = MIN(end - at, PAGE_SIZE - from);
		size_t page = at / PAGE_SIZE;
		if (!window->written[page])
			page_begin(window, page, from, from + here);
		window->filled[page] |= !is_zero(window->bytes + at, here);
		at += here;
	}
}

// Physically contiguous memory; a page that cannot be read costs that page.
static void stretch_read(struct yara_window *window, uint64_t pa, size_t at, size_t size)
{
	const struct image *image = reader_image(window->reader);
	for (size_t end = at + size; at < end;) {
		size_t got = image_read(image, pa, window->bytes + at, end - at);
		size_t skip = got + at < end ? PAGE_SIZE - (pa + got) % PAGE_SIZE : 0;
		skip = MIN(skip, end - at - got);
		memset(window->bytes + at + got, 0, skip);
		pages_note(window, at, got + skip);
		at += got + skip;
		pa += got + skip;
	}
}

// Holes of a sparse file are not read: they are zeroes.
static void physical_fill(struct yara_window *window, uint64_t first, uint64_t last)
{
	const struct image *image = reader_image(window->reader);
	struct image_run stretch;
	uint64_t pa = first;
	while (pa <= last && image_stretch(image, pa, &stretch) && stretch.start <= last) {
		uint64_t from = MAX(pa, stretch.start), end = stretch.start + stretch.length;
		uint64_t here = MIN(end - from, last - from + 1);
		stretch_read(window, from, (size_t)(from - first), (size_t)here);
		pa = from + here;
	}
}

// Fills [at, at + size) of the range, which starts the window.
static void window_fill(struct yara_window *window, uint64_t at, size_t size)
{
	const struct yara_range *range = window->range;
	uint64_t first = range->start + at, last = first + size - 1, va = first;
	struct page page;
	if (!range->space.mode->paging) {
		physical_fill(window, first, last);
		return;
	}
	while (va <= last && space_next(&range->space, window->reader, va, last, 0, &page)) {
		uint64_t from = MAX(page.va, va), end = page.va + page.size;
		uint64_t here = MIN(end - from, last - from + 1);
		stretch_read(
			window, page.pa + (from - page.va), (size_t)(from - first), (size_t)here);
		if (end <= va)
			return; // the last page of the address space
		va = end;
	}
}

static uint64_t window_size(const struct yara_window *window, uint64_t number)
{
	return MIN(window->range->size - number * STEP, (uint64_t)YARA_WINDOW);
}

static uint64_t window_total(const struct yara_range *range)
{
	if (range->size <= YARA_WINDOW)
		return range->size != 0;
	return (range->size - YARA_OVERLAP + STEP - 1) / STEP;
}

static void window_load(struct yara_window *window, uint64_t number)
{
	if (window->loaded == number + 1)
		return;
	memset(window->written, 0, sizeof window->written);
	window_fill(window, number * STEP, (size_t)window_size(window, number));
	window_wipe(window);
	window->loaded = number + 1;
}

// ---- blocks ---------------------------------------------------------------------------------

static bool piece_add(struct yara_window *window, uint64_t number, size_t from, size_t end)
{
	if (window->count == window->room) {
		size_t room = window->room ? window->room * 2 : 64;
		struct piece *more =
			room <= PIECES_MAX ? realloc(window->pieces, room * sizeof *more) : NULL;
		if (!more)
			return false;
		window->pieces = more;
		window->room = room;
	}
	window->pieces[window->count++] =
		(struct piece){ number * STEP + from, (uint32_t)(end - from), (uint32_t)number };
	return true;
}

// The next page that says something, at or after `page`.
static size_t filled_next(const struct yara_window *window, size_t page, size_t pages)
{
	while (page < pages && !window->filled[page])
		page++;
	return page;
}

// Blocks of the loaded window, with a page of the zeroes on either side: patterns may begin or end
// with some.
static bool pieces_list(struct yara_window *window, uint64_t number)
{
	size_t size = (size_t)window_size(window, number);
	size_t pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;
	size_t page = filled_next(window, 0, pages);
	if (page < pages && window->is_program)
		return piece_add(window, number, 0, size);
	while (page < pages) {
		size_t first = page, end = page;
		while (page < pages && page - end <= YARA_GAP / PAGE_SIZE) {
			end = page + 1;
			page = filled_next(window, end, pages);
		}
		size_t from = (first ? first - 1 : 0) * PAGE_SIZE;
		if (!piece_add(window, number, from, MIN((end + 1) * PAGE_SIZE, size)))
			return false;
	}
	return true;
}

// Passes by windows without a page.
static uint64_t window_skip(struct yara_window *window, uint64_t number)
{
	const struct yara_range *range = window->range;
	struct page page;
	if (!number || number >= window_total(range) || !range->space.mode->paging)
		return number;
	uint64_t va = range->start + number * STEP;
	if (!space_next(
		    &range->space, window->reader, va, range->start + range->size - 1, 0, &page))
		return UINT64_MAX;
	if (page.va <= va)
		return number;
	return MIN((page.va - range->start) / STEP, window_total(range) - 1);
}

// Lists windows until there is a piece more; false at the end.
static bool pieces_more(struct yara_window *window)
{
	const uint64_t total = window_total(window->range);
	while (window->next == window->count) {
		uint64_t number = window_skip(window, window->listed);
		if (number >= total) {
			window->listed = total;
			return false;
		}
		window_load(window, number);
		if (!number)
			window->is_program = !memcmp(window->bytes, "MZ", 2);
		window->listed = number + 1;
		if (!pieces_list(window, number)) {
			window->iterator.last_error = ERROR_INSUFFICIENT_MEMORY;
			return false;
		}
	}
	return true;
}

// ---- what YARA calls ------------------------------------------------------------------------

static const uint8_t *block_fetch(YR_MEMORY_BLOCK *block)
{
	struct yara_window *window = block->context;
	const struct piece *piece = &window->pieces[window->next - 1];
	window_load(window, piece->window);
	return window->bytes + (piece->base - (uint64_t)piece->window * STEP);
}

static YR_MEMORY_BLOCK *block_next(YR_MEMORY_BLOCK_ITERATOR *iterator)
{
	struct yara_window *window = iterator->context;
	iterator->last_error = ERROR_SUCCESS;
	if (!pieces_more(window))
		return NULL;
	const struct piece *piece = &window->pieces[window->next++];
	window->block = (YR_MEMORY_BLOCK){ .size = piece->size,
		.base = piece->base,
		.context = window,
		.fetch_data = block_fetch };
	return &window->block;
}

static YR_MEMORY_BLOCK *block_first(YR_MEMORY_BLOCK_ITERATOR *iterator)
{
	struct yara_window *window = iterator->context;
	window->next = 0;
	return block_next(iterator);
}

static uint64_t range_size(YR_MEMORY_BLOCK_ITERATOR *iterator)
{
	const struct yara_window *window = iterator->context;
	return window->range->size;
}

YR_MEMORY_BLOCK_ITERATOR *yara_window_open(
	struct yara_window *window, const struct yara_range *range)
{
	window->range = range;
	window->loaded = window->listed = 0;
	window->count = window->next = 0;
	window->is_program = false;
	window->iterator = (YR_MEMORY_BLOCK_ITERATOR){
		.context = window, .first = block_first, .next = block_next, .file_size = range_size
	};
	return &window->iterator;
}

bool yara_window_any(struct yara_window *window)
{
	window->next = 0;
	return pieces_more(window);
}
