// What is known of a kernel once it is found. Private to identification.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_IDENTITY_H
#define WIN_IDENTITY_H

#include "win/identify.h"
#include "win/kernel_find.h"

// Fills everything that the kernel at `hit` can tell: symbol file, machine, build, debugger data,
// and the System process's own page tables in place of the ones that led here.
void identity_fill(const struct identify_wish *wish, const struct space *space, const char *witness,
	const struct kernel_hit *hit, struct identity *out);

#endif
