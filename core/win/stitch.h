// Terms across pages that follow each other in somebody's address space, and not in physical
// memory.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_STITCH_H
#define WIN_STITCH_H

#include "scan/scan.h"
#include "win/session.h"
#include <eidetic/scan.h>

// Hits, malloc'd; freed by the caller.
struct stitched {
	ei_hit *items;
	size_t count, room;
	size_t cap;
	bool cut; // there were more, or no memory for them
};

static inline uint32_t spelling_flags(enum term_spelling spelling)
{
	static const uint32_t flags[] = { [TERM_BYTES] = EI_HIT_BYTES,
		[TERM_UTF16] = EI_HIT_UTF16,
		[TERM_LABELS] = EI_HIT_LABELS };
	return spelling < sizeof flags / sizeof flags[0] ? flags[spelling] : 0;
}

int stitched_compare(const void *left, const void *right); // ei_hit by address, term, flags, page

// What lies across the seams of all address spaces, each once however many share it; sorted. Cost:
// a look at four bytes for each seam, and twice the longest term read where a term may be.
void stitch_search(
	ei_run *run, const struct term_set *set, const struct edges *edges, struct stitched *out);

#endif
