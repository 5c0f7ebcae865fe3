// Windows crash dumps that hold physical pages: full, summary, bitmap, and the range lists of
// newer builds.
//
// The offsets are facts of these public descriptions: rizin's librz/bin/format/dmp/dmp_specs.h
// (headers, SDMP/FDMP bitmaps), Volatility 3's crash*.json (header fields), kdmp-parser's
// structs.rs (types 6, 8, 9 and 10, "RDMP" ranges), Singularity's base/Windows/Inc/Dump.h
// (SUMMARY_DUMP32/64 of type 2), and the documented CONTEXT and EXCEPTION_RECORD of winnt.h.
// SPDX-License-Identifier: Apache-2.0
#include "container_file.h"

#include <stdlib.h>

// ---- the header -----------------------------------------------------------------------------
enum head_field {
	MAJOR,
	BUILD,
	DTB,
	PFN_DATABASE,
	MODULE_LIST,
	PROCESS_HEAD,
	MACHINE,
	PROCESSORS,
	BUGCHECK,
	PARAM_1,
	PARAM_2,
	PARAM_3,
	PARAM_4,
	PAE_ENABLED,
	SECONDARY_VERSION,
	KDBG,
	DUMP_TYPE,
	PRODUCT_TYPE,
	SUITE_MASK,
	WRITER_STATUS,
	REQUIRED_SPACE,
	SYSTEM_TIME,
	UPTIME,
	HEAD_FIELDS,
};

struct slot {
	uint16_t offset;
	uint8_t width; // 0: the header has no such field
};

// clang-format off
static const struct slot slots_64[HEAD_FIELDS] = {
	[MAJOR]          = { 0x0008, 4 }, [BUILD]             = { 0x000c, 4 },
	[DTB]            = { 0x0010, 8 }, [PFN_DATABASE]      = { 0x0018, 8 },
	[MODULE_LIST]    = { 0x0020, 8 }, [PROCESS_HEAD]      = { 0x0028, 8 },
	[MACHINE]        = { 0x0030, 4 }, [PROCESSORS]        = { 0x0034, 4 },
	[BUGCHECK]       = { 0x0038, 4 }, [PARAM_1]           = { 0x0040, 8 },
	[PARAM_2]        = { 0x0048, 8 }, [PARAM_3]           = { 0x0050, 8 },
	[PARAM_4]        = { 0x0058, 8 }, [KDBG]              = { 0x0080, 8 },
	[DUMP_TYPE]      = { 0x0f98, 4 }, [REQUIRED_SPACE]    = { 0x0fa0, 8 },
	[SYSTEM_TIME]    = { 0x0fa8, 8 }, [UPTIME]            = { 0x1030, 8 },
	[PRODUCT_TYPE]   = { 0x1040, 4 }, [SUITE_MASK]        = { 0x1044, 4 },
	[WRITER_STATUS]  = { 0x1048, 4 }, [SECONDARY_VERSION] = { 0x104d, 1 },
};

static const struct slot slots_32[HEAD_FIELDS] = {
	[MAJOR]          = { 0x0008, 4 }, [BUILD]             = { 0x000c, 4 },
	[DTB]            = { 0x0010, 4 }, [PFN_DATABASE]      = { 0x0014, 4 },
	[MODULE_LIST]    = { 0x0018, 4 }, [PROCESS_HEAD]      = { 0x001c, 4 },
	[MACHINE]        = { 0x0020, 4 }, [PROCESSORS]        = { 0x0024, 4 },
	[BUGCHECK]       = { 0x0028, 4 }, [PARAM_1]           = { 0x002c, 4 },
	[PARAM_2]        = { 0x0030, 4 }, [PARAM_3]           = { 0x0034, 4 },
	[PARAM_4]        = { 0x0038, 4 }, [PAE_ENABLED]       = { 0x005c, 1 },
	[SECONDARY_VERSION] = { 0x5d, 1 }, [KDBG]             = { 0x0060, 4 },
	[DUMP_TYPE]      = { 0x0f88, 4 }, [PRODUCT_TYPE]      = { 0x0f94, 4 },
	[SUITE_MASK]     = { 0x0f98, 4 }, [WRITER_STATUS]     = { 0x0f9c, 4 },
	[REQUIRED_SPACE] = { 0x0fa0, 8 }, [UPTIME]            = { 0x0fb8, 8 },
	[SYSTEM_TIME]    = { 0x0fc0, 8 },
};
// clang-format on

