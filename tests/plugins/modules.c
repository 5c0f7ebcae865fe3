// modules: the kernel's list of loaded modules.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

static void three_modules(struct fx *fx, struct fx_object *out)
{
	out[0] = fx_module(fx, .name = "ntoskrnl.exe",
		.path = "\\SystemRoot\\system32\\ntoskrnl.exe", .base = 0xfffff80312200000,
		.size = 0x1046000, .at = 0xffffa0000a000080);
	out[1] = fx_module(fx, .name = "hal.dll", .path = "\\SystemRoot\\system32\\hal.dll",
		.base = 0xfffff80310000000, .size = 0x6000, .at = 0xffffa0000b000080);
	out[2] = fx_module(fx, .name = "Ntfs.sys", .base = 0xfffff80320000000, .size = 0x2dd000,
		.at = 0xffffa0000c000080);
}

static void modules_are_listed_in_load_order(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object m[3];
	three_modules(fx, m);

	expect_rows(fx, "modules",
		"offset              base                size       name          found_by\n"
		"0xffffa0000a000080  0xfffff80312200000  0x1046000  ntoskrnl.exe  list\n"
		"0xffffa0000b000080  0xfffff80310000000  0x6000     hal.dll       list\n"
		"0xffffa0000c000080  0xfffff80320000000  0x2dd000   Ntfs.sys      list\n");
	expect_rows(fx, "modules",
		"name          path\n"
		"ntoskrnl.exe  \\SystemRoot\\system32\\ntoskrnl.exe\n"
		"hal.dll       \\SystemRoot\\system32\\hal.dll\n"
		"Ntfs.sys      -\n");
}

static void name_on_a_missing_page_leaves_the_row(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object m[3];
	uint64_t before = fx->heap;
	three_modules(fx, m);
	fx_drop_page(fx, before); // holds the first string: the name of the kernel

	expect_rows(fx, "modules",
		"base                name\n"
		"0xfffff80312200000  ?\n"
		"0xfffff80310000000  hal.dll\n"
		"0xfffff80320000000  Ntfs.sys\n");
}

static void broken_link_is_joined_from_behind(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object m[3];
	three_modules(fx, m);
	fx_forward(fx, m[0].link, 0xffffa0000ffff000);

	expect_rows(fx, "modules",
		"name          found_by\n"
		"ntoskrnl.exe  list\n"
		"hal.dll       backward\n"
		"Ntfs.sys      backward\n"
		"# PsLoadedModuleList: list broken after 0xffffa0000a000080, walking forward: the "
		"next node cannot be read\n");
}

static void unreadable_head_is_noted(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object m[3];
	three_modules(fx, m);
	fx_drop_page(fx, fx->modules);

	expect_rows(fx, "modules",
		"name\n"
		"# the head of the list at\n"
		"# the head of the list at\n");
}

static void filters_choose_by_name_and_base(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object m[3];
	three_modules(fx, m);

	expect_rows(fx, "modules --name ^hal", "name\nhal.dll\n");
	expect_rows(fx, "modules --base 0xfffff80320000000", "name\nNtfs.sys\n");
	expect_rows(fx, "modules --name nothing-like-it", "name\n");
	expect_refused(fx, "modules --name (", "--name");
}

static void modules_of_32_bit_windows(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win7-sp1-x86");
	fx_module(fx, .name = "ntkrnlpa.exe", .base = 0x82800000, .size = 0x412000);

	expect_rows(fx, "modules",
		"offset      base        size      name          found_by\n"
		"0x85000040  0x82800000  0x412000  ntkrnlpa.exe  list\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_are_listed_in_load_order),
		cmocka_unit_test(name_on_a_missing_page_leaves_the_row),
		cmocka_unit_test(broken_link_is_joined_from_behind),
		cmocka_unit_test(unreadable_head_is_noted),
		cmocka_unit_test(filters_choose_by_name_and_base),
		cmocka_unit_test(modules_of_32_bit_windows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
