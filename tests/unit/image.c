// Images: every format written by hand, byte by byte; good ones, and damaged in every place.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx_image.h"
#include "../fx/test.h"
#include "image/crash.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct good {
	const char *name; // image_format_name
	void (*write)(struct fx_file *file);
	const uint64_t *frames;
	size_t count;
};

#define FRAMES(array) (array), ARRAY_LENGTH(array)

static const uint64_t four_frames[] = { 0, 1, 2, 3 };

static const struct good goods[] = {
	{ "raw", fx_raw, FRAMES(four_frames) },
	{ "crash64", fx_full_64, FRAMES(fx_three_frames) },
	{ "crash32", fx_full_32, FRAMES(fx_three_frames) },
	{ "crash64-bitmap", fx_bitmap_64, FRAMES(fx_bitmap_frames) },
	{ "crash32-bitmap", fx_bitmap_32, FRAMES(fx_bitmap_frames) },
	{ "crash64-active", fx_active_64, FRAMES(fx_bitmap_frames) },
	{ "crash64-kernel", fx_kernel_64, FRAMES(fx_bitmap_frames) },
	{ "crash32-kernel", fx_kernel_32, FRAMES(fx_bitmap_frames) },
	{ "crash64-kernel", fx_kernel_64_newer, FRAMES(fx_bitmap_frames) },
	{ "crash64-kernel8", fx_ranges_8, FRAMES(fx_three_frames) },
	{ "crash64-kernel9", fx_ranges_9, FRAMES(fx_three_frames) },
	{ "crash64-complete10", fx_ranges_10, FRAMES(fx_three_frames) },
	{ "lime", fx_lime, FRAMES(fx_three_frames) },
	{ "elf", fx_elf_qemu, FRAMES(fx_three_frames) },
	{ "elf", fx_elf_vbox, FRAMES(fx_three_frames) },
};

// Every page of `frames`, and nothing else below `end`.
static void expect_frames(
	const struct image *image, const uint64_t *frames, size_t count, uint64_t end)
{
	size_t next = 0;
	for (uint64_t frame = 0; frame < end; frame++) {
		bool there = next < count && frames[next] == frame;
		assert_int_equal(
			fx_image_frame_at(image, frame * PAGE_SIZE), there ? frame : UINT64_MAX);
		next += there;
	}
	assert_int_equal(next, count);
	assert_int_equal(image_bytes(image), count * PAGE_SIZE);
	assert_null(image_note(image, 0));
	assert_null(image_failure(image));
}

// ---- good images ----------------------------------------------------------------------------
static void each_format_gives_its_pages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(goods); i++) {
		struct image *image = fx_image_open(goods[i].write);
		assert_string_equal(image_format_name(image), goods[i].name);
		expect_frames(image, goods[i].frames, goods[i].count, 210);
		image_close(image);
	}
}

static void runs_ascend_and_meet_no_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(goods); i++) {
		struct image *image = fx_image_open(goods[i].write);
		size_t count = 0;
		const struct image_run *runs = image_runs(image, &count);
		uint64_t bytes = 0;
		for (size_t run = 0; run < count; run++) {
			uint64_t end = runs[run].start + runs[run].length;
			assert_true(runs[run].length > 0);
			assert_true(run + 1 == count ? end == image_end(image)
						     : end <= runs[run + 1].start);
			bytes += runs[run].length;
		}
		assert_int_equal(bytes, image_bytes(image));
		image_close(image);
	}
}

static void a_read_crosses_runs_that_meet_and_stops_at_a_gap(void **state)
{
	(void)state;
	struct image *image = fx_image_open(fx_full_64);
	uint8_t buffer[4 * PAGE_SIZE];
	assert_int_equal(image_read(image, 0x1000, buffer, sizeof buffer), 2 * PAGE_SIZE);
	assert_int_equal(image_read(image, 0x1ff8, buffer, 16), 16);
	assert_int_equal(load_u64(buffer + 8), 2);
	assert_int_equal(image_read(image, 0x5fff, buffer, 2), 1);
	assert_int_equal(image_read(image, 0, buffer, 8), 0);
	assert_int_equal(image_read(image, UINT64_MAX, buffer, 8), 0);
	assert_null(image_failure(image));
	image_close(image);
}

