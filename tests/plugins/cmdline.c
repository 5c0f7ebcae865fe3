// cmdline: what each process says it was started with.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

static void command_lines_are_read_in_each_space(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 4, .name = "System");
	fx_process(fx, .pid = 100, .name = "a.exe", .command_line = "a.exe -x \"b c\"");
	fx_process(fx, .pid = 200, .name = "b.exe", .command_line = "b.exe");

	expect_rows(fx, "cmdline",
		"pid  name    args\n"
		"4    System  -\n"
		"100  a.exe   a.exe -x \"b c\"\n"
		"200  b.exe   b.exe\n");
	expect_rows(fx, "cmdline --pid 200", "pid  args\n200  b.exe\n");
}

static void absence_says_why(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object peb = fx_process(fx, .pid = 100, .name = "a.exe", .command_line = "a");
	struct fx_object block = fx_process(fx, .pid = 200, .name = "b.exe", .command_line = "b");
	fx_process(fx, .pid = 300, .name = "c.exe", .command_line = "c", .no_root = true);
	fx_drop_user_page(fx, &peb, peb.peb);
	fx_drop_user_page(fx, &block, block.parameters);

	expect_rows(fx, "cmdline",
		"pid  args\n"
		"100  ?\n"
		"200  ?\n"
		"300  ?\n");
}

static void text_on_a_missing_page_is_unreadable(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = fx_process(fx, .pid = 100, .name = "a.exe", .command_line = "a -b");
	fx_drop_user_page(fx, &p, p.heap - PAGE_SIZE); // the last that was made: the string

	expect_rows(fx, "cmdline", "pid  args\n100  ?\n");
}

static void control_bytes_are_escaped(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 100, .name = "a.exe", .command_line = "a\x1b[2J\tb\nc");

	expect_rows(fx, "cmdline", "pid  args\n100  a\\x1b[2J\\tb\\nc\n");
}

static void command_lines_of_32_bit_windows(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win7-sp1-x86");
	fx_process(fx, .pid = 100, .name = "a.exe", .command_line = "a.exe -x");

	expect_rows(fx, "cmdline", "pid  args\n100  a.exe -x\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines_are_read_in_each_space),
		cmocka_unit_test(absence_says_why),
		cmocka_unit_test(text_on_a_missing_page_is_unreadable),
		cmocka_unit_test(control_bytes_are_escaped),
		cmocka_unit_test(command_lines_of_32_bit_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
