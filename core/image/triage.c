// Triage ("small") dumps: no physical memory, but the list of drivers and pieces of virtual memory.
//
// Offsets: _TRIAGE_DUMP64 and _TRIAGE_DUMP32 as the public descriptions of the format give them
// (rizin's dmp_specs.h), checked against dumps of builds 19041 (x64) and 22000 (ARM64).
// SPDX-License-Identifier: Apache-2.0
#include "image/crash.h"
#include "image/internal.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	HEAD_CAP = 0x80,
	RECORD_CAP = 0x90,
	DRIVER_CAP = 4096,
	BLOCK_CAP = 1 << 18,
	NAME_UNITS = 1024,
	UNLOADED_NAME_BYTES = 24,
	ARENA_CAP = 32 << 20,
};

// What differs between the two pointer sizes. Offsets within each record.
struct triage_shape {
	uint32_t head_bytes;
	uint32_t debugger_data; // in the head: offset, size; then the blocks: offset, count
	uint32_t data_page;     // in the head: address, offset, size
	uint32_t driver_bytes, base, size, checksum, timestamp;
	uint32_t block_bytes;
	uint32_t unloaded_head, unloaded_bytes, unloaded_name;
};

static const struct triage_shape shape_64 = {
	.head_bytes = 0x80,
	.debugger_data = 0x70,
	.data_page = 0x60,
	.driver_bytes = 0x90,
	.base = 0x38,
	.size = 0x48,
	.checksum = 0x80,
	.timestamp = 0x88,
	.block_bytes = 16,
	.unloaded_head = 8,
	.unloaded_bytes = 56,
	.unloaded_name = 16,
};

static const struct triage_shape shape_32 = {
	.head_bytes = 0x68,
	.debugger_data = 0x58,
	.data_page = 0x4c,
	.driver_bytes = 0x4c,
	.base = 0x1c,
	.size = 0x24,
	.checksum = 0x44,
	.timestamp = 0x48,
	.block_bytes = 12,
	.unloaded_head = 4,
	.unloaded_bytes = 40,
	.unloaded_name = 8,
};

// The same place in both heads; offsets are from the start of the file.
enum {
	HEAD_VALID = 0x08, // offset of the mark that is written last
	HEAD_UNLOADED = 0x18,
	HEAD_STACK = 0x28,
	HEAD_STACK_BYTES = 0x2c,
	HEAD_DRIVERS = 0x30,
	HEAD_DRIVER_COUNT = 0x34,
	HEAD_STACK_VA = 0x48,
};

struct triage {
	struct image *image;
	const struct triage_shape *shape;
	bool wide;
	uint8_t head[HEAD_CAP];
	struct crash_header *header;
	struct virtual_block *blocks;
	size_t block_count;
};

static uint64_t load_word(const struct triage *triage, const uint8_t *at)
{
	return triage->wide ? load_u64(at) : load_u32(at);
}

static bool inside(const struct triage *triage, uint64_t offset, uint64_t length)
{
	return span_inside(offset, length, triage->image->file_size);
}

// ---- drivers --------------------------------------------------------------------------------
// {u32 units, UTF-16LE}; "" when it is not in the file.
static ei_error *read_name(const struct triage *triage, uint32_t offset, const char **out)
{
	uint8_t raw[NAME_UNITS * 2];
	char text[NAME_UNITS * 3 + 1];
	*out = "";
	if (!offset || !inside(triage, offset, 4))
		return NULL;
	EI_TRY(image_file_read(triage->image, offset, raw, 4));
	uint32_t units = load_u32(raw);
	if (units > NAME_UNITS || !inside(triage, (uint64_t)offset + 4, units * 2))
		return NULL;
	EI_TRY(image_file_read(triage->image, (uint64_t)offset + 4, raw, units * 2));
	size_t length = utf16_to_utf8(raw, units * 2, text);
	const char *copy = arena_text(triage->header->arena, text, length);
	if (!copy)
		return ei_fail(EI_E_LIMIT, "'%s': the names of the drivers take more than %d bytes",
			triage->image->path, ARENA_CAP);
	*out = copy;
	return NULL;
}

static ei_error *read_driver(const struct triage *triage, uint64_t offset, ei_crash_driver *out)
{
	const struct triage_shape *shape = triage->shape;
	uint8_t record[RECORD_CAP];
	EI_TRY(image_file_read(triage->image, offset, record, shape->driver_bytes));
	*out = (ei_crash_driver){
		.base = load_word(triage, record + shape->base),
		.size = load_u32(record + shape->size),
		.timestamp = load_u32(record + shape->timestamp),
		.checksum = load_u32(record + shape->checksum),
	};
	return read_name(triage, load_u32(record), &out->name);
}

