// Program databases: those of clang and lld-link, compared with what llvm-pdbutil says of them, and
// small ones of older compilers.
// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"
#include "tests/fx/test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define GUID "0123456789ABCDEF0123456789ABCDEF"
#define GOOD "tests/corpus/pdb/good/"

enum { PATH_ROOM = 512, LINE_ROOM = 512, LISTS_MAX = 256, NAME_ROOM = 64 };

static struct profile *load(const char *path)
{
	struct profile *profile = NULL;
	ei_error *error = profile_load(path, &profile);
	if (error)
		fail_msg("%s", ei_error_text(error));
	return profile;
}

static struct member member_of(const struct profile *profile, const char *type, const char *path)
{
	struct member member = { 0 };
	if (!profile_member(profile, type, path, &member))
		fail_msg("'%s' has no '%s'", type, path);
	return member;
}

static uint64_t symbol_of(const struct profile *profile, const char *name)
{
	uint64_t rva = 0;
	if (!profile_symbol(profile, name, &rva))
		fail_msg("no symbol '%s'", name);
	return rva;
}

// ---- databases that are made here -----------------------------------------------------------
static bool run(const char *command)
{
	return system(command) == 0;
}

// A database of tests/fx/pdb/nt.c for a machine, in a folder of its own; skips without the tools.
static void make_database(const char *machine, char folder[PATH_ROOM])
{
	char command[4 * PATH_ROOM];
	if (!run("command -v clang lld-link llvm-pdbutil llvm-readobj >/dev/null 2>&1")) {
		print_message("skipped: no clang, lld-link, llvm-pdbutil and llvm-readobj\n");
		skip();
	}
	snprintf(folder, PATH_ROOM, "/tmp/eidetic-pdb-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof command,
		"clang --target=%s-pc-windows-msvc -g -gcodeview -c tests/fx/pdb/nt.c -o %s/nt.obj"
		" && cd %s && lld-link /debug /dll /noentry /nodefaultlib /pdb:nt.pdb /out:nt.dll"
		" /export:PsActiveProcessHead,DATA /export:MmRoot,DATA /export:NtClose"
		" /export:ExFast nt.obj",
		machine, folder, folder);
	assert_true(run(command));
}

static void remove_database(const char *folder)
{
	char command[2 * PATH_ROOM];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	assert_true(run(command));
}

static struct profile *load_from(const char *folder, const char *name)
{
	char path[2 * PATH_ROOM];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return load(path);
}

static FILE *tool_output(const char *tool, const char *folder, const char *file)
{
	char command[2 * PATH_ROOM];
	snprintf(command, sizeof command, "%s %s/%s", tool, folder, file);
	FILE *output = popen(command, "r");
	assert_non_null(output);
	return output;
}

// ---- llvm-pdbutil's listing of types --------------------------------------------------------
// Field lists come before the structures that have them: the members are kept until then.
struct listed_member {
	unsigned list, type;
	unsigned long offset;
	char name[NAME_ROOM];
};

struct listing {
	struct listed_member members[LISTS_MAX];
	unsigned count;
	unsigned record; // the record that is being listed
	char name[NAME_ROOM];
	unsigned fields, compared;
	unsigned bits[LISTS_MAX], widths[LISTS_MAX]; // of bit fields, by record - 0x1000
};

static void backquoted(const char *line, char name[NAME_ROOM])
{
	const char *start = strchr(line, '`');
	size_t length = start ? strcspn(start + 1, "`") : 0;
	snprintf(name, NAME_ROOM, "%.*s", (int)length, start ? start + 1 : "");
}

