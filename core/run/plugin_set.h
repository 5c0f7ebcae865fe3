// The set of plugins, inside: what plugin_set.c and load.c share.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_PLUGIN_SET_H
#define RUN_PLUGIN_SET_H

#include "run/run.h"

struct plugin_slot {
	ei_plugin plugin; // our copy, zero-extended
	void *library;    // NULL: built in
};

struct plugin_set {
	struct plugin_slot **slots; // in name order; pointers, so that plugins do not move
	size_t count;
};

// Checks and adds. `library` is closed with the set.
EI_CHECKED ei_error *plugin_set_add(
	struct plugin_set *set, const ei_plugin *theirs, void *library, const char *file);

void plugin_library_close(void *library); // NULL is allowed

#endif
