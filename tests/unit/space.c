// Translation and reading: three modes, every fault, tables that loop.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx_tables.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define KERNEL64 UINT64_C(0xfffff80000000000)

struct world {
	struct fx_memory memory;
	struct fx_tables tables;
};

static void world_init(struct world *world, enum fx_mode mode)
{
	fx_memory_init(&world->memory, 16 << 20);
	fx_tables_init(&world->tables, &world->memory, mode, 0);
}

static struct page translate(struct world *world, uint64_t va)
{
	struct page page;

	if (!world->memory.reader)
		fx_memory_open(&world->memory);
	space_translate(&world->tables.space, world->memory.reader, va, &page);
	return page;
}

static void assert_fault(struct world *world, uint64_t va, enum fault fault)
{
	assert_string_equal(fault_text(translate(world, va).fault), fault_text(fault));
}

static uint64_t high_va(enum fx_mode mode)
{
	return mode == FX_X64 ? KERNEL64 : 0x80400000;
}

// ---- translation ----------------------------------------------------------------------------
static void small_pages_translate_in_every_mode(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode);
		uint64_t va = high_va(mode) + 0x5000;
		uint64_t frame = fx_map_fresh(&world.tables, va);
		struct page page = translate(&world, va + 0x123);
		assert_int_equal(page.fault, FAULT_NONE);
		assert_int_equal(page.va, va);
		assert_int_equal(page.pa, frame);
		assert_int_equal(page.size, PAGE_SIZE);
		assert_true(page.flags & PAGE_WRITE && page.flags & PAGE_DIRTY);
		assert_false(page.flags & PAGE_USER);
		fx_memory_deinit(&world.memory);
	}
}

static void large_pages_translate_in_every_mode(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode);
		uint64_t size = mode == FX_X86 ? 4 << 20 : 2 << 20;
		fx_map_large(&world.tables, high_va(mode), size);
		struct page page = translate(&world, high_va(mode) + 0x12345);
		assert_int_equal(page.fault, FAULT_NONE);
		assert_int_equal(page.va, high_va(mode));
		assert_int_equal(page.pa, size);
		assert_int_equal(page.size, size);
		assert_true(page.flags & PAGE_LARGE);
		fx_memory_deinit(&world.memory);
	}
}

static void gigantic_page_translates(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	fx_entry_put(&world.tables, KERNEL64, 2, 0xe3);
	struct page page = translate(&world, KERNEL64 + 0x765432);
	assert_int_equal(page.fault, FAULT_NONE);
	assert_int_equal(page.pa, 0);
	assert_int_equal(page.size, 1 << 30);
	assert_fault(&world, KERNEL64 + (64 << 20), FAULT_OUTSIDE);
	fx_memory_deinit(&world.memory);
}

static void pse36_puts_high_frame_bits_low(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X86);
	fx_entry_put(&world.tables, 0x80400000, 1, 0x00400000 | 5 << 13 | 0xe3);
	struct page page = translate(&world, 0x80400000);
	assert_int_equal(page.fault, FAULT_OUTSIDE);
	assert_int_equal(page.pa, UINT64_C(0x500400000));
	fx_memory_deinit(&world.memory);
}

static void permissions_need_every_level(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	fx_entry_put(&world.tables, 0x1000, 0, fx_frame(&world.memory) | UINT64_C(1) << 63 | 7);
	fx_entry_put(&world.tables, 0x1000, 1, fx_frame(&world.memory) | 5); // a fresh table
	fx_entry_put(&world.tables, 0x1000, 0, 0x2000 | UINT64_C(1) << 63 | 7);
	struct page page = translate(&world, 0x1000);
	assert_int_equal(page.fault, FAULT_NONE);
	assert_int_equal(page.flags, PAGE_NO_EXECUTE); // upper levels are neither user nor writable
	fx_memory_deinit(&world.memory);
}

static void pae_root_need_not_start_a_page(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_PAE);
	uint64_t frame = fx_map_fresh(&world.tables, 0x80001000);
	uint64_t elsewhere = fx_frame(&world.memory) + 0x60;
	memcpy(world.memory.bytes + elsewhere, world.memory.bytes + world.tables.root, 32);
	world.tables.space.dtb = elsewhere;
	assert_int_equal(translate(&world, 0x80001000).pa, frame);
	fx_memory_deinit(&world.memory);
}

