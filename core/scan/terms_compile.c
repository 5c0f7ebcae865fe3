// Compiling terms: fold and spell them, group them into filters, choose each pattern's grams.
// SPDX-License-Identifier: Apache-2.0
#include "scan/compile.h"

enum {
	POOL_MAX = 512 << 20, // bytes of all patterns
	SAMPLE_MAX = 16 << 20,
	SPELLINGS = 2,   // patterns a term can become
	PLAIN_LEAST = 6, // characters of text, in patterns that are not all text
	LONG_LEAST = 7,  // characters for four grams in a row
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

// ---- spelling -------------------------------------------------------------------------------

// Decodes one UTF-8 character; 0 when the bytes are not valid.
static uint32_t character_read(const uint8_t **at, const uint8_t *end)
{
	size_t length = utf8_sequence(*at, (size_t)(end - *at));
	if (!length)
		return 0;
	uint32_t value = length == 1 ? **at : **at & (0x7f >> length);
	for (size_t i = 1; i < length; i++)
		value = value << 6 | ((*at)[i] & 0x3f);
	*at += length;
	return value;
}

static size_t unit_put(uint8_t *out, uint32_t unit)
{
	out[0] = unit < 0x100 ? fold_byte((uint8_t)unit) : (uint8_t)unit;
	out[1] = (uint8_t)(unit >> 8);
	return 2;
}

// The term's UTF-16LE, folded; 0 when it is not valid UTF-8 or all of it is Latin-1 (in `latin1`).
static size_t spell_utf16(
	const struct term *term, uint8_t *out, uint8_t *latin1, size_t *latin1_length)
{
	const uint8_t *at = (const uint8_t *)term->text, *end = at + term->length;
	size_t length = 0, count = 0;
	bool beyond = false;
	while (at < end) {
		uint32_t value = character_read(&at, end);
		if (!value)
			return 0;
		beyond |= value >= 0x100;
		latin1[count++] = fold_byte((uint8_t)value);
		if (value >= 0x10000) {
			length += unit_put(out + length, 0xd800 + ((value - 0x10000) >> 10));
			value = 0xdc00 + ((value - 0x10000) & 0x3ff);
		}
		length += unit_put(out + length, value);
	}
	*latin1_length = beyond ? 0 : count;
	return beyond ? length : 0;
}

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
	       !memcmp(set->pool + a->text, set->pool + b->text, a->length * pattern_step(a));
}

