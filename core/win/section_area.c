// Sections: a control area, its parts, and their prototype page table entries.
//
// Layouts: _CONTROL_AREA, _LARGE_CONTROL_AREA, _SEGMENT, _SUBSECTION, _MMPTE_* of public symbol
// tables.
// SPDX-License-Identifier: Apache-2.0
#include "win/pool_fields.h"
#include "win/section_pieces.h"

enum {
	PARTS_MAX = 1 << 16,
	ENTRIES_MAX = 1 << 26, // of one section: 256 GiB
	ENTRY_VALID = 1,
	ENTRY_PROTOTYPE = 1 << 10,
	ENTRY_TRANSITION = 1 << 11,
	ENTRY_PROTECTION = 0x1f << 5,
	POOL_UNIT_32 = 8,
	POOL_HEADER_32 = 8,
	FRAME_HIGH_END = 0x100, // of the upper half of an entry: 40 bits of address
};
#define NO_EXECUTE_HIGH UINT32_C(0x80000000)

#define FRAME_MASK UINT64_C(0x0000fffffffff000)

struct area_walk {
	ei_run *run;
	struct pieces *pieces;
	uint64_t area;
	bool is_image;
	uint32_t entry_bytes;
	uint64_t first_page; // of the part at hand, as the image is mapped
	uint64_t left;       // entries that may still be read
	uint64_t size;       // of the file, as the parts say
	bool ends_known;     // they say how much of the last sector is used
};

// One part, with its cells checked.
struct part {
	uint64_t at;   // its own address
	uint64_t base; // of its entries; 0: there are none at present
	uint64_t pages;
	uint64_t offset; // into the file
	uint64_t bytes;  // of the file
	uint64_t next;
};

// ---- the size of an entry -------------------------------------------------------------------

// x86 only: from the part behind it, whose entries follow in the same array.
static uint32_t entry_bytes_by_chain(const struct part *part, const struct part *next)
{
	if (!part->pages || !next->base || next->base <= part->base)
		return 0;
	uint64_t bytes = (next->base - part->base) / part->pages;
	return bytes == 4 || bytes == 8 ? (uint32_t)bytes : 0;
}

static uint32_t entry_bytes_by_pool(ei_run *run, const struct part *part)
{
	uint64_t at = part->base - POOL_HEADER_32;
	pool_header header = ei_at(run, pool_header, at);
	uint8_t tag[4];
	if (ei_read(run, NULL, at + 4, tag, sizeof tag) < sizeof tag || memcmp(tag, "MmSt", 4) != 0)
		return 0;
	uint64_t bytes = ei_u64_or(ei_get(header, BlockSize), 0) * POOL_UNIT_32;
	return bytes >= POOL_HEADER_32 + part->pages * 8 ? 8 : 4;
}

// Read as a wide one, an entry of a page that is not in memory has the part's address on top, and
// any other one no more than a few bits of a frame.
static uint32_t entry_bytes_by_content(ei_run *run, const struct part *part)
{
	uint8_t entries[64 * 8];
	size_t count =
		ei_read(run, NULL, part->base, entries, MIN(part->pages / 2, (uint64_t)64) * 8) / 8;
	for (size_t i = 0; i < count; i++) {
		uint32_t low = load_u32(entries + 8 * i), high = load_u32(entries + 8 * i + 4);
		if (low & ENTRY_PROTOTYPE && !(low & ENTRY_VALID))
			return high == part->at ? 8 : 4;
		if (low & (ENTRY_VALID | ENTRY_TRANSITION))
			return (high & ~NO_EXECUTE_HIGH) < FRAME_HIGH_END ? 8 : 4;
	}
	return 0;
}

static bool part_read(struct area_walk *walk, uint64_t va, struct part *out);

