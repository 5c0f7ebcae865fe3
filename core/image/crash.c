// The header of Windows crash dumps, 64- and 32-bit, and full dumps.
//
// Offsets: _DUMP_HEADER64 and _DUMP_HEADER, as the public descriptions of the format give them
// (Volatility 3's crash*.json, rizin's dmp_specs.h).
// SPDX-License-Identifier: Apache-2.0
#include "image/crash.h"
#include "image/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADER_CAP = 0x2000, BLOCK_BYTES = 700, COMMENT_BYTES = 128 };

const struct crash_shape crash_shape_64 = { true, 0x2000, 0x88, BLOCK_BYTES };
const struct crash_shape crash_shape_32 = { false, 0x1000, 0x64, BLOCK_BYTES };

// ---- fields ---------------------------------------------------------------------------------
struct slot {
	uint16_t offset;
	uint8_t width;      // bytes in the file: 1, 4 or 8
	uint8_t fact_width; // bytes in ei_crash
	uint16_t fact;      // offset in ei_crash
};

#define SLOT(offset, width, member)                                                                \
	{                                                                                          \
		offset, width, sizeof(((ei_crash *)0)->member), offsetof(ei_crash, member)         \
	}

// clang-format off
static const struct slot slots_64[] = {
	SLOT(0x0008, 4, major),                SLOT(0x000c, 4, minor),
	SLOT(0x0010, 8, dtb),                  SLOT(0x0018, 8, pfn_database),
	SLOT(0x0020, 8, ps_loaded_module_list), SLOT(0x0028, 8, ps_active_process_head),
	SLOT(0x0030, 4, machine),              SLOT(0x0034, 4, processors),
	SLOT(0x0038, 4, bugcheck),             SLOT(0x0040, 8, parameters[0]),
	SLOT(0x0048, 8, parameters[1]),        SLOT(0x0050, 8, parameters[2]),
	SLOT(0x0058, 8, parameters[3]),        SLOT(0x0080, 8, kdbg),
	SLOT(0x0f00, 4, exception_code),       SLOT(0x0f04, 4, exception_flags),
	SLOT(0x0f10, 8, exception_address),    SLOT(0x0f98, 4, type),
	SLOT(0x0fa0, 8, required_dump_space),  SLOT(0x0fa8, 8, system_time),
	SLOT(0x1030, 8, uptime),               SLOT(0x1038, 4, mini_dump_fields),
	SLOT(0x103c, 4, secondary_data_state), SLOT(0x1040, 4, product_type),
	SLOT(0x1044, 4, suite_mask),           SLOT(0x1048, 4, writer_status),
};

static const struct slot slots_32[] = {
	SLOT(0x0008, 4, major),                SLOT(0x000c, 4, minor),
	SLOT(0x0010, 4, dtb),                  SLOT(0x0014, 4, pfn_database),
	SLOT(0x0018, 4, ps_loaded_module_list), SLOT(0x001c, 4, ps_active_process_head),
	SLOT(0x0020, 4, machine),              SLOT(0x0024, 4, processors),
	SLOT(0x0028, 4, bugcheck),             SLOT(0x002c, 4, parameters[0]),
	SLOT(0x0030, 4, parameters[1]),        SLOT(0x0034, 4, parameters[2]),
	SLOT(0x0038, 4, parameters[3]),        SLOT(0x005c, 1, pae),
	SLOT(0x0060, 4, kdbg),                 SLOT(0x07d0, 4, exception_code),
	SLOT(0x07d4, 4, exception_flags),      SLOT(0x07dc, 4, exception_address),
	SLOT(0x0f88, 4, type),                 SLOT(0x0f8c, 4, mini_dump_fields),
	SLOT(0x0f90, 4, secondary_data_state), SLOT(0x0f94, 4, product_type),
	SLOT(0x0f98, 4, suite_mask),           SLOT(0x0f9c, 4, writer_status),
	SLOT(0x0fa0, 8, required_dump_space),  SLOT(0x0fb8, 8, uptime),
	SLOT(0x0fc0, 8, system_time),
};
// clang-format on

