// Page edges: kept by a pass, asked for each seam.
// SPDX-License-Identifier: Apache-2.0
#include "scan/scan.h"

#include <sys/mman.h>

enum {
	FRAMES_MAX = 1 << 28, // 1 TiB of physical addresses; above, every seam is read
	SIDE = 8,             // bytes kept at each end
	BITS_LEAST = 16,
	BITS_MOST = 27,   // 16 MiB
	BITS_EACH = 128,  // of the table, for each byte of a term
	LENGTH_LEAST = 3, // of a term that has grams
};

struct page_edge {
	uint8_t first[SIDE], last[SIDE];
};

// ---- grams ----------------------------------------------------------------------------------

// Longer grams are rarer; a term has grams of the longest kind that it is long enough for, and all
// of such a gram is seen wherever the edge cuts it.
struct kind {
	unsigned count, step; // bytes, and from each to the next
};

static const struct kind kinds[] = { { 8, 1 }, { 4, 1 }, { 3, 1 }, { 4, 2 }, { 3, 2 } };
_Static_assert(ARRAY_LENGTH(kinds) == EDGES_KINDS, "one mark each");

static uint64_t gram_load(const uint8_t *bytes, const struct kind *kind)
{
	uint64_t gram = 0;
	if (kind->count == 8)
		return load_u64(bytes);
	for (unsigned i = 0; i < kind->count; i++)
		gram |= (uint64_t)bytes[(size_t)i * kind->step] << 8 * i;
	return gram;
}

// Three bits in one word of the table, so that of grams that are in no term one in thousands is
// taken for one. Case is one bit in letters; in other bytes folding only lets more through.
struct mark {
	size_t word;
	uint64_t bits;
};

static struct mark gram_mark(const struct edges *edges, uint64_t gram, size_t kind)
{
	uint64_t hash = (gram | UINT64_C(0x2020202020202020)) + kind * UINT64_C(0x9fb21c651e98df25);
	hash ^= hash >> 32;
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 29;
	hash *= UINT64_C(0xbf58476d1ce4e5b9);
	return (struct mark){ hash >> (64 - edges->bits + 6),
		UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63) |
			UINT64_C(1) << (hash >> 12 & 63) };
}

static bool has_gram(const struct edges *edges, uint64_t gram, size_t kind)
{
	struct mark mark = gram_mark(edges, gram, kind);
	return (edges->grams[mark.word] & mark.bits) == mark.bits;
}

// Most seams fall by the two bytes at the edge alone, in a table that stays in the nearest cache.
static unsigned pair_index(uint8_t left, uint8_t right)
{
	return (left | 0x20u) << 8 | (right | 0x20u);
}

static void pair_add(struct edges *edges, uint8_t left, uint8_t right)
{
	unsigned pair = pair_index(left, right);
	edges->pairs[pair / 8] |= (uint8_t)(1 << pair % 8);
}

static bool has_pair(const struct edges *edges, uint8_t left, uint8_t right)
{
	unsigned pair = pair_index(left, right);
	return edges->pairs[pair / 8] >> pair % 8 & 1;
}

static void pairs_add(struct edges *edges, const uint8_t *text, size_t length, unsigned step)
{
	for (size_t i = 0; step == 1 && i + 1 < length; i++)
		pair_add(edges, text[i], text[i + 1]);
	for (size_t i = 0; step == 2 && i < length; i++) {
		pair_add(edges, text[i], 0);
		pair_add(edges, 0, text[i]);
	}
}

// The grams of a text whose bytes stand `step` apart in memory.
static void grams_add(struct edges *edges, const uint8_t *text, size_t length, unsigned step)
{
	size_t kind = 0;
	while (kinds[kind].step != step || kinds[kind].count > length)
		if (++kind == ARRAY_LENGTH(kinds))
			return;
	edges->has[kind] = true;
	pairs_add(edges, text, length, step);
	const struct kind close = { kinds[kind].count, 1 };
	for (size_t i = 0; i + close.count <= length; i++) {
		struct mark mark = gram_mark(edges, gram_load(text + i, &close), kind);
		edges->grams[mark.word] |= mark.bits;
	}
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
	grams_add(edges, wire, length + 2, 1);
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
	if (term->length < LENGTH_LEAST || term->length > TERM_LONGEST || !is_ascii(term)) {
		edges->any = true;
		return;
	}
	grams_add(edges, text, term->length, 1);
	grams_add(edges, text, term->length, 2);
	labels_add(edges, text, term->length);
}

static void list_add(struct edges *edges, const struct term_list *list)
{
	if (list->flags & TERM_AS_HEX && list->count)
		edges->any = true;
	for (size_t i = 0; i < list->count && !edges->any; i++)
		term_add(edges, &list->terms[i]);
}

static bool grams_init(struct edges *edges, const struct term_list *lists, size_t count)
{
	uint64_t bytes = 0;
	edges->bits = BITS_LEAST;
	for (size_t i = 0; i < count; i++)
		for (size_t n = 0; n < lists[i].count; n++)
			bytes += lists[i].terms[n].length;
	while (edges->bits < BITS_MOST && UINT64_C(1) << edges->bits < BITS_EACH * bytes)
		edges->bits++;
	edges->grams = calloc((size_t)1 << (edges->bits - 6), sizeof *edges->grams);
	for (size_t i = 0; edges->grams && i < count; i++)
		list_add(edges, &lists[i]);
	return edges->grams != NULL;
}

// ---- all ------------------------------------------------------------------------------------

// The table is as long as physical memory, holes included, and costs what is written of it.
bool edges_init(
	struct edges *edges, const struct image *image, const struct term_list *lists, size_t count)
{
	*edges = (struct edges){ .frames = MIN(image_end(image) / PAGE_SIZE, FRAMES_MAX) };
	if (!grams_init(edges, lists, count))
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

// True when between the units of a gram there are zeroes.
static bool is_wide(const uint8_t *bytes, const struct kind *kind)
{
	uint8_t any = 0;
	for (unsigned i = 0; i < kind->count; i++)
		any |= bytes[2 * i + 1];
	return !any;
}

// `bytes`: SIDE of either page.
static bool gram_crosses(const struct edges *edges, const uint8_t *bytes, size_t index)
{
	const struct kind *kind = &kinds[index];
	for (unsigned at = SIDE - kind->count * kind->step + 1; at < SIDE; at++)
		if ((kind->step == 1 || is_wide(bytes + at, kind)) &&
			has_gram(edges, gram_load(bytes + at, kind), index))
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
	if (!has_pair(edges, bytes[SIDE - 1], bytes[SIDE]))
		return false;
	for (size_t kind = 0; kind < ARRAY_LENGTH(kinds); kind++)
		if (edges->has[kind] && gram_crosses(edges, bytes, kind))
			return true;
	return false;
}
