// Escaping, and the width of what is shown.
// SPDX-License-Identifier: Apache-2.0
#include "out/escape.h"

static uint32_t decode(const uint8_t *at, size_t length)
{
	static const uint8_t lead_mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = at[0] & lead_mask[length];
	for (size_t i = 1; i < length; i++)
		code = code << 6 | (at[i] & 0x3f);
	return code;
}

// Characters that a terminal or a reader could take for something else: C1 controls, line and
// paragraph separators, marks and overrides of direction, the byte order mark.
static const struct {
	uint32_t first, last;
} unsafe[] = {
	{ 0x7f, 0x9f },
	{ 0x61c, 0x61c },
	{ 0x200b, 0x200f },
	{ 0x2028, 0x202e },
	{ 0x2060, 0x206f },
	{ 0xfeff, 0xfeff },
	{ 0xfff9, 0xfffb },
	{ 0xe0000, 0xe007f },
};

static bool is_unsafe(uint32_t code)
{
	for (size_t i = 0; i < ARRAY_LENGTH(unsafe); i++)
		if (code >= unsafe[i].first && code <= unsafe[i].last)
			return true;
	return false;
}

static void escape_control(struct text *out, uint8_t byte)
{
	static const char letters[] = { ['\t'] = 't', ['\n'] = 'n', ['\r'] = 'r' };
	if (byte < sizeof letters && letters[byte])
		text_addf(out, "\\%c", letters[byte]);
	else
		text_addf(out, "\\x%02x", byte);
}

// Length of the run of plain ASCII at `at`.
static size_t plain_run(const uint8_t *at, size_t room)
{
	size_t length = 0;
	while (length < room && at[length] >= 0x20 && at[length] < 0x7f)
		length++;
	return length;
}

void escape_line(struct text *out, const char *bytes, size_t length)
{
	const uint8_t *at = (const uint8_t *)bytes, *end = at + length;
	while (at < end) {
		size_t plain = plain_run(at, (size_t)(end - at));
		text_add(out, (const char *)at, plain);
		at += plain;
		if (at == end)
			return;
		size_t sequence = utf8_sequence(at, (size_t)(end - at));
		if (sequence < 2) {
			escape_control(out, *at++);
			continue;
		}
		uint32_t code = decode(at, sequence);
		if (is_unsafe(code))
			text_addf(out, "\\u{%x}", code);
		else
			text_add(out, (const char *)at, sequence);
		at += sequence;
	}
}

static void json_units(struct text *out, uint32_t code)
{
	if (code > 0xffff) {
		text_addf(out, "\\u%04x", 0xd7c0 + (code >> 10));
		code = 0xdc00 | (code & 0x3ff);
	}
	text_addf(out, "\\u%04x", code);
}

static void json_ascii(struct text *out, uint8_t byte)
{
	static const char letters[] = { ['"'] = '"',
		['\\'] = '\\',
		['\b'] = 'b',
		['\f'] = 'f',
		['\n'] = 'n',
		['\r'] = 'r',
		['\t'] = 't' };
	if (byte < sizeof letters && letters[byte])
		text_addf(out, "\\%c", letters[byte]);
	else if (byte < 0x20 || byte == 0x7f)
		json_units(out, byte);
	else
		text_add(out, (const char *)&byte, 1);
}

// JSON loses nothing by escaping, so what is unsafe for terminals is escaped here too.
void escape_json(struct text *out, const char *bytes, size_t length)
{
	const uint8_t *at = (const uint8_t *)bytes, *end = at + length;
	text_add(out, "\"", 1);
	while (at < end) {
		size_t sequence = utf8_sequence(at, (size_t)(end - at));
		uint32_t code = sequence > 1 ? decode(at, sequence) : 0;
		if (!sequence)
			json_units(out, 0xfffd);
		else if (sequence == 1)
			json_ascii(out, *at);
		else if (is_unsafe(code))
			json_units(out, code);
		else
			text_add(out, (const char *)at, sequence);
		at += MAX(sequence, (size_t)1);
	}
	text_add(out, "\"", 1);
}

void escape_csv(struct text *out, const char *bytes, size_t length)
{
	struct text safe;
	text_init(&safe, out->cap);
	escape_line(&safe, bytes, length);
	// An empty text is not an absent cell; and a leading sign or '@' is a formula to
	// spreadsheets, which quoting does not change, so it is left to them.
	bool quote = !safe.length || memchr(safe.data, ',', safe.length) ||
		     memchr(safe.data, '"', safe.length);
	if (quote)
		text_add(out, "\"", 1);
	for (size_t i = 0; i < safe.length; i++)
		text_add(out, safe.data[i] == '"' ? "\"\"" : &safe.data[i],
			safe.data[i] == '"' ? 2 : 1);
	if (quote)
		text_add(out, "\"", 1);
	text_deinit(&safe);
}

// Combining marks take no column, East Asian wide and most emoji take two. Source: Unicode 15,
// EastAsianWidth; ranges are joined where the gaps are unassigned.
static const struct {
	uint32_t first, last;
	uint8_t columns;
} widths[] = {
	{ 0x300, 0x36f, 0 },
	{ 0x483, 0x489, 0 },
	{ 0x591, 0x5bd, 0 },
	{ 0x64b, 0x65f, 0 },
	{ 0x1100, 0x115f, 2 },
	{ 0x1ab0, 0x1aff, 0 },
	{ 0x20d0, 0x20ff, 0 },
	{ 0x2e80, 0xa4cf, 2 },
	{ 0xac00, 0xd7a3, 2 },
	{ 0xf900, 0xfaff, 2 },
	{ 0xfe00, 0xfe0f, 0 },
	{ 0xfe20, 0xfe2f, 0 },
	{ 0xfe30, 0xfe6f, 2 },
	{ 0xff00, 0xff60, 2 },
	{ 0xffe0, 0xffe6, 2 },
	{ 0x1f300, 0x1faff, 2 },
	{ 0x20000, 0x3fffd, 2 },
};

size_t text_columns(const char *bytes, size_t length)
{
	size_t columns = 0;
	for (size_t at = 0; at < length;) {
		size_t sequence = utf8_sequence((const uint8_t *)bytes + at, length - at);
		uint32_t code = sequence ? decode((const uint8_t *)bytes + at, sequence) : '?';
		size_t wide = 1;
		for (size_t i = 0; code >= 0x300 && i < ARRAY_LENGTH(widths); i++)
			if (code >= widths[i].first && code <= widths[i].last)
				wide = widths[i].columns;
		columns += wide;
		at += MAX(sequence, (size_t)1);
	}
	return columns;
}