static void sign_extended_addresses_are_x86_addresses_too(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X86);
	uint64_t frame = fx_map_fresh(&world.tables, 0x80001000);
	assert_int_equal(translate(&world, UINT64_C(0xffffffff80001000)).pa, frame);
	assert_int_equal(translate(&world, UINT64_C(0xffffffff80001000)).va, 0x80001000);
	assert_fault(&world, UINT64_C(0x180001000), FAULT_NOT_CANONICAL);
	fx_memory_deinit(&world.memory);
}

// ---- faults ---------------------------------------------------------------------------------
static void each_absence_has_its_reason(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	struct fx_tables *t = &world.tables;
	fx_entry_put(t, KERNEL64 + 0x0000, 0, 0);
	fx_entry_put(t, KERNEL64 + 0x1000, 0, 0x80);                         // demand zero
	fx_entry_put(t, KERNEL64 + 0x2000, 0, UINT64_C(0x0000123400003080)); // file 3
	fx_entry_put(t, KERNEL64 + 0x3000, 0, UINT64_C(0xffffffff00000400)); // see the VAD
	fx_entry_put(t, KERNEL64 + 0x4000, 0, UINT64_C(0x7f000000063));      // past the end
	fx_entry_put(t, KERNEL64 + (UINT64_C(1) << 39), 3, UINT64_C(0x7f000000063));
	fx_entry_put(t, KERNEL64 + (UINT64_C(2) << 39), 3, 0xe3);               // reserved bit
	fx_entry_put(t, KERNEL64 + (3 << 21), 1, UINT64_C(0x0000123400000080)); // paged-out table
	assert_fault(&world, KERNEL64 + 0x0000, FAULT_NOT_MAPPED);
	assert_fault(&world, KERNEL64 + 0x1000, FAULT_DEMAND_ZERO);
	assert_fault(&world, KERNEL64 + 0x2000, FAULT_PAGED_OUT);
	assert_fault(&world, KERNEL64 + 0x3000, FAULT_PROTOTYPE);
	assert_fault(&world, KERNEL64 + 0x4000, FAULT_OUTSIDE);
	assert_fault(&world, KERNEL64 + (UINT64_C(1) << 39), FAULT_TABLE_OUTSIDE);
	assert_fault(&world, KERNEL64 + (UINT64_C(2) << 39), FAULT_NOT_MAPPED);
	assert_fault(&world, KERNEL64 + (3 << 21), FAULT_TABLE_OUTSIDE);
	assert_fault(&world, UINT64_C(0x0000f80000000000), FAULT_NOT_CANONICAL);
	assert_int_equal(translate(&world, KERNEL64 + 0x4000).pa, UINT64_C(0x7f000000000));
	fx_memory_deinit(&world.memory);
}

static void page_file_number_is_where_the_build_keeps_it(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	fx_entry_put(&world.tables, KERNEL64, 0, UINT64_C(0x0000123400003084));
	struct page page = translate(&world, KERNEL64);
	assert_int_equal(page.file, 3);
	assert_int_equal(page.file_page, 0x1234);
	world.tables.space.pagefile = PAGEFILE_BITS_1;
	assert_int_equal(translate(&world, KERNEL64).file, 2);
	fx_memory_deinit(&world.memory);
}

static void transition_pages_are_in_memory(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode);
		uint64_t frame = fx_frame(&world.memory);
		fx_entry_put(&world.tables, high_va(mode), 0, frame | 0x880);
		struct page page = translate(&world, high_va(mode));
		assert_int_equal(page.fault, FAULT_NONE);
		assert_int_equal(page.pa, frame);
		assert_true(page.flags & PAGE_TRANSITION);
		fx_memory_deinit(&world.memory);
	}
}

static void disguised_transition_frame_is_undone(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	uint64_t frame = fx_frame(&world.memory);
	fx_entry_put(&world.tables, KERNEL64, 0, frame | UINT64_C(1) << 45 | 0x880);
	fx_entry_put(&world.tables, KERNEL64 + 0x1000, 0, frame | UINT64_C(1) << 45 | 0x890);
	assert_int_equal(translate(&world, KERNEL64).pa, frame);
	assert_fault(&world, KERNEL64 + 0x1000, FAULT_OUTSIDE); // says it is not disguised
	fx_memory_deinit(&world.memory);
}

