// One pass over all physical memory, on all cores, for any number of consumers.
//
// Chunks are handed out in ascending order, each to the thread that comes first: no thread waits
// for another however unequal the work, and the file is read from front to back. Each consumer has
// a state per thread and is given every chunk once. What it found is merged when all chunks are
// done. Chunks reach a consumer in no particular order across threads, ascending within one: sort
// what was found, and the result does not depend on the threads.
//
//     struct pass_consumer tags = tags_consumer(&set, &list);
//     EI_TRY(pass_run(&wish, &tags, 1));
//
// Memory is read once, whatever the number of consumers: gather all of them first. Plugins do so
// through win/scan_plan.h, where each says beforehand what it will look for.
//
// One more thread keeps the disk busy ahead of the others, as far as the file is not in the
// system's cache, and tells the cache to forget what is behind where the file is larger than half
// of memory: its first part stays, so that a second pass over it finds something.
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_PASS_H
#define SCAN_PASS_H

#include "image/image.h"

enum {
	PASS_CHUNK = 256 << 10,     // bytes: stays in a core's own cache
	PASS_OVERLAP_MAX = 8 << 10, // bytes
	PASS_BEFORE = 64,           // bytes in front of a chunk, so that bytes[0] is aligned to it
};

struct pass_chunk {
	const uint8_t *bytes;
	uint64_t pa; // of bytes[0]
	size_t own;  // bytes that are this chunk's alone
	size_t size; // with what follows in physical memory: own + overlap, less where memory ends
	size_t before; // bytes in front of bytes[0] that are there too: PASS_BEFORE, or 0
};

struct pass_consumer {
	void *context;
	size_t overlap;                // bytes that it wants to see behind a chunk
	void *(*begin)(void *context); // a thread's state; NULL: no memory
	void (*chunk)(void *state, const struct pass_chunk *chunk);
	void (*merge)(void *context, void *state); // one at a time; frees the state
};

struct pass_wish {
	const struct image *image;
	unsigned threads;                                               // 0 is 1
	const bool *cancelled;                                          // may be NULL
	void (*progress)(void *context, uint64_t done, uint64_t total); // may be NULL; this thread
	void *progress_context;
};

// Holes of a sparse file are left out. EI_E_CANCELLED, EI_E_NOMEM: some memory was not seen, what
// was found in the rest is merged all the same. Memory that cannot be read is left out too: see
// image_failure().
EI_CHECKED ei_error *pass_run(
	const struct pass_wish *wish, const struct pass_consumer *consumers, size_t count);

// ---- what consumers collect -----------------------------------------------------------------
struct hit {
	uint64_t pa;
	uint32_t what;  // tag; index of the term
	uint32_t extra; // of terms: length * 4 + spelling
};

// Hits of a pass. At most `cap` are kept: those at the lowest addresses, whatever the threads did.
struct hit_list {
	struct hit *items;
	size_t count, room, cap;
	bool cut;       // there were more
	bool no_memory; // some were lost
};

void hit_list_init(struct hit_list *list, size_t cap);
void hit_list_deinit(struct hit_list *list);
void hit_list_add(struct hit_list *list, struct hit hit);
void hit_list_sort(struct hit_list *list); // by all members; and cuts

struct tag_set;
struct term_set;

// Consumers of pool tags and of terms, which add to `list`. Both are borrowed; sort the list after.
struct found_context {
	const struct tag_set *tags;
	const struct term_set *terms;
	struct hit_list *list;
};
struct pass_consumer tags_consumer(struct found_context *context);
struct pass_consumer terms_consumer(struct found_context *context);

#endif
