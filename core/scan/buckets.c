// Few patterns: each gets the gram that is met least and goes to the bucket where it adds least.
// SPDX-License-Identifier: Apache-2.0
#include "scan/compile.h"

enum {
	ONE_SET_MOST = 100, // patterns: measured, see README.md
};

// What is in a bucket: characters at each place, and how often text has one of them there.
struct bucket {
	double chance[HEAD];
	bool has[HEAD][256];
};

enum sieve sieve_wanted(size_t patterns, bool plain)
{
	if (patterns <= BUCKETS_MOST)
		return SIEVE_BUCKETS;
	return plain ? SIEVE_PAIRS : SIEVE_NONE;
}

static double bucket_chance(const struct bucket *bucket)
{
	double chance = 1;
	for (unsigned i = 0; i < HEAD; i++)
		chance *= bucket->chance[i];
	return chance;
}

// How often the bucket lets something through when it has the gram too.
static double chance_with(const struct rarity *rarity, const struct bucket *bucket,
	const uint8_t *chars, unsigned size)
{
	double chance = 1;
	for (unsigned i = 0; i < size; i++)
		chance *= bucket->chance[i] +
			  (bucket->has[i][chars[i]] ? 0 : byte_chance(rarity, chars[i]));
	return chance;
}

static void bucket_add(
	const struct rarity *rarity, struct bucket *bucket, const uint8_t *chars, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		if (!bucket->has[i][chars[i]]) {
			bucket->has[i][chars[i]] = true;
			bucket->chance[i] += byte_chance(rarity, chars[i]);
		}
	for (unsigned i = size; i < HEAD; i++)
		bucket->chance[i] = 1;
}

struct choice {
	double cost;
	unsigned bucket;
	uint16_t offset;
};

// A gram costs what it adds to its bucket, and being met itself.
static void gram_offer(const struct rarity *rarity, const struct bucket *buckets, unsigned count,
	const uint8_t *chars, unsigned size, uint16_t offset, unsigned open, struct choice *best)
{
	double own = gram_chance(rarity, chars, size) * (1u << open);
	for (unsigned b = 0; b < count; b++) {
		double cost = own + chance_with(rarity, &buckets[b], chars, size) -
			      bucket_chance(&buckets[b]);
		if (cost < best->cost)
			*best = (struct choice){ cost, b, offset };
	}
}

static void bucket_mark(struct filter *filter, unsigned bucket, const uint8_t *chars, unsigned size)
{
	uint8_t bit = (uint8_t)(1 << bucket % BUCKETS);
	uint8_t(*tables)[128] = filter->buckets.sets[bucket / BUCKETS];
	for (unsigned i = 0; i < size; i++) {
		uint8_t byte = chars[i] & 0x7f;
		bool letter = chars[i] >= 'a' && chars[i] <= 'z';
		tables[i][byte] |= bit;
		tables[i][letter ? byte & 0x5f : byte] |= bit;
	}
	for (unsigned i = size; i < HEAD; i++)
		for (unsigned byte = 0; byte < 128; byte++)
			tables[i][byte] |= bit;
}

// What open bits allow.
static void bucket_open(struct filter *filter, unsigned bucket, const struct term_set *set,
	const struct pattern *pattern, unsigned offset, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		uint8_t mask = pattern_mask(set, pattern, offset + i), byte;
		pattern_chars(set, pattern, offset + i, 1, &byte);
		for (unsigned any = 0; any < 128 && mask != 0xff; any++)
			if (((any ^ byte) & mask & 0x5f) == 0)
				filter->buckets.sets[bucket / BUCKETS][i][any] |=
					(uint8_t)(1 << bucket % BUCKETS);
	}
}

void buckets_fill(const struct chooser *chooser, const uint32_t *members, size_t count,
	struct filter *filter, uint16_t *windows)
{
	filter->buckets.set_count = count <= ONE_SET_MOST ? 1 : 2;
	const struct term_set *set = chooser->set;
	const struct rarity *rarity = chooser->rarity;
	const unsigned size = MIN(filter->gram, (unsigned)HEAD);
	const unsigned bucket_count = filter->buckets.set_count * BUCKETS;
	struct bucket buckets[BUCKET_SETS * BUCKETS] = { 0 };
	for (size_t i = 0; i < count; i++) {
		const struct pattern *pattern = &set->patterns[members[i]];
		struct choice best = { 1e300, 0, 0 };
		uint8_t chars[HEAD];
		for (unsigned at = 0; at + filter->gram <= pattern->length; at++) {
			if (!gram_is_possible(filter, set, pattern, at))
				continue;
			pattern_chars(set, pattern, at, size, chars);
			unsigned open = pattern_open(set, pattern, at, size);
			gram_offer(rarity, buckets, bucket_count, chars, size, (uint16_t)at, open,
				&best);
		}
		windows[i] = best.offset;
		pattern_others(set, pattern, best.offset, size, chars);
		bucket_mark(filter, best.bucket, chars, size);
		bucket_open(filter, best.bucket, set, pattern, best.offset, size);
		pattern_chars(set, pattern, best.offset, size, chars);
		bucket_add(rarity, &buckets[best.bucket], chars, size);
		bucket_mark(filter, best.bucket, chars, size);
	}
}
