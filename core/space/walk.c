// Walking page tables: one address (paging_walk), and all that is mapped (space_next).
// SPDX-License-Identifier: Apache-2.0
#include "space/paging.h"

enum {
	// Entries that one call of space_next() may look at before it gives up: tables for 256 GiB
	// without a single page in them are somebody's trap.
	SCAN_BUDGET = 1 << 26,
	VISITS_MIN = 1 << 8,
	VISITS_MAX = 1 << 22, // tables of 4 TiB
};

// A uniform table is memory that was never a table: no system maps one page 512 times.
static bool table_is_uniform(const uint8_t *table, size_t size, unsigned entry_size)
{
	return !memcmp(table, table + entry_size, size - entry_size);
}

static size_t table_size(const struct paging *paging, unsigned level)
{
	return (size_t)paging->levels[level].count * paging->entry_size;
}

// The table at `pa`, which lies inside one page.
static const uint8_t *table_page(struct reader *reader, uint64_t pa)
{
	const uint8_t *page = reader_page(reader, pa);

	return page ? page + pa % PAGE_SIZE : NULL;
}

static enum fault table_fault(struct reader *reader, uint64_t pa)
{
	uint64_t page = pa & ~(uint64_t)(PAGE_SIZE - 1);

	return reader_holds(reader, page, PAGE_SIZE) ? FAULT_IO : FAULT_TABLE_OUTSIDE;
}

// A page in transition is in memory, so address bits above all memory are not part of its frame:
// Windows sets one in entries that are not valid, against speculation (L1TF).
static void entry_unmask(struct reader *reader, struct entry *entry)
{
	if (!entry->masked || entry->pa >> 32 == 0 || reader_holds(reader, entry->pa, PAGE_SIZE))
		return;
	uint64_t without = entry->pa & ~(UINT64_C(1) << (63 - __builtin_clzll(entry->pa)));
	if (reader_holds(reader, without, PAGE_SIZE))
		entry->pa = without;
}

static void entry_decode(const struct space *space, struct reader *reader, const uint8_t *table,
	unsigned level, unsigned index, struct entry *out)
{
	const struct paging *paging = space->mode->paging;
	uint64_t value = entry_load(table, paging->entry_size, index);

	*out = (struct entry){ .fault = FAULT_NOT_MAPPED };
	if (!value)
		return;
	paging->decode(space, level, value, out);
	if (out->kind == ENTRY_ABSENT || out->kind == ENTRY_SHARED)
		return;
	if (value == entry_load(table, paging->entry_size, 0) &&
		table_is_uniform(table, table_size(paging, level), paging->entry_size)) {
		*out = (struct entry){ .fault = FAULT_NOT_MAPPED };
		return;
	}
	out->fault = FAULT_NONE;
	entry_unmask(reader, out);
}

static uint32_t flags_join(uint32_t path, uint32_t entry)
{
	uint32_t granted = PAGE_WRITE | PAGE_USER;

	return (path & entry & granted) | ((path | entry) & ~granted);
}

// Fills `out` from an entry that ends a walk; out->va and out->size are set.
static void page_finish(struct reader *reader, const struct entry *entry, uint32_t path_flags,
	uint64_t va, struct page *out)
{
	out->fault = entry->fault;
	out->file = entry->file;
	out->file_page = entry->file_page;
	if (entry->kind != ENTRY_PAGE)
		return;
	out->flags = flags_join(path_flags, entry->flags);
	out->pa = entry->pa;
	uint64_t asked = out->pa + ((va - out->va) & ~(uint64_t)(PAGE_SIZE - 1));
	if (!reader_holds(reader, asked, PAGE_SIZE))
		out->fault = FAULT_OUTSIDE;
}

static uint64_t linear_address(const struct paging *paging, uint64_t va)
{
	return va & ((UINT64_C(1) << paging->address_bits) - 1);
}

static bool address_is_canonical(const struct space_mode *mode, uint64_t va)
{
	if (mode->canonical(va) == va)
		return true;
	return mode->pointer_size == 4 && va >> 32 == 0xffffffff; // as debuggers write it
}

// The entry that ends the walk to `va`; ENTRY_SHARED is not followed.
static void walk_entry(const struct space *space, struct reader *reader, uint64_t va,
	struct page *out, struct entry *entry)
{
	const struct paging *paging = space->mode->paging;
	uint64_t linear = linear_address(paging, va);
	uint64_t table = paging->root(space, va);

