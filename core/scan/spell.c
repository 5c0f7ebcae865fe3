// How a term is written in memory: its spellings, and the pairs of upper and lower case letters.
// SPDX-License-Identifier: Apache-2.0
#include "scan/spell.h"

enum { LABEL_LONGEST = 63 };

// ---- letters --------------------------------------------------------------------------------

// Unicode's simple pairs whose two letters take as many bytes in UTF-8: Latin, Greek, Cyrillic,
// Armenian, and those of full width. With a step of 2 upper and lower stand in turn.
static const struct letters {
	uint16_t first, last; // upper case
	uint8_t step, to_lower;
} letters[] = {
	// clang-format off
	{ 0x0041, 0x005a, 1, 32 }, { 0x00c0, 0x00d6, 1, 32 }, { 0x00d8, 0x00de, 1, 32 },
	{ 0x0100, 0x012e, 2, 1 },  { 0x0132, 0x0136, 2, 1 },  { 0x0139, 0x0147, 2, 1 },
	{ 0x014a, 0x0176, 2, 1 },  { 0x0179, 0x017d, 2, 1 },
	{ 0x0386, 0x0386, 1, 38 }, { 0x0388, 0x038a, 1, 37 }, { 0x038c, 0x038c, 1, 64 },
	{ 0x038e, 0x038f, 1, 63 }, { 0x0391, 0x03a1, 1, 32 }, { 0x03a3, 0x03ab, 1, 32 },
	{ 0x0400, 0x040f, 1, 80 }, { 0x0410, 0x042f, 1, 32 }, { 0x0460, 0x0480, 2, 1 },
	{ 0x048a, 0x04be, 2, 1 },  { 0x04c1, 0x04cd, 2, 1 },  { 0x04d0, 0x052e, 2, 1 },
	{ 0x0531, 0x0556, 1, 48 }, { 0x1e00, 0x1e94, 2, 1 },  { 0x1ea0, 0x1efe, 2, 1 },
	{ 0xff21, 0xff3a, 1, 32 },
	// clang-format on
};

static bool is_upper(const struct letters *range, uint32_t letter)
{
	return letter >= range->first && letter <= range->last &&
	       (letter - range->first) % range->step == 0;
}

static uint32_t lower_of(uint32_t letter)
{
	for (size_t i = 0; i < ARRAY_LENGTH(letters); i++)
		if (is_upper(&letters[i], letter))
			return letter + letters[i].to_lower;
	return letter;
}

static uint32_t upper_of(uint32_t letter)
{
	for (size_t i = 0; i < ARRAY_LENGTH(letters); i++)
		if (letter >= letters[i].to_lower &&
			is_upper(&letters[i], letter - letters[i].to_lower))
			return letter - letters[i].to_lower;
	return letter;
}

// ---- characters -----------------------------------------------------------------------------

// The term's characters; 0 when it is not valid UTF-8.
static size_t characters_read(const struct term *term, uint32_t *out)
{
	const uint8_t *at = (const uint8_t *)term->text, *end = at + term->length;
	size_t count = 0;
	while (at < end) {
		size_t length = utf8_sequence(at, (size_t)(end - at));
		if (!length)
			return 0;
		uint32_t value = length == 1 ? *at : *at & (0x7fu >> length);
		for (size_t i = 1; i < length; i++)
			value = value << 6 | (at[i] & 0x3f);
		at += length;
		out[count++] = value;
	}
	return count;
}

static size_t utf8_put(uint8_t *out, uint32_t value)
{
	if (value < 0x80) {
		out[0] = (uint8_t)value;
		return 1;
	}
	size_t length = value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
	for (size_t i = length; i-- > 1; value >>= 6)
		out[i] = (uint8_t)(0x80 | (value & 0x3f));
	out[0] = (uint8_t)((0xf00u >> length & 0xff) | value);
	return length;
}

static size_t unit_put(uint8_t *out, uint32_t unit)
{
	out[0] = (uint8_t)unit;
	out[1] = (uint8_t)(unit >> 8);
	return 2;
}

