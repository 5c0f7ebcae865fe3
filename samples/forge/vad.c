// The tree of address descriptors of a process.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdlib.h>

enum { VAD_TYPE_IMAGE = 2 };

void vad_add(struct forge *f, struct process *p, struct region_node region)
{
	struct region_node *grown = realloc(p->regions, (p->region_count + 1) * sizeof *grown);
	if (!grown) {
		forge_fail(f, EI_E_NOMEM, "no memory");
		return;
	}
	p->regions = grown;
	p->regions[p->region_count++] = region;
}

static int region_compare(const void *a, const void *b)
{
	const struct region_node *left = a, *right = b;
	return (left->start > right->start) - (left->start < right->start);
}

static const struct section *region_section(const struct region_node *region)
{
	return region->file ? &region->file->section : region->section;
}

static const char *region_tag(const struct region_node *region)
{
	return region_section(region) ? "Vad " : "VadS";
}

static struct object node_create(struct forge *f, const struct region_node *region)
{
	const char *type = region_section(region) ? "_MMVAD" : "_MMVAD_SHORT";
	uint32_t bytes = forge_size(f, type, 64);
	uint64_t va = pool_take(f, POOL_NONPAGED, region_tag(region), bytes);
	return (struct object){ &f->kernel, va, "_MMVAD_SHORT" };
}

static void node_write_section(struct forge *f, struct object node, const struct section *s)
{
	struct object full = { node.space, node.va, "_MMVAD" };
	forge_put(f, full, "Subsection", s->subsection);
	forge_put(f, full, "ControlArea", s->control_area);
	forge_put(f, full, "FirstPrototypePte", s->prototypes);
	forge_put(f, full, "LastContiguousPte", section_last_pte(f, s));
}

static void node_write(struct forge *f, struct object node, const struct region_node *region)
{
	uint64_t first = region->start / PAGE_SIZE, last = region->end / PAGE_SIZE;
	forge_put(f, node, "StartingVpn", first);
	forge_put(f, node, "EndingVpn", last);
	forge_put(f, node, "StartingVpnHigh", first >> 32);
	forge_put(f, node, "EndingVpnHigh", last >> 32);
	forge_put(f, node, "u.VadFlags.Protection", region->protection);
	forge_put(f, node, "u.VadFlags.PrivateMemory", !region_section(region));
	forge_put(f, node, "u1.VadFlags1.CommitCharge|u.VadFlags.CommitCharge|CommitCharge",
		region->commit);
	if (region->file) {
		forge_put(f, node, "u.VadFlags.VadType", VAD_TYPE_IMAGE);
		forge_put(f, node, "u.VadFlags.ImageMap", 1); // before Vista
		file_make_section(f, region->file);
	} else if (!region->section) {
		forge_put(f, node, "u1.VadFlags1.MemCommit|u.VadFlags.MemCommit", 1);
	}
	if (region_section(region))
		node_write_section(f, node, region_section(region));
}

// ---- truth
// ----------------------------------------------------------------------------------------
static const char *region_path(const struct region_node *region)
{
	return region->file ? region->file->path : region->path;
}

static const uint8_t *resident_page(struct forge *f, struct process *p, uint64_t va)
{
	uint64_t frame = paging_frame(f, &p->space, va);
	return frame == UINT64_MAX ? NULL : memory_page(f, frame);
}

static bool region_has_bytes(struct forge *f, struct process *p, const struct region_node *region)
{
	static const uint8_t zeroes[PAGE_SIZE];
	for (uint64_t va = region->start; va < region->end; va += PAGE_SIZE) {
		const uint8_t *page = resident_page(f, p, va);
		if (page && memcmp(page, zeroes, PAGE_SIZE) != 0)
			return true;
	}
	return false;
}

static const char *region_note(const uint8_t *page)
{
	static const struct {
		uint8_t bytes[2];
		const char *note;
	} notes[] = {
		{ { 'M', 'Z' }, "MZ header" },
		{ { 0x55, 0x8b }, "PE header" },
		{ { 0x55, 0x48 }, "Function prologue" },
		{ { 0x55, 0x89 }, "Function prologue" },
	};
	for (size_t i = 0; page && i < ARRAY_LENGTH(notes); i++) {
		if (memcmp(page, notes[i].bytes, 2) == 0)
			return notes[i].note;
	}
	return NULL;
}

