// Images of every format, written by hand, byte by byte.
// SPDX-License-Identifier: Apache-2.0
#include "fx_image.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// ---- files ----------------------------------------------------------------------------------
void fx_image_put(struct fx_file *file, size_t offset, uint64_t value, unsigned width)
{
	assert_true(offset + width <= FX_IMAGE_ROOM);
	memcpy(file->bytes + offset, &value, width);
	file->size = MAX(file->size, offset + width);
}

static void put_text(struct fx_file *file, size_t offset, const char *text)
{
	for (size_t i = 0; text[i]; i++)
		fx_image_put(file, offset + i, (uint8_t)text[i], 1);
}

static void put_utf16(struct fx_file *file, size_t offset, const char *text)
{
	for (size_t i = 0; text[i]; i++)
		fx_image_put(file, offset + 2 * i, (uint8_t)text[i], 2);
}

// A page that starts with its own frame number.
static void put_page(struct fx_file *file, size_t offset, uint64_t frame)
{
	fx_image_put(file, offset, frame, 8);
	fx_image_put(file, offset + PAGE_SIZE - 1, frame & 0xff, 1);
}

int fx_image_fd(const struct fx_file *file)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, file->bytes, file->size), (ssize_t)file->size);
	return fd;
}

struct image *fx_image_opened(ei_error *error, struct image *image)
{
	if (error)
		fail_msg("%s", ei_error_text(error));
	return image;
}

struct image *fx_image_open_file(const struct fx_file *file)
{
	struct image *image = NULL;
	ei_error *error = image_open_fd(fx_image_fd(file), "test.dmp", NULL, &image);
	return fx_image_opened(error, image);
}

uint64_t fx_image_frame_at(const struct image *image, uint64_t pa)
{
	uint8_t page[PAGE_SIZE];
	if (image_read(image, pa, page, sizeof page) != sizeof page)
		return UINT64_MAX;
	uint64_t frame;
	memcpy(&frame, page, sizeof frame);
	assert_int_equal(page[PAGE_SIZE - 1], frame & 0xff);
	return frame;
}

struct fx_file *fx_image_write(void (*write_it)(struct fx_file *file))
{
	struct fx_file *file = calloc(1, sizeof *file);
	assert_non_null(file);
	write_it(file);
	return file;
}

struct image *fx_image_open(void (*write_it)(struct fx_file *file))
{
	struct fx_file *file = fx_image_write(write_it);
	struct image *image = fx_image_open_file(file);
	free(file);
	return image;
}

// ---- the formats, good ----------------------------------------------------------------------
const uint64_t fx_three_frames[3] = { 1, 2, 5 };

void fx_raw(struct fx_file *file)
{
	for (uint64_t frame = 0; frame < 4; frame++)
		put_page(file, frame * PAGE_SIZE, frame);
}

static void head_64(struct fx_file *file, uint32_t type)
{
	for (size_t i = 0; i < 0x2000; i += 4)
		put_text(file, i, "PAGE");
	put_text(file, 4, "DU64");
	fx_image_put(file, 0x08, 15, 4);
	fx_image_put(file, 0x0c, 19041, 4);
	fx_image_put(file, 0x10, 0x1ad000, 8);
	fx_image_put(file, 0x18, 0xffffca8000000000, 8);
	fx_image_put(file, 0x20, 0xfffff8000c62a310, 8);
	fx_image_put(file, 0x28, 0xfffff8000c61df60, 8);
	fx_image_put(file, 0x30, 0x8664, 4);
	fx_image_put(file, 0x34, 2, 4);
	fx_image_put(file, 0x38, 0x1e, 4);
	fx_image_put(file, 0x40, 0xffffffffc0000005, 8);
	fx_image_put(file, 0x48, 0xfffff80001020304, 8);
	fx_image_put(file, 0x50, 0, 8);
	fx_image_put(file, 0x58, 0x77, 8);
	fx_image_put(file, 0x80, 0xfffff8000c600b20, 8);
	fx_image_put(file, 0xf00, 0x80000003, 4);
	fx_image_put(file, 0xf10, 0xfffff80001020304, 8);
	fx_image_put(file, 0xf98, type, 4);
	fx_image_put(file, 0xfa0, 0x5000, 8);
	fx_image_put(file, 0xfa8, 132223104000000000, 8);
	put_text(file, 0xfb0, "by hand");
	fx_image_put(file, 0xfb7, 0, 1);
	fx_image_put(file, 0x1030, 36005000000, 8);
	fx_image_put(file, 0x1040, 1, 4);
	fx_image_put(file, 0x1044, 0x110, 4);
}

