// Renderers: rows to text, json, csv. The one header of core/out; it knows rows and columns only.
// SPDX-License-Identifier: Apache-2.0
#ifndef OUT_OUT_H
#define OUT_OUT_H

#include "run/rows.h"
#include <stdio.h>

struct out_wish {
	const char *renderer; // "text", "pretty", "json", "jsonl", "csv", "none"
	FILE *stream;         // rows; borrowed
	FILE *side;     // notes of formats that have no place for them; NULL: dropped; borrowed
	bool colour;    // pretty only
	unsigned width; // of the terminal; 0: not one
};

// EI_E_USAGE for a renderer that does not exist, with the list of those that do.
EI_CHECKED ei_error *out_create(const struct out_wish *wish, struct row_sink **out);

#endif
