// Walks over page tables, for the owner table.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_OWNER_WALK_H
#define WIN_OWNER_WALK_H

#include "win/owner.h"

#include <stdatomic.h>

// Adds the pages of the user half with the weight of their regions.
void owner_walk_pages(ei_run *run, struct page_map *map, const struct space *space, uint32_t owner,
	const struct regions *regions);

// Adds the tables that map one half of a space, the root included. `tables_left`: how many may
// still be entered, by all walks together.
void owner_walk_tables(ei_run *run, struct page_map *map, const struct space *space,
	bool kernel_half, uint32_t owner, atomic_llong *tables_left);

#endif
