// Triage ("small") kernel dumps: no physical pages, but a driver list and pieces of kernel memory.
//
// The offsets are facts of these public descriptions: rizin's librz/bin/format/dmp/dmp_specs.h
// (TRIAGE_DUMP, driver entries, data blocks), Ghidra's pagedump package (unloaded drivers, order
// and alignment of the string pool) and Singularity's base/Windows/Inc/Dump.h (flags, DUMP_STRING,
// the mark at the end). Order, values and what stays zero are as in the triage dumps of builds
// 19041 and 22000 in rizin-testbins.
// SPDX-License-Identifier: Apache-2.0
#include "container_file.h"

#include <stdlib.h>

enum triage_field {
	SIZE_OF_DUMP,
	VALID_OFFSET,
	CONTEXT_OFFSET,
	EXCEPTION_OFFSET,
	MM_OFFSET,
	UNLOADED_OFFSET,
	PROCESS_OFFSET,
	THREAD_OFFSET,
	STACK_OFFSET,
	STACK_BYTES,
	DRIVERS_OFFSET,
	DRIVER_COUNT,
	STRINGS_OFFSET,
	STRINGS_BYTES,
	TRIAGE_OPTIONS,
	TOP_OF_STACK,
	KDBG_OFFSET,
	KDBG_BYTES,
	BLOCKS_OFFSET,
	BLOCK_COUNT,
	TRIAGE_FIELDS,
};

// The entry is a loader entry of which the system sets just these.
enum ldr_field { NAME_OFFSET, DLL_BASE, IMAGE_BYTES, CHECKSUM, TIMESTAMP, LDR_FIELDS };

struct place {
	uint8_t offset;
	uint8_t width;
};

// What differs between the two pointer sizes.
struct triage_layout {
	uint32_t head_bytes;
	uint32_t driver_bytes;
	uint32_t block_bytes;
	uint32_t unloaded_head, unloaded_bytes, unloaded_name;
	uint32_t file_bytes; // what the system fills up to, when less would do
	struct place head[TRIAGE_FIELDS];
	struct place ldr[LDR_FIELDS];
};

// clang-format off
#define TRIAGE_COMMON                                                                              \
	[SIZE_OF_DUMP]     = { 0x04, 4 }, [VALID_OFFSET]    = { 0x08, 4 },                         \
	[CONTEXT_OFFSET]   = { 0x0c, 4 }, [EXCEPTION_OFFSET] = { 0x10, 4 },                        \
	[MM_OFFSET]        = { 0x14, 4 }, [TRIAGE_OPTIONS]  = { 0x44, 4 },                         \
	[UNLOADED_OFFSET]  = { 0x18, 4 }, [PROCESS_OFFSET]  = { 0x20, 4 },                         \
	[THREAD_OFFSET]    = { 0x24, 4 }, [STACK_OFFSET]    = { 0x28, 4 },                         \
	[STACK_BYTES]      = { 0x2c, 4 }, [DRIVERS_OFFSET]  = { 0x30, 4 },                         \
	[DRIVER_COUNT]     = { 0x34, 4 }, [STRINGS_OFFSET]  = { 0x38, 4 },                         \
	[STRINGS_BYTES]    = { 0x3c, 4 }

static const struct triage_layout layout_64 = {
	.head_bytes = 0x80, .driver_bytes = 0x90, .block_bytes = 16,
	.unloaded_head = 8, .unloaded_bytes = 56, .unloaded_name = 16,
	.head = {
		TRIAGE_COMMON,
		[TOP_OF_STACK]  = { 0x48, 8 },
		[KDBG_OFFSET]   = { 0x70, 4 }, [KDBG_BYTES]  = { 0x74, 4 },
		[BLOCKS_OFFSET] = { 0x78, 4 }, [BLOCK_COUNT] = { 0x7c, 4 },
	},
	.ldr = {
		[NAME_OFFSET] = { 0x00, 4 }, [DLL_BASE] = { 0x38, 8 }, [IMAGE_BYTES] = { 0x48, 4 },
		[CHECKSUM]    = { 0x80, 4 }, [TIMESTAMP] = { 0x88, 4 },
	},
};

static const struct triage_layout layout_32 = {
	.head_bytes = 0x68, .driver_bytes = 0x4c, .block_bytes = 12, .file_bytes = 0x10000,
	.unloaded_head = 4, .unloaded_bytes = 40, .unloaded_name = 8,
	.head = {
		TRIAGE_COMMON,
		[TOP_OF_STACK]  = { 0x48, 4 },
		[KDBG_OFFSET]   = { 0x58, 4 }, [KDBG_BYTES]  = { 0x5c, 4 },
		[BLOCKS_OFFSET] = { 0x60, 4 }, [BLOCK_COUNT] = { 0x64, 4 },
	},
	.ldr = {
		[NAME_OFFSET] = { 0x00, 4 }, [DLL_BASE] = { 0x1c, 4 }, [IMAGE_BYTES] = { 0x24, 4 },
		[CHECKSUM]    = { 0x44, 4 }, [TIMESTAMP] = { 0x48, 4 },
	},
};
// clang-format on

