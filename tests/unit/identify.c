// Identification: every way in which the kernel or its page tables may be hard to find.
// SPDX-License-Identifier: Apache-2.0
#include "win/identify.h"
#include "../fx/fx_tables.h"
#include "win/kernel_pe.h"
#include "win/witness.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BASE64 UINT64_C(0xfffff80312200000)
#define BASE32 UINT64_C(0x82800000)
#define SIZE (64 << 20)

struct world {
	struct fx_memory memory;
	struct fx_tables tables;
	struct fx_kernel kernel;
	ei_arena *arena;
	struct identification result;
	struct identify_wish wish;
};

static uint64_t base_of(enum fx_mode mode)
{
	return mode == FX_X64 ? BASE64 : BASE32;
}

// A system with its root at `root` and a complete kernel: tests then take things away.
static void world_init(struct world *world, enum fx_mode mode, uint64_t root)
{
	*world = (struct world){ .kernel = { .base = base_of(mode),
					 .pdb = mode == FX_PAE ? "ntkrpamp.pdb" : "ntkrnlmp.pdb",
					 .export = "ntoskrnl.exe",
					 .build = 19041 } };
	fx_memory_init(&world->memory, SIZE);
	if (root)
		world->memory.free = root + PAGE_SIZE;
	fx_tables_init(&world->tables, &world->memory, mode, root);
	fx_self_map(&world->tables, 0x1ed);
	assert_null(ei_arena_create(1 << 20, &world->arena));
}

static void world_deinit(struct world *world)
{
	ei_arena_drop(world->arena);
	fx_memory_deinit(&world->memory);
}

static const struct identity *identify_world(struct world *world)
{
	fx_memory_open(&world->memory);
	world->wish.image = world->memory.image;
	world->wish.reader = world->memory.reader;
	world->wish.threads = 2;
	assert_null(identify(&world->wish, world->arena, &world->result));
	return &world->result.identity;
}

static void assert_identified(struct world *world, const char *root, const char *kernel)
{
	const struct identity *identity = identify_world(world);

	assert_true(identity->found);
	assert_int_equal(identity->kernel_base, world->kernel.base);
	assert_ptr_equal(identity->kernel.mode, world->tables.space.mode);
	assert_int_equal(identity->kernel.dtb, world->tables.root);
	assert_string_equal(identity->root_witness, root);
	assert_string_equal(identity->kernel_witness, kernel);
}

static void assert_symbols(const struct world *world)
{
	const struct identity *identity = &world->result.identity;

	assert_string_equal(identity->pdb, world->kernel.pdb);
	assert_string_equal(identity->guid, FX_GUID);
	assert_int_equal(identity->age, FX_AGE);
}

// ---- the plain cases ------------------------------------------------------------------------
static void each_mode_is_identified(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode, 0x1a0000);
		fx_kernel_build(&world.tables, &world.kernel);
		assert_identified(&world, "self-map", "PE header and RSDS");
		assert_symbols(&world);
		assert_int_equal(world.result.identity.build, 19041);
		assert_int_equal(world.result.identity.kernel_size, 8 << 20);
		assert_int_equal(world.result.note_count, 0);
		world_deinit(&world);
	}
}

static void kernel_in_large_pages_is_identified(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode, 0x1a0000);
		world.kernel.large = true;
		fx_kernel_build(&world.tables, &world.kernel);
		assert_identified(&world, "self-map", "PE header and RSDS");
		world_deinit(&world);
	}
}

static void kernel_right_after_another_mapping_is_identified(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x1a0000);
	world.kernel.base = BASE64 + 0x3000; // neither aligned nor after a gap
	fx_map_fresh(&world.tables, BASE64 + 0x2000);
	fx_kernel_build(&world.tables, &world.kernel);
	assert_identified(&world, "self-map", "PE header and RSDS");
	world_deinit(&world);
}

static void low_stub_gives_the_root(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x3000000); // outside every window
	fx_kernel_build(&world.tables, &world.kernel);
	fx_put64(&world.memory, 0x13000, 0x1000600e9 | 0x4d00);
	fx_put64(&world.memory, 0x13070, BASE64 + 0x2000);
	fx_put64(&world.memory, 0x130a0, world.tables.root);
	assert_identified(&world, "low stub", "PE header and RSDS");
	assert_int_equal(world.result.attempts[0].pa, 0x13000);
	world_deinit(&world);
}

