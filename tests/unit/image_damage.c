// Images damaged in every place: refused with the reason, or read as far as they go, with a note.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx_image.h"
#include "../fx/test.h"
#include "image/crash.h"

#include <stdlib.h>

// ---- damaged images -------------------------------------------------------------------------
struct damage {
	void (*write)(struct fx_file *file);
	struct {
		uint32_t offset;
		uint8_t width; // 0: no more
		uint64_t value;
	} set[3];
	size_t size; // the file is cut or grown to it; 0: left
	ei_code code;
	const char *text; // in the message or the note
};

static void nothing(struct fx_file *file)
{
	(void)file;
}

// clang-format off
static const struct damage refused[] = {
	{ nothing,   { { 0, 0, 0 } }, 0, EI_E_UNKNOWN, "is empty" },
	{ fx_raw,       { { 0, 0, 0 } }, 4095, EI_E_UNKNOWN, "less than one page" },
	{ fx_full_64,   { { 0, 0, 0 } }, 0x1fff, EI_E_FORMAT, "header" },
	{ fx_full_64,   { { 0, 0, 0 } }, 8, EI_E_FORMAT, "header" },
	{ fx_full_64,   { { 0x88, 4, 0 } }, 0, EI_E_FORMAT, "0 runs" },
	{ fx_full_64,   { { 0x88, 4, 43 } }, 0, EI_E_FORMAT, "43 runs of physical memory, want 1 to 42" },
	{ fx_full_64,   { { 0x88, 4, UINT32_MAX } }, 0, EI_E_FORMAT, "4294967295 runs" },
	{ fx_full_64,   { { 0x88, 4, 0x45474150 } }, 0, EI_E_FORMAT, "never written" },
	{ fx_full_64,   { { 0xa0, 8, UINT64_MAX } }, 0, EI_E_FORMAT, "outside any physical memory" },
	{ fx_full_64,   { { 0x98, 8, UINT64_MAX } }, 0, EI_E_FORMAT, "outside any physical memory" },
	{ fx_full_64,   { { 0x98, 8, 1ULL << 40 } }, 0, EI_E_FORMAT, "outside any physical memory" },
	{ fx_full_64,   { { 0x98, 8, 1ULL << 52 } }, 0, EI_E_FORMAT, "outside any physical memory" },
	{ fx_full_64,   { { 0xf98, 4, 0 } }, 0, EI_E_FORMAT, "type 0" },
	{ fx_full_64,   { { 0xf98, 4, UINT32_MAX } }, 0, EI_E_FORMAT, "type 4294967295, want 1 to 10" },
	{ fx_full_64,   { { 0xf98, 4, 5 } }, 0, EI_E_FORMAT, "no page bitmap" },
	{ fx_full_64,   { { 0xf98, 4, 8 } }, 0, EI_E_FORMAT, "no list of page ranges" },
	{ fx_full_32,   { { 0, 0, 0 } }, 0xfff, EI_E_FORMAT, "header" },
	{ fx_full_32,   { { 0x64, 4, 87 } }, 0, EI_E_FORMAT, "87 runs of physical memory, want 1 to 86" },
	{ fx_bitmap_64, { { 0x2000, 4, 0 } }, 0, EI_E_FORMAT, "no page bitmap" },
	{ fx_bitmap_64, { { 0x2004, 4, 0 } }, 0, EI_E_FORMAT, "no page bitmap" },
	{ fx_bitmap_64, { { 0x2030, 8, 0 } }, 0, EI_E_FORMAT, "cannot be" },
	{ fx_bitmap_64, { { 0x2030, 8, UINT64_MAX } }, 0, EI_E_FORMAT, "cannot be" },
	{ fx_bitmap_64, { { 0x2028, 8, 201 } }, 0, EI_E_FORMAT, "cannot be" },
	{ fx_bitmap_64, { { 0x2020, 8, 0x2038 } }, 0, EI_E_FORMAT, "cannot be" },
	{ fx_bitmap_64, { { 0x2020, 8, 0 } }, 0, EI_E_FORMAT, "cannot be" },
	{ fx_bitmap_64, { { 0x2020, 8, INT64_MAX } }, 0, EI_E_FORMAT, "which no file has" },
	{ fx_bitmap_64, { { 0, 0, 0 } }, 0x2040, EI_E_FORMAT, "page bitmap: 'test.dmp' ends at 0x2040" },
	{ fx_bitmap_64, { { 0, 0, 0 } }, 0x2000, EI_E_FORMAT, "ends at 0x2000" },
	{ fx_bitmap_64, { { 0x2030, 8, 1ULL << 34 }, { 0x2020, 8, 1ULL << 40 } }, 0, EI_E_FORMAT, "ends at" },
	{ fx_kernel_64, { { 0x2010, 4, 0 } }, 0, EI_E_FORMAT, "cannot be" },
	{ fx_ranges_8,  { { 0x2004, 4, 0 } }, 0, EI_E_FORMAT, "no list of page ranges" },
	{ fx_ranges_8,  { { 0x2018, 8, 0x2000 } }, 0, EI_E_FORMAT, "cannot be" },
	{ fx_ranges_8,  { { 0x2010, 8, 8 } }, 0, EI_E_FORMAT, "cannot be" },
	{ fx_ranges_8,  { { 0x2038, 8, UINT64_MAX } }, 0, EI_E_FORMAT, "outside any physical memory" },
	{ fx_ranges_8,  { { 0x2018, 8, UINT64_MAX } }, 0, EI_E_FORMAT, "which no file has" },
	{ fx_ranges_8,  { { 0, 0, 0 } }, 0x2038, EI_E_FORMAT, "reading the list of page ranges" },
	{ fx_triage_64, { { 0, 0, 0 } }, 0x2070, EI_E_FORMAT, "triage dump's header" },
	{ fx_lime,      { { 4, 4, 3 } }, 0, EI_E_FORMAT, "LiME version 3" },
	{ fx_lime,      { { 16, 8, 0xfff } }, 0, EI_E_FORMAT, "ends before it starts" },
	{ fx_lime,      { { 16, 8, UINT64_MAX } }, 0, EI_E_FORMAT, "outside any physical memory" },
	{ fx_lime,      { { 0, 0, 0 } }, 32, EI_E_FORMAT, "holds no memory" },
	{ fx_elf_qemu,  { { 4, 1, 1 } }, 0, EI_E_FORMAT, "not 64-bit" },
	{ fx_elf_qemu,  { { 5, 1, 2 } }, 0, EI_E_FORMAT, "not 64-bit little-endian" },
	{ fx_elf_qemu,  { { 16, 2, 2 } }, 0, EI_E_UNKNOWN, "not a core" },
	{ fx_elf_qemu,  { { 54, 2, 32 } }, 0, EI_E_FORMAT, "program headers of 32 bytes" },
	{ fx_elf_qemu,  { { 56, 2, 0 } }, 0, EI_E_FORMAT, "0 ELF segments" },
	{ fx_elf_qemu,  { { 32, 8, UINT64_MAX - 8 } }, 0, EI_E_FORMAT, "past the end" },
	{ fx_elf_qemu,  { { 56, 2, 3000 } }, 0, EI_E_FORMAT, "past the end" },
	{ fx_elf_qemu,  { { 56, 2, 0xffff }, { 40, 8, 0x1000 }, { 0x102c, 4, UINT32_MAX } }, 0, EI_E_FORMAT, "ELF segments, want" },
	{ fx_elf_qemu,  { { 120 + 0x20, 8, UINT64_MAX } }, 0, EI_E_FORMAT, "outside any physical memory" },
	{ fx_elf_qemu,  { { 120 + 8, 8, UINT64_MAX } }, 0, EI_E_FORMAT, "which no file has" },
	{ fx_elf_qemu,  { { 120, 4, 6 }, { 176, 4, 6 } }, 0, EI_E_FORMAT, "holds no memory" },
};

