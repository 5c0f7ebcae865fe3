// Who holds a byte, what the memory is to each, and terms in scattered pages, against a search that
// walks every address space.
// SPDX-License-Identifier: Apache-2.0
#include "win/owner.h"
#include "../fx/fx.h"
#include "../fx/test.h"
#include "run/session.h"
#include "scan/scan.h"
#include "win/scan_plan.h"
#include "win/shared.h"

#include <ctype.h>

static const char profile_name[] = "win10-19041-x64";

// ---- a run ----------------------------------------------------------------------------------

static ei_run *run_begin(struct fx *fx, unsigned threads)
{
	ei_run *run = NULL;
	fx_memory_open(&fx->memory);
	shared_drop(fx->session.shared);
	fx->session.shared = NULL;
	fx->session.image = fx->memory.image;
	fx->session.threads = threads;
	assert_null(shared_create(&fx->session.shared));
	assert_null(run_create(&fx->session, &run));
	return run;
}

static uint64_t field(const struct fx *fx, const char *type, const char *path)
{
	struct member member;
	assert_true(profile_member(fx->profile, type, path, &member));
	return member.offset;
}

static void put64(struct fx_tables *tables, uint64_t va, uint64_t value)
{
	fx_write(tables, va, &value, sizeof value);
}

static void put32(struct fx_tables *tables, uint64_t va, uint32_t value)
{
	fx_write(tables, va, &value, sizeof value);
}

// The first owner of what `tables` map at `va`.
static ei_owner owner_of(ei_run *run, struct fx_tables *tables, uint64_t va)
{
	struct page page;
	ei_owner owner = { 0 };
	ei_owner_cursor cursor = { 0 };
	assert_true(space_translate(&tables->space, run->reader, va, &page));
	assert_true(ei_next_owner(run, page.pa + (va - page.va), &cursor, &owner));
	return owner;
}

static void expect_region(
	ei_run *run, struct fx_tables *tables, uint64_t va, ei_region_kind kind, const char *text)
{
	ei_owner owner = owner_of(run, tables, va);
	assert_int_equal(owner.region_kind, kind);
	assert_true(ei_has(owner.region));
	assert_int_equal(owner.region.length, strlen(text));
	assert_memory_equal(owner.region.s, text, owner.region.length);
}

// ---- regions --------------------------------------------------------------------------------

enum {
	HEAP = 0x2000000,
	SEGMENT = 0x3000000,
	STACK = 0x4000000,
	TEB = 0x5002000,
	PLAIN = 0x6000000,
	THREAD_ID = 1234,
};
#define THREAD UINT64_C(0xffffa00030000000)
#define VADS UINT64_C(0xffffa00031000000)

static void thread_make(struct fx *fx, const struct fx_object *process)
{
	uint64_t head = process->va + field(fx, "_EPROCESS", "ThreadListHead");
	uint64_t link = THREAD + field(fx, "_ETHREAD", "ThreadListEntry");
	fx_map_fresh(&fx->tables, THREAD);
	put64(&fx->tables, THREAD + field(fx, "_ETHREAD", "Tcb.Teb"), TEB);
	put64(&fx->tables, THREAD + field(fx, "_ETHREAD", "Cid.UniqueThread"), THREAD_ID);
	put64(&fx->tables, link, head);
	put64(&fx->tables, link + 8, head);
	put64(&fx->tables, head, link);
	put64(&fx->tables, head + 8, link);
}

// A tree that leans to the right, one node for each range.
static void ranges_make(
	struct fx *fx, const struct fx_object *process, const uint64_t (*ranges)[2], size_t count)
{
	uint64_t right = field(fx, "_MMVAD_SHORT", "VadNode.Right");
	fx_map_fresh(&fx->tables, VADS);
	put64(&fx->tables, process->va + field(fx, "_EPROCESS", "VadRoot.Root"), VADS + 0x100);
	for (size_t i = 0; i < count; i++) {
		uint64_t node = VADS + 0x100 * (i + 1);
		struct member private;
		assert_true(profile_member(
			fx->profile, "_MMVAD_SHORT", "u.VadFlags.PrivateMemory", &private));
		fx_write(&fx->tables, node - 12, "VadS", 4);
		put32(&fx->tables, node + field(fx, "_MMVAD_SHORT", "StartingVpn"),
			(uint32_t)(ranges[i][0] / PAGE_SIZE));
		put32(&fx->tables, node + field(fx, "_MMVAD_SHORT", "EndingVpn"),
			(uint32_t)((ranges[i][0] + ranges[i][1] - 1) / PAGE_SIZE));
		put32(&fx->tables, node + private.offset, 1u << private.bit);
		if (i + 1 < count)
			put64(&fx->tables, node + right, node + 0x100);
	}
}

