// newer_used: its descriptor has a member that this one lacks, and uses it.
// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

struct newer {
	ei_plugin known;
	const char *unknown[3];
};

extern EI_API const struct newer ei_plugin_newer_used;
const struct newer ei_plugin_newer_used = {
	.known = { EI_HEAD(newer_used), .size = sizeof(struct newer), REST },
	.unknown = { [2] = "something" },
};
