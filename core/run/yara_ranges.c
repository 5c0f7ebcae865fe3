// What YARA is to look at: regions of a process, what the kernel maps, physical memory.
// SPDX-License-Identifier: Apache-2.0
#include "run/yara.h"

#include <stdlib.h>

enum {
	RANGES_MAX = 1 << 20,
	NAMES_MAX = 64 << 20, // bytes
	MODULES_MAX = 4096,
	// Bytes that two pieces of physical memory share: of what is scattered over pages, hardly
	// anything is longer in one piece.
	PIECE_OVERLAP = 256 << 10,
};

void yara_ranges_deinit(struct yara_ranges *ranges)
{
	free(ranges->items);
	ei_arena_drop(ranges->names);
}

static const char *name_keep(struct yara_ranges *ranges, ei_val name)
{
	if (!ei_has(name) || !name.length)
		return NULL;
	if (!ranges->names) {
		ei_error *error = ei_arena_create(NAMES_MAX, &ranges->names);
		ei_error_drop(error);
		if (error)
			return NULL;
	}
	return arena_text(ranges->names, name.s, name.length);
}

void yara_range_add(struct yara_ranges *ranges, struct yara_range range, ei_val name)
{
	if (ranges->count == ranges->room) {
		size_t room = ranges->room ? ranges->room * 2 : 256;
		struct yara_range *more =
			room <= RANGES_MAX ? realloc(ranges->items, room * sizeof *more) : NULL;
		ranges->no_memory |= !more;
		if (!more)
			return;
		ranges->items = more;
		ranges->room = room;
	}
	range.own = range.own ? range.own : range.size;
	range.name = name_keep(ranges, name);
	ranges->items[ranges->count++] = range;
}

static ei_error *ranges_scan(ei_run *run, const ei_yara *rules, struct yara_ranges *ranges,
	ei_yara_found *found, void *context)
{
	if (ranges->no_memory)
		ei_note(run, "only the first %zu ranges are scanned", ranges->count);
	ei_error *error = yara_scan(run, rules, ranges, found, context);
	yara_ranges_deinit(ranges);
	return error;
}

// ---- a process ------------------------------------------------------------------------------

static bool is_too_large(ei_run *run, const ei_yara *rules, const ei_region *region, uint64_t pid)
{
	uint64_t size = region->end - region->start + 1;
	if (!rules->max_size || size <= rules->max_size)
		return false;
	ei_note(run,
		"process %llu: the region at 0x%llx has %llu MiB, and is not scanned (--max-size)",
		(unsigned long long)pid, (unsigned long long)region->start,
		(unsigned long long)(size >> 20));
	return true;
}

ei_error *ei_yara_process(ei_run *run, const ei_yara *rules, const eprocess *process,
	ei_yara_found *found, void *context)
{
	const struct space *space = ei_process_space(run, process);
	uint64_t pid = ei_u64_or(ei_get(*process, UniqueProcessId), 0);
	struct yara_ranges ranges = { 0 };
	ei_region_cursor cursor = { 0 };
	if (!space)
		return NULL;
	for (ei_region region; ei_next_region(run, process, &cursor, &region);) {
		if (is_too_large(run, rules, &region, pid))
			continue;
		struct yara_range range = { .space = *space,
			.start = region.start,
			.size = region.end - region.start + 1 };
		if (ei_has(region.protection))
			range.protection = (uint32_t)region.protection.u + 1;
		yara_range_add(&ranges, range, region.file);
	}
	return ranges_scan(run, rules, &ranges, found, context);
}

// ---- the kernel -----------------------------------------------------------------------------

// Drivers by address, so that what is mapped can be cut where they begin and end.
struct modules {
	struct yara_ranges list;
	size_t next;
};