static void head_32(struct fx_file *file, uint32_t type)
{
	for (size_t i = 0; i < 0x1000; i += 4)
		put_text(file, i, "PAGE");
	put_text(file, 4, "DUMP");
	fx_image_put(file, 0x08, 15, 4);
	fx_image_put(file, 0x0c, 7601, 4);
	fx_image_put(file, 0x10, 0x185000, 4);
	fx_image_put(file, 0x14, 0x83400000, 4);
	fx_image_put(file, 0x18, 0x82b50850, 4);
	fx_image_put(file, 0x1c, 0x82b49e98, 4);
	fx_image_put(file, 0x20, 0x14c, 4);
	fx_image_put(file, 0x24, 1, 4);
	fx_image_put(file, 0x28, 0xd1, 4);
	fx_image_put(file, 0x2c, 0x10, 4);
	fx_image_put(file, 0x30, 2, 4);
	fx_image_put(file, 0x34, 0, 4);
	fx_image_put(file, 0x38, 0x82a00000, 4);
	fx_image_put(file, 0x5c, 1, 1);
	fx_image_put(file, 0x60, 0x82b31c28, 4);
	fx_image_put(file, 0xf88, type, 4);
	fx_image_put(file, 0xf94, 3, 4);
	fx_image_put(file, 0xfb8, 10000000, 8);
	fx_image_put(file, 0xfc0, 132223104000000000, 8);
}

void fx_full_64(struct fx_file *file)
{
	head_64(file, 1);
	fx_image_put(file, 0x88, 2, 4);
	fx_image_put(file, 0x90, 3, 8);
	fx_image_put(file, 0x98, 1, 8);
	fx_image_put(file, 0xa0, 2, 8);
	fx_image_put(file, 0xa8, 5, 8);
	fx_image_put(file, 0xb0, 1, 8);
	for (size_t i = 0; i < 3; i++)
		put_page(file, 0x2000 + i * PAGE_SIZE, fx_three_frames[i]);
}

void fx_full_32(struct fx_file *file)
{
	head_32(file, 1);
	fx_image_put(file, 0x64, 2, 4);
	fx_image_put(file, 0x68, 3, 4);
	fx_image_put(file, 0x6c, 1, 4);
	fx_image_put(file, 0x70, 2, 4);
	fx_image_put(file, 0x74, 5, 4);
	fx_image_put(file, 0x78, 1, 4);
	for (size_t i = 0; i < 3; i++)
		put_page(file, 0x1000 + i * PAGE_SIZE, fx_three_frames[i]);
}

// Runs that start, end and cross at the edges of bytes and words; 200 frames, so that the last
// word is not whole.
const uint64_t fx_bitmap_frames[FX_BITMAP_FRAMES] = { 0, 7, 8, 62, 63, 64, 65, 126, 127, 128, 191,
	192, 199 };

static void put_bits(struct fx_file *file, size_t bits, size_t first_page)
{
	fx_image_put(file, bits + 24, 0xff00, 8); // bits past the 200th are not frames
	for (size_t i = 0; i < FX_BITMAP_FRAMES; i++) {
		file->bytes[bits + fx_bitmap_frames[i] / 8] |=
			(uint8_t)(1 << fx_bitmap_frames[i] % 8);
		put_page(file, first_page + i * PAGE_SIZE, fx_bitmap_frames[i]);
	}
}

static void put_new_bitmap(struct fx_file *file, size_t at, const char *magic)
{
	put_text(file, at, magic);
	fx_image_put(file, at + 0x20, at + 0x1000, 8);
	fx_image_put(file, at + 0x28, FX_BITMAP_FRAMES, 8);
	fx_image_put(file, at + 0x30, 200, 8);
	put_bits(file, at + 0x38, at + 0x1000);
}

