// A kernel without its header: found by its debug record or export directory, which both hold an
// address relative to the base beside what lies at that address.
// SPDX-License-Identifier: Apache-2.0
#include "win/kernel_pages.h"

enum {
	REACH = 32 << 20,           // how far apart two pieces of one kernel are looked for
	DIRECTORY_BACK = 512 << 10, // from the name in an export directory to the directory
};

// ---- ranges ---------------------------------------------------------------------------------
// x64 kernels live in the one slot of the root that starts here (and in the next, where the layout
// is randomised).
static const uint64_t likely = UINT64_C(0xfffff80000000000),
		      likely_end = UINT64_C(0xfffff90000000000);

bool kernel_base_is_likely(const struct space *space, uint64_t base)
{
	return space->mode->pointer_size == 4 || (base >= likely && base < likely_end);
}

bool kernel_range_next(const struct space *space, struct kernel_range *range)
{
	// What is below and above comes last.
	const struct space_mode *mode = space->mode;
	const uint64_t wide[][2] = { { likely, likely_end - 1 }, { likely_end, UINT64_MAX },
		{ mode->kernel_start, likely - 1 } };
	const uint64_t narrow[][2] = { { mode->kernel_start, mode->kernel_end } };
	bool is_wide = mode->pointer_size == 8;
	unsigned count = is_wide ? ARRAY_LENGTH(wide) : ARRAY_LENGTH(narrow);

	if (range->step == count)
		return false;
	const uint64_t *ends = is_wide ? wide[range->step] : narrow[range->step];
	range->first = ends[0];
	range->last = ends[1];
	range->step++;
	return true;
}

// ---- visiting pages -------------------------------------------------------------------------
// Calls `visit` for each mapped page of [first, last], 4 KiB at a time, until it returns true.
// The bytes are the visitor's until it reads something else.
struct visitor {
	const struct space *space;
	struct reader *reader;
	uint64_t *pages_left;
	bool (*visit)(struct visitor *visitor, uint64_t va, const uint8_t *bytes);
};

static bool visit_page(struct visitor *visitor, const struct page *page)
{
	for (uint64_t at = 0; at < page->size && *visitor->pages_left; at += PAGE_SIZE) {
		--*visitor->pages_left;
		const uint8_t *bytes = reader_page(visitor->reader, page->pa + at);
		if (!bytes)
			continue;
		if (visitor->visit(visitor, page->va + at, bytes))
			return true;
	}
	return false;
}

static bool visit_range(struct visitor *visitor, uint64_t first, uint64_t last)
{
	struct page page;

	for (uint64_t va = first;
		*visitor->pages_left &&
		space_next(visitor->space, visitor->reader, va, last, 0, &page);) {
		if (visit_page(visitor, &page))
			return true;
		va = page.va + page.size;
		if (va - 1 >= last)
			break;
	}
	return false;
}

// [va - reach, va + reach] inside the system half.
static void around(const struct space *space, uint64_t va, uint64_t *first, uint64_t *last)
{
	const struct space_mode *mode = space->mode;

	*first = va - mode->kernel_start < REACH ? mode->kernel_start : va - REACH;
	*last = mode->kernel_end - va < REACH ? mode->kernel_end : va + REACH - 1;
}

// ---- words in a page ------------------------------------------------------------------------
typedef uint32_t words __attribute__((vector_size(16)));

// True when the four letters stand anywhere in the page. A search that begins by counting where
// they are not costs a fraction of memmem's, and nearly all pages have none of them.
static bool page_has(const uint8_t *bytes, const char *letters)
{
	words found = { 0 }, wanted = found + load_u32(letters);
	for (size_t phase = 0; phase < sizeof(uint32_t); phase++)
		for (size_t at = phase; at + sizeof(words) <= PAGE_SIZE; at += sizeof(words)) {
			words here;
			memcpy(&here, bytes + at, sizeof here);
			found |= (words)(here == wanted);
		}
	for (size_t at = PAGE_SIZE - sizeof(words); at + sizeof(uint32_t) <= PAGE_SIZE; at++)
		found[0] |= load_u32(bytes + at) == wanted[0];
	for (size_t i = 1; i < sizeof(words) / sizeof(uint32_t); i++)
		found[0] |= found[i];
	return found[0] != 0;
}

// ---- debug records --------------------------------------------------------------------------
struct rsds_search {
	struct visitor visitor;
	uint64_t va; // of the record
	struct pe_rsds rsds;
	uint64_t base;
};

static bool visit_for_rsds(struct visitor *visitor, uint64_t va, const uint8_t *bytes)
{
	struct rsds_search *search = (struct rsds_search *)visitor;
	uint64_t offsets[8];
	size_t count = 0;

	if (!page_has(bytes, "RSDS"))
		return false;
	for (const uint8_t *at = bytes;
		count < ARRAY_LENGTH(offsets) &&
		(at = memmem(at, (size_t)(bytes + PAGE_SIZE - at), "RSDS", 4));
		at++)
		offsets[count++] = (uint64_t)(at - bytes);
	for (size_t i = 0; i < count; i++) {
		search->va = va + offsets[i];
		if (kernel_pe_rsds_at(visitor->space, visitor->reader, search->va, &search->rsds) &&
			kernel_name_known(search->rsds.pdb))
			return true;
	}
	return false;
}

bool kernel_rsds_scan(const struct space *space, struct reader *reader, uint64_t base,
	uint64_t size, struct pe_rsds *out)
{
	uint64_t pages = size / PAGE_SIZE + 1;
	struct rsds_search search = { .visitor = { space, reader, &pages, visit_for_rsds } };

	if (!size || !visit_range(&search.visitor, base, base + size - 1))
		return false;
	*out = search.rsds;
	return true;
}

