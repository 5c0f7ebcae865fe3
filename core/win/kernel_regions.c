// What is where in the kernel: modules, large pool blocks; the pool block around an address; the
// state of a page that nobody maps.
// SPDX-License-Identifier: Apache-2.0
#include "win/owner.h"
#include "win/pool_fields.h"
#include "win/region_fields.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	BIG_SLOTS_MAX = 1 << 20,
	BIG_BYTES_MAX = 1 << 30, // of one allocation
	TAG_BYTES = 4,
};

// ---- modules --------------------------------------------------------------------------------

static void modules_add(ei_run *run, struct regions *regions)
{
	ei_iter it = ei_modules(run);
	for (kldr_entry m = ei_handle(run, kldr_entry); ei_next(&it, &m);) {
		ei_val base = ei_get(m, DllBase), path = ei_get(m, FullDllName);
		ei_val text = ei_has(path) && path.length ? path : ei_get(m, BaseDllName);
		if (ei_has(base) && ei_has(text) && text.length)
			region_add(regions, base.u, ei_u64_or(ei_get(m, SizeOfImage), PAGE_SIZE),
				EI_REGION_DRIVER, text.s, text.length);
	}
}

// ---- the pool: large blocks -----------------------------------------------------------------

// The highest bit of a tag marks blocks that only their owner may free.
static bool tag_text(uint32_t tag, char out[TAG_BYTES + 1])
{
	for (unsigned i = 0; i < TAG_BYTES; i++) {
		char byte = (char)(tag >> 8 * i & (i == TAG_BYTES - 1 ? 0x7f : 0xff));
		if (byte < ' ' || byte > '~')
			return false;
		out[i] = byte;
	}
	out[TAG_BYTES] = '\0';
	return true;
}

static void pool_region_add(struct regions *regions, uint64_t va, uint64_t size, const char *tag)
{
	char name[TAG_BYTES + 8];
	int length = snprintf(name, sizeof name, "pool %s", tag);
	region_add(regions, va, size, EI_REGION_POOL, name, (size_t)length);
}

// The tracker of large blocks is a hash table; the lowest bit of an address marks free slots.
static void big_block_add(ei_run *run, const big_pages *block, struct regions *regions)
{
	uint64_t va = ei_u64_or(ei_get(*block, Va), 0);
	ei_val bytes = ei_get(*block, NumberOfBytes);
	uint64_t size =
		ei_has(bytes) ? bytes.u : ei_u64_or(ei_get(*block, NumberOfPages), 0) * PAGE_SIZE;
	char tag[TAG_BYTES + 1];
	if (va % PAGE_SIZE || va < run->session->identity.kernel.mode->kernel_start || !size ||
		size > BIG_BYTES_MAX || !tag_text((uint32_t)ei_u64_or(ei_get(*block, Key), 0), tag))
		return;
	pool_region_add(regions, va, size, tag);
}

static void big_blocks_add(ei_run *run, struct regions *regions)
{
	big_pages block = ei_handle(run, big_pages);
	uint64_t table_at, size_at, step = block.at->layout.type_size;
	if (!step || !ei_symbol(run, "PoolBigPageTable", &table_at) ||
		!ei_symbol(run, "PoolBigPageTableSize", &size_at))
		return;
	uint64_t table = ei_u64_or(ei_read_ptr(run, NULL, table_at), 0);
	uint64_t slots = ei_u64_or(ei_read_ptr(run, NULL, size_at), 0);
	for (uint64_t i = 0; table && i < MIN(slots, (uint64_t)BIG_SLOTS_MAX); i++) {
		ei_mark mark = ei_arena_mark(run->scratch);
		block.obj = ei_open(run, NULL, table + i * step, &block.at->layout);
		if (block.obj.bytes)
			big_block_add(run, &block, regions);
		ei_arena_rewind(run->scratch, mark);
		if (ei_stopped(run))
			return;
	}
}

void kernel_regions(ei_run *run, struct regions *regions)
{
	modules_add(run, regions);
	big_blocks_add(run, regions);
	regions_settle(regions);
}

// ---- the pool: small blocks -----------------------------------------------------------------

// A header as the four bytes at its front say, which are the same from XP to 11: sizes in units of
// the block's alignment, in 8 bits each on 64-bit systems and 9 on others.
struct small_block {
	unsigned previous, size; // bytes
	unsigned type;
	uint32_t tag;
};

