// Many terms in one sweep over bytes: compiled once, read by any number of threads. See README.md.
//
// A term is text. It is looked for without regard to the case of ASCII letters, as its own bytes
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

enum term_spelling { TERM_ASCII = 1, TERM_UTF16 = 2 };

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

// The same, for memory like the sample: how fast it is scanned depends on choosing what is rare in
// it. Some MiB from all over it are enough; what is found does not depend on it.
EI_CHECKED ei_error *terms_compile_for(const struct term *terms, size_t count,
	const uint8_t *sample, size_t sample_size, struct term_set **out);
void term_set_drop(struct term_set *set); // NULL is allowed
EI_OWNER(term_set, term_set_drop);

// Bytes of the longest spelling of any term.
size_t terms_longest(const struct term_set *set);

typedef void term_found(void *context, const struct term_hit *hit);

// Reports what starts in the first `own` of `size` bytes. The rest is there so that a term across
// the end of a chunk is seen: give terms_longest() - 1 bytes of it where there are any. Hits come
// in no particular order. Reads nothing outside of [bytes, bytes + size).
void terms_scan(const struct term_set *set, const uint8_t *bytes, size_t size, size_t own,
	term_found *found, void *context);

// The kernel in use: "scalar", "sse", "avx2", "avx512". EIDETIC_SIMD names another, for terms that
// are compiled from then on; compiling fails when the processor cannot run it.
const char *terms_kernel_name(void);

#endif
