// Builds flat blocks: collects, shares what is equal, sorts by name, lays out. See flat.h.
// SPDX-License-Identifier: Apache-2.0
#include "profile/flat.h"

#include <stdlib.h>

// ---- growing arrays and sharing -------------------------------------------------------------
struct array {
	uint8_t *data;
	size_t record_size;
	uint32_t count, room;
};

// Open-addressing table of record numbers + 1; what they stand for is the caller's business.
struct table {
	uint32_t *slots;
	uint32_t room, used; // room is a power of two
};

// A group is a type with its members or an enumeration with its constants: a head of four words
// (name, size, first, count) and a run of three-word records. Both are handled as types here.
_Static_assert(sizeof(struct flat_type) == sizeof(struct flat_enum), "groups look alike");
_Static_assert(sizeof(struct flat_member) == sizeof(struct flat_constant), "groups look alike");

struct group_kind {
	enum flat_section heads, parts, layout_ids;
};

enum group { GROUP_NONE, GROUP_TYPE, GROUP_ENUM, GROUPS };

static const struct group_kind group_kinds[GROUPS] = {
	[GROUP_TYPE] = { FLAT_TYPES, FLAT_MEMBERS, FLAT_LAYOUT_TYPES },
	[GROUP_ENUM] = { FLAT_ENUMS, FLAT_CONSTANTS, FLAT_LAYOUT_ENUMS },
};

struct flat_builder {
	struct array sections[FLAT_SECTIONS];
	struct table strings, refs, groups[GROUPS];
	enum group open;       // the group that is being collected
	struct flat_type head; // its head
	struct array parts;    // its members or constants
	bool no_memory, too_large;
};

static void *array_add(struct flat_builder *builder, struct array *array, uint32_t count)
{
	uint64_t need = (uint64_t)array->count + count;
	if (need * array->record_size > FLAT_MAX) {
		builder->too_large = true;
		return NULL;
	}
	if (need > array->room || !array->data) {
		size_t room = MAX(need, array->room * 2u + 64u);
		uint8_t *data = realloc(array->data, room * array->record_size);
		if (!data) {
			builder->no_memory = true;
			return NULL;
		}
		array->data = data;
		array->room = (uint32_t)room;
	}
	void *added = array->data + array->count * array->record_size;
	array->count = (uint32_t)need;
	memset(added, 0, count * array->record_size);
	return added;
}

static uint32_t *table_slot(const struct table *table, uint64_t hash, uint32_t step)
{
	return &table->slots[(hash + step) & (table->room - 1)];
}

// Makes room for one more; `hash_of` tells the hash of a record when all of them move.
static bool table_reserve(struct flat_builder *builder, struct table *table,
	uint64_t (*hash_of)(const struct flat_builder *builder, uint32_t id))
{
	if (table->used * 2 < table->room)
		return true;
	struct table bigger = { .room = table->room ? table->room * 2 : 1024, .used = table->used };
	bigger.slots = calloc(bigger.room, sizeof *bigger.slots);
	if (!bigger.slots) {
		builder->no_memory = true;
		return false;
	}
	for (uint32_t i = 0; i < table->room; i++) {
		if (!table->slots[i])
			continue;
		uint64_t hash = hash_of(builder, table->slots[i] - 1);
		uint32_t step = 0;
		while (*table_slot(&bigger, hash, step))
			step++;
		*table_slot(&bigger, hash, step) = table->slots[i];
	}
	free(table->slots);
	*table = bigger;
	return true;
}

// ---- strings --------------------------------------------------------------------------------
static const char *string_at(const struct flat_builder *builder, uint32_t at)
{
	return (const char *)builder->sections[FLAT_STRINGS].data + at;
}

static uint64_t string_hash(const struct flat_builder *builder, uint32_t at)
{
	const char *string = string_at(builder, at);
	return flat_digest(string, strlen(string));
}

