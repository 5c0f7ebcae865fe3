// Four-byte tags at fixed alignment, all at once: the tags of the kernel's pool headers.
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_TAGS_H
#define SCAN_TAGS_H

#include "base/base.h"

enum {
	TAG_ALIGN_64 = 16, // blocks of the pool lie at multiples of this on 64 bits
	TAG_ALIGN_32 = 8,
	TAG_AT = 4, // of the tag in a block's header
	TAGS_MAX = 256,
	TAG_MARK_BITS = 13,
};

struct tag_set {
	uint32_t tags[TAGS_MAX]; // ascending
	size_t count;
	unsigned align; // TAG_ALIGN_64 or TAG_ALIGN_32
	// For the kernels: by low and by high nibble of a byte, at which of a tag's four places it
	// may stand; four bits for the tags of even index, four for the others.
	uint8_t low[16], high[16];
	// A bit for the hash of each tag: what the kernels let through is mostly no tag.
	uint64_t marks[1 << (TAG_MARK_BITS - 6)];
};

// Fills a set; duplicates are taken once, what is more than TAGS_MAX is left out.
void tag_set_init(struct tag_set *set, unsigned align, const uint32_t *tags, size_t count);

bool tag_set_has(const struct tag_set *set, uint32_t tag);

// `at` is the offset of the block's header, TAG_AT before the tag.
typedef void tag_found(void *context, size_t at, uint32_t tag);

// Looks at every header place of bytes[0, size), which starts at a multiple of `align`.
void tags_scan(const struct tag_set *set, const uint8_t *bytes, size_t size, tag_found *found,
	void *context);

typedef void tag_kernel(const struct tag_set *set, const uint8_t *bytes, size_t size,
	tag_found *found, void *context);
tag_kernel tags_scalar, tags_ssse3, tags_avx2, tags_neon;

// The scalar search of bytes[from, from + size), for what a kernel leaves over.
void tags_scalar_at(const struct tag_set *set, const uint8_t *bytes, size_t from, size_t size,
	tag_found *found, void *context);

#endif
