// Field tables that only core/win reads, and the list of all tables: what a distilled profile
// keeps.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_FIELDS_H
#define WIN_FIELDS_H

#include <eidetic/win.h>

// clang-format off

#define LIST_ENTRY_FIELDS(F, ALT)                                                                  \
	F(Flink, PTR, MUST)                                                                        \
	F(Blink, PTR, MUST)
EI_TYPE(list_entry, "_LIST_ENTRY", LIST_ENTRY_FIELDS);

#define PEB_FIELDS(F, ALT)                                                                         \
	F(Ldr,               PTR, MAY)                                                             \
	F(ProcessParameters, PTR, MAY)                                                             \
	F(ImageBaseAddress,  PTR, MAY)
EI_TYPE(peb, "_PEB", PEB_FIELDS);

#define PEB_LDR_FIELDS(F, ALT)                                                                     \
	F(InLoadOrderModuleList,           HERE, MAY)                                              \
	F(InMemoryOrderModuleList,         HERE, MAY)                                              \
	F(InInitializationOrderModuleList, HERE, MAY)
EI_TYPE(peb_ldr, "_PEB_LDR_DATA", PEB_LDR_FIELDS);

// EnvironmentSize came with Windows Vista; before, the block ends at an empty string.
#define PARAMETERS_FIELDS(F, ALT)                                                                  \
	F(CommandLine,     USTR, MAY)                                                              \
	F(ImagePathName,   USTR, MAY)                                                              \
	F(Environment,     PTR,  MAY)                                                              \
	F(EnvironmentSize, UINT, MAY)
EI_TYPE(parameters, "_RTL_USER_PROCESS_PARAMETERS", PARAMETERS_FIELDS);

#define SESSION_SPACE_FIELDS(F, ALT)                                                               \
	F(SessionId,   UINT, MAY)                                                                  \
	F(ProcessList, HERE, MAY)
EI_TYPE(session_space, "_MM_SESSION_SPACE", SESSION_SPACE_FIELDS);

#define OBJECT_NAME_FIELDS(F, ALT)                                                                 \
	F(Name, USTR, MAY)
EI_TYPE(object_name, "_OBJECT_NAME_INFORMATION", OBJECT_NAME_FIELDS);

// One of a hive's two storages, stable and volatile.
#define DUAL_FIELDS(F, ALT)                                                                        \
	F(Length,   UINT, MUST)                                                                    \
	F(Map,      PTR,  MUST)                                                                    \
	F(SmallDir, PTR,  MAY)
EI_TYPE(dual, "_DUAL", DUAL_FIELDS);

// BlockAddress became PermanentBinAddress and BlockOffset with Windows 10 (10240).
#define HMAP_ENTRY_FIELDS(F, ALT)                                                                  \
	F(BlockAddress,        PTR,  MAY)                                                          \
	F(BlockOffset,         PTR,  MAY)                                                          \
	F(PermanentBinAddress, PTR,  MAY)                                                          \
	F(TemporaryBinAddress, PTR,  MAY)
EI_TYPE(hmap_entry, "_HMAP_ENTRY", HMAP_ENTRY_FIELDS);

// clang-format on

// Every field table and symbol that this library reads; NULL-terminated. Plugins bring their own.
extern const ei_type_spec *const win_type_specs[];
extern const char *const win_symbols[];

#endif
