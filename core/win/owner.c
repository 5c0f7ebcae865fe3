// Owners of physical memory, looked up.
// SPDX-License-Identifier: Apache-2.0
#include "win/owner.h"

enum { OWNER_KERNEL = 0 }; // the first of the table

// An asked-for byte, or hit: its place, and where it goes on when it lies across two pages.
struct question {
	uint64_t pa;
	uint64_t next_pa; // physical start of the second page; 0: it is in one page
	bool stitched;    // only who maps both pages behind each other holds it
};

// A cursor goes through the kernel's addresses, then those of the others, then what the page frame
// database says; the phase is above what page_map_next() keeps in it.
enum phase { PHASE_KERNEL, PHASE_OTHERS, PHASE_NOBODY, PHASE_END };
enum { PHASE_SHIFT = 60 };

static enum phase cursor_phase(const ei_owner_cursor *cursor)
{
	return (enum phase)((uint64_t)cursor->next >> PHASE_SHIFT);
}

static void cursor_enter(ei_owner_cursor *cursor, enum phase phase)
{
	cursor->next = (size_t)((uint64_t)phase << PHASE_SHIFT);
}

// The next run of `map` for the phase that the cursor is in.
static bool phase_next(
	const struct page_map *map, uint64_t pa, ei_owner_cursor *cursor, struct page_run *out)
{
	uint64_t phase = (uint64_t)cursor_phase(cursor) << PHASE_SHIFT;
	size_t next = (size_t)(cursor->next & ~phase);
	if (!map || !page_map_next(map, pa, &next, out))
		return false;
	cursor->next = next | phase;
	return true;
}

// ---- answers --------------------------------------------------------------------------------

static uint8_t run_protection(const struct page_run *run)
{
	return (uint8_t)(EI_CAN_READ | (run->flags & RUN_WRITE ? EI_CAN_WRITE : 0) |
			 (run->flags & RUN_NO_EXECUTE ? 0 : EI_CAN_EXECUTE));
}

static ei_across across_of(const struct page_map *map, const struct question *question,
	const struct page_run *run, uint64_t va)
{
	if (!question->next_pa)
		return EI_ACROSS_NOTHING;
	uint64_t next_va = va / PAGE_SIZE * PAGE_SIZE + PAGE_SIZE;
	return page_map_has(map, question->next_pa, (uint32_t)run->owner, next_va)
		       ? EI_ACROSS_VIRTUAL
		       : EI_ACROSS_PHYSICAL;
}

// The pool's tags are read when somebody asks: there are more blocks than hits.
static void kernel_region(ei_run *run, const struct owner_table *table, uint64_t va, ei_owner *out)
{
	const struct regions *regions = table->count ? &table->owners[OWNER_KERNEL].regions : NULL;
	const struct region *region = regions ? region_at(regions, va) : NULL;
	char tag[5];
	out->region_kind = region ? region->kind : EI_REGION_KERNEL;
	out->region = ei_str(region ? regions->names + region->name : "kernel");
	if (region || !pool_tag_at(run, va, tag))
		return;
	char *text = ei_text(run->scratch, "pool %s", tag);
	out->region_kind = EI_REGION_POOL;
	out->region = ei_str(text ? text : "pool");
}

static bool kernel_next(ei_run *run, const struct owner_table *table,
	const struct question *question, ei_owner_cursor *cursor, ei_owner *out)
{
	const struct page_map *map = kernel_map(run);
	struct page_run mapped;
	while (phase_next(map, question->pa, cursor, &mapped)) {
		uint64_t va = page_run_va(&mapped, question->pa);
		ei_across across = across_of(map, question, &mapped, va);
		if (question->stitched && across != EI_ACROSS_VIRTUAL)
			continue;
		*out = (ei_owner){
			.kind = EI_OWNER_KERNEL,
			.protection = run_protection(&mapped),
			.across = (uint8_t)across,
			.va = ei_addr(run_canonical(run, va)),
			.process = ei_absent(EI_NONE),
			.pid = ei_absent(EI_NONE),
			.state = ei_absent(EI_NONE),
		};
		kernel_region(run, table, va, out);
		return true;
	}
	return false;
}

static void process_region(const struct owner *owner, uint64_t va, ei_owner *out)
{
	const struct region *region = region_at(&owner->regions, va);
	out->region_kind = region ? region->kind : EI_REGION_UNKNOWN;
	out->region = region ? ei_str(owner->regions.names + region->name) : ei_absent(EI_NONE);
}

