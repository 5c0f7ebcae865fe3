// The header in front of every executive object: its type, its optional parts.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_OBJECT_HEADER_H
#define WIN_OBJECT_HEADER_H

#include "win/pool_fields.h"
#include "win/session.h"

// How this kernel numbers its types.
struct object_types {
	uint64_t table;  // ObTypeIndexTable; 0: a number says nothing
	bool has_cookie; // Windows 10 and later; it may be 0
	uint8_t cookie;
};

struct object_types object_types_read(ei_run *run);

// Address of the _OBJECT_TYPE that a header names; EI_NONE when it cannot be told.
ei_val object_type_address(
	ei_run *run, const struct object_types *types, const object_header *header);

// Bytes in front of an object header with this InfoMask. Parts whose type the profile lacks count
// as one unit of the pool.
uint32_t object_optional_bytes(const ei_run *run, uint8_t mask);

// The header of the object at `object` of `space` (NULL: the kernel's).
object_header object_header_of(ei_run *run, const ei_space *space, uint64_t object);

#endif
