// The container writers: each format, read back by hand from the file.
// SPDX-License-Identifier: Apache-2.0
#include "../../samples/forge/container.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// ---- a toy machine --------------------------------------------------------------------------
// Three runs with holes; a handful of pages that hold their own frame number.
static const struct phys_run runs[] = { { 0x1, 0x9e }, { 0x100, 0xf00 }, { 0x100000, 0x40 } };
static const uint64_t frames[] = { 0x1, 0x2, 0x9e, 0x100, 0x7ff, 0x800, 0xfff, 0x100000, 0x10003f };

enum { RUN_PAGES = 0x9e + 0xf00 + 0x40, USER_FRAME = 0x800 };

static uint8_t pages[ARRAY_LENGTH(frames)][PAGE_SIZE];

static uint64_t next_frame(const void *store, uint64_t frame)
{
	(void)store;
	for (size_t i = 0; i < ARRAY_LENGTH(frames); i++)
		if (frames[i] >= frame)
			return frames[i];
	return UINT64_MAX;
}

static const uint8_t *frame_page(const void *store, uint64_t frame)
{
	(void)store;
	for (size_t i = 0; i < ARRAY_LENGTH(frames); i++)
		if (frames[i] == frame)
			return pages[i];
	return NULL;
}

static bool is_user(const void *store, uint64_t frame)
{
	(void)store;
	return frame == USER_FRAME;
}

static const struct phys_view machine = {
	.size_bytes = UINT64_C(0x100040) * PAGE_SIZE,
	.runs = runs,
	.run_count = ARRAY_LENGTH(runs),
	.next = next_frame,
	.page = frame_page,
};

static const struct dump_driver drivers[] = {
	{ "ntoskrnl.exe", 0xfffff80312200000, 0x1046000, 0x12345678, 0xa5b6c7 },
	{ "tcpip.sys", 0xfffff80315000000, 0x2ec000, 0x9abcdef0, 0x2f0000 },
};
static const struct dump_unloaded unloaded[] = { { "dump_storahci.sys", 0x10000, 0x20000 } };
static const uint8_t some_bytes[24] = "bytes of kernel memory";
static const struct dump_range ranges[] = { { 0xffffa00000001000, some_bytes, 24 } };
static const struct dump_range kdbg_block = { 0xfffff80312e00000, some_bytes, 16 };
static const struct dump_range call_stack = { 0xffffb00000005f00, some_bytes, 24 };

static const struct dump_meta x64 = {
	.pointer_size = 8,
	.dtb = 0x1ad000,
	.kernel_base = 0xfffff80312200000,
	.module_list = 0xfffff80312e2a310,
	.process_head = 0xfffff80312e1e060,
	.pfn_database = 0xffffde0000000000,
	.kdbg = 0xfffff80312e00000,
	.major = 15,
	.build = 19041,
	.machine = 0x8664,
	.processors = 4,
	.bugcheck = 0xe2,
	.bugcheck_params = { 1, 2, 3, 0xfffff80312200004 },
	.system_time = 133536384000000000,
	.uptime = 36000000000,
	.product_type = 1,
	.suite_mask = 0x110,
	.comment = "forged",
	.user_frame = is_user,
	.drivers = drivers,
	.driver_count = 2,
	.ranges = ranges,
	.range_count = 1,
	.kdbg_block = &kdbg_block,
	.call_stack = &call_stack,
	.unloaded = unloaded,
	.unloaded_count = 1,
};

static struct dump_meta x86(void)
{
	struct dump_meta meta = x64;
	meta.pointer_size = 4;
	meta.pae = true;
	meta.dtb = 0x185000;
	meta.machine = 0x14c;
	meta.module_list = 0x82f4f850;
	meta.kdbg = 0x82f2ec28;
	return meta;
}

// ---- the written file -----------------------------------------------------------------------
static char path[] = "/tmp/forge_container.XXXXXX";
static int file = -1;

