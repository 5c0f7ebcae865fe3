// json and jsonl: the run, its rows, its notes, how it ended; with --compat rows alone.
// SPDX-License-Identifier: Apache-2.0
#include "out/render.h"

#include <inttypes.h>

struct json_render {
	struct render base;
	struct text notes;
	bool lines;
	bool log; // the record names the occasion too
	uint64_t rows;
	uint32_t open; // rows that are open, with --compat
};

static void add(struct json_render *json, const char *text)
{
	text_add(&json->base.line, text, strlen(text));
}

static void add_string(struct json_render *json, const char *text)
{
	escape_json(&json->base.line, text, strlen(text));
}

static void add_pair(
	struct json_render *json, const char *before, const char *key, const char *value)
{
	add(json, before);
	add_string(json, key);
	add(json, ":");
	add_string(json, value);
}

// ---- the record -----------------------------------------------------------------------------

static const char *kind_name(ei_kind kind)
{
	static const char *const names[] = { [EI_UINT] = "uint",
		[EI_INT] = "int",
		[EI_ADDR] = "address",
		[EI_HEX] = "hex",
		[EI_BOOL] = "bool",
		[EI_TIME] = "time",
		[EI_STR] = "string",
		[EI_BYTES] = "bytes",
		[EI_ANY] = "any" };
	return names[kind];
}

static void add_record(struct json_render *json)
{
	const struct table *table = json->base.table;
	const struct run_record *record = table->record;
	add_pair(json, "{", "tool", "eidetic");
	add_pair(json, ",", "version", record->version);
	add_pair(json, ",", "plugin", record->plugin);
	add_pair(json, ",", "image", record->image);
	text_addf(&json->base.line, ",\"image_size\":%" PRIu64, record->image_size);
	add_pair(json, ",", "format", record->format);
	add_pair(json, ",", "profile", record->profile);
	add_pair(json, ",", "profile_how", record->profile_how);
	if (*record->image_sha256)
		add_pair(json, ",", "image_sha256", record->image_sha256);
	if (json->log) {
		add_pair(json, ",", "command", record->command);
		add_pair(json, ",", "started", record->started);
	}
	add(json, ",\"columns\":[");
	for (size_t i = 0; i < table->count; i++) {
		add_pair(json, i ? ",{" : "{", "name", table->columns[i].title);
		add_pair(json, ",", "kind", kind_name(table->columns[i].column->kind));
		add(json, "}");
	}
	add(json, "]}");
}

// ---- rows -----------------------------------------------------------------------------------

static void add_value(struct json_render *json, const ei_column *column, ei_val value)
{
	const struct table *table = json->base.table;
	if (value.state != EI_OK) {
		const char *text = table->compat ? column->vol3_absent : NULL;
		if (text)
			add_string(json, text);
		else
			add(json, "null");
		return;
	}
	ei_kind kind = column->kind == EI_ANY ? value.kind : column->kind;
	if (kind == EI_ADDR) {
		text_addf(&json->base.line, "%" PRIu64, value_address(table, value));
	} else if (kind == EI_UINT || kind == EI_HEX) {
		text_addf(&json->base.line, "%" PRIu64, value.u);
	} else if (kind == EI_STR) {
		escape_json(&json->base.line, value.s, value.length);
	} else if (kind == EI_BOOL) {
		add(json, value.u ? "true" : "false");
	} else if (kind == EI_TIME) {
		add(json, "\"");
		time_text(&json->base.line, value.u, table->compat ? TIME_VOL3_ISO : TIME_ISO);
		add(json, "\"");
	} else if (kind == EI_BYTES) {
		add(json, "\"");
		value_text(&json->base.line, table, column, value);
		add(json, "\"");
	} else {
		value_text(&json->base.line, table, column, value);
	}
}

static void add_absent(struct json_render *json, const ei_val *cells)
{
	const struct table *table = json->base.table;
	bool any = false;
	for (size_t i = 0; i < table->count; i++) {
		ei_state state = cells[table->columns[i].cell].state;
		if (state == EI_OK)
			continue;
		add_pair(json, any ? "," : ",\"absent\":{", table->columns[i].title,
			absence_name(state));
		any = true;
	}
	if (any)
		add(json, "}");
}

static void add_cells(struct json_render *json, const ei_val *cells)
{
	const struct table *table = json->base.table;
	for (size_t i = 0; i < table->count; i++) {
		add(json, i ? "," : "");
		add_string(json, table->columns[i].title);
		add(json, ":");
		add_value(json, table->columns[i].column, cells[table->columns[i].cell]);
	}
}

