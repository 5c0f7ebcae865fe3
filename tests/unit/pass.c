// The pass over physical memory: every byte once, in any number of threads, with the same result.
// SPDX-License-Identifier: Apache-2.0
#include "scan/scan.h"

#include "tests/fx/fx_tables.h"
#include "tests/fx/test.h"
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MEMORY = 8 << 20 };

// A disk with a bad sector: reads end before it, and fail in it.
static uint64_t bad_page;

ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
	uint64_t from = (uint64_t)offset;
	if (bad_page && from / PAGE_SIZE == bad_page / PAGE_SIZE) {
		errno = EIO;
		return -1;
	}
	if (bad_page && from < bad_page)
		size = MIN(size, (size_t)(bad_page - from));
	struct iovec part = { buffer, size };
	return preadv(fd, &part, 1, offset);
}

static void search_all(
	const struct fx_memory *memory, const char *text, unsigned threads, struct hit_list *list)
{
	struct term term = { text, (uint32_t)strlen(text) };
	struct term_set *set = NULL;
	assert_null(terms_compile(&term, 1, &set));
	struct found_context found = { .terms = set, .list = list };
	struct pass_consumer consumer = terms_consumer(&found);
	struct pass_wish wish = { .image = memory->image, .threads = threads };
	assert_null(pass_run(&wish, &consumer, 1));
	hit_list_sort(list);
	term_set_drop(set);
}

static void hits_across_chunks_are_found_once(void **state)
{
	(void)state;
	struct fx_memory memory;
	fx_memory_init(&memory, MEMORY);
	const uint64_t places[] = { 0x1000, PASS_CHUNK - 9, PASS_CHUNK - 5, 2 * PASS_CHUNK,
		3 * PASS_CHUNK - 1, MEMORY - 5 };
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++)
		memcpy(memory.bytes + places[i], "xabcy", 5);
	memcpy(memory.bytes + PASS_CHUNK - 9, "xabcxabcy", 9);
	fx_memory_open(&memory);
	for (unsigned threads = 1; threads <= 4; threads++) {
		struct hit_list list;
		hit_list_init(&list, 100);
		search_all(&memory, "XABC", threads, &list);
		assert_int_equal(list.count, ARRAY_LENGTH(places));
		for (size_t i = 0; i < list.count; i++)
			assert_int_equal(list.items[i].pa, places[i]);
		hit_list_deinit(&list);
	}
	fx_memory_deinit(&memory);
}

// Of a word in bytes or in UTF-16, at every place around the edge of two chunks, also where its
// neighbour is the other chunk's first or last byte.
static void words_at_the_edge_of_chunks_are_judged_by_both_sides(void **state)
{
	(void)state;
	enum { WORD = 4, REACH = 12 };
	static const char *const around[] = { "  ", "x ", " x", "xx", "_ ", " 9" };
	const struct term term = { "word", WORD };
	const struct term_list terms = { &term, 1, TERM_WORDS };
	struct term_set *set = NULL;
	assert_null(terms_compile_wish(&(struct term_wish){ &terms, 1, NULL, 0 }, &set));
	for (size_t step = 1; step <= 2; step++)
		for (size_t kind = 0; kind < ARRAY_LENGTH(around); kind++) {
			struct fx_memory memory;
			fx_memory_init(&memory, (2 * REACH + 2) * PASS_CHUNK);
			memset(memory.bytes, ' ', memory.size);
			for (uint64_t i = 0; i < 2 * REACH; i++) {
				uint8_t *at = memory.bytes + (i + 1) * PASS_CHUNK - REACH + i;
				const char text[] = { around[kind][0], 'w', 'o', 'r', 'd',
					around[kind][1] };
				memset(at - step, 0, sizeof text * step);
				for (size_t n = 0; n < sizeof text; n++)
					(at - step)[n * step] = (uint8_t)text[n];
			}
			fx_memory_open(&memory);
			struct hit_list list;
			hit_list_init(&list, 100);
			struct found_context found = { .terms = set, .list = &list };
			struct pass_consumer consumer = terms_consumer(&found);
			struct pass_wish wish = { .image = memory.image, .threads = 2 };
			assert_null(pass_run(&wish, &consumer, 1));
			hit_list_sort(&list);
			assert_int_equal(list.count, kind ? 0 : 2 * REACH);
			for (size_t i = 0; i < list.count; i++)
				assert_int_equal(
					list.items[i].pa, (i + 1) * PASS_CHUNK - REACH + i);
			hit_list_deinit(&list);
			fx_memory_deinit(&memory);
		}
	term_set_drop(set);
}

