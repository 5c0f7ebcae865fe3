// Looking for the kernel through a candidate root: by leads and by headers.
// SPDX-License-Identifier: Apache-2.0
#include "win/kernel_find.h"
#include "win/kernel_pages.h"

enum {
	KERNEL_SIZE_MIN = 512 << 10,
	KERNEL_SIZE_LIKELY = 3 << 19, // of every kernel since XP; few drivers are as large
	KERNEL_SIZE_MAX = 64 << 20,
	WALK_BACK_MAX = 32 << 20, // from an address in the kernel to its header
	QUICK_PAGES = 1 << 20,    // that a quick search passes by, few of which it reads
};

static uint64_t page_start(uint64_t va)
{
	return va & ~(uint64_t)(PAGE_SIZE - 1);
}

static bool in_system_half(const struct space *space, uint64_t va)
{
	return va >= space->mode->kernel_start && va <= space->mode->kernel_end;
}

static uint64_t load_pointer(const struct space *space, const uint8_t *at)
{
	return space->mode->pointer_size == 8 ? load_u64(at) : load_u32(at);
}

// ---- one address ----------------------------------------------------------------------------
bool kernel_at(
	const struct space *space, struct reader *reader, uint64_t base, struct kernel_hit *out)
{
	struct kernel_pe pe;
	struct kernel_hit hit = { .base = base };
	char name[64] = "";

	if (!kernel_pe_open(space, reader, base, &pe) || pe.machine != space->mode->machine ||
		pe.size < KERNEL_SIZE_MIN)
		return false;
	hit.size = pe.size;
	bool named = kernel_pe_name(&pe, name, sizeof name);
	bool rsds = kernel_pe_rsds(&pe, &hit.rsds);
	if (rsds && kernel_name_known(hit.rsds.pdb))
		hit.witness = "PE header and RSDS";
	else if (named && kernel_name_known(name))
		hit.witness = "PE header and export directory";
	else if (!rsds && !named && pe.kernel_sections && pe.size >= KERNEL_SIZE_LIKELY)
		hit.witness = "PE header and section names";
	else
		return false;
	*out = hit;
	return true;
}

// Back from an address in the kernel to the page that starts it.
static bool kernel_around(
	const struct space *space, struct reader *reader, uint64_t va, struct kernel_hit *out)
{
	uint64_t at = page_start(space->mode->canonical(va));
	uint8_t magic[2];

	for (uint64_t back = 0; back < WALK_BACK_MAX; back += PAGE_SIZE, at -= PAGE_SIZE) {
		if (!in_system_half(space, at))
			return false;
		if (space_read(space, reader, at, magic, 2, NULL) == 2 && !memcmp(magic, "MZ", 2) &&
			kernel_at(space, reader, at, out))
			return true;
	}
	return false;
}

// ---- the list of loaded modules -------------------------------------------------------------
// The kernel is its own first entry. _KLDR_DATA_TABLE_ENTRY has kept its shape since XP.
static bool kernel_by_modules(
	const struct space *space, struct reader *reader, uint64_t list, struct kernel_hit *out)
{
	bool wide = space->mode->pointer_size == 8;
	size_t base_at = wide ? 0x30 : 0x18, size_at = wide ? 0x40 : 0x20;
	size_t name_at = wide ? 0x58 : 0x2c, buffer_at = name_at + (wide ? 8 : 4);
	uint8_t link[8] = { 0 }, entry[0x70], utf16[64];
	char name[3 * 32 + 1];

	if (space_read(space, reader, list, link, wide ? 8 : 4, NULL) != (wide ? 8 : 4))
		return false;
	uint64_t first = load_pointer(space, link);
	if (space_read(space, reader, first, entry, sizeof entry, NULL) != sizeof entry)
		return false;
	struct kernel_hit hit = { .base = load_pointer(space, entry + base_at),
		.size = load_u32(entry + size_at),
		.witness = "list of loaded modules" };
	size_t length = MIN(load_u16(entry + name_at), sizeof utf16);
	uint64_t buffer = load_pointer(space, entry + buffer_at);
	if (hit.base % PAGE_SIZE || !in_system_half(space, hit.base) ||
		hit.size > KERNEL_SIZE_MAX ||
		space_read(space, reader, buffer, utf16, length, NULL) != length)
		return false;
	utf16_to_utf8(utf16, length, name);
	if (!kernel_name_known(name))
		return false;
	if (!kernel_at(space, reader, hit.base, out))
		*out = hit;
	return true;
}