static uint32_t add_string(struct flat_builder *builder, const char *string)
{
	size_t length = strlen(string);
	if (length >= FLAT_MAX) {
		builder->too_large = true;
		return 0;
	}
	if (!table_reserve(builder, &builder->strings, string_hash))
		return 0;
	uint64_t hash = flat_digest(string, length);
	uint32_t *slot = NULL;
	for (uint32_t step = 0; *(slot = table_slot(&builder->strings, hash, step)); step++)
		if (!strcmp(string_at(builder, *slot - 1), string))
			return *slot - 1;
	uint32_t at = builder->sections[FLAT_STRINGS].count;
	char *added = array_add(builder, &builder->sections[FLAT_STRINGS], (uint32_t)length + 1);
	if (!added)
		return 0;
	memcpy(added, string, length);
	*slot = at + 1;
	builder->strings.used++;
	return at;
}

// ---- records that are shared when equal -----------------------------------------------------
static const struct flat_ref *ref_at(const struct flat_builder *builder, uint32_t id)
{
	return (const struct flat_ref *)builder->sections[FLAT_REFS].data + id;
}

static uint64_t ref_hash(const struct flat_builder *builder, uint32_t id)
{
	return flat_digest(ref_at(builder, id), sizeof(struct flat_ref));
}

static uint32_t add_ref(struct flat_builder *builder, const struct member *member)
{
	struct flat_ref ref = {
		.kind = (uint8_t)member->kind,
		.element_kind = (uint8_t)member->element_kind,
		.bit = (uint8_t)member->bit,
		.width = (uint8_t)member->width,
		.size = member->size,
		.element_size = member->element_size,
		.count = member->count,
		.target = add_string(builder, member->target),
	};
	if (!table_reserve(builder, &builder->refs, ref_hash))
		return 0;
	uint64_t hash = flat_digest(&ref, sizeof ref);
	uint32_t *slot = NULL;
	for (uint32_t step = 0; *(slot = table_slot(&builder->refs, hash, step)); step++)
		if (!memcmp(ref_at(builder, *slot - 1), &ref, sizeof ref))
			return *slot - 1;
	struct flat_ref *added = array_add(builder, &builder->sections[FLAT_REFS], 1);
	if (!added)
		return 0;
	*added = ref;
	*slot = builder->sections[FLAT_REFS].count;
	builder->refs.used++;
	return *slot - 1;
}

static const struct flat_type *group_head(
	const struct flat_builder *builder, enum group group, uint32_t id)
{
	enum flat_section heads = group_kinds[group].heads;
	return (const struct flat_type *)builder->sections[heads].data + id;
}

static const struct flat_member *group_parts(
	const struct flat_builder *builder, enum group group, const struct flat_type *head)
{
	enum flat_section parts = group_kinds[group].parts;
	return (const struct flat_member *)builder->sections[parts].data + head->first;
}

static uint64_t group_hash(const struct flat_type *head, const struct flat_member *parts)
{
	return flat_digest(parts, head->count * sizeof *parts) ^
	       flat_digest(head, offsetof(struct flat_type, first));
}

static uint64_t type_hash(const struct flat_builder *builder, uint32_t id)
{
	const struct flat_type *head = group_head(builder, GROUP_TYPE, id);
	return group_hash(head, group_parts(builder, GROUP_TYPE, head));
}

static uint64_t enum_hash(const struct flat_builder *builder, uint32_t id)
{
	const struct flat_type *head = group_head(builder, GROUP_ENUM, id);
	return group_hash(head, group_parts(builder, GROUP_ENUM, head));
}

static bool group_is_open_one(const struct flat_builder *builder, uint32_t id)
{
	const struct flat_type *head = &builder->head;
	const struct flat_type *other = group_head(builder, builder->open, id);
	return other->name == head->name && other->size == head->size &&
	       other->count == head->count &&
	       (!head->count ||
		       !memcmp(group_parts(builder, builder->open, other), builder->parts.data,
			       head->count * sizeof(struct flat_member)));
}

