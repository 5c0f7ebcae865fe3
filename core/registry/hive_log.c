// Transaction logs of hive files: what was still to be written when the system stopped. Both
// formats as M. Suhanov's "Windows registry file format specification" has them.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive_log.h"

enum {
	SECTOR = 512,
	ENTRY_SIZE = 4,
	ENTRY_FLAGS = 8,
	ENTRY_SEQUENCE = 12,
	ENTRY_BINS = 16,
	ENTRY_PAGES = 20,
	ENTRY_HASH_1 = 24,
	ENTRY_HASH_2 = 32,
	ENTRY_HEADER = 40, // and then references to pages, and the pages
	REFERENCE = 8,
	VECTOR_HEADER = 4,
};

uint32_t base_checksum(const uint8_t *base_block)
{
	uint32_t sum = 0;
	for (int at = 0; at < BASE_CHECKSUM; at += 4)
		sum ^= load_u32(base_block + at);
	if (sum == UINT32_MAX)
		return UINT32_MAX - 1;
	return sum ? sum : 1;
}

bool log_is_valid(const ei_hive_log *log)
{
	const uint8_t *base = log->bytes;
	return log->size >= SECTOR && !memcmp(base, "regf", 4) && load_u32(base + BASE_TYPE) &&
	       load_u32(base + BASE_CHECKSUM) == base_checksum(base) &&
	       load_u32(base + BASE_SEQUENCE_1) == load_u32(base + BASE_SEQUENCE_2);
}

// ---- hash -----------------------------------------------------------------------------------

static uint32_t rotate(uint32_t value, int by)
{
	return value << by | value >> (32 - by);
}

static void mix(uint32_t *low, uint32_t *high, uint32_t word)
{
	*low += word;
	*high ^= *low;
	*low = rotate(*low, 20) + *high;
	*high = rotate(*high, 9) ^ *low;
	*low = rotate(*low, 27) + *high;
	*high = rotate(*high, 19);
}

uint64_t log_hash(const uint8_t *bytes, size_t size)
{
	uint32_t low = 0x7a4e55c5, high = 0x82ef4d88;
	size_t whole = size & ~(size_t)3;
	for (size_t at = 0; at < whole; at += 4)
		mix(&low, &high, load_u32(bytes + at));
	uint8_t rest[4] = { 0 };
	memcpy(rest, bytes + whole, size - whole);
	rest[size - whole] = 0x80;
	mix(&low, &high, load_u32(rest));
	mix(&low, &high, 0);
	return (uint64_t)high << 32 | low;
}

// ---- entries --------------------------------------------------------------------------------

// The size of the entry at `at`; 0 when there is none, or one that was not written to its end.
static uint32_t entry_check(const ei_hive_log *log, size_t at)
{
	const uint8_t *entry = (const uint8_t *)log->bytes + at;
	if (!span_inside(at, ENTRY_HEADER, log->size) || memcmp(entry, "HvLE", 4) != 0)
		return 0;
	uint32_t size = load_u32(entry + ENTRY_SIZE);
	if (size < ENTRY_HEADER || size % SECTOR || !span_inside(at, size, log->size) ||
		load_u32(entry + ENTRY_BINS) % BLOCK_SIZE)
		return 0;
	if (load_u64(entry + ENTRY_HASH_2) != log_hash(entry, ENTRY_HASH_2) ||
		load_u64(entry + ENTRY_HASH_1) !=
			log_hash(entry + ENTRY_HEADER, size - ENTRY_HEADER))
		return 0;
	return size;
}

bool log_has_entries(const ei_hive_log *log)
{
	const uint8_t *bytes = log->bytes;
	return span_inside(SECTOR, ENTRY_HEADER, log->size) && !memcmp(bytes + SECTOR, "HvLE", 4);
}

static bool entry_apply(struct recovery *r, const uint8_t *entry, uint32_t size)
{
	uint32_t count = load_u32(entry + ENTRY_PAGES), at = ENTRY_HEADER;
	if (count > (size - ENTRY_HEADER) / REFERENCE ||
		!recovery_resize(r, load_u32(entry + ENTRY_BINS)))
		return false;
	at += count * REFERENCE;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *reference = entry + ENTRY_HEADER + i * REFERENCE;
		uint32_t length = load_u32(reference + 4);
		if (!span_inside(at, length, size) ||
			!recovery_put(r, load_u32(reference), entry + at, length))
			return false;
		at += length;
	}
	uint32_t flags = load_u32(r->bytes + BASE_FLAGS) & ~1u;
	flags |= load_u32(entry + ENTRY_FLAGS) & 1;
	memcpy(r->bytes + BASE_FLAGS, &flags, sizeof flags);
	r->out->entries++;
	return true;
}

bool log_apply_entries(struct recovery *r, const ei_hive_log *log, uint32_t *after)
{
	const uint8_t *bytes = log->bytes;
	uint32_t sequence = load_u32(bytes + BASE_SEQUENCE_1), applied = 0, size;
	for (size_t at = SECTOR; (size = entry_check(log, at)) != 0; at += size) {
		if (load_u32(bytes + at + ENTRY_SEQUENCE) != sequence + applied)
			break; // what follows is left from earlier
		if (!entry_apply(r, bytes + at, size)) {
			recovery_note(r, "'%s': entry %u cannot be applied", log->name,
				sequence + applied);
			break;
		}
		*after = sequence + applied++;
	}
	return applied > 0;
}

// ---- dirty vector ---------------------------------------------------------------------------

bool log_apply_vector(struct recovery *r, const ei_hive_log *log)
{
	const uint8_t *bytes = log->bytes, *bits = bytes + SECTOR + VECTOR_HEADER;
	uint32_t length = load_u32(bytes + BASE_LENGTH);
	uint32_t sectors = length / SECTOR;
	uint64_t end = SECTOR + VECTOR_HEADER + ((uint64_t)sectors + 7) / 8;
	uint64_t at = (end + SECTOR - 1) / SECTOR * SECTOR;
	if (!span_inside(SECTOR, VECTOR_HEADER, log->size) || end > log->size ||
		memcmp(bytes + SECTOR, "DIRT", 4) != 0) {
		recovery_note(r, "'%s' has no list of dirty sectors", log->name);
		return false;
	}
	if (!recovery_resize(r, length))
		return false;
	for (uint32_t i = 0; i < sectors; i++) {
		if (!(bits[i / 8] >> i % 8 & 1))
			continue;
		if (!span_inside(at, SECTOR, log->size)) {
			recovery_note(r, "'%s' ends before its dirty sectors do", log->name);
			break;
		}
		recovery_put(r, i * SECTOR, bytes + at, SECTOR);
		at += SECTOR;
	}
	r->out->entries++;
	return true;
}
