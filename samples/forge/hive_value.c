// Registry values: from their description to their bytes.
// SPDX-License-Identifier: Apache-2.0
#include "hive_tree.h"

enum { VALUE_CAP = 16 << 20, DWORD_BIG_ENDIAN = 5, LINK = 6, QWORD = 11 };

static const char *const type_names[] = {
	"REG_NONE",
	"REG_SZ",
	"REG_EXPAND_SZ",
	"REG_BINARY",
	"REG_DWORD",
	"REG_DWORD_BIG_ENDIAN",
	"REG_LINK",
	"REG_MULTI_SZ",
	"REG_RESOURCE_LIST",
	"REG_FULL_RESOURCE_DESCRIPTOR",
	"REG_RESOURCE_REQUIREMENTS_LIST",
	"REG_QWORD",
};

static ei_error *parse_type(const json_t *type, uint32_t *out)
{
	if (json_is_integer(type)) {
		*out = (uint32_t)json_integer_value(type);
		return NULL;
	}
	const char *name = json_string_value(type);
	for (uint32_t i = 0; name && i < ARRAY_LENGTH(type_names); i++)
		if (strcmp(type_names[i], name) == 0) {
			*out = i;
			return NULL;
		}
	return ei_fail(EI_E_FORMAT, "value type '%s' is not known", name ? name : "(none)");
}

// Room for the value's data; 0 bytes give a pointer that must not be read.
static ei_error *data_alloc(
	ei_arena *arena, size_t length, uint8_t **data, struct hive_value *value)
{
	if (length > VALUE_CAP)
		return ei_fail(EI_E_LIMIT, "data of %zu bytes, at most %d", length, VALUE_CAP);
	*data = ei_alloc(arena, length + 1);
	if (!*data)
		return ei_fail(EI_E_NOMEM, "no memory for %zu bytes of data", length);
	value->data = *data;
	value->length = (uint32_t)length;
	return NULL;
}

static ei_error *parse_text(ei_arena *arena, const json_t *text, struct hive_value *value)
{
	struct hive_name name =
		hive_utf16(arena, json_string_value(text), json_string_length(text));
	if (!name.units)
		return ei_fail(EI_E_NOMEM, "no memory for text");
	// A link is stored without a NUL.
	value->data = (const uint8_t *)name.units;
	value->length = (name.count + (value->type == LINK ? 0 : 1)) * 2;
	return NULL;
}

// Each text with its NUL, and one more NUL at the end.
static ei_error *parse_texts(ei_arena *arena, const json_t *texts, struct hive_value *value)
{
	size_t index;
	json_t *text;
	size_t room = 2;
	json_array_foreach(texts, index, text)
	{
		if (!json_is_string(text))
			return ei_fail(EI_E_FORMAT, "item %zu of the data is not text", index);
		room += (json_string_length(text) + 1) * 2;
	}
	uint8_t *data;
	EI_TRY(data_alloc(arena, room, &data, value));
	uint32_t at = 0;
	json_array_foreach(texts, index, text)
	{
		struct hive_value one = { .type = value->type };
		EI_TRY(parse_text(arena, text, &one));
		memcpy(data + at, one.data, one.length);
		at += one.length;
	}
	value->length = at + 2;
	return NULL;
}

static ei_error *parse_number(ei_arena *arena, const json_t *number, struct hive_value *value)
{
	uint64_t bits = (uint64_t)json_integer_value(number);
	uint8_t *data;
	EI_TRY(data_alloc(arena, value->type == QWORD ? 8 : 4, &data, value));
	if (value->type == DWORD_BIG_ENDIAN)
		bits = __builtin_bswap32((uint32_t)bits);
	memcpy(data, &bits, value->length);
	return NULL;
}

static int hex_digit(char digit)
{
	const char *digits = "0123456789abcdef";
	const char *at = digit ? strchr(digits, digit | 0x20) : NULL;
	return at ? (int)(at - digits) : -1;
}

static ei_error *parse_hex(ei_arena *arena, const char *hex, struct hive_value *value)
{
	size_t digits = strlen(hex);
	uint8_t *data;
	EI_TRY(data_alloc(arena, digits / 2, &data, value));
	for (size_t i = 0; i < digits; i++) {
		int digit = hex_digit(hex[i]);
		if (digit < 0 || digits % 2)
			return ei_fail(EI_E_FORMAT, "data '%.32s' is not pairs of hex digits", hex);
		data[i / 2] = (uint8_t)(data[i / 2] << 4 | digit);
	}
	return NULL;
}

// Filled data counts up in its last quarter of each 256 bytes, so that segments that were joined
// in the wrong order are told apart.
static ei_error *parse_fill(ei_arena *arena, const json_t *data, struct hive_value *value)
{
	json_int_t size = json_integer_value(json_object_get(data, "size"));
	json_int_t fill = json_integer_value(json_object_get(data, "fill"));
	uint8_t *bytes;
	EI_TRY(data_alloc(arena, size < 0 ? SIZE_MAX : (size_t)size, &bytes, value));
	for (json_int_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)((i & 0xff) < 0xc0 ? fill : fill + i / 0x100);
	return NULL;
}

static ei_error *parse_data(ei_arena *arena, const json_t *data, struct hive_value *value)
{
	if (!data)
		return NULL;
	if (json_is_string(data))
		return parse_text(arena, data, value);
	if (json_is_array(data))
		return parse_texts(arena, data, value);
	if (json_is_integer(data))
		return parse_number(arena, data, value);
	const char *hex = json_string_value(json_object_get(data, "hex"));
	if (hex)
		return parse_hex(arena, hex, value);
	if (json_object_get(data, "fill"))
		return parse_fill(arena, data, value);
	return ei_fail(EI_E_FORMAT, "data is not text, texts, a number, hex or fill");
}

ei_error *hive_value_parse(ei_arena *arena, const json_t *description, struct hive_value *out)
{
	const char *name = json_string_value(json_object_get(description, "name"));
	size_t length = name ? strlen(name) : 0;
	struct hive_value value = { .text = arena_text(arena, name ? name : "", length) };
	if (value.text)
		value.name = hive_utf16(arena, value.text, length);
	if (!value.text || !value.name.units)
		return ei_fail(EI_E_NOMEM, "no memory for a value");
	EI_TRY_IN(parse_type(json_object_get(description, "type"), &value.type), "value '%s'",
		value.text);
	EI_TRY_IN(parse_data(arena, json_object_get(description, "data"), &value), "value '%s'",
		value.text);
	*out = value;
	return NULL;
}
