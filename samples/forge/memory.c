// Physical memory: a sparse store of pages, handed out in a shuffled order.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdlib.h>

enum { LEAF = 512, CLUSTER = 256 };

struct leaf {
	uint8_t *page[LEAF];
	uint8_t taken[LEAF / 8];
	uint8_t user[LEAF / 8];
};

// Frames come from clusters that are picked at random, so that neighbours in virtual memory are
// rarely neighbours in physical memory, yet a sparse file stays in few extents.
struct store {
	struct leaf **leaves;
	uint64_t leaf_count;
	uint64_t frames;
	uint64_t cluster;
	uint32_t order[CLUSTER];
	uint32_t order_used;
	uint8_t scratch[PAGE_SIZE]; // where writes go after a failure
};

static struct leaf *store_leaf(struct forge *f, uint64_t frame)
{
	struct store *s = f->store;
	if (frame >= s->frames)
		return NULL;
	struct leaf **leaf = &s->leaves[frame / LEAF];
	if (!*leaf)
		*leaf = forge_alloc(f, sizeof **leaf);
	return *leaf;
}

static void memory_add_run(struct forge *f, uint64_t first, uint64_t end)
{
	if (first < end)
		f->runs[f->run_count++] = (struct phys_run){ first, end - first };
}

// The first megabyte has the BIOS hole; above 3 GiB devices sit until 4 GiB.
static void memory_make_runs(struct forge *f)
{
	uint64_t frames = f->size_bytes / PAGE_SIZE;
	memory_add_run(f, 1, MIN(frames, 0x9f));
	if (frames <= 0x100000) {
		memory_add_run(f, 0x100, frames);
		return;
	}
	memory_add_run(f, 0x100, 0xc0000);
	memory_add_run(f, 0x100000, frames);
}

ei_error *memory_create(struct forge *f)
{
	memory_make_runs(f);
	f->store = forge_alloc(f, sizeof *f->store);
	if (!f->store)
		return ei_fail(EI_E_NOMEM, "no memory");
	f->store->frames = f->size_bytes / PAGE_SIZE;
	f->store->leaf_count = f->store->frames / LEAF + 1;
	f->store->order_used = CLUSTER;
	f->store->leaves = forge_alloc(f, f->store->leaf_count * sizeof(struct leaf *));
	return f->store->leaves ? NULL : ei_fail(EI_E_NOMEM, "no memory");
}

void memory_drop(struct forge *f)
{
	for (uint64_t i = 0; f->store && i < f->store->leaf_count; i++) {
		for (int j = 0; f->store->leaves[i] && j < LEAF; j++)
			free(f->store->leaves[i]->page[j]);
		free(f->store->leaves[i]);
	}
	if (f->store)
		free(f->store->leaves);
	free(f->store);
	f->store = NULL;
}

static bool memory_in_run(const struct forge *f, uint64_t frame)
{
	for (size_t i = 0; i < f->run_count; i++) {
		if (frame - f->runs[i].first < f->runs[i].count)
			return true;
	}
	return false;
}

bool memory_take_at(struct forge *f, uint64_t frame)
{
	struct leaf *leaf = memory_in_run(f, frame) ? store_leaf(f, frame) : NULL;
	uint8_t bit = (uint8_t)(1u << (frame % 8));
	if (!leaf || leaf->taken[frame % LEAF / 8] & bit)
		return false;
	leaf->taken[frame % LEAF / 8] |= bit;
	return true;
}

static void store_pick_cluster(struct forge *f)
{
	struct store *s = f->store;
	// The low 16 MiB are where tools look for page tables: leave them to what is placed there.
	uint64_t first = MIN(s->frames / 2, 0x1000) / CLUSTER;
	s->cluster = (first + forge_below(f, s->frames / CLUSTER - first)) * CLUSTER;
	for (uint32_t i = 0; i < CLUSTER; i++)
		s->order[i] = i;
	for (uint32_t i = CLUSTER - 1; i > 0; i--) {
		uint32_t j = (uint32_t)forge_below(f, i + 1);
		uint32_t swap = s->order[i];
		s->order[i] = s->order[j];
		s->order[j] = swap;
	}
	// A part of each cluster stays free, as in a machine that has run for days.
	s->order_used = CLUSTER / 8;
}