static void prototype_entry_leads_to_the_shared_page(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	uint64_t pool = UINT64_C(0xffffa00000000000), proto = fx_map_fresh(&world.tables, pool);
	uint64_t frame = fx_frame(&world.memory);
	fx_put64(&world.memory, proto + 0x100, frame | 0x121);
	fx_put64(&world.memory, proto + 0x108, frame | 0x880);
	fx_put64(&world.memory, proto + 0x110, pool << 16 | 0x400); // on to a file: never followed
	for (uint64_t i = 0; i < 3; i++)
		fx_entry_put(&world.tables, 0x10000 + 0x1000 * i, 0,
			(pool + 0x100 + 8 * i) << 16 | 0x400);
	assert_int_equal(translate(&world, 0x10000).pa, frame);
	assert_int_equal(translate(&world, 0x11000).pa, frame);
	assert_fault(&world, 0x12000, FAULT_PROTOTYPE);
	fx_memory_deinit(&world.memory);
}

static void uniform_table_maps_nothing(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	for (uint64_t i = 0; i < 512; i++)
		fx_entry_put(&world.tables, KERNEL64 + 0x1000 * i, 0, 0x5063);
	assert_fault(&world, KERNEL64 + 0x3000, FAULT_NOT_MAPPED);
	fx_memory_deinit(&world.memory);
}

// ---- reading --------------------------------------------------------------------------------
static void read_crosses_pages_and_stops_at_the_first_absent(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	uint8_t bytes[3 * PAGE_SIZE], expected[3 * PAGE_SIZE];
	for (size_t i = 0; i < sizeof bytes; i++)
		expected[i] = (uint8_t)(i * 7 + i / 256);
	fx_frame(&world.memory);
	fx_map_fresh(&world.tables, KERNEL64 + PAGE_SIZE); // not in the order of addresses
	fx_map_fresh(&world.tables, KERNEL64);
	fx_write(&world.tables, KERNEL64, expected, 2 * PAGE_SIZE);
	fx_memory_open(&world.memory);
	enum fault fault;
	size_t got = space_read(&world.tables.space, world.memory.reader, KERNEL64 + 0x10, bytes,
		2 * PAGE_SIZE, &fault);
	assert_int_equal(got, 2 * PAGE_SIZE - 0x10);
	assert_int_equal(fault, FAULT_NOT_MAPPED);
	assert_memory_equal(bytes, expected + 0x10, got);
	fx_memory_deinit(&world.memory);
}

static void patchy_read_says_which_pages_are_missing(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	uint8_t bytes[3 * PAGE_SIZE];
	memset(bytes, 0xff, sizeof bytes);
	fx_map_fresh(&world.tables, KERNEL64);
	fx_map_fresh(&world.tables, KERNEL64 + 2 * PAGE_SIZE);
	fx_write(&world.tables, KERNEL64 + 2 * PAGE_SIZE, "end", 3);
	fx_memory_open(&world.memory);
	uint64_t missing = space_read_patchy(
		&world.tables.space, world.memory.reader, KERNEL64 + 0x800, bytes, 2 * PAGE_SIZE);
	assert_int_equal(missing, 2);
	assert_int_equal(bytes[PAGE_SIZE], 0);
	assert_memory_equal(bytes + 0x1800, "end", 3);
	fx_memory_deinit(&world.memory);
}

static void read_does_not_wrap_the_address_space(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode);
		uint64_t top = mode == FX_X64 ? UINT64_MAX - 0xfff : 0xfffff000;
		fx_map_fresh(&world.tables, top);
		fx_map_fresh(&world.tables, 0);
		fx_memory_open(&world.memory);
		uint8_t bytes[2 * PAGE_SIZE];
		assert_int_equal(space_read(&world.tables.space, world.memory.reader, top, bytes,
					 sizeof bytes, NULL),
			PAGE_SIZE);
		fx_memory_deinit(&world.memory);
	}
}

static void physical_space_is_the_identity(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	fx_put64(&world.memory, 0x5ff8, 0x1122334455667788);
	fx_memory_open(&world.memory);
	struct space physical = { &space_physical, 0, 0 };
	uint64_t value = 0;
	assert_int_equal(space_read(&physical, world.memory.reader, 0x5ff8, &value, 8, NULL), 8);
	assert_int_equal(value, 0x1122334455667788);
	struct page page;
	assert_true(space_next(&physical, world.memory.reader, 0x5ff8, UINT64_MAX, 0, &page));
	assert_int_equal(page.pa, 0x5000);
	assert_false(space_next(&physical, world.memory.reader, 16 << 20, UINT64_MAX, 0, &page));
	fx_memory_deinit(&world.memory);
}

