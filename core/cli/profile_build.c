// eidetic profile build: a symbol file from a program database.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <errno.h>
#include <sys/stat.h>

enum { PATH_ROOM = 4096 };

static bool is_folder(const char *path)
{
	struct stat status;
	return !stat(path, &status) && S_ISDIR(status.st_mode);
}

static ei_error *folder_make(const char *path)
{
	if (!mkdir(path, 0777) || errno == EEXIST)
		return NULL;
	return ei_fail(EI_E_IO, "cannot make the folder '%s': %s", path, strerror(errno));
}

// In a folder a symbol file stands where -s looks for it.
static ei_error *place_in(const char *folder, const struct profile_info *info, char *out)
{
	int length = snprintf(out, PATH_ROOM, "%s/windows/%s/%s-%u.json.xz", folder, info->pdb,
		info->guid, info->age);
	if (length >= PATH_ROOM)
		return ei_fail(EI_E_USAGE, "'%s' is too long a path", folder);
	char step[PATH_ROOM];
	snprintf(step, sizeof step, "%s/windows", folder);
	EI_TRY(folder_make(step));
	snprintf(step, sizeof step, "%s/windows/%s", folder, info->pdb);
	return folder_make(step);
}

static ei_error *show(struct listing *listing, const struct global *global,
	const struct profile *profile, const char *path)
{
	EI_TRY(listing_init(
		listing, global, "profile build", profile_summary_columns, SUMMARY_COLUMNS));
	EI_TRY(profile_summary(listing, profile));
	EI_TRY(listing_row(listing, (ei_val[]){ ei_str("Written to"), ei_str(path) }));
	return listing_end(listing, NULL);
}

ei_error *profile_build(const struct global *global, const char *pdb)
{
	char path[PATH_ROOM];
	EI_OWNED(profile) profile = NULL;
	struct listing listing = { 0 };
	EI_TRY(profile_load_pdb(pdb, &profile));
	struct profile_info info = profile_info(profile);
	if (is_folder(global->output_dir))
		EI_TRY(place_in(global->output_dir, &info, path));
	else if (snprintf(path, sizeof path, "%s", global->output_dir) >= PATH_ROOM)
		return ei_fail(EI_E_USAGE, "'%s' is too long a path", global->output_dir);
	EI_TRY(profile_write_isf_file(profile, path));
	ei_error *error = show(&listing, global, profile, path);
	listing_deinit(&listing);
	return error;
}
