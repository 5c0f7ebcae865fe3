// Logs of changes to hive files, for the rest of core/registry.
// SPDX-License-Identifier: Apache-2.0
#ifndef REGISTRY_HIVE_LOG_H
#define REGISTRY_HIVE_LOG_H

#include "registry/hive.h"

// The checksum of a base block: XOR of the words before it, but never 0 or -1.
uint32_t base_checksum(const uint8_t *base_block);

// Marvin32 with the seed of log entries.
uint64_t log_hash(const uint8_t *bytes, size_t size);

// A hive file that is being recovered: base block and bins in one allocation.
struct recovery {
	uint8_t *bytes;
	size_t size, room;
	ei_hive_recovery *out;
	void (*note)(void *context, const char *text);
	void *context;
};

void recovery_note(struct recovery *r, const char *format, ...) EI_PRINTF(2, 3);

// Makes the bins `length` bytes long; false, with a note, when there is no room for that.
bool recovery_resize(struct recovery *r, uint32_t length);

// Puts a dirty page at its place in the bins; false when it lies outside.
bool recovery_put(struct recovery *r, uint32_t at, const uint8_t *page, uint32_t size);

// Whether the log's base block can be believed.
bool log_is_valid(const ei_hive_log *log);

// Whether a log of the newer format has an entry at its start, sound or not. Without one it is as
// if it were not there; but what a damaged one had is missing, and nothing can follow on it.
bool log_has_entries(const ei_hive_log *log);

// Log entries, since Windows 8.1: all that follow on what `after` has; the number of the last one
// that was applied is left in *after. False: none.
bool log_apply_entries(struct recovery *r, const ei_hive_log *log, uint32_t *after);

// The whole of an older log: a bitmap of dirty sectors, and the sectors.
bool log_apply_vector(struct recovery *r, const ei_hive_log *log);

#endif