// MiniDumpFields: which parts are there.
enum {
	HAS_CONTEXT = 0x001,
	HAS_EXCEPTION = 0x002,
	HAS_PROCESS = 0x008,
	HAS_THREAD = 0x010,
	HAS_STACK = 0x020,
	HAS_DRIVERS = 0x040,
	HAS_BROKEN_DRIVER = 0x080, // set although there is none
	HAS_KDBG = 0x400,
	HAS_BLOCKS = 0x800,
};

enum { UNLOADED_NAME_UNITS = 12, MM_BYTES = 0x50, NAME_CAP = 1024, TRIAGE_CAP = 64 << 20 };

// The file in memory: a triage dump is small.
struct triage {
	const struct dump_meta *meta;
	const struct triage_layout *layout;
	uint32_t header_bytes;
	struct text out;
	uint64_t fields[TRIAGE_FIELDS];
	uint32_t present; // HAS_*
};

static uint8_t *triage_at(struct triage *triage, uint64_t offset)
{
	return (uint8_t *)triage->out.data + offset;
}

// Appends zeroes up to an 8-byte boundary and then `length` more; returns where those start.
static uint32_t triage_grow(struct triage *triage, uint64_t length)
{
	static const char zero[256];
	uint64_t start = (triage->out.length + 7) & ~UINT64_C(7);
	while (triage->out.length < start + length && !triage->out.cut)
		text_add(&triage->out, zero, MIN(sizeof zero, start + length - triage->out.length));
	return (uint32_t)start;
}

static void put_place(uint8_t *record, struct place place, uint64_t value)
{
	container_store(record + place.offset, value, place.width);
}

// ASCII and Latin-1 are all that driver names need here; anything else becomes '?'.
static uint32_t name_units(const char *name, uint16_t *units, uint32_t cap)
{
	uint32_t count = 0;
	for (; name[count] && count < cap; count++)
		units[count] = (unsigned char)name[count] < 0x80 ? (uint16_t)name[count] : '?';
	return count;
}

static void put_blob(struct triage *triage, const struct dump_range *blob, uint32_t flag,
	enum triage_field offset, enum triage_field length)
{
	if (!blob)
		return;
	uint32_t at = triage_grow(triage, blob->length);
	if (triage->out.cut)
		return;
	memcpy(triage_at(triage, at), blob->bytes, blob->length);
	triage->fields[offset] = at;
	if (length != TRIAGE_FIELDS)
		triage->fields[length] = blob->length;
	triage->present |= flag;
}

// What the memory manager adds: {1, its own size, counters}. No flag announces it.
static void put_mm(struct triage *triage)
{
	uint32_t at = triage_grow(triage, MM_BYTES);
	if (triage->out.cut)
		return;
	container_store(triage_at(triage, at), 1, 4);
	container_store(triage_at(triage, at) + 4, MM_BYTES, 4);
	triage->fields[MM_OFFSET] = at;
	triage->fields[TRIAGE_OPTIONS] = UINT32_MAX;
}

static void put_unloaded(struct triage *triage)
{
	const struct triage_layout *layout = triage->layout;
	const struct dump_meta *meta = triage->meta;
	unsigned width = meta->pointer_size;
	uint32_t at = triage_grow(
		triage, layout->unloaded_head + meta->unloaded_count * layout->unloaded_bytes);
	if (triage->out.cut)
		return;
	triage->fields[UNLOADED_OFFSET] = at;
	container_store(triage_at(triage, at), meta->unloaded_count, layout->unloaded_head);
	for (size_t i = 0; i < meta->unloaded_count; i++) {
		const struct dump_unloaded *driver = &meta->unloaded[i];
		uint8_t *record =
			triage_at(triage, at + layout->unloaded_head + i * layout->unloaded_bytes);
		uint16_t units[UNLOADED_NAME_UNITS] = { 0 };
		uint32_t count = name_units(driver->name, units, UNLOADED_NAME_UNITS);
		container_store(record, count * 2, 2);
		container_store(record + 2, count * 2, 2);
		memcpy(record + layout->unloaded_name, units, sizeof units);
		uint8_t *range = record + layout->unloaded_name + sizeof units;
		container_store(range, driver->start, width);
		container_store(range + width, driver->end, width);
	}
}

// The string pool follows the entries: {u32 units, UTF-16, NUL}, each aligned to 8 bytes.
static uint32_t put_name(struct triage *triage, const char *name)
{
	uint16_t units[NAME_CAP];
	uint32_t count = name_units(name, units, NAME_CAP - 1);
	units[count] = 0;
	uint32_t at = triage_grow(triage, 4 + (count + 1) * 2);
	if (triage->out.cut)
		return 0;
	container_store(triage_at(triage, at), count, 4);
	memcpy(triage_at(triage, at + 4), units, (count + 1) * 2);
	return at;
}

static void put_driver(
	struct triage *triage, uint8_t *record, const struct dump_driver *driver, uint32_t name_at)
{
	const uint64_t values[LDR_FIELDS] = {
		[NAME_OFFSET] = name_at,
		[DLL_BASE] = driver->base,
		[IMAGE_BYTES] = driver->size_bytes,
		[CHECKSUM] = driver->checksum,
		[TIMESTAMP] = driver->timestamp,
	};
	for (size_t i = 0; i < LDR_FIELDS; i++)
		put_place(record, triage->layout->ldr[i], values[i]);
}

