// A timeline: rows to events, and events to the formats that other tools read.
// SPDX-License-Identifier: Apache-2.0
#include "out/timeline.h"

#include "out/escape.h"
#include "out/timeline_parts.h"
#include "run/value_text.h"
#include <inttypes.h>
#include <stdlib.h>

enum {
	CELL_MAX_BYTES = 512, // of one column in a description
	NOTES_MAX_BYTES = 16 << 10,
	COLUMNS_MAX = 1024,
};

struct source {
	const ei_plugin *plugin;
	struct text notes;
	bool cut;
};

struct timeline {
	struct timeline_wish wish;
	struct parts parts;
	struct source sources[TIMELINE_SOURCES_MAX];
};

// ---- what rows say --------------------------------------------------------------------------

// Columns that come first in a description: what a row is about. The others follow in their order,
// addresses and sizes last.
static const char *const leading[] = { "name", "process", "pid", "tid", "owner", "driver",
	"service", "key", "path", "file", "from", "to", "proto", "local_addr", "local_port",
	"foreign_addr", "foreign_port", "state", "user" };

// What column names say of a time's kind; any other is of something that came to be.
static const struct {
	const char *name;
	enum timeline_kind kind;
} kinds[] = {
	{ "written", TIMELINE_MODIFIED },
	{ "modified", TIMELINE_MODIFIED },
	{ "exited", TIMELINE_MODIFIED },
	{ "accessed", TIMELINE_ACCESSED },
	{ "last_run", TIMELINE_ACCESSED },
	{ "focused", TIMELINE_ACCESSED },
	{ "changed", TIMELINE_CHANGED },
};

static enum timeline_kind kind_of(const ei_column *column)
{
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
		if (!strcmp(kinds[i].name, column->name))
			return kinds[i].kind;
	return TIMELINE_CREATED;
}

static size_t column_class(const ei_column *column)
{
	for (size_t i = 0; i < ARRAY_LENGTH(leading); i++)
		if (!strcmp(leading[i], column->name))
			return i;
	bool is_place = column->kind == EI_ADDR || column->kind == EI_HEX;
	return ARRAY_LENGTH(leading) + is_place;
}

// ---- the sink of a source -------------------------------------------------------------------

struct collector {
	struct row_sink sink;
	struct timeline *timeline;
	struct source *source;
	const struct timeline_forms *forms; // NULL: none
	uint32_t rank;
	const struct table *table;
	uint16_t *order; // shown columns, as a description has them
	size_t order_count;
	uint64_t events;
	struct piece piece;
	struct text description, fields, cell;
};

static ei_error *collector_begin(struct row_sink *sink, const struct table *table)
{
	struct collector *collector = (struct collector *)sink;
	size_t count = MIN(table->count, (size_t)COLUMNS_MAX);
	collector->table = table;
	collector->order = calloc(count + 1, sizeof *collector->order);
	if (!collector->order)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t class = 0; class <= ARRAY_LENGTH(leading) + 1; class ++)
		for (size_t i = 0; i < count; i++)
			if (table->columns[i].column->kind != EI_TIME &&
				column_class(table->columns[i].column) == class)
				collector->order[collector->order_count++] = (uint16_t)i;
	return NULL;
}

static void cell_cut(struct text *cell)
{
	if (cell->length <= CELL_MAX_BYTES)
		return;
	size_t length = CELL_MAX_BYTES;
	while (length && ((uint8_t)cell->data[length] & 0xc0) == 0x80)
		length--; // not within a character
	cell->length = length;
	text_addf(cell, "...");
}

// "name smss.exe, pid 500, ppid 4": of each column that has a value its name and the value.
static void describe(struct collector *collector, const ei_val *cells)
{
	text_clear(&collector->description);
	for (size_t i = 0; i < collector->order_count; i++) {
		const struct shown_column *shown = &collector->table->columns[collector->order[i]];
		ei_val value = cells[shown->cell];
		if (value.state != EI_OK)
			continue;
		text_clear(&collector->cell);
		value_text(&collector->cell, collector->table, shown->column, value);
		cell_cut(&collector->cell);
		text_addf(&collector->description, "%s%s ",
			collector->description.length ? ", " : "", shown->title);
		text_add(&collector->description, collector->cell.data ? collector->cell.data : "",
			collector->cell.length);
	}
}

