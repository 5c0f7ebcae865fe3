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
		page_map_add(&map, &(struct mapped){ m->frame * PAGE_SIZE, m->page * PAGE_SIZE,
					   m->pages * PAGE_SIZE, m->owner });
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
		page_map_add(&map, &(struct mapped){ 0x7000, owner * 0x10000, PAGE_SIZE, owner });
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
	page_map_add(
		&map, &(struct mapped){ 0x3000, UINT64_C(0xfffff80312200000), 2 * PAGE_SIZE, 0 });
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
		page_map_add(&map, &(struct mapped){ page * PAGE_SIZE, (100 + page) * PAGE_SIZE,
					   PAGE_SIZE, 3 });
	assert_int_equal(map.count, 4);
	page_map_deinit(&map);
}

static void map_that_is_full_says_so(void **state)
{
	(void)state;
	struct page_map map = { .limit = 10 };
	for (uint64_t page = 0; page < 40; page += 2)
		page_map_add(&map, &(struct mapped){ page * PAGE_SIZE, 0, PAGE_SIZE, 0 });
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

static void lightest_owner_comes_first(void **state)
{
	(void)state;
	struct page_map map = { .limit = 100 };
	static const uint8_t weights[] = { 9, 2, 255, 2, 0 };
	static const uint32_t wanted[] = { 4, 1, 3, 0, 2 };
	// Runs that start at different frames of a grain, over one that all of them hold.
	for (uint32_t owner = 0; owner < ARRAY_LENGTH(weights); owner++)
		page_map_add(&map, &(struct mapped){ (0x40 + owner) * PAGE_SIZE, 0x10000,
					   (8 - owner) * PAGE_SIZE, owner, weights[owner] });
	page_map_sort(&map);
	struct page_run run;
	size_t cursor = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
		assert_true(page_map_next(&map, 0x46 * PAGE_SIZE, &cursor, &run));
		assert_int_equal(run.owner, wanted[i]);
	}
	assert_false(page_map_next(&map, 0x46 * PAGE_SIZE, &cursor, &run));
	page_map_deinit(&map);
}

static void weights_grow_with_regions(void **state)
{
	(void)state;
	uint8_t last = 0;
	for (uint64_t size = PAGE_SIZE; size < UINT64_C(1) << 62; size += size / 8 + PAGE_SIZE) {
		uint8_t weight = page_weight(size);
		assert_true(weight >= last);
		last = weight;
	}
	assert_true(page_weight(16 * PAGE_SIZE) < page_weight(18 * PAGE_SIZE));
	assert_int_equal(last, 255);
}

static void seams_that_repeat_go(void **state)
{
	(void)state;
	struct page_map one = { .limit = 100 }, two = { .limit = 100 };
	page_map_seam(&one, 0x9000, 0x3000);
	page_map_seam(&one, 0x1000, 0x5000);
	page_map_seam(&two, 0x9000, 0x3000);
	page_map_seam(&two, 0x9000, 0x4000);
	page_map_append(&one, &two, 7);
	page_map_sort(&one);
	static const struct seam wanted[] = { { 9, 3 }, { 1, 5 }, { 9, 4 } };
	assert_int_equal(one.seam_count, ARRAY_LENGTH(wanted));
	assert_memory_equal(one.seams, wanted, sizeof wanted);
	page_map_deinit(&one);
	page_map_deinit(&two);
}

static void appended_owners_follow(void **state)
{
	(void)state;
	struct page_map one = { .limit = 100 }, two = { .limit = 100 };
	page_map_add(&one, &(struct mapped){ 0x3000, 0x1000, PAGE_SIZE, 0 });
	page_map_add(&two, &(struct mapped){ 0x3000, 0x2000, PAGE_SIZE, 1 });
	page_map_append(&one, &two, 5);
	page_map_sort(&one);
	assert_true(page_map_has(&one, 0x3000, 6, 0x2000));
	assert_true(page_map_has(&one, 0x3000, 0, 0x1000));
	assert_false(page_map_has(&one, 0x3000, 6, 0x1000));
	assert_false(page_map_has(&one, 0x4000, 6, 0x2000));
	page_map_deinit(&one);
	page_map_deinit(&two);
}

struct wanted_region {
	uint64_t va;
	const char *name;
};

static void expect_regions(
	const struct regions *regions, const struct wanted_region *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct region *region = region_at(regions, wanted[i].va);
		if (wanted[i].name)
			assert_string_equal(regions->names + region->name, wanted[i].name);
		else
			assert_null(region);
	}
}

static void regions_name_their_own_addresses_only(void **state)
{
	(void)state;
	struct regions regions = { 0 };
	region_add(&regions, 0x30000, 0x2000, EI_REGION_IMAGE, "beta.dll and more", 8);
	region_add(&regions, 0x10000, 0x1000, EI_REGION_IMAGE, "alpha.dll", 9);
	regions_settle(&regions);
	static const struct wanted_region wanted[] = { { 0xffff, NULL }, { 0x10000, "alpha.dll" },
		{ 0x10fff, "alpha.dll" }, { 0x11000, NULL }, { 0x30000, "beta.dll" },
		{ 0x31fff, "beta.dll" }, { 0x32000, NULL } };
	expect_regions(&regions, wanted, ARRAY_LENGTH(wanted));
	regions_deinit(&regions);
}

static void region_inside_of_another_has_its_place(void **state)
{
	(void)state;
	struct regions regions = { 0 };
	region_add(&regions, 0x10000, 0x10000, EI_REGION_PRIVATE, "outer", 5);
	region_add(&regions, 0x12000, 0x1000, EI_REGION_TEB, "one", 3);
	region_add(&regions, 0x13000, 0x1000, EI_REGION_TEB, "two", 3);
	region_add(&regions, 0x1f000, 0x3000, EI_REGION_HEAP, "beyond", 6);
	regions_settle(&regions);
	regions_settle(&regions); // once more changes nothing
	static const struct wanted_region wanted[] = { { 0x10000, "outer" }, { 0x11fff, "outer" },
		{ 0x12000, "one" }, { 0x13fff, "two" }, { 0x14000, "outer" }, { 0x1efff, "outer" },
		{ 0x1f000, "beyond" }, { 0x21fff, "beyond" }, { 0x22000, NULL }, { 0xffff, NULL } };
	expect_regions(&regions, wanted, ARRAY_LENGTH(wanted));
	assert_int_equal(region_at(&regions, 0x14000)->weight, page_weight(0x10000));
	regions_deinit(&regions);
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
		cmocka_unit_test(lightest_owner_comes_first),
		cmocka_unit_test(weights_grow_with_regions),
		cmocka_unit_test(seams_that_repeat_go),
		cmocka_unit_test(appended_owners_follow),
		cmocka_unit_test(regions_name_their_own_addresses_only),
		cmocka_unit_test(region_inside_of_another_has_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
