// x64: four levels of 512 entries of eight bytes, pages of 4 KiB, 2 MiB and 1 GiB.
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
	.frame_mask = UINT64_C(0x0000fffffffff000),
	.page_shift = 32,
	.file_shift = { [PAGEFILE_BITS_12] = 12, [PAGEFILE_BITS_1] = 1 },
	.prototype_bits = 48,
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

static void x64_decode(const struct space *space, unsigned level, uint64_t value, struct entry *out)
{
	bool last = level == 3;

	if (!(value & VALID)) {
		out->flags = PAGE_WRITE | PAGE_USER;
		entry_software(space, &software, last, 64, value, out);
		return;
	}
	out->flags = entry_flags(value);
	out->pa = value & FRAME;
	out->kind = last ? ENTRY_PAGE : ENTRY_TABLE;
	if (last || value & LARGE)
		out->flags |= leaf_flags(value);
	if (last || !(value & LARGE))
		return;
	if (level == 0) { // reserved: the processor faults
		out->kind = ENTRY_ABSENT;
		out->fault = FAULT_NOT_MAPPED;
		return;
	}
	out->kind = ENTRY_PAGE;
	out->flags |= PAGE_LARGE;
	out->pa &= level == 1 ? ~UINT64_C(0x3fffffff) : ~UINT64_C(0x1fffff);
}

static uint64_t x64_root(const struct space *space, uint64_t va)
{
	(void)va;
	return space->dtb & FRAME;
}

static uint64_t x64_canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16);
}

static const struct paging x64_paging = {
	.address_bits = 48,
	.level_count = 4,
	.entry_size = 8,
	.levels = { { 39, 512 }, { 30, 512 }, { 21, 512 }, { 12, 512 } },
	.root = x64_root,
	.decode = x64_decode,
};

const struct space_mode space_x64 = {
	.name = "x64",
	.pointer_size = 8,
	.machine = 0x8664,
	.kernel_start = UINT64_C(0xffff800000000000),
	.kernel_end = UINT64_MAX,
	.user_end = UINT64_C(0x00007fffffffffff),
	.canonical = x64_canonical,
	.paging = &x64_paging,
};