static uint32_t entry_bytes_of(struct area_walk *walk, const struct part *part)
{
	ei_run *run = walk->run;
	const struct space_mode *mode = run->session->identity.kernel.mode;
	section_entry entry = ei_handle(run, section_entry);
	uint32_t known = entry.at->layout.type_size, paging = mode == &space_x86 ? 4 : 8;
	struct part next;
	if (!known || known == paging)
		return paging;
	uint32_t bytes = part->next && part_read(walk, part->next, &next)
				 ? entry_bytes_by_chain(part, &next)
				 : 0;
	bytes = bytes ? bytes : entry_bytes_by_pool(run, part);
	bytes = bytes ? bytes : entry_bytes_by_content(run, part);
	return bytes ? bytes : paging;
}

// ---- entries --------------------------------------------------------------------------------

// Windows 10 may set a high bit in the frame of an entry that is not valid.
static uint64_t frame_plain(const struct area_walk *walk, uint64_t pa)
{
	if (pa >> 32 == 0 || reader_holds(walk->run->reader, pa, PAGE_SIZE))
		return pa;
	uint64_t without = pa & ~(UINT64_C(1) << (63 - __builtin_clzll(pa)));
	return reader_holds(walk->run->reader, without, PAGE_SIZE) ? without : pa;
}

// Committed and never touched: what a program's uninitialised data begin as.
static bool is_demand_zero(const struct area_walk *walk, uint64_t entry)
{
	uint64_t file_page = walk->entry_bytes == 8 ? entry >> 32 : entry >> 12;
	return walk->is_image && entry & ENTRY_PROTECTION && !file_page;
}

// False when the page is not in memory.
static bool entry_page(const struct area_walk *walk, uint64_t entry, uint64_t *pa)
{
	if (entry & ENTRY_VALID) {
		*pa = entry & FRAME_MASK;
		return true;
	}
	if (entry & ENTRY_PROTOTYPE)
		return false;
	if (entry & ENTRY_TRANSITION) {
		*pa = frame_plain(walk, entry & FRAME_MASK);
		return true;
	}
	*pa = EI_PIECE_ZERO;
	return walk->pieces->shape == EI_SHAPE_TRUE && is_demand_zero(walk, entry);
}

static uint64_t page_offset(const struct area_walk *walk, const struct part *part, uint64_t page)
{
	if (walk->is_image && walk->pieces->shape == EI_SHAPE_TRUE)
		return (walk->first_page + page) * PAGE_SIZE;
	return part->offset + page * PAGE_SIZE;
}

// In a file a section ends where its sectors do.
static uint64_t page_bytes(const struct area_walk *walk, const struct part *part, uint64_t page)
{
	if (!walk->is_image || walk->pieces->shape != EI_SHAPE_FILE)
		return PAGE_SIZE;
	return page * PAGE_SIZE < part->bytes ? MIN(part->bytes - page * PAGE_SIZE, PAGE_SIZE) : 0;
}

static void entries_add(struct area_walk *walk, const struct part *part, uint64_t first,
	const uint8_t *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t pa, entry = walk->entry_bytes == 8 ? load_u64(entries + 8 * i)
							    : load_u32(entries + 4 * i);
		uint64_t bytes = page_bytes(walk, part, first + i);
		if (bytes && entry_page(walk, entry, &pa))
			pieces_add(walk->pieces, page_offset(walk, part, first + i), bytes, pa);
	}
}

// A page of entries at a time: one that cannot be read costs its own pages only.
static void part_walk(struct area_walk *walk, const struct part *part)
{
	uint8_t entries[PAGE_SIZE];
	uint64_t count = MIN(part->pages, walk->left);
	for (uint64_t i = 0; part->base && i < count && !ei_stopped(walk->run);) {
		uint64_t va = part->base + i * walk->entry_bytes;
		uint64_t bytes = MIN(PAGE_SIZE - va % PAGE_SIZE, (count - i) * walk->entry_bytes);
		// An array that is not aligned is no array.
		bytes -= bytes % walk->entry_bytes;
		if (!bytes)
			break;
		size_t got = ei_read(walk->run, NULL, va, entries, bytes);
		entries_add(walk, part, i, entries, got / walk->entry_bytes);
		i += bytes / walk->entry_bytes;
	}
	walk->left -= count;
}

// ---- parts ----------------------------------------------------------------------------------

