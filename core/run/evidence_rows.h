// What rows of plugins say beside the terms of their columns.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_EVIDENCE_ROWS_H
#define RUN_EVIDENCE_ROWS_H

#include "run/evidence_parts.h"

// Whether a row is evidence: of plugins that list what is as it should be, only the rest is.
bool evidence_row_counts(const ei_plugin *plugin, const ei_val *cells);

// Whether its rows are all things of their kind, not only those of one table.
bool evidence_rows_are_all(const ei_plugin *plugin);

// The terms that follow from a plugin's rows, without a column of their own; NULL after the last.
const char *evidence_row_term(const ei_plugin *plugin, size_t nth);
bool evidence_row_wanted(const struct evidence *evidence, const ei_plugin *plugin);
void evidence_row_answers(struct evidence *evidence, const ei_plugin *plugin);

// `known`: the entity of the row's first term; UINT32_MAX: it has none.
void evidence_row_give(struct evidence *evidence, const ei_plugin *plugin, struct known known,
	const ei_val *cells);

#endif
