// From the description of a hive to its keys: missing parents made, entries merged, sorted.
// SPDX-License-Identifier: Apache-2.0
#include "hive_tree.h"

#include <stdlib.h>

enum { TREE_CAP = 512 << 20, KEY_CAP = 1 << 20, NAME_UNITS_CAP = 255 };

static const char default_root[] = "CMI-CreateHive{2A7FB991-7BBE-4F9D-B91E-7CB51D4737F5}";

// ---- sources: one for each mention of a path, its own or as somebody's parent ----------------
struct source {
	const char *path;
	uint32_t length;       // bytes of `path`
	struct hive_name fold; // upper case, '\' as 0, so that a key's subtree follows it
	const json_t *entry;   // NULL: implied
	uint32_t order;
};

struct sources {
	ei_arena *arena;
	struct source *at;
	uint32_t count;
	uint32_t room;
};

static ei_error *source_add(
	struct sources *sources, const char *path, size_t length, const json_t *entry)
{
	if (sources->count == sources->room) {
		uint32_t room = sources->room * 2 + 64;
		struct source *at = ei_alloc(sources->arena, room * sizeof *at);
		if (!at || room > KEY_CAP)
			return ei_fail(EI_E_LIMIT, "too many keys, at most %d", KEY_CAP);
		if (sources->count)
			memcpy(at, sources->at, sources->count * sizeof *at);
		sources->at = at;
		sources->room = room;
	}
	struct hive_name fold = hive_utf16(sources->arena, path, length);
	if (!fold.units)
		return ei_fail(EI_E_NOMEM, "no memory for a path");
	for (uint32_t i = 0; i < fold.count; i++)
		fold.units[i] = fold.units[i] == '\\' ? 0 : hive_upcase(fold.units[i]);
	sources->at[sources->count] =
		(struct source){ path, (uint32_t)length, fold, entry, sources->count };
	sources->count++;
	return NULL;
}

static ei_error *sources_add_entry(struct sources *sources, const json_t *entry)
{
	const char *path = json_string_value(json_object_get(entry, "path"));
	if (!path)
		return ei_fail(EI_E_FORMAT, "a key has no path");
	size_t length = strlen(path);
	for (size_t i = 0; i < length; i++)
		if (path[i] == '\\')
			EI_TRY(source_add(sources, path, i, NULL));
	return source_add(sources, path, length, entry);
}

static int fold_compare(const struct hive_name *a, const struct hive_name *b)
{
	uint32_t shorter = MIN(a->count, b->count);
	for (uint32_t i = 0; i < shorter; i++)
		if (a->units[i] != b->units[i])
			return a->units[i] < b->units[i] ? -1 : 1;
	return a->count < b->count ? -1 : a->count > b->count;
}

static int source_compare(const void *left, const void *right)
{
	const struct source *a = left;
	const struct source *b = right;
	int order = fold_compare(&a->fold, &b->fold);
	return order ? order : a->order < b->order ? -1 : a->order > b->order;
}

// ---- keys -----------------------------------------------------------------------------------
static const struct {
	const char *name;
	enum hive_list list;
} list_names[] = { { "li", LIST_LI }, { "lf", LIST_LF }, { "lh", LIST_LH }, { "ri", LIST_RI } };

static ei_error *key_list(struct hive_key *key, const json_t *list)
{
	const char *name = json_string_value(list);
	for (size_t i = 0; name && i < ARRAY_LENGTH(list_names); i++)
		if (strcmp(list_names[i].name, name) == 0) {
			key->list = list_names[i].list;
			return NULL;
		}
	return ei_fail(EI_E_FORMAT, "subkey list '%s' is not li, lf, lh or ri", name ? name : "?");
}

// A value takes the place of an earlier one of its name: a key has no two.
static uint32_t value_place(const struct hive_value *values, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (!strcmp(values[i].text, name))
			return i;
	return count;
}

static ei_error *key_values(struct hive_tree *tree, struct hive_key *key, const json_t *values)
{
	uint32_t more = (uint32_t)json_array_size(values);
	struct hive_value *all = ei_alloc(tree->arena, (key->value_count + more) * sizeof *all);
	if (!all)
		return ei_fail(EI_E_NOMEM, "no memory for values");
	if (key->value_count)
		memcpy(all, key->values, key->value_count * sizeof *all);
	uint32_t count = key->value_count;
	for (uint32_t i = 0; i < more; i++) {
		struct hive_value value;
		EI_TRY(hive_value_parse(tree->arena, json_array_get(values, i), &value));
		uint32_t place = value_place(all, count, value.text);
		all[place] = value;
		count += place == count;
	}
	key->values = all;
	key->value_count = count;
	return NULL;
}

static ei_error *key_symlink(struct hive_tree *tree, struct hive_key *key, const json_t *target)
{
	json_t *value = json_pack("[{s:s,s:s,s:s}]", "name", "SymbolicLinkValue", "type",
		"REG_LINK", "data", json_string_value(target));
	if (!value)
		return ei_fail(EI_E_FORMAT, "symlink is not text");
	key->symlink = true;
	ei_error *error = key_values(tree, key, value);
	json_decref(value);
	return error;
}

static ei_error *key_apply(struct hive_tree *tree, struct hive_key *key, const json_t *entry)
{
	const json_t *written = json_object_get(entry, "written");
	if (written)
		EI_TRY(hive_time(json_string_value(written) ? json_string_value(written) : "",
			&key->written));
	key->transient = key->transient || json_is_true(json_object_get(entry, "volatile"));
	const json_t *class_name = json_object_get(entry, "class");
	if (class_name)
		key->class_name = hive_utf16(tree->arena,
			json_is_string(class_name) ? json_string_value(class_name) : "",
			json_string_length(class_name));
	const json_t *list = json_object_get(entry, "list");
	if (list)
		EI_TRY(key_list(key, list));
	const json_t *symlink = json_object_get(entry, "symlink");
	if (symlink)
		EI_TRY(key_symlink(tree, key, symlink));
	return key_values(tree, key, json_object_get(entry, "values"));
}

