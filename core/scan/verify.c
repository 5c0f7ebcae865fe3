// Whether a pattern really is where its gram is.
// SPDX-License-Identifier: Apache-2.0
#include "scan/internal.h"

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

// Eight bytes with ASCII letters in lower case.
static inline uint64_t fold_eight(uint64_t bytes)
{
	uint64_t low = bytes & EACH(0x7f);
	uint64_t from_a = low + EACH(0x80 - 'A'), behind_z = low + EACH(0x7f - 'Z');
	return bytes | ((from_a ^ behind_z) & ~bytes & EACH(0x80)) >> 2;
}

static inline uint64_t eight(const uint8_t *bytes, uint64_t exact)
{
	uint64_t loaded = load_u64(bytes);
	return exact ? loaded : fold_eight(loaded);
}

// Four to eight bytes at the end, of which the middle may come twice.
static inline uint64_t ends_load(const uint8_t *bytes, size_t size)
{
	return load_u32(bytes) | (uint64_t)load_u32(bytes + size - 4) << 32;
}

static inline bool same_raw(const uint8_t *bytes, const uint8_t *text, size_t length, bool exact)
{
	size_t from = 0;
	for (; length - from > 8; from += 8)
		if (eight(bytes + from, exact) != load_u64(text + from))
			return false;
	if (length - from >= 4) {
		uint64_t ends = ends_load(bytes + from, length - from);
		return (exact ? ends : fold_eight(ends)) == ends_load(text + from, length - from);
	}
	for (; from < length; from++)
		if ((exact ? bytes[from] : fold_byte(bytes[from])) != text[from])
			return false;
	return true;
}

// Four units become four bytes; false when one is 0x100 or more.
static inline bool four_pack(uint64_t units, uint32_t *out)
{
	uint64_t pairs = (units | units >> 8) & UINT64_C(0x0000ffff0000ffff);
	*out = (uint32_t)(pairs | pairs >> 16);
	return !(units & UINT64_C(0xff00ff00ff00ff00));
}

static bool same_wide(const uint8_t *bytes, const uint8_t *text, size_t length, bool exact)
{
	size_t from = 0;
	uint32_t four;
	for (; length - from >= 4; from += 4)
		if (!four_pack(eight(bytes + 2 * from, exact), &four) ||
			four != load_u32(text + from))
			return false;
	for (; from < length; from++) {
		uint8_t byte = bytes[2 * from];
		if (bytes[2 * from + 1] || (exact ? byte : fold_byte(byte)) != text[from])
			return false;
	}
	return true;
}

// Only units below 0x100 are letters: a byte of another unit must not be folded.
static bool same_units(const uint8_t *bytes, const uint8_t *text, size_t size, bool exact)
{
	for (size_t i = 0; i + 1 < size; i += 2) {
		uint8_t low = bytes[i + 1] || exact ? bytes[i] : fold_byte(bytes[i]);
		if (low != text[i] || bytes[i + 1] != text[i + 1])
			return false;
	}
	return true;
}

static bool same_masked(const uint8_t *bytes, const uint8_t *text, const uint8_t *mask, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((bytes[i] & mask[i]) != text[i])
			return false;
	return true;
}

// Bytes of the character at `text`: of UTF-8, or a unit.
static size_t character_size(const uint8_t *text, size_t room, bool units)
{
	size_t size = units ? 2 : 1;
	while (!units && size < room && (text[size] & 0xc0) == 0x80)
		size++;
	return MIN(size, room);
}

// Each character is the one of `lower` or the one of `upper`.
static bool same_cased(
	const uint8_t *bytes, const uint8_t *lower, const uint8_t *upper, size_t size, bool units)
{
	for (size_t i = 0; i < size;) {
		size_t here = character_size(lower + i, size - i, units);
		if (memcmp(bytes + i, lower + i, here) && memcmp(bytes + i, upper + i, here))
			return false;
		i += here;
	}
	return true;
}

