// What a scenario says of an image file: when it was linked, what it exports and imports, what its
// sections are called, and its version. All of it is in the page behind the header.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

enum { TABLES_AT = 0x100, EXPORT = 0, IMPORT = 1, RESOURCE = 2, SECTION_BYTES = 40, NT_AT = 0xf8 };
enum { EXPORT_BYTES = 40, DESCRIPTOR_BYTES = 20, VERSION_TYPE = 16, LANGUAGE = 0x409 };

// The page as it fills up; addresses within it are relative to the image's base.
struct tables {
	struct forge *f;
	uint8_t *header, *page;
	uint32_t used;
	bool is64;
};

static void put16(uint8_t *at, uint32_t value)
{
	uint16_t v = (uint16_t)value;
	memcpy(at, &v, sizeof v);
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof value);
}

// The address of new bytes, all zero; the page's begin where there is no room, and the forge fails.
static uint32_t take(struct tables *t, uint32_t bytes)
{
	uint32_t at = (t->used + 3) & ~3u;
	if (bytes > PAGE_SIZE - at) {
		forge_fail(t->f, EI_E_LIMIT, "the tables of an image do not fit into its page");
		return PAGE_SIZE;
	}
	memset(t->page + at, 0, bytes);
	t->used = at + bytes;
	return PAGE_SIZE + at;
}

static uint8_t *at(const struct tables *t, uint32_t rva)
{
	return t->page + (rva - PAGE_SIZE);
}

static uint32_t take_text(struct tables *t, const char *text, uint32_t before)
{
	uint32_t length = (uint32_t)strlen(text) + 1, rva = take(t, before + length);
	if (!t->f->error)
		memcpy(at(t, rva) + before, text, length);
	return rva;
}

// ---- exports, imports -----------------------------------------------------------------------
static void exports_write(struct tables *t, const json_t *exports)
{
	const json_t *functions = json_object_get(exports, "functions");
	uint32_t count = (uint32_t)json_array_size(functions);
	uint32_t directory = take(t, EXPORT_BYTES);
	uint32_t addresses = take(t, count * 4), names = take(t, count * 4);
	uint32_t ordinals = take(t, count * 2);
	uint32_t name = take_text(t, scenario_text(exports, "name", ""), 0);
	for (uint32_t i = 0; i < count && !t->f->error; i++) {
		const char *function = json_string_value(json_array_get(functions, i));
		uint32_t text = take_text(t, function ? function : "", 0);
		put32(at(t, addresses) + (size_t)4 * i, PAGE_SIZE + 16 * i);
		put32(at(t, names) + (size_t)4 * i, text);
		put16(at(t, ordinals) + (size_t)2 * i, i);
	}
	if (t->f->error)
		return;
	put32(at(t, directory) + 12, name);
	put32(at(t, directory) + 16, 1);
	put32(at(t, directory) + 20, count);
	put32(at(t, directory) + 24, count);
	put32(at(t, directory) + 28, addresses);
	put32(at(t, directory) + 32, names);
	put32(at(t, directory) + 36, ordinals);
	pe_set_directory(t->header, EXPORT, directory, t->used + PAGE_SIZE - directory);
}

static uint32_t thunks_write(struct tables *t, const json_t *functions)
{
	uint32_t bytes = t->is64 ? 8 : 4, count = (uint32_t)json_array_size(functions);
	uint32_t thunks = take(t, bytes * (count + 1));
	for (uint32_t i = 0; i < count && !t->f->error; i++) {
		const char *function = json_string_value(json_array_get(functions, i));
		uint32_t text = take_text(t, function ? function : "", 2);
		put32(at(t, thunks) + (size_t)bytes * i, text);
	}
	return thunks;
}

static void imports_write(struct tables *t, const json_t *imports)
{
	uint32_t count = (uint32_t)json_object_size(imports), i = 0;
	uint32_t descriptors = take(t, DESCRIPTOR_BYTES * (count + 1));
	const char *library;
	json_t *functions;
	json_object_foreach((json_t *)imports, library, functions)
	{
		uint32_t name = take_text(t, library, 0), thunks = thunks_write(t, functions);
		if (t->f->error)
			return;
		uint8_t *descriptor = at(t, descriptors) + (size_t)DESCRIPTOR_BYTES * i++;
		put32(descriptor, thunks);
		put32(descriptor + 12, name);
		put32(descriptor + 16, thunks);
	}
	pe_set_directory(t->header, IMPORT, descriptors, DESCRIPTOR_BYTES * (count + 1));
}