static void header_of_a_64_bit_dump_is_read(void **state)
{
	(void)state;
	struct image *image = fx_image_open(fx_full_64);
	const ei_crash *crash = &image_crash_header(image)->facts;
	assert_string_equal(crash->signature, "PAGE");
	assert_string_equal(crash->valid_dump, "DU64");
	assert_string_equal(crash->comment, "by hand");
	assert_false(crash->comment_unset);
	assert_int_equal(crash->major, 15);
	assert_int_equal(crash->minor, 19041);
	assert_int_equal(crash->pfn_database, 0xffffca8000000000);
	assert_int_equal(crash->ps_active_process_head, 0xfffff8000c61df60);
	assert_string_equal(crash->bugcheck_name, "KMODE_EXCEPTION_NOT_HANDLED");
	assert_int_equal(crash->parameters[0], 0xffffffffc0000005);
	assert_int_equal(crash->parameters[3], 0x77);
	assert_int_equal(crash->exception_code, 0x80000003);
	assert_int_equal(crash->exception_address, 0xfffff80001020304);
	assert_int_equal(crash->system_time, 132223104000000000);
	assert_int_equal(crash->uptime, 36005000000);
	assert_int_equal(crash->suite_mask, 0x110);
	assert_true(ei_crash_unset(crash->writer_status));
	assert_false(crash->has_bitmap);
	const struct image_hints *hints = image_hints(image);
	assert_int_equal(hints->dtb, 0x1ad000);
	assert_int_equal(hints->kdbg, 0xfffff8000c600b20);
	assert_int_equal(hints->ps_loaded_module_list, 0xfffff8000c62a310);
	assert_int_equal(hints->machine, 0x8664);
	assert_int_equal(hints->build, 19041);
	assert_int_equal(hints->processors, 2);
	image_close(image);
}

static void header_of_a_32_bit_dump_is_read(void **state)
{
	(void)state;
	struct image *image = fx_image_open(fx_full_32);
	const ei_crash *crash = &image_crash_header(image)->facts;
	assert_string_equal(crash->valid_dump, "DUMP");
	assert_true(crash->comment_unset);
	assert_string_equal(crash->bugcheck_name, "DRIVER_IRQL_NOT_LESS_OR_EQUAL");
	assert_int_equal(crash->parameters[3], 0x82a00000);
	assert_int_equal(crash->kdbg, 0x82b31c28);
	assert_int_equal(crash->uptime, 10000000);
	assert_int_equal(crash->product_type, 3);
	assert_true(image_hints(image)->pae);
	assert_int_equal(image_hints(image)->dtb, 0x185000);
	image_close(image);
}

static void the_hint_for_the_root_is_without_pcid(void **state)
{
	(void)state;
	struct fx_file *file = fx_image_write(fx_full_64);
	fx_image_put(file, 0x10, 0x1ad002, 8);
	struct image *image = fx_image_open_file(file);
	assert_int_equal(image_hints(image)->dtb, 0x1ad000);
	assert_int_equal(image_crash_header(image)->facts.dtb, 0x1ad002);
	image_close(image);
	free(file);
}

static void bitmap_sizes_are_kept(void **state)
{
	(void)state;
	struct image *image = fx_image_open(fx_bitmap_64);
	const ei_crash *crash = &image_crash_header(image)->facts;
	assert_true(crash->has_bitmap);
	assert_int_equal(crash->bitmap_header_size, 0x3000);
	assert_int_equal(crash->bitmap_bits, 200);
	assert_int_equal(crash->bitmap_pages, FX_BITMAP_FRAMES);
	image_close(image);
}