enum {
	BLOCK_64 = 0x88,
	BLOCK_32 = 0x64,
	BLOCK_BYTES = 700,
	COMMENT_64 = 0xfb0,
	COMMENT_32 = 0x820,
	COMMENT_BYTES = 128,
	MINIDUMP_64 = 0x1038,
	MINIDUMP_32 = 0xf8c,
	CONTEXT_BYTES_64 = 3000,
	CONTEXT_BYTES_32 = 1200,
};

static void put_fields(
	const struct dump_meta *meta, uint32_t type, uint64_t file_bytes, uint8_t *header)
{
	const uint64_t values[HEAD_FIELDS] = {
		[MAJOR] = meta->major,
		[BUILD] = meta->build,
		[DTB] = meta->dtb,
		[PFN_DATABASE] = meta->pfn_database,
		[MODULE_LIST] = meta->module_list,
		[PROCESS_HEAD] = meta->process_head,
		[MACHINE] = meta->machine,
		[PROCESSORS] = meta->processors,
		[BUGCHECK] = meta->bugcheck,
		[PARAM_1] = meta->bugcheck_params[0],
		[PARAM_2] = meta->bugcheck_params[1],
		[PARAM_3] = meta->bugcheck_params[2],
		[PARAM_4] = meta->bugcheck_params[3],
		[PAE_ENABLED] = meta->pae,
		[KDBG] = meta->kdbg,
		[DUMP_TYPE] = type,
		[PRODUCT_TYPE] = meta->product_type,
		[SUITE_MASK] = meta->suite_mask,
		[REQUIRED_SPACE] = file_bytes,
		[SYSTEM_TIME] = meta->system_time,
		[UPTIME] = meta->uptime,
	};
	const struct slot *slots = meta->pointer_size == 8 ? slots_64 : slots_32;
	for (size_t i = 0; i < HEAD_FIELDS; i++)
		container_store(header + slots[i].offset, values[i], slots[i].width);
}

// Real headers are filled with 'PAGE' before anything is stored, and what the system leaves
// alone keeps it: the version text, the comment, the state of secondary data.
static void fill_header(uint8_t *header, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i += 4)
		memcpy(header + i, "PAGE", 4);
}

static ei_error *put_runs(
	const struct dump_meta *meta, const struct phys_view *memory, uint8_t *header)
{
	bool wide = meta->pointer_size == 8;
	unsigned width = meta->pointer_size;
	size_t room = (BLOCK_BYTES - 2 * width) / (2 * width);
	if (memory->run_count > room)
		return ei_fail(EI_E_LIMIT, "%zu runs, a crash dump header holds %zu",
			memory->run_count, room);
	uint8_t *at = header + (wide ? BLOCK_64 : BLOCK_32);
	container_store(at, memory->run_count, 4);
	container_store(at + width, container_pages(memory), width);
	for (size_t i = 0; i < memory->run_count; i++) {
		at += 2 * width;
		container_store(at, memory->runs[i].first, width);
		container_store(at + width, memory->runs[i].count, width);
	}
	return NULL;
}

struct register_value {
	uint16_t offset;
	uint8_t width;
	uint64_t value;
};