// ---- sorting --------------------------------------------------------------------------------
static int member_order(const void *a, const void *b, void *builder)
{
	const struct flat_member *left = a, *right = b;
	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	uint8_t left_bit = ref_at(builder, left->ref)->bit;
	uint8_t right_bit = ref_at(builder, right->ref)->bit;
	if (left_bit != right_bit)
		return left_bit < right_bit ? -1 : 1;
	return strcmp(string_at(builder, left->name), string_at(builder, right->name));
}

// Records that start with their name.
static int name_order(const void *a, const void *b, void *builder)
{
	return strcmp(string_at(builder, load_u32(a)), string_at(builder, load_u32(b)));
}

// Producers write sorted files, so that this is mostly one pass.
static void sort_by_name(struct flat_builder *builder, void *records, size_t count, size_t size)
{
	for (size_t i = 1; i < count; i++) {
		const uint8_t *at = (const uint8_t *)records + i * size;
		if (name_order(at - size, at, builder) > 0) {
			qsort_r(records, count, size, name_order, builder);
			return;
		}
	}
}

static int member_id_order(const void *a, const void *b, void *builder)
{
	const struct flat_builder *in = builder;
	const struct flat_member *members = (const void *)in->sections[FLAT_MEMBERS].data;
	return name_order(&members[load_u32(a)], &members[load_u32(b)], builder);
}

static int type_id_order(const void *a, const void *b, void *builder)
{
	return name_order(group_head(builder, GROUP_TYPE, load_u32(a)),
		group_head(builder, GROUP_TYPE, load_u32(b)), builder);
}

static int enum_id_order(const void *a, const void *b, void *builder)
{
	return name_order(group_head(builder, GROUP_ENUM, load_u32(a)),
		group_head(builder, GROUP_ENUM, load_u32(b)), builder);
}

// ---- closing what was open ------------------------------------------------------------------
static void index_members(struct flat_builder *builder, const struct flat_type *type)
{
	uint32_t *ids = array_add(builder, &builder->sections[FLAT_BY_NAME], type->count);
	if (!ids)
		return;
	for (uint32_t i = 0; i < type->count; i++)
		ids[i] = type->first + i;
	qsort_r(ids, type->count, sizeof *ids, member_id_order, builder);
}

// Appends the open group; false when there is no room.
static bool append_group(struct flat_builder *builder)
{
	const struct group_kind *kind = &group_kinds[builder->open];
	struct flat_type head = builder->head;
	head.first = builder->sections[kind->parts].count;
	void *parts = array_add(builder, &builder->sections[kind->parts], head.count);
	struct flat_type *added = array_add(builder, &builder->sections[kind->heads], 1);
	if (!added || !parts)
		return false;
	*added = head;
	if (head.count)
		memcpy(parts, builder->parts.data, head.count * sizeof(struct flat_member));
	if (builder->open == GROUP_TYPE)
		index_members(builder, &head);
	return true;
}

// The number of the open group, which is appended unless an equal one is there.
static uint32_t share_group(struct flat_builder *builder)
{
	struct table *table = &builder->groups[builder->open];
	bool types = builder->open == GROUP_TYPE;
	if (!table_reserve(builder, table, types ? type_hash : enum_hash))
		return 0;
	uint64_t hash = group_hash(&builder->head, (const void *)builder->parts.data);
	uint32_t *slot = NULL;
	for (uint32_t step = 0; *(slot = table_slot(table, hash, step)); step++)
		if (group_is_open_one(builder, *slot - 1))
			return *slot - 1;
	if (!append_group(builder))
		return 0;
	*slot = builder->sections[group_kinds[builder->open].heads].count;
	table->used++;
	return *slot - 1;
}

