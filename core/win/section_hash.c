// Hashes of contents, one content a thread.
// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"
#include "win/section_pieces.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { THREADS_MAX = 64, CHUNK = 256 << 10 };

enum outcome { NOT_DONE, NOT_WHOLE, HASHED };

struct hashing {
	ei_run *run;
	const ei_content *contents;
	size_t count;
	atomic_size_t next;
	enum outcome *outcomes;
	struct digest_text *texts;
	pthread_mutex_t lock;
	ei_error *error; // the first one
};

static void keep_error(struct hashing *h, ei_error *error)
{
	pthread_mutex_lock(&h->lock);
	if (h->error)
		ei_error_drop(error);
	else
		h->error = error;
	pthread_mutex_unlock(&h->lock);
}

// False when not all of it can be read.
static bool piece_add(
	const struct hashing *h, const ei_piece *piece, uint8_t *buffer, struct digest *digest)
{
	if (piece->pa == EI_PIECE_ZERO) {
		digest_add_zeroes(digest, piece->size);
		return true;
	}
	for (uint64_t at = 0; at < piece->size;) {
		size_t want = (size_t)MIN(piece->size - at, (uint64_t)CHUNK);
		// Less than asked for where one run of the image ends and the next begins.
		size_t got = image_read(h->run->session->image, piece->pa + at, buffer, want);
		if (!got)
			return false;
		digest_add(digest, buffer, got);
		at += got;
	}
	return true;
}

static ei_error *content_hash(struct hashing *h, size_t index, uint8_t *buffer)
{
	const ei_content *content = &h->contents[index];
	EI_OWNED(digest) digest = NULL;
	h->outcomes[index] = NOT_WHOLE;
	if (content->missing || content->is_open_ended)
		return NULL;
	EI_TRY(digest_create(DIGEST_ALL, &digest));
	for (size_t i = 0; i < content->piece_count; i++) {
		if (ei_stopped(h->run)) {
			h->outcomes[index] = NOT_DONE;
			return NULL;
		}
		if (!piece_add(h, &content->pieces[i], buffer, digest))
			return NULL;
	}
	EI_TRY(digest_end(digest, &h->texts[index]));
	h->outcomes[index] = HASHED;
	return NULL;
}

static void *worker_main(void *argument)
{
	struct hashing *h = argument;
	uint8_t *buffer = malloc(CHUNK);
	if (!buffer) {
		keep_error(h, ei_fail(EI_E_NOMEM, "out of memory"));
		return NULL;
	}
	for (size_t i; (i = atomic_fetch_add(&h->next, 1)) < h->count && !ei_stopped(h->run);) {
		ei_error *error = content_hash(h, i, buffer);
		if (error)
			keep_error(h, error);
	}
	free(buffer);
	return NULL;
}

static void workers_run(struct hashing *h)
{
	pthread_t threads[THREADS_MAX];
	unsigned wanted = MIN(h->run->session->threads, (unsigned)THREADS_MAX), started = 0;
	while (started + 1 < wanted && started + 1 < h->count &&
		!pthread_create(&threads[started], NULL, worker_main, h))
		started++;
	(void)worker_main(h);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

ei_error *ei_contents_hash(ei_run *run, const ei_content *contents, size_t count, ei_hashes *out)
{
	struct hashing h = { .run = run, .contents = contents, .count = count };
	h.outcomes = ei_alloc(run->scratch, (count + 1) * sizeof *h.outcomes);
	h.texts = ei_alloc(run->scratch, (count + 1) * sizeof *h.texts);
	if (!h.outcomes || !h.texts)
		return ei_fail(EI_E_NOMEM, "out of memory");
	pthread_mutex_init(&h.lock, NULL);
	workers_run(&h);
	pthread_mutex_destroy(&h.lock);
	for (size_t i = 0; i < count; i++) {
		const ei_val none = ei_absent(h.outcomes[i] == NOT_DONE ? EI_NONE : EI_UNREADABLE);
		bool has = h.outcomes[i] == HASHED;
		out[i] = (ei_hashes){
			has ? ei_str(h.texts[i].md5) : none,
			has ? ei_str(h.texts[i].sha1) : none,
			has ? ei_str(h.texts[i].sha256) : none,
		};
	}
	return h.error;
}
