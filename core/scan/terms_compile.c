// Compiling terms: their spellings become patterns, patterns are grouped into filters.
// SPDX-License-Identifier: Apache-2.0
#include "scan/compile.h"
#include "scan/spell.h"

enum {
	TEXT_MAX = 160 << 20, // bytes of all terms
	POOL_PART = 8,        // most bytes of patterns that a byte of a term becomes
	SAMPLE_MAX = 16 << 20,
	LONG_LEAST = 6, // characters for three grams in a row
};

// Of the filters: patterns that have text enough for grams of it, long or short, and the others,
// whose bytes are common in code.
enum group { GROUP_LONG, GROUP_SHORT, GROUP_OTHER, GROUPS };

struct compile {
	struct term_set *set;
	size_t pool_used;
	int32_t *known; // open addressing by a pattern's hash: 1 + index
	size_t known_mask;
};

// ---- patterns -------------------------------------------------------------------------------

static uint64_t bytes_hash(const uint8_t *bytes, size_t length, uint64_t seed)
{
	uint64_t hash = seed ^ length;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 29;
}

static bool pattern_equal(
	const struct term_set *set, const struct pattern *a, const struct pattern *b)
{
	return a->length == b->length && a->streams == b->streams && a->kind == b->kind &&
	       a->flags == b->flags && a->spelling == b->spelling &&
	       !memcmp(set->pool + a->text, set->pool + b->text, pattern_size(a));
}

// Adds a pattern whose bytes are already in the pool at its end; duplicates are chained.
static void pattern_add(struct compile *compile, struct pattern pattern)
{
	struct term_set *set = compile->set;
	uint32_t index = (uint32_t)set->pattern_count;
	size_t text_bytes = pattern_size(&pattern);
	uint64_t seed = (pattern.streams * 4u + pattern.kind) * 8u + pattern.flags;
	size_t at = bytes_hash(set->pool + pattern.text, text_bytes, seed);
	for (at &= compile->known_mask; compile->known[at]; at = (at + 1) & compile->known_mask) {
		struct pattern *other = &set->patterns[compile->known[at] - 1];
		if (!pattern_equal(set, other, &pattern))
			continue;
		pattern.text = other->text;
		pattern.same = other->same;
		pattern.streams = 0; // found through the first of its kind
		other->same = (int32_t)index;
		set->patterns[set->pattern_count++] = pattern;
		return;
	}
	compile->known[at] = (int32_t)index + 1;
	compile->pool_used += text_bytes;
	set->patterns[set->pattern_count++] = pattern;
	size_t bytes = pattern.length * (pattern.streams & STREAM_WIDE ? 2u : 1u);
	set->longest = MAX(set->longest, bytes);
}

static ei_error *term_add(
	struct compile *compile, const struct term *term, uint32_t index, unsigned flags)
{
	struct spelling spellings[SPELLINGS_MAX];
	size_t count;
	EI_TRY(term_spell(term, flags, spellings, &count));
	for (size_t i = 0; i < count; i++) {
		const struct spelling *spelling = &spellings[i];
		struct pattern pattern = {
			.text = (uint32_t)compile->pool_used,
			.length = spelling->length,
			.streams = spelling->streams,
			.kind = spelling->kind,
			.flags = spelling->flags,
			.spelling = spelling->spelling,
			.term = index,
			.same = NO_PATTERN,
		};
		uint8_t *text = compile->set->pool + compile->pool_used;
		size_t size = pattern_text_size(&pattern);
		memcpy(text, spelling->text, size);
		memcpy(text + size, spelling->other, pattern_size(&pattern) - size);
		pattern_add(compile, pattern);
	}
	return NULL;
}

// ---- groups ---------------------------------------------------------------------------------

unsigned pattern_plain(const struct term_set *set, const struct pattern *pattern)
{
	const uint8_t *text = set->pool + pattern->text;
	if (pattern->kind == TEXT_UNITS)
		return utf16_plain(text, 2u * pattern->length);
	unsigned run = 0, longest = 0;
	for (unsigned i = 0; i < pattern->length; i++) {
		run = text[i] >= ' ' && text[i] <= '~' ? run + 1 : 0;
		longest = MAX(longest, run);
	}
	return longest;
}

static enum group group_of(const struct term_set *set, const struct pattern *pattern)
{
	unsigned plain = pattern_plain(set, pattern);
	if (pattern->kind == TEXT_MASKED)
		return GROUP_OTHER;
	if (plain < MIN(pattern->length, (unsigned)PLAIN_LEAST))
		return GROUP_OTHER;
	return plain < LONG_LEAST ? GROUP_SHORT : GROUP_LONG;
}

// Sorts the patterns that are looked for by their groups.
static void groups_sort(const struct term_set *set, uint32_t *members, size_t counts[GROUPS])
{
	size_t at = 0;
	for (enum group group = GROUP_LONG; group < GROUPS; group++) {
		size_t from = at;
		for (uint32_t i = 0; i < set->pattern_count; i++)
			if (set->patterns[i].streams && group_of(set, &set->patterns[i]) == group)
				members[at++] = i;
		counts[group] = at - from;
	}
	// Short ones would spoil the stride of the others.
	if (!set->kernel->strides) {
		counts[GROUP_LONG] += counts[GROUP_SHORT];
		counts[GROUP_SHORT] = 0;
	}
}

