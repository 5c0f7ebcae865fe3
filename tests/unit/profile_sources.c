// Every fact that was distilled into the built-in profiles against the symbol file it came from.
// Sources are looked for in $PROFILE_DATA (folders as for `make profiles`), else in the data folder
// of $EIDETIC_SHARED, else of ../shared; those that are not at hand are counted and skipped.
// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"
#include "tests/fx/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// Distilled types that were unnamed in the source carry their owner's name ("_MMPTE.u").
static bool was_unnamed(const char *type)
{
	return strchr(type, '.');
}

static void expect_same_target(const char *ours, const char *theirs)
{
	bool unnamed = was_unnamed(ours) || !strcmp(ours, "__unnamed");
	if (!unnamed && strcmp(ours, theirs) != 0)
		fail_msg("target is '%s', the source says '%s'", ours, theirs);
}

static bool same_place(const struct member *ours, const struct member *theirs, uint32_t base)
{
	return ours->offset == theirs->offset - base && ours->size == theirs->size &&
	       ours->kind == theirs->kind && ours->bit == theirs->bit &&
	       ours->width == theirs->width;
}

static bool same_elements(const struct member *ours, const struct member *theirs)
{
	return ours->count == theirs->count && ours->element_kind == theirs->element_kind &&
	       ours->element_size == theirs->element_size;
}

// Members of an unnamed type are compared through the path that names it: "_A.u.x" is "u.x" of _A.
static void expect_same_member(
	struct profile *source, const char *type, const char *name, const struct member *ours)
{
	char path[1024];
	struct member theirs;
	const char *dot = strchr(type, '.');
	char owner[512];
	snprintf(owner, sizeof owner, "%.*s", dot ? (int)(dot - type) : (int)strlen(type), type);
	snprintf(path, sizeof path, "%s%s%s", dot ? dot + 1 : "", dot ? "." : "", name);
	if (!profile_member(source, owner, path, &theirs)) {
		if (dot) // an unnamed element of an array: paths do not lead into those
			return;
		fail_msg("the source has no %s.%s", owner, path);
	}
	struct member outer = { .offset = 0 };
	if (dot && !profile_member(source, owner, dot + 1, &outer))
		fail_msg("the source has no %s", type);
	if (!same_place(ours, &theirs, outer.offset) || !same_elements(ours, &theirs))
		fail_msg("%s.%s is not what the source says", type, name);
	expect_same_target(ours->target, theirs.target);
}

// `lent` is the type that the source lacks, or "".
static unsigned compare_types(struct profile *built_in, struct profile *source, const char *lent)
{
	unsigned facts = 0;
	const char *type = NULL, *name = NULL;
	struct member member;
	for (uint32_t i = 0; (type = profile_type_at(built_in, i)); i++) {
		if (!strcmp(type, lent))
			continue;
		if (!was_unnamed(type))
			assert_int_equal(
				profile_type_size(built_in, type), profile_type_size(source, type));
		for (uint32_t j = 0; profile_member_at(built_in, type, j, &name, &member); j++) {
			expect_same_member(source, type, name, &member);
			facts++;
		}
	}
	return facts;
}

static unsigned compare_symbols(struct profile *built_in, struct profile *source)
{
	uint64_t ours = 0, theirs = 0;
	const char *name = NULL;
	uint32_t i = 0;
	for (; (name = profile_symbol_at(built_in, i, &ours)); i++) {
		assert_true(profile_symbol(source, name, &theirs));
		assert_true(ours == theirs);
	}
	return i;
}

static struct profile *built_in_named(const char *name)
{
	for (size_t i = 0; i < profile_builtin_count(); i++) {
		struct profile *profile = NULL;
		assert_null(profile_builtin(i, &profile));
		if (!strcmp(profile_info(profile).name, name))
			return profile;
		profile_unref(profile);
	}
	fail_msg("no built-in is called '%s'", name);
	return NULL;
}

static unsigned compare_source(const char *name, const char *path, const char *lent)
{
	struct profile *built_in = built_in_named(name), *source = NULL;
	ei_error *error = profile_load(path, &source);
	if (error)
		fail_msg("%s", ei_error_text(error));
	struct profile_info ours = profile_info(built_in), theirs = profile_info(source);
	assert_string_equal(ours.name, name);
	assert_string_equal(ours.guid, theirs.guid);
	assert_int_equal(ours.age, theirs.age);
	assert_int_equal(ours.pointer_size, theirs.pointer_size);
	unsigned facts = compare_types(built_in, source, lent) + compare_symbols(built_in, source);
	profile_unref(built_in);
	profile_unref(source);
	return facts;
}

// ---- where sources are ----------------------------------------------------------------------
// The data folders, separated by blanks.
static void list_roots(char *roots, size_t size)
{
	const char *data = getenv("PROFILE_DATA"), *shared = getenv("EIDETIC_SHARED");
	if (!shared)
		shared = "../shared";
	if (data)
		snprintf(roots, size, "%s", data);
	else
		snprintf(roots, size, "%s/data %s/data/isf", shared, shared);
}

static bool find_source(const char *roots, const char *below, char *path, size_t size)
{
	while (*roots) {
		size_t length = strcspn(roots, " ");
		snprintf(path, size, "%.*s/%s", (int)length, roots, below);
		if (!access(path, R_OK))
			return true;
		roots += length + strspn(roots + length, " ");
	}
	return false;
}

struct tally {
	unsigned facts, sources, absent;
	char first_absent[128];
};

static void compare_line(const char *line, const char *roots, struct tally *tally)
{
	char name[128], version[128], below[512], lent[512] = "", path[1100];
	if (line[0] == '#' ||
		sscanf(line, "%127s %127s %511s %511[^= ]", name, version, below, lent) < 3)
		return;
	tally->sources++;
	if (find_source(roots, below, path, sizeof path)) {
		tally->facts += compare_source(name, path, lent);
		return;
	}
	if (!tally->absent++)
		snprintf(tally->first_absent, sizeof tally->first_absent, "%s", name);
}

static void every_distilled_fact_is_in_its_source(void **state)
{
	char roots[2048], line[1024];
	struct tally tally = { .facts = 0 };
	(void)state;
	list_roots(roots, sizeof roots);
	FILE *list = fopen("profiles/sources.tsv", "r");
	assert_non_null(list);
	while (fgets(line, sizeof line, list))
		compare_line(line, roots, &tally);
	fclose(list);
	assert_int_equal(tally.sources, profile_builtin_count());
	if (tally.absent)
		print_message("skipped: %u of %u sources ('%s' first) are not in '%s'\n",
			tally.absent, tally.sources, tally.first_absent, roots);
	if (tally.absent == tally.sources)
		skip();
	assert_true(tally.facts > 300 * (tally.sources - tally.absent));
	print_message("%u facts of %u sources\n", tally.facts, tally.sources - tally.absent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_distilled_fact_is_in_its_source),
	};
	return cmocka_run_group_tests_name("profile_sources", tests, NULL, NULL);
}
