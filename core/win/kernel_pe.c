// PE images as they lie in memory. Offsets are those of the PE/COFF specification.
// SPDX-License-Identifier: Apache-2.0
#include "win/kernel_pe.h"
#include <ctype.h>
#include <strings.h>

enum {
	SECTIONS_MAX = 96,
	DEBUG_ENTRIES_MAX = 64,
	EXPORTS_MAX = 1 << 16,
	RESOURCE_ENTRIES_MAX = 4096,
	IMAGE_SIZE_MAX = 1 << 30,
	RSDS_NAME_AT = 24,
	RESOURCE_VERSION = 16,
};

static const char *const kernel_stems[] = { "ntoskrnl", "ntkrnlmp", "ntkrnlpa", "ntkrpamp",
	"ntkrla57" };

bool kernel_name_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(kernel_stems); i++) {
		size_t length = strlen(kernel_stems[i]);
		if (!strncasecmp(name, kernel_stems[i], length) &&
			(name[length] == '.' || !name[length]))
			return true;
	}
	return false;
}

static bool pe_read(const struct kernel_pe *pe, uint64_t rva, void *buffer, size_t size)
{
	if (rva >= IMAGE_SIZE_MAX)
		return false;
	return space_read(pe->space, pe->reader, pe->base + rva, buffer, size, NULL) == size;
}

// ---- headers --------------------------------------------------------------------------------
static struct pe_directory directory_at(const uint8_t *directories, size_t room, unsigned index)
{
	if (!span_inside(8 * (size_t)index, 8, room))
		return (struct pe_directory){ 0 };
	return (struct pe_directory){ load_u32(directories + 8 * index),
		load_u32(directories + 8 * index + 4) };
}

// Sections of the memory manager's own, present in every kernel since Windows 2000.
static bool sections_are_kernel(const uint8_t *page, size_t at, unsigned count)
{
	for (unsigned i = 0; i < count && i < SECTIONS_MAX; i++, at += 40) {
		if (!span_inside(at, 40, PAGE_SIZE))
			return false;
		if (!memcmp(page + at, "POOLCODE", 8) || !memcmp(page + at, "ALMOSTRO", 8))
			return true;
	}
	return false;
}

static bool optional_header(const uint8_t *optional, size_t size, struct kernel_pe *out)
{
	uint16_t magic = load_u16(optional);
	size_t directories = magic == 0x20b ? 112 : 96;

	if ((magic != 0x10b && magic != 0x20b) || size < directories)
		return false;
	out->os_major = load_u16(optional + 40);
	out->os_minor = load_u16(optional + 42);
	out->size = load_u32(optional + 56);
	if (out->size < PAGE_SIZE || out->size > IMAGE_SIZE_MAX)
		return false;
	size_t room = MIN(size - directories, 8 * (size_t)load_u32(optional + directories - 4));
	out->exports = directory_at(optional + directories, room, 0);
	out->resources = directory_at(optional + directories, room, 2);
	out->debug = directory_at(optional + directories, room, 6);
	return true;
}

bool kernel_pe_open(
	const struct space *space, struct reader *reader, uint64_t base, struct kernel_pe *out)
{
	uint8_t page[PAGE_SIZE];

	if (space_read(space, reader, base, page, sizeof page, NULL) != sizeof page)
		return false;
	uint32_t header = load_u32(page + 0x3c);
	if (memcmp(page, "MZ", 2) || !span_inside(header, 24 + 2, PAGE_SIZE) ||
		memcmp(page + header, "PE\0\0", 4))
		return false;
	struct kernel_pe pe = { .space = space, .reader = reader, .base = base };
	pe.machine = load_u16(page + header + 4);
	pe.time_stamp = load_u32(page + header + 8);
	size_t optional_size = load_u16(page + header + 20);
	if (!span_inside(header + 24, optional_size, PAGE_SIZE) || optional_size < 96)
		return false;
	if (!optional_header(page + header + 24, optional_size, &pe))
		return false;
	pe.kernel_sections =
		sections_are_kernel(page, header + 24 + optional_size, load_u16(page + header + 6));
	*out = pe;
	return true;
}

