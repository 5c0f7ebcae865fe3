// Names for the stretches of a process's address space that the kernel's tree of them describes.
// SPDX-License-Identifier: Apache-2.0
#include "win/owner.h"

#include <eidetic/memory.h>
#include <stdio.h>

enum { VAD_TYPE_IMAGE = 2 };

struct naming {
	ei_run *run;
	const struct space *space; // the process's
	const struct region_marks *marks;
	struct regions *out;
};

// The base of the heap that a stretch, which holds no heap's base, goes on with; 0: of none. These
// few members of _HEAP_SEGMENT have stood still since Windows Vista.
static uint64_t segment_heap(const struct naming *naming, uint64_t va)
{
	static const uint32_t signature = 0xffeeffee;
	bool wide = ei_pointer_size(naming->run) == 8;
	uint8_t head[0x30];
	if (ei_read(naming->run, naming->space, va, head, sizeof head) < sizeof head ||
		load_u32(head + (wide ? 0x10 : 8)) != signature)
		return 0;
	uint64_t heap = wide ? load_u64(head + 0x28) : load_u32(head + 0x18);
	const struct region_mark *mark = region_mark_in(naming->marks, heap, heap);
	return mark && mark->kind == EI_REGION_HEAP ? heap : 0;
}

static void named_region(const struct naming *naming, uint64_t start, uint64_t size,
	ei_region_kind kind, const char *text, uint64_t id)
{
	char name[48];
	int length = snprintf(name, sizeof name, kind == EI_REGION_HEAP ? "%s 0x%llx" : "%s %llu",
		text, (unsigned long long)id);
	region_add(naming->out, start, size, kind, name, (size_t)length);
}

// What nothing but its use tells: stacks, heaps, and the rest.
static void region_by_use(
	const struct naming *naming, uint64_t start, uint64_t size, bool is_private)
{
	const struct region_mark *mark = region_mark_in(naming->marks, start, start + size - 1);
	uint64_t heap = mark || !is_private ? 0 : segment_heap(naming, start);
	if (mark && mark->kind == EI_REGION_STACK)
		named_region(naming, start, size, mark->kind, "stack of thread", mark->id);
	else if (mark)
		named_region(naming, start, size, mark->kind, "heap", mark->id);
	else if (heap)
		named_region(naming, start, size, EI_REGION_HEAP, "heap", heap);
	else if (is_private)
		region_add(naming->out, start, size, EI_REGION_PRIVATE, "private", 7);
	else
		region_add(naming->out, start, size, EI_REGION_MAPPED, "mapped", 6);
}

static void region_name(const struct naming *naming, const ei_region *region)
{
	uint64_t size = region->end - region->start + 1;
	bool is_image = ei_u64_or(region->type, 0) == VAD_TYPE_IMAGE;
	bool has_file = ei_has(region->file) && region->file.length;
	if (has_file)
		region_add(naming->out, region->start, size,
			is_image ? EI_REGION_IMAGE : EI_REGION_FILE, region->file.s,
			region->file.length);
	else
		region_by_use(naming, region->start, size, ei_u64_or(region->is_private, 0) != 0);
}

static bool is_module(const struct regions *regions, uint64_t va)
{
	const struct region *known = region_at(regions, va);
	return known && known->kind == EI_REGION_IMAGE;
}

void process_add_vads(ei_run *run, const eprocess *process, const struct region_marks *marks,
	struct regions *regions)
{
	// New regions are kept apart until the walk ends: in those at hand it looks up.
	struct regions found = { 0 };
	struct naming naming = { run, ei_process_space(run, process), marks, &found };
	ei_region_cursor cursor = { NULL };
	for (ei_region region; ei_next_region(run, process, &cursor, &region);)
		if (!is_module(regions, region.start))
			region_name(&naming, &region);
	for (size_t i = 0; i < found.count; i++) {
		const struct region *region = &found.items[i];
		const char *name = found.names + region->name;
		region_add(regions, region->start, region->size, region->kind, name, strlen(name));
	}
	regions_deinit(&found);
}
