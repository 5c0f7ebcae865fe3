// Resources of a program: their names, and its table of versions.
// Source: the PE/COFF specification; "VS_VERSIONINFO structure" of the Windows SDK.
// SPDX-License-Identifier: Apache-2.0
#include "run/pe_view.h"

#include <stdio.h>

enum {
	ENTRIES_MAX = 512, // of one folder
	ITEMS_MAX = 4096,
	VERSION = 16, // a type of resources
	VERSION_BYTES_MAX = 16 << 10,
	NAME_CHARACTERS_MAX = 128,
};

static const char *const type_names[] = { [1] = "Cursor",
	[2] = "Bitmap",
	[3] = "Icon",
	[4] = "Menu",
	[5] = "Dialog",
	[6] = "String",
	[7] = "FontDir",
	[8] = "Font",
	[9] = "Accelerator",
	[10] = "RCData",
	[11] = "MessageTable",
	[12] = "GroupCursor",
	[14] = "GroupIcon",
	[16] = "Version",
	[23] = "HTML",
	[24] = "Manifest" };

static const struct string {
	const char *key, *name;
} strings[] = {
	{ "CompanyName", "VersionInfoList/VersionInfoItem/CompanyName" },
	{ "FileDescription", "VersionInfoList/VersionInfoItem/FileDescription" },
	{ "FileVersion", "VersionInfoList/VersionInfoItem/FileVersion" },
	{ "InternalName", "VersionInfoList/VersionInfoItem/InternalName" },
	{ "LegalCopyright", "VersionInfoList/VersionInfoItem/LegalCopyright" },
	{ "OriginalFilename", "VersionInfoList/VersionInfoItem/OriginalFilename" },
	{ "ProductName", "VersionInfoList/VersionInfoItem/ProductName" },
	{ "ProductVersion", "VersionInfoList/VersionInfoItem/ProductVersion" },
};

static void versions_absent(struct pe_view *view, ei_state why)
{
	for (size_t i = 0; i < ARRAY_LENGTH(strings); i++)
		view_give(view, strings[i].name, 0, ei_absent(why));
}

// ---- the table of versions --------------------------------------------------------------------
// A block: its length, that of its value, its type, its name in UTF-16, a value, blocks.
struct block {
	const uint8_t *bytes;
	size_t length;
	char name[NAME_CHARACTERS_MAX * 3 + 1];
	const uint8_t *value;
	size_t value_length, inner; // bytes; where blocks within begin
};

static size_t wide_length(const uint8_t *bytes, size_t size)
{
	size_t length = 0;
	while (length + 1 < size && (bytes[length] || bytes[length + 1]))
		length += 2;
	return length;
}

static bool block_read(const uint8_t *bytes, size_t size, struct block *out)
{
	if (size < 6)
		return false;
	size_t length = MIN((size_t)load_u16(bytes), size);
	size_t value = load_u16(bytes + 2), name = wide_length(bytes + 6, size - 6);
	bool text = load_u16(bytes + 4) == 1;
	if (length < 6 || name > NAME_CHARACTERS_MAX * 2 || 6 + name + 2 > length)
		return false;
	*out = (struct block){ .bytes = bytes, .length = length };
	out->name[utf16_to_utf8(bytes + 6, name, out->name)] = '\0';
	size_t at = (6 + name + 2 + 3) & ~(size_t)3;
	size_t given = text ? value * 2 : value;
	at = MIN(at, length);
	out->value = bytes + at;
	out->value_length = MIN(given, length - at);
	out->inner = MIN((at + out->value_length + 3) & ~(size_t)3, length);
	return true;
}

static void string_give(struct pe_view *view, uint32_t item, const struct block *block)
{
	char text[PE_TEXT_MAX * 3 + 1];
	size_t length = wide_length(block->value, MIN(block->value_length, (size_t)PE_TEXT_MAX));
	text[utf16_to_utf8(block->value, length, text)] = '\0';
	for (size_t i = 0; i < ARRAY_LENGTH(strings); i++)
		if (!strcasecmp(strings[i].key, block->name))
			view_give(view, strings[i].name, item,
				*text ? ei_str(text) : ei_absent(EI_NONE));
}

// Blocks within a block, each with what is done about it.
typedef void block_take(struct pe_view *view, uint32_t item, const struct block *block);

static void blocks_each(
	struct pe_view *view, uint32_t item, const struct block *outer, block_take *take)
{
	struct block inner;
	for (size_t at = outer->inner; at < outer->length;) {
		if (!block_read(outer->bytes + at, outer->length - at, &inner))
			return;
		take(view, item, &inner);
		at += (inner.length + 3) & ~(size_t)3;
	}
}

// A table of one language.
static void table_give(struct pe_view *view, uint32_t item, const struct block *table)
{
	(void)item;
	// Its name is its language and code page.
	blocks_each(view, (uint32_t)strtoul(table->name, NULL, 16), table, string_give);
}