// ---- the symbol file ------------------------------------------------------------------------
static void guid_text(const uint8_t *guid, char out[33])
{
	snprintf(out, 33, "%08X%04X%04X%02X%02X%02X%02X%02X%02X%02X%02X", load_u32(guid),
		load_u16(guid + 4), load_u16(guid + 6), guid[8], guid[9], guid[10], guid[11],
		guid[12], guid[13], guid[14], guid[15]);
}

// The file name at the end of a path, if it is one: printable, terminated, and not too long.
static bool file_name(const uint8_t *text, size_t room, char *out, size_t out_room)
{
	size_t length = strnlen((const char *)text, room), start = 0;

	if (length == room)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isprint(text[i]))
			return false;
		if (text[i] == '\\' || text[i] == '/')
			start = i + 1;
	}
	if (start == length || length - start >= out_room)
		return false;
	memcpy(out, text + start, length - start + 1);
	return true;
}

bool kernel_pe_rsds_at(
	const struct space *space, struct reader *reader, uint64_t va, struct pe_rsds *out)
{
	uint8_t record[RSDS_NAME_AT + 260] = { 0 };
	size_t got = space_read(space, reader, va, record, sizeof record, NULL);
	struct pe_rsds rsds = { .age = load_u32(record + 20) };

	if (got <= RSDS_NAME_AT || memcmp(record, "RSDS", 4))
		return false;
	if (!file_name(record + RSDS_NAME_AT, got - RSDS_NAME_AT, rsds.pdb, sizeof rsds.pdb))
		return false;
	guid_text(record + 4, rsds.guid);
	*out = rsds;
	return true;
}

bool kernel_pe_rsds(const struct kernel_pe *pe, struct pe_rsds *out)
{
	uint8_t entry[28];
	uint32_t count = MIN(pe->debug.size / sizeof entry, DEBUG_ENTRIES_MAX);

	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = (uint64_t)pe->debug.rva + i * sizeof entry;
		if (!pe_read(pe, at, entry, sizeof entry) || load_u32(entry + 12) != 2)
			continue;
		uint32_t rva = load_u32(entry + 20);
		if (rva < IMAGE_SIZE_MAX &&
			kernel_pe_rsds_at(pe->space, pe->reader, pe->base + rva, out))
			return true;
	}
	return false;
}

// ---- exports --------------------------------------------------------------------------------
struct export_table {
	uint32_t functions, names, ordinals; // RVAs
	uint32_t function_count, name_count;
};

static bool export_table(const struct kernel_pe *pe, struct export_table *out)
{
	uint8_t directory[40];

	if (!pe->exports.rva || !pe_read(pe, pe->exports.rva, directory, sizeof directory))
		return false;
	*out = (struct export_table){
		.functions = load_u32(directory + 28),
		.names = load_u32(directory + 32),
		.ordinals = load_u32(directory + 36),
		.function_count = MIN(load_u32(directory + 20), EXPORTS_MAX),
		.name_count = MIN(load_u32(directory + 24), EXPORTS_MAX),
	};
	return true;
}

bool kernel_pe_name(const struct kernel_pe *pe, char *name, size_t room)
{
	uint8_t rva[4], text[64];

	if (!pe->exports.rva || !pe_read(pe, (uint64_t)pe->exports.rva + 12, rva, sizeof rva))
		return false;
	uint32_t at = load_u32(rva);
	if (at >= IMAGE_SIZE_MAX)
		return false;
	size_t got = space_read(pe->space, pe->reader, pe->base + at, text, sizeof text, NULL);
	return file_name(text, got, name, room);
}

enum compare { COMPARE_LESS = -1, COMPARE_EQUAL = 0, COMPARE_MORE = 1, COMPARE_ABSENT = 2 };

