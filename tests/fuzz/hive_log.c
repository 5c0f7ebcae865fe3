// Fuzz entry: a hive file and a log of changes to it; checksums and hashes are made right, so that
// what lies behind them is reached. Shape: 4 bytes, the size of the hive; the hive; the log.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive_log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 256 << 20, SECTOR = 512, ENTRY_HEADER = 40, ENTRIES_MAX = 16 };

static void base_fix(uint8_t *base, size_t size)
{
	if (size < SECTOR)
		return;
	uint32_t sum = base_checksum(base);
	memcpy(base + BASE_CHECKSUM, &sum, sizeof sum);
}

static void entries_fix(uint8_t *log, size_t size)
{
	size_t at = SECTOR;
	for (int i = 0; i < ENTRIES_MAX && span_inside(at, ENTRY_HEADER, size); i++) {
		uint32_t length = load_u32(log + at + 4);
		if (length < ENTRY_HEADER || !span_inside(at, length, size))
			return;
		uint64_t hash = log_hash(log + at + ENTRY_HEADER, length - ENTRY_HEADER);
		memcpy(log + at + 24, &hash, sizeof hash);
		hash = log_hash(log + at, 32);
		memcpy(log + at + 32, &hash, sizeof hash);
		at += length;
	}
}

static void drop_note(void *context, const char *text)
{
	*(size_t *)context += strlen(text);
}

static void remnants_ask(ei_hive *hive)
{
	ei_remnants *all = ei_hive_remnants(hive);
	for (ei_remnant it; ei_remnant_next(all, &it);) {
		if (it.is_value) {
			ei_value_name(&it.value);
			ei_value_data(&it.value);
		} else {
			ei_key_name(&it.key);
			ei_key_written(&it.key);
		}
	}
}

static void recover(ei_arena *arena, const uint8_t *hive, size_t size, const ei_hive_log *log)
{
	ei_hive_recovery out;
	ei_hive *opened = NULL;
	size_t noted = 0;
	ei_error *error = ei_hive_recover(arena, hive, size, log, 1, drop_note, &noted, &out);
	if (!error)
		error = ei_hive_open_file(arena, out.bytes, out.size, &opened);
	ei_error_drop(error);
	if (opened)
		remnants_ask(opened);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	EI_OWNED(ei_arena) arena = NULL;
	if (size < 4)
		return 0;
	size_t hive_size = MIN((size_t)load_u32(data), size - 4), log_size = size - 4 - hive_size;
	// In allocations of their own, so that reading past either is seen.
	uint8_t *hive = malloc(hive_size + 1), *log = malloc(log_size + 1);
	memcpy(hive, data + 4, hive_size);
	memcpy(log, data + 4 + hive_size, log_size);
	hive = realloc(hive, MAX(hive_size, (size_t)1));
	log = realloc(log, MAX(log_size, (size_t)1));
	base_fix(hive, hive_size);
	base_fix(log, log_size);
	if (log_size > SECTOR)
		entries_fix(log, log_size);
	ei_error *error = ei_arena_create(ARENA_MAX, &arena);
	if (!error)
		recover(arena, hive, hive_size,
			&(ei_hive_log){ .name = "log", .bytes = log, .size = log_size });
	ei_error_drop(error);
	free(hive);
	free(log);
	return 0;
}