static void compare_members(const struct profile *profile, struct listing *listing, unsigned size)
{
	char type[NAME_ROOM];
	snprintf(type, sizeof type, "%s", listing->name);
	if (strstr(type, "<unnamed-tag>"))
		snprintf(type, sizeof type, "__unnamed_%x", listing->record);
	assert_int_equal(profile_type_size(profile, type), size);
	for (unsigned i = 0; i < listing->count; i++) {
		const struct listed_member *listed = &listing->members[i];
		if (listed->list != listing->fields)
			continue;
		struct member member = member_of(profile, type, listed->name);
		unsigned record = listed->type - 0x1000;
		bool bits = record < LISTS_MAX && listing->widths[record];
		assert_int_equal(member.offset, listed->offset);
		assert_int_equal(member.kind == MEMBER_BITS, bits);
		if (bits) {
			assert_int_equal(member.bit, listing->bits[record]);
			assert_int_equal(member.width, listing->widths[record]);
		}
		listing->compared++;
	}
}

static void keep_member(struct listing *listing, const char *line)
{
	const char *type = strstr(line, "Type = 0x"), *offset = strstr(line, "offset = ");
	if (!strstr(line, "LF_MEMBER") || !type || !offset || listing->count == LISTS_MAX)
		return;
	struct listed_member *member = &listing->members[listing->count++];
	member->list = listing->record;
	member->type = (unsigned)strtoul(type + 7, NULL, 16);
	member->offset = strtoul(offset + 9, NULL, 10);
	backquoted(line, member->name);
}

static void keep_bits(struct listing *listing, const char *line)
{
	const char *bit = strstr(line, "bit offset = "), *width = strstr(line, "# bits = ");
	unsigned record = listing->record - 0x1000;
	if (!bit || !width || record >= LISTS_MAX)
		return;
	listing->bits[record] = (unsigned)strtoul(bit + 13, NULL, 10);
	listing->widths[record] = (unsigned)strtoul(width + 9, NULL, 10);
}

static void read_line(const struct profile *profile, struct listing *listing, const char *line)
{
	const char *fields = strstr(line, "field list: 0x"), *size = strstr(line, "sizeof ");
	const char *head = line + strspn(line, " ");
	if (!strncmp(head, "0x", 2) && strstr(head, " | LF_")) {
		listing->record = (unsigned)strtoul(head, NULL, 16);
		listing->fields = 0;
		backquoted(head, listing->name);
		return;
	}
	keep_member(listing, line);
	keep_bits(listing, line);
	if (fields)
		listing->fields = (unsigned)strtoul(fields + 12, NULL, 16);
	if (size && listing->fields)
		compare_members(profile, listing, (unsigned)strtoul(size + 7, NULL, 10));
}

static unsigned compare_types(const struct profile *profile, const char *folder)
{
	char line[LINE_ROOM];
	struct listing *listing = calloc(1, sizeof *listing);
	assert_non_null(listing);
	FILE *output = tool_output("llvm-pdbutil dump -types", folder, "nt.pdb");
	while (fgets(line, sizeof line, output))
		read_line(profile, listing, line);
	assert_int_equal(pclose(output), 0);
	unsigned compared = listing->compared;
	free(listing);
	return compared;
}

// The image's export table says where they are, without any database.
static unsigned compare_exports(const struct profile *profile, const char *folder)
{
	char line[LINE_ROOM], name[NAME_ROOM] = "";
	unsigned compared = 0;
	FILE *output = tool_output("llvm-readobj --coff-exports", folder, "nt.dll");
	while (fgets(line, sizeof line, output)) {
		unsigned rva = 0;
		if (strstr(line, "Name:") && sscanf(line, " Name: %63s", name) != 1)
			name[0] = '\0'; // ordinals that are not used
		if (name[0] && sscanf(line, " RVA: %x", &rva) == 1) {
			assert_int_equal(symbol_of(profile, name), rva);
			compared++;
		}
	}
	assert_int_equal(pclose(output), 0);
	return compared;
}

