// What renderers share: the stream with its failures, notes, the end.
// SPDX-License-Identifier: Apache-2.0
#ifndef OUT_RENDER_H
#define OUT_RENDER_H

#include "out/escape.h"
#include "out/out.h"
#include "run/value_text.h"

enum { CELL_MAX = 64 << 20 }; // bytes of one rendered cell or line

// Every renderer begins with this.
struct render {
	struct row_sink sink;
	FILE *stream;
	FILE *side;
	const struct table *table;
	struct text line; // being built
};

void render_init(struct render *render, const struct out_wish *wish);
void render_deinit(struct render *render);

// Writes the line and clears it. EI_E_IO with the system's reason; EI_E_CANCELLED when whoever
// reads a pipe has gone.
EI_CHECKED ei_error *render_flush(struct render *render);

// Notes and the trailer of formats that have no place for them.
EI_CHECKED ei_error *side_note(struct row_sink *sink, const char *note);
EI_CHECKED ei_error *side_end(struct row_sink *sink, const struct trailer *trailer);

ei_error *text_create(const struct out_wish *wish, struct row_sink **out);
ei_error *pretty_create(const struct out_wish *wish, struct row_sink **out);
ei_error *json_create(const struct out_wish *wish, struct row_sink **out);
ei_error *jsonl_create(const struct out_wish *wish, struct row_sink **out);
ei_error *csv_create(const struct out_wish *wish, struct row_sink **out);
ei_error *none_create(const struct out_wish *wish, struct row_sink **out);

#endif
