// Page edges: kept by a pass, asked for each seam.
// SPDX-License-Identifier: Apache-2.0
#include "scan/edges.h"

#include <sys/mman.h>

enum {
	FRAMES_MAX = 1 << 28, // 1 TiB of physical addresses; above, every seam is read
	LENGTH_LEAST = 3,     // of a term, for one side of its seam to have two bytes of it
};

struct page_edge {
	uint8_t first[2], last[2];
};

// The table is as long as physical memory, holes included, and costs what is written of it.
bool edges_init(struct edges *edges, const struct image *image)
{
	*edges = (struct edges){ .frames = MIN(image_end(image) / PAGE_SIZE, FRAMES_MAX) };
	if (!edges->frames)
		return true;
	edges->pages = mmap(NULL, edges->frames * sizeof *edges->pages, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (edges->pages != MAP_FAILED)
		return true;
	edges->pages = NULL;
	return false;
}

void edges_deinit(struct edges *edges)
{
	if (edges->pages)
		munmap(edges->pages, edges->frames * sizeof *edges->pages);
	*edges = (struct edges){ 0 };
}

// ---- pairs ----------------------------------------------------------------------------------

static void pair_add(struct edges *edges, uint8_t first, uint8_t second)
{
	unsigned pair = (unsigned)first << 8 | second;
	edges->pairs[pair / 8] |= (uint8_t)(1 << pair % 8);
}

static bool is_letter(uint8_t byte)
{
	return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

// Both cases of both bytes.
static void folded_add(struct edges *edges, uint8_t first, uint8_t second)
{
	uint8_t firsts[2] = { first, is_letter(first) ? first ^ 0x20 : first };
	uint8_t seconds[2] = { second, is_letter(second) ? second ^ 0x20 : second };
	for (unsigned i = 0; i < 4; i++)
		pair_add(edges, firsts[i / 2], seconds[i % 2]);
}

static void all_add(struct edges *edges)
{
	memset(edges->pairs, 0xff, sizeof edges->pairs);
}

// Other scripts fold in ways of their own, and their units have more than one byte that counts.
static bool is_ascii(const uint8_t *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] >= 0x80)
			return false;
	return true;
}

// A name on the wire has the length of a label where its text has a dot.
static void labels_add(struct edges *edges, const uint8_t *text, size_t length)
{
	for (size_t start = 0; start < length;) {
		const uint8_t *dot = memchr(text + start, '.', length - start);
		size_t count = dot ? (size_t)(dot - text) - start : length - start;
		folded_add(edges, (uint8_t)count, text[start]);
		if (start > 1)
			folded_add(edges, text[start - 2], (uint8_t)count);
		start += count + 1;
	}
}

void edges_add_term(struct edges *edges, const uint8_t *text, size_t length)
{
	if (!text || length < LENGTH_LEAST || !is_ascii(text, length)) {
		all_add(edges);
		return;
	}
	for (size_t i = 0; i < length; i++) {
		// UTF-16, cut within a character and between two.
		folded_add(edges, text[i], 0);
		folded_add(edges, 0, text[i]);
		if (i)
			folded_add(edges, text[i - 1], text[i]);
	}
	labels_add(edges, text, length);
}

// ---- the pass -------------------------------------------------------------------------------

static void *edges_begin(void *context)
{
	return context;
}

static void edges_chunk(void *state, const struct pass_chunk *chunk)
{
	struct edges *edges = state;
	size_t at = (size_t)(-chunk->pa % PAGE_SIZE);
	for (; at + PAGE_SIZE <= chunk->own; at += PAGE_SIZE) {
		uint64_t frame = (chunk->pa + at) / PAGE_SIZE;
		if (frame >= edges->frames)
			return;
		const uint8_t *page = chunk->bytes + at;
		struct page_edge edge;
		memcpy(edge.first, page, sizeof edge.first);
		memcpy(edge.last, page + PAGE_SIZE - sizeof edge.last, sizeof edge.last);
		edges->pages[frame] = edge;
	}
}

static void edges_merge(void *context, void *state)
{
	(void)context;
	(void)state; // threads write to pages of their own
}

struct pass_consumer edges_consumer(struct edges *edges)
{
	return (struct pass_consumer){ edges, 0, edges_begin, edges_chunk, edges_merge };
}

// ---- asking ---------------------------------------------------------------------------------

static bool has_pair(const struct edges *edges, uint8_t first, uint8_t second)
{
	unsigned pair = (unsigned)first << 8 | second;
	return edges->pairs[pair / 8] >> pair % 8 & 1;
}

bool edges_may_cross(const struct edges *edges, uint64_t frame, uint64_t next_frame)
{
	if (frame >= edges->frames || next_frame >= edges->frames)
		return true;
	const struct page_edge *left = &edges->pages[frame], *right = &edges->pages[next_frame];
	return has_pair(edges, left->last[1], right->first[0]) &&
	       (has_pair(edges, left->last[0], left->last[1]) ||
		       has_pair(edges, right->first[0], right->first[1]));
}
