// The block kernel, for any vector width: included by a file that defines block_look() and
// wide_gram() and names the kernel BLOCK_KERNEL. README.md explains the steps.
// SPDX-License-Identifier: Apache-2.0
#include "scan/filter.h"

#include <immintrin.h>

// Bit n is about byte n of the block.
struct looks {
	uint64_t in;   // is in the class
	uint64_t zero; // is zero
};

static inline struct looks block_look(const struct filter *filter, const uint8_t *at);
static inline uint64_t wide_gram(const uint8_t *at);

// Which bit is the lowest; any number when there is none.
static inline unsigned low_bit(uint64_t bits)
{
#if defined(__BMI__)
	return (unsigned)_tzcnt_u64(bits);
#else
	return bits ? (unsigned)__builtin_ctzll(bits) : 0;
#endif
}

// A block's bits and those of the block behind it.
struct bits {
	uint64_t here, next;
};

static inline struct bits bits_and_behind(struct bits bits, unsigned shift)
{
	bits.here &= bits.here >> shift | bits.next << (BLOCK - shift);
	bits.next &= bits.next >> shift;
	return bits;
}

// Bits where `count` (3 to 8) set bits begin, `step` apart. Both are constants where this is used.
static inline __attribute__((always_inline)) uint64_t run_starts(
	struct bits bits, unsigned count, unsigned step)
{
	const unsigned second = count == 3 ? 1 : 2, third = count - 2 - second;
	bits = bits_and_behind(bits, step);
	bits = bits_and_behind(bits, second * step);
	if (third)
		bits = bits_and_behind(bits, third * step);
	return bits.here;
}

// Writes the places of the set bits behind `out`. Eight at a time without looking, because how many
// there are cannot be predicted; what is too much is overwritten by the next.
static inline uint16_t *places_put(uint16_t *out, uint64_t bits, size_t base)
{
	uint16_t *end = out + __builtin_popcountll(bits);
	for (; bits; out += 8) {
#pragma GCC unroll 8
		for (unsigned i = 0; i < 8; i++) {
			out[i] = (uint16_t)(base + low_bit(bits));
			bits &= bits - 1;
		}
	}
	return end;
}

// Finds the places of a piece where a gram of the class begins, in both streams.
static inline __attribute__((always_inline)) void places_find(
	struct search *search, const uint8_t *window, size_t size, unsigned phase, unsigned gram)
{
	const struct filter *filter = search->filter;
	const unsigned stride = filter->stride;
	uint16_t *raw_end = search->raw, *wide_end = search->wide;
	struct looks next = block_look(filter, window);
	for (size_t at = 0; at < size; at += BLOCK) {
		struct looks here = next;
		next = block_look(filter, window + at + BLOCK);
		struct bits bytes = { here.in, next.in };
		uint64_t raw = run_starts(bytes, gram, 1) & filter->raw_spots[phase];
		// A character of UTF-16 is a byte of the class with a zero behind it.
		struct bits units = { here.in & (here.zero >> 1 | next.zero << (BLOCK - 1)),
			next.in & next.zero >> 1 };
		uint64_t wide = run_starts(units, gram, 2) & filter->wide_spots[phase];
		phase = phase + 1 == stride ? 0 : phase + 1;
		if (!(raw | wide))
			continue;
		raw_end = places_put(raw_end, raw, at);
		wide_end = places_put(wide_end, wide, at);
	}
	search->raw_count = (size_t)(raw_end - search->raw);
	search->wide_count = (size_t)(wide_end - search->wide);
}

// Keeps the places whose gram some pattern has. Without a branch, for the same reason.
static inline void places_screen(struct search *search, const uint8_t *window)
{
	const uint64_t *bitmap = search->filter->bitmap, mask = search->filter->gram_mask;
	const unsigned shift = search->filter->bitmap_shift;
	size_t kept = 0;
	for (size_t i = 0; i < search->raw_count; i++) {
		size_t at = search->raw[i];
		uint64_t hash = gram_hash(load_u64(window + at), mask);
		search->raw[kept] = (uint16_t)at;
		kept += bitmap_has(bitmap[hash >> shift], hash);
	}
	search->raw_count = kept;
	kept = 0;
	for (size_t i = 0; i < search->wide_count; i++) {
		size_t at = search->wide[i];
		uint64_t hash = gram_hash(wide_gram(window + at), mask);
		search->wide[kept] = (uint16_t)at;
		kept += bitmap_has(bitmap[hash >> shift], hash);
	}
	search->wide_count = kept;
}

void BLOCK_KERNEL(struct search *search, const uint8_t *window, size_t origin, size_t size)
{
	unsigned phase = (unsigned)(origin / BLOCK % search->filter->stride);
	switch (search->filter->gram) {
	case 3:
		places_find(search, window, size, phase, 3);
		break;
	case 4:
		places_find(search, window, size, phase, 4);
		break;
	case 5:
		places_find(search, window, size, phase, 5);
		break;
	case 6:
		places_find(search, window, size, phase, 6);
		break;
	case 7:
		places_find(search, window, size, phase, 7);
		break;
	default:
		places_find(search, window, size, phase, 8);
	}
	places_screen(search, window);
}