static struct flat_layout *last_layout(struct flat_builder *builder)
{
	struct array *layouts = &builder->sections[FLAT_LAYOUTS];
	return layouts->count ? (struct flat_layout *)layouts->data + layouts->count - 1 : NULL;
}

static void close_group(struct flat_builder *builder)
{
	struct flat_layout *layout = last_layout(builder);
	if (builder->open == GROUP_NONE || !layout)
		return;
	builder->head.count = builder->parts.count;
	if (builder->open == GROUP_ENUM)
		sort_by_name(builder, builder->parts.data, builder->parts.count,
			sizeof(struct flat_constant));
	else if (builder->parts.count)
		qsort_r(builder->parts.data, builder->parts.count, sizeof(struct flat_member),
			member_order, builder);
	uint32_t id = share_group(builder);
	enum flat_section ids = group_kinds[builder->open].layout_ids;
	uint32_t *added = array_add(builder, &builder->sections[ids], 1);
	if (added) {
		*added = id;
		*(builder->open == GROUP_TYPE ? &layout->type_count : &layout->enum_count) += 1;
	}
	builder->open = GROUP_NONE;
	builder->parts.count = 0;
}

static void close_layout(struct flat_builder *builder)
{
	close_group(builder);
	const struct flat_layout *layout = last_layout(builder);
	if (!layout)
		return;
	if (layout->type_count)
		qsort_r((uint32_t *)builder->sections[FLAT_LAYOUT_TYPES].data + layout->first_type,
			layout->type_count, sizeof(uint32_t), type_id_order, builder);
	if (layout->enum_count)
		qsort_r((uint32_t *)builder->sections[FLAT_LAYOUT_ENUMS].data + layout->first_enum,
			layout->enum_count, sizeof(uint32_t), enum_id_order, builder);
}

static struct flat_build *last_build(struct flat_builder *builder)
{
	struct array *builds = &builder->sections[FLAT_BUILDS];
	return builds->count ? (struct flat_build *)builds->data + builds->count - 1 : NULL;
}

static void close_build(struct flat_builder *builder)
{
	const struct flat_build *build = last_build(builder);
	if (build && build->symbol_count)
		sort_by_name(builder,
			(struct flat_symbol *)builder->sections[FLAT_SYMBOLS].data +
				build->first_symbol,
			build->symbol_count, sizeof(struct flat_symbol));
}

// ---- adding ---------------------------------------------------------------------------------
uint32_t flat_add_layout(struct flat_builder *builder, uint32_t pointer_size)
{
	close_layout(builder);
	struct flat_layout *layout = array_add(builder, &builder->sections[FLAT_LAYOUTS], 1);
	if (!layout)
		return 0;
	layout->pointer_size = pointer_size;
	layout->first_type = builder->sections[FLAT_LAYOUT_TYPES].count;
	layout->first_enum = builder->sections[FLAT_LAYOUT_ENUMS].count;
	return builder->sections[FLAT_LAYOUTS].count - 1;
}

static void open_group(
	struct flat_builder *builder, enum group group, const char *name, uint32_t size)
{
	close_group(builder);
	builder->open = group;
	builder->head = (struct flat_type){ .name = add_string(builder, name), .size = size };
}

void flat_add_type(struct flat_builder *builder, const char *name, uint32_t size)
{
	open_group(builder, GROUP_TYPE, name, size);
}

void flat_add_enum(struct flat_builder *builder, const char *name, uint32_t size)
{
	open_group(builder, GROUP_ENUM, name, size);
}

void flat_add_member(struct flat_builder *builder, const char *name, const struct member *member)
{
	struct flat_member *added = array_add(builder, &builder->parts, 1);
	if (added)
		*added = (struct flat_member){ .name = add_string(builder, name),
			.offset = member->offset,
			.ref = add_ref(builder, member) };
}