static void put_context(const struct dump_meta *meta, uint8_t *header)
{
	uint64_t pc = meta->kernel_base + 0x1000;
	uint64_t sp = meta->call_stack ? meta->call_stack->va : 0;
	// KeBugCheckEx has the code in rcx and the first parameter in rdx.
	const struct register_value wide[] = {
		{ 0x30, 4, 0x10005f },
		{ 0x34, 4, 0x1f80 },
		{ 0x38, 2, 0x10 },
		{ 0x3a, 2, 0x2b },
		{ 0x3c, 2, 0x2b },
		{ 0x3e, 2, 0x53 },
		{ 0x40, 2, 0x2b },
		{ 0x42, 2, 0x18 },
		{ 0x44, 4, 0x246 },
		{ 0x80, 8, meta->bugcheck },
		{ 0x88, 8, meta->bugcheck_params[0] },
		{ 0x98, 8, sp },
		{ 0xa0, 8, sp },
		{ 0xf8, 8, pc },
		{ 0x118, 4, 0x1f80 },
	};
	const struct register_value narrow[] = {
		{ 0x00, 4, 0x10007 },
		{ 0x90, 4, 0x30 },
		{ 0x94, 4, 0x23 },
		{ 0x98, 4, 0x23 },
		{ 0xb4, 4, sp },
		{ 0xb8, 4, pc },
		{ 0xbc, 4, 0x08 },
		{ 0xc0, 4, 0x246 },
		{ 0xc4, 4, sp },
		{ 0xc8, 4, 0x10 },
	};
	bool is_wide = meta->pointer_size == 8;
	const struct register_value *values = is_wide ? wide : narrow;
	size_t count = is_wide ? ARRAY_LENGTH(wide) : ARRAY_LENGTH(narrow);
	uint8_t *context = header + (is_wide ? CRASH_CONTEXT_64 : CRASH_CONTEXT_32);
	memset(context, 0, is_wide ? CONTEXT_BYTES_64 : CONTEXT_BYTES_32);
	for (size_t i = 0; i < count; i++)
		container_store(context + values[i].offset, values[i].value, values[i].width);
}

static void put_exception(const struct dump_meta *meta, uint8_t *header)
{
	bool wide = meta->pointer_size == 8;
	uint8_t *record = header + (wide ? CRASH_EXCEPTION_64 : CRASH_EXCEPTION_32);
	memset(record, 0, wide ? 0x1c : 0x14); // without parameters the rest keeps the fill
	container_store(record, 0x80000003, 4);
	container_store(record + 4, 1, 4);
	unsigned address = wide ? 0x10 : 0xc;
	container_store(record + address, meta->kernel_base + 0x1000, meta->pointer_size);
}

ei_error *container_crash_header(const struct dump_meta *meta, const struct phys_view *memory,
	uint32_t type, uint32_t triage_fields, uint64_t file_bytes, uint8_t *header)
{
	bool wide = meta->pointer_size == 8;
	fill_header(header, container_header_bytes(meta));
	memcpy(header + 4, wide ? "DU64" : "DUMP", 4);
	put_fields(meta, type, file_bytes, header);
	if (triage_fields)
		container_store(header + (wide ? MINIDUMP_64 : MINIDUMP_32), triage_fields, 4);
	if (memory)
		EI_TRY(put_runs(meta, memory, header));
	put_context(meta, header);
	put_exception(meta, header);
	if (meta->comment)
		snprintf((char *)header + (wide ? COMMENT_64 : COMMENT_32), COMMENT_BYTES, "%s",
			meta->comment);
	return NULL;
}

// ---- full dumps: the runs one after the other -----------------------------------------------
static ei_error *put_header(struct container_file *file, const struct phys_view *memory,
	const struct dump_meta *meta, uint32_t type, uint64_t file_bytes)
{
	uint8_t header[CRASH_HEADER_64];
	EI_TRY(container_crash_header(meta, memory, type, 0, file_bytes, header));
	return container_put(file, 0, header, container_header_bytes(meta));
}

static ei_error *write_full(
	struct container_file *file, const struct phys_view *memory, const struct dump_meta *meta)
{
	uint64_t offset = container_header_bytes(meta);
	uint64_t size = offset + container_pages(memory) * PAGE_SIZE;
	EI_TRY(put_header(file, memory, meta, DUMP_FULL, size));
	for (size_t i = 0; i < memory->run_count; i++) {
		EI_TRY(container_put_run(file, memory, memory->runs[i], offset));
		offset += memory->runs[i].count * PAGE_SIZE;
	}
	return container_end(file, size);
}