static const struct damage noted[] = {
	{ fx_full_64,   { { 0, 0, 0 } }, 0x2000, 0, "3 of 3 pages are missing" },
	{ fx_full_64,   { { 0xf98, 4, 3 } }, 0, 0, "holds no memory, only its header" },
	{ fx_ranges_8,  { { 0x2030, 8, 0 } }, 0, 0, "holds no memory, only its header" },
	{ fx_raw,       { { 0, 0, 0 } }, 0x2800, 0, "not a whole number of pages" },
	{ fx_full_64,   { { 0, 0, 0 } }, 0x4fff, 0, "the file ends at 0x4fff, 1 of 3 pages are missing" },
	{ fx_full_64,   { { 0, 0, 0 } }, 0x3000, 0, "the file ends at 0x3000, 2 of 3 pages are missing" },
	{ fx_full_64,   { { 0x90, 8, 4 } }, 0, 0, "speaks of 4 pages, its runs have 3" },
	{ fx_full_64,   { { 0x98, 8, 9 } }, 0, 0, "not in ascending order" },
	{ fx_full_64,   { { 0xa8, 8, 2 } }, 0, 0, "overlap: 0x1000 bytes" },
	{ fx_full_64,   { { 0xa0, 8, 1ULL << 30 } }, 0, 0, "pages are missing" },
	{ fx_bitmap_64, { { 0, 0, 0 } }, 0x3000 + 12 * 0x1000, 0, "1 of 13 pages are missing" },
	{ fx_bitmap_64, { { 0x2028, 8, 12 } }, 0, 0, "speaks of 12 pages, its bitmap has 13" },
	{ fx_ranges_8,  { { 0x2040, 8, 1 } }, 0, 0, "overlap" },
	{ fx_ranges_8,  { { 0x2010, 8, UINT64_MAX } }, 0x5000, 0, "1 of 3 pages are missing" },
	{ fx_lime,      { { 32 + 0x2000, 4, 0 } }, 0, 0, "no LiME header at 0x2020" },
	{ fx_lime,      { { 16, 8, 0x3fff } }, 0, 0, "no LiME header at 0x3020, found 00000000" },
	{ fx_lime,      { { 32 + 0x2008, 8, 0x2000 }, { 32 + 0x2010, 8, 0x2fff } }, 0, 0, "overlap: 0x1000" },
	{ fx_lime,      { { 0, 0, 0 } }, 32 + 0x2000 + 7, 0, "7 bytes after the last range" },
	{ fx_elf_qemu,  { { 176 + 0x18, 8, 0x2000 } }, 0, 0, "overlap: 0x1000" },
	{ fx_elf_qemu,  { { 120 + 0x18, 8, 0x9000 } }, 0, 0, "not in ascending order" },
	{ fx_triage_64, { { FX_T64 + 8, 4, 0 } }, 0, 0, "the mark that ends" },
	{ fx_triage_64, { { FX_T64 + 0x34, 4, UINT32_MAX } }, 0, 0, "of 4294967295 drivers" },
	{ fx_triage_64, { { FX_T64 + 0x30, 4, UINT32_MAX } }, 0, 0, "0 of 2 drivers" },
	{ fx_triage_64, { { FX_T64 + 0x100, 4, UINT32_MAX } }, 0, 0, "of 4294967295 unloaded drivers" },
	{ fx_triage_64, { { FX_T64 + 0x7c, 4, UINT32_MAX } }, 0, 0, "blocks of memory are not in the file" },
	{ fx_triage_64, { { FX_T64 + 0x78, 4, UINT32_MAX - 4 } }, 0, 0, "3 of 3 blocks of memory" },
	{ fx_triage_64, { { FX_T64 + 0x40c, 4, 17 } }, 0, 0, "1 of 3 blocks of memory" },
	{ fx_triage_64, { { FX_T64 + 0x418, 4, UINT32_MAX } }, 0, 0, "1 of 3 blocks of memory" },
};
// clang-format on

