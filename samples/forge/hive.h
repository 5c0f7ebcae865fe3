// Registry hives from a description: as the kernel keeps them in memory, and as files.
//
// Description (json), keys in any order, missing parents are made:
//   { "root": "CMI-CreateHive{2A7FB991-7BBE-4F9D-B91E-7CB51D4737F5}",   root key's own name
//     "written": "2024-03-01T10:00:00Z",          default last-written time of every key
//     "minor": 5,                                 hive version 1.N; 3..6 (5: big data)
//     "file": "\\SystemRoot\\SYSTEM",             in the base block: ASCII, its last 31 characters
//     "keys": [ { "path": "ControlSet001\\Control\\ComputerName\\ComputerName",
//                 "written": "…", "volatile": true, "class": "text", "symlink": "\\Registry\\…",
//                 "list": "lf|lh|li|ri",          form of its subkey list, default by version
//                 "values": [ { "name": "ComputerName", "type": "REG_SZ", "data": "DESKTOP-1" } ]
//               } ] }
// Data by type: REG_SZ, REG_EXPAND_SZ, REG_LINK text; REG_MULTI_SZ array of text; REG_DWORD,
// REG_DWORD_BIG_ENDIAN, REG_QWORD number; REG_BINARY and others {"hex": "00ff"} or
// {"fill": byte, "size": N} (for big data). "type" may be a number. "" is the default value.
// Several entries may name one key: their values add up, and of two of one name, as of
// attributes, the last one wins. Below a volatile
// key all keys are volatile. "symlink" also makes the value SymbolicLinkValue.
// SPDX-License-Identifier: Apache-2.0
#ifndef FORGE_HIVE_H
#define FORGE_HIVE_H

#include "base/base.h"
#include <jansson.h>

struct hive_tree; // what was described, with the cells that it got

struct hive_bytes {
	uint8_t base_block[4096]; // "regf", with root cell, length, checksum
	uint8_t *stable;          // bins ("hbin"), a whole number of pages, offset 0 = cell index 0
	uint32_t stable_length;
	uint8_t *transient; // volatile storage, the same; NULL when there is none
	uint32_t transient_length;
	uint32_t root_cell;
	uint32_t version_minor;
	struct hive_tree *tree;
};

// One fact for the truth file. `path` is from the hive's root, "" for the root itself.
struct hive_fact {
	const char *path;
	uint32_t cell;    // cell index of the nk or vk (bit 31: volatile)
	uint64_t written; // FILETIME of the key
	bool transient;
	const char *value; // NULL: this row is the key; "" its default value
	uint32_t type;
	const uint8_t *data;
	uint32_t length;
};

// EI_E_FORMAT names the key and what is wrong with it. `out` is released by hive_deinit().
EI_CHECKED ei_error *hive_build(const json_t *description, struct hive_bytes *out);
void hive_deinit(struct hive_bytes *hive);

// Writes the stable storage as a registry file: base block and bins.
EI_CHECKED ei_error *hive_write_file(const struct hive_bytes *hive, const char *path);

// Calls `each` for every key and value, parents first, siblings in the order of their list; a
// key's values follow it. The facts come from the description, not from reading the cells back.
void hive_walk(const struct hive_bytes *hive, void (*each)(void *context, const struct hive_fact *),
	void *context);

#endif
