// The table of changes in core/win/VERSIONS.md, against every built-in profile.
// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"
#include "tests/fx/test.h"

#include <stdio.h>
#include <stdlib.h>

#define TABLE "core/win/VERSIONS.md"

enum { ROWS_MAX = 128, BUILDS_MAX = 1024, TEXT_ROOM = 96, LINE_ROOM = 1024 };

struct change {
	char member[TEXT_ROOM], machine[TEXT_ROOM], first[TEXT_ROOM];
	char before[TEXT_ROOM], since[TEXT_ROOM];
};

struct build {
	unsigned version[4];
	uint32_t pointer_size;
	const char *name; // with its machine: "vista-sp0-x64"
	struct profile *profile;
};

static struct change changes[ROWS_MAX];
static size_t change_count;
static struct build builds[BUILDS_MAX];
static size_t build_count;

// ---- reading --------------------------------------------------------------------------------
// A cell of a table's row, without spaces and backquotes around it.
static const char *cell_take(const char *at, char out[TEXT_ROOM])
{
	const char *end = at ? strchr(at, '|') : NULL;
	if (!end)
		return NULL;
	size_t start = strspn(at, " `"), length = (size_t)(end - at);
	while (length > start && strchr(" `", at[length - 1]))
		length--;
	snprintf(out, TEXT_ROOM, "%.*s", (int)(length - start), at + start);
	return end + 1;
}

static bool row_read(const char *line, struct change *out)
{
	const char *at = line + 1;
	at = cell_take(at, out->member);
	at = cell_take(at, out->machine);
	at = cell_take(at, out->first);
	at = cell_take(at, out->before);
	return cell_take(at, out->since) != NULL;
}

static void table_read(void)
{
	char line[LINE_ROOM];
	FILE *file = fopen(TABLE, "r");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) && change_count < ROWS_MAX)
		if (!strncmp(line, "| `_", 4) && row_read(line, &changes[change_count]))
			change_count++;
	fclose(file);
}

static int compare_builds(const void *a, const void *b)
{
	const struct build *left = a, *right = b;
	for (size_t i = 0; i < ARRAY_LENGTH(left->version); i++)
		if (left->version[i] != right->version[i])
			return left->version[i] < right->version[i] ? -1 : 1;
	return strcmp(left->name, right->name);
}

static void builds_read(void)
{
	for (size_t i = 0; i < profile_builtin_count() && build_count < BUILDS_MAX; i++) {
		struct build *build = &builds[build_count++];
		ei_error *error = profile_builtin(i, &build->profile);
		assert_null(error);
		struct profile_info info = profile_info(build->profile);
		build->name = info.name;
		build->pointer_size = info.pointer_size;
		sscanf(info.version, "%u.%u.%u.%u", &build->version[0], &build->version[1],
			&build->version[2], &build->version[3]);
	}
	qsort(builds, build_count, sizeof *builds, compare_builds);
}

static int set_up(void **state)
{
	(void)state;
	table_read();
	builds_read();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < build_count; i++)
		profile_unref(builds[i].profile);
	return 0;
}

// ---- asking ---------------------------------------------------------------------------------
// A member as the table spells it.
static void describe(const struct profile *profile, const char *name, char out[TEXT_ROOM])
{
	char type[TEXT_ROOM];
	struct member member;
	const char *dot = strchr(name, '.');
	snprintf(type, sizeof type, "%.*s", dot ? (int)(dot - name) : (int)strlen(name), name);
	snprintf(out, TEXT_ROOM, "none");
	if (!dot) {
		if (profile_has_type(profile, type))
			snprintf(out, TEXT_ROOM, "some");
		return;
	}
	if (!profile_member(profile, type, dot + 1, &member))
		return;
	if (member.kind == MEMBER_POINTER)
		snprintf(out, TEXT_ROOM, "pointer");
	else if (member.kind == MEMBER_ARRAY)
		snprintf(out, TEXT_ROOM, "array %u", member.count);
	else if (member.kind == MEMBER_BITS)
		snprintf(out, TEXT_ROOM, "bits %u %u", member.width, member.bit);
	else if (member.kind == MEMBER_STRUCT)
		snprintf(out, TEXT_ROOM, "type %s", member.target);
	else
		snprintf(out, TEXT_ROOM, "number %u", member.size);
}

