// pslist: processes on the kernel's active list.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/pe.h>
#include <eidetic/win.h>

enum {
	PID,
	PPID,
	NAME,
	OFFSET,
	PHYSICAL,
	THREADS,
	HANDLES,
	SESSION,
	WOW64,
	CREATED,
	EXITED,
	OUTPUT,
	FOUND,
	COLUMNS
};
enum { OPT_PID, OPT_PHYSICAL, OPT_DUMP };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PID]      = { "pid",      EI_UINT, "process id", .vol3 = "PID", .ioc = "ProcessItem/pid" },
	[PPID]     = { "ppid",     EI_UINT, "id of the creating process", .vol3 = "PPID", .ioc = "ProcessItem/parentpid" },
	[NAME]     = { "name",     EI_STR,  "image name, as the kernel keeps it (15 bytes)", .vol3 = "ImageFileName", .ioc = "ProcessItem/name" },
	[OFFSET]   = { "offset",   EI_ADDR, "virtual address of the _EPROCESS", .vol3 = "Offset(V)", .vol3_without = "physical" },
	[PHYSICAL] = { "physical", EI_ADDR, "physical address of the _EPROCESS", .vol3 = "Offset(P)", .vol3_with = "physical" },
	[THREADS]  = { "threads",  EI_UINT, "threads still active", .vol3 = "Threads" },
	[HANDLES]  = { "handles",  EI_UINT, "open handles; kept here before Windows 8 only", .vol3 = "Handles" },
	[SESSION]  = { "session",  EI_UINT, "terminal session", .vol3 = "SessionId" },
	[WOW64]    = { "wow64",    EI_BOOL, "32-bit process on 64-bit Windows", .vol3 = "Wow64" },
	[CREATED]  = { "created",  EI_TIME, "creation time, UTC", .vol3 = "CreateTime", .ioc = "ProcessItem/startTime" },
	[EXITED]   = { "exited",   EI_TIME, "exit time, UTC; none while the process runs", .vol3 = "ExitTime" },
	[OUTPUT]   = { "file",     EI_STR,  "file written", .vol3 = "File output", .vol3_absent = "Disabled" },
	[FOUND]    = { "found_by", EI_STR,  "walks of the list that met it: list is both" },
};

static const ei_option options[] = {
	[OPT_PID]      = { "pid",      EI_UINT, EI_MANY, "only these processes" },
	[OPT_PHYSICAL] = { "physical", EI_BOOL, 0,       "with --compat: physical offsets instead of virtual" },
	[OPT_DUMP]     = { "dump",     EI_BOOL, 0,       "write the program of each, as mapped, into the output folder" },
};
// clang-format on

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);) {
		ei_val pid = ei_get(p, UniqueProcessId);
		if (!ei_opt_allows(r, OPT_PID, pid))
			continue;
		ei_val file = ei_absent(EI_NONE);
		if (ei_has(ei_opt(r, OPT_DUMP)))
			EI_TRY(ei_pe_extract_process(r, &p, &file));
		ei_emit(r, (ei_val[COLUMNS]){
				   [PID] = pid,
				   [PPID] = ei_get(p, InheritedFromUniqueProcessId),
				   [NAME] = ei_get(p, ImageFileName),
				   [OFFSET] = ei_addr(p.obj.va),
				   [PHYSICAL] = ei_physical(r, &p.obj),
				   [THREADS] = ei_get(p, ActiveThreads),
				   [HANDLES] = ei_process_handle_count(r, &p),
				   [SESSION] = ei_process_session(r, &p),
				   [WOW64] = ei_process_is_wow64(&p),
				   [CREATED] = ei_get(p, CreateTime),
				   [EXITED] = ei_get(p, ExitTime),
				   [OUTPUT] = file,
				   [FOUND] = ei_found_text(it.found),
			   });
	}
	return NULL;
}

EI_PLUGIN(pslist) = {
	EI_HEAD(pslist),
	.vol3 = "windows.pslist.PsList",
	.purpose = "processes on the kernel's active list",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	EI_SYMBOLS("PsActiveProcessHead"),
	.run = run,
};
