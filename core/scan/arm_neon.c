// The block kernel of ARM, with 16-byte vectors.
// SPDX-License-Identifier: Apache-2.0
#if defined(__aarch64__)
#define BLOCK_KERNEL scan_neon
#include "scan/blocks.h"

// By byte of a half vector: its bit in a mask.
static inline uint8x16_t bit_each(void)
{
	return vreinterpretq_u8_u64(vdupq_n_u64(UINT64_C(0x8040201008040201)));
}

// A bit for each of 64 bytes that are 0 or 0xff.
static inline uint64_t mask_of(const uint8x16_t quarters[4])
{
	const uint8x16_t bit = bit_each();
	uint8x16_t front = vpaddq_u8(vandq_u8(quarters[0], bit), vandq_u8(quarters[1], bit));
	uint8x16_t back = vpaddq_u8(vandq_u8(quarters[2], bit), vandq_u8(quarters[3], bit));
	uint8x16_t both = vpaddq_u8(front, back);
	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(both, both)), 0);
}

// A lookup gives 0 for an index of 16 and more, so the first is about bytes below 0x80 only; for
// the second the top bit is turned.
static inline uint8x16_t quarter_look(const struct filter *filter, uint8x16_t bytes)
{
	const uint8x16_t index = vdupq_n_u8(0x8f), top = vdupq_n_u8(0x80);
	uint8x16_t class = vqtbl1q_u8(vld1q_u8(filter->low), vandq_u8(bytes, index));
	if (filter->high_bytes)
		class = vorrq_u8(class,
			vqtbl1q_u8(vld1q_u8(filter->high), vandq_u8(veorq_u8(bytes, top), index)));
	return vtstq_u8(class, vqtbl1q_u8(bit_each(), vshrq_n_u8(bytes, 4)));
}

static inline struct looks block_look(const struct filter *filter, const uint8_t *at)
{
	uint8x16_t in[4], zero[4];
	for (unsigned i = 0; i < 4; i++) {
		uint8x16_t bytes = vld1q_u8(at + 16 * i);
		in[i] = quarter_look(filter, bytes);
		zero[i] = vceqzq_u8(bytes);
	}
	return (struct looks){ mask_of(in), mask_of(zero) };
}

// ---- tags -----------------------------------------------------------------------------------

// Not zero in lanes whose four bytes may be a tag.
static inline uint32x4_t tags_look(const struct tag_set *set, uint32x4_t tags)
{
	const uint32x4_t even = vdupq_n_u32(0x08040201), odd = vdupq_n_u32(0x80402010);
	uint8x16_t bytes = vreinterpretq_u8_u32(tags);
	uint8x16_t low = vqtbl1q_u8(vld1q_u8(set->low), vandq_u8(bytes, vdupq_n_u8(15)));
	uint8x16_t high = vqtbl1q_u8(vld1q_u8(set->high), vshrq_n_u8(bytes, 4));
	uint32x4_t places = vreinterpretq_u32_u8(vandq_u8(low, high));
	return vorrq_u32(
		vceqq_u32(vandq_u32(places, even), even), vceqq_u32(vandq_u32(places, odd), odd));
}

enum { TAG_GROUP = 64 };

void tags_neon(const struct tag_set *set, const uint8_t *bytes, size_t size, tag_found *found,
	void *context)
{
	size_t at = 0;
	for (; at + TAG_GROUP <= size; at += TAG_GROUP) {
		// By their place in 16 bytes: the second words, and the fourth where blocks lie
		// at 8.
		uint32x4x4_t words = vld4q_u32((const uint32_t *)(const void *)(bytes + at));
		uint32x4_t seen = tags_look(set, words.val[1]);
		if (set->align == TAG_ALIGN_32)
			seen = vorrq_u32(seen, tags_look(set, words.val[3]));
		if (vmaxvq_u32(seen))
			tags_scalar_at(set, bytes, at, TAG_GROUP, found, context);
	}
	tags_scalar_at(set, bytes, at, size - at, found, context);
}

#endif
