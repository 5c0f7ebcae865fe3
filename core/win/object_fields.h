// Field tables of the things that an object's name is made from.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_OBJECT_FIELDS_H
#define WIN_OBJECT_FIELDS_H

#include <eidetic/win.h>

// clang-format off

#define NAME_INFO_FIELDS(F, ALT)                                                                   \
	F(Directory, PTR,  MAY)                                                                    \
	F(Name,      USTR, MAY)
EI_TYPE(name_info, "_OBJECT_HEADER_NAME_INFO", NAME_INFO_FIELDS);

#define NAMED_FILE_FIELDS(F, ALT)                                                                  \
	F(DeviceObject, PTR,  MAY)                                                                 \
	F(FileName,     USTR, MAY)
EI_TYPE(named_file, "_FILE_OBJECT", NAMED_FILE_FIELDS);

// Trans came with Windows 10 1607 (14393).
#define KEY_BODY_FIELDS(F, ALT)                                                                    \
	F(KeyControlBlock, PTR,  MAY)                                                              \
	F(Trans,           HERE, MAY)
EI_TYPE(key_body, "_CM_KEY_BODY", KEY_BODY_FIELDS);

#define KEY_BLOCK_FIELDS(F, ALT)                                                                   \
	F(ParentKcb, PTR,  MAY)                                                                    \
	F(NameBlock, PTR,  MAY)                                                                    \
	F(Flags,     UINT, MAY)
EI_TYPE(key_block, "_CM_KEY_CONTROL_BLOCK", KEY_BLOCK_FIELDS);

// A name whose letters all are Latin-1 is kept in bytes.
#define KEY_NAME_FIELDS(F, ALT)                                                                    \
	F(Compressed, UINT, MAY)                                                                   \
	F(NameLength, UINT, MAY)                                                                   \
	F(Name,       HERE, MAY)
EI_TYPE(key_name, "_CM_NAME_CONTROL_BLOCK", KEY_NAME_FIELDS);

#define THREAD_ID_FIELDS(F, ALT)                                                                   \
	ALT(pid, "Cid.UniqueProcess", UINT, MAY)                                                   \
	ALT(tid, "Cid.UniqueThread",  UINT, MAY)
EI_TYPE(thread_id, "_ETHREAD", THREAD_ID_FIELDS);

#define PROCESS_ID_FIELDS(F, ALT)                                                                  \
	F(UniqueProcessId, UINT,  MAY)                                                             \
	F(ImageFileName,   CHARS, MAY)
EI_TYPE(process_id, "_EPROCESS", PROCESS_ID_FIELDS);

// Until Windows 7 an entry is a pointer with flags in its low bits; since Windows 8 (9200) bits of
// an address whose width differs between builds.
#define HANDLE_ENTRY_FIELDS(F, ALT)                                                                \
	F(Object,            PTR,  MAY)                                                            \
	F(ObjectPointerBits, UINT, MAY)                                                            \
	F(Attributes,        UINT, MAY)                                                            \
	F(ProtectFromClose,  UINT, MAY)                                                            \
	ALT(access, "GrantedAccessBits|GrantedAccess", UINT, MAY)
EI_TYPE(handle_bits, "_HANDLE_TABLE_ENTRY", HANDLE_ENTRY_FIELDS);

// clang-format on

#endif
