// Reads a program database's public and global data symbols: names and addresses in the image.
// SPDX-License-Identifier: Apache-2.0
#include "profile/pdb.h"

#include <stdlib.h>

enum { SYMBOLS_MAX = 4 << 20 };
enum { NAMES_MAX = 256 << 20 }; // bytes of names that had to be copied
enum { SECTION_SIZE = 40, SECTION_ADDRESS = 12 };
enum { OMAP_SIZE = 8 };
static const uint32_t omap_gone = 1u << 31; // some tools write this for what is no more, others 0

// Where things are in a record, in bytes behind its kind. Of symbols with one name the lowest rank
// counts.
struct symbol_kind {
	uint16_t number;
	uint8_t rank;
	uint8_t offset, section, name;
	bool counted; // the name starts with its length
	bool decorated;
};

// clang-format off
static const struct symbol_kind symbol_kinds[] = {
	{ 0x110e, 0, 4, 8, 10, false, true  }, // public
	{ 0x1009, 0, 4, 8, 10, true,  true  },
	{ 0x0203, 0, 0, 4,  8, true,  true  },
	{ 0x110d, 1, 4, 8, 10, false, false }, // global data
	{ 0x1008, 1, 4, 8, 10, true,  false },
	{ 0x0202, 1, 0, 4,  8, true,  false },
	{ 0x110c, 2, 4, 8, 10, false, false }, // data of one source file
	{ 0x1007, 2, 4, 8, 10, true,  false },
	{ 0x0201, 2, 0, 4,  8, true,  false },
};
// clang-format on

enum { RANK_MODULE = 3 }; // whatever the record: of one source file only

struct symbol {
	const char *name;
	uint32_t rva;
	uint32_t order; // rank, then place: qsort() does not keep the order of equals
};

struct symbols {
	struct bytes sections, omap;
	ei_arena *names;
	bool decorated; // C names have decorations on x86 only
	bool in_module; // reading those of one source file
	struct symbol *found;
	uint32_t count, room;
};

// ---- addresses ------------------------------------------------------------------------------
// Where the linker's tools moved an address to: by the last row at or below it. False when it is
// no more.
static bool omap_translate(const struct bytes *omap, uint32_t *rva)
{
	size_t low = 0, high = omap->size / OMAP_SIZE;
	if (!high)
		return true;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (load_u32(omap->data + middle * OMAP_SIZE) <= *rva)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return false;
	const uint8_t *row = omap->data + (low - 1) * OMAP_SIZE;
	uint32_t to = load_u32(row + 4);
	*rva = to + (*rva - load_u32(row));
	return to && to < omap_gone;
}

static bool address_of(
	const struct symbols *symbols, uint32_t section, uint32_t offset, uint32_t *rva)
{
	size_t count = symbols->sections.size / SECTION_SIZE;
	if (!section || section > count)
		return false; // absolute, or of a section that was dropped
	*rva = load_u32(symbols->sections.data + (section - 1) * SECTION_SIZE + SECTION_ADDRESS) +
	       offset;
	return omap_translate(&symbols->omap, rva);
}

// ---- names ----------------------------------------------------------------------------------
// "_name", "_name@8" and "@name@8" are C's; C++ names start with '?' and are left alone.
static bool undecorate(const char **name, size_t *length)
{
	const char *text = *name, *at = strrchr(text + 1, '@');
	bool fast = *text == '@', sized = at && at[1] && !at[1 + strspn(at + 1, "0123456789")];
	if (fast ? !sized : *text != '_')
		return false;
	size_t left = sized ? (size_t)(at - text) - 1 : *length - 1;
	if (!left)
		return false;
	*name = text + 1;
	*length = left;
	return true;
}

