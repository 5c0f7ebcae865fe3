// Many patterns: each gets the gram whose pairs of characters are rare, or in the sieve already.
// SPDX-License-Identifier: Apache-2.0
#include "scan/compile.h"

// What things cost, in cycles.
static const double PLACE_COST = 3;    // a place that the sieve lets through
static const double MEETING_COST = 20; // a gram that is met
static const double PATTERN_COST = 10; // and each pattern that has it

struct sifter {
	const struct chooser *chooser;
	struct filter *filter;
	unsigned places; // pairs of a gram: 3, or 2 when grams have 3 bytes
	uint8_t symbol[256];
	double pair[256][256];   // chance of a pair, by folded characters
	double passed[HEAD - 1]; // what passes at each place, of all pairs of text
};

// ---- symbols --------------------------------------------------------------------------------

// Letters are themselves, the rest are six groups.
static uint8_t symbol_of_many(uint8_t byte)
{
	enum { DIGITS = 26, DOT, SLASH, DASH, SPACE, OTHER };
	if (byte >= 'a' && byte <= 'z')
		return byte - 'a';
	if (byte >= '0' && byte <= '9')
		return DIGITS;
	switch (byte) {
	case '.':
		return DOT;
	case '/':
	case '\\':
		return SLASH;
	case '-':
	case '_':
		return DASH;
	case ' ':
		return SPACE;
	default:
		return OTHER;
	}
}

// Where the patterns have few characters, as addresses and hashes do, each is a symbol of its own.
static void symbols_choose(struct sifter *sifter, const uint32_t *members, size_t count)
{
	const struct term_set *set = sifter->chooser->set;
	bool used[256] = { false };
	unsigned symbols = 0;
	for (size_t i = 0; i < count; i++) {
		const struct pattern *pattern = &set->patterns[members[i]];
		for (unsigned at = 0; at < pattern->length; at++) {
			uint8_t byte;
			pattern_chars(set, pattern, at, 1, &byte);
			symbols += !used[byte];
			used[byte] = true;
		}
	}
	uint8_t next = 0;
	for (unsigned byte = 0; byte < 256; byte++)
		if (used[byte])
			sifter->symbol[byte] =
				symbols <= SYMBOLS ? next++ : symbol_of_many((uint8_t)byte);
}

// ---- pairs ----------------------------------------------------------------------------------

static bool has_pair(const struct sifter *sifter, unsigned place, unsigned first, unsigned second)
{
	return sifter->filter->pairs.has[place][first * 4 + second / 8] >> second % 8 & 1;
}

// The chance of a pair of symbols: of all characters that are mapped to them.
static void chances_sum(struct sifter *sifter)
{
	double sums[SYMBOLS][SYMBOLS] = { 0 };
	for (unsigned a = ' '; a <= '~'; a++)
		for (unsigned b = ' '; b <= '~'; b++)
			if (fold_byte((uint8_t)a) == a && fold_byte((uint8_t)b) == b)
				sums[sifter->symbol[a]][sifter->symbol[b]] += pair_chance(
					sifter->chooser->rarity, (uint8_t)a, (uint8_t)b);
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++)
			sifter->pair[a][b] = sums[sifter->symbol[a]][sifter->symbol[b]];
}

// What passes when the gram's pairs are added.
static double passed_with(const struct sifter *sifter, const uint8_t *chars)
{
	double passed = 1;
	for (unsigned i = 0; i < sifter->places; i++) {
		unsigned a = sifter->symbol[chars[i]], b = sifter->symbol[chars[i + 1]];
		double more = has_pair(sifter, i, a, b) ? 0 : sifter->pair[chars[i]][chars[i + 1]];
		passed *= sifter->passed[i] + more;
	}
	return passed;
}

static void character_mark(struct pairs *pairs, unsigned byte, unsigned symbol)
{
	pairs->bytes[byte] = (uint8_t)(symbol * 4 + symbol / 8);
	pairs->bits[byte] = (uint8_t)(1 << symbol % 8);
}

static void gram_mark(struct sifter *sifter, const uint8_t *chars)
{
	struct pairs *pairs = &sifter->filter->pairs;
	for (unsigned i = 0; i <= sifter->places; i++) {
		unsigned byte = chars[i] & 0x7f, symbol = sifter->symbol[chars[i]];
		character_mark(pairs, byte, symbol);
		if (chars[i] >= 'a' && chars[i] <= 'z')
			character_mark(pairs, byte & 0x5f, symbol);
	}
	for (unsigned i = 0; i < sifter->places; i++) {
		unsigned a = sifter->symbol[chars[i]], b = sifter->symbol[chars[i + 1]];
		if (has_pair(sifter, i, a, b))
			continue;
		pairs->has[i][a * 4 + b / 8] |= (uint8_t)(1 << b % 8);
		sifter->passed[i] += sifter->pair[chars[i]][chars[i + 1]];
	}
}

// ---- grams ----------------------------------------------------------------------------------

// More than `most` may be told as anything that is more.
static double gram_price(const struct sifter *sifter, const struct pattern *pattern, unsigned at,
	const uint8_t *chars, double most)
{
	unsigned gram = sifter->filter->gram;
	double met = gram_chance(sifter->chooser->rarity, chars, gram);
	double price = PLACE_COST * passed_with(sifter, chars) + met * MEETING_COST;
	if (price >= most)
		return price;
	return price + met * PATTERN_COST * gram_seen(sifter->chooser, pattern, at);
}

static unsigned gram_pick(const struct sifter *sifter, const struct pattern *pattern)
{
	const struct term_set *set = sifter->chooser->set;
	unsigned gram = sifter->filter->gram, best = 0;
	double least = 1e300;
	for (unsigned at = 0; at + gram <= pattern->length; at++) {
		uint8_t chars[GRAM_MAX];
		if (!gram_is_possible(sifter->filter, set, pattern, at))
			continue;
		pattern_chars(set, pattern, at, gram, chars);
		double price = gram_price(sifter, pattern, at, chars, least);
		if (price < least) {
			least = price;
			best = at;
		}
	}
	return best;
}

ei_error *pairs_fill(const struct chooser *chooser, const uint32_t *members, size_t count,
	struct filter *filter, uint16_t *windows)
{
	static const double little = 0.001; // so that products are not zero to begin with
	struct sifter *sifter = calloc(1, sizeof *sifter);
	if (!sifter)
		return ei_fail(EI_E_NOMEM, "no memory for %zu terms", count);
	sifter->chooser = chooser;
	sifter->filter = filter;
	sifter->places = MIN(filter->gram, (unsigned)HEAD) - 1;
	for (unsigned i = 0; i < HEAD - 1; i++)
		sifter->passed[i] = little;
	symbols_choose(sifter, members, count);
	chances_sum(sifter);
	for (size_t i = 0; i < count; i++) {
		const struct pattern *pattern = &chooser->set->patterns[members[i]];
		uint8_t chars[HEAD];
		windows[i] = (uint16_t)gram_pick(sifter, pattern);
		pattern_chars(chooser->set, pattern, windows[i], sifter->places + 1, chars);
		gram_mark(sifter, chars);
	}
	free(sifter);
	return NULL;
}
