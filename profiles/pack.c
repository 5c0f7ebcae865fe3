// Packs the profiles of this folder into one flat block for the binary: pack OUTDIR FILE.json...
// Writes OUTDIR/profiles.bin and OUTDIR/profiles.S, which includes it as `builtin_block`.
// SPDX-License-Identifier: Apache-2.0
#include "profile/isf.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { INHERIT_MAX = 64 }; // layouts that build on each other

#define INDEX_PREFIX "builds-"

static const char assembly[] = "// Made by profiles/pack.c.\n"
			       "	.section .rodata\n"
			       "	.balign 16\n"
			       "	.globl builtin_block\n"
			       "	.hidden builtin_block\n"
			       "	.type builtin_block, %object\n"
			       "builtin_block:\n"
			       "	.incbin \"%s/profiles.bin\"\n"
			       "	.size builtin_block, . - builtin_block\n"
			       "	.section .note.GNU-stack, \"\", %progbits\n";

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

// ---- layouts --------------------------------------------------------------------------------
// Puts what `parent` has, and `child` does not mention, into `child`; null means that it is gone.
static void inherit_part(json_t *child, json_t *parent)
{
	const char *name;
	json_t *value;
	void *next;
	json_object_update_missing(child, parent);
	json_object_foreach_safe(child, next, name, value) if (json_is_null(value))
		json_object_del(child, name);
}

static ei_error *load_layout(const char *path, unsigned depth, json_t **out)
{
	static const char *const parts[] = { "base_types", "enums", "user_types" };
	json_error_t place;
	if (depth > INHERIT_MAX)
		return ei_fail(EI_E_LIMIT, "'%s' is more than %d layouts down", path, INHERIT_MAX);
	json_t *layout = json_load_file(path, 0, &place);
	if (!layout)
		return ei_fail(
			EI_E_FORMAT, "cannot read '%s': line %d: %s", path, place.line, place.text);
	const char *inherits = text_of(layout, "inherits");
	json_t *parent = NULL;
	if (*inherits) {
		char parent_path[PATH_MAX];
		snprintf(parent_path, sizeof parent_path, "%.*s%s", (int)(base_name(path) - path),
			path, inherits);
		EI_TRY(load_layout(parent_path, depth + 1, &parent));
	}
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
		inherit_part(json_object_get(layout, parts[i]), json_object_get(parent, parts[i]));
	json_decref(parent);
	*out = layout;
	return NULL;
}

static ei_error *add_layout(struct flat_builder *builder, const char *path)
{
	json_t *layout = NULL;
	EI_TRY(load_layout(path, 0, &layout));
	char *whole = json_dumps(layout, JSON_COMPACT);
	json_decref(layout);
	if (!whole)
		return ei_fail(EI_E_NOMEM, "reading layout '%s'", path);
	ei_error *error = isf_read(builder, whole, strlen(whole), ISF_LAYOUT);
	free(whole);
	return error ? ei_wrap(error, "reading layout '%s'", path) : NULL;
}

// ---- builds ---------------------------------------------------------------------------------
static int build_order(const void *a, const void *b)
{
	return strcmp(text_of(*(json_t *const *)a, "name"), text_of(*(json_t *const *)b, "name"));
}

static ei_error *add_build(struct flat_builder *builder, json_t *build, char **paths, int count)
{
	const char *layout = text_of(build, "layout");
	int number = 0;
	while (number < count && strcmp(base_name(paths[number]), layout) != 0)
		number++;
	if (number == count)
		return ei_fail(EI_E_FORMAT, "build '%s' has layout '%s', which is not there",
			text_of(build, "name"), layout);
	struct flat_build_spec spec = {
		.name = text_of(build, "name"),
		.pdb = text_of(build, "pdb"),
		.guid = text_of(build, "guid"),
		.version = text_of(build, "version"),
		.age = (uint32_t)json_integer_value(json_object_get(build, "age")),
		.layout = (uint32_t)number,
	};
	flat_add_build(builder, &spec);
	const char *name;
	json_t *address;
	json_object_foreach(json_object_get(build, "symbols"), name, address)
		flat_add_symbol(builder, name, (uint64_t)json_integer_value(address));
	return NULL;
}

