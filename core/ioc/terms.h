// The table of terms.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_TERMS_H
#define IOC_TERMS_H

#include "ioc/ioc.h"

struct term_row {
	const char *name;
	enum ioc_type type;
	enum ioc_class class;
	const char *from; // a term whose values have it, as `part`
	enum ioc_part part;
};

extern const struct term_row term_rows[];
extern const size_t term_row_count;

#endif