// ---- which frames a partial dump keeps ------------------------------------------------------
struct selection {
	uint8_t *bits; // a bit a frame, least significant first
	uint64_t frames;
	uint64_t bytes; // of `bits`
	uint64_t kept;
};

static bool selection_has(const struct selection *selection, uint64_t frame)
{
	return selection->bits[frame / 8] >> (frame % 8) & 1;
}

static void selection_add(struct selection *selection, uint64_t frame)
{
	selection->bits[frame / 8] |= (uint8_t)(1U << (frame % 8));
	selection->kept++;
}

static void select_whole_run(struct selection *selection, struct phys_run run)
{
	for (uint64_t i = 0; i < run.count; i++)
		selection_add(selection, run.first + i);
}

// Pages that hold nothing are free pages, which no partial dump keeps.
static void select_used(struct selection *selection, const struct phys_view *memory,
	struct phys_run run, bool (*omit)(const void *store, uint64_t frame))
{
	for (uint64_t frame = memory->next(memory->store, run.first); frame < run.first + run.count;
		frame = memory->next(memory->store, frame + 1))
		if (!omit || !omit(memory->store, frame))
			selection_add(selection, frame);
}

static ei_error *select_frames(const struct phys_view *memory, const struct dump_meta *meta,
	uint32_t type, struct selection *out)
{
	struct selection selection = { .frames = memory->size_bytes / PAGE_SIZE };
	selection.bytes = (selection.frames + 31) / 32 * 4;
	selection.bits = calloc(1, selection.bytes + 1);
	if (!selection.bits)
		return ei_fail(EI_E_NOMEM, "no memory for a bitmap of %llu pages",
			(unsigned long long)selection.frames);
	bool whole = type == DUMP_BITMAP_FULL || type == DUMP_COMPLETE;
	bool with_user = type == DUMP_BITMAP_KERNEL || type == DUMP_KERNEL_AND_USER;
	for (size_t i = 0; i < memory->run_count; i++) {
		if (whole)
			select_whole_run(&selection, memory->runs[i]);
		else
			select_used(&selection, memory, memory->runs[i],
				with_user ? NULL : meta->user_frame);
	}
	*out = selection;
	return NULL;
}

static uint64_t kept_after(const struct selection *selection, uint64_t frame)
{
	while (frame < selection->frames && !selection_has(selection, frame))
		frame++;
	return frame;
}

static uint64_t run_end(const struct selection *selection, uint64_t frame)
{
	while (frame < selection->frames && selection_has(selection, frame))
		frame++;
	return frame;
}

static ei_error *put_kept(struct container_file *file, const struct phys_view *memory,
	const struct selection *selection, uint64_t offset)
{
	for (uint64_t first = kept_after(selection, 0); first < selection->frames;) {
		uint64_t end = run_end(selection, first);
		struct phys_run run = { first, end - first };
		EI_TRY(container_put_run(file, memory, run, offset));
		offset += run.count * PAGE_SIZE;
		first = kept_after(selection, end);
	}
	return container_end(file, offset);
}

