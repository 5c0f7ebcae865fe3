// The profiles that are part of the binary. They lie in it as one flat block, which was checked
// when it was made, and cost nothing until one is asked for.
// SPDX-License-Identifier: Apache-2.0
#include "profile/internal.h"

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
// The revision in a built-in's name when it is `name` with one ("win10-19041.1237-x64" is
// "win10-19041-x64" with revision 1237); 0 when it is exactly `name`; -1 when it is another.
static long revision_of(const char *builtin, const char *name)
{
	const char *tail = strrchr(name, '-');
	if (!strcmp(builtin, name))
		return 0;
	if (!tail || strncmp(builtin, name, (size_t)(tail - name)) != 0)
		return -1;
	const char *rest = builtin + (tail - name);
	if (*rest != '.')
		return -1;
	char *end = NULL;
	long revision = strtol(rest + 1, &end, 10);
	return strcmp(end, tail) ? -1 : revision;
}

// A name without a revision means the latest one that has symbols.
static bool builtin_by_name(const char *name, size_t *index)
{
	struct flat view;
	uint64_t best = 0;
	size_t count = builtins(&view) ? view.header->count[FLAT_BUILDS] : 0;
	for (size_t i = 0; i < count; i++) {
		const struct flat_build *build = &view.builds[i];
		long revision = revision_of(view.strings + build->name, name);
		if (revision < 0)
			continue;
		uint64_t rank = (uint64_t)(build->symbol_count > 0) << 32 | (uint32_t)revision;
		if (rank + 1 > best) {
			best = rank + 1;
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
