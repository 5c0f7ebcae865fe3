// Checks a flat block once and finds names in it. The format is described in flat.h.
// SPDX-License-Identifier: Apache-2.0
#include "profile/flat.h"

_Static_assert(offsetof(struct flat_type, name) == 0 && offsetof(struct flat_member, name) == 0 &&
		       offsetof(struct flat_enum, name) == 0 &&
		       offsetof(struct flat_constant, name) == 0 &&
		       offsetof(struct flat_symbol, name) == 0,
	"run_find() reads names at the start of records");

static const uint32_t record_size[FLAT_SECTIONS] = FLAT_RECORD_SIZES;

// ---- digest ---------------------------------------------------------------------------------
// Four independent multiply-rotate lanes keep the multiplier busy: about 10 GB/s.
static uint64_t rotate_left(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static uint64_t digest_mix(uint64_t lane, uint64_t word)
{
	return rotate_left(lane + word * 0xc2b2ae3d27d4eb4fu, 31) * 0x9e3779b185ebca87u;
}

uint64_t flat_digest(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	uint64_t lane[4] = { 0x243f6a8885a308d3u, 0x13198a2e03707344u, 0xa4093822299f31d0u,
		0x082efa98ec4e6c89u };
	size_t left = length;
	for (; left >= 32; at += 32, left -= 32)
		for (unsigned i = 0; i < 4; i++)
			lane[i] = digest_mix(lane[i], load_u64(at + 8 * i));
	uint8_t tail[32] = { 0 };
	if (left)
		memcpy(tail, at, left);
	uint64_t sum = length;
	for (unsigned i = 0; i < 4; i++)
		sum = digest_mix(sum, digest_mix(lane[i], load_u64(tail + 8 * i)));
	sum = (sum ^ sum >> 33) * 0x9e3779b185ebca87u;
	return sum ^ sum >> 29;
}

// ---- opening --------------------------------------------------------------------------------
struct flat flat_view(const void *block)
{
	const struct flat_header *header = block;
	const char *at[FLAT_SECTIONS];
	const char *next = (const char *)(header + 1);
	for (unsigned i = 0; i < FLAT_SECTIONS; i++) {
		at[i] = next;
		next += (size_t)header->count[i] * record_size[i];
	}
	return (struct flat){
		.header = header,
		.refs = (const void *)at[FLAT_REFS],
		.types = (const void *)at[FLAT_TYPES],
		.members = (const void *)at[FLAT_MEMBERS],
		.by_name = (const void *)at[FLAT_BY_NAME],
		.enums = (const void *)at[FLAT_ENUMS],
		.constants = (const void *)at[FLAT_CONSTANTS],
		.layouts = (const void *)at[FLAT_LAYOUTS],
		.layout_types = (const void *)at[FLAT_LAYOUT_TYPES],
		.layout_enums = (const void *)at[FLAT_LAYOUT_ENUMS],
		.builds = (const void *)at[FLAT_BUILDS],
		.symbols = (const void *)at[FLAT_SYMBOLS],
		.strings = at[FLAT_STRINGS],
	};
}

static ei_error *check_header(const void *block, size_t size_bytes)
{
	const struct flat_header *header = block;
	if (size_bytes < sizeof *header || memcmp(header->magic, FLAT_MAGIC, sizeof header->magic))
		return ei_fail(EI_E_FORMAT, "not a flat profile");
	if (header->version != FLAT_VERSION)
		return ei_fail(EI_E_FORMAT, "flat profile has version %u, want %u", header->version,
			FLAT_VERSION);
	uint64_t want = sizeof *header;
	for (unsigned i = 0; i < FLAT_SECTIONS; i++)
		want += (uint64_t)header->count[i] * record_size[i];
	if (header->size != size_bytes || want != size_bytes || size_bytes > FLAT_MAX)
		return ei_fail(EI_E_FORMAT, "flat profile is %zu bytes long, its header says %llu",
			size_bytes, (unsigned long long)want);
	size_t covered = offsetof(struct flat_header, count);
	uint64_t digest = flat_digest((const uint8_t *)block + covered, size_bytes - covered);
	if (digest != header->digest)
		return ei_fail(EI_E_FORMAT,
			"flat profile is damaged: digest is %016llx, want %016llx",
			(unsigned long long)digest, (unsigned long long)header->digest);
	return NULL;
}

static bool refs_sound(const struct flat *flat)
{
	const uint32_t *count = flat->header->count;
	bool sound = true;
	for (uint32_t i = 0; i < count[FLAT_REFS]; i++) {
		const struct flat_ref *ref = &flat->refs[i];
		sound &= ref->kind >= MEMBER_UINT && ref->kind <= MEMBER_ARRAY;
		sound &= ref->element_kind <= MEMBER_ARRAY;
		sound &= ref->bit < 64 && ref->bit + ref->width <= 64;
		sound &= ref->target < count[FLAT_STRINGS];
	}
	return sound;
}

static bool types_sound(const struct flat *flat)
{
	const uint32_t *count = flat->header->count;
	bool sound = count[FLAT_BY_NAME] == count[FLAT_MEMBERS];
	for (uint32_t i = 0; i < count[FLAT_TYPES] && sound; i++) {
		const struct flat_type *type = &flat->types[i];
		sound &= type->name < count[FLAT_STRINGS];
		sound &= span_inside(type->first, type->count, count[FLAT_MEMBERS]);
	}
	for (uint32_t i = 0; i < count[FLAT_MEMBERS] && sound; i++) {
		sound &= flat->members[i].name < count[FLAT_STRINGS];
		sound &= flat->members[i].ref < count[FLAT_REFS];
		sound &= flat->by_name[i] < count[FLAT_MEMBERS];
	}
	return sound;
}

static bool enums_sound(const struct flat *flat)
{
	const uint32_t *count = flat->header->count;
	bool sound = true;
	for (uint32_t i = 0; i < count[FLAT_ENUMS]; i++) {
		const struct flat_enum *enumeration = &flat->enums[i];
		sound &= enumeration->name < count[FLAT_STRINGS];
		sound &= span_inside(enumeration->first, enumeration->count, count[FLAT_CONSTANTS]);
	}
	for (uint32_t i = 0; i < count[FLAT_CONSTANTS]; i++)
		sound &= flat->constants[i].name < count[FLAT_STRINGS];
	return sound;
}

static bool layouts_sound(const struct flat *flat)
{
	const uint32_t *count = flat->header->count;
	bool sound = true;
	for (uint32_t i = 0; i < count[FLAT_LAYOUTS]; i++) {
		const struct flat_layout *layout = &flat->layouts[i];
		sound &= layout->pointer_size == 4 || layout->pointer_size == 8;
		sound &= span_inside(
			layout->first_type, layout->type_count, count[FLAT_LAYOUT_TYPES]);
		sound &= span_inside(
			layout->first_enum, layout->enum_count, count[FLAT_LAYOUT_ENUMS]);
	}
	for (uint32_t i = 0; i < count[FLAT_LAYOUT_TYPES]; i++)
		sound &= flat->layout_types[i] < count[FLAT_TYPES];
	for (uint32_t i = 0; i < count[FLAT_LAYOUT_ENUMS]; i++)
		sound &= flat->layout_enums[i] < count[FLAT_ENUMS];
	return sound;
}

static bool builds_sound(const struct flat *flat)
{
	const uint32_t *count = flat->header->count;
	bool sound = true;
	for (uint32_t i = 0; i < count[FLAT_BUILDS]; i++) {
		const struct flat_build *build = &flat->builds[i];
		sound &= build->name < count[FLAT_STRINGS] && build->pdb < count[FLAT_STRINGS];
		sound &= build->guid < count[FLAT_STRINGS] && build->version < count[FLAT_STRINGS];
		sound &= build->layout < count[FLAT_LAYOUTS];
		sound &= span_inside(build->first_symbol, build->symbol_count, count[FLAT_SYMBOLS]);
	}
	for (uint32_t i = 0; i < count[FLAT_SYMBOLS]; i++)
		sound &= flat->symbols[i].name < count[FLAT_STRINGS];
	return sound;
}

static bool strings_sound(const struct flat *flat)
{
	uint32_t length = flat->header->count[FLAT_STRINGS];
	return length && !flat->strings[length - 1];
}

ei_error *flat_open(const void *block, size_t size_bytes, struct flat *out)
{
	static const struct {
		const char *what;
		bool (*sound)(const struct flat *flat);
	} checks[] = {
		{ "strings", strings_sound },
		{ "type references", refs_sound },
		{ "types", types_sound },
		{ "enumerations", enums_sound },
		{ "layouts", layouts_sound },
		{ "builds", builds_sound },
	};
	EI_TRY(check_header(block, size_bytes));
	struct flat flat = flat_view(block);
	for (size_t i = 0; i < ARRAY_LENGTH(checks); i++)
		if (!checks[i].sound(&flat))
			return ei_fail(EI_E_FORMAT,
				"flat profile is damaged: its %s lead outside it", checks[i].what);
	*out = flat;
	return NULL;
}

// ---- finding --------------------------------------------------------------------------------
// Order of `name` (not terminated: a step of a path) against a terminated string.
static int name_compare(const char *name, size_t length, const char *other)
{
	int order = strncmp(name, other, length);
	return order ? order : -(other[length] != '\0');
}

// A sorted run of records, each of which starts with its name; by way of `ids` when not NULL.
struct run {
	const void *records;
	size_t record_size;
	const uint32_t *ids;
	uint32_t count;
};

static const void *run_find(
	const struct run *run, const char *strings, const char *name, size_t length)
{
	uint32_t low = 0, high = run->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		size_t id = run->ids ? run->ids[middle] : middle;
		const uint8_t *record = (const uint8_t *)run->records + id * run->record_size;
		int order = name_compare(name, length, strings + load_u32(record));
		if (!order)
			return record;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct flat_type *flat_find_type(
	const struct flat *flat, const struct flat_layout *layout, const char *name, size_t length)
{
	struct run run = { flat->types, sizeof *flat->types,
		flat->layout_types + layout->first_type, layout->type_count };
	return run_find(&run, flat->strings, name, length);
}

const struct flat_member *flat_find_member(
	const struct flat *flat, const struct flat_type *type, const char *name, size_t length)
{
	struct run run = { flat->members, sizeof *flat->members, flat->by_name + type->first,
		type->count };
	return run_find(&run, flat->strings, name, length);
}

const struct flat_enum *flat_find_enum(
	const struct flat *flat, const struct flat_layout *layout, const char *name)
{
	struct run run = { flat->enums, sizeof *flat->enums,
		flat->layout_enums + layout->first_enum, layout->enum_count };
	return run_find(&run, flat->strings, name, strlen(name));
}

const struct flat_symbol *flat_find_symbol(
	const struct flat *flat, const struct flat_build *build, const char *name)
{
	struct run run = { flat->symbols + build->first_symbol, sizeof *flat->symbols, NULL,
		build->symbol_count };
	return run_find(&run, flat->strings, name, strlen(name));
}

const struct flat_constant *flat_find_constant(
	const struct flat *flat, const struct flat_enum *enumeration, const char *name)
{
	struct run run = { flat->constants + enumeration->first, sizeof *flat->constants, NULL,
		enumeration->count };
	return run_find(&run, flat->strings, name, strlen(name));
}
