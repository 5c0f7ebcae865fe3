// One filter: the shape of its grams, its class of bytes, which grams stand for each pattern.
// SPDX-License-Identifier: Apache-2.0
#include "scan/compile.h"

enum {
	BITMAP_BITS_LEAST = 15,
	BITMAP_BITS_MOST = 25,   // 4 MiB
	BITMAP_BITS_WANTED = 21, // 256 KiB: in the second cache
	BITMAP_SPARSE = 7,       // 2^7 bits a gram where there is room
	BITMAP_DENSE = 3,        // 2^3 where there is not
	MEETING = 4,             // what it costs to meet a gram, in patterns looked at
	VARIANTS_MAX = 1 << GRAM_OPEN_MAX,
	CASED_GRAM = 4, // bytes: of more there are too many variants
	SLOTS_AHEAD = 12,
	SEEN_BITS_LEAST = 10,
	SEEN_BITS_MOST = 19, // 1 MiB: in the second cache
	HEAD_BITS_LEAST = 15,
	HEAD_BITS_MOST = 25,
	HEAD_DENSE = 5, // 2^5 to 2^6 bits a gram
};

static unsigned bits_for(size_t count)
{
	unsigned bits = 0;
	while ((size_t)1 << bits < count)
		bits++;
	return bits;
}

static unsigned bits_between(unsigned bits, unsigned least, unsigned most)
{
	return MIN(MAX(bits, least), most);
}

// ---- shape ----------------------------------------------------------------------------------
// Grams that are longer let less through; strides that are longer look at less. Together they
// cannot be longer than the shortest pattern. Measured with bench/search: see README.md.

static unsigned gram_wanted(size_t patterns)
{
	return patterns <= 12000 ? 4 : 5;
}

static unsigned stride_wanted(const struct term_set *set, size_t patterns)
{
	if (!set->kernel->strides)
		return 1;
	return patterns <= 400000 ? STRIDE_MAX : 2; // entries are patterns times stride
}

static void shape_choose(struct filter *filter, const struct term_set *set, size_t count,
	unsigned shortest, unsigned longest_gram, bool plain)
{
	unsigned gram = MIN(longest_gram, shortest);
	filter->plain = plain;
	unsigned most = MIN(shortest - gram + 1, plain ? stride_wanted(set, count) : 1);
	filter->gram = gram;
	filter->gram_mask = gram == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * gram) - 1;
	filter->stride = most;
	for (unsigned block = 0; block < filter->stride; block++)
		for (unsigned bit = 0; bit < BLOCK; bit++) {
			uint64_t one = UINT64_C(1) << bit;
			size_t at = block * BLOCK + bit;
			filter->raw_spots[block] |= at % filter->stride ? 0 : one;
			filter->wide_spots[block] |= at / 2 % filter->stride ? 0 : one;
		}
	if (!set->kernel->strides)
		filter->sieve = sieve_wanted(count, plain);
}

// ---- characters -----------------------------------------------------------------------------

void pattern_chars(const struct term_set *set, const struct pattern *pattern, unsigned offset,
	unsigned size, uint8_t *out)
{
	size_t step = pattern_step(pattern);
	const uint8_t *at = set->pool + pattern->text + offset * step;
	for (unsigned i = 0; i < size; i++)
		out[i] = fold_byte(at[i * step]);
}

// The same in upper case, where the pattern has that.
void pattern_others(const struct term_set *set, const struct pattern *pattern, unsigned offset,
	unsigned size, uint8_t *out)
{
	if (!(pattern->flags & PATTERN_CASED)) {
		pattern_chars(set, pattern, offset, size, out);
		return;
	}
	struct pattern upper = *pattern;
	upper.text += (uint32_t)pattern_text_size(pattern);
	pattern_chars(set, &upper, offset, size, out);
}

// ---- class ----------------------------------------------------------------------------------

static void class_add(struct filter *filter, uint8_t byte)
{
	filter->high_bytes |= byte >= 0x80;
	uint8_t *table = byte >= 0x80 ? filter->high : filter->low;
	table[byte & 15] |= (uint8_t)(1 << (byte >> 4) % 8);
}

