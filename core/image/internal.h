// What the formats share: the image being built, reading its file, adding runs, notes.
// SPDX-License-Identifier: Apache-2.0
#ifndef IMAGE_INTERNAL_H
#define IMAGE_INTERNAL_H

#include "image/image.h"

#include <stdatomic.h>

enum {
	IMAGE_HEAD_BYTES = 4096, // what probes see of a file's start
	IMAGE_RUN_CAP = 4 << 20,
	IMAGE_NOTE_CAP = 16,
	IMAGE_ADDRESS_BITS = 52, // no x86 or ARM64 processor has more physical address bits
};

// Virtual memory stored by address.
struct virtual_block {
	uint64_t va;
	uint64_t offset; // in the file
	uint32_t length;
};

struct image {
	int fd;
	char *path;
	uint64_t file_size;
	char format_name[32];
	char format_text[96];
	struct image_hints hints;

	struct image_run *runs;
	size_t run_count, run_room;
	uint64_t bytes;

	struct virtual_block *blocks; // ascending by va, none overlap
	size_t block_count;

	struct crash_header *crash; // owned
	char *notes[IMAGE_NOTE_CAP];
	size_t note_count;

	// Written once, by the thread that wins `failure_state`; 0 none, 1 being written, 2 there.
	atomic_int failure_state;
	char failure[256];
};

// The first run that ends after `pa`; run_count when there is none.
size_t image_run_at(const struct image *image, uint64_t pa);

// ---- formats --------------------------------------------------------------------------------
struct image_format {
	const char *name;
	// True when `head`, the first `length` bytes of the file, carries the format's signature.
	bool (*probe)(const uint8_t *head, size_t length);
	// Fills in the runs (image_add_run), the names, hints and notes.
	ei_error *(*open)(struct image *image);
};

extern const struct image_format raw_format, crash64_format, crash32_format, lime_format,
	elf_format;

// EI_E_UNKNOWN with what to do about it, when `head` is the start of something that is known but
// not read: compressed files, other captures. NULL otherwise.
EI_CHECKED ei_error *foreign_check(const char *path, const uint8_t *head, size_t length);

// ---- while opening --------------------------------------------------------------------------
// Reads all of [offset, offset + size) of the file. EI_E_FORMAT when it ends before.
EI_CHECKED ei_error *image_file_read(
	const struct image *image, uint64_t offset, void *buffer, size_t size);

// Adds a run; runs may come in any order, and are merged with the one before where both the
// addresses and the bytes in the file go on. Empty runs are left out. EI_E_FORMAT for a run outside
// any physical address space, EI_E_LIMIT past IMAGE_RUN_CAP.
EI_CHECKED ei_error *image_add_run(struct image *image, struct image_run run);

// The same in pages: `count` pages from frame `first`, stored as pages `index`... of those that
// start at `offset` of the file.
EI_CHECKED ei_error *image_add_pages(
	struct image *image, uint64_t first, uint64_t count, uint64_t offset, uint64_t index);

// Sorts the runs, removes overlaps, and cuts what lies past the end of the file; each leaves a
// note.
void image_settle_runs(struct image *image);

// A complaint about the container. Past IMAGE_NOTE_CAP they are dropped.
void image_complain(struct image *image, const char *format, ...) EI_PRINTF(2, 3);

#endif
