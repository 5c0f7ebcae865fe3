// Pool tags: the set, and the search without vectors that the kernels must agree with.
// SPDX-License-Identifier: Apache-2.0
#include "scan/internal.h"

static void nibbles_add(struct tag_set *set, size_t index)
{
	unsigned bucket = index % 2 * 4;
	for (unsigned place = 0; place < 4; place++) {
		uint8_t byte = (uint8_t)(set->tags[index] >> 8 * place);
		uint8_t bit = (uint8_t)(1 << (bucket + place));
		set->low[byte & 15] |= bit;
		set->high[byte >> 4] |= bit;
	}
}

static int compare_tags(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	return (a > b) - (a < b);
}

static uint32_t tag_hash(uint32_t tag)
{
	return tag * UINT32_C(0x9e3779b1) >> (32 - TAG_MARK_BITS);
}

void tag_set_init(struct tag_set *set, unsigned align, const uint32_t *tags, size_t count)
{
	*set = (struct tag_set){ .align = align };
	for (size_t i = 0; i < count && set->count < TAGS_MAX; i++) {
		bool known = false;
		for (size_t n = 0; n < set->count; n++)
			known |= set->tags[n] == tags[i];
		if (!known)
			set->tags[set->count++] = tags[i];
	}
	qsort(set->tags, set->count, sizeof set->tags[0], compare_tags);
	for (size_t i = 0; i < set->count; i++) {
		uint32_t hash = tag_hash(set->tags[i]);
		set->marks[hash / 64] |= UINT64_C(1) << hash % 64;
		nibbles_add(set, i);
	}
}

static bool is_marked(const struct tag_set *set, uint32_t tag)
{
	uint32_t hash = tag_hash(tag);
	return set->marks[hash / 64] >> hash % 64 & 1;
}

bool tag_set_has(const struct tag_set *set, uint32_t tag)
{
	if (!is_marked(set, tag))
		return false;
	for (size_t i = 0; i < set->count && set->tags[i] <= tag; i++)
		if (set->tags[i] == tag)
			return true;
	return false;
}

void tags_scalar_at(const struct tag_set *set, const uint8_t *bytes, size_t from, size_t size,
	tag_found *found, void *context)
{
	for (size_t at = 0; at + TAG_AT + 4 <= size; at += set->align) {
		uint32_t tag = load_u32(bytes + from + at + TAG_AT);
		if (tag_set_has(set, tag))
			found(context, from + at, tag);
	}
}

void tags_scalar(const struct tag_set *set, const uint8_t *bytes, size_t size, tag_found *found,
	void *context)
{
	tags_scalar_at(set, bytes, 0, size, found, context);
}

void tags_scan(const struct tag_set *set, const uint8_t *bytes, size_t size, tag_found *found,
	void *context)
{
	kernel_choose()->tags(set, bytes, size, found, context);
}
