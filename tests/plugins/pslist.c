// pslist: the active list in every state that an image can show it in.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

#define FIRST UINT64_C(0xffffa0000a000080)
#define SECOND UINT64_C(0xffffa0000b000080)
#define THIRD UINT64_C(0xffffa0000c000080)

static void three_processes(struct fx *fx, struct fx_object *out)
{
	out[0] = fx_process(fx, .pid = 4, .name = "System", .at = FIRST);
	out[1] = fx_process(fx, .pid = 500, .name = "smss.exe", .at = SECOND);
	out[2] = fx_process(fx, .pid = 600, .name = "csrss.exe", .at = THIRD);
}

static void every_column_is_read(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 700, .ppid = 4, .name = "old.exe", .at = FIRST, .threads = 3,
		.session = 2, .wow64 = true, .created = "2024-03-14T13:26:53",
		.exited = "2024-03-14T13:27:00");

	expect_rows(fx, "pslist",
		"pid  ppid  name     offset              threads  handles  session  wow64\n"
		"700  4     old.exe  0xffffa0000a000080  3        n/a      1        true\n");
	expect_rows(fx, "pslist",
		"created                      exited                       file  found_by\n"
		"2024-03-14T13:26:53.000000Z  2024-03-14T13:27:00.000000Z  -     list\n");
}

static void row_survives_a_missing_page(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 4, .name = "System", .at = FIRST);
	// The name lies on the page after the one with the pid and the links.
	fx_process(fx, .pid = 500, .name = "smss.exe", .at = 0xffffa0000b000b00);
	fx_drop_page(fx, 0xffffa0000b001000);

	expect_rows(fx, "pslist",
		"pid  ppid  name    wow64\n"
		"4    0     System  false\n"
		"500  ?     ?       ?\n");
}

static void physical_address_is_of_the_first_byte(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 4, .name = "System", .at = FIRST);
	uint64_t frame = load_u64(fx->memory.bytes + fx_entry_at(&fx->tables, FIRST, 0));
	char expected[128];
	snprintf(expected, sizeof expected, "pid  physical\n4  0x%llx\n",
		(unsigned long long)((frame & UINT64_C(0xffffffffff000)) + 0x80));

	expect_rows(fx, "pslist", expected);
}

static void looped_list_ends_with_a_note(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p[3];
	three_processes(fx, p);
	fx_forward(fx, p[2].link, p[1].link);

	expect_rows(fx, "pslist",
		"pid  found_by\n"
		"4    list\n"
		"500  list\n"
		"600  list\n"
		"# PsActiveProcessHead: list broken after 0xffffa0000c0004c8, walking forward: the "
		"list loops\n");
}

static void broken_link_is_joined_from_behind(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p[3];
	three_processes(fx, p);
	fx_process(fx, .pid = 700, .name = "last.exe");
	fx_forward(fx, p[0].link, 0);

	expect_rows(fx, "pslist",
		"pid  found_by\n"
		"4    list\n"
		"500  backward\n"
		"600  backward\n"
		"700  backward\n"
		"# PsActiveProcessHead: list broken after 0xffffa0000a0004c8, walking forward: the "
		"link is zero\n");
}

static void node_on_a_missing_page_breaks_both_walks(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p[3];
	three_processes(fx, p);
	fx_drop_page(fx, SECOND);

	expect_rows(fx, "pslist",
		"pid  found_by\n"
		"4    forward\n"
		"600  backward\n"
		"# after 0xffffa0000a0004c8, walking forward: the next node cannot be read\n"
		"# after 0xffffa0000c0004c8, walking backward: the next node cannot be read\n");
}

static void node_that_does_not_point_back_is_noted(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p[3];
	three_processes(fx, p);
	fx_backward(fx, p[2].link, p[0].link); // as if the second had never been

	expect_rows(fx, "pslist",
		"pid  found_by\n"
		"4    list\n"
		"500  forward\n"
		"600  list\n"
		"# the node at 0xffffa0000c0004c8 does not point back to the one before it\n");
}

static void process_unlinked_both_ways_is_not_listed(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p[3];
	three_processes(fx, p);
	fx_forward(fx, p[0].link, p[2].link);
	fx_backward(fx, p[2].link, p[0].link);

	expect_rows(fx, "pslist",
		"pid  found_by\n"
		"4    list\n"
		"600  list\n");
}