struct pool_page {
	uint8_t bytes[PAGE_SIZE];
	unsigned unit; // 16 or 8
};

static struct small_block block_at(const struct pool_page *page, unsigned at)
{
	uint32_t front = load_u32(page->bytes + at);
	bool wide = page->unit == 16;
	return (struct small_block){
		.previous = (front & (wide ? 0xff : 0x1ff)) * page->unit,
		.size = (front >> 16 & (wide ? 0xff : 0x1ff)) * page->unit,
		.type = front >> (wide ? 24 : 25),
		.tag = load_u32(page->bytes + at + TAG_BYTES),
	};
}

// Blocks that fill the page from its first byte, each with the size of the one before: nothing else
// looks so.
static bool tag_by_chain(const struct pool_page *page, unsigned at, char tag[TAG_BYTES + 1])
{
	unsigned previous = 0;
	for (unsigned start = 0; start + page->unit <= PAGE_SIZE;) {
		struct small_block block = block_at(page, start);
		char text[TAG_BYTES + 1];
		if (block.previous != previous || block.size < page->unit ||
			start + block.size > PAGE_SIZE || !tag_text(block.tag, text))
			return false;
		if (at < start + block.size) {
			memcpy(tag, text, sizeof text);
			return true;
		}
		previous = block.size;
		start += block.size;
	}
	return false;
}

// Types of blocks in use: paged or not, with a quota or not, of a session or not.
static bool type_is_known(unsigned type)
{
	return type && !(type & ~0x2fU) && (type & 0xf) <= 0xd;
}

static bool is_block(const struct pool_page *page, unsigned at, char tag[TAG_BYTES + 1])
{
	struct small_block block = block_at(page, at);
	return block.size >= page->unit && at + block.size <= PAGE_SIZE &&
	       type_is_known(block.type) && tag_text(block.tag, tag);
}

// Since Windows 10 1903 blocks stand anywhere in a page. The nearest header before the address
// whose block reaches it is the one, when the block ends where another begins, or the page ends.
static bool tag_by_header(const struct pool_page *page, unsigned at, char tag[TAG_BYTES + 1])
{
	char next[TAG_BYTES + 1];
	for (unsigned start = at / page->unit * page->unit;; start -= page->unit) {
		unsigned end = start + block_at(page, start).size;
		if (start + page->unit <= at && end > at && is_block(page, start, tag) &&
			(end == PAGE_SIZE || is_block(page, end, next) ||
				(end + page->unit < PAGE_SIZE &&
					is_block(page, end + page->unit, next))))
			return true;
		if (!start)
			return false;
	}
}

bool pool_tag_at(ei_run *run, uint64_t va, char tag[5])
{
	struct pool_page page = { .unit = ei_pointer_size(run) * 2 };
	uint64_t start = va / PAGE_SIZE * PAGE_SIZE;
	if (ei_read(run, NULL, start, page.bytes, PAGE_SIZE) < PAGE_SIZE)
		return false;
	unsigned at = (unsigned)(va - start);
	return tag_by_chain(&page, at, tag) || tag_by_header(&page, at, tag);
}

// ---- the page frame database ----------------------------------------------------------------

const char *frame_state(ei_run *run, uint64_t pa)
{
	static const char *const states[] = { "zeroed", "free", "standby", "modified",
		"modified, not to be written", "bad", "in use", "in transition" };
	uint64_t symbol;
	frame_entry entry = ei_handle(run, frame_entry);
	uint64_t size = entry.at->layout.type_size;
	if (!size || entry.at->location.offset < 0 || !ei_symbol(run, "MmPfnDatabase", &symbol))
		return NULL;
	uint64_t base = ei_u64_or(ei_read_ptr(run, NULL, symbol), 0);
	if (!base)
		return NULL;
	ei_mark mark = ei_arena_mark(run->scratch);
	entry.obj = ei_open(run, NULL, base + pa / PAGE_SIZE * size, &entry.at->layout);
	ei_val location = ei_get(entry, location);
	ei_arena_rewind(run->scratch, mark);
	return ei_has(location) && location.u < ARRAY_LENGTH(states) ? states[location.u] : NULL;
}
