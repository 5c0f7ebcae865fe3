// Fuzz entry: a hive file; every question is asked of every key and value.
// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"
#include <eidetic/registry.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 64 << 20 };

static void ask_values(const ei_key *key)
{
	ei_values cursor = ei_key_values(key);
	for (ei_value value; ei_value_next(&cursor, &value);) {
		ei_value_name(&value);
		ei_value_type(&value);
		ei_value_data(&value);
		ei_value_vol3(&value);
	}
}

static void ask_key(const ei_key *key)
{
	ei_key_name(key);
	ei_key_class(key);
	ei_key_written(key);
	ei_key_path(key);
}

static void ask_remnant(const ei_remnant *remnant)
{
	if (!remnant->is_value) {
		ask_key(&remnant->key);
		return;
	}
	ei_value_name(&remnant->value);
	ei_value_data(&remnant->value);
}

static void drop_note(void *context, const char *text)
{
	*(size_t *)context += strlen(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EI_OWNED(ei_arena) arena = NULL;
	ei_hive *hive = NULL;
	size_t noted = 0;
	ei_error *error = ei_arena_create(ARENA_MAX, &arena);
	if (!error)
		error = ei_hive_open_file(arena, data, size, &hive);
	ei_error_drop(error);
	if (!hive)
		return 0;
	ei_hive_set_note(hive, drop_note, &noted);
	ei_hive_describe(hive);
	ei_key root = ei_hive_root(hive);
	ei_key_walk *walk = ei_key_walk_begin(&root, true);
	for (ei_key_step step; ei_key_walk_next(walk, &step);) {
		if (step.leaving)
			ask_values(&step.key);
		else
			ask_key(&step.key);
	}
	ei_remnants *all = ei_hive_remnants(hive);
	for (ei_remnant it; ei_remnant_next(all, &it);)
		ask_remnant(&it);
	ei_key_find(hive, "Software\\Microsoft\\Windows\\CurrentVersion\\Run");
	return 0;
}
