// Regular expressions: PCRE2's, over bytes, with limits.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_REGEX_H
#define IOC_REGEX_H

#include "ioc/ioc.h"

struct regex;

// EI_E_FORMAT: what is wrong and where.
EI_CHECKED ei_error *regex_create(
	const char *pattern, size_t length, bool case_sensitive, struct regex **out);
void regex_drop(struct regex *regex); // NULL is allowed
EI_OWNER(regex, regex_drop);

// UNKNOWN: it took too many steps. By one thread at a time.
enum ioc_truth regex_match(struct regex *regex, const char *text, size_t length);

// A stretch of ASCII text that every match has in it, in lower case: its length, 0 when there is
// none of three bytes or more. `out` has room for `length` bytes.
size_t regex_literal(const char *pattern, size_t length, char *out);

#endif
