// Field tables of what tells stacks, heaps and large pool blocks from other memory.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_REGION_FIELDS_H
#define WIN_REGION_FIELDS_H

#include <eidetic/win.h>

// clang-format off

#define PROCESS_THREADS_FIELDS(F, ALT)                                                             \
	F(ThreadListHead, HERE, MAY)
EI_TYPE(process_threads, "_EPROCESS", PROCESS_THREADS_FIELDS);

#define THREAD_BLOCK_FIELDS(F, ALT)                                                                \
	ALT(link, "ThreadListEntry",  HERE, MAY)                                                   \
	ALT(teb,  "Tcb.Teb",          PTR,  MAY)                                                   \
	ALT(tid,  "Cid.UniqueThread", UINT, MAY)
EI_TYPE(thread_block, "_ETHREAD", THREAD_BLOCK_FIELDS);

#define TEB_STACK_FIELDS(F, ALT)                                                                   \
	ALT(wow64, "NtTib.ExceptionList", PTR, MAY)                                                \
	ALT(base,  "NtTib.StackBase",     PTR, MAY)                                                \
	ALT(limit, "NtTib.StackLimit",    PTR, MAY)
EI_TYPE(teb_stack, "_TEB", TEB_STACK_FIELDS);

#define PEB_HEAPS_FIELDS(F, ALT)                                                                   \
	F(ProcessHeap,   PTR,  MAY)                                                                \
	F(NumberOfHeaps, UINT, MAY)                                                                \
	F(ProcessHeaps,  PTR,  MAY)
EI_TYPE(peb_heaps, "_PEB", PEB_HEAPS_FIELDS);

// NumberOfBytes came with Windows Vista; before, sizes are in pages.
#define BIG_PAGES_FIELDS(F, ALT)                                                                   \
	F(Va,            PTR,  MAY)                                                                \
	F(Key,           UINT, MAY)                                                                \
	F(NumberOfBytes, UINT, MAY)                                                                \
	F(NumberOfPages, UINT, MAY)
EI_TYPE(big_pages, "_POOL_TRACKER_BIG_PAGES", BIG_PAGES_FIELDS);

#define FRAME_FIELDS(F, ALT)                                                                       \
	ALT(location, "u3.e1.PageLocation", UINT, MAY)
EI_TYPE(frame_entry, "_MMPFN", FRAME_FIELDS);

// clang-format on

#endif
