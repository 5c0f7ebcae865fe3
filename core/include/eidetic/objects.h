// Executive objects: what their headers say, their names, the handles that are open on them.
//
// An object is given by the kernel address of its body (`_FILE_OBJECT`, `_KMUTANT`...); its header
// lies in front. Texts are scratch memory.
//
//     ei_handle_cursor cursor = { .table = table };
//     for (ei_handle_entry h; ei_next_handle(run, &cursor, &h);)
//             ei_emit(run, ... ei_object_type(run, h.object), ei_object_title(run, h.object) ...);
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_OBJECTS_H
#define EIDETIC_OBJECTS_H

#include <eidetic/plugin.h>

// ---- Headers and names ----------------------------------------------------------------------
// The name of its type, "File"; EI_UNREADABLE when the header or the type cannot be read,
// EI_GARBAGE when the header names no type. Symbols: ObTypeIndexTable, ObHeaderCookie.
EI_API ei_val ei_object_type(ei_run *run, uint64_t object);

// The name that its header gives it, without directories; EI_NONE when it has none.
EI_API ei_val ei_object_name(ei_run *run, uint64_t object);

// The same behind the directories that it is in: "\Sessions\1\BaseNamedObjects\name". What is in
// no directory is given by its name alone; "?\name": its directory cannot be read.
EI_API ei_val ei_object_path(ei_run *run, uint64_t object);

// The same of an object that a scan found, which may have a physical address only.
EI_API ei_val ei_object_name_of(ei_run *run, const ei_obj *object);
EI_API ei_val ei_object_path_of(ei_run *run, const ei_obj *object);

// What a reader wants to see for it, by its type: a file's path with its device, a key's path
// ("\REGISTRY\MACHINE\..."), a process's name and pid, a thread's tid and pid, an object's path.
EI_API ei_val ei_object_title(ei_run *run, uint64_t object);

EI_API ei_val ei_file_path(ei_run *run, uint64_t file_object);    // \Device\HarddiskVolume2\...
EI_API ei_val ei_key_object_path(ei_run *run, uint64_t key_body); // \REGISTRY\MACHINE\...

// ---- Handles --------------------------------------------------------------------------------
typedef struct ei_handle_entry {
	uint64_t value;    // the handle: what the process calls it
	uint64_t entry;    // address of its _HANDLE_TABLE_ENTRY
	uint64_t object;   // address of the object's body
	ei_val access;     // granted access mask
	ei_val attributes; // OBJ_PROTECT_CLOSE 1, OBJ_INHERIT 2, OBJ_AUDIT_OBJECT_CLOSE 4
} ei_handle_entry;

// Starts as { .table = ADDRESS } of a _HANDLE_TABLE.
typedef struct ei_handle_cursor {
	uint64_t table;
	void *state;
	bool bare; // entries are objects themselves, without their headers: PspCidTable
} ei_handle_cursor;

// The handles of a table that are in use, in ascending order, one a call: false after the last.
// What was allocated for one handle is gone at the next. Pages of the table that are not in the
// image leave one note.
EI_API bool ei_next_handle(ei_run *run, ei_handle_cursor *cursor, ei_handle_entry *out);

// Every handle table that the kernel lists, those of processes that are gone too, as objects of
// the type _HANDLE_TABLE. Symbol: HandleTableListHead.
EI_API ei_iter ei_handle_tables(ei_run *run);

// HandleCount left _HANDLE_TABLE with Windows 8 (9200).
#define HANDLE_TABLE_FIELDS(F, ALT)                                                                \
	F(TableCode, UINT, MUST)                                                                   \
	F(QuotaProcess, PTR, MAY)                                                                  \
	F(UniqueProcessId, UINT, MAY)                                                              \
	F(HandleCount, UINT, MAY)                                                                  \
	F(NextHandleNeedingPool, UINT, MAY)                                                        \
	F(HandleTableList, HERE, MAY)
EI_TYPE(handle_table, "_HANDLE_TABLE", HANDLE_TABLE_FIELDS);

#endif
