// From patterns to a filter.
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_COMPILE_H
#define SCAN_COMPILE_H

#include "scan/filter.h"

// Builds the filter of some patterns of a set, at least one. After an error it can be dropped.
EI_CHECKED ei_error *filter_build(
	struct term_set *set, const uint32_t *members, size_t count, struct filter *filter);
void filter_deinit(struct filter *filter);

#endif
