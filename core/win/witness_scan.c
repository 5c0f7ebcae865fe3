// The pass over all physical memory, on all cores.
// SPDX-License-Identifier: Apache-2.0
#include "win/witness.h"
#include <pthread.h>

#define FRAME UINT64_C(0x000ffffffffff000)

enum { PIECE = 64 << 10, THREADS_MAX = 64 }; // a piece stays in a core's own cache

struct sighting {
	uint64_t pa, dtb;
	const struct space_mode *mode;
};

struct sightings {
	struct sighting items[LEADS_MAX];
	size_t count;
};

// What threads share. Sightings are rare; the lock is not on the path of a page.
struct pass {
	const struct image *image;
	const bool *cancelled;
	void (*look)(struct pass *pass, const uint8_t *piece, size_t size, uint64_t pa);
	pthread_mutex_t lock;
	uint64_t next; // where the next piece starts
	bool no_memory;
	struct candidates *list;
	struct kernel_leads *leads;
	struct candidates *maps; // as seen, before sorting
	struct sightings systems, pae_roots;
};

static bool pass_take(struct pass *pass, uint64_t *start, uint64_t *end)
{
	struct image_run stretch;
	bool more = false;

	pthread_mutex_lock(&pass->lock);
	if (!(pass->cancelled && *pass->cancelled) &&
		image_stretch(pass->image, pass->next, &stretch)) {
		*start = (stretch.start + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
		*end = stretch.start + MIN(stretch.length, PIECE);
		pass->next = MAX(*end, stretch.start + 1);
		more = true;
	}
	pthread_mutex_unlock(&pass->lock);
	return more;
}

static void *pass_run(void *argument)
{
	struct pass *pass = argument;
	uint8_t *piece = malloc(PIECE);
	uint64_t start = 0, end = 0;

	if (!piece) {
		pass->no_memory = true;
		return NULL;
	}
	while (pass_take(pass, &start, &end)) {
		if (start >= end)
			continue;
		size_t got = image_read(pass->image, start, piece, end - start);
		pass->look(pass, piece, got & ~(size_t)(PAGE_SIZE - 1), start);
	}
	free(piece);
	return NULL;
}

static ei_error *pass_all(struct pass *pass, unsigned threads)
{
	pthread_t others[THREADS_MAX];
	unsigned started = 0;

	pass->next = 0;
	while (started + 1 < MIN(threads, THREADS_MAX) &&
		!pthread_create(&others[started], NULL, pass_run, pass))
		started++;
	pass_run(pass);
	for (unsigned i = 0; i < started; i++)
		pthread_join(others[i], NULL);
	if (pass->cancelled && *pass->cancelled)
		return ei_fail(EI_E_CANCELLED, "identification was cancelled");
	if (pass->no_memory)
		return ei_fail(EI_E_NOMEM, "no memory to scan '%s'", image_path(pass->image));
	return NULL;
}

// ---- debugger data --------------------------------------------------------------------------
static void look_for_kdbg(struct pass *pass, const uint8_t *page, uint64_t pa)
{
	struct kernel_leads *leads = pass->leads;

	for (size_t at = KDBG_TAG_AT; at + 16 <= PAGE_SIZE; at += 8) {
		if (load_u32(page + at) != KDBG_TAG || leads->block_count == LEADS_MAX)
			continue;
		uint64_t base = load_u64(page + at + 8);
		if (!base || base % PAGE_SIZE)
			continue;
		leads->blocks[leads->block_count++] =
			(struct kdbg_lead){ .base = base, .pa = pa + at - KDBG_TAG_AT };
	}
}

// ---- the System process ---------------------------------------------------------------------
static void sighting_add(struct pass *pass, struct sightings *list, const struct space_mode *mode,
	uint64_t dtb, uint64_t pa)
{
	if (dtb && dtb < image_end(pass->image) && list->count < LEADS_MAX)
		list->items[list->count++] = (struct sighting){ pa, dtb, mode };
}

// The name lies at a distance that differs by build; the root's place in front of it does not
// (_KPROCESS.DirectoryTableBase). A dispatcher header of type 3 marks the start.
static void look_before_name(struct pass *pass, const uint8_t *name, size_t room, uint64_t pa)
{
	enum { NEAREST = 0x100, FARTHEST = 0x700 };

	for (size_t back = NEAREST; back <= FARTHEST && back <= room; back += 4) {
		const uint8_t *start = name - back;
		if ((pa - back) % 8 || start[0] != 3)
			continue;
		uint64_t wide = load_u64(start + 0x28);
		uint32_t narrow = load_u32(start + 0x18);
		if (!(wide & ~FRAME & ~UINT64_C(0xf)))
			sighting_add(pass, &pass->systems, &space_x64, wide & FRAME, pa - back);
		if (narrow % 32 == 0)
			sighting_add(pass, &pass->systems, &space_pae, narrow, pa - back);
		if (narrow % PAGE_SIZE == 0)
			sighting_add(pass, &pass->systems, &space_x86, narrow, pa - back);
	}
}

// The object may start in the page before, which the piece need not hold.
static void look_for_system(struct pass *pass, uint64_t pa)
{
	uint8_t pages[2 * PAGE_SIZE] = { 0 };

	if (pa >= PAGE_SIZE)
		(void)image_read(pass->image, pa - PAGE_SIZE, pages, PAGE_SIZE);
	(void)image_read(pass->image, pa, pages + PAGE_SIZE, PAGE_SIZE);
	for (size_t at = PAGE_SIZE; at + 16 <= sizeof pages; at += 4)
		if (!memcmp(pages + at, "System\0\0\0\0\0\0\0\0", 14))
			look_before_name(pass, pages + at, at, pa - PAGE_SIZE + at);
}

static void look_for_witnesses(struct pass *pass, const uint8_t *piece, size_t size, uint64_t pa)
{
	for (size_t at = 0; at < size; at += PAGE_SIZE) {
		unsigned seen = page_screen(piece + at, pa + at);
		if (!seen)
			continue;
		pthread_mutex_lock(&pass->lock);
		if (seen & SCREEN_SELF)
			page_self_map(piece + at, pa + at, pass->maps);
		if (seen & SCREEN_KDBG)
			look_for_kdbg(pass, piece + at, pa + at);
		if (seen & SCREEN_SYSTEM)
			look_for_system(pass, pa + at);
		pthread_mutex_unlock(&pass->lock);
	}
}

// ---- roots of PAE directories ---------------------------------------------------------------
static bool is_pae_root(const uint8_t *at, const struct candidates *list)
{
	for (unsigned i = 0; i < 4; i++)
		if ((load_u64(at + 8 * i) & 0xfff0000000000fe7) != 1)
			return false;
	for (size_t i = 0; i < list->directory_count; i++)
		if ((load_u64(at + 24) & FRAME) == list->directories[i])
			return true;
	return false;
}

static void look_for_pae_roots(struct pass *pass, const uint8_t *piece, size_t size, uint64_t pa)
{
	for (size_t at = 0; at < size; at += 32) {
		if (!load_u64(piece + at) || !is_pae_root(piece + at, pass->maps))
			continue;
		pthread_mutex_lock(&pass->lock);
		sighting_add(pass, &pass->pae_roots, &space_pae, pa + at, pa + at);
		pthread_mutex_unlock(&pass->lock);
	}
}

// ---- in order -------------------------------------------------------------------------------
static int by_candidate_pa(const void *a, const void *b)
{
	uint64_t x = ((const struct candidate *)a)->pa, y = ((const struct candidate *)b)->pa;

	return (x > y) - (x < y);
}

static int by_sighting_pa(const void *a, const void *b)
{
	uint64_t x = ((const struct sighting *)a)->pa, y = ((const struct sighting *)b)->pa;

	return (x > y) - (x < y);
}

static int by_block_pa(const void *a, const void *b)
{
	uint64_t x = ((const struct kdbg_lead *)a)->pa, y = ((const struct kdbg_lead *)b)->pa;

	return (x > y) - (x < y);
}

static void sightings_take(struct pass *pass, struct sightings *list, const char *witness)
{
	qsort(list->items, list->count, sizeof list->items[0], by_sighting_pa);
	for (size_t i = 0; i < list->count; i++)
		candidate_add(pass->list, list->items[i].mode, list->items[i].dtb,
			list->items[i].pa, witness);
}

static ei_error *pass_pae_roots(struct pass *pass, unsigned threads)
{
	struct candidates *maps = pass->maps;

	for (size_t i = 0; i < maps->directory_count; i++) {
		uint64_t root = pae_root_near(pass->image, maps->directories[i]);
		if (root)
			candidate_add(
				pass->list, &space_pae, root, maps->directories[i], "self-map");
	}
	if (!maps->directory_count)
		return NULL;
	pass->look = look_for_pae_roots;
	EI_TRY(pass_all(pass, threads));
	sightings_take(pass, &pass->pae_roots, "self-map");
	return NULL;
}

static ei_error *pass_witnesses(struct pass *pass, unsigned threads)
{
	struct candidates *maps = pass->maps;

	pass->look = look_for_witnesses;
	EI_TRY(pass_all(pass, threads));
	qsort(pass->leads->blocks, pass->leads->block_count, sizeof pass->leads->blocks[0],
		by_block_pa);
	qsort(maps->items, maps->count, sizeof maps->items[0], by_candidate_pa);
	for (size_t i = 0; i < maps->count; i++)
		candidate_add(pass->list, maps->items[i].space.mode, maps->items[i].space.dtb,
			maps->items[i].pa, maps->items[i].witness);
	pass->list->dropped += maps->dropped;
	EI_TRY(pass_pae_roots(pass, threads));
	sightings_take(pass, &pass->systems, "System process");
	return NULL;
}

ei_error *witness_scan(const struct image *image, unsigned threads, const bool *cancelled,
	struct candidates *list, struct kernel_leads *leads)
{
	struct pass pass = { .image = image, .cancelled = cancelled, .list = list, .leads = leads };

	pass.maps = calloc(1, sizeof *pass.maps);
	if (!pass.maps)
		return ei_fail(EI_E_NOMEM, "no memory to scan '%s'", image_path(image));
	pthread_mutex_init(&pass.lock, NULL);
	ei_error *error = pass_witnesses(&pass, threads);
	pthread_mutex_destroy(&pass.lock);
	free(pass.maps);
	return error;
}
