// A timeline, inside: pieces of sorted records, in memory or in a file, and their merging.
// SPDX-License-Identifier: Apache-2.0
#ifndef OUT_TIMELINE_PARTS_H
#define OUT_TIMELINE_PARTS_H

#include "out/timeline.h"
#include <pthread.h>

enum {
	DESCRIPTION_MAX = 4 << 10,
	FIELDS_MAX = 16 << 10,
	PIECE_MAX = 8 << 20, // bytes of records that a source gathers before it sorts them
};

// One event: this, the description, the fields. Records stand at any address.
struct record {
	uint64_t time, times[TIMELINE_KINDS];
	uint32_t rank, column;
	uint32_t is_first, description, fields;
	uint32_t by_kind; // of all records, or of none: `times` say the order; no padding follows
};

enum { RECORD_MAX = sizeof(struct record) + DESCRIPTION_MAX + FIELDS_MAX };

// Sorted records.
struct part {
	uint8_t *bytes; // NULL: in the file
	uint64_t at;    // there
	uint64_t size;
};

struct parts {
	pthread_mutex_t lock;
	struct part *items;
	size_t count, room;
	size_t memory, kept; // bytes that may be, and are, in memory
	int file;            // -1: not needed yet
	uint64_t file_size;
};

void parts_init(struct parts *parts, size_t memory);
void parts_deinit(struct parts *parts);

// A piece that is being gathered.
struct piece {
	uint8_t *bytes;
	uint32_t *places; // of records in it
	size_t size, room;
	size_t count, places_room;
};
EI_CHECKED ei_error *piece_add(struct piece *piece, const struct record *record,
	const char *description, const char *fields);
// Sorts it, and makes it one of the parts; it is empty then. Any thread.
EI_CHECKED ei_error *piece_end(struct piece *piece, struct parts *parts);
void piece_deinit(struct piece *piece);

// Each different record in order.
EI_CHECKED ei_error *parts_merge(struct parts *parts,
	ei_error *(*take)(void *context, const uint8_t *record), void *context);

#endif