static void system_process_gives_the_lasting_root(void **state)
{
	(void)state;
	struct world world;
	struct fx_tables other;
	world_init(&world, FX_X64, 0x1a0000);
	fx_kernel_build(&world.tables, &world.kernel);
	uint64_t system = UINT64_C(0xffffa00000001000);
	uint64_t frame = fx_map_fresh(&world.tables, system);
	fx_map_fresh(&world.tables, BASE64 + 0x222000); // PsInitialSystemProcess
	fx_write(&world.tables, BASE64 + 0x222000, &system, 8);
	// The root found first is another process's: it shares the system half.
	fx_tables_init(&other, &world.memory, FX_X64, 0);
	memcpy(world.memory.bytes + other.root, world.memory.bytes + world.tables.root, PAGE_SIZE);
	fx_self_map(&other, 0x1ed);
	fx_put64(&world.memory, frame + 0x28, other.root | 2);
	world.tables.root = other.root;
	assert_identified(&world, "self-map, then the System process", "PE header and RSDS");
	world_deinit(&world);
}

// ---- the root is hard to find ---------------------------------------------------------------
static void decoy_self_maps_do_not_stop_it(void **state)
{
	(void)state;
	struct world world;
	struct fx_tables decoy;
	world_init(&world, FX_X64, 0x1ad000);
	fx_kernel_build(&world.tables, &world.kernel);
	for (uint64_t at = 0x150000; at < 0x160000; at += PAGE_SIZE) {
		fx_tables_init(&decoy, &world.memory, FX_X64, at);
		fx_self_map(&decoy, 0x120);
		fx_put64(&world.memory, at + 8 * 0x1f0, UINT64_C(0x7ffffff063));
	}
	fx_tables_init(&decoy, &world.memory, FX_X64, 0x160000); // and one that maps something
	fx_self_map(&decoy, 0x121);
	fx_map_fresh(&decoy, BASE64);
	assert_identified(&world, "self-map", "PE header and RSDS");
	assert_true(world.result.attempt_count > 17);
	for (size_t i = 0; i < 17; i++)
		assert_false(world.result.attempts[i].accepted);
	assert_string_equal(world.result.attempts[0].outcome, "maps nothing in the system half");
	assert_string_equal(world.result.attempts[16].outcome, "no kernel found through it");
	assert_string_equal(world.result.attempts[17].outcome, "kernel found");
	world_deinit(&world);
}

static void root_that_shows_the_kernel_elsewhere_comes_last(void **state)
{
	(void)state;
	static const bool has_right_one[] = { true, false };
	const uint64_t elsewhere = UINT64_C(0xfffff9c1c3000000);
	for (size_t i = 0; i < ARRAY_LENGTH(has_right_one); i++) {
		struct world world;
		struct fx_tables decoy;
		world_init(&world, FX_X64, 0x1ad000);
		if (has_right_one[i])
			fx_kernel_build(&world.tables, &world.kernel);
		fx_tables_init(&decoy, &world.memory, FX_X64, 0x150000);
		fx_self_map(&decoy, 0x120);
		world.kernel.base = elsewhere;
		fx_kernel_build(&decoy, &world.kernel);
		const struct identity *identity = identify_world(&world);
		assert_true(identity->found);
		assert_int_equal(identity->kernel_base, has_right_one[i] ? BASE64 : elsewhere);
		world_deinit(&world);
	}
}

static void entry_past_the_end_of_the_image_is_no_obstacle(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x1ad000);
	fx_kernel_build(&world.tables, &world.kernel);
	fx_put64(&world.memory, world.tables.root + 8 * 0x1f1, UINT64_C(0x7ffffff063));
	fx_put64(&world.memory, world.tables.root + 8 * 0x110, UINT64_C(0x7fffffe0e3));
	assert_identified(&world, "self-map", "PE header and RSDS");
	world_deinit(&world);
}

static void root_anywhere_in_memory_is_found(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode, 0x3000000);
		fx_kernel_build(&world.tables, &world.kernel);
		assert_identified(&world, "self-map", "PE header and RSDS");
		world_deinit(&world);
	}
}

static void pae_root_away_from_its_directories_is_found(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_PAE, 0x1a0000);
	fx_kernel_build(&world.tables, &world.kernel);
	uint64_t elsewhere = fx_frame(&world.memory) + 0x40;
	memcpy(world.memory.bytes + elsewhere, world.memory.bytes + world.tables.root, 32);
	memset(world.memory.bytes + world.tables.root, 0, 32);
	world.tables.root = elsewhere;
	assert_identified(&world, "self-map", "PE header and RSDS");
	world_deinit(&world);
}