static void regions_are_told_by_their_use(void **state)
{
	(void)state;
	static const uint64_t ranges[][2] = { { HEAP, 0x10000 }, { SEGMENT, 0x10000 },
		{ STACK, 0x100000 }, { TEB - 0x2000, 0x10000 }, { PLAIN, 0x4000 } };
	FX_WINDOWS(fx, profile_name);
	struct fx_object process = fx_process(fx, .pid = 500, .name = "one.exe", .user = true);
	struct fx_tables *user = &process.tables;
	const uint64_t pages[] = { HEAP, SEGMENT, STACK + 0xff000, TEB, TEB - 0x2000, PLAIN };
	for (size_t i = 0; i < ARRAY_LENGTH(pages); i++)
		fx_map_fresh(user, pages[i]);
	put64(user, process.peb + field(fx, "_PEB", "ProcessHeap"), HEAP);
	put32(user, SEGMENT + 0x10, 0xffeeffee);
	put64(user, SEGMENT + 0x28, HEAP);
	put64(user, TEB + field(fx, "_TEB", "NtTib.StackBase"), STACK + 0x100000);
	thread_make(fx, &process);
	ranges_make(fx, &process, ranges, ARRAY_LENGTH(ranges));

	EI_OWNED(ei_run) run = run_begin(fx, 2);
	expect_region(run, user, HEAP + 8, EI_REGION_HEAP, "heap 0x2000000");
	expect_region(run, user, SEGMENT + 8, EI_REGION_HEAP, "heap 0x2000000");
	expect_region(run, user, STACK + 0xff008, EI_REGION_STACK, "stack of thread 1234");
	expect_region(run, user, TEB + 8, EI_REGION_TEB, "teb of thread 1234");
	expect_region(run, user, TEB - 0x1ff8, EI_REGION_PRIVATE, "private");
	expect_region(run, user, process.peb + 8, EI_REGION_PEB, "peb");
	expect_region(run, user, PLAIN + 8, EI_REGION_PRIVATE, "private");
	assert_int_equal(
		owner_of(run, user, PLAIN).protection, EI_CAN_READ | EI_CAN_WRITE | EI_CAN_EXECUTE);
}

static void smallest_region_comes_first(void **state)
{
	(void)state;
	static const uint64_t large[][2] = { { PLAIN, 0x400000 } };
	FX_WINDOWS(fx, profile_name);
	struct fx_object one = fx_process(fx, .pid = 500, .name = "one.exe", .user = true);
	struct fx_object two = fx_process(fx, .pid = 504, .name = "two.exe", .user = true);
	ranges_make(fx, &one, large, 1);
	uint64_t frame = fx_map_fresh(&one.tables, PLAIN);
	fx_dll(fx, &two, .name = "small.dll", .path = "small.dll", .base = PLAIN, .size = 0x2000);
	fx_map(&two.tables, PLAIN, frame);
	fx_map(&two.tables, 0x7000000, frame); // of no region

	EI_OWNED(ei_run) run = run_begin(fx, 2);
	ei_owner_cursor cursor = { 0 };
	ei_owner owner;
	const struct {
		uint64_t pid, va;
	} wanted[] = { { 504, PLAIN }, { 500, PLAIN }, { 504, 0x7000000 } };
	for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
		assert_true(ei_next_owner(run, frame, &cursor, &owner));
		assert_int_equal(owner.pid.u, wanted[i].pid);
		assert_int_equal(owner.va.u, wanted[i].va);
	}
	assert_false(ei_next_owner(run, frame, &cursor, &owner));
}

// ---- the kernel -----------------------------------------------------------------------------

#define POOL UINT64_C(0xffffa00032000000)

static void pool_header_put(struct fx *fx, uint64_t va, unsigned previous, unsigned size,
	unsigned type, const char *tag)
{
	put32(&fx->tables, va, previous / 16 | size / 16 << 16 | type << 24);
	fx_write(&fx->tables, va + 4, tag, 4);
}

