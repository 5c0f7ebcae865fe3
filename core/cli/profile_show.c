// eidetic profile show: what a profile is for, its types, its symbols.
// SPDX-License-Identifier: Apache-2.0
#include "base/nearest.h"
#include "cli/cli.h"

#include <stdlib.h>
#include <unistd.h>

enum { TYPE_TEXT_MAX = 512, PATH_TEXT_MAX = 1024 };

// ---- which profile --------------------------------------------------------------------------
static ei_error *no_such_profile(const char *name)
{
	const char *names[512];
	size_t count = 0;
	for (size_t i = 0; i < profile_builtin_count() && count < ARRAY_LENGTH(names); i++) {
		EI_OWNED(profile) profile = NULL;
		EI_TRY(profile_builtin(i, &profile));
		names[count++] = profile_info(profile).name; // outlives it: part of the binary
	}
	const char *nearest = nearest_name(name, names, count);
	if (nearest)
		return ei_fail(EI_E_USAGE,
			"no built-in profile and no file is called '%s'; is '%s' meant?", name,
			nearest);
	return ei_fail(EI_E_USAGE,
		"no built-in profile and no file is called '%s'; 'eidetic profile list' lists them",
		name);
}

// "ntkrnlmp.pdb/GUID-AGE", as listed, or "GUID-AGE".
struct build_key {
	char pdb[64], guid[33];
	uint32_t age;
};

static bool key_parse(const char *name, struct build_key *out)
{
	const char *slash = strrchr(name, '/'), *stem = slash ? slash + 1 : name;
	uint64_t age;
	if (strspn(stem, "0123456789abcdefABCDEF") != 32 || stem[32] != '-' ||
		!parse_number(stem + 33, strlen(stem + 33), &age) || age > UINT32_MAX)
		return false;
	// Only in folders laid out by name does it matter whose it is.
	int length = slash ? (int)MIN(slash - name, (ptrdiff_t)sizeof out->pdb) : 0;
	snprintf(out->pdb, sizeof out->pdb, "%.*s", slash ? length : 12,
		slash ? name : "ntkrnlmp.pdb");
	snprintf(out->guid, sizeof out->guid, "%.32s", stem);
	out->age = (uint32_t)age;
	return true;
}

static ei_error *open_profile(const struct global *global, const char *name, struct profile **out)
{
	struct profile_store store = { .dirs = global->symbol_dirs.items };
	struct build_key key;
	if (access(name, F_OK) == 0)
		return profile_load_cached(&store, name, out);
	if (key_parse(name, &key))
		return profile_find(&store, key.pdb, key.guid, key.age, out);
	ei_error *error = profile_by_name(name, out);
	if (!error || ei_error_code(error) != EI_E_USAGE)
		return error;
	ei_error_drop(error);
	return no_such_profile(name);
}

// ---- the whole ------------------------------------------------------------------------------
const ei_column profile_summary_columns[SUMMARY_COLUMNS] = {
	{ "variable", EI_STR, "what" },
	{ "value", EI_STR, "its value" },
};

static ei_error *summary_row(struct listing *listing, const char *variable, const char *value)
{
	if (!*value)
		return NULL;
	return listing_row(listing, (ei_val[]){ ei_str(variable), ei_str(value) });
}

