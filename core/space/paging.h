// What the files of core/space share: the shape of page tables, and the inside of a reader.
//
// A mode is a table of levels and a function that decodes one entry; walking is common (walk.c).
// SPDX-License-Identifier: Apache-2.0
#ifndef SPACE_PAGING_H
#define SPACE_PAGING_H

#include "space/space.h"

enum { PAGING_LEVELS_MAX = 5 };

enum entry_kind {
	ENTRY_ABSENT, // .fault says why
	ENTRY_TABLE,  // .pa is the next table
	ENTRY_PAGE,   // .pa is the page
	ENTRY_SHARED, // .prototype is the virtual address of the entry that counts
};

struct entry {
	enum entry_kind kind;
	enum fault fault;
	uint64_t pa;
	uint64_t prototype;
	uint32_t flags; // enum page_flag; WRITE and USER are permissions, ANDed along the way
	uint32_t file;
	uint64_t file_page;
	bool masked; // the frame may be disguised in its top bit (see entry_software)
};

struct paging {
	unsigned address_bits; // bits of an address that the tables translate
	unsigned level_count;  // the last one maps 4 KiB pages
	unsigned entry_size;   // bytes: 4 or 8
	struct {
		unsigned shift; // lowest address bit that indexes this level
		unsigned count; // entries in a table
	} levels[PAGING_LEVELS_MAX];
	// Physical address of the first table.
	uint64_t (*root)(const struct space *space, uint64_t va);
	void (*decode)(
		const struct space *space, unsigned level, uint64_t value, struct entry *out);
};

// Entries with the valid bit clear are the system's own. `last_level` tells a page's entry from a
// table's: what is not in memory is then a missing table, not a missing page.
struct software_layout {
	uint64_t frame_mask;     // transition
	unsigned page_shift;     // page file: the page's number
	unsigned file_shift[2];  // page file: by enum pagefile_bits
	unsigned prototype_bits; // width of the address, which is at the top; 0: not decodable
};
void entry_software(const struct space *space, const struct software_layout *layout,
	bool last_level, unsigned width, uint64_t value, struct entry *out);

static inline uint64_t entry_load(const uint8_t *table, unsigned entry_size, unsigned index)
{
	return entry_size == 8 ? load_u64(table + 8 * index) : load_u32(table + 4 * index);
}

uint64_t address_low32(uint64_t va); // the canonical form of both x86 modes

// Walks to the page that holds `va`, without the translation cache.
void paging_walk(const struct space *space, struct reader *reader, uint64_t va, struct page *out);

// space_next() for modes with tables.
bool paging_next(const struct space *space, struct reader *reader, uint64_t va, uint64_t last,
	unsigned flags, struct page *out);

// ---- the reader -----------------------------------------------------------------------------
enum {
	CACHE_SETS = 64, // of 4 pages: 1 MiB
	CACHE_WAYS = 4,
	TRANSLATIONS = 1024,
};

// One translation, direct-mapped.
struct translation {
	struct space space;
	uint64_t page_number;
	struct page page;
};

// A table that the present walk has entered: where it was, and from which address.
struct visit {
	uint64_t key;    // table address, level in the low bits; 0: free
	uint64_t prefix; // first address that it translates
	uint32_t walk;   // number of the walk: older ones are free slots
};

// The walk that space_next() is in the middle of, and the last table it stood in.
struct walk {
	struct space space;
	unsigned flags;
	bool live;
	uint64_t next;        // where a call that continues it starts, linear
	uint64_t leaf_base;   // linear address of the last-level table's first page
	uint64_t leaf_table;  // its physical address + 1; 0: none
	uint32_t leaf_flags;  // permissions so far
	uint32_t number;      // of the walk
	struct visit *visits; // open addressing, power of two
	uint32_t visit_room, visit_count;
};

struct reader {
	const struct image *image;
	const struct image_run *runs;
	size_t run_count;
	size_t run_last;                       // index of the run that answered last
	uint64_t tags[CACHE_SETS][CACHE_WAYS]; // page address + 1; 0: empty
	uint8_t victim[CACHE_SETS];
	struct walk walk;
	struct translation *translations;
	uint8_t (*pages)[PAGE_SIZE];
};

// The first run that ends after `pa`; NULL past the last.
const struct image_run *reader_run(struct reader *reader, uint64_t pa);

// True when the image holds any of it.
bool reader_holds_any(struct reader *reader, uint64_t pa, uint64_t size);

#endif
