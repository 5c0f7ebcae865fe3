// Cells: room in a hive's two storages, bin by bin.
// SPDX-License-Identifier: Apache-2.0
#include "hive_cells.h"

#include <stdlib.h>

enum { BIN_HEAD = 32, CELL_HEAD = 4, STORAGE_CAP = 512 << 20 };

static uint32_t rounded(uint32_t value, uint32_t unit)
{
	return (value + unit - 1) / unit * unit;
}

// Sizes are negative while a cell is in use.
static void free_rest(struct hive_storage *storage)
{
	if (storage->used < storage->length)
		put_u32(storage->bytes + storage->used, storage->length - storage->used);
	storage->used = storage->length;
}

static ei_error *bin_add(struct hive_storage *storage, uint32_t cell_bytes, uint64_t written)
{
	uint32_t bytes = rounded(cell_bytes + BIN_HEAD, PAGE_SIZE);
	if (bytes > STORAGE_CAP - storage->length)
		return ei_fail(EI_E_LIMIT, "hive grows past %d bytes", STORAGE_CAP);
	uint8_t *grown = realloc(storage->bytes, storage->length + bytes);
	if (!grown)
		return ei_fail(EI_E_NOMEM, "no memory for a bin");
	storage->bytes = grown;
	free_rest(storage);
	uint8_t *bin = grown + storage->length;
	memset(bin, 0, bytes);
	memcpy(bin, "hbin", 4);
	put_u32(bin + 4, storage->length);
	put_u32(bin + 8, bytes);
	if (!storage->length)
		put_u64(bin + 20, written);
	storage->used = storage->length + BIN_HEAD;
	storage->length += bytes;
	return NULL;
}

ei_error *hive_cell_alloc(
	struct hive_cells *cells, unsigned storage, uint32_t length, uint32_t *cell)
{
	struct hive_storage *into = &cells->storages[storage];
	if (length > STORAGE_CAP)
		return ei_fail(EI_E_LIMIT, "cell of %u bytes", length);
	uint32_t bytes = rounded(length + CELL_HEAD, 8);
	if (into->length - into->used < bytes)
		EI_TRY(bin_add(into, bytes, cells->written));
	put_u32(into->bytes + into->used, -bytes);
	*cell = into->used | (storage == VOLATILE ? CELL_VOLATILE : 0);
	into->used += bytes;
	return NULL;
}

uint8_t *hive_cell_at(struct hive_cells *cells, uint32_t cell)
{
	struct hive_storage *storage = &cells->storages[cell & CELL_VOLATILE ? VOLATILE : STABLE];
	return storage->bytes + (cell & ~CELL_VOLATILE) + CELL_HEAD;
}

void hive_cells_finish(struct hive_cells *cells)
{
	for (unsigned i = 0; i < STORAGES; i++)
		free_rest(&cells->storages[i]);
}

void hive_cells_deinit(struct hive_cells *cells)
{
	for (unsigned i = 0; i < STORAGES; i++)
		free(cells->storages[i].bytes);
	*cells = (struct hive_cells){ 0 };
}
