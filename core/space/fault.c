// Why an address cannot be read: names, and the entries that Windows writes for itself.
//
// Layouts: _MMPTE_SOFTWARE, _MMPTE_TRANSITION, _MMPTE_PROTOTYPE of public symbol tables.
// SPDX-License-Identifier: Apache-2.0
#include "space/paging.h"

enum {
	SOFT_SWIZZLE = 1 << 4, // Windows 10: clear when the frame's top bit is disguised
	SOFT_PROTECTION = 0x1f << 5,
	SOFT_EXECUTE = 2 << 5, // of the protection, as regions have it
	SOFT_WRITE = 4 << 5,
	SOFT_PROTOTYPE = 1 << 10,
	SOFT_TRANSITION = 1 << 11,
};

static const char *const texts[] = {
	[FAULT_NONE] = "readable",
	[FAULT_NOT_MAPPED] = "not mapped",
	[FAULT_NOT_CANONICAL] = "not an address",
	[FAULT_DEMAND_ZERO] = "demand zero",
	[FAULT_PAGED_OUT] = "paged out",
	[FAULT_PROTOTYPE] = "shared, not in memory",
	[FAULT_OUTSIDE] = "outside the image",
	[FAULT_TABLE_OUTSIDE] = "page table outside the image",
	[FAULT_IO] = "the image cannot be read",
};

const char *fault_text(enum fault fault)
{
	return (size_t)fault < ARRAY_LENGTH(texts) ? texts[fault] : "unknown";
}

static void absent(struct entry *out, enum fault fault)
{
	out->kind = ENTRY_ABSENT;
	out->fault = fault;
}

// Protection 0x18 is "no access": committed, and not to be touched.
static void entry_shared(
	const struct software_layout *layout, unsigned width, uint64_t value, struct entry *out)
{
	if (!layout->prototype_bits) {
		absent(out, FAULT_PROTOTYPE);
		return;
	}
	unsigned bits = layout->prototype_bits;
	uint64_t address = value >> (width - bits);
	// All ones in the upper half: the VAD knows, the entry does not.
	if (address >> (bits - 32) == 0xffffffff) {
		absent(out, FAULT_PROTOTYPE);
		return;
	}
	out->kind = ENTRY_SHARED;
	out->prototype = bits == 48 ? (uint64_t)((int64_t)(address << 16) >> 16) : address;
}

static void entry_transition(
	const struct software_layout *layout, bool last_level, uint64_t value, struct entry *out)
{
	out->kind = last_level ? ENTRY_PAGE : ENTRY_TABLE;
	out->pa = value & layout->frame_mask;
	out->flags |= PAGE_TRANSITION;
	if (last_level && !(value & SOFT_EXECUTE))
		out->flags |= PAGE_NO_EXECUTE;
	if (last_level && !(value & SOFT_WRITE))
		out->flags &= ~(uint32_t)PAGE_WRITE;
	out->masked = !(value & SOFT_SWIZZLE);
}

void entry_software(const struct space *space, const struct software_layout *layout,
	bool last_level, unsigned width, uint64_t value, struct entry *out)
{
	if (value & SOFT_PROTOTYPE) {
		if (last_level)
			entry_shared(layout, width, value, out);
		else
			absent(out, FAULT_NOT_MAPPED);
		return;
	}
	if (value & SOFT_TRANSITION) {
		entry_transition(layout, last_level, value, out);
		return;
	}
	uint64_t file_page = value >> layout->page_shift;
	if (!file_page) {
		bool committed = last_level && (value & SOFT_PROTECTION);
		absent(out, committed ? FAULT_DEMAND_ZERO : FAULT_NOT_MAPPED);
		return;
	}
	absent(out, last_level ? FAULT_PAGED_OUT : FAULT_TABLE_OUTSIDE);
	out->file = (uint32_t)(value >> layout->file_shift[space->pagefile]) & 0xf;
	out->file_page = file_page;
}