static int start(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(frames); i++)
		for (size_t at = 0; at < PAGE_SIZE; at += 8)
			memcpy(pages[i] + at, &frames[i], 8);
	int made = mkstemp(path);
	close(made);
	return made < 0;
}

static int end(void **state)
{
	(void)state;
	return unlink(path);
}

static void write_as(const char *format, const struct dump_meta *meta)
{
	ei_error *error = container_write(format, &machine, meta, path);
	if (error)
		fail_msg("%s", ei_error_text(error));
	if (file >= 0)
		close(file);
	file = open(path, O_RDONLY);
	assert_true(file >= 0);
}

static uint64_t read_at(uint64_t offset, unsigned width)
{
	uint64_t value = 0;
	assert_int_equal(pread(file, &value, width, (off_t)offset), width);
	return value;
}

static void assert_text(uint64_t offset, const char *text, size_t length)
{
	char bytes[64];
	assert_true(length <= sizeof bytes);
	assert_int_equal(pread(file, bytes, length, (off_t)offset), length);
	assert_memory_equal(bytes, text, length);
}

static uint64_t file_size(void)
{
	struct stat status;
	assert_int_equal(fstat(file, &status), 0);
	return (uint64_t)status.st_size;
}

// What `frame` must look like where the format put it.
static void assert_page(uint64_t offset, uint64_t frame)
{
	uint64_t want = frame_page(NULL, frame) ? frame : 0;
	assert_int_equal(read_at(offset, 8), want);
	assert_int_equal(read_at(offset + PAGE_SIZE - 8, 8), want);
}

// All runs one after the other from `offset`; `gap` bytes before each.
static void assert_runs(uint64_t offset, uint64_t gap)
{
	for (size_t i = 0; i < ARRAY_LENGTH(runs); i++) {
		offset += gap;
		for (uint64_t page = 0; page < runs[i].count; page++, offset += PAGE_SIZE)
			assert_page(offset, runs[i].first + page);
	}
	assert_int_equal(file_size(), offset);
}

// ---- formats --------------------------------------------------------------------------------
static void raw_offsets_are_addresses(void **state)
{
	(void)state;
	write_as("raw", &x64);
	assert_int_equal(file_size(), machine.size_bytes);
	for (size_t i = 0; i < ARRAY_LENGTH(frames); i++)
		assert_page(frames[i] * PAGE_SIZE, frames[i]);
	assert_int_equal(read_at(0xa0 * PAGE_SIZE, 8), 0);
}

static void zero_pages_take_no_room(void **state)
{
	(void)state;
	static const char *const formats[] = { "raw", "crash", "crash-bitmap", "lime", "elf" };
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
		write_as(formats[i], &x64);
		struct stat status;
		assert_int_equal(fstat(file, &status), 0);
		assert_in_range(status.st_blocks * 512, 1, 512 << 10);
	}
}

static void lime_ranges_have_their_headers(void **state)
{
	(void)state;
	write_as("lime", &x64);
	uint64_t offset = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(runs); i++) {
		assert_text(offset, "EMiL\1\0\0\0", 8);
		assert_int_equal(read_at(offset + 8, 8), runs[i].first * PAGE_SIZE);
		assert_int_equal(
			read_at(offset + 16, 8), (runs[i].first + runs[i].count) * PAGE_SIZE - 1);
		assert_int_equal(read_at(offset + 24, 8), 0);
		offset += 32 + runs[i].count * PAGE_SIZE;
	}
	assert_runs(0, 32);
}