ei_error *profile_summary(struct listing *listing, const struct profile *profile)
{
	struct profile_info info = profile_info(profile);
	char guid_age[48] = "", path[192] = "", types[16], symbols[40] = "none: a layout only";
	if (*info.guid) {
		snprintf(guid_age, sizeof guid_age, "%s-%u", info.guid, info.age);
		snprintf(path, sizeof path, "%s/%s%X/%s", info.pdb, info.guid, info.age, info.pdb);
	}
	snprintf(types, sizeof types, "%u", info.type_count);
	if (info.symbol_count)
		snprintf(symbols, sizeof symbols, "%u", info.symbol_count);
	const char *const rows[][2] = {
		{ "Profile", info.name },
		{ "Origin", info.origin },
		{ "Version", info.version },
		{ "Machine", info.pointer_size == 8 ? "x64" : "x86" },
		{ "Symbol file", info.pdb },
		{ "GUID and age", guid_age },
		{ "Symbol server path", path },
		{ "Types", types },
		{ "Symbols", symbols },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		EI_TRY(summary_row(listing, rows[i][0], rows[i][1]));
	return NULL;
}

// ---- a symbol -------------------------------------------------------------------------------
static const ei_column symbol_columns[] = {
	{ "symbol", EI_STR, "its name" },
	{ "rva", EI_HEX, "address, relative to the kernel's base" },
};

static ei_error *show_symbol(struct listing *listing, const char *name, uint64_t rva)
{
	return listing_row(listing, (ei_val[]){ ei_str(name), ei_hex(rva) });
}

// ---- a type ---------------------------------------------------------------------------------
enum { OFFSET, NAME, TYPE, SIZE, TYPE_COLUMNS };

static const ei_column type_columns[TYPE_COLUMNS] = {
	// clang-format off
	[OFFSET] = { "offset", EI_HEX,  "bytes from the start of the type that was asked for" },
	[NAME]   = { "name",   EI_STR,  "the type itself, then its members" },
	[TYPE]   = { "type",   EI_STR,  "of a bit field with ': width @first bit'" },
	[SIZE]   = { "size",   EI_UINT, "bytes" },
	// clang-format on
};

static void pointer_text(const char *target, char out[TYPE_TEXT_MAX])
{
	if (!*target)
		snprintf(out, TYPE_TEXT_MAX, "void *");
	else if (!strcmp(target, "pointer"))
		snprintf(out, TYPE_TEXT_MAX, "void **");
	else
		snprintf(out, TYPE_TEXT_MAX, "%s *", target);
}

// Of the inner arrays of an array, taken as one; 0 when the elements are not known.
static uint32_t inner_count(const struct profile *profile, const struct member *member)
{
	uint32_t size = member->width;
	if (member->element_kind != MEMBER_ARRAY)
		return 0;
	if (member->bit == MEMBER_STRUCT)
		size = profile_type_size(profile, member->target);
	return size && member->element_size % size == 0 ? member->element_size / size : 0;
}

static void array_text(
	const struct profile *profile, const struct member *member, char out[TYPE_TEXT_MAX])
{
	char element[TYPE_TEXT_MAX];
	uint32_t inner = inner_count(profile, member);
	bool is_pointer =
		inner ? member->bit == MEMBER_POINTER : member->element_kind == MEMBER_POINTER;
	if (is_pointer)
		pointer_text(member->target, element);
	else
		snprintf(element, sizeof element, "%s", member->target);
	if (inner)
		snprintf(out, TYPE_TEXT_MAX, "%.400s[%u][%u]", element, member->count, inner);
	else if (member->element_kind == MEMBER_ARRAY)
		snprintf(out, TYPE_TEXT_MAX, "%.400s[%u][%u bytes]", element, member->count,
			member->element_size);
	else
		snprintf(out, TYPE_TEXT_MAX, "%.400s[%u]", element, member->count);
}

static void type_text(
	const struct profile *profile, const struct member *member, char out[TYPE_TEXT_MAX])
{
	if (member->kind == MEMBER_POINTER)
		pointer_text(member->target, out);
	else if (member->kind == MEMBER_ARRAY)
		array_text(profile, member, out);
	else if (member->kind == MEMBER_BITS)
		snprintf(out, TYPE_TEXT_MAX, "%.400s : %u @%u", member->target, member->width,
			member->bit);
	else
		snprintf(out, TYPE_TEXT_MAX, "%s", member->target);
}

static ei_error *type_row(
	struct listing *listing, uint64_t offset, const char *name, const char *type, uint32_t size)
{
	return listing_row(listing, (ei_val[TYPE_COLUMNS]){
					    [OFFSET] = ei_hex(offset),
					    [NAME] = ei_str(name),
					    [TYPE] = *type ? ei_str(type) : ei_absent(EI_NONE),
					    [SIZE] = ei_uint(size),
				    });
}

static ei_error *member_row(struct listing *listing, const struct profile *profile,
	const char *name, const struct member *member, uint32_t base)
{
	char type[TYPE_TEXT_MAX];
	type_text(profile, member, type);
	return type_row(listing, (uint64_t)base + member->offset, name, type, member->size);
}

struct named {
	const char *name;
	struct member member;
};

// By offset; where several are at one, the whole before the bits in it.
static int compare_named(const void *a, const void *b)
{
	const struct member *left = &((const struct named *)a)->member;
	const struct member *right = &((const struct named *)b)->member;
	bool left_bits = left->kind == MEMBER_BITS, right_bits = right->kind == MEMBER_BITS;
	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	if (left_bits != right_bits)
		return left_bits ? 1 : -1;
	if (left_bits && left->bit != right->bit)
		return left->bit < right->bit ? -1 : 1;
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static uint32_t member_count(const struct profile *profile, const char *type)
{
	struct named named;
	uint32_t count = 0;
	while (profile_member_at(profile, type, count, &named.name, &named.member))
		count++;
	return count;
}

// The members of `outer`, a struct, named by their path from the type that was asked for.
static ei_error *member_rows(struct listing *listing, const struct profile *profile,
	const char *path, const struct member *outer)
{
	char full[PATH_TEXT_MAX];
	uint32_t count = member_count(profile, outer->target);
	struct named *members = calloc((size_t)count + 1, sizeof *members);
	if (!members)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (uint32_t i = 0; i < count; i++)
		profile_member_at(profile, outer->target, i, &members[i].name, &members[i].member);
	qsort(members, count, sizeof *members, compare_named);
	ei_error *error = NULL;
	for (uint32_t i = 0; !error && i < count; i++) {
		snprintf(full, sizeof full, "%s%s%s", path, *path ? "." : "", members[i].name);
		error = member_row(listing, profile, full, &members[i].member, outer->offset);
	}
	free(members);
	return error;
}

static ei_error *show_type(struct listing *listing, const struct profile *profile, const char *type)
{
	struct member whole = { .kind = MEMBER_STRUCT, .target = type };
	char count[32];
	uint32_t members = member_count(profile, type);
	snprintf(count, sizeof count, "%u member%s", members, members == 1 ? "" : "s");
	EI_TRY(type_row(listing, 0, type, count, profile_type_size(profile, type)));
	return member_rows(listing, profile, "", &whole);
}

static ei_error *show_member(struct listing *listing, const struct profile *profile,
	const char *path, const struct member *member)
{
	EI_TRY(member_row(listing, profile, path, member, 0));
	return member->kind == MEMBER_STRUCT ? member_rows(listing, profile, path, member) : NULL;
}

// ---- what there is not ------------------------------------------------------------------------
static ei_error *no_such_name(const struct profile *profile, const char *given)
{
	struct profile_info info = profile_info(profile);
	const char **names = calloc((size_t)info.type_count + info.symbol_count + 1, sizeof *names);
	if (!names)
		return ei_fail(EI_E_NOMEM, "out of memory");
	size_t count = 0;
	const char *name;
	uint64_t rva;
	for (uint32_t i = 0; (name = profile_type_at(profile, i)); i++)
		names[count++] = name;
	for (uint32_t i = 0; (name = profile_symbol_at(profile, i, &rva)); i++)
		names[count++] = name;
	const char *nearest = nearest_name(given, names, count);
	free(names);
	return ei_fail(EI_E_USAGE, "profile '%s' has no type%s '%s'%s%s%s", info.name,
		info.symbol_count ? " and no symbol" : ", and as a layout no symbol", given,
		nearest ? "; is '" : "", nearest ? nearest : "", nearest ? "' meant?" : "");
}

static ei_error *no_such_member(const struct profile *profile, const char *type, const char *given)
{
	const char *names[1024], *name;
	struct member member;
	uint32_t count = 0;
	while (count < ARRAY_LENGTH(names) &&
		profile_member_at(profile, type, count, &name, &member))
		names[count++] = name;
	const char *nearest = nearest_name(given, names, count);
	return ei_fail(EI_E_USAGE, "type '%s' has no member '%s'%s%s%s", type, given,
		nearest ? "; is '" : "", nearest ? nearest : "", nearest ? "' meant?" : "");
}

// A pointer or a number is asked for what is in it.
static ei_error *nothing_inside(const struct profile *profile, const char *type, const char *step,
	const struct member *member, const char *rest)
{
	char text[TYPE_TEXT_MAX];
	type_text(profile, member, text);
	if (profile_has_type(profile, member->target))
		return ei_fail(EI_E_USAGE, "member '%s' of '%s' is '%s'; is '%s.%s' meant?", step,
			type, text, member->target, rest);
	return ei_fail(
		EI_E_USAGE, "member '%s' of '%s' is '%s' and has no members", step, type, text);
}

// Which step of a path that leads nowhere is the wrong one. `path` is taken apart.
static ei_error *wrong_step(const struct profile *profile, const char *type, char *path)
{
	for (char *step = path, *rest; step; step = rest) {
		struct member member;
		rest = strchr(step, '.');
		if (rest)
			*rest++ = '\0';
		if (!profile_member(profile, type, step, &member))
			return no_such_member(profile, type, step);
		if (rest && member.kind != MEMBER_STRUCT)
			return nothing_inside(profile, type, step, &member, rest);
		type = member.target;
	}
	return ei_fail(EI_E_FORMAT, "type '%s' reaches further than its profile can say", type);
}

// ---- which of them ----------------------------------------------------------------------------
static ei_error *show_path(struct listing *listing, const struct profile *profile, const char *what)
{
	char type[PATH_TEXT_MAX], path[PATH_TEXT_MAX];
	struct member member;
	const char *dot = strchr(what, '.');
	if (!dot || strlen(what) >= sizeof type)
		return no_such_name(profile, what);
	snprintf(type, sizeof type, "%.*s", (int)(dot - what), what);
	snprintf(path, sizeof path, "%s", dot + 1);
	if (!profile_has_type(profile, type))
		return no_such_name(profile, type);
	if (profile_member(profile, type, path, &member))
		return show_member(listing, profile, path, &member);
	return wrong_step(profile, type, path);
}

static ei_error *show_rows(struct listing *listing, const struct global *global,
	const struct profile *profile, const char *what)
{
	uint64_t rva;
	bool type = what && profile_has_type(profile, what);
	bool symbol = what && !type && profile_symbol(profile, what, &rva);
	const ei_column *columns = !what    ? profile_summary_columns
				   : symbol ? symbol_columns
					    : type_columns;
	size_t count = !what || symbol ? 2 : TYPE_COLUMNS;
	EI_TRY(listing_init(listing, global, "profile show", columns, count));
	if (!what)
		EI_TRY(profile_summary(listing, profile));
	else if (symbol)
		EI_TRY(show_symbol(listing, what, rva));
	else if (type)
		EI_TRY(show_type(listing, profile, what));
	else
		EI_TRY(show_path(listing, profile, what));
	return listing_end(listing, NULL);
}

ei_error *profile_show(const struct global *global, const char *name, const char *what)
{
	EI_OWNED(profile) profile = NULL;
	struct listing listing = { 0 };
	EI_TRY(open_profile(global, name, &profile));
	ei_error *error = show_rows(&listing, global, profile, what);
	listing_deinit(&listing);
	return error;
}
