// Regular expressions: PCRE2's, bounded in steps and memory whatever pattern and subject are.
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include "base/base.h"

struct regex;

struct regex_wish {
	bool bytes; // any bytes, one a character; else UTF-8, of which invalid parts match nothing
	bool ignore_case;  // of ASCII letters where it is bytes
	uint32_t steps;    // how often a subject may be gone back over
	uint32_t give_ups; // after so many it is not tried again, but given up at once; 0: any
			   // number
	ei_arena *arena;   // what it lives in, and is never dropped from; NULL: the heap
};

enum regex_result {
	REGEX_ABSENT,
	REGEX_FOUND,
	REGEX_GIVEN_UP, // too many steps, or too much memory
};

// EI_E_USAGE: what is wrong and at which character.
EI_CHECKED ei_error *regex_create(
	const char *pattern, size_t length, const struct regex_wish *wish, struct regex **out);
void regex_drop(struct regex *regex); // NULL is allowed
EI_OWNER(regex, regex_drop);

// Anywhere in `subject`. By one thread at a time.
enum regex_result regex_find(struct regex *regex, const char *subject, size_t length);

#endif