static void put_old_bitmap(struct fx_file *file, size_t at, size_t bits)
{
	put_text(file, at, "SDMPDUMP");
	fx_image_put(file, at + 0x0c, at + 0x1000, 4);
	fx_image_put(file, at + 0x10, 200, 4);
	fx_image_put(file, at + 0x14, FX_BITMAP_FRAMES, 4);
	fx_image_put(file, at + 0x18, 200, 4);
	put_bits(file, at + bits, at + 0x1000);
}

void fx_bitmap_64(struct fx_file *file)
{
	head_64(file, 5);
	put_new_bitmap(file, 0x2000, "FDMPDUMP");
}

void fx_bitmap_32(struct fx_file *file)
{
	head_32(file, 5);
	put_new_bitmap(file, 0x1000, "FDMPDUMP");
}

void fx_active_64(struct fx_file *file)
{
	head_64(file, 6);
	put_new_bitmap(file, 0x2000, "SDMPDUMP");
}

void fx_kernel_64(struct fx_file *file)
{
	head_64(file, 2);
	put_old_bitmap(file, 0x2000, 0x28);
}

void fx_kernel_32(struct fx_file *file)
{
	head_32(file, 2);
	put_old_bitmap(file, 0x1000, 0x20);
}

// A kernel dump whose bitmap has the newer layout.
void fx_kernel_64_newer(struct fx_file *file)
{
	head_64(file, 2);
	put_new_bitmap(file, 0x2000, "SDMPDUMP");
}

static void ranges(struct fx_file *file, uint32_t type)
{
	head_64(file, type);
	fx_image_put(file, 0x2000, 0x40, 4);
	put_text(file, 0x2004, "RDMPDUMP");
	fx_image_put(file, 0x2010, 0xfe0, 8);
	fx_image_put(file, 0x2018, 0x3000, 8);
	fx_image_put(file, 0x2030, 1, 8);
	fx_image_put(file, 0x2038, 2, 8);
	fx_image_put(file, 0x2040, 5, 8);
	fx_image_put(file, 0x2048, 1, 8);
	fx_image_put(file, 0x2050, 0, 8);
	fx_image_put(file, 0x2058, 99, 8); // after the end of the list
	for (size_t i = 0; i < 3; i++)
		put_page(file, 0x3000 + i * PAGE_SIZE, fx_three_frames[i]);
}

void fx_ranges_8(struct fx_file *file)
{
	ranges(file, 8);
}

void fx_ranges_9(struct fx_file *file)
{
	ranges(file, 9);
}

void fx_ranges_10(struct fx_file *file)
{
	ranges(file, 10);
}

static void put_lime(struct fx_file *file, size_t at, uint64_t start, uint64_t last)
{
	put_text(file, at, "EMiL");
	fx_image_put(file, at + 4, 1, 4);
	fx_image_put(file, at + 8, start, 8);
	fx_image_put(file, at + 16, last, 8);
	fx_image_put(file, at + 24, 0, 8);
}

void fx_lime(struct fx_file *file)
{
	put_lime(file, 0, 0x1000, 0x2fff);
	put_page(file, 32, 1);
	put_page(file, 32 + PAGE_SIZE, 2);
	put_lime(file, 32 + 2 * PAGE_SIZE, 0x5000, 0x5fff);
	put_page(file, 64 + 2 * PAGE_SIZE, 5);
}

static void put_segment(
	struct fx_file *file, size_t at, uint32_t type, uint64_t offset, uint64_t pa, uint64_t size)
{
	fx_image_put(file, at, type, 4);
	fx_image_put(file, at + 8, offset, 8);
	fx_image_put(file, at + 0x18, pa, 8);
	fx_image_put(file, at + 0x20, size, 8);
	fx_image_put(file, at + 0x28, size, 8);
	fx_image_put(file, at + 0x30, 0, 8);
}

