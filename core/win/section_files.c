// File objects: those that processes have open or mapped, and those that a scan finds; each once.
// SPDX-License-Identifier: Apache-2.0
#include "win/object_fields.h"
#include "win/session.h"
#include <eidetic/files.h>
#include <eidetic/memory.h>
#include <eidetic/objects.h>
#include <eidetic/scan.h>
#include <stdlib.h>

enum {
	FILES_MAX = 1 << 20,
	FILES_START = 1024,
	AREA_SLOTS = 1 << 18,
	NAME_BYTES = 16, // of a process
	FILE_BLOCK_LEAST = 150,
	FILE_BLOCK_LEAST_32 = 128,
	IN_PHYSICAL = 1, // in a key: objects are aligned
};

struct found {
	ei_file file;
	char process[NAME_BYTES];
};

struct gather {
	ei_run *run;
	struct found *items; // heap
	size_t count, room;
	uint32_t *slots; // open addressing: index + 1; twice the room
	bool is_cut;
	const eprocess *process; // whose files these are; NULL: of the scan
};

// ---- the set --------------------------------------------------------------------------------

static uint64_t file_key(const ei_file *file)
{
	return file->va | (file->space ? IN_PHYSICAL : 0);
}

static uint32_t *slot_of(const struct gather *g, uint64_t key)
{
	size_t mask = 2 * g->room - 1;
	size_t at = (size_t)(key * 0x9e3779b97f4a7c15ull >> 20) & mask;
	while (g->slots[at] && file_key(&g->items[g->slots[at] - 1].file) != key)
		at = (at + 1) & mask;
	return &g->slots[at];
}

static bool gather_grow(struct gather *g)
{
	size_t room = g->room ? 2 * g->room : FILES_START;
	if (room > FILES_MAX)
		return false;
	struct found *items = realloc(g->items, room * sizeof *items);
	if (items)
		g->items = items;
	uint32_t *slots = items ? calloc(2 * room, sizeof *slots) : NULL;
	if (!slots)
		return false;
	free(g->slots);
	g->slots = slots;
	g->room = room;
	for (size_t i = 0; i < g->count; i++)
		*slot_of(g, file_key(&g->items[i].file)) = (uint32_t)i + 1;
	return true;
}

static void gather_add(struct gather *g, const ei_space *space, uint64_t va, uint32_t source)
{
	ei_file file = { .space = space, .va = va, .sources = source };
	if (g->count == g->room && !gather_grow(g)) {
		g->is_cut = true;
		return;
	}
	uint32_t *slot = slot_of(g, file_key(&file));
	if (*slot) {
		g->items[*slot - 1].file.sources |= source;
		return;
	}
	struct found *found = &g->items[g->count++];
	*found = (struct found){ .file = file };
	*slot = (uint32_t)g->count;
	if (!g->process)
		return;
	ei_val name = ei_get(*g->process, ImageFileName);
	found->file.pid = ei_u64_or(ei_get(*g->process, UniqueProcessId), 0);
	if (ei_has(name))
		memcpy(found->process, name.s, MIN(name.length, (uint32_t)NAME_BYTES - 1));
}

// ---- the sources ----------------------------------------------------------------------------

static bool type_is_file(ei_run *run, uint64_t object)
{
	ei_val type = ei_object_type(run, object);
	return ei_has(type) && type.length == 4 && !memcmp(type.s, "File", 4);
}

static void handles_gather(struct gather *g)
{
	ei_handle_cursor cursor = { .table = ei_u64_or(ei_get(*g->process, ObjectTable), 0) };
	for (ei_handle_entry handle; cursor.table && ei_next_handle(g->run, &cursor, &handle);)
		if (type_is_file(g->run, handle.object))
			gather_add(g, NULL, handle.object, EI_FILES_HANDLES);
}

