// csv: RFC 4180, with a last column that says why cells are empty; with --compat as Volatility's.
// SPDX-License-Identifier: Apache-2.0
#include "out/render.h"

struct csv_render {
	struct render base;
	struct text cell;
	struct text absent;
};

static ei_error *csv_begin(struct row_sink *sink, const struct table *table)
{
	struct render *render = (struct render *)sink;
	render->table = table;
	if (table->compat)
		text_addf(&render->line, "TreeDepth,");
	for (size_t i = 0; i < table->count; i++) {
		text_addf(&render->line, "%s", i ? "," : "");
		escape_csv(&render->line, table->columns[i].title, strlen(table->columns[i].title));
	}
	text_addf(&render->line, "%s", table->compat ? "\n" : ",absent\r\n");
	return render_flush(render);
}

// Volatility's writer doubles backslashes, and what reads its files undoes that.
static void backslashes_double(struct text *text)
{
	struct text doubled;
	text_init(&doubled, text->cap);
	for (size_t i = 0; i < text->length; i++)
		text_add(&doubled, text->data[i] == '\\' ? "\\\\" : &text->data[i],
			text->data[i] == '\\' ? 2 : 1);
	text_deinit(text);
	*text = doubled;
}

static void csv_cell(struct csv_render *csv, const struct shown_column *shown, ei_val value)
{
	const struct table *table = csv->base.table;
	if (value.state != EI_OK && !table->compat) {
		text_addf(&csv->absent, "%s%s=%s", csv->absent.length ? ";" : "", shown->title,
			absence_name(value.state));
		return;
	}
	text_clear(&csv->cell);
	value_text(&csv->cell, table, shown->column, value);
	if (table->compat)
		backslashes_double(&csv->cell);
	escape_csv(&csv->base.line, csv->cell.data ? csv->cell.data : "", csv->cell.length);
}

static ei_error *csv_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	struct csv_render *csv = (struct csv_render *)sink;
	struct render *render = &csv->base;
	text_clear(&csv->absent);
	if (render->table->compat)
		text_addf(&render->line, "%u,", depth);
	for (size_t i = 0; i < render->table->count; i++) {
		text_addf(&render->line, "%s", i ? "," : "");
		csv_cell(csv, &render->table->columns[i], cells[render->table->columns[i].cell]);
	}
	if (render->table->compat)
		text_addf(&render->line, "\n");
	else
		text_addf(&render->line, ",%s\r\n", csv->absent.length ? csv->absent.data : "");
	return render_flush(render);
}

static void csv_drop(struct row_sink *sink)
{
	struct csv_render *csv = (struct csv_render *)sink;
	text_deinit(&csv->cell);
	text_deinit(&csv->absent);
	render_deinit(&csv->base);
	free(csv);
}

ei_error *csv_create(const struct out_wish *wish, struct row_sink **out)
{
	struct csv_render *csv = calloc(1, sizeof *csv);
	if (!csv)
		return ei_fail(EI_E_NOMEM, "out of memory");
	render_init(&csv->base, wish);
	text_init(&csv->cell, CELL_MAX);
	text_init(&csv->absent, CELL_MAX);
	csv->base.sink = (struct row_sink){ csv_begin, csv_row, side_note, side_end, csv_drop };
	*out = &csv->base.sink;
	return NULL;
}
