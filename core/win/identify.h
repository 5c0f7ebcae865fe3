// Identification: which Windows kernel is in the image, and through which page tables.
//
// Every possible root is a candidate until a kernel is found through it; the witness that led to a
// candidate only decides the order. What was tried is kept. No kernel is not an error: `found` is
// false, and the notes say what was seen instead.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_IDENTIFY_H
#define WIN_IDENTIFY_H

#include "win/session.h"

struct identify_wish {
	const struct image *image;
	struct reader *reader;
	uint64_t dtb;          // only this root; 0: find it
	uint64_t kernel_base;  // the kernel is here, no proof wanted; 0: find it
	unsigned threads;      // for scans of all physical memory; 0 is 1
	const bool *cancelled; // may be NULL
};

// Lives in the arena that identify() was given.
struct identification {
	struct identity identity; // .kernel.mode is never NULL, found or not
	const struct attempt *attempts;
	size_t attempt_count;
	const char *const *notes;
	size_t note_count;
};

// EI_E_NOMEM; EI_E_CANCELLED.
EI_CHECKED ei_error *identify(
	const struct identify_wish *wish, ei_arena *arena, struct identification *out);

// The address of the debugger data block (_KDDEBUGGER_DATA64) in the kernel at `base`, by its tag;
// 0 when it has none that can be read (from Windows 8 on it is usually encoded). Reads the whole
// kernel image, so ask for the symbol first.
uint64_t identify_kdbg(
	const struct space *space, struct reader *reader, uint64_t base, uint32_t size);

#endif
