// One filter: the shape of its grams, its class of bytes, which grams stand for each pattern.
// SPDX-License-Identifier: Apache-2.0
#include "scan/compile.h"

enum {
	BITMAP_BITS_LEAST = 15,
	BITMAP_BITS_MOST = 25, // 4 MiB
	BITMAP_SPARSE = 4,     // 2^4 bits a gram, and more
	WINDOW_COST_TERM = 16, // what another pattern with the same gram costs, against byte_cost
};

// ---- shape ----------------------------------------------------------------------------------
// Grams that are longer let less through; strides that are longer look at less. Together they
// cannot be longer than the shortest pattern. Measured with bench/search: see README.md.

static unsigned gram_wanted(size_t patterns)
{
	return patterns <= 3000 ? 4 : patterns <= 20000 ? 5 : 7;
}

static unsigned stride_wanted(size_t patterns)
{
	return patterns <= 400000 ? STRIDE_MAX : 2; // entries are patterns times stride
}

static void shape_choose(struct filter *filter, size_t count, unsigned shortest)
{
	unsigned gram = MIN(gram_wanted(count), shortest);
	unsigned stride = MIN(shortest - gram + 1, stride_wanted(count));
	filter->gram = gram;
	filter->gram_mask = gram == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * gram) - 1;
	filter->stride = stride;
	for (unsigned block = 0; block < filter->stride; block++)
		for (unsigned bit = 0; bit < BLOCK; bit++) {
			uint64_t one = UINT64_C(1) << bit;
			size_t at = block * BLOCK + bit;
			filter->raw_spots[block] |= at % filter->stride ? 0 : one;
			filter->wide_spots[block] |= at / 2 % filter->stride ? 0 : one;
		}
}

// ---- class ----------------------------------------------------------------------------------

static void class_add(struct filter *filter, uint8_t byte)
{
	filter->in_class[byte] = 1;
	filter->high_bytes |= byte >= 0x80;
	uint8_t *table = byte >= 0x80 ? filter->high : filter->low;
	table[byte & 15] |= (uint8_t)(1 << (byte >> 4) % 8);
}

// Only what lies in grams: a kernel asks for no more.
static void class_make(struct filter *filter, const struct term_set *set, const uint32_t *members,
	size_t count, const uint16_t *windows)
{
	unsigned bytes = filter->gram + filter->stride - 1;
	for (size_t i = 0; i < count; i++) {
		const struct pattern *pattern = &set->patterns[members[i]];
		filter->wide |= (pattern->streams & STREAM_WIDE) != 0;
		for (unsigned n = 0; n < bytes; n++) {
			uint8_t byte = set->pool[pattern->text + windows[i] + n];
			class_add(filter, byte);
			if (byte >= 'a' && byte <= 'z')
				class_add(filter, byte & 0xdf);
		}
	}
}

// ---- choosing grams -------------------------------------------------------------------------

// How common a byte is in text, roughly, on a scale of halvings; letters first. Bytes that are not
// text are common elsewhere, and would let whole pages of code into the class.
static unsigned byte_cost(uint8_t byte)
{
	static const uint8_t letters[26] = { 13, 7, 10, 10, 15, 8, 8, 9, 13, 3, 5, 11, 9, 13, 13, 9,
		2, 12, 13, 14, 9, 6, 7, 5, 7, 3 };
	if (byte >= 'a' && byte <= 'z')
		return letters[byte - 'a'];
	if (byte < ' ' || byte > '~')
		return 200;
	return byte == ' ' || byte == '.' ? 8 : byte >= '0' && byte <= '9' ? 5 : 4;
}

struct chooser {
	const struct term_set *set;
	const struct filter *filter;
	uint16_t *seen; // grams of all patterns, counted by hash
	unsigned shift;
};

static uint64_t gram_load(const uint8_t *at, unsigned size)
{
	uint64_t gram = 0;
	memcpy(&gram, at, size);
	return gram;
}

static uint64_t pattern_hash(
	const struct chooser *chooser, const struct pattern *pattern, unsigned offset)
{
	const uint8_t *at = chooser->set->pool + pattern->text + offset;
	return gram_hash(gram_load(at, chooser->filter->gram), chooser->filter->gram_mask);
}

static void chooser_count(struct chooser *chooser, const struct pattern *pattern)
{
	for (unsigned at = 0; at + chooser->filter->gram <= pattern->length; at++) {
		uint16_t *seen =
			&chooser->seen[pattern_hash(chooser, pattern, at) >> chooser->shift];
		*seen = (uint16_t)MIN(*seen + 1, UINT16_MAX);
	}
}

static uint32_t gram_cost(
	const struct chooser *chooser, const struct pattern *pattern, unsigned offset)
{
	const uint8_t *at = chooser->set->pool + pattern->text + offset;
	uint32_t cost = WINDOW_COST_TERM *
			chooser->seen[pattern_hash(chooser, pattern, offset) >> chooser->shift];
	for (unsigned i = 0; i < chooser->filter->gram; i++)
		cost += byte_cost(at[i]);
	return cost;
}

// The `stride` consecutive grams that are rarest together.
static unsigned window_choose(const struct chooser *chooser, const struct pattern *pattern)
{
	const unsigned gram = chooser->filter->gram, stride = chooser->filter->stride;
	uint32_t costs[2 * TERM_LONGEST];
	unsigned grams = pattern->length - gram + 1, best = 0;
	uint64_t sum = 0, least = UINT64_MAX;
	for (unsigned at = 0; at < grams; at++) {
		costs[at] = gram_cost(chooser, pattern, at);
		sum += costs[at] - (at >= stride ? costs[at - stride] : 0);
		if (at + 1 >= stride && sum < least) {
			least = sum;
			best = at + 1 - stride;
		}
	}
	return best;
}

