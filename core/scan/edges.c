// Page edges: kept by a pass, asked for each seam.
// SPDX-License-Identifier: Apache-2.0
#include "scan/edges.h"
#include "scan/terms.h"

#include <sys/mman.h>

enum {
	FRAMES_MAX = 1 << 28, // 1 TiB of physical addresses; above, every seam is read
	SIDE = 6,             // bytes kept at each end
	WIDE_GRAM = 3,        // characters of UTF-16
	BITS_LEAST = 16,
	BITS_MOST = 27, // 16 MiB
	BITS_EACH = 32, // of the table, for each byte of a term
};

struct page_edge {
	uint8_t first[SIDE], last[SIDE];
};

// ---- grams ----------------------------------------------------------------------------------

static uint64_t gram_hash(const struct edges *edges, uint32_t gram, bool wide)
{
	// Case is one bit in letters; in other bytes it only lets more through.
	uint64_t folded = (gram | UINT32_C(0x20202020)) + (wide ? UINT64_C(1) << 32 : 0);
	return folded * UINT64_C(0x9e3779b97f4a7c15) >> (64 - edges->bits);
}

static uint32_t gram_load(const uint8_t *bytes, unsigned count, unsigned step)
{
	uint32_t gram = 0;
	for (unsigned i = 0; i < count; i++)
		gram |= (uint32_t)bytes[(size_t)i * step] << 8 * i;
	return gram;
}

static void gram_add(struct edges *edges, uint32_t gram, bool wide)
{
	uint64_t hash = gram_hash(edges, gram, wide);
	edges->grams[hash / 64] |= UINT64_C(1) << hash % 64;
}

static bool has_gram(const struct edges *edges, uint32_t gram, bool wide)
{
	uint64_t hash = gram_hash(edges, gram, wide);
	return edges->grams[hash / 64] >> hash % 64 & 1;
}

static void grams_add(struct edges *edges, const uint8_t *text, size_t length)
{
	for (size_t i = 0; i + edges->gram <= length; i++)
		gram_add(edges, gram_load(text + i, edges->gram, 1), false);
}

// A name on the wire has the length of a label where its text has a dot.
static void labels_add(struct edges *edges, const uint8_t *text, size_t length)
{
	uint8_t wire[TERM_LONGEST + 2];
	size_t label = 0;
	for (size_t i = 0; i < length; i++) {
		wire[i + 1] = text[i];
		if (text[i] != '.')
			continue;
		wire[label] = (uint8_t)(i - label);
		label = i + 1;
	}
	wire[label] = (uint8_t)(length - label);
	wire[length + 1] = 0;
	grams_add(edges, wire, length + 2);
}

// Other scripts fold in ways of their own, and their units have more than one byte that counts.
static bool is_ascii(const struct term *term)
{
	for (uint32_t i = 0; i < term->length; i++)
		if ((uint8_t)term->text[i] >= 0x80)
			return false;
	return true;
}

static void term_add(struct edges *edges, const struct term *term)
{
	const uint8_t *text = (const uint8_t *)term->text;
	if (term->length < WIDE_GRAM || term->length > TERM_LONGEST || !is_ascii(term)) {
		edges->any = true;
		return;
	}
	for (uint32_t i = 0; i + WIDE_GRAM <= term->length; i++)
		gram_add(edges, gram_load(text + i, WIDE_GRAM, 1), true);
	grams_add(edges, text, term->length);
	labels_add(edges, text, term->length);
}

static bool grams_init(struct edges *edges, const struct term *terms, size_t count)
{
	uint64_t bytes = 0;
	edges->gram = 4;
	edges->bits = BITS_LEAST;
	for (size_t i = 0; i < count; i++) {
		bytes += terms[i].length;
		if (terms[i].length < edges->gram)
			edges->gram = 3;
	}
	while (edges->bits < BITS_MOST && UINT64_C(1) << edges->bits < BITS_EACH * bytes)
		edges->bits++;
	edges->grams = calloc((size_t)1 << (edges->bits - 6), sizeof *edges->grams);
	for (size_t i = 0; edges->grams && i < count && !edges->any; i++)
		term_add(edges, &terms[i]);
	return edges->grams != NULL;
}

// ---- all ------------------------------------------------------------------------------------

// The table is as long as physical memory, holes included, and costs what is written of it.
bool edges_init(
	struct edges *edges, const struct image *image, const struct term *terms, size_t count)
{
	*edges = (struct edges){ .frames = MIN(image_end(image) / PAGE_SIZE, FRAMES_MAX) };
	if (!grams_init(edges, terms, count))
		return false;
	if (!edges->frames)
		return true;
	edges->pages = mmap(NULL, edges->frames * sizeof *edges->pages, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (edges->pages != MAP_FAILED)
		return true;
	edges->pages = NULL;
	edges_deinit(edges);
	return false;
}

void edges_deinit(struct edges *edges)
{
	if (edges->pages)
		munmap(edges->pages, edges->frames * sizeof *edges->pages);
	free(edges->grams);
	*edges = (struct edges){ 0 };
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
	if (edges->any)
		return;
	for (; at + PAGE_SIZE <= chunk->own; at += PAGE_SIZE) {
		uint64_t frame = (chunk->pa + at) / PAGE_SIZE;
		if (frame >= edges->frames)
			return;
		const uint8_t *page = chunk->bytes + at;
		struct page_edge edge;
		memcpy(edge.first, page, SIDE);
		memcpy(edge.last, page + PAGE_SIZE - SIDE, SIDE);
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

// `bytes`: SIDE of either page.
static bool gram_crosses(const struct edges *edges, const uint8_t *bytes)
{
	for (unsigned at = SIDE - edges->gram + 1; at < SIDE; at++)
		if (has_gram(edges, gram_load(bytes + at, edges->gram, 1), false))
			return true;
	return false;
}

static bool wide_gram_crosses(const struct edges *edges, const uint8_t *bytes)
{
	for (unsigned at = SIDE - 2 * WIDE_GRAM + 1; at < SIDE; at++)
		if (!bytes[at + 1] && !bytes[at + 3] && !bytes[at + 5] &&
			has_gram(edges, gram_load(bytes + at, WIDE_GRAM, 2), true))
			return true;
	return false;
}

bool edges_may_cross(const struct edges *edges, uint64_t frame, uint64_t next_frame)
{
	uint8_t bytes[2 * SIDE];
	if (edges->any || frame >= edges->frames || next_frame >= edges->frames)
		return true;
	memcpy(bytes, edges->pages[frame].last, SIDE);
	memcpy(bytes + SIDE, edges->pages[next_frame].first, SIDE);
	return gram_crosses(edges, bytes) || wide_gram_crosses(edges, bytes);
}
