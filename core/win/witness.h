// Witnesses: what in physical memory tells of a page-table root. Private to identification.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_WITNESS_H
#define WIN_WITNESS_H

#include "win/kernel_find.h"

enum { CANDIDATES_MAX = 256, DIRECTORIES_MAX = 64 };

struct candidate {
	struct space space;
	uint64_t pa; // where the witness was seen; 0: in the container
	const char *witness;
	const char *outcome; // NULL: not tried yet
	unsigned searched;   // searches done
};

struct candidates {
	struct candidate items[CANDIDATES_MAX];
	size_t count;
	uint64_t dropped; // more than fit
	// PAE page directories that lead to themselves; their root is another page.
	uint64_t directories[DIRECTORIES_MAX];
	size_t directory_count;
};

// The same root in the same mode is taken once.
void candidate_add(struct candidates *list, const struct space_mode *mode, uint64_t dtb,
	uint64_t pa, const char *witness);

// The real-mode start block of the other processors in the first MiB keeps the root and an address
// in the kernel. The address goes to leads->inside[0].
void witness_low_stub(struct reader *reader, struct candidates *list, struct kernel_leads *leads);

// Pages in [first, end) that lead to themselves as roots do.
void witness_self_maps(
	struct reader *reader, uint64_t first, uint64_t end, struct candidates *list);

// What a page holds, at a glance: a set of these, with false positives.
enum screen { SCREEN_SELF = 1, SCREEN_KDBG = 2, SCREEN_SYSTEM = 4 };
unsigned page_screen(const uint8_t *page, uint64_t pa);

// Takes a page apart that page_screen() found to hold its own address.
void page_self_map(const uint8_t *page, uint64_t pa, struct candidates *list);

// The root of a PAE directory where the boot loader puts it, four pages before; 0: not there.
uint64_t pae_root_near(const struct image *image, uint64_t directory);

// One pass over all physical memory, on `threads` threads: self-maps and the System process as
// candidates, debugger data as leads; and, where PAE directories were seen, another for their
// roots. Results are in the order of addresses. EI_E_CANCELLED, EI_E_NOMEM.
EI_CHECKED ei_error *witness_scan(const struct image *image, unsigned threads,
	const bool *cancelled, struct candidates *list, struct kernel_leads *leads);

#endif
