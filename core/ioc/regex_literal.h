// The literal of a regular expression.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_REGEX_LITERAL_H
#define IOC_REGEX_LITERAL_H

#include <stddef.h>

// A stretch of ASCII text that every match has in it, in lower case: its length, 0 when there is
// none of three bytes or more. `out` has room for `length` bytes.
size_t regex_literal(const char *pattern, size_t length, char *out);

// Of an expression over bytes, "\xE8\x00.\x00[\x58\x5d]", those that every match begins with, in
// hexadecimal with '?' for digits that may be any: the length of that, 0 when it is none, or too
// few are known to look for. `out` has room for twice `length`.
size_t regex_bytes(const char *pattern, size_t length, char *out);

#endif
