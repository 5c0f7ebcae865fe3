// Compiled indicators: atoms, and what is known of each before any value is seen.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_PROGRAM_H
#define IOC_PROGRAM_H

#include "base/regex.h"
#include "ioc/internal.h"
#include "ioc/value.h"

// How an atom is compared.
enum atom_kind {
	ATOM_TEXT,    // is, contains, starts-with, ends-with, with text
	ATOM_RANGE,   // a number, a time, truth
	ATOM_NETWORK, // an address
	ATOM_REGEX,
	ATOM_PRESENT,
};

struct atom {
	struct ioc_atom pub; // its value is trimmed where the type says so; text is folded below
	enum atom_kind kind;
	const char *folded;  // ATOM_TEXT: pub.length bytes
	const char *doubled; // the same with doubled backslashes made single, or NULL
	uint32_t doubled_length;
	struct range range;
	struct network network;
	struct regex *regex;
};

// Of a term, by its index.
struct term_use {
	uint32_t first_atom;
	uint32_t first_derived, next_derived; // terms that are parts of this one's values
};

struct ioc_program {
	const struct ioc_set *set;
	ei_arena *arena;
	struct atom *atoms;
	uint32_t atom_count, atom_room;
	struct term_use *terms;
	uint32_t *slots; // atoms by what they ask
	uint32_t slot_room;
};

enum { NO_TERM = UINT32_MAX };

#endif
