// Windows kernel objects: processes, loaded modules, pool scans. All Windows knowledge that plugins
// share is behind these functions; plugins see one value where versions differ.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_WIN_H
#define EIDETIC_WIN_H

#include <eidetic/plugin.h>

// clang-format off

// ---- Processes ------------------------------------------------------------------------------
#define EPROCESS_FIELDS(F, ALT)                                                                    \
	F(UniqueProcessId,              UINT,  MUST)                                               \
	F(InheritedFromUniqueProcessId, UINT,  MAY)                                                \
	F(ImageFileName,                CHARS, MUST)                                               \
	F(ActiveProcessLinks,           HERE,  MUST)                                               \
	F(ActiveThreads,                UINT,  MAY)                                                \
	F(CreateTime,                   TIME,  MAY)                                                \
	F(ExitTime,                     TIME,  MAY)                                                \
	F(ObjectTable,                  PTR,   MAY)                                                \
	F(Peb,                          PTR,   MAY)                                                \
	F(Session,                      PTR,   MAY)                                                \
	F(VadRoot,                      HERE,  MAY)                                                \
	F(SectionBaseAddress,           PTR,   MAY)                                                \
	ALT(wow64,      "WoW64Process|Wow64Process",                     PTR,  MAY)                \
	ALT(dtb,        "Pcb.DirectoryTableBase",                        UINT, MUST)               \
	ALT(ThreadList, "ThreadListHead",                                HERE, MAY)                \
	ALT(audit_name, "SeAuditProcessCreationInfo.ImageFileName",      PTR,  MAY)
EI_TYPE(eprocess, "_EPROCESS", EPROCESS_FIELDS);

// ---- Loaded modules -------------------------------------------------------------------------
// One table for the kernel's list (_KLDR_DATA_TABLE_ENTRY) and the user's (_LDR_DATA_TABLE_ENTRY).
#define LDR_ENTRY_FIELDS(F, ALT)                                                                   \
	F(InLoadOrderLinks, HERE, MUST)                                                            \
	F(InMemoryOrderLinks,         HERE, MAY)                                                   \
	F(InInitializationOrderLinks, HERE, MAY)                                                   \
	F(DllBase,          PTR,  MUST)                                                            \
	F(SizeOfImage,      UINT, MAY)                                                             \
	F(EntryPoint,       PTR,  MAY)                                                             \
	F(BaseDllName,      USTR, MAY)                                                             \
	F(FullDllName,      USTR, MAY)                                                             \
	F(LoadCount,        UINT, MAY)                                                             \
	F(LoadTime,         TIME, MAY)
EI_TYPE(kldr_entry, "_KLDR_DATA_TABLE_ENTRY|_LDR_DATA_TABLE_ENTRY", LDR_ENTRY_FIELDS);
EI_TYPE(ldr_entry,  "_LDR_DATA_TABLE_ENTRY",                        LDR_ENTRY_FIELDS);

// clang-format on

// Processes on the kernel's active list, walked both ways and joined; `it.found` says how.
// Symbol: PsActiveProcessHead.
EI_API ei_iter ei_processes(ei_run *run);

// The same in tree order, children under the process that created them; `it.depth` says how deep.
// A process whose parent is gone, or is younger than itself (its pid was used again), is a root.
// With `pid_count`, only those processes, their ancestors and their descendants.
EI_API ei_iter ei_process_tree(ei_run *run, const uint64_t *pids, size_t pid_count);

// Processes found by their pool tag in physical memory, in the order of their addresses. Objects
// that also have a kernel address are given by it.
EI_API ei_iter ei_processes_scanned(ei_run *run);

// The address space of a process: its own page tables, so user memory can be read through it.
// Scratch memory; NULL when its root cannot be.
EI_API const ei_space *ei_process_space(ei_run *run, const eprocess *process);

