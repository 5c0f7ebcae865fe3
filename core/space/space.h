// Address spaces: from virtual address to bytes of the image. The one header of core/space.
//
// A `space` is a page-table root and the mode to read it in: immutable, shared freely. A `reader`
// is one thread's window on the image: a cache of physical pages and of translations; there is
// no lock on the read path. Every call takes both.
//
// An address that cannot be read has a reason (enum fault). Nothing here fails otherwise.
// SPDX-License-Identifier: Apache-2.0
#ifndef SPACE_SPACE_H
#define SPACE_SPACE_H

#include "image/image.h"

struct reader;
struct space;

// Why an address cannot be read.
enum fault {
	FAULT_NONE = 0,
	FAULT_NOT_MAPPED,    // no valid entry at some level
	FAULT_NOT_CANONICAL, // no such address in this mode
	FAULT_DEMAND_ZERO,   // committed, never touched
	FAULT_PAGED_OUT,     // in page file .file at page .file_page
	FAULT_PROTOTYPE,     // shared page whose prototype entry does not lead to memory
	FAULT_OUTSIDE,       // maps a frame that the image does not hold
	FAULT_TABLE_OUTSIDE, // a page table on the way is not in the image
	FAULT_IO,            // the image file failed
};

const char *fault_text(enum fault fault); // "not mapped", "paged out", ...

enum page_flag {
	PAGE_WRITE = 1,
	PAGE_USER = 2,
	PAGE_NO_EXECUTE = 4,
	PAGE_TRANSITION = 8, // on the standby or modified list; still in memory
	PAGE_DIRTY = 16,
	PAGE_LARGE = 32,
	// What Windows notes in bits of a valid entry that the processor leaves to it.
	PAGE_COPY = 64,       // copied when it is written
	PAGE_MAY_WRITE = 128, // may be written, though PAGE_WRITE waits for the first time
};

// What the page tables say about one address.
struct page {
	uint64_t va;   // start of the page
	uint64_t pa;   // physical address of .va (when fault is FAULT_NONE or FAULT_OUTSIDE)
	uint64_t size; // bytes the entry maps: 4 KiB, 2 MiB, 4 MiB, 1 GiB
	enum fault fault;
	uint32_t flags;     // enum page_flag
	uint32_t file;      // page file number, for FAULT_PAGED_OUT
	uint64_t file_page; // page within it
};

// ---- readers --------------------------------------------------------------------------------
EI_CHECKED ei_error *reader_create(const struct image *image, struct reader **out);
void reader_drop(struct reader *reader); // NULL is allowed
EI_OWNER(reader, reader_drop);

const struct image *reader_image(const struct reader *reader);

// The page at physical address `pa` (rounded down): 4096 bytes, borrowed until the next call that
// takes this reader. NULL when the image does not hold all of it.
const uint8_t *reader_page(struct reader *reader, uint64_t pa);

// True when the image holds all of [pa, pa + size), by its runs alone: nothing is read.
bool reader_holds(struct reader *reader, uint64_t pa, uint64_t size);

// ---- spaces ---------------------------------------------------------------------------------
// A way to read page tables; one file each (x64.c, pae.c, x86.c; 5-level and ARM64 are one more).
struct space_mode {
	const char *name;      // "x64", "x86-pae", "x86"
	uint32_t pointer_size; // bytes
	uint32_t machine;      // PE machine of a kernel that runs in it
	uint64_t kernel_start; // first canonical address of the system half
	uint64_t kernel_end;   // last address of the system half
	uint64_t user_end;     // last address of the user half
	// The form in which the address is written; x64 sign-extends bit 47, x86 drops all
	// above 32.
	uint64_t (*canonical)(uint64_t va);
	const struct paging *paging; // how its tables are laid out; NULL: addresses are physical
};

extern const struct space_mode space_physical; // identity: addresses are physical
extern const struct space_mode space_x64;
extern const struct space_mode space_pae;
extern const struct space_mode space_x86;

// Where a page-file entry keeps the number of the page file: Windows 8 moved it. The profile knows
// (_MMPTE_SOFTWARE.PageFileLow); where nobody told the space, the newer place is assumed.
enum pagefile_bits { PAGEFILE_BITS_12 = 0, PAGEFILE_BITS_1 = 1 };

// A value; copy it at will. Initialise with { mode, dtb } and the rest zero.
struct space {
	const struct space_mode *mode;
	uint64_t dtb;
	enum pagefile_bits pagefile;
};

static inline bool space_equal(const struct space *a, const struct space *b)
{
	return a->mode == b->mode && a->dtb == b->dtb && a->pagefile == b->pagefile;
}

// True when `va` leads to bytes of the image. `out` is filled either way.
bool space_translate(
	const struct space *space, struct reader *reader, uint64_t va, struct page *out);

// Reads [va, va + size), page by page. Returns the bytes read from the start up to the first
// page that cannot be; `fault` (may be NULL) then says why. A read never wraps the address space.
size_t space_read(const struct space *space, struct reader *reader, uint64_t va, void *buffer,
	size_t size, enum fault *fault);

// Reads what can be read and zeroes the rest. Bit n of the result is set when the nth page that
// [va, va + size) touches is absent. `size` at most 63 pages.
uint64_t space_read_patchy(
	const struct space *space, struct reader *reader, uint64_t va, void *buffer, size_t size);

enum next_flag {
	NEXT_ABSENT = 1, // also what is mapped outside the image, paged out, shared or demand zero
	NEXT_TABLES = 2, // also the self-map: the page tables themselves, as pages
};

// The next mapped page at or after `va` and not after `last` that the image holds at least in part,
// or any that `flags` ask for. False when there is none. A large page comes as one, and may start
// before `va`.
//
// The usual loop goes on at page.va + page.size until that wraps or passes `last`. Calls that each
// go on where the one before ended form a walk, and within a walk a page table is entered once:
// cost is bounded by the tables that exist, whatever loops they form. The self-map (an entry that
// leads back to a table of the walk) is left out unless asked for; then each table is entered once
// a level.
bool space_next(const struct space *space, struct reader *reader, uint64_t va, uint64_t last,
	unsigned flags, struct page *out);

#endif
