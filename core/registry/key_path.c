// Keys by path, however the hive may be called in it.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"

// What people write for the kernel's places.
static const struct {
	const char *name, *place;
} places[] = {
	{ "HKLM", "REGISTRY\\MACHINE" },
	{ "HKEY_LOCAL_MACHINE", "REGISTRY\\MACHINE" },
	{ "HKU", "REGISTRY\\USER" },
	{ "HKEY_USERS", "REGISTRY\\USER" },
};

struct span {
	const char *at;
	size_t length;
};

// Takes the next name off the front of a path; an empty one at its end.
static struct span path_next(const char **path)
{
	while (**path == '\\')
		++*path;
	struct span name = { *path, strcspn(*path, "\\") };
	*path += name.length;
	return name;
}

static bool span_equal(struct span a, struct span b)
{
	return name_equal(a.at, a.length, b.at, b.length);
}

// What follows `prefix` in `path`; NULL when the path does not begin with all its names.
static const char *path_below(const char *path, const char *prefix)
{
	struct span want = path_next(&prefix);
	if (!want.length)
		return NULL;
	for (; want.length; want = path_next(&prefix))
		if (!span_equal(path_next(&path), want))
			return NULL;
	return path;
}

static struct span last_name(const char *path)
{
	const char *slash = strrchr(path, '\\');
	const char *name = slash ? slash + 1 : path;
	return (struct span){ name, strlen(name) };
}

ei_key ei_key_child(const ei_key *key, const char *name, size_t length)
{
	if (key->state != EI_OK)
		return *key;
	ei_subkeys cursor = ei_key_subkeys(key);
	for (ei_key child; ei_subkey_next(&cursor, &child);) {
		ei_val text = ei_key_name(&child);
		if (ei_has(text) && name_equal(text.s, text.length, name, length))
			return child;
	}
	return (ei_key){ .hive = key->hive, .cell = CELL_NONE, .state = EI_NONE };
}

static ei_key key_below_root(ei_hive *hive, const char *path)
{
	ei_key key = ei_hive_root(hive);
	ei_mark mark = ei_arena_mark(hive->scratch);
	for (struct span name = path_next(&path); name.length; name = path_next(&path)) {
		key = ei_key_child(&key, name.at, name.length);
		ei_arena_rewind(hive->scratch, mark);
		if (key.state != EI_OK)
			break;
	}
	return key;
}

// `path` without the names that lead to this hive; NULL when it has none.
static const char *path_in_hive(ei_hive *hive, const char *path)
{
	const char *mount = hive->mount;
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		const char *rest = path_below(path, places[i].name);
		const char *below = path_below(mount, places[i].place);
		if (rest && below && path_below(rest, below))
			return path_below(rest, below);
	}
	const char *rest = path_below(path, mount);
	if (rest)
		return rest;
	rest = path;
	struct span first = path_next(&rest);
	if (first.length &&
		(span_equal(first, last_name(mount)) || span_equal(first, last_name(hive->file))))
		return rest;
	ei_key root = ei_hive_root(hive);
	ei_val name = ei_key_name(&root);
	if (ei_has(name) && span_equal(first, (struct span){ name.s, name.length }))
		return rest;
	return NULL;
}

ei_key ei_key_find(ei_hive *hive, const char *path)
{
	ei_key key = ei_hive_root(hive);
	if (key.state != EI_OK)
		return key;
	key = key_below_root(hive, path);
	if (key.state == EI_OK)
		return key;
	const char *rest = path_in_hive(hive, path);
	return rest ? key_below_root(hive, rest) : key;
}