	out->flags = PAGE_WRITE | PAGE_USER;
	for (unsigned level = 0; level < paging->level_count; level++) {
		unsigned shift = paging->levels[level].shift;
		unsigned index = (unsigned)(linear >> shift) % paging->levels[level].count;
		const uint8_t *bytes = table_page(reader, table);
		*entry = (struct entry){ .kind = ENTRY_ABSENT };
		if (!bytes) {
			entry->fault = table_fault(reader, table);
			return;
		}
		out->size = UINT64_C(1) << shift;
		entry_decode(space, reader, bytes, level, index, entry);
		if (entry->kind != ENTRY_TABLE)
			return;
		out->flags = flags_join(out->flags, entry->flags & ~(uint32_t)PAGE_TRANSITION);
		table = entry->pa;
	}
}

// Follows a prototype entry once: what it says counts, unless it points on into a file.
static void entry_follow(const struct space *space, struct reader *reader, struct entry *entry)
{
	const struct paging *paging = space->mode->paging;
	struct page page = { 0 };
	struct entry way;
	uint64_t va = entry->prototype;

	*entry = (struct entry){ .kind = ENTRY_ABSENT, .fault = FAULT_PROTOTYPE };
	if (va % paging->entry_size || !address_is_canonical(space->mode, va))
		return;
	walk_entry(space, reader, va, &page, &way);
	if (way.kind != ENTRY_PAGE)
		return;
	uint64_t pa = way.pa + (va & (page.size - 1));
	const uint8_t *bytes = reader_page(reader, pa);
	if (!bytes)
		return;
	struct entry proto = { .fault = FAULT_NOT_MAPPED };
	uint64_t value = entry_load(bytes + pa % PAGE_SIZE, paging->entry_size, 0);
	paging->decode(space, paging->level_count - 1, value, &proto);
	bool tells = proto.kind == ENTRY_PAGE || proto.fault == FAULT_PAGED_OUT ||
		     proto.fault == FAULT_DEMAND_ZERO;
	if (!tells)
		return;
	*entry = proto;
	entry->flags |= PAGE_USER; // the one entry serves every process
	if (proto.kind == ENTRY_PAGE)
		entry_unmask(reader, entry);
}

void paging_walk(const struct space *space, struct reader *reader, uint64_t va, struct page *out)
{
	const struct space_mode *mode = space->mode;
	struct entry entry;

	*out = (struct page){ .va = va & ~(uint64_t)(PAGE_SIZE - 1), .size = PAGE_SIZE };
	if (!address_is_canonical(mode, va)) {
		out->fault = FAULT_NOT_CANONICAL;
		return;
	}
	va = mode->canonical(va);
	walk_entry(space, reader, va, out, &entry);
	uint32_t path_flags = out->flags;
	out->flags = 0;
	out->va = va & ~(out->size - 1);
	if (entry.kind == ENTRY_SHARED)
		entry_follow(space, reader, &entry);
	page_finish(reader, &entry, path_flags, va, out);
}

// ---- tables that a walk has entered ---------------------------------------------------------
static struct visit *visit_slot(struct walk *walk, uint64_t key)
{
	uint32_t mask = walk->visit_room - 1;
	uint32_t at = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & mask;

	while (walk->visits[at].walk == walk->number && walk->visits[at].key != key)
		at = (at + 1) & mask;
	return &walk->visits[at];
}

static bool visits_grow(struct walk *walk)
{
	struct visit *old = walk->visits;
	uint32_t old_room = walk->visit_room;
	uint32_t room = old_room ? old_room * 2 : VISITS_MIN;

	if (room > VISITS_MAX)
		return false;
	struct visit *visits = calloc(room, sizeof *visits);
	if (!visits)
		return false;
	walk->visits = visits;
	walk->visit_room = room;
	for (uint32_t i = 0; i < old_room; i++)
		if (old[i].walk == walk->number)
			*visit_slot(walk, old[i].key) = old[i];
	free(old);
	return true;
}

