// envars: environment variables of each process.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/win.h>

enum { PID, NAME, POINTER, BLOCK, VARIABLE, VALUE, COLUMNS };
enum { OPT_PID };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PID]      = { "pid",      EI_UINT, "process id", .vol3 = "PID" },
	[NAME]     = { "name",     EI_STR,  "image name, as the kernel keeps it (15 bytes)", .vol3 = "Process" },
	[POINTER]  = { "pointer",  EI_STR,  "address of the pointer to the block, as text", .vol3 = "Block", .vol3_only = true },
	[BLOCK]    = { "block",    EI_ADDR, "address of the environment block, in the process" },
	[VARIABLE] = { "variable", EI_STR,  "name; one that begins with = is a drive's current directory", .vol3 = "Variable" },
	[VALUE]    = { "value",    EI_STR,  "value", .vol3 = "Value" },
};

static const ei_option options[] = {
	[OPT_PID] = { "pid", EI_UINT, EI_MANY, "only these processes" },
};
// clang-format on

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);) {
		if (!ei_opt_allows(r, OPT_PID, ei_get(p, UniqueProcessId)))
			continue;
		ei_environment cursor = { 0 };
		for (ei_val name, value; ei_process_next_variable(r, &p, &cursor, &name, &value);)
			ei_emit(r, (ei_val[COLUMNS]){
					   [PID] = ei_get(p, UniqueProcessId),
					   [NAME] = ei_get(p, ImageFileName),
					   [POINTER] = ei_str(ei_text(ei_scratch(r), "0x%llx",
						   (unsigned long long)cursor.pointer)),
					   [BLOCK] = ei_addr(cursor.block),
					   [VARIABLE] = name,
					   [VALUE] = value,
				   });
	}
	return NULL;
}

EI_PLUGIN(envars) = {
	EI_HEAD(envars),
	.vol3 = "windows.envars.Envars",
	.purpose = "environment variables of processes",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	EI_SYMBOLS("PsActiveProcessHead"),
	.run = run,
};
