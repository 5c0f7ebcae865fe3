// Small things that readers of text need: lines, blanks, case.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/internal.h"

bool line_next(char **at, char *end, char **line, size_t *length)
{
	if (*at >= end)
		return false;
	char *stop = memchr(*at, '\n', (size_t)(end - *at));
	char *next = stop ? stop + 1 : end;
	*line = *at;
	*length = (size_t)((stop ? stop : end) - *at);
	while (*length && (*line)[*length - 1] == '\r')
		--*length;
	*at = next;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

void trim(const char **text, size_t *length)
{
	while (*length && is_blank((*text)[*length - 1]))
		--*length;
	while (*length && is_blank(**text)) {
		++*text;
		--*length;
	}
}

bool text_is(const char *text, size_t length, const char *wanted)
{
	return strlen(wanted) == length && !strncasecmp(text, wanted, length);
}

// Letters of two bytes in UTF-8 whose lower case is a fixed distance away and of two bytes too:
// Latin-1, Greek, Cyrillic. Source: Unicode's simple case mappings.
static unsigned fold_letter(unsigned code)
{
	if (code >= 0xc0 && code <= 0xde && code != 0xd7)
		return code + 32;
	if (code >= 0x391 && code <= 0x3a9 && code != 0x3a2)
		return code + 32;
	if (code >= 0x410 && code <= 0x42f)
		return code + 32;
	if (code >= 0x400 && code <= 0x40f)
		return code + 80;
	return code;
}

void fold(char *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		uint8_t byte = (uint8_t)text[i];
		out[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 32 : byte);
		if (byte < 0xc3 || byte > 0xd0 || i + 1 >= length ||
			((uint8_t)text[i + 1] & 0xc0) != 0x80)
			continue;
		unsigned code = fold_letter((byte & 0x1fU) << 6 | ((uint8_t)text[i + 1] & 0x3fU));
		out[i] = (char)(0xc0 | code >> 6);
		out[++i] = (char)(0x80 | (code & 0x3f));
	}
}
