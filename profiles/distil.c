// Distils symbol files into the profiles of this folder:
//
//     distil --root DIR [--root DIR...] --sources FILE --names FILE -o DIR
//
// keeps, of each source, the types and symbols that the field tables and --names list. A source is
// looked for below each root in turn. Builds whose layout comes out the same share one layout file;
// builds-NUMBER.json says what each build of a build number is.
// SPDX-License-Identifier: Apache-2.0
#include "profile/isf.h"
#include "win/fields.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// Weak, because a set of objects without plugins can be distilled for, too.
extern const ei_plugin *const builtin_plugins[] __attribute__((weak));

enum { TYPE_NAME_MAX = 512 };

// What is to be kept: `types` maps a name to an object whose keys are paths, "" being all members.
struct wanted {
	json_t *types, *symbols, *constants;
};

// One source at work. `kept` maps a type to an object whose keys are its kept members; `renamed`
// gives unnamed types, whose names differ from build to build, the name of the member they are.
struct source {
	const struct wanted *wanted;
	json_t *root, *types, *enums, *base_types;
	json_t *kept, *renamed;
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static json_t *child_of(json_t *object, const char *key)
{
	json_t *child = json_object_get(object, key);
	if (child)
		return child;
	child = json_object();
	json_object_set_new(object, key, child);
	return child;
}

// ---- what is wanted -------------------------------------------------------------------------
static void want_path(struct wanted *wanted, const char *type, const char *path)
{
	json_object_set_new(child_of(wanted->types, type), path, json_true());
}

// Each of the paths in each of the types; "" is the type as a whole.
static void want_each(struct wanted *wanted, const char *types, const char *paths)
{
	char type[TYPE_NAME_MAX], path[TYPE_NAME_MAX];
	while (names_next(&types, type, sizeof type)) {
		if (!*paths)
			want_path(wanted, type, "");
		for (const char *rest = paths; names_next(&rest, path, sizeof path);)
			want_path(wanted, type, path);
	}
}

static void want_spec(struct wanted *wanted, const ei_type_spec *spec)
{
	want_each(wanted, spec->type, "");
	for (uint32_t i = 0; i < spec->field_count; i++)
		want_each(wanted, spec->type, spec->fields[i].path);
}

static void want_symbol(struct wanted *wanted, const char *name)
{
	json_object_set_new(wanted->symbols, name, json_true());
}

static void want_tables(struct wanted *wanted)
{
	for (const ei_type_spec *const *spec = win_type_specs; *spec; spec++)
		want_spec(wanted, *spec);
	for (const char *const *symbol = win_symbols; *symbol; symbol++)
		want_symbol(wanted, *symbol);
	for (const ei_plugin *const *plugin = builtin_plugins; plugin && *plugin; plugin++) {
		for (unsigned i = 0; i < (*plugin)->type_count; i++)
			want_spec(wanted, (*plugin)->types[i]);
		for (unsigned i = 0; i < (*plugin)->symbol_count; i++)
			want_symbol(wanted, (*plugin)->symbols[i]);
	}
}

// Lines: "TYPE" (whole), "TYPE path", "symbol NAME", "enum NAME"; "#" starts a comment.
static ei_error *want_file(struct wanted *wanted, const char *path)
{
	char line[1024], first[TYPE_NAME_MAX], second[TYPE_NAME_MAX];
	FILE *file = fopen(path, "r");
	if (!file)
		return ei_fail(EI_E_IO, "cannot open '%s'", path);
	while (fgets(line, sizeof line, file)) {
		line[strcspn(line, "#")] = '\0';
		int words = sscanf(line, "%511s %511s", first, second);
		if (words == 2 && !strcmp(first, "symbol"))
			want_symbol(wanted, second);
		else if (words == 2 && !strcmp(first, "enum"))
			json_object_set_new(wanted->constants, second, json_true());
		else if (words > 0)
			want_each(wanted, first, words == 2 ? second : "");
	}
	fclose(file);
	return NULL;
}

// ---- what is kept of one source -------------------------------------------------------------
static json_t *fields_of(const struct source *source, const char *type)
{
	return json_object_get(json_object_get(source->types, type), "fields");
}

// The structure that a member is by value, through arrays; NULL when it is something else.
static json_t *value_type(json_t *type)
{
	while (!strcmp(text_of(type, "kind"), "array"))
		type = json_object_get(type, "subtype");
	const char *kind = text_of(type, "kind");
	bool is_struct =
		!strcmp(kind, "struct") || !strcmp(kind, "union") || !strcmp(kind, "class");
	return is_struct ? type : NULL;
}

static bool is_unnamed(const char *name)
{
	static const char *const prefixes[] = { "__unnamed", "__anonymous", "<unnamed" };
	for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void keep_member(struct source *source, const char *type, const char *member)
{
	json_object_set_new(child_of(source->kept, type), member, json_true());
}

static void keep_path(struct source *source, const char *type, const char *path)
{
	while (*path) {
		char step[TYPE_NAME_MAX];
		size_t length = strcspn(path, ".");
		snprintf(step, sizeof step, "%.*s", (int)length, path);
		json_t *field = json_object_get(fields_of(source, type), step);
		if (!field)
			return;
		keep_member(source, type, step);
		path += length + (path[length] == '.');
		type = text_of(value_type(json_object_get(field, "type")), "name");
	}
}

static void keep_wanted(struct source *source)
{
	const char *type, *path, *member;
	json_t *paths, *ignored;
	json_object_foreach(source->wanted->types, type, paths)
	{
		if (!json_object_get(source->types, type))
			continue;
		child_of(source->kept, type);
		json_object_foreach(paths, path, ignored) keep_path(source, type, path);
		if (!json_object_get(paths, ""))
			continue;
		json_object_foreach(fields_of(source, type), member, ignored)
			keep_member(source, type, member);
	}
}

// A structure that a kept member is needs to be there, for its size. An unnamed one is kept whole:
// it is part of its owner. `done` types are not looked at again; false when nothing was added.
static bool keep_values(struct source *source, json_t *done)
{
	const char *type, *member;
	json_t *members, *ignored;
	void *next = NULL;
	bool added = false;
	json_object_foreach_safe(source->kept, next, type, members)
	{
		if (json_object_get(done, type))
			continue;
		added = true;
		json_object_set_new(done, type, json_true());
		json_object_foreach(members, member, ignored)
		{
			json_t *field = json_object_get(fields_of(source, type), member);
			const char *name =
				text_of(value_type(json_object_get(field, "type")), "name");
			if (!json_object_get(source->types, name))
				continue;
			child_of(source->kept, name);
			const char *inner;
			json_t *inner_field;
			if (!is_unnamed(name))
				continue;
			json_object_foreach(fields_of(source, name), inner, inner_field)
				keep_member(source, name, inner);
		}
	}
	return added;
}

static const char *name_of(const struct source *source, const char *type)
{
	const char *renamed = text_of(source->renamed, type);
	return *renamed ? renamed : type;
}

// Names the unnamed types that the members of `type` are: _OWNER.member.
static bool rename_in(struct source *source, const char *type)
{
	const char *member;
	json_t *ignored;
	bool added = false;
	json_object_foreach(json_object_get(source->kept, type), member, ignored)
	{
		json_t *field = json_object_get(fields_of(source, type), member);
		const char *name = text_of(value_type(json_object_get(field, "type")), "name");
		if (!is_unnamed(name) || json_object_get(source->renamed, name))
			continue;
		char renamed[TYPE_NAME_MAX];
		snprintf(renamed, sizeof renamed, "%s.%s", name_of(source, type), member);
		json_object_set_new(source->renamed, name, json_string(renamed));
		added = true;
	}
	return added;
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **sorted_keys(json_t *object, size_t *count)
{
	const char **keys = calloc(json_object_size(object) + 1, sizeof *keys);
	const char *key;
	json_t *ignored;
	*count = 0;
	if (!keys)
		abort();
	json_object_foreach(object, key, ignored) keys[(*count)++] = key;
	qsort(keys, *count, sizeof *keys, text_order);
	return keys;
}

// In the order of names, so that the same structures get the same names whatever the file's order;
// owners before what they own.
static void rename_all(struct source *source)
{
	size_t count = 0;
	const char **keys = sorted_keys(source->kept, &count);
	for (bool added = true; added;) {
		added = false;
		for (size_t i = 0; i < count; i++)
			if (!is_unnamed(name_of(source, keys[i])))
				added |= rename_in(source, keys[i]);
	}
	free(keys);
}

// ---- the layout's text ----------------------------------------------------------------------
// The type of a member with unnamed types named, noting the base types and enumerations in use.
static json_t *type_text(const struct source *source, json_t *type, json_t *bases, json_t *enums)
{
	json_t *copy = json_copy(type);
	const char *name = text_of(type, "name"), *kind = text_of(type, "kind");
	if (!strcmp(kind, "base"))
		json_object_set(bases, name, json_object_get(source->base_types, name));
	if (!strcmp(kind, "enum"))
		json_object_set(enums, name, json_object_get(source->enums, name));
	if (is_unnamed(name)) {
		const char *renamed = text_of(source->renamed, name);
		json_object_set_new(copy, "name", json_string(*renamed ? renamed : "__unnamed"));
	}
	static const char *const nested[] = { "subtype", "type" };
	for (size_t i = 0; i < ARRAY_LENGTH(nested); i++) {
		json_t *inner = json_object_get(type, nested[i]);
		if (inner)
			json_object_set_new(
				copy, nested[i], type_text(source, inner, bases, enums));
	}
	return copy;
}

struct line {
	json_int_t offset, bit;
	const char *name;
};

static int line_order(const void *a, const void *b)
{
	const struct line *left = a, *right = b;
	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	if (left->bit != right->bit)
		return left->bit < right->bit ? -1 : 1;
	return strcmp(left->name, right->name);
}

static struct line *sorted_members(const struct source *source, const char *type, size_t *count)
{
	json_t *members = json_object_get(source->kept, type);
	struct line *lines = calloc(json_object_size(members) + 1, sizeof *lines);
	const char *member;
	json_t *ignored;
	*count = 0;
	if (!lines)
		abort();
	json_object_foreach(members, member, ignored)
	{
		json_t *field = json_object_get(fields_of(source, type), member);
		json_t *kind = json_object_get(field, "type");
		lines[(*count)++] =
			(struct line){ json_integer_value(json_object_get(field, "offset")),
				json_integer_value(json_object_get(kind, "bit_position")), member };
	}
	qsort(lines, *count, sizeof *lines, line_order);
	return lines;
}

static void put_json(struct text *out, json_t *value)
{
	char *dumped = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	text_add(out, dumped, dumped ? strlen(dumped) : 0);
	free(dumped);
}

static json_t *json_text(json_t *value)
{
	char *dumped = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	json_t *text = json_string(dumped ? dumped : "null");
	free(dumped);
	return text;
}

static json_t *type_definition(
	const struct source *source, const char *type, json_t *bases, json_t *enums)
{
	size_t count = 0;
	struct text out;
	struct line *lines = sorted_members(source, type, &count);
	json_t *definition = json_object_get(source->types, type);
	text_init(&out, ISF_MAX);
	text_addf(&out, "{\"kind\":\"%s\",\"size\":%lld,\"fields\":{", text_of(definition, "kind"),
		json_integer_value(json_object_get(definition, "size")));
	for (size_t i = 0; i < count; i++) {
		json_t *field = json_copy(json_object_get(fields_of(source, type), lines[i].name));
		json_object_set_new(field, "type",
			type_text(source, json_object_get(field, "type"), bases, enums));
		text_addf(&out, "%s\n   \"%s\": ", i ? "," : "", lines[i].name);
		put_json(&out, field);
		json_decref(field);
	}
	text_addf(&out, "%s}}", count ? "\n  " : "");
	free(lines);
	json_t *text = json_string(out.data);
	text_deinit(&out);
	return text;
}

// Constants are kept of the enumerations that are asked for; of the others, the size matters.
static void add_enums(const struct source *source, json_t *used, json_t *bases, json_t *texts)
{
	const char *name;
	json_t *enumeration, *ignored;
	json_object_foreach(
		source->wanted->constants, name, ignored) if (json_object_get(source->enums, name))
		json_object_set(used, name, json_object_get(source->enums, name));
	json_object_foreach(used, name, enumeration)
	{
		json_t *copy = json_copy(enumeration);
		if (!json_object_get(source->wanted->constants, name))
			json_object_set_new(copy, "constants", json_object());
		json_object_set_new(texts, name, json_text(copy));
		json_decref(copy);
		const char *base = text_of(enumeration, "base");
		json_object_set(bases, base, json_object_get(source->base_types, base));
	}
}

static const char *const parts[] = { "base_types", "enums", "user_types" };

// A layout: for each part, the JSON text of what is called so.
static json_t *layout_of(const struct source *source)
{
	json_t *layout = json_object(), *bases = json_object(), *enums = json_object();
	const char *name;
	json_t *value;
	json_object_set(bases, "pointer", json_object_get(source->base_types, "pointer"));
	json_object_foreach(source->kept, name, value)
		json_object_set_new(child_of(layout, "user_types"), name_of(source, name),
			type_definition(source, name, bases, enums));
	add_enums(source, enums, bases, child_of(layout, "enums"));
	json_object_foreach(bases, name, value)
		json_object_set_new(child_of(layout, "base_types"), name, json_text(value));
	json_decref(bases);
	json_decref(enums);
	return layout;
}

// What turns part `from` into part `to`: changed and added texts, and "null" for what is gone.
static json_t *part_change(json_t *from, json_t *to)
{
	json_t *change = json_object();
	const char *name;
	json_t *text;
	json_object_foreach(to, name, text) if (!json_equal(text, json_object_get(from, name)))
		json_object_set(change, name, text);
	json_object_foreach(from, name, text) if (!json_object_get(to, name))
		json_object_set_new(change, name, json_string("null"));
	return change;
}

static size_t layout_distance(json_t *from, json_t *to)
{
	size_t distance = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
		json_t *change =
			part_change(json_object_get(from, parts[i]), json_object_get(to, parts[i]));
		const char *name;
		json_t *text;
		json_object_foreach(change, name, text) distance += json_string_length(text);
		json_decref(change);
	}
	return distance;
}

static void put_part(struct text *out, const char *title, json_t *part)
{
	size_t count = 0;
	const char **keys = sorted_keys(part, &count);
	text_addf(out, " \"%s\": {", title);
	for (size_t i = 0; i < count; i++) {
		text_addf(out, "%s\n  \"%s\": ", i ? "," : "", keys[i]);
		const char *text = text_of(part, keys[i]);
		text_add(out, text, strlen(text));
	}
	text_addf(out, "%s},\n", count ? "\n " : "");
	free(keys);
}

static void put_layout(struct text *out, json_t *layout, json_t *parent)
{
	text_addf(out, "{\n");
	if (parent)
		text_addf(out, " \"inherits\": \"%s\",\n", text_of(parent, "file"));
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
		json_t *change = part_change(
			json_object_get(parent, parts[i]), json_object_get(layout, parts[i]));
		put_part(out, parts[i], change);
		json_decref(change);
	}
	text_addf(out, " \"metadata\": {\"format\":\"6.1.0\",\"producer\":"
		       "{\"name\":\"eidetic distil\",\"version\":\"1\"}}\n}\n");
}

// ---- sources --------------------------------------------------------------------------------
static ei_error *source_open(struct source *source, const struct wanted *wanted, const char *path)
{
	BYTES_OWNED file = { 0 }, json = { 0 };
	json_error_t place;
	EI_TRY(file_read(path, ISF_MAX, &file));
	EI_TRY_IN(bytes_unpack(file.data, file.size, &json), "reading '%s'", path);
	*source = (struct source){ .wanted = wanted };
	source->root = json_loadb((const char *)json.data, json.size, 0, &place);
	if (!source->root)
		return ei_fail(
			EI_E_FORMAT, "reading '%s': line %d: %s", path, place.line, place.text);
	source->types = json_object_get(source->root, "user_types");
	source->enums = json_object_get(source->root, "enums");
	source->base_types = json_object_get(source->root, "base_types");
	source->kept = json_object();
	source->renamed = json_object();
	return NULL;
}

static void source_close(struct source *source)
{
	json_decref(source->root);
	json_decref(source->kept);
	json_decref(source->renamed);
}

static ei_error *write_file(const char *folder, const char *name, const struct text *content)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	bool written = file && !content->cut &&
		       fwrite(content->data, 1, content->length, file) == content->length;
	if (file)
		written &= !fclose(file);
	return written ? NULL : ei_fail(EI_E_IO, "cannot write '%s'", path);
}