// Members that the lines themselves have.
static bool is_reserved(const char *name)
{
	static const char *const names[] = { "message", "datetime", "timestamp", "timestamp_desc",
		"data_type", "plugin", "image" };
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void field_add(struct collector *collector, const struct shown_column *shown, ei_val value)
{
	struct text *fields = &collector->fields;
	size_t before = fields->length;
	text_addf(fields, ",\"%s%s\":", shown->title, is_reserved(shown->title) ? "_" : "");
	text_clear(&collector->cell);
	value_text(&collector->cell, collector->table, shown->column, value);
	cell_cut(&collector->cell);
	const char *text = collector->cell.data ? collector->cell.data : "";
	ei_kind kind = shown->column->kind == EI_ANY ? value.kind : shown->column->kind;
	if (kind == EI_UINT || kind == EI_INT)
		text_addf(fields, "%s", text);
	else
		escape_json(fields, text, collector->cell.length);
	if (fields->length > FIELDS_MAX) { // whole members only
		fields->length = before;
		fields->data[before] = '\0';
	}
}

static void fields_make(struct collector *collector, const ei_val *cells)
{
	text_clear(&collector->fields);
	if (!collector->timeline->wish.fields)
		return;
	for (size_t i = 0; i < collector->table->count; i++) {
		const struct shown_column *shown = &collector->table->columns[i];
		if (cells[shown->cell].state == EI_OK)
			field_add(collector, shown, cells[shown->cell]);
	}
}

static bool time_of(const struct shown_column *shown, const ei_val *cells, uint64_t *out)
{
	ei_val value = cells[shown->cell];
	*out = value.u;
	return shown->column->kind == EI_TIME && value.state == EI_OK && value.u;
}

// The times of a row by kind; of two of a kind the first.
static void times_gather(
	const struct table *table, const ei_val *cells, uint64_t times[TIMELINE_KINDS])
{
	uint64_t time;
	for (size_t i = 0; i < table->count; i++) {
		enum timeline_kind kind = kind_of(table->columns[i].column);
		if (time_of(&table->columns[i], cells, &time) && !times[kind])
			times[kind] = time;
	}
}

static ei_error *event_add(struct collector *collector, struct record *record)
{
	uint64_t most = collector->timeline->wish.source_max;
	if (most && collector->events >= most) {
		collector->source->cut = true;
		return NULL;
	}
	if (collector->piece.size + RECORD_MAX > PIECE_MAX)
		EI_TRY(piece_end(&collector->piece, &collector->timeline->parts));
	collector->events++;
	record->by_kind = collector->timeline->wish.by_kind;
	record->description = (uint32_t)MIN(collector->description.length, (size_t)DESCRIPTION_MAX);
	record->fields = (uint32_t)collector->fields.length;
	return piece_add(&collector->piece, record,
		collector->description.data ? collector->description.data : "",
		collector->fields.data ? collector->fields.data : "");
}

// ---- events with a form -----------------------------------------------------------------------

static const struct shown_column *column_named(
	const struct table *table, const char *name, size_t length)
{
	for (size_t i = 0; i < table->count; i++) {
		const char *own = table->columns[i].column->name;
		if (strlen(own) == length && !memcmp(own, name, length))
			return &table->columns[i];
	}
	return NULL;
}

static ei_state state_of(const struct table *table, const ei_val *cells, const char *name)
{
	const struct shown_column *shown = column_named(table, name, strlen(name));
	return shown ? cells[shown->cell].state : EI_NONE;
}

static bool form_fits(
	const struct timeline_form *form, const struct table *table, const ei_val *cells)
{
	for (size_t i = 0; i < ARRAY_LENGTH(form->needs); i++)
		if (form->needs[i] && state_of(table, cells, form->needs[i]) != EI_OK)
			return false;
	return !form->applies || state_of(table, cells, form->applies) != EI_NONE;
}

static void form_cell(
	struct text *out, const struct table *table, const struct shown_column *shown, ei_val value)
{
	const struct ei_column *column = shown->column;
	if (value.state != EI_OK)
		text_addf(out, "%s", column->vol3_absent ? column->vol3_absent : "N/A");
	else if (column->kind == EI_ADDR)
		text_addf(out, "%" PRIu64, value_address(table, value));
	else if (column->kind == EI_HEX)
		text_addf(out, "%" PRIu64, value.u);
	else
		value_text(out, table, column, value);
}

static void form_text(
	struct text *out, const char *form, const struct table *table, const ei_val *cells)
{
	text_clear(out);
	while (*form) {
		size_t plain = strcspn(form, "{");
		text_add(out, form, plain);
		form += plain;
		if (!*form)
			return;
		size_t length = strcspn(++form, "}");
		const struct shown_column *shown = column_named(table, form, length);
		if (shown)
			form_cell(out, table, shown, cells[shown->cell]);
		form += length + (form[length] == '}');
	}
}

static ei_error *forms_row(struct collector *collector, const ei_val *cells)
{
	const struct table *table = collector->table;
	struct record record = { .rank = collector->rank, .is_first = true };
	const char *before = "";
	for (size_t i = 0; i < ARRAY_LENGTH(collector->forms->forms); i++) {
		const struct timeline_form *form = &collector->forms->forms[i];
		const struct shown_column *shown =
			form->text ? column_named(table, form->time, strlen(form->time)) : NULL;
		if (!shown || !form_fits(form, table, cells))
			continue;
		if (!time_of(shown, cells, &record.time))
			record.time = 0;
		if (strcmp(before, form->text) != 0)
			memset(record.times, 0, sizeof record.times);
		before = form->text;
		record.column = shown->cell;
		record.times[form->kind] = record.time;
		form_text(&collector->description, form->text, table, cells);
		fields_make(collector, cells);
		EI_TRY(event_add(collector, &record));
	}
	return NULL;
}

// ---- the sink -------------------------------------------------------------------------------

static ei_error *collector_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	struct collector *collector = (struct collector *)sink;
	if (collector->forms)
		return forms_row(collector, cells);
	const struct table *table = collector->table;
	struct record record = { .rank = collector->rank, .is_first = true };
	uint64_t row_times[TIMELINE_KINDS] = { 0 };
	bool described = false;
	(void)depth;
	times_gather(table, cells, row_times);
	for (size_t i = 0; i < table->count; i++) {
		if (!time_of(&table->columns[i], cells, &record.time))
			continue;
		if (!described) {
			describe(collector, cells);
			fields_make(collector, cells);
			described = true;
		}
		record.column = table->columns[i].cell;
		memcpy(record.times, row_times, sizeof record.times);
		enum timeline_kind kind = kind_of(table->columns[i].column);
		struct record own = record;
		if (record.times[kind] != record.time) { // the second of a kind stands alone
			memset(own.times, 0, sizeof own.times);
			own.times[kind] = record.time;
			own.is_first = true;
		} else {
			record.is_first = false;
		}
		EI_TRY(event_add(collector, &own));
	}
	return NULL;
}

