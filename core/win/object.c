// Objects: field tables resolved against the profile, copies of the target's bytes, field values.
// SPDX-License-Identifier: Apache-2.0
#include "win/session.h"

enum {
	SPAN_MAX = 60 * PAGE_SIZE, // of one object; space_read_patchy takes 63 pages
	FIELDS_MAX = 128,          // of one table
	FAST_REF_BITS = 15,        // low bits of _EX_FAST_REF on 64 bits; 7 on 32
	UNICODE_STRING_MAX = 0xfffe,
	FIELD_SIZE_MAX = 0xffff,
	TYPE_NAME_MAX = 128,
};

// FILETIME of 10000-01-01: nothing in a memory image can be later.
static const uint64_t time_end = 2650467744000000000;

// ---- resolving ------------------------------------------------------------------------------

struct layout_slot {
	struct layout_slot *older;
	const ei_type_spec *spec;
	ei_layout layout;
	ei_field fields[];
};

// A typed handle reads its fields behind the layout: struct T_at is exactly this.
struct eprocess_shape {
	ei_layout layout;
	ei_field first;
};
_Static_assert(offsetof(struct layout_slot, fields) - offsetof(struct layout_slot, layout) ==
		       offsetof(struct eprocess_shape, first),
	"fields must follow their layout as in struct T_at");

// Stands in when there is no memory for a layout: every field of any table is absent.
static const struct {
	ei_layout layout;
	ei_field fields[FIELDS_MAX];
} nothing = {
	.layout = { .type = "", .wanted = "" },
	.fields = { [0 ... FIELDS_MAX - 1] = { .offset = -1 } },
};

static uint32_t bytes_to_load(const ei_field_spec *spec, const struct member *member)
{
	switch (spec->kind) {
	case EI_F_HERE:
		return 0;
	case EI_F_TIME:
		return 8;
	case EI_F_UINT:
	case EI_F_INT:
	case EI_F_PTR:
	case EI_F_FASTREF:
		return MIN(member->kind == MEMBER_ARRAY ? member->element_size : member->size, 8u);
	default:
		return MIN(member->size, (uint32_t)FIELD_SIZE_MAX);
	}
}

static ei_field field_resolve(
	const struct profile *profile, const char *type, const ei_field_spec *spec)
{
	const char *paths = spec->path;
	char path[256];
	struct member member;
	while (names_next(&paths, path, sizeof path)) {
		if (!profile_member(profile, type, path, &member))
			continue;
		uint32_t size = bytes_to_load(spec, &member);
		if (!span_inside(member.offset, size, SPAN_MAX))
			continue;
		bool bits = member.kind == MEMBER_BITS && member.width < 64;
		return (ei_field){
			.offset = (int32_t)member.offset,
			.size = size & 0xffff,
			.kind = spec->kind & 0xf,
			.bit = bits ? member.bit & 0x3f : 0,
			.width = bits ? member.width & 0x3f : 0,
		};
	}
	return (ei_field){ .offset = -1, .kind = spec->kind & 0xf };
}

static void layout_measure(ei_layout *layout, const ei_field *fields)
{
	int32_t low = INT32_MAX, high = 0;
	for (uint32_t i = 0; i < layout->count; i++) {
		if (fields[i].offset < 0 || !fields[i].size)
			continue;
		low = MIN(low, fields[i].offset);
		high = MAX(high, fields[i].offset + (int32_t)fields[i].size);
	}
	layout->low = high ? low : 0;
	layout->span = high ? (uint32_t)(high - low) : 0;
}

const ei_layout *ei_resolve(ei_run *run, const ei_type_spec *spec)
{
	for (struct layout_slot *slot = run->layouts; slot; slot = slot->older)
		if (slot->spec == spec)
			return &slot->layout;
	if (spec->field_count > FIELDS_MAX)
		return &nothing.layout;
	struct layout_slot *slot =
		ei_alloc(run->arena, sizeof *slot + spec->field_count * sizeof(ei_field));
	if (!slot)
		return &nothing.layout;
	const struct profile *profile = run->session->profile;
	char name[TYPE_NAME_MAX];
	bool found = profile && profile_first_type(profile, spec->type, name, sizeof name);
	const char *type = found ? ei_text(run->arena, "%s", name) : NULL;
	slot->older = run->layouts;
	slot->spec = spec;
	slot->layout = (ei_layout){
		.type = type ? type : spec->type,
		.wanted = spec->type,
		.type_size = type ? profile_type_size(profile, type) : 0,
		.count = spec->field_count,
	};
	for (uint32_t i = 0; i < spec->field_count; i++)
		slot->fields[i] = type ? field_resolve(profile, type, &spec->fields[i])
				       : (ei_field){ .offset = -1 };
	layout_measure(&slot->layout, slot->fields);
	run->layouts = slot;
	return &slot->layout;
}