// The nearest of the layouts written so far, and how far it is; NULL when nothing is near.
static json_t *nearest_layout(json_t *layouts, json_t *layout, size_t *distance)
{
	json_t *nearest = NULL, *other;
	size_t index;
	*distance = layout_distance(NULL, layout) / 2; // else a whole file reads better
	json_array_foreach(layouts, index, other)
	{
		size_t far = layout_distance(other, layout);
		if (far < *distance) {
			nearest = other;
			*distance = far;
		}
	}
	return nearest;
}

// Writes the layout unless an equal one was written, as what changed since the nearest one.
static ei_error *write_layout(struct source *source, const char *name, json_t *layouts,
	const char *folder, char file[TYPE_NAME_MAX])
{
	size_t distance = 0;
	json_t *layout = layout_of(source);
	json_t *nearest = nearest_layout(layouts, layout, &distance);
	if (nearest && !distance) {
		snprintf(file, TYPE_NAME_MAX, "%s", text_of(nearest, "file"));
		json_decref(layout);
		return NULL;
	}
	struct text text;
	text_init(&text, ISF_MAX);
	put_layout(&text, layout, nearest);
	snprintf(file, TYPE_NAME_MAX, "%s.json", name);
	json_object_set_new(layout, "file", json_string(file));
	json_array_append_new(layouts, layout);
	ei_error *error = write_file(folder, file, &text);
	text_deinit(&text);
	return error;
}

