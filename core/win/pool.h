// Objects by the tag of their pool block, wherever in physical memory: listed or not, live or
// freed.
//
// The tags of all kinds are found in one pass, once a session. A block's header gives its size; the
// object in it is found from the front, behind the optional headers that its mask names, or from
// the end, where the object lies flush (before Windows 8). What fails the query's own test is not
// given, and each object is given once.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_POOL_H
#define WIN_POOL_H

#include "win/list.h"
#include "win/scan_plan.h"

enum { POOL_QUERY_TAGS_MAX = 4 };

struct pool_query {
	const char *tags[POOL_QUERY_TAGS_MAX]; // plain; the protected form is looked for too
	uint32_t least;                        // bytes of a block, at least
	bool has_header;           // behind an _OBJECT_HEADER; else right behind the pool header
	const char *object_type;   // "File": objects of other types are left out; NULL: not checked
	const ei_type_spec *type;  // of the objects given
	const ei_type_spec *check; // of the object given to `plausible`; has the same type names
	bool (*plausible)(ei_run *run, const ei_obj *object); // NULL: everything is
	struct list_node *listed; // objects that a list has too, in any order; or NULL; scratch
	size_t listed_count;
};

// Objects in the order of their blocks' physical addresses; it.found is EI_BY_SCAN, with how a list
// that was given met the object. An object that
// the kernel maps is given by its kernel address, else by its physical one.
ei_iter pool_objects(ei_run *run, const struct pool_query *query);

// Joins any pass, until the tags have been found once.
extern const struct scan_part pool_tags_part;

#endif
