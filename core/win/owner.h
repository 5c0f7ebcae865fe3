// Who maps a physical page: processes, the kernel, and the page tables of both; and what is there.
//
// Built once a session, processes in parallel, in the order of the list of processes and then of
// the scan: the table is the same whatever the number of threads. A page costs 16 bytes for each
// address that it has, less where pages lie side by side; a region 24 bytes and its name.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_OWNER_H
#define WIN_OWNER_H

#include "win/page_map.h"
#include <eidetic/scan.h>

// A stretch of an owner's addresses that is something; by ascending start, none overlap once they
// are settled.
struct region {
	uint64_t start, size;
	uint32_t name;  // offset into the owner's names
	uint8_t kind;   // ei_region_kind
	uint8_t weight; // page_weight() of all of it
};
_Static_assert(sizeof(struct region) == 24, "the cost of a region");

struct regions {
	struct region *items;
	size_t count, room;
	char *names;
	size_t names_length, names_room;
};

void regions_deinit(struct regions *regions);
// Names [start, start + size). Without memory, or past a cap, it is left out.
void region_add(struct regions *regions, uint64_t start, uint64_t size, ei_region_kind kind,
	const char *name, size_t length);
// Sorts, and lets what lies inside of another, or begins later, have its place.
void regions_settle(struct regions *regions);
const struct region *region_at(const struct regions *regions, uint64_t va); // settled; NULL: none

struct owner {
	ei_owner_kind kind;
	char name[64]; // of the process
	uint64_t pid;
	const char *state; // "exited", "unlisted"; NULL: on the list, alive
	struct regions regions;
};

struct owner_table {
	struct page_map map;
	struct owner *owners; // the first is the kernel
	size_t count, room;
};

struct owner_table *owner_table_create(const struct image *image); // NULL: no memory
void owner_table_drop(void *table);

// A new owner at the end of the table, which takes over its regions; its index, or -1 without
// memory.
int64_t owner_add(struct owner_table *table, const struct owner *owner);

// The table of the session, built when first asked for; NULL when there was no memory for it.
const struct owner_table *owner_table_get(ei_run *run);

// ---- what is in a process -------------------------------------------------------------------
// Modules, threads' stacks and environment blocks, heaps, and the tree of address ranges. Adds to
// `regions`, settled at the end.
void process_regions(ei_run *run, const eprocess *process, struct regions *regions);

// Addresses in a process that say what the range around them is.
struct region_mark {
	uint64_t va;
	ei_region_kind kind;
	uint64_t id; // thread; base of the heap
};
struct region_marks {
	struct region_mark *items;
	size_t count, room;
};
const struct region_mark *region_mark_in(
	const struct region_marks *marks, uint64_t first, uint64_t last); // NULL: none

// Names what the tree of address ranges describes and `regions`, settled, does not have yet.
void process_add_vads(ei_run *run, const eprocess *process, const struct region_marks *marks,
	struct regions *regions);

// ---- what is in the kernel ------------------------------------------------------------------
void kernel_regions(ei_run *run, struct regions *regions); // modules, large pool blocks

// The tag of the pool block around kernel address `va`: five bytes with the NUL. False where no
// block can be told.
bool pool_tag_at(ei_run *run, uint64_t va, char tag[5]);

// What the page frame database says of the page at `pa`: "free", "standby"... NULL: nothing.
const char *frame_state(ei_run *run, uint64_t pa);

#endif
