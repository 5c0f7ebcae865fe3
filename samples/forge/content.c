// Bytes that a scenario spells as text, UTF-16, hexadecimal or a fill.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdlib.h>

static uint8_t *content_utf16(struct forge *f, const char *text, size_t *length)
{
	// Only the basic plane is wanted in terms: what is outside becomes '?'.
	uint8_t *bytes = forge_alloc(f, utf16_bytes(text) + 2);
	size_t used = 0;
	while (bytes && *text) {
		size_t step = utf8_sequence((const uint8_t *)text, strlen(text));
		uint16_t unit = step == 1 ? (uint8_t)*text : '?';
		if (step == 2)
			unit = (uint16_t)((text[0] & 0x1f) << 6 | (text[1] & 0x3f));
		if (step == 3)
			unit = (uint16_t)((text[0] & 0xf) << 12 | (text[1] & 0x3f) << 6 |
					  (text[2] & 0x3f));
		memcpy(bytes + used, &unit, 2);
		used += 2;
		text += step ? step : 1;
	}
	*length = used;
	return bytes;
}

static uint8_t *content_hex(struct forge *f, const char *text, size_t *length)
{
	size_t digits = strspn(text, "0123456789abcdefABCDEF");
	if (text[digits] || digits % 2) {
		forge_fail(f, EI_E_FORMAT, "\"hex\" is '%.40s', want pairs of hexadecimal digits",
			text);
		return NULL;
	}
	uint8_t *bytes = forge_alloc(f, digits / 2 + 1);
	for (size_t i = 0; bytes && i < digits; i += 2) {
		const char pair[3] = { text[i], text[i + 1], 0 };
		bytes[i / 2] = (uint8_t)strtoul(pair, NULL, 16);
	}
	*length = digits / 2;
	return bytes;
}

uint8_t *content_bytes(struct forge *f, const json_t *content, size_t *length)
{
	const char *text = scenario_text(content, "text", NULL);
	if (text) {
		*length = strlen(text);
		return (uint8_t *)forge_copy(f, text);
	}
	if ((text = scenario_text(content, "utf16", NULL)))
		return content_utf16(f, text, length);
	if ((text = scenario_text(content, "hex", NULL)))
		return content_hex(f, text, length);
	if (!json_object_get(content, "fill"))
		return NULL;
	*length = (size_t)MIN(scenario_number(content, "size", PAGE_SIZE), 64u << 20);
	uint8_t *bytes = forge_alloc(f, *length + 1);
	if (bytes)
		memset(bytes, (int)scenario_number(content, "fill", 0), *length);
	return bytes;
}
