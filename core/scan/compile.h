// From patterns to a filter.
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_COMPILE_H
#define SCAN_COMPILE_H

#include "scan/internal.h"

// How often things are met at a position of memory: as text has them, and as a sample has them
// where there is one. More than 1 for what is no text.
struct rarity;
EI_CHECKED ei_error *rarity_create(const uint8_t *sample, size_t size, struct rarity **out);
void rarity_drop(struct rarity *rarity);
EI_OWNER(rarity, rarity_drop);
double gram_chance(const struct rarity *rarity, const uint8_t *gram, unsigned size);
double byte_chance(const struct rarity *rarity, uint8_t byte);
double pair_chance(const struct rarity *rarity, uint8_t first, uint8_t second);

// Bytes of the longest stretch of printable ASCII in a pattern.
unsigned pattern_plain(const struct term_set *set, const struct pattern *pattern);

// The low bytes of `size` characters of a pattern, ASCII letters in lower case.
void pattern_chars(const struct term_set *set, const struct pattern *pattern, unsigned offset,
	unsigned size, uint8_t *out);

// The same in upper case, for patterns that have other than ASCII letters.
void pattern_others(const struct term_set *set, const struct pattern *pattern, unsigned offset,
	unsigned size, uint8_t *out);

// Which bits of a byte count, and how many of several bytes are open: patterns of TEXT_MASKED.
uint8_t pattern_mask(const struct term_set *set, const struct pattern *pattern, unsigned offset);
unsigned pattern_open(
	const struct term_set *set, const struct pattern *pattern, unsigned offset, unsigned size);

// False where the gram at `offset` is not such as the filter has.
bool gram_is_possible(const struct filter *filter, const struct term_set *set,
	const struct pattern *pattern, unsigned offset);

// Of the gram at `offset`.
uint64_t pattern_hash(const struct filter *filter, const struct term_set *set,
	const struct pattern *pattern, unsigned offset);

struct chooser {
	const struct term_set *set;
	const struct filter *filter;
	const struct rarity *rarity;
	uint16_t *seen; // grams of every step-th pattern, counted by hash
	unsigned shift, step;
};

// How many patterns have the gram that is at `offset` of one.
static inline unsigned gram_seen(
	const struct chooser *chooser, const struct pattern *pattern, unsigned offset)
{
	uint64_t hash = pattern_hash(chooser->filter, chooser->set, pattern, offset);
	return chooser->seen[hash >> chooser->shift] * chooser->step;
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
	bool plain, const struct rarity *rarity, struct filter *filter);
void filter_deinit(struct filter *filter);

#endif