static void bug_checks_are_named_by_code(void **state)
{
	(void)state;
	assert_string_equal(bugcheck_name(0x01), "APC_INDEX_MISMATCH");
	assert_string_equal(bugcheck_name(0x0a), "IRQL_NOT_LESS_OR_EQUAL");
	assert_string_equal(bugcheck_name(0x124), "WHEA_UNCORRECTABLE_ERROR");
	assert_string_equal(bugcheck_name(0xef), "CRITICAL_PROCESS_DIED");
	assert_string_equal(bugcheck_name(0xdeaddead), "MANUALLY_INITIATED_CRASH1");
	assert_null(bugcheck_name(0));
	assert_non_null(strstr(bugcheck_parameters(0xd1), "2: IRQL"));
	assert_ptr_equal(bugcheck_parameters(0x1000007e), bugcheck_parameters(0x7e));
	assert_null(bugcheck_parameters(0xdeaddead));
	assert_null(bugcheck_name(0x00fffff0));
	assert_null(bugcheck_name(UINT32_MAX));
}

static void qemu_core_gives_the_page_table_root(void **state)
{
	(void)state;
	struct image *image = fx_image_open(fx_elf_qemu);
	assert_int_equal(image_hints(image)->dtb, 0x1ad000);
	assert_int_equal(image_hints(image)->processors, 1);
	assert_non_null(strstr(image_format_text(image), "QEMU"));
	image_close(image);
	image = fx_image_open(fx_elf_vbox);
	assert_int_equal(image_hints(image)->dtb, 0);
	assert_int_equal(image_hints(image)->processors, 4);
	assert_non_null(strstr(image_format_text(image), "VirtualBox"));
	image_close(image);
}

static void triage_dump_lists_its_drivers(void **state)
{
	(void)state;
	struct image *image = fx_image_open(fx_triage_64);
	const struct crash_header *header = image_crash_header(image);
	assert_string_equal(image_format_name(image), "crash64-triage");
	assert_int_equal(header->facts.driver_count, 2);
	assert_string_equal(header->drivers[0].name, "ntoskrnl.exe");
	assert_string_equal(header->drivers[1].name, "tcpip.sys");
	assert_int_equal(header->drivers[1].base, 0xfffff80000200000);
	assert_int_equal(header->drivers[1].size, 0x80001);
	assert_int_equal(header->drivers[1].checksum, 0xabc1);
	assert_int_equal(header->drivers[1].timestamp, 0x5f000001);
	assert_int_equal(header->facts.unloaded_count, 1);
	assert_string_equal(header->unloaded[0].name, "old.sys");
	assert_int_equal(header->unloaded[0].base, 0xfffff80000a00000);
	assert_int_equal(header->unloaded[0].size, 0x10000);
	assert_int_equal(image_hints(image)->kernel_base, 0xfffff80000100000);
	assert_int_equal(image_bytes(image), 0);
	assert_int_equal(image_end(image), 0);
	assert_null(image_note(image, 0));
	image_close(image);
}

static void triage_dump_serves_virtual_memory(void **state)
{
	(void)state;
	struct image *image = fx_image_open(fx_triage_64);
	uint8_t buffer[0x100];
	uint64_t va = 0xfffff80000300000;
	assert_int_equal(image_read_virtual(image, va, buffer, sizeof buffer), 0x80);
	for (unsigned i = 0; i < 0x80; i++)
		assert_int_equal(buffer[i], i);
	assert_int_equal(image_read_virtual(image, va + 0x7f, buffer, 2), 1);
	assert_int_equal(image_read_virtual(image, va - 1, buffer, 2), 0);
	assert_int_equal(image_read_virtual(image, 0xfffffffffffffff8, buffer, 16), 8);
	assert_memory_equal(buffer, "ll space", 8);
	assert_int_equal(image_read_virtual(image, 0xfffff80000770000, buffer, 5), 5);
	assert_memory_equal(buffer, "stack", 5);
	assert_int_equal(image_read_virtual(image, 0xfffff8000c600b20, buffer, 4), 4);
	assert_memory_equal(buffer, "KDBG", 4);
	struct image_run stretch;
	assert_false(image_stretch(image, 0, &stretch));
	image_close(image);
}

