// Sets of entities in three-valued logic: each entity is in, not in, or that is not known.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_KSET_H
#define IOC_KSET_H

#include "ioc/ioc.h"

// Growing bits.
struct bits {
	uint64_t *words;
	size_t room; // words
};
bool bits_set(struct bits *bits, uint32_t index); // false: no memory
bool bits_get(const struct bits *bits, uint32_t index);
uint64_t bits_word(const struct bits *bits, size_t word); // 0 beyond the end
void bits_deinit(struct bits *bits);

// Over entities 0 to count - 1. Words are in an arena, and never changed once they are shared.
struct kset {
	uint32_t count;
	bool any_true, any_unknown;
	enum ioc_truth all;    // of every entity, when there are no words
	uint64_t *yes, *maybe; // NULL: `all`
};

struct kset kset_all(uint32_t count, enum ioc_truth truth);
enum ioc_truth kset_at(const struct kset *set, uint32_t index);

// A set with words of its own, to be filled by kset_put() and closed by kset_close(). False: no
// memory.
bool kset_open(ei_arena *arena, const struct kset *from, struct kset *out);
void kset_put(struct kset *set, uint32_t index, enum ioc_truth truth);
void kset_close(struct kset *set);

// Both over the same entities. Without memory the result is UNKNOWN for all.
struct kset kset_and(ei_arena *arena, const struct kset *a, const struct kset *b);
struct kset kset_or(ei_arena *arena, const struct kset *a, const struct kset *b);
struct kset kset_not(ei_arena *arena, const struct kset *set);

#endif