// ---- walks ----------------------------------------------------------------------------------
static size_t walk_count(struct world *world, uint64_t first, uint64_t last, unsigned flags)
{
	struct page page;
	size_t count = 0;

	for (uint64_t va = first;
		space_next(&world->tables.space, world->memory.reader, va, last, flags, &page);) {
		count++;
		assert_true(count < 10000000);
		va = page.va + page.size;
		if (!va || va > last)
			break;
	}
	return count;
}

// The reference: every 4 KiB of a range is translated by itself.
static void assert_walk_equals_translation(struct world *world, uint64_t first, uint64_t size)
{
	const struct space *space = &world->tables.space;
	struct reader *reader = world->memory.reader;
	uint64_t last = first + (size - 1);
	struct page page = { 0 }, walked = { 0 };
	bool more = space_next(space, reader, first, last, NEXT_ABSENT, &walked);

	for (uint64_t va = first; va - first < size; va += PAGE_SIZE) {
		space_translate(space, reader, va, &page);
		bool inside = more && va - walked.va < walked.size;
		bool something = page.fault != FAULT_NOT_MAPPED;
		assert_int_equal(something, inside);
		if (!inside)
			continue;
		assert_int_equal(page.va, walked.va);
		assert_int_equal(page.pa, walked.pa);
		assert_int_equal(page.size, walked.size);
		assert_int_equal(page.fault, walked.fault);
		assert_int_equal(page.flags, walked.flags);
		if (va - walked.va + PAGE_SIZE == walked.size)
			more = space_next(
				space, reader, va + PAGE_SIZE, last, NEXT_ABSENT, &walked);
	}
	assert_false(more);
}

static uint64_t random_next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

static void scatter_pages(struct world *world, uint64_t base, uint64_t *seed)
{
	static const uint64_t absences[] = { 0x80, 0x12345080, 0xfffff460, 0 };
	bool wide = world->tables.mode != FX_X86;

	for (int i = 0; i < 300; i++) {
		uint64_t va = base + (random_next(seed) % 4096) * PAGE_SIZE;
		uint64_t kind = random_next(seed) % 8;
		uint64_t frame = (random_next(seed) % 8192) * PAGE_SIZE; // half of them outside
		uint64_t entry = kind < 5 ? frame | 0x63 : absences[kind - 5];
		if (kind == 7)
			entry = frame | 0x880;
		if (wide && (kind == 5 || kind == 6))
			entry |= UINT64_C(0x55) << 32;
		fx_entry_put(&world->tables, va, 0, entry);
	}
}

static void walk_equals_translation_of_every_page(void **state)
{
	(void)state;
	uint64_t seed = 42;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode);
		uint64_t base = high_va(mode);
		scatter_pages(&world, base, &seed);
		uint64_t large = mode == FX_X86 ? 4 << 20 : 2 << 20;
		fx_map_large(&world.tables, base + (16 << 20), large);
		fx_entry_put(&world.tables, base + (24 << 20), 1, 0x7f000063); // table outside
		fx_memory_open(&world.memory);
		assert_walk_equals_translation(&world, base, 32 << 20);
		fx_memory_deinit(&world.memory);
	}
}

static void walk_covers_both_halves_and_the_ends(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode);
		uint64_t top = mode == FX_X64 ? UINT64_MAX - 0xfff : 0xfffff000;
		fx_map_fresh(&world.tables, 0);
		fx_map_fresh(&world.tables, 0x7ffff000);
		fx_map_fresh(&world.tables, high_va(mode));
		fx_map_fresh(&world.tables, top);
		fx_memory_open(&world.memory);
		assert_int_equal(walk_count(&world, 0, top + 0xfff, 0), 4);
		assert_int_equal(walk_count(&world, top, top + 0xfff, 0), 1);
		assert_int_equal(walk_count(&world, 1 << 20, 0x7fffefff, 0), 0);
		fx_memory_deinit(&world.memory);
	}
}

static void self_map_is_left_out_unless_asked_for(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode);
		fx_map_fresh(&world.tables, high_va(mode));
		fx_map_fresh(&world.tables, high_va(mode) + 0x1000);
		fx_self_map(&world.tables, 0x1ed);
		fx_memory_open(&world.memory);
		// x64: PT, PD, PDPT and PML4; PAE: PT and four PDs; x86: PT and PD.
		size_t tables[] = { [FX_X64] = 4, [FX_PAE] = 5, [FX_X86] = 2 };
		uint64_t start = world.tables.space.mode->kernel_start;
		uint64_t end = world.tables.space.mode->kernel_end;
		assert_int_equal(walk_count(&world, start, end, 0), 2);
		assert_int_equal(walk_count(&world, start, end, NEXT_TABLES), 2 + tables[mode]);
		fx_memory_deinit(&world.memory);
	}
}

