// pstree: who created whom, by pid and time.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

static void family(struct fx *fx)
{
	fx_process(fx, .pid = 4, .name = "System");
	fx_process(fx, .pid = 300, .ppid = 4, .name = "smss.exe", .created = "2024-03-14T08:00:00");
	fx_process(
		fx, .pid = 400, .ppid = 300, .name = "csrss.exe", .created = "2024-03-14T08:00:01");
	fx_process(fx, .pid = 500, .ppid = 300, .name = "winlogon.exe",
		.created = "2024-03-14T08:00:02");
	fx_process(
		fx, .pid = 600, .ppid = 500, .name = "dwm.exe", .created = "2024-03-14T08:00:03");
	fx_process(fx, .pid = 700, .ppid = 999, .name = "explorer.exe",
		.created = "2024-03-14T08:00:04");
	fx_process(
		fx, .pid = 800, .ppid = 700, .name = "cmd.exe", .created = "2024-03-14T08:00:05");
}

static void children_stand_under_their_parent(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	family(fx);

	expect_rows(fx, "pstree",
		"pid      ppid  name\n"
		"4        0     System\n"
		"* 300    4     smss.exe\n"
		"** 400   300   csrss.exe\n"
		"** 500   300   winlogon.exe\n"
		"*** 600  500   dwm.exe\n"
		"700      999   explorer.exe\n"
		"* 800    700   cmd.exe\n");
}

static void younger_parent_is_a_root(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 700, .ppid = 500, .name = "explorer.exe",
		.created = "2024-03-14T08:00:00");
	// The pid of explorer's parent, used again an hour later.
	fx_process(
		fx, .pid = 500, .ppid = 4, .name = "notepad.exe", .created = "2024-03-14T09:00:00");

	expect_rows(fx, "pstree",
		"pid  ppid\n"
		"700  500\n"
		"500  4\n");
}

static void of_two_with_one_pid_the_youngest_before_the_child_is_the_parent(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 500, .name = "first.exe", .created = "2024-03-14T08:00:00");
	fx_process(fx, .pid = 500, .name = "second.exe", .created = "2024-03-14T09:00:00");
	fx_process(fx, .pid = 500, .name = "third.exe", .created = "2024-03-14T11:00:00");
	fx_process(
		fx, .pid = 600, .ppid = 500, .name = "child.exe", .created = "2024-03-14T10:00:00");

	expect_rows(fx, "pstree",
		"pid    name\n"
		"500    first.exe\n"
		"500    second.exe\n"
		"* 600  child.exe\n"
		"500    third.exe\n");
}

static void ring_of_parents_is_cut(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 100, .ppid = 200, .name = "a.exe");
	fx_process(fx, .pid = 200, .ppid = 100, .name = "b.exe");
	fx_process(fx, .pid = 300, .ppid = 300, .name = "own.exe");

	expect_rows(fx, "pstree",
		"pid    name\n"
		"200    b.exe\n"
		"* 100  a.exe\n"
		"300    own.exe\n");
}

static void pid_filter_keeps_ancestors_and_descendants(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	family(fx);

	expect_rows(fx, "pstree --pid 500",
		"pid      name\n"
		"4        System\n"
		"* 300    smss.exe\n"
		"** 500   winlogon.exe\n"
		"*** 600  dwm.exe\n");
	expect_rows(fx, "pstree --pid 400 --pid 700",
		"pid     name\n"
		"4       System\n"
		"* 300   smss.exe\n"
		"** 400  csrss.exe\n"
		"700     explorer.exe\n"
		"* 800   cmd.exe\n");
	expect_rows(fx, "pstree --pid 12345", "pid\n");
}

static void row_with_an_unreadable_parent_is_a_root(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 4, .name = "System");
	fx_process(fx, .pid = 300, .ppid = 4, .name = "smss.exe", .at = 0xffffa0000b000b00);
	fx_drop_page(fx, 0xffffa0000b001000);

	expect_rows(fx, "pstree",
		"pid  ppid  name\n"
		"4    0     System\n"
		"300  ?     ?\n");
}

static void kernel_and_process_say_where_the_image_is(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 4, .name = "System");
	fx_process(fx, .pid = 700, .ppid = 4, .name = "odsync.exe",
		.audit = "\\Device\\HarddiskVolume2\\a.exe", .image = "C:\\b.exe",
		.command_line = "b.exe -s");

	expect_rows(fx, "pstree",
		"pid    audit                           cmd       path\n"
		"4      -                               -         -\n"
		"* 700  \\Device\\HarddiskVolume2\\a.exe  b.exe -s  C:\\b.exe\n");
}

static void tree_of_32_bit_windows(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win7-sp1-x86");
	family(fx);

	expect_rows(fx, "pstree --pid 800",
		"pid    name\n"
		"700    explorer.exe\n"
		"* 800  cmd.exe\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_stand_under_their_parent),
		cmocka_unit_test(younger_parent_is_a_root),
		cmocka_unit_test(of_two_with_one_pid_the_youngest_before_the_child_is_the_parent),
		cmocka_unit_test(ring_of_parents_is_cut),
		cmocka_unit_test(pid_filter_keeps_ancestors_and_descendants),
		cmocka_unit_test(row_with_an_unreadable_parent_is_a_root),
		cmocka_unit_test(kernel_and_process_say_where_the_image_is),
		cmocka_unit_test(tree_of_32_bit_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
