// What is where in a process: modules, stacks and environment blocks of threads, heaps.
// SPDX-License-Identifier: Apache-2.0
#include "win/list.h"
#include "win/owner.h"
#include "win/region_fields.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	HEAPS_MAX = 1 << 14,
	THREADS_MAX = 1 << 16,
	MARKS_START = 64,
	TEB_BYTES_64 = 0x2000,
	TEB_BYTES_32 = 0x1000,
};

// The 32-bit blocks of a WoW64 process are the same in all builds.
enum {
	TEB32_STACK_BASE = 4,
	TEB32_PEB = 0x30,
	PEB32_HEAP = 0x18,
	PEB32_HEAP_COUNT = 0x88,
	PEB32_HEAPS = 0x90,
};

struct finder {
	ei_run *run;
	const eprocess *process;
	const ei_space *space;
	struct regions *regions;
	struct region_marks *marks;
	uint64_t peb32;
};

// ---- marks ----------------------------------------------------------------------------------

static void mark_add(struct finder *finder, uint64_t va, ei_region_kind kind, uint64_t id)
{
	struct region_marks *marks = finder->marks;
	if (marks->count == marks->room) {
		size_t room = marks->room ? marks->room * 2 : MARKS_START;
		struct region_mark *items = realloc(marks->items, room * sizeof *items);
		if (!items)
			return;
		marks->items = items;
		marks->room = room;
	}
	marks->items[marks->count++] = (struct region_mark){ va, kind, id };
}

static int compare_marks(const void *left, const void *right)
{
	const struct region_mark *a = left, *b = right;
	if (a->va != b->va)
		return a->va < b->va ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

const struct region_mark *region_mark_in(
	const struct region_marks *marks, uint64_t first, uint64_t last)
{
	size_t low = 0, high = marks->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (marks->items[middle].va < first)
			low = middle + 1;
		else
			high = middle;
	}
	return low < marks->count && marks->items[low].va <= last ? &marks->items[low] : NULL;
}

// ---- threads --------------------------------------------------------------------------------

static void named_add(struct finder *finder, uint64_t start, uint64_t size, ei_region_kind kind,
	const char *format, uint64_t id)
{
	char name[48];
	int length = snprintf(name, sizeof name, format, id);
	region_add(finder->regions, start, size, kind, name, (size_t)length);
}

// A 32-bit thread block, to which the 64-bit one of the thread points.
static void thread32_find(struct finder *finder, uint64_t teb, uint64_t tid)
{
	ei_val base = ei_read_u32(finder->run, finder->space, teb + TEB32_STACK_BASE);
	ei_val peb = ei_read_u32(finder->run, finder->space, teb + TEB32_PEB);
	if (!ei_has(base) || !base.u)
		return;
	mark_add(finder, base.u - 1, EI_REGION_STACK, tid);
	named_add(finder, teb, TEB_BYTES_32, EI_REGION_TEB, "teb of thread %" PRIu64, tid);
	if (!finder->peb32)
		finder->peb32 = ei_u64_or(peb, 0);
}

static void thread_find(struct finder *finder, const thread_block *thread)
{
	ei_run *run = finder->run;
	ei_val teb = ei_get(*thread, teb);
	uint64_t tid = ei_u64_or(ei_get(*thread, tid), 0);
	uint64_t size = ei_pointer_size(run) == 8 ? TEB_BYTES_64 : TEB_BYTES_32;
	if (!ei_has(teb) || !teb.u || teb.u > finder->space->mode->user_end)
		return;
	teb_stack block = ei_at_in(run, finder->space, teb_stack, teb.u);
	ei_val base = ei_get(block, base), wow64 = ei_get(block, wow64);
	named_add(finder, teb.u, size, EI_REGION_TEB, "teb of thread %" PRIu64, tid);
	if (ei_has(base) && base.u)
		mark_add(finder, base.u - 1, EI_REGION_STACK, tid);
	ei_val is_wow64 = ei_process_is_wow64(finder->process);
	if (ei_u64_or(is_wow64, 0) && ei_has(wow64) && wow64.u && wow64.u <= UINT32_MAX)
		thread32_find(finder, wow64.u, tid);
}