static size_t utf16_put(uint8_t *out, uint32_t value)
{
	if (value < 0x10000)
		return unit_put(out, value);
	unit_put(out, 0xd800 + ((value - 0x10000) >> 10));
	return 2 + unit_put(out + 2, 0xdc00 + ((value - 0x10000) & 0x3ff));
}

static size_t latin1_put(uint8_t *out, uint32_t value)
{
	out[0] = (uint8_t)value;
	return 1;
}

// ---- spellings ------------------------------------------------------------------------------

// Writes characters in both cases; PATTERN_CASED where they differ in more than ASCII letters.
static size_t both_put(struct spelling *spelling, const uint32_t *characters, size_t count,
	size_t (*put)(uint8_t *, uint32_t))
{
	size_t size = 0;
	bool exact = spelling->flags & PATTERN_EXACT, cased = false;
	for (size_t i = 0; i < count; i++) {
		uint32_t lower = exact ? characters[i] : lower_of(characters[i]);
		uint32_t upper = exact ? characters[i] : upper_of(lower);
		cased |= lower >= 0x80 && lower != upper;
		put(spelling->other + size, upper);
		size += put(spelling->text + size, lower);
	}
	if (cased)
		spelling->flags |= PATTERN_CASED;
	return size;
}

unsigned utf16_plain(const uint8_t *utf16, size_t size)
{
	unsigned run = 0, longest = 0;
	for (size_t i = 0; i + 1 < size; i += 2) {
		bool plain = utf16[i] >= ' ' && utf16[i] <= '~' && !utf16[i + 1];
		run = plain ? run + 1 : 0;
		longest = MAX(longest, run);
	}
	return longest;
}

static void spelling_init(struct spelling *spelling, unsigned streams, unsigned flags)
{
	spelling->streams = (uint8_t)streams;
	spelling->kind = TEXT_BYTES;
	spelling->spelling = TERM_ASCII;
	spelling->flags = 0;
	if (flags & TERM_CASE)
		spelling->flags |= PATTERN_EXACT;
	if (flags & TERM_WORDS)
		spelling->flags |= PATTERN_WORDS;
}

// As bytes. True when all of them are ASCII.
static bool spell_bytes(const struct term *term, unsigned flags, struct spelling *out)
{
	spelling_init(out, STREAM_RAW, flags);
	out->length = (uint16_t)term->length;
	bool ascii = true;
	for (uint32_t i = 0; i < term->length; i++) {
		uint8_t byte = (uint8_t)term->text[i];
		out->text[i] = flags & TERM_CASE ? byte : fold_byte(byte);
		ascii &= byte < 0x80;
	}
	if (ascii)
		out->streams |= STREAM_WIDE;
	return ascii;
}

// As UTF-16, of characters beyond ASCII. Latin-1 is bytes in the wide stream.
static void spell_utf16(
	const uint32_t *characters, size_t count, unsigned flags, struct spelling *out)
{
	uint32_t highest = 0;
	for (size_t i = 0; i < count; i++)
		highest = MAX(highest, MAX(characters[i], upper_of(characters[i])));
	spelling_init(out, STREAM_WIDE, flags);
	if (highest < 0x100 && count >= TERM_SHORTEST) {
		out->length = (uint16_t)both_put(out, characters, count, latin1_put);
		return;
	}
	size_t size = both_put(out, characters, count, utf16_put);
	bool by_units = utf16_plain(out->text, size) >= PLAIN_LEAST;
	out->kind = by_units ? TEXT_UNITS : TEXT_UTF16;
	out->streams = by_units ? STREAM_WIDE : STREAM_RAW;
	out->length = (uint16_t)(by_units ? size / 2 : size);
}