static void elf_segments_carry_the_runs(void **state)
{
	(void)state;
	write_as("elf", &x64);
	assert_text(0, "\177ELF\2\1\1", 7);
	assert_int_equal(read_at(16, 2), 4);
	assert_int_equal(read_at(56, 2), 4);
	assert_int_equal(read_at(64, 4), 4);
	for (size_t i = 0; i < ARRAY_LENGTH(runs); i++) {
		uint64_t segment = 64 + (i + 1) * 56;
		assert_int_equal(read_at(segment, 4), 1);
		assert_int_equal(read_at(segment + 24, 8), runs[i].first * PAGE_SIZE);
		assert_int_equal(read_at(segment + 32, 8), runs[i].count * PAGE_SIZE);
		assert_int_equal(read_at(segment + 40, 8), runs[i].count * PAGE_SIZE);
	}
	assert_runs(read_at(64 + 56 + 8, 8), 0);
}

static void elf_notes_give_the_page_tables(void **state)
{
	(void)state;
	write_as("elf", &x64);
	// Behind "CORE" (header 12, name 8, 336 bytes): "QEMU" with control registers at 392.
	uint64_t notes = read_at(64 + 8, 8);
	assert_text(notes + 12, "CORE", 5);
	uint64_t qemu = notes + 12 + 8 + 336;
	assert_int_equal(read_at(qemu + 4, 4), 440);
	assert_text(qemu + 12, "QEMU", 5);
	assert_int_equal(read_at(qemu + 20 + 392 + 3 * 8, 8), x64.dtb);
	assert_int_equal(read_at(64 + 32, 8), 4 * (12 + 8 + 336 + 12 + 8 + 440));

	write_as("elf-vbox", &x64);
	notes = read_at(64 + 8, 8);
	assert_int_equal(read_at(notes + 8, 4), 0xb00);
	assert_text(notes + 12, "VBCORE", 7);
	assert_int_equal(read_at(notes + 20, 4), 0xc01ac0de);
	assert_runs(read_at(64 + 56 + 8, 8), 0);
}

static void full_dump_header_has_its_fields(void **state)
{
	(void)state;
	write_as("crash", &x64);
	assert_text(0, "PAGEDU64", 8);
	assert_int_equal(read_at(0x008, 4), 15);
	assert_int_equal(read_at(0x00c, 4), 19041);
	assert_int_equal(read_at(0x010, 8), x64.dtb);
	assert_int_equal(read_at(0x018, 8), x64.pfn_database);
	assert_int_equal(read_at(0x020, 8), x64.module_list);
	assert_int_equal(read_at(0x028, 8), x64.process_head);
	assert_int_equal(read_at(0x030, 4), 0x8664);
	assert_int_equal(read_at(0x034, 4), 4);
	assert_int_equal(read_at(0x038, 4), 0xe2);
	assert_int_equal(read_at(0x058, 8), x64.bugcheck_params[3]);
	assert_text(0x060, "PAGE", 4);
	assert_int_equal(read_at(0x080, 8), x64.kdbg);
	assert_int_equal(read_at(0x088, 4), 3);
	assert_int_equal(read_at(0x090, 8), RUN_PAGES);
	assert_int_equal(read_at(0x0a8, 8), 0x100);
	assert_int_equal(read_at(0x0b0, 8), 0xf00);
	assert_text(0x0c8, "PAGE", 4);
	assert_int_equal(read_at(0x348 + 0x34, 4), read_at(0x348 + 0x118, 4));
	assert_int_equal(read_at(0xf00, 4), 0x80000003);
	assert_int_equal(read_at(0xf98, 4), 1);
	assert_int_equal(read_at(0xfa0, 8), file_size());
	assert_int_equal(read_at(0xfa8, 8), x64.system_time);
	assert_text(0xfb0, "forged", 7);
	assert_int_equal(read_at(0x1030, 8), x64.uptime);
	assert_int_equal(read_at(0x1040, 4), 1);
	assert_int_equal(read_at(0x1044, 4), 0x110);
	assert_text(0x1ffc, "PAGE", 4);
	assert_runs(0x2000, 0);
}