// Adds a pattern whose bytes are already in the pool at its end; duplicates are chained.
static void pattern_add(struct compile *compile, struct pattern pattern)
{
	struct term_set *set = compile->set;
	uint32_t index = (uint32_t)set->pattern_count;
	size_t text_bytes = pattern.length * pattern_step(&pattern);
	uint64_t seed = pattern.streams * 4u + pattern.kind;
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

static void bytes_add(struct compile *compile, uint32_t term, const uint8_t *bytes, size_t length,
	unsigned streams, enum pattern_text kind)
{
	size_t step = kind == TEXT_UNITS ? 2 : 1;
	memcpy(compile->set->pool + compile->pool_used, bytes, length * step);
	pattern_add(compile, (struct pattern){
				     .text = (uint32_t)compile->pool_used,
				     .length = (uint16_t)length,
				     .streams = (uint8_t)streams,
				     .kind = (uint8_t)kind,
				     .term = term,
				     .same = NO_PATTERN,
			     });
}

// Units of the longest stretch of printable ASCII.
static unsigned plain_units(const uint8_t *utf16, size_t length)
{
	unsigned run = 0, longest = 0;
	for (size_t i = 0; i + 1 < length; i += 2) {
		bool plain = utf16[i] >= ' ' && utf16[i] <= '~' && !utf16[i + 1];
		run = plain ? run + 1 : 0;
		longest = MAX(longest, run);
	}
	return longest;
}

static void term_add(struct compile *compile, const struct term *term, uint32_t index)
{
	uint8_t folded[TERM_LONGEST], latin1[TERM_LONGEST], utf16[2 * TERM_LONGEST];
	bool ascii = true;
	for (uint32_t i = 0; i < term->length; i++) {
		folded[i] = fold_byte((uint8_t)term->text[i]);
		ascii &= folded[i] < 0x80;
	}
	if (ascii) {
		bytes_add(
			compile, index, folded, term->length, STREAM_RAW | STREAM_WIDE, TEXT_BYTES);
		return;
	}
	bytes_add(compile, index, folded, term->length, STREAM_RAW, TEXT_BYTES);
	size_t latin1_length = 0;
	size_t length = spell_utf16(term, utf16, latin1, &latin1_length);
	if (latin1_length >= TERM_SHORTEST)
		bytes_add(compile, index, latin1, latin1_length, STREAM_WIDE, TEXT_BYTES);
	else if (plain_units(utf16, length) >= PLAIN_LEAST)
		bytes_add(compile, index, utf16, length / 2, STREAM_WIDE, TEXT_UNITS);
	else if (length)
		bytes_add(compile, index, utf16, length, STREAM_RAW, TEXT_UTF16);
}

// ---- groups ---------------------------------------------------------------------------------

unsigned pattern_plain(const struct term_set *set, const struct pattern *pattern)
{
	const uint8_t *text = set->pool + pattern->text;
	if (pattern->kind == TEXT_UNITS)
		return plain_units(text, 2u * pattern->length);
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

static ei_error *lengths_check(const struct term *terms, size_t count, size_t *total)
{
	*total = 0;
	if (count > TERM_COUNT_MAX)
		return ei_fail(
			EI_E_LIMIT, "%zu terms are too many, at most %d", count, TERM_COUNT_MAX);
	for (size_t i = 0; i < count; i++) {
		uint32_t length = terms[i].length;
		if (length < TERM_SHORTEST || length > TERM_LONGEST)
			return ei_fail(EI_E_LIMIT, "term '%.*s' is %u bytes long, want %d to %d",
				(int)MIN(length, 40u), terms[i].text, length, TERM_SHORTEST,
				TERM_LONGEST);
		// Latin-1 or UTF-16 beside the bytes themselves: at most twice as many again.
		*total += 3 * (size_t)length;
	}
	if (*total / 3 > POOL_MAX / 3)
		return ei_fail(EI_E_LIMIT, "the terms take more than %d MiB", POOL_MAX / 3 >> 20);
	return NULL;
}

static size_t power_of_two(size_t at_least)
{
	size_t power = 16;
	while (power < at_least)
		power *= 2;
	return power;
}

static ei_error *patterns_make(struct term_set *set, const struct term *terms, size_t count)
{
	struct compile compile = { .set = set };
	compile.known_mask = power_of_two(3 * count) - 1;
	compile.known = calloc(compile.known_mask + 1, sizeof *compile.known);
	if (!compile.known)
		return ei_fail(EI_E_NOMEM, "no memory for %zu terms", count);
	for (size_t i = 0; i < count; i++)
		term_add(&compile, &terms[i], (uint32_t)i);
	free(compile.known);
	// Most terms are ASCII and took one pattern of their own length.
	uint8_t *pool = realloc(set->pool, MAX(compile.pool_used, (size_t)1));
	set->pool = pool ? pool : set->pool;
	return NULL;
}

static ei_error *lists_compile(const struct term *terms, size_t count, const uint8_t *sample,
	size_t sample_size, struct term_set **out)
{
	size_t total;
	EI_TRY(kernel_check());
	EI_TRY(lengths_check(terms, count, &total));
	EI_OWNED(term_set) set = calloc(1, sizeof *set);
	if (!set)
		return ei_fail(EI_E_NOMEM, "out of memory");
	set->longest = 1;
	set->kernel = kernel_choose();
	set->pool = malloc(MAX(total, (size_t)1));
	set->patterns = malloc((SPELLINGS * count + 1) * sizeof *set->patterns);
	if (!set->pool || !set->patterns)
		return ei_fail(EI_E_NOMEM, "no memory for %zu terms", count);
	EI_TRY(patterns_make(set, terms, count));
	EI_OWNED(rarity) rarity = NULL;
	EI_TRY(rarity_create(sample, sample_size, &rarity));
	EI_TRY(groups_build(set, rarity));
	*out = EI_GIVE(set);
	return NULL;
}

ei_error *terms_compile_for(const struct term *terms, size_t count, const uint8_t *sample,
	size_t sample_size, struct term_set **out)
{
	return lists_compile(terms, count, sample, MIN(sample_size, (size_t)SAMPLE_MAX), out);
}

ei_error *terms_compile(const struct term *terms, size_t count, struct term_set **out)
{
	return lists_compile(terms, count, NULL, 0, out);
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
