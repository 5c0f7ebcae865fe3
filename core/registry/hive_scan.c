// Hives by their signature, wherever they are in physical memory.
//
// One pass over the image finds every place where the signature stands as a pool block may begin;
// one walk over the kernel's page tables then says at which address each of these pages is.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive_memory.h"

#include "win/fields.h"
#include "win/shared.h"

enum {
	PIECE_SIZE = 64 << 10, // stays in a core's own cache
	HITS_MAX = 1 << 16,    // no system has as many hives; what else has the signature is noise
	ALIGNMENT = 8,         // of pool blocks on x86; 16 on x64
};

struct hit {
	uint64_t pa, va; // va 0: not mapped by the kernel
};

struct hits {
	struct hit *items;
	size_t count, room;
};

static void hits_drop(void *table)
{
	struct hits *hits = table;
	free(hits->items);
	free(hits);
}

static bool hits_add(struct hits *hits, struct hit hit)
{
	if (hits->count == hits->room) {
		size_t room = MAX(hits->room * 2, (size_t)64);
		struct hit *items = realloc(hits->items, room * sizeof *items);
		if (!items || room > HITS_MAX) {
			hits->items = items ? items : hits->items;
			return false;
		}
		hits->items = items;
		hits->room = room;
	}
	hits->items[hits->count++] = hit;
	return true;
}

// ---- the pass over physical memory ----------------------------------------------------------

// Nearly every page has no hive: this loop is all that it costs, and compilers make vectors of it.
static bool page_is_signed(const uint8_t *page)
{
	const uint32_t *words = __builtin_assume_aligned(page, 64);
	uint32_t found = 0;
	for (size_t i = 0; i < PAGE_SIZE / sizeof *words; i++)
		found |= words[i] == EI_HIVE_SIGNATURE;
	return found;
}

static bool page_look(struct hits *hits, const uint8_t *page, uint64_t pa)
{
	if (!page_is_signed(page))
		return true;
	for (uint32_t at = 0; at < PAGE_SIZE; at += ALIGNMENT)
		if (load_u32(page + at) == EI_HIVE_SIGNATURE &&
			!hits_add(hits, (struct hit){ .pa = pa + at }))
			return false;
	return true;
}

static void physical_scan(ei_run *run, struct hits *hits, uint8_t *piece)
{
	const struct image *image = run->session->image;
	uint64_t end = image_end(image);
	struct image_run stretch;
	for (uint64_t pa = 0; image_stretch(image, pa, &stretch) && !ei_stopped(run);) {
		uint64_t start = stretch.start & ~(uint64_t)(PAGE_SIZE - 1);
		size_t want =
			(size_t)MIN(stretch.start + stretch.length - start, (uint64_t)PIECE_SIZE);
		size_t got = image_read(image, start, piece, want);
		for (size_t at = 0; at + PAGE_SIZE <= got; at += PAGE_SIZE)
			if (!page_look(hits, piece + at, start + at)) {
				ei_note(run, "hives: more than %d signatures; the rest is left out",
					HITS_MAX / 2);
				return;
			}
		pa = MAX(start + want, stretch.start + 1);
		ei_progress(run, pa, end);
	}
}

// ---- from physical to virtual ---------------------------------------------------------------

static int hit_compare_physical(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;
	return (x->pa > y->pa) - (x->pa < y->pa);
}

static int hit_compare_virtual(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;
	if (!x->va != !y->va)
		return !x->va - !y->va;
	if (x->va != y->va)
		return (x->va > y->va) - (x->va < y->va);
	return hit_compare_physical(a, b);
}

// Sets the address of all hits on a page; the first address found is kept.
static void page_assign(struct hits *hits, const struct page *page)
{
	size_t low = 0, high = hits->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (hits->items[middle].pa < page->pa)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < hits->count && hits->items[low].pa - page->pa < page->size; low++)
		if (!hits->items[low].va)
			hits->items[low].va = page->va + (hits->items[low].pa - page->pa);
}

static void addresses_find(ei_run *run, struct hits *hits)
{
	const struct space *kernel = &run->session->identity.kernel;
	uint64_t last = kernel->mode->kernel_end, va = kernel->mode->kernel_start;
	struct page page;
	while (!ei_stopped(run) && space_next(kernel, run->reader, va, last, 0, &page)) {
		page_assign(hits, &page);
		va = page.va + page.size;
		if (!va || va > last || va <= page.va)
			break;
	}
}

