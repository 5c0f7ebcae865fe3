// The flat form of profiles: one position-independent block, checked once, then read in place.
// Private to core/profile and to the tools in profiles/.
//
// A block holds any number of layouts (types and enumerations) and builds (what identifies one
// kernel, its symbols, and the layout it uses). A cache entry has one of each; the built-in block
// has all of them, and types that layouts share are stored once.
//
//     header | refs | types | members | by_name | enums | constants | layouts | layout_types
//            | layout_enums | builds | symbols | strings
//
// Sections have no gaps and no order but this one, so the counts in the header say where each of
// them is and there are no offsets that could be wrong. All records are made of 32-bit words, the
// block is aligned to 4 bytes, and names are offsets into `strings`, whose last byte is NUL.
// SPDX-License-Identifier: Apache-2.0
#ifndef PROFILE_FLAT_H
#define PROFILE_FLAT_H

#include "profile/profile.h"

// Raised whenever a record or its meaning changes: older cache entries are then parsed again.
enum { FLAT_VERSION = 1 };
enum { FLAT_INNER_MAX = 16 }; // bytes of the largest number

#define FLAT_MAGIC "EIPROFIL" // eight bytes, no NUL

enum { FLAT_MAX = 256 << 20 }; // bytes; far above the largest kernel's 3 MiB

enum flat_section {
	FLAT_REFS,
	FLAT_TYPES,
	FLAT_MEMBERS,
	FLAT_BY_NAME,
	FLAT_ENUMS,
	FLAT_CONSTANTS,
	FLAT_LAYOUTS,
	FLAT_LAYOUT_TYPES,
	FLAT_LAYOUT_ENUMS,
	FLAT_BUILDS,
	FLAT_SYMBOLS,
	FLAT_STRINGS,
	FLAT_SECTIONS,
};

struct flat_header {
	char magic[8];
	uint32_t version;
	uint32_t size;   // bytes of the whole block
	uint64_t digest; // of all that follows this field
	uint32_t count[FLAT_SECTIONS];
};

// What a member is; shared by all members that look alike.
struct flat_ref {
	uint8_t kind, element_kind; // enum member_kind
	uint8_t bit, width;         // of arrays of arrays: see struct member
	uint32_t size;
	uint32_t element_size;
	uint32_t count;
	uint32_t target; // string
};

struct flat_type {
	uint32_t name;
	uint32_t size;
	uint32_t first, count; // members, by offset; by_name[first..] has the same ones by name
};

struct flat_member {
	uint32_t name;
	uint32_t offset;
	uint32_t ref;
};

struct flat_enum {
	uint32_t name;
	uint32_t size;
	uint32_t first, count; // constants, by name
};

struct flat_constant {
	uint32_t name;
	uint32_t low, high; // of a signed 64-bit value
};

struct flat_layout {
	uint32_t pointer_size;
	uint32_t first_type, type_count; // in layout_types, by name
	uint32_t first_enum, enum_count; // in layout_enums, by name
};

struct flat_build {
	uint32_t name, pdb, guid, version; // strings
	uint32_t age;
	uint32_t layout;
	uint32_t first_symbol, symbol_count; // by name
};

struct flat_symbol {
	uint32_t name;
	uint32_t low, high; // of the address
};

_Static_assert(sizeof(struct flat_header) == 24 + 4 * FLAT_SECTIONS, "block format");
_Static_assert(sizeof(struct flat_ref) == 20, "block format");
_Static_assert(sizeof(struct flat_type) == 16, "block format");
_Static_assert(sizeof(struct flat_member) == 12, "block format");
_Static_assert(sizeof(struct flat_enum) == 16, "block format");
_Static_assert(sizeof(struct flat_constant) == 12, "block format");
_Static_assert(sizeof(struct flat_layout) == 20, "block format");
_Static_assert(sizeof(struct flat_build) == 32, "block format");
_Static_assert(sizeof(struct flat_symbol) == 12, "block format");