static uint64_t page_aligned(uint64_t offset)
{
	return (offset + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
}

// ---- bitmap dumps ---------------------------------------------------------------------------
enum {
	BITMAP_AT = 0x38,     // types 5 and 6
	SUMMARY_64_AT = 0x28, // type 2: an RTL_BITMAP, with the hole that its pointer leaves
	SUMMARY_32_AT = 0x20,
};

static uint32_t summary_head(const struct dump_meta *meta, const struct selection *selection,
	uint64_t first_page, uint8_t *head)
{
	container_store(head + 0x0c, first_page, 4);
	container_store(head + 0x10, selection->frames, 4);
	container_store(head + 0x14, selection->kept, 4);
	container_store(head + 0x18, selection->frames, 4);
	return meta->pointer_size == 8 ? SUMMARY_64_AT : SUMMARY_32_AT;
}

static uint32_t bitmap_head(const struct selection *selection, uint64_t first_page, uint8_t *head)
{
	container_store(head + 0x20, first_page, 8);
	container_store(head + 0x28, selection->kept, 8);
	container_store(head + 0x30, selection->frames, 8);
	return BITMAP_AT;
}

static ei_error *write_bitmap(struct container_file *file, const struct phys_view *memory,
	const struct dump_meta *meta, uint32_t type, const struct selection *selection)
{
	uint32_t at = container_header_bytes(meta);
	uint64_t first_page = page_aligned(at + BITMAP_AT + selection->bytes);
	uint64_t size = first_page + selection->kept * PAGE_SIZE;
	EI_TRY(put_header(file, memory, meta, type, size));

	uint8_t head[BITMAP_AT] = { 0 };
	memcpy(head, type == DUMP_BITMAP_FULL ? "FDMPDUMP" : "SDMPDUMP", 8);
	uint32_t bits_at = type == DUMP_SUMMARY ? summary_head(meta, selection, first_page, head)
						: bitmap_head(selection, first_page, head);
	EI_TRY(container_put(file, at, head, bits_at));
	EI_TRY(container_put(file, at + bits_at, selection->bits, selection->bytes));
	return put_kept(file, memory, selection, first_page);
}

// ---- range dumps ----------------------------------------------------------------------------
enum { RANGES_AT = 0x30, RANGE_BYTES = 16, METADATA_AT = 0x20 };

static uint64_t range_count(const struct selection *selection)
{
	uint64_t ranges = 0;
	for (uint64_t first = kept_after(selection, 0); first < selection->frames; ranges++)
		first = kept_after(selection, run_end(selection, first));
	return ranges;
}

static ei_error *put_ranges(
	struct container_file *file, const struct selection *selection, uint64_t offset)
{
	for (uint64_t first = kept_after(selection, 0); first < selection->frames;) {
		uint64_t end = run_end(selection, first);
		uint8_t range[RANGE_BYTES];
		container_store(range, first, 8);
		container_store(range + 8, end - first, 8);
		EI_TRY(container_put(file, offset, range, sizeof range));
		offset += sizeof range;
		first = kept_after(selection, end);
	}
	return NULL;
}

static ei_error *write_ranges(struct container_file *file, const struct phys_view *memory,
	const struct dump_meta *meta, uint32_t type, const struct selection *selection)
{
	// A range that starts at frame 0 ends the list, and Windows never owns frame 0.
	if (selection_has(selection, 0))
		return ei_fail(EI_E_USAGE, "dump type %u cannot hold page frame 0", type);
	uint64_t ranges = range_count(selection);
	uint32_t at = CRASH_HEADER_64;
	uint64_t first_page = page_aligned(at + RANGES_AT + (ranges + 1) * RANGE_BYTES);
	uint64_t size = first_page + selection->kept * PAGE_SIZE;
	EI_TRY(put_header(file, memory, meta, type, size));

	uint8_t head[RANGES_AT] = { 0x40 };
	memcpy(head + 4, "RDMPDUMP", 8);
	container_store(head + 0x10, first_page - at - METADATA_AT, 8);
	container_store(head + 0x18, first_page, 8);
	if (type == DUMP_COMPLETE) {
		container_store(head + 0x20, ranges, 4);
		container_store(head + 0x28, selection->kept, 8);
	}
	EI_TRY(container_put(file, at, head, sizeof head));
	EI_TRY(put_ranges(file, selection, at + RANGES_AT));
	return put_kept(file, memory, selection, first_page);
}

ei_error *container_write_crash(struct container_file *file, const struct phys_view *memory,
	const struct dump_meta *meta, uint32_t type)
{
	if (type == DUMP_FULL)
		return write_full(file, memory, meta);
	struct selection selection = { 0 };
	EI_TRY(select_frames(memory, meta, type, &selection));
	ei_error *error = type >= DUMP_KERNEL ? write_ranges(file, memory, meta, type, &selection)
					      : write_bitmap(file, memory, meta, type, &selection);
	free(selection.bits);
	return error;
}