static void class_add_place(struct filter *filter, const struct term_set *set,
	const struct pattern *pattern, unsigned offset)
{
	uint8_t byte, other, mask = pattern_mask(set, pattern, offset);
	pattern_chars(set, pattern, offset, 1, &byte);
	pattern_others(set, pattern, offset, 1, &other);
	class_add(filter, byte);
	class_add(filter, other);
	if (byte >= 'a' && byte <= 'z')
		class_add(filter, byte & 0xdf);
	for (unsigned any = 0; any < 256 && mask != 0xff; any++)
		if (((any ^ byte) & mask & ~0x20u) == 0)
			class_add(filter, (uint8_t)any);
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
			class_add_place(filter, set, pattern, windows[i] + n);
		}
	}
}

// ---- choosing grams -------------------------------------------------------------------------

// Of a gram: dearer than any other.
static const double IMPOSSIBLE = 1e30;
static const double FLAT_CHANCE = 0x1p-24; // of the rarest gram to be met all the same

static uint64_t pattern_gram(const struct filter *filter, const struct term_set *set,
	const struct pattern *pattern, unsigned offset)
{
	uint8_t chars[GRAM_MAX] = { 0 };
	pattern_chars(set, pattern, offset, filter->gram, chars);
	return load_u64(chars);
}

uint64_t pattern_hash(const struct filter *filter, const struct term_set *set,
	const struct pattern *pattern, unsigned offset)
{
	return gram_hash(pattern_gram(filter, set, pattern, offset), filter->gram_mask);
}

uint8_t pattern_mask(const struct term_set *set, const struct pattern *pattern, unsigned offset)
{
	return pattern->kind == TEXT_MASKED ? set->pool[pattern->text + pattern->length + offset]
					    : 0xff;
}

unsigned pattern_open(
	const struct term_set *set, const struct pattern *pattern, unsigned offset, unsigned size)
{
	unsigned open = 0;
	for (unsigned i = 0; i < size && pattern->kind == TEXT_MASKED; i++)
		open += 8 - (unsigned)__builtin_popcount(pattern_mask(set, pattern, offset + i));
	return open;
}

// A gram in the wide stream has no high bytes, and no gram has too many open bits.
bool gram_is_possible(const struct filter *filter, const struct term_set *set,
	const struct pattern *pattern, unsigned offset)
{
	const size_t step = pattern_step(pattern);
	const uint8_t *at = set->pool + pattern->text + step * offset;
	for (unsigned i = 0; i < filter->gram; i++) {
		if (filter->plain && (at[step * i] < ' ' || at[step * i] > '~'))
			return false;
		if (pattern->kind == TEXT_UNITS && at[2 * i + 1])
			return false;
	}
	return pattern_open(set, pattern, offset, filter->gram) <= GRAM_OPEN_MAX;
}

static void chooser_count(struct chooser *chooser, const struct pattern *pattern)
{
	for (unsigned at = 0; at + chooser->filter->gram <= pattern->length; at++) {
		uint16_t *seen =
			&chooser->seen[pattern_hash(chooser->filter, chooser->set, pattern, at) >>
				       chooser->shift];
		*seen = (uint16_t)MIN(*seen + 1, UINT16_MAX);
	}
}

// What a gram costs: how often it is met, times the patterns that must then be looked at.
static double gram_cost(
	const struct chooser *chooser, const struct pattern *pattern, unsigned offset)
{
	uint8_t chars[GRAM_MAX] = { 0 };
	pattern_chars(chooser->set, pattern, offset, chooser->filter->gram, chars);
	if (!gram_is_possible(chooser->filter, chooser->set, pattern, offset))
		return IMPOSSIBLE;
	unsigned seen = gram_seen(chooser, pattern, offset);
	double chance = gram_chance(chooser->rarity, chars, chooser->filter->gram);
	unsigned open = pattern_open(chooser->set, pattern, offset, chooser->filter->gram);
	return (chance + FLAT_CHANCE) * (MEETING + seen) * (1u << open);
}

// The `stride` consecutive grams that are rarest together.
static unsigned window_choose(const struct chooser *chooser, const struct pattern *pattern)
{
	const unsigned gram = chooser->filter->gram, stride = chooser->filter->stride;
	double costs[2 * TERM_LONGEST];
	unsigned grams = pattern->length - gram + 1, best = 0;
	double least = 1e300;
	for (unsigned at = 0; at < grams; at++) {
		costs[at] = gram_cost(chooser, pattern, at);
		double sum = 0;
		for (unsigned n = 0; n < stride && at + 1 >= stride; n++)
			sum += costs[at - n];
		if (at + 1 >= stride && sum < least) {
			least = sum;
			best = at + 1 - stride;
		}
	}
	return best;
}