static void pool_blocks_have_their_tags(void **state)
{
	(void)state;
	FX_WINDOWS(fx, profile_name);
	fx_map_fresh(&fx->tables, POOL);
	fx_map_fresh(&fx->tables, POOL + PAGE_SIZE);
	fx_map_fresh(&fx->tables, POOL + 2 * PAGE_SIZE);
	// A page of blocks from its first byte; the second is told by its chain alone.
	pool_header_put(fx, POOL, 0, 0x40, 2, "Aaaa");
	pool_header_put(fx, POOL + 0x40, 0x40, 0x80, 0, "Free");
	pool_header_put(fx, POOL + 0xc0, 0x80, 0xf40, 3, "Bb b");
	// Later builds put blocks anywhere.
	pool_header_put(fx, POOL + PAGE_SIZE + 0x230, 0, 0x50, 3, "Cccc");
	pool_header_put(fx, POOL + PAGE_SIZE + 0x280, 0, 0x50, 2, "Dddd");
	// Text that looks like a header is none.
	fx_write(&fx->tables, POOL + 2 * PAGE_SIZE + 0x100, "AAAAAAAAtextAAAABBBBBBBBtextBBBB", 32);

	EI_OWNED(ei_run) run = run_begin(fx, 1);
	expect_region(run, &fx->tables, POOL + 0x20, EI_REGION_POOL, "pool Aaaa");
	expect_region(run, &fx->tables, POOL + 0x60, EI_REGION_POOL, "pool Free");
	expect_region(run, &fx->tables, POOL + 0xff0, EI_REGION_POOL, "pool Bb b");
	expect_region(run, &fx->tables, POOL + PAGE_SIZE + 0x27f, EI_REGION_POOL, "pool Cccc");
	expect_region(run, &fx->tables, POOL + PAGE_SIZE + 0x220, EI_REGION_KERNEL, "kernel");
	expect_region(run, &fx->tables, POOL + 2 * PAGE_SIZE + 0x118, EI_REGION_KERNEL, "kernel");
}

static void frames_that_nobody_maps_have_a_state(void **state)
{
	(void)state;
	FX_WINDOWS(fx, profile_name);
	const uint64_t database = UINT64_C(0xfffffa8000000000);
	uint64_t symbol = fx_symbol(fx, "MmPfnDatabase"),
		 size = profile_type_size(fx->profile, "_MMPFN");
	struct member location;
	assert_true(profile_member(fx->profile, "_MMPFN", "u3.e1.PageLocation", &location));
	uint64_t frame = fx_frame(&fx->memory);
	uint64_t entry = database + frame / PAGE_SIZE * size + location.offset;
	fx_map_fresh(&fx->tables, symbol / PAGE_SIZE * PAGE_SIZE);
	put64(&fx->tables, symbol, database);
	fx_map_fresh(&fx->tables, entry / PAGE_SIZE * PAGE_SIZE);
	uint8_t standby = (uint8_t)(2 << location.bit);
	fx_write(&fx->tables, entry, &standby, 1);

	EI_OWNED(ei_run) run = run_begin(fx, 1);
	ei_owner owner;
	ei_owner_cursor cursor = { 0 };
	assert_true(ei_next_owner(run, frame + 5, &cursor, &owner));
	assert_int_equal(owner.kind, EI_OWNER_NOBODY);
	assert_memory_equal(owner.region.s, "standby", 7);
	assert_false(ei_next_owner(run, frame + 5, &cursor, &owner));
}

// ---- scattered pages ------------------------------------------------------------------------

enum { FRAMES = 24, PROCESSES = 3, STRETCH = 20, SIGHTINGS_MAX = 1 << 16 };
static const uint64_t stretch_at = 0x8000000;

static const char *const needles[] = { "abab", "BBBA", "aab", "abbbabab", "b.aab" };

struct sighting {
	uint64_t pid, va;
	uint32_t term, flags;
};

struct sightings {
	struct sighting items[SIGHTINGS_MAX];
	size_t count;
};

static uint64_t seed = 11;

static uint64_t random_below(uint64_t bound)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 33) % bound;
}

static void sighting_add(struct sightings *all, struct sighting sighting)
{
	assert_true(all->count < SIGHTINGS_MAX);
	all->items[all->count++] = sighting;
}

static bool matches(const uint8_t *at, size_t room, const char *needle, bool wide)
{
	size_t step = wide ? 2 : 1, length = strlen(needle);
	if (length * step > room)
		return false;
	for (size_t i = 0; i < length; i++)
		if (tolower(at[i * step]) != tolower(needle[i]) || (wide && at[2 * i + 1]))
			return false;
	return true;
}

