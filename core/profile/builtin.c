// The profiles that are part of the binary. They lie in it as one flat block, which was checked
// when it was made, and cost nothing until one is asked for.
// SPDX-License-Identifier: Apache-2.0
#include "profile/internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

// Weak, because the program that makes the block links this file too.
extern const uint8_t builtin_block[] __attribute__((weak, visibility("hidden")));

static const struct flat *builtins(struct flat *view)
{
	if (!builtin_block)
		return NULL;
	*view = flat_view(builtin_block);
	return view;
}

size_t profile_builtin_count(void)
{
	struct flat view;
	return builtins(&view) ? view.header->count[FLAT_BUILDS] : 0;
}

ei_error *profile_builtin(size_t index, struct profile **out)
{
	struct flat view;
	size_t count = profile_builtin_count();
	if (index >= count || !builtins(&view))
		return ei_fail(
			EI_E_USAGE, "there are %zu built-in profiles, no number %zu", count, index);
	return profile_create(&view, (uint32_t)index, NULL, "built-in", out);
}

bool builtin_find(const char *guid, uint32_t age, size_t *index)
{
	struct flat view;
	size_t count = builtins(&view) ? view.header->count[FLAT_BUILDS] : 0;
	for (size_t i = 0; i < count; i++) {
		const struct flat_build *build = &view.builds[i];
		if (build->age != age || strcmp(view.strings + build->guid, guid) != 0)
			continue;
		*index = i;
		return true;
	}
	return false;
}

// ---- by name --------------------------------------------------------------------------------
// How well a built-in's name fits: exactly, or with a revision that `name` leaves out
// ("win10-19041.1237-x64" is "win10-19041-x64", too); higher for later revisions. 0: not at all.
static uint32_t name_rank(const char *builtin, const char *name)
{
	const char *tail = strrchr(name, '-');
	if (!strcmp(builtin, name))
		return UINT32_MAX;
	if (!tail || strncmp(builtin, name, (size_t)(tail - name)) != 0)
		return 0;
	const char *rest = builtin + (tail - name);
	if (*rest != '.')
		return 0;
	char *end = NULL;
	unsigned long revision = strtoul(rest + 1, &end, 10);
	return strcmp(end, tail) ? 0 : (uint32_t)MIN(revision + 1, UINT32_MAX - 1);
}

// Names of systems whose kernel file is another one's, down to the revision.
static const struct {
	const char *system, *kernel;
} same_kernels[] = {
	{ "win2016-14393", "win10-14393" },
	{ "win2019-17763", "win10-17763" },
	{ "win10-18363", "win10-18362" },
	{ "win10-19042", "win10-19041" },
	{ "win10-19043", "win10-19041" },
	{ "win10-19044", "win10-19041" },
	{ "win10-19045", "win10-19041" },
	{ "win2025-26100", "win11-26100" },
	{ "win11-26200", "win11-26100" },
};

// `name` as the kernel's profile is called: "win10-19045.2965-x64" is "win10-19041.2965-x64".
static const char *kernel_name(const char *name, char *room, size_t room_size)
{
	for (size_t i = 0; i < ARRAY_LENGTH(same_kernels); i++) {
		size_t length = strlen(same_kernels[i].system);
		if (strncmp(name, same_kernels[i].system, length) != 0)
			continue;
		if (name[length] != '.' && name[length] != '-')
			continue;
		snprintf(room, room_size, "%s%s", same_kernels[i].kernel, name + length);
		return room;
	}
	return name;
}

// One that has symbols is preferred to one that is a layout only, even to one of that very name.
static bool builtin_by_name(const char *wanted, size_t *index)
{
	struct flat view;
	char room[NAME_MAX];
	uint64_t best = 0;
	const char *name = kernel_name(wanted, room, sizeof room);
	size_t count = builtins(&view) ? view.header->count[FLAT_BUILDS] : 0;
	for (size_t i = 0; i < count; i++) {
		const struct flat_build *build = &view.builds[i];
		uint32_t rank = name_rank(view.strings + build->name, name);
		uint64_t whole = (uint64_t)(build->symbol_count > 0) << 32 | rank;
		if (rank && whole > best) {
			best = whole;
			*index = i;
		}
	}
	return best;
}

ei_error *profile_by_name(const char *name, struct profile **out)
{
	size_t index = 0;
	if (builtin_by_name(name, &index))
		return profile_builtin(index, out);
	struct profile *profile = NULL;
	ei_error *error = profile_load_cached(NULL, name, &profile);
	if (error && !strchr(name, '/') && ei_error_code(error) == EI_E_IO) {
		ei_error_drop(error);
		return ei_fail(EI_E_USAGE, "no built-in profile and no file is called '%s'", name);
	}
	if (!error)
		*out = profile;
	return error;
}
