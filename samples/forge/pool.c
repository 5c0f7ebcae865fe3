// The kernel's heap: small blocks with headers and tags, big allocations in a table.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdlib.h>

static uint32_t pool_unit(const struct forge *f)
{
	return f->pointer * 2;
}

static uint32_t pool_header_bytes(struct forge *f)
{
	return forge_size(f, "_POOL_HEADER", pool_unit(f));
}

static uint32_t tag_value(const char *tag)
{
	return load_u32(tag);
}

// Before Vista a type is stored with 1 added, since with 2: so paged pool was even, then odd.
static uint32_t pool_type_value(const struct forge *f, enum pool_kind kind)
{
	return (kind == POOL_PAGED ? 1 : 0) + (f->vista ? 2 : 1);
}

struct pool_block {
	uint64_t va;
	uint32_t bytes, previous, tag, type;
};

// Some builds' symbols lack _POOL_HEADER; those that have it agree.
static void pool_write_plain_header(struct forge *f, const struct pool_block *block)
{
	uint32_t unit = pool_unit(f), low = f->pointer == 8 ? 8 : 9;
	uint16_t words[2] = {
		(uint16_t)(block->previous / unit),
		(uint16_t)(block->bytes / unit | block->type << low),
	};
	write_bytes(f, &f->kernel, block->va, words, sizeof words);
	write_bytes(f, &f->kernel, block->va + 4, &block->tag, sizeof block->tag);
}

static void pool_write_header(struct forge *f, const struct pool_block *block)
{
	struct object h = { &f->kernel, block->va, "_POOL_HEADER" };
	if (!forge_size(f, h.type, 0)) {
		pool_write_plain_header(f, block);
		return;
	}
	forge_put(f, h, "PreviousSize", block->previous / pool_unit(f));
	forge_put(f, h, "BlockSize", block->bytes / pool_unit(f));
	forge_put(f, h, "PoolType", block->type);
	forge_put(f, h, "PoolTag", block->tag);
}

// What is left of a page becomes a free block.
static void pool_close_page(struct forge *f, struct pool *pool)
{
	if (!pool->page || pool->used + pool_header_bytes(f) > PAGE_SIZE)
		return;
	struct pool_block rest = {
		.va = pool->page + pool->used,
		.bytes = PAGE_SIZE - pool->used,
		.previous = pool->previous_size,
		.tag = tag_value("Free"),
	};
	pool_write_header(f, &rest);
}

static void pool_note_big(struct forge *f, struct big_allocation big)
{
	struct big_allocation *grown = realloc(f->big, (f->big_count + 1) * sizeof *grown);
	if (!grown) {
		forge_fail(f, EI_E_NOMEM, "no memory");
		return;
	}
	f->big = grown;
	f->big[f->big_count++] = big;
}

static uint64_t pool_take_big(struct forge *f, enum pool_kind kind, const char *tag, uint32_t bytes)
{
	enum region region = kind == POOL_PAGED ? REGION_PAGED : REGION_NONPAGED;
	uint64_t va = region_take(f, region, bytes);
	pool_note_big(f, (struct big_allocation){ va, tag_value(tag), bytes, kind });
	return va;
}

uint64_t pool_take(struct forge *f, enum pool_kind kind, const char *tag, uint32_t bytes)
{
	struct pool *pool = &f->pools[kind];
	uint32_t unit = pool_unit(f);
	uint32_t header = pool_header_bytes(f);
	uint32_t total = (header + bytes + unit - 1) / unit * unit;
	if (total > PAGE_SIZE - unit)
		return pool_take_big(f, kind, tag, bytes);
	if (!pool->page || pool->used + total > PAGE_SIZE) {
		pool_close_page(f, pool);
		enum region region = kind == POOL_PAGED ? REGION_PAGED : REGION_NONPAGED;
		*pool = (struct pool){ .page = region_take(f, region, PAGE_SIZE) };
	}
	struct pool_block block = {
		.va = pool->page + pool->used,
		.bytes = total,
		.previous = pool->previous_size,
		.tag = tag_value(tag),
		.type = pool_type_value(f, kind),
	};
	pool_write_header(f, &block);
	pool->used += total;
	pool->previous_size = total;
	return block.va + header;
}

uint64_t pool_text(struct forge *f, enum pool_kind kind, const char *utf8, uint32_t *bytes)
{
	*bytes = utf16_bytes(utf8);
	uint64_t va = pool_take(f, kind, "ObNm", *bytes + 2);
	write_utf16(f, &f->kernel, va, utf8);
	return va;
}

// The tracker of big allocations is a hash table in the kernel; readers go over all its slots.
void pool_write_big_table(struct forge *f)
{
	uint32_t entry = forge_size(f, "_POOL_TRACKER_BIG_PAGES", f->pointer == 8 ? 24 : 16);
	uint32_t slots = 512;
	while (slots < f->big_count * 2)
		slots *= 2;
	uint64_t table = region_take(f, REGION_NONPAGED, (uint64_t)slots * entry);
	for (size_t i = 0; i < f->big_count; i++) {
		const struct big_allocation *big = &f->big[i];
		uint32_t slot = (uint32_t)((big->va >> 12) * 2654435761u) & (slots - 1);
		struct object o = { &f->kernel, 0, "_POOL_TRACKER_BIG_PAGES" };
		do {
			o.va = table + (uint64_t)slot * entry;
			slot = (slot + 1) & (slots - 1);
		} while (read_pointer(f, &f->kernel, o.va));
		forge_put(f, o, "Va", big->va);
		forge_put(f, o, "Key", big->tag);
		forge_put(f, o, "PoolType", big->kind == POOL_PAGED);
		forge_put(f, o, "NumberOfBytes", big->bytes);
		forge_put(f, o, "NumberOfPages", (big->bytes + PAGE_SIZE - 1) / PAGE_SIZE);
		char tag[5] = { 0 };
		memcpy(tag, &big->tag, 4);
		truth_row(f, "bigpools", "{s:I, s:s, s:s, s:I}", "allocation", (json_int_t)big->va,
			"tag", tag, "type", big->kind == POOL_PAGED ? "PagedPool" : "NonPagedPool",
			"bytes", (json_int_t)big->bytes);
	}
	kernel_set(f, "PoolBigPageTable", table);
	kernel_set(f, "PoolBigPageTableSize", slots);
}
