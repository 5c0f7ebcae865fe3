// The map from physical pages to virtual addresses, and the names of what is there.
// SPDX-License-Identifier: Apache-2.0
#include "tests/fx/fx_tables.h"
#include "tests/fx/test.h"
#include "win/owner.h"

enum { MAPPINGS = 400, FRAMES = 512 };

struct mapping {
	uint64_t frame, page, pages;
	uint32_t owner;
};

static uint64_t seed = 7;

static uint64_t random_below(uint64_t bound)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 33) % bound;
}

// What the mappings say of a frame, added up so that the order does not matter.
struct answer {
	uint64_t count, pages, owners;
};

static struct answer naive(const struct mapping *mappings, uint64_t frame)
{
	struct answer answer = { 0, 0, 0 };
	for (size_t i = 0; i < MAPPINGS; i++) {
		const struct mapping *m = &mappings[i];
		if (frame < m->frame || frame - m->frame >= m->pages)
			continue;
		answer.count++;
		answer.pages += m->page + (frame - m->frame);
		answer.owners += m->owner;
	}
	return answer;
}

static struct answer asked(const struct page_map *map, uint64_t frame)
{
	struct answer answer = { 0, 0, 0 };
	struct page_run run;
	uint64_t pa = frame * PAGE_SIZE + 5;
	for (size_t cursor = 0; page_map_next(map, pa, &cursor, &run);) {
		uint64_t va = page_run_va(&run, pa);
		assert_int_equal(va % PAGE_SIZE, 5);
		answer.count++;
		answer.pages += va / PAGE_SIZE;
		answer.owners += run.owner;
	}
	return answer;
}

static void every_mapping_of_a_page_is_given(void **state)
{
	(void)state;
	struct mapping mappings[MAPPINGS];
	struct page_map map = { .limit = 1 << 20 };
	for (size_t i = 0; i < MAPPINGS; i++) {
		mappings[i] = (struct mapping){ random_below(FRAMES), random_below(1 << 30),
			1 + random_below(i % 3 ? 4 : 70), (uint32_t)i / 40 };
		const struct mapping *m = &mappings[i];
		page_map_add(&map, m->frame * PAGE_SIZE, m->page * PAGE_SIZE, m->pages * PAGE_SIZE,
			m->owner);
	}
	page_map_sort(&map);
	assert_false(map.cut);
	for (uint64_t frame = 0; frame < FRAMES + 100; frame++) {
		struct answer want = naive(mappings, frame), have = asked(&map, frame);
		assert_memory_equal(&have, &want, sizeof want);
	}
	page_map_deinit(&map);
}

static void owners_of_a_page_come_in_order(void **state)
{
	(void)state;
	struct page_map map = { .limit = 100 };
	for (uint32_t owner = 1; owner <= 5; owner++)
		page_map_add(&map, 0x7000, owner * 0x10000, PAGE_SIZE, owner);
	page_map_sort(&map);
	struct page_run run;
	size_t cursor = 0;
	for (uint32_t owner = 1; owner <= 5; owner++) {
		assert_true(page_map_next(&map, 0x7123, &cursor, &run));
		assert_int_equal(run.owner, owner);
		assert_int_equal(page_run_va(&run, 0x7123), owner * 0x10000 + 0x123);
	}
	assert_false(page_map_next(&map, 0x7123, &cursor, &run));
	page_map_deinit(&map);
}

static void kernel_addresses_keep_their_sign(void **state)
{
	(void)state;
	struct page_map map = { .limit = 100 };
	page_map_add(&map, 0x3000, UINT64_C(0xfffff80312200000), 2 * PAGE_SIZE, 0);
	page_map_sort(&map);
	struct page_run run;
	size_t cursor = 0;
	assert_true(page_map_next(&map, 0x4008, &cursor, &run));
	assert_true(page_run_va(&run, 0x4008) == UINT64_C(0xfffff80312201008));
	page_map_deinit(&map);
}

static void neighbours_share_a_run(void **state)
{
	(void)state;
	struct page_map map = { .limit = 100 };
	for (uint64_t page = 0; page < 64; page++)
		page_map_add(&map, page * PAGE_SIZE, (100 + page) * PAGE_SIZE, PAGE_SIZE, 3);
	assert_int_equal(map.count, 4);
	page_map_deinit(&map);
}

static void map_that_is_full_says_so(void **state)
{
	(void)state;
	struct page_map map = { .limit = 10 };
	for (uint64_t page = 0; page < 40; page += 2)
		page_map_add(&map, page * PAGE_SIZE, 0, PAGE_SIZE, 0);
	assert_int_equal(map.count, 10);
	assert_true(map.cut);
	page_map_sort(&map);
	struct page_run run;
	size_t cursor = 0;
	assert_true(page_map_next(&map, 18 * PAGE_SIZE, &cursor, &run));
	page_map_deinit(&map);
}

static void limit_grows_with_the_image(void **state)
{
	(void)state;
	struct fx_memory memory;
	struct page_map map;
	fx_memory_init(&memory, 8 << 20);
	fx_memory_open(&memory);
	page_map_init(&map, memory.image);
	assert_int_equal(map.limit, PAGE_MAP_SHARES * 2048 + PAGE_MAP_RUNS_LEAST);
	fx_memory_deinit(&memory);
}

static void regions_name_their_own_addresses_only(void **state)
{
	(void)state;
	struct fx_memory memory;
	fx_memory_init(&memory, 1 << 20);
	fx_memory_open(&memory);
	struct owner_table *table = owner_table_create(memory.image);
	const struct owner owner = { .kind = EI_OWNER_PROCESS };
	assert_non_null(table);
	assert_int_equal(owner_add(table, &owner), 0);
	owner_region_add(table, 0x30000, 0x2000, "beta.dll and more", 8);
	owner_region_add(table, 0x10000, 0x1000, "alpha.dll", 9);
	owner_regions_sort(&table->owners[0]);
	static const struct {
		uint64_t va;
		const char *name;
	} wanted[] = { { 0xffff, NULL }, { 0x10000, "alpha.dll" }, { 0x10fff, "alpha.dll" },
		{ 0x11000, NULL }, { 0x30000, "beta.dll" }, { 0x31fff, "beta.dll" },
		{ 0x32000, NULL } };
	for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
		const char *name = owner_region_name(&table->owners[0], wanted[i].va);
		if (wanted[i].name)
			assert_string_equal(name, wanted[i].name);
		else
			assert_null(name);
	}
	owner_table_drop(table);
	fx_memory_deinit(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mapping_of_a_page_is_given),
		cmocka_unit_test(owners_of_a_page_come_in_order),
		cmocka_unit_test(kernel_addresses_keep_their_sign),
		cmocka_unit_test(neighbours_share_a_run),
		cmocka_unit_test(map_that_is_full_says_so),
		cmocka_unit_test(limit_grows_with_the_image),
		cmocka_unit_test(regions_name_their_own_addresses_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
