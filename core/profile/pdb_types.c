// Reads a program database's types into the flat form.
// SPDX-License-Identifier: Apache-2.0
#include "profile/pdb_leaf.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_INDEX = 0x1000 };  // lower type indexes are built in
enum { TYPES_MAX = 1 << 21 };   // large programs have half of that
enum { NESTING_MAX = 16 };      // "pointer to pointer to array of ..."
enum { NAMES_MAX = 256 << 20 }; // bytes of names that had to be copied
enum { ENTRY_MIN = 6 };         // bytes of the shortest entry of a field list

enum { TPI_HEADER_SIZE = 4, TPI_FIRST = 8, TPI_END = 12, TPI_BYTES = 16, TPI_SIZE = 20 };

enum property { PROPERTY_FORWARD = 0x80, PROPERTY_UNIQUE_NAME = 0x200 };

struct type {
	struct record record;
	const char *name;    // of structures and enumerations, NULL otherwise
	const char *key;     // what declarations and definitions share
	uint32_t size;       // bytes, of structures and arrays
	uint32_t definition; // number + 1 of what a declaration declares; of a definition its own
	bool listed;         // it is the definition that its name stands for
};

struct types {
	struct flat_builder *builder;
	struct type *types;
	uint32_t first, count;
	uint32_t pointer_size;
	uint32_t budget;    // entries of field lists that may still be read
	struct member base; // the integer under the enumeration that is being read
	ei_arena *names;
};

static const struct type *type_of(const struct types *types, uint32_t index)
{
	if (index < types->first || index - types->first >= types->count)
		return NULL;
	return &types->types[index - types->first];
}

// ---- first pass: where each type is, what it is called, how large it is ---------------------
// Names that compilers give to what has none, as other symbol files spell them.
static bool is_nameless(const char *name)
{
	static const char *const tags[] = { "<unnamed-tag>", "<anonymous-tag>", "__unnamed" };
	size_t length = strlen(name);
	for (size_t i = 0; i < ARRAY_LENGTH(tags); i++) {
		size_t tail = strlen(tags[i]);
		if (length >= tail && !strcmp(name + length - tail, tags[i]))
			return true;
	}
	return !length;
}

static const char *kept_name(struct types *types, const struct type *type, const struct name *name)
{
	if (is_nameless(name->text))
		return ei_text(types->names, "__unnamed_%x",
			types->first + (uint32_t)(type - types->types));
	if (name->text == name->copy)
		return ei_text(types->names, "%s", name->text);
	return name->text;
}

static ei_error *name_type(struct types *types, struct type *type)
{
	struct record *record = &type->record;
	struct name name, unique;
	int64_t size = 0;
	uint32_t at = record->leaf->tail;
	bool sound = record->leaf->kind == LEAF_ENUM || number_read(record, &at, &size);
	if (!sound || size < 0 || size > INT32_MAX)
		return ei_fail(EI_E_FORMAT, "it has no sound size");
	type->size = (uint32_t)size;
	if (record->leaf->kind == LEAF_ARRAY)
		return NULL;
	if (!name_read(record, &at, &name))
		return ei_fail(EI_E_FORMAT, "its name is cut");
	type->name = kept_name(types, type, &name);
	type->key = type->name;
	uint32_t properties = load_u16(record->at + record->leaf->info);
	if ((properties & PROPERTY_UNIQUE_NAME) && record->leaf->names == NAME_ZERO &&
		name_read(record, &at, &unique) && *unique.text)
		type->key = unique.text;
	return type->name ? NULL : ei_fail(EI_E_NOMEM, "reading types");
}

static ei_error *index_record(
	struct types *types, uint32_t number, const uint8_t *at, uint32_t size)
{
	struct type *type = &types->types[number];
	const struct leaf *leaf = leaf_find(load_u16(at));
	type->record = (struct record){ at + 2, size - 2, leaf };
	if (!leaf)
		return NULL;
	if (leaf->tail > size - 2)
		return ei_fail(EI_E_FORMAT, "it is cut");
	if (leaf->kind >= LEAF_ARRAY && leaf->kind <= LEAF_ENUM)
		return name_type(types, type);
	return NULL;
}

