// Fixture: a hive file made cell by cell. Source: M. Suhanov's specification, written anew here.
// SPDX-License-Identifier: Apache-2.0
#include "fx_hive.h"

#include <stdlib.h>

uint8_t *fx_at(struct fx_hive *hive, uint32_t cell, int32_t offset)
{
	return hive->bytes + 4096 + cell + 4 + offset;
}

void fx_cell_put32(struct fx_hive *hive, uint32_t cell, int32_t offset, uint32_t value)
{
	memcpy(fx_at(hive, cell, offset), &value, 4);
}

void fx_cell_put16(struct fx_hive *hive, uint32_t cell, int32_t offset, uint16_t value)
{
	memcpy(fx_at(hive, cell, offset), &value, 2);
}

uint32_t fx_cell(struct fx_hive *hive, const void *bytes, uint32_t size)
{
	uint32_t whole = (size + 4 + 7) & ~7u, cell = hive->used;
	if (whole > FX_HIVE_BINS - hive->used)
		abort();
	hive->used += whole;
	fx_cell_put32(hive, cell, -4, -whole);
	if (bytes)
		memcpy(fx_at(hive, cell, 0), bytes, size);
	return cell;
}

static uint32_t key_make(struct fx_hive *hive, const void *name, uint32_t length, uint16_t flags)
{
	uint32_t cell = fx_cell(hive, NULL, 76 + length);
	memcpy(fx_at(hive, cell, 0), "nk", 2);
	fx_cell_put16(hive, cell, 2, flags);
	fx_cell_put32(hive, cell, 4, 0xd53e8000);
	fx_cell_put32(hive, cell, 8, 0x019db1de); // 1970-01-01
	fx_cell_put32(hive, cell, 16, hive->root);
	fx_cell_put32(hive, cell, 28, UINT32_MAX);
	fx_cell_put32(hive, cell, 32, UINT32_MAX);
	fx_cell_put32(hive, cell, 40, UINT32_MAX);
	fx_cell_put32(hive, cell, 48, UINT32_MAX);
	fx_cell_put16(hive, cell, 72, (uint16_t)length);
	memcpy(fx_at(hive, cell, 76), name, length);
	return cell;
}

uint32_t fx_key(struct fx_hive *hive, const char *name)
{
	return key_make(hive, name, (uint32_t)strlen(name), 0x20);
}

uint32_t fx_key_wide(struct fx_hive *hive, const uint16_t *name, uint32_t units)
{
	return key_make(hive, name, units * 2, 0);
}

uint32_t fx_list(struct fx_hive *hive, const char *form, const uint32_t *elements, uint16_t count)
{
	uint32_t stride = form[0] == 'l' && form[1] != 'i' ? 8 : 4;
	uint32_t cell = fx_cell(hive, NULL, 4 + stride * count);
	memcpy(fx_at(hive, cell, 0), form, 2);
	fx_cell_put16(hive, cell, 2, count);
	for (uint32_t i = 0; i < count; i++)
		fx_cell_put32(hive, cell, (int32_t)(4 + stride * i), elements[i]);
	return cell;
}

void fx_set_subkeys(struct fx_hive *hive, uint32_t key, uint32_t list, uint32_t count)
{
	fx_cell_put32(hive, key, 20, count);
	fx_cell_put32(hive, key, 28, list);
}

uint32_t fx_value(
	struct fx_hive *hive, const char *name, uint32_t type, const void *data, uint32_t length)
{
	uint32_t name_length = (uint32_t)strlen(name);
	uint32_t cell = fx_cell(hive, NULL, 20 + name_length);
	memcpy(fx_at(hive, cell, 0), "vk", 2);
	fx_cell_put16(hive, cell, 2, (uint16_t)name_length);
	fx_cell_put32(hive, cell, 12, type);
	fx_cell_put16(hive, cell, 16, 1);
	memcpy(fx_at(hive, cell, 20), name, name_length);
	if (length <= 4) {
		fx_cell_put32(hive, cell, 4, 0x80000000u | length);
		memcpy(fx_at(hive, cell, 8), data, length);
	} else {
		fx_cell_put32(hive, cell, 4, length);
		fx_cell_put32(hive, cell, 8, fx_cell(hive, data, length));
	}
	return cell;
}

void fx_set_values(struct fx_hive *hive, uint32_t key, const uint32_t *values, uint32_t count)
{
	fx_cell_put32(hive, key, 36, count);
	fx_cell_put32(hive, key, 40, fx_cell(hive, values, count * 4));
}

void fx_hive_init(struct fx_hive *hive)
{
	uint32_t version[] = { 1, 5, 0, 1 }, bin_size = FX_HIVE_BINS, root = 32;
	memset(hive, 0, sizeof *hive);
	memcpy(hive->bytes, "regf", 4);
	memcpy(hive->bytes + 20, version, sizeof version);
	memcpy(hive->bytes + 36, &root, 4);
	memcpy(hive->bytes + 40, &bin_size, 4);
	memcpy(hive->bytes + 4096, "hbin", 4);
	memcpy(hive->bytes + 4096 + 8, &bin_size, 4);
	hive->used = hive->root = 32;
	fx_key(hive, "root");
}
