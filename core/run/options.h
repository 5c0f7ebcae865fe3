// Options of a plugin, as they were given.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include "base/base.h"
#include <eidetic/plugin.h>

// Values of all options in the order they were given; strings are borrowed from the arguments.
struct option_value {
	unsigned option;
	ei_val value;
};

struct option_values {
	const struct option_value *values;
	size_t count;
};

// Reads a plugin's arguments: "--pid 4 8", "--pid 4 --pid 8", "--pid=4", "--pid 4,8", switches, and
// positional words for the option marked EI_POSITIONAL. Into `arena`. EI_E_USAGE names the option.
EI_CHECKED ei_error *options_parse(ei_arena *arena, const ei_plugin *plugin, int argc,
	char *const *argv, struct option_values *out);

// "4", "0x1000". False for anything else.
bool parse_number(const char *text, size_t length, uint64_t *out);

#endif