// Latin-1 as UTF-16.
static bool same_cased_wide(
	const uint8_t *bytes, const uint8_t *lower, const uint8_t *upper, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[2 * i + 1] || (bytes[2 * i] != lower[i] && bytes[2 * i] != upper[i]))
			return false;
	return true;
}

static bool is_same(const struct term_set *set, const struct pattern *pattern, const uint8_t *bytes,
	enum stream stream)
{
	const bool exact = pattern->flags & PATTERN_EXACT, wide = stream == STREAM_WIDE;
	const size_t length = pattern->length, size = length * pattern_step(pattern);
	const uint8_t *text = set->pool + pattern->text, *other = text + size;
	if (pattern->kind == TEXT_BYTES && !(pattern->flags & PATTERN_CASED))
		return wide ? same_wide(bytes, text, length, exact)
			    : same_raw(bytes, text, length, exact);
	if (pattern->kind == TEXT_MASKED)
		return same_masked(bytes, text, other, size);
	if ((pattern->flags & PATTERN_CASED) && pattern->kind == TEXT_BYTES && wide)
		return same_cased_wide(bytes, text, other, length);
	if (pattern->flags & PATTERN_CASED)
		return same_cased(bytes, text, other, size, pattern->kind != TEXT_BYTES);
	return same_units(bytes, text, size, exact);
}

// ---- words ----------------------------------------------------------------------------------

