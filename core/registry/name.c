// Names: compared as Windows compares them, by upper case.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"

// Upper case is `shift` below the lower case; `every` 2: the letters alternate, upper case first.
// Source: Unicode's simple case mappings, for the alphabets whose letters pair so plainly.
static const struct case_range {
	uint32_t first, last; // lower-case letters
	uint16_t every;
	int16_t shift;
} case_ranges[] = {
	{ 'a', 'z', 1, 32 },
	{ 0xe0, 0xf6, 1, 32 },
	{ 0xf8, 0xfe, 1, 32 },
	{ 0xff, 0xff, 1, -121 },
	{ 0x101, 0x12f, 2, 1 },
	{ 0x133, 0x137, 2, 1 },
	{ 0x13a, 0x148, 2, 1 },
	{ 0x14b, 0x177, 2, 1 },
	{ 0x17a, 0x17e, 2, 1 },
	{ 0x3ac, 0x3ac, 1, 38 },
	{ 0x3ad, 0x3af, 1, 37 },
	{ 0x3b1, 0x3c1, 1, 32 },
	{ 0x3c3, 0x3cb, 1, 32 },
	{ 0x3cc, 0x3cc, 1, 64 },
	{ 0x3cd, 0x3ce, 1, 63 },
	{ 0x430, 0x44f, 1, 32 },
	{ 0x450, 0x45f, 1, 80 },
	{ 0x461, 0x481, 2, 1 },
	{ 0x48b, 0x4bf, 2, 1 },
	{ 0x4d1, 0x4ff, 2, 1 },
	{ 0x561, 0x586, 1, 48 },
	{ 0x1e01, 0x1e95, 2, 1 },
	{ 0x1ea1, 0x1ef9, 2, 1 },
	{ 0xff41, 0xff5a, 1, 32 },
};

static uint32_t upper(uint32_t code)
{
	for (size_t i = 0; i < ARRAY_LENGTH(case_ranges); i++) {
		const struct case_range *range = &case_ranges[i];
		if (code < range->first)
			return code;
		if (code <= range->last && (code - range->first) % range->every == 0)
			return (uint32_t)((int32_t)code - range->shift);
	}
	return code;
}

// The character at `*at`, which moves on; a byte that is not UTF-8 stands for itself.
static uint32_t next_upper(const char **at, const char *end)
{
	static const uint8_t lead_mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	const uint8_t *bytes = (const uint8_t *)*at;
	size_t length = utf8_sequence(bytes, (size_t)(end - *at));
	if (!length) {
		++*at;
		return UINT32_C(0x80000000) | bytes[0];
	}
	uint32_t code = bytes[0] & lead_mask[length];
	for (size_t i = 1; i < length; i++)
		code = code << 6 | (bytes[i] & 0x3f);
	*at += length;
	return upper(code);
}

bool name_equal(const char *a, size_t a_length, const char *b, size_t b_length)
{
	const char *a_end = a + a_length, *b_end = b + b_length;
	while (a < a_end && b < b_end)
		if (next_upper(&a, a_end) != next_upper(&b, b_end))
			return false;
	return a == a_end && b == b_end;
}
