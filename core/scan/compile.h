// From patterns to a filter.
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_COMPILE_H
#define SCAN_COMPILE_H

#include "scan/filter.h"

// How often a gram is met in text, of 2^CHANCE_BITS; never 0.
enum { CHANCE_BITS = 32 };
uint64_t gram_chance(const uint8_t *gram, unsigned size);

// Bytes of the longest stretch of printable ASCII in a pattern.
unsigned pattern_plain(const struct term_set *set, const struct pattern *pattern);

// Builds the filter of some patterns of a set, at least one. `plain`: grams are of printable ASCII
// alone, which each pattern has TERM_SHORTEST or more of. After an error it can be dropped.
EI_CHECKED ei_error *filter_build(struct term_set *set, const uint32_t *members, size_t count,
	bool plain, struct filter *filter);
void filter_deinit(struct filter *filter);

#endif
