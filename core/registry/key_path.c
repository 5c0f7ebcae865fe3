// Keys by path, however the hive may be called in it.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"

#include <stdio.h>

enum { CONTROL_SET_MAX = 999 };

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

static ei_key key_none(ei_hive *hive)
{
	return (ei_key){ .hive = hive, .cell = CELL_NONE, .state = EI_NONE };
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
	return key_none(key->hive);
}

static ei_key child_named(const ei_key *key, const char *name)
{
	return ei_key_child(key, name, strlen(name));
}

// The key that CurrentControlSet stands for: a link, which only a running system has and whose
// target is in another hive's terms. `link` itself where that cannot be told.
static ei_key control_set(const ei_key *root, const ei_key *link)
{
	ei_key select = child_named(root, "Select");
	ei_value value = ei_key_value(&select, "Current");
	ei_val current = ei_value_data(&value);
	if (!ei_has(current) || current.kind != EI_UINT || current.u > CONTROL_SET_MAX)
		return *link;
	char name[sizeof "ControlSet000"];
	snprintf(name, sizeof name, "ControlSet%03u", (unsigned)current.u);
	ei_key set = child_named(root, name);
	return set.state == EI_OK ? set : *link;
}

static ei_key root_child(const ei_key *root, struct span name)
{
	static const char link[] = "CurrentControlSet";
	ei_key key = ei_key_child(root, name.at, name.length);
	bool leads_away =
		key.state == EI_NONE || (key.state == EI_OK && key.flags & EI_KEY_SYMLINK);
	if (leads_away && !root->hive->compat &&
		span_equal(name, (struct span){ link, sizeof link - 1 }))
		return control_set(root, &key);
	return key;
}

static ei_key key_below_root(ei_hive *hive, const char *path)
{
	ei_key root = ei_hive_root(hive), key = root;
	ei_mark mark = ei_arena_mark(hive->scratch);
	for (struct span name = path_next(&path); name.length; name = path_next(&path)) {
		key = key.cell == root.cell ? root_child(&root, name)
					    : ei_key_child(&key, name.at, name.length);
		ei_arena_rewind(hive->scratch, mark);
		if (key.state != EI_OK)
			break;
	}
	return key;
}

// What follows HKCU in `path` when the hive is a user's; NULL.
static const char *path_of_user(const ei_hive *hive, const char *path)
{
	static const char file[] = "NTUSER.DAT";
	const char *rest = path_below(path, "HKCU");
	if (!rest)
		rest = path_below(path, "HKEY_CURRENT_USER");
	return span_equal(last_name(hive->file), (struct span){ file, sizeof file - 1 }) ? rest
											 : NULL;
}

// What follows one of the kernel's places in `path` and then names this hive; NULL.
static const char *path_of_place(const ei_hive *hive, const char *path, const char *place)
{
	const char *below = path_below(hive->mount, place);
	if (below)
		return path_below(path, below);
	// Before Windows Vista hives do not know where they are mounted; their files have the name.
	struct span first = path_next(&path);
	bool named = !*hive->mount && first.length && span_equal(first, last_name(hive->file));
	return named ? path : NULL;
}

static const char *path_of_root(const ei_hive *hive, const char *path)
{
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		const char *rest = path_below(path, places[i].name);
		rest = rest ? rest : path_below(path, places[i].place);
		rest = rest ? path_of_place(hive, rest, places[i].place) : NULL;
		if (rest)
			return rest;
	}
	return path_of_user(hive, path);
}

// `path` without the names that lead to this hive; NULL when it has none.
static const char *path_in_hive(ei_hive *hive, const char *path)
{
	const char *mount = hive->mount;
	const char *rest = path_of_root(hive, path);
	if (!rest)
		rest = path_below(path, mount);
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

// Volatility takes a path apart at each `\`, and knows no key without a name.
static bool is_plain(const char *path)
{
	return *path && *path != '\\' && !strstr(path, "\\\\");
}

ei_key ei_key_find(ei_hive *hive, const char *path)
{
	ei_key key = ei_hive_root(hive);
	if (key.state != EI_OK)
		return key;
	if (hive->compat && !is_plain(path))
		return key_none(hive);
	key = key_below_root(hive, path);
	if (key.state == EI_OK || hive->compat)
		return key;
	const char *rest = path_in_hive(hive, path);
	return rest ? key_below_root(hive, rest) : key;
}