static void *hits_build(ei_run *run)
{
	struct hits *hits = calloc(1, sizeof *hits);
	uint8_t *piece = aligned_alloc(64, PIECE_SIZE);
	if (hits && piece) {
		physical_scan(run, hits, piece);
		if (hits->count) {
			qsort(hits->items, hits->count, sizeof *hits->items, hit_compare_physical);
			addresses_find(run, hits);
			qsort(hits->items, hits->count, sizeof *hits->items, hit_compare_virtual);
		}
	}
	free(piece);
	return hits;
}

// ---- the iterator ---------------------------------------------------------------------------

static bool links_are_plausible(ei_run *run, const cmhive *hive)
{
	uint8_t links[16];
	uint32_t pointer = ei_pointer_size(run);
	const struct space_mode *mode = run->session->identity.kernel.mode;
	ei_val head = ei_get(*hive, HiveList);
	if (!ei_has(head) ||
		ei_read(run, hive->obj.space, head.u, links, 2 * pointer) != 2 * pointer)
		return false;
	uint64_t flink = pointer == 8 ? load_u64(links) : load_u32(links);
	uint64_t blink = pointer == 8 ? load_u64(links + 8) : load_u32(links + 4);
	bool empty = !flink && !blink; // not on the list any more
	return empty || (flink >= mode->kernel_start && blink >= mode->kernel_start);
}

static bool storage_is_plausible(ei_run *run, const cmhive *hive)
{
	ei_val storages = ei_get(*hive, storage);
	if (!ei_has(storages))
		return false;
	dual stable = ei_at_in(run, hive->obj.space, dual, storages.u);
	ei_val length = ei_get(stable, Length);
	return ei_has(length) && length.u % BLOCK_SIZE == 0 && length.u <= 1u << 31;
}

// By physical address only what lies on the page of the signature is known to be of the hive.
static bool lies_on_one_page(const cmhive *hive)
{
	const ei_layout *layout = &hive->at->layout;
	int64_t end =
		MAX((int64_t)layout->low + layout->span, (int64_t)hive->at->HiveList.offset + 16);
	return hive->obj.va % PAGE_SIZE + (uint64_t)end <= PAGE_SIZE;
}

static bool hive_is_plausible(ei_run *run, const cmhive *hive, const struct hit *hit)
{
	return cmhive_is_signed(hive) && (hit->va || lies_on_one_page(hive)) &&
	       links_are_plausible(run, hive) && storage_is_plausible(run, hive);
}

struct scan_state {
	const struct hits *hits;
	size_t next;
	int32_t signature; // offset of the signature in the object
};

static bool scan_advance(ei_iter *it, ei_obj *object, const ei_layout *layout)
{
	struct scan_state *state = it->state;
	(void)layout;
	while (state->next < state->hits->count && !ei_stopped(it->run)) {
		const struct hit *hit = &state->hits->items[state->next++];
		const ei_space *space = hit->va ? NULL : &it->run->session->physical;
		uint64_t at = (hit->va ? hit->va : hit->pa) - (uint64_t)(int64_t)state->signature;
		cmhive hive = ei_at_in(it->run, space, cmhive, at);
		if (!hive_is_plausible(it->run, &hive, hit)) {
			ei_arena_rewind(it->run->scratch, it->mark);
			continue;
		}
		*object = hive.obj;
		it->found = EI_BY_SCAN;
		return true;
	}
	return false;
}

ei_iter ei_hives_scanned(ei_run *run)
{
	cmhive table = ei_handle(run, cmhive);
	const struct hits *hits = shared_table(run, SHARED_HIVES, hits_build, hits_drop);
	struct scan_state *state = ei_alloc(run->scratch, sizeof *state);
	if (!hits || !state || table.at->signature.offset < 0)
		return iter_empty(run, &cmhive_spec);
	*state = (struct scan_state){ .hits = hits, .signature = table.at->signature.offset };
	return (ei_iter){ .run = run,
		.advance = scan_advance,
		.state = state,
		.type = cmhive_spec.type,
		.mark = ei_arena_mark(run->scratch) };
}

ei_val ei_hive_address(const cmhive *hive)
{
	bool mapped = hive->obj.space->mode != &space_physical;
	return mapped ? ei_addr(hive->obj.va) : ei_absent(EI_NONE);
}