// ---- builds ---------------------------------------------------------------------------------
static void put_symbols(struct text *out, const struct source *source)
{
	json_t *symbols = json_object_get(source->root, "symbols");
	size_t count = 0, written = 0;
	const char **keys = sorted_keys(source->wanted->symbols, &count);
	for (size_t i = 0; i < count; i++) {
		json_t *symbol = json_object_get(symbols, keys[i]);
		if (symbol)
			text_addf(out, "%s\n    \"%s\":%lld", written++ ? "," : "", keys[i],
				json_integer_value(json_object_get(symbol, "address")));
	}
	text_addf(out, "%s", written ? "\n   " : "");
	free(keys);
}

// The third number of a version: builds that share it have one index.
static void build_number(const char *version, char number[16])
{
	unsigned value = 0;
	sscanf(version, "%*u.%*u.%u", &value);
	snprintf(number, 16, "%u", value);
}

static void add_build(json_t *indexes, const struct source *source, const char *name,
	const char *version, const char *layout)
{
	json_t *metadata = json_object_get(source->root, "metadata");
	json_t *pdb = json_object_get(json_object_get(metadata, "windows"), "pdb");
	struct text text;
	char number[16];
	text_init(&text, ISF_MAX);
	text_addf(&text,
		"\n  {\"name\":\"%s\",\"version\":\"%s\",\"layout\":\"%s\",\n"
		"   \"pdb\":\"%s\",\"guid\":\"%s\",\"age\":%lld,\n   \"symbols\":{",
		name, version, layout, text_of(pdb, "database"), text_of(pdb, "GUID"),
		json_integer_value(json_object_get(pdb, "age")));
	put_symbols(&text, source);
	text_addf(&text, "}}");
	build_number(version, number);
	if (!json_object_get(indexes, number))
		json_object_set_new(indexes, number, json_array());
	json_array_append_new(json_object_get(indexes, number), json_string(text.data));
	text_deinit(&text);
}