static void cap_keeps_the_lowest_addresses(void **state)
{
	(void)state;
	struct fx_memory memory;
	fx_memory_init(&memory, MEMORY);
	for (uint64_t pa = 0; pa < MEMORY; pa += 64)
		memcpy(memory.bytes + pa, "hit", 3);
	fx_memory_open(&memory);
	for (unsigned threads = 1; threads <= 4; threads++) {
		struct hit_list list;
		hit_list_init(&list, 5000);
		search_all(&memory, "hit", threads, &list);
		assert_int_equal(list.count, 5000);
		assert_true(list.cut);
		for (size_t i = 0; i < list.count; i++)
			assert_int_equal(list.items[i].pa, 64 * i);
		hit_list_deinit(&list);
	}
	fx_memory_deinit(&memory);
}

static void terms_and_tags_share_a_pass(void **state)
{
	(void)state;
	struct fx_memory memory;
	fx_memory_init(&memory, MEMORY);
	memcpy(memory.bytes + 0x300004, "Proc", 4);
	memcpy(memory.bytes + 0x300014 + 8, "Proc", 4); // not where a tag is
	memcpy(memory.bytes + 0x500000, "term", 4);
	fx_memory_open(&memory);
	struct term term = { "term", 4 };
	struct term_set *terms = NULL;
	struct tag_set tags;
	uint32_t tag = load_u32("Proc");
	assert_null(terms_compile(&term, 1, &terms));
	tag_set_init(&tags, TAG_ALIGN_64, &tag, 1);
	struct hit_list lists[2];
	hit_list_init(&lists[0], 10);
	hit_list_init(&lists[1], 10);
	struct found_context found[2] = { { .tags = &tags, .list = &lists[0] },
		{ .terms = terms, .list = &lists[1] } };
	struct pass_consumer consumers[] = { tags_consumer(&found[0]), terms_consumer(&found[1]) };
	struct pass_wish wish = { .image = memory.image, .threads = 2 };
	assert_null(pass_run(&wish, consumers, 2));
	assert_int_equal(lists[0].count, 1);
	assert_int_equal(lists[0].items[0].pa, 0x300000);
	assert_int_equal(lists[0].items[0].what, tag);
	assert_int_equal(lists[1].count, 1);
	assert_int_equal(lists[1].items[0].pa, 0x500000);
	hit_list_deinit(&lists[0]);
	hit_list_deinit(&lists[1]);
	term_set_drop(terms);
	fx_memory_deinit(&memory);
}

static void page_that_cannot_be_read_costs_that_page(void **state)
{
	(void)state;
	struct fx_memory memory;
	fx_memory_init(&memory, MEMORY);
	for (uint64_t pa = 0x100000; pa < 0x108000; pa += PAGE_SIZE)
		memcpy(memory.bytes + pa + 0x800, "hit", 3);
	fx_memory_open(&memory);
	bad_page = 0x103000;
	struct hit_list list;
	hit_list_init(&list, 100);
	search_all(&memory, "hit", 2, &list);
	bad_page = 0;
	assert_int_equal(list.count, 7);
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(list.items[i].pa, 0x100800 + (i < 3 ? i : i + 1) * PAGE_SIZE);
	assert_non_null(image_failure(memory.image));
	hit_list_deinit(&list);
	fx_memory_deinit(&memory);
}

// Adds up what it is given, and what is in front of it.
struct summer {
	uint64_t own, front_mismatches, fronts;
	const struct fx_memory *memory;
};

