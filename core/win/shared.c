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
};

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
	for (size_t i = 0; i < SHARED_SLOTS; i++)
		pthread_mutex_init(&shared->slots[i].lock, NULL);
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
		pthread_mutex_destroy(&slot->lock);
	}
	scan_plan_drop(shared->plan);
	free(shared);
}

struct scan_plan *shared_plan(const struct session *session)
{
	return session->shared->plan;
}

const void *shared_table(
	ei_run *run, enum shared_slot index, void *(*build)(ei_run *run), void (*drop)(void *table))
{
	struct slot *slot = &run->session->shared->slots[index];
	pthread_mutex_lock(&slot->lock);
	if (!slot->built) {
		slot->drop = drop;
		slot->table = build(run);
		slot->built = true;
	}
	pthread_mutex_unlock(&slot->lock);
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

void shared_end(const ei_run *run, enum shared_slot index, void *table, void (*drop)(void *table))
{
	struct slot *slot = &run->session->shared->slots[index];
	slot->drop = drop;
	slot->table = table;
	slot->built = true;
	pthread_mutex_unlock(&slot->lock);
}