// How many of `count` records of `bytes` at `offset` can be: in the file, and under the cap.
static uint64_t records_there(const struct triage *triage, const char *what, uint64_t offset,
	uint64_t count, uint64_t bytes)
{
	uint64_t size = triage->image->file_size;
	uint64_t room = offset && offset < size ? (size - offset) / bytes : 0;
	uint64_t there = MIN(MIN(count, room), (uint64_t)DRIVER_CAP);
	if (there < count)
		image_complain(triage->image,
			"%" PRIu64 " of %" PRIu64 " %s at 0x%" PRIx64 " are in the file", there,
			count, what, offset);
	return there;
}

static ei_error *read_drivers(struct triage *triage)
{
	uint64_t offset = load_u32(triage->head + HEAD_DRIVERS);
	uint64_t bytes = triage->shape->driver_bytes;
	uint64_t count = records_there(
		triage, "drivers", offset, load_u32(triage->head + HEAD_DRIVER_COUNT), bytes);
	ei_crash_driver *drivers = ei_alloc(triage->header->arena, count * sizeof *drivers + 1);
	if (!drivers)
		return ei_fail(EI_E_NOMEM, "no memory for %" PRIu64 " drivers", count);
	for (uint64_t i = 0; i < count; i++)
		EI_TRY_IN(read_driver(triage, offset + i * bytes, &drivers[i]),
			"reading driver %" PRIu64, i);
	triage->header->drivers = drivers;
	triage->header->facts.driver_count = count;
	return NULL;
}

static ei_error *read_one_unloaded(
	const struct triage *triage, uint64_t offset, ei_crash_driver *out)
{
	const struct triage_shape *shape = triage->shape;
	uint8_t record[RECORD_CAP];
	char text[UNLOADED_NAME_BYTES * 2 + 1];
	EI_TRY(image_file_read(triage->image, offset, record, shape->unloaded_bytes));
	const uint8_t *name = record + shape->unloaded_name;
	const uint8_t *range = name + UNLOADED_NAME_BYTES;
	size_t length = MIN((size_t)load_u16(record), (size_t)UNLOADED_NAME_BYTES) & ~(size_t)1;
	length = utf16_to_utf8(name, length, text);
	uint64_t start = load_word(triage, range);
	uint64_t end = load_word(triage, range + (triage->wide ? 8 : 4));
	*out = (ei_crash_driver){ .base = start, .size = end > start ? end - start : 0 };
	out->name = arena_text(triage->header->arena, text, strnlen(text, length));
	return out->name ? NULL : ei_fail(EI_E_NOMEM, "no memory for the unloaded drivers");
}

static ei_error *read_unloaded(struct triage *triage)
{
	const struct triage_shape *shape = triage->shape;
	uint64_t offset = load_u32(triage->head + HEAD_UNLOADED);
	uint8_t number[4];
	if (!offset || !inside(triage, offset, shape->unloaded_head))
		return NULL;
	EI_TRY(image_file_read(triage->image, offset, number, sizeof number));
	offset += shape->unloaded_head;
	uint64_t count = records_there(
		triage, "unloaded drivers", offset, load_u32(number), shape->unloaded_bytes);
	ei_crash_driver *drivers = ei_alloc(triage->header->arena, count * sizeof *drivers + 1);
	if (!drivers)
		return ei_fail(EI_E_NOMEM, "no memory for %" PRIu64 " unloaded drivers", count);
	for (uint64_t i = 0; i < count; i++)
		EI_TRY(read_one_unloaded(triage, offset + i * shape->unloaded_bytes, &drivers[i]));
	triage->header->unloaded = drivers;
	triage->header->facts.unloaded_count = count;
	return NULL;
}

// ---- pieces of memory -----------------------------------------------------------------------
static bool add_block(struct triage *triage, uint64_t va, uint64_t offset, uint64_t length)
{
	if (!length || !inside(triage, offset, length) || va > UINT64_MAX - (length - 1))
		return false;
	triage->blocks[triage->block_count++] =
		(struct virtual_block){ va, offset, (uint32_t)length };
	return true;
}

