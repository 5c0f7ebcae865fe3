// Fixture: a hive file made cell by cell, so that a test can make any of them wrong.
// SPDX-License-Identifier: Apache-2.0
#ifndef FX_HIVE_H
#define FX_HIVE_H

#include "base/base.h"
#include <eidetic/registry.h>

enum { FX_HIVE_BINS = 64 << 10, FX_NONE = -1 };

struct fx_hive {
	uint8_t bytes[4096 + FX_HIVE_BINS];
	uint32_t used; // of the bins
	uint32_t root;
};

void fx_hive_init(struct fx_hive *hive); // version 1.5, one bin, a root key named "root"

// A cell with `size` bytes behind its size field; its index.
uint32_t fx_cell(struct fx_hive *hive, const void *bytes, uint32_t size);
uint8_t *fx_at(struct fx_hive *hive, uint32_t cell, int32_t offset); // into a cell
void fx_cell_put32(struct fx_hive *hive, uint32_t cell, int32_t offset, uint32_t value);
void fx_cell_put16(struct fx_hive *hive, uint32_t cell, int32_t offset, uint16_t value);

uint32_t fx_key(struct fx_hive *hive, const char *name); // a Latin-1 name
uint32_t fx_key_wide(struct fx_hive *hive, const uint16_t *name, uint32_t units);

// A list of subkeys: "lf", "lh", "li", "ri".
uint32_t fx_list(struct fx_hive *hive, const char *form, const uint32_t *elements, uint16_t count);
void fx_set_subkeys(struct fx_hive *hive, uint32_t key, uint32_t list, uint32_t count);

uint32_t fx_value(struct fx_hive *hive, const char *name, uint32_t type, const void *data,
	uint32_t length); // in a cell of its own, or inside when it fits
void fx_set_values(struct fx_hive *hive, uint32_t key, const uint32_t *values, uint32_t count);

#endif