void flat_add_constant(struct flat_builder *builder, const char *name, int64_t value)
{
	struct flat_constant *added = array_add(builder, &builder->parts, 1);
	if (added)
		*added = (struct flat_constant){ .name = add_string(builder, name),
			.low = (uint32_t)(uint64_t)value,
			.high = (uint32_t)((uint64_t)value >> 32) };
}

void flat_add_build(struct flat_builder *builder, const struct flat_build_spec *spec)
{
	close_build(builder);
	struct flat_build build = {
		.name = add_string(builder, spec->name),
		.pdb = add_string(builder, spec->pdb),
		.guid = add_string(builder, spec->guid),
		.version = add_string(builder, spec->version),
		.age = spec->age,
		.layout = spec->layout,
		.first_symbol = builder->sections[FLAT_SYMBOLS].count,
	};
	struct flat_build *added = array_add(builder, &builder->sections[FLAT_BUILDS], 1);
	if (added)
		*added = build;
}

void flat_add_symbol(struct flat_builder *builder, const char *name, uint64_t address)
{
	struct flat_symbol symbol = { .name = add_string(builder, name),
		.low = (uint32_t)address,
		.high = (uint32_t)(address >> 32) };
	struct flat_build *build = last_build(builder);
	struct flat_symbol *added = array_add(builder, &builder->sections[FLAT_SYMBOLS], 1);
	if (!added || !build)
		return;
	*added = symbol;
	build->symbol_count++;
}

// ---- the builder itself ---------------------------------------------------------------------
ei_error *flat_builder_create(struct flat_builder **out)
{
	static const uint32_t record_size[FLAT_SECTIONS] = FLAT_RECORD_SIZES;
	EI_OWNED(flat_builder) builder = calloc(1, sizeof *builder);
	if (!builder)
		return ei_fail(EI_E_NOMEM, "building a profile");
	for (unsigned i = 0; i < FLAT_SECTIONS; i++)
		builder->sections[i].record_size = record_size[i];
	builder->parts.record_size = sizeof(struct flat_member);
	*out = EI_GIVE(builder);
	return NULL;
}

void flat_builder_drop(struct flat_builder *builder)
{
	if (!builder)
		return;
	for (unsigned i = 0; i < FLAT_SECTIONS; i++)
		free(builder->sections[i].data);
	for (unsigned i = 0; i < GROUPS; i++)
		free(builder->groups[i].slots);
	free(builder->strings.slots);
	free(builder->refs.slots);
	free(builder->parts.data);
	free(builder);
}

static uint64_t finished_size(const struct flat_builder *builder)
{
	uint64_t size = sizeof(struct flat_header);
	for (unsigned i = 0; i < FLAT_SECTIONS; i++)
		size += (uint64_t)builder->sections[i].count * builder->sections[i].record_size;
	return size;
}

ei_error *flat_builder_finish(struct flat_builder *builder, void **block, size_t *size_bytes)
{
	close_layout(builder);
	close_build(builder);
	add_string(builder, ""); // so that the pool is never empty
	uint64_t size = finished_size(builder);
	if (builder->too_large || size > FLAT_MAX)
		return ei_fail(EI_E_LIMIT, "the profile is larger than %d MiB", FLAT_MAX >> 20);
	struct flat_header *header = builder->no_memory ? NULL : malloc(size);
	if (!header)
		return ei_fail(EI_E_NOMEM, "building a profile");
	*header = (struct flat_header){ .version = FLAT_VERSION, .size = (uint32_t)size };
	memcpy(header->magic, FLAT_MAGIC, sizeof header->magic);
	uint8_t *at = (uint8_t *)(header + 1);
	for (unsigned i = 0; i < FLAT_SECTIONS; i++) {
		const struct array *section = &builder->sections[i];
		header->count[i] = section->count;
		if (section->count)
			memcpy(at, section->data, section->count * section->record_size);
		at += section->count * section->record_size;
	}
	header->digest = flat_digest(header->count, size - offsetof(struct flat_header, count));
	*block = header;
	*size_bytes = size;
	return NULL;
}