// The name as C writes it; NULL: cut, empty or no memory.
static const char *name_of(const struct symbols *symbols, const struct symbol_kind *kind,
	const uint8_t *record, size_t size)
{
	const char *name = (const char *)record + kind->name;
	size_t room = size - kind->name;
	size_t length = kind->counted ? record[kind->name] : strnlen(name, room);
	if (length >= room)
		return NULL;
	if (kind->counted)
		name = ei_text(symbols->names, "%.*s", (int)length, name + 1);
	length = name ? strlen(name) : 0;
	if (!length)
		return NULL;
	const char *end = name + length;
	if (kind->decorated && symbols->decorated && undecorate(&name, &length))
		return name + length == end ? name
					    : ei_text(symbols->names, "%.*s", (int)length, name);
	return name;
}

// ---- records --------------------------------------------------------------------------------
static ei_error *symbol_keep(struct symbols *symbols, const char *name, uint32_t rva, uint8_t rank)
{
	if (symbols->count == SYMBOLS_MAX)
		return ei_fail(EI_E_LIMIT, "it has more than %d symbols", SYMBOLS_MAX);
	if (symbols->count == symbols->room) {
		uint32_t room = symbols->room ? symbols->room * 2 : 16384;
		struct symbol *found = realloc(symbols->found, room * sizeof *found);
		if (!found)
			return ei_fail(EI_E_NOMEM, "reading symbols");
		symbols->found = found;
		symbols->room = room;
	}
	symbols->found[symbols->count] =
		(struct symbol){ name, rva, (uint32_t)rank << 24 | symbols->count };
	symbols->count++;
	return NULL;
}

_Static_assert(SYMBOLS_MAX <= 1 << 24, "order holds the place in 24 bits");

static ei_error *read_record(struct symbols *symbols, const uint8_t *record, size_t size)
{
	uint16_t number = load_u16(record);
	const struct symbol_kind *kind = NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(symbol_kinds) && !kind; i++)
		if (symbol_kinds[i].number == number)
			kind = &symbol_kinds[i];
	record += 2;
	size -= 2;
	uint32_t rva = 0;
	if (!kind || size <= kind->name)
		return NULL;
	if (!address_of(symbols, load_u16(record + kind->section), load_u32(record + kind->offset),
		    &rva))
		return NULL;
	const char *name = name_of(symbols, kind, record, size);
	if (name && symbols->in_module) // whose stream does not stay
		name = ei_text(symbols->names, "%s", name);
	return name ? symbol_keep(symbols, name, rva, symbols->in_module ? RANK_MODULE : kind->rank)
		    : NULL;
}

static ei_error *read_records(struct symbols *symbols, const struct bytes *stream)
{
	for (size_t at = 0; at + 2 <= stream->size;) {
		size_t size = load_u16(stream->data + at);
		at += 2;
		if (size < 2 || !span_inside(at, size, stream->size))
			return ei_fail(EI_E_FORMAT, "its symbols are cut at %zu of %zu bytes", at,
				stream->size);
		EI_TRY(read_record(symbols, stream->data + at, size));
		at += size;
	}
	return NULL;
}

// ---- source files ---------------------------------------------------------------------------
// Released databases have no records of source files, private ones do; they are not needed, so
// what is wrong with them is no reason to refuse the rest. Behind the numbers of a module's record
// are two names, and it is a multiple of 4 long.
enum { MODULE_STREAM = 34, MODULE_BYTES = 36, MODULE_SIZE = 64, MODULE_SIGNATURE = 4 };

static size_t module_length(const uint8_t *module, size_t left)
{
	size_t length = MODULE_SIZE;
	for (int i = 0; i < 2 && length < left; i++) {
		const uint8_t *end = memchr(module + length, 0, left - length);
		length = end ? (size_t)(end - module) + 1 : left;
	}
	return (length + 3) & ~(size_t)3;
}

static ei_error *read_module(
	struct symbols *symbols, const struct msf *msf, uint16_t index, size_t size)
{
	BYTES_OWNED stream = { 0 };
	EI_OWNED(ei_error) damage = msf_stream(msf, index, size, &stream);
	if (damage || stream.size < MODULE_SIGNATURE)
		return NULL;
	const struct bytes records = { stream.data + MODULE_SIGNATURE,
		stream.size - MODULE_SIGNATURE };
	symbols->in_module = true;
	ei_error *error = read_records(symbols, &records);
	symbols->in_module = false;
	if (!error || ei_error_code(error) != EI_E_FORMAT)
		return error;
	ei_error_drop(error);
	return NULL;
}

