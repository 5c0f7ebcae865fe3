// From patterns to a filter.
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_COMPILE_H
#define SCAN_COMPILE_H

#include "scan/filter.h"

// How often a gram is met in text, of 2^CHANCE_BITS; never 0.
enum { CHANCE_BITS = 32 };
uint64_t gram_chance(const uint8_t *gram, unsigned size);
double byte_chance(uint8_t byte);                  // of one byte, both cases of a letter together
double pair_chance(uint8_t first, uint8_t second); // of two

// Bytes of the longest stretch of printable ASCII in a pattern.
unsigned pattern_plain(const struct term_set *set, const struct pattern *pattern);

// The low bytes of `size` characters of a pattern.
void pattern_chars(const struct term_set *set, const struct pattern *pattern, unsigned offset,
	unsigned size, uint8_t *out);

// False where the characters are not such as the pattern's stream has.
bool gram_is_possible(
	const struct term_set *set, const struct pattern *pattern, unsigned offset, unsigned size);

// Of the gram at `offset`.
uint64_t pattern_hash(const struct filter *filter, const struct term_set *set,
	const struct pattern *pattern, unsigned offset);

struct chooser {
	const struct term_set *set;
	const struct filter *filter;
	uint16_t *seen; // grams of all patterns, counted by hash
	unsigned shift;
};

// How many patterns have the gram that is at `offset` of one.
static inline unsigned gram_seen(
	const struct chooser *chooser, const struct pattern *pattern, unsigned offset)
{
	return chooser->seen[pattern_hash(chooser->filter, chooser->set, pattern, offset) >>
			     chooser->shift];
}

// Which sieve is best for so many patterns; filling it, with the choice of each pattern's gram.
enum sieve sieve_wanted(size_t patterns, bool plain);
void buckets_fill(const struct chooser *chooser, const uint32_t *members, size_t count,
	struct filter *filter, uint16_t *windows);
EI_CHECKED ei_error *pairs_fill(const struct chooser *chooser, const uint32_t *members,
	size_t count, struct filter *filter, uint16_t *windows);

// Builds the filter of some patterns of a set, at least one. `plain`: grams are of printable ASCII
// alone, which each pattern has TERM_SHORTEST or more of. After an error it can be dropped.
EI_CHECKED ei_error *filter_build(struct term_set *set, const uint32_t *members, size_t count,
	bool plain, struct filter *filter);
void filter_deinit(struct filter *filter);

#endif
