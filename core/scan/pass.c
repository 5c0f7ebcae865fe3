// The pass: chunks are handed out, read, and given to every consumer.
// SPDX-License-Identifier: Apache-2.0
#include "scan/scan.h"

#include <pthread.h>
#include <unistd.h>

enum {
	THREADS_MAX = 64,
	PIECE = 4 << 20,   // bytes that are asked for at once
	AHEAD = 32 << 20,  // bytes between what is read and what is asked for
	BEHIND = 16 << 20, // bytes that no thread can still be in
	CACHE_SHARE = 2,   // of memory, the part that an image may fill
};

struct pass {
	const struct pass_wish *wish;
	const struct pass_consumer *consumers;
	size_t count;
	size_t overlap; // the largest that a consumer wants
	uint64_t total;
	pthread_mutex_t lock;
	struct image_run stretch; // what is being handed out
	uint64_t next;            // where the next chunk starts
	uint64_t done;            // bytes handed out
	bool no_memory;
	bool ended;
	pthread_cond_t moved; // `next` has come a piece further, or all is handed out
};

static bool is_cancelled(const struct pass *pass)
{
	const bool *cancelled = pass->wish->cancelled;
	return cancelled && __atomic_load_n(cancelled, __ATOMIC_RELAXED);
}

static bool stretch_take(struct pass *pass)
{
	if (is_cancelled(pass))
		return false;
	if (pass->stretch.length)
		return true;
	return image_stretch(pass->wish->image, pass->next, &pass->stretch);
}

// A chunk starts where a page starts, or where a run does: consumers rely on the alignment.
static bool chunk_take(struct pass *pass, struct pass_chunk *chunk, uint64_t *done)
{
	struct image_run *stretch = &pass->stretch;
	bool more = false;
	pthread_mutex_lock(&pass->lock);
	if (stretch_take(pass)) {
		chunk->pa = stretch->start;
		chunk->own = (size_t)MIN(stretch->length, (uint64_t)PASS_CHUNK);
		stretch->start += chunk->own;
		stretch->length -= chunk->own;
		pass->next = stretch->start;
		*done = pass->done;
		pass->done += chunk->own;
		more = true;
	}
	pass->ended |= !more;
	if (!more || pass->done / PIECE != *done / PIECE)
		pthread_cond_signal(&pass->moved);
	pthread_mutex_unlock(&pass->lock);
	return more;
}

// Reads a chunk with what is around it; nothing is in front of one that starts a run.
static size_t chunk_fill(const struct pass *pass, struct pass_chunk *chunk, uint8_t *buffer)
{
	const struct image *image = pass->wish->image;
	size_t wanted = chunk->own + pass->overlap, got = 0;
	chunk->before = 0;
	if (chunk->pa >= PASS_BEFORE)
		got = image_read(image, chunk->pa - PASS_BEFORE, buffer, PASS_BEFORE + wanted);
	if (got > PASS_BEFORE) {
		chunk->before = PASS_BEFORE;
		return got - PASS_BEFORE;
	}
	return image_read(image, chunk->pa, buffer + PASS_BEFORE, wanted);
}

