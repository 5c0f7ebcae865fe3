// Fuzz entry: a list of terms, a line of "%%", and bytes to search: every kernel must find what a
// naive search finds.
// SPDX-License-Identifier: Apache-2.0
#include "scan/internal.h"
#include "win/session.h"
#include <eidetic/scan.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TERMS_MOST = 64, BYTES_MOST = 1 << 16, FILLERS = BUCKETS_MOST + 100 };

static void demand(bool holds)
{
	if (!holds)
		abort();
}

// Sums do not depend on the order.
struct tally {
	uint64_t count, sum;
};

static void tally_add(struct tally *tally, const struct term_hit *hit)
{
	tally->count++;
	tally->sum += (hit->start * 64 + hit->term) * 4 + (uint64_t)hit->spelling;
}

static void tally_all(void *context, const struct term_hit *hits, size_t count)
{
	for (size_t i = 0; i < count; i++)
		tally_add(context, &hits[i]);
}

static bool is_ascii(const ei_term *term)
{
	for (uint32_t i = 0; i < term->length; i++)
		if ((uint8_t)term->text[i] >= 0x80)
			return false;
	return true;
}

static bool is_at(const uint8_t *at, const ei_term *term, size_t step)
{
	for (size_t i = 0; i < term->length; i++)
		if (fold_byte(at[i * step]) != fold_byte((uint8_t)term->text[i]) ||
			(step == 2 && at[i * step + 1]))
			return false;
	return true;
}

static struct tally naive(const ei_term *terms, size_t count, const uint8_t *bytes, size_t size)
{
	struct tally tally = { 0, 0 };
	for (size_t at = 0; at < size; at++)
		for (size_t i = 0; i < count; i++)
			for (size_t step = 1; step <= 2; step++) {
				size_t length = terms[i].length * step;
				if (length > size - at || !is_at(bytes + at, &terms[i], step))
					continue;
				struct term_hit hit = { at, (uint32_t)length, (uint32_t)i,
					step == 2 ? TERM_UTF16 : TERM_ASCII };
				tally_add(&tally, &hit);
			}
	return tally;
}

// Terms that are nowhere, so that the way of looking is the one for many.
static size_t fillers_add(ei_term *terms, size_t count)
{
	static char text[FILLERS][12];
	for (size_t i = 0; i < FILLERS; i++) {
		int length = snprintf(text[i], sizeof text[i], "%04zu~%%{}", i);
		terms[count++] = (ei_term){ text[i], (uint32_t)length };
	}
	return count;
}

static void search(const ei_term *terms, size_t count, const uint8_t *bytes, size_t size)
{
	// How other terms are spelled in UTF-16 is the compiler's own affair.
	bool ascii = true;
	for (size_t i = 0; i < count; i++)
		ascii &= is_ascii(&terms[i]);
	struct tally want = naive(terms, count, bytes, size), first = { 0, 0 };
	for (size_t k = 0; scan_kernel_at(k); k++) {
		struct tally have = { 0, 0 };
		struct term_set *set = NULL;
		setenv("EIDETIC_SIMD", scan_kernel_at(k)->name, 1);
		demand(!terms_compile((const struct term *)(const void *)terms, count, &set));
		terms_scan(set, bytes, size, size, tally_all, &have);
		demand(!ascii || (have.count == want.count && have.sum == want.sum));
		demand(k == 0 || (have.count == first.count && have.sum == first.sum));
		first = have;
		term_set_drop(set);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *rule = size ? memmem(data, size, "\n%%\n", 4) : NULL;
	size_t length = rule ? (size_t)(rule - data) + 1 : size;
	const uint8_t *bytes = rule ? rule + 4 : data + size;
	ei_arena *arena = NULL;
	demand(!ei_arena_create(256 << 20, &arena));
	ei_run run = { .scratch = arena };
	ei_term *terms = NULL;
	size_t count = 0;
	demand(ei_terms_parse(&run, "fuzz", (const char *)data, length, &terms, &count));
	for (size_t i = 0; i < count; i++)
		demand(terms[i].length >= TERM_SHORTEST && terms[i].length <= TERM_LONGEST);
	size_t rest = (size_t)(data + size - bytes);
	static ei_term all[TERMS_MOST + FILLERS];
	count = MIN(count, (size_t)TERMS_MOST);
	if (count)
		memcpy(all, terms, count * sizeof *all);
	if (size % 16 == 7)
		count = fillers_add(all, count);
	search(all, count, bytes, MIN(rest, (size_t)BYTES_MOST));
	ei_arena_drop(arena);
	return 0;
}