// ---- tables ---------------------------------------------------------------------------------

static ei_error *heads_allocate(struct filter *filter, size_t entries)
{
	unsigned bits =
		bits_between(bits_for(entries) + HEAD_DENSE, HEAD_BITS_LEAST, HEAD_BITS_MOST);
	filter->heads_shift = 32 - (bits - 5);
	filter->heads = calloc(((size_t)1 << bits) / 32, sizeof *filter->heads);
	if (!filter->heads)
		return ei_fail(EI_E_NOMEM, "no memory for %zu grams of terms", entries);
	return NULL;
}

static ei_error *tables_allocate(struct filter *filter, size_t entries)
{
	unsigned sparse = MIN(bits_for(entries) + BITMAP_SPARSE, (unsigned)BITMAP_BITS_WANTED);
	unsigned bits = bits_between(
		MAX(sparse, bits_for(entries) + BITMAP_DENSE), BITMAP_BITS_LEAST, BITMAP_BITS_MOST);
	unsigned slot_bits = bits_for(2 * entries) + 1;
	filter->bitmap_shift = 64 - (bits - 6);
	filter->slot_shift = 64 - slot_bits;
	filter->entry_count = entries;
	filter->bitmap = calloc(((size_t)1 << bits) / 64, sizeof *filter->bitmap);
	if (filter->sieve != SIEVE_NONE && filter->gram >= HEAD)
		EI_TRY(heads_allocate(filter, entries));
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
	if (pattern->kind == TEXT_MASKED || (pattern->flags & PATTERN_CASED))
		return;
	int32_t at = offset >= 4 ? offset - 4 : MIN(offset + (int32_t)filter->gram, length - 4);
	if (at < 0 || at == offset)
		return;
	entry->beside = (int16_t)(at - offset);
	uint8_t chars[4];
	pattern_chars(set, pattern, (unsigned)at, 4, chars);
	entry->four = load_u32(chars) | (uint32_t)GRAM_FOLD;
}

// Every gram also with the change, where there is one.
static unsigned variants_add(uint64_t out[VARIANTS_MAX], unsigned count, uint64_t change)
{
	if (!change || 2 * count > VARIANTS_MAX)
		return count;
	for (unsigned i = 0; i < count; i++)
		out[count + i] = out[i] ^ change;
	return 2 * count;
}

// The grams that stand for one: all there can be, where characters differ between the cases in more
// than the bit that is folded, or bits are open.
static unsigned gram_variants(const struct filter *filter, const struct term_set *set,
	const struct pattern *pattern, unsigned offset, uint64_t out[VARIANTS_MAX])
{
	unsigned count = 1;
	out[0] = pattern_gram(filter, set, pattern, offset);
	if (pattern->kind != TEXT_MASKED && !(pattern->flags & PATTERN_CASED))
		return count;
	uint8_t chars[GRAM_MAX] = { 0 }, others[GRAM_MAX] = { 0 };
	pattern_chars(set, pattern, offset, filter->gram, chars);
	pattern_others(set, pattern, offset, filter->gram, others);
	for (unsigned i = 0; i < filter->gram; i++) {
		unsigned change = (unsigned)(chars[i] ^ others[i]) & ~0x20u;
		count = variants_add(out, count, (uint64_t)change << 8 * i);
		unsigned open = ~(unsigned)pattern_mask(set, pattern, offset + i) & 0xdf;
		for (unsigned bit = 0; bit < 8; bit++)
			count = variants_add(out, count, (uint64_t)(open & 1u << bit) << 8 * i);
	}
	return count;
}

static void gram_note(struct filter *filter, uint64_t gram)
{
	uint64_t hash = gram_hash(gram, filter->gram_mask);
	uint32_t head = head_hash((uint32_t)gram);
	filter->bitmap[hash >> filter->bitmap_shift] |= bitmap_bits(hash);
	if (filter->heads)
		filter->heads[head >> filter->heads_shift] |= head_bits(head);
	slot_of(filter, hash)->entry++;
}