// ---- tables ---------------------------------------------------------------------------------

static unsigned bits_for(size_t count)
{
	unsigned bits = 0;
	while ((size_t)1 << bits < count)
		bits++;
	return bits;
}

static ei_error *tables_make(struct filter *filter, size_t entries)
{
	unsigned bits = bits_for(entries) + BITMAP_SPARSE;
	bits = MAX(bits, (unsigned)BITMAP_BITS_LEAST);
	bits = MIN(bits, (unsigned)BITMAP_BITS_MOST);
	unsigned slot_bits = bits_for(2 * entries) + 1;
	filter->bitmap_shift = 64 - bits;
	filter->slot_shift = 64 - slot_bits;
	filter->entry_count = entries;
	filter->bitmap = calloc(((size_t)1 << bits) / 64, sizeof *filter->bitmap);
	filter->slots = calloc((size_t)1 << slot_bits, sizeof *filter->slots);
	filter->entries = calloc(entries, sizeof *filter->entries);
	if (!filter->bitmap || !filter->slots || !filter->entries)
		return ei_fail(EI_E_NOMEM, "no memory for %zu grams of terms", entries);
	return NULL;
}

static struct slot *slot_of(struct filter *filter, uint64_t hash)
{
	size_t mask = SIZE_MAX >> filter->slot_shift, at = hash >> filter->slot_shift;
	while (filter->slots[at].entry && filter->slots[at].tag != hash_tag(hash))
		at = (at + 1) & mask;
	filter->slots[at].tag = hash_tag(hash);
	return &filter->slots[at];
}

// The four bytes before the gram, or else the four behind it or as many behind as there are.
static void entry_beside(
	const struct term_set *set, const struct filter *filter, struct entry *entry)
{
	const struct pattern *pattern = &set->patterns[entry->pattern];
	int32_t length = pattern->length, offset = entry->offset;
	int32_t at = offset >= 4 ? offset - 4 : MIN(offset + (int32_t)filter->gram, length - 4);
	if (at < 0 || at == offset)
		return;
	entry->beside = (int16_t)(at - offset);
	entry->four = load_u32(set->pool + pattern->text + at) | (uint32_t)GRAM_FOLD;
}

// First each slot counts its entries, then it takes a stretch of the array, then it is filled from
// the end of its stretch: it then points at the first.
static void entries_fill(struct chooser *chooser, struct filter *filter, const uint32_t *members,
	size_t count, const uint16_t *windows)
{
	size_t slots = (SIZE_MAX >> filter->slot_shift) + 1;
	for (size_t i = 0; i < count; i++)
		for (unsigned n = 0; n < filter->stride; n++) {
			const struct pattern *pattern = &chooser->set->patterns[members[i]];
			uint64_t hash = pattern_hash(chooser, pattern, windows[i] + n);
			uint64_t bit = hash >> filter->bitmap_shift;
			filter->bitmap[bit / 64] |= UINT64_C(1) << bit % 64;
			slot_of(filter, hash)->entry++;
		}
	uint32_t end = 0;
	for (size_t i = 0; i < slots; i++)
		if (filter->slots[i].entry) {
			end += filter->slots[i].entry;
			filter->slots[i].entry = end + 1;
			filter->entries[end - 1].last = true;
		}
	for (size_t i = count; i-- > 0;)
		for (unsigned n = 0; n < filter->stride; n++) {
			const struct pattern *pattern = &chooser->set->patterns[members[i]];
			struct slot *slot =
				slot_of(filter, pattern_hash(chooser, pattern, windows[i] + n));
			struct entry *entry = &filter->entries[--slot->entry - 1];
			entry->pattern = members[i];
			entry->offset = (uint16_t)(windows[i] + n);
			entry->first = n == 0;
			entry_beside(chooser->set, filter, entry);
		}
}

static ei_error *grams_choose(struct term_set *set, const uint32_t *members, size_t count,
	const struct filter *filter, uint16_t *windows)
{
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += set->patterns[members[i]].length;
	unsigned bits = MAX(MIN(bits_for(2 * bytes), 24u), 10u);
	struct chooser chooser = { .set = set, .filter = filter, .shift = 64 - bits };
	chooser.seen = calloc((size_t)1 << bits, sizeof *chooser.seen);
	if (!chooser.seen)
		return ei_fail(EI_E_NOMEM, "no memory for %zu terms", count);
	for (size_t i = 0; i < count; i++)
		chooser_count(&chooser, &set->patterns[members[i]]);
	for (size_t i = 0; i < count; i++)
		windows[i] = (uint16_t)window_choose(&chooser, &set->patterns[members[i]]);
	free(chooser.seen);
	return NULL;
}

ei_error *filter_build(
	struct term_set *set, const uint32_t *members, size_t count, struct filter *filter)
{
	unsigned shortest = UINT16_MAX;
	for (size_t i = 0; i < count; i++)
		shortest = MIN(shortest, set->patterns[members[i]].length);
	shape_choose(filter, count, shortest);
	EI_TRY(tables_make(filter, count * filter->stride));
	uint16_t *windows = malloc(count * sizeof *windows);
	if (!windows)
		return ei_fail(EI_E_NOMEM, "no memory for %zu terms", count);
	ei_error *error = grams_choose(set, members, count, filter, windows);
	if (!error) {
		struct chooser chooser = { .set = set, .filter = filter };
		class_make(filter, set, members, count, windows);
		entries_fill(&chooser, filter, members, count, windows);
	}
	free(windows);
	return error;
}

void filter_deinit(struct filter *filter)
{
	free(filter->bitmap);
	free(filter->slots);
	free(filter->entries);
}
