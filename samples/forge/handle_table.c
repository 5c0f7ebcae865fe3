// Handle tables of one to three levels, and the table of process and thread ids.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdlib.h>

static uint32_t entry_bytes(struct forge *f)
{
	return forge_size(f, "_HANDLE_TABLE_ENTRY", f->pointer * 2);
}

void handle_add(struct forge *f, struct handle_list *list, struct handle_entry entry)
{
	struct handle_entry *grown = realloc(list->entries, (list->count + 1) * sizeof *grown);
	if (!grown) {
		forge_fail(f, EI_E_NOMEM, "no memory");
		return;
	}
	size_t at = list->count++;
	list->entries = grown;
	for (; at && grown[at - 1].index > entry.index; at--)
		grown[at] = grown[at - 1];
	grown[at] = entry;
}

// Since Windows 8 an entry keeps the bits of an address that differ between objects; before, the
// low bits of the pointer are flags, the first of them says "not locked".
static void entry_write(struct forge *f, uint64_t va, const struct handle_entry *e)
{
	struct object entry = { &f->kernel, va, "_HANDLE_TABLE_ENTRY" };
	struct member m;
	if (profile_member(f->profile, entry.type, "ObjectPointerBits", &m)) {
		forge_put(f, entry, "ObjectPointerBits", e->target >> (f->pointer == 8 ? 4 : 3));
		forge_put(f, entry, "Unlocked", 1);
		forge_put(f, entry, "RefCnt", 0x7ffe);
		forge_put(f, entry, "Attributes", e->attributes);
		forge_put(f, entry, "GrantedAccessBits", e->access);
	} else {
		forge_put(f, entry, "Object", e->target | 1 | (e->attributes & 3) << 1);
		forge_put(f, entry, "GrantedAccess", e->access);
	}
}

struct table_shape {
	uint32_t stride, per_leaf, per_node;
};

static uint64_t leaf_write(struct forge *f, const struct table_shape *shape,
	const struct handle_list *list, size_t *next, uint32_t leaf)
{
	uint32_t first = leaf * shape->per_leaf;
	bool used = *next < list->count && list->entries[*next].index < first + shape->per_leaf;
	if (!used)
		return region_reserve(f, REGION_PAGED, PAGE_SIZE);
	uint64_t va = region_take(f, REGION_PAGED, PAGE_SIZE);
	for (; *next < list->count; (*next)++) {
		const struct handle_entry *e = &list->entries[*next];
		if (e->index >= first + shape->per_leaf)
			break;
		entry_write(f, va + (uint64_t)(e->index - first) * shape->stride, e);
	}
	return va;
}

static uint64_t node_write(struct forge *f, const struct table_shape *shape,
	const struct handle_list *list, size_t *next, uint32_t first_leaf, uint32_t leaves)
{
	uint64_t va = region_take(f, REGION_PAGED, PAGE_SIZE);
	for (uint32_t i = 0; i < shape->per_node && first_leaf + i < leaves && !f->error; i++)
		write_pointer(f, &f->kernel, va + (uint64_t)i * f->pointer,
			leaf_write(f, shape, list, next, first_leaf + i));
	return va;
}

static uint64_t levels_write(struct forge *f, const struct table_shape *shape,
	const struct handle_list *list, uint32_t leaves)
{
	size_t next = 0;
	if (leaves == 1)
		return list->count ? leaf_write(f, shape, list, &next, 0)
				   : region_take(f, REGION_PAGED, PAGE_SIZE);
	if (leaves <= shape->per_node)
		return node_write(f, shape, list, &next, 0, leaves) | 1;
	uint64_t top = region_take(f, REGION_PAGED, PAGE_SIZE);
	for (uint32_t i = 0; i * shape->per_node < leaves && i < shape->per_node && !f->error; i++)
		write_pointer(f, &f->kernel, top + (uint64_t)i * f->pointer,
			node_write(f, shape, list, &next, i * shape->per_node, leaves));
	return top | 2;
}

static void count_write(struct forge *f, struct object table, size_t count)
{
	forge_put(f, table, "HandleCount", count);
	struct object list = { &f->kernel, forge_field(f, table, "FreeLists"),
		"_HANDLE_TABLE_FREE_LIST" };
	if (list.va)
		forge_put(f, list, "HandleCount", count);
}

uint64_t handle_table_write(struct forge *f, const struct handle_list *list, bool of_ids)
{
	struct object table = { &f->kernel, 0, "_HANDLE_TABLE" };
	table.va = pool_take(f, POOL_PAGED, "Obtb", forge_size(f, table.type, f->pointer * 16));
	struct table_shape shape = { .stride = entry_bytes(f) };
	shape.per_leaf = PAGE_SIZE / shape.stride;
	shape.per_node = PAGE_SIZE / f->pointer;
	uint32_t last = list->count ? list->entries[list->count - 1].index : 0;
	uint32_t leaves = last / shape.per_leaf + 1;
	forge_put(f, table, "TableCode", levels_write(f, &shape, list, leaves));
	forge_put(f, table, "NextHandleNeedingPool", leaves * shape.per_leaf * 4);
	forge_put(f, table, "StrictFIFO", of_ids);
	count_write(f, table, list->count);
	uint64_t links = forge_field(f, table, "HandleTableList");
	uint64_t head = kernel_symbol(f, "HandleTableListHead");
	if (links && head && !of_ids)
		list_add(f, &f->kernel, head, links);
	else if (links)
		list_init(f, &f->kernel, links);
	return table.va;
}

// ---- ids
// ------------------------------------------------------------------------------------------
bool id_take(struct forge *f, uint64_t id)
{
	uint64_t bit = id / 4;
	if (bit >= 8 * sizeof f->id_used || f->id_used[bit / 8] >> bit % 8 & 1)
		return false;
	f->id_used[bit / 8] |= (uint8_t)(1u << bit % 8);
	return true;
}

void id_table_write(struct forge *f)
{
	kernel_set(f, "PspCidTable", handle_table_write(f, &f->ids, true));
}
