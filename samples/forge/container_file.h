// The file side of the container writers: sparse writing, and pages in the order of the format.
// SPDX-License-Identifier: Apache-2.0
#ifndef FORGE_CONTAINER_FILE_H
#define FORGE_CONTAINER_FILE_H

#include "container.h"

// A file being written. What was never written reads as zeroes and takes no room on the disk.
struct container_file {
	int fd;
	const char *path;
};

EI_CHECKED ei_error *container_put(
	struct container_file *file, uint64_t offset, const void *bytes, size_t length);

// Sets the final size, so that trailing zero pages exist.
EI_CHECKED ei_error *container_end(struct container_file *file, uint64_t size_bytes);

// Pages of `run` at `offset`, frame by frame, holes for zero pages.
EI_CHECKED ei_error *container_put_run(struct container_file *file, const struct phys_view *memory,
	struct phys_run run, uint64_t offset);

uint64_t container_pages(const struct phys_view *memory); // in all runs

// A little-endian store of `width` bytes (1, 2, 4 or 8).
void container_store(uint8_t *at, uint64_t value, unsigned width);

// One writer per file of this folder; `type` is the number that the format's table gives it.
typedef ei_error *container_writer(struct container_file *file, const struct phys_view *memory,
	const struct dump_meta *meta, uint32_t type);

container_writer container_write_elf, container_write_crash, container_write_triage;

// ---- crash dump headers, shared by full, bitmap and triage dumps ----------------------------
enum {
	CRASH_HEADER_64 = 0x2000,
	CRASH_HEADER_32 = 0x1000,
	CRASH_CONTEXT_64 = 0x348,
	CRASH_CONTEXT_32 = 0x320,
	CRASH_EXCEPTION_64 = 0xf00,
	CRASH_EXCEPTION_32 = 0x7d0,
};

// DumpType values. The numbers and names are those of rizin's dmp_specs.h and of kdmp-parser.
enum {
	DUMP_FULL = 1,
	DUMP_SUMMARY = 2,
	DUMP_TRIAGE = 4,
	DUMP_BITMAP_FULL = 5,
	DUMP_BITMAP_KERNEL = 6, // also what a live dump and "active memory" have
	DUMP_KERNEL = 8,
	DUMP_KERNEL_AND_USER = 9,
	DUMP_COMPLETE = 10,
};

static inline uint32_t container_header_bytes(const struct dump_meta *meta)
{
	return meta->pointer_size == 8 ? CRASH_HEADER_64 : CRASH_HEADER_32;
}

// Fills `header` (container_header_bytes() long). `memory` NULL leaves the physical memory block as
// the fill pattern, as in dumps without physical pages.
EI_CHECKED ei_error *container_crash_header(const struct dump_meta *meta,
	const struct phys_view *memory, uint32_t type, uint32_t triage_fields, uint64_t file_bytes,
	uint8_t *header);

#endif