// ---- objects --------------------------------------------------------------------------------

static const ei_space *space_or_kernel(const ei_run *run, const ei_space *space)
{
	return space ? space : &run->session->identity.kernel;
}

ei_obj ei_open(ei_run *run, const ei_space *space, uint64_t va, const ei_layout *layout)
{
	ei_obj object = {
		.run = run,
		.space = space_or_kernel(run, space),
		.va = va,
		.missing = ~0ull,
		.layout = layout,
	};
	if (!layout->span)
		return object;
	uint8_t *copy = ei_alloc(run->scratch, layout->span);
	if (!copy)
		return object;
	uint64_t start = va + (uint64_t)(int64_t)layout->low;
	object.missing = space_read_patchy(object.space, run->reader, start, copy, layout->span);
	object.bytes = copy;
	return object;
}

// The bytes of a field in the object's copy; NULL when a page that it touches is absent.
static const uint8_t *field_bytes(const ei_obj *object, const ei_field *field)
{
	int64_t at = (int64_t)field->offset - object->layout->low;
	if (!object->bytes || at < 0 ||
		!span_inside((uint64_t)at, field->size, object->layout->span))
		return NULL;
	uint64_t start = object->va + (uint64_t)(int64_t)object->layout->low;
	uint64_t in_page = start % PAGE_SIZE + (uint64_t)at;
	uint64_t first = in_page / PAGE_SIZE;
	uint64_t last = (in_page + field->size - 1) / PAGE_SIZE;
	for (uint64_t page = first; page <= last && page < 64; page++)
		if (object->missing >> page & 1)
			return NULL;
	return object->bytes + at;
}

static uint64_t load_sized(const uint8_t *bytes, uint32_t size)
{
	uint64_t value = 0;
	memcpy(&value, bytes, MIN(size, 8u));
	return value;
}

static uint64_t load_field(const uint8_t *bytes, const ei_field *field)
{
	uint64_t value = load_sized(bytes, field->size);
	return field->width ? value >> field->bit & ((1ull << field->width) - 1) : value;
}

static int64_t sign_extend(uint64_t value, const ei_field *field)
{
	uint32_t bits = field->width ? field->width : field->size * 8u;
	return bits && bits < 64 ? (int64_t)(value << (64 - bits)) >> (64 - bits) : (int64_t)value;
}

static ei_val time_value(uint64_t time)
{
	if (!time)
		return ei_absent(EI_NONE);
	return time < time_end ? ei_of(EI_TIME, time) : ei_absent(EI_GARBAGE);
}

static ei_val chars_value(const uint8_t *bytes, uint32_t size)
{
	return (ei_val){ .s = (const char *)bytes,
		.length = (uint32_t)strnlen((const char *)bytes, size),
		.kind = EI_STR,
		.state = EI_OK };
}

// Where pointers in this object lead: an object read by physical address is the kernel's.
static const ei_space *pointer_space(const ei_obj *object)
{
	bool physical = object->space->mode == &space_physical;
	return physical ? &object->run->session->identity.kernel : object->space;
}

static ei_val ustr_value(ei_run *run, const ei_space *space, const uint8_t *bytes)
{
	uint32_t length = load_u16(bytes), room = load_u16(bytes + 2);
	uint32_t pointer = ei_pointer_size(run);
	uint64_t buffer = load_sized(bytes + pointer, pointer);
	if (!length && !buffer)
		return ei_absent(EI_NONE);
	if (length % 2 || length > room || !buffer)
		return ei_absent(EI_GARBAGE);
	return ei_read_utf16(run, space, buffer, length);
}

ei_val ei_field_get(const ei_obj *object, const ei_field *field)
{
	if (field->offset < 0)
		return ei_absent(EI_NO_FIELD);
	if (field->kind == EI_F_HERE)
		return ei_addr(object->va + (uint64_t)(int64_t)field->offset);
	const uint8_t *bytes = field_bytes(object, field);
	if (!bytes)
		return ei_absent(EI_UNREADABLE);
	switch (field->kind) {
	case EI_F_UINT:
		return ei_uint(load_field(bytes, field));
	case EI_F_INT:
		return ei_of(EI_INT, (uint64_t)sign_extend(load_field(bytes, field), field));
	case EI_F_PTR:
		return ei_addr(load_sized(bytes, ei_pointer_size(object->run)));
	case EI_F_FASTREF:
		return ei_addr(load_sized(bytes, ei_pointer_size(object->run)) &
			       ~(uint64_t)(ei_pointer_size(object->run) == 8 ? FAST_REF_BITS : 7));
	case EI_F_TIME:
		return time_value(load_u64(bytes));
	case EI_F_CHARS:
		return chars_value(bytes, field->size);
	case EI_F_USTR:
		return field->size >= 2 * ei_pointer_size(object->run)
			       ? ustr_value(object->run, pointer_space(object), bytes)
			       : ei_absent(EI_NO_FIELD);
	case EI_F_BYTES:
		return ei_bytes(bytes, field->size);
	default:
		return ei_absent(EI_NO_FIELD);
	}
}

