// threads: the threads of each process, by its list.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/threads.h>

enum { OFFSET, PID, TID, START, CREATED, EXITED, PROCESS, WIN32_START, TEB, FOUND, COLUMNS };
enum { OPT_PID };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[OFFSET]      = { "offset",      EI_ADDR, "address of the _ETHREAD", .vol3 = "Offset" },
	[PID]         = { "pid",         EI_UINT, "process that it belongs to", .vol3 = "PID" },
	[TID]         = { "tid",         EI_UINT, "thread id", .vol3 = "TID" },
	[START]       = { "start",       EI_ADDR, "where the kernel began it", .vol3 = "StartAddress" },
	[CREATED]     = { "created",     EI_TIME, "creation time, UTC", .vol3 = "CreateTime" },
	[EXITED]      = { "exited",      EI_TIME, "exit time, UTC; none while it runs", .vol3 = "ExitTime" },
	[PROCESS]     = { "process",     EI_STR,  "name of its process" },
	[WIN32_START] = { "win32_start", EI_ADDR, "where its program began it" },
	[TEB]         = { "teb",         EI_ADDR, "address of its _TEB" },
	[FOUND]       = { "found_by",    EI_STR,  "ways in which the list met it" },
};

static const ei_option options[] = {
	[OPT_PID] = { "pid", EI_UINT, EI_MANY, "only these processes" },
};
// clang-format on

static void process_emit(ei_run *r, const eprocess *p)
{
	ei_iter it = ei_process_threads(r, p);
	for (ethread t = ei_handle(r, ethread); ei_next(&it, &t);)
		ei_emit(r, (ei_val[COLUMNS]){
				   [OFFSET] = ei_addr(t.obj.va),
				   [PID] = ei_get(t, pid),
				   [TID] = ei_get(t, tid),
				   [START] = ei_get(t, StartAddress),
				   [CREATED] = ei_thread_created(&t),
				   [EXITED] = ei_thread_exited(&t),
				   [PROCESS] = ei_get(*p, ImageFileName),
				   [WIN32_START] = ei_get(t, Win32StartAddress),
				   [TEB] = ei_get(t, teb),
				   [FOUND] = ei_found_text(it.found),
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

EI_PLUGIN(threads) = {
	EI_HEAD(threads),
	.vol3 = "windows.threads.Threads",
	.purpose = "the threads of each process, by its list",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec, &ethread_spec),
	.run = run,
	.retells = "thrdscan",
};
