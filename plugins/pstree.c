// pstree: the same processes as a tree, children under the process that created them.
// SPDX-License-Identifier: Apache-2.0
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
	AUDIT,
	CMD,
	PATH,
	FOUND,
	COLUMNS
};
enum { OPT_PID, OPT_PHYSICAL };
enum { PIDS_MAX = 64 };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PID]      = { "pid",      EI_UINT, "process id", .vol3 = "PID" },
	[PPID]     = { "ppid",     EI_UINT, "id of the creating process", .vol3 = "PPID" },
	[NAME]     = { "name",     EI_STR,  "image name, as the kernel keeps it (15 bytes)", .vol3 = "ImageFileName" },
	[OFFSET]   = { "offset",   EI_ADDR, "virtual address of the _EPROCESS", .vol3 = "Offset(V)", .vol3_without = "physical" },
	[PHYSICAL] = { "physical", EI_ADDR, "physical address of the _EPROCESS", .vol3 = "Offset(P)", .vol3_with = "physical" },
	[THREADS]  = { "threads",  EI_UINT, "threads still active", .vol3 = "Threads" },
	[HANDLES]  = { "handles",  EI_UINT, "open handles; kept here before Windows 8 only", .vol3 = "Handles" },
	[SESSION]  = { "session",  EI_UINT, "terminal session", .vol3 = "SessionId" },
	[WOW64]    = { "wow64",    EI_BOOL, "32-bit process on 64-bit Windows", .vol3 = "Wow64" },
	[CREATED]  = { "created",  EI_TIME, "creation time, UTC", .vol3 = "CreateTime" },
	[EXITED]   = { "exited",   EI_TIME, "exit time, UTC; none while the process runs", .vol3 = "ExitTime" },
	[AUDIT]    = { "audit",    EI_STR,  "path of the image, as the kernel keeps it", .vol3 = "Audit", .ioc = "ProcessItem/path" },
	[CMD]      = { "cmd",      EI_STR,  "command line, as the process says", .vol3 = "Cmd", .ioc = "ProcessItem/arguments" },
	[PATH]     = { "path",     EI_STR,  "path of the image, as the process says", .vol3 = "Path" },
	[FOUND]    = { "found_by", EI_STR,  "walks of the list that met it: list is both" },
};

static const ei_option options[] = {
	[OPT_PID]      = { "pid",      EI_UINT, EI_MANY, "only these processes, with what is above and below them" },
	[OPT_PHYSICAL] = { "physical", EI_BOOL, 0,       "with --compat: physical offsets instead of virtual" },
};
// clang-format on

static ei_error *run(ei_run *r)
{
	uint64_t pids[PIDS_MAX];
	size_t count = ei_opt_count(r, OPT_PID);
	if (count > PIDS_MAX)
		return ei_fail(
			EI_E_USAGE, "%zu values of --pid, at most %d are taken", count, PIDS_MAX);
	for (size_t i = 0; i < count; i++)
		pids[i] = ei_opt_at(r, OPT_PID, i).u;

	ei_iter it = ei_process_tree(r, pids, count);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		ei_emit_at(r, it.depth,
			(ei_val[COLUMNS]){
				[PID] = ei_get(p, UniqueProcessId),
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
				[AUDIT] = ei_process_path(r, &p),
				[CMD] = ei_process_command_line(r, &p),
				[PATH] = ei_process_image_path(r, &p),
				[FOUND] = ei_found_text(it.found),
			});
	return NULL;
}

EI_PLUGIN(pstree) = {
	EI_HEAD(pstree),
	.vol3 = "windows.pstree.PsTree",
	.purpose = "processes as a tree of parents and children",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	EI_SYMBOLS("PsActiveProcessHead"),
	.run = run,
	.retells = "pslist",
};