// ---- the version ----------------------------------------------------------------------------
// A block of a version resource: its length, that of its value, its type, its key.
static uint32_t block_begin(struct tables *t, const char *key, bool text)
{
	uint32_t bytes = utf16_bytes(key) + 2, rva = take(t, 6 + bytes);
	if (t->f->error)
		return rva;
	put16(at(t, rva) + 4, text);
	for (uint32_t i = 0; key[i]; i++)
		put16(at(t, rva) + 6 + (size_t)2 * i, (uint8_t)key[i]);
	return rva;
}

static void block_end(struct tables *t, uint32_t rva)
{
	if (!t->f->error)
		put16(at(t, rva), t->used + PAGE_SIZE - rva);
}

static void value_write(struct tables *t, const char *key, const char *value)
{
	uint32_t block = block_begin(t, key, true), units = (uint32_t)strlen(value) + 1;
	uint32_t text = take(t, units * 2);
	if (t->f->error)
		return;
	for (uint32_t i = 0; value[i]; i++)
		put16(at(t, text) + (size_t)2 * i, (uint8_t)value[i]);
	put16(at(t, block) + 2, units);
	block_end(t, block);
}

static void version_block(struct tables *t, const json_t *version)
{
	enum { FIXED_BYTES = 52 };
	uint32_t root = block_begin(t, "VS_VERSION_INFO", false), fixed = take(t, FIXED_BYTES);
	if (t->f->error)
		return;
	put16(at(t, root) + 2, FIXED_BYTES);
	put32(at(t, fixed), 0xfeef04bd);
	put32(at(t, fixed) + 4, 0x10000);
	uint32_t strings = block_begin(t, "StringFileInfo", true);
	uint32_t table = block_begin(t, "040904b0", true);
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)version, key, value)
		value_write(t, key, json_string_value(value) ? json_string_value(value) : "");
	block_end(t, table);
	block_end(t, strings);
	block_end(t, root);
}

// One directory with one entry: by number, into what follows.
static uint32_t directory_write(struct tables *t, uint32_t root, uint32_t number, bool leaf)
{
	uint32_t directory = take(t, 24);
	if (t->f->error)
		return directory;
	put16(at(t, directory) + 14, 1);
	put32(at(t, directory) + 16, number);
	put32(at(t, directory) + 20, (directory + 24 - root) | (leaf ? 0 : 0x80000000));
	return directory;
}

static void version_write(struct tables *t, const json_t *version)
{
	t->used = (t->used + 3) & ~3u;
	uint32_t root = t->used + PAGE_SIZE;
	directory_write(t, root, VERSION_TYPE, false);
	directory_write(t, root, 1, false);
	directory_write(t, root, LANGUAGE, true);
	uint32_t entry = take(t, 16);
	version_block(t, version);
	if (t->f->error)
		return;
	put32(at(t, entry), entry + 16);
	put32(at(t, entry) + 4, t->used + PAGE_SIZE - (entry + 16));
	pe_set_directory(t->header, RESOURCE, root, t->used + PAGE_SIZE - root);
}

// ---- all of it ------------------------------------------------------------------------------
static void sections_name(struct tables *t, const json_t *names)
{
	uint8_t *section = t->header + NT_AT + 24 + (t->is64 ? 0xf0 : 0xe0);
	uint32_t count = load_u16(t->header + NT_AT + 6);
	for (uint32_t i = 0; i < count && i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		memset(section + (size_t)SECTION_BYTES * i, 0, 8);
		if (name)
			memcpy(section + (size_t)SECTION_BYTES * i, name, MIN(strlen(name), 8));
	}
}

static const json_t *image_described(const struct forge *f, const char *path)
{
	size_t i;
	json_t *description;
	json_array_foreach(json_object_get(f->scenario, "images"), i,
		description) if (!strcmp(scenario_text(description, "path", ""),
					 path)) return description;
	return NULL;
}

void image_write_content(struct forge *f, const char *path, uint8_t *header, uint8_t *text)
{
	const json_t *description = image_described(f, path), *part;
	struct tables t = { f, header, text, TABLES_AT, load_u16(header + NT_AT + 24) == 0x20b };
	if (!description)
		return;
	uint64_t linked = scenario_time(f, description, "timestamp", 0);
	if (linked)
		put32(header + NT_AT + 8, (uint32_t)(linked / 10000000 - 11644473600));
	if ((part = json_object_get(description, "exports")))
		exports_write(&t, part);
	if ((part = json_object_get(description, "imports")))
		imports_write(&t, part);
	if ((part = json_object_get(description, "version")))
		version_write(&t, part);
	if ((part = json_object_get(description, "sections")))
		sections_name(&t, part);
	if (!f->error)
		truth_row(f, "images", "{s:s, s:O}", "path", path, "image", description);
}