// How `name` stands to the nth exported name.
static enum compare export_compare(
	const struct kernel_pe *pe, const struct export_table *table, uint32_t n, const char *name)
{
	uint8_t rva[4];
	char text[128] = { 0 };
	size_t length = strlen(name) + 1;

	if (length > sizeof text || !pe_read(pe, (uint64_t)table->names + 4 * n, rva, 4) ||
		!pe_read(pe, load_u32(rva), text, length))
		return COMPARE_ABSENT;
	int order = memcmp(name, text, length);
	return order < 0 ? COMPARE_LESS : order > 0 ? COMPARE_MORE : COMPARE_EQUAL;
}

static bool export_address(
	const struct kernel_pe *pe, const struct export_table *table, uint32_t n, uint32_t *rva)
{
	uint8_t ordinal[2], address[4];

	if (!pe_read(pe, (uint64_t)table->ordinals + 2 * n, ordinal, 2) ||
		load_u16(ordinal) >= table->function_count ||
		!pe_read(pe, (uint64_t)table->functions + 4 * load_u16(ordinal), address, 4))
		return false;
	uint32_t value = load_u32(address);
	bool forwarded = value - pe->exports.rva < pe->exports.size;
	if (!value || forwarded || value >= pe->size)
		return false;
	*rva = value;
	return true;
}

bool kernel_pe_export(const struct kernel_pe *pe, const char *name, uint32_t *rva)
{
	struct export_table table;

	if (!export_table(pe, &table))
		return false;
	uint32_t low = 0, high = table.name_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		enum compare compare = export_compare(pe, &table, middle, name);
		if (compare == COMPARE_EQUAL)
			return export_address(pe, &table, middle, rva);
		if (compare == COMPARE_ABSENT)
			break;
		if (compare == COMPARE_MORE)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < high; low++) // a page of names is missing: look at the ones that are left
		if (export_compare(pe, &table, low, name) == COMPARE_EQUAL)
			return export_address(pe, &table, low, rva);
	return false;
}

// ---- version --------------------------------------------------------------------------------
// The entry `id` (0: the first) of the resource directory at `offset`; offsets are relative to the
// resource section.
static bool resource_entry(
	const struct kernel_pe *pe, uint32_t offset, uint32_t id, uint32_t *found)
{
	uint8_t header[16], entry[8];
	uint64_t at = (uint64_t)pe->resources.rva + offset;

	if (!pe_read(pe, at, header, sizeof header))
		return false;
	uint32_t count = load_u16(header + 12) + (uint32_t)load_u16(header + 14);
	for (uint32_t i = 0; i < MIN(count, RESOURCE_ENTRIES_MAX); i++) {
		if (!pe_read(pe, at + 16 + 8 * i, entry, sizeof entry))
			return false;
		if (id && load_u32(entry) != id)
			continue;
		*found = load_u32(entry + 4);
		return true;
	}
	return false;
}

bool kernel_pe_version(const struct kernel_pe *pe, struct pe_version *out)
{
	uint32_t type, name, language;
	const uint32_t directory = 0x80000000;
	uint8_t leaf[16], data[0x80];

	if (!pe->resources.rva || !resource_entry(pe, 0, RESOURCE_VERSION, &type) ||
		!(type & directory) || !resource_entry(pe, type & ~directory, 0, &name) ||
		!(name & directory) || !resource_entry(pe, name & ~directory, 0, &language) ||
		language & directory)
		return false;
	if (!pe_read(pe, (uint64_t)pe->resources.rva + language, leaf, sizeof leaf) ||
		!pe_read(pe, load_u32(leaf), data, sizeof data))
		return false;
	for (size_t at = 0x20; at + 16 <= sizeof data; at += 4) {
		if (load_u32(data + at) != 0xfeef04bd)
			continue;
		*out = (struct pe_version){ load_u16(data + at + 10), load_u16(data + at + 8),
			load_u16(data + at + 14), load_u16(data + at + 12) };
		return true;
	}
	return false;
}