// clang-format off
#define FLAT_RECORD_SIZES {                                                                        \
	[FLAT_REFS] = sizeof(struct flat_ref),                                                     \
	[FLAT_TYPES] = sizeof(struct flat_type),                                                   \
	[FLAT_MEMBERS] = sizeof(struct flat_member),                                               \
	[FLAT_BY_NAME] = sizeof(uint32_t),                                                         \
	[FLAT_ENUMS] = sizeof(struct flat_enum),                                                   \
	[FLAT_CONSTANTS] = sizeof(struct flat_constant),                                           \
	[FLAT_LAYOUTS] = sizeof(struct flat_layout),                                               \
	[FLAT_LAYOUT_TYPES] = sizeof(uint32_t),                                                    \
	[FLAT_LAYOUT_ENUMS] = sizeof(uint32_t),                                                    \
	[FLAT_BUILDS] = sizeof(struct flat_build),                                                 \
	[FLAT_SYMBOLS] = sizeof(struct flat_symbol),                                               \
	[FLAT_STRINGS] = 1,                                                                        \
}
// clang-format on

// A checked block, ready to read. Everything is borrowed from the block.
struct flat {
	const struct flat_header *header;
	const struct flat_ref *refs;
	const struct flat_type *types;
	const struct flat_member *members;
	const uint32_t *by_name;
	const struct flat_enum *enums;
	const struct flat_constant *constants;
	const struct flat_layout *layouts;
	const uint32_t *layout_types;
	const uint32_t *layout_enums;
	const struct flat_build *builds;
	const struct flat_symbol *symbols;
	const char *strings;
};

// Checks header, digest and every reference of `block` in one pass: afterwards no reader needs to
// check anything. EI_E_FORMAT says what is wrong; a block may be torn or hostile.
EI_CHECKED ei_error *flat_open(const void *block, size_t size_bytes, struct flat *out);

// The same without the pass, for a block that was checked when it was built into the binary.
struct flat flat_view(const void *block);

// Guards against tearing and bit rot, not against malice.
uint64_t flat_digest(const void *bytes, size_t length);

const struct flat_type *flat_find_type(
	const struct flat *flat, const struct flat_layout *layout, const char *name, size_t length);
const struct flat_member *flat_find_member(
	const struct flat *flat, const struct flat_type *type, const char *name, size_t length);
const struct flat_symbol *flat_find_symbol(
	const struct flat *flat, const struct flat_build *build, const char *name);
const struct flat_constant *flat_find_constant(
	const struct flat *flat, const struct flat_enum *enumeration, const char *name);
const struct flat_enum *flat_find_enum(
	const struct flat *flat, const struct flat_layout *layout, const char *name);

// ---- building -------------------------------------------------------------------------------
// A layout's types and enumerations are added after its flat_add_layout(), a type's members after
// its flat_add_type(), a build's symbols after its flat_add_build(); otherwise in any order. Lack
// of memory is remembered and told by flat_builder_finish().
struct flat_builder;

struct flat_build_spec {
	const char *name, *pdb, *guid, *version; // never NULL
	uint32_t age;
	uint32_t layout; // number of the layout, in order of addition
};

EI_CHECKED ei_error *flat_builder_create(struct flat_builder **out);
void flat_builder_drop(struct flat_builder *builder); // NULL is allowed
EI_OWNER(flat_builder, flat_builder_drop);

// Makes `out` an array of `element`; its count and size are the caller's.
static inline void member_of_elements(struct member *out, const struct member *element)
{
	bool is_array = element->kind == MEMBER_ARRAY;
	bool is_nested = is_array && element->element_kind == MEMBER_ARRAY;
	out->kind = MEMBER_ARRAY;
	out->element_kind = element->kind;
	out->element_size = element->size;
	out->target = element->target;
	if (!is_array)
		return;
	out->bit = is_nested ? element->bit : element->element_kind;
	out->width = is_nested ? element->width : element->element_size;
	if (out->bit == MEMBER_STRUCT || out->width > FLAT_INNER_MAX)
		out->width = 0;
}

uint32_t flat_add_layout(struct flat_builder *builder, uint32_t pointer_size);
void flat_add_type(struct flat_builder *builder, const char *name, uint32_t size);
// `member->target` and `name` are copied, as all names are.
void flat_add_member(struct flat_builder *builder, const char *name, const struct member *member);
void flat_add_enum(struct flat_builder *builder, const char *name, uint32_t size);
void flat_add_constant(struct flat_builder *builder, const char *name, int64_t value);
void flat_add_build(struct flat_builder *builder, const struct flat_build_spec *build);
void flat_add_symbol(struct flat_builder *builder, const char *name, uint64_t address);

// The finished block, from malloc(), and its size.
EI_CHECKED ei_error *flat_builder_finish(
	struct flat_builder *builder, void **block, size_t *size_bytes);

#endif