static enum ei_field_kind kind_of_member(const struct member *member)
{
	switch (member->kind) {
	case MEMBER_POINTER:
		return EI_F_PTR;
	case MEMBER_INT:
		return EI_F_INT;
	case MEMBER_STRUCT:
		if (!strcmp(member->target, "_UNICODE_STRING"))
			return EI_F_USTR;
		return EI_F_BYTES;
	case MEMBER_ARRAY:
		return member->element_size == 1 ? EI_F_CHARS : EI_F_BYTES;
	default:
		return EI_F_UINT;
	}
}

ei_val ei_get_by_name(const ei_obj *object, const char *path)
{
	const struct profile *profile = object->run->session->profile;
	struct member member;
	if (!profile || !profile_member(profile, object->layout->type, path, &member))
		return ei_absent(EI_NO_FIELD);
	ei_field_spec spec = { path, kind_of_member(&member), EI_MAY };
	struct {
		ei_layout layout;
		ei_field field;
	} one = { .layout = *object->layout };
	one.field = field_resolve(profile, object->layout->type, &spec);
	one.layout.count = 1;
	layout_measure(&one.layout, &one.field);
	ei_obj part = ei_open(object->run, object->space, object->va, &one.layout);
	return ei_field_get(&part, &one.field);
}

// ---- reading --------------------------------------------------------------------------------

size_t ei_read(ei_run *run, const ei_space *space, uint64_t va, void *buffer, size_t size)
{
	return space_read(space_or_kernel(run, space), run->reader, va, buffer, size, NULL);
}

ei_val ei_read_ptr(ei_run *run, const ei_space *space, uint64_t va)
{
	uint8_t bytes[8] = { 0 };
	uint32_t size = ei_pointer_size(run);
	if (ei_read(run, space, va, bytes, size) != size)
		return ei_absent(EI_UNREADABLE);
	return ei_addr(load_u64(bytes));
}

ei_val ei_read_u32(ei_run *run, const ei_space *space, uint64_t va)
{
	uint8_t bytes[4];
	if (ei_read(run, space, va, bytes, sizeof bytes) != sizeof bytes)
		return ei_absent(EI_UNREADABLE);
	return ei_uint(load_u32(bytes));
}

ei_val ei_read_ustr(ei_run *run, const ei_space *space, uint64_t va)
{
	uint8_t bytes[16];
	size_t size = 2 * ei_pointer_size(run);
	if (ei_read(run, space, va, bytes, size) != size)
		return ei_absent(EI_UNREADABLE);
	return ustr_value(run, space, bytes);
}

ei_val ei_read_utf16(ei_run *run, const ei_space *space, uint64_t va, size_t length_bytes)
{
	if (length_bytes > UNICODE_STRING_MAX)
		return ei_absent(EI_GARBAGE);
	uint8_t *units = ei_alloc(run->scratch, length_bytes);
	char *text = ei_alloc(run->scratch, length_bytes / 2 * 3 + 1);
	if (!units || !text || ei_read(run, space, va, units, length_bytes) != length_bytes)
		return ei_absent(EI_UNREADABLE);
	size_t length = utf16_to_utf8(units, length_bytes, text);
	return (ei_val){ .s = text, .length = (uint32_t)length, .kind = EI_STR, .state = EI_OK };
}

bool ei_symbol(ei_run *run, const char *name, uint64_t *va)
{
	const struct session *session = run->session;
	uint64_t rva;
	if (!session->profile || !profile_symbol(session->profile, name, &rva))
		return false;
	*va = run_canonical(run, session->identity.kernel_base + rva);
	return true;
}

uint32_t ei_pointer_size(const ei_run *run)
{
	return run->session->identity.kernel.mode->pointer_size;
}

ei_arena *ei_scratch(ei_run *run)
{
	return run->scratch;
}

// ---- iterators ------------------------------------------------------------------------------

bool ei_iter_next(ei_iter *it, ei_obj *object, const ei_layout *layout)
{
	if (ei_stopped(it->run))
		return false;
	ei_arena_rewind(it->run->scratch, it->mark);
	if (!it->index && layout->wanted != it->type && strcmp(layout->wanted, it->type)) {
		ei_note(it->run, "plugin error: an iterator over %s was read as %s", it->type,
			layout->wanted);
		return false;
	}
	if (!it->advance(it, object, layout))
		return false;
	it->index++;
	return true;
}