static void entries_put(
	struct filter *filter, const struct term_set *set, uint32_t member, unsigned offset)
{
	uint64_t grams[VARIANTS_MAX];
	const struct pattern *pattern = &set->patterns[member];
	for (unsigned all = gram_variants(filter, set, pattern, offset, grams); all-- > 0;) {
		struct slot *slot = slot_of(filter, gram_hash(grams[all], filter->gram_mask));
		struct entry *entry = &filter->entries[--slot->entry - 1];
		entry->pattern = member;
		entry->offset = (uint16_t)offset;
		entry_beside(set, filter, entry);
	}
}

// What can be compared as far as one is, and then further.
static bool is_alike(const struct pattern *a, const struct pattern *b)
{
	return a->kind == TEXT_BYTES && b->kind == TEXT_BYTES && a->streams == b->streams &&
	       !((a->flags ^ b->flags) & PATTERN_EXACT) && !((a->flags | b->flags) & PATTERN_CASED);
}

static int compare_entries(const void *left, const void *right, void *context)
{
	const struct term_set *set = context;
	const struct entry *a = left, *b = right;
	const struct pattern *p = &set->patterns[a->pattern], *q = &set->patterns[b->pattern];
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	size_t length = MIN(pattern_text_size(p), pattern_text_size(q));
	int order = memcmp(set->pool + p->text, set->pool + q->text, length);
	return order ? order : (p->length > q->length) - (p->length < q->length);
}

static void entry_extend(const struct term_set *set, struct entry *before, struct entry *entry)
{
	const struct pattern *a = &set->patterns[before->pattern],
			     *b = &set->patterns[entry->pattern];
	entry->extends = before->offset == entry->offset && is_alike(a, b) &&
			 a->length < b->length &&
			 !memcmp(set->pool + a->text, set->pool + b->text, a->length);
	if (entry->extends)
		before->chain = (uint8_t)MIN(entry->chain + 1, (int)CHAIN_MOST);
}

// Entries of one gram are sorted, so that what begins with another pattern stands behind it.
static void entries_chain(struct filter *filter, const struct term_set *set)
{
	struct entry *entries = filter->entries;
	for (size_t from = 0, next; from < filter->entry_count; from = next) {
		for (next = from; !entries[next].last;)
			next++;
		entries[next++].last = false;
		if (next - from > 1)
			qsort_r(entries + from, next - from, sizeof *entries, compare_entries,
				(void *)(uintptr_t)set);
		entries[next - 1].last = true;
		for (size_t i = next - 1; i > from; i--)
			entry_extend(set, &entries[i - 1], &entries[i]);
	}
}

// The tables are larger than caches: what will be looked at soon is asked for.
static void slot_prefetch(const struct filter *filter, const struct term_set *set,
	const uint32_t *members, size_t count, const uint16_t *windows, size_t at)
{
	if (at >= count)
		return;
	uint64_t hash = pattern_hash(filter, set, &set->patterns[members[at]], windows[at]);
	__builtin_prefetch(&filter->slots[hash >> filter->slot_shift]);
	__builtin_prefetch(&filter->bitmap[hash >> filter->bitmap_shift]);
}

// First each slot counts its entries, then it takes a stretch of the array, then it is filled from
// the end of its stretch: it then points at the first.
static void entries_fill(struct filter *filter, const struct term_set *set, const uint32_t *members,
	size_t count, const uint16_t *windows)
{
	size_t slots = (SIZE_MAX >> filter->slot_shift) + 1;
	uint64_t grams[VARIANTS_MAX];
	for (size_t i = 0; i < count; i++) {
		slot_prefetch(filter, set, members, count, windows, i + SLOTS_AHEAD);
		for (unsigned n = 0; n < filter->stride; n++) {
			const struct pattern *pattern = &set->patterns[members[i]];
			unsigned all = gram_variants(filter, set, pattern, windows[i] + n, grams);
			while (all-- > 0)
				gram_note(filter, grams[all]);
		}
	}
	uint32_t end = 0;
	for (size_t i = 0; i < slots; i++)
		if (filter->slots[i].entry) {
			end += filter->slots[i].entry;
			filter->slots[i].entry = end + 1;
			filter->entries[end - 1].last = true;
		}
	for (size_t i = count; i-- > 0;) {
		slot_prefetch(filter, set, members, count, windows, i - SLOTS_AHEAD);
		for (unsigned n = 0; n < filter->stride; n++)
			entries_put(filter, set, members[i], windows[i] + n);
	}
	entries_chain(filter, set);
}

