// All atoms of one term against one value.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_MATCHER_H
#define IOC_MATCHER_H

#include "ioc/program.h"
#include "ioc/spelling.h"

struct matcher;

// For the atoms of a term. The program must outlive it.
EI_CHECKED ei_error *matcher_create(
	const struct ioc_program *program, const struct ioc_term *term, struct matcher **out);
void matcher_drop(struct matcher *matcher); // NULL is allowed
EI_OWNER(matcher, matcher_drop);

struct match {
	uint32_t atom;
	bool maybe;       // it may be: the value is cut, a limit was reached
	bool approximate; // a relative path, a guessed drive
	bool device;      // only in the spelling of a device path
};

// A value as it comes: `type` and `part` say how to spell it, which are those of the term that the
// value is of. An atom may be given more than once.
struct candidate {
	ei_val value;
	enum ioc_type type;
	enum ioc_part part;
	bool cut; // only the beginning is there
	const struct volumes *volumes;
};

typedef void matcher_take(void *context, const struct match *match);
void matcher_run(struct matcher *matcher, const struct candidate *candidate, matcher_take *take,
	void *context);

#endif
