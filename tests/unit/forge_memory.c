// The forge's ground: physical pages, page tables, pool blocks, rings, scenario values.
// SPDX-License-Identifier: Apache-2.0
#include "../../samples/forge/forge.h"
#include "../fx/test.h"

#include <stdlib.h>

static void machine_init(struct forge *f, enum paging_mode mode)
{
	*f = (struct forge){
		.size_bytes = 256 << 20,
		.random = 5,
		.mode = mode,
		.pointer = mode == PAGING_X64 ? 8 : 4,
		.vista = true,
		.win10 = mode == PAGING_X64,
	};
	assert_null(memory_create(f));
	region_init(f);
	paging_create_kernel(f);
	assert_null(f->error);
}

static const enum paging_mode modes[] = { PAGING_X86, PAGING_PAE, PAGING_X64 };

static void bytes_come_back_across_pages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(modes); i++) {
		struct forge f;
		machine_init(&f, modes[i]);
		uint64_t va = region_take(&f, REGION_NONPAGED, 3 * PAGE_SIZE) + PAGE_SIZE - 5;
		char back[16];
		write_bytes(&f, &f.kernel, va, "across a border", 16);
		read_bytes(&f, &f.kernel, va, back, 16);
		assert_string_equal(back, "across a border");
		assert_null(f.error);
		memory_drop(&f);
	}
}

static void unmapped_address_is_an_error(void **state)
{
	(void)state;
	struct forge f;
	machine_init(&f, PAGING_X64);
	write_u32(&f, &f.kernel, 0xffffc00000001000, 1);
	assert_non_null(f.error);
	assert_non_null(strstr(ei_error_text(f.error), "0xffffc00000001000"));
	ei_error_drop(f.error);
	memory_drop(&f);
}

static void root_maps_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(modes); i++) {
		struct forge f;
		machine_init(&f, modes[i]);
		// Where the top table shows up in its own address space.
		uint64_t va = 0xc0300000;
		if (modes[i] == PAGING_PAE)
			va = 0xc0603000;
		if (modes[i] == PAGING_X64) {
			uint64_t self = f.self_index;
			va = 0xffff000000000000 | self << 39 | self << 30 | self << 21 | self << 12;
		}
		uint64_t table = modes[i] == PAGING_PAE ? f.kernel.dtb + 0x4000 : f.kernel.dtb;
		assert_int_equal(paging_physical(&f, &f.kernel, va), table);
		memory_drop(&f);
	}
}

static void large_page_covers_every_page_of_it(void **state)
{
	(void)state;
	struct forge f;
	machine_init(&f, PAGING_X64);
	uint64_t frame = memory_take_run(&f, 512), va = 0xfffff80040000000;
	paging_map_large(&f, &f.kernel, va, frame);
	assert_int_equal(paging_frame(&f, &f.kernel, va), frame);
	assert_int_equal(paging_frame(&f, &f.kernel, va + 0x1ff123), frame + 0x1ff);
	assert_int_equal(paging_frame(&f, &f.kernel, va + 0x200000), UINT64_MAX);
	memory_drop(&f);
}

static void sealed_process_sees_the_kernel_and_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(modes); i++) {
		struct forge f;
		machine_init(&f, modes[i]);
		struct process p = { 0 };
		f.processes = &p;
		paging_create(&f, &p.space);
		uint64_t va = region_take(&f, REGION_PAGED, PAGE_SIZE);
		paging_seal(&f);
		assert_int_equal(paging_frame(&f, &p.space, va), paging_frame(&f, &f.kernel, va));
		assert_int_not_equal(p.space.dtb, f.kernel.dtb);
		memory_drop(&f);
	}
}

static void frames_are_handed_out_once(void **state)
{
	(void)state;
	struct forge f;
	machine_init(&f, PAGING_X64);
	static uint8_t seen[256 << 20 >> 12];
	memset(seen, 0, sizeof seen);
	for (int i = 0; i < 20000; i++) {
		uint64_t frame = memory_take(&f);
		assert_true(frame < ARRAY_LENGTH(seen));
		assert_int_equal(seen[frame]++, 0);
	}
	memory_drop(&f);
}