static void root_without_self_map_is_found_by_the_system_process(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode, 0x1a0000);
		fx_kernel_build(&world.tables, &world.kernel);
		bool wide = mode == FX_X64;
		if (wide)
			fx_put64(&world.memory, world.tables.root + 8 * 0x1ed, 0);
		if (mode == FX_X86)
			fx_put32(&world.memory, world.tables.root + 4 * 0x300, 0);
		if (mode == FX_PAE) {
			uint64_t last = load_u64(world.memory.bytes + world.tables.root + 24);
			fx_put64(&world.memory, (last & ~UINT64_C(0xfff)) + 24, 0);
		}
		uint64_t process = fx_frame(&world.memory) + 0x80;
		fx_put32(&world.memory, process, 0x00b60003);
		fx_put64(&world.memory, process + (wide ? 0x28 : 0x18), world.tables.root);
		memcpy(world.memory.bytes + process + 0x5a8, "System", 6);
		assert_identified(&world, "System process", "PE header and RSDS");
		world_deinit(&world);
	}
}

static void dtb_on_the_command_line_is_taken(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x1ad000);
	fx_kernel_build(&world.tables, &world.kernel);
	fx_put64(&world.memory, world.tables.root + 8 * 0x1ed, 0);
	world.wish.dtb = world.tables.root;
	assert_identified(&world, "--dtb", "PE header and RSDS");
	world_deinit(&world);
}

static void kernel_base_on_the_command_line_needs_no_proof(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x1ad000);
	fx_map_fresh(&world.tables, BASE64);
	world.wish.kernel_base = BASE64;
	assert_identified(&world, "self-map", "--kernel-base");
	world_deinit(&world);
}

// ---- the kernel is hard to find -------------------------------------------------------------
static void rsds_far_into_the_kernel_is_read(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x1ad000);
	world.kernel.rsds_rva = 6 << 20;
	fx_kernel_build(&world.tables, &world.kernel);
	assert_identified(&world, "self-map", "PE header and RSDS");
	assert_symbols(&world);
	world_deinit(&world);
}

static void kernel_whose_rsds_is_paged_out_is_known_by_its_exports(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode, 0x1ad000);
		fx_kernel_build(&world.tables, &world.kernel);
		fx_unmap(&world.tables, world.kernel.base + 0x3000);
		assert_identified(&world, "self-map", "PE header and export directory");
		assert_string_equal(world.result.identity.pdb, "");
		assert_int_equal(world.result.identity.build, 19041);
		world_deinit(&world);
	}
}

static void kernel_with_neither_is_known_by_its_sections(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x1ad000);
	fx_kernel_build(&world.tables, &world.kernel);
	fx_write(&world.tables, BASE64 + 0x108 + 0x100, "POOLCODE", 8);
	fx_unmap(&world.tables, BASE64 + 0x3000);
	fx_unmap(&world.tables, BASE64 + 0x5000);
	assert_identified(&world, "self-map", "PE header and section names");
	world_deinit(&world);
}

static void header_paged_out_is_bridged_by_the_debug_directory(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode, 0x1ad000);
		fx_kernel_build(&world.tables, &world.kernel);
		fx_unmap(&world.tables, world.kernel.base);
		assert_identified(&world, "self-map", "RSDS and debug directory");
		assert_symbols(&world);
		world_deinit(&world);
	}
}

static void header_and_rsds_paged_out_leave_the_export_directory(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x1ad000);
	fx_kernel_build(&world.tables, &world.kernel);
	fx_unmap(&world.tables, BASE64);
	fx_unmap(&world.tables, BASE64 + 0x3000);
	assert_identified(&world, "self-map", "export directory");
	world_deinit(&world);
}

// Tables of a 32-bit system, read as if they were of 64 bits, led to its kernel.
static void kernel_of_another_machine_is_none(void **state)
{
	(void)state;
	static const bool has_rsds[] = { true, false };
	for (size_t i = 0; i < ARRAY_LENGTH(has_rsds); i++) {
		struct world world;
		world_init(&world, FX_X64, 0x1ad000);
		world.kernel.machine = 0x14c;
		fx_kernel_build(&world.tables, &world.kernel);
		if (!has_rsds[i])
			fx_unmap(&world.tables, BASE64 + 0x3000);
		assert_false(identify_world(&world)->found);
		world_deinit(&world);
	}
}

