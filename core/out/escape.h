// Escaping: bytes from an image never drive a terminal or break a format.
// SPDX-License-Identifier: Apache-2.0
#ifndef OUT_ESCAPE_H
#define OUT_ESCAPE_H

#include "base/base.h"

// For terminals and lines of text: no control byte, no line break, nothing that reorders text, no
// invalid UTF-8 gets through; each is written as \n, \t, \xNN or \u{NNNN}.
void escape_line(struct text *out, const char *bytes, size_t length);

// A JSON string with its quotes; always valid UTF-8.
void escape_json(struct text *out, const char *bytes, size_t length);

// A CSV field, quoted when it must be (RFC 4180).
void escape_csv(struct text *out, const char *bytes, size_t length);

// Columns of a terminal that escaped text takes.
size_t text_columns(const char *bytes, size_t length);

#endif