static void triage_dump_of_32_bits_is_read(void **state)
{
	(void)state;
	struct image *image = fx_image_open(fx_triage_32);
	const struct crash_header *header = image_crash_header(image);
	assert_int_equal(header->facts.driver_count, 1);
	assert_string_equal(header->drivers[0].name, "ntkrnlpa.exe");
	assert_int_equal(header->drivers[0].base, 0x82a00000);
	assert_int_equal(header->drivers[0].size, 0x400000);
	assert_int_equal(header->drivers[0].checksum, 0xabc);
	assert_int_equal(header->drivers[0].timestamp, 0x4ce78a09);
	assert_string_equal(header->unloaded[0].name, "twelve.chars");
	assert_int_equal(header->unloaded[0].size, 0x8000);
	char text[10] = "";
	assert_int_equal(image_read_virtual(image, 0x82b31c28, text, 5), 5);
	assert_string_equal(text, "block");
	assert_int_equal(image_read_virtual(image, 0x8a001000, text, 9), 9);
	assert_string_equal(text, "data page");
	assert_null(image_note(image, 0));
	image_close(image);
}

// ---- odd files ------------------------------------------------------------------------------
static void expect_path_refused(const char *path, ei_code code, const char *text)
{
	struct image *image = NULL;
	ei_error *error = image_open(path, NULL, &image);
	assert_non_null(error);
	assert_int_equal(ei_error_code(error), code);
	if (!strstr(ei_error_text(error), text))
		fail_msg("'%s', want '%s'", ei_error_text(error), text);
	assert_null(strchr(ei_error_text(error), '\n'));
	ei_error_drop(error);
}

static void what_is_not_a_file_is_refused_in_one_line(void **state)
{
	(void)state;
	char folder[] = "/tmp/ei-image-XXXXXX", pipe_path[64];
	assert_non_null(mkdtemp(folder));
	snprintf(pipe_path, sizeof pipe_path, "%s/pipe", folder);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	expect_path_refused(folder, EI_E_UNKNOWN, "is a directory");
	expect_path_refused(pipe_path, EI_E_UNKNOWN, "is a pipe");
	expect_path_refused("/dev/zero", EI_E_UNKNOWN, "character device");
	unlink(pipe_path);
	expect_path_refused(pipe_path, EI_E_IO, "cannot open");
	rmdir(folder);
}

// ---- a file that changes underneath ---------------------------------------------------------
static void a_shrinking_file_costs_bytes_and_leaves_a_mark(void **state)
{
	(void)state;
	struct fx_file *file = fx_image_write(fx_raw);
	int fd = fx_image_fd(file);
	int keep = dup(fd);
	struct image *image = NULL;
	ei_error *error = image_open_fd(fd, "x", NULL, &image);
	image = fx_image_opened(error, image);
	assert_null(image_failure(image));
	assert_int_equal(ftruncate(keep, 0x1800), 0);
	uint8_t buffer[4 * PAGE_SIZE];
	assert_int_equal(image_read(image, 0, buffer, sizeof buffer), 0x1800);
	assert_non_null(strstr(image_failure(image), "ends at 0x1800, it was 0x4000"));
	assert_int_equal(image_read(image, 0x3000, buffer, 8), 0);
	assert_int_equal(image_read(image, 0, buffer, 8), 8);
	image_close(image);
	close(keep);
	free(file);
}

static void stretches_of_a_shrunk_file_leave_a_mark(void **state)
{
	(void)state;
	struct fx_file *file = fx_image_write(fx_raw);
	int fd = fx_image_fd(file);
	int keep = dup(fd);
	struct image *image = NULL;
	ei_error *error = image_open_fd(fd, "x", NULL, &image);
	image = fx_image_opened(error, image);
	assert_int_equal(ftruncate(keep, 0x1000), 0);
	struct image_run stretch;
	assert_false(image_stretch(image, 0x2000, &stretch));
	assert_non_null(image_failure(image));
	image_close(image);
	close(keep);
	free(file);
}

