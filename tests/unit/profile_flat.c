// Flat blocks: damage is noticed, and what passes the check is safe to ask.
// SPDX-License-Identifier: Apache-2.0
#include "profile/internal.h"
#include "tests/fx/test.h"

#include <stdio.h>
#include <stdlib.h>

#include <time.h>

static const uint32_t hostile[] = { 0, 1, 2, 0x7f, 0xff, 0x7fff, 0x10000, 0x7fffffff, 0x80000000,
	0xfffffffe, 0xffffffff };

static struct bytes small_block(void)
{
	struct bytes block = { 0 };
	struct flat_builder *builder = NULL;
	struct member number = { .size = 4, .kind = MEMBER_UINT, .target = "long" };
	struct member inner = { .offset = 8, .size = 8, .kind = MEMBER_STRUCT, .target = "_INNER" };
	assert_null(flat_builder_create(&builder));
	flat_add_layout(builder, 8);
	flat_add_type(builder, "_OUTER", 16);
	flat_add_member(builder, "Inner", &inner);
	flat_add_member(builder, "Count", &number);
	flat_add_type(builder, "_INNER", 8);
	flat_add_member(builder, "Low", &number);
	flat_add_enum(builder, "_STATE", 4);
	flat_add_constant(builder, "Ready", -1);
	flat_add_build(builder, &(struct flat_build_spec){ "name", "a.pdb", "GUID", "1.2", 1, 0 });
	flat_add_symbol(builder, "Zeta", 2);
	flat_add_symbol(builder, "Alpha", 1);
	assert_null(flat_builder_finish(builder, (void **)&block.data, &block.size));
	flat_builder_drop(builder);
	return block;
}

static void seal(struct bytes *block)
{
	size_t covered = offsetof(struct flat_header, count);
	struct flat_header *header = (void *)block->data;
	header->digest = flat_digest(block->data + covered, block->size - covered);
}

static bool opens(const struct bytes *block)
{
	struct flat flat;
	ei_error *error = flat_open(block->data, block->size, &flat);
	bool opened = !error;
	ei_error_drop(error);
	return opened;
}

static void ask_everything(struct profile *profile)
{
	struct profile_info info = profile_info(profile);
	size_t read = strlen(info.name) + strlen(info.pdb) + strlen(info.guid);
	const char *name = NULL;
	struct member member;
	uint64_t rva = 0;
	int64_t value = 0;
	for (uint32_t i = 0; (name = profile_type_at(profile, i)); i++) {
		const char *inner = NULL;
		read += profile_type_size(profile, name);
		for (uint32_t j = 0; profile_member_at(profile, name, j, &inner, &member); j++)
			read += strlen(inner) + strlen(member.target);
	}
	for (uint32_t i = 0; (name = profile_symbol_at(profile, i, &rva)); i++)
		read += strlen(name) + profile_symbol(profile, name, &rva);
	read += profile_member(profile, "_OUTER", "Inner.Low", &member);
	read += profile_constant(profile, "", "Ready", &value);
	read += profile_constant(profile, "_STATE", "Ready", &value);
	assert_true(read < SIZE_MAX);
}

static void equal_types_are_stored_once(void **state)
{
	(void)state;
	struct flat_builder *builder = NULL;
	struct member number = { .size = 4, .kind = MEMBER_UINT, .target = "" };
	struct bytes block = { 0 };
	struct flat flat;
	assert_null(flat_builder_create(&builder));
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(flat_add_layout(builder, 8), i);
		flat_add_type(builder, "_SAME", 4);
		flat_add_member(builder, "x", &number);
		flat_add_type(builder, "_OTHER", i);
	}
	assert_null(flat_builder_finish(builder, (void **)&block.data, &block.size));
	assert_null(flat_open(block.data, block.size, &flat));
	assert_int_equal(flat.header->count[FLAT_TYPES], 4);
	assert_int_equal(flat.header->count[FLAT_MEMBERS], 1);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(flat_find_type(&flat, &flat.layouts[i], "_OTHER", 6)->size, i);
	flat_builder_drop(builder);
	bytes_deinit(&block);
}

static void small_block_opens(void **state)
{
	(void)state;
	struct bytes block = small_block();
	struct profile *profile = NULL;
	uint64_t rva = 0;
	struct member member;
	assert_null(profile_from_block(&block, "test", &profile));
	assert_true(profile_symbol(profile, "Zeta", &rva));
	assert_int_equal(rva, 2);
	assert_true(profile_member(profile, "_OUTER", "Inner.Low", &member));
	assert_int_equal(member.offset, 8);
	ask_everything(profile);
	profile_unref(profile);
}

static void every_flipped_bit_is_noticed(void **state)
{
	(void)state;
	struct bytes block = small_block();
	for (size_t i = 0; i < block.size; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			block.data[i] ^= (uint8_t)(1u << bit);
			if (opens(&block))
				fail_msg("bit %u of byte %zu flipped unnoticed", bit, i);
			block.data[i] ^= (uint8_t)(1u << bit);
		}
	assert_true(opens(&block));
	bytes_deinit(&block);
}

