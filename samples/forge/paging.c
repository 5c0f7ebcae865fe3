// Page tables of three kinds: x86, x86 with PAE, x64 with four levels.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

struct paging_level {
	uint32_t shift;
	uint32_t index_bits;
};

struct paging_shape {
	uint32_t levels;
	uint32_t entry_bytes;
	struct paging_level level[4]; // top first
};

static const struct paging_shape shapes[] = {
	[PAGING_X86] = { 2, 4, { { 22, 10 }, { 12, 10 } } },
	[PAGING_PAE] = { 3, 8, { { 30, 2 }, { 21, 9 }, { 12, 9 } } },
	[PAGING_X64] = { 4, 8, { { 39, 9 }, { 30, 9 }, { 21, 9 }, { 12, 9 } } },
};

static const uint64_t frame_mask = 0xffffffffff000;

static uint8_t *physical(struct forge *f, uint64_t pa)
{
	return memory_page(f, pa / PAGE_SIZE) + pa % PAGE_SIZE;
}

static uint64_t entry_load(struct forge *f, uint64_t pa)
{
	const uint8_t *at = physical(f, pa);
	return f->mode == PAGING_X86 ? load_u32(at) : load_u64(at);
}

static void entry_store(struct forge *f, uint64_t pa, uint64_t value)
{
	memcpy(physical(f, pa), &value, shapes[f->mode].entry_bytes);
}

static uint64_t entry_address(const struct forge *f, uint64_t table, uint32_t level, uint64_t va)
{
	const struct paging_level *l = &shapes[f->mode].level[level];
	uint64_t index = va >> l->shift & ((1u << l->index_bits) - 1);
	return table + index * shapes[f->mode].entry_bytes;
}

static bool address_is_user(const struct forge *f, uint64_t va)
{
	return f->mode == PAGING_X64 ? va >> 63 == 0 : va < 0x80000000;
}

// Physical address of the entry at `level` for `va`, making the tables above it when asked;
// 0 when a table is missing or a large page is in the way.
static uint64_t entry_find(
	struct forge *f, const struct space *space, uint64_t va, uint32_t level, bool create)
{
	uint64_t table = space->dtb;
	for (uint32_t i = 0; i < level; i++) {
		uint64_t at = entry_address(f, table, i, va);
		uint64_t entry = entry_load(f, at);
		if (entry & PTE_VALID && entry & PTE_LARGE && i)
			return 0;
		if (!(entry & PTE_VALID)) {
			if (!create)
				return 0;
			uint64_t flags = address_is_user(f, va) ? PTE_USER_DATA : 0x63;
			entry = memory_take(f) * PAGE_SIZE | flags;
			entry_store(f, at, entry);
		}
		table = entry & frame_mask;
	}
	return entry_address(f, table, level, va);
}

uint64_t paging_canonical(const struct forge *f, uint64_t va)
{
	if (f->mode != PAGING_X64)
		return va & UINT32_MAX;
	return va >> 47 & 1 ? va | 0xffff000000000000 : va & 0xffffffffffff;
}

uint64_t paging_large_bytes(const struct forge *f)
{
	return f->mode == PAGING_X86 ? 4 << 20 : 2 << 20;
}

void paging_set(struct forge *f, struct space *space, uint64_t va, uint64_t entry)
{
	uint64_t at = entry_find(f, space, va, shapes[f->mode].levels - 1, true);
	if (at)
		entry_store(f, at, entry);
}

void paging_map(struct forge *f, struct space *space, uint64_t va, uint64_t frame, uint64_t flags)
{
	if (f->mode == PAGING_X86)
		flags &= ~PTE_NX;
	paging_set(f, space, va, frame * PAGE_SIZE | flags);
}

void paging_map_large(struct forge *f, struct space *space, uint64_t va, uint64_t frame)
{
	uint64_t at = entry_find(f, space, va, shapes[f->mode].levels - 2, true);
	if (at)
		entry_store(f, at, frame * PAGE_SIZE | PTE_KERNEL | PTE_LARGE);
}

uint64_t paging_entry(struct forge *f, const struct space *space, uint64_t va)
{
	uint64_t at = entry_find(f, space, va, shapes[f->mode].levels - 1, false);
	return at ? entry_load(f, at) : 0;
}