static void full_32_bit_dump_has_its_own_header(void **state)
{
	(void)state;
	struct dump_meta meta = x86();
	write_as("crash32", &meta);
	assert_text(0, "PAGEDUMP", 8);
	assert_int_equal(read_at(0x10, 4), meta.dtb);
	assert_int_equal(read_at(0x18, 4), meta.module_list);
	assert_int_equal(read_at(0x20, 4), 0x14c);
	assert_int_equal(read_at(0x28, 4), 0xe2);
	assert_int_equal(read_at(0x5c, 1), 1);
	assert_int_equal(read_at(0x60, 4), meta.kdbg);
	assert_int_equal(read_at(0x64, 4), 3);
	assert_int_equal(read_at(0x68, 4), RUN_PAGES);
	assert_int_equal(read_at(0x74, 4), 0x100);
	assert_int_equal(read_at(0x78, 4), 0xf00);
	assert_text(0x820, "forged", 7);
	assert_int_equal(read_at(0xf88, 4), 1);
	assert_int_equal(read_at(0xfa0, 8), file_size());
	assert_int_equal(read_at(0xfb8, 8), meta.uptime);
	assert_int_equal(read_at(0xfc0, 8), meta.system_time);
	assert_runs(0x1000, 0);
}

// Walks a bitmap: each set bit is the next page of the file. Returns how many there are.
static uint64_t assert_bitmap(uint64_t bits_at, uint64_t bits, uint64_t first_page)
{
	uint64_t found = 0;
	for (uint64_t frame = 0; frame < bits; frame++) {
		static uint8_t block[PAGE_SIZE];
		if (frame % (8 * PAGE_SIZE) == 0)
			assert_true(
				pread(file, block, PAGE_SIZE, (off_t)(bits_at + frame / 8)) > 0);
		if (block[frame / 8 % PAGE_SIZE] >> (frame % 8) & 1)
			assert_page(first_page + found++ * PAGE_SIZE, frame);
	}
	assert_int_equal(file_size(), first_page + found * PAGE_SIZE);
	return found;
}

static const struct {
	const char *format;
	uint32_t type;
	const char *signature;
	uint64_t pages;
} bitmaps[] = {
	{ "crash-bitmap", 5, "FDMPDUMP", RUN_PAGES },
	{ "crash-active", 6, "SDMPDUMP", ARRAY_LENGTH(frames) },
};

static void bitmap_dumps_place_pages_by_their_bits(void **state)
{
	(void)state;
	const struct dump_meta narrow = x86();
	for (size_t i = 0; i < 2 * ARRAY_LENGTH(bitmaps); i++) {
		const struct dump_meta *meta = i % 2 ? &narrow : &x64;
		uint64_t head = i % 2 ? 0x1000 : 0x2000;
		write_as(bitmaps[i / 2].format, meta);
		assert_int_equal(read_at(i % 2 ? 0xf88 : 0xf98, 4), bitmaps[i / 2].type);
		assert_text(head, bitmaps[i / 2].signature, 8);
		assert_int_equal(read_at(head + 0x28, 8), bitmaps[i / 2].pages);
		assert_int_equal(read_at(head + 0x30, 8), 0x100040);
		assert_int_equal(assert_bitmap(head + 0x38, 0x100040, read_at(head + 0x20, 8)),
			bitmaps[i / 2].pages);
	}
}

static void summary_dumps_leave_out_user_pages(void **state)
{
	(void)state;
	const struct dump_meta narrow = x86();
	for (int is_narrow = 0; is_narrow < 2; is_narrow++) {
		write_as("crash-kernel", is_narrow ? &narrow : &x64);
		uint64_t head = is_narrow ? 0x1000 : 0x2000;
		assert_int_equal(read_at(is_narrow ? 0xf88 : 0xf98, 4), 2);
		assert_text(head, "SDMPDUMP", 8);
		assert_int_equal(read_at(head + 0x10, 4), 0x100040);
		assert_int_equal(read_at(head + 0x14, 4), ARRAY_LENGTH(frames) - 1);
		assert_int_equal(read_at(head + 0x18, 4), 0x100040);
		uint64_t bits = head + (is_narrow ? 0x20 : 0x28);
		assert_int_equal(read_at(bits + USER_FRAME / 8, 1), 0);
		assert_int_equal(assert_bitmap(bits, 0x100040, read_at(head + 0xc, 4)),
			ARRAY_LENGTH(frames) - 1);
	}
}