static ei_error *collector_note(struct row_sink *sink, const char *note)
{
	struct collector *collector = (struct collector *)sink;
	struct text *notes = &collector->source->notes;
	if (notes->length + strlen(note) < NOTES_MAX_BYTES)
		text_addf(notes, "%s\n", note);
	return NULL;
}

static ei_error *collector_end(struct row_sink *sink, const struct trailer *trailer)
{
	struct collector *collector = (struct collector *)sink;
	(void)trailer;
	return piece_end(&collector->piece, &collector->timeline->parts);
}

static void collector_drop(struct row_sink *sink)
{
	struct collector *collector = (struct collector *)sink;
	piece_deinit(&collector->piece);
	text_deinit(&collector->description);
	text_deinit(&collector->fields);
	text_deinit(&collector->cell);
	free(collector->order);
	free(collector);
}

// ---- the timeline ---------------------------------------------------------------------------

ei_error *timeline_create(const struct timeline_wish *wish, struct timeline **out)
{
	struct timeline *timeline = calloc(1, sizeof *timeline);
	if (!timeline)
		return ei_fail(EI_E_NOMEM, "out of memory");
	timeline->wish = *wish;
	parts_init(&timeline->parts, wish->memory);
	for (size_t i = 0; i < TIMELINE_SOURCES_MAX; i++)
		text_init(&timeline->sources[i].notes, NOTES_MAX_BYTES);
	*out = timeline;
	return NULL;
}

void timeline_drop(struct timeline *timeline)
{
	if (!timeline)
		return;
	for (size_t i = 0; i < TIMELINE_SOURCES_MAX; i++)
		text_deinit(&timeline->sources[i].notes);
	parts_deinit(&timeline->parts);
	free(timeline);
}

