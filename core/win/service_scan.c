// Service records in the memory of services.exe: by tag, by chain, and how the two differ.
// SPDX-License-Identifier: Apache-2.0
#include "win/service_read.h"

#include <eidetic/memory.h>
#include <strings.h>

enum {
	RECORDS_MAX = 1 << 13, // of all managers
	SLOTS = 1 << 14,       // of the table that finds a record by address
	HEADERS_MAX = 1 << 14, // tags looked at
	HEADS_MAX = 64,        // chains followed
	PAGES_MAX = 1 << 18,   // of one manager: a GiB
	TAG_STEP = 4,
	HEADER_STEP = 8,
};

struct record {
	uint64_t va;
	uint32_t previous; // index + 1
	uint8_t found;     // set of ei_found
	bool has_next;     // another record's chain leads here
	uint8_t manager;   // index
};

// Headers of one services.exe: addresses of the tags in it.
struct tags {
	uint64_t *items;
	size_t count;
};

enum { MANAGERS_MAX = 8 };

struct service_scan {
	struct service_manager managers[MANAGERS_MAX];
	size_t manager_count;
	struct record *records;
	uint32_t *slots;           // index + 1
	size_t count, next, first; // first: of the manager at hand
	struct tags tags;
	ei_mark mark;
};

// True when records have headers.
static bool is_new(const ei_run *run)
{
	uint32_t build = run->session->identity.build;
	return !build || build >= SERVICE_FIRST_VISTA;
}

// ---- tags -----------------------------------------------------------------------------------

static void page_scan(struct service_scan *scan, const uint8_t *page, uint64_t va, bool headers)
{
	const char *tag = headers ? "serH" : "sErv";
	for (size_t at = 0; at < PAGE_SIZE; at += headers ? HEADER_STEP : TAG_STEP)
		if (!memcmp(page + at, tag, 4) && scan->tags.count < HEADERS_MAX)
			scan->tags.items[scan->tags.count++] = va + at;
}

static size_t region_scan(struct service_scan *scan, const struct service_manager *m,
	const ei_region *region, size_t pages)
{
	uint8_t bytes[PAGE_SIZE];
	uint64_t va = region->start;
	bool headers = is_new(m->run);
	for (ei_page page; pages && va <= region->end && !ei_stopped(m->run); pages--) {
		if (!ei_next_page(m->run, m->space, va, &page) || page.va > region->end)
			break;
		va = MAX(va, page.va) & ~(uint64_t)(PAGE_SIZE - 1);
		if (ei_read(m->run, m->space, va, bytes, sizeof bytes) == sizeof bytes)
			page_scan(scan, bytes, va, headers);
		va += PAGE_SIZE;
	}
	return pages;
}

// Records are on heaps: regions without a file.
static void tags_find(struct service_scan *scan, const eprocess *p, const struct service_manager *m)
{
	ei_region_cursor cursor = { NULL };
	size_t pages = PAGES_MAX;
	scan->tags.count = 0;
	for (ei_region region; ei_next_region(m->run, p, &cursor, &region);)
		if (!region.file_object)
			pages = region_scan(scan, m, &region, pages);
	if (!pages)
		ei_note(m->run, "services of process %llu: only its first %d pages are looked at",
			(unsigned long long)m->pid, PAGES_MAX);
}

// The record that a tag belongs to; 0.
static uint64_t record_of(const struct service_manager *m, uint64_t tag)
{
	if (m->layout->header == SERVICE_NOWHERE)
		return tag - m->layout->tag;
	return ei_u64_or(ei_read_ptr(m->run, m->space, tag + m->layout->header), 0);
}

// ---- which layout ---------------------------------------------------------------------------

static bool layout_possible(const ei_run *run, const struct service_layout *layout)
{
	return layout->pointer == ei_pointer_size(run) &&
	       (layout->header != SERVICE_NOWHERE) == is_new(run);
}

static size_t layout_suggested(const ei_run *run)
{
	size_t best = service_layout_count;
	for (size_t i = 0; i < service_layout_count; i++) {
		const struct service_layout *layout = &service_layouts[i];
		if (layout_possible(run, layout) &&
			(best == service_layout_count ||
				layout->first <= run->session->identity.build))
			best = i;
	}
	return best;
}

static size_t layout_try(const struct service_scan *scan, const struct service_manager *manager,
	const struct service_layout *layout)
{
	struct service_manager m = *manager;
	size_t fit = 0;
	m.layout = layout;
	for (size_t i = 0; i < scan->tags.count; i++) {
		uint64_t record = record_of(&m, scan->tags.items[i]);
		fit += record && service_fits(&m, record);
	}
	return fit;
}

static void layout_choose(const struct service_scan *scan, struct service_manager *m)
{
	size_t own = layout_suggested(m->run);
	if (own == service_layout_count)
		return;
	m->layout = &service_layouts[own];
	size_t best = layout_try(scan, m, m->layout);
	if (best * 2 < scan->tags.count) {
		for (size_t i = service_layout_count; i-- > 0;) {
			if (!layout_possible(m->run, &service_layouts[i]))
				continue;
			size_t fit = layout_try(scan, m, &service_layouts[i]);
			if (fit <= best)
				continue;
			best = fit;
			m->layout = &service_layouts[i];
		}
	}
	ei_note(m->run,
		"services of process %llu: read as those of %s%s: %zu of %zu tags lead to one",
		(unsigned long long)m->pid, m->layout->title,
		m->layout == &service_layouts[own] ? "" : ", which fits better than the build's",
		best, scan->tags.count);
}

// ---- records --------------------------------------------------------------------------------

