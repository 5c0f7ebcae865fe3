// Real hive files: every walk ends, and the sound ones leave nothing to note.
// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"
#include "tests/fx/test.h"

#include <dirent.h>
#include <eidetic/registry.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAX = 64 << 20, HIVES_MIN = 30 };

struct survey {
	size_t files, hives, refused, keys, values, absent, noted;
};

static uint8_t *file_read(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = file ? malloc(FILE_MAX) : NULL;
	*size = bytes ? fread(bytes, 1, FILE_MAX, file) : 0;
	if (file)
		fclose(file);
	return bytes;
}

// The file's bytes, unpacked, in an allocation of exactly their size.
static uint8_t *file_load(const char *path, size_t *size)
{
	uint8_t *bytes = file_read(path, size);
	if (bytes && strstr(path, ".xz")) {
		uint8_t *plain = malloc(FILE_MAX);
		uint64_t memory = UINT64_MAX;
		size_t in = 0, out = 0;
		lzma_ret done = lzma_stream_buffer_decode(
			&memory, 0, NULL, bytes, &in, *size, plain, &out, FILE_MAX);
		assert_int_equal(done, LZMA_OK);
		free(bytes);
		bytes = plain;
		*size = out;
	}
	return bytes ? realloc(bytes, MAX(*size, 1u)) : NULL;
}

static void count_note(void *context, const char *text)
{
	(void)text;
	((struct survey *)context)->noted++;
}

static void count_values(const ei_key *key, struct survey *survey)
{
	ei_values cursor = ei_key_values(key);
	for (ei_value value; ei_value_next(&cursor, &value);) {
		survey->values++;
		survey->absent += !ei_has(ei_value_name(&value));
		survey->absent += !ei_has(ei_value_data(&value));
		survey->absent += !ei_has(ei_value_type(&value));
	}
}

static void hive_survey(ei_arena *arena, const uint8_t *bytes, size_t size, struct survey *survey)
{
	ei_hive *hive;
	ei_error *error = ei_hive_open_file(arena, bytes, size, &hive);
	if (error) {
		assert_int_equal(ei_error_code(error), EI_E_FORMAT);
		survey->refused++;
		ei_error_drop(error);
		return;
	}
	survey->hives++;
	ei_hive_set_note(hive, count_note, survey);
	ei_key root = ei_hive_root(hive);
	ei_key_walk *walk = ei_key_walk_begin(&root, true);
	for (ei_key_step step; ei_key_walk_next(walk, &step);) {
		if (step.leaving) {
			count_values(&step.key, survey);
			continue;
		}
		survey->keys++;
		survey->absent += !ei_has(ei_key_name(&step.key));
	}
}

static void file_survey(const char *path, struct survey *survey)
{
	size_t size;
	ei_arena *arena;
	uint8_t *bytes = file_load(path, &size);
	assert_non_null(bytes);
	assert_null(ei_arena_create(256 << 20, &arena));
	survey->files++;
	hive_survey(arena, bytes, size, survey);
	ei_arena_drop(arena);
	free(bytes);
}

static void folder_survey(const char *folder, int depth, struct survey *survey)
{
	DIR *dir = opendir(folder);
	char path[4096];
	struct stat about;
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (entry->d_name[0] == '.' || strstr(entry->d_name, ".tsv") ||
			strstr(entry->d_name, ".txt"))
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (stat(path, &about))
			continue;
		if (S_ISDIR(about.st_mode) && depth < 4)
			folder_survey(path, depth + 1, survey);
		else if (S_ISREG(about.st_mode))
			file_survey(path, survey);
	}
	if (dir)
		closedir(dir);
}

static const char *shared(const char *below)
{
	static char path[4096];
	const char *root = getenv("EIDETIC_SHARED");
	struct stat about;
	snprintf(path, sizeof path, "%s/%s", root ? root : "../shared", below);
	if (!stat(path, &about))
		return path;
	print_message("no %s (set EIDETIC_SHARED)\n", path);
	skip();
	return NULL;
}

static void every_real_hive_is_walked_to_its_end(void **state)
{
	(void)state;
	struct survey survey = { 0 };
	folder_survey(shared("data/hives"), 0, &survey);
	print_message("%zu files: %zu hives, %zu refused; %zu keys, %zu values, %zu absent\n",
		survey.files, survey.hives, survey.refused, survey.keys, survey.values,
		survey.absent);
	assert_true(survey.hives >= HIVES_MIN);
	assert_true(survey.keys > 100000 && survey.values > 300000);
}

static void a_sound_hive_leaves_nothing_to_note(void **state)
{
	(void)state;
	struct survey survey = { 0 };
	file_survey(shared("data/hives/mkorman90+regipy/SYSTEM.xz"), &survey);
	assert_int_equal(survey.keys, 30755); // and the root
	assert_int_equal(survey.values, 73456);
	assert_int_equal(survey.absent + survey.noted, 0);
}

static void a_damaged_element_costs_one_key(void **state)
{
	(void)state;
	struct survey survey = { 0 };
	file_survey(shared("data/hives/log2timeline+plaso/regf/corrupt_sub_key_list.hiv"), &survey);
	assert_int_equal(survey.keys, 100);
	assert_int_equal(survey.absent, 1);
	assert_int_equal(survey.noted, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_real_hive_is_walked_to_its_end),
		cmocka_unit_test(a_sound_hive_leaves_nothing_to_note),
		cmocka_unit_test(a_damaged_element_costs_one_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
