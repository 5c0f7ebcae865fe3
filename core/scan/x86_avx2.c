// The block kernel with 32-byte vectors.
// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#define BLOCK_KERNEL scan_avx2
#include "scan/blocks.h"

struct half {
	uint32_t in, zero;
};

static inline __m256i high_look(const struct filter *filter, __m256i bytes)
{
	const __m256i high = _mm256_broadcastsi128_si256(
		_mm_loadu_si128((const __m128i *)(const void *)filter->high));
	return _mm256_shuffle_epi8(high, _mm256_xor_si256(bytes, _mm256_set1_epi8(-128)));
}

// A shuffle gives 0 for a byte of 0x80 and more, so the first is about the others only; for the
// second the top bit is turned.
static inline struct half half_look(const struct filter *filter, const uint8_t *at)
{
	const __m256i low = _mm256_broadcastsi128_si256(
		_mm_loadu_si128((const __m128i *)(const void *)filter->low));
	const __m256i bits = _mm256_set1_epi64x((int64_t)UINT64_C(0x8040201008040201));
	const __m256i none = _mm256_setzero_si256();
	__m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
	__m256i nibble = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
	__m256i class = _mm256_shuffle_epi8(low, bytes);
	if (filter->high_bytes)
		class = _mm256_or_si256(class, high_look(filter, bytes));
	class = _mm256_and_si256(class, _mm256_shuffle_epi8(bits, nibble));
	uint32_t out = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(class, none));
	uint32_t zero = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, none));
	return (struct half){ ~out, zero };
}

static inline struct looks block_look(const struct filter *filter, const uint8_t *at)
{
	struct half a = half_look(filter, at), b = half_look(filter, at + 32);
	return (struct looks){ a.in | (uint64_t)b.in << 32, a.zero | (uint64_t)b.zero << 32 };
}

// ---- tags -----------------------------------------------------------------------------------

// Four bits a header, in the order of the lanes: set where the four bytes may be a tag.
static inline uint32_t tags_look(const struct tag_set *set, __m256i tags)
{
	const __m256i low = _mm256_broadcastsi128_si256(
		_mm_loadu_si128((const __m128i *)(const void *)set->low));
	const __m256i high = _mm256_broadcastsi128_si256(
		_mm_loadu_si128((const __m128i *)(const void *)set->high));
	const __m256i nibble = _mm256_set1_epi8(15);
	const __m256i even = _mm256_set1_epi32(0x08040201);
	const __m256i odd = _mm256_set1_epi32((int)0x80402010);
	__m256i places = _mm256_and_si256(_mm256_shuffle_epi8(low, _mm256_and_si256(tags, nibble)),
		_mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(tags, 4), nibble)));
	__m256i match = _mm256_or_si256(_mm256_cmpeq_epi32(_mm256_and_si256(places, even), even),
		_mm256_cmpeq_epi32(_mm256_and_si256(places, odd), odd));
	return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(match));
}

enum { TAG_GROUP = 128 };

void tags_avx2(const struct tag_set *set, const uint8_t *bytes, size_t size, tag_found *found,
	void *context)
{
	size_t at = 0;
	for (; at + TAG_GROUP <= size; at += TAG_GROUP) {
		const __m256i *from = (const __m256i *)(const void *)(bytes + at);
		__m256i a = _mm256_loadu_si256(from), b = _mm256_loadu_si256(from + 1);
		__m256i c = _mm256_loadu_si256(from + 2), d = _mm256_loadu_si256(from + 3);
		// The second word of each 16 bytes, and the fourth where blocks lie at 8.
		__m256i tags = _mm256_unpackhi_epi64(
			_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
		uint32_t seen = tags_look(set, tags);
		if (set->align == TAG_ALIGN_32) {
			tags = _mm256_unpackhi_epi64(
				_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
			seen |= tags_look(set, tags);
		}
		if (seen)
			tags_scalar_at(set, bytes, at, TAG_GROUP, found, context);
	}
	tags_scalar_at(set, bytes, at, size - at, found, context);
}

#endif