static ei_error *write_index(const char *folder, const char *number, json_t *builds)
{
	char file[64];
	struct text text;
	json_t *build;
	size_t i;
	snprintf(file, sizeof file, "builds-%s.json", number);
	text_init(&text, ISF_MAX);
	text_addf(&text, "{\n \"builds\": [");
	json_array_foreach(builds, i, build)
	{
		text_addf(&text, "%s", i ? "," : "");
		text_add(&text, json_string_value(build), json_string_length(build));
	}
	text_addf(&text, "\n ]\n}\n");
	ei_error *error = write_file(folder, file, &text);
	text_deinit(&text);
	return error;
}

static ei_error *write_indexes(const char *folder, json_t *indexes)
{
	const char *number;
	json_t *builds;
	json_object_foreach(indexes, number, builds) EI_TRY(write_index(folder, number, builds));
	return NULL;
}

// ---- all of it ------------------------------------------------------------------------------
enum { ROOT_MAX = 16 };

struct job {
	const char *roots[ROOT_MAX + 1]; // NULL after the last
	const char *sources, *names, *folder;
};

static ei_error *find_source(const struct job *job, const char *file, char path[PATH_MAX])
{
	for (const char *const *root = job->roots; *root; root++) {
		snprintf(path, PATH_MAX, "%s/%s", *root, file);
		if (!access(path, R_OK))
			return NULL;
	}
	return ei_fail(EI_E_IO, "no '%s' below any of the data folders", file);
}

