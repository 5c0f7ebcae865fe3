// Values as plain text, the same in every renderer: numbers, addresses, times, reasons of absence.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_VALUE_TEXT_H
#define RUN_VALUE_TEXT_H

#include "run/rows.h"

// Appends the text of a cell; strings as they are (renderers escape). Absence: "-", "?", "n/a" or
// "!"; with --compat what Volatility's text renderers print.
void value_text(struct text *out, const struct table *table, const ei_column *column, ei_val value);

// The address as it is shown: canonical, or cut to table->address_mask with --compat.
uint64_t value_address(const struct table *table, ei_val value);

enum time_style {
	TIME_ISO,       // 2024-05-01T10:00:00.123456Z
	TIME_VOL3_ISO,  // 2024-05-01T10:00:00+00:00: its JSON; it drops what is below a second
	TIME_VOL3_TEXT, // 2024-05-01 10:00:00.000000 UTC
};
void time_text(struct text *out, uint64_t filetime, enum time_style style);

const char *absence_text(ei_state state); // "-", "?", "n/a", "!"
const char *absence_name(ei_state state); // "not_applicable", "unreadable", "no_field", "garbage"

#endif