static const struct {
	const char *format;
	uint32_t type;
	uint64_t pages;
} range_dumps[] = {
	{ "crash-kernel8", 8, ARRAY_LENGTH(frames) - 1 },
	{ "crash-kernel9", 9, ARRAY_LENGTH(frames) },
	{ "crash-complete10", 10, RUN_PAGES },
};

static void range_dumps_place_pages_by_their_ranges(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(range_dumps); i++) {
		write_as(range_dumps[i].format, &x64);
		assert_int_equal(read_at(0xf98, 4), range_dumps[i].type);
		assert_int_equal(read_at(0x2000, 4), 0x40);
		assert_text(0x2004, "RDMPDUMP", 8);
		uint64_t offset = read_at(0x2018, 8);
		assert_int_equal(read_at(0x2010, 8) - 0x20, offset - 0x2040);
		uint64_t found = 0;
		for (uint64_t at = 0x2030; read_at(at, 8); at += 16)
			for (uint64_t page = 0; page < read_at(at + 8, 8); page++, found++)
				assert_page(offset + found * PAGE_SIZE, read_at(at, 8) + page);
		assert_int_equal(found, range_dumps[i].pages);
		assert_int_equal(file_size(), offset + found * PAGE_SIZE);
	}
	assert_int_equal(read_at(0x2020, 4), 3);
	assert_int_equal(read_at(0x2028, 8), RUN_PAGES);
}

// {u32 units, UTF-16, NUL}
static void assert_name(uint64_t offset, const char *name)
{
	assert_int_equal(read_at(offset, 4), strlen(name));
	for (size_t i = 0; i <= strlen(name); i++)
		assert_int_equal(read_at(offset + 4 + i * 2, 2), name[i]);
}

static void triage_dump_lists_drivers(void **state)
{
	(void)state;
	write_as("triage", &x64);
	const uint64_t t = 0x2000;
	assert_int_equal(read_at(0xf98, 4), 4);
	assert_int_equal(read_at(0x1038, 4), 0xce3);
	assert_text(0x88, "PAGE", 4);
	assert_int_equal(read_at(t + 0x04, 4), file_size());
	assert_text(read_at(t + 0x08, 4), "TRGD", 4);
	assert_int_equal(read_at(t + 0x0c, 4), 0x348);
	assert_int_equal(read_at(t + 0x10, 4), 0xf00);
	assert_int_equal(read_at(t + 0x34, 4), 2);
	uint64_t list = read_at(t + 0x30, 4);
	for (size_t i = 0; i < 2; i++) {
		uint64_t entry = list + i * 0x90;
		uint64_t name = read_at(entry, 4);
		assert_name(name, drivers[i].name);
		assert_in_range(name, read_at(t + 0x38, 4),
			read_at(t + 0x38, 4) + read_at(t + 0x3c, 4) - 1);
		assert_int_equal(read_at(entry + 0x38, 8), drivers[i].base);
		assert_int_equal(read_at(entry + 0x48, 4), drivers[i].size_bytes);
		assert_int_equal(read_at(entry + 0x80, 4), drivers[i].checksum);
		assert_int_equal(read_at(entry + 0x88, 4), drivers[i].timestamp);
	}
}

