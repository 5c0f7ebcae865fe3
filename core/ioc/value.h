// Values of types: numbers, times, addresses, truth; parsed strictly.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_VALUE_H
#define IOC_VALUE_H

#include "ioc/internal.h"

// [low, high] of numbers, of times in 100 ns, of truth.
struct range {
	uint64_t low, high;
};

// Decimal, or hexadecimal with 0x; the whole text, blanks at the ends aside.
bool number_parse(const char *text, size_t length, uint64_t *out);

// "2009-04-28T10:00:00Z", with fractions, a zone, or a date alone: all of it that is meant. Without
// a zone it is UTC.
bool time_parse(const char *text, size_t length, struct range *out);

bool truth_parse(const char *text, size_t length, uint64_t *out);

// "a TO b", "[a TO b]", or a value alone, of a number, time or truth.
bool range_parse(enum ioc_type type, const char *text, size_t length, struct range *out);

// An address as 16 bytes (IPv4 as ::ffff:a.b.c.d), and how many of its bits count.
struct network {
	uint8_t bytes[16];
	unsigned bits;
};
bool network_parse(const char *text, size_t length, struct network *out);
bool network_has(const struct network *network, const struct network *address);

#endif