static void put_kdbg(struct world *world, uint64_t va, uint64_t base)
{
	uint64_t lab = va + 0x800;

	fx_map_fresh(&world->tables, va);
	fx_write(&world->tables, va + 0x10, "KDBG", 4);
	fx_write(&world->tables, va + 0x18, &base, 8);
	fx_write(&world->tables, va + 0x208, &lab, 8);
	fx_write(&world->tables, lab, "22000.1.amd64fre.co_release", 28);
}

static void kdbg_alone_is_enough(void **state)
{
	(void)state;
	for (enum fx_mode mode = FX_X64; mode <= FX_X86; mode++) {
		struct world world;
		world_init(&world, mode, 0x1ad000);
		fx_kernel_build(&world.tables, &world.kernel);
		put_kdbg(&world, world.kernel.base + 0x300000, world.kernel.base);
		put_kdbg(&world, world.kernel.base - 0x300000, 0x12345000); // a decoy
		fx_unmap(&world.tables, world.kernel.base);
		fx_unmap(&world.tables, world.kernel.base + 0x3000);
		fx_unmap(&world.tables, world.kernel.base + 0x5000);
		assert_identified(&world, "self-map", "KDBG");
		assert_int_equal(world.result.identity.kdbg, world.kernel.base + 0x300000);
		assert_int_equal(world.result.identity.build, 22000);
		world_deinit(&world);
	}
}

static void driver_is_not_taken_for_the_kernel(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x1ad000);
	struct fx_kernel driver = {
		.base = BASE64 - (64 << 20), .pdb = "disk.pdb", .export = "hal.dll"
	};
	fx_kernel_build(&world.tables, &driver);
	fx_kernel_build(&world.tables, &world.kernel);
	assert_identified(&world, "self-map", "PE header and RSDS");
	world_deinit(&world);
}

static void shared_data_gives_the_build(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x1ad000);
	world.kernel.build = 0;
	fx_kernel_build(&world.tables, &world.kernel);
	uint64_t shared = fx_map_fresh(&world.tables, UINT64_C(0xfffff78000000000));
	fx_put32(&world.memory, shared + 0x260, 0xf0004a61); // 19041 of a free build
	identify_world(&world);
	assert_int_equal(world.result.identity.build, 19041);
	world_deinit(&world);
}

static void debugger_data_is_found_in_the_kernel(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x1ad000);
	fx_kernel_build(&world.tables, &world.kernel);
	put_kdbg(&world, BASE64 + 0x310000, BASE64);
	const struct identity *identity = identify_world(&world);
	assert_int_equal(identity->kdbg, 0); // not needed, so not looked for
	assert_int_equal(identify_kdbg(&identity->kernel, world.memory.reader,
				 identity->kernel_base, identity->kernel_size),
		BASE64 + 0x310000);
	world_deinit(&world);
}

// ---- no kernel ------------------------------------------------------------------------------
static void image_without_windows_says_so(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x1ad000);
	memset(world.memory.bytes, 0, SIZE);
	fx_put64(&world.memory, 0x5000, 1);
	const struct identity *identity = identify_world(&world);
	assert_false(identity->found);
	assert_non_null(identity->kernel.mode);
	assert_int_equal(world.result.note_count, 1);
	assert_string_equal(
		world.result.notes[0], "nothing in the image looks like page tables of Windows");
	world_deinit(&world);
}

static void roots_that_lead_nowhere_are_listed(void **state)
{
	(void)state;
	struct world world;
	world_init(&world, FX_X64, 0x1ad000);
	fx_map_fresh(&world.tables, BASE64);
	assert_false(identify_world(&world)->found);
	assert_true(world.result.attempt_count >= 1);
	assert_int_equal(world.result.attempts[0].dtb, 0x1ad000);
	assert_string_equal(world.result.attempts[0].outcome, "no kernel found through it");
	world_deinit(&world);
}

static void cancelling_ends_the_scan(void **state)
{
	(void)state;
	struct world world;
	bool cancelled = true;
	world_init(&world, FX_X64, 0x1ad000);
	fx_memory_open(&world.memory);
	struct identify_wish wish = {
		.image = world.memory.image, .reader = world.memory.reader, .cancelled = &cancelled
	};
	ei_error *error = identify(&wish, world.arena, &world.result);
	assert_non_null(error);
	assert_int_equal(ei_error_code(error), EI_E_CANCELLED);
	ei_error_drop(error);
	world_deinit(&world);
}

