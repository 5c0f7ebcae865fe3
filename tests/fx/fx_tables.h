// Fixture: physical memory with page tables and a kernel image in it, built entry by entry.
//
// Everything is written from the processor's manual and the PE specification, not with the code
// under test. A memory is made into a raw image file and opened like any other.
// SPDX-License-Identifier: Apache-2.0
#ifndef FX_TABLES_H
#define FX_TABLES_H

#include "space/space.h"

enum fx_mode { FX_X64, FX_PAE, FX_X86 };

struct fx_memory {
	uint8_t *bytes;
	uint64_t size;
	uint64_t free; // next unused frame
	char path[64];
	struct image *image;
	struct reader *reader;
};

// The first page is never handed out: frame 0 means "nothing" in many places.
void fx_memory_init(struct fx_memory *memory, uint64_t size_bytes);
void fx_memory_deinit(struct fx_memory *memory); // closes and removes the image
uint64_t fx_frame(struct fx_memory *memory);     // the address of a fresh, zeroed frame
// Writes the memory to a temporary file and opens it with a reader. Again after changes.
void fx_memory_open(struct fx_memory *memory);

void fx_put16(struct fx_memory *memory, uint64_t pa, uint16_t value);
void fx_put32(struct fx_memory *memory, uint64_t pa, uint32_t value);
void fx_put64(struct fx_memory *memory, uint64_t pa, uint64_t value);

struct fx_tables {
	struct fx_memory *memory;
	enum fx_mode mode;
	uint64_t root;
	struct space space;
};

// Makes an empty root at `root`, or at a fresh frame when 0.
void fx_tables_init(
	struct fx_tables *tables, struct fx_memory *memory, enum fx_mode mode, uint64_t root);
// Physical address of the entry for `va`, `up` levels above the last; tables are made on the way.
uint64_t fx_entry_at(struct fx_tables *tables, uint64_t va, unsigned up);
void fx_entry_put(struct fx_tables *tables, uint64_t va, unsigned up, uint64_t value);
void fx_map(struct fx_tables *tables, uint64_t va, uint64_t pa);       // 4 KiB, writable
uint64_t fx_map_fresh(struct fx_tables *tables, uint64_t va);          // its frame
void fx_map_large(struct fx_tables *tables, uint64_t va, uint64_t pa); // 2 or 4 MiB
void fx_self_map(struct fx_tables *tables, unsigned index);            // index for x64 only
// Copies into mapped memory, page by page.
void fx_write(struct fx_tables *tables, uint64_t va, const void *bytes, size_t size);

// ---- a kernel -------------------------------------------------------------------------------
struct fx_kernel {
	uint64_t base;
	uint32_t size;         // SizeOfImage; default 8 MiB
	uint32_t machine;      // default by the tables' mode
	const char *pdb;       // RSDS name; NULL: no debug record
	uint32_t rsds_rva;     // default 0x3000
	const char *export;    // name in the export directory; NULL: no exports
	uint32_t export_rva;   // default 0x5000
	uint16_t build;        // in the version resource; 0: none
	uint32_t resource_rva; // default 0x7000
	bool large;            // mapped with large pages
};

extern const uint8_t fx_guid[16];
#define FX_GUID "33221100554477668899AABBCCDDEEFF"
enum { FX_AGE = 3 };

// Maps the headers, code, debug, export and resource pages of a kernel. Pages in between stay
// unmapped (with `large`: zero).
void fx_kernel_build(struct fx_tables *tables, const struct fx_kernel *kernel);
void fx_unmap(struct fx_tables *tables, uint64_t va); // the page is paged out from here on

#endif