static void compare_machine(const char *machine, uint32_t pointer_size)
{
	char folder[PATH_ROOM];
	int64_t value = 0;
	make_database(machine, folder);
	struct profile *profile = load_from(folder, "nt.pdb");
	assert_int_equal(profile_info(profile).pointer_size, pointer_size);
	assert_string_equal(profile_info(profile).pdb, "nt.pdb");
	assert_true(compare_types(profile, folder) >= 60);
	assert_int_equal(compare_exports(profile, folder), 4);
	assert_true(profile_constant(profile, "_KSTATE", "Lowest", &value));
	assert_int_equal(value, -7);
	assert_true(profile_constant(profile, "_KSTATE", "Highest", &value));
	assert_int_equal(value, 0x12345678);
	assert_int_equal(member_of(profile, "_EPROCESS", "Job").size, pointer_size);
	assert_false(profile_has_type(profile, "_NEVER_DEFINED"));
	profile_unref(profile);
	remove_database(folder);
}

static void members_of_64_bit_agree_with_llvm(void **state)
{
	(void)state;
	compare_machine("x86_64", 8);
}

static void members_of_32_bit_agree_with_llvm(void **state)
{
	(void)state;
	compare_machine("i686", 4);
}

// ---- databases of the corpus ----------------------------------------------------------------
static void expect_types(const struct profile *profile, uint32_t w)
{
	const struct {
		const char *path;
		uint32_t offset, size;
		enum member_kind kind;
		const char *target;
	} rows[] = {
		{ "Links", 0, 2 * w, MEMBER_STRUCT, "_LIST_ENTRY" },
		{ "Links.Blink", w, w, MEMBER_POINTER, "_LIST_ENTRY" },
		{ "Inner", 2 * w, 4, MEMBER_STRUCT, "__unnamed_100b" },
		{ "Inner.Bits.High", 2 * w, 4, MEMBER_BITS, "unsigned long" },
		{ "Name", 2 * w + 4, 16, MEMBER_ARRAY, "unsigned char" },
		{ "Grid", 2 * w + 20, 48, MEMBER_ARRAY, "unsigned char" },
		{ "State", 2 * w + 68, 4, MEMBER_UINT, "_STATE" },
		{ "Steady", 2 * w + 72, 4, MEMBER_UINT, "unsigned int" },
		{ "Next", 2 * w + 80, w, MEMBER_POINTER, "pointer" },
		{ "Far", 0x9000, 8, MEMBER_UINT, "unsigned long long" }, // behind LF_INDEX
		{ "Last", 0x9008, 1, MEMBER_INT, "char" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct member member = member_of(profile, "_OUTER", rows[i].path);
		assert_int_equal(member.offset, rows[i].offset);
		assert_int_equal(member.size, rows[i].size);
		assert_int_equal(member.kind, rows[i].kind);
		assert_string_equal(member.target, rows[i].target);
	}
	struct member high = member_of(profile, "_OUTER", "Inner.Bits.High");
	struct member grid = member_of(profile, "_OUTER", "Grid");
	assert_int_equal(high.bit, 3);
	assert_int_equal(high.width, 29);
	assert_int_equal(grid.count, 3);
	assert_int_equal(grid.element_size, 16);
	assert_int_equal(grid.bit, MEMBER_UINT); // what is in the inner arrays
	assert_int_equal(grid.width, 1);
	int64_t value = 0;
	assert_true(profile_constant(profile, "_STATE", "Least", &value));
	assert_int_equal(value, -2);
	assert_int_equal(profile_type_size(profile, "_OUTER"), 0x9010);
}

static void every_generation_of_records_says_the_same(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		uint32_t pointer_size;
	} rows[] = {
		{ GOOD "modern64.pdb", 8 }, { GOOD "modern32.pdb", 4 },
		{ GOOD "counted32.pdb", 4 }, // names that start with their length
		{ GOOD "short32.pdb", 4 },   // type indexes of 16 bits
		{ GOOD "pages_2048.pdb", 8 }, { GOOD "newer64.pdb", 8 }, // properties of 32 bits
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct profile *profile = load(rows[i].path);
		struct profile_info info = profile_info(profile);
		assert_int_equal(info.pointer_size, rows[i].pointer_size);
		assert_string_equal(info.guid, GUID);
		assert_int_equal(info.age, 2); // the image's, not the file's, which is 3
		expect_types(profile, rows[i].pointer_size);
		profile_unref(profile);
	}
}

