// What a pass collects: hit lists, and the consumers that fill them.
// SPDX-License-Identifier: Apache-2.0
#include "scan/scan.h"

enum { HITS_START = 256 };

// ---- lists ----------------------------------------------------------------------------------

void hit_list_init(struct hit_list *list, size_t cap)
{
	*list = (struct hit_list){ .cap = cap };
}

void hit_list_deinit(struct hit_list *list)
{
	free(list->items);
	*list = (struct hit_list){ 0 };
}

void hit_list_add(struct hit_list *list, struct hit hit)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : HITS_START;
		struct hit *items = realloc(list->items, room * sizeof *items);
		if (!items) {
			list->no_memory = true;
			return;
		}
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] = hit;
}

static int compare_hits(const void *left, const void *right)
{
	const struct hit *a = left, *b = right;
	if (a->pa != b->pa)
		return a->pa < b->pa ? -1 : 1;
	if (a->what != b->what)
		return a->what < b->what ? -1 : 1;
	return (a->extra > b->extra) - (a->extra < b->extra);
}

// Threads see chunks in order, so that where matches are many they mostly are in order, too.
static bool is_sorted(const struct hit_list *list)
{
	for (size_t i = 1; i < list->count; i++)
		if (compare_hits(&list->items[i - 1], &list->items[i]) > 0)
			return false;
	return true;
}

void hit_list_sort(struct hit_list *list)
{
	if (!is_sorted(list))
		qsort(list->items, list->count, sizeof list->items[0], compare_hits);
	if (list->count > list->cap) {
		list->count = list->cap;
		list->cut = true;
	}
}

// Hits within a chunk are not in order: the cut is a sort, done seldom.
static void hit_list_trim(struct hit_list *list)
{
	if (list->count >= 2 * list->cap)
		hit_list_sort(list);
}

// ---- consumers ------------------------------------------------------------------------------

// One thread's hits. A thread sees chunks in ascending order, so that past the cap it can drop what
// comes: the lowest of all are among the lowest of each.
struct found_state {
	const struct found_context *context;
	const struct pass_chunk *chunk;
	struct hit_list list;
};

static void *found_begin(void *context)
{
	struct found_state *state = calloc(1, sizeof *state);
	if (!state)
		return NULL;
	state->context = context;
	hit_list_init(&state->list, state->context->list->cap);
	return state;
}

// True when every hit at `pa` or behind it would be cut: what is kept was sorted when it was cut.
static bool is_full_before(const struct hit_list *list, uint64_t pa)
{
	return list->cut && (!list->cap || list->items[list->cap - 1].pa < pa);
}

static void found_add(struct found_state *state, struct hit hit)
{
	if (is_full_before(&state->list, hit.pa))
		return;
	hit_list_add(&state->list, hit);
	hit_list_trim(&state->list);
}

static void found_merge(void *context, void *thread_state)
{
	struct found_context *found = context;
	struct found_state *state = thread_state;
	hit_list_sort(&state->list);
	found->list->cut |= state->list.cut;
	found->list->no_memory |= state->list.no_memory;
	for (size_t i = 0; i < state->list.count; i++)
		hit_list_add(found->list, state->list.items[i]);
	hit_list_trim(found->list);
	hit_list_deinit(&state->list);
	free(state);
}

static void tag_found_here(void *context, size_t at, uint32_t tag)
{
	struct found_state *state = context;
	found_add(state, (struct hit){ state->chunk->pa + at, tag, 0 });
}

static void tags_chunk(void *thread_state, const struct pass_chunk *chunk)
{
	struct found_state *state = thread_state;
	const struct tag_set *tags = state->context->tags;
	size_t skip = (size_t)(-chunk->pa % tags->align);
	if (skip >= chunk->own || is_full_before(&state->list, chunk->pa))
		return;
	struct pass_chunk part = { chunk->bytes, chunk->pa + skip, 0, 0 };
	state->chunk = &part;
	tags_scan(tags, chunk->bytes + skip, chunk->own - skip, tag_found_here, state);
}

static void terms_found_here(void *context, const struct term_hit *hits, size_t count)
{
	struct found_state *state = context;
	const uint64_t from = state->chunk->pa - state->chunk->before;
	for (size_t i = 0; i < count; i++) {
		uint32_t extra = hits[i].length * 4 + (uint32_t)hits[i].spelling;
		if (hits[i].start >= state->chunk->before) // else it is the chunk's before this
			found_add(state, (struct hit){ from + hits[i].start, hits[i].term, extra });
	}
}

static void terms_chunk(void *thread_state, const struct pass_chunk *chunk)
{
	struct found_state *state = thread_state;
	state->chunk = chunk;
	if (is_full_before(&state->list, chunk->pa))
		return;
	// Whole words ask for what is on either side of them.
	terms_scan(state->context->terms, chunk->bytes - chunk->before, chunk->before + chunk->size,
		chunk->before + chunk->own, terms_found_here, state);
}

struct pass_consumer tags_consumer(struct found_context *context)
{
	return (struct pass_consumer){ context, 0, found_begin, tags_chunk, found_merge };
}

struct pass_consumer terms_consumer(struct found_context *context)
{
	// And a character of UTF-16 behind it.
	size_t overlap = terms_longest(context->terms) - 1 + 2;
	return (struct pass_consumer){ context, overlap, found_begin, terms_chunk, found_merge };
}
