// thrdscan: threads by their pool tag, ended and hidden ones too.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/scan.h>
#include <eidetic/threads.h>

enum { OFFSET, PID, TID, START, CREATED, EXITED, PHYSICAL, WIN32_START, PROCESS, COLUMNS };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[OFFSET]      = { "offset",      EI_ADDR, "address of the _ETHREAD: the kernel's, or physical where it has none", .vol3 = "Offset" },
	[PID]         = { "pid",         EI_UINT, "process that it belongs to", .vol3 = "PID" },
	[TID]         = { "tid",         EI_UINT, "thread id", .vol3 = "TID" },
	[START]       = { "start",       EI_ADDR, "where the kernel began it", .vol3 = "StartAddress" },
	[CREATED]     = { "created",     EI_TIME, "creation time, UTC", .vol3 = "CreateTime" },
	[EXITED]      = { "exited",      EI_TIME, "exit time, UTC; none while it runs", .vol3 = "ExitTime" },
	[PHYSICAL]    = { "physical",    EI_ADDR, "physical address of the _ETHREAD" },
	[WIN32_START] = { "win32_start", EI_ADDR, "where its program began it" },
	[PROCESS]     = { "eprocess",    EI_ADDR, "address of the _EPROCESS that it points to" },
};
// clang-format on

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_threads_scanned(r);
	for (ethread t = ei_handle(r, ethread); ei_next(&it, &t);)
		ei_emit(r, (ei_val[COLUMNS]){
				   [OFFSET] = ei_scan_offset(r, &t.obj),
				   [PID] = ei_get(t, pid),
				   [TID] = ei_get(t, tid),
				   [START] = ei_get(t, StartAddress),
				   [CREATED] = ei_thread_created(&t),
				   [EXITED] = ei_thread_exited(&t),
				   [PHYSICAL] = ei_physical(r, &t.obj),
				   [WIN32_START] = ei_get(t, Win32StartAddress),
				   [PROCESS] = ei_get(t, process),
			   });
	return NULL;
}

EI_PLUGIN(thrdscan) = {
	EI_HEAD(thrdscan),
	.vol3 = "windows.thrdscan.ThrdScan",
	.purpose = "threads by their pool tag, listed or not",
	EI_COLUMNS(columns),
	EI_TYPES(&ethread_spec),
	.run = run,
};
