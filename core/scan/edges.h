// The first and the last bytes of every page, kept by a pass: what tells pages between which a term
// may lie from all others.
//
// A term that lies across two pages has two consecutive bytes of its own at the edge, one at each
// side, and two more at one side at least. Of all pairs of bytes few occur in terms, so most seams
// need not be read at all.
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_EDGES_H
#define SCAN_EDGES_H

#include "scan/pass.h"

struct edges {
	uint64_t frames;         // pages at or above are not kept
	struct page_edge *pages; // by frame; zeroes for what a pass has not seen
	uint8_t pairs[1 << 13];  // bit (first << 8 | second): a term may have them in a row
};

// Keeps two bytes at each end of a page: 4 bytes of memory for each page that is not a hole. False
// without memory.
bool edges_init(struct edges *edges, const struct image *image);
void edges_deinit(struct edges *edges);

// The pairs of a term in all its spellings, folded or not. A NULL text: any pair at all.
void edges_add_term(struct edges *edges, const uint8_t *text, size_t length);

struct pass_consumer edges_consumer(struct edges *edges);

// False when nothing can lie across the end of one page and the start of another.
bool edges_may_cross(const struct edges *edges, uint64_t frame, uint64_t next_frame);

#endif
