// A timeline: rows of any plugins in, their times out, in order.
//
// Each time in a row is an event; what it is about is told by the row's other columns, by one rule
// for all plugins. Events are gathered by source, a sink each, any number at the same time; sorted
// in pieces; and merged. Pieces that do not fit into memory go to a temporary file, which has no
// name. The order does not depend on threads: time, source, column, description.
//
//     EI_TRY(timeline_create(&(struct timeline_wish){ .memory = 64 << 20 }, &timeline));
//     EI_TRY(timeline_source(timeline, 0, plugin, &sink));      rows are given to the sink
//     row_sink_drop(sink);
//     EI_TRY(timeline_each(timeline, show, context));
// SPDX-License-Identifier: Apache-2.0
#ifndef OUT_TIMELINE_H
#define OUT_TIMELINE_H

#include "run/rows.h"

enum { TIMELINE_SOURCES_MAX = 1024 };

struct timeline_wish {
	size_t memory;       // bytes of events that are kept in memory, about
	uint64_t source_max; // events of one source; 0: all
	bool fields;         // keep the rows' columns as JSON, too
	bool by_kind;        // in the order of the times by kind, what has none last
};

// What a time means to those who know four kinds.
enum timeline_kind {
	TIMELINE_CREATED,  // made, loaded, connected; or unknown
	TIMELINE_MODIFIED, // written, exited
	TIMELINE_ACCESSED,
	TIMELINE_CHANGED,
	TIMELINE_KINDS,
};

// An event as another program words it, where rows are told by its rules instead of the one above.
struct timeline_form {
	const char *time; // name of its column
	enum timeline_kind kind;
	const char *text;     // "{pid}" is the value of that column; numbers are decimal
	const char *needs[2]; // names of columns without whose values there is no such event
	const char *applies;  // name of a column that must not be EI_NONE
};

// Those of one plugin. A row's events come in their order, each with the times of those before it
// that have the same text.
// What a row has no time for is an event without a time.
struct timeline_forms {
	const char *plugin;
	struct timeline_form forms[4]; // the first without a text is the end
};

struct timeline_event {
	uint64_t time;                  // FILETIME; 0: none, of events that have a form only
	uint64_t times[TIMELINE_KINDS]; // all of its row, by kind; 0: none
	bool is_first;                  // of those that share `times`
	const ei_plugin *plugin;
	const ei_column *column;
	const char *description, *fields; // not NUL-terminated; `,"pid":4,"name":"System"`
	size_t description_length, fields_length;
};

struct timeline;
EI_CHECKED ei_error *timeline_create(const struct timeline_wish *wish, struct timeline **out);
void timeline_drop(struct timeline *timeline); // NULL is allowed
EI_OWNER(timeline, timeline_drop);

// The sink of one source. `rank` orders events of the same time, and is its own. `forms`: NULL, or
// lives as long as the sink.
EI_CHECKED ei_error *timeline_source(struct timeline *timeline, unsigned rank,
	const ei_plugin *plugin, const struct timeline_forms *forms, struct row_sink **out);

// Notes of a source, a line each; "" when there are none. Whether it had more events than are kept.
const char *timeline_notes(const struct timeline *timeline, unsigned rank);
bool timeline_is_cut(const struct timeline *timeline, unsigned rank);

// All events in order, those that are the same in everything once. After all sinks were dropped,
// and once. The event lives until the call returns; an error from it ends the walk and is returned.
EI_CHECKED ei_error *timeline_each(struct timeline *timeline,
	ei_error *(*event)(void *context, const struct timeline_event *event), void *context);

// ---- formats that other tools read ------------------------------------------------------------
// Appends a line of a body file (mactime 3.x: MD5|name|inode|mode|UID|GID|size|atime|mtime|ctime|
// crtime). Only for events that are first, and that have a time.
void timeline_body(struct text *out, const struct timeline_event *event);
// Appends a line of JSON as Timesketch wants it; with `fields`.
void timeline_timesketch(struct text *out, const struct timeline_event *event, const char *image);

#endif