// Every place in the bytes as the process sees them.
static void naive_search(
	struct sightings *all, uint64_t pid, uint64_t va, const uint8_t *bytes, size_t size)
{
	for (uint32_t term = 0; term < ARRAY_LENGTH(needles); term++)
		for (size_t at = 0; at < size; at++)
			for (uint32_t wide = 0; wide < 2; wide++)
				if (matches(bytes + at, size - at, needles[term], wide))
					sighting_add(
						all, (struct sighting){ pid, va + at, term, wide });
}

// Letters, few of them; some pages as UTF-16, some of it shifted by one.
static void frame_fill(uint8_t *page)
{
	uint64_t kind = random_below(4);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		page[i] = (uint8_t)("abAB."[random_below(16) ? random_below(4) : 4]);
	for (size_t i = kind & 1; kind >= 2 && i < PAGE_SIZE; i += 2)
		page[i] = 0;
}

static int compare_sightings(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct sighting));
}

static void sightings_sort(struct sightings *all)
{
	qsort(all->items, all->count, sizeof all->items[0], compare_sightings);
}

static void expect_same(struct sightings *have, struct sightings *want)
{
	sightings_sort(have);
	sightings_sort(want);
	assert_int_equal(have->count, want->count);
	assert_memory_equal(have->items, want->items, want->count * sizeof want->items[0]);
}

// What the search says that processes hold; what it says is none of theirs, apart.
static void our_search(ei_run *run, struct sightings *held, struct sightings *not_held)
{
	ei_term terms[ARRAY_LENGTH(needles)];
	for (size_t i = 0; i < ARRAY_LENGTH(needles); i++)
		terms[i] = (ei_term){ needles[i], (uint32_t)strlen(needles[i]) };
	const ei_hit *hits = NULL;
	size_t count = 0;
	assert_null(ei_search(run, terms, ARRAY_LENGTH(needles), &hits, &count));
	for (size_t i = 0; i < count; i++) {
		ei_owner_cursor cursor = { 0 };
		assert_true(!i || hits[i - 1].pa <= hits[i].pa);
		for (ei_owner owner; ei_next_holder(run, &hits[i], &cursor, &owner);) {
			if (owner.kind != EI_OWNER_PROCESS || owner.va.u < stretch_at)
				continue;
			struct sighting seen = { owner.pid.u, owner.va.u, hits[i].term,
				hits[i].flags & EI_HIT_UTF16 };
			sighting_add(owner.across == EI_ACROSS_PHYSICAL ? not_held : held, seen);
		}
	}
}

static struct sightings *sightings_create(void)
{
	struct sightings *all = calloc(1, sizeof *all);
	assert_non_null(all);
	return all;
}

// Frames are next to each other, so that many pages are neighbours in one way and not in the other.
static void scattered_process(struct fx *fx, uint64_t frames, uint32_t pid, struct sightings *want)
{
	static uint8_t bytes[STRETCH * PAGE_SIZE];
	struct fx_object process = fx_process(fx, .pid = pid, .name = "p.exe", .user = true);
	for (size_t page = 0; page < STRETCH; page++) {
		uint64_t frame = frames + random_below(FRAMES) * PAGE_SIZE;
		if (page && random_below(3) == 0)
			frame = frames + (page % FRAMES) * PAGE_SIZE;
		fx_map(&process.tables, stretch_at + page * PAGE_SIZE, frame);
		memcpy(bytes + page * PAGE_SIZE, fx->memory.bytes + frame, PAGE_SIZE);
	}
	naive_search(want, pid, stretch_at, bytes, sizeof bytes);
}

static void scattered_terms_are_found_as_processes_see_them(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		FX_WINDOWS(fx, profile_name);
		struct sightings *want = sightings_create(), *held = sightings_create(),
				 *not_held = sightings_create();
		uint64_t frames = fx_frame(&fx->memory);
		for (size_t i = 1; i < FRAMES; i++)
			assert_int_equal(fx_frame(&fx->memory), frames + i * PAGE_SIZE);
		for (size_t i = 0; i < FRAMES; i++)
			frame_fill(fx->memory.bytes + frames + i * PAGE_SIZE);
		for (uint32_t i = 0; i < PROCESSES; i++)
			scattered_process(fx, frames, 500 + 4 * i, want);
		EI_OWNED(ei_run) run = run_begin(fx, 1 + round % 3);
		our_search(run, held, not_held);
		expect_same(held, want);
		// Neighbours in physical memory alone: something else follows for the process, or
		// the same bytes do, and then they were found there.
		assert_true(not_held->count > 0);
		free(want);
		free(held);
		free(not_held);
	}
}

