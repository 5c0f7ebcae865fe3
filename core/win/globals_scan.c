// Globals by what they point to.
//
// Entries of the table of big pool allocations begin with the address, whose lowest bit says that
// the entry is free, and the tag: 24 bytes on x64, 32 from build 20348 on; 16 on x86, 12 on XP.
// Where the size and the limit are was seen in the symbols of 213 kernels from 9600 on.
// SPDX-License-Identifier: Apache-2.0
#include "win/globals_scan.h"

enum {
	TABLE_PAGES = 4, // that are looked at
	ENTRIES_MIN = 4, // in use there
	FIRST_MIN = 2,   // in use on the first: entries are where a hash puts them
	TABLES_MAX = 4096,
	SLOTS_MIN = 256,
	SLOTS_MAX = 1 << 24,
	SERVICES_MAX = 2000,
	STRIDES = 2,
};

// ---- the table of big allocations -----------------------------------------------------------
static bool is_tag(uint32_t tag)
{
	for (int i = 0; i < 4; i++, tag >>= 8) {
		uint8_t c = tag & 0x7f; // the highest bit of all protects the allocation
		if (c < ' ' || c > '~')
			return false;
	}
	return true;
}

enum entry { ENTRY_FREE, ENTRY_USED, ENTRY_BAD };

static enum entry entry_kind(const struct kernel_image *kernel, const uint8_t *bytes)
{
	bool wide = kernel->space->mode->pointer_size == 8;
	uint64_t va = wide ? load_u64(bytes) : load_u32(bytes);
	if (!va || va & 1)
		return ENTRY_FREE;
	bool fits = va % PAGE_SIZE == 0 && va >= kernel->space->mode->kernel_start &&
		    is_tag(load_u32(bytes + (wide ? 8 : 4)));
	return fits ? ENTRY_USED : ENTRY_BAD;
}

static bool has_stride(
	const struct kernel_image *kernel, const uint8_t *bytes, size_t size, uint32_t stride)
{
	uint32_t used = 0, first = 0;
	for (size_t at = 0; at + stride <= size; at += stride) {
		enum entry kind = entry_kind(kernel, bytes + at);
		if (kind == ENTRY_BAD)
			return false;
		used += kind == ENTRY_USED;
		first += kind == ENTRY_USED && at < PAGE_SIZE;
	}
	return used >= ENTRIES_MIN && first >= FIRST_MIN;
}

// Bytes of an entry; 0: it is no such table.
static uint32_t big_table_stride(const struct kernel_image *kernel, uint64_t table)
{
	static const uint32_t wide[STRIDES] = { 24, 32 }, narrow[STRIDES] = { 16, 12 };
	const uint32_t *strides = kernel->space->mode->pointer_size == 8 ? wide : narrow;
	uint8_t bytes[TABLE_PAGES * PAGE_SIZE];
	size_t got = space_read(kernel->space, kernel->reader, table, bytes, sizeof bytes, NULL);
	for (size_t i = 0; got && i < STRIDES; i++)
		if (has_stride(kernel, bytes, got, strides[i]))
			return strides[i];
	return 0;
}

static bool is_size(const struct kernel_image *kernel, uint64_t va, uint64_t table, uint32_t stride)
{
	uint8_t byte;
	uint64_t slots = kernel_pointer(kernel, va);
	return slots >= SLOTS_MIN && slots <= SLOTS_MAX && !(slots & (slots - 1)) &&
	       kernel_read(kernel, table + slots * stride - 1, &byte, 1);
}

// The number of slots is a power of two, and nearly always a neighbour.
static uint64_t find_size(const struct kernel_image *kernel, uint64_t variable, uint32_t stride)
{
	static const int8_t distances[] = { 1, -1, 3, -3, 2, -2, 5, -5, 6, -6 };
	uint64_t table = kernel_pointer(kernel, variable);
	for (size_t i = 0; i < ARRAY_LENGTH(distances); i++) {
		uint64_t va = variable +
			      (uint64_t)((int64_t)distances[i] * kernel->space->mode->pointer_size);
		if (is_size(kernel, va, table, stride))
			return va;
	}
	return 0;
}

struct table_scan {
	const struct kernel_image *kernel;
	struct claims *claims;
	uint32_t looked;
	uint64_t last; // looked at
	bool found;
};

static void consider(struct table_scan *scan, uint64_t va, uint64_t table)
{
	const struct kernel_image *kernel = scan->kernel;
	if (!table || table % PAGE_SIZE || table < kernel->space->mode->kernel_start ||
		kernel_holds(kernel, table) || table == scan->last)
		return;
	scan->last = table;
	scan->looked++;
	uint32_t stride = big_table_stride(kernel, table);
	if (!stride)
		return;
	scan->found = true;
	claim(scan->claims, kernel, "PoolBigPageTable", "its entries", va);
	claim(scan->claims, kernel, "PoolBigPageTableSize", "the table beside it",
		find_size(kernel, va, stride));
}

static void tables_of_page(struct table_scan *scan, uint64_t va)
{
	uint8_t bytes[PAGE_SIZE];
	uint32_t step = scan->kernel->space->mode->pointer_size;
	if (!kernel_read(scan->kernel, va, bytes, sizeof bytes))
		return;
	for (size_t at = 0; at < PAGE_SIZE && !scan->found && scan->looked < TABLES_MAX; at += step)
		consider(scan, va + at, step == 8 ? load_u64(bytes + at) : load_u32(bytes + at));
}

static void find_big_table(const struct kernel_image *kernel, struct claims *claims)
{
	struct table_scan scan = { .kernel = kernel, .claims = claims };
	uint64_t last = kernel->base + kernel->size - 1;
	struct page page;
	for (uint64_t va = kernel->base;
		space_next(kernel->space, kernel->reader, va, last, 0, &page);) {
		uint64_t end = MIN(page.va + page.size - 1, last);
		for (uint64_t at = MAX(page.va, va); at < end && !scan.found; at += PAGE_SIZE)
			tables_of_page(&scan, at);
		va = page.va + page.size;
		if (scan.found || va - 1 >= last)
			break;
	}
}

// ---- the number of system services ----------------------------------------------------------
// The limit is behind the table, which has four bytes for each service, or was made with eight.
static uint64_t find_service_limit(
	const struct kernel_image *kernel, uint64_t table, uint32_t services)
{
	uint64_t end = table + 8ULL * services + 16;
	for (uint64_t va = table + 4ULL * services; va < end; va += 4) {
		uint8_t bytes[4];
		if (!kernel_read(kernel, va, bytes, sizeof bytes))
			return 0;
		if (load_u32(bytes) == services)
			return va;
	}
	return 0;
}

static void find_limit(const struct kernel_image *kernel, struct claims *claims)
{
	uint8_t bytes[4];
	uint64_t descriptor = claimed(claims, "KeServiceDescriptorTable");
	uint64_t table = claimed(claims, "KiServiceTable");
	uint64_t at = descriptor + 2ULL * kernel->space->mode->pointer_size;
	if (!descriptor || !table || !kernel_read(kernel, at, bytes, sizeof bytes))
		return;
	uint32_t services = load_u32(bytes);
	if (services && services <= SERVICES_MAX)
		claim(claims, kernel, "KiServiceLimit", "the table before it",
			find_service_limit(kernel, table, services));
}

void scans_read(const struct kernel_image *kernel, struct claims *claims)
{
	find_big_table(kernel, claims);
	find_limit(kernel, claims);
}
