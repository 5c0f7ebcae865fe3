// The pass: chunks are handed out, read, and given to every consumer.
// SPDX-License-Identifier: Apache-2.0
#include "scan/pass.h"

#include <pthread.h>

enum { THREADS_MAX = 64, CONSUMERS_MAX = 8 };

struct pass {
	const struct pass_wish *wish;
	const struct pass_consumer *consumers;
	size_t count;
	size_t overlap; // the largest that a consumer wants
	uint64_t total;
	pthread_mutex_t lock;
	uint64_t next; // where the next chunk starts
	uint64_t done; // bytes handed out
	bool no_memory;
};

static bool is_cancelled(const struct pass *pass)
{
	const bool *cancelled = pass->wish->cancelled;
	return cancelled && __atomic_load_n(cancelled, __ATOMIC_RELAXED);
}

// A chunk starts where a page starts, or where a run does: consumers rely on the alignment.
static bool chunk_take(struct pass *pass, struct pass_chunk *chunk, uint64_t *done)
{
	struct image_run stretch;
	bool more = false;
	pthread_mutex_lock(&pass->lock);
	if (!is_cancelled(pass) && image_stretch(pass->wish->image, pass->next, &stretch)) {
		chunk->pa = stretch.start;
		chunk->own = (size_t)MIN(stretch.length, (uint64_t)PASS_CHUNK);
		pass->next = stretch.start + chunk->own;
		*done = pass->done;
		pass->done += chunk->own;
		more = true;
	}
	pthread_mutex_unlock(&pass->lock);
	return more;
}

static void chunk_give(struct pass *pass, struct pass_chunk *chunk, uint8_t *buffer, void **states)
{
	chunk->size = image_read(pass->wish->image, chunk->pa, buffer, chunk->own + pass->overlap);
	chunk->own = MIN(chunk->own, chunk->size);
	chunk->bytes = buffer;
	for (size_t i = 0; chunk->own && i < pass->count; i++) {
		struct pass_chunk part = *chunk;
		part.size = MIN(chunk->size, chunk->own + pass->consumers[i].overlap);
		pass->consumers[i].chunk(states[i], &part);
	}
}

// A page that cannot be read (a bad sector, a file cut short) costs that page.
static void chunk_read(struct pass *pass, struct pass_chunk *chunk, uint8_t *buffer, void **states)
{
	const uint64_t end = chunk->pa + chunk->own;
	while (chunk->pa < end && !is_cancelled(pass)) {
		chunk->own = (size_t)(end - chunk->pa);
		chunk_give(pass, chunk, buffer, states);
		chunk->pa += chunk->own;
		if (chunk->pa < end)
			chunk->pa = (chunk->pa / PAGE_SIZE + 1) * PAGE_SIZE;
	}
}

static void thread_work(struct pass *pass, bool first)
{
	const struct pass_wish *wish = pass->wish;
	void *states[CONSUMERS_MAX] = { 0 };
	uint8_t *buffer = malloc(PASS_CHUNK + pass->overlap);
	bool ready = buffer != NULL;
	for (size_t i = 0; i < pass->count && ready; i++) {
		states[i] = pass->consumers[i].begin(pass->consumers[i].context);
		ready = states[i] != NULL;
	}
	struct pass_chunk chunk;
	uint64_t done = 0;
	while (ready && chunk_take(pass, &chunk, &done)) {
		if (first && wish->progress)
			wish->progress(wish->progress_context, done, pass->total);
		chunk_read(pass, &chunk, buffer, states);
	}
	pthread_mutex_lock(&pass->lock);
	pass->no_memory |= !ready;
	for (size_t i = 0; i < pass->count; i++)
		if (states[i])
			pass->consumers[i].merge(pass->consumers[i].context, states[i]);
	pthread_mutex_unlock(&pass->lock);
	free(buffer);
}

static void *thread_main(void *argument)
{
	thread_work(argument, false);
	return NULL;
}

ei_error *pass_run(
	const struct pass_wish *wish, const struct pass_consumer *consumers, size_t count)
{
	struct pass pass = { .wish = wish,
		.consumers = consumers,
		.count = MIN(count, (size_t)CONSUMERS_MAX),
		.total = image_bytes(wish->image) };
	for (size_t i = 0; i < pass.count; i++)
		pass.overlap = MAX(pass.overlap, consumers[i].overlap);
	pass.overlap = MIN(pass.overlap, (size_t)PASS_OVERLAP_MAX);
	pthread_mutex_init(&pass.lock, NULL);
	pthread_t others[THREADS_MAX];
	unsigned started = 0;
	while (started + 1 < MIN(wish->threads, (unsigned)THREADS_MAX) &&
		!pthread_create(&others[started], NULL, thread_main, &pass))
		started++;
	thread_work(&pass, true);
	for (unsigned i = 0; i < started; i++)
		pthread_join(others[i], NULL);
	pthread_mutex_destroy(&pass.lock);
	if (is_cancelled(&pass))
		return ei_fail(
			EI_E_CANCELLED, "the scan of '%s' was cancelled", image_path(wish->image));
	if (pass.no_memory)
		return ei_fail(EI_E_NOMEM, "no memory to scan '%s'", image_path(wish->image));
	return NULL;
}
