// Reading every mapped page for traces of a kernel whose header is not in memory.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_KERNEL_PAGES_H
#define WIN_KERNEL_PAGES_H

#include "win/kernel_find.h"

// The parts of the system half in the order in which kernels are likely to lie there. Start with
// zeroes.
struct kernel_range {
	uint64_t first, last;
	unsigned step;
};
bool kernel_range_next(const struct space *space, struct kernel_range *range);

bool kernel_by_pages(const struct space *space, struct reader *reader, struct kernel_leads *leads,
	struct kernel_hit *out);

#endif
