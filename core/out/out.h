// Renderers: rows to text, json, csv. The one header of core/out; it knows rows and columns only.
// SPDX-License-Identifier: Apache-2.0
#ifndef OUT_OUT_H
#define OUT_OUT_H

#include "run/rows.h"
#include <stdio.h>

struct out_wish {
	const char *renderer; // "text", "pretty", "json", "jsonl", "csv", "none"
	FILE *stream;         // rows; borrowed
	FILE *side;  // notes of formats that have no place for them; NULL: dropped; borrowed
	bool colour; // pretty only
	bool log;    // the record names the occasion: command line, time
};

// EI_E_USAGE for a renderer that does not exist, with the list of those that do.
EI_CHECKED ei_error *out_create(const struct out_wish *wish, struct row_sink **out);

// Gives everything to `first`, and to `log`, which is never in Volatility's conventions. Takes
// both.
EI_CHECKED ei_error *tee_create(
	struct row_sink *first, struct row_sink *log, struct row_sink **out);

#endif
