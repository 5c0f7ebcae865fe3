// mutantscan: mutexes by their pool tag.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/objects.h>
#include <eidetic/scan.h>
#include <eidetic/threads.h>

enum { OFFSET, NAME, PHYSICAL, PATH, OWNER_PID, OWNER_TID, COLUMNS };
enum { MUTANT_BLOCK_LEAST = 64 };

// clang-format off
#define MUTANT_FIELDS(F, ALT)                                                                      \
	F(OwnerThread, PTR, MUST)
EI_TYPE(mutant, "_KMUTANT", MUTANT_FIELDS);

static const ei_column columns[COLUMNS] = {
	[OFFSET]    = { "offset",    EI_ADDR, "address of the _KMUTANT: the kernel's, or physical where it has none", .vol3 = "Offset" },
	[NAME]      = { "name",      EI_STR,  "its own name; most have none", .vol3 = "Name", .ioc = "ProcessItem/HandleList/Handle/Name" },
	[PHYSICAL]  = { "physical",  EI_ADDR, "physical address of the _KMUTANT" },
	[PATH]      = { "path",      EI_STR,  "its name, with the directories that it is in" },
	[OWNER_PID] = { "owner_pid", EI_UINT, "process of the thread that holds it" },
	[OWNER_TID] = { "owner_tid", EI_UINT, "thread that holds it" },
};
// clang-format on

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_pool_hits(r, &(ei_pool_wish){
					     .tag = "Muta",
					     .least = MUTANT_BLOCK_LEAST,
					     .has_header = true,
					     .object_type = "Mutant",
					     .type = &mutant_spec,
				     });
	for (mutant m = ei_handle(r, mutant); ei_next(&it, &m);) {
		ethread owner = ei_handle(r, ethread);
		ei_val thread = ei_get(m, OwnerThread), none = ei_absent(EI_NONE);
		bool held = ei_u64_or(thread, 0) != 0;
		if (held)
			owner = ei_at(r, ethread, thread.u);
		ei_emit(r, (ei_val[COLUMNS]){
				   [OFFSET] = ei_scan_offset(r, &m.obj),
				   [NAME] = ei_object_name_of(r, &m.obj),
				   [PHYSICAL] = ei_physical(r, &m.obj),
				   [PATH] = ei_object_path_of(r, &m.obj),
				   [OWNER_PID] = held ? ei_get(owner, pid) : none,
				   [OWNER_TID] = held ? ei_get(owner, tid) : none,
			   });
	}
	return NULL;
}

EI_PLUGIN(mutantscan) = {
	EI_HEAD(mutantscan),
	.vol3 = "windows.mutantscan.MutantScan",
	.purpose = "mutexes by their pool tag",
	EI_COLUMNS(columns),
	EI_TYPES(&mutant_spec),
	.run = run,
};
