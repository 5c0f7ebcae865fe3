// x86 without PAE: two levels of 1024 entries of four bytes, pages of 4 KiB and 4 MiB (PSE-36).
// SPDX-License-Identifier: Apache-2.0
#include "space/paging.h"

#define FRAME UINT64_C(0xfffff000)

enum {
	VALID = 1,
	WRITE = 2,
	USER = 4,
	DIRTY = 0x40,
	LARGE = 0x80,
	COPY = 0x200,
	MAY_WRITE = 0x800
};

// Prototype addresses are relative to a variable of the kernel here, so they are not decoded.
static const struct software_layout software = {
	.frame_mask = FRAME,
	.page_shift = 12,
	.file_shift = { [PAGEFILE_BITS_12] = 1, [PAGEFILE_BITS_1] = 1 },
	.prototype_bits = 0,
};

static void x86_decode(const struct space *space, unsigned level, uint64_t value, struct entry *out)
{
	bool last = level == 1;

	if (!(value & VALID)) {
		out->flags = PAGE_WRITE | PAGE_USER;
		entry_software(space, &software, last, 32, value, out);
		return;
	}
	out->pa = value & FRAME;
	out->kind = last ? ENTRY_PAGE : ENTRY_TABLE;
	out->flags = (value & WRITE ? PAGE_WRITE : 0) | (value & USER ? PAGE_USER : 0);
	if (last || value & LARGE)
		out->flags |= (value & DIRTY ? PAGE_DIRTY : 0) | (value & COPY ? PAGE_COPY : 0) |
			      (value & MAY_WRITE ? PAGE_MAY_WRITE : 0);
	if (last || !(value & LARGE))
		return;
	out->kind = ENTRY_PAGE;
	out->flags |= PAGE_LARGE;
	// PSE-36: bits 13 to 20 are bits 32 to 39 of the frame.
	out->pa = (value & 0xffc00000) | (value >> 13 & 0xff) << 32;
}

static uint64_t x86_root(const struct space *space, uint64_t va)
{
	(void)va;
	return space->dtb & FRAME;
}

static const struct paging x86_paging = {
	.address_bits = 32,
	.level_count = 2,
	.entry_size = 4,
	.levels = { { 22, 1024 }, { 12, 1024 } },
	.root = x86_root,
	.decode = x86_decode,
};

const struct space_mode space_x86 = {
	.name = "x86",
	.pointer_size = 4,
	.machine = 0x14c,
	.kernel_start = 0x80000000,
	.kernel_end = 0xffffffff,
	.user_end = 0x7fffffff,
	.canonical = address_low32,
	.paging = &x86_paging,
};
