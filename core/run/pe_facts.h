// What a program says of itself, read from where it lies in memory: times, exports, imports,
// sections, versions, resources.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_PE_FACTS_H
#define RUN_PE_FACTS_H

#include "base/base.h"

enum { PE_PAGE = 4096 };

// One page of the program, by its offset from the base; false where it cannot be read.
typedef bool pe_page_read(void *context, uint32_t rva, uint8_t *page);

// One property. `name` is what OpenIOC calls it below PEInfo: "Exports/DllName". `item` tells the
// items of a list apart: sections, resources, tables of versions. Absent values say that there is
// none, or that it could not be read. Borrowed for the call.
typedef void pe_take(void *context, const char *name, uint32_t item, ei_val value);

struct pe_source {
	pe_page_read *read;
	void *read_context;
	pe_take *take;
	void *take_context;
};

// False where there is no program: then nothing was given. Everything in it is bounded, whatever
// its headers say. `complete` is whether all that was looked for could be read.
bool pe_facts(const struct pe_source *source, bool *complete);

#endif