// Takes a type that a source lacks from another one: `lent` is TYPE=FILE.
static ei_error *borrow_type(const struct job *job, struct source *source, const char *lent)
{
	char type[TYPE_NAME_MAX], path[PATH_MAX];
	struct source lender;
	snprintf(type, sizeof type, "%.*s", (int)strcspn(lent, "="), lent);
	EI_TRY(find_source(job, lent + strlen(type) + (lent[strlen(type)] == '='), path));
	EI_TRY(source_open(&lender, source->wanted, path));
	json_t *definition = json_object_get(lender.types, type);
	ei_error *error = NULL;
	if (!definition || json_object_get(source->types, type))
		error = ei_fail(EI_E_FORMAT, "'%s' has to be in the lender only", type);
	else
		json_object_set(source->types, type, definition);
	source_close(&lender);
	return error;
}

static ei_error *distil_one(const struct job *job, const struct wanted *wanted, char *line,
	json_t *layouts, json_t *indexes)
{
	char name[128], version[128], file[512], lent[512], path[PATH_MAX], layout[TYPE_NAME_MAX];
	line[strcspn(line, "#")] = '\0';
	int words = sscanf(line, "%127s %127s %511s %511s", name, version, file, lent);
	if (words < 3)
		return NULL;
	if (!strcmp(version, "-"))
		version[0] = '\0';
	struct source source;
	EI_TRY(find_source(job, file, path));
	EI_TRY(source_open(&source, wanted, path));
	if (words == 4)
		EI_TRY_IN(borrow_type(job, &source, lent), "borrowing for '%s'", name);
	keep_wanted(&source);
	json_t *done = json_object();
	while (keep_values(&source, done))
		continue;
	json_decref(done);
	rename_all(&source);
	ei_error *error = write_layout(&source, name, layouts, job->folder, layout);
	if (!error)
		add_build(indexes, &source, name, version, layout);
	source_close(&source);
	return error;
}