enum { ELF_NOTES = 64 + 3 * 56, ELF_PAGES = 0x1000 };

static void elf_head(struct fx_file *file)
{
	put_text(file, 0,
		"\x7f"
		"ELF\2\1\1");
	fx_image_put(file, 16, 4, 2);
	fx_image_put(file, 18, 62, 2);
	fx_image_put(file, 20, 1, 4);
	fx_image_put(file, 32, 64, 8);
	fx_image_put(file, 52, 64, 2);
	fx_image_put(file, 54, 56, 2);
	fx_image_put(file, 56, 3, 2);
	put_segment(file, 64 + 56, 1, ELF_PAGES, 0x1000, 0x2000);
	put_segment(file, 64 + 112, 1, ELF_PAGES + 0x2000, 0x5000, 0x1000);
	for (size_t i = 0; i < 3; i++)
		put_page(file, ELF_PAGES + i * PAGE_SIZE, fx_three_frames[i]);
}

void fx_elf_qemu(struct fx_file *file)
{
	elf_head(file);
	put_segment(file, 64, 4, ELF_NOTES, 0, 12 + 8 + 440);
	fx_image_put(file, ELF_NOTES, 5, 4);
	fx_image_put(file, ELF_NOTES + 4, 440, 4);
	fx_image_put(file, ELF_NOTES + 8, 0, 4);
	put_text(file, ELF_NOTES + 12, "QEMU");
	fx_image_put(file, ELF_NOTES + 20, 1, 4);
	fx_image_put(file, ELF_NOTES + 24, 440, 4);
	fx_image_put(file, ELF_NOTES + 20 + 392 + 3 * 8, 0x1ad002, 8); // cr[3]
	fx_image_put(file, ELF_NOTES + 20 + 439, 0, 1);
}

void fx_elf_vbox(struct fx_file *file)
{
	elf_head(file);
	put_segment(file, 64, 4, ELF_NOTES, 0, 12 + 8 + 24);
	fx_image_put(file, ELF_NOTES, 7, 4);
	fx_image_put(file, ELF_NOTES + 4, 24, 4);
	fx_image_put(file, ELF_NOTES + 8, 0xb00, 4);
	put_text(file, ELF_NOTES + 12, "VBCORE");
	fx_image_put(file, ELF_NOTES + 20, 0xc01ac0de, 4);
	fx_image_put(file, ELF_NOTES + 40, 4, 4);
}

// ---- triage dumps ---------------------------------------------------------------------------
static void put_name(struct fx_file *file, size_t at, const char *name)
{
	fx_image_put(file, at, strlen(name), 4);
	put_utf16(file, at + 4, name);
}

