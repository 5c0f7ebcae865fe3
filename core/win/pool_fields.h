// Field tables of the kernel's pool and of the headers that objects have in it.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_POOL_FIELDS_H
#define WIN_POOL_FIELDS_H

#include <eidetic/win.h>

// clang-format off

#define POOL_HEADER_FIELDS(F, ALT)                                                                 \
	F(PreviousSize, UINT, MAY)                                                                 \
	F(BlockSize,    UINT, MUST)                                                                \
	F(PoolType,     UINT, MAY)                                                                 \
	F(PoolTag,      UINT, MUST)
EI_TYPE(pool_header, "_POOL_HEADER", POOL_HEADER_FIELDS);

// InfoMask says which optional headers are in front; it came with Windows 7 (7600), as TypeIndex
// did. Before, a pointer to the type and offsets to the optional headers stood there.
#define OBJECT_HEADER_FIELDS(F, ALT)                                                               \
	F(PointerCount, INT,  MAY)                                                                 \
	F(InfoMask,     UINT, MAY)                                                                 \
	F(NameInfoOffset, UINT, MAY)                                                               \
	F(TypeIndex,    UINT, MAY)                                                                 \
	F(Type,         PTR,  MAY)                                                                 \
	F(Body,         HERE, MAY)
EI_TYPE(object_header, "_OBJECT_HEADER", OBJECT_HEADER_FIELDS);

#define OBJECT_TYPE_FIELDS(F, ALT)                                                                 \
	F(Name, USTR, MAY)
EI_TYPE(object_type, "_OBJECT_TYPE", OBJECT_TYPE_FIELDS);

// What tells a process from bytes that only look like its pool block.
#define PROCESS_CHECK_FIELDS(F, ALT)                                                               \
	F(UniqueProcessId, UINT,  MUST)                                                            \
	F(ImageFileName,   CHARS, MUST)                                                            \
	F(CreateTime,      TIME,  MAY)                                                             \
	F(ExitTime,        TIME,  MAY)                                                             \
	ALT(dtb,           "Pcb.DirectoryTableBase", UINT, MUST)                                   \
	ALT(thread_first,  "ThreadListHead.Flink",   PTR,  MAY)                                    \
	ALT(thread_last,   "ThreadListHead.Blink",   PTR,  MAY)
EI_TYPE(process_check, "_EPROCESS", PROCESS_CHECK_FIELDS);

#define MODULE_CHECK_FIELDS(F, ALT)                                                                \
	F(DllBase,     PTR,  MUST)                                                                 \
	F(SizeOfImage, UINT, MAY)
EI_TYPE(module_check, "_KLDR_DATA_TABLE_ENTRY|_LDR_DATA_TABLE_ENTRY", MODULE_CHECK_FIELDS);

// clang-format on

#endif