static bool is_for(const struct change *change, const char *machine)
{
	return !strcmp(change->machine, "both") || !strcmp(change->machine, machine);
}

static size_t first_of(const struct change *change, const char *machine)
{
	char name[2 * TEXT_ROOM];
	snprintf(name, sizeof name, "%s-%s", change->first, machine);
	for (size_t i = 0; i < build_count; i++)
		if (!strcmp(builds[i].name, name))
			return i;
	fail_msg("%s: no built-in is called '%s'", change->member, name);
	return 0;
}

static size_t build_before(size_t at, uint32_t pointer_size)
{
	while (at-- > 0)
		if (builds[at].pointer_size == pointer_size)
			return at;
	return build_count;
}

static void expect(const struct build *build, const char *member, const char *wanted)
{
	char is[TEXT_ROOM];
	describe(build->profile, member, is);
	if (strcmp(is, wanted) != 0)
		fail_msg("%s of %s is '%s', not '%s' as " TABLE " says", member, build->name, is,
			wanted);
}

// ---- the claims -----------------------------------------------------------------------------
static void for_each_change(void (*check)(const struct change *change, const char *machine))
{
	assert_true(change_count > 40);
	for (size_t i = 0; i < change_count; i++)
		for (size_t j = 0; j < 2; j++) {
			const char *machine = j ? "x64" : "x86";
			if (is_for(&changes[i], machine))
				check(&changes[i], machine);
		}
}

static void check_boundary(const struct change *change, const char *machine)
{
	uint32_t pointer_size = strcmp(machine, "x64") ? 4 : 8;
	size_t first = first_of(change, machine), last = build_before(first, pointer_size);
	if (last == build_count)
		fail_msg("%s: no built-in is before %s", change->member, builds[first].name);
	assert_string_not_equal(change->before, change->since);
	expect(&builds[last], change->member, change->before);
	expect(&builds[first], change->member, change->since);
}

static void first_build_shows_the_change_and_the_one_before_does_not(void **state)
{
	(void)state;
	for_each_change(check_boundary);
}

// What the table says of a member in a build: the last row at or before it, else the first
// `before`.
static const char *said_of(const char *member, const char *machine, size_t build)
{
	const char *said = NULL;
	for (size_t i = 0; i < change_count; i++) {
		const struct change *change = &changes[i];
		if (strcmp(change->member, member) != 0 || !is_for(change, machine))
			continue;
		if (!said)
			said = change->before;
		if (first_of(change, machine) <= build)
			said = change->since;
	}
	return said;
}

// Where symbols lack the type they say nothing of its members.
static bool is_type_gone(const struct change *change, const char *machine, size_t build)
{
	char type[TEXT_ROOM];
	snprintf(type, sizeof type, "%.*s", (int)strcspn(change->member, "."), change->member);
	const char *said = strchr(change->member, '.') ? said_of(type, machine, build) : NULL;
	return said && !strcmp(said, "none");
}

static void check_all_builds(const struct change *change, const char *machine)
{
	uint32_t pointer_size = strcmp(machine, "x64") ? 4 : 8;
	for (size_t i = 0; i < build_count; i++)
		if (builds[i].pointer_size == pointer_size && !is_type_gone(change, machine, i))
			expect(&builds[i], change->member, said_of(change->member, machine, i));
}

static void every_build_is_as_the_table_says(void **state)
{
	(void)state;
	for_each_change(check_all_builds);
}

// Symbols of kernels since Windows 10 have the cookie, and none before has it.
static void types_are_disguised_since_windows_10(void **state)
{
	(void)state;
	size_t with = 0;
	for (size_t i = 0; i < build_count; i++) {
		uint64_t rva;
		if (!profile_info(builds[i].profile).symbol_count)
			continue;
		bool has = profile_symbol(builds[i].profile, "ObHeaderCookie", &rva);
		if (has != (builds[i].version[0] >= 10))
			fail_msg("%s: %s cookie", builds[i].name, has ? "a" : "no");
		with += has;
	}
	assert_true(with > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_build_shows_the_change_and_the_one_before_does_not),
		cmocka_unit_test(every_build_is_as_the_table_says),
		cmocka_unit_test(types_are_disguised_since_windows_10),
	};
	return cmocka_run_group_tests_name("versions", tests, set_up, tear_down);
}
