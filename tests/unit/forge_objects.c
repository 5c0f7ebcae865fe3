// The forge's objects: the namespace, handle tables of each height, ids, sections.
// SPDX-License-Identifier: Apache-2.0
#include "../../samples/forge/forge.h"
#include "../fx/test.h"

#include <stdlib.h>

// What the linker has to bring along, so that there are profiles to write by.
extern const uint8_t builtin_block[];
const uint8_t *const test_profiles = builtin_block;

// The generator makes one image and ends: what it allocated is left to the end of the process.
EI_API int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

static void machine_init(struct forge *f, const char *profile)
{
	*f = (struct forge){ .size_bytes = 256 << 20, .random = 5, .scenario = json_object() };
	assert_null(profile_by_name(profile, &f->profile));
	assert_null(kernel_identify(f));
	assert_null(memory_create(f));
	region_init(f);
	paging_create_kernel(f);
	kernel_create(f);
	object_create_types(f);
	namespace_create(f);
	assert_null(f->error);
}

static void machine_deinit(struct forge *f)
{
	assert_null(f->error);
	memory_drop(f);
	json_decref(f->scenario);
	profile_unref(f->profile);
}

static const char *const profiles[] = { "win10-19041.1237-x64", "win7-sp1-x86", "xp-sp3-x86" };

// ---- handle tables
// --------------------------------------------------------------------------------
static void add(struct forge *f, struct handle_list *list, uint32_t index)
{
	uint64_t at = 0xfffffa8000000000 + index * 16;
	handle_add(f, list, (struct handle_entry){ .index = index, .target = at });
}

static uint64_t table_code(struct forge *f, uint64_t table)
{
	struct object o = { &f->kernel, table, "_HANDLE_TABLE" };
	return read_pointer(f, &f->kernel, forge_field(f, o, "TableCode"));
}

static void entries_stay_in_order(void **state)
{
	(void)state;
	struct forge f = { 0 };
	struct handle_list list = { 0 };
	static const uint32_t indices[] = { 7, 1, 300, 2, 299 };
	for (size_t i = 0; i < ARRAY_LENGTH(indices); i++)
		add(&f, &list, indices[i]);
	for (size_t i = 1; i < list.count; i++)
		assert_true(list.entries[i - 1].index < list.entries[i].index);
	assert_int_equal(list.count, 5);
	free(list.entries);
}

static void table_grows_by_a_level_when_a_page_is_full(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(profiles); i++) {
		struct forge f;
		machine_init(&f, profiles[i]);
		uint32_t leaf = PAGE_SIZE / (f.pointer * 2), node = PAGE_SIZE / f.pointer;
		const uint32_t last[] = { leaf - 1, leaf + 1, leaf * node + 1 };
		for (uint32_t level = 0; level < 3; level++) {
			struct handle_list list = { 0 };
			add(&f, &list, 1);
			add(&f, &list, last[level]);
			uint64_t code = table_code(&f, handle_table_write(&f, &list, true));
			assert_int_equal(code & 7, level);
			free(list.entries);
		}
		machine_deinit(&f);
	}
}

static void pages_without_entries_are_not_in_memory(void **state)
{
	(void)state;
	struct forge f;
	machine_init(&f, profiles[0]);
	struct handle_list list = { 0 };
	add(&f, &list, 1);
	add(&f, &list, 256 * 3 + 1);
	uint64_t code = table_code(&f, handle_table_write(&f, &list, true)) & ~7ULL;
	for (uint64_t leaf = 0; leaf < 4; leaf++) {
		uint64_t page = read_pointer(&f, &f.kernel, code + leaf * 8);
		bool resident = paging_frame(&f, &f.kernel, page) != UINT64_MAX;
		assert_true(page != 0);
		assert_int_equal(resident, leaf == 0 || leaf == 3);
	}
	free(list.entries);
	machine_deinit(&f);
}

static void id_is_given_once(void **state)
{
	(void)state;
	struct forge f = { 0 };
	assert_true(id_take(&f, 1000));
	assert_false(id_take(&f, 1000));
	assert_true(id_take(&f, 1004));
	assert_false(id_take(&f, 1ULL << 40));
}

// ---- the namespace
// --------------------------------------------------------------------------------
static uint64_t bucket_search(struct forge *f, uint64_t directory, uint64_t object)
{
	struct object o = { &f->kernel, directory, "_OBJECT_DIRECTORY" };
	uint64_t buckets = forge_field(f, o, "HashBuckets");
	for (uint64_t i = 0; i < 37; i++) {
		struct object entry = { &f->kernel,
			read_pointer(f, &f->kernel, buckets + i * f->pointer),
			"_OBJECT_DIRECTORY_ENTRY" };
		while (entry.va) {
			uint64_t at = forge_field(f, entry, "Object");
			if (read_pointer(f, &f->kernel, at) == object)
				return entry.va;
			entry.va = read_pointer(f, &f->kernel, forge_field(f, entry, "ChainLink"));
		}
	}
	return 0;
}

