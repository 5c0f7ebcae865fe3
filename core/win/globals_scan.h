// Globals by what they point to: tables that can be told by their entries alone.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_GLOBALS_SCAN_H
#define WIN_GLOBALS_SCAN_H

#include "win/globals_recipe.h"

// Adds PoolBigPageTable and PoolBigPageTableSize, KiServiceLimit behind a KiServiceTable that is
// claimed already. Reads all of the image, and a page or a few behind each pointer to a page.
void scans_read(const struct kernel_image *kernel, struct claims *claims);

#endif
