// tee: the same rows to two renderers, for a run that is shown and logged.
// SPDX-License-Identifier: Apache-2.0
#include "out/out.h"

struct tee {
	struct row_sink sink;
	struct row_sink *first, *log;
	struct table log_table;
};

static ei_error *tee_begin(struct row_sink *sink, const struct table *table)
{
	struct tee *tee = (struct tee *)sink;
	tee->log_table = *table;
	tee->log_table.compat = false;
	EI_TRY(row_sink_begin(tee->log, &tee->log_table));
	return row_sink_begin(tee->first, table);
}

static ei_error *tee_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	struct tee *tee = (struct tee *)sink;
	EI_TRY(row_sink_row(tee->log, depth, cells));
	return row_sink_row(tee->first, depth, cells);
}

static ei_error *tee_note(struct row_sink *sink, const char *text)
{
	struct tee *tee = (struct tee *)sink;
	EI_TRY(row_sink_note(tee->log, text));
	return row_sink_note(tee->first, text);
}

static ei_error *tee_end(struct row_sink *sink, const struct trailer *trailer)
{
	struct tee *tee = (struct tee *)sink;
	ei_error *error = row_sink_end(tee->log, trailer);
	ei_error *first = row_sink_end(tee->first, trailer);
	if (!error)
		return first;
	ei_error_drop(first);
	return error;
}

static void tee_drop(struct row_sink *sink)
{
	struct tee *tee = (struct tee *)sink;
	row_sink_drop(tee->first);
	row_sink_drop(tee->log);
	free(tee);
}

ei_error *tee_create(struct row_sink *first, struct row_sink *log, struct row_sink **out)
{
	struct tee *tee = calloc(1, sizeof *tee);
	if (!tee) {
		row_sink_drop(first);
		row_sink_drop(log);
		return ei_fail(EI_E_NOMEM, "out of memory");
	}
	tee->sink = (struct row_sink){ tee_begin, tee_row, tee_note, tee_end, tee_drop };
	tee->first = first;
	tee->log = log;
	*out = &tee->sink;
	return NULL;
}