// True when the table may be entered at this level from the address `prefix`: never before, or
// from here. The level is part of the identity only where the self-map is wanted.
static bool table_enter(struct walk *walk, uint64_t table, unsigned level, uint64_t prefix)
{
	if (walk->visit_count * 2 >= walk->visit_room && !visits_grow(walk))
		return false;
	uint64_t key = table << 3 | (walk->flags & NEXT_TABLES ? level : 0);
	struct visit *visit = visit_slot(walk, key);
	uint64_t origin = prefix | level;
	if (visit->walk == walk->number)
		return visit->prefix == origin;
	*visit = (struct visit){ .key = key, .prefix = origin, .walk = walk->number };
	walk->visit_count++;
	return true;
}

// ---- walking on -----------------------------------------------------------------------------
struct cursor {
	const struct space *space;
	struct reader *reader;
	struct walk *walk;
	uint64_t at, last; // linear
	uint64_t table;    // at the level being scanned
	uint32_t path_flags;
	uint32_t budget;
	struct page *out;
};

enum scan { SCAN_FOUND, SCAN_DOWN, SCAN_END };

// Fills the page at cursor->at from `entry`; true when it is one that was asked for.
static bool cursor_take(struct cursor *cursor, const struct entry *entry, unsigned shift)
{
	struct page *out = cursor->out;
	struct reader *reader = cursor->reader;
	uint64_t size = UINT64_C(1) << shift;

	bool present = entry->kind == ENTRY_PAGE && reader_holds_any(reader, entry->pa, size);
	if (!present && !(cursor->walk->flags & NEXT_ABSENT))
		return false;
	if (entry->kind != ENTRY_PAGE && entry->fault == FAULT_NOT_MAPPED)
		return false;
	uint64_t va = cursor->space->mode->canonical(cursor->at);
	*out = (struct page){ .va = va & ~(size - 1), .size = size };
	page_finish(reader, entry, cursor->path_flags, va, out);
	if (present)
		out->fault = FAULT_NONE;
	cursor->walk->next = (cursor->at & ~(size - 1)) + size;
	return true;
}

// A table entry: go down, or say that its table is missing, or pass by.
static enum scan cursor_descend(struct cursor *cursor, struct entry *entry, unsigned level)
{
	unsigned shift = cursor->space->mode->paging->levels[level].shift;
	uint64_t prefix = cursor->at >> shift << shift;

	if (!table_page(cursor->reader, entry->pa)) {
		entry->kind = ENTRY_ABSENT;
		entry->fault = table_fault(cursor->reader, entry->pa);
		return cursor_take(cursor, entry, shift) ? SCAN_FOUND : SCAN_END;
	}
	if (!table_enter(cursor->walk, entry->pa, level + 1, prefix))
		return SCAN_END;
	cursor->table = entry->pa;
	cursor->path_flags =
		flags_join(cursor->path_flags, entry->flags & ~(uint32_t)PAGE_TRANSITION);
	return SCAN_DOWN;
}

// From cursor->at to the end of the present table, or to something to report or enter.
static enum scan level_scan(struct cursor *cursor, unsigned level)
{
	const struct paging *paging = cursor->space->mode->paging;
	unsigned shift = paging->levels[level].shift, count = paging->levels[level].count;
	unsigned index = (unsigned)(cursor->at >> shift) % count;
	const uint8_t *table = table_page(cursor->reader, cursor->table);

	for (; index < count && cursor->at <= cursor->last && table; index++) {
		if (!cursor->budget)
			return SCAN_END;
		cursor->budget--;
		if (entry_load(table, paging->entry_size, index)) {
			struct entry entry;
			entry_decode(cursor->space, cursor->reader, table, level, index, &entry);
			if (entry.kind == ENTRY_SHARED)
				entry_follow(cursor->space, cursor->reader, &entry);
			enum scan scan = SCAN_END;
			if (entry.kind == ENTRY_TABLE)
				scan = cursor_descend(cursor, &entry, level);
			else if (cursor_take(cursor, &entry, shift))
				scan = SCAN_FOUND;
			if (scan != SCAN_END)
				return scan;
			table = table_page(cursor->reader, cursor->table); // others were read
		}
		cursor->at = ((cursor->at >> shift) + 1) << shift;
	}
	if (!table)
		cursor->at = ((cursor->at >> shift) + (count - index)) << shift;
	return SCAN_END;
}

