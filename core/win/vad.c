// Regions of a process, from the tree under _EPROCESS.VadRoot: in order, each node once.
// SPDX-License-Identifier: Apache-2.0
#include "win/session.h"
#include "win/vad_fields.h"
#include <eidetic/memory.h>

enum {
	VADS_MAX = 1 << 18, // nodes of one process
	DEPTH_MAX = 128,    // a balanced tree of so many nodes has 20 levels
	LINK_FLAGS = 3,     // low bits of a parent link: the balance
};

struct region_walk {
	ei_mark mark;
	uint64_t path[DEPTH_MAX]; // from the root to where the walk is: nodes not given yet
	size_t depth;
	uint64_t next; // subtree to go down into; 0: take the deepest of the path
	size_t left;   // nodes that may still be read
	uint64_t lost; // subtrees that could not be read, or are not true
	uint64_t last; // first address of the last region: they ascend
	bool any;
	vad_tree node; // tables, without an object
	vad_node core;
};

static ei_val node_get(ei_run *run, struct region_walk *walk, uint64_t va, vad_node *out)
{
	*out = walk->core;
	out->obj = ei_open(run, NULL, va, &out->at->layout);
	return ei_get(*out, start);
}

static uint64_t child_of(ei_val link)
{
	return ei_u64_or(link, 0) & ~(uint64_t)LINK_FLAGS;
}

static bool on_path(const struct region_walk *walk, uint64_t va)
{
	for (size_t i = 0; i < walk->depth; i++)
		if (walk->path[i] == va)
			return true;
	return false;
}

// Goes down to the left, as far as there are nodes.
static void walk_descend(ei_run *run, struct region_walk *walk)
{
	while (walk->next) {
		vad_node node;
		uint64_t va = walk->next;
		walk->next = 0;
		if (walk->depth == DEPTH_MAX || !walk->left || on_path(walk, va) ||
			!ei_has(node_get(run, walk, va, &node))) {
			walk->lost++;
			return;
		}
		walk->left--;
		walk->path[walk->depth++] = va;
		walk->next = child_of(ei_get(node, left));
	}
}

static struct region_walk *walk_begin(ei_run *run, const eprocess *process)
{
	struct region_walk *walk = ei_alloc(run->scratch, sizeof *walk);
	if (!walk)
		return NULL;
	process_vads p = ei_handle(run, process_vads);
	p.obj = ei_open(run, process->obj.space, process->obj.va, &p.at->layout);
	walk->core = ei_handle(run, vad_node);
	walk->node = ei_handle(run, vad_tree);
	walk->left = VADS_MAX;
	walk->next = child_of(ei_get(p, root));
	walk->mark = ei_arena_mark(run->scratch);
	return walk;
}

// ---- one region -----------------------------------------------------------------------------

// In the pool header right in front of the node.
static void tag_read(ei_run *run, uint64_t node, char tag[5])
{
	uint32_t back = ei_pointer_size(run) == 8 ? 12 : 4;
	memset(tag, 0, 5);
	if (ei_read(run, NULL, node - back, tag, 4) < 4)
		memset(tag, 0, 5);
}

static void mapped_read(ei_run *run, ei_region *region)
{
	vad_long vad = ei_at(run, vad_long, region->node);
	ei_val area = ei_get(vad, ControlArea), section = ei_get(vad, Subsection);
	region->first_entry = ei_u64_or(ei_get(vad, FirstPrototypePte), 0);
	region->last_entry = ei_u64_or(ei_get(vad, LastContiguousPte), 0);
	region->file = ei_absent(EI_NONE);
	if (ei_u64_or(section, 0)) {
		subsection part = ei_at(run, subsection, section.u);
		area = ei_get(part, ControlArea);
	}
	region->control_area = ei_u64_or(area, 0);
	if (!region->control_area)
		return;
	control_area control = ei_at(run, control_area, region->control_area);
	region->file_object = ei_u64_or(ei_get(control, FilePointer), 0);
	if (!region->file_object)
		return;
	file_object file = ei_at(run, file_object, region->file_object);
	region->file = ei_get(file, FileName);
}

static bool tag_is(const ei_region *region, const char *tag)
{
	return !memcmp(region->tag, tag, 4);
}

static uint64_t parent_of(ei_run *run, const struct region_walk *walk, uint64_t va)
{
	vad_tree node = walk->node;
	node.obj = ei_open(run, NULL, va, &node.at->layout);
	return child_of(ei_get(node, parent));
}

