// Crash dumps that list their pages: a bitmap of frames (types 2, 5, 6), or ranges (8, 9, 10).
//
// Offsets: _SUMMARY_DUMP as the public descriptions of the format give it: the bitmap of Windows 8
// and later, with 64-bit counts, and the older one, with 32-bit counts and an RTL_BITMAP whose
// pointer leaves a hole. Ranges ("RDMP", Windows 11) as kdmp-parser describes them.
// SPDX-License-Identifier: Apache-2.0
#include "image/crash.h"
#include "image/internal.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	HEAD_BYTES = 0x38,
	CHUNK_BYTES = 1 << 16,
	PLAUSIBLE_BITS_LOG2 = 34, // 64 TiB of memory; its bitmap takes 2 GiB
};

// ---- where the bitmap is --------------------------------------------------------------------
struct bitmap {
	uint64_t at;         // file offset of the first bit
	uint64_t bits;       // frames
	uint64_t first_page; // file offset of the first stored page
	uint64_t pages;      // how many the header says are stored
};

static struct bitmap new_bitmap(const uint8_t *head, const struct crash_shape *shape)
{
	return (struct bitmap){
		.at = shape->header_bytes + 0x38,
		.first_page = load_u64(head + 0x20),
		.pages = load_u64(head + 0x28),
		.bits = load_u64(head + 0x30),
	};
}

static struct bitmap old_bitmap(const uint8_t *head, const struct crash_shape *shape)
{
	return (struct bitmap){
		.at = shape->header_bytes + (shape->wide ? 0x28 : 0x20),
		.first_page = load_u32(head + 0x0c),
		.bits = load_u32(head + 0x10),
		.pages = load_u32(head + 0x14),
	};
}

static bool plausible(const struct bitmap *bitmap)
{
	return bitmap->bits && bitmap->bits <= UINT64_C(1) << PLAUSIBLE_BITS_LOG2 &&
	       bitmap->pages <= bitmap->bits && bitmap->first_page >= bitmap->at &&
	       bitmap->first_page - bitmap->at >= bitmap->bits / 8;
}

// The type says which of the two layouts to expect, but builds differ: the other one is tried too.
static ei_error *find_bitmap(const struct image *image, const struct crash_shape *shape,
	uint32_t type, struct bitmap *out)
{
	uint8_t head[HEAD_BYTES];
	EI_TRY(image_file_read(image, shape->header_bytes, head, sizeof head));
	if ((memcmp(head, "SDMP", 4) != 0 && memcmp(head, "FDMP", 4) != 0) ||
		memcmp(head + 4, "DUMP", 4) != 0)
		return ei_fail(EI_E_FORMAT, "'%s': no page bitmap (SDMP, FDMP) at 0x%x",
			image->path, shape->header_bytes);
	struct bitmap newer = new_bitmap(head, shape), older = old_bitmap(head, shape);
	struct bitmap first = type == DUMP_KERNEL ? older : newer;
	struct bitmap second = type == DUMP_KERNEL ? newer : older;
	if (!plausible(&first) && !plausible(&second))
		return ei_fail(EI_E_FORMAT,
			"'%s': the page bitmap cannot be: %" PRIu64 " bits at 0x%" PRIx64
			", %" PRIu64 " pages at 0x%" PRIx64,
			image->path, first.bits, first.at, first.pages, first.first_page);
	*out = plausible(&first) ? first : second;
	return NULL;
}

// ---- from bits to runs ----------------------------------------------------------------------
struct bit_walk {
	struct image *image;
	const struct bitmap *bitmap;
	uint64_t frame;      // of the bit that comes next
	uint64_t stored;     // ones before it
	uint64_t run_frame;  // where the open run of ones began
	uint64_t run_stored; // `stored` there
};

static ei_error *close_run(struct bit_walk *walk)
{
	uint64_t count = walk->stored - walk->run_stored;
	if (!count)
		return NULL;
	ei_error *error = image_add_pages(
		walk->image, walk->run_frame, count, walk->bitmap->first_page, walk->run_stored);
	walk->run_stored = walk->stored;
	return error;
}

// `width` bits at once, all ones or all zeroes.
static ei_error *take_same(struct bit_walk *walk, bool ones, unsigned width)
{
	if (!ones)
		EI_TRY(close_run(walk));
	else if (walk->stored == walk->run_stored)
		walk->run_frame = walk->frame;
	walk->stored += ones ? width : 0;
	walk->frame += width;
	return NULL;
}

