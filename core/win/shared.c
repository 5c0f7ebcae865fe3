// Tables that are built once per session: one lock each, held while building.
// SPDX-License-Identifier: Apache-2.0
#include "win/shared.h"

#include "win/scan_plan.h"

#include <pthread.h>

struct slot {
	pthread_mutex_t lock;
	bool built;
	void *table;
	void (*drop)(void *table);
	struct text notes;        // a line each
	struct text *outer_notes; // while it is built: of the table that it is built for
	uint32_t outer_heard;
	bool is_heard;
};

enum { NOTES_MAX_BYTES = 256 << 10 };
_Static_assert(SHARED_SLOTS <= 32, "ei_run.heard has a bit for each");

struct shared {
	struct slot slots[SHARED_SLOTS];
	struct scan_plan *plan;
};

ei_error *shared_create(struct shared **out)
{
	struct shared *shared = calloc(1, sizeof *shared);
	if (shared)
		shared->plan = scan_plan_create();
	if (!shared || !shared->plan) {
		free(shared);
		return ei_fail(EI_E_NOMEM, "out of memory");
	}
	for (size_t i = 0; i < SHARED_SLOTS; i++) {
		pthread_mutex_init(&shared->slots[i].lock, NULL);
		text_init(&shared->slots[i].notes, NOTES_MAX_BYTES);
	}
	*out = shared;
	return NULL;
}

void shared_drop(struct shared *shared)
{
	if (!shared)
		return;
	for (size_t i = 0; i < SHARED_SLOTS; i++) {
		struct slot *slot = &shared->slots[i];
		if (slot->table)
			slot->drop(slot->table);
		text_deinit(&slot->notes);
		pthread_mutex_destroy(&slot->lock);
	}
	scan_plan_drop(shared->plan);
	free(shared);
}

struct scan_plan *shared_plan(const struct session *session)
{
	return session->shared->plan;
}

// ---- notes ----------------------------------------------------------------------------------

// What an inner table has to say is said of the outer one too, whoever has heard it before.
static void notes_begin(ei_run *run, struct slot *slot)
{
	slot->outer_notes = run->kept_notes;
	slot->outer_heard = run->heard;
	slot->is_heard = true;
	run->kept_notes = &slot->notes;
	run->heard = 0;
}

static void notes_end(ei_run *run, struct slot *slot)
{
	if (!slot->is_heard)
		return;
	run->kept_notes = slot->outer_notes;
	run->heard = slot->outer_heard;
	slot->is_heard = false;
}

static void notes_give(ei_run *run, enum shared_slot index)
{
	uint32_t bit = UINT32_C(1) << index;
	const char *at = run->session->shared->slots[index].notes.data;
	if (run->heard & bit)
		return;
	run->heard |= bit;
	while (at && *at) {
		size_t length = strcspn(at, "\n");
		ei_note(run, "%.*s", (int)length, at);
		at += length + (at[length] == '\n');
	}
}

void shared_notes_begin(ei_run *run, enum shared_slot index)
{
	notes_begin(run, &run->session->shared->slots[index]);
}

// ---- tables ---------------------------------------------------------------------------------

const void *shared_table(
	ei_run *run, enum shared_slot index, void *(*build)(ei_run *run), void (*drop)(void *table))
{
	struct slot *slot = &run->session->shared->slots[index];
	pthread_mutex_lock(&slot->lock);
	if (!slot->built) {
		slot->drop = drop;
		notes_begin(run, slot);
		slot->table = build(run);
		notes_end(run, slot);
		slot->built = true;
	}
	pthread_mutex_unlock(&slot->lock);
	notes_give(run, index);
	return slot->table;
}

bool shared_begin(const ei_run *run, enum shared_slot index)
{
	struct slot *slot = &run->session->shared->slots[index];
	if (pthread_mutex_trylock(&slot->lock))
		return false;
	if (!slot->built)
		return true;
	pthread_mutex_unlock(&slot->lock);
	return false;
}

void shared_end(ei_run *run, enum shared_slot index, void *table, void (*drop)(void *table))
{
	struct slot *slot = &run->session->shared->slots[index];
	notes_end(run, slot);
	slot->drop = drop;
	slot->table = table;
	slot->built = true;
	pthread_mutex_unlock(&slot->lock);
}
