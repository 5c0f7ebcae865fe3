// The block kernel with 16-byte vectors.
// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#define BLOCK_KERNEL scan_ssse3
#include "scan/blocks.h"

struct quarter {
	uint32_t in, zero;
};

static inline __m128i high_look(const struct filter *filter, __m128i bytes)
{
	const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)filter->high);
	return _mm_shuffle_epi8(high, _mm_xor_si128(bytes, _mm_set1_epi8(-128)));
}

// A shuffle gives 0 for a byte of 0x80 and more, so the first is about the others only; for the
// second the top bit is turned.
static inline struct quarter quarter_look(const struct filter *filter, const uint8_t *at)
{
	const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)filter->low);
	const __m128i bits = _mm_set1_epi64x((int64_t)UINT64_C(0x8040201008040201));
	const __m128i none = _mm_setzero_si128();
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i nibble = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
	__m128i class = _mm_shuffle_epi8(low, bytes);
	if (filter->high_bytes)
		class = _mm_or_si128(class, high_look(filter, bytes));
	class = _mm_and_si128(class, _mm_shuffle_epi8(bits, nibble));
	uint32_t out = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(class, none));
	uint32_t zero = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, none));
	return (struct quarter){ ~out & 0xffff, zero };
}

static inline struct looks block_look(const struct filter *filter, const uint8_t *at)
{
	struct looks looks = { 0, 0 };
	for (unsigned i = 0; i < 4; i++) {
		struct quarter part = quarter_look(filter, at + 16 * i);
		looks.in |= (uint64_t)part.in << 16 * i;
		looks.zero |= (uint64_t)part.zero << 16 * i;
	}
	return looks;
}

// ---- tags -----------------------------------------------------------------------------------

// Not zero where the four bytes may be a tag.
static inline int tags_look(const struct tag_set *set, __m128i tags)
{
	const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)set->low);
	const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)set->high);
	const __m128i nibble = _mm_set1_epi8(15);
	const __m128i even = _mm_set1_epi32(0x08040201);
	const __m128i odd = _mm_set1_epi32((int)0x80402010);
	__m128i places = _mm_and_si128(_mm_shuffle_epi8(low, _mm_and_si128(tags, nibble)),
		_mm_shuffle_epi8(high, _mm_and_si128(_mm_srli_epi16(tags, 4), nibble)));
	return _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi32(_mm_and_si128(places, even), even),
		_mm_cmpeq_epi32(_mm_and_si128(places, odd), odd)));
}

enum { TAG_GROUP = 64 };

void tags_ssse3(const struct tag_set *set, const uint8_t *bytes, size_t size, tag_found *found,
	void *context)
{
	size_t at = 0;
	for (; at + TAG_GROUP <= size; at += TAG_GROUP) {
		const __m128i *from = (const __m128i *)(const void *)(bytes + at);
		__m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);
		__m128i c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);
		// The second word of each 16 bytes, and the fourth where blocks lie at 8.
		__m128i tags =
			_mm_unpackhi_epi64(_mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, d));
		int seen = tags_look(set, tags);
		if (set->align == TAG_ALIGN_32) {
			tags = _mm_unpackhi_epi64(
				_mm_unpackhi_epi32(a, b), _mm_unpackhi_epi32(c, d));
			seen |= tags_look(set, tags);
		}
		if (seen)
			tags_scalar_at(set, bytes, at, TAG_GROUP, found, context);
	}
	tags_scalar_at(set, bytes, at, size - at, found, context);
}

#endif
