// pretty: aligned columns for people, kept until their widths are known, or until a cap.
// SPDX-License-Identifier: Apache-2.0
#include "out/render.h"

enum {
	KEPT_BYTES_MAX = 16 << 20,
	CELL_COLUMNS_MAX = 90, // of a column that is not the last
	UPRIGHT_COLUMNS = 10,  // a single row of more columns is shown as a list of them
	DEPTH_SHOWN_MAX = 32,
};

struct pretty_render {
	struct render base;
	struct text kept; // escaped cells, each ended by NUL; one after the other, a row a line
	struct text cell;
	struct text notes;
	size_t *widths;
	bool streaming; // the cap was reached, and the widths are what they are
	bool colour;
	bool tree; // some row hangs under another
	uint64_t rows;
};

static const char *const bold = "\x1b[1m", *const dim = "\x1b[2m", *const plain = "\x1b[0m";

static bool right_aligned(const struct shown_column *shown)
{
	ei_kind kind = shown->column->kind;
	return kind == EI_UINT || kind == EI_INT || kind == EI_ADDR || kind == EI_HEX;
}

static void add_spaces(struct text *out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		text_add(out, " ", 1);
}

// One cell in its width. The last column is not padded; what is too long pushes the rest along.
static void add_padded(struct pretty_render *pretty, size_t column, const char *text)
{
	struct text *line = &pretty->base.line;
	const struct table *table = pretty->base.table;
	size_t taken = text_columns(text, strlen(text));
	size_t room = pretty->widths[column] > taken ? pretty->widths[column] - taken : 0;
	bool drawn = pretty->tree && !column;
	bool right = !drawn && right_aligned(&table->columns[column]);
	bool last = column + 1 == table->count;
	if (column)
		add_spaces(line, 2);
	if (right)
		add_spaces(line, room);
	text_add(line, text, strlen(text));
	if (!right && !last)
		add_spaces(line, room);
}

static ei_error *header_write(struct pretty_render *pretty)
{
	struct text *line = &pretty->base.line;
	text_addf(line, "%s", pretty->colour ? bold : "");
	for (size_t i = 0; i < pretty->base.table->count; i++)
		add_padded(pretty, i, pretty->base.table->columns[i].title);
	text_addf(line, "%s\n", pretty->colour ? plain : "");
	return render_flush(&pretty->base);
}

// Writes the kept rows and empties the store.
static ei_error *kept_write(struct pretty_render *pretty)
{
	size_t columns = pretty->base.table->count, column = 0;
	for (size_t at = 0; at < pretty->kept.length;) {
		const char *cell = pretty->kept.data + at;
		at += strlen(cell) + 1;
		add_padded(pretty, column, cell);
		if (++column < columns)
			continue;
		column = 0;
		text_add(&pretty->base.line, "\n", 1);
		EI_TRY(render_flush(&pretty->base));
	}
	text_clear(&pretty->kept);
	return NULL;
}

// One row that is too wide to be read along: a line a column.
static ei_error *upright_write(struct pretty_render *pretty)
{
	const struct table *table = pretty->base.table;
	struct text *line = &pretty->base.line;
	size_t widest = 0;
	for (size_t i = 0; i < table->count; i++)
		widest = MAX(widest, strlen(table->columns[i].title));
	const char *cell = pretty->kept.data;
	for (size_t i = 0; i < table->count; i++, cell += strlen(cell) + 1) {
		const char *title = table->columns[i].title;
		text_addf(line, "%s%s%s", pretty->colour ? bold : "", title,
			pretty->colour ? plain : "");
		add_spaces(line, widest - strlen(title) + 2);
		text_addf(line, "%s\n", cell);
	}
	text_clear(&pretty->kept);
	return render_flush(&pretty->base);
}

static ei_error *pretty_begin(struct row_sink *sink, const struct table *table)
{
	struct pretty_render *pretty = (struct pretty_render *)sink;
	pretty->base.table = table;
	pretty->widths = calloc(table->count, sizeof *pretty->widths);
	if (!pretty->widths)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < table->count; i++)
		pretty->widths[i] =
			text_columns(table->columns[i].title, strlen(table->columns[i].title));
	return NULL;
}