static ei_error *key_start(
	struct hive_tree *tree, struct hive_key *key, const struct source *source)
{
	size_t tail = source->length;
	while (tail && source->path[tail - 1] != '\\')
		tail--;
	*key = (struct hive_key){
		.path = arena_text(tree->arena, source->path, source->length),
		.name = hive_utf16(tree->arena, source->path + tail, source->length - tail),
		.written = tree->written,
		.parent = HIVE_NONE,
		.first_child = HIVE_NONE,
		.last_child = HIVE_NONE,
		.next_sibling = HIVE_NONE,
	};
	if (!key->path || !key->name.units)
		return ei_fail(EI_E_NOMEM, "no memory for a key");
	if (!key->name.count || key->name.count > NAME_UNITS_CAP)
		return ei_fail(EI_E_FORMAT, "key '%s' has a name of %u characters, want 1 to %d",
			key->path, key->name.count, NAME_UNITS_CAP);
	return NULL;
}

// Sorted order puts a parent before its children and nothing foreign between.
static void key_adopt(struct hive_tree *tree, uint32_t index, uint32_t depth, uint32_t *open)
{
	struct hive_key *key = &tree->keys[index];
	open[depth] = index;
	if (!depth)
		return;
	key->parent = open[depth - 1];
	struct hive_key *parent = &tree->keys[key->parent];
	key->transient = key->transient || parent->transient;
	parent->children[key->transient]++;
	if (parent->last_child == HIVE_NONE)
		parent->first_child = index;
	else
		tree->keys[parent->last_child].next_sibling = index;
	parent->last_child = index;
}

static uint32_t path_depth(const struct source *source)
{
	uint32_t depth = source->length ? 1 : 0;
	for (uint32_t i = 0; i < source->length; i++)
		depth += source->path[i] == '\\';
	return depth;
}

enum { DEPTH_CAP = 512 }; // what Windows allows

static ei_error *tree_add_keys(struct hive_tree *tree, const struct sources *sources)
{
	uint32_t open[DEPTH_CAP + 1];
	for (uint32_t i = 0; i < sources->count; i++) {
		const struct source *source = &sources->at[i];
		bool again = i && fold_compare(&source->fold, &source[-1].fold) == 0;
		struct hive_key *key = &tree->keys[tree->key_count - again];
		uint32_t depth = path_depth(source);
		if (depth > DEPTH_CAP)
			return ei_fail(EI_E_LIMIT, "key '%s' is too deep", source->path);
		if (!again) {
			if (depth)
				EI_TRY(key_start(tree, key, source));
			tree->key_count++;
		}
		if (source->entry)
			EI_TRY_IN(key_apply(tree, key, source->entry), "key '%.*s'",
				(int)source->length, source->path);
		// A volatile key's children see it volatile: they come later.
		bool last = i + 1 == sources->count ||
			    fold_compare(&source->fold, &source[1].fold) != 0;
		if (last)
			key_adopt(tree, tree->key_count - 1, depth, open);
	}
	return NULL;
}

static ei_error *tree_add_root(
	struct hive_tree *tree, const json_t *description, struct sources *sources)
{
	const char *name = json_string_value(json_object_get(description, "root"));
	struct source root = { .path = name ? name : default_root };
	root.length = (uint32_t)strlen(root.path);
	tree->keys = ei_alloc(tree->arena, (sources->count + 1) * sizeof *tree->keys);
	if (!tree->keys)
		return ei_fail(EI_E_NOMEM, "no memory for %u keys", sources->count);
	EI_TRY(key_start(tree, &tree->keys[0], &root));
	tree->keys[0].path = "";
	return NULL;
}

static ei_error *tree_parse(struct hive_tree *tree, const json_t *description)
{
	const json_t *minor = json_object_get(description, "minor");
	const json_t *written = json_object_get(description, "written");
	tree->minor = minor ? (uint32_t)json_integer_value(minor) : 5;
	if (tree->minor < 3 || tree->minor > 6)
		return ei_fail(EI_E_FORMAT, "hive version 1.%u, want 1.3 to 1.6", tree->minor);
	const char *time = json_string_value(written);
	EI_TRY(hive_time(time ? time : "2024-01-01T00:00:00Z", &tree->written));

	struct sources sources = { .arena = tree->arena };
	EI_TRY(source_add(&sources, "", 0, NULL));
	const json_t *entries = json_object_get(description, "keys");
	size_t index;
	json_t *entry;
	json_array_foreach(entries, index, entry) EI_TRY(sources_add_entry(&sources, entry));
	qsort(sources.at, sources.count, sizeof sources.at[0], source_compare);
	EI_TRY(tree_add_root(tree, description, &sources));
	return tree_add_keys(tree, &sources);
}

ei_error *hive_tree_parse(const json_t *description, struct hive_tree **out)
{
	ei_arena *arena;
	EI_TRY(ei_arena_create(TREE_CAP, &arena));
	struct hive_tree *tree = ei_alloc(arena, sizeof *tree);
	if (!tree) {
		ei_arena_drop(arena);
		return ei_fail(EI_E_NOMEM, "no memory for a hive");
	}
	tree->arena = arena;
	ei_error *error = tree_parse(tree, description);
	if (error) {
		ei_arena_drop(arena);
		return error;
	}
	*out = tree;
	return NULL;
}

void hive_tree_drop(struct hive_tree *tree)
{
	if (tree)
		ei_arena_drop(tree->arena);
}