static ei_error *distil_all(const struct job *job, const struct wanted *wanted)
{
	char line[1024];
	FILE *sources = fopen(job->sources, "r");
	if (!sources)
		return ei_fail(EI_E_IO, "cannot open '%s'", job->sources);
	json_t *layouts = json_array(), *indexes = json_object();
	ei_error *error = NULL;
	while (!error && fgets(line, sizeof line, sources))
		error = distil_one(job, wanted, line, layouts, indexes);
	fclose(sources);
	if (!error)
		error = write_indexes(job->folder, indexes);
	json_decref(indexes);
	json_decref(layouts);
	return error;
}

static ei_error *distil(const struct job *job)
{
	struct wanted wanted = { json_object(), json_object(), json_object() };
	want_tables(&wanted);
	ei_error *error = want_file(&wanted, job->names);
	if (!error)
		error = distil_all(job, &wanted);
	json_decref(wanted.types);
	json_decref(wanted.symbols);
	json_decref(wanted.constants);
	return error;
}

static bool read_options(int argc, char **argv, struct job *job)
{
	struct {
		const char *option, **value;
	} options[] = { { "--sources", &job->sources }, { "--names", &job->names },
		{ "-o", &job->folder } };
	size_t roots = 0;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--root") && roots < ROOT_MAX)
			job->roots[roots++] = argv[i + 1];
		for (size_t j = 0; j < ARRAY_LENGTH(options); j++)
			if (!strcmp(argv[i], options[j].option))
				*options[j].value = argv[i + 1];
	}
	return roots && job->sources && job->names && job->folder;
}

int main(int argc, char **argv)
{
	struct job job = { .folder = NULL };
	if (!read_options(argc, argv, &job)) {
		fprintf(stderr, "usage: distil --root DIR... --sources FILE --names FILE -o DIR\n");
		return 2;
	}
	EI_OWNED(ei_error) error = distil(&job);
	if (error)
		fprintf(stderr, "distil: %s\n", ei_error_text(error));
	return error ? 1 : 0;
}