static void triage_dump_carries_memory(void **state)
{
	(void)state;
	write_as("triage", &x64);
	const uint64_t t = 0x2000;
	assert_text(read_at(t + 0x28, 4), (const char *)some_bytes, 24);
	assert_int_equal(read_at(t + 0x2c, 4), 24);
	assert_int_equal(read_at(t + 0x48, 8), call_stack.va);
	assert_text(read_at(t + 0x70, 4), (const char *)some_bytes, 16);
	assert_int_equal(read_at(t + 0x74, 4), 16);
	assert_int_equal(read_at(t + 0x7c, 4), 1);
	uint64_t block = read_at(t + 0x78, 4);
	assert_int_equal(read_at(block, 8), ranges[0].va);
	assert_text(read_at(block + 8, 4), (const char *)some_bytes, 24);
	assert_int_equal(read_at(block + 12, 4), 24);
	uint64_t gone = read_at(t + 0x18, 4);
	assert_int_equal(read_at(gone, 8), 1);
	assert_int_equal(read_at(gone + 8, 2), 24);
	assert_int_equal(read_at(gone + 10, 2), 24);
	assert_text(gone + 8 + 16, "d\0u\0m\0p\0", 8);
	assert_int_equal(read_at(gone + 8 + 40, 8), 0x10000);
	assert_int_equal(read_at(gone + 8 + 48, 8), 0x20000);
}

static void triage_32_has_narrow_entries(void **state)
{
	(void)state;
	struct dump_meta meta = x86();
	write_as("triage", &meta);
	const uint64_t t = 0x1000;
	assert_int_equal(read_at(0xf88, 4), 4);
	assert_int_equal(read_at(t + 0x04, 4), file_size());
	uint64_t entry = read_at(t + 0x30, 4) + 0x4c;
	assert_name(read_at(entry, 4), "tcpip.sys");
	assert_int_equal(read_at(entry + 0x1c, 4), drivers[1].base & UINT32_MAX);
	assert_int_equal(read_at(entry + 0x24, 4), drivers[1].size_bytes);
	assert_int_equal(read_at(entry + 0x48, 4), drivers[1].timestamp);
	assert_int_equal(read_at(t + 0x64, 4), 1);
	uint64_t block = read_at(t + 0x60, 4);
	assert_text(read_at(block + 4, 4), (const char *)some_bytes, 24);
	assert_int_equal(read_at(block + 8, 4), 24);
	assert_int_equal(read_at(read_at(t + 0x18, 4), 4), 1);
}

static void refuse(const char *format, const struct phys_view *memory, ei_code code)
{
	ei_error *error = container_write(format, memory, &x64, path);
	assert_non_null(error);
	assert_int_equal(ei_error_code(error), code);
	ei_error_drop(error);
}

static void what_does_not_fit_is_refused(void **state)
{
	(void)state;
	refuse("vmem", &machine, EI_E_USAGE);
	refuse("crash32", &machine, EI_E_USAGE);
	struct phys_run many[43];
	for (size_t i = 0; i < 43; i++)
		many[i] = (struct phys_run){ 1 + i * 2, 1 };
	struct phys_view scattered = machine;
	scattered.runs = many;
	scattered.run_count = 43;
	refuse("crash", &scattered, EI_E_LIMIT);
	assert_int_equal(access(path, F_OK), -1);
	scattered.run_count = 42;
	assert_null(container_write("crash", &scattered, &x64, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_offsets_are_addresses),
		cmocka_unit_test(zero_pages_take_no_room),
		cmocka_unit_test(lime_ranges_have_their_headers),
		cmocka_unit_test(elf_segments_carry_the_runs),
		cmocka_unit_test(elf_notes_give_the_page_tables),
		cmocka_unit_test(full_dump_header_has_its_fields),
		cmocka_unit_test(full_32_bit_dump_has_its_own_header),
		cmocka_unit_test(bitmap_dumps_place_pages_by_their_bits),
		cmocka_unit_test(summary_dumps_leave_out_user_pages),
		cmocka_unit_test(range_dumps_place_pages_by_their_ranges),
		cmocka_unit_test(triage_dump_lists_drivers),
		cmocka_unit_test(triage_dump_carries_memory),
		cmocka_unit_test(triage_32_has_narrow_entries),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};
	return cmocka_run_group_tests(tests, start, end);
}
