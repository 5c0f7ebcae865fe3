// Values as plain text, the same in every renderer: numbers, addresses, times, reasons of absence.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_VALUE_TEXT_H
#define RUN_VALUE_TEXT_H

#include "run/rows.h"

// Appends the text of a cell; strings as they are (renderers escape). Absence: "-", "?", "n/a",
// "!".
void value_text(struct text *out, const struct table *table, const ei_column *column, ei_val value);

// The address as it is shown: canonical, or cut to table->address_mask with --compat.
uint64_t value_address(const struct table *table, ei_val value);

// "2024-05-01T10:00:00.123456Z"; with --compat "2024-05-01T10:00:00+00:00", as Volatility's JSON.
void time_text(struct text *out, uint64_t filetime, bool compat);

const char *absence_text(ei_state state); // "-", "?", "n/a", "!"
const char *absence_name(ei_state state); // "not_applicable", "unreadable", "no_field", "garbage"

#endif