uint64_t memory_take(struct forge *f)
{
	struct store *s = f->store;
	for (uint64_t tries = 0; tries < 64 * s->frames; tries++) {
		if (s->order_used == CLUSTER)
			store_pick_cluster(f);
		uint64_t frame = s->cluster + s->order[s->order_used++];
		if (memory_take_at(f, frame))
			return frame;
	}
	forge_fail(f, EI_E_LIMIT, "the scenario does not fit in %llu MiB",
		(unsigned long long)(f->size_bytes >> 20));
	return 0;
}

static bool memory_run_free(struct forge *f, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		const struct leaf *leaf = f->store->leaves[(first + i) / LEAF];
		bool taken =
			leaf && leaf->taken[(first + i) % LEAF / 8] & (1u << ((first + i) % 8));
		if (taken || !memory_in_run(f, first + i))
			return false;
	}
	return true;
}

uint64_t memory_take_run(struct forge *f, uint64_t count)
{
	uint64_t slots = f->store->frames / count;
	uint64_t start = forge_below(f, slots);
	for (uint64_t i = 0; i < slots; i++) {
		uint64_t first = (start + i) % slots * count;
		if (first < 0x1000 && slots * count > 0x2000)
			continue;
		if (!memory_run_free(f, first, count))
			continue;
		for (uint64_t j = 0; j < count; j++)
			memory_take_at(f, first + j);
		return first;
	}
	forge_fail(f, EI_E_LIMIT, "no %llu free pages in a row in %llu MiB",
		(unsigned long long)count, (unsigned long long)(f->size_bytes >> 20));
	return 0;
}

uint8_t *memory_page(struct forge *f, uint64_t frame)
{
	struct leaf *leaf = store_leaf(f, frame);
	if (!leaf || f->error)
		return f->store->scratch;
	uint8_t **page = &leaf->page[frame % LEAF];
	if (!*page)
		*page = forge_alloc(f, PAGE_SIZE);
	return *page ? *page : f->store->scratch;
}

void memory_forget(struct forge *f, uint64_t frame)
{
	struct leaf *leaf = frame < f->store->frames ? f->store->leaves[frame / LEAF] : NULL;
	if (!leaf)
		return;
	free(leaf->page[frame % LEAF]);
	leaf->page[frame % LEAF] = NULL;
}

void memory_mark_user(struct forge *f, uint64_t frame)
{
	struct leaf *leaf = store_leaf(f, frame);
	if (leaf)
		leaf->user[frame % LEAF / 8] |= (uint8_t)(1u << (frame % 8));
}

bool memory_user_frame(const void *store, uint64_t frame)
{
	const struct store *s = store;
	const struct leaf *leaf = frame < s->frames ? s->leaves[frame / LEAF] : NULL;
	return leaf && leaf->user[frame % LEAF / 8] & (1u << (frame % 8));
}

static const uint8_t *view_page(const void *store, uint64_t frame)
{
	const struct store *s = store;
	const struct leaf *leaf = frame < s->frames ? s->leaves[frame / LEAF] : NULL;
	return leaf ? leaf->page[frame % LEAF] : NULL;
}

static uint64_t view_next(const void *store, uint64_t frame)
{
	const struct store *s = store;
	while (frame < s->frames) {
		const struct leaf *leaf = s->leaves[frame / LEAF];
		if (leaf && leaf->page[frame % LEAF])
			return frame;
		frame = leaf ? frame + 1 : (frame / LEAF + 1) * LEAF;
	}
	return UINT64_MAX;
}

struct phys_view memory_view(const struct forge *f)
{
	return (struct phys_view){
		.store = f->store,
		.size_bytes = f->size_bytes,
		.runs = f->runs,
		.run_count = f->run_count,
		.next = view_next,
		.page = view_page,
	};
}
