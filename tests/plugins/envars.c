// envars: environment blocks, whole and cut.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

static void variables_are_split_at_the_equals_sign(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 4, .name = "System");
	fx_process(fx, .pid = 100, .name = "a.exe", .environment_at = 0x400000,
		.environment = "=C:=C:\\Temp\nOS=Windows_NT\nA=b=c\nEMPTY=\nbare");

	expect_rows(fx, "envars",
		"pid  name   block     variable  value\n"
		"100  a.exe  0x400000  =C:       C:\\Temp\n"
		"100  a.exe  0x400000  OS        Windows_NT\n"
		"100  a.exe  0x400000  A         b=c\n"
		"100  a.exe  0x400000  EMPTY     \"\"\n"
		"100  a.exe  0x400000  bare      -\n");
}

static void block_is_cut_at_a_missing_page(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	// "ONE=1" ends 12 bytes before the end of its page.
	struct fx_object p = fx_process(fx, .pid = 100, .name = "a.exe", .environment_at = 0x400fe8,
		.environment = "ONE=1\nTWO=22222\nTHREE=3");
	fx_drop_user_page(fx, &p, 0x401000);

	expect_rows(fx, "envars",
		"variable  value\n"
		"ONE       1\n"
		"# process 100: the environment cannot be read beyond 0x400ff4\n");
}

static void size_of_the_block_is_its_end(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 100, .name = "a.exe", .environment = "ONE=1\nTWO=2",
		.environment_size = 12);

	expect_rows(fx, "envars", "variable  value\nONE  1\n");
}

static void block_without_an_end_stops_at_its_size(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 100, .name = "a.exe", .environment = "ONE=1\nTWO=2",
		.environment_at = 0x400000, .environment_size = 18);

	expect_rows(fx, "envars",
		"variable  value\n"
		"ONE       1\n"
		"# cannot be read beyond 0x40000c\n");
}

static void unreadable_block_leaves_the_other_processes(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = fx_process(
		fx, .pid = 100, .name = "a.exe", .environment = "A=1", .environment_at = 0x400000);
	struct fx_object q = fx_process(fx, .pid = 200, .name = "b.exe", .environment = "B=2");
	fx_process(fx, .pid = 300, .name = "c.exe", .environment = "C=3");
	fx_drop_user_page(fx, &p, 0x400000);
	fx_drop_user_page(fx, &q, q.peb);

	expect_rows(fx, "envars",
		"pid  variable  value\n"
		"300  C         3\n"
		"# process 100: the environment cannot be read beyond 0x400000\n");
}

static void block_before_vista_ends_at_an_empty_string(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "xp-sp3-x86");
	fx_process(fx, .pid = 100, .name = "a.exe", .environment = "ONE=1\nTWO=2");

	expect_rows(fx, "envars --pid 100",
		"pid  variable  value\n"
		"100  ONE       1\n"
		"100  TWO       2\n");
	expect_rows(fx, "envars --pid 101", "pid\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_are_split_at_the_equals_sign),
		cmocka_unit_test(block_is_cut_at_a_missing_page),
		cmocka_unit_test(size_of_the_block_is_its_end),
		cmocka_unit_test(block_without_an_end_stops_at_its_size),
		cmocka_unit_test(unreadable_block_leaves_the_other_processes),
		cmocka_unit_test(block_before_vista_ends_at_an_empty_string),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
