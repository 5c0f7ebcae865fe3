// Cells: room in a hive's two storages, bin by bin.
// SPDX-License-Identifier: Apache-2.0
#ifndef FORGE_HIVE_CELLS_H
#define FORGE_HIVE_CELLS_H

#include "hive_tree.h"

enum { STABLE, VOLATILE, STORAGES };

#define HIVE_NIL UINT32_MAX
#define CELL_VOLATILE UINT32_C(0x80000000)

struct hive_storage {
	uint8_t *bytes;
	uint32_t length; // whole bins
	uint32_t used;   // start of the free rest of the last bin
};

struct hive_cells {
	struct hive_storage storages[STORAGES];
	uint64_t written; // goes into the first bin's header
};

// A zeroed cell for `length` bytes in STABLE or VOLATILE storage. What hive_cell_at() gave before
// is no longer valid.
EI_CHECKED ei_error *hive_cell_alloc(
	struct hive_cells *cells, unsigned storage, uint32_t length, uint32_t *cell);

// The content of a cell, behind its size.
uint8_t *hive_cell_at(struct hive_cells *cells, uint32_t cell);

// Marks the rest of the last bins as free: after it the storages are complete.
void hive_cells_finish(struct hive_cells *cells);
void hive_cells_deinit(struct hive_cells *cells);

static inline void put_u16(uint8_t *at, uint32_t value)
{
	uint16_t narrow = (uint16_t)value;
	memcpy(at, &narrow, sizeof narrow);
}

static inline void put_u32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof value);
}

static inline void put_u64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof value);
}

// ---- records, in the order in which a hive is written (hive_records.c) -----------------------
// Makes the key cells of all keys, then fills them in and adds everything that hangs on them.
EI_CHECKED ei_error *hive_put_keys(struct hive_tree *tree, struct hive_cells *cells);

// The subkey list of `key` for its stable or volatile children; `*cell` untouched without any
// (hive_lists.c).
EI_CHECKED ei_error *hive_put_subkeys(const struct hive_tree *tree, const struct hive_key *key,
	unsigned storage, struct hive_cells *cells, uint32_t *cell);

#endif
