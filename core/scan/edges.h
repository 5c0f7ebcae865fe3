// The first and the last bytes of every page, kept by a pass: what tells pages between which a term
// may lie from all others.
//
// A term that lies across two pages has consecutive bytes of its own at both sides of the edge: a
// gram of it, of up to eight bytes or four characters of UTF-16, crosses. Few of all grams occur in
// terms, so that of a hundred seams one or two are read.
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_EDGES_H
#define SCAN_EDGES_H

#include "scan/pass.h"

struct term_list;

enum { EDGES_KINDS = 5 };

struct edges {
	uint64_t frames;         // pages at or above are not kept
	struct page_edge *pages; // by frame; zeroes for what a pass has not seen
	uint64_t *grams;         // a Bloom filter
	unsigned bits;           // it has 1 << bits
	uint8_t pairs[1 << 13];  // a bit for each two bytes in a row, folded
	bool has[EDGES_KINDS];   // grams of these kinds
	bool any;                // something is looked for that has no grams
};

// Keeps eight bytes at each end of a page: 16 bytes of memory for each page that is not a hole.
// Knows the grams of all terms in all their spellings. False without memory.
bool edges_init(struct edges *edges, const struct image *image, const struct term_list *lists,
	size_t count);
void edges_deinit(struct edges *edges);

struct pass_consumer edges_consumer(struct edges *edges);

// False when nothing can lie across the end of one page and the start of another.
bool edges_may_cross(const struct edges *edges, uint64_t frame, uint64_t next_frame);

#endif