// With --compat children hang in their parent's "__children": a row stays open until one comes
// that is not below it. jsonl then has one root, with all that hangs under it, a line.
static void close_rows(struct json_render *json, uint32_t depth)
{
	for (; json->open > depth; json->open--)
		add(json, "]}");
}

static const char *row_separator(const struct json_render *json, bool first)
{
	if (json->lines)
		return first ? "" : json->open ? ", " : "\n";
	return first ? "\n" : ",\n";
}

static ei_error *json_compat_row(struct json_render *json, uint32_t depth, const ei_val *cells)
{
	depth = MIN(depth, json->open);
	bool first = json->open == depth && (depth || !json->rows);
	close_rows(json, depth);
	add(json, row_separator(json, first));
	add(json, "{");
	add_cells(json, cells);
	add(json, ",\"__children\":[");
	json->open = depth + 1;
	json->rows++;
	return render_flush(&json->base);
}

static ei_error *json_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	struct json_render *json = (struct json_render *)sink;
	if (json->base.table->compat)
		return json_compat_row(json, depth, cells);
	add(json, json->lines ? "{" : json->rows ? ",\n{" : "\n{");
	add_cells(json, cells);
	if (depth)
		text_addf(&json->base.line, ",\"depth\":%u", depth);
	add_absent(json, cells);
	add(json, json->lines ? "}\n" : "}");
	json->rows++;
	return render_flush(&json->base);
}

// ---- begin, notes, end ----------------------------------------------------------------------

static ei_error *json_begin(struct row_sink *sink, const struct table *table)
{
	struct json_render *json = (struct json_render *)sink;
	json->base.table = table;
	if (table->compat) {
		add(json, json->lines ? "" : "[");
	} else {
		add(json, json->lines ? "" : "{\"run\":");
		add_record(json);
		add(json, json->lines ? "\n" : ",\n\"rows\":[");
	}
	return render_flush(&json->base);
}

static ei_error *json_note(struct row_sink *sink, const char *note)
{
	struct json_render *json = (struct json_render *)sink;
	if (json->base.table->compat)
		return side_note(sink, note);
	if (json->lines) {
		add_pair(json, "{", "note", note);
		add(json, "}\n");
		return render_flush(&json->base);
	}
	text_addf(&json->notes, "%s", json->notes.length ? ",\n" : "");
	escape_json(&json->notes, note, strlen(note));
	return NULL;
}

static void add_trailer(struct json_render *json, const struct trailer *trailer)
{
	text_addf(&json->base.line, "\"rows\":%" PRIu64 ",\"notes\":%" PRIu64 ",\"complete\":%s",
		trailer->rows, trailer->notes, trailer->complete ? "true" : "false");
	if (!trailer->complete)
		add_pair(json, ",", "why", trailer->why);
}

static ei_error *json_end(struct row_sink *sink, const struct trailer *trailer)
{
	struct json_render *json = (struct json_render *)sink;
	if (!json->base.table)
		return NULL; // it never began
	if (json->base.table->compat) {
		close_rows(json, 0);
		add(json, !json->lines ? "\n]\n" : json->rows ? "\n" : "");
		EI_TRY(render_flush(&json->base));
		return side_end(sink, trailer);
	}
	if (json->lines) {
		add(json, "{");
		add_trailer(json, trailer);
		add(json, "}\n");
	} else {
		add(json, "],\n\"notes\":[");
		text_add(&json->base.line, json->notes.data ? json->notes.data : "",
			json->notes.length);
		add(json, "],\n\"end\":{");
		add_trailer(json, trailer);
		add(json, "}}\n");
	}
	EI_TRY(render_flush(&json->base));
	return side_end(sink, &(struct trailer){ .complete = true });
}

static void json_drop(struct row_sink *sink)
{
	struct json_render *json = (struct json_render *)sink;
	text_deinit(&json->notes);
	render_deinit(&json->base);
	free(json);
}

static ei_error *json_make(const struct out_wish *wish, bool lines, struct row_sink **out)
{
	struct json_render *json = calloc(1, sizeof *json);
	if (!json)
		return ei_fail(EI_E_NOMEM, "out of memory");
	render_init(&json->base, wish);
	text_init(&json->notes, CELL_MAX);
	json->lines = lines;
	json->log = wish->log;
	json->base.sink = (struct row_sink){ json_begin, json_row, json_note, json_end, json_drop };
	*out = &json->base.sink;
	return NULL;
}

ei_error *json_create(const struct out_wish *wish, struct row_sink **out)
{
	return json_make(wish, false, out);
}

ei_error *jsonl_create(const struct out_wish *wish, struct row_sink **out)
{
	return json_make(wish, true, out);
}