static ei_error *tables_make(struct filter *filter, const struct term_set *set,
	const uint32_t *members, size_t count, const uint16_t *windows)
{
	uint64_t grams[VARIANTS_MAX];
	size_t entries = 0;
	for (size_t i = 0; i < count; i++)
		for (unsigned n = 0; n < filter->stride; n++)
			entries += gram_variants(
				filter, set, &set->patterns[members[i]], windows[i] + n, grams);
	EI_TRY(tables_allocate(filter, entries));
	class_make(filter, set, members, count, windows);
	entries_fill(filter, set, members, count, windows);
	return NULL;
}

static ei_error *grams_choose(const struct term_set *set, const uint32_t *members, size_t count,
	const struct rarity *rarity, struct filter *filter, uint16_t *windows)
{
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += set->patterns[members[i]].length;
	const unsigned bits = bits_between(bits_for(2 * bytes), SEEN_BITS_LEAST, SEEN_BITS_MOST);
	struct chooser chooser = {
		.set = set, .filter = filter, .rarity = rarity, .shift = 64 - bits
	};
	chooser.seen = calloc((size_t)1 << bits, sizeof *chooser.seen);
	if (!chooser.seen)
		return ei_fail(EI_E_NOMEM, "no memory for %zu terms", count);
	// Of very many, some say which grams are common.
	chooser.step = (unsigned)(bytes >> SEEN_BITS_MOST) + 1;
	for (size_t i = 0; i < count; i += chooser.step)
		chooser_count(&chooser, &set->patterns[members[i]]);
	ei_error *error = NULL;
	if (filter->sieve == SIEVE_BUCKETS)
		buckets_fill(&chooser, members, count, filter, windows);
	else if (filter->sieve == SIEVE_PAIRS)
		error = pairs_fill(&chooser, members, count, filter, windows);
	else
		for (size_t i = 0; i < count; i++)
			windows[i] = (uint16_t)window_choose(&chooser, &set->patterns[members[i]]);
	free(chooser.seen);
	return error;
}

// With open bits only as far as vectors look.
static unsigned masked_room(const struct term_set *set, const struct pattern *pattern)
{
	unsigned longest = TERM_SHORTEST;
	for (unsigned size = HEAD; size <= GRAM_MAX; size++)
		for (unsigned at = 0; at + size <= pattern->length; at++)
			if (pattern_open(set, pattern, at, size) <=
				(size == HEAD ? (unsigned)GRAM_OPEN_MAX : 0))
				longest = size;
	return longest;
}

// The longest stretch of a pattern that grams should be from: text, or for those that are not text
// whatever is not zero, for zeroes are everywhere.
static unsigned pattern_room(const struct term_set *set, const struct pattern *pattern, bool plain)
{
	if (plain)
		return pattern_plain(set, pattern);
	if (pattern->kind == TEXT_MASKED)
		return masked_room(set, pattern);
	unsigned run = 0, longest = TERM_SHORTEST;
	for (unsigned i = 0; i < pattern->length; i++) {
		run = set->pool[pattern->text + i] ? run + 1 : 0;
		longest = MAX(longest, run);
	}
	return longest;
}

ei_error *filter_build(struct term_set *set, const uint32_t *members, size_t count, bool plain,
	const struct rarity *rarity, struct filter *filter)
{
	unsigned shortest = UINT16_MAX, gram = plain ? gram_wanted(count) : (unsigned)GRAM_MAX;
	for (size_t i = 0; i < count; i++) {
		const struct pattern *pattern = &set->patterns[members[i]];
		shortest = MIN(shortest, pattern_room(set, pattern, plain));
		if (!plain && (pattern->flags & PATTERN_CASED))
			gram = CASED_GRAM;
	}
	shape_choose(filter, set, count, shortest, gram, plain);
	uint16_t *windows = malloc(count * sizeof *windows);
	if (!windows)
		return ei_fail(EI_E_NOMEM, "no memory for %zu terms", count);
	ei_error *error = grams_choose(set, members, count, rarity, filter, windows);
	if (!error)
		error = tables_make(filter, set, members, count, windows);
	free(windows);
	return error;
}

void filter_deinit(struct filter *filter)
{
	free(filter->bitmap);
	free(filter->heads);
	free(filter->slots);
	free(filter->entries);
}
