// The stretches of a process's address space, by the kernel's tree of them.
// SPDX-License-Identifier: Apache-2.0
#include "win/owner.h"
#include "win/vad_fields.h"

enum {
	VADS_MAX = 1 << 16, // of one process
	PENDING_MAX = 1024, // nodes whose subtree is still to be walked
};

struct vad_walk {
	ei_run *run;
	struct owner_table *table;
	size_t modules; // regions that have a better name already, sorted
	uint64_t pending[PENDING_MAX];
	size_t count;
	size_t left; // nodes that may still be read
};

static void walk_push(struct vad_walk *walk, ei_val node)
{
	if (ei_has(node) && node.u && walk->count < PENDING_MAX)
		walk->pending[walk->count++] = node.u;
}

// \Windows\System32\ntdll.dll; EI_NONE for what is backed by the page file.
static ei_val vad_file(ei_run *run, uint64_t va)
{
	vad_long vad = ei_at(run, vad_long, va);
	ei_val area = ei_get(vad, ControlArea);
	ei_val section = ei_get(vad, Subsection);
	if (ei_has(section) && section.u) {
		subsection part = ei_at(run, subsection, section.u);
		area = ei_get(part, ControlArea);
	}
	if (!ei_has(area) || !area.u)
		return ei_absent(EI_NONE);
	control_area control = ei_at(run, control_area, area.u);
	ei_val file = ei_get(control, FilePointer);
	if (!ei_has(file) || !file.u)
		return ei_absent(EI_NONE);
	file_object object = ei_at(run, file_object, file.u);
	return ei_get(object, FileName);
}

static bool has_module(const struct vad_walk *walk, uint64_t start)
{
	struct owner modules = walk->table->owners[walk->table->count - 1];
	modules.region_count = walk->modules;
	return owner_region_name(&modules, start) != NULL;
}

static void node_read(struct vad_walk *walk, uint64_t va)
{
	vad_node node = ei_at(walk->run, vad_node, va);
	ei_val start = ei_get(node, start), end = ei_get(node, end);
	walk_push(walk, ei_get(node, left));
	walk_push(walk, ei_get(node, right));
	if (!ei_has(start) || !ei_has(end))
		return;
	uint64_t first = start.u | ei_u64_or(ei_get(node, start_high), 0) << 32;
	uint64_t last = end.u | ei_u64_or(ei_get(node, end_high), 0) << 32;
	const uint64_t pages = walk->run->session->identity.kernel.mode->user_end / PAGE_SIZE;
	if (first > last || last > pages || has_module(walk, first * PAGE_SIZE))
		return;
	bool is_private = ei_u64_or(ei_get(node, is_private), 0) != 0;
	ei_val name = is_private ? ei_str("private") : vad_file(walk->run, va);
	if (!ei_has(name) || !name.length)
		name = ei_str("mapped");
	owner_region_add(walk->table, first * PAGE_SIZE, (last - first + 1) * PAGE_SIZE, name.s,
		name.length);
}

void owner_add_vads(ei_run *run, struct owner_table *table, const eprocess *process)
{
	process_vads p = ei_handle(run, process_vads);
	p.obj = ei_open(run, process->obj.space, process->obj.va, &p.at->layout);
	struct vad_walk *walk = ei_alloc(run->scratch, sizeof *walk);
	if (!walk)
		return;
	walk->run = run;
	walk->table = table;
	walk->modules = table->owners[table->count - 1].region_count;
	walk->left = VADS_MAX;
	walk_push(walk, ei_get(p, root));
	while (walk->count && walk->left-- && !ei_stopped(run)) {
		ei_mark mark = ei_arena_mark(run->scratch);
		node_read(walk, walk->pending[--walk->count]);
		ei_arena_rewind(run->scratch, mark);
	}
}
