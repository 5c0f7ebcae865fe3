// Rows: what a run gives to whoever shows them. Renderers (core/out) know this header only.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_ROWS_H
#define RUN_ROWS_H

#include "base/base.h"
#include <eidetic/plugin.h>

// The run, for the record. Strings live as long as the run; never NULL.
struct run_record {
	const char *version; // of the tool
	const char *plugin;
	const char *image;
	uint64_t image_size;
	const char *format;  // of the image
	const char *profile; // "" when there is none
	const char *profile_how;
	const char *image_sha256; // "" when it was not asked for
	const char *command;      // the command line; for logs, which name the occasion
	const char *started;      // ISO 8601
};

// A column that is shown: hidden ones, and with --compat those that Volatility lacks, are left out.
struct shown_column {
	const ei_column *column;
	const char *title; // .name, or .vol3 with --compat
	unsigned cell;     // index into the cells of a row
};

struct table {
	const struct run_record *record;
	const struct shown_column *columns;
	size_t count;
	bool compat;           // Volatility 3's conventions
	uint64_t address_mask; // of addresses, with --compat: 48 bits on x64
};

// How it ended.
struct trailer {
	uint64_t rows;
	uint64_t notes;
	bool complete;
	const char *why; // when not complete: "cancelled", "limit", ...
};

// Implemented by renderers. A failure (disk full) ends the run; `end` is called all the same. NULL:
// of no interest.
struct row_sink {
	ei_error *(*begin)(struct row_sink *sink, const struct table *table);
	ei_error *(*row)(struct row_sink *sink, uint32_t depth, const ei_val *cells);
	ei_error *(*note)(struct row_sink *sink, const char *text);
	ei_error *(*end)(struct row_sink *sink, const struct trailer *trailer);
	void (*drop)(struct row_sink *sink);
};

static inline ei_error *row_sink_begin(struct row_sink *sink, const struct table *table)
{
	return sink->begin ? sink->begin(sink, table) : NULL;
}

static inline ei_error *row_sink_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	return sink->row ? sink->row(sink, depth, cells) : NULL;
}

static inline ei_error *row_sink_note(struct row_sink *sink, const char *text)
{
	return sink->note ? sink->note(sink, text) : NULL;
}

static inline ei_error *row_sink_end(struct row_sink *sink, const struct trailer *trailer)
{
	return sink->end ? sink->end(sink, trailer) : NULL;
}

static inline void row_sink_drop(struct row_sink *sink)
{
	if (sink->drop)
		sink->drop(sink);
}
EI_OWNER(row_sink, row_sink_drop);

#endif
