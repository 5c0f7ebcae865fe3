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

size_t utf8_sequence(const uint8_t *at, size_t room)
{
	if (!room)
		return 0;
	if (at[0] < 0x80)
		return 1;
	size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
	if (at[0] < 0xc2 || at[0] > 0xf4 || length > room)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	// Overlong forms, surrogates and what lies beyond U+10FFFF are told by the second byte.
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
		(at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}
