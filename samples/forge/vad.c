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

static struct object node_create(struct forge *f, const struct region_node *region)
{
	const char *type = region->file ? "_MMVAD" : "_MMVAD_SHORT";
	uint32_t bytes = forge_size(f, type, 64);
	uint64_t va = pool_take(f, POOL_NONPAGED, region->file ? "Vad " : "VadS", bytes);
	return (struct object){ &f->kernel, va, "_MMVAD_SHORT" };
}

static void node_write(struct forge *f, struct object node, const struct region_node *region)
{
	uint64_t first = region->start / PAGE_SIZE, last = region->end / PAGE_SIZE;
	forge_put(f, node, "StartingVpn", first);
	forge_put(f, node, "EndingVpn", last);
	forge_put(f, node, "StartingVpnHigh", first >> 32);
	forge_put(f, node, "EndingVpnHigh", last >> 32);
	forge_put(f, node, "u.VadFlags.Protection", region->protection);
	forge_put(f, node, "u.VadFlags.PrivateMemory", !region->file);
	forge_put(f, node, "u1.VadFlags1.CommitCharge|u.VadFlags.CommitCharge", region->commit);
	if (!region->file)
		return;
	forge_put(f, node, "u.VadFlags.VadType", VAD_TYPE_IMAGE);
	forge_put(f, node, "u.VadFlags.ImageMap", 1); // before Vista
	file_make_section(f, region->file);
	struct object full = { node.space, node.va, "_MMVAD" };
	forge_put(f, full, "Subsection", region->file->subsection);
	forge_put(f, full, "ControlArea", region->file->control_area);
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
	truth_row(f, "vadinfo", "{s:I, s:I, s:I, s:I, s:I, s:b, s:s?}", "pid", (json_int_t)p->pid,
		"offset", (json_int_t)node.va, "start", (json_int_t)p->regions[middle].start, "end",
		(json_int_t)p->regions[middle].end, "protection",
		(json_int_t)p->regions[middle].protection, "private", (int)!p->regions[middle].file,
		"file", p->regions[middle].file ? p->regions[middle].file->path : NULL);
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