static void chunk_give(struct pass *pass, struct pass_chunk *chunk, uint8_t *buffer, void **states)
{
	chunk->size = chunk_fill(pass, chunk, buffer);
	chunk->own = MIN(chunk->own, chunk->size);
	chunk->bytes = buffer + PASS_BEFORE;
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

// ---- threads --------------------------------------------------------------------------------

static bool states_begin(const struct pass *pass, void **states)
{
	for (size_t i = 0; i < pass->count; i++) {
		states[i] = pass->consumers[i].begin(pass->consumers[i].context);
		if (!states[i])
			return false;
	}
	return true;
}

static void thread_work(struct pass *pass, bool first)
{
	const struct pass_wish *wish = pass->wish;
	void **states = calloc(pass->count + 1, sizeof *states);
	// The kernels read past the end, within the page.
	size_t room = PASS_BEFORE + PASS_CHUNK + pass->overlap + PASS_BEFORE;
	uint8_t *buffer = aligned_alloc(PASS_BEFORE, room / PASS_BEFORE * PASS_BEFORE);
	bool ready = buffer && states && states_begin(pass, states);
	struct pass_chunk chunk;
	uint64_t done = 0;
	while (ready && chunk_take(pass, &chunk, &done)) {
		if (first && wish->progress)
			wish->progress(wish->progress_context, done, pass->total);
		chunk_read(pass, &chunk, buffer, states);
	}
	pthread_mutex_lock(&pass->lock);
	pass->no_memory |= !ready;
	for (size_t i = 0; states && i < pass->count; i++)
		if (states[i])
			pass->consumers[i].merge(pass->consumers[i].context, states[i]);
	pthread_mutex_unlock(&pass->lock);
	free(buffer);
	free(states);
}

static void *thread_main(void *argument)
{
	thread_work(argument, false);
	return NULL;
}

// ---- the file cache -------------------------------------------------------------------------

// Where the thread that works ahead has come to. Positions are physical addresses.
struct ahead {
	struct pass *pass;
	uint64_t asked;    // all before this was asked for
	uint64_t released; // all before this was forgotten, or stays
	uint64_t kept;     // bytes that the cache may still keep
	bool at_end;
};

// Waits until the threads have come close; false when they are done.
static bool ahead_wait(struct ahead *ahead, uint64_t *next)
{
	struct pass *pass = ahead->pass;
	pthread_mutex_lock(&pass->lock);
	uint64_t seen = pass->next;
	while (!pass->ended && pass->next == seen &&
		(ahead->at_end || ahead->asked > pass->next + AHEAD))
		pthread_cond_wait(&pass->moved, &pass->lock);
	*next = pass->next;
	bool goes_on = !pass->ended;
	pthread_mutex_unlock(&pass->lock);
	return goes_on;
}

static void ahead_ask(struct ahead *ahead)
{
	const struct image *image = ahead->pass->wish->image;
	struct image_run stretch;
	if (!image_stretch(image, ahead->asked, &stretch)) {
		ahead->at_end = true;
		return;
	}
	uint64_t size = MIN(stretch.length, (uint64_t)PIECE);
	image_prefetch(image, stretch.start, size);
	ahead->asked = stretch.start + size;
}

static void ahead_release(struct ahead *ahead, uint64_t next)
{
	const struct image *image = ahead->pass->wish->image;
	struct image_run stretch;
	while (image_stretch(image, ahead->released, &stretch)) {
		uint64_t size = MIN(stretch.length, (uint64_t)PIECE);
		if (stretch.start + size + BEHIND > next)
			return;
		if (ahead->kept >= size)
			ahead->kept -= size;
		else
			image_release(image, stretch.start, size);
		ahead->released = stretch.start + size;
	}
}

static uint64_t cache_share(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / CACHE_SHARE : UINT64_MAX;
}

static void *ahead_main(void *argument)
{
	struct ahead ahead = { .pass = argument, .kept = cache_share() };
	bool keeps_all = image_file_size(ahead.pass->wish->image) <= ahead.kept;
	uint64_t next = 0;
	while (ahead_wait(&ahead, &next)) {
		ahead.asked = MAX(ahead.asked, next);
		if (!ahead.at_end && ahead.asked <= next + AHEAD)
			ahead_ask(&ahead);
		if (!keeps_all)
			ahead_release(&ahead, next);
	}
	if (!keeps_all)
		ahead_release(&ahead, next);
	return NULL;
}

// ---- all ------------------------------------------------------------------------------------

static void threads_run(struct pass *pass)
{
	pthread_t others[THREADS_MAX], ahead;
	unsigned wanted = MIN(pass->wish->threads, (unsigned)THREADS_MAX), started = 0;
	bool is_large = pass->total > AHEAD;
	bool works_ahead = is_large && !pthread_create(&ahead, NULL, ahead_main, pass);
	while (started + 1 < wanted && !pthread_create(&others[started], NULL, thread_main, pass))
		started++;
	thread_work(pass, true);
	for (unsigned i = 0; i < started; i++)
		pthread_join(others[i], NULL);
	if (!works_ahead)
		return;
	pthread_mutex_lock(&pass->lock);
	pass->ended = true;
	pthread_cond_signal(&pass->moved);
	pthread_mutex_unlock(&pass->lock);
	pthread_join(ahead, NULL);
}

ei_error *pass_run(
	const struct pass_wish *wish, const struct pass_consumer *consumers, size_t count)
{
	struct pass pass = { .wish = wish,
		.consumers = consumers,
		.count = count,
		.total = image_bytes(wish->image) };
	for (size_t i = 0; i < pass.count; i++)
		pass.overlap = MAX(pass.overlap, consumers[i].overlap);
	pass.overlap = MIN(pass.overlap, (size_t)PASS_OVERLAP_MAX);
	pthread_mutex_init(&pass.lock, NULL);
	pthread_cond_init(&pass.moved, NULL);
	threads_run(&pass);
	pthread_cond_destroy(&pass.moved);
	pthread_mutex_destroy(&pass.lock);
	if (is_cancelled(&pass))
		return ei_fail(
			EI_E_CANCELLED, "the scan of '%s' was cancelled", image_path(wish->image));
	if (pass.no_memory)
		return ei_fail(EI_E_NOMEM, "no memory to scan '%s'", image_path(wish->image));
	return NULL;
}