static void load_slots(
	const struct slot *slots, size_t count, const uint8_t *bytes, ei_crash *facts)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 0;
		memcpy(&value, bytes + slots[i].offset, slots[i].width);
		memcpy((uint8_t *)facts + slots[i].fact, &value, slots[i].fact_width);
	}
}

// ---- dump types -----------------------------------------------------------------------------
struct type_row {
	const char *name;   // with the number, what Volatility's crashinfo shows
	const char *suffix; // of the format's name
	crash_reader *read; // NULL: nobody knows how
};

static ei_error *read_nothing(
	struct image *image, const struct crash_shape *shape, struct crash_header *header)
{
	(void)image, (void)shape, (void)header;
	return NULL;
}

static const struct type_row types[] = {
	[DUMP_FULL] = { "Full Dump", "", crash_read_runs },
	[DUMP_KERNEL] = { "Kernel Dump", "-kernel", crash_read_bitmap },
	[DUMP_HEADER] = { "Header Dump", "-header", read_nothing },
	[DUMP_TRIAGE] = { "Triage Dump", "-triage", crash_read_triage },
	[DUMP_BITMAP_FULL] = { "Bitmap Dump", "-bitmap", crash_read_bitmap },
	[DUMP_BITMAP_KERNEL] = { "Bitmap Kernel Dump", "-active", crash_read_bitmap },
	[DUMP_AUTOMATIC] = { "Automatic Dump", "-automatic", crash_read_bitmap },
	[DUMP_RANGES_KERNEL] = { "Kernel Memory Dump", "-kernel8", crash_read_ranges },
	[DUMP_RANGES_KERNEL_AND_USER] = { "Kernel and User Memory Dump", "-kernel9",
		crash_read_ranges },
	[DUMP_RANGES_COMPLETE] = { "Complete Memory Dump", "-complete10", crash_read_ranges },
};

static const struct type_row *find_type(uint32_t type)
{
	static const struct type_row unknown = { "Unknown Dump", "-unknown", NULL };
	return type < ARRAY_LENGTH(types) && types[type].name ? &types[type] : &unknown;
}

// ---- the header -----------------------------------------------------------------------------
static void load_comment(const uint8_t *bytes, ei_crash *facts)
{
	facts->comment_unset = true;
	for (unsigned i = 0; i < COMMENT_BYTES; i++)
		facts->comment_unset &= bytes[i] == (uint8_t) "PAGE"[i % 4];
	size_t length = strnlen((const char *)bytes, COMMENT_BYTES);
	memcpy(facts->comment, bytes, length);
	facts->comment[length] = 0;
}

static void load_header(const struct crash_shape *shape, const uint8_t *bytes, ei_crash *facts)
{
	if (shape->wide)
		load_slots(slots_64, ARRAY_LENGTH(slots_64), bytes, facts);
	else
		load_slots(slots_32, ARRAY_LENGTH(slots_32), bytes, facts);
	memcpy(facts->signature, bytes, 4);
	memcpy(facts->valid_dump, bytes + 4, 4);
	load_comment(bytes + (shape->wide ? 0xfb0 : 0x820), facts);
	facts->type_name = find_type(facts->type)->name;
	facts->bugcheck_name = bugcheck_name(facts->bugcheck);
	facts->bugcheck_parameters = bugcheck_parameters(facts->bugcheck);
}

void crash_header_drop(struct crash_header *header)
{
	if (!header)
		return;
	ei_arena_drop(header->arena);
	free(header);
}

static uint64_t hint(uint64_t value)
{
	return ei_crash_unset(value) ? 0 : value;
}