// The entry of the debug directory that describes the record: type 2, the record's length, and
// its address relative to the base.
static bool visit_for_debug_entry(struct visitor *visitor, uint64_t va, const uint8_t *bytes)
{
	struct rsds_search *search = (struct rsds_search *)visitor;
	(void)va;

	for (size_t at = 12; at + 12 <= PAGE_SIZE; at += 4) {
		if (load_u32(bytes + at) != 2)
			continue;
		uint32_t length = load_u32(bytes + at + 4), rva = load_u32(bytes + at + 8);
		if (length < 24 || length > 24 + 260 || rva >= REACH)
			continue;
		search->base = search->va - rva;
		if (search->base % PAGE_SIZE == 0)
			return true;
	}
	return false;
}

// ---- export directories ---------------------------------------------------------------------
struct export_search {
	struct visitor visitor;
	uint64_t name_va;
	uint64_t base;
};

// A directory whose name field leads to `name_va`, and whose function table follows it.
static bool visit_for_directory(struct visitor *visitor, uint64_t va, const uint8_t *bytes)
{
	struct export_search *search = (struct export_search *)visitor;

	for (size_t at = 0; at + 40 <= PAGE_SIZE; at += 4) {
		uint32_t name = load_u32(bytes + at + 12), functions = load_u32(bytes + at + 28);
		uint64_t base = search->name_va - name;
		uint64_t directory = va + at;
		if (base % PAGE_SIZE || name >= REACH || base + name != search->name_va)
			continue;
		uint64_t follows = base + functions - directory;
		if (follows >= 40 && follows < 256 && load_u32(bytes + at + 20) < 65536) {
			search->base = base;
			return true;
		}
	}
	return false;
}

static bool base_by_export_name(struct visitor *from, uint64_t name_va, uint64_t *base)
{
	struct export_search search = { .visitor = *from, .name_va = name_va };
	uint64_t floor = from->space->mode->kernel_start;
	uint64_t first = name_va - floor < DIRECTORY_BACK ? floor : name_va - DIRECTORY_BACK;

	search.visitor.visit = visit_for_directory;
	if (!visit_range(&search.visitor, first & ~UINT64_C(0xfff), name_va))
		return false;
	*base = search.base;
	return true;
}

// ---- everything -----------------------------------------------------------------------------
// A header that is there after all must be of the machine that such page tables are of: tables of
// another mode may lead to a kernel by chance.
static bool machine_fits(const struct visitor *visitor, uint64_t base)
{
	struct kernel_pe pe;
	return !kernel_pe_open(visitor->space, visitor->reader, base, &pe) ||
	       pe.machine == visitor->space->mode->machine;
}

struct trace_search {
	struct rsds_search rsds; // starts with the visitor
	const char *witness;
};

static bool trace_by_rsds(struct trace_search *trace, uint64_t va, const uint8_t *bytes)
{
	struct rsds_search *search = &trace->rsds;
	struct visitor entries = search->visitor;
	uint64_t first, last;

	if (!visit_for_rsds(&search->visitor, va, bytes))
		return false;
	around(entries.space, search->va, &first, &last);
	struct rsds_search found = { .visitor = entries, .va = search->va };
	found.visitor.visit = visit_for_debug_entry;
	if (!visit_range(&found.visitor, first, last) ||
		!machine_fits(&search->visitor, found.base))
		return false;
	search->base = found.base;
	trace->witness = "RSDS and debug directory";
	return true;
}

// Every kernel's file name has eight letters before the dot.
static bool trace_by_name(struct trace_search *trace, uint64_t va, const uint8_t *bytes)
{
	uint64_t places[8];
	size_t count = 0;
	const uint8_t *at = bytes, *end = bytes + PAGE_SIZE;

	if (!page_has(bytes, ".exe"))
		return false;
	while (count < ARRAY_LENGTH(places) && (at = memmem(at, (size_t)(end - at), ".exe", 5))) {
		if (at - bytes >= 8 && kernel_name_known((const char *)at - 8))
			places[count++] = va + (uint64_t)(at - 8 - bytes);
		at++;
	}
	for (size_t i = 0; i < count; i++) {
		if (!base_by_export_name(&trace->rsds.visitor, places[i], &trace->rsds.base) ||
			!machine_fits(&trace->rsds.visitor, trace->rsds.base))
			continue;
		trace->rsds.rsds = (struct pe_rsds){ 0 };
		trace->witness = "export directory";
		return true;
	}
	return false;
}

static const uint8_t *page_again(const struct visitor *visitor, uint64_t va)
{
	struct page page;

	if (!space_translate(visitor->space, visitor->reader, va, &page))
		return NULL;
	return reader_page(visitor->reader, page.pa + (va - page.va));
}

static bool visit_for_traces(struct visitor *visitor, uint64_t va, const uint8_t *bytes)
{
	struct trace_search *trace = (struct trace_search *)visitor;

	if (!page_has(bytes, "RSDS"))
		return trace_by_name(trace, va, bytes);
	if (trace_by_rsds(trace, va, bytes))
		return true;
	const uint8_t *again = page_again(visitor, va);
	return again && trace_by_name(trace, va, again);
}

bool kernel_by_pages(const struct space *space, struct reader *reader, struct kernel_leads *leads,
	struct kernel_hit *out)
{
	struct trace_search trace = {
		.rsds = { .visitor = { space, reader, &leads->pages_left, visit_for_traces } }
	};
	struct kernel_range range = { 0 };

	while (kernel_range_next(space, &range)) {
		if (!visit_range(&trace.rsds.visitor, range.first, range.last))
			continue;
		*out = (struct kernel_hit){
			.base = trace.rsds.base, .witness = trace.witness, .rsds = trace.rsds.rsds
		};
		return true;
	}
	return false;
}
