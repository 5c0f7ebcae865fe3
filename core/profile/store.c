// Finds the profile of a PDB: built-ins, then the folders of a store.
// SPDX-License-Identifier: Apache-2.0
#include "profile/internal.h"
#include "profile/pdb.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
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

static bool scan_folder(
	char path[PATH_MAX], const struct wanted *wanted, unsigned depth, unsigned *budget);

// On success `path` is that of the file; otherwise it is as it was.
static bool scan_entry(char path[PATH_MAX], const struct dirent *entry, const struct wanted *wanted,
	unsigned depth, unsigned *budget)
{
	struct stat status;
	size_t used = strlen(path);
	if (entry->d_name[0] == '.' || !path_push(path, entry->d_name)) {
		path[used] = '\0';
		return false;
	}
	if (is_wanted_name(entry->d_name, wanted) && is_file(path))
		return true;
	if (is_pdb_name(entry->d_name) && pdb_file_matches(path, wanted->guid, wanted->age))
		return true;
	if (depth < DEPTH_MAX && !lstat(path, &status) && S_ISDIR(status.st_mode) &&
		scan_folder(path, wanted, depth + 1, budget))
		return true;
	path[used] = '\0';
	return false;
}

static bool scan_folder(
	char path[PATH_MAX], const struct wanted *wanted, unsigned depth, unsigned *budget)
{
	DIR *listing = opendir(path);
	if (!listing)
		return false;
	bool found = false;
	for (const struct dirent *entry; !found && *budget && (entry = readdir(listing));) {
		--*budget;
		found = scan_entry(path, entry, wanted, depth, budget);
	}
	closedir(listing);
	return found;
}

static bool find_anywhere(const char *dir, const struct wanted *wanted, char path[PATH_MAX])
{
	unsigned budget = ENTRIES_MAX;
	int length = snprintf(path, PATH_MAX, "%s", dir);
	return length > 0 && length < PATH_MAX && scan_folder(path, wanted, 0, &budget);
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
	if (builtin_find(wanted.guid, age, &index))
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