static void every_truncation_is_noticed(void **state)
{
	(void)state;
	struct bytes block = small_block();
	for (size_t size = 0; size < block.size; size++) {
		struct bytes cut = { malloc(size + 1), size }; // so that ASan sees the end
		assert_non_null(cut.data);
		memcpy(cut.data, block.data, size);
		assert_false(opens(&cut));
		bytes_deinit(&cut);
	}
	bytes_deinit(&block);
}

// A word at a time is made hostile and the digest made right again: refused, or safe.
static void hostile_words_are_refused_or_safe(void **state)
{
	(void)state;
	unsigned opened = 0, refused = 0;
	struct bytes block = small_block();
	for (size_t at = 0; at + 4 <= block.size; at += 4)
		for (size_t i = 0; i < ARRAY_LENGTH(hostile); i++) {
			struct bytes copy = { malloc(block.size), block.size };
			struct profile *profile = NULL;
			assert_non_null(copy.data);
			memcpy(copy.data, block.data, block.size);
			memcpy(copy.data + at, &hostile[i], 4);
			seal(&copy);
			ei_error *error = profile_from_block(&copy, "hostile", &profile);
			if (error) {
				refused++;
			} else {
				opened++;
				ask_everything(profile);
			}
			ei_error_drop(error);
			profile_unref(profile);
			bytes_deinit(&copy);
		}
	assert_true(opened > 10 && refused > 100);
	bytes_deinit(&block);
}

static void digest_depends_on_every_byte_and_the_length(void **state)
{
	(void)state;
	uint8_t bytes[100] = { 0 };
	for (size_t length = 0; length < sizeof bytes; length++) {
		uint64_t before = flat_digest(bytes, length);
		assert_true(before != flat_digest(bytes, length + 1));
		for (size_t i = 0; i < length; i++) {
			bytes[i] = 1;
			assert_true(before != flat_digest(bytes, length));
			bytes[i] = 0;
		}
	}
}

// ---- built-ins ------------------------------------------------------------------------------
extern const uint8_t builtin_block[];

static void built_in_block_is_sound(void **state)
{
	(void)state;
	struct flat flat;
	const struct flat_header *header = (const void *)builtin_block;
	assert_null(flat_open(builtin_block, header->size, &flat));
	assert_int_equal(profile_builtin_count(), flat.header->count[FLAT_BUILDS]);
	assert_true(header->size < 3 << 19);
}

static void built_ins_are_in_name_order_and_found(void **state)
{
	(void)state;
	char last[128] = "";
	for (size_t i = 0; i < profile_builtin_count(); i++) {
		struct profile *profile = NULL, *same = NULL;
		struct member member;
		assert_null(profile_builtin(i, &profile));
		struct profile_info info = profile_info(profile);
		assert_true(strcmp(last, info.name) < 0);
		snprintf(last, sizeof last, "%s", info.name);
		assert_true(
			profile_member(profile, "_EPROCESS", "Pcb.DirectoryTableBase", &member));
		assert_true(profile_member(profile, "_EPROCESS", "ActiveProcessLinks", &member));
		if (info.guid[0]) {
			assert_null(profile_find(NULL, info.pdb, info.guid, info.age, &same));
			assert_string_equal(profile_info(same).name, info.name);
		}
		profile_unref(profile);
		profile_unref(same);
	}
}

static void name_without_revision_means_the_latest_with_symbols(void **state)
{
	static const struct {
		const char *name, *is;
	} cases[] = {
		{ "win10-19041-x64", "win10-19041.3570-x64" },
		{ "win10-19041.1237-x64", "win10-19041.1237-x64" },
		{ "win10-19045-x64", "win10-19041.3570-x64" },
		{ "win10-19044.1237-x64", "win10-19041.1237-x64" },
		{ "win11-26200-x64", "win11-26100-x64" },
		{ "win11-22000-x64", "win11-22000.2538-x64" },
		{ "win10-19041-x86", "win10-19041-x86" },
		{ "win10-19045.2965-x86", "win10-19041.2965-x86" },
		{ "win7-sp1-x86", "win7-sp1-x86" },
		{ "win7-sp1.24000-x86", "win7-sp1.24000-x86" },
		{ "xp-sp3-x86", "xp-sp3-x86" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct profile *profile = NULL;
		assert_null(profile_by_name(cases[i].name, &profile));
		assert_string_equal(profile_info(profile).name, cases[i].is);
		profile_unref(profile);
	}
	struct profile *profile = NULL;
	ei_error *error = profile_by_name("win12-x64", &profile);
	assert_int_equal(ei_error_code(error), EI_E_USAGE);
	ei_error_drop(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_block_opens),
		cmocka_unit_test(equal_types_are_stored_once),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(hostile_words_are_refused_or_safe),
		cmocka_unit_test(digest_depends_on_every_byte_and_the_length),
		cmocka_unit_test(built_in_block_is_sound),
		cmocka_unit_test(built_ins_are_in_name_order_and_found),
		cmocka_unit_test(name_without_revision_means_the_latest_with_symbols),
	};
	return cmocka_run_group_tests_name("profile_flat", tests, NULL, NULL);
}
