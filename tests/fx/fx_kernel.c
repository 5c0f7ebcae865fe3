// Fixture: a kernel image as it lies in memory, with just the directories that name it.
// SPDX-License-Identifier: Apache-2.0
#include "fx_tables.h"

const uint8_t fx_guid[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
	0xbb, 0xcc, 0xdd, 0xee, 0xff };

struct builder {
	struct fx_tables *tables;
	struct fx_kernel kernel;
};

static void put(const struct builder *b, uint32_t rva, const void *bytes, size_t size)
{
	fx_write(b->tables, b->kernel.base + rva, bytes, size);
}

static void put16(const struct builder *b, uint32_t rva, uint16_t value)
{
	put(b, rva, &value, 2);
}

static void put32(const struct builder *b, uint32_t rva, uint32_t value)
{
	put(b, rva, &value, 4);
}

static void map_page(const struct builder *b, uint32_t rva)
{
	if (b->kernel.large)
		return;
	uint64_t va = (b->kernel.base + rva) & ~UINT64_C(0xfff);
	uint64_t at = fx_entry_at(b->tables, va, 0);
	if (!(b->tables->memory->bytes[at] & 1))
		fx_map_fresh(b->tables, va);
}

static void map_large_all(const struct builder *b)
{
	struct fx_memory *memory = b->tables->memory;
	uint64_t unit = b->tables->mode == FX_X86 ? 4 << 20 : 2 << 20;

	memory->free = (memory->free + unit - 1) & ~(unit - 1);
	for (uint64_t at = 0; at < b->kernel.size; at += unit) {
		fx_map_large(b->tables, b->kernel.base + at, memory->free);
		memory->free += unit;
	}
}

static void put_headers(const struct builder *b)
{
	bool wide = b->tables->mode == FX_X64;
	uint32_t directories = 0x100 + 24 + (wide ? 112 : 96);

	map_page(b, 0);
	put(b, 0, "MZ", 2);
	put32(b, 0x3c, 0x100);
	put(b, 0x100, "PE\0\0", 4);
	put16(b, 0x104, (uint16_t)b->kernel.machine);
	put16(b, 0x106, 1);          // sections
	put32(b, 0x108, 0x5f000000); // time stamp
	put16(b, 0x114, wide ? 0xf0 : 0xe0);
	put16(b, 0x118, wide ? 0x20b : 0x10b);
	put16(b, 0x118 + 40, 10); // operating system version
	put32(b, 0x118 + 56, b->kernel.size);
	put32(b, 0x118 + 60, 0x400);
	put32(b, directories - 4, 16);
	if (b->kernel.export) {
		put32(b, directories, b->kernel.export_rva);
		put32(b, directories + 4, 0x400);
	}
	if (b->kernel.build) {
		put32(b, directories + 16, b->kernel.resource_rva);
		put32(b, directories + 20, 0x400);
	}
	if (b->kernel.pdb) {
		put32(b, directories + 48, b->kernel.rsds_rva);
		put32(b, directories + 52, 28);
	}
}

static void put_debug(const struct builder *b)
{
	uint32_t rva = b->kernel.rsds_rva;

	map_page(b, rva);
	put32(b, rva + 12, 2); // CodeView
	put32(b, rva + 16, 24 + (uint32_t)strlen(b->kernel.pdb) + 1);
	put32(b, rva + 20, rva + 64);
	put(b, rva + 64, "RSDS", 4);
	put(b, rva + 68, fx_guid, 16);
	put32(b, rva + 84, FX_AGE);
	put(b, rva + 88, b->kernel.pdb, strlen(b->kernel.pdb) + 1);
}

// Two names, in order, as a linker sorts them.
static void put_exports(const struct builder *b)
{
	uint32_t rva = b->kernel.export_rva;

	map_page(b, rva);
	put32(b, rva + 12, rva + 0x200);
	put32(b, rva + 16, 1);
	put32(b, rva + 20, 2);
	put32(b, rva + 24, 2);
	put32(b, rva + 28, rva + 0x40);
	put32(b, rva + 32, rva + 0x50);
	put32(b, rva + 36, rva + 0x60);
	put32(b, rva + 0x40, 0x111000);
	put32(b, rva + 0x44, 0x222000);
	put32(b, rva + 0x50, rva + 0x240);
	put32(b, rva + 0x54, rva + 0x260);
	put16(b, rva + 0x60, 0);
	put16(b, rva + 0x62, 1);
	put(b, rva + 0x200, b->kernel.export, strlen(b->kernel.export) + 1);
	put(b, rva + 0x240, "NtBuildNumber", 14);
	put(b, rva + 0x260, "PsInitialSystemProcess", 23);
}

// Three levels of one entry each: type 16, name 1, language 1033.
static void put_version(const struct builder *b)
{
	static const char key[] = "V\0S\0_\0V\0E\0R\0S\0I\0O\0N\0_\0I\0N\0F\0O\0";
	uint32_t rva = b->kernel.resource_rva;

	map_page(b, rva);
	put16(b, rva + 14, 1);
	put32(b, rva + 16, 16);
	put32(b, rva + 20, 0x80000018);
	put16(b, rva + 0x18 + 14, 1);
	put32(b, rva + 0x18 + 16, 1);
	put32(b, rva + 0x18 + 20, 0x80000030);
	put16(b, rva + 0x30 + 14, 1);
	put32(b, rva + 0x30 + 16, 1033);
	put32(b, rva + 0x30 + 20, 0x48);
	put32(b, rva + 0x48, rva + 0x100);
	put32(b, rva + 0x4c, 0x5c);
	put16(b, rva + 0x100, 0x5c);
	put16(b, rva + 0x102, 0x34);
	put(b, rva + 0x106, key, sizeof key);
	put32(b, rva + 0x128, 0xfeef04bd);
	put32(b, rva + 0x128 + 8, 10u << 16);
	put32(b, rva + 0x128 + 12, (uint32_t)b->kernel.build << 16 | 1237);
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
	return value ? value : otherwise;
}

void fx_kernel_build(struct fx_tables *tables, const struct fx_kernel *kernel)
{
	struct builder b = { .tables = tables, .kernel = *kernel };

	b.kernel.size = or_default(kernel->size, 8 << 20);
	b.kernel.machine = or_default(kernel->machine, tables->mode == FX_X64 ? 0x8664 : 0x14c);
	b.kernel.rsds_rva = or_default(kernel->rsds_rva, 0x3000);
	b.kernel.export_rva = or_default(kernel->export_rva, 0x5000);
	b.kernel.resource_rva = or_default(kernel->resource_rva, 0x7000);
	if (kernel->large)
		map_large_all(&b);
	put_headers(&b);
	for (uint32_t rva = 0x1000; rva < 0x3000; rva += PAGE_SIZE)
		map_page(&b, rva);
	put(&b, 0x1000, "POOLCODE", 8);
	if (kernel->pdb)
		put_debug(&b);
	if (kernel->export)
		put_exports(&b);
	if (kernel->build)
		put_version(&b);
}
