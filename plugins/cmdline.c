// cmdline: the command line of each process, from its own memory.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/win.h>

enum { PID, NAME, ARGS, COLUMNS };
enum { OPT_PID };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PID]  = { "pid",  EI_UINT, "process id", .vol3 = "PID" },
	[NAME] = { "name", EI_STR,  "image name, as the kernel keeps it (15 bytes)", .vol3 = "Process" },
	[ARGS] = { "args", EI_STR,  "command line; none for processes without user memory", .vol3 = "Args", .ioc = "ProcessItem/arguments" },
};

static const ei_option options[] = {
	[OPT_PID] = { "pid", EI_UINT, EI_MANY, "only these processes" },
};
// clang-format on

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		if (ei_opt_allows(r, OPT_PID, ei_get(p, UniqueProcessId)))
			ei_emit(r, (ei_val[COLUMNS]){
					   [PID] = ei_get(p, UniqueProcessId),
					   [NAME] = ei_get(p, ImageFileName),
					   [ARGS] = ei_process_command_line(r, &p),
				   });
	return NULL;
}

EI_PLUGIN(cmdline) = {
	EI_HEAD(cmdline),
	.vol3 = "windows.cmdline.CmdLine",
	.purpose = "command lines of processes",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	EI_SYMBOLS("PsActiveProcessHead"),
	.run = run,
};