static void set_hints(struct image *image, const struct crash_shape *shape, const ei_crash *facts)
{
	// With PCIDs in use, the low bits of CR3 are not part of the address.
	uint64_t root = shape->wide ? ~(uint64_t)0xfff : UINT64_MAX;
	image->hints = (struct image_hints){
		.dtb = hint(facts->dtb) & root,
		.kdbg = hint(facts->kdbg),
		.ps_loaded_module_list = hint(facts->ps_loaded_module_list),
		.ps_active_process_head = hint(facts->ps_active_process_head),
		.pfn_database = hint(facts->pfn_database),
		.machine = (uint32_t)hint(facts->machine),
		.build = (uint32_t)hint(facts->minor),
		.processors = (uint32_t)hint(facts->processors),
		.pae = !shape->wide && facts->pae == 1,
	};
}

static ei_error *read_by_type(
	struct image *image, const struct crash_shape *shape, struct crash_header *header)
{
	const struct type_row *type = find_type(header->facts.type);
	snprintf(image->format_name, sizeof image->format_name, "crash%d%s", shape->wide ? 64 : 32,
		type->suffix);
	snprintf(image->format_text, sizeof image->format_text,
		"Windows crash dump, %d-bit, %s (type %u)", shape->wide ? 64 : 32, type->name,
		header->facts.type);
	if (!type->read)
		return ei_fail(EI_E_FORMAT, "'%s' is a crash dump of type %u, want 1 to 10",
			image->path, header->facts.type);
	return type->read(image, shape, header);
}

ei_error *crash_open(struct image *image, const struct crash_shape *shape)
{
	uint8_t bytes[HEADER_CAP];
	EI_TRY_IN(image_file_read(image, 0, bytes, shape->header_bytes),
		"reading the crash dump's header");
	if (memcmp(bytes, shape->wide ? "PAGEDU64" : "PAGEDUMP", 8) != 0)
		return ei_fail(EI_E_FORMAT, "'%s' does not start with '%s'", image->path,
			shape->wide ? "PAGEDU64" : "PAGEDUMP");
	EI_OWNED(crash_header) header = calloc(1, sizeof *header);
	if (!header)
		return ei_fail(EI_E_NOMEM, "no memory to open '%s'", image->path);
	load_header(shape, bytes, &header->facts);
	set_hints(image, shape, &header->facts);
	EI_TRY(read_by_type(image, shape, header));
	image->crash = EI_GIVE(header);
	return NULL;
}

// ---- full dumps -----------------------------------------------------------------------------
static uint64_t load_word(const uint8_t *at, bool wide)
{
	return wide ? load_u64(at) : load_u32(at);
}

static ei_error *run_count(
	struct image *image, const struct crash_shape *shape, const uint8_t *block, uint32_t *out)
{
	unsigned width = shape->wide ? 8 : 4;
	uint32_t count = load_u32(block), room = (shape->block_bytes - 2 * width) / (2 * width);
	if (ei_crash_unset(count))
		return ei_fail(EI_E_FORMAT,
			"'%s': the crash dump's list of physical memory was never written",
			image->path);
	if (!count || count > room)
		return ei_fail(EI_E_FORMAT,
			"'%s': the crash dump lists %u runs of physical memory, want 1 to %u",
			image->path, count, room);
	*out = count;
	return NULL;
}

ei_error *crash_read_runs(
	struct image *image, const struct crash_shape *shape, struct crash_header *header)
{
	(void)header;
	uint8_t block[BLOCK_BYTES];
	EI_TRY(image_file_read(image, shape->block, block, shape->block_bytes));
	uint32_t count = 0;
	EI_TRY(run_count(image, shape, block, &count));
	unsigned width = shape->wide ? 8 : 4;
	uint64_t pages = 0;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *run = block + 2 * width * (i + 1);
		uint64_t first = load_word(run, shape->wide);
		uint64_t length = load_word(run + width, shape->wide);
		EI_TRY(image_add_pages(image, first, length, shape->header_bytes, pages));
		pages += length;
	}
	uint64_t claimed = load_word(block + width, shape->wide);
	if (claimed != pages)
		image_complain(image,
			"the header speaks of %" PRIu64 " pages, its runs have %" PRIu64, claimed,
			pages);
	return NULL;
}