static void named_object_hangs_in_its_directory(void **state)
{
	(void)state;
	static const struct object_request request = {
		.object_type = "Mutant", .type = "_KMUTANT", .tag = "Muta", .kind = POOL_NONPAGED
	};
	for (size_t i = 0; i < ARRAY_LENGTH(profiles); i++) {
		struct forge f;
		machine_init(&f, profiles[i]);
		static const char path[] = "\\Sessions\\7\\BaseNamedObjects\\there";
		struct object o = named_create(&f, &request, path);
		uint64_t directory = directory_find(&f, "\\Sessions\\7\\BaseNamedObjects");
		assert_true(named_find(&f, "Mutant", path) == o.va);
		assert_true(named_find(&f, "Event", path) == 0);
		assert_true(bucket_search(&f, directory, o.va) != 0);
		assert_true(bucket_search(&f, directory_find(&f, "\\Device"), o.va) == 0);
		assert_true(bucket_search(&f, directory_find(&f, "\\Sessions\\7"), directory) != 0);
		machine_deinit(&f);
	}
}

// Where a build hides the type's number behind a cookie, it is not there in the clear.
static void type_index_is_found_again(void **state)
{
	(void)state;
	struct forge f;
	machine_init(&f, profiles[0]);
	struct object o = { &f.kernel, directory_find(&f, "\\Device"), NULL };
	struct object header = { &f.kernel, object_header(&f, o), "_OBJECT_HEADER" };
	uint8_t stored, key = (uint8_t)(f.cookie ^ (header.va >> 8));
	read_bytes(&f, &f.kernel, forge_field(&f, header, "TypeIndex"), &stored, 1);
	assert_string_equal(f.type_name[stored ^ key], "Directory");
	machine_deinit(&f);
}

static void key_below_a_hive_knows_its_way_up(void **state)
{
	(void)state;
	struct forge f;
	machine_init(&f, profiles[0]);
	uint64_t deep = key_block_find(&f, "MACHINE\\SOFTWARE\\A\\B");
	assert_true(deep == key_block_find(&f, "MACHINE\\SOFTWARE\\A\\B"));
	struct object block = { &f.kernel, deep, "_CM_KEY_CONTROL_BLOCK" };
	block.va = read_pointer(&f, &f.kernel, forge_field(&f, block, "ParentKcb"));
	assert_true(block.va == key_block_find(&f, "MACHINE\\SOFTWARE\\A"));
	machine_deinit(&f);
}

// ---- sections
// -------------------------------------------------------------------------------------
static void prototype_entries_say_what_is_in_memory(void **state)
{
	(void)state;
	struct forge f;
	machine_init(&f, profiles[0]);
	struct section_page pages[3] = { { .frame = memory_take(&f) }, { 0 },
		{ .frame = memory_take(&f), .transition = true } };
	struct section s = {
		.file_object = file_object(&f, "C:\\a"),
		.page_count = 3,
		.pages = pages,
		.parts = { { .pages = 3, .file_bytes = 9000, .protection = 4 } },
		.part_count = 1,
	};
	section_write(&f, &s);
	uint64_t pte[3];
	read_bytes(&f, &f.kernel, s.prototypes, pte, sizeof pte);
	assert_true((pte[0] & 1) && (pte[0] >> 12 & 0xfffffffff) == pages[0].frame);
	assert_int_equal(pte[1] & 0x401, 0x400);
	assert_int_equal(pte[2] & 0xc01, 0x800);
	struct object area = { &f.kernel, s.control_area, "_CONTROL_AREA" };
	struct object segment = { &f.kernel, s.segment, "_SEGMENT" };
	assert_true(read_pointer(&f, &f.kernel, forge_field(&f, area, "Segment")) == s.segment);
	assert_true(read_pointer(&f, &f.kernel, forge_field(&f, segment, "ControlArea")) ==
		    s.control_area);
	machine_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_stay_in_order),
		cmocka_unit_test(table_grows_by_a_level_when_a_page_is_full),
		cmocka_unit_test(pages_without_entries_are_not_in_memory),
		cmocka_unit_test(id_is_given_once),
		cmocka_unit_test(named_object_hangs_in_its_directory),
		cmocka_unit_test(type_index_is_found_again),
		cmocka_unit_test(key_below_a_hive_knows_its_way_up),
		cmocka_unit_test(prototype_entries_say_what_is_in_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
