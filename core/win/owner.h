// Who maps a physical page: processes, the kernel, and the page tables of both.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_OWNER_H
#define WIN_OWNER_H

#include "win/page_map.h"
#include <eidetic/scan.h>

// A stretch of an owner's addresses that has a name; by ascending start.
struct region {
	uint64_t start, size;
	char *name;
};

struct owner {
	ei_owner_kind kind;
	char name[64]; // of the process
	uint64_t pid;
	const char *state; // "exited", "unlisted"; NULL: on the list, alive
	struct region *regions;
	size_t region_count, region_room;
};

struct owner_table {
	struct page_map map;
	struct owner *owners;
	size_t count, room;
	uint64_t tables_left; // page tables that may still be entered, of all owners
};

struct owner_table *owner_table_create(const struct image *image); // NULL: no memory
void owner_table_drop(void *table);

// A new owner at the end of the table; its index, or -1 without memory.
int64_t owner_add(struct owner_table *table, const struct owner *owner);
// Names [start, start + size) of the last owner. Regions are sorted by owner_regions_sort().
void owner_region_add(
	struct owner_table *table, uint64_t start, uint64_t size, const char *name, size_t length);
void owner_regions_sort(struct owner *owner);
const char *owner_region_name(const struct owner *owner, uint64_t va); // NULL: none

// Names what the last owner's own tree of address ranges describes and no region covers yet; its
// regions are sorted before, and again after.
void owner_add_vads(ei_run *run, struct owner_table *table, const eprocess *process);

// What a walk over the page tables of `space` finds: pages of [first, last], then the tables that
// map them, the root included.
void owner_walk_pages(ei_run *run, struct owner_table *table, const struct space *space,
	uint64_t first, uint64_t last, uint32_t owner);
void owner_walk_tables(ei_run *run, struct owner_table *table, const struct space *space,
	bool kernel_half, uint32_t owner);

#endif