void fx_triage_64(struct fx_file *file)
{
	head_64(file, 4);
	fx_image_put(file, FX_T64 + 0x08, FX_T64 + 0x1ffc, 4); // valid mark
	put_text(file, FX_T64 + 0x1ffc, "TRGD");
	fx_image_put(file, FX_T64 + 0x18, FX_T64 + 0x100, 4); // unloaded
	fx_image_put(file, FX_T64 + 0x28, FX_T64 + 0x800, 4); // call stack
	fx_image_put(file, FX_T64 + 0x2c, 0x20, 4);
	fx_image_put(file, FX_T64 + 0x30, FX_T64 + 0x200, 4); // drivers
	fx_image_put(file, FX_T64 + 0x34, 2, 4);
	fx_image_put(file, FX_T64 + 0x48, 0xfffff80000770000, 8);
	fx_image_put(file, FX_T64 + 0x70, FX_T64 + 0x900, 4); // debugger data
	fx_image_put(file, FX_T64 + 0x74, 0x40, 4);
	fx_image_put(file, FX_T64 + 0x78, FX_T64 + 0x400, 4); // blocks
	fx_image_put(file, FX_T64 + 0x7c, 3, 4);

	fx_image_put(file, FX_T64 + 0x100, 1, 8);
	fx_image_put(file, FX_T64 + 0x108, 14, 2);
	put_utf16(file, FX_T64 + 0x118, "old.sys");
	fx_image_put(file, FX_T64 + 0x130, 0xfffff80000a00000, 8);
	fx_image_put(file, FX_T64 + 0x138, 0xfffff80000a10000, 8);

	static const char *const names[] = { "ntoskrnl.exe", "tcpip.sys" };
	for (size_t i = 0; i < 2; i++) {
		size_t at = FX_T64 + 0x200 + i * 0x90, name = FX_T64 + 0x380 + i * 0x40;
		fx_image_put(file, at, name, 4);
		fx_image_put(file, at + 0x38, 0xfffff80000100000 + i * 0x100000, 8);
		fx_image_put(file, at + 0x48, 0x80000 + i, 4);
		fx_image_put(file, at + 0x80, 0xabc0 + i, 4);
		fx_image_put(file, at + 0x88, 0x5f000000 + i, 4);
		put_name(file, name, names[i]);
	}

	// Not in order, and the third overlaps the second.
	static const uint64_t blocks[3][3] = { { 0xfffffffffffffff0, FX_T64 + 0x500, 16 },
		{ 0xfffff80000300000, FX_T64 + 0x600, 0x40 },
		{ 0xfffff80000300020, FX_T64 + 0x620, 0x60 } };
	for (size_t i = 0; i < 3; i++) {
		fx_image_put(file, FX_T64 + 0x400 + i * 16, blocks[i][0], 8);
		fx_image_put(file, FX_T64 + 0x408 + i * 16, blocks[i][1], 4);
		fx_image_put(file, FX_T64 + 0x40c + i * 16, blocks[i][2], 4);
	}
	for (size_t i = 0; i < 0x80; i++)
		fx_image_put(file, FX_T64 + 0x600 + i, i, 1);
	put_text(file, FX_T64 + 0x500, "top of all space");
	put_text(file, FX_T64 + 0x800, "stack");
	put_text(file, FX_T64 + 0x900, "KDBG here");
}

void fx_triage_32(struct fx_file *file)
{
	head_32(file, 4);
	fx_image_put(file, FX_T32 + 0x08, FX_T32 + 0xffc, 4);
	put_text(file, FX_T32 + 0xffc, "TRGD");
	fx_image_put(file, FX_T32 + 0x18, FX_T32 + 0x100, 4);
	fx_image_put(file, FX_T32 + 0x30, FX_T32 + 0x200, 4);
	fx_image_put(file, FX_T32 + 0x34, 1, 4);
	fx_image_put(file, FX_T32 + 0x4c, 0x8a001000, 4); // data page
	fx_image_put(file, FX_T32 + 0x50, FX_T32 + 0x700, 4);
	fx_image_put(file, FX_T32 + 0x54, 0x10, 4);
	fx_image_put(file, FX_T32 + 0x60, FX_T32 + 0x400, 4);
	fx_image_put(file, FX_T32 + 0x64, 1, 4);

	fx_image_put(file, FX_T32 + 0x100, 1, 4);
	fx_image_put(file, FX_T32 + 0x104, 24, 2);
	put_utf16(file, FX_T32 + 0x10c, "twelve.chars");
	fx_image_put(file, FX_T32 + 0x124, 0x90000000, 4);
	fx_image_put(file, FX_T32 + 0x128, 0x90008000, 4);

	fx_image_put(file, FX_T32 + 0x200, FX_T32 + 0x300, 4);
	fx_image_put(file, FX_T32 + 0x21c, 0x82a00000, 4);
	fx_image_put(file, FX_T32 + 0x224, 0x400000, 4);
	fx_image_put(file, FX_T32 + 0x244, 0xabc, 4);
	fx_image_put(file, FX_T32 + 0x248, 0x4ce78a09, 4);
	put_name(file, FX_T32 + 0x300, "ntkrnlpa.exe");

	fx_image_put(file, FX_T32 + 0x400, 0x82b31c28, 4);
	fx_image_put(file, FX_T32 + 0x404, FX_T32 + 0x500, 4);
	fx_image_put(file, FX_T32 + 0x408, 0x20, 4);
	put_text(file, FX_T32 + 0x500, "block");
	put_text(file, FX_T32 + 0x700, "data page");
}