// Trees are drawn in the first column.
static void keep_depth(struct pretty_render *pretty, uint32_t depth)
{
	for (uint32_t i = 0; i < depth && i < DEPTH_SHOWN_MAX; i++)
		text_addf(&pretty->kept, "%s", i + 1 == depth ? "\xe2\x94\x94 " : "  ");
}

static ei_error *pretty_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	struct pretty_render *pretty = (struct pretty_render *)sink;
	const struct table *table = pretty->base.table;
	pretty->tree |= depth > 0;
	pretty->rows++;
	for (size_t i = 0; i < table->count; i++) {
		const struct shown_column *shown = &table->columns[i];
		size_t start = pretty->kept.length;
		if (!i)
			keep_depth(pretty, depth);
		text_clear(&pretty->cell);
		value_text(&pretty->cell, table, shown->column, cells[shown->cell]);
		if (pretty->cell.length)
			escape_line(&pretty->kept, pretty->cell.data, pretty->cell.length);
		size_t taken = pretty->kept.data ? text_columns(pretty->kept.data + start,
							   pretty->kept.length - start)
						 : 0;
		if (!pretty->streaming)
			pretty->widths[i] =
				MAX(pretty->widths[i], MIN(taken, (size_t)CELL_COLUMNS_MAX));
		text_add(&pretty->kept, "", 1); // its NUL
	}
	if (pretty->kept.cut)
		return ei_fail(EI_E_LIMIT, "a row is longer than %d MiB", CELL_MAX >> 20);
	if (!pretty->streaming && pretty->kept.length < KEPT_BYTES_MAX)
		return NULL;
	if (!pretty->streaming)
		EI_TRY(header_write(pretty));
	pretty->streaming = true;
	return kept_write(pretty);
}

static ei_error *pretty_note(struct row_sink *sink, const char *note)
{
	struct pretty_render *pretty = (struct pretty_render *)sink;
	text_addf(&pretty->notes, "%snote: ", pretty->colour ? dim : "");
	escape_line(&pretty->notes, note, strlen(note));
	text_addf(&pretty->notes, "%s\n", pretty->colour ? plain : "");
	return NULL;
}

static ei_error *rest_write(struct pretty_render *pretty)
{
	if (pretty->rows == 1 && pretty->base.table->count > UPRIGHT_COLUMNS)
		return upright_write(pretty);
	if (!pretty->streaming)
		EI_TRY(header_write(pretty));
	return kept_write(pretty);
}

static ei_error *pretty_end(struct row_sink *sink, const struct trailer *trailer)
{
	struct pretty_render *pretty = (struct pretty_render *)sink;
	if (!pretty->base.table)
		return NULL;
	EI_TRY(rest_write(pretty));
	struct text *line = &pretty->base.line;
	if (pretty->notes.length || !trailer->complete)
		text_add(line, "\n", 1);
	text_add(line, pretty->notes.data ? pretty->notes.data : "", pretty->notes.length);
	if (!trailer->complete) {
		text_addf(line, "%sincomplete: ", pretty->colour ? bold : "");
		escape_line(line, trailer->why, strlen(trailer->why));
		text_addf(line, "%s\n", pretty->colour ? plain : "");
	}
	EI_TRY(render_flush(&pretty->base));
	return side_end(sink, &(struct trailer){ .complete = true });
}

static void pretty_drop(struct row_sink *sink)
{
	struct pretty_render *pretty = (struct pretty_render *)sink;
	text_deinit(&pretty->kept);
	text_deinit(&pretty->cell);
	text_deinit(&pretty->notes);
	render_deinit(&pretty->base);
	free(pretty->widths);
	free(pretty);
}

ei_error *pretty_create(const struct out_wish *wish, struct row_sink **out)
{
	struct pretty_render *pretty = calloc(1, sizeof *pretty);
	if (!pretty)
		return ei_fail(EI_E_NOMEM, "out of memory");
	render_init(&pretty->base, wish);
	text_init(&pretty->kept, CELL_MAX + KEPT_BYTES_MAX);
	text_init(&pretty->cell, CELL_MAX);
	text_init(&pretty->notes, CELL_MAX);
	pretty->colour = wish->colour;
	pretty->base.sink =
		(struct row_sink){ pretty_begin, pretty_row, pretty_note, pretty_end, pretty_drop };
	*out = &pretty->base.sink;
	return NULL;
}
