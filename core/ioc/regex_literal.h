// The literal of a regular expression.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_REGEX_LITERAL_H
#define IOC_REGEX_LITERAL_H

#include <stddef.h>

// A stretch of ASCII text that every match has in it, in lower case: its length, 0 when there is
// none of three bytes or more. `out` has room for `length` bytes.
size_t regex_literal(const char *pattern, size_t length, char *out);

#endif