static void full_memory_is_an_error(void **state)
{
	(void)state;
	struct forge f = { .size_bytes = 8 << 20, .mode = PAGING_X64, .pointer = 8 };
	assert_null(memory_create(&f));
	for (int i = 0; i < 5000 && !f.error; i++)
		memory_take(&f);
	assert_non_null(f.error);
	assert_int_equal(ei_error_code(f.error), EI_E_LIMIT);
	ei_error_drop(f.error);
	memory_drop(&f);
}

static void devices_leave_a_hole_below_4_gib(void **state)
{
	(void)state;
	struct forge f = { .size_bytes = 6ULL << 30 };
	assert_null(memory_create(&f));
	assert_false(memory_take_at(&f, 0xc0000));
	assert_false(memory_take_at(&f, 0xfffff));
	assert_true(memory_take_at(&f, 0xbffff));
	assert_true(memory_take_at(&f, 0x100000));
	assert_false(memory_take_at(&f, 0x100000)); // taken
	memory_drop(&f);
}

static void ring_is_whole_both_ways(void **state)
{
	(void)state;
	struct forge f;
	machine_init(&f, PAGING_PAE);
	uint64_t head = region_take(&f, REGION_SYSTEM, PAGE_SIZE);
	list_init(&f, &f.kernel, head);
	for (uint64_t i = 1; i <= 5; i++)
		list_add(&f, &f.kernel, head, head + i * 64);
	uint64_t forward = head, backward = head;
	for (uint64_t i = 1; i <= 5; i++) {
		forward = read_pointer(&f, &f.kernel, forward);
		backward = read_pointer(&f, &f.kernel, backward + f.pointer);
		assert_int_equal(forward, head + i * 64);
		assert_int_equal(backward, head + (6 - i) * 64);
	}
	assert_int_equal(read_pointer(&f, &f.kernel, forward), head);
	memory_drop(&f);
}

static void times_are_100_nanoseconds_since_1601(void **state)
{
	(void)state;
	uint64_t time;
	assert_true(forge_time("1970-01-01T00:00:00Z", &time));
	assert_int_equal(time, 116444736000000000);
	assert_true(forge_time("2024-03-14T13:26:53.1234567Z", &time));
	assert_int_equal(time % 10000000, 1234567);
	assert_false(forge_time("14.03.2024", &time));
	assert_false(forge_time("2024-03-14T13:26:53 CET", &time));
}

static void odd_hexadecimal_is_an_error(void **state)
{
	(void)state;
	struct forge f = { 0 };
	size_t length;
	json_t *good = json_pack("{s:s}", "hex", "00ff"), *bad = json_pack("{s:s}", "hex", "00f");
	uint8_t *bytes = content_bytes(&f, good, &length);
	assert_int_equal(length, 2);
	assert_memory_equal(bytes, "\x00\xff", 2);
	assert_null(f.error);
	assert_null(content_bytes(&f, bad, &length));
	assert_non_null(f.error);
	ei_error_drop(f.error);
	free(bytes);
	json_decref(good);
	json_decref(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_back_across_pages),
		cmocka_unit_test(unmapped_address_is_an_error),
		cmocka_unit_test(root_maps_itself),
		cmocka_unit_test(large_page_covers_every_page_of_it),
		cmocka_unit_test(sealed_process_sees_the_kernel_and_itself),
		cmocka_unit_test(frames_are_handed_out_once),
		cmocka_unit_test(full_memory_is_an_error),
		cmocka_unit_test(devices_leave_a_hole_below_4_gib),
		cmocka_unit_test(ring_is_whole_both_ways),
		cmocka_unit_test(times_are_100_nanoseconds_since_1601),
		cmocka_unit_test(odd_hexadecimal_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