static void declarations_without_a_unique_name_find_the_last_definition(void **state)
{
	(void)state;
	struct profile *profile = load(GOOD "unique64.pdb");
	assert_int_equal(profile_type_size(profile, "_LATE"), 12);
	assert_int_equal(member_of(profile, "_USER", "Late").size, 12);
	assert_int_equal(member_of(profile, "_USER", "Late.Low").offset, 4);
	assert_int_equal(profile_info(profile).type_count, 6);
	profile_unref(profile);
}

static void public_symbols_lose_their_decoration(void **state)
{
	(void)state;
	uint64_t rva = 0;
	static const char *const paths[] = { GOOD "modern32.pdb", GOOD "counted32.pdb",
		GOOD "modern64.pdb" };
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		struct profile *profile = load(paths[i]);
		assert_int_equal(symbol_of(profile, "PsActiveProcessHead"), 0x5010);
		assert_int_equal(symbol_of(profile, "NtClose"), 0x1020);
		assert_int_equal(symbol_of(profile, "Fast"), 0x1040);
		assert_int_equal(symbol_of(profile, "_guard"), 0x1090);
		assert_int_equal(symbol_of(profile, "?Cpp@@YAXH@Z"), 0x1080);
		assert_int_equal(symbol_of(profile, "Hidden"), 0x5030);
		assert_false(profile_symbol(profile, "Absolute", &rva));
		assert_false(profile_symbol(profile, "Dropped", &rva));
		profile_unref(profile);
	}
}

static void data_of_source_files_is_taken_where_nothing_public_has_its_name(void **state)
{
	(void)state;
	uint64_t rva = 0;
	struct profile *profile = load(GOOD "private64.pdb");
	assert_int_equal(symbol_of(profile, "OnlyHere"), 0x5050);
	assert_int_equal(symbol_of(profile, "BeforeTheCut"), 0x5054);
	assert_int_equal(symbol_of(profile, "PsActiveProcessHead"), 0x5010);
	assert_int_equal(symbol_of(profile, "Hidden"), 0x5030);
	assert_false(profile_symbol(profile, "Procedure", &rva));
	profile_unref(profile);
}

static void symbols_follow_a_rearranged_image(void **state)
{
	(void)state;
	uint64_t rva = 0;
	static const char *const paths[] = { GOOD "short32.pdb", GOOD "moved64.pdb",
		GOOD "moved_twice64.pdb" };
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		struct profile *profile = load(paths[i]);
		assert_int_equal(symbol_of(profile, "NtClose"), 0x1120);
		assert_int_equal(symbol_of(profile, "PsActiveProcessHead"), 0x8010);
		assert_int_equal(symbol_of(profile, "Hidden"), 0x8100);
		assert_false(profile_symbol(profile, "Gone", &rva));
		profile_unref(profile);
	}
}

// ---- written as ISF -------------------------------------------------------------------------
static struct profile *written_and_read(const struct profile *profile)
{
	char *text = NULL;
	size_t length = 0;
	struct profile *again = NULL;
	FILE *out = open_memstream(&text, &length);
	assert_non_null(out);
	assert_null(profile_write_isf(profile, out));
	fclose(out);
	ei_error *error = profile_parse(text, length, "written", &again);
	if (error)
		fail_msg("%s", ei_error_text(error));
	free(text);
	return again;
}

static void expect_same_members(
	const struct profile *profile, const struct profile *again, const char *type)
{
	struct member member, other;
	const char *name = NULL;
	assert_int_equal(profile_type_size(again, type), profile_type_size(profile, type));
	for (uint32_t i = 0; profile_member_at(profile, type, i, &name, &member); i++) {
		if (!profile_member(again, type, name, &other))
			fail_msg("'%s' lost '%s'", type, name);
		assert_int_equal(other.offset, member.offset);
		assert_int_equal(other.size, member.size);
		assert_int_equal(other.kind, member.kind);
		assert_int_equal(other.bit, member.bit);
		assert_int_equal(other.width, member.width);
		assert_int_equal(other.count, member.count);
		assert_int_equal(other.element_size, member.element_size);
		assert_string_equal(other.target, member.target);
	}
}