static void info_give(struct pe_view *view, uint32_t item, const struct block *block)
{
	if (!strcmp(block->name, "StringFileInfo"))
		blocks_each(view, item, block, table_give);
}

static void version_give(struct pe_view *view, uint32_t rva, uint32_t size)
{
	struct block block;
	uint8_t *bytes = malloc(VERSION_BYTES_MAX);
	size = MIN(size, (uint32_t)VERSION_BYTES_MAX);
	if (bytes && view_read(view, rva, bytes, size) && block_read(bytes, size, &block))
		blocks_each(view, 0, &block, info_give);
	else
		versions_absent(view, EI_UNREADABLE);
	free(bytes);
}

// ---- folders --------------------------------------------------------------------------------
struct walk {
	struct pe_view *view;
	uint32_t root, items;
	bool version; // it was met
	char type[NAME_CHARACTERS_MAX * 3 + 1];
	char name[NAME_CHARACTERS_MAX * 3 + 1];
};

struct entry {
	uint32_t id, at;
};

static uint32_t folder_count(struct walk *walk, uint32_t folder)
{
	uint16_t named, numbered;
	if (!view_u16(walk->view, walk->root + folder + 12, &named) ||
		!view_u16(walk->view, walk->root + folder + 14, &numbered))
		return 0;
	return MIN((uint32_t)named + numbered, (uint32_t)ENTRIES_MAX);
}

static bool entry_read(struct walk *walk, uint32_t folder, uint32_t index, struct entry *out)
{
	uint32_t at = walk->root + folder + 16 + index * 8;
	return view_u32(walk->view, at, &out->id) && view_u32(walk->view, at + 4, &out->at);
}

static void entry_name(struct walk *walk, uint32_t id, bool is_type, char *out, size_t room)
{
	uint16_t length;
	uint8_t name[NAME_CHARACTERS_MAX * 2];
	const char *known = is_type && id < ARRAY_LENGTH(type_names) ? type_names[id] : NULL;
	uint32_t at = walk->root + (id & 0x7fffffff);
	*out = '\0';
	if (known)
		snprintf(out, room, "%s", known);
	else if (!(id >> 31))
		snprintf(out, room, "%u", id);
	else if (view_u16(walk->view, at, &length) && length <= NAME_CHARACTERS_MAX &&
		 view_read(walk->view, at + 2, name, length * 2u))
		out[utf16_to_utf8(name, length * 2u, out)] = '\0';
}

static ei_val text_or_unread(const char *text)
{
	return *text ? ei_str(text) : ei_absent(EI_UNREADABLE);
}

// The first language of the versions.
static void version_find(struct walk *walk, uint32_t at)
{
	struct entry entry = { 0, at };
	uint32_t rva, size;
	if (at >> 31 && !entry_read(walk, at & 0x7fffffff, 0, &entry))
		return;
	if (entry.at >> 31 || walk->version)
		return;
	uint32_t data = walk->root + entry.at;
	if (!view_u32(walk->view, data, &rva) || !view_u32(walk->view, data + 4, &size))
		return;
	walk->version = true;
	version_give(walk->view, rva, size);
}

static void type_give(struct walk *walk, const struct entry *type)
{
	struct entry entry;
	uint32_t folder = type->at & 0x7fffffff;
	entry_name(walk, type->id, true, walk->type, sizeof walk->type);
	if (!(type->at >> 31))
		return;
	for (uint32_t i = 0; i < folder_count(walk, folder) && walk->items < ITEMS_MAX; i++) {
		if (!entry_read(walk, folder, i, &entry))
			return;
		entry_name(walk, entry.id, false, walk->name, sizeof walk->name);
		view_give(walk->view, "ResourceInfoList/ResourceInfoItem/Type", walk->items,
			text_or_unread(walk->type));
		view_give(walk->view, "ResourceInfoList/ResourceInfoItem/Name", walk->items,
			text_or_unread(walk->name));
		walk->items++;
		if (type->id == VERSION)
			version_find(walk, entry.at);
	}
}

void pe_resources(struct pe_view *view)
{
	struct walk walk = { .view = view, .root = view->directories[PE_RESOURCES].rva };
	struct entry type;
	if (!walk.root || !view->directories[PE_RESOURCES].size) {
		versions_absent(view, EI_NONE);
		return;
	}
	bool lost = view->lost;
	view->lost = false;
	for (uint32_t i = 0; i < folder_count(&walk, 0) && walk.items < ITEMS_MAX; i++)
		if (entry_read(&walk, 0, i, &type))
			type_give(&walk, &type);
	if (!walk.version)
		versions_absent(view, view->lost ? EI_UNREADABLE : EI_NONE);
	view->lost |= lost;
}