static int compare_ranges(const void *left, const void *right)
{
	const struct yara_range *a = left, *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

static void modules_find(ei_run *run, struct modules *modules)
{
	const struct identity *identity = &run->session->identity;
	uint64_t end = 0;
	ei_iter it = ei_modules(run);
	for (kldr_entry m = ei_handle(run, kldr_entry); ei_next(&it, &m);) {
		uint64_t base = ei_u64_or(ei_get(m, DllBase), 0);
		uint64_t size = ei_u64_or(ei_get(m, SizeOfImage), 0);
		size = (size + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
		if (base < identity->kernel.mode->kernel_start || base % PAGE_SIZE || !size ||
			size > UINT32_MAX || modules->list.count == MODULES_MAX)
			continue;
		ei_val path = ei_get(m, FullDllName);
		yara_range_add(&modules->list,
			(struct yara_range){
				.space = identity->kernel, .start = base, .size = size },
			ei_has(path) && path.length ? path : ei_get(m, BaseDllName));
	}
	size_t kept = 0;
	if (modules->list.count)
		qsort(modules->list.items, modules->list.count, sizeof modules->list.items[0],
			compare_ranges);
	for (size_t i = 0; i < modules->list.count; i++) {
		struct yara_range *module = &modules->list.items[i];
		if (module->start < end)
			continue; // two cannot be at one place
		end = module->start + module->size;
		modules->list.items[kept++] = *module;
	}
	modules->list.count = kept;
}

// The first module that ends behind `va`; NULL past the last.
static const struct yara_range *module_from(struct modules *modules, uint64_t va)
{
	while (modules->next < modules->list.count) {
		const struct yara_range *module = &modules->list.items[modules->next];
		if (module->start + (module->size - 1) >= va)
			return module;
		modules->next++;
	}
	return NULL;
}

// Joins [va, va + size) to the last range where it goes on.
static void kernel_add(
	struct yara_ranges *ranges, const struct space *space, uint64_t va, uint64_t size)
{
	struct yara_range *last = ranges->count ? &ranges->items[ranges->count - 1] : NULL;
	if (last && !last->name && last->start + last->size == va) {
		last->size += size;
		last->own = last->size;
		return;
	}
	yara_range_add(ranges, (struct yara_range){ .space = *space, .start = va, .size = size },
		ei_absent(EI_NONE));
}

// A mapped page, without the parts that modules have: those come whole, when first met.
static void page_add(struct yara_ranges *ranges, struct modules *modules, const struct space *space,
	uint64_t va, uint64_t last)
{
	while (va <= last) {
		const struct yara_range *module = module_from(modules, va);
		if (!module || module->start > last) {
			kernel_add(ranges, space, va, last - va + 1);
			return;
		}
		if (module->start > va)
			kernel_add(ranges, space, va, module->start - va);
		yara_range_add(ranges, *module, ei_str(module->name));
		uint64_t end = module->start + (module->size - 1);
		modules->next++;
		if (end >= last)
			return;
		va = end + 1;
	}
}

ei_error *ei_yara_kernel(ei_run *run, const ei_yara *rules, ei_yara_found *found, void *context)
{
	const struct space *space = &run->session->identity.kernel;
	struct yara_ranges ranges = { 0 };
	struct modules modules = { 0 };
	uint64_t va = space->mode->kernel_start;
	struct page page;
	modules_find(run, &modules);
	while (!ei_stopped(run) &&
		space_next(space, run->reader, va, space->mode->kernel_end, 0, &page)) {
		uint64_t from = MAX(page.va, va), last = page.va + (page.size - 1);
		// What a module has already given.
		const struct yara_range *module =
			modules.next ? &modules.list.items[modules.next - 1] : NULL;
		if (module && module->start + (module->size - 1) >= from)
			from = MIN(module->start + (module->size - 1), last) + 1;
		if (from && from <= last)
			page_add(&ranges, &modules, space, from, last);
		va = last + 1;
		if (va <= page.va)
			break; // the last page of the address space
	}
	ei_error *error = ranges_scan(run, rules, &ranges, found, context);
	yara_ranges_deinit(&modules.list);
	return error;
}

// ---- physical memory ------------------------------------------------------------------------

// Pieces of a run of memory; those that a sparse file has nothing of are left out.
static void run_add(struct yara_ranges *ranges, ei_run *run, const struct image_run *memory)
{
	const struct image *image = run->session->image;
	const uint64_t end = memory->start + memory->length;
	struct image_run stretch;
	uint64_t at = memory->start;
	while (at < end && !ranges->no_memory && image_stretch(image, at, &stretch) &&
		stretch.start < end) {
		at = MAX(at, stretch.start);
		uint64_t size = MIN(end - at, (uint64_t)YARA_WINDOW);
		uint64_t own = size < end - at ? (uint64_t)YARA_WINDOW - PIECE_OVERLAP : size;
		yara_range_add(ranges, (struct yara_range){ run->session->physical, at, size, own },
			ei_absent(EI_NONE));
		at += own;
	}
}

ei_error *ei_yara_physical(ei_run *run, const ei_yara *rules, ei_yara_found *found, void *context)
{
	struct yara_ranges ranges = { 0 };
	size_t count;
	const struct image_run *runs = image_runs(run->session->image, &count);
	for (size_t i = 0; i < count; i++)
		run_add(&ranges, run, &runs[i]);
	return ranges_scan(run, rules, &ranges, found, context);
}
