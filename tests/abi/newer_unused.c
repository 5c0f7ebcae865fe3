// newer_unused: its descriptor has members that this one lacks, and does not use them.
// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

struct newer {
	ei_plugin known;
	void *unknown[3];
};

extern EI_API const struct newer ei_plugin_newer_unused;
const struct newer ei_plugin_newer_unused = {
	.known = { EI_HEAD(newer_unused), .size = sizeof(struct newer), REST },
};
