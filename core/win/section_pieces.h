// A list of the stretches of a file's content that memory holds, while it is made.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_SECTION_PIECES_H
#define WIN_SECTION_PIECES_H

#include "win/section_fields.h"
#include "win/session.h"
#include <eidetic/files.h>

enum {
	SECTOR_OF_IMAGE = 0x200,
	VIEW_BYTES = 256 << 10,
};

struct piece {
	ei_piece at;
	uint32_t order; // what was found later lies over what was found before
};

struct pieces {
	ei_run *run;
	ei_content_shape shape;
	struct piece *items; // heap
	size_t count, room;
	bool is_cut;
	bool size_known; // what is collected says where the file ends
	uint64_t end;    // where the last page ends, in the image or not
};

void pieces_deinit(struct pieces *pieces);

// Notes that [offset, offset + size) is at `pa`, when the image holds it.
void pieces_add(struct pieces *pieces, uint64_t offset, uint64_t size, uint64_t pa);

// Sorts, resolves overlaps, cuts at out->size, counts what is missing. Fills the pieces of `out`.
void pieces_settle(struct pieces *pieces, ei_content *out);

// ---- what fills it --------------------------------------------------------------------------
// The pages of a control area; `is_image` counts where the profile cannot say. `size` is what its
// parts say of the file's (data) or of the mapped program's (images). False when there is no such
// area.
bool section_collect(
	ei_run *run, uint64_t area, bool is_image, struct pieces *pieces, uint64_t *size);

// The pages in the views of a cache map; `size` is the file's.
bool cache_collect(ei_run *run, uint64_t map, struct pieces *pieces, uint64_t *size);

// The file's size, as a cache map says it; 0: there is none that can be true.
uint64_t cache_file_size(ei_run *run, uint64_t map);

#endif
