// Value data as Volatility 3's JSON prints them: text in quotes, numbers without, dumps of bytes.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"

enum { DUMP_WIDTH = 16, DUMP_MAX = 256 << 20 };

// ---- dumps ----------------------------------------------------------------------------------

static void dump_line(struct text *out, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		text_addf(out, "%02x ", bytes[i]);
	for (size_t i = length; i < DUMP_WIDTH; i++)
		text_add(out, "   ", 3);
	for (size_t i = 0; i < length; i++) {
		char letter = bytes[i] >= 0x20 && bytes[i] <= 0x7e ? (char)bytes[i] : '.';
		text_add(out, &letter, 1);
	}
}

static void dump(struct text *out, ei_val bytes)
{
	text_add(out, "\n", 1);
	for (uint32_t at = 0; at < bytes.length; at += DUMP_WIDTH) {
		uint32_t length = MIN(bytes.length - at, (uint32_t)DUMP_WIDTH);
		dump_line(out, bytes.b + at, length);
		if (at + length < bytes.length)
			text_add(out, "\n", 1);
	}
}

// ---- text -----------------------------------------------------------------------------------

// Decoded as Python does with errors="replace"; how many characters that gives.
struct decoded {
	char *text;
	size_t length;     // bytes of .text
	size_t characters; // of all
	size_t first;      // characters before the first NUL
	size_t first_length;
};

static size_t unit_decode(const uint8_t *at, size_t room, char *out, size_t *used)
{
	static const char replacement[] = "\xef\xbf\xbd";
	uint16_t unit = room >= 2 ? load_u16(at) : 0xd800;
	bool high = unit >= 0xd800 && unit < 0xdc00;
	uint16_t low = room >= 4 ? load_u16(at + 2) : 0;
	bool pair = high && low >= 0xdc00 && low < 0xe000;
	*used = pair ? 4 : 2;
	// The end comes too early: what is left is one replacement character.
	if (room < 2 || (high && room < 4))
		*used = room;
	if (room < 2 || (unit >= 0xd800 && unit < 0xe000 && !pair)) {
		memcpy(out, replacement, 3);
		return 3;
	}
	return utf16_to_utf8(at, *used, out);
}

static bool decode(ei_arena *arena, ei_val bytes, struct decoded *out)
{
	char *text = ei_alloc(arena, (size_t)bytes.length * 2 + 4);
	if (!text)
		return false;
	*out = (struct decoded){ .text = text };
	bool ended = false;
	for (size_t at = 0, used; at < bytes.length; at += used) {
		size_t length =
			unit_decode(bytes.b + at, bytes.length - at, text + out->length, &used);
		ended = ended || (length == 1 && !text[out->length]);
		out->length += length;
		out->characters++;
		if (!ended) {
			out->first++;
			out->first_length = out->length;
		}
	}
	return true;
}

// Text that a NUL in the middle would cut is dumped instead; only lists of strings may be split.
static void text_or_dump(struct text *out, ei_val bytes, struct decoded *d, bool split)
{
	bool whole = 2 * d->characters <= bytes.length && 2 * d->characters + 2 >= bytes.length;
	if (split && whole) {
		for (size_t i = 0; i < d->length; i++)
			if (!d->text[i])
				d->text[i] = '\n';
		text_add(out, d->text, d->length);
	} else if (d->first + 1 >= d->characters) {
		text_add(out, d->text, d->first_length);
	} else {
		dump(out, bytes);
	}
}

static bool is_number(uint32_t type)
{
	return type == EI_REG_DWORD || type == EI_REG_DWORD_BIG_ENDIAN || type == EI_REG_QWORD;
}

static bool render(ei_arena *arena, const ei_value *value, ei_val bytes, struct text *out)
{
	struct decoded decoded;
	if (value->type == EI_REG_NONE)
		bytes.length = 0;
	text_add(out, "\"", 1);
	if (value->type == EI_REG_BINARY) {
		dump(out, bytes);
	} else {
		if (!decode(arena, bytes, &decoded))
			return false;
		text_or_dump(out, bytes, &decoded, value->type == EI_REG_MULTI_SZ);
	}
	text_add(out, "\"", 1);
	return true;
}

ei_val ei_value_vol3(const ei_value *value)
{
	ei_val data = ei_value_data(value);
	if (!ei_has(data))
		return data;
	ei_arena *arena = value->hive->scratch;
	if (is_number(value->type)) {
		if (data.kind != EI_UINT)
			return ei_absent(EI_GARBAGE); // of a size that no number has
		char *digits = ei_text(arena, "%llu", (unsigned long long)data.u);
		return digits ? ei_str(digits) : ei_absent(EI_UNREADABLE);
	}
	struct text out;
	text_init(&out, DUMP_MAX);
	bool done = render(arena, value, ei_value_bytes(value), &out) && !out.cut;
	char *copy = done ? arena_text(arena, out.data, out.length) : NULL;
	ei_val text = { .s = copy, .length = (uint32_t)out.length, .kind = EI_STR, .state = EI_OK };
	text_deinit(&out);
	return copy ? text : ei_absent(EI_UNREADABLE);
}