static bool part_read(struct area_walk *walk, uint64_t va, struct part *out)
{
	section_part part = ei_at(walk->run, section_part, va);
	if (ei_u64_or(ei_get(part, ControlArea), 0) != walk->area)
		return false;
	uint32_t sector = walk->is_image ? SECTOR_OF_IMAGE : PAGE_SIZE;
	walk->ends_known = ei_has(ei_get(part, end_offset));
	uint64_t start = ei_u64_or(ei_get(part, StartingSector), 0) |
			 ei_u64_or(ei_get(part, start_high), 0) << 32;
	*out = (struct part){
		.at = va,
		.base = ei_u64_or(ei_get(part, SubsectionBase), 0),
		.pages = ei_u64_or(ei_get(part, PtesInSubsection), 0),
		.offset = start * sector,
		.bytes = ei_u64_or(ei_get(part, NumberOfFullSectors), 0) * sector +
			 ei_u64_or(ei_get(part, end_offset), 0),
		.next = ei_u64_or(ei_get(part, NextSubsection), 0),
	};
	return true;
}

static void parts_walk(struct area_walk *walk, uint64_t va)
{
	ei_mark mark = ei_arena_mark(walk->run->scratch);
	for (int i = 0; va && i < PARTS_MAX && walk->left; i++) {
		struct part part;
		if (!part_read(walk, va, &part))
			break;
		if (!walk->entry_bytes)
			walk->entry_bytes = entry_bytes_of(walk, &part);
		part_walk(walk, &part);
		walk->first_page += part.pages;
		walk->size = MAX(walk->size, part.offset + part.bytes);
		va = part.next;
		ei_arena_rewind(walk->run->scratch, mark);
	}
}

// Where the parts begin. A part says whose it is, which tells the longer kind of area better than
// flags do, whose bits some profiles do not have.
static uint64_t parts_start(struct area_walk *walk, uint32_t area_bytes)
{
	section_large_area large = ei_handle(walk->run, section_large_area);
	uint32_t large_bytes = large.at->layout.type_size;
	ei_mark mark = ei_arena_mark(walk->run->scratch);
	struct part part;
	bool is_large = large_bytes > area_bytes &&
			!part_read(walk, walk->area + area_bytes, &part) &&
			part_read(walk, walk->area + large_bytes, &part);
	ei_arena_rewind(walk->run->scratch, mark);
	return walk->area + (is_large ? large_bytes : area_bytes);
}

// What Volatility asks of a control area before it believes it.
static bool segment_fits(const section_segment *segment)
{
	ei_val pages = ei_get(*segment, TotalNumberOfPtes), bytes = ei_get(*segment, SizeOfSegment);
	return ei_has(pages) && ei_has(bytes) && pages.u * PAGE_SIZE == bytes.u;
}

bool section_collect(
	ei_run *run, uint64_t area, bool is_image, struct pieces *pieces, uint64_t *size)
{
	section_area control = ei_at(run, section_area, area);
	ei_val segment_at = ei_get(control, Segment), image = ei_get(control, is_image);
	if (!ei_has(segment_at) || (!ei_has(image) && image.state != EI_NO_FIELD))
		return false;
	section_segment segment = ei_at(run, section_segment, segment_at.u);
	ei_val back = ei_get(segment, ControlArea);
	if (ei_has(back) && back.u != area)
		return false;
	if (pieces->shape == EI_SHAPE_VOL3 && !(ei_has(back) && segment_fits(&segment)))
		return false;
	struct area_walk walk = {
		.run = run,
		.pieces = pieces,
		.area = area,
		.is_image = ei_u64_or(image, is_image) != 0,
		.left = ENTRIES_MAX,
	};
	parts_walk(&walk, parts_start(&walk, control.at->layout.type_size));
	*size = walk.size;
	pieces->size_known = walk.size && walk.ends_known;
	if (walk.is_image && pieces->shape != EI_SHAPE_FILE)
		*size = MIN(ei_u64_or(ei_get(segment, TotalNumberOfPtes), walk.first_page),
				(uint64_t)ENTRIES_MAX) *
			PAGE_SIZE;
	return true;
}