// A neighbour in the tree leads back to it. Asked of what has no tag of a node: its pool header is
// missing, the system uses other tags, or it is none.
static bool is_linked(ei_run *run, struct region_walk *walk, uint64_t va, const vad_node *node)
{
	uint64_t left = child_of(ei_get(*node, left)), right = child_of(ei_get(*node, right));
	if ((left && parent_of(run, walk, left) == va) ||
		(right && parent_of(run, walk, right) == va))
		return true;
	vad_node above;
	uint64_t parent = parent_of(run, walk, va);
	(void)node_get(run, walk, parent, &above);
	return parent &&
	       (child_of(ei_get(above, left)) == va || child_of(ei_get(above, right)) == va);
}

static bool region_fill(ei_run *run, struct region_walk *walk, uint64_t va, ei_region *out)
{
	vad_node node;
	ei_val start = node_get(run, walk, va, &node), end = ei_get(node, end);
	const uint64_t pages = run->session->identity.kernel.mode->user_end / PAGE_SIZE;
	uint64_t first = ei_u64_or(start, 0) | ei_u64_or(ei_get(node, start_high), 0) << 32;
	uint64_t last = ei_u64_or(end, 0) | ei_u64_or(ei_get(node, end_high), 0) << 32;
	if (!ei_has(start) || !ei_has(end) || first > last || last > pages ||
		(walk->any && first <= walk->last))
		return false;
	char tag[sizeof out->tag];
	tag_read(run, va, tag);
	bool is_tagged = !memcmp(tag, "Vad", 3);
	if (!is_tagged && !is_linked(run, walk, va, &node))
		return false; // a page of zeroes, or no node at all
	walk->any = true;
	walk->last = first;
	vad_tree links = walk->node;
	links.obj = ei_open(run, NULL, va, &links.at->layout);
	*out = (ei_region){
		.node = va,
		.parent = child_of(ei_get(links, parent)),
		.left = ei_u64_or(ei_get(node, left), 0),
		.right = ei_u64_or(ei_get(node, right), 0),
		.start = first * PAGE_SIZE,
		.end = last * PAGE_SIZE + PAGE_SIZE - 1,
		.protection = ei_get(links, protection),
		.commit = ei_get(links, commit),
		.is_private = ei_get(links, is_private),
		.type = ei_get(links, type),
		.file = ei_absent(is_tagged ? EI_NONE : EI_UNREADABLE),
	};
	memcpy(out->tag, tag, sizeof tag);
	out->is_short = tag_is(out, "VadS") || tag_is(out, "VadF");
	if (is_tagged && !out->is_short)
		mapped_read(run, out);
	return true;
}

static void walk_note(ei_run *run, const struct region_walk *walk, const eprocess *process)
{
	if (walk->lost)
		ei_note(run, "regions of process %llu: %llu parts of the tree cannot be read",
			(unsigned long long)ei_u64_or(ei_get(*process, UniqueProcessId), 0),
			(unsigned long long)walk->lost);
}

bool ei_next_region(ei_run *run, const eprocess *process, ei_region_cursor *cursor, ei_region *out)
{
	struct region_walk *walk = cursor->state;
	if (!walk)
		cursor->state = walk = walk_begin(run, process);
	if (!walk)
		return false;
	ei_arena_rewind(run->scratch, walk->mark);
	while (!ei_stopped(run)) {
		vad_node node;
		walk_descend(run, walk);
		if (!walk->depth)
			break;
		uint64_t va = walk->path[--walk->depth];
		node_get(run, walk, va, &node);
		walk->next = child_of(ei_get(node, right));
		if (region_fill(run, walk, va, out))
			return true;
		walk->lost++;
	}
	walk_note(run, walk, process);
	walk->lost = 0;
	return false;
}

// ---- protection -----------------------------------------------------------------------------

ei_val ei_protection_text(ei_run *run, ei_val protection)
{
	static const char *const access[] = { "PAGE_NOACCESS", "PAGE_READONLY", "PAGE_EXECUTE",
		"PAGE_EXECUTE_READ", "PAGE_READWRITE", "PAGE_WRITECOPY", "PAGE_EXECUTE_READWRITE",
		"PAGE_EXECUTE_WRITECOPY" };
	static const char *const manner[] = { "", "|PAGE_NOCACHE", "|PAGE_GUARD",
		"|PAGE_WRITECOMBINE" };
	if (!ei_has(protection))
		return protection;
	return ei_str(ei_text(run->scratch, "%s%s", access[protection.u & EI_PROTECT_ACCESS],
		manner[protection.u >> 3 & 3]));
}