static void unreadable_head_begins_at_system(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p[3];
	three_processes(fx, p);
	// The pointer to System may share the head's page in this build: then nothing can be begun.
	uint64_t head = fx->processes, pointer = fx_symbol(fx, "PsInitialSystemProcess");
	assert_int_not_equal(head / PAGE_SIZE, pointer / PAGE_SIZE);
	fx_drop_page(fx, head);

	expect_rows(fx, "pslist",
		"pid  found_by\n"
		"4    list\n"
		"500  forward\n"
		"600  forward\n"
		"# PsActiveProcessHead cannot be read; the list is begun at the System process\n"
		"# walking forward: the next node cannot be read\n"
		"# walking backward: the next node cannot be read\n");
}

static void without_head_and_system_there_are_no_rows(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p[3];
	three_processes(fx, p);
	fx_drop_page(fx, fx->processes);
	fx_drop_page(fx, fx_symbol(fx, "PsInitialSystemProcess"));

	expect_rows(fx, "pslist",
		"pid\n"
		"# neither PsActiveProcessHead nor the System process can be read\n");
}

static void empty_list_has_no_rows(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");

	expect_rows(fx, "pslist", "pid\n");
}

static void only_the_pids_asked_for_are_shown(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p[3];
	three_processes(fx, p);

	expect_rows(fx, "pslist --pid 4 600", "pid\n4\n600\n");
	expect_rows(fx, "pslist --pid 9999", "pid\n");
}

static void windows_7_on_32_bits_counts_handles(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win7-sp1-x86");
	fx_process(fx, .pid = 4, .name = "System", .at = 0x84a00040, .handles = 517);
	fx_process(fx, .pid = 248, .ppid = 4, .name = "smss.exe", .session = 1, .threads = 2);

	expect_rows(fx, "pslist",
		"pid  ppid  name      offset      threads  handles  session  wow64\n"
		"4    0     System    0x84a00040  0        517      -        false\n"
		"248  4     smss.exe  0x85001040  2        -        0        false\n");
}

static void windows_xp_is_read(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "xp-sp3-x86");
	fx_process(fx, .pid = 4, .name = "System", .handles = 200);
	fx_process(fx, .pid = 380, .ppid = 4, .name = "smss.exe", .created = "2008-04-14T00:00:00");

	expect_rows(fx, "pslist",
		"pid  ppid  name      handles  created\n"
		"4    0     System    200      -\n"
		"380  4     smss.exe  -        2008-04-14T00:00:00.000000Z\n");
}

static void profile_without_image_name_is_refused(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_process(fx, .pid = 4, .name = "System");
	fx_profile_parse(fx,
		"{\"metadata\":{\"format\":\"6.2.0\"},"
		"\"base_types\":{\"pointer\":{\"kind\":\"int\",\"size\":8,\"signed\":false,"
		"\"endian\":\"little\"}},"
		"\"enums\":{},\"symbols\":{\"PsActiveProcessHead\":{\"address\":4096}},"
		"\"user_types\":{\"_EPROCESS\":{\"kind\":\"struct\",\"size\":64,\"fields\":{"
		"\"UniqueProcessId\":{\"offset\":0,\"type\":{\"kind\":\"base\",\"name\":"
		"\"pointer\"}}}}}}");

	expect_refused(fx, "pslist", "ImageFileName");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_column_is_read),
		cmocka_unit_test(row_survives_a_missing_page),
		cmocka_unit_test(physical_address_is_of_the_first_byte),
		cmocka_unit_test(looped_list_ends_with_a_note),
		cmocka_unit_test(broken_link_is_joined_from_behind),
		cmocka_unit_test(node_on_a_missing_page_breaks_both_walks),
		cmocka_unit_test(node_that_does_not_point_back_is_noted),
		cmocka_unit_test(process_unlinked_both_ways_is_not_listed),
		cmocka_unit_test(unreadable_head_begins_at_system),
		cmocka_unit_test(without_head_and_system_there_are_no_rows),
		cmocka_unit_test(empty_list_has_no_rows),
		cmocka_unit_test(only_the_pids_asked_for_are_shown),
		cmocka_unit_test(windows_7_on_32_bits_counts_handles),
		cmocka_unit_test(windows_xp_is_read),
		cmocka_unit_test(profile_without_image_name_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