// As labels, each with its length before it; false for what is no name of two labels or more.
static bool spell_labels(const struct term *term, unsigned flags, struct spelling *out)
{
	spelling_init(out, STREAM_RAW, flags);
	out->flags &= (uint8_t)~PATTERN_WORDS; // what is around them are lengths
	out->spelling = TERM_LABELS;
	size_t label = 0, labels = 1;
	if (term->length >= TERM_LONGEST)
		return false;
	for (uint32_t i = 0; i < term->length; i++) {
		uint8_t byte = (uint8_t)term->text[i];
		uint8_t low = fold_byte(byte);
		out->text[i + 1] = flags & TERM_CASE ? byte : low;
		if (byte == '.' && i == label)
			return false; // an empty one
		if (byte == '.') {
			out->text[label] = (uint8_t)(i - label);
			label = i + 1;
			labels++;
		} else if (!((low >= 'a' && low <= 'z') || (byte >= '0' && byte <= '9') ||
				   byte == '-' || byte == '_') ||
			   i - label >= LABEL_LONGEST)
			return false;
	}
	out->text[label] = (uint8_t)(term->length - label);
	out->length = (uint16_t)(term->length + 1);
	return labels > 1 && label < term->length;
}

// ---- bytes in hexadecimal -------------------------------------------------------------------

static int digit_read(char digit, uint8_t *value, uint8_t *mask)
{
	if (digit == '?') {
		*value = *mask = 0;
		return 1;
	}
	char low = (char)fold_byte((uint8_t)digit);
	*mask = 15;
	*value = (uint8_t)(low <= '9' ? low - '0' : low - 'a' + 10);
	return (low >= '0' && low <= '9') || (low >= 'a' && low <= 'f');
}

// Whether enough bits are known together.
static bool has_gram(const uint8_t *mask, size_t size)
{
	for (size_t at = 0; at + TERM_SHORTEST <= size; at++) {
		int open = 0;
		for (size_t i = 0; i < TERM_SHORTEST; i++)
			open += 8 - __builtin_popcount(mask[at + i]);
		if (open <= GRAM_OPEN_MAX)
			return true;
	}
	return false;
}

static ei_error *spell_hex(const struct term *term, struct spelling *out)
{
	const int shown = (int)MIN(term->length, 40u);
	size_t size = 0, known = 0;
	spelling_init(out, STREAM_RAW, TERM_CASE);
	out->kind = TEXT_MASKED;
	out->spelling = TERM_BYTES;
	for (uint32_t i = 0; i < term->length;) {
		if (term->text[i] == ' ') {
			i++;
			continue;
		}
		uint8_t value[2], mask[2];
		if (i + 1 == term->length || !digit_read(term->text[i], &value[0], &mask[0]) ||
			!digit_read(term->text[i + 1], &value[1], &mask[1]))
			return ei_fail(EI_E_USAGE,
				"'%.*s' is not bytes in hexadecimal ('?' is any digit)", shown,
				term->text);
		out->text[size] = (uint8_t)(value[0] << 4 | value[1]);
		out->other[size] = (uint8_t)(mask[0] << 4 | mask[1]);
		known += out->other[size++] == 0xff;
		i += 2;
	}
	if (known < TERM_SHORTEST || !has_gram(out->other, size))
		return ei_fail(EI_E_LIMIT, "'%.*s' has too few known bytes together, want %d of %d",
			shown, term->text, TERM_SHORTEST - 1, TERM_SHORTEST);
	out->length = (uint16_t)size;
	return NULL;
}

// ---- all ------------------------------------------------------------------------------------

static bool spell_utf8(
	const uint32_t *characters, size_t count, unsigned flags, struct spelling *out)
{
	struct spelling both;
	spelling_init(&both, STREAM_RAW, flags);
	size_t size = both_put(&both, characters, count, utf8_put);
	if (!(both.flags & PATTERN_CASED) || size > TERM_LONGEST)
		return false;
	both.length = (uint16_t)size;
	*out = both;
	return true;
}

ei_error *term_spell(
	const struct term *term, unsigned flags, struct spelling out[SPELLINGS_MAX], size_t *count)
{
	*count = 1;
	if (flags & TERM_AS_HEX)
		return spell_hex(term, &out[0]);
	uint32_t characters[TERM_LONGEST];
	if (!spell_bytes(term, flags, &out[0])) {
		size_t length = characters_read(term, characters);
		if (length) {
			spell_utf8(characters, length, flags, &out[0]);
			spell_utf16(characters, length, flags, &out[(*count)++]);
		}
	}
	if ((flags & TERM_AS_LABELS) && spell_labels(term, flags, &out[*count]))
		++*count;
	return NULL;
}
