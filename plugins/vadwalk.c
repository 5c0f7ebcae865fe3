// vadwalk: the tree that the regions of a process are kept in.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/memory.h>

enum { PID, PROCESS, NODE, PARENT, LEFT, RIGHT, START, END, TAG, COLUMNS };
enum { OPT_PID };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PID]     = { "pid",     EI_UINT, "process id", .vol3 = "PID" },
	[PROCESS] = { "process", EI_STR,  "process name", .vol3 = "Process" },
	[NODE]    = { "offset",  EI_ADDR, "address of the _MMVAD", .vol3 = "Offset" },
	[PARENT]  = { "parent",  EI_ADDR, "address of its parent", .vol3 = "Parent" },
	[LEFT]    = { "left",    EI_ADDR, "address of its left child", .vol3 = "Left" },
	[RIGHT]   = { "right",   EI_ADDR, "address of its right child", .vol3 = "Right" },
	[START]   = { "start",   EI_ADDR, "first address of the region", .vol3 = "Start" },
	[END]     = { "end",     EI_ADDR, "last address of the region", .vol3 = "End" },
	[TAG]     = { "tag",     EI_STR,  "pool tag of the _MMVAD", .vol3 = "Tag" },
};

static const ei_option options[] = {
	[OPT_PID] = { "pid", EI_UINT, EI_MANY, "only these processes" },
};
// clang-format on

static void process_emit(ei_run *r, const eprocess *p)
{
	ei_region_cursor cursor = { 0 };
	for (ei_region region; ei_next_region(r, p, &cursor, &region);)
		ei_emit(r, (ei_val[COLUMNS]){
				   [PID] = ei_get(*p, UniqueProcessId),
				   [PROCESS] = ei_get(*p, ImageFileName),
				   [NODE] = ei_addr(region.node),
				   [PARENT] = ei_addr(region.parent),
				   [LEFT] = ei_addr(region.left),
				   [RIGHT] = ei_addr(region.right),
				   [START] = ei_addr(region.start),
				   [END] = ei_addr(region.end),
				   [TAG] = region.tag[0] ? ei_str(region.tag)
							 : ei_absent(EI_UNREADABLE),
			   });
}

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		if (ei_opt_allows(r, OPT_PID, ei_get(p, UniqueProcessId)))
			process_emit(r, &p);
	return NULL;
}

EI_PLUGIN(vadwalk) = {
	EI_HEAD(vadwalk),
	.vol3 = "windows.vadwalk.VadWalk",
	.purpose = "the tree of each process's regions",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	.run = run,
};
