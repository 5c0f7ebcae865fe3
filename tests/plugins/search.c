// search: terms in physical memory, and who holds them.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"
#include <unistd.h>

#define NOWHERE UINT64_C(0xffffa00020000000)

static struct fx_object process_with_dll(struct fx *fx)
{
	struct fx_object process = fx_process(
		fx, .pid = 500, .name = "evil.exe", .user = true, .created = "2024-03-14T13:26:53");
	fx_dll(fx, &process, .name = "core.dll", .path = "C:\\core.dll", .base = 0x10000000,
		.size = 0x2000);
	fx_map_fresh(&process.tables, 0x10001000);
	fx_map_fresh(&process.tables, 0x20000000);
	return process;
}

static void terms_have_owners(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object process = process_with_dll(fx);
	fx_module(fx, .name = "bad.sys", .path = "\\bad.sys", .base = 0xfffff80320000000,
		.size = 0x1000);
	fx_map_fresh(&fx->tables, 0xfffff80320000000);
	fx_map_fresh(&fx->tables, NOWHERE);
	fx_write(&process.tables, 0x10001100, "C2.Example", 10);
	fx_write(&process.tables, 0x20000100, "c\0002\0.\0E\0X\0A\0M\0P\0L\0E\0", 20);
	fx_write(&fx->tables, 0xfffff80320000ff0, "c2.example", 10);
	fx_write(&fx->tables, NOWHERE, "c2.example", 10);
	fx_unmap(&fx->tables, NOWHERE);

	expect_rows(fx, "search c2.example",
		"encoding  process   pid  region        virtual\n"
		"ascii     evil.exe  500  C:\\core.dll  0x10001100\n"
		"utf16     evil.exe  500  -            0x20000100\n"
		"ascii     -         -    \\bad.sys     0xfffff80320000ff0\n"
		"ascii     -         -    unowned       -\n");
	expect_rows(fx, "search --pid 500 -- c2.example",
		"encoding  virtual\n"
		"ascii     0x10001100\n"
		"utf16     0x20000100\n");
}

static void summary_counts_the_hits_of_each_owner(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object process = process_with_dll(fx);
	fx_map_fresh(&fx->tables, NOWHERE);
	fx_write(&process.tables, 0x10001100, "twice Twice", 11);
	fx_write(&process.tables, 0x10001200, "TWICE", 5);
	fx_write(&process.tables, 0x20000100, "twice", 5);
	fx_write(&process.tables, 0x10001300, "t\0w\0i\0c\0e\0", 10);
	fx_write(&fx->tables, NOWHERE, "twice", 5);
	fx_unmap(&fx->tables, NOWHERE);

	expect_rows(fx, "search --summary -- twice",
		"encoding  process   region        virtual     hits\n"
		"ascii     evil.exe  C:\\core.dll  0x10001100  3\n"
		"utf16     evil.exe  C:\\core.dll  0x10001300  1\n"
		"ascii     evil.exe  -            0x20000100  1\n"
		"ascii     -         unowned      -           1\n");
	expect_rows(fx, "search --summary --pid 4 -- twice", "process  hits\n");
}

static void page_shared_by_two_processes_has_two_owners(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object one = fx_process(fx, .pid = 500, .name = "one.exe", .user = true);
	struct fx_object two = fx_process(fx, .pid = 504, .name = "two.exe", .user = true);
	uint64_t frame = fx_map_fresh(&one.tables, 0x30000000);
	fx_map(&two.tables, 0x7ff000000, frame);
	fx_write(&one.tables, 0x30000020, "both of them", 12);

	expect_rows(fx, "search 'both of'", "process  virtual\n");
	expect_rows(fx, "search both",
		"process  pid  virtual\n"
		"one.exe  500  0x30000020\n"
		"two.exe  504  0x7ff000020\n");
}

static void hit_across_pages_is_what_its_owner_sees(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object one = fx_process(fx, .pid = 500, .name = "one.exe", .user = true);
	struct fx_object two = fx_process(fx, .pid = 504, .name = "two.exe", .user = true);
	uint64_t first = fx_frame(&fx->memory), second = fx_frame(&fx->memory);
	assert_int_equal(second, first + PAGE_SIZE);
	fx_map(&one.tables, 0x30000000, first);
	fx_map(&one.tables, 0x30001000, second);
	fx_map_fresh(&two.tables, 0x40001000);
	fx_map(&two.tables, 0x40000000, first);
	fx_write(&one.tables, 0x30000ffb, "crossing pages", 14); // to two: "cross" and
	fx_write(&two.tables, 0x40001000, "ed out", 6);

	expect_rows(fx, "search crossing",
		"process  virtual     protection  across\n"
		"one.exe  0x30000ffb  rwx         virtual\n"
		"two.exe  0x40000ffb  rwx         physical only\n");
	expect_rows(fx, "search --context 2 -- crossed",
		"process  virtual     across   context\n"
		"two.exe  0x40000ffb  virtual  \\x00\\x00crossed o\n");
	expect_rows(fx, "search --process 500 -- cross",
		"process  virtual     across\n"
		"one.exe  0x30000ffb  -\n");
}

static void context_is_escaped(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_map_fresh(&fx->tables, NOWHERE);
	fx_write(&fx->tables, NOWHERE, "\033[31m\\\xff needle in hay", 21);

	expect_rows(fx, "search NEEDLE",
		"term    context\n"
		"NEEDLE  \\x1b[31m\\x5c\\xff needle in hay"
		"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\n");
}

static void files_of_terms_are_read_with_notes(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	fx_map_fresh(&fx->tables, NOWHERE);
	fx_write(&fx->tables, NOWHERE, "first second", 12);
	char path[] = "/tmp/ei_terms.XXXXXX", command[64];
	int file = mkstemp(path);
	const char text[] = "# comment\r\n\n  second \r\nab\nfirst";
	assert_int_equal(write(file, text, sizeof text - 1), sizeof text - 1);
	close(file);
	snprintf(command, sizeof command, "search --terms %s", path);

	expect_rows(fx, command,
		"term    physical\n"
		"first   0x7000\n"
		"second  0x7006\n"
		"#:4: a term of 2 bytes is left out, want 3 to 1024\n");
	unlink(path);
}

static void nothing_to_look_for_is_refused(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	expect_refused(fx, "search", "nothing to look for");
	expect_refused(fx, "search ab", "want 3 to 1024");
	expect_refused(fx, "search --terms /nonexistent/list", "cannot open '/nonexistent/list'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terms_have_owners),
		cmocka_unit_test(summary_counts_the_hits_of_each_owner),
		cmocka_unit_test(page_shared_by_two_processes_has_two_owners),
		cmocka_unit_test(hit_across_pages_is_what_its_owner_sees),
		cmocka_unit_test(context_is_escaped),
		cmocka_unit_test(files_of_terms_are_read_with_notes),
		cmocka_unit_test(nothing_to_look_for_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
