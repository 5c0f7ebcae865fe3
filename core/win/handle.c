// Handle tables: trees of up to three levels, their entries decoded through the profile's bits.
// SPDX-License-Identifier: Apache-2.0
#include "win/list.h"
#include "win/object_fields.h"
#include "win/object_header.h"
#include <eidetic/objects.h>

enum {
	LEVEL_MASK = 3,        // of TableCode
	LEVELS_MAX = 2,        // tables of tables above the entries
	HANDLE_STEP = 4,       // between two handles
	HANDLES_MAX = 1 << 24, // Windows gives a process no more
	POINTER_FLAGS = 7,     // of an entry's pointer, until Windows 7; 1 is the lock
	INHERIT_AND_AUDIT = 6, // attributes among them
	PROTECT_BIT = 25,      // of the access mask, until Windows 7
};

struct handle_walk {
	ei_mark mark;
	uint64_t root;        // of the tree, flags off
	uint32_t level;       // 0: the root is a page of entries
	uint32_t stride;      // bytes of an entry
	uint32_t per_page;    // entries
	uint64_t next, limit; // indexes of entries
	uint64_t leaf_va;     // of the page that is in `leaf`; 0: absent
	uint64_t leaf_number;
	handle_bits bits; // table, without an object
	uint32_t body;    // from what an entry points to, to the object's body
	uint64_t missing; // pages of the table
	uint8_t leaf[PAGE_SIZE];
};

static struct handle_walk *walk_begin(ei_run *run, uint64_t address, bool bare)
{
	struct handle_walk *walk = ei_alloc(run->scratch, sizeof *walk);
	if (!walk)
		return NULL;
	handle_table table = ei_at(run, handle_table, address);
	object_header header = ei_handle(run, object_header);
	ei_val code = ei_get(table, TableCode);
	walk->bits = ei_handle(run, handle_bits);
	walk->stride = walk->bits.at->layout.type_size;
	if (!ei_u64_or(code, 0) || (code.u & LEVEL_MASK) > LEVELS_MAX || !walk->stride ||
		walk->stride > PAGE_SIZE || header.at->Body.offset < 0)
		return walk; // limit 0: nothing to give
	walk->root = code.u & ~(uint64_t)POINTER_FLAGS;
	walk->level = code.u & LEVEL_MASK;
	walk->per_page = PAGE_SIZE / walk->stride;
	walk->body = bare ? 0 : (uint32_t)header.at->Body.offset;
	walk->limit = HANDLES_MAX;
	// The first handle for which there is no page yet.
	ei_val end = ei_get(table, NextHandleNeedingPool);
	if (ei_u64_or(end, 0))
		walk->limit = MIN(walk->limit, end.u / HANDLE_STEP);
	uint64_t pages = 1;
	for (uint32_t i = 0; i < walk->level; i++)
		pages *= PAGE_SIZE / ei_pointer_size(run);
	walk->limit = MIN(walk->limit, pages * walk->per_page);
	walk->leaf_number = UINT64_MAX;
	return walk;
}

// The pointer to a page of entries, through the tables above it. 0: there is none.
static uint64_t leaf_address(ei_run *run, struct handle_walk *walk, uint64_t number)
{
	uint32_t per_table = PAGE_SIZE / ei_pointer_size(run);
	uint64_t at = walk->root, span = 1;
	for (uint32_t i = 1; i < walk->level; i++)
		span *= per_table;
	for (uint32_t i = 0; i < walk->level; i++, span /= per_table) {
		ei_val next = ei_read_ptr(
			run, NULL, at + number / span % per_table * ei_pointer_size(run));
		walk->missing += !ei_has(next);
		at = ei_u64_or(next, 0);
		if (!at)
			return 0;
	}
	return at;
}

static void leaf_load(ei_run *run, struct handle_walk *walk, uint64_t number)
{
	walk->leaf_number = number;
	walk->leaf_va = leaf_address(run, walk, number);
	if (!walk->leaf_va)
		return;
	if (ei_read(run, NULL, walk->leaf_va, walk->leaf, PAGE_SIZE) < PAGE_SIZE) {
		walk->leaf_va = 0;
		walk->missing++;
	}
}