uint64_t paging_frame(struct forge *f, const struct space *space, uint64_t va)
{
	uint32_t last = shapes[f->mode].levels - 1;
	uint64_t at = entry_find(f, space, va, last, false);
	if (at) {
		uint64_t entry = entry_load(f, at);
		return entry & PTE_VALID ? (entry & frame_mask) / PAGE_SIZE : UINT64_MAX;
	}
	at = entry_find(f, space, va, last - 1, false);
	uint64_t entry = at ? entry_load(f, at) : 0;
	if (!(entry & PTE_VALID) || !(entry & PTE_LARGE))
		return UINT64_MAX;
	uint64_t inside = va & (paging_large_bytes(f) - 1);
	return ((entry & frame_mask) + inside) / PAGE_SIZE;
}

uint64_t paging_physical(struct forge *f, const struct space *space, uint64_t va)
{
	uint64_t frame = paging_frame(f, space, va);
	return frame == UINT64_MAX ? UINT64_MAX : frame * PAGE_SIZE + va % PAGE_SIZE;
}

// ---- whole spaces -----------------------------------------------------------------------------
// PAE: four page directories; the last one maps all four at 0xC0600000.
static void paging_init_pae(struct forge *f, uint64_t dtb, const uint64_t directory[4])
{
	for (uint64_t i = 0; i < 4; i++) {
		entry_store(f, dtb + i * 8, directory[i] | PTE_VALID);
		entry_store(f, directory[3] + i * 8, directory[i] | 0x63);
	}
}

static void paging_init_self(struct forge *f, uint64_t dtb)
{
	if (f->mode == PAGING_X64)
		entry_store(f, dtb + f->self_index * 8ULL, dtb | PTE_NX | 0x63);
	else
		entry_store(f, dtb + 0x300 * 4, dtb | 0x63);
}

// Where boot puts the kernel's own tables; a scenario may say otherwise.
static uint64_t kernel_dtb_default(const struct forge *f)
{
	if (f->mode == PAGING_X64)
		return f->win10 ? 0x1ad000 : 0x187000;
	return f->mode == PAGING_PAE ? 0x185000 : 0x39000;
}

// A running kernel uses a score of top entries; tools count them.
static void paging_spread(struct forge *f)
{
	for (uint64_t i = 0x1ff; f->mode == PAGING_X64 && i > 0x1ff - 20 * 4; i -= 4) {
		if (i != f->self_index)
			entry_find(f, &f->kernel, 0xffff000000000000 | i << 39, 1, true);
	}
}

struct region_base {
	uint64_t base;
	uint64_t shuffle; // random multiple of this many bytes, below 256
};

static const struct region_base bases_win10[REGIONS] = {
	{ 0xffff8a0000000000, 1ULL << 32 },
	{ 0xffffb10000000000, 1ULL << 32 },
	{ 0xfffff80c00000000, 1ULL << 24 },
	{ 0xffff9e0000000000, 1ULL << 32 },
};

// The tables map themselves where no region is: a shuffled region may reach into the slot behind
// its own.
static uint32_t self_slot(uint32_t slot)
{
	for (int i = 0; i < REGIONS; i++) {
		uint32_t taken = bases_win10[i].base >> 39 & 0x1ff;
		if (slot == taken || slot == taken + 1)
			return taken + 2;
	}
	return slot;
}

void paging_create_kernel(struct forge *f)
{
	uint64_t dtb = scenario_number(
		json_object_get(f->scenario, "kernel"), "dtb", kernel_dtb_default(f));
	uint64_t frames = f->mode == PAGING_PAE ? 5 : 1;
	for (uint64_t i = 0; i < frames; i++) {
		if (dtb % PAGE_SIZE || !memory_take_at(f, dtb / PAGE_SIZE + i)) {
			forge_fail(f, EI_E_FORMAT, "no page for the page tables at 0x%llx",
				(unsigned long long)dtb);
			return;
		}
	}
	f->kernel.dtb = dtb;
	f->self_index = f->win10 ? self_slot(0x100 + (uint32_t)forge_below(f, 0xe0)) : 0x1ed;
	if (f->mode == PAGING_PAE)
		paging_init_pae(f, dtb,
			(uint64_t[]){ dtb + 0x1000, dtb + 0x2000, dtb + 0x3000, dtb + 0x4000 });
	else
		paging_init_self(f, dtb);
	paging_spread(f);
}