// Takes the builds of one index file, appending them to `builds`.
static ei_error *load_index(const char *path, json_t *builds)
{
	json_error_t place;
	json_t *root = json_load_file(path, 0, &place);
	if (!root)
		return ei_fail(
			EI_E_FORMAT, "cannot read '%s': line %d: %s", path, place.line, place.text);
	json_array_extend(builds, json_object_get(root, "builds"));
	json_decref(root);
	return NULL;
}

static ei_error *add_builds(struct flat_builder *builder, json_t *builds, char **paths, int count)
{
	size_t length = json_array_size(builds);
	json_t **sorted = calloc(length + 1, sizeof *sorted);
	if (!sorted)
		return ei_fail(EI_E_NOMEM, "sorting %zu builds", length);
	for (size_t i = 0; i < length; i++)
		sorted[i] = json_array_get(builds, i);
	qsort(sorted, length, sizeof(json_t *), build_order);
	ei_error *error = NULL;
	for (size_t i = 0; i < length && !error; i++)
		error = add_build(builder, sorted[i], paths, count);
	free(sorted);
	return error;
}

// ---- output ---------------------------------------------------------------------------------
static ei_error *write_file(
	const char *folder, const char *name, const void *bytes, size_t size_bytes)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	bool written = file && fwrite(bytes, 1, size_bytes, file) == size_bytes;
	if (file)
		written &= !fclose(file);
	return written ? NULL : ei_fail(EI_E_IO, "cannot write '%s'", path);
}

static ei_error *write_assembly(const char *folder)
{
	struct text source;
	text_init(&source, sizeof assembly + PATH_MAX);
	const char *hole = strstr(assembly, "%s");
	text_add(&source, assembly, (size_t)(hole - assembly));
	text_add(&source, folder, strlen(folder));
	text_add(&source, hole + 2, strlen(hole + 2));
	ei_error *error = write_file(folder, "profiles.S", source.data, source.length);
	text_deinit(&source);
	return error;
}

// Indexes go into `builds`; `paths` is left with the layouts, whose number is returned in `count`.
static ei_error *split_indexes(char **paths, int *count, json_t *builds)
{
	int layouts = 0;
	for (int i = 0; i < *count; i++) {
		if (strncmp(base_name(paths[i]), INDEX_PREFIX, strlen(INDEX_PREFIX)) != 0)
			paths[layouts++] = paths[i];
		else
			EI_TRY(load_index(paths[i], builds));
	}
	*count = layouts;
	return NULL;
}

static ei_error *pack(const char *folder, char **paths, int count)
{
	EI_OWNED(flat_builder) builder = NULL;
	BYTES_OWNED block = { 0 };
	struct flat checked;
	json_t *builds = json_array();
	EI_TRY(split_indexes(paths, &count, builds));
	EI_TRY(flat_builder_create(&builder));
	for (int i = 0; i < count; i++)
		EI_TRY(add_layout(builder, paths[i]));
	EI_TRY(add_builds(builder, builds, paths, count));
	EI_TRY(flat_builder_finish(builder, (void **)&block.data, &block.size));
	EI_TRY(flat_open(block.data, block.size, &checked));
	json_decref(builds);
	EI_TRY(write_file(folder, "profiles.bin", block.data, block.size));
	return write_assembly(folder);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: pack OUTDIR FILE.json...\n");
		return 2;
	}
	EI_OWNED(ei_error) error = pack(argv[1], argv + 2, argc - 2);
	if (error)
		fprintf(stderr, "pack: %s\n", ei_error_text(error));
	return error ? 1 : 0;
}
