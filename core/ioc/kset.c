// Sets of entities in three-valued logic.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/kset.h"

// ---- bits -----------------------------------------------------------------------------------
bool bits_set(struct bits *bits, uint32_t index)
{
	size_t word = index / 64;
	if (word >= bits->room) {
		size_t room = MAX(word + 1, bits->room * 2);
		uint64_t *words = reallocarray(bits->words, room, sizeof *words);
		if (!words)
			return false;
		memset(words + bits->room, 0, (room - bits->room) * sizeof *words);
		bits->words = words;
		bits->room = room;
	}
	bits->words[word] |= UINT64_C(1) << index % 64;
	return true;
}

uint64_t bits_word(const struct bits *bits, size_t word)
{
	return word < bits->room ? bits->words[word] : 0;
}

bool bits_get(const struct bits *bits, uint32_t index)
{
	return bits_word(bits, index / 64) >> index % 64 & 1;
}

void bits_deinit(struct bits *bits)
{
	free(bits->words);
	*bits = (struct bits){ 0 };
}

// ---- sets -----------------------------------------------------------------------------------
struct words {
	uint64_t yes, maybe;
};

static size_t word_count(uint32_t count)
{
	return ((size_t)count + 63) / 64;
}

// The bits of a word that stand for entities.
static uint64_t word_mask(uint32_t count, size_t word)
{
	size_t left = count - word * 64;
	return left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
}

static struct words words_at(const struct kset *set, size_t word)
{
	if (set->yes)
		return (struct words){ set->yes[word], set->maybe[word] };
	return (struct words){
		set->all == IOC_TRUE ? UINT64_MAX : 0,
		set->all == IOC_UNKNOWN ? UINT64_MAX : 0,
	};
}

struct kset kset_all(uint32_t count, enum ioc_truth truth)
{
	return (struct kset){
		.count = count,
		.all = truth,
		.any_true = count && truth == IOC_TRUE,
		.any_unknown = count && truth == IOC_UNKNOWN,
	};
}

enum ioc_truth kset_at(const struct kset *set, uint32_t index)
{
	struct words words = words_at(set, index / 64);
	if (words.yes >> index % 64 & 1)
		return IOC_TRUE;
	return words.maybe >> index % 64 & 1 ? IOC_UNKNOWN : IOC_FALSE;
}

bool kset_open(ei_arena *arena, const struct kset *from, struct kset *out)
{
	size_t words = word_count(from->count);
	uint64_t *yes = ei_alloc(arena, (2 * words + 1) * sizeof *yes);
	if (!yes)
		return false;
	*out = (struct kset){ .count = from->count, .yes = yes, .maybe = yes + words };
	for (size_t i = 0; i < words; i++) {
		struct words at = words_at(from, i);
		out->yes[i] = at.yes & word_mask(from->count, i);
		out->maybe[i] = at.maybe & word_mask(from->count, i);
	}
	return true;
}

void kset_put(struct kset *set, uint32_t index, enum ioc_truth truth)
{
	uint64_t bit = UINT64_C(1) << index % 64;
	set->yes[index / 64] &= ~bit;
	set->maybe[index / 64] &= ~bit;
	if (truth == IOC_TRUE)
		set->yes[index / 64] |= bit;
	else if (truth == IOC_UNKNOWN)
		set->maybe[index / 64] |= bit;
}

void kset_close(struct kset *set)
{
	set->any_true = set->any_unknown = false;
	for (size_t i = 0; i < word_count(set->count); i++) {
		set->any_true |= set->yes[i] != 0;
		set->any_unknown |= set->maybe[i] != 0;
	}
}

// ---- logic ----------------------------------------------------------------------------------
static struct words and_words(struct words a, struct words b)
{
	uint64_t yes = a.yes & b.yes;
	return (struct words){ yes, (a.yes | a.maybe) & (b.yes | b.maybe) & ~yes };
}

static struct words or_words(struct words a, struct words b)
{
	uint64_t yes = a.yes | b.yes;
	return (struct words){ yes, (a.maybe | b.maybe) & ~yes };
}

typedef struct words join_words(struct words a, struct words b);

static struct kset join(
	ei_arena *arena, const struct kset *a, const struct kset *b, join_words *words)
{
	struct kset out;
	if (!kset_open(arena, a, &out))
		return kset_all(a->count, IOC_UNKNOWN);
	for (size_t i = 0; i < word_count(a->count); i++) {
		struct words at = words(words_at(a, i), words_at(b, i));
		out.yes[i] = at.yes & word_mask(a->count, i);
		out.maybe[i] = at.maybe & word_mask(a->count, i);
	}
	kset_close(&out);
	return out;
}

// What is the same for all needs no words; it is the usual case, for most atoms hit nothing.
struct kset kset_and(ei_arena *arena, const struct kset *a, const struct kset *b)
{
	if (!a->yes && !b->yes)
		return kset_all(a->count, ioc_and(a->all, b->all));
	if (!a->yes && a->all != IOC_UNKNOWN)
		return a->all == IOC_TRUE ? *b : *a;
	if (!b->yes && b->all != IOC_UNKNOWN)
		return b->all == IOC_TRUE ? *a : *b;
	return join(arena, a, b, and_words);
}

struct kset kset_or(ei_arena *arena, const struct kset *a, const struct kset *b)
{
	if (!a->yes && !b->yes)
		return kset_all(a->count, ioc_or(a->all, b->all));
	if (!a->yes && a->all != IOC_UNKNOWN)
		return a->all == IOC_TRUE ? *a : *b;
	if (!b->yes && b->all != IOC_UNKNOWN)
		return b->all == IOC_TRUE ? *b : *a;
	return join(arena, a, b, or_words);
}

struct kset kset_not(ei_arena *arena, const struct kset *set)
{
	struct kset out;
	if (!set->yes)
		return kset_all(set->count, ioc_not(set->all));
	if (!kset_open(arena, set, &out))
		return kset_all(set->count, IOC_UNKNOWN);
	for (size_t i = 0; i < word_count(set->count); i++)
		out.yes[i] = ~(set->yes[i] | set->maybe[i]) & word_mask(set->count, i);
	kset_close(&out);
	return out;
}