static ei_error *index_types(struct types *types, const uint8_t *records, uint32_t size)
{
	uint32_t at = 0;
	for (uint32_t i = 0; i < types->count; i++) {
		uint32_t length = span_inside(at, 2, size) ? load_u16(records + at) : 0;
		if (length < 2 || !span_inside(at + 2u, length, size))
			return ei_fail(EI_E_FORMAT, "type %#x is cut", types->first + i);
		EI_TRY_IN(index_record(types, i, records + at + 2, length), "type %#x",
			types->first + i);
		at += 2 + length;
	}
	return NULL;
}

// ---- second pass: declarations and their definitions ----------------------------------------
static bool is_declaration(const struct type *type)
{
	return load_u16(type->record.at + type->record.leaf->info) & PROPERTY_FORWARD;
}

static const char *key_of(const struct type *type, bool by_name)
{
	return by_name ? type->name : type->key;
}

static uint32_t *definition_slot(
	const struct types *types, uint32_t *slots, uint32_t room, const char *key, bool by_name)
{
	uint64_t hash = flat_digest(key, strlen(key));
	uint32_t *slot = &slots[hash & (room - 1)];
	while (*slot && strcmp(key_of(&types->types[*slot - 1], by_name), key)) {
		hash++;
		slot = &slots[hash & (room - 1)];
	}
	return slot;
}

// Of several definitions of one name the last counts, as the linker appends.
static void link_by(struct types *types, uint32_t *slots, uint32_t room, bool by_name)
{
	memset(slots, 0, room * sizeof *slots);
	for (uint32_t i = 0; i < types->count; i++) {
		struct type *type = &types->types[i];
		if (type->key && !is_declaration(type))
			*definition_slot(types, slots, room, key_of(type, by_name), by_name) =
				i + 1;
	}
	for (uint32_t i = 0; i < types->count; i++) {
		struct type *type = &types->types[i];
		if (!type->key)
			continue;
		uint32_t id = *definition_slot(types, slots, room, key_of(type, by_name), by_name);
		if (!type->definition)
			type->definition = id;
		type->listed = id == i + 1;
	}
}

// By the unique name that newer compilers add, then by the name that people see.
static ei_error *link_definitions(struct types *types)
{
	uint32_t room = 1024;
	while (room < types->count * 2)
		room *= 2;
	uint32_t *slots = malloc(room * sizeof *slots);
	if (!slots)
		return ei_fail(EI_E_NOMEM, "reading types");
	link_by(types, slots, room, false);
	link_by(types, slots, room, true);
	free(slots);
	return NULL;
}

// ---- what a member is -----------------------------------------------------------------------
static ei_error *describe(
	const struct types *types, uint32_t index, unsigned depth, struct member *out);

static uint32_t basic_pointer_size(const struct types *types, uint32_t mode)
{
	if (mode == 4 || mode == 5)
		return 4;
	return mode == 6 ? 8 : types->pointer_size;
}

static void describe_basic(const struct types *types, uint32_t index, struct member *out)
{
	uint32_t mode = index >> 8 & 15;
	*out = basic_find((uint8_t)index);
	if (mode) {
		out->kind = MEMBER_POINTER;
		out->size = basic_pointer_size(types, mode);
	}
}

// Name of what a pointer points to; "" when it has none.
static const char *pointed_at(const struct types *types, uint32_t index)
{
	const struct type *type = NULL;
	for (unsigned i = 0; i < NESTING_MAX; i++) {
		type = type_of(types, index);
		if (!type || !type->record.leaf || type->record.leaf->kind != LEAF_MODIFIER)
			break;
		index = index_at(&type->record, type->record.leaf->type);
	}
	struct member basic = { .target = "" };
	if (index < FIRST_INDEX) {
		describe_basic(types, index, &basic);
		return basic.kind == MEMBER_POINTER ? "pointer" : basic.target;
	}
	if (type && type->record.leaf && type->record.leaf->kind == LEAF_POINTER)
		return "pointer";
	return type && type->name ? type->name : "";
}

