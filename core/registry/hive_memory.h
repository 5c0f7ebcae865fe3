// Hives in memory, for the rest of core/registry.
// SPDX-License-Identifier: Apache-2.0
#ifndef REGISTRY_HIVE_MEMORY_H
#define REGISTRY_HIVE_MEMORY_H

#include "registry/hive.h"
#include "win/list.h"
#include "win/scan_plan.h"

struct hive_in_run {
	struct ei_hive hive;
	uint64_t va; // of the _CMHIVE
	const char *name;
};

// The whole base block of a hive in memory; false when not all of it can be read, or it is none.
bool hive_base_block(struct ei_hive *hive, uint8_t *out);

// True when the object carries the signature of a hive.
bool cmhive_is_signed(const cmhive *hive);

// Hives join any pass over memory: once planned, ei_hives_scanned() costs no pass of its own.
extern const struct scan_part hives_part;

#endif
