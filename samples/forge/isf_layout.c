// A profile as a symbol table.
// SPDX-License-Identifier: Apache-2.0
#include "isf_layout.h"

// Integers are named by their size, so that each is described once.
static json_t *integer_type(bool is_signed, uint32_t size)
{
	return json_pack("{s:s, s:o}", "kind", "base", "name",
		json_sprintf("%s%u", is_signed ? "int" : "uint", size * 8));
}

static json_t *array_type(uint32_t count, json_t *element)
{
	return json_pack(
		"{s:s, s:i, s:o}", "kind", "array", "count", (int)count, "subtype", element);
}

static json_t *pointer_type(void)
{
	return json_pack("{s:s, s:{s:s, s:s}}", "kind", "pointer", "subtype", "kind", "base",
		"name", "void");
}

static json_t *struct_type(const struct profile *profile, const char *name, uint32_t size)
{
	if (!profile_has_type(profile, name))
		return array_type(size, integer_type(false, 1));
	return json_pack("{s:s, s:s}", "kind", "struct", "name", name);
}

static json_t *bits_type(const struct member *member)
{
	return json_pack("{s:s, s:i, s:i, s:o}", "kind", "bitfield", "bit_position",
		(int)member->bit, "bit_length", (int)member->width, "type",
		integer_type(false, member->size));
}

static json_t *plain_type(
	const struct profile *profile, enum member_kind kind, const char *target, uint32_t size)
{
	bool number = size == 1 || size == 2 || size == 4 || size == 8;
	if (kind == MEMBER_POINTER)
		return pointer_type();
	if (kind == MEMBER_STRUCT)
		return struct_type(profile, target, size);
	if (!number)
		return array_type(size, integer_type(false, 1));
	return integer_type(kind == MEMBER_INT, size);
}

static json_t *member_type(const struct profile *profile, const struct member *member)
{
	if (member->kind == MEMBER_BITS)
		return bits_type(member);
	if (member->kind == MEMBER_ARRAY)
		return array_type(member->count, plain_type(profile, member->element_kind,
							 member->target, member->element_size));
	return plain_type(profile, member->kind, member->target, member->size);
}

static json_t *type_description(const struct profile *profile, const char *type)
{
	json_t *fields = json_object();
	struct member member;
	const char *name;
	for (uint32_t i = 0; profile_member_at(profile, type, i, &name, &member); i++)
		json_object_set_new(fields, name,
			json_pack("{s:i, s:o}", "offset", (int)member.offset, "type",
				member_type(profile, &member)));
	return json_pack("{s:s, s:i, s:o}", "kind", "struct", "size",
		(int)profile_type_size(profile, type), "fields", fields);
}

static json_t *base_type(int size, bool is_signed, const char *kind)
{
	return json_pack("{s:s, s:i, s:b, s:s}", "kind", kind, "size", size, "signed", is_signed,
		"endian", "little");
}

static json_t *base_types(uint32_t pointer_size)
{
	json_t *types = json_object();
	for (int size = 1; size <= 8; size *= 2) {
		char name[8];
		snprintf(name, sizeof name, "uint%d", size * 8);
		json_object_set_new(types, name, base_type(size, false, "int"));
		json_object_set_new(types, name + 1, base_type(size, true, "int"));
	}
	json_object_set_new(types, "pointer", base_type((int)pointer_size, false, "int"));
	json_object_set_new(types, "void", base_type(0, false, "void"));
	return types;
}

json_t *isf_of_profile(const struct profile *profile)
{
	json_t *types = json_object(), *symbols = json_object();
	const char *name;
	uint64_t rva;
	for (uint32_t i = 0; (name = profile_type_at(profile, i)); i++)
		json_object_set_new(types, name, type_description(profile, name));
	for (uint32_t i = 0; (name = profile_symbol_at(profile, i, &rva)); i++)
		json_object_set_new(symbols, name, json_pack("{s:I}", "address", (json_int_t)rva));
	return json_pack("{s:{s:s}, s:o, s:{}, s:o, s:o}", "metadata", "format", "6.2.0",
		"base_types", base_types(profile_info(profile).pointer_size), "enums", "user_types",
		types, "symbols", symbols);
}