ei_error *timeline_source(struct timeline *timeline, unsigned rank, const ei_plugin *plugin,
	const struct timeline_forms *forms, struct row_sink **out)
{
	if (rank >= TIMELINE_SOURCES_MAX)
		return ei_fail(EI_E_LIMIT, "more than %d sources", TIMELINE_SOURCES_MAX);
	struct collector *collector = calloc(1, sizeof *collector);
	if (!collector)
		return ei_fail(EI_E_NOMEM, "out of memory");
	collector->sink = (struct row_sink){ collector_begin, collector_row, collector_note,
		collector_end, collector_drop };
	collector->timeline = timeline;
	collector->source = &timeline->sources[rank];
	collector->source->plugin = plugin;
	collector->forms = forms;
	collector->rank = rank;
	text_init(&collector->description, 1 << 20);
	text_init(&collector->fields, 1 << 20);
	text_init(&collector->cell, 64 << 20);
	*out = &collector->sink;
	return NULL;
}

const char *timeline_notes(const struct timeline *timeline, unsigned rank)
{
	const char *notes = rank < TIMELINE_SOURCES_MAX ? timeline->sources[rank].notes.data : NULL;
	return notes ? notes : "";
}

bool timeline_is_cut(const struct timeline *timeline, unsigned rank)
{
	return rank < TIMELINE_SOURCES_MAX && timeline->sources[rank].cut;
}

struct walk {
	const struct timeline *timeline;
	ei_error *(*event)(void *context, const struct timeline_event *event);
	void *context;
};

static ei_error *record_give(void *context, const uint8_t *bytes)
{
	const struct walk *walk = context;
	struct record record;
	memcpy(&record, bytes, sizeof record);
	const ei_plugin *plugin = walk->timeline->sources[record.rank].plugin;
	struct timeline_event event = {
		.time = record.time,
		.is_first = record.is_first,
		.plugin = plugin,
		.column = &plugin->columns[record.column],
		.description = (const char *)bytes + sizeof record,
		.description_length = record.description,
		.fields = (const char *)bytes + sizeof record + record.description,
		.fields_length = record.fields,
	};
	memcpy(event.times, record.times, sizeof event.times);
	return walk->event(walk->context, &event);
}

ei_error *timeline_each(struct timeline *timeline,
	ei_error *(*event)(void *context, const struct timeline_event *event), void *context)
{
	struct walk walk = { timeline, event, context };
	return parts_merge(&timeline->parts, record_give, &walk);
}

// ---- formats --------------------------------------------------------------------------------

static const int64_t seconds_1601_to_1970 = 11644473600;

static int64_t unix_seconds(uint64_t filetime)
{
	int64_t seconds = (int64_t)(filetime / 10000000) - seconds_1601_to_1970;
	return filetime && seconds > 0 ? seconds : 0; // 0: there is none
}

// '|' ends a field there, and there is no way to write it.
static void body_name(struct text *out, const struct timeline_event *event)
{
	size_t start = out->length;
	text_addf(out, "%s - ", event->plugin->name);
	escape_line(out, event->description, event->description_length);
	for (size_t i = start; i < out->length; i++)
		if (out->data[i] == '|')
			out->data[i] = '_';
}

void timeline_body(struct text *out, const struct timeline_event *event)
{
	text_addf(out, "0|");
	body_name(out, event);
	text_addf(out, "|0|0|0|0|0|%" PRId64 "|%" PRId64 "|%" PRId64 "|%" PRId64 "\n",
		unix_seconds(event->times[TIMELINE_ACCESSED]),
		unix_seconds(event->times[TIMELINE_MODIFIED]),
		unix_seconds(event->times[TIMELINE_CHANGED]),
		unix_seconds(event->times[TIMELINE_CREATED]));
}

void timeline_timesketch(struct text *out, const struct timeline_event *event, const char *image)
{
	int64_t microseconds = (int64_t)(event->time / 10) - seconds_1601_to_1970 * 1000000;
	text_addf(out, "{\"message\":");
	escape_json(out, event->description, event->description_length);
	text_addf(out, ",\"datetime\":\"");
	time_text(out, event->time, TIME_ISO);
	text_addf(out, "\",\"timestamp\":%" PRId64 ",\"timestamp_desc\":\"%s %s\"", microseconds,
		event->plugin->name, event->column->name);
	text_addf(out, ",\"data_type\":\"windows:memory:%s\",\"plugin\":\"%s\",\"image\":",
		event->plugin->name, event->plugin->name);
	escape_json(out, image, strlen(image));
	text_add(out, event->fields, event->fields_length);
	text_addf(out, "}\n");
}
