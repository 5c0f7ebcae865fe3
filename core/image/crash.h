// Crash dumps: the parsed header behind `ei_crash`, and what the crash formats share.
// SPDX-License-Identifier: Apache-2.0
#ifndef IMAGE_CRASH_H
#define IMAGE_CRASH_H

#include "image/image.h"
#include <eidetic/crash.h>

// `facts` stays the first member: the public accessors get back from it to the lists.
struct crash_header {
	ei_crash facts;
	ei_arena *arena; // names and arrays of drivers; NULL when there are none
	const ei_crash_driver *drivers;
	const ei_crash_driver *unloaded;
};

void crash_header_drop(struct crash_header *header); // NULL is allowed
EI_OWNER(crash_header, crash_header_drop);

// "KMODE_EXCEPTION_NOT_HANDLED" for 0x1e; NULL when the code is not known.
const char *bugcheck_name(uint32_t code);
// "1: address referenced; 2: ..." for the commonest; NULL for the rest.
const char *bugcheck_parameters(uint32_t code);

enum dump_type {
	DUMP_FULL = 1,
	DUMP_KERNEL = 2,
	DUMP_HEADER = 3,
	DUMP_TRIAGE = 4,
	DUMP_BITMAP_FULL = 5,
	DUMP_BITMAP_KERNEL = 6, // kernel, live and active-memory dumps since Windows 8
	DUMP_AUTOMATIC = 7,
	DUMP_RANGES_KERNEL = 8,
	DUMP_RANGES_KERNEL_AND_USER = 9,
	DUMP_RANGES_COMPLETE = 10,
};

// What differs between the two headers.
struct crash_shape {
	bool wide;             // 64-bit
	uint32_t header_bytes; // file offset of what follows the header
	uint32_t block;        // offset of the physical memory block
	uint32_t block_bytes;
};

extern const struct crash_shape crash_shape_64, crash_shape_32;

// Reads the header and everything that follows it by DumpType: runs, bitmap or triage data.
EI_CHECKED ei_error *crash_open(struct image *image, const struct crash_shape *shape);

// ---- by DumpType ----------------------------------------------------------------------------
typedef ei_error *crash_reader(
	struct image *image, const struct crash_shape *shape, struct crash_header *header);

crash_reader crash_read_runs;   // full: pages of the physical memory block follow the header
crash_reader crash_read_bitmap; // kernel, bitmap, live: a bitmap, then the pages of its ones
crash_reader crash_read_ranges; // since Windows 11: a list of page ranges, then their pages
crash_reader crash_read_triage; // no pages: drivers and pieces of virtual memory

#endif