static struct fx_file *damaged(const struct damage *damage)
{
	struct fx_file *file = fx_image_write(damage->write);
	for (size_t i = 0; i < 3 && damage->set[i].width; i++)
		fx_image_put(
			file, damage->set[i].offset, damage->set[i].value, damage->set[i].width);
	if (damage->size) {
		assert_true(damage->size <= FX_IMAGE_ROOM);
		file->size = damage->size;
	}
	return file;
}

static void damaged_images_are_refused_with_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
		struct fx_file *file = damaged(&refused[i]);
		struct image *image = NULL;
		ei_error *error = image_open_fd(fx_image_fd(file), "test.dmp", NULL, &image);
		if (!error)
			fail_msg("case %zu opened, want '%s'", i, refused[i].text);
		if (!strstr(ei_error_text(error), refused[i].text))
			fail_msg("case %zu: '%s', want '%s'", i, ei_error_text(error),
				refused[i].text);
		assert_int_equal(ei_error_code(error), refused[i].code);
		assert_null(image);
		ei_error_drop(error);
		free(file);
	}
}

static bool has_note(const struct image *image, const char *text)
{
	for (size_t i = 0; image_note(image, i); i++)
		if (strstr(image_note(image, i), text))
			return true;
	return false;
}

// Whatever the damage, what is listed as there can be read.
static void expect_runs_to_read(const struct image *image)
{
	size_t count;
	const struct image_run *runs = image_runs(image, &count);
	for (size_t i = 0; i < count; i++) {
		uint8_t byte;
		assert_int_equal(image_read(image, runs[i].start, &byte, 1), 1);
		assert_int_equal(
			image_read(image, runs[i].start + runs[i].length - 1, &byte, 1), 1);
	}
	assert_null(image_failure(image));
}

static void lesser_damage_leaves_a_note_and_the_rest_readable(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(noted); i++) {
		struct fx_file *file = damaged(&noted[i]);
		struct image *image = fx_image_open_file(file);
		if (!has_note(image, noted[i].text))
			fail_msg("case %zu: '%s', want '%s'", i,
				image_note(image, 0) ? image_note(image, 0) : "no note",
				noted[i].text);
		expect_runs_to_read(image);
		image_close(image);
		free(file);
	}
}