static ei_error *describe_pointer(
	const struct types *types, const struct record *record, struct member *out)
{
	uint32_t attributes = load_u16(record->at + record->leaf->info);
	uint32_t size = 0;
	if (record->leaf->wide == 4)
		size = load_u32(record->at + record->leaf->info) >> 13 & 63;
	if (!size)
		size = basic_pointer_size(types, (attributes & 31) == 12   ? 6
						 : (attributes & 31) == 10 ? 4
									   : 0);
	out->kind = MEMBER_POINTER;
	out->size = size;
	out->target = pointed_at(types, index_at(record, record->leaf->type));
	return NULL;
}

static ei_error *describe_array(
	const struct types *types, const struct type *type, unsigned depth, struct member *out)
{
	struct member element = { 0 };
	const struct record *record = &type->record;
	EI_TRY(describe(types, index_at(record, record->leaf->type), depth + 1, &element));
	member_of_elements(out, &element);
	out->size = type->size;
	out->count = element.size ? type->size / element.size : 0;
	return NULL;
}

static ei_error *describe_bits(
	const struct types *types, const struct record *record, unsigned depth, struct member *out)
{
	struct member whole = { 0 };
	EI_TRY(describe(types, index_at(record, record->leaf->type), depth + 1, &whole));
	out->width = record->at[record->leaf->info];
	out->bit = record->at[record->leaf->info + 1];
	if (whole.size > 8 || !out->width || !span_inside(out->bit, out->width, whole.size * 8))
		return ei_fail(EI_E_FORMAT, "%u bits at %u are outside its %u bytes", out->width,
			out->bit, whole.size);
	out->kind = MEMBER_BITS;
	out->size = whole.size;
	out->target = whole.target;
	return NULL;
}

// A structure that is only declared has size 0.
static ei_error *describe_named(
	const struct types *types, const struct type *type, unsigned depth, struct member *out)
{
	if (type->definition)
		type = &types->types[type->definition - 1];
	const struct record *record = &type->record;
	out->kind = MEMBER_STRUCT;
	out->size = type->size;
	if (record->leaf->kind == LEAF_ENUM) {
		EI_TRY(describe(types, index_at(record, record->leaf->base), depth + 1, out));
		out->kind = MEMBER_UINT;
	}
	out->target = type->name;
	return NULL;
}

// Kind, size and target of a type; `out` is zero before. Functions have size 0 and no name.
static ei_error *describe(
	const struct types *types, uint32_t index, unsigned depth, struct member *out)
{
	if (depth > NESTING_MAX)
		return ei_fail(EI_E_LIMIT, "its type is nested more than %d deep", NESTING_MAX);
	if (index < FIRST_INDEX) {
		describe_basic(types, index, out);
		return NULL;
	}
	const struct type *type = type_of(types, index);
	if (!type)
		return ei_fail(EI_E_FORMAT, "its type %#x does not exist", index);
	const struct record *record = &type->record;
	switch (record->leaf ? record->leaf->kind : LEAF_OTHER) {
	case LEAF_MODIFIER:
		return describe(types, index_at(record, record->leaf->type), depth + 1, out);
	case LEAF_POINTER:
		return describe_pointer(types, record, out);
	case LEAF_ARRAY:
		return describe_array(types, type, depth, out);
	case LEAF_BITS:
		return describe_bits(types, record, depth, out);
	case LEAF_STRUCT:
	case LEAF_ENUM:
		return describe_named(types, type, depth, out);
	default:
		*out = (struct member){ .kind = MEMBER_STRUCT, .target = "" };
	}
	return NULL;
}