static bool other_next(const struct owner_table *table, const struct question *question,
	ei_owner_cursor *cursor, ei_owner *out)
{
	struct page_run mapped;
	while (phase_next(&table->map, question->pa, cursor, &mapped)) {
		const struct owner *owner = &table->owners[mapped.owner];
		bool is_table = owner->kind == EI_OWNER_TABLE;
		uint64_t va = page_run_va(&mapped, question->pa);
		ei_across across = is_table && question->next_pa
					   ? EI_ACROSS_PHYSICAL
					   : across_of(&table->map, question, &mapped, va);
		if (question->stitched && across != EI_ACROSS_VIRTUAL)
			continue;
		*out = (ei_owner){
			.kind = owner->kind,
			.region_kind = EI_REGION_TABLE,
			.protection = is_table ? 0 : run_protection(&mapped),
			.across = (uint8_t)across,
			.va = is_table ? ei_absent(EI_NONE) : ei_addr(va),
			.process = owner->name[0] ? ei_str(owner->name) : ei_absent(EI_NONE),
			.pid = owner->name[0] ? ei_uint(owner->pid) : ei_absent(EI_NONE),
			.region = ei_str("page table"),
			.state = ei_str(owner->state),
		};
		if (!is_table)
			process_region(owner, va, out);
		return true;
	}
	return false;
}

// Only asked of pages that nobody maps.
static bool nobody_next(ei_run *run, const struct question *question, ei_owner *out)
{
	const char *state = question->stitched ? NULL : frame_state(run, question->pa);
	if (!state)
		return false;
	*out = (ei_owner){
		.kind = EI_OWNER_NOBODY,
		.region_kind = EI_REGION_FREE,
		.across = question->next_pa ? EI_ACROSS_PHYSICAL : EI_ACROSS_NOTHING,
		.va = ei_absent(EI_NONE),
		.process = ei_absent(EI_NONE),
		.pid = ei_absent(EI_NONE),
		.region = ei_str(state),
		.state = ei_absent(EI_NONE),
	};
	return true;
}

static bool next_owner(
	ei_run *run, const struct question *question, ei_owner_cursor *cursor, ei_owner *out)
{
	const struct owner_table *table = owner_table_get(run);
	if (!table)
		return false;
	bool none = cursor->next == 0;
	if (cursor_phase(cursor) == PHASE_KERNEL) {
		if (kernel_next(run, table, question, cursor, out))
			return true;
		none &= cursor->next == 0;
		cursor_enter(cursor, PHASE_OTHERS);
	}
	if (cursor_phase(cursor) == PHASE_OTHERS) {
		if (other_next(table, question, cursor, out))
			return true;
		cursor_enter(cursor, none ? PHASE_NOBODY : PHASE_END);
	}
	if (cursor_phase(cursor) != PHASE_NOBODY)
		return false;
	cursor_enter(cursor, PHASE_END);
	return nobody_next(run, question, out);
}

bool ei_next_owner(ei_run *run, uint64_t pa, ei_owner_cursor *cursor, ei_owner *out)
{
	const struct question question = { .pa = pa };
	return next_owner(run, &question, cursor, out);
}

bool ei_next_holder(ei_run *run, const ei_hit *hit, ei_owner_cursor *cursor, ei_owner *out)
{
	struct question question = { .pa = hit->pa };
	uint64_t room = PAGE_SIZE - hit->pa % PAGE_SIZE;
	if (hit->flags & EI_HIT_STITCHED) {
		question.next_pa = (uint64_t)hit->next_page * PAGE_SIZE;
		question.stitched = true;
	} else if (hit->length > room) {
		question.next_pa = hit->pa + room;
	}
	return next_owner(run, &question, cursor, out);
}

ei_val ei_virtual(ei_run *run, const ei_obj *object)
{
	uint64_t va;
	if (object->space->mode != &space_physical)
		return ei_addr(object->va);
	return kernel_address(run, object->va, &va) ? ei_addr(va) : ei_absent(EI_NONE);
}

size_t ei_read_physical(ei_run *run, uint64_t pa, void *buffer, size_t size)
{
	return ei_read(run, &run->session->physical, pa, buffer, size);
}