static void self_map_translates_like_any_address(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	fx_self_map(&world.tables, 0x1ed);
	uint64_t va = UINT64_C(0xfffff6fb7dbed000); // PML4 through itself, four times
	assert_int_equal(translate(&world, va).pa, world.tables.root);
	fx_memory_deinit(&world.memory);
}

// Four tables that each lead to the next 512 times: 2^36 pages, were they believed.
static void tables_that_repeat_cost_what_they_occupy(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	uint64_t pdpt = fx_frame(&world.memory), pd = fx_frame(&world.memory);
	uint64_t pt = fx_frame(&world.memory);
	for (uint64_t i = 0; i < 512; i++) {
		uint64_t vary = (i & 7) << 9; // ignored bits, so that no table is uniform
		fx_put64(&world.memory, world.tables.root + 8 * i, pdpt | 0x63 | vary);
		fx_put64(&world.memory, pdpt + 8 * i, pd | 0x63 | vary);
		fx_put64(&world.memory, pd + 8 * i, pt | 0x63 | vary);
		fx_put64(&world.memory, pt + 8 * i, i * PAGE_SIZE | 0x63);
	}
	fx_memory_open(&world.memory);
	assert_int_equal(walk_count(&world, 0, UINT64_MAX, 0), 512);
	memset(world.memory.bytes + pt, 0, PAGE_SIZE); // and not one page to stop at
	fx_memory_open(&world.memory);
	assert_int_equal(walk_count(&world, 0, UINT64_MAX, NEXT_TABLES), 0);
	fx_memory_deinit(&world.memory);
}

static void root_full_of_itself_ends(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	for (uint64_t i = 0; i < 512; i++)
		fx_put64(&world.memory, world.tables.root + 8 * i,
			world.tables.root | 0x63 | (i & 7) << 9);
	fx_memory_open(&world.memory);
	assert_int_equal(walk_count(&world, 0, UINT64_MAX, 0), 0);
	assert_int_equal(walk_count(&world, 0, UINT64_MAX, NEXT_TABLES), 512);
	fx_memory_deinit(&world.memory);
}

static void missing_root_is_a_fault_not_a_crash(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64);
	fx_memory_open(&world.memory);
	world.tables.space.dtb = UINT64_C(0x7f0000000000);
	assert_fault(&world, KERNEL64, FAULT_TABLE_OUTSIDE);
	assert_int_equal(walk_count(&world, 0, UINT64_MAX, NEXT_ABSENT), 0);
	fx_memory_deinit(&world.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_pages_translate_in_every_mode),
		cmocka_unit_test(large_pages_translate_in_every_mode),
		cmocka_unit_test(gigantic_page_translates),
		cmocka_unit_test(pse36_puts_high_frame_bits_low),
		cmocka_unit_test(permissions_need_every_level),
		cmocka_unit_test(pae_root_need_not_start_a_page),
		cmocka_unit_test(sign_extended_addresses_are_x86_addresses_too),
		cmocka_unit_test(each_absence_has_its_reason),
		cmocka_unit_test(page_file_number_is_where_the_build_keeps_it),
		cmocka_unit_test(transition_pages_are_in_memory),
		cmocka_unit_test(disguised_transition_frame_is_undone),
		cmocka_unit_test(prototype_entry_leads_to_the_shared_page),
		cmocka_unit_test(uniform_table_maps_nothing),
		cmocka_unit_test(read_crosses_pages_and_stops_at_the_first_absent),
		cmocka_unit_test(patchy_read_says_which_pages_are_missing),
		cmocka_unit_test(read_does_not_wrap_the_address_space),
		cmocka_unit_test(physical_space_is_the_identity),
		cmocka_unit_test(walk_equals_translation_of_every_page),
		cmocka_unit_test(walk_covers_both_halves_and_the_ends),
		cmocka_unit_test(self_map_is_left_out_unless_asked_for),
		cmocka_unit_test(self_map_translates_like_any_address),
		cmocka_unit_test(tables_that_repeat_cost_what_they_occupy),
		cmocka_unit_test(root_full_of_itself_ends),
		cmocka_unit_test(missing_root_is_a_fault_not_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
