// Places of a piece where a gram may begin: for kernels.
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_PLACES_H
#define SCAN_PLACES_H

#include "scan/internal.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

// Eight units packed into eight bytes.
static inline uint64_t wide_gram(const uint8_t *at)
{
#if defined(__aarch64__)
	return vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(vreinterpretq_u16_u8(vld1q_u8(at)))), 0);
#else
	__m128i units = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i low = _mm_and_si128(units, _mm_set1_epi16(0xff));
	return (uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(low, low));
#endif
}

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

#endif
