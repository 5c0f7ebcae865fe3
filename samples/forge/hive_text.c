// Names and times of a forged hive.
// SPDX-License-Identifier: Apache-2.0
#include "hive_tree.h"

#include <time.h>

// `utf8` is valid: it comes from a JSON parser that checked it.
static uint32_t utf8_next(const uint8_t **at)
{
	const uint8_t *from = *at;
	size_t length = from[0] < 0x80 ? 1 : from[0] < 0xe0 ? 2 : from[0] < 0xf0 ? 3 : 4;
	uint32_t code = length == 1 ? from[0] : from[0] & (0xff >> (length + 1));
	for (size_t i = 1; i < length; i++)
		code = code << 6 | (from[i] & 0x3f);
	*at += length;
	return code;
}

struct hive_name hive_utf16(ei_arena *arena, const char *utf8, size_t length_bytes)
{
	struct hive_name name = { .compressible = true };
	name.units = ei_alloc(arena, (length_bytes + 1) * sizeof name.units[0]);
	if (!name.units)
		return name;
	const uint8_t *at = (const uint8_t *)utf8;
	const uint8_t *end = at + length_bytes;
	while (at < end) {
		uint32_t code = utf8_next(&at);
		name.compressible = name.compressible && code < 0x100;
		if (code >= 0x10000) {
			name.units[name.count++] = (uint16_t)(0xd7c0 + (code >> 10));
			code = 0xdc00 + (code & 0x3ff);
		}
		name.units[name.count++] = (uint16_t)code;
	}
	return name;
}

// Ranges of small letters and how far their capitals are; `step` 2 where they alternate.
static const struct {
	uint16_t first, last, step;
	int16_t delta;
} capitals[] = {
	{ 'a', 'z', 1, -0x20 },
	{ 0xe0, 0xf6, 1, -0x20 },
	{ 0xf8, 0xfe, 1, -0x20 },
	{ 0xff, 0xff, 1, 0x79 },
	{ 0x101, 0x12f, 2, -1 },
	{ 0x133, 0x137, 2, -1 },
	{ 0x13a, 0x148, 2, -1 },
	{ 0x14b, 0x177, 2, -1 },
	{ 0x17a, 0x17e, 2, -1 },
	{ 0x3ac, 0x3ac, 1, -0x26 },
	{ 0x3ad, 0x3af, 1, -0x25 },
	{ 0x3b1, 0x3c1, 1, -0x20 },
	{ 0x3c3, 0x3cb, 1, -0x20 },
	{ 0x430, 0x44f, 1, -0x20 },
	{ 0x450, 0x45f, 1, -0x50 },
	{ 0x561, 0x586, 1, -0x30 },
};

uint16_t hive_upcase(uint16_t unit)
{
	for (size_t i = 0; i < ARRAY_LENGTH(capitals); i++)
		if (unit >= capitals[i].first && unit <= capitals[i].last &&
			(unit - capitals[i].first) % capitals[i].step == 0)
			return (uint16_t)(unit + capitals[i].delta);
	return unit;
}

ei_error *hive_time(const char *text, uint64_t *out)
{
	const uint64_t unix_epoch = UINT64_C(11644473600);
	struct tm date = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &date);
	if (!rest)
		return ei_fail(EI_E_FORMAT, "time '%s' is not like 2024-03-01T10:00:00Z", text);
	uint64_t ticks = ((uint64_t)timegm(&date) + unix_epoch) * 10000000;
	if (*rest == '.')
		for (uint64_t unit = 1000000; *++rest >= '0' && *rest <= '9'; unit /= 10)
			ticks += (uint64_t)(*rest - '0') * unit;
	*out = ticks;
	return NULL;
}
