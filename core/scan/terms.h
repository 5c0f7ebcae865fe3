// Many terms in one sweep over bytes: compiled once, read by any number of threads. See README.md.
//
// A term is text in UTF-8. It is looked for without regard to the case of letters, as its own bytes
// and as UTF-16LE. Every occurrence of every term is reported, overlapping and contained ones too.
//
//     struct term terms[] = { { "evil.example", 12 } };
//     EI_TRY(terms_compile(terms, 1, &set));
//     terms_scan(set, bytes, size, size, on_hit, context);
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_TERMS_H
#define SCAN_TERMS_H

#include "base/base.h"

enum {
	TERM_SHORTEST = 3,   // bytes
	TERM_LONGEST = 1024, // bytes
	TERM_COUNT_MAX = 4 << 20,
};

enum term_spelling { TERM_BYTES, TERM_ASCII, TERM_UTF16, TERM_LABELS };

// How the terms of a list are meant.
enum term_flag {
	TERM_CASE = 1,      // letters in the case that they are in
	TERM_WORDS = 2,     // whole words: no letter, digit or '_' before or behind
	TERM_AS_LABELS = 4, // names of hosts also as DNS has them: "\3www\7example\3com"
	TERM_AS_HEX = 8,    // bytes in hexadecimal, '?' is any digit: "4d 5a ?? 00"
};

struct term {
	const char *text; // need not end with a NUL
	uint32_t length;  // bytes, TERM_SHORTEST to TERM_LONGEST
};

struct term_hit {
	size_t start;    // offset of the first byte in the scanned bytes
	uint32_t length; // bytes
	uint32_t term;   // index into the compiled terms
	enum term_spelling spelling;
};

struct term_set;

// Duplicates (after folding) are allowed: each is reported under its own index. EI_E_LIMIT for a
// term or a count outside the limits above.
EI_CHECKED ei_error *terms_compile(const struct term *terms, size_t count, struct term_set **out);

struct term_list {
	const struct term *terms;
	size_t count;
	unsigned flags; // set of enum term_flag
};

// Terms of all lists, counted through. How fast memory is scanned depends on choosing what is rare
// in it: a sample of it, some 256 pages from all over it, is worth a lot. What is found does not
// depend on it.
struct term_wish {
	const struct term_list *lists;
	size_t list_count;
	const uint8_t *sample; // may be NULL
	size_t sample_size;
};

// EI_E_USAGE for a term of TERM_AS_HEX that is no hexadecimal; EI_E_LIMIT when fewer than
// TERM_SHORTEST of its bytes are known, or never two of three in a row.
EI_CHECKED ei_error *terms_compile_wish(const struct term_wish *wish, struct term_set **out);

// One list of text, with a sample.
EI_CHECKED ei_error *terms_compile_for(const struct term *terms, size_t count,
	const uint8_t *sample, size_t sample_size, struct term_set **out);
void term_set_drop(struct term_set *set); // NULL is allowed
EI_OWNER(term_set, term_set_drop);

// Bytes of the longest spelling of any term.
size_t terms_longest(const struct term_set *set);

// Called with some hits at a time, at least one.
typedef void term_found(void *context, const struct term_hit *hits, size_t count);

// Reports what starts in the first `own` of `size` bytes. The rest is there so that a term across
// the end of a chunk is seen: give terms_longest() - 1 bytes of it where there are any. Hits come
// in no particular order. Reads nothing outside of [bytes, bytes + size).
void terms_scan(const struct term_set *set, const uint8_t *bytes, size_t size, size_t own,
	term_found *found, void *context);

// The kernel in use: "scalar", "sse", "avx2", "avx512", "neon". EIDETIC_SIMD names another, for
// terms that are compiled from then on; compiling fails when the processor cannot run it.
const char *terms_kernel_name(void);

#endif
