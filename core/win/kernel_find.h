// Looking for the kernel through a candidate root. Private to identification.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_KERNEL_FIND_H
#define WIN_KERNEL_FIND_H

#include "win/kernel_pe.h"

enum { LEADS_MAX = 64 };

// Where a kernel may be, from whatever source; virtual addresses, 0 is none.
struct kernel_leads {
	uint64_t base;        // of the kernel
	uint64_t module_list; // PsLoadedModuleList
	uint64_t inside[4];   // addresses in the kernel
	uint64_t kdbg;        // the debugger data block
	struct kdbg_lead {
		uint64_t base; // its KernBase
		uint64_t pa;   // where the block lies
	} blocks[LEADS_MAX];   // seen in physical memory
	size_t block_count;
	uint64_t pages_left; // that all searches together may still read
};

struct kernel_hit {
	uint64_t base;
	uint32_t size; // 0: unknown
	uint64_t kdbg; // 0: unknown
	const char *witness;
	struct pe_rsds rsds;
};

// Three searches, each dearer than the one before. The first follows leads and looks at large
// pages and at first pages after a gap; the second reads the start of every mapped page; the third
// reads every mapped page, for a kernel whose header is not in memory.
enum kernel_search { SEARCH_QUICK, SEARCH_HEADERS, SEARCH_PAGES, SEARCHES };

bool kernel_find(const struct space *space, struct reader *reader, struct kernel_leads *leads,
	enum kernel_search search, struct kernel_hit *out);

// True where kernels of such page tables are loaded.
bool kernel_base_is_likely(const struct space *space, uint64_t base);

// True when the image at `base` is a kernel by its own header.
bool kernel_at(
	const struct space *space, struct reader *reader, uint64_t base, struct kernel_hit *out);

// Looks for a record that names a kernel's symbol file in [base, base + size).
bool kernel_rsds_scan(const struct space *space, struct reader *reader, uint64_t base,
	uint64_t size, struct pe_rsds *out);

// Layout of _KDDEBUGGER_DATA64, which does not change.
enum {
	KDBG_TAG_AT = 0x10,
	KDBG_KERNEL_BASE_AT = 0x18,
	KDBG_BUILD_LAB_AT = 0x208,
	KDBG_TAG = 0x4742444b, // "KDBG"
};

#endif
