// --filters: which rows are shown, by what their cells look like.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_ROW_FILTER_H
#define RUN_ROW_FILTER_H

#include "run/rows.h"

struct regex;

// "[+-]column,pattern[!]", as Volatility 3 reads it: '-' turns it round; without a column, any of
// them; '!' makes the pattern a regular expression. A column is meant by any part of its title.
struct row_filter {
	bool exclude;
	int column; // index into table->columns; -1: any
	const char *pattern;
	struct regex *expression; // NULL: plain text
};

EI_CHECKED ei_error *row_filter_parse(
	ei_arena *arena, const struct table *table, const char *text, struct row_filter *out);
void row_filter_deinit(struct row_filter *filter);

// True when a row passes: one of the filters is met, or there are none.
bool row_filters_pass(const struct row_filter *filters, size_t count, const struct table *table,
	const ei_val *cells);

#endif