static void where_runs_overlap_the_lower_one_is_used(void **state)
{
	(void)state;
	struct fx_file *file = fx_image_write(fx_full_64);
	fx_image_put(file, 0xa8, 2, 8); // the page of frame 5 claims to be frame 2
	struct image *image = fx_image_open_file(file);
	assert_int_equal(fx_image_frame_at(image, 0x2000), 2);
	assert_int_equal(image_bytes(image), 2 * PAGE_SIZE);
	image_close(image);

	fx_image_put(
		file, 0xa0, 1, 8); // one page at frame 1, then two: the second of those remains
	fx_image_put(file, 0xa8, 1, 8);
	fx_image_put(file, 0xb0, 2, 8);
	image = fx_image_open_file(file);
	assert_int_equal(image_bytes(image), 2 * PAGE_SIZE);
	uint64_t word = 0;
	assert_int_equal(image_read(image, 0x1000, &word, sizeof word), sizeof word);
	assert_int_equal(word, 1);
	assert_int_equal(image_read(image, 0x2000, &word, sizeof word), sizeof word);
	assert_int_equal(word, 5);
	image_close(image);
	free(file);
}

static void names_outside_a_triage_dump_are_empty(void **state)
{
	(void)state;
	static const uint32_t offsets[] = { 0, UINT32_MAX, 0x3ffe, 0x2600 };
	for (size_t i = 0; i < ARRAY_LENGTH(offsets); i++) {
		struct fx_file *file = fx_image_write(fx_triage_64);
		fx_image_put(file, FX_T64 + 0x200, offsets[i], 4);
		struct image *image = fx_image_open_file(file);
		assert_string_equal(image_crash_header(image)->drivers[0].name, "");
		assert_string_equal(image_crash_header(image)->drivers[1].name, "tcpip.sys");
		image_close(image);
		free(file);
	}
}

// ---- files that are known, but not as images ------------------------------------------------
static void foreign_files_are_refused_with_what_to_do(void **state)
{
	(void)state;
	// clang-format off
	static const struct { const char *magic; size_t length; const char *text; } rows[] = {
		{ "\x1f\x8b\x08", 3, "'x.mem' is gzip: unpack it first: gzip -dk 'x.mem'" },
		{ "\xfd" "7zXZ\0", 6, "xz: unpack it first: xz -dk 'x.mem'" },
		{ "\x28\xb5\x2f\xfd", 4, "zstd -d 'x.mem'" },
		{ "BZh91AY&SY", 10, "bzip2 -dk 'x.mem'" },
		{ "7z\xbc\xaf\x27\x1c", 6, "7z x 'x.mem'" },
		{ "PK\x03\x04", 4, "AFF4" },
		{ "HIBR", 4, "hibernation" }, { "hibr", 4, "hibernation" }, { "wake", 4, "after resume" },
		{ "\xd2\xbe\xd2\xbe", 4, ".vmem" },
		{ "AVML\2\0\0\0", 8, "avml-convert" },
		{ "EVF\x09\x0d\x0a\xff", 7, "ewfexport" },
		{ "MDMP", 4, "minidump of one process" },
	};
	// clang-format on
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct fx_file *file = fx_image_write(fx_raw);
		memcpy(file->bytes, rows[i].magic, rows[i].length);
		struct image *image = NULL;
		ei_error *error = image_open_fd(fx_image_fd(file), "x.mem", NULL, &image);
		assert_non_null(error);
		assert_int_equal(ei_error_code(error), EI_E_UNKNOWN);
		if (!strstr(ei_error_text(error), rows[i].text))
			fail_msg("'%s', want '%s'", ei_error_text(error), rows[i].text);
		ei_error_drop(error);
		free(file);
	}
}

static void a_format_can_be_forced(void **state)
{
	(void)state;
	struct fx_file *file = fx_image_write(fx_full_64);
	struct image *image = NULL;
	ei_error *error = image_open_fd(fx_image_fd(file), "x", "raw", &image);
	image = fx_image_opened(error, image);
	assert_string_equal(image_format_name(image), "raw");
	assert_int_equal(image_bytes(image), 0x5000);
	image_close(image);

	error = image_open_fd(fx_image_fd(file), "x", "lime", &image);
	assert_int_equal(ei_error_code(error), EI_E_FORMAT);
	ei_error_drop(error);
	error = image_open_fd(fx_image_fd(file), "x", "floppy", &image);
	assert_int_equal(ei_error_code(error), EI_E_USAGE);
	assert_non_null(strstr(ei_error_text(error), "crash64"));
	ei_error_drop(error);
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_images_are_refused_with_the_reason),
		cmocka_unit_test(lesser_damage_leaves_a_note_and_the_rest_readable),
		cmocka_unit_test(where_runs_overlap_the_lower_one_is_used),
		cmocka_unit_test(names_outside_a_triage_dump_are_empty),
		cmocka_unit_test(foreign_files_are_refused_with_what_to_do),
		cmocka_unit_test(a_format_can_be_forced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