static void shared_seam_is_one_hit(void **state)
{
	(void)state;
	FX_WINDOWS(fx, profile_name);
	struct fx_object one = fx_process(fx, .pid = 500, .name = "one.exe", .user = true);
	struct fx_object two = fx_process(fx, .pid = 504, .name = "two.exe", .user = true);
	uint64_t right = fx_map_fresh(&one.tables, stretch_at + PAGE_SIZE);
	uint64_t left = fx_map_fresh(&one.tables, stretch_at);
	fx_map(&two.tables, 0x9000000, left);
	fx_map(&two.tables, 0x9000000 + PAGE_SIZE, right);
	fx_map(&fx->tables, POOL, left); // the kernel has other company for it
	fx_write(&one.tables, stretch_at + PAGE_SIZE - 4, "stitched", 8);
	EI_OWNED(ei_run) run = run_begin(fx, 2);
	const ei_term term = { "Stitched", 8 };
	const ei_hit *hits = NULL;
	size_t count = 0;
	assert_null(ei_search(run, &term, 1, &hits, &count));
	assert_int_equal(count, 1);
	assert_int_equal(hits[0].pa, left + PAGE_SIZE - 4);
	assert_int_equal(hits[0].next_page, right / PAGE_SIZE);
	ei_owner_cursor cursor = { 0 };
	ei_owner owner;
	for (uint64_t pid = 500; pid <= 504; pid += 4) {
		assert_true(ei_next_holder(run, hits, &cursor, &owner));
		assert_int_equal(owner.pid.u, pid);
		assert_int_equal(owner.across, EI_ACROSS_VIRTUAL);
	}
	assert_false(ei_next_holder(run, hits, &cursor, &owner));
}

// ---- one pass -------------------------------------------------------------------------------

struct joiner {
	unsigned begun, ended;
	struct found_context found;
};

static bool joiner_begin(ei_run *run, void *context, void **state, struct pass_consumer *out)
{
	struct joiner *joiner = context;
	(void)run;
	joiner->begun++;
	*state = joiner;
	*out = tags_consumer(&joiner->found);
	return true;
}

static void joiner_end(ei_run *run, void *context, void *state, const ei_error *error)
{
	struct joiner *joiner = context;
	(void)run;
	assert_ptr_equal(context, state);
	assert_null(error);
	joiner->ended++;
}

static void search_serves_all_that_wait_for_a_pass(void **state)
{
	(void)state;
	FX_WINDOWS(fx, profile_name);
	fx_map_fresh(&fx->tables, POOL);
	pool_header_put(fx, POOL, 0, 0x40, 2, "Qzqz");
	EI_OWNED(ei_run) run = run_begin(fx, 2);
	uint32_t tag = load_u32("Qzqz");
	struct tag_set set;
	struct hit_list list;
	hit_list_init(&list, 10);
	tag_set_init(&set, TAG_ALIGN_64, &tag, 1);
	struct joiner joiner = { .found = { .tags = &set, .list = &list } };
	const struct scan_part part = { joiner_begin, joiner_end, &joiner };
	const char *const named[] = { "Qzqz", "bad", NULL };
	scan_plan_join(run->session, &part);
	scan_plan_tags(run->session, named, 3);
	const ei_term term = { "nowhere to be found", 19 };
	const ei_hit *hits = NULL;
	size_t count = 0;
	for (int i = 0; i < 2; i++)
		assert_null(ei_search(run, &term, 1, &hits, &count));
	assert_int_equal(joiner.begun, 1);
	assert_int_equal(joiner.ended, 1);
	assert_int_equal(list.count, 1);
	assert_false(shared_begin(run, SHARED_TAGS)); // the pool's tags are found
	hit_list_deinit(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_are_told_by_their_use),
		cmocka_unit_test(smallest_region_comes_first),
		cmocka_unit_test(pool_blocks_have_their_tags),
		cmocka_unit_test(frames_that_nobody_maps_have_a_state),
		cmocka_unit_test(scattered_terms_are_found_as_processes_see_them),
		cmocka_unit_test(shared_seam_is_one_hit),
		cmocka_unit_test(search_serves_all_that_wait_for_a_pass),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