// Memory that was allocated writable and executable at once, and has something in it.
static void truth_injected(struct forge *f, struct process *p, const struct region_node *region)
{
	enum { WRITE_EXECUTE = 6, COPY_EXECUTE = 7 };
	uint32_t protection = region->protection & 7;
	bool wanted = protection == WRITE_EXECUTE ||
		      (protection == COPY_EXECUTE && !region_section(region));
	if (!f->truth || !wanted || !region_has_bytes(f, p, region))
		return;
	truth_row(f, "malfind", "{s:I, s:s, s:I, s:I, s:s, s:I, s:I, s:b, s:s?}", "pid",
		(json_int_t)p->pid, "process", p->name, "start", (json_int_t)region->start, "end",
		(json_int_t)region->end, "tag", region_tag(region), "protection",
		(json_int_t)region->protection, "commit", (json_int_t)region->commit, "private",
		(int)!region_section(region), "notes",
		region_note(resident_page(f, p, region->start)));
}

// Everything that starts like a program, and which of the loader's lists name it.
static void truth_program(struct forge *f, struct process *p, const struct region_node *region)
{
	const uint8_t *page = f->truth ? resident_page(f, p, region->start) : NULL;
	const char *path = region_path(region);
	uint32_t lists = 0;
	if (!page || memcmp(page, "MZ", 2) != 0)
		return;
	for (size_t i = 0; i < p->image_count; i++) {
		if (p->images[i].base == region->start)
			lists |= p->images[i].lists;
	}
	truth_row(f, "ldrmodules", "{s:I, s:s, s:I, s:b, s:b, s:b, s:s?}", "pid",
		(json_int_t)p->pid, "process", p->name, "base", (json_int_t)region->start, "load",
		(int)((lists & IN_LOAD) != 0), "init", (int)((lists & IN_INITIALISATION) != 0),
		"mem", (int)((lists & IN_MEMORY) != 0), "mapped", path ? file_tail(path) : NULL);
}

static void truth_region(
	struct forge *f, struct process *p, const struct region_node *region, uint64_t node)
{
	const char *path = region_path(region);
	truth_row(f, "vadinfo", "{s:I, s:s, s:I, s:I, s:I, s:s, s:I, s:I, s:b, s:s?, s:s?}", "pid",
		(json_int_t)p->pid, "process", p->name, "offset", (json_int_t)node, "start",
		(json_int_t)region->start, "end", (json_int_t)region->end, "tag",
		region_tag(region), "protection", (json_int_t)region->protection, "commit",
		(json_int_t)region->commit, "private", (int)!region_section(region), "file", path,
		"mapped", path ? file_tail(path) : NULL);
	truth_injected(f, p, region);
	truth_program(f, p, region);
}

// A balanced tree over sorted regions: the middle one is the root. Depth is log2 of the count.
static uint64_t tree_write(
	struct forge *f, struct process *p, size_t first, size_t end, uint64_t parent)
{
	if (first >= end || f->error)
		return 0;
	size_t middle = first + (end - first) / 2;
	struct object node = node_create(f, &p->regions[middle]);
	node_write(f, node, &p->regions[middle]);
	uint64_t left = tree_write(f, p, first, middle, node.va);
	uint64_t right = tree_write(f, p, middle + 1, end, node.va);
	forge_put(f, node, "VadNode.Left|VadNode.LeftChild|LeftChild", left);
	forge_put(f, node, "VadNode.Right|VadNode.RightChild|RightChild", right);
	forge_put(f, node, "VadNode.ParentValue|VadNode.u1.Parent|u1.Parent|Parent", parent);
	truth_region(f, p, &p->regions[middle], node.va);
	return node.va;
}

void vad_write_tree(struct forge *f, struct process *p)
{
	if (!p->region_count)
		return;
	qsort(p->regions, p->region_count, sizeof *p->regions, region_compare);
	uint64_t head = forge_field(f, p->object, "VadRoot.BalancedRoot");
	uint64_t root = tree_write(f, p, 0, p->region_count, head);
	forge_put(f, p->object, "VadRoot.Root|VadRoot.BalancedRoot.RightChild|VadRoot", root);
	forge_put(f, p->object, "VadRoot.NumberGenericTableElements|VadCount", p->region_count);
	forge_put(f, p->object, "VadHint|VadRoot.NodeHint", root);
}