static ei_error *take_word(struct bit_walk *walk, uint64_t word, unsigned width)
{
	while (width) {
		bool ones = word & 1;
		uint64_t other = ones ? ~word : word;
		unsigned same = other ? (unsigned)__builtin_ctzll(other) : 64;
		same = MIN(same, width);
		EI_TRY(take_same(walk, ones, same));
		word = same < 64 ? word >> same : 0;
		width -= same;
	}
	return NULL;
}

static ei_error *take_chunk(struct bit_walk *walk, const uint8_t *chunk, uint64_t bits)
{
	for (uint64_t at = 0; at < bits; at += 64)
		EI_TRY(take_word(walk, load_u64(chunk + at / 8), (unsigned)MIN(64U, bits - at)));
	return NULL;
}

static ei_error *walk_bitmap(struct bit_walk *walk)
{
	const struct bitmap *bitmap = walk->bitmap;
	// Room for the last word, of which the file may hold only some bytes.
	uint8_t chunk[CHUNK_BYTES + 8];
	while (walk->frame < bitmap->bits) {
		uint64_t bits = MIN(bitmap->bits - walk->frame, (uint64_t)CHUNK_BYTES * 8);
		size_t bytes = (size_t)((bits + 7) / 8);
		memset(chunk + bytes, 0, 8);
		EI_TRY_IN(image_file_read(walk->image, bitmap->at + walk->frame / 8, chunk, bytes),
			"reading the page bitmap");
		EI_TRY(take_chunk(walk, chunk, bits));
	}
	return close_run(walk);
}

ei_error *crash_read_bitmap(
	struct image *image, const struct crash_shape *shape, struct crash_header *header)
{
	struct bitmap bitmap;
	EI_TRY(find_bitmap(image, shape, header->facts.type, &bitmap));
	header->facts.has_bitmap = true;
	header->facts.bitmap_header_size = bitmap.first_page;
	header->facts.bitmap_bits = bitmap.bits;
	header->facts.bitmap_pages = bitmap.pages;
	struct bit_walk walk = { .image = image, .bitmap = &bitmap };
	EI_TRY(walk_bitmap(&walk));
	if (walk.stored != bitmap.pages)
		image_complain(image,
			"the header speaks of %" PRIu64 " pages, its bitmap has %" PRIu64,
			bitmap.pages, walk.stored);
	return NULL;
}

// ---- ranges ---------------------------------------------------------------------------------
enum {
	RANGES_HEAD_BYTES = 0x30,
	RANGES_METADATA = 0x20, // from here the metadata are counted
	RANGE_BYTES = 16,       // first frame, pages
};

static ei_error *range_room(const struct image *image, const struct crash_shape *shape,
	uint64_t *first_page, uint64_t *out)
{
	uint8_t head[RANGES_HEAD_BYTES];
	EI_TRY(image_file_read(image, shape->header_bytes, head, sizeof head));
	if (memcmp(head + 4, "RDMPDUMP", 8) != 0)
		return ei_fail(EI_E_FORMAT, "'%s': no list of page ranges (RDMP) at 0x%x",
			image->path, shape->header_bytes);
	uint64_t metadata = load_u64(head + 0x10), list = shape->header_bytes + RANGES_HEAD_BYTES;
	*first_page = load_u64(head + 0x18);
	if (*first_page < list || metadata < RANGES_HEAD_BYTES - RANGES_METADATA)
		return ei_fail(EI_E_FORMAT,
			"'%s': the list of page ranges cannot be: %" PRIu64
			" bytes, the first page at 0x%" PRIx64,
			image->path, metadata, *first_page);
	uint64_t room = metadata - (RANGES_HEAD_BYTES - RANGES_METADATA);
	*out = MIN(room, *first_page - list) / RANGE_BYTES;
	return NULL;
}

ei_error *crash_read_ranges(
	struct image *image, const struct crash_shape *shape, struct crash_header *header)
{
	(void)header;
	uint64_t first_page = 0, room = 0, stored = 0;
	EI_TRY(range_room(image, shape, &first_page, &room));
	uint64_t at = shape->header_bytes + RANGES_HEAD_BYTES;
	// Frame 0 is never stored: it ends the list.
	for (uint64_t i = 0; i < room; i++, at += RANGE_BYTES) {
		uint8_t range[RANGE_BYTES];
		EI_TRY_IN(image_file_read(image, at, range, sizeof range),
			"reading the list of page ranges");
		uint64_t first = load_u64(range), count = load_u64(range + 8);
		if (!first)
			break;
		EI_TRY(image_add_pages(image, first, count, first_page, stored));
		stored += count;
	}
	return NULL;
}
