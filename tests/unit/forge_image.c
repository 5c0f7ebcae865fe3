// Images as the forge writes them, read back: the same bytes at the same addresses, per format.
// SPDX-License-Identifier: Apache-2.0
#include "../../samples/forge/container.h"
#include "../fx/test.h"
#include "image/crash.h"

#include <stdlib.h>
#include <unistd.h>

// ---- a machine with holes, used pages here and there, and user pages among them --------------
static const struct phys_run runs[] = { { 1, 0x9e }, { 0x100, 0xf00 }, { 0x100000, 0x300 } };

enum { LAST_FRAME = 0x100300 };

static bool in_runs(uint64_t frame)
{
	for (size_t i = 0; i < ARRAY_LENGTH(runs); i++)
		if (frame >= runs[i].first && frame - runs[i].first < runs[i].count)
			return true;
	return false;
}

// Runs of used pages of every length from 1 to 70, so that bitmaps have ones everywhere.
static bool is_used(uint64_t frame)
{
	return in_runs(frame) && (frame * 2654435761U >> 16) % 70 > frame % 71;
}

static bool is_user(const void *store, uint64_t frame)
{
	(void)store;
	return frame % 5 == 0;
}

static uint64_t next_used(const void *store, uint64_t frame)
{
	(void)store;
	while (frame < LAST_FRAME && !is_used(frame))
		frame++;
	return frame < LAST_FRAME ? frame : UINT64_MAX;
}

static void fill_page(uint64_t frame, uint8_t *page)
{
	for (size_t i = 0; i < PAGE_SIZE; i += 8) {
		uint64_t word = frame * PAGE_SIZE + i + 1;
		memcpy(page + i, &word, sizeof word);
	}
}

static const uint8_t *page_of(const void *store, uint64_t frame)
{
	(void)store;
	static uint8_t page[PAGE_SIZE];
	if (!is_used(frame))
		return NULL;
	fill_page(frame, page);
	return page;
}

static const struct phys_view machine = {
	.size_bytes = (uint64_t)LAST_FRAME * PAGE_SIZE,
	.runs = runs,
	.run_count = ARRAY_LENGTH(runs),
	.next = next_used,
	.page = page_of,
};

static const struct dump_driver drivers[] = {
	{ "ntoskrnl.exe", 0xfffff80312200000, 0x1046000, 0x12345678, 0xa5b6c7 },
	{ "tcpip.sys", 0xfffff80315000000, 0x2ec000, 0x9abcdef0, 0x2f0000 },
};
static const struct dump_unloaded unloaded[] = { { "dump_storahci.sys", 0x10000, 0x21000 } };
static const uint8_t some_bytes[24] = "bytes of kernel memory";
static const uint8_t stack_bytes[24] = "bytes of a kernel stack";
static const struct dump_range ranges[] = { { 0xa0001000, some_bytes, 24 } };
static const struct dump_range call_stack = { 0xb0005f00, stack_bytes, 24 };

static struct dump_meta meta_of(unsigned pointer_size)
{
	return (struct dump_meta){
		.pointer_size = pointer_size,
		.pae = pointer_size == 4,
		.dtb = 0x1ad000,
		.kernel_base = 0x82200000,
		.module_list = 0x82e2a310,
		.process_head = 0x82e1e060,
		.pfn_database = 0x83000000,
		.kdbg = 0x82e00000,
		.major = 15,
		.build = 19041,
		.machine = pointer_size == 8 ? 0x8664 : 0x14c,
		.processors = 4,
		.bugcheck = 0xe2,
		.bugcheck_params = { 1, 2, 3, 0x82200004 },
		.system_time = 133536384000000000,
		.uptime = 36000000000,
		.product_type = 3,
		.suite_mask = 0x110,
		.comment = "forged",
		.user_frame = is_user,
		.drivers = drivers,
		.driver_count = ARRAY_LENGTH(drivers),
		.ranges = ranges,
		.range_count = ARRAY_LENGTH(ranges),
		.call_stack = &call_stack,
		.unloaded = unloaded,
		.unloaded_count = ARRAY_LENGTH(unloaded),
	};
}

// ---- each format ----------------------------------------------------------------------------
enum keeps { KEEPS_RUNS, KEEPS_USED, KEEPS_KERNEL, KEEPS_ALL };

struct row {
	const char *format; // the forge's
	unsigned pointer_size;
	const char *name; // ours
	enum keeps keeps;
	bool header;
};

static const struct row rows[] = {
	{ "raw", 8, "raw", KEEPS_ALL, false },
	{ "crash", 8, "crash64", KEEPS_RUNS, true },
	{ "crash", 4, "crash32", KEEPS_RUNS, true },
	{ "crash-kernel", 8, "crash64-kernel", KEEPS_KERNEL, true },
	{ "crash-kernel", 4, "crash32-kernel", KEEPS_KERNEL, true },
	{ "crash-bitmap", 8, "crash64-bitmap", KEEPS_RUNS, true },
	{ "crash-bitmap", 4, "crash32-bitmap", KEEPS_RUNS, true },
	{ "crash-active", 8, "crash64-active", KEEPS_USED, true },
	{ "crash-kernel8", 8, "crash64-kernel8", KEEPS_KERNEL, true },
	{ "crash-kernel9", 8, "crash64-kernel9", KEEPS_USED, true },
	{ "crash-complete10", 8, "crash64-complete10", KEEPS_RUNS, true },
	{ "lime", 8, "lime", KEEPS_RUNS, false },
	{ "elf", 8, "elf", KEEPS_RUNS, false },
	{ "elf-vbox", 8, "elf", KEEPS_RUNS, false },
};

static char path[] = "/tmp/ei-forge-image.XXXXXX";

