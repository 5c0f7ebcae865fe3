// Hives by their signature, wherever they are in physical memory.
//
// One pass over the image finds every place where the signature stands as a pool block may begin;
// one walk over the kernel's page tables then says at which address each of these pages is.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive_memory.h"

#include "win/fields.h"
#include "win/scan_plan.h"
#include "win/shared.h"

enum {
	HITS_MAX = 1 << 15, // no system has as many hives; what else has the signature is noise
	ALIGNMENT = 8,      // of pool blocks on x86; 16 on x64
	OVERLAP = 3,        // where memory begins in the middle of a block, a chunk ends there
};

// A place where the signature stands, and the kernel's address of it.
struct sighting {
	uint64_t pa, va; // va 0: not mapped by the kernel
};

struct sightings {
	struct sighting *items;
	size_t count;
};

static void sightings_drop(void *table)
{
	struct sightings *seen = table;
	free(seen->items);
	free(seen);
}

// ---- the pass over physical memory ----------------------------------------------------------

// Nearly no page has a hive: this loop is all that it costs, and compilers make vectors of it.
static bool page_is_signed(const uint8_t *page)
{
	uint32_t found = 0;
	for (size_t at = 0; at < PAGE_SIZE; at += 4)
		found |= load_u32(page + at) == EI_HIVE_SIGNATURE;
	return found;
}

static void *hits_begin(void *context)
{
	const struct hit_list *all = context;
	struct hit_list *list = malloc(sizeof *list);
	if (list)
		hit_list_init(list, all->cap);
	return list;
}

// A thread sees memory in ascending order: what comes when its list is full would be cut.
static void chunk_look(void *state, const struct pass_chunk *chunk)
{
	struct hit_list *list = state;
	size_t at = (size_t)(-chunk->pa % ALIGNMENT);
	for (size_t size; at < chunk->own && !list->cut; at += size) {
		size = MIN((size_t)PAGE_SIZE, chunk->size - at);
		if (size == PAGE_SIZE && !page_is_signed(chunk->bytes + at))
			continue;
		for (size_t in = at; in + 4 <= at + size; in += ALIGNMENT)
			if (load_u32(chunk->bytes + in) == EI_HIVE_SIGNATURE)
				hit_list_add(list, (struct hit){ .pa = chunk->pa + in });
		if (list->count > list->cap)
			hit_list_sort(list);
	}
}

static void hits_merge(void *context, void *state)
{
	struct hit_list *all = context, *list = state;
	all->no_memory |= list->no_memory;
	all->cut |= list->cut;
	for (size_t i = 0; i < list->count; i++)
		hit_list_add(all, list->items[i]);
	hit_list_deinit(list);
	free(list);
}

static struct pass_consumer hits_consumer(struct hit_list *hits)
{
	return (struct pass_consumer){ hits, OVERLAP, hits_begin, chunk_look, hits_merge };
}

static void hits_end(ei_run *run, struct hit_list *hits, const ei_error *error)
{
	hit_list_sort(hits);
	if (error)
		ei_note(run, "hives: %s", ei_error_text(error));
	if (hits->cut || hits->no_memory)
		ei_note(run, "hives: only the %zu signatures at the lowest addresses are looked at",
			hits->count);
}

// ---- from physical to virtual ---------------------------------------------------------------

static int compare_virtual(const void *a, const void *b)
{
	const struct sighting *x = a, *y = b;
	if (!x->va != !y->va)
		return !x->va - !y->va;
	if (x->va != y->va)
		return (x->va > y->va) - (x->va < y->va);
	return (x->pa > y->pa) - (x->pa < y->pa);
}

// Sets the address of all hits on a page; the first address found is kept.
static void page_assign(struct sightings *seen, const struct page *page)
{
	size_t low = 0, high = seen->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (seen->items[middle].pa < page->pa)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < seen->count && seen->items[low].pa - page->pa < page->size; low++)
		if (!seen->items[low].va)
			seen->items[low].va = page->va + (seen->items[low].pa - page->pa);
}

static void addresses_find(ei_run *run, struct sightings *seen)
{
	const struct space *kernel = &run->session->identity.kernel;
	uint64_t last = kernel->mode->kernel_end, va = kernel->mode->kernel_start;
	struct page page;
	while (!ei_stopped(run) && space_next(kernel, run->reader, va, last, 0, &page)) {
		page_assign(seen, &page);
		va = page.va + page.size;
		if (!va || va > last || va <= page.va)
			break;
	}
}

static void *sightings_make(ei_run *run, const struct hit_list *hits)
{
	struct sightings *seen = calloc(1, sizeof *seen);
	if (seen && hits->count)
		seen->items = calloc(hits->count, sizeof *seen->items);
	if (seen && seen->items) {
		for (; seen->count < hits->count; seen->count++)
			seen->items[seen->count].pa = hits->items[seen->count].pa;
		addresses_find(run, seen);
		qsort(seen->items, seen->count, sizeof *seen->items, compare_virtual);
	}
	return seen;
}

// A pass of its own; what waits for one joins it.
static void *sightings_build(ei_run *run)
{
	struct hit_list hits;
	hit_list_init(&hits, HITS_MAX);
	struct pass_consumer consumer = hits_consumer(&hits);
	EI_OWNED(ei_error) error = scan_pass(run, &consumer, 1);
	hits_end(run, &hits, error);
	void *seen = sightings_make(run, &hits);
	hit_list_deinit(&hits);
	return seen;
}

// ---- as a part of another's pass ------------------------------------------------------------

static bool part_begin(ei_run *run, void *context, void **state, struct pass_consumer *out)
{
	(void)context;
	if (!run->session->identity.found || !shared_begin(run, SHARED_HIVES))
		return false;
	struct hit_list *hits = malloc(sizeof *hits);
	if (!hits) {
		shared_end(run, SHARED_HIVES, NULL, sightings_drop);
		return false;
	}
	hit_list_init(hits, HITS_MAX);
	*out = hits_consumer(hits);
	*state = hits;
	return true;
}

static void part_end(ei_run *run, void *context, void *state, const ei_error *error)
{
	struct hit_list *hits = state;
	(void)context;
	shared_notes_begin(run, SHARED_HIVES);
	hits_end(run, hits, error);
	shared_end(run, SHARED_HIVES, sightings_make(run, hits), sightings_drop);
	hit_list_deinit(hits);
	free(hits);
}

const struct scan_part hives_part = { part_begin, part_end, NULL };

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

static bool hive_is_plausible(ei_run *run, const cmhive *hive, const struct sighting *hit)
{
	return cmhive_is_signed(hive) && (hit->va || lies_on_one_page(hive)) &&
	       links_are_plausible(run, hive) && storage_is_plausible(run, hive);
}

struct scan_state {
	const struct sightings *seen;
	size_t next;
	int32_t signature; // offset of the signature in the object
};

static bool scan_advance(ei_iter *it, ei_obj *object, const ei_layout *layout)
{
	struct scan_state *state = it->state;
	(void)layout;
	while (state->next < state->seen->count && !ei_stopped(it->run)) {
		const struct sighting *hit = &state->seen->items[state->next++];
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
	const struct sightings *seen =
		shared_table(run, SHARED_HIVES, sightings_build, sightings_drop);
	struct scan_state *state = ei_alloc(run->scratch, sizeof *state);
	if (!seen || !state || table.at->signature.offset < 0)
		return iter_empty(run, &cmhive_spec);
	*state = (struct scan_state){ .seen = seen, .signature = table.at->signature.offset };
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