// ---- field lists ----------------------------------------------------------------------------
// A base class (`name` is NULL) is a member with its type's name.
static ei_error *add_member(
	struct types *types, const struct record *entry, const char *name, int64_t offset)
{
	struct member member = { 0 };
	const char *called = name ? name : "(base class)";
	if (offset < 0 || offset > INT32_MAX)
		return ei_fail(EI_E_FORMAT, "member '%s' has no sound offset", called);
	EI_TRY_IN(describe(types, index_at(entry, entry->leaf->type), 0, &member), "member '%s'",
		called);
	member.offset = (uint32_t)offset;
	flat_add_member(types->builder, name ? name : member.target, &member);
	return NULL;
}

// Some compilers write a negative constant as the unsigned number of the same bits.
static void add_constant(struct types *types, const char *name, int64_t value)
{
	if (types->base.kind == MEMBER_INT && types->base.size == 4)
		value = (int32_t)(uint32_t)(uint64_t)value;
	flat_add_constant(types->builder, name, value);
}

// The numbers that stand between an entry's fixed part and its name.
static bool entry_numbers(struct record *entry, uint32_t *at, int64_t *number)
{
	int64_t ignored = 0;
	switch (entry->leaf->kind) {
	case LEAF_MEMBER:
	case LEAF_BASE:
	case LEAF_VALUE:
		return number_read(entry, at, number);
	case LEAF_VIRTUAL:
		return number_read(entry, at, &ignored) && number_read(entry, at, &ignored);
	case LEAF_METHOD:
		*at += (load_u16(entry->at) >> 2 & 5) == 4 ? 4 : 0; // introduces a virtual function
		return true;
	default:
		return true;
	}
}

static ei_error *entry_take(struct types *types, const struct record *entry, const char *name,
	int64_t number, uint32_t *next)
{
	switch (entry->leaf->kind) {
	case LEAF_NEXT:
		*next = index_at(entry, entry->leaf->type);
		return NULL;
	case LEAF_VALUE:
		add_constant(types, name, number);
		return NULL;
	case LEAF_MEMBER:
		return add_member(types, entry, name, number);
	case LEAF_BASE:
		return add_member(types, entry, NULL, number);
	default:
		return NULL;
	}
}

// One entry of a field list; `*length` becomes its own. `*next` is the list that goes on.
static ei_error *read_entry(
	struct types *types, struct record *entry, uint32_t *length, uint32_t *next)
{
	struct name name = { .text = "" };
	int64_t number = 0;
	uint32_t at = entry->leaf->tail;
	bool sound = at <= entry->length && entry_numbers(entry, &at, &number);
	if (sound && entry->leaf->names != NAME_NONE)
		sound = name_read(entry, &at, &name);
	if (!sound || at > entry->length)
		return ei_fail(EI_E_FORMAT, "an entry of its field list is cut");
	*length = at;
	return entry_take(types, entry, name.text, number, next);
}

static bool is_wanted(enum leaf_kind kind, enum leaf_kind owner)
{
	if (owner == LEAF_ENUM)
		return kind == LEAF_VALUE || kind == LEAF_NEXT;
	return kind >= LEAF_MEMBER && kind != LEAF_VALUE;
}

static ei_error *read_list(
	struct types *types, const struct record *list, enum leaf_kind owner, uint32_t *next)
{
	for (uint32_t at = 0; at + 2 <= list->length;) {
		if (list->at[at] >= 0xf0) { // padding
			at++;
			continue;
		}
		uint16_t number = load_u16(list->at + at);
		struct record entry = { list->at + at + 2, list->length - at - 2,
			leaf_find(number) };
		uint32_t length = 0;
		if (!entry.leaf || !is_wanted(entry.leaf->kind, owner))
			return ei_fail(
				EI_E_FORMAT, "its field list has an unknown entry %#x", number);
		if (!types->budget--)
			return ei_fail(EI_E_LIMIT, "field lists are used too often");
		EI_TRY(read_entry(types, &entry, &length, next));
		at += 2 + length;
	}
	return NULL;
}

