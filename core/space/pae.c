// x86 with PAE: four page directories of 512 entries of eight bytes, pages of 4 KiB and 2 MiB.
// SPDX-License-Identifier: Apache-2.0
#include "space/paging.h"

#define FRAME UINT64_C(0x000ffffffffff000)
#define NO_EXECUTE (UINT64_C(1) << 63)

enum {
	VALID = 1,
	WRITE = 2,
	USER = 4,
	DIRTY = 0x40,
	LARGE = 0x80,
	COPY = 0x200,
	MAY_WRITE = 0x800
};

static const struct software_layout software = {
	.frame_mask = UINT64_C(0x0000003ffffff000),
	.page_shift = 32,
	.file_shift = { [PAGEFILE_BITS_12] = 12, [PAGEFILE_BITS_1] = 1 },
	.prototype_bits = 32,
};

static uint32_t entry_flags(uint64_t value)
{
	return (value & WRITE ? PAGE_WRITE : 0) | (value & USER ? PAGE_USER : 0) |
	       (value & NO_EXECUTE ? PAGE_NO_EXECUTE : 0);
}

// Of an entry that maps a page.
static uint32_t leaf_flags(uint64_t value)
{
	return (value & DIRTY ? PAGE_DIRTY : 0) | (value & COPY ? PAGE_COPY : 0) |
	       (value & MAY_WRITE ? PAGE_MAY_WRITE : 0);
}

static void pae_decode(const struct space *space, unsigned level, uint64_t value, struct entry *out)
{
	bool last = level == 2;

	if (!(value & VALID)) {
		out->flags = PAGE_WRITE | PAGE_USER;
		if (level == 0) // read by the processor at a switch: the system never parks these
			out->fault = FAULT_NOT_MAPPED;
		else
			entry_software(space, &software, last, 64, value, out);
		return;
	}
	out->pa = value & FRAME;
	out->kind = last ? ENTRY_PAGE : ENTRY_TABLE;
	// Pointers to directories carry no permissions; those bits are reserved.
	out->flags = level == 0 ? PAGE_WRITE | PAGE_USER : entry_flags(value);
	if (last || (level == 1 && value & LARGE))
		out->flags |= leaf_flags(value);
	if (level != 1 || !(value & LARGE))
		return;
	out->kind = ENTRY_PAGE;
	out->flags |= PAGE_LARGE;
	out->pa &= ~UINT64_C(0x1fffff);
}

static uint64_t pae_root(const struct space *space, uint64_t va)
{
	(void)va;
	return space->dtb & 0xffffffe0; // not page-aligned: XP packs several into a page
}

uint64_t address_low32(uint64_t va)
{
	return va & 0xffffffff;
}

static const struct paging pae_paging = {
	.address_bits = 32,
	.level_count = 3,
	.entry_size = 8,
	.levels = { { 30, 4 }, { 21, 512 }, { 12, 512 } },
	.root = pae_root,
	.decode = pae_decode,
};

const struct space_mode space_pae = {
	.name = "x86-pae",
	.pointer_size = 4,
	.machine = 0x14c,
	.kernel_start = 0x80000000,
	.kernel_end = 0xffffffff,
	.user_end = 0x7fffffff,
	.canonical = address_low32,
	.paging = &pae_paging,
};
