// The described hive: keys in order, parents first, with their values as bytes.
// SPDX-License-Identifier: Apache-2.0
#ifndef FORGE_HIVE_TREE_H
#define FORGE_HIVE_TREE_H

#include "hive.h"

// UTF-16 as the registry stores it.
struct hive_name {
	uint16_t *units;
	uint32_t count;
	bool compressible; // every unit fits a byte
};

enum hive_list { LIST_DEFAULT, LIST_LI, LIST_LF, LIST_LH, LIST_RI };

struct hive_value {
	const char *text; // name, UTF-8
	struct hive_name name;
	uint32_t type;
	const uint8_t *data;
	uint32_t length;
	uint32_t cell;
};

enum { HIVE_NONE = UINT32_MAX };

struct hive_key {
	const char *path;
	struct hive_name name;
	struct hive_name class_name; // count 0: none
	uint64_t written;
	bool transient;
	bool symlink;
	enum hive_list list;
	uint32_t parent; // index, or HIVE_NONE
	uint32_t first_child, last_child, next_sibling;
	uint32_t children[2]; // stable, volatile
	struct hive_value *values;
	uint32_t value_count;
	uint32_t cell;
};

struct hive_tree {
	ei_arena *arena;
	struct hive_key *keys; // sorted: a preorder walk, siblings in the order of their list
	uint32_t key_count;
	uint64_t written;
	uint32_t minor;
};

EI_CHECKED ei_error *hive_tree_parse(const json_t *description, struct hive_tree **out);
void hive_tree_drop(struct hive_tree *tree);

// ---- text -----------------------------------------------------------------------------------
// UTF-8 to UTF-16; a NULL `units` means no memory.
struct hive_name hive_utf16(ei_arena *arena, const char *utf8, size_t length_bytes);

// Upper case as the registry compares and hashes names.
uint16_t hive_upcase(uint16_t unit);

// "2024-03-01T10:00:00Z", fraction allowed, as FILETIME.
EI_CHECKED ei_error *hive_time(const char *text, uint64_t *out);

// ---- values (hive_value.c) ------------------------------------------------------------------
EI_CHECKED ei_error *hive_value_parse(
	ei_arena *arena, const json_t *description, struct hive_value *out);

#endif
