// text: tab separated, a header, a row a line, notes and an incomplete end as comments after them.
// SPDX-License-Identifier: Apache-2.0
#include "out/render.h"

struct text_render {
	struct render base;
	struct text notes;
	struct text cell;
};

static ei_error *text_begin(struct row_sink *sink, const struct table *table)
{
	struct render *render = (struct render *)sink;
	render->table = table;
	for (size_t i = 0; i < table->count; i++)
		text_addf(&render->line, "%s%s", i ? "\t" : "", table->columns[i].title);
	text_add(&render->line, "\n", 1);
	return render_flush(render);
}

static ei_error *text_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	struct text_render *text = (struct text_render *)sink;
	struct render *render = &text->base;
	for (uint32_t i = 0; i < depth && i < 64; i++)
		text_addf(&render->line, "*%s", i + 1 == depth ? " " : "");
	for (size_t i = 0; i < render->table->count; i++) {
		const struct shown_column *shown = &render->table->columns[i];
		text_clear(&text->cell);
		value_text(&text->cell, render->table, shown->column, cells[shown->cell]);
		if (i)
			text_add(&render->line, "\t", 1);
		if (text->cell.length)
			escape_line(&render->line, text->cell.data, text->cell.length);
	}
	text_add(&render->line, "\n", 1);
	return render_flush(render);
}

static ei_error *text_note(struct row_sink *sink, const char *note)
{
	struct text_render *text = (struct text_render *)sink;
	if (text->base.table && text->base.table->compat)
		return side_note(sink, note);
	text_addf(&text->notes, "# note: ");
	escape_line(&text->notes, note, strlen(note));
	text_add(&text->notes, "\n", 1);
	return NULL;
}

static ei_error *text_end(struct row_sink *sink, const struct trailer *trailer)
{
	struct text_render *text = (struct text_render *)sink;
	struct render *render = &text->base;
	if (render->table && render->table->compat)
		return side_end(sink, trailer);
	text_add(&render->line, text->notes.data ? text->notes.data : "", text->notes.length);
	if (!trailer->complete) {
		text_addf(&render->line, "# incomplete: ");
		escape_line(&render->line, trailer->why, strlen(trailer->why));
		text_add(&render->line, "\n", 1);
	}
	EI_TRY(render_flush(render));
	return side_end(sink, &(struct trailer){ .complete = true });
}

static void text_drop(struct row_sink *sink)
{
	struct text_render *text = (struct text_render *)sink;
	text_deinit(&text->notes);
	text_deinit(&text->cell);
	render_deinit(&text->base);
	free(text);
}

ei_error *text_create(const struct out_wish *wish, struct row_sink **out)
{
	struct text_render *text = calloc(1, sizeof *text);
	if (!text)
		return ei_fail(EI_E_NOMEM, "out of memory");
	render_init(&text->base, wish);
	text_init(&text->notes, CELL_MAX);
	text_init(&text->cell, CELL_MAX);
	text->base.sink = (struct row_sink){ text_begin, text_row, text_note, text_end, text_drop };
	*out = &text->base.sink;
	return NULL;
}