// ---- debugger data --------------------------------------------------------------------------
static bool kernel_by_kdbg(
	const struct space *space, struct reader *reader, uint64_t kdbg, struct kernel_hit *out)
{
	uint8_t block[0x20];

	if (space_read(space, reader, kdbg, block, sizeof block, NULL) != sizeof block ||
		load_u32(block + KDBG_TAG_AT) != KDBG_TAG)
		return false;
	uint64_t base = space->mode->canonical(load_u64(block + KDBG_KERNEL_BASE_AT));
	if (base % PAGE_SIZE || !in_system_half(space, base) ||
		space->mode->canonical(kdbg) - base >= KERNEL_SIZE_MAX)
		return false;
	if (!kernel_at(space, reader, base, out))
		*out = (struct kernel_hit){ .base = base, .witness = "KDBG" };
	out->kdbg = kdbg;
	return true;
}

// A block seen in physical memory counts when the kernel that it names maps it.
static bool kernel_by_block(const struct space *space, struct reader *reader,
	const struct kdbg_lead *lead, struct kernel_hit *out)
{
	uint64_t base = space->mode->canonical(lead->base);
	uint64_t last = base + KERNEL_SIZE_MAX - 1;
	struct page page = { 0 };

	if (base % PAGE_SIZE || !in_system_half(space, base))
		return false;
	if (last < base || last > space->mode->kernel_end)
		last = space->mode->kernel_end;
	for (uint64_t va = base; space_next(space, reader, va, last, 0, &page);) {
		if (lead->pa - page.pa < page.size)
			return kernel_by_kdbg(space, reader, page.va + (lead->pa - page.pa), out);
		va = page.va + page.size;
		if (va <= base || va > last)
			break;
	}
	return false;
}

// ---- leads ----------------------------------------------------------------------------------
static bool kernel_by_leads(const struct space *space, struct reader *reader,
	const struct kernel_leads *leads, struct kernel_hit *out)
{
	if (leads->base && kernel_at(space, reader, leads->base, out))
		return true;
	if (leads->kdbg && kernel_by_kdbg(space, reader, leads->kdbg, out))
		return true;
	if (leads->module_list && kernel_by_modules(space, reader, leads->module_list, out))
		return true;
	for (size_t i = 0; i < ARRAY_LENGTH(leads->inside); i++)
		if (leads->inside[i] && kernel_around(space, reader, leads->inside[i], out))
			return true;
	for (size_t i = 0; i < leads->block_count; i++)
		if (kernel_by_block(space, reader, &leads->blocks[i], out))
			return true;
	return false;
}

// ---- headers --------------------------------------------------------------------------------
// The start of a page that is not in the cache is not worth a whole page of it.
static bool starts_with_mz(struct reader *reader, uint64_t pa)
{
	uint8_t magic[2];

	return image_read(reader_image(reader), pa, magic, 2) == 2 && !memcmp(magic, "MZ", 2);
}

static bool kernel_in_page(const struct space *space, struct reader *reader,
	const struct page *page, struct kernel_hit *out)
{
	if (page->size == PAGE_SIZE)
		return starts_with_mz(reader, page->pa) && kernel_at(space, reader, page->va, out);
	uint64_t step = PAGE_SIZE;
	for (uint64_t at = 0; at < MIN(page->size, (uint64_t)(4 << 20)); at += step)
		if (starts_with_mz(reader, page->pa + at) &&
			kernel_at(space, reader, page->va + at, out))
			return true;
	return false;
}

// Kernels start large pages, or the first page after one that is not mapped.
static bool page_is_likely(const struct page *page, uint64_t end_of_last)
{
	return page->size > PAGE_SIZE || page->va != end_of_last || page->va % (2 << 20) == 0;
}

static bool kernel_by_headers(const struct space *space, struct reader *reader,
	uint64_t *pages_left, bool likely_only, struct kernel_hit *out)
{
	uint64_t end_of_last = 0;
	struct kernel_range range = { 0 };
	struct page page;

	while (kernel_range_next(space, &range)) {
		for (uint64_t va = range.first;
			*pages_left && space_next(space, reader, va, range.last, 0, &page);) {
			--*pages_left;
			if ((!likely_only || page_is_likely(&page, end_of_last)) &&
				kernel_in_page(space, reader, &page, out))
				return true;
			end_of_last = va = page.va + page.size;
			if (va - 1 >= range.last)
				break;
		}
	}
	return false;
}

bool kernel_find(const struct space *space, struct reader *reader, struct kernel_leads *leads,
	enum kernel_search search, struct kernel_hit *out)
{
	uint64_t quick_pages = QUICK_PAGES;

	switch (search) {
	case SEARCH_QUICK:
		return kernel_by_leads(space, reader, leads, out) ||
		       kernel_by_headers(space, reader, &quick_pages, true, out);
	case SEARCH_HEADERS:
		return kernel_by_headers(space, reader, &leads->pages_left, false, out);
	default:
		return kernel_by_pages(space, reader, leads, out);
	}
}