static void put_drivers(struct triage *triage)
{
	const struct dump_meta *meta = triage->meta;
	uint32_t list = triage_grow(triage, meta->driver_count * triage->layout->driver_bytes);
	uint32_t pool = triage_grow(triage, 0);
	for (size_t i = 0; i < meta->driver_count; i++) {
		uint32_t name = put_name(triage, meta->drivers[i].name);
		if (triage->out.cut)
			return;
		uint8_t *record = triage_at(triage, list + i * triage->layout->driver_bytes);
		put_driver(triage, record, &meta->drivers[i], name);
	}
	triage->fields[DRIVERS_OFFSET] = list;
	triage->fields[DRIVER_COUNT] = meta->driver_count;
	triage->fields[STRINGS_OFFSET] = pool;
	triage->fields[STRINGS_BYTES] = triage->out.length - pool;
	triage->present |= HAS_DRIVERS;
}

static void put_blocks(struct triage *triage)
{
	const struct dump_meta *meta = triage->meta;
	if (!meta->range_count)
		return;
	uint32_t width = meta->pointer_size;
	uint32_t table = triage_grow(triage, meta->range_count * triage->layout->block_bytes);
	for (size_t i = 0; i < meta->range_count; i++) {
		const struct dump_range *range = &meta->ranges[i];
		uint32_t at = triage_grow(triage, range->length);
		if (triage->out.cut)
			return;
		memcpy(triage_at(triage, at), range->bytes, range->length);
		uint8_t *block = triage_at(triage, table + i * triage->layout->block_bytes);
		container_store(block, range->va, width);
		container_store(block + width, at, 4);
		container_store(block + width + 4, range->length, 4);
	}
	triage->fields[BLOCKS_OFFSET] = table;
	triage->fields[BLOCK_COUNT] = meta->range_count;
	triage->present |= HAS_BLOCKS;
}

static ei_error *put_head(struct triage *triage)
{
	static const char mark[4] = { 'T', 'R', 'G', 'D' };
	bool wide = triage->meta->pointer_size == 8;
	uint64_t *fields = triage->fields;
	uint64_t used = (triage->out.length + 3) & ~UINT64_C(3);
	uint64_t size = MAX(used + sizeof mark, triage->layout->file_bytes);
	triage_grow(triage, size - triage->out.length);
	if (triage->out.cut)
		return ei_fail(EI_E_LIMIT, "triage dump grows past %d bytes", TRIAGE_CAP);
	fields[SIZE_OF_DUMP] = size;
	fields[VALID_OFFSET] = size - sizeof mark;
	fields[CONTEXT_OFFSET] = wide ? CRASH_CONTEXT_64 : CRASH_CONTEXT_32;
	fields[EXCEPTION_OFFSET] = wide ? CRASH_EXCEPTION_64 : CRASH_EXCEPTION_32;
	memcpy(triage_at(triage, size - sizeof mark), mark, sizeof mark);
	for (size_t i = 0; i < TRIAGE_FIELDS; i++)
		put_place(triage_at(triage, triage->header_bytes), triage->layout->head[i],
			fields[i]);
	return container_crash_header(
		triage->meta, NULL, DUMP_TRIAGE, triage->present, size, triage_at(triage, 0));
}

static ei_error *build(struct triage *triage)
{
	const struct dump_meta *meta = triage->meta;
	triage_grow(triage, triage->header_bytes + triage->layout->head_bytes);
	put_mm(triage);
	put_unloaded(triage);
	put_blob(triage, meta->process, HAS_PROCESS, PROCESS_OFFSET, TRIAGE_FIELDS);
	put_blob(triage, meta->thread, HAS_THREAD, THREAD_OFFSET, TRIAGE_FIELDS);
	put_blob(triage, meta->call_stack, HAS_STACK, STACK_OFFSET, STACK_BYTES);
	triage->fields[TOP_OF_STACK] = meta->call_stack ? meta->call_stack->va : 0;
	put_blob(triage, meta->kdbg_block, HAS_KDBG, KDBG_OFFSET, KDBG_BYTES);
	put_drivers(triage);
	put_blocks(triage);
	return put_head(triage);
}

ei_error *container_write_triage(struct container_file *file, const struct phys_view *memory,
	const struct dump_meta *meta, uint32_t type)
{
	(void)memory, (void)type;
	struct triage triage = {
		.meta = meta,
		.layout = meta->pointer_size == 8 ? &layout_64 : &layout_32,
		.header_bytes = container_header_bytes(meta),
		.present = HAS_CONTEXT | HAS_EXCEPTION | HAS_BROKEN_DRIVER,
	};
	text_init(&triage.out, TRIAGE_CAP);
	ei_error *error = build(&triage);
	if (!error)
		error = container_put(file, 0, triage.out.data, triage.out.length);
	text_deinit(&triage.out);
	return error;
}
