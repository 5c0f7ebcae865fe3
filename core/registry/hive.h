// Hives from the inside: where their bytes come from, their cells. The one header of core/registry;
// its users want eidetic/registry.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef REGISTRY_HIVE_H
#define REGISTRY_HIVE_H

#include "registry/records.h"
#include <eidetic/registry.h>

enum { STABLE, VOLATILE, STORAGES };

// Where a hive's bytes come from. An index is an offset into one of the two storages; bit 31 says
// which. Implementations embed this struct.
struct hive_source {
	uint32_t length[STORAGES]; // bytes
	// Bytes read from `index` on, up to the first that is not there. [index, index + size) lies
	// inside its storage.
	size_t (*read)(struct hive_source *source, uint32_t index, void *buffer, size_t size);
};

struct ei_hive {
	struct hive_source *source;
	ei_arena *scratch; // what is read for the caller
	ei_run *run;       // NULL: a file
	void (*note)(void *context, const char *text);
	void *note_context;
	uint32_t note_count;
	char last_note[256]; // a damaged cell that is met again is not told again
	uint32_t major, minor;
	uint32_t root;
	uint64_t written;
	bool base_block;
	// The names by which a path may call the hive: "\REGISTRY\MACHINE\SOFTWARE". "" for none.
	const char *mount;
	const char *file;
	bool compat; // keys exactly as Volatility finds them
	bool quiet;  // what is deleted is being read: nothing of it is worth a note
	// Bytes that may still be read: unlimited, but for a walk over a tree, which a hive made
	// of cells that all refer to each other would never let end.
	uint64_t budget;
};

// What is common to all sources: from the base block's first BASE_READ bytes (NULL: none).
void hive_init(struct ei_hive *hive, struct hive_source *source, const uint8_t *base_block);

// A finding about a hive; the first few of each hive are told.
void hive_note(struct ei_hive *hive, const char *format, ...) EI_PRINTF(2, 3);

// Bytes of both storages.
uint64_t hive_bytes(const struct ei_hive *hive);

// ---- cells ----------------------------------------------------------------------------------
struct cell {
	uint32_t index;
	uint32_t size;  // bytes behind the size field
	ei_state state; // EI_OK, EI_UNREADABLE, EI_GARBAGE
};

// `what` is said in notes: "the list of values". CELL_NONE and a cell that cannot be are
// EI_GARBAGE.
struct cell cell_open(struct ei_hive *hive, uint32_t index, const char *what);

// The same for a key or a value. Of what was deleted, a size that was written over does not hide
// the record: its cell then ends where the hive does.
struct cell record_open(struct ei_hive *hive, uint32_t index, const char *what);

// Exactly [offset, offset + size) of a cell; false when it is outside, or cannot be read.
bool cell_read(struct ei_hive *hive, const struct cell *cell, uint32_t offset, void *buffer,
	uint32_t size);

// The same into scratch memory; NULL.
uint8_t *cell_bytes(struct ei_hive *hive, const struct cell *cell, uint32_t offset, uint32_t size);

// The value at a cell.
ei_value value_open(struct ei_hive *hive, uint32_t index);

// A name in a cell as UTF-8.
ei_val cell_text(
	struct ei_hive *hive, const struct cell *cell, uint32_t offset, uint32_t size, bool latin1);

// True when both are the same name to Windows: UTF-8, compared by upper case.
bool name_equal(const char *a, size_t a_length, const char *b, size_t b_length);

#endif
