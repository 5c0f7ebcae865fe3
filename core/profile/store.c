// Finds the profile of a PDB: built-ins, then the folders of a store.
// SPDX-License-Identifier: Apache-2.0
#include "profile/internal.h"
#include "profile/pdb.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 4 };       // folders below the store's own that are searched by name
enum { ENTRIES_MAX = 65536 }; // names looked at in one store
enum { MESSAGE_MAX = 768 };

static const char *const extensions[] = { ".json.xz", ".json", ".json.gz", ".pdb" };

// What is wanted, in the spelling that files have. The name comes from the image: whatever could
// lead out of a folder, or spoil a terminal, is replaced.
struct wanted {
	char pdb[64];
	char guid[33];
	uint32_t age;
	char stem[48]; // "GUID-AGE"
};

static ei_error *wanted_init(struct wanted *wanted, const char *pdb, const char *guid, uint32_t age)
{
	if (strlen(guid) != 32 || strspn(guid, "0123456789abcdefABCDEF") != 32)
		return ei_fail(EI_E_USAGE, "a GUID has 32 hexadecimal digits");
	for (unsigned i = 0; i < 32; i++)
		wanted->guid[i] = (char)toupper((unsigned char)guid[i]);
	wanted->guid[32] = '\0';
	wanted->age = age;
	snprintf(wanted->stem, sizeof wanted->stem, "%s-%u", wanted->guid, age);
	for (const char *at = pdb; *at; at++)
		if (*at == '/' || *at == '\\')
			pdb = at + 1;
	snprintf(wanted->pdb, sizeof wanted->pdb, "%s", pdb);
	for (char *at = wanted->pdb; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("_-", *at) &&
			(*at != '.' || at == wanted->pdb))
			*at = '_';
	return NULL;
}

// ---- folders --------------------------------------------------------------------------------
static bool is_file(const char *path)
{
	struct stat status;
	return !stat(path, &status) && S_ISREG(status.st_mode);
}

// Volatility's layout, and the same without `windows/`.
static bool find_in_place(const char *dir, const struct wanted *wanted, char path[PATH_MAX])
{
	static const char *const parents[] = { "windows/", "" };
	for (size_t i = 0; i < ARRAY_LENGTH(parents); i++)
		for (size_t j = 0; j < ARRAY_LENGTH(extensions); j++) {
			int length = snprintf(path, PATH_MAX, "%s/%s%s/%s%s", dir, parents[i],
				wanted->pdb, wanted->stem, extensions[j]);
			if (length > 0 && length < PATH_MAX && is_file(path))
				return true;
		}
	return false;
}

// A symbol server's layout, and what symchk and the debuggers keep: PDB/GUIDAGE/PDB.
static bool find_in_server(const char *dir, const struct wanted *wanted, char path[PATH_MAX])
{
	int length = snprintf(path, PATH_MAX, "%s/%s/%s%X/%s", dir, wanted->pdb, wanted->guid,
		wanted->age, wanted->pdb);
	return length > 0 && length < PATH_MAX && is_file(path);
}

static bool is_pdb_name(const char *name)
{
	size_t length = strlen(name);
	return length > 4 && !strcasecmp(name + length - 4, ".pdb");
}

static bool is_wanted_name(const char *name, const struct wanted *wanted)
{
	size_t stem = strlen(wanted->stem);
	if (strncasecmp(name, wanted->stem, stem))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(extensions); i++)
		if (!strcasecmp(name + stem, extensions[i]))
			return true;
	return false;
}

// Appends "/NAME" to `path`; false when it does not fit.
static bool path_push(char path[PATH_MAX], const char *name)
{
	size_t used = strlen(path);
	int length = snprintf(path + used, PATH_MAX - used, "/%s", name);
	return length > 0 && (size_t)length < PATH_MAX - used;
}

// ---- below a folder --------------------------------------------------------------------------
// Looks at what is in a folder and below it, in the order the file system has.
struct walk {
	bool (*visit)(struct walk *walk, const char *path, const char *name); // true ends it
	unsigned budget; // names left to look at
	char path[PATH_MAX];
};

static bool walk_folder(struct walk *walk, unsigned depth);

// When the walk ends here, its path is that of the file; otherwise it is as it was.
static bool walk_entry(struct walk *walk, const struct dirent *entry, unsigned depth)
{
	struct stat status;
	size_t used = strlen(walk->path);
	if (entry->d_name[0] == '.' || !path_push(walk->path, entry->d_name)) {
		walk->path[used] = '\0';
		return false;
	}
	if (walk->visit(walk, walk->path, entry->d_name))
		return true;
	if (depth < DEPTH_MAX && !lstat(walk->path, &status) && S_ISDIR(status.st_mode) &&
		walk_folder(walk, depth + 1))
		return true;
	walk->path[used] = '\0';
	return false;
}

static bool walk_folder(struct walk *walk, unsigned depth)
{
	DIR *listing = opendir(walk->path);
	if (!listing)
		return false;
	bool ended = false;
	for (const struct dirent *entry; !ended && walk->budget && (entry = readdir(listing));) {
		walk->budget--;
		ended = walk_entry(walk, entry, depth);
	}
	closedir(listing);
	return ended;
}

// True when a visit ended it.
static bool walk_from(struct walk *walk, const char *dir)
{
	walk->budget = ENTRIES_MAX;
	int length = snprintf(walk->path, sizeof walk->path, "%s", dir);
	return length > 0 && length < PATH_MAX && walk_folder(walk, 0);
}