// No stream belongs to two modules, so all together are not longer than the file.
static ei_error *read_modules(
	struct symbols *symbols, const struct msf *msf, const struct bytes *debug, uint32_t size)
{
	uint64_t budget = msf->size;
	size_t end = MIN((size_t)DBI_SIZE + size, debug->size);
	for (size_t at = DBI_SIZE; span_inside(at, MODULE_SIZE, end);) {
		const uint8_t *module = debug->data + at;
		uint16_t stream = load_u16(module + MODULE_STREAM);
		uint32_t bytes = load_u32(module + MODULE_BYTES);
		at += module_length(module, end - at);
		if (stream == MSF_STREAM_NONE || bytes <= MODULE_SIGNATURE)
			continue;
		if (bytes > budget)
			return ei_fail(EI_E_LIMIT, "its source files have more symbols than it");
		budget -= bytes;
		EI_TRY(read_module(symbols, msf, stream, bytes));
	}
	return NULL;
}

// ---- all of them ----------------------------------------------------------------------------
static int symbol_order(const void *a, const void *b)
{
	const struct symbol *left = a, *right = b;
	int order = strcmp(left->name, right->name);
	return order ? order : (left->order > right->order) - (left->order < right->order);
}

static void add_symbols(struct flat_builder *builder, struct symbols *symbols)
{
	if (symbols->count)
		qsort(symbols->found, symbols->count, sizeof *symbols->found, symbol_order);
	for (uint32_t i = 0; i < symbols->count; i++)
		if (!i || strcmp(symbols->found[i].name, symbols->found[i - 1].name) != 0)
			flat_add_symbol(builder, symbols->found[i].name, symbols->found[i].rva);
}

// Sections as the compiler saw them, and where they were moved to, when an image was rearranged;
// the image's own otherwise. Tools that rearrange a second time keep only the former.
static ei_error *read_sections(
	const struct msf *msf, const struct pdb_dbi *dbi, struct symbols *symbols)
{
	bool moved = dbi->omap != MSF_STREAM_NONE;
	bool kept = moved && dbi->sections_were != MSF_STREAM_NONE;
	uint16_t sections = kept ? dbi->sections_were : dbi->sections;
	if (sections == MSF_STREAM_NONE)
		return ei_fail(EI_E_FORMAT, "it has no section headers");
	EI_TRY_IN(msf_stream(msf, sections, SIZE_MAX, &symbols->sections), "section headers");
	if (moved)
		EI_TRY_IN(msf_stream(msf, dbi->omap, SIZE_MAX, &symbols->omap), "moved addresses");
	return NULL;
}

static ei_error *read_all(struct flat_builder *builder, const struct msf *msf,
	const struct bytes *debug, const struct pdb_dbi *dbi, struct symbols *symbols)
{
	BYTES_OWNED stream = { 0 };
	EI_TRY(read_sections(msf, dbi, symbols));
	EI_TRY_IN(msf_stream(msf, dbi->symbols, SIZE_MAX, &stream), "symbols");
	EI_TRY(read_records(symbols, &stream));
	EI_TRY(read_modules(symbols, msf, debug, dbi->modules));
	add_symbols(builder, symbols);
	return NULL;
}

ei_error *pdb_symbols_read(struct flat_builder *builder, const struct msf *msf,
	const struct bytes *debug, const struct pdb_dbi *dbi, uint32_t pointer_size)
{
	if (dbi->symbols == MSF_STREAM_NONE)
		return NULL;
	EI_OWNED(ei_arena) names = NULL;
	EI_TRY(ei_arena_create(NAMES_MAX, &names));
	struct symbols symbols = { .names = names, .decorated = pointer_size == 4 };
	ei_error *error = read_all(builder, msf, debug, dbi, &symbols);
	bytes_deinit(&symbols.sections);
	bytes_deinit(&symbols.omap);
	free(symbols.found);
	return error;
}
