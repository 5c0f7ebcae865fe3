// What the plugins of these tests have in common: one column, one row.
// SPDX-License-Identifier: Apache-2.0
#ifndef ABI_PLUGIN_H
#define ABI_PLUGIN_H

#include <eidetic/plugin.h>

static const ei_column columns[] = { { "word", EI_STR, "what the plugin says" } };

static ei_error *run(ei_run *r)
{
	ei_emit(r, (ei_val[]){ ei_str("here") });
	return NULL;
}

#define REST                                                                                       \
	.needs = EI_NEEDS_IMAGE, EI_COLUMNS(columns), .run = run, .purpose = "says that it is here"

#endif