struct search {
	struct walk walk;
	const struct wanted *wanted;
};

static bool search_visit(struct walk *walk, const char *path, const char *name)
{
	const struct wanted *wanted = ((struct search *)walk)->wanted;
	if (is_wanted_name(name, wanted) && is_file(path))
		return true;
	return is_pdb_name(name) && pdb_file_matches(path, wanted->guid, wanted->age);
}

static bool find_anywhere(const char *dir, const struct wanted *wanted, char path[PATH_MAX])
{
	struct search search = { .walk.visit = search_visit, .wanted = wanted };
	if (!walk_from(&search.walk, dir))
		return false;
	memcpy(path, search.walk.path, PATH_MAX);
	return true;
}

// ---- all of a folder --------------------------------------------------------------------------
struct gather {
	struct walk walk;
	const char **paths; // on the heap, as are its strings
	size_t count, room;
	bool no_memory;
};

// What a search by GUID and age can find: GUID-AGE.EXTENSION, and databases of any name.
static bool is_profile_name(const char *name)
{
	size_t digits = strspn(name, "0123456789abcdefABCDEF");
	if (is_pdb_name(name))
		return true;
	if (digits != 32 || name[32] != '-')
		return false;
	name += 33;
	size_t age = strspn(name, "0123456789");
	for (size_t i = 0; age && i < ARRAY_LENGTH(extensions); i++)
		if (!strcasecmp(name + age, extensions[i]))
			return true;
	return false;
}

static bool gather_grow(struct gather *gather)
{
	if (gather->count < gather->room)
		return true;
	size_t room = gather->room ? 2 * gather->room : 64;
	const char **paths = realloc(gather->paths, room * sizeof *paths);
	if (!paths)
		return false;
	gather->paths = paths;
	gather->room = room;
	return true;
}

static bool gather_visit(struct walk *walk, const char *path, const char *name)
{
	struct gather *gather = (struct gather *)walk;
	if (!is_profile_name(name) || !is_file(path))
		return false;
	char *copy = gather_grow(gather) ? strdup(path) : NULL;
	if (copy)
		gather->paths[gather->count++] = copy;
	gather->no_memory = !copy;
	return !copy;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

ei_error *profile_store_files(const char *dir, profile_file_visit *visit, void *context)
{
	struct gather gather = { .walk.visit = gather_visit };
	walk_from(&gather.walk, dir);
	ei_error *error = gather.no_memory ? ei_fail(EI_E_NOMEM, "listing '%s'", dir) : NULL;
	if (gather.count)
		qsort(gather.paths, gather.count, sizeof *gather.paths, compare_paths);
	for (size_t i = 0; i < gather.count; i++) {
		if (!error)
			error = visit(context, gather.paths[i]);
		free((char *)gather.paths[i]);
	}
	free(gather.paths);
	return error;
}

// ---- loading --------------------------------------------------------------------------------
ei_error *profile_load_cached(
	const struct profile_store *store, const char *path, struct profile **out)
{
	return store && store->no_cache ? profile_load(path, out) : cache_load(path, out);
}

// A file's name is a claim; what is in it decides.
static ei_error *load_wanted(const struct profile_store *store, const char *path,
	const struct wanted *wanted, struct profile **out)
{
	EI_OWNED(profile) profile = NULL;
	EI_TRY(profile_load_cached(store, path, &profile));
	struct profile_info info = profile_info(profile);
	if (strcmp(info.guid, wanted->guid) != 0 || info.age != wanted->age)
		return ei_fail(EI_E_FORMAT, "'%s' is for '%s-%u'", path, info.guid, info.age);
	*out = EI_GIVE(profile);
	return NULL;
}

static ei_error *not_found(const struct wanted *wanted, const char *const *dirs)
{
	struct text where;
	text_init(&where, MESSAGE_MAX);
	for (; dirs && *dirs; dirs++)
		text_addf(&where, ", '%s'", *dirs);
	ei_error *error = ei_fail(EI_E_REQUIREMENT,
		"no profile for '%s' %s (symbol server: %s/%s%X/%s); looked in: built-in%s%s",
		wanted->pdb, wanted->stem, wanted->pdb, wanted->guid, wanted->age, wanted->pdb,
		where.data ? where.data : "", where.cut ? ", ..." : "");
	text_deinit(&where);
	return error;
}

ei_error *profile_find(const struct profile_store *store, const char *pdb, const char *guid,
	uint32_t age, struct profile **out)
{
	struct wanted wanted;
	size_t index = 0;
	EI_TRY(wanted_init(&wanted, pdb, guid, age));
	if (!(store && store->no_builtins) && builtin_find(wanted.guid, age, &index))
		return profile_builtin(index, out);
	EI_OWNED(ei_error) unusable = NULL;
	const char *const *dirs = store ? store->dirs : NULL;
	for (const char *const *dir = dirs; dir && *dir; dir++) {
		char path[PATH_MAX];
		if (!find_in_place(*dir, &wanted, path) && !find_in_server(*dir, &wanted, path) &&
			!find_anywhere(*dir, &wanted, path))
			continue;
		ei_error *error = load_wanted(store, path, &wanted, out);
		if (!error)
			return NULL;
		ei_error_drop(unusable);
		unusable = error;
	}
	return unusable ? EI_GIVE(unusable) : not_found(&wanted, dirs);
}