static bool is_word_byte(uint8_t byte)
{
	uint8_t low = byte | 0x20;
	return (low >= 'a' && low <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' ||
	       byte >= 0x80;
}

// Of units beyond Latin-1 most are no UTF-16 at all, but what happens to be there.
static bool is_word(const uint8_t *at, bool wide)
{
	return is_word_byte(at[0]) && !(wide && at[1]);
}

// What lies outside of the bytes is no part of a word.
static __attribute__((noinline)) bool is_whole_word(
	const struct search *search, size_t start, size_t length, bool wide)
{
	size_t step = wide ? 2 : 1, end = start + length;
	if (start >= step && is_word(search->bytes + start - step, wide))
		return false;
	return search->size - end < step || !is_word(search->bytes + end, wide);
}

// ---- candidates -----------------------------------------------------------------------------

void hits_give(struct search *search)
{
	size_t count = (size_t)(search->next_hit - search->hits);
	search->next_hit = search->hits;
	if (count)
		search->found(search->context, search->hits, count);
}

static __attribute__((noinline)) struct term_hit *hits_full(struct search *search)
{
	search->next_hit = search->hits + HITS_AT_ONCE;
	hits_give(search);
	return search->hits;
}

// Writes to `next`, a copy of search->next_hit: where all is found, each hit would wait for the
// pointer that the one before it stored.
static inline __attribute__((always_inline)) struct term_hit *report(struct search *search,
	struct term_hit *next, const struct pattern *pattern, size_t start, size_t length,
	bool wide)
{
	if ((pattern->flags & PATTERN_WORDS) && !is_whole_word(search, start, length, wide))
		return next;
	for (;;) {
		next->start = start;
		next->length = (uint32_t)length;
		next->term = pattern->term;
		next->spelling = wide ? TERM_UTF16 : pattern->spelling;
		if (++next == search->hits + HITS_AT_ONCE)
			next = hits_full(search);
		if (pattern->same == NO_PATTERN)
			return next;
		pattern = &search->set->patterns[pattern->same];
	}
}

// The entries of a hash's gram; NULL when no pattern has it.
static const struct entry *filter_entries(const struct filter *filter, uint64_t hash)
{
	size_t mask = (SIZE_MAX >> filter->slot_shift), at = hash >> filter->slot_shift;
	uint32_t tag = hash_tag(hash);
	for (;; at = (at + 1) & mask) {
		const struct slot *slot = &filter->slots[at];
		if (!slot->entry)
			return NULL;
		if (slot->tag == tag)
			return &filter->entries[slot->entry - 1];
	}
}

// How many characters of a pattern are at `start`.
static inline size_t same_as_far(
	const struct search *search, const struct pattern *pattern, size_t start, bool wide)
{
	const uint8_t *bytes = search->bytes + start, *text = search->set->pool + pattern->text;
	const size_t room = search->size - start;
	const size_t length = MIN((size_t)pattern->length, room >> wide);
	const bool exact = pattern->flags & PATTERN_EXACT;
	size_t same = 0;
	for (; !wide && same < length && same + 8 <= room; same += 8) {
		uint64_t other = eight(bytes + same, exact) ^ load_u64(text + same);
		if (other)
			return MIN(length, same + (size_t)__builtin_ctzll(other) / 8);
	}
	for (; same < length; same++) {
		uint8_t byte = bytes[same << wide];
		if ((exact ? byte : fold_byte(byte)) != text[same] || (wide && bytes[2 * same + 1]))
			return same;
	}
	return length;
}

// An entry and those that extend it: the longest is compared, once for all of them. In a page of
// one letter nothing else is done a hit than to write it down.
static inline __attribute__((always_inline)) void chain_verify(
	struct search *search, const struct entry *entry, size_t start, bool wide)
{
	const struct pattern *patterns = search->set->patterns;
	const struct entry *last;
	struct term_hit *next = search->next_hit;
	do {
		last = entry + entry->chain;
		size_t same = same_as_far(search, &patterns[last->pattern], start, wide);
		for (; entry <= last && patterns[entry->pattern].length <= same; entry++) {
			const struct pattern *pattern = &patterns[entry->pattern];
			size_t length = (size_t)pattern->length << wide;
			next = report(search, next, pattern, start, length, wide);
		}
	} while (entry > last && last->chain);
	search->next_hit = next;
}

// False when four bytes beside the gram at `at` are not the pattern's: it cannot be there.
static inline bool is_likely(
	const struct search *search, const struct entry *entry, size_t at, size_t step)
{
	uint64_t start = at + (uint64_t)((int64_t)entry->beside * (int64_t)step);
	if (!entry->beside)
		return true;
	if (!span_inside(start, 4 * step, search->size))
		return false;
	const uint8_t *bytes = search->bytes + start;
	uint32_t four = load_u32(bytes);
	if (step == 2)
		four = (uint32_t)(bytes[0] | bytes[2] << 8 | bytes[4] << 16) | (uint32_t)bytes[6]
										       << 24;
	return (four | (uint32_t)GRAM_FOLD) == entry->four;
}

// Reports what is there of an entry and those that extend it.
static void entry_verify(
	struct search *search, const struct entry *entry, size_t at, enum stream stream)
{
	const struct pattern *pattern = &search->set->patterns[entry->pattern];
	size_t step = stream == STREAM_WIDE ? 2 : 1;
	size_t back = entry->offset * step, length = pattern->length * step, start = at - back;
	if (!(pattern->streams & stream) || at < back || start >= search->own)
		return;
	if (entry->chain && stream == STREAM_RAW) {
		chain_verify(search, entry, start, false);
		return;
	}
	if (entry->chain) {
		chain_verify(search, entry, start, true);
		return;
	}
	if (!span_inside(start, length, search->size) ||
		!is_same(search->set, pattern, search->bytes + start, stream))
		return;
	bool wide = stream == STREAM_WIDE || pattern->kind == TEXT_UTF16;
	search->next_hit = report(search, search->next_hit, pattern, start, length, wide);
}

// What extends another is looked at with that one.
void candidate_verify(struct search *search, uint64_t hash, size_t at, enum stream stream)
{
	// In a page of one letter it is the one of the place before.
	if (hash != search->last_hash || search->filter != search->last_filter) {
		search->last_entry = filter_entries(search->filter, hash);
		search->last_filter = search->filter;
		search->last_hash = hash;
	}
	const struct entry *entry = search->last_entry;
	for (; entry; entry = entry->last ? NULL : entry + 1)
		if (!entry->extends && is_likely(search, entry, at, stream == STREAM_WIDE ? 2 : 1))
			entry_verify(search, entry, at, stream);
}