static ei_error *groups_build(struct term_set *set, const struct rarity *rarity)
{
	size_t counts[GROUPS];
	uint32_t *members = malloc(MAX(set->pattern_count, (size_t)1) * sizeof *members);
	if (!members)
		return ei_fail(EI_E_NOMEM, "out of memory");
	groups_sort(set, members, counts);
	ei_error *error = NULL;
	size_t at = 0;
	for (enum group group = GROUP_LONG; group < GROUPS && !error; group++) {
		if (counts[group])
			error = filter_build(set, members + at, counts[group], group != GROUP_OTHER,
				rarity, &set->filters[set->filter_count++]);
		at += counts[group];
	}
	free(members);
	return error;
}

// ---- all ------------------------------------------------------------------------------------

static ei_error *lengths_check(const struct term_wish *wish, size_t *count, size_t *total)
{
	*count = *total = 0;
	for (size_t n = 0; n < wish->list_count; n++) {
		const struct term_list *list = &wish->lists[n];
		if (list->count > TERM_COUNT_MAX - *count)
			return ei_fail(
				EI_E_LIMIT, "more than %d terms are too many", TERM_COUNT_MAX);
		*count += list->count;
		for (size_t i = 0; i < list->count; i++) {
			uint32_t length = list->terms[i].length;
			if (length < TERM_SHORTEST || length > TERM_LONGEST)
				return ei_fail(EI_E_LIMIT,
					"term '%.*s' is %u bytes long, want %d to %d",
					(int)MIN(length, 40u), list->terms[i].text, length,
					TERM_SHORTEST, TERM_LONGEST);
			*total += length;
		}
	}
	if (*total > TEXT_MAX)
		return ei_fail(EI_E_LIMIT, "the terms take more than %d MiB", TEXT_MAX >> 20);
	return NULL;
}

static size_t power_of_two(size_t at_least)
{
	size_t power = 16;
	while (power < at_least)
		power *= 2;
	return power;
}

static ei_error *terms_add(struct compile *compile, const struct term_wish *wish)
{
	uint32_t index = 0;
	for (size_t n = 0; n < wish->list_count; n++)
		for (size_t i = 0; i < wish->lists[n].count; i++)
			EI_TRY(term_add(
				compile, &wish->lists[n].terms[i], index++, wish->lists[n].flags));
	return NULL;
}

static ei_error *patterns_make(struct term_set *set, const struct term_wish *wish, size_t count)
{
	struct compile compile = { .set = set };
	compile.known_mask = power_of_two(SPELLINGS_MAX * count + 1) - 1;
	compile.known = calloc(compile.known_mask + 1, sizeof *compile.known);
	if (!compile.known)
		return ei_fail(EI_E_NOMEM, "no memory for %zu terms", count);
	ei_error *error = terms_add(&compile, wish);
	free(compile.known);
	// Most terms are ASCII and took one pattern of their own length.
	uint8_t *pool = realloc(set->pool, compile.pool_used + POOL_BEHIND);
	set->pool = pool ? pool : set->pool;
	return error;
}

ei_error *terms_compile_wish(const struct term_wish *wish, struct term_set **out)
{
	size_t count, total;
	EI_TRY(kernel_check());
	EI_TRY(lengths_check(wish, &count, &total));
	EI_OWNED(term_set) set = calloc(1, sizeof *set);
	if (!set)
		return ei_fail(EI_E_NOMEM, "out of memory");
	set->longest = 1;
	set->kernel = kernel_choose();
	set->pool = malloc(total * POOL_PART + POOL_BEHIND);
	set->patterns = malloc((SPELLINGS_MAX * count + 1) * sizeof *set->patterns);
	if (!set->pool || !set->patterns)
		return ei_fail(EI_E_NOMEM, "no memory for %zu terms", count);
	EI_TRY(patterns_make(set, wish, count));
	EI_OWNED(rarity) rarity = NULL;
	EI_TRY(rarity_create(wish->sample, MIN(wish->sample_size, (size_t)SAMPLE_MAX), &rarity));
	EI_TRY(groups_build(set, rarity));
	*out = EI_GIVE(set);
	return NULL;
}

ei_error *terms_compile_for(const struct term *terms, size_t count, const uint8_t *sample,
	size_t sample_size, struct term_set **out)
{
	const struct term_list list = { terms, count, 0 };
	return terms_compile_wish(&(struct term_wish){ &list, 1, sample, sample_size }, out);
}

ei_error *terms_compile(const struct term *terms, size_t count, struct term_set **out)
{
	return terms_compile_for(terms, count, NULL, 0, out);
}

void term_set_drop(struct term_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->filter_count; i++)
		filter_deinit(&set->filters[i]);
	free(set->patterns);
	free(set->pool);
	free(set);
}

size_t terms_longest(const struct term_set *set)
{
	return set->longest;
}
