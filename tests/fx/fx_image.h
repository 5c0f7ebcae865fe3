// Images of every format, written by hand: each test sees, and damages, the very bytes.
//
// Pages start with their own frame number, so a page read from the wrong place is seen.
// SPDX-License-Identifier: Apache-2.0
#ifndef FX_IMAGE_H
#define FX_IMAGE_H

#include "image/image.h"

enum {
	FX_IMAGE_ROOM = 1 << 18,
	FX_T64 = 0x2000, // where the triage data of triage_64 and triage_32 are
	FX_T32 = 0x1000,
	FX_BITMAP_FRAMES = 13,
};

struct fx_file {
	uint8_t bytes[FX_IMAGE_ROOM];
	size_t size;
};

// Stores `value` in `width` bytes, and makes the file long enough.
void fx_image_put(struct fx_file *file, size_t offset, uint64_t value, unsigned width);

// A file on the heap, written by one of the writers below; free() it.
struct fx_file *fx_image_write(void (*write_it)(struct fx_file *file));

int fx_image_fd(const struct fx_file *file);                         // a new descriptor, yours
struct image *fx_image_opened(ei_error *error, struct image *image); // fails the test on an error
struct image *fx_image_open_file(const struct fx_file *file);
struct image *fx_image_open(void (*write_it)(struct fx_file *file));

// The number that the page at `pa` starts with; UINT64_MAX when all of it cannot be read.
uint64_t fx_image_frame_at(const struct image *image, uint64_t pa);

// ---- writers --------------------------------------------------------------------------------
// Frames 0 to 3:
void fx_raw(struct fx_file *file);
// Frames 1, 2 and 5:
extern const uint64_t fx_three_frames[3];
void fx_full_64(struct fx_file *file);
void fx_full_32(struct fx_file *file);
void fx_ranges_8(struct fx_file *file);
void fx_ranges_9(struct fx_file *file);
void fx_ranges_10(struct fx_file *file);
void fx_lime(struct fx_file *file);
void fx_elf_qemu(struct fx_file *file);
void fx_elf_vbox(struct fx_file *file);
// Frames at the edges of bytes and words, of 200:
extern const uint64_t fx_bitmap_frames[FX_BITMAP_FRAMES];
void fx_bitmap_64(struct fx_file *file);
void fx_bitmap_32(struct fx_file *file);
void fx_active_64(struct fx_file *file);
void fx_kernel_64(struct fx_file *file);
void fx_kernel_32(struct fx_file *file);
void fx_kernel_64_newer(struct fx_file *file); // with the bitmap of later builds
// No frames:
void fx_triage_64(struct fx_file *file);
void fx_triage_32(struct fx_file *file);

#endif