static void written_symbol_file_says_the_same(void **state)
{
	(void)state;
	static const char *const paths[] = { GOOD "modern64.pdb", GOOD "short32.pdb",
		"tests/corpus/isf/good/kernel.json" };
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		struct profile *profile = load(paths[i]);
		struct profile *again = written_and_read(profile);
		struct profile_info before = profile_info(profile), after = profile_info(again);
		const char *name = NULL;
		uint64_t rva = 0;
		assert_string_equal(after.name, before.name);
		assert_string_equal(after.version, before.version);
		assert_int_equal(after.pointer_size, before.pointer_size);
		assert_int_equal(after.type_count, before.type_count);
		assert_int_equal(after.symbol_count, before.symbol_count);
		for (uint32_t j = 0; (name = profile_type_at(profile, j)); j++)
			expect_same_members(profile, again, name);
		for (uint32_t j = 0; (name = profile_symbol_at(profile, j, &rva)); j++)
			assert_int_equal(symbol_of(again, name), rva);
		profile_unref(again);
		profile_unref(profile);
	}
}

static void full_disk_is_told(void **state)
{
	(void)state;
	struct profile *profile = load(GOOD "modern64.pdb");
	FILE *out = fopen("/dev/full", "w");
	if (!out) {
		profile_unref(profile);
		print_message("skipped: no /dev/full\n");
		skip();
	}
	ei_error *error = profile_write_isf(profile, out);
	assert_non_null(error);
	assert_int_equal(ei_error_code(error), EI_E_IO);
	ei_error_drop(error);
	fclose(out);
	profile_unref(profile);
}

// ---- the store ------------------------------------------------------------------------------
static void store_finds_databases_by_what_is_in_them(void **state)
{
	(void)state;
	static const char *const places[] = { "windows/ntkrnlmp.pdb/" GUID "-2.pdb",
		"ntkrnlmp.pdb/" GUID "2/ntkrnlmp.pdb", "any/name.pdb" };
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		char root[] = "/tmp/eidetic-pdb-XXXXXX", command[PATH_ROOM];
		assert_non_null(mkdtemp(root));
		snprintf(command, sizeof command,
			"mkdir -p $(dirname %s/%s) && cp " GOOD "modern64.pdb %s/%s", root,
			places[i], root, places[i]);
		assert_true(run(command));
		const char *dirs[] = { root, NULL };
		struct profile_store store = { .dirs = dirs, .no_cache = true };
		struct profile *profile = NULL;
		ei_error *error = profile_find(&store, "ntkrnlmp.pdb", GUID, 2, &profile);
		assert_null(error);
		assert_string_equal(
			profile_info(profile).pdb, i == 2 ? "name.pdb" : "ntkrnlmp.pdb");
		profile_unref(profile);
		error = profile_find(&store, "ntkrnlmp.pdb", GUID, 3, &profile);
		assert_int_equal(ei_error_code(error), EI_E_REQUIREMENT);
		ei_error_drop(error);
		remove_database(root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_of_64_bit_agree_with_llvm),
		cmocka_unit_test(members_of_32_bit_agree_with_llvm),
		cmocka_unit_test(every_generation_of_records_says_the_same),
		cmocka_unit_test(declarations_without_a_unique_name_find_the_last_definition),
		cmocka_unit_test(public_symbols_lose_their_decoration),
		cmocka_unit_test(data_of_source_files_is_taken_where_nothing_public_has_its_name),
		cmocka_unit_test(symbols_follow_a_rearranged_image),
		cmocka_unit_test(written_symbol_file_says_the_same),
		cmocka_unit_test(full_disk_is_told),
		cmocka_unit_test(store_finds_databases_by_what_is_in_them),
	};
	return cmocka_run_group_tests_name("pdb", tests, NULL, NULL);
}
