// Owners of physical memory: built from every process, listed or found by scan, and looked up.
// SPDX-License-Identifier: Apache-2.0
#include "win/owner.h"

#include "win/shared.h"

enum { SEEN_MAX = 1 << 16, OWNER_KERNEL = 0 };

// ---- building -------------------------------------------------------------------------------

struct seen {
	uint64_t objects[SEEN_MAX]; // physical addresses of the _EPROCESS of listed processes
	size_t count;
};

static void text_copy(char *out, size_t room, ei_val text)
{
	size_t length = ei_has(text) ? MIN((size_t)text.length, room - 1) : 0;
	memcpy(out, length ? text.s : "", length);
	out[length] = '\0';
}

static void region_named(
	struct owner_table *table, ei_val base, ei_val size, ei_val path, ei_val name)
{
	ei_val text = ei_has(path) && path.length ? path : name;
	if (ei_has(base) && ei_has(text) && text.length)
		owner_region_add(table, base.u, ei_u64_or(size, PAGE_SIZE), text.s, text.length);
}

static void kernel_add(ei_run *run, struct owner_table *table)
{
	const struct owner kernel = { .kind = EI_OWNER_KERNEL };
	if (owner_add(table, &kernel) < 0)
		return;
	ei_iter it = ei_modules(run);
	for (kldr_entry m = ei_handle(run, kldr_entry); ei_next(&it, &m);)
		region_named(table, ei_get(m, DllBase), ei_get(m, SizeOfImage),
			ei_get(m, FullDllName), ei_get(m, BaseDllName));
	owner_regions_sort(&table->owners[table->count - 1]);
	const struct owner tables = { .kind = EI_OWNER_TABLE };
	int64_t index = owner_add(table, &tables);
	if (index >= 0)
		owner_walk_tables(
			run, table, &run->session->identity.kernel, true, (uint32_t)index);
}

static void modules_add(ei_run *run, struct owner_table *table, const eprocess *process)
{
	ei_iter it = ei_process_modules(run, process);
	for (ldr_entry m = ei_handle(run, ldr_entry); ei_next(&it, &m);)
		region_named(table, ei_get(m, DllBase), ei_get(m, SizeOfImage),
			ei_get(m, FullDllName), ei_get(m, BaseDllName));
	owner_regions_sort(&table->owners[table->count - 1]);
}

static void process_add(
	ei_run *run, struct owner_table *table, const eprocess *process, const char *state)
{
	const ei_space *space = ei_process_space(run, process);
	struct owner owner = {
		.kind = EI_OWNER_PROCESS,
		.pid = ei_u64_or(ei_get(*process, UniqueProcessId), 0),
		.state = state,
	};
	text_copy(owner.name, sizeof owner.name, ei_get(*process, ImageFileName));
	int64_t index = space ? owner_add(table, &owner) : -1;
	if (index < 0)
		return;
	modules_add(run, table, process);
	owner_add_vads(run, table, process);
	owner_regions_sort(&table->owners[index]);
	owner_walk_pages(run, table, space, 0, space->mode->user_end, (uint32_t)index);
	owner.kind = EI_OWNER_TABLE;
	index = owner_add(table, &owner);
	if (index >= 0)
		owner_walk_tables(run, table, space, false, (uint32_t)index);
}

// The root of a process that is gone may be anything by now. It still is one when it maps itself
// where the kernel's root does; under PAE, when its four entries look like nothing else.
static bool root_is_sound(ei_run *run, const struct space *space)
{
	const struct space *kernel = &run->session->identity.kernel;
	uint8_t own[PAGE_SIZE];
	const uint64_t frame = UINT64_C(0x000ffffffffff000);
	const uint8_t *page = reader_page(run->reader, space->dtb);
	if (!page)
		return false;
	memcpy(own, page, sizeof own);
	if (space->mode == &space_pae) {
		bool sound = space->dtb % PAGE_SIZE + 32 <= PAGE_SIZE;
		for (unsigned i = 0; i < 4 && sound; i++)
			sound = (load_u64(own + space->dtb % PAGE_SIZE + 8 * i) & 0xfff) == 1;
		return sound;
	}
	size_t size = space->mode->pointer_size;
	page = reader_page(run->reader, kernel->dtb);
	for (size_t at = PAGE_SIZE / 2; page && at < PAGE_SIZE; at += size) {
		uint64_t theirs = size == 8 ? load_u64(page + at) : load_u32(page + at);
		uint64_t ours = size == 8 ? load_u64(own + at) : load_u32(own + at);
		if (theirs & 1 && (theirs & frame) == (kernel->dtb & frame))
			return ours & 1 && (ours & frame) == (space->dtb & frame);
	}
	return false;
}