static int compare_blocks(const void *left, const void *right)
{
	const struct virtual_block *a = left, *b = right;
	if (a->va != b->va)
		return a->va < b->va ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

// Blocks overlap in real dumps (a page, and an object in it), and hold the same bytes there.
static void settle_blocks(struct triage *triage)
{
	qsort(triage->blocks, triage->block_count, sizeof *triage->blocks, compare_blocks);
	size_t kept = 0;
	for (size_t i = 0; i < triage->block_count; i++) {
		struct virtual_block block = triage->blocks[i];
		const struct virtual_block *before = kept ? &triage->blocks[kept - 1] : NULL;
		uint64_t covered = before && before->va + (before->length - 1) >= block.va
					   ? before->va + (before->length - 1) - block.va + 1
					   : 0;
		if (covered >= block.length)
			continue;
		block.va += covered;
		block.offset += covered;
		block.length -= (uint32_t)covered;
		triage->blocks[kept++] = block;
	}
	triage->image->blocks = triage->blocks;
	triage->image->block_count = kept;
}

static ei_error *read_blocks(struct triage *triage)
{
	const uint8_t *entry = triage->head + triage->shape->debugger_data + 8;
	unsigned word = triage->wide ? 8 : 4;
	uint64_t offset = load_u32(entry), bad = 0;
	uint64_t count = offset ? load_u32(entry + 4) : 0;
	for (uint64_t i = 0; i < MIN(count, (uint64_t)BLOCK_CAP); i++) {
		uint64_t at = offset + i * triage->shape->block_bytes;
		uint8_t block[16];
		if (!inside(triage, at, triage->shape->block_bytes)) {
			bad += count - i;
			break;
		}
		EI_TRY(image_file_read(triage->image, at, block, triage->shape->block_bytes));
		bad += !add_block(triage, load_word(triage, block), load_u32(block + word),
			load_u32(block + word + 4));
	}
	if (bad)
		image_complain(triage->image,
			"%" PRIu64 " of %" PRIu64 " blocks of memory are not in the file", bad,
			count);
	return NULL;
}

static ei_error *read_memory(struct triage *triage)
{
	const uint8_t *head = triage->head;
	const uint8_t *debugger = head + triage->shape->debugger_data;
	const uint8_t *page = head + triage->shape->data_page;
	unsigned word = triage->wide ? 8 : 4;
	uint64_t count = MIN(load_u32(debugger + 12), (uint32_t)BLOCK_CAP);
	triage->blocks = calloc(count + 3, sizeof *triage->blocks);
	if (!triage->blocks)
		return ei_fail(EI_E_NOMEM, "no memory for %" PRIu64 " blocks", count);
	if (load_u32(debugger))
		add_block(triage, triage->header->facts.kdbg, load_u32(debugger),
			load_u32(debugger + 4));
	if (load_u32(head + HEAD_STACK))
		add_block(triage, load_word(triage, head + HEAD_STACK_VA),
			load_u32(head + HEAD_STACK), load_u32(head + HEAD_STACK_BYTES));
	if (load_u32(page + word))
		add_block(triage, load_word(triage, page), load_u32(page + word),
			load_u32(page + word + 4));
	ei_error *error = read_blocks(triage);
	settle_blocks(triage);
	return error;
}

static ei_error *check_mark(const struct triage *triage)
{
	uint8_t mark[4] = { 0 };
	uint32_t offset = load_u32(triage->head + HEAD_VALID);
	if (inside(triage, offset, sizeof mark))
		EI_TRY(image_file_read(triage->image, offset, mark, sizeof mark));
	if (memcmp(mark, "TRGD", 4) != 0)
		image_complain(triage->image,
			"the mark that ends a triage dump is missing at 0x%x: it was cut short, or "
			"never finished",
			offset);
	return NULL;
}

ei_error *crash_read_triage(
	struct image *image, const struct crash_shape *shape, struct crash_header *header)
{
	struct triage triage = {
		.image = image,
		.shape = shape->wide ? &shape_64 : &shape_32,
		.wide = shape->wide,
		.header = header,
	};
	EI_TRY(ei_arena_create(ARENA_CAP, &header->arena));
	EI_TRY_IN(
		image_file_read(image, shape->header_bytes, triage.head, triage.shape->head_bytes),
		"reading the triage dump's header");
	EI_TRY(check_mark(&triage));
	EI_TRY(read_drivers(&triage));
	// The list is in load order, and nothing is loaded before the kernel.
	if (header->facts.driver_count)
		image->hints.kernel_base = header->drivers[0].base;
	EI_TRY(read_unloaded(&triage));
	return read_memory(&triage);
}