EI_API ei_val ei_process_handle_count(ei_run *run, const eprocess *process);
EI_API ei_val ei_process_session(ei_run *run, const eprocess *process);
// The processes on the list of a session (an address of an _MM_SESSION_SPACE).
EI_API ei_iter ei_session_processes(ei_run *run, uint64_t session);
EI_API ei_val ei_process_is_wow64(const eprocess *process);
EI_API ei_val ei_process_path(ei_run *run, const eprocess *process); // device path, by the kernel
// From the process's own memory (PEB): what the process says of itself.
EI_API ei_val ei_process_command_line(ei_run *run, const eprocess *process);
EI_API ei_val ei_process_image_path(ei_run *run, const eprocess *process);

// The process's environment, one variable a call: false after the last. `cursor` starts as { 0 };
// a block that cannot be read to its end leaves a note.
typedef struct ei_environment {
	uint64_t pointer; // address of the pointer to the block
	uint64_t block;   // address of the block
	uint64_t at, end;
} ei_environment;
EI_API bool ei_process_next_variable(
	ei_run *run, const eprocess *process, ei_environment *cursor, ei_val *name, ei_val *value);

// Modules of a process (_LDR_DATA_TABLE_ENTRY, in the process's space) by one of the loader's three
// lists. ei_process_modules() is the list by load order.
typedef enum ei_module_order {
	EI_LOAD_ORDER,
	EI_MEMORY_ORDER,
	EI_INIT_ORDER, // without the program itself
} ei_module_order;
EI_API ei_iter ei_process_modules(ei_run *run, const eprocess *process);
EI_API ei_iter ei_process_modules_by(ei_run *run, const eprocess *process, ei_module_order order);

// Modules on the load order list of the 32-bit half of a WoW64 process, which ei_process_modules()
// does not have; the program is on both. One a call: false after the last, and for other processes.
// The cursor starts as { 0 }. Texts are gone at the next call.
typedef struct ei_module32 {
	uint64_t at;    // address of its _LDR_DATA_TABLE_ENTRY, in the process's space
	uint32_t found; // set of ei_found
	ei_val base, size, name, path, loaded;
} ei_module32;
typedef struct ei_module32_cursor {
	void *state;
	size_t next;
} ei_module32_cursor;
EI_API bool ei_process_next_module32(
	ei_run *run, const eprocess *process, ei_module32_cursor *cursor, ei_module32 *out);

// Kernel modules (_KLDR_DATA_TABLE_ENTRY): by list, joined both ways; and by pool tag.
EI_API ei_iter ei_modules(ei_run *run);
EI_API ei_iter ei_modules_scanned(ei_run *run);

// The name of the kernel module that holds an address ("ntoskrnl.exe"), and where the module
// starts; EI_NONE when none on the list does. The name is borrowed from the session.
EI_API ei_val ei_module_at(ei_run *run, uint64_t va, uint64_t *base);

// The same as a "module" column shows it: with --compat vol3 without the extension.
EI_API ei_val ei_module_title(ei_run *run, uint64_t va);

// The nth name that the symbols at hand give to exactly this address of the kernel; EI_NONE past
// the last. Built-in profiles know few; a symbol file in a folder of -s knows all. Borrowed.
EI_API ei_val ei_symbol_at(ei_run *run, uint64_t va, size_t nth);

// The address at which an object was found, as the kernel sees it; EI_NONE when it has none.
EI_API ei_val ei_virtual(ei_run *run, const ei_obj *object);
// The physical address of the first byte of an object; EI_UNREADABLE when not in the image.
EI_API ei_val ei_physical(ei_run *run, const ei_obj *object);

// "forward+backward", "scan", ...: for a "found by" column.
EI_API ei_val ei_found_text(uint32_t found);

// A page of an address space, for memory maps.
typedef struct ei_page {
	uint64_t va, pa, size;
} ei_page;
// The next page at or after `va` that is in the image, page tables seen through the self-map too.
EI_API bool ei_next_page(ei_run *run, const ei_space *space, uint64_t va, ei_page *out);

#endif
