// no_run: has nothing to run.
// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

EI_PLUGIN(no_run) = { EI_HEAD(no_run), EI_COLUMNS(columns), .purpose = "nothing",
	.symbols = (const char *const[]){ (const char *)run } };
