// Doubly linked lists of the target: walked both ways, joined, bounded, and never trusted.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_LIST_H
#define WIN_LIST_H

#include "win/session.h"

struct list_query {
	const char *what;      // for notes: "PsActiveProcessHead"
	const ei_space *space; // NULL: the kernel's
	uint64_t head;         // address of the head's _LIST_ENTRY
	bool head_is_node;     // the head lies in an object, which is the first of the list
	int32_t link_offset;   // of the _LIST_ENTRY in an object
	uint32_t pointer;      // bytes of a pointer in it; 0: the system's
	const ei_type_spec *type;
};

struct list_node {
	uint64_t va;    // of the object
	uint32_t found; // EI_BY_FORWARD | EI_BY_BACKWARD
};

// Nodes in list order; what only the backward walk reached stands where it belongs. The array is
// scratch memory. A loop, a broken link or an unreadable node ends that walk with a note.
struct list_node *list_walk(ei_run *run, const struct list_query *query, size_t *count);

// An iterator over list_walk().
ei_iter list_iterate(ei_run *run, const struct list_query *query);

// An iterator over nothing: for an object whose list cannot be begun.
ei_iter iter_empty(ei_run *run, const ei_type_spec *type);

#endif