static void *read_past_the_end(void *argument)
{
	const struct image *image = argument;
	uint8_t buffer[PAGE_SIZE];
	for (unsigned i = 0; i < 1000; i++) {
		image_read(image, (i % 4) * PAGE_SIZE, buffer, sizeof buffer);
		const char *failure = image_failure(image);
		if (failure && !strstr(failure, "it was 0x4000"))
			return argument;
	}
	return NULL;
}

static void many_threads_leave_one_whole_mark(void **state)
{
	(void)state;
	struct fx_file *file = fx_image_write(fx_raw);
	int fd = fx_image_fd(file);
	int keep = dup(fd);
	struct image *image = NULL;
	ei_error *error = image_open_fd(fd, "x", NULL, &image);
	image = fx_image_opened(error, image);
	assert_int_equal(ftruncate(keep, 0x1000), 0);
	pthread_t threads[4];
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_past_the_end, image), 0);
	for (unsigned i = 0; i < 4; i++) {
		void *torn = NULL;
		pthread_join(threads[i], &torn);
		assert_null(torn);
	}
	image_close(image);
	close(keep);
	free(file);
}

// ---- size -----------------------------------------------------------------------------------
static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void put_far(int fd, uint64_t offset, uint64_t frame)
{
	assert_int_equal(pwrite(fd, &frame, sizeof frame, (off_t)offset), sizeof frame);
}

static void holes_of_a_64_gib_file_cost_nothing(void **state)
{
	(void)state;
	const uint64_t size = UINT64_C(64) << 30, far = UINT64_C(40) << 30;
	int fd = memfd_create("sparse", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	put_far(fd, 0x5000, 5);
	put_far(fd, far, far / PAGE_SIZE);
	double start = seconds();
	struct image *image = NULL;
	ei_error *error = image_open_fd(fd, "x", NULL, &image);
	image = fx_image_opened(error, image);
	assert_int_equal(image_bytes(image), size);
	struct image_run stretch;
	assert_true(image_stretch(image, 0, &stretch));
	assert_int_equal(stretch.start, 0x5000);
	assert_true(image_stretch(image, stretch.start + stretch.length, &stretch));
	assert_int_equal(stretch.start, far);
	assert_int_equal(stretch.length, PAGE_SIZE);
	assert_false(image_stretch(image, stretch.start + stretch.length, &stretch));
	uint64_t frame = 0;
	assert_int_equal(image_read(image, far, &frame, sizeof frame), sizeof frame);
	assert_int_equal(frame, far / PAGE_SIZE);
	assert_null(image_failure(image));
	image_close(image);
	assert_true(seconds() - start < 0.5);
}

// Stretches of data cover all that is stored, in each format, whatever the grain of the file.
static void stretches_cover_all_data(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(goods); i++) {
		struct image *image = fx_image_open(goods[i].write);
		uint64_t at = 0, bytes = 0;
		struct image_run stretch;
		while (image_stretch(image, at, &stretch)) {
			assert_true(stretch.start >= at && stretch.length > 0);
			assert_int_equal(stretch.start % PAGE_SIZE, 0);
			bytes += stretch.length;
			at = stretch.start + stretch.length;
		}
		assert_int_equal(bytes, image_bytes(image));
		image_close(image);
	}
}

// 64 GiB in which every other page is stored: as many runs as the cap allows, and more.
static void write_alternating(int fd, uint64_t frames)
{
	struct fx_file *file = fx_image_write(fx_bitmap_64);
	fx_image_put(file, 0x2028, frames / 2, 8);
	fx_image_put(file, 0x2030, frames, 8);
	fx_image_put(file, 0x2020, 0x2000 + 0x1000 + frames / 8, 8);
	assert_int_equal(pwrite(fd, file->bytes, 0x2038, 0), 0x2038);
	free(file);
	size_t bytes = frames / 8;
	uint8_t *bits = malloc(bytes);
	assert_non_null(bits);
	memset(bits, 0x55, bytes);
	assert_int_equal(pwrite(fd, bits, bytes, 0x2038), (ssize_t)bytes);
	free(bits);
	assert_int_equal(ftruncate(fd, (off_t)(0x3000 + frames / 8 + frames / 2 * PAGE_SIZE)), 0);
}

