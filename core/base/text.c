// Bounded text and character sets.
// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void text_init(struct text *text, size_t cap_bytes)
{
	*text = (struct text){ .cap = cap_bytes };
}

void text_deinit(struct text *text)
{
	free(text->data);
	*text = (struct text){ .cap = text->cap };
}

void text_clear(struct text *text)
{
	text->length = 0;
	text->cut = false;
	if (text->data)
		text->data[0] = '\0';
}

static bool text_reserve(struct text *text, size_t more)
{
	size_t need = text->length + more + 1;
	if (need <= text->room)
		return true;
	if (need > text->cap)
		return false;
	size_t room = MIN(MAX(need, text->room * 2 + 64), text->cap);
	char *data = realloc(text->data, room);
	if (!data)
		return false;
	text->data = data;
	text->room = room;
	return true;
}

void text_add(struct text *text, const char *bytes, size_t length)
{
	if (text->cut || !text_reserve(text, length)) {
		text->cut = true;
		return;
	}
	if (length)
		memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void text_addf(struct text *text, const char *format, ...)
{
	char local[512];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(local, sizeof local, format, args);
	va_end(args);
	if (length < 0)
		return;
	if ((size_t)length < sizeof local) {
		text_add(text, local, (size_t)length);
		return;
	}
	if (!text_reserve(text, (size_t)length)) {
		text->cut = true;
		return;
	}
	va_start(args, format);
	vsnprintf(text->data + text->length, (size_t)length + 1, format, args);
	va_end(args);
	text->length += (size_t)length;
}

static size_t utf8_put(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

size_t utf16_to_utf8(const uint8_t *utf16, size_t length_bytes, char *out)
{
	size_t written = 0;
	for (size_t at = 0; at + 2 <= length_bytes; at += 2) {
		uint32_t code = load_u16(utf16 + at);
		if (code >= 0xd800 && code < 0xdc00 && at + 4 <= length_bytes) {
			uint32_t low = load_u16(utf16 + at + 2);
			if (low >= 0xdc00 && low < 0xe000) {
				code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
				at += 2;
			}
		}
		if (code >= 0xd800 && code < 0xe000)
			code = 0xfffd;
		written += utf8_put(code, out + written);
	}
	out[written] = '\0';
	return written;
}

size_t latin1_to_utf8(const uint8_t *latin1, size_t length_bytes, char *out)
{
	size_t written = 0;
	for (size_t at = 0; at < length_bytes; at++)
		written += utf8_put(latin1[at], out + written);
	out[written] = '\0';
	return written;
}

// Lead bytes by length, with the range of the second byte: overlong forms, surrogates and what lies
// beyond U+10FFFF are told by it. Source: Unicode 15, table 3-7.
static const struct {
	uint8_t first, last, length, second_low, second_high;
} utf8_leads[] = {
	{ 0x00, 0x7f, 1, 0x00, 0x00 },
	{ 0xc2, 0xdf, 2, 0x80, 0xbf },
	{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f },
	{ 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf },
	{ 0xf4, 0xf4, 4, 0x80, 0x8f },
};

static size_t utf8_tail(const uint8_t *at, size_t length, uint8_t low, uint8_t high)
{
	if (length > 1 && (at[1] < low || at[1] > high))
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

size_t utf8_sequence(const uint8_t *at, size_t room)
{
	for (size_t i = 0; room && i < ARRAY_LENGTH(utf8_leads); i++) {
		if (at[0] < utf8_leads[i].first || at[0] > utf8_leads[i].last)
			continue;
		if (utf8_leads[i].length > room)
			return 0;
		return utf8_tail(at, utf8_leads[i].length, utf8_leads[i].second_low,
			utf8_leads[i].second_high);
	}
	return 0;
}

bool names_next(const char **names, char *out, size_t room)
{
	const char *start = *names;
	if (!*start)
		return false;
	size_t length = strcspn(start, "|");
	*names = start + length + (start[length] == '|');
	length = MIN(length, room - 1);
	memcpy(out, start, length);
	out[length] = '\0';
	return true;
}
