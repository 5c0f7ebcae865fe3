// Threads: by the list of their process, and by pool tag.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_THREADS_H
#define EIDETIC_THREADS_H

#include <eidetic/win.h>

// clang-format off
// Until Windows XP a thread knew its process itself; since 2003 its kernel part does.
#define ETHREAD_FIELDS(F, ALT)                                                                     \
	ALT(pid,     "Cid.UniqueProcess",           UINT, MUST)                                    \
	ALT(tid,     "Cid.UniqueThread",            UINT, MUST)                                    \
	ALT(process, "Tcb.Process|ThreadsProcess",  PTR,  MAY)                                     \
	ALT(teb,     "Tcb.Teb",                     PTR,  MAY)                                     \
	ALT(state,   "Tcb.State",                   UINT, MAY)                                     \
	F(StartAddress,      PTR,  MAY)                                                            \
	F(Win32StartAddress, PTR,  MAY)                                                            \
	F(CreateTime,        TIME, MAY)                                                            \
	F(ExitTime,          TIME, MAY)                                                            \
	F(ThreadListEntry,   HERE, MAY)                                                            \
	F(ThreadsProcess,    PTR,  MAY)                                                            \
	F(CrossThreadFlags,  UINT, MAY)
EI_TYPE(ethread, "_ETHREAD", ETHREAD_FIELDS);
// clang-format on

// The threads on the list of a process.
EI_API ei_iter ei_process_threads(ei_run *run, const eprocess *process);

// Threads found by their pool tag, as ei_processes_scanned() finds processes.
EI_API ei_iter ei_threads_scanned(ei_run *run);

// When it was made: Windows XP keeps the time shifted by three bits, and so does 2003 without a
// service pack. EI_NONE for threads of the system that have no time.
EI_API ei_val ei_thread_created(const ethread *thread);

// When it ended; EI_NONE while it runs (the kernel keeps a list there then).
EI_API ei_val ei_thread_exited(const ethread *thread);

#endif