static int compare_addresses(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

static bool is_seen(const struct seen *seen, uint64_t pa)
{
	return bsearch(&pa, seen->objects, seen->count, sizeof pa, compare_addresses) != NULL;
}

static bool has_exited(const eprocess *process)
{
	return ei_has(ei_get(*process, ExitTime));
}

static void processes_add(ei_run *run, struct owner_table *table, struct seen *seen)
{
	ei_iter listed = ei_processes(run);
	for (eprocess p = ei_handle(run, eprocess); ei_next(&listed, &p);) {
		ei_val pa = ei_physical(run, &p.obj);
		if (ei_has(pa) && seen->count < SEEN_MAX)
			seen->objects[seen->count++] = pa.u;
		process_add(run, table, &p, has_exited(&p) ? "exited" : NULL);
	}
	qsort(seen->objects, seen->count, sizeof seen->objects[0], compare_addresses);
	ei_iter scanned = ei_processes_scanned(run);
	for (eprocess p = ei_handle(run, eprocess); !table->map.cut && ei_next(&scanned, &p);) {
		ei_val pa = ei_physical(run, &p.obj);
		const ei_space *space = ei_process_space(run, &p);
		if (ei_has(pa) && !is_seen(seen, pa.u) && space && root_is_sound(run, space))
			process_add(run, table, &p, has_exited(&p) ? "exited" : "unlisted");
	}
}

static void *owners_build(ei_run *run)
{
	struct owner_table *table = owner_table_create(run->session->image);
	struct seen *seen = calloc(1, sizeof *seen);
	ei_mark mark = ei_arena_mark(run->scratch);
	if (table && seen && run->session->identity.found) {
		kernel_add(run, table);
		processes_add(run, table, seen);
		page_map_sort(&table->map);
	}
	if (!table || !seen || table->map.cut || !table->tables_left)
		ei_note(run, "pages have more owners than can be kept: some are not shown");
	ei_arena_rewind(run->scratch, mark);
	free(seen);
	return table;
}

// ---- asking ---------------------------------------------------------------------------------

static bool owner_of_kernel(
	ei_run *run, const struct owner_table *table, uint64_t pa, ei_owner *out)
{
	uint64_t va;
	if (!kernel_address(run, pa, &va))
		return false;
	const char *name =
		table->count ? owner_region_name(&table->owners[OWNER_KERNEL], va) : NULL;
	*out = (ei_owner){
		.kind = EI_OWNER_KERNEL,
		.va = ei_addr(va),
		.process = ei_absent(EI_NONE),
		.pid = ei_absent(EI_NONE),
		.region = ei_str(name ? name : "kernel"),
		.state = ei_absent(EI_NONE),
	};
	return true;
}

static void owner_of_run(
	const struct owner_table *table, const struct page_run *mapped, uint64_t pa, ei_owner *out)
{
	const struct owner *owner = &table->owners[mapped->owner];
	bool is_table = owner->kind == EI_OWNER_TABLE;
	uint64_t va = page_run_va(mapped, pa);
	*out = (ei_owner){
		.kind = owner->kind,
		.va = is_table ? ei_absent(EI_NONE) : ei_addr(va),
		.process = owner->name[0] ? ei_str(owner->name) : ei_absent(EI_NONE),
		.pid = owner->name[0] ? ei_uint(owner->pid) : ei_absent(EI_NONE),
		.region = ei_str(is_table ? "page table" : owner_region_name(owner, va)),
		.state = ei_str(owner->state),
	};
}

// The kernel comes first; the cursor then is 1 + the map's own.
bool ei_next_owner(ei_run *run, uint64_t pa, ei_owner_cursor *cursor, ei_owner *out)
{
	const struct owner_table *table =
		shared_table(run, SHARED_OWNERS, owners_build, owner_table_drop);
	if (!table)
		return false;
	if (!cursor->next) {
		cursor->next = 1;
		if (owner_of_kernel(run, table, pa, out))
			return true;
	}
	struct page_run mapped;
	size_t next = cursor->next - 1;
	if (!page_map_next(&table->map, pa, &next, &mapped))
		return false;
	cursor->next = next + 1;
	owner_of_run(table, &mapped, pa, out);
	return true;
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