static int start(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	close(fd);
	return fd < 0;
}

static int end(void **state)
{
	(void)state;
	return unlink(path);
}

static struct image *forge(const char *format, const struct dump_meta *meta)
{
	struct image *image = NULL;
	ei_error *error = container_write(format, &machine, meta, path);
	if (!error)
		error = image_open(path, NULL, &image);
	if (error)
		fail_msg("%s: %s", format, ei_error_text(error));
	assert_null(image_note(image, 0));
	return image;
}

static bool is_kept(enum keeps keeps, uint64_t frame)
{
	switch (keeps) {
	case KEEPS_ALL:
		return true;
	case KEEPS_RUNS:
		return in_runs(frame);
	case KEEPS_USED:
		return is_used(frame);
	default:
		return is_used(frame) && !is_user(NULL, frame);
	}
}

static void compare_page(const struct image *image, uint64_t frame, bool kept)
{
	uint8_t want[PAGE_SIZE] = { 0 }, got[PAGE_SIZE];
	size_t size = image_read(image, frame * PAGE_SIZE, got, sizeof got);
	assert_int_equal(size, kept ? PAGE_SIZE : 0);
	if (is_used(frame))
		fill_page(frame, want);
	if (kept)
		assert_memory_equal(got, want, PAGE_SIZE);
}

// Frames between the runs are many and all alike: a few of them do.
static void every_page_is_where_it_was(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct dump_meta meta = meta_of(rows[i].pointer_size);
		struct image *image = forge(rows[i].format, &meta);
		assert_string_equal(image_format_name(image), rows[i].name);
		for (uint64_t frame = 0; frame < LAST_FRAME; frame++)
			if (in_runs(frame) || frame < 0x1100 || frame % 4096 == 0)
				compare_page(image, frame, is_kept(rows[i].keeps, frame));
		assert_null(image_failure(image));
		image_close(image);
	}
}

static void every_used_page_is_in_a_stretch(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct dump_meta meta = meta_of(rows[i].pointer_size);
		struct image *image = forge(rows[i].format, &meta);
		struct image_run stretch = { 0, 0, 0 };
		uint64_t at = 0, used = 0, want = 0;
		while (image_stretch(image, at, &stretch)) {
			at = stretch.start + stretch.length;
			for (uint64_t pa = stretch.start; pa < at; pa += PAGE_SIZE)
				used += is_used(pa / PAGE_SIZE);
		}
		for (uint64_t frame = 0; frame < LAST_FRAME; frame++)
			want += is_used(frame) && is_kept(rows[i].keeps, frame);
		assert_int_equal(used, want);
		image_close(image);
	}
}

static void headers_say_what_the_forge_was_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct dump_meta meta = meta_of(rows[i].pointer_size);
		struct image *image = forge(rows[i].format, &meta);
		const struct crash_header *header = image_crash_header(image);
		assert_int_equal(header != NULL, rows[i].header);
		if (header) {
			const ei_crash *crash = &header->facts;
			assert_int_equal(image_hints(image)->dtb, meta.dtb);
			assert_int_equal(image_hints(image)->kdbg, meta.kdbg);
			assert_int_equal(image_hints(image)->pae, meta.pae);
			assert_int_equal(crash->minor, meta.build);
			assert_int_equal(crash->bugcheck, meta.bugcheck);
			assert_string_equal(crash->bugcheck_name, "MANUALLY_INITIATED_CRASH");
			assert_int_equal(crash->parameters[3], meta.bugcheck_params[3]);
			assert_int_equal(crash->system_time, meta.system_time);
			assert_int_equal(crash->uptime, meta.uptime);
			assert_int_equal(crash->product_type, meta.product_type);
			assert_string_equal(crash->comment, meta.comment);
		}
		image_close(image);
	}
}

static void triage_dumps_carry_drivers_and_memory(void **state)
{
	(void)state;
	for (unsigned pointer_size = 4; pointer_size <= 8; pointer_size += 4) {
		struct dump_meta meta = meta_of(pointer_size);
		struct image *image = forge("triage", &meta);
		uint64_t mask = pointer_size == 8 ? UINT64_MAX : UINT32_MAX;
		const struct crash_header *header = image_crash_header(image);
		assert_int_equal(header->facts.driver_count, ARRAY_LENGTH(drivers));
		for (size_t i = 0; i < ARRAY_LENGTH(drivers); i++) {
			assert_string_equal(header->drivers[i].name, drivers[i].name);
			assert_int_equal(header->drivers[i].base, drivers[i].base & mask);
			assert_int_equal(header->drivers[i].size, drivers[i].size_bytes);
			assert_int_equal(header->drivers[i].timestamp, drivers[i].timestamp);
			assert_int_equal(header->drivers[i].checksum, drivers[i].checksum);
		}
		assert_int_equal(header->facts.unloaded_count, 1);
		assert_string_equal(header->unloaded[0].name, "dump_storahc");
		assert_int_equal(header->unloaded[0].base, 0x10000);
		assert_int_equal(header->unloaded[0].size, 0x11000);
		char text[24];
		assert_int_equal(image_read_virtual(image, ranges[0].va, text, 24), 24);
		assert_memory_equal(text, some_bytes, 24);
		assert_int_equal(image_read_virtual(image, call_stack.va, text, 24), 24);
		assert_memory_equal(text, stack_bytes, 24);
		image_close(image);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_page_is_where_it_was),
		cmocka_unit_test(every_used_page_is_in_a_stretch),
		cmocka_unit_test(headers_say_what_the_forge_was_told),
		cmocka_unit_test(triage_dumps_carry_drivers_and_memory),
	};
	return cmocka_run_group_tests(tests, start, end);
}
