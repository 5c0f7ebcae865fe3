// Reading the two sides of a seam as one.
// SPDX-License-Identifier: Apache-2.0
#include "win/stitch.h"

#include "win/owner.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	THREADS_MAX = 64,
	SEAMS_AT_ONCE = 4096, // that a thread takes
	BATCH_BYTES = 64 << 10,
	ITEMS_START = 64,
};

_Static_assert(2 * TERM_LONGEST <= PAGE_SIZE, "a term lies in two pages at most");

struct stitching {
	const ei_run *run;
	const struct term_set *set;
	const struct edges *edges;
	const struct seam *seams;
	size_t count;
	size_t reach; // bytes of each side
	atomic_size_t next;
	pthread_mutex_t lock; // of `out`
	struct stitched *out;
};

// One thread's: the sides of several seams, in a row. A hit counts that lies across the middle of
// a window; then all of it is in that window, and neighbours do not matter.
struct batch {
	struct stitching *stitching;
	uint8_t *bytes;
	const struct seam **seams; // of the windows
	size_t count, room;
	struct stitched found;
};

static void found_add(struct stitched *list, const ei_hit *hit)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : ITEMS_START;
		ei_hit *items =
			list->count < list->cap ? realloc(list->items, room * sizeof *items) : NULL;
		if (!items) {
			list->cut = true;
			return;
		}
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] = *hit;
}

static void window_hit(struct batch *batch, const struct term_hit *hit)
{
	size_t reach = batch->stitching->reach, window = hit->start / (2 * reach);
	size_t middle = window * 2 * reach + reach;
	if (hit->start >= middle || hit->start + hit->length <= middle)
		return;
	const struct seam *seam = batch->seams[window];
	ei_hit found = {
		.pa = seam->from * PAGE_SIZE + PAGE_SIZE - (middle - hit->start),
		.term = hit->term,
		.length = hit->length,
		.flags = spelling_flags(hit->spelling) | EI_HIT_STITCHED,
		.next_page = (uint32_t)seam->to,
	};
	found_add(&batch->found, &found);
}

static void window_hits(void *context, const struct term_hit *hits, size_t count)
{
	for (size_t i = 0; i < count; i++)
		window_hit(context, &hits[i]);
}

static void batch_scan(struct batch *batch)
{
	size_t size = batch->count * 2 * batch->stitching->reach;
	if (batch->count)
		terms_scan(batch->stitching->set, batch->bytes, size, size, window_hits, batch);
	batch->count = 0;
}

static void batch_add(struct batch *batch, const struct seam *seam)
{
	const struct image *image = batch->stitching->run->session->image;
	size_t reach = batch->stitching->reach;
	uint8_t *left = batch->bytes + batch->count * 2 * reach, *right = left + reach;
	if (image_read(image, seam->from * PAGE_SIZE + PAGE_SIZE - reach, left, reach) < reach ||
		image_read(image, seam->to * PAGE_SIZE, right, reach) < reach)
		return;
	batch->seams[batch->count++] = seam;
	if (batch->count == batch->room)
		batch_scan(batch);
}

static void seams_scan(struct stitching *stitching, struct batch *batch)
{
	size_t first;
	while ((first = atomic_fetch_add(&stitching->next, SEAMS_AT_ONCE)) < stitching->count) {
		size_t end = MIN(first + SEAMS_AT_ONCE, stitching->count);
		for (size_t i = first; i < end && !ei_stopped(stitching->run); i++) {
			const struct seam *seam = &stitching->seams[i];
			// A page number of a hit has 32 bits: 16 TiB.
			if (seam->to <= UINT32_MAX &&
				edges_may_cross(stitching->edges, seam->from, seam->to))
				batch_add(batch, seam);
		}
	}
	batch_scan(batch);
}

static void *thread_main(void *argument)
{
	struct stitching *stitching = argument;
	struct batch batch = { .stitching = stitching,
		.room = BATCH_BYTES / (2 * stitching->reach),
		.found = { .cap = stitching->out->cap } };
	batch.bytes = malloc(BATCH_BYTES);
	batch.seams = malloc(batch.room * sizeof *batch.seams);
	if (batch.bytes && batch.seams)
		seams_scan(stitching, &batch);
	pthread_mutex_lock(&stitching->lock);
	stitching->out->cut |= batch.found.cut || !batch.bytes || !batch.seams;
	for (size_t i = 0; i < batch.found.count; i++)
		found_add(stitching->out, &batch.found.items[i]);
	pthread_mutex_unlock(&stitching->lock);
	free(batch.found.items);
	free(batch.bytes);
	free(batch.seams);
	return NULL;
}

int stitched_compare(const void *left, const void *right)
{
	const ei_hit *a = left, *b = right;
	if (a->pa != b->pa)
		return a->pa < b->pa ? -1 : 1;
	if (a->term != b->term)
		return a->term < b->term ? -1 : 1;
	if (a->flags != b->flags)
		return a->flags < b->flags ? -1 : 1;
	return (a->next_page > b->next_page) - (a->next_page < b->next_page);
}

// Sorts, and drops what was found at the same seam of another address space.
static void stitched_settle(struct stitched *list)
{
	size_t kept = 0;
	if (!list->count)
		return;
	qsort(list->items, list->count, sizeof list->items[0], stitched_compare);
	for (size_t i = 0; i < list->count; i++)
		if (!kept || stitched_compare(&list->items[i], &list->items[kept - 1]))
			list->items[kept++] = list->items[i];
	list->count = kept;
}

void stitch_search(
	ei_run *run, const struct term_set *set, const struct edges *edges, struct stitched *out)
{
	const struct owner_table *table = owner_table_get(run);
	if (!table || !table->map.seam_count)
		return;
	struct stitching stitching = { .run = run,
		.set = set,
		.edges = edges,
		.seams = table->map.seams,
		.count = table->map.seam_count,
		.reach = MIN(terms_longest(set) + 1, (size_t)PAGE_SIZE),
		.out = out };
	pthread_mutex_init(&stitching.lock, NULL);
	pthread_t threads[THREADS_MAX];
	unsigned wanted = MIN(run->session->threads, (unsigned)THREADS_MAX), started = 0;
	while (started + 1 < wanted && (started + 1) * SEAMS_AT_ONCE < stitching.count &&
		!pthread_create(&threads[started], NULL, thread_main, &stitching))
		started++;
	(void)thread_main(&stitching);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&stitching.lock);
	stitched_settle(out);
}
