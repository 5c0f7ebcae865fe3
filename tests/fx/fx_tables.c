// Fixture: physical memory with page tables and a kernel image in it.
// SPDX-License-Identifier: Apache-2.0
#include "fx_tables.h"
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

void fx_memory_init(struct fx_memory *memory, uint64_t size_bytes)
{
	*memory = (struct fx_memory){ .size = size_bytes, .free = PAGE_SIZE };
	memory->bytes = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(memory->bytes != MAP_FAILED);
}

static void memory_close(struct fx_memory *memory)
{
	reader_drop(memory->reader);
	image_close(memory->image);
	if (memory->path[0])
		unlink(memory->path);
	memory->reader = NULL;
	memory->image = NULL;
	memory->path[0] = 0;
}

void fx_memory_deinit(struct fx_memory *memory)
{
	memory_close(memory);
	munmap(memory->bytes, memory->size);
}

uint64_t fx_frame(struct fx_memory *memory)
{
	uint64_t frame = memory->free;

	assert_true(frame + PAGE_SIZE <= memory->size);
	memory->free += PAGE_SIZE;
	return frame;
}

static bool page_is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE_SIZE - 1);
}

// Zero pages become holes: images of many GiB cost what is in them.
static void memory_save(const struct fx_memory *memory, int file)
{
	assert_int_equal(ftruncate(file, (off_t)memory->size), 0);
	for (uint64_t pa = 0; pa < memory->size; pa += PAGE_SIZE) {
		uint8_t resident = 0;
		mincore(memory->bytes + pa, PAGE_SIZE, &resident);
		if (!(resident & 1) || page_is_zero(memory->bytes + pa))
			continue;
		ssize_t put = pwrite(file, memory->bytes + pa, PAGE_SIZE, (off_t)pa);
		assert_int_equal(put, PAGE_SIZE);
	}
}

void fx_memory_open(struct fx_memory *memory)
{
	memory_close(memory);
	snprintf(memory->path, sizeof memory->path, "/tmp/fx_tables.XXXXXX");
	int file = mkstemp(memory->path);
	assert_true(file >= 0);
	memory_save(memory, file);
	close(file);
	assert_null(image_open(memory->path, "raw", &memory->image));
	assert_null(reader_create(memory->image, &memory->reader));
}

void fx_put16(struct fx_memory *memory, uint64_t pa, uint16_t value)
{
	assert_true(pa + 2 <= memory->size);
	memcpy(memory->bytes + pa, &value, 2);
}

void fx_put32(struct fx_memory *memory, uint64_t pa, uint32_t value)
{
	assert_true(pa + 4 <= memory->size);
	memcpy(memory->bytes + pa, &value, 4);
}

void fx_put64(struct fx_memory *memory, uint64_t pa, uint64_t value)
{
	assert_true(pa + 8 <= memory->size);
	memcpy(memory->bytes + pa, &value, 8);
}

// ---- page tables ----------------------------------------------------------------------------
static unsigned level_shift(enum fx_mode mode, unsigned up)
{
	static const unsigned shifts[][4] = { [FX_X64] = { 12, 21, 30, 39 },
		[FX_PAE] = { 12, 21, 30, 0 },
		[FX_X86] = { 12, 22, 0, 0 } };

	return shifts[mode][up];
}

static uint64_t entry_get(struct fx_tables *tables, uint64_t pa)
{
	uint8_t *at = tables->memory->bytes + pa;

	return tables->mode == FX_X86 ? load_u32(at) : load_u64(at);
}

static void entry_set(struct fx_tables *tables, uint64_t pa, uint64_t value)
{
	if (tables->mode == FX_X86)
		fx_put32(tables->memory, pa, (uint32_t)value);
	else
		fx_put64(tables->memory, pa, value);
}

void fx_tables_init(
	struct fx_tables *tables, struct fx_memory *memory, enum fx_mode mode, uint64_t root)
{
	static const struct space_mode *const modes[] = { &space_x64, &space_pae, &space_x86 };

