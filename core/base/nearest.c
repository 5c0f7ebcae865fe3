// The name that was probably meant: edit distance, small words only.
// SPDX-License-Identifier: Apache-2.0
#include "base/nearest.h"

#include "base/base.h"

enum { WORD_MAX = 64 };

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	return MIN(a, MIN(b, c));
}

static unsigned distance(const char *a, const char *b)
{
	size_t a_length = strnlen(a, WORD_MAX), b_length = strnlen(b, WORD_MAX);
	unsigned row[WORD_MAX + 1];
	for (unsigned i = 0; i <= b_length; i++)
		row[i] = i;
	for (unsigned i = 0; i < a_length; i++) {
		unsigned corner = row[0];
		row[0] = i + 1;
		for (unsigned j = 0; j < b_length; j++) {
			unsigned above = row[j + 1];
			row[j + 1] = least(above + 1, row[j] + 1, corner + (a[i] != b[j]));
			corner = above;
		}
	}
	return row[b_length];
}

const char *nearest_name(const char *given, const char *const *names, size_t count)
{
	unsigned best = (unsigned)MIN(strlen(given) / 3 + 1, (size_t)3);
	const char *found = NULL;
	for (size_t i = 0; i < count; i++) {
		unsigned far = distance(given, names[i]);
		if (far <= best && far < strlen(names[i])) {
			best = far - (far > 0);
			found = names[i];
		}
	}
	return found;
}