static void the_worst_bitmap_opens_fast(void **state)
{
	(void)state;
	const uint64_t frames = UINT64_C(8) << 20; // 32 GiB, 4 Mi runs
	int fd = memfd_create("bitmap", MFD_CLOEXEC);
	write_alternating(fd, frames);
	double start = seconds();
	struct image *image = NULL;
	ei_error *error = image_open_fd(fd, "x", NULL, &image);
	image = fx_image_opened(error, image);
	size_t count;
	image_runs(image, &count);
	assert_int_equal(count, frames / 2);
	uint8_t byte;
	assert_int_equal(image_read(image, (frames - 2) * PAGE_SIZE, &byte, 1), 1);
	assert_int_equal(image_read(image, (frames - 1) * PAGE_SIZE, &byte, 1), 0);
	struct image_run stretch;
	assert_false(image_stretch(image, 0x100000, &stretch)); // all pages are holes
	image_close(image);
	assert_true(seconds() - start < 3);
}

static void too_many_runs_are_refused(void **state)
{
	(void)state;
	int fd = memfd_create("bitmap", MFD_CLOEXEC);
	write_alternating(fd, (UINT64_C(8) << 20) + 64);
	struct image *image = NULL;
	ei_error *error = image_open_fd(fd, "x", NULL, &image);
	assert_non_null(error);
	assert_int_equal(ei_error_code(error), EI_E_LIMIT);
	ei_error_drop(error);
}

// ---- the corpus -----------------------------------------------------------------------------
static size_t open_folder(const char *folder, bool wanted)
{
	DIR *entries = opendir(folder);
	if (!entries)
		return 0;
	size_t seen = 0;
	for (struct dirent *entry; (entry = readdir(entries));) {
		if (entry->d_name[0] == '.')
			continue;
		char path[512];
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		struct image *image = NULL;
		ei_error *error = image_open(path, NULL, &image);
		if (wanted && error)
			fail_msg("%s: %s", path, ei_error_text(error));
		if (!wanted && !error)
			fail_msg("%s opened", path);
		assert_true(wanted || ei_error_text(error)[0]);
		ei_error_drop(error);
		image_close(image);
		seen++;
	}
	closedir(entries);
	return seen;
}

static void corpus_opens_where_good_and_is_refused_where_bad(void **state)
{
	(void)state;
	assert_true(open_folder("tests/corpus/image/good", true) > 10);
	assert_true(open_folder("tests/corpus/image/bad", false) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_format_gives_its_pages),
		cmocka_unit_test(runs_ascend_and_meet_no_other),
		cmocka_unit_test(a_read_crosses_runs_that_meet_and_stops_at_a_gap),
		cmocka_unit_test(header_of_a_64_bit_dump_is_read),
		cmocka_unit_test(header_of_a_32_bit_dump_is_read),
		cmocka_unit_test(the_hint_for_the_root_is_without_pcid),
		cmocka_unit_test(bitmap_sizes_are_kept),
		cmocka_unit_test(bug_checks_are_named_by_code),
		cmocka_unit_test(qemu_core_gives_the_page_table_root),
		cmocka_unit_test(triage_dump_lists_its_drivers),
		cmocka_unit_test(triage_dump_serves_virtual_memory),
		cmocka_unit_test(triage_dump_of_32_bits_is_read),
		cmocka_unit_test(what_is_not_a_file_is_refused_in_one_line),
		cmocka_unit_test(a_shrinking_file_costs_bytes_and_leaves_a_mark),
		cmocka_unit_test(stretches_of_a_shrunk_file_leave_a_mark),
		cmocka_unit_test(many_threads_leave_one_whole_mark),
		cmocka_unit_test(holes_of_a_64_gib_file_cost_nothing),
		cmocka_unit_test(stretches_cover_all_data),
		cmocka_unit_test(the_worst_bitmap_opens_fast),
		cmocka_unit_test(too_many_runs_are_refused),
		cmocka_unit_test(corpus_opens_where_good_and_is_refused_where_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