// A new walk forgets the tables of the one before. The root itself is entered, and so are the
// directories of a mode whose first table is only a handful of pointers: the self-map of PAE
// leads to them from the last of them.
static bool walk_begin(struct walk *walk, const struct space *space, struct reader *reader,
	unsigned flags, uint64_t first)
{
	const struct paging *paging = space->mode->paging;
	uint64_t root = paging->root(space, first);

	if (++walk->number == 0) { // wrapped: old marks would look like new ones
		free(walk->visits);
		walk->visits = NULL;
		walk->visit_room = 0;
		walk->number = 1;
	}
	walk->space = *space;
	walk->flags = flags;
	walk->visit_count = 0;
	walk->leaf_table = 0;
	walk->next = first;
	walk->live = table_enter(walk, root, 0, 0);
	unsigned count = paging->levels[0].count;
	for (unsigned i = 0; count <= 4 && i < count; i++) {
		const uint8_t *table = table_page(reader, root);
		struct entry entry;
		if (!table)
			break;
		entry_decode(space, reader, table, 0, i, &entry);
		if (entry.kind == ENTRY_TABLE)
			table_enter(walk, entry.pa, 1, (uint64_t)i << paging->levels[0].shift);
	}
	return walk->live;
}

static bool walk_continues(
	const struct walk *walk, const struct space *space, unsigned flags, uint64_t first)
{
	return walk->live && walk->next == first && walk->flags == flags &&
	       space_equal(&walk->space, space);
}

// The level to start at: the last one when the walk still stands in the table that covers `at`.
static unsigned cursor_start(struct cursor *cursor)
{
	const struct paging *paging = cursor->space->mode->paging;
	const struct walk *walk = cursor->walk;
	unsigned last_level = paging->level_count - 1;
	uint64_t span = UINT64_C(1) << paging->levels[last_level - 1].shift;

	if (walk->leaf_table && cursor->at - walk->leaf_base < span) {
		cursor->table = walk->leaf_table - 1;
		cursor->path_flags = walk->leaf_flags;
		return last_level;
	}
	cursor->table = paging->root(cursor->space, cursor->space->mode->canonical(cursor->at));
	cursor->path_flags = PAGE_WRITE | PAGE_USER;
	return 0;
}

static void cursor_keep_leaf(struct cursor *cursor, unsigned level)
{
	const struct paging *paging = cursor->space->mode->paging;
	unsigned shift = paging->levels[level - 1].shift;

	cursor->walk->leaf_base = cursor->at >> shift << shift;
	cursor->walk->leaf_table = cursor->table + 1;
	cursor->walk->leaf_flags = cursor->path_flags;
}

static bool cursor_run(struct cursor *cursor)
{
	unsigned last_level = cursor->space->mode->paging->level_count - 1;

	while (cursor->at <= cursor->last && cursor->budget) {
		unsigned level = cursor_start(cursor);
		enum scan scan = level_scan(cursor, level);
		while (scan == SCAN_DOWN) {
			if (++level == last_level)
				cursor_keep_leaf(cursor, level);
			scan = level_scan(cursor, level);
		}
		if (scan == SCAN_FOUND)
			return true;
	}
	cursor->walk->live = false;
	return false;
}

// Both ends brought onto addresses that exist: up for the first, down for the last.
static bool range_clip(const struct space_mode *mode, uint64_t *first, uint64_t *last)
{
	if (!address_is_canonical(mode, *first)) {
		if (*first >= mode->kernel_start)
			return false;
		*first = mode->kernel_start;
	}
	if (!address_is_canonical(mode, *last))
		*last = *last < mode->kernel_start ? mode->user_end : mode->kernel_end;
	return true;
}

bool paging_next(const struct space *space, struct reader *reader, uint64_t va, uint64_t last,
	unsigned flags, struct page *out)
{
	const struct paging *paging = space->mode->paging;
	struct walk *walk = &reader->walk;

	if (!range_clip(space->mode, &va, &last))
		return false;
	uint64_t first = linear_address(paging, va);
	if (!walk_continues(walk, space, flags, first) &&
		!walk_begin(walk, space, reader, flags, first))
		return false;
	struct cursor cursor = {
		.space = space,
		.reader = reader,
		.walk = walk,
		.at = first,
		.last = linear_address(paging, last),
		.budget = SCAN_BUDGET,
		.out = out,
	};
	return cursor_run(&cursor);
}