void paging_create(struct forge *f, struct space *space)
{
	if (f->mode != PAGING_PAE) {
		space->dtb = memory_take(f) * PAGE_SIZE;
		paging_init_self(f, space->dtb);
		return;
	}
	// A table of four entries needs 32 bytes: it need not start a page.
	space->dtb = memory_take(f) * PAGE_SIZE + forge_below(f, 128) * 32;
	uint64_t directory[4];
	for (int i = 0; i < 4; i++)
		directory[i] = memory_take(f) * PAGE_SIZE;
	paging_init_pae(f, space->dtb, directory);
}

static void copy_entries(
	struct forge *f, uint64_t to, uint64_t from, uint64_t first, uint64_t end, uint64_t skip)
{
	uint32_t bytes = shapes[f->mode].entry_bytes;
	for (uint64_t i = first; i < end; i++) {
		if (i != skip)
			entry_store(f, to + i * bytes, entry_load(f, from + i * bytes));
	}
}

static void paging_seal_one(struct forge *f, uint64_t dtb)
{
	uint64_t from = f->kernel.dtb;
	if (f->mode == PAGING_X64) {
		copy_entries(f, dtb, from, 256, 512, f->self_index);
	} else if (f->mode == PAGING_X86) {
		copy_entries(f, dtb, from, 512, 1024, 0x300);
	} else {
		uint64_t low = entry_load(f, dtb + 16) & frame_mask;
		uint64_t high = entry_load(f, dtb + 24) & frame_mask;
		copy_entries(f, low, from + 0x3000, 0, 512, 512);
		copy_entries(f, high, from + 0x4000, 4, 512, 512);
	}
}

void paging_seal(struct forge *f)
{
	for (struct process *p = f->processes; p; p = p->next) {
		if (p->space.dtb && p->space.dtb != f->kernel.dtb)
			paging_seal_one(f, p->space.dtb);
	}
}

// ---- kernel regions -----------------------------------------------------------------------------
static const struct region_base bases_x64[REGIONS] = {
	{ 0xfffffa8001800000, 1ULL << 20 },
	{ 0xfffff8a000000000, 1ULL << 16 },
	{ 0xfffff88000c00000, 1ULL << 16 },
	{ 0xfffff98000000000, 1ULL << 16 },
};
static const struct region_base bases_vista_x86[REGIONS] = {
	{ 0x84000000, 1 << 12 },
	{ 0x8d000000, 1 << 12 },
	{ 0x8a000000, 1 << 12 },
	{ 0x98000000, 1 << 12 },
};
static const struct region_base bases_xp_x86[REGIONS] = {
	{ 0x81200000, 1 << 12 },
	{ 0xe1000000, 1 << 12 },
	{ 0xf6000000, 1 << 12 },
	{ 0x86000000, 1 << 12 },
};

void region_init(struct forge *f)
{
	const struct region_base *bases = f->win10 ? bases_win10 : bases_x64;
	if (f->mode != PAGING_X64)
		bases = f->vista ? bases_vista_x86 : bases_xp_x86;
	for (int i = 0; i < REGIONS; i++)
		f->region_next[i] = bases[i].base + forge_below(f, 256) * bases[i].shuffle;
}

uint64_t region_reserve(struct forge *f, enum region region, uint64_t bytes)
{
	uint64_t va = f->region_next[region];
	f->region_next[region] += (bytes + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
	return va;
}

uint64_t region_take(struct forge *f, enum region region, uint64_t bytes)
{
	uint64_t va = region_reserve(f, region, bytes);
	uint64_t flags = region == REGION_DRIVERS ? PTE_KERNEL : PTE_KERNEL | PTE_NX;
	for (uint64_t at = 0; at < bytes && !f->error; at += PAGE_SIZE)
		paging_map(f, &f->kernel, va + at, memory_take(f), flags);
	return va;
}
