// How a term is written in memory.
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_SPELL_H
#define SCAN_SPELL_H

#include "scan/internal.h"

enum {
	SPELLINGS_MAX = 3,
	PLAIN_LEAST = 6, // characters of text, in patterns that are not all text
};

// What becomes a pattern: `text` is its bytes or units, `other` what may lie behind them.
struct spelling {
	uint16_t length; // characters, as in struct pattern
	uint8_t streams, kind, flags, spelling;
	uint8_t text[2 * TERM_LONGEST], other[2 * TERM_LONGEST];
};

// Flags are of enum term_flag. EI_E_USAGE, EI_E_LIMIT for hexadecimal bytes that are none, or of
// which too few are known.
EI_CHECKED ei_error *term_spell(
	const struct term *term, unsigned flags, struct spelling out[SPELLINGS_MAX], size_t *count);

// Units of the longest stretch of printable ASCII.
unsigned utf16_plain(const uint8_t *utf16, size_t size);

#endif