static size_t slot_of(const struct service_scan *scan, uint64_t va, uint8_t manager)
{
	size_t slot = (size_t)((va >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 40) % SLOTS;
	while (scan->slots[slot]) {
		const struct record *record = &scan->records[scan->slots[slot] - 1];
		if (record->va == va && record->manager == manager)
			break;
		slot = (slot + 1) % SLOTS;
	}
	return slot;
}

// Its index + 1, whether it was known or is new; 0: there is no room.
static uint32_t record_add(struct service_scan *scan, uint64_t va, uint8_t manager)
{
	size_t slot = slot_of(scan, va, manager);
	if (scan->slots[slot] || scan->count == RECORDS_MAX)
		return scan->slots[slot];
	scan->records[scan->count++] = (struct record){ .va = va, .manager = manager };
	return scan->slots[slot] = (uint32_t)scan->count;
}

static void records_by_tag(struct service_scan *scan, uint8_t manager)
{
	const struct service_manager *m = &scan->managers[manager];
	for (size_t i = 0; i < scan->tags.count; i++) {
		uint64_t va = record_of(m, scan->tags.items[i]);
		if (!va || !service_is_record(m, va))
			continue;
		uint32_t added = record_add(scan, va, manager);
		if (added)
			scan->records[added - 1].found |= EI_BY_SCAN;
	}
}

// Grows while it goes: what is only found by a chain has a previous record, too.
static void records_by_chain(struct service_scan *scan, uint8_t manager)
{
	const struct service_manager *m = &scan->managers[manager];
	for (size_t i = scan->first; i < scan->count; i++) {
		uint64_t va = service_previous(m, scan->records[i].va);
		if (!va || !service_is_record(m, va))
			continue;
		uint32_t previous = record_add(scan, va, manager);
		scan->records[i].previous = previous;
		if (previous)
			scan->records[previous - 1].has_next = true;
	}
}

// How many records a chain has; with `mark`, they are noted as being in it.
static size_t chain_walk(struct service_scan *scan, size_t head, bool mark)
{
	size_t length = 0;
	uint32_t at = (uint32_t)head + 1;
	for (; at && length <= scan->count; length++) {
		if (mark)
			scan->records[at - 1].found |= EI_BY_FORWARD;
		at = scan->records[at - 1].previous;
	}
	return length;
}

// The chain is the longest there is; of two as long, that of the later record. Its newest record is
// one that no other leads to; so is one that was taken out of it.
static void chain_choose(struct service_scan *scan, const struct service_manager *m)
{
	size_t longest = 0, head = scan->first, heads = 0, out = 0;
	for (size_t i = scan->first; i < scan->count && heads < HEADS_MAX; i++) {
		if (scan->records[i].has_next)
			continue;
		size_t length = chain_walk(scan, i, false);
		heads++;
		if (length < longest ||
			(length == longest && service_order(m, scan->records[i].va) <
						      service_order(m, scan->records[head].va)))
			continue;
		longest = length;
		head = i;
	}
	if (scan->count > scan->first)
		chain_walk(scan, head, true);
	for (size_t i = scan->first; i < scan->count; i++)
		out += !(scan->records[i].found & EI_BY_FORWARD);
	if (out)
		ei_note(m->run, "services of process %llu: %zu records are not in the chain of %zu",
			(unsigned long long)m->pid, out, longest);
}

static void manager_add(struct service_scan *scan, ei_run *run, const eprocess *p)
{
	struct service_manager m = { .run = run,
		.space = ei_process_space(run, p),
		.pid = ei_u64_or(ei_get(*p, UniqueProcessId), 0) };
	if (!m.space || scan->manager_count == MANAGERS_MAX)
		return;
	// The space's memory is gone with the process's round of the loop.
	struct space *space = ei_alloc(run->arena, sizeof *space);
	if (!space)
		return;
	*space = *m.space;
	m.space = space;
	tags_find(scan, p, &m);
	layout_choose(scan, &m);
	if (!m.layout)
		return;
	uint8_t index = (uint8_t)scan->manager_count++;
	scan->managers[index] = m;
	scan->first = scan->count;
	records_by_tag(scan, index);
	if (m.layout->previous == SERVICE_NOWHERE)
		return;
	records_by_chain(scan, index);
	chain_choose(scan, &m);
}

static struct service_scan *scan_begin(ei_run *run)
{
	struct service_scan *scan = ei_alloc(run->scratch, sizeof *scan);
	if (!scan)
		return NULL;
	scan->records = ei_alloc(run->scratch, RECORDS_MAX * sizeof *scan->records);
	scan->slots = ei_alloc(run->scratch, SLOTS * sizeof *scan->slots);
	scan->tags.items = ei_alloc(run->scratch, HEADERS_MAX * sizeof *scan->tags.items);
	if (!scan->records || !scan->slots || !scan->tags.items)
		return NULL;
	ei_iter it = ei_processes(run);
	for (eprocess p = ei_handle(run, eprocess); ei_next(&it, &p);) {
		static const char name[] = "services.exe";
		ei_val said = ei_get(p, ImageFileName);
		if (ei_has(said) && said.length == sizeof name - 1 &&
			!strncasecmp(said.s, name, said.length))
			manager_add(scan, run, &p);
	}
	scan->mark = ei_arena_mark(run->scratch);
	return scan;
}

bool ei_next_service(ei_run *run, ei_service_cursor *cursor, ei_service *out)
{
	struct service_scan *scan = cursor->state;
	if (!scan)
		scan = cursor->state = scan_begin(run);
	if (!scan || scan->next == scan->count || ei_stopped(run))
		return false;
	ei_arena_rewind(run->scratch, scan->mark);
	const struct record *record = &scan->records[scan->next++];
	service_read(&scan->managers[record->manager], record->va, out);
	out->found = record->found;
	return true;
}
