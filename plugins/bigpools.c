// bigpools: allocations of the kernel's pool that are a page or more, by its table of them.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/system.h>
#include <eidetic/win.h>
#include <string.h>

enum { ALLOCATION, TAG, POOL_TYPE, BYTES, STATUS, COLUMNS };
enum { OPT_TAGS, OPT_FREE };
enum { ENTRIES_MAX = 1 << 22, FREE_BIT = 1, BATCH = 256, PAGE_BYTES = 4096 };

// clang-format off
#define BIG_PAGE_FIELDS(F, ALT)                                                                    \
	F(Va,            PTR,  MUST)                                                               \
	F(Key,           UINT, MUST)                                                               \
	F(PoolType,      UINT, MAY)                                                                \
	F(NumberOfBytes, UINT, MAY)                                                                \
	F(NumberOfPages, UINT, MAY)
EI_TYPE(big_page, "_POOL_TRACKER_BIG_PAGES", BIG_PAGE_FIELDS);

static const ei_column columns[COLUMNS] = {
	[ALLOCATION] = { "allocation", EI_ADDR, "address of the allocation; its lowest bit says that it is free", .vol3 = "Allocation" },
	[TAG]        = { "tag",        EI_STR,  "pool tag", .vol3 = "Tag" },
	[POOL_TYPE]  = { "pool_type",  EI_STR,  "kind of pool", .vol3 = "PoolType" },
	[BYTES]      = { "bytes",      EI_HEX,  "size of the allocation", .vol3 = "NumberOfBytes" },
	[STATUS]     = { "status",     EI_STR,  "Allocated or Free", .vol3 = "Status" },
};

static const ei_option options[] = {
	[OPT_TAGS] = { "tags",      EI_STR,  EI_MANY, "only allocations with these tags" },
	[OPT_FREE] = { "show-free", EI_BOOL, 0,       "those that were freed, too" },
};
// clang-format on

static ei_val tag_text(ei_run *r, uint64_t key)
{
	char *text = ei_alloc(ei_scratch(r), 5), *end = text;
	for (int i = 0; text && i < 4; i++, key >>= 8) {
		char letter = (char)(key & 0xff);
		if (letter > ' ' && letter < 0x7f)
			*end++ = letter;
	}
	return ei_str(text);
}

// _POOL_TYPE, by the names that driver writers know.
static const struct pool_type {
	unsigned number;
	const char *name;
} pool_types[] = {
	{ 0, "NonPagedPool" },
	{ 1, "PagedPool" },
	{ 2, "NonPagedPoolMustSucceed" },
	{ 3, "DontUseThisType" },
	{ 4, "NonPagedPoolCacheAligned" },
	{ 5, "PagedPoolCacheAligned" },
	{ 6, "NonPagedPoolCacheAlignedMustS" },
	{ 7, "MaxPoolType" },
	{ 32, "NonPagedPoolSession" },
	{ 33, "PagedPoolSession" },
	{ 34, "NonPagedPoolMustSucceedSession" },
	{ 35, "DontUseThisTypeSession" },
	{ 36, "NonPagedPoolCacheAlignedSession" },
	{ 37, "PagedPoolCacheAlignedSession" },
	{ 38, "NonPagedPoolCacheAlignedMustSSession" },
	{ 512, "NonPagedPoolNx" },
	{ 516, "NonPagedPoolNxCacheAligned" },
	{ 544, "NonPagedPoolSessionNx" },
};

static ei_val pool_type_text(ei_run *r, ei_val number)
{
	if (!ei_has(number))
		return number;
	for (size_t i = 0; i < EI_COUNT(pool_types); i++)
		if (pool_types[i].number == number.u)
			return ei_str(pool_types[i].name);
	return ei_str(ei_text(ei_scratch(r), "Unknown choice %llu", (unsigned long long)number.u));
}

// Until Windows 2003 the table counts pages.
static ei_val bytes_of(ei_run *r, const big_page *entry)
{
	ei_val bytes = ei_get(*entry, NumberOfBytes), pages = ei_get(*entry, NumberOfPages);
	bool counts_pages = bytes.state == EI_NO_FIELD && ei_has(pages) && !ei_compat_vol3(r);
	return counts_pages ? ei_hex(pages.u * PAGE_BYTES) : bytes;
}

static bool tag_wanted(ei_run *r, ei_val tag)
{
	size_t count = ei_opt_count(r, OPT_TAGS);
	for (size_t i = 0; i < count; i++) {
		ei_val wanted = ei_opt_at(r, OPT_TAGS, i);
		if (ei_has(tag) && wanted.length == tag.length &&
			!memcmp(wanted.s, tag.s, tag.length))
			return true;
	}
	return !count;
}

static void entry_emit(ei_run *r, uint64_t at)
{
	big_page entry = ei_at(r, big_page, at);
	ei_val va = ei_get(entry, Va), key = ei_get(entry, Key);
	if (!ei_u64_or(key, 0) || !ei_has(va))
		return;
	bool is_free = va.u & FREE_BIT;
	ei_val tag = tag_text(r, key.u);
	if ((is_free && !ei_has(ei_opt(r, OPT_FREE))) || !tag_wanted(r, tag))
		return;
	ei_emit(r, (ei_val[COLUMNS]){
			   [ALLOCATION] = va,
			   [TAG] = tag,
			   [POOL_TYPE] = pool_type_text(r, ei_get(entry, PoolType)),
			   [BYTES] = bytes_of(r, &entry),
			   [STATUS] = ei_str(is_free ? "Free" : "Allocated"),
		   });
}

static ei_error *run(ei_run *r)
{
	uint64_t table_at = 0, count_at = 0;
	ei_symbol(r, "PoolBigPageTable", &table_at);
	ei_symbol(r, "PoolBigPageTableSize", &count_at);
	uint32_t size = ei_handle(r, big_page).at->layout.type_size;
	ei_val table = ei_read_ptr(r, NULL, table_at), count = ei_read_u32(r, NULL, count_at);
	if (!ei_u64_or(table, 0) || !ei_u64_or(count, 0) || count.u > ENTRIES_MAX) {
		ei_note(r, "PoolBigPageTable cannot be read, or has no entries that can be true");
		return NULL;
	}
	ei_mark mark = ei_arena_mark(ei_scratch(r));
	for (uint64_t i = 0; i < count.u && !ei_stopped(r); i++) {
		entry_emit(r, table.u + i * size);
		ei_arena_rewind(ei_scratch(r), mark);
		if (i % BATCH == 0)
			ei_progress(r, i, count.u);
	}
	return NULL;
}

EI_PLUGIN(bigpools) = {
	EI_HEAD(bigpools),
	.vol3 = "windows.bigpools.BigPools",
	.purpose = "large allocations of the kernel's pool",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&big_page_spec),
	EI_SYMBOLS("PoolBigPageTable", "PoolBigPageTableSize"),
	.run = run,
};
