// The corpora of core/profile: good files load, bad ones are refused with a message.
// SPDX-License-Identifier: Apache-2.0
#include "profile/internal.h"
#include "tests/fx/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 1 << 20, PATH_ROOM = 512 };

static ei_error *load_flat(const char *path, struct profile **out)
{
	BYTES_OWNED file = { 0 };
	EI_TRY(file_read(path, FILE_MAX, &file));
	return profile_from_block(&file, path, out);
}

static unsigned load_each(
	const char *folder, ei_error *(*load)(const char *, struct profile **), bool good)
{
	unsigned count = 0;
	DIR *listing = opendir(folder);
	if (!listing)
		fail_msg("cannot open '%s'", folder);
	for (const struct dirent *entry; (entry = readdir(listing));) {
		char path[PATH_ROOM];
		struct profile *profile = NULL;
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%.255s", folder, entry->d_name);
		ei_error *error = load(path, &profile);
		if (!error != good)
			fail_msg("'%s': %s", path, error ? ei_error_text(error) : "was accepted");
		if (error)
			assert_true(strlen(ei_error_text(error)) > 10);
		assert_int_equal(!profile, !good);
		ei_error_drop(error);
		profile_unref(profile);
		count++;
	}
	closedir(listing);
	return count;
}

static void good_symbol_files_load(void **state)
{
	(void)state;
	assert_true(load_each("tests/corpus/isf/good", profile_load, true) >= 5);
}

static void bad_symbol_files_are_refused(void **state)
{
	(void)state;
	assert_true(load_each("tests/corpus/isf/bad", profile_load, false) >= 20);
}

static void good_databases_load(void **state)
{
	(void)state;
	assert_true(load_each("tests/corpus/pdb/good", profile_load, true) >= 8);
}

static void bad_databases_are_refused(void **state)
{
	(void)state;
	assert_true(load_each("tests/corpus/pdb/bad", profile_load, false) >= 40);
}

static void good_blocks_load(void **state)
{
	(void)state;
	assert_true(load_each("tests/corpus/flat/good", load_flat, true) >= 1);
}

static void bad_blocks_are_refused(void **state)
{
	(void)state;
	assert_true(load_each("tests/corpus/flat/bad", load_flat, false) >= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_symbol_files_load),
		cmocka_unit_test(bad_symbol_files_are_refused),
		cmocka_unit_test(good_databases_load),
		cmocka_unit_test(bad_databases_are_refused),
		cmocka_unit_test(good_blocks_load),
		cmocka_unit_test(bad_blocks_are_refused),
	};
	return cmocka_run_group_tests_name("profile_corpus", tests, NULL, NULL);
}
