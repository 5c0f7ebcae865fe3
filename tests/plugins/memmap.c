// memmap: what the page tables of a process lead to.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

static void neighbouring_pages_are_joined(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = fx_process(
		fx, .pid = 100, .name = "a.exe", .user_pages = 3, .user_page_at = 0x10000);
	fx_map(&p.tables, 0x10000, 0x800000);
	fx_map(&p.tables, 0x11000, 0x801000);
	fx_map(&p.tables, 0x12000, 0x900000); // next to them, but not in memory

	expect_rows(fx, "memmap",
		"virtual  physical  size    file_offset  pid  process\n"
		"0x10000  0x800000  0x2000  0x0          100  a.exe\n"
		"0x12000  0x900000  0x1000  0x2000       100  a.exe\n");
}

static void absent_pages_are_left_out(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = fx_process(
		fx, .pid = 100, .name = "a.exe", .user_pages = 3, .user_page_at = 0x10000);
	fx_map(&p.tables, 0x10000, 0x800000);
	fx_drop_user_page(fx, &p, 0x11000);
	fx_map(&p.tables, 0x12000, UINT64_C(0x7000000000)); // past the end of memory

	expect_rows(fx, "memmap",
		"virtual  physical  size\n"
		"0x10000  0x800000  0x1000\n");
}

static void large_page_comes_whole(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = fx_process(
		fx, .pid = 100, .name = "a.exe", .user_pages = 1, .user_page_at = 0x10000);
	fx_map(&p.tables, 0x10000, 0x800000);
	fx_map_large(&p.tables, 0x40000000, 0xa00000);

	expect_rows(fx, "memmap",
		"virtual     physical  size\n"
		"0x10000     0x800000  0x1000\n"
		"0x40000000  0xa00000  0x200000\n");
}

static void process_without_page_tables_is_noted(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 100, .name = "a.exe", .no_root = true);
	struct fx_object p = fx_process(
		fx, .pid = 200, .name = "b.exe", .user_pages = 1, .user_page_at = 0x10000);
	fx_map(&p.tables, 0x10000, 0x800000);

	expect_rows(fx, "memmap",
		"virtual  physical  pid\n"
		"0x10000  0x800000  200\n"
		"# process 100: its page-table root cannot be read\n");
}

static void self_map_is_shown_once_a_level(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = fx_process(
		fx, .pid = 100, .name = "a.exe", .user_pages = 1, .user_page_at = 0x10000);
	fx_map(&p.tables, 0x10000, 0x800000);
	fx_self_map(&p.tables, 0x1ed);

	expect_rows(fx, "memmap",
		"virtual             size\n"
		"0x10000             0x1000\n"
		"0xfffff68000000000  0x1000\n"
		"0xfffff6fb40000000  0x1000\n"
		"0xfffff6fb7da00000  0x1000\n"
		"0xfffff6fb7dbed000  0x1000\n");
}

static void only_the_pids_asked_for_are_shown(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win7-sp1-x86");
	fx_process(fx, .pid = 100, .name = "a.exe", .user_pages = 1, .user_page_at = 0x10000);
	struct fx_object p = fx_process(
		fx, .pid = 200, .name = "b.exe", .user_pages = 1, .user_page_at = 0x20000);
	fx_map(&p.tables, 0x20000, 0x800000);

	expect_rows(fx, "memmap --pid 200",
		"virtual  physical  size    pid\n"
		"0x20000  0x800000  0x1000  200\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbouring_pages_are_joined),
		cmocka_unit_test(absent_pages_are_left_out),
		cmocka_unit_test(large_page_comes_whole),
		cmocka_unit_test(process_without_page_tables_is_noted),
		cmocka_unit_test(self_map_is_shown_once_a_level),
		cmocka_unit_test(only_the_pids_asked_for_are_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