	if (!root)
		root = fx_frame(memory);
	*tables = (struct fx_tables){
		.memory = memory, .mode = mode, .root = root, .space = { modes[mode], root, 0 }
	};
	for (uint64_t i = 0; mode == FX_PAE && i < 4; i++)
		fx_put64(memory, root + 8 * i, fx_frame(memory) | 1);
}

uint64_t fx_entry_at(struct fx_tables *tables, uint64_t va, unsigned up)
{
	unsigned tops[] = { [FX_X64] = 3, [FX_PAE] = 2, [FX_X86] = 1 };
	uint64_t table = tables->root;
	unsigned bytes = tables->mode == FX_X86 ? 4 : 8;
	unsigned mask = tables->mode == FX_X86 ? 0x3ff : 0x1ff;

	for (unsigned level = tops[tables->mode];; level--) {
		unsigned index = (unsigned)(va >> level_shift(tables->mode, level)) & mask;
		if (tables->mode == FX_PAE && level == 2)
			index &= 3;
		uint64_t at = table + (uint64_t)bytes * index;
		if (level == up)
			return at;
		if (!entry_get(tables, at))
			entry_set(tables, at, fx_frame(tables->memory) | 0x63);
		table = entry_get(tables, at) & UINT64_C(0xffffffffff000);
	}
}

void fx_entry_put(struct fx_tables *tables, uint64_t va, unsigned up, uint64_t value)
{
	entry_set(tables, fx_entry_at(tables, va, up), value);
}

void fx_map(struct fx_tables *tables, uint64_t va, uint64_t pa)
{
	fx_entry_put(tables, va, 0, pa | 0x63);
}

uint64_t fx_map_fresh(struct fx_tables *tables, uint64_t va)
{
	uint64_t frame = fx_frame(tables->memory);

	fx_map(tables, va, frame);
	return frame;
}

void fx_map_large(struct fx_tables *tables, uint64_t va, uint64_t pa)
{
	fx_entry_put(tables, va, 1, pa | 0xe3);
}

void fx_self_map(struct fx_tables *tables, unsigned index)
{
	struct fx_memory *memory = tables->memory;
	uint64_t root = tables->root;

	if (tables->mode == FX_X64)
		fx_put64(memory, root + 8 * index, root | UINT64_C(0x8000000000000063));
	if (tables->mode == FX_X86)
		fx_put32(memory, root + 4 * 0x300, (uint32_t)root | 0x63);
	if (tables->mode != FX_PAE)
		return;
	uint64_t last = load_u64(memory->bytes + root + 24) & ~UINT64_C(0xfff);
	for (uint64_t i = 0; i < 4; i++)
		fx_put64(memory, last + 8 * i,
			(load_u64(memory->bytes + root + 8 * i) & ~UINT64_C(0xfff)) | 0x63);
}

static uint64_t frame_of(struct fx_tables *tables, uint64_t va)
{
	uint64_t up = entry_get(tables, fx_entry_at(tables, va, 1));

	if (up & 0x80) {
		uint64_t size = UINT64_C(1) << level_shift(tables->mode, 1);
		return (up & UINT64_C(0xffffffffff000) & ~(size - 1)) + (va & (size - 1));
	}
	uint64_t entry = entry_get(tables, fx_entry_at(tables, va, 0));
	assert_true(entry & 1);
	return (entry & UINT64_C(0xffffffffff000)) + va % PAGE_SIZE;
}

void fx_write(struct fx_tables *tables, uint64_t va, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;

	while (size) {
		size_t here = MIN(size, PAGE_SIZE - va % PAGE_SIZE);
		memcpy(tables->memory->bytes + frame_of(tables, va), from, here);
		va += here;
		from += here;
		size -= here;
	}
}

void fx_unmap(struct fx_tables *tables, uint64_t va)
{
	if (tables->mode == FX_X86)
		fx_entry_put(tables, va, 0, 0x1234082); // page file 1, page 0x1234
	else
		fx_entry_put(tables, va, 0, UINT64_C(0x0000123400001080));
}
