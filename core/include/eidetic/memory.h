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
// Where the pool's tag is none of a node's, or cannot be read, a node counts that the tree leads
// back to; of its file nothing is known then: EI_UNREADABLE.
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
	// Addresses of the section's own entries for the first page and for the last that is known;
	// 0: not known.
	uint64_t first_entry, last_entry;
} ei_region;

typedef struct ei_region_cursor {
	void *state; // NULL to begin with
} ei_region_cursor;

// The regions of a process by address, one a call: false after the last. What was allocated for
// one is gone at the next. Nodes that cannot be read leave one note.
EI_API bool ei_next_region(
	ei_run *run, const eprocess *process, ei_region_cursor *cursor, ei_region *out);

// What the page tables say of a page now, and whose it is; a set. Of a page that is neither private
// nor shared it could not be told.
enum ei_page_flag {
	EI_PAGE_WRITE = 1,   // writable now, or once it has been touched
	EI_PAGE_EXECUTE = 2, // executable now; where the processor cannot tell, as the region says
	EI_PAGE_AWAY = 4,    // on its way out: in memory, and not in the working set
	EI_PAGE_PRIVATE =
		8, // of this process alone; of an image or a file: a copy, made when written
	EI_PAGE_SHARED = 16, // of the section: what every process that maps it sees
};

typedef struct ei_page_state {
	uint64_t va, pa;
	uint64_t size;  // bytes; one page of the tables, cut to the region
	uint32_t flags; // set of ei_page_flag
	// Of a copy: physical address of the section's page, from before it was changed; 0: not in
	// memory.
	uint64_t original;
} ei_page_state;

// The next page of the region that is in the image, at or after `va`; false when there is none.
// `space` is the process's.
EI_API bool ei_next_region_page(ei_run *run, const ei_space *space, const ei_region *region,
	uint64_t va, ei_page_state *out);

// "PAGE_EXECUTE_READWRITE", "PAGE_READWRITE|PAGE_GUARD": the number of a region in words.
EI_API ei_val ei_protection_text(ei_run *run, ei_val protection);

#endif
