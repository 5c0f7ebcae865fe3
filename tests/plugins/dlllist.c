// dlllist: the loader's list of each process, read through the process's own page tables.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

static struct fx_object notepad(struct fx *fx)
{
	fx_process(fx, .pid = 4, .name = "System");
	struct fx_object p = fx_process(fx, .pid = 700, .name = "notepad.exe", .user = true);
	fx_dll(fx, &p, .name = "notepad.exe", .path = "C:\\Windows\\notepad.exe",
		.base = 0x7ff600000000, .size = 0x38000, .loaded = "2024-03-14T08:00:00",
		.at = 0x300040);
	fx_dll(fx, &p, .name = "ntdll.dll", .path = "C:\\Windows\\System32\\ntdll.dll",
		.base = 0x7ff800000000, .size = 0x1f8000, .at = 0x310040);
	return p;
}

static void modules_are_listed_in_load_order(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	notepad(fx);

	expect_rows(fx, "dlllist",
		"pid  process      base            size      name         found_by\n"
		"700  notepad.exe  0x7ff600000000  0x38000   notepad.exe  list\n"
		"700  notepad.exe  0x7ff800000000  0x1f8000  ntdll.dll    list\n");
	expect_rows(fx, "dlllist",
		"path                           loaded\n"
		"C:\\Windows\\notepad.exe         2024-03-14T08:00:00.000000Z\n"
		"C:\\Windows\\System32\\ntdll.dll  -\n");
}

static void each_process_is_read_in_its_own_space(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object a = fx_process(fx, .pid = 100, .name = "a.exe", .user = true);
	struct fx_object b = fx_process(fx, .pid = 200, .name = "b.exe", .user = true);
	fx_dll(fx, &a, .name = "one.dll", .at = 0x300040);
	fx_dll(fx, &b, .name = "two.dll", .at = 0x300040);

	expect_rows(fx, "dlllist",
		"pid  name\n"
		"100  one.dll\n"
		"200  two.dll\n");
}

static void unreadable_peb_leaves_the_other_processes(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = notepad(fx);
	struct fx_object q = fx_process(fx, .pid = 800, .name = "q.exe", .user = true);
	fx_dll(fx, &q, .name = "q.dll");
	fx_drop_user_page(fx, &p, p.peb);

	expect_rows(fx, "dlllist",
		"pid  name\n"
		"800  q.dll\n");
}

static void name_on_a_missing_page_leaves_the_row(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = fx_process(fx, .pid = 100, .name = "a.exe", .user = true);
	uint64_t name_page = p.heap;
	fx_dll(fx, &p, .name = "gone.dll", .base = 0x10000000, .at = 0x300040);
	fx_drop_user_page(fx, &p, name_page);

	expect_rows(fx, "dlllist",
		"pid  base        name\n"
		"100  0x10000000  ?\n");
}

static void entry_on_a_missing_page_is_noted(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = notepad(fx);
	fx_drop_user_page(fx, &p, 0x310000);

	expect_rows(fx, "dlllist",
		"pid  name         found_by\n"
		"700  notepad.exe  forward\n"
		"# modules of process 700: list broken after 0x300040, walking forward: the next "
		"node cannot be read\n"
		"# modules of process 700: list broken after 0x\n");
}

static void options_choose_rows(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = notepad(fx);
	char command[64];

	expect_rows(fx, "dlllist --pid 4", "pid\n");
	expect_rows(fx, "dlllist --name NTDLL", "name\n");
	expect_rows(fx, "dlllist --name NTDLL --ignore-case", "name\nntdll.dll\n");
	expect_rows(fx, "dlllist --base 0x7ff600000000", "name\nnotepad.exe\n");
	snprintf(command, sizeof command, "dlllist --offset 0x%llx", (unsigned long long)p.va);
	expect_rows(fx, command, "name\nnotepad.exe\nntdll.dll\n");
}

static void put32(struct fx_object *process, uint64_t va, uint32_t value)
{
	uint8_t bytes[] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
		(uint8_t)(value >> 24) };
	fx_write(&process->tables, va, bytes, sizeof bytes);
}

// Its block, the head of its list and one entry, which is called "a.dll".
enum { PEB32 = 0x7ff0000, HEAD32 = PEB32 + 0x20c, ENTRY32 = PEB32 + 0x300, NAME32 = PEB32 + 0x400 };

static struct fx_object wow64_process(struct fx *fx)
{
	struct fx_object p =
		fx_process(fx, .pid = 100, .name = "a.exe", .user = true, .wow64 = true);
	fx_map_fresh(&p.tables, PEB32);
	fx_dll(fx, &p, .name = "wow64.dll", .base = 0x7ff800000000, .at = 0x300040);
	put32(&p, PEB32 + 0xc, HEAD32 - 0xc);
	put32(&p, HEAD32, ENTRY32);
	put32(&p, HEAD32 + 4, ENTRY32);
	put32(&p, ENTRY32, HEAD32);
	put32(&p, ENTRY32 + 4, HEAD32);
	put32(&p, ENTRY32 + 0x18, 0x76d30000);
	put32(&p, ENTRY32 + 0x20, 0x85000);
	put32(&p, ENTRY32 + 0x2c, 10 | 12 << 16);
	put32(&p, ENTRY32 + 0x30, NAME32);
	fx_write(&p.tables, NAME32, "a\0.\0d\0l\0l\0", 10);
	return p;
}

static void both_halves_of_a_wow64_process_are_listed(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	wow64_process(fx);

	expect_rows(fx, "dlllist",
		"pid  base            size     name       path  loaded  bits\n"
		"100  0x7ff800000000  0x0      wow64.dll  -     -       64\n"
		"100  0x76d30000      0x85000  a.dll      -     -       32\n");
}

static void loop_in_a_32_bit_list_is_noted(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = wow64_process(fx);
	put32(&p, ENTRY32, ENTRY32);

	expect_rows(fx, "dlllist",
		"name       bits  found_by\n"
		"wow64.dll  64    list\n"
		"a.dll      32    list\n"
		"# 32-bit modules of process 100: list broken after 0x7ff0300, walking forward: "
		"the list loops\n");
}

static void modules_of_32_bit_windows(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "xp-sp3-x86");
	struct fx_object p = fx_process(fx, .pid = 100, .name = "a.exe", .user = true);
	fx_dll(fx, &p, .name = "a.exe", .path = "C:\\a.exe", .base = 0x400000, .size = 0x5000);

	expect_rows(fx, "dlllist",
		"pid  base      size    name   path      loaded\n"
		"100  0x400000  0x5000  a.exe  C:\\a.exe  n/a\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_are_listed_in_load_order),
		cmocka_unit_test(each_process_is_read_in_its_own_space),
		cmocka_unit_test(unreadable_peb_leaves_the_other_processes),
		cmocka_unit_test(name_on_a_missing_page_leaves_the_row),
		cmocka_unit_test(entry_on_a_missing_page_is_noted),
		cmocka_unit_test(options_choose_rows),
		cmocka_unit_test(both_halves_of_a_wow64_process_are_listed),
		cmocka_unit_test(loop_in_a_32_bit_list_is_noted),
		cmocka_unit_test(modules_of_32_bit_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