static void regions_gather(struct gather *g)
{
	ei_region_cursor cursor = { 0 };
	for (ei_region region; ei_next_region(g->run, g->process, &cursor, &region);)
		if (region.file_object)
			gather_add(g, NULL, region.file_object, EI_FILES_MAPPED);
}

static bool pid_wanted(const ei_files_wish *wish, ei_val pid)
{
	for (size_t i = 0; i < wish->pid_count; i++)
		if (ei_has(pid) && wish->pids[i] == pid.u)
			return true;
	return !wish->pid_count;
}

static void processes_gather(struct gather *g, const ei_files_wish *wish)
{
	ei_iter it = ei_processes(g->run);
	for (eprocess p = ei_handle(g->run, eprocess); ei_next(&it, &p);) {
		if (!pid_wanted(wish, ei_get(p, UniqueProcessId)))
			continue;
		g->process = &p;
		if (wish->sources & EI_FILES_HANDLES)
			handles_gather(g);
		if (wish->sources & EI_FILES_MAPPED)
			regions_gather(g);
	}
	g->process = NULL;
}

static void scan_gather(struct gather *g)
{
	ei_iter it = ei_pool_hits(
		g->run, &(ei_pool_wish){
				.tag = "File",
				.least = ei_pointer_size(g->run) == 8 ? FILE_BLOCK_LEAST
								      : FILE_BLOCK_LEAST_32,
				.has_header = true,
				.object_type = "File",
				.type = &named_file_spec,
			});
	for (named_file f = ei_handle(g->run, named_file); ei_next(&it, &f);) {
		ei_val name = ei_get(f, FileName);
		bool is_physical = f.obj.space == &g->run->session->physical;
		if (ei_has(name) && name.length)
			gather_add(g, is_physical ? f.obj.space : NULL, f.obj.va, EI_FILES_SCANNED);
	}
}

// ---- the list -------------------------------------------------------------------------------

static size_t list_make(const struct gather *g, const ei_file **out)
{
	ei_file *list = ei_alloc(g->run->scratch, (g->count + 1) * sizeof *list);
	*out = list;
	for (size_t i = 0; list && i < g->count; i++) {
		const struct found *found = &g->items[i];
		list[i] = found->file;
		list[i].process = ei_absent(EI_NONE);
		if (found->process[0])
			list[i].process = ei_str(ei_text(g->run->scratch, "%s", found->process));
	}
	return list ? g->count : 0;
}

size_t ei_files(ei_run *run, const ei_files_wish *wish, const ei_file **out)
{
	struct gather g = { .run = run };
	if (wish->sources & (EI_FILES_HANDLES | EI_FILES_MAPPED))
		processes_gather(&g, wish);
	if (wish->sources & EI_FILES_SCANNED)
		scan_gather(&g);
	if (g.is_cut)
		ei_note(run, "more file objects than %zu: the rest is left out", g.count);
	size_t count = list_make(&g, out);
	free(g.items);
	free(g.slots);
	return count;
}

// ---- areas ----------------------------------------------------------------------------------

struct ei_areas {
	uint64_t *slots; // open addressing, AREA_SLOTS of them
	size_t count;
};

ei_areas *ei_areas_create(ei_run *run)
{
	ei_areas *areas = ei_alloc(run->scratch, sizeof *areas);
	uint64_t *slots = ei_alloc(run->scratch, AREA_SLOTS * sizeof *slots);
	if (!areas || !slots)
		return NULL;
	areas->slots = slots;
	return areas;
}

bool ei_areas_add(ei_areas *areas, uint64_t area)
{
	if (!areas || areas->count == AREA_SLOTS / 2)
		return true;
	size_t at = (size_t)(area * 0x9e3779b97f4a7c15ull >> 20) & (AREA_SLOTS - 1);
	while (areas->slots[at] && areas->slots[at] != area)
		at = (at + 1) & (AREA_SLOTS - 1);
	if (areas->slots[at] == area)
		return false;
	areas->slots[at] = area;
	areas->count++;
	return true;
}
