// Memory images: ascending runs of physical memory in a file. The one header of core/image.
//
// One file per format fills in where each run of physical memory lies in the image file; reading
// is common. Evidence is opened read only and read with pread(2), never mapped: a file that
// shrinks or a disk that fails while we look costs the bytes, not the process. An opened image is
// immutable apart from its I/O failure mark, and may be read by any number of threads.
//
// Formats by name: raw, crash64, crash32, lime, elf. The name of an opened image may say more:
// crash64-bitmap, crash32-triage.
//
// What a container claims about the system inside it (page-table root, KDBG, build) is kept as
// hints: a place to look first, never the truth.
// SPDX-License-Identifier: Apache-2.0
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "base/base.h"

// One stretch of physical memory, contiguous in the file. Bytes; starts ascend, none overlap.
struct image_run {
	uint64_t start;  // physical address
	uint64_t length; // bytes, not 0
	uint64_t offset; // in the file
};

// What the container says. 0 is "does not say".
struct image_hints {
	uint64_t dtb;
	uint64_t kernel_base;
	uint64_t kdbg;                   // virtual address of KdDebuggerDataBlock
	uint64_t ps_loaded_module_list;  // virtual
	uint64_t ps_active_process_head; // virtual
	uint64_t pfn_database;           // virtual
	uint32_t machine;                // PE machine: 0x14c, 0x8664, 0xaa64
	uint32_t build;
	uint32_t processors;
	bool pae;
};

struct image;
struct crash_header; // image/crash.h; only crash dumps have one

// Opens and recognises an image. `format` forces one by name ("raw", "lime", ...), NULL probes.
// Errors: EI_E_IO with the system's reason; EI_E_FORMAT for a damaged container (what, where);
// EI_E_UNKNOWN for a file no format can read (empty, compressed: the text says what to do).
EI_CHECKED ei_error *image_open(const char *path, const char *format, struct image **out);
// The same for a file that is open already; `fd` is taken over, also on failure. `name` is what
// messages and image_path() call it.
EI_CHECKED ei_error *image_open_fd(
	int fd, const char *name, const char *format, struct image **out);
// An image of no file, without memory: for work that has none.
EI_CHECKED ei_error *image_nothing(struct image **out);
void image_close(struct image *image); // NULL is allowed
EI_OWNER(image, image_close);

const char *image_path(const struct image *image);
uint64_t image_file_size(const struct image *image);
const char *image_format_name(const struct image *image); // "raw", "crash64-bitmap", "lime", ...
const char *image_format_text(const struct image *image); // for people: "Windows crash dump, ..."
const struct image_hints *image_hints(const struct image *image);
const struct crash_header *image_crash_header(const struct image *image); // NULL: none

// Runs in ascending order; borrowed. A triage dump has none: it holds virtual memory only.
const struct image_run *image_runs(const struct image *image, size_t *count);
uint64_t image_end(const struct image *image);   // first physical address past the last run
uint64_t image_bytes(const struct image *image); // physical bytes stored

// The container itself complains: a truncated file, runs past its end... Borrowed, NULL past the
// last. The session turns them into notes.
const char *image_note(const struct image *image, size_t index);

// Reads [pa, pa + size). Returns how many bytes from the start could be read: less when the run
// ends or the file fails. Only the latter marks the image as failed.
size_t image_read(const struct image *image, uint64_t pa, void *buffer, size_t size);

// The next stretch of stored data at or after `pa`: clipped to one run, holes of a sparse file
// left out (they are zero). False past the end.
bool image_stretch(const struct image *image, uint64_t pa, struct image_run *out);

// Whoever reads a lot in order says so ahead: the system then reads [pa, pa + size) in the
// background, as far as it is not in memory. And behind, of images larger than memory: the file
// cache need not keep it. Both return at once or nearly so, and are wishes only.
void image_prefetch(const struct image *image, uint64_t pa, uint64_t size);
void image_release(const struct image *image, uint64_t pa, uint64_t size);

// The first read failure since the image was opened, as text for a note; NULL when there is none.
const char *image_failure(const struct image *image);

// Virtual memory that the container stores by address (triage dumps). Like image_read.
size_t image_read_virtual(const struct image *image, uint64_t va, void *buffer, size_t size);

#endif
