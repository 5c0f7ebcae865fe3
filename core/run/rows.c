// Rows on their way out: checked against their columns, filtered, counted.
// SPDX-License-Identifier: Apache-2.0
#include "run/engine.h"

#include <stdarg.h>
#include <strings.h>

enum { NOTE_MAX = 1024, NOTES_SHOWN_MAX = 1000 };

// ---- which columns --------------------------------------------------------------------------

static bool option_given(const struct run_wish *wish, const char *name)
{
	for (size_t i = 0; name && i < wish->options->count; i++)
		if (!strcmp(wish->plugin->options[wish->options->values[i].option].name, name))
			return true;
	return false;
}

static bool starts_with(const char *title, const char *prefix, size_t length)
{
	return length && !strncasecmp(title, prefix, length);
}

// Each of --hide-columns may name several, separated by commas.
static bool is_hidden(const struct run_wish *wish, const char *title)
{
	for (size_t i = 0; i < wish->hidden_count; i++)
		for (const char *at = wish->hidden[i]; *at;) {
			size_t length = strcspn(at, ",");
			if (starts_with(title, at, length))
				return true;
			at += length + (at[length] == ',');
		}
	return false;
}

// Volatility's column, given the options; NULL when it has none.
static const char *compat_title(const struct run_wish *wish, const ei_column *column)
{
	if (column->vol3_with && !option_given(wish, column->vol3_with))
		return NULL;
	if (column->vol3_without && option_given(wish, column->vol3_without))
		return NULL;
	return column->vol3;
}

ei_error *output_columns(ei_arena *arena, const struct run_wish *wish, struct output *output)
{
	const ei_plugin *plugin = wish->plugin;
	struct shown_column *shown = ei_alloc(arena, plugin->column_count * sizeof *shown);
	if (!shown)
		return ei_fail(EI_E_NOMEM, "out of memory");
	size_t count = 0;
	for (unsigned i = 0; i < plugin->column_count; i++) {
		const ei_column *column = &plugin->columns[i];
		const char *title = wish->compat        ? compat_title(wish, column)
				    : column->vol3_only ? NULL
							: column->name;
		if (title && !is_hidden(wish, title))
			shown[count++] = (struct shown_column){ column, title, i };
	}
	if (!count)
		return ei_fail(EI_E_USAGE, "%s: no column is left to show%s", plugin->name,
			wish->compat ? "; Volatility 3 has none of them" : "");
	output->table.columns = shown;
	output->table.count = count;
	output->table.compat = wish->compat;
	return NULL;
}

// ---- rows -----------------------------------------------------------------------------------

static bool is_number(unsigned kind)
{
	return kind >= EI_UINT && kind <= EI_TIME;
}

static bool kind_fits(ei_val value, ei_kind column)
{
	if (value.state != EI_OK || column == EI_ANY)
		return true;
	return value.kind == column || (is_number(value.kind) && is_number(column));
}

// A plugin that emits the wrong kind, or forgets a cell, is broken: its run ends there.
static ei_error *cells_check(const ei_plugin *plugin, const ei_val *cells)
{
	for (unsigned i = 0; i < plugin->column_count; i++) {
		if (cells[i].state == EI_UNSET)
			return ei_fail(EI_E_FORMAT, "plugin '%s' left its column '%s' unset",
				plugin->name, plugin->columns[i].name);
		if (!kind_fits(cells[i], plugin->columns[i].kind))
			return ei_fail(EI_E_FORMAT,
				"plugin '%s' gave a value of kind %u for its column '%s' of kind "
				"%u",
				plugin->name, cells[i].kind, plugin->columns[i].name,
				plugin->columns[i].kind);
	}
	return NULL;
}

// A row hangs under what is shown: where a filter took its parent, under the parent's parent.
static uint32_t depth_shown(struct output *output, uint32_t depth, bool shown)
{
	depth = MIN(depth, (uint32_t)OUTPUT_DEPTH_MAX - 1);
	output->level[depth + 1] = output->level[depth] + shown;
	return output->level[depth];
}

static void run_fail(ei_run *run, ei_error *error)
{
	if (run->failure)
		ei_error_drop(error);
	else
		run->failure = error;
	run->stopped = true;
}

bool ei_emit(ei_run *run, const ei_val *cells)
{
	return ei_emit_at(run, 0, cells);
}

bool ei_emit_at(ei_run *run, uint32_t depth, const ei_val *cells)
{
	struct output *output = run->output;
	if (!output || ei_stopped(run))
		return false;
	ei_error *error = cells_check(run->plugin, cells);
	if (!error) {
		bool shown = row_filters_pass(
			output->filters, output->filter_count, &output->table, cells);
		depth = depth_shown(output, depth, shown);
		if (!shown)
			return true;
		error = row_sink_row(output->sink, depth, cells);
	}
	if (error) {
		run_fail(run, error);
		return false;
	}
	run->rows++;
	if (run->limit && run->rows >= run->limit)
		run->stopped = true;
	return !run->stopped;
}

// Of a table that others will use too: a line, for all of them.
static void note_keep(struct text *kept, char *text)
{
	for (char *at = text; (at = strchr(at, '\n'));)
		*at = ' ';
	if (kept->length + strlen(text) + 1 < kept->cap)
		text_addf(kept, "%s\n", text);
}

void ei_note(ei_run *run, const char *format, ...)
{
	char text[NOTE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (run->kept_notes) {
		note_keep(run->kept_notes, text);
		return;
	}
	run->notes++;
	if (!run->output || run->notes > NOTES_SHOWN_MAX)
		return;
	if (run->notes == NOTES_SHOWN_MAX)
		snprintf(text, sizeof text, "more than %d notes; the rest is only counted",
			NOTES_SHOWN_MAX);
	ei_error *error = row_sink_note(run->output->sink, text);
	if (error)
		run_fail(run, error);
}

// ---- the run --------------------------------------------------------------------------------

bool ei_stopped(const ei_run *run)
{
	return run->stopped ||
	       (run->cancelled && __atomic_load_n(run->cancelled, __ATOMIC_RELAXED));
}

void ei_progress(ei_run *run, uint64_t done, uint64_t total)
{
	if (run->output && run->output->progress)
		run->output->progress(run->output->progress_context, done, total);
}

// ---- options --------------------------------------------------------------------------------

size_t ei_opt_count(const ei_run *run, unsigned option)
{
	size_t count = 0;
	for (size_t i = 0; run->options && i < run->options->count; i++)
		count += run->options->values[i].option == option;
	return count;
}

ei_val ei_opt_at(const ei_run *run, unsigned option, size_t n)
{
	for (size_t i = 0; run->options && i < run->options->count; i++)
		if (run->options->values[i].option == option && n-- == 0)
			return run->options->values[i].value;
	return ei_absent(EI_NONE);
}

ei_val ei_opt(const ei_run *run, unsigned option)
{
	return ei_opt_at(run, option, 0);
}

static bool values_equal(ei_val a, ei_val b)
{
	if (!ei_has(a) || !ei_has(b))
		return false;
	if (is_number(a.kind) && is_number(b.kind))
		return a.u == b.u;
	return a.kind == b.kind && a.length == b.length && !memcmp(a.s, b.s, a.length);
}

bool ei_opt_allows(const ei_run *run, unsigned option, ei_val value)
{
	size_t count = ei_opt_count(run, option);
	for (size_t i = 0; i < count; i++)
		if (values_equal(ei_opt_at(run, option, i), value))
			return true;
	return count == 0;
}
