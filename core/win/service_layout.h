// What a record of the service control manager looks like, by its generation.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_SERVICE_LAYOUT_H
#define WIN_SERVICE_LAYOUT_H

#include "base/base.h"

enum { SERVICE_NOWHERE = 0xffff, SERVICE_FIRST_VISTA = 6000 };

struct service_layout {
	const char *title;
	uint16_t first; // build that it came with
	uint8_t pointer;
	uint16_t header; // from a header to the pointer at its record; SERVICE_NOWHERE: no headers
	uint16_t tag;    // in the record, where there are no headers
	uint16_t previous, order, name, display, type, state, start;
	uint16_t process, driver; // pointers, of which the type says which is there
	uint16_t path, pid;       // in what `process` points at
};

// Ascending builds within a width.
extern const struct service_layout service_layouts[];
extern const size_t service_layout_count;

#endif
