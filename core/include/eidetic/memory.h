// The address space of a process: its regions, as the kernel's tree of them says, and the pages.
//
//     ei_region_cursor cursor = { 0 };
//     for (ei_region region; ei_next_region(run, &process, &cursor, &region);)
//             ...
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_MEMORY_H
#define EIDETIC_MEMORY_H

#include <eidetic/win.h>

// Protection as Windows numbers it in a region: the low three bits say what, the upper two how.
enum ei_protection {
	EI_PROTECT_NONE,
	EI_PROTECT_READ,
	EI_PROTECT_EXECUTE,
	EI_PROTECT_EXECUTE_READ,
	EI_PROTECT_READ_WRITE,
	EI_PROTECT_COPY,
	EI_PROTECT_EXECUTE_READ_WRITE,
	EI_PROTECT_EXECUTE_COPY,
	EI_PROTECT_ACCESS = 7,  // mask of the above
	EI_PROTECT_NOCACHE = 8, // how: one of three
	EI_PROTECT_GUARD = 16,
	EI_PROTECT_COMBINE = 24,
};

// One region: a node of the tree under _EPROCESS.VadRoot. Texts are scratch memory.
typedef struct ei_region {
	uint64_t node;                // address of the _MMVAD or _MMVAD_SHORT
	uint64_t parent, left, right; // as the node says; 0: none
	uint64_t start, end;          // first and last address
	char tag[5];                  // of the node's pool block: "VadS", "Vad ", ...
	bool is_short;                // an _MMVAD_SHORT: nothing can be mapped in it
	ei_val protection;            // number: ei_protection, as first asked for
	ei_val commit;                // pages charged
	ei_val is_private;            // 0 or 1
	ei_val type;                  // number: _MI_VAD_TYPE; 2 is an image
	uint64_t control_area;        // of what is mapped; 0: nothing is
	uint64_t file_object;         // likewise; 0: backed by the page file
	ei_val file;                  // its path, without the device; EI_NONE: no file
} ei_region;

typedef struct ei_region_cursor {
	void *state; // NULL to begin with
} ei_region_cursor;

// The regions of a process by address, one a call: false after the last. What was allocated for
// one is gone at the next. Nodes that cannot be read leave one note.
EI_API bool ei_next_region(
	ei_run *run, const eprocess *process, ei_region_cursor *cursor, ei_region *out);

// "PAGE_EXECUTE_READWRITE", "PAGE_READWRITE|PAGE_GUARD": the number of a region in words.
EI_API ei_val ei_protection_text(ei_run *run, ei_val protection);

#endif