static void threads_find(struct finder *finder)
{
	ei_run *run = finder->run;
	process_threads p = ei_handle(run, process_threads);
	thread_block table = ei_handle(run, thread_block);
	p.obj = ei_open(run, finder->process->obj.space, finder->process->obj.va, &p.at->layout);
	ei_val head = ei_get(p, ThreadListHead);
	if (!ei_has(head) || table.at->link.offset < 0 || table.at->teb.offset < 0)
		return;
	struct list_query query = {
		.what = "threads of a process",
		.head = head.u,
		.link_offset = table.at->link.offset,
		.type = &thread_block_spec,
	};
	ei_iter it = list_iterate(run, &query);
	size_t left = THREADS_MAX;
	for (thread_block thread = table; left-- && ei_next(&it, &thread);)
		thread_find(finder, &thread);
}

// ---- heaps ----------------------------------------------------------------------------------

static void heap_list_read(struct finder *finder, uint64_t list, uint64_t count, unsigned size)
{
	for (uint64_t i = 0; list && i < MIN(count, (uint64_t)HEAPS_MAX); i++) {
		uint64_t at = list + i * size;
		ei_val heap = size == 8 ? ei_read_ptr(finder->run, finder->space, at)
					: ei_read_u32(finder->run, finder->space, at);
		if (!ei_has(heap))
			return;
		if (heap.u)
			mark_add(finder, heap.u, EI_REGION_HEAP, heap.u);
	}
}

static void heaps_find(struct finder *finder)
{
	ei_run *run = finder->run;
	ei_val peb = ei_get(*finder->process, Peb);
	if (!ei_has(peb) || !peb.u)
		return;
	peb_heaps block = ei_at_in(run, finder->space, peb_heaps, peb.u);
	ei_val heap = ei_get(block, ProcessHeap);
	region_add(finder->regions, peb.u, PAGE_SIZE, EI_REGION_PEB, "peb", 3);
	if (ei_has(heap) && heap.u)
		mark_add(finder, heap.u, EI_REGION_HEAP, heap.u);
	heap_list_read(finder, ei_u64_or(ei_get(block, ProcessHeaps), 0),
		ei_u64_or(ei_get(block, NumberOfHeaps), 0), ei_pointer_size(run));
}

static void heaps32_find(struct finder *finder)
{
	uint64_t values[3] = { PEB32_HEAP, PEB32_HEAP_COUNT, PEB32_HEAPS };
	if (!finder->peb32)
		return;
	for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
		values[i] = ei_u64_or(
			ei_read_u32(finder->run, finder->space, finder->peb32 + values[i]), 0);
	region_add(finder->regions, finder->peb32, PAGE_SIZE, EI_REGION_PEB, "peb", 3);
	if (values[0])
		mark_add(finder, values[0], EI_REGION_HEAP, values[0]);
	heap_list_read(finder, values[2], values[1], 4);
}

// ---- all ------------------------------------------------------------------------------------

static void modules_find(struct finder *finder)
{
	ei_run *run = finder->run;
	ei_iter it = ei_process_modules(run, finder->process);
	for (ldr_entry m = ei_handle(run, ldr_entry); ei_next(&it, &m);) {
		ei_val base = ei_get(m, DllBase), path = ei_get(m, FullDllName);
		ei_val text = ei_has(path) && path.length ? path : ei_get(m, BaseDllName);
		if (ei_has(base) && ei_has(text) && text.length)
			region_add(finder->regions, base.u,
				ei_u64_or(ei_get(m, SizeOfImage), PAGE_SIZE), EI_REGION_IMAGE,
				text.s, text.length);
	}
}

void process_regions(ei_run *run, const eprocess *process, struct regions *regions)
{
	struct region_marks marks = { 0 };
	struct finder finder = { run, process, ei_process_space(run, process), regions, &marks, 0 };
	if (!finder.space)
		return;
	modules_find(&finder);
	threads_find(&finder);
	heaps_find(&finder);
	heaps32_find(&finder);
	if (marks.count)
		qsort(marks.items, marks.count, sizeof marks.items[0], compare_marks);
	regions_settle(regions);
	process_add_vads(run, process, &marks, regions);
	regions_settle(regions);
	free(marks.items);
}