// A long list goes on in another one; the budget bounds loops.
static ei_error *read_fields(struct types *types, uint32_t index, enum leaf_kind owner)
{
	while (index) {
		const struct type *list = type_of(types, index);
		if (!list || !list->record.leaf || list->record.leaf->kind != LEAF_FIELDS)
			return ei_fail(EI_E_FORMAT, "its field list %#x is none", index);
		index = 0;
		EI_TRY(read_list(types, &list->record, owner, &index));
	}
	return NULL;
}

static ei_error *add_type(struct types *types, const struct type *type)
{
	const struct record *record = &type->record;
	enum leaf_kind kind = record->leaf->kind;
	if (kind == LEAF_STRUCT) {
		flat_add_type(types->builder, type->name, type->size);
	} else {
		types->base = (struct member){ 0 };
		EI_TRY(describe(types, index_at(record, record->leaf->base), 0, &types->base));
		flat_add_enum(types->builder, type->name, types->base.size);
	}
	return read_fields(types, index_at(record, record->leaf->type), kind);
}

static ei_error *add_types(struct types *types)
{
	for (uint32_t i = 0; i < types->count; i++) {
		const struct type *type = &types->types[i];
		if (type->listed)
			EI_TRY_IN(add_type(types, type), "type '%s'", type->name);
	}
	return NULL;
}

// ---- the stream -----------------------------------------------------------------------------
// Old databases do not name the machine: their pointers do.
static uint32_t pointers_size(const struct types *types)
{
	for (uint32_t i = 0; i < types->count; i++) {
		const struct record *record = &types->types[i].record;
		if (!record->leaf || record->leaf->kind != LEAF_POINTER || record->leaf->wide != 4)
			continue;
		return (load_u32(record->at + record->leaf->info) & 31) == 12 ? 8 : 4;
	}
	return 4;
}

static ei_error *read_records(struct types *types, const uint8_t *records, uint32_t size)
{
	EI_TRY(index_types(types, records, size));
	EI_TRY(link_definitions(types));
	if (!types->pointer_size)
		types->pointer_size = pointers_size(types);
	flat_add_layout(types->builder, types->pointer_size);
	return add_types(types);
}

ei_error *pdb_types_read(
	struct flat_builder *builder, const struct bytes *tpi, uint32_t *pointer_size)
{
	if (tpi->size < TPI_SIZE)
		return ei_fail(EI_E_FORMAT, "its type information is %zu bytes long, want %d",
			tpi->size, TPI_SIZE);
	uint32_t header = load_u32(tpi->data + TPI_HEADER_SIZE);
	uint32_t first = load_u32(tpi->data + TPI_FIRST), end = load_u32(tpi->data + TPI_END);
	uint32_t size = load_u32(tpi->data + TPI_BYTES);
	if (header < TPI_SIZE || !span_inside(header, size, tpi->size))
		return ei_fail(EI_E_FORMAT, "its type information is cut");
	if (first < FIRST_INDEX || end < first || end - first > TYPES_MAX || end - first > size / 4)
		return ei_fail(EI_E_FORMAT, "its types %#x to %#x do not fit into %u bytes", first,
			end, size);
	struct types types = { .builder = builder,
		.first = first,
		.count = end - first,
		.pointer_size = *pointer_size,
		.budget = size / ENTRY_MIN };
	EI_OWNED(ei_arena) names = NULL;
	EI_TRY(ei_arena_create(NAMES_MAX, &names));
	types.names = names;
	types.types = calloc(types.count + 1u, sizeof *types.types);
	ei_error *error = types.types ? read_records(&types, tpi->data + header, size)
				      : ei_fail(EI_E_NOMEM, "reading types");
	free(types.types);
	if (!error)
		*pointer_size = types.pointer_size;
	return error;
}