static void *summer_begin(void *context)
{
	struct summer *summer = calloc(1, sizeof *summer);
	assert_non_null(summer);
	summer->memory = ((struct summer *)context)->memory;
	return summer;
}

static void summer_chunk(void *state, const struct pass_chunk *chunk)
{
	struct summer *summer = state;
	for (size_t i = 0; i < chunk->own; i++)
		summer->own += chunk->bytes[i];
	assert_true(chunk->before == 0 || chunk->before == PASS_BEFORE);
	assert_int_equal((uintptr_t)chunk->bytes % PASS_BEFORE, 0);
	summer->fronts += chunk->before != 0;
	if (chunk->before)
		summer->front_mismatches +=
			memcmp(chunk->bytes - chunk->before,
				summer->memory->bytes + chunk->pa - chunk->before,
				chunk->before) != 0;
}

static void summer_merge(void *context, void *state)
{
	struct summer *all = context, *summer = state;
	all->own += summer->own;
	all->fronts += summer->fronts;
	all->front_mismatches += summer->front_mismatches;
	free(summer);
}

static void any_number_of_consumers_share_a_pass(void **state)
{
	(void)state;
	enum { CONSUMERS = 20 };
	struct fx_memory memory;
	fx_memory_init(&memory, MEMORY);
	uint64_t want = 0;
	for (uint64_t pa = 0; pa < MEMORY; pa += 61)
		want += memory.bytes[pa] = (uint8_t)(pa * 7 + 1);
	fx_memory_open(&memory);
	struct summer summers[CONSUMERS];
	struct pass_consumer consumers[CONSUMERS];
	for (size_t i = 0; i < CONSUMERS; i++) {
		summers[i] = (struct summer){ .memory = &memory };
		consumers[i] = (struct pass_consumer){ &summers[i], i, summer_begin, summer_chunk,
			summer_merge };
	}
	struct pass_wish wish = { .image = memory.image, .threads = 3 };
	assert_null(pass_run(&wish, consumers, CONSUMERS));
	for (size_t i = 0; i < CONSUMERS; i++) {
		assert_int_equal(summers[i].own, want);
		assert_int_equal(summers[i].front_mismatches, 0);
		assert_int_equal(summers[i].fronts, MEMORY / PASS_CHUNK - 1);
	}
	fx_memory_deinit(&memory);
}

struct stopper {
	bool stop;
	unsigned chunks;
};

static void *stopper_begin(void *context)
{
	return context;
}

static void stopper_chunk(void *state, const struct pass_chunk *chunk)
{
	struct stopper *stopper = state;
	assert_true(chunk->own <= chunk->size);
	stopper->stop = ++stopper->chunks == 3;
}

static void stopper_merge(void *context, void *state)
{
	assert_ptr_equal(context, state);
}

static void cancelled_pass_says_so(void **state)
{
	(void)state;
	struct fx_memory memory;
	fx_memory_init(&memory, MEMORY);
	for (uint64_t pa = 0; pa < MEMORY; pa += PAGE_SIZE)
		memory.bytes[pa] = 1;
	fx_memory_open(&memory);
	struct stopper stopper = { false, 0 };
	struct pass_consumer consumer = { &stopper, 0, stopper_begin, stopper_chunk,
		stopper_merge };
	struct pass_wish wish = { .image = memory.image, .threads = 1, .cancelled = &stopper.stop };
	ei_error *error = pass_run(&wish, &consumer, 1);
	assert_non_null(error);
	assert_int_equal(ei_error_code(error), EI_E_CANCELLED);
	assert_int_equal(stopper.chunks, 3);
	ei_error_drop(error);
	fx_memory_deinit(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hits_across_chunks_are_found_once),
		cmocka_unit_test(words_at_the_edge_of_chunks_are_judged_by_both_sides),
		cmocka_unit_test(cap_keeps_the_lowest_addresses),
		cmocka_unit_test(terms_and_tags_share_a_pass),
		cmocka_unit_test(page_that_cannot_be_read_costs_that_page),
		cmocka_unit_test(any_number_of_consumers_share_a_pass),
		cmocka_unit_test(cancelled_pass_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