// Bits of an address, sign-extended: what is above the unit in which the pool gives memory.
static uint64_t bits_address(const ei_run *run, const ei_field *field, uint64_t bits)
{
	unsigned shift = ei_pointer_size(run) == 8 ? 4 : 3, top = field->width + shift;
	uint64_t address = bits << shift;
	if (ei_pointer_size(run) == 8 && top < 64 && (address >> (top - 1) & 1))
		address |= UINT64_MAX << top;
	return address;
}

// "Protected from being closed" has moved: a bit of the access mask until Windows 7, one of the
// attributes since, or on 32-bit systems a bit of its own.
static uint64_t entry_attributes(const handle_bits *entry, ei_val pointer, ei_val access)
{
	uint64_t attributes = ei_u64_or(ei_get(*entry, Attributes), 0);
	if (ei_has(pointer))
		return (pointer.u & INHERIT_AND_AUDIT) | (ei_u64_or(access, 0) >> PROTECT_BIT & 1);
	if (ei_has(ei_get(*entry, ProtectFromClose)))
		return attributes << 1 | ei_get(*entry, ProtectFromClose).u;
	return attributes;
}

static bool entry_decode(ei_run *run, struct handle_walk *walk, uint32_t at, ei_handle_entry *out)
{
	handle_bits entry = walk->bits;
	const ei_layout *layout = &entry.at->layout;
	entry.obj = (ei_obj){
		.run = run,
		.va = walk->leaf_va + at,
		.bytes = walk->leaf + at + layout->low,
		.layout = layout,
	};
	const struct space_mode *mode = run->session->identity.kernel.mode;
	ei_val bits = ei_get(entry, ObjectPointerBits), pointer = ei_get(entry, Object);
	uint64_t header = ei_has(bits) ? bits_address(run, &entry.at->ObjectPointerBits, bits.u)
				       : ei_u64_or(pointer, 0) & ~(uint64_t)POINTER_FLAGS;
	if (mode->canonical(header) < mode->kernel_start)
		return false; // a free entry: a link to the next one
	out->entry = entry.obj.va;
	out->object = mode->canonical(header) + walk->body;
	out->access = ei_get(entry, access);
	out->attributes = ei_hex(entry_attributes(&entry, pointer, out->access));
	if (ei_has(pointer) && ei_has(out->access))
		out->access = ei_hex(out->access.u & ~(1ull << PROTECT_BIT));
	return true;
}

static void walk_end(ei_run *run, const struct handle_walk *walk, uint64_t table)
{
	if (walk->missing)
		ei_note(run, "handle table at 0x%llx: %llu of its pages cannot be read",
			(unsigned long long)run_canonical(run, table),
			(unsigned long long)walk->missing);
}

bool ei_next_handle(ei_run *run, ei_handle_cursor *cursor, ei_handle_entry *out)
{
	struct handle_walk *walk = cursor->state;
	if (!walk) {
		cursor->state = walk = walk_begin(run, cursor->table, cursor->bare);
		if (!walk)
			return false;
		walk->mark = ei_arena_mark(run->scratch);
	}
	ei_arena_rewind(run->scratch, walk->mark);
	while (walk->next < walk->limit && !ei_stopped(run)) {
		uint64_t number = walk->next / walk->per_page, index = walk->next % walk->per_page;
		if (number != walk->leaf_number)
			leaf_load(run, walk, number);
		if (!walk->leaf_va) {
			walk->next = (number + 1) * walk->per_page;
			continue;
		}
		out->value = walk->next++ * HANDLE_STEP;
		// The first entry of a page is the kernel's own.
		if (index && entry_decode(run, walk, (uint32_t)index * walk->stride, out))
			return true;
	}
	if (walk->limit)
		walk_end(run, walk, cursor->table);
	walk->limit = walk->next = 0;
	return false;
}

ei_iter ei_handle_tables(ei_run *run)
{
	handle_table table = ei_handle(run, handle_table);
	struct list_query query = {
		.what = "HandleTableListHead",
		.link_offset = table.at->HandleTableList.offset,
		.type = &handle_table_spec,
	};
	if (query.link_offset < 0 || !ei_symbol(run, "HandleTableListHead", &query.head))
		return iter_empty(run, &handle_table_spec);
	return list_iterate(run, &query);
}
