// What renderers share, and choosing one.
// SPDX-License-Identifier: Apache-2.0
#include "out/render.h"

#include <errno.h>

static const struct {
	const char *name;
	ei_error *(*create)(const struct out_wish *wish, struct row_sink **out);
} renderers[] = {
	{ "text", text_create },
	{ "pretty", pretty_create },
	{ "json", json_create },
	{ "jsonl", jsonl_create },
	{ "csv", csv_create },
	{ "none", none_create },
};

ei_error *out_create(const struct out_wish *wish, struct row_sink **out)
{
	for (size_t i = 0; i < ARRAY_LENGTH(renderers); i++)
		if (!strcmp(renderers[i].name, wish->renderer))
			return renderers[i].create(wish, out);
	// Volatility's name for its plain text.
	if (!strcmp(wish->renderer, "quick"))
		return text_create(wish, out);
	return ei_fail(EI_E_USAGE,
		"there is no renderer '%s'; there are text, pretty, json, jsonl, csv and none",
		wish->renderer);
}

void render_init(struct render *render, const struct out_wish *wish)
{
	render->stream = wish->stream;
	render->side = wish->side;
	text_init(&render->line, CELL_MAX);
}

void render_deinit(struct render *render)
{
	text_deinit(&render->line);
}

static ei_error *write_failed(void)
{
	if (errno == EPIPE)
		return ei_fail(EI_E_CANCELLED, "the reader of the output has gone");
	return ei_fail(EI_E_IO, "cannot write the output: %s", strerror(errno));
}

ei_error *render_flush(struct render *render)
{
	struct text *line = &render->line;
	bool cut = line->cut;
	size_t written = line->length ? fwrite(line->data, 1, line->length, render->stream) : 0;
	bool failed = written != line->length || ferror(render->stream);
	text_clear(line);
	if (failed)
		return write_failed();
	return cut ? ei_fail(EI_E_LIMIT, "a row is longer than %d MiB", CELL_MAX >> 20) : NULL;
}

ei_error *side_note(struct row_sink *sink, const char *note)
{
	struct render *render = (struct render *)sink;
	if (!render->side)
		return NULL;
	struct text line;
	text_init(&line, CELL_MAX);
	escape_line(&line, note, strlen(note));
	fprintf(render->side, "note: %s\n", line.data ? line.data : "");
	text_deinit(&line);
	return NULL;
}

static ei_error *stream_end(struct render *render)
{
	if (fflush(render->stream))
		return write_failed();
	return NULL;
}

ei_error *side_end(struct row_sink *sink, const struct trailer *trailer)
{
	struct render *render = (struct render *)sink;
	if (!trailer->complete && render->side)
		fprintf(render->side, "incomplete: %s\n", trailer->why);
	return stream_end(render);
}

// ---- none -----------------------------------------------------------------------------------

static void none_drop(struct row_sink *sink)
{
	render_deinit((struct render *)sink);
	free(sink);
}

ei_error *none_create(const struct out_wish *wish, struct row_sink **out)
{
	struct render *render = calloc(1, sizeof *render);
	if (!render)
		return ei_fail(EI_E_NOMEM, "out of memory");
	render_init(render, wish);
	render->sink = (struct row_sink){ .note = side_note, .end = side_end, .drop = none_drop };
	*out = &render->sink;
	return NULL;
}
