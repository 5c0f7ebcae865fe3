// Profiles with symbols that were found in memory, and with types that another build lends.
// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const registry[] = { "_CMHIVE", "_HHIVE", NULL };

static struct profile *named(const char *name)
{
	struct profile *profile = NULL;
	assert_null(profile_by_name(name, &profile));
	return profile;
}

static struct profile *overlaid(struct profile *types)
{
	static const struct symbol_at symbols[] = {
		{ "PsLoadedModuleList", 0x2000 },
		{ "PsActiveProcessHead", 0x1000 },
	};
	struct profile *profile = NULL;
	assert_null(profile_with_symbols(types, symbols, ARRAY_LENGTH(symbols), &profile));
	return profile;
}

static void own_symbols_stand_in_for_the_builds(void **state)
{
	(void)state;
	EI_OWNED(profile) types = named("win10-19041.1237-x64");
	EI_OWNED(profile) profile = overlaid(types);
	uint64_t rva = 0;
	assert_true(profile_symbol(profile, "PsActiveProcessHead", &rva));
	assert_int_equal(rva, 0x1000);
	assert_true(profile_symbol(types, "ObHeaderCookie", &rva));
	assert_false(profile_symbol(profile, "ObHeaderCookie", &rva));
	assert_int_equal(profile_info(profile).symbol_count, 2);
	assert_string_equal(profile_symbol_at(profile, 1, &rva), "PsLoadedModuleList");
	assert_int_equal(rva, 0x2000);
	assert_null(profile_symbol_at(profile, 2, &rva));
}

static void own_symbols_have_the_types_and_no_guid(void **state)
{
	(void)state;
	EI_OWNED(profile) types = named("win10-19041.1237-x64");
	EI_OWNED(profile) profile = overlaid(types);
	assert_true(profile_same_types(profile, types));
	assert_int_equal(
		profile_type_size(profile, "_EPROCESS"), profile_type_size(types, "_EPROCESS"));
	assert_string_equal(profile_info(profile).name, profile_info(types).name);
	assert_string_equal(profile_info(profile).guid, "");
	assert_string_not_equal(profile_info(types).guid, "");
}

static void no_symbols_are_none(void **state)
{
	(void)state;
	EI_OWNED(profile) types = named("win10-19041.1237-x64");
	EI_OWNED(profile) profile = NULL;
	uint64_t rva;
	assert_null(profile_with_symbols(types, NULL, 0, &profile));
	assert_false(profile_symbol(profile, "PsActiveProcessHead", &rva));
}

static uint32_t offset_of(const struct profile *profile, const char *type, const char *path)
{
	struct member member = { 0 };
	assert_true(profile_member(profile, type, path, &member));
	return member.offset;
}

static void lent_types_are_the_lenders_and_no_others(void **state)
{
	(void)state;
	EI_OWNED(profile) types = named("win10-19041.1237-x64");
	EI_OWNED(profile) lender = named("win7-7601.24540-x64");
	EI_OWNED(profile) profile = overlaid(types);
	assert_true(profile_lend(profile, lender, registry));
	assert_int_not_equal(
		offset_of(types, "_CMHIVE", "HiveList"), offset_of(lender, "_CMHIVE", "HiveList"));
	assert_int_equal(offset_of(profile, "_CMHIVE", "HiveList"),
		offset_of(lender, "_CMHIVE", "HiveList"));
	assert_int_equal(offset_of(profile, "_CMHIVE", "Hive.Storage"),
		offset_of(lender, "_CMHIVE", "Hive.Storage"));
	assert_int_equal(offset_of(profile, "_EPROCESS", "ActiveProcessLinks"),
		offset_of(types, "_EPROCESS", "ActiveProcessLinks"));
}

static void shared_profile_takes_no_loan(void **state)
{
	(void)state;
	EI_OWNED(profile) types = named("win10-19041.1237-x64");
	EI_OWNED(profile) lender = named("win7-7601.24540-x64");
	assert_false(profile_lend(types, lender, registry));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_symbols_stand_in_for_the_builds),
		cmocka_unit_test(own_symbols_have_the_types_and_no_guid),
		cmocka_unit_test(no_symbols_are_none),
		cmocka_unit_test(lent_types_are_the_lenders_and_no_others),
		cmocka_unit_test(shared_profile_takes_no_loan),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