// ---- pieces ---------------------------------------------------------------------------------
static void screen_sees_each_pattern_at_every_place(void **state)
{
	(void)state;
	uint8_t page[PAGE_SIZE] = { 0 };
	const uint64_t pa = UINT64_C(0x412345000);
	const struct {
		uint32_t word;
		unsigned seen;
	} cases[] = { { 0x12345063, SCREEN_SELF }, { 0x4742444b, SCREEN_KDBG },
		{ 0x74737953, SCREEN_SYSTEM }, { 0x12346063, 0 } };

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		for (size_t at = 0; at < PAGE_SIZE; at += 4) {
			memcpy(page + at, &cases[i].word, 4);
			assert_int_equal(page_screen(page, pa), cases[i].seen);
			memset(page + at, 0, 4);
		}
}

static void exports_are_found_even_past_a_missing_page_of_names(void **state)
{
	(void)state;
	struct world world;
	struct kernel_pe pe;
	uint32_t rva;
	world_init(&world, FX_X64, 0x1ad000);
	world.kernel.export_rva = 0x5da0; // the second name lies on the next page
	fx_map_fresh(&world.tables, BASE64 + 0x6000);
	fx_kernel_build(&world.tables, &world.kernel);
	fx_memory_open(&world.memory);
	assert_true(kernel_pe_open(&world.tables.space, world.memory.reader, BASE64, &pe));
	assert_true(kernel_pe_export(&pe, "PsInitialSystemProcess", &rva));
	assert_int_equal(rva, 0x222000);
	assert_true(kernel_pe_export(&pe, "NtBuildNumber", &rva));
	assert_false(kernel_pe_export(&pe, "NtBuildNumbe", &rva));
	fx_unmap(&world.tables, BASE64 + 0x6000);
	fx_memory_open(&world.memory);
	pe.reader = world.memory.reader;
	assert_true(kernel_pe_export(&pe, "NtBuildNumber", &rva));
	assert_int_equal(rva, 0x111000);
	assert_false(kernel_pe_export(&pe, "PsInitialSystemProcess", &rva));
	world_deinit(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mode_is_identified),
		cmocka_unit_test(kernel_in_large_pages_is_identified),
		cmocka_unit_test(kernel_right_after_another_mapping_is_identified),
		cmocka_unit_test(low_stub_gives_the_root),
		cmocka_unit_test(system_process_gives_the_lasting_root),
		cmocka_unit_test(decoy_self_maps_do_not_stop_it),
		cmocka_unit_test(root_that_shows_the_kernel_elsewhere_comes_last),
		cmocka_unit_test(entry_past_the_end_of_the_image_is_no_obstacle),
		cmocka_unit_test(root_anywhere_in_memory_is_found),
		cmocka_unit_test(pae_root_away_from_its_directories_is_found),
		cmocka_unit_test(root_without_self_map_is_found_by_the_system_process),
		cmocka_unit_test(dtb_on_the_command_line_is_taken),
		cmocka_unit_test(kernel_base_on_the_command_line_needs_no_proof),
		cmocka_unit_test(rsds_far_into_the_kernel_is_read),
		cmocka_unit_test(kernel_whose_rsds_is_paged_out_is_known_by_its_exports),
		cmocka_unit_test(kernel_with_neither_is_known_by_its_sections),
		cmocka_unit_test(header_paged_out_is_bridged_by_the_debug_directory),
		cmocka_unit_test(header_and_rsds_paged_out_leave_the_export_directory),
		cmocka_unit_test(kernel_of_another_machine_is_none),
		cmocka_unit_test(kdbg_alone_is_enough),
		cmocka_unit_test(driver_is_not_taken_for_the_kernel),
		cmocka_unit_test(shared_data_gives_the_build),
		cmocka_unit_test(debugger_data_is_found_in_the_kernel),
		cmocka_unit_test(image_without_windows_says_so),
		cmocka_unit_test(roots_that_lead_nowhere_are_listed),
		cmocka_unit_test(cancelling_ends_the_scan),
		cmocka_unit_test(screen_sees_each_pattern_at_every_place),
		cmocka_unit_test(exports_are_found_even_past_a_missing_page_of_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
