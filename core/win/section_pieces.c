// The stretches of a file's content that memory holds: collected, sorted, overlaps resolved.
// SPDX-License-Identifier: Apache-2.0
#include "win/section_pieces.h"

#include <stdlib.h>

enum { PIECES_MAX = 1 << 20 };

void pieces_deinit(struct pieces *pieces)
{
	free(pieces->items);
	pieces->items = NULL;
	pieces->count = pieces->room = 0;
}

static bool piece_continues(const ei_piece *last, uint64_t offset, uint64_t pa)
{
	if (last->offset + last->size != offset)
		return false;
	return last->pa == EI_PIECE_ZERO ? pa == EI_PIECE_ZERO : last->pa + last->size == pa;
}

static bool pieces_grow(struct pieces *pieces)
{
	size_t room = MIN(MAX(2 * pieces->room, (size_t)64), (size_t)PIECES_MAX);
	if (room == pieces->room)
		return false;
	struct piece *more = realloc(pieces->items, room * sizeof *more);
	if (!more)
		return false;
	pieces->items = more;
	pieces->room = room;
	return true;
}

void pieces_add(struct pieces *pieces, uint64_t offset, uint64_t size, uint64_t pa)
{
	struct piece *last = pieces->count ? &pieces->items[pieces->count - 1] : NULL;
	if (offset > INT64_MAX - size)
		return;
	pieces->end = MAX(pieces->end, offset + size);
	if (pa != EI_PIECE_ZERO && !reader_holds(pieces->run->reader, pa, size))
		return;
	if (last && piece_continues(&last->at, offset, pa)) {
		last->at.size += size;
		return;
	}
	if (pieces->count == pieces->room && !pieces_grow(pieces)) {
		pieces->is_cut = true;
		return;
	}
	pieces->items[pieces->count] =
		(struct piece){ { offset, size, pa }, (uint32_t)pieces->count };
	pieces->count++;
}

// ---- settling -------------------------------------------------------------------------------

static int piece_compare(const void *a, const void *b)
{
	const struct piece *one = a, *other = b;
	if (one->at.offset != other->at.offset)
		return one->at.offset < other->at.offset ? -1 : 1;
	return one->order < other->order ? -1 : one->order > other->order;
}

static void pieces_sort(struct pieces *pieces)
{
	for (size_t i = 1; i < pieces->count; i++) {
		if (pieces->items[i - 1].at.offset < pieces->items[i].at.offset)
			continue;
		qsort(pieces->items, pieces->count, sizeof *pieces->items, piece_compare);
		return;
	}
}

static void piece_drop_front(ei_piece *piece, uint64_t bytes)
{
	bytes = MIN(bytes, piece->size);
	piece->offset += bytes;
	piece->size -= bytes;
	if (piece->pa != EI_PIECE_ZERO)
		piece->pa += bytes;
}

// Sorted by offset; pages are all of one size, so only neighbours overlap in what Windows writes.
// Of anything else some bytes may become holes.
static size_t pieces_resolve(struct pieces *pieces, uint64_t size)
{
	size_t kept = 0;
	for (size_t i = 0; i < pieces->count; i++) {
		struct piece next = pieces->items[i];
		struct piece *last = kept ? &pieces->items[kept - 1] : NULL;
		uint64_t end = last ? last->at.offset + last->at.size : 0;
		if (next.at.offset < end && next.order > last->order)
			last->at.size = next.at.offset - last->at.offset;
		else if (next.at.offset < end)
			piece_drop_front(&next.at, end - next.at.offset);
		if (next.at.offset >= size)
			break;
		next.at.size = MIN(next.at.size, size - next.at.offset);
		if (next.at.size)
			pieces->items[kept++] = next;
	}
	return kept;
}

void pieces_settle(struct pieces *pieces, ei_content *out)
{
	pieces_sort(pieces);
	pieces->count = pieces_resolve(pieces, out->size);
	ei_piece *list = ei_alloc(pieces->run->scratch, (pieces->count + 1) * sizeof *list);
	size_t count = list ? pieces->count : 0;
	uint64_t present = 0;
	for (size_t i = 0; i < count; i++) {
		list[i] = pieces->items[i].at;
		present += list[i].size;
	}
	out->pieces = list;
	out->piece_count = count;
	out->missing = out->size - MIN(present, out->size);
	if (pieces->is_cut || !list)
		ei_note(pieces->run,
			"content at 0x%llx: too many scattered pages; those after the first %zu "
			"are "
			"taken for missing",
			(unsigned long long)run_canonical(pieces->run, out->area), count);
}
