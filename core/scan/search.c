// Scanning bytes for a compiled term set: blocks to the kernel, candidates to the verifier.
// SPDX-License-Identifier: Apache-2.0
#include "scan/internal.h"

// ---- candidates -----------------------------------------------------------------------------

static uint64_t candidate_hash(const struct search *search, const uint8_t *at, enum stream stream)
{
	uint64_t gram = 0;
	for (unsigned i = 0; stream == STREAM_WIDE && i < GRAM_MAX; i++)
		gram |= (uint64_t)at[2 * i] << 8 * i;
	return gram_hash(stream == STREAM_WIDE ? gram : load_u64(at), search->filter->gram_mask);
}

// A table that does not fit the cache is asked for in time: first all slots, then the entries.
static void candidates_verify(struct search *search, const uint8_t *window, size_t origin,
	const uint16_t *places, size_t count, enum stream stream)
{
	enum { AHEAD = 16 };
	const struct filter *filter = search->filter;
	uint64_t hashes[AHEAD];
	for (size_t from = 0; from < count; from += AHEAD) {
		size_t here = MIN(count - from, (size_t)AHEAD);
		for (size_t i = 0; i < here; i++) {
			hashes[i] = candidate_hash(search, window + places[from + i], stream);
			__builtin_prefetch(&filter->slots[hashes[i] >> filter->slot_shift]);
		}
		for (size_t i = 0; i < here; i++)
			candidate_verify(search, hashes[i], origin + places[from + i], stream);
	}
}

// ---- pieces ---------------------------------------------------------------------------------

// True when each block is like the first, as in a page of zeroes or of one value.
static bool is_repeat(const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + BLOCK < size; at += BLOCK) {
		uint64_t any = 0;
		for (size_t i = at; i < at + BLOCK; i += 8)
			any |= load_u64(bytes + i) ^ load_u64(bytes + i + BLOCK);
		if (any)
			return false;
	}
	return true;
}

static void scan_piece(struct search *search, block_kernel *blocks, const uint8_t *window,
	size_t origin, size_t size)
{
	// Where nothing begins in the first blocks of a repeated one, nothing does in the others.
	const size_t few = STRIDE_MAX * BLOCK;
	bool repeat = size > few && is_repeat(window, size + BLOCK_AHEAD);
	// Filters take turns on a piece while it is in the cache.
	for (size_t i = 0; i < search->set->filter_count; i++) {
		search->filter = &search->set->filters[i];
		blocks(search, window, origin, repeat ? few : size);
		if (repeat && search->raw_count + search->wide_count)
			blocks(search, window, origin, size);
		candidates_verify(
			search, window, origin, search->raw, search->raw_count, STREAM_RAW);
		candidates_verify(
			search, window, origin, search->wide, search->wide_count, STREAM_WIDE);
	}
}

static void scan_blocks(struct search *search, block_kernel *blocks)
{
	size_t size = search->size, at = 0;
	for (; at + PIECE + BLOCK_AHEAD <= size; at += PIECE)
		scan_piece(search, blocks, search->bytes + at, at, PIECE);
	// The rest is looked at in a copy with zeroes behind it.
	for (; at < size; at += PIECE) {
		uint8_t window[PIECE + BLOCK_AHEAD] = { 0 };
		memcpy(window, search->bytes + at, MIN(size - at, sizeof window));
		size_t left = MIN(size - at, (size_t)PIECE);
		scan_piece(search, blocks, window, at, (left + BLOCK - 1) / BLOCK * BLOCK);
	}
}

void terms_scan(const struct term_set *set, const uint8_t *bytes, size_t size, size_t own,
	term_found *found, void *context)
{
	struct search search;
	search.set = set;
	search.bytes = bytes;
	search.size = size;
	search.own = own;
	search.found = found;
	search.context = context;
	search.last_filter = NULL;
	search.next_hit = search.hits;
	if (set->kernel->blocks)
		scan_blocks(&search, set->kernel->blocks);
	for (size_t i = 0; !set->kernel->blocks && i < set->filter_count; i++) {
		search.filter = &set->filters[i];
		scan_scalar(&search);
	}
	hits_give(&search);
}
