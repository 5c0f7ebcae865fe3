// Files whose contents are in memory: as data sections, in the cache, or both.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <openssl/evp.h>
#include <stdlib.h>

enum {
	FILE_LIMIT = 256 << 20,
	VIEW_BYTES = 256 << 10, // what one VACB maps
	FIRST_VIEWS = 4,        // of them the map itself points at
	ARRAY_VIEWS = 128,      // pointers in one block of an index
};

struct cached_file {
	const json_t *description;
	const char *path;
	uint8_t *bytes; // rounded up to pages
	uint64_t size;
	uint64_t file_object;
	char md5[65], sha256[65]; // of its size
	char whole[65];           // MD5 of all its pages
	struct section section;
	struct cached_file *next;
};

// ---- contents
// -------------------------------------------------------------------------------------
static uint64_t content_end(struct forge *f, const json_t *content)
{
	uint64_t end = 0;
	size_t i, length;
	json_t *part;
	json_array_foreach((json_t *)content, i, part)
	{
		uint8_t *bytes = content_bytes(f, part, &length);
		if (bytes)
			end = MAX(end, scenario_number(part, "offset", 0) + length);
		free(bytes);
	}
	return end;
}

// Pages with contents are in memory; of a file that is not sparse the others are as well.
static void contents_place(struct forge *f, struct cached_file *c)
{
	bool sparse = scenario_flag(c->description, "sparse");
	size_t i, length;
	json_t *part;
	for (uint64_t page = 0; !sparse && page < c->section.page_count; page++)
		c->section.pages[page].frame = memory_take(f);
	json_array_foreach(json_object_get(c->description, "content"), i, part)
	{
		uint64_t at = scenario_number(part, "offset", 0);
		uint8_t *bytes = content_bytes(f, part, &length);
		if (bytes && span_inside(at, length, c->size)) {
			memcpy(c->bytes + at, bytes, length);
			for (uint64_t page = at / PAGE_SIZE; page * PAGE_SIZE < at + length;
				page++) {
				if (!c->section.pages[page].frame)
					c->section.pages[page].frame = memory_take(f);
			}
		}
		free(bytes);
	}
}

static void pages_mark(struct forge *f, struct cached_file *c)
{
	size_t i;
	json_t *number;
	json_array_foreach(json_object_get(c->description, "absent"), i, number)
	{
		uint64_t page = (uint64_t)json_integer_value(number);
		if (page < c->section.page_count)
			c->section.pages[page].frame = 0;
	}
	json_array_foreach(json_object_get(c->description, "transition"), i, number)
	{
		uint64_t page = (uint64_t)json_integer_value(number);
		if (page < c->section.page_count)
			c->section.pages[page].transition = true;
	}
	for (uint64_t page = 0; page < c->section.page_count; page++) {
		const struct section_page *p = &c->section.pages[page];
		if (p->frame)
			memcpy(memory_page(f, p->frame), c->bytes + page * PAGE_SIZE, PAGE_SIZE);
		else
			memset(c->bytes + page * PAGE_SIZE, 0, PAGE_SIZE);
	}
}

// ---- truth
// ----------------------------------------------------------------------------------------
static void digest_text(const char *name, const uint8_t *bytes, uint64_t length, char text[65])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	EVP_Digest(bytes, length, digest, &size, EVP_get_digestbyname(name), NULL);
	for (unsigned i = 0; i < size && i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

static void file_digest(struct forge *f, struct cached_file *c)
{
	uint64_t padded = c->section.page_count * PAGE_SIZE;
	if (!f->truth)
		return;
	digest_text("MD5", c->bytes, c->size, c->md5);
	digest_text("SHA256", c->bytes, c->size, c->sha256);
	memcpy(c->whole, c->md5, sizeof c->whole);
	if (padded != c->size)
		digest_text("MD5", c->bytes, padded, c->whole);
}

static void file_truth(struct forge *f, const struct cached_file *c, const char *cache, uint64_t at)
{
	uint64_t present = 0;
	for (uint64_t i = 0; i < c->section.page_count; i++)
		present += c->section.pages[i].frame != 0;
	truth_row(f, "dumpfiles", "{s:s, s:I, s:I, s:s, s:I, s:I, s:I, s:s, s:s, s:s}", "cache",
		cache, "offset", (json_int_t)c->file_object, "area", (json_int_t)at, "name",
		c->path, "size", (json_int_t)c->size, "pages", (json_int_t)c->section.page_count,
		"present", (json_int_t)present, "md5", c->md5, "md5_pages", c->whole, "sha256",
		c->sha256);
}

// ---- the cache
// ------------------------------------------------------------------------------------
static uint64_t view_create(
	struct forge *f, const struct cached_file *c, uint64_t map, uint64_t view)
{
	struct object o = { &f->kernel, 0, "_VACB" };
	uint64_t first = view * (VIEW_BYTES / PAGE_SIZE), any = 0;
	uint64_t limit = MIN(first + VIEW_BYTES / PAGE_SIZE, c->section.page_count);
	for (uint64_t i = first; i < limit; i++)
		any |= c->section.pages[i].frame;
	if (!any)
		return 0;
	uint64_t base = region_reserve(f, REGION_SYSTEM, 2 * VIEW_BYTES);
	base = (base + VIEW_BYTES - 1) & ~(uint64_t)(VIEW_BYTES - 1);
	for (uint64_t i = first; i < limit; i++) {
		const struct section_page *page = &c->section.pages[i];
		if (page->frame && !page->transition)
			paging_map(f, &f->kernel, base + (i - first) * PAGE_SIZE, page->frame,
				PTE_KERNEL | PTE_NX);
	}
	o.va = pool_take(f, POOL_NONPAGED, "CcVa", forge_size(f, o.type, 40));
	forge_put(f, o, "BaseAddress", base);
	forge_put(f, o, "SharedCacheMap", map);
	// Views are 256 KiB apart: the low 16 bits of the offset count users.
	forge_put(f, o, "Overlay.FileOffset", view * VIEW_BYTES | 1);
	return o.va;
}

// An index of two levels, from 32 MiB on; up to there of one.
static uint64_t index_create(
	struct forge *f, const struct cached_file *c, uint64_t map, uint64_t views)
{
	uint64_t blocks = (views + ARRAY_VIEWS - 1) / ARRAY_VIEWS;
	uint32_t bytes = ARRAY_VIEWS * f->pointer;
	uint64_t top = blocks > 1 ? pool_take(f, POOL_NONPAGED, "CcVp", bytes) : 0, block = 0;
	for (uint64_t view = 0; view < views && !f->error; view++) {
		uint64_t slot = view % ARRAY_VIEWS;
		if (!slot)
			block = 0;
		uint64_t vacb = view_create(f, c, map, view);
		if (!vacb && top)
			continue;
		if (!block)
			block = pool_take(f, POOL_NONPAGED, "CcVp", bytes);
		if (top)
			write_pointer(f, &f->kernel, top + view / ARRAY_VIEWS * f->pointer, block);
		write_pointer(f, &f->kernel, block + slot * f->pointer, vacb);
	}
	return top ? top : block;
}

static void cache_create(struct forge *f, struct cached_file *c)
{
	struct object o = { &f->kernel, 0, "_SHARED_CACHE_MAP" };
	uint64_t views = (c->size + VIEW_BYTES - 1) / VIEW_BYTES;
	o.va = pool_take(f, POOL_NONPAGED, "CcSc", forge_size(f, o.type, 0x230));
	uint64_t initial = forge_field(f, o, "InitialVacbs");
	if (!initial)
		return;
	forge_put(f, o, "NodeTypeCode", 0x2ff);
	forge_put(f, o, "NodeByteSize", forge_size(f, o.type, 0));
	forge_put(f, o, "OpenCount", 1);
	forge_put(f, o, "FileSize", c->size);
	forge_put(f, o, "SectionSize", views * VIEW_BYTES);
	forge_put(f, o, "ValidDataLength", c->size);
	forge_put(f, o, "ValidDataGoal", c->size);
	forge_put(f, o, "FileObjectFastRef|FileObject", c->file_object);
	for (uint64_t i = 0; views <= FIRST_VIEWS && i < views; i++)
		write_pointer(f, &f->kernel, initial + i * f->pointer, view_create(f, c, o.va, i));
	forge_put(f, o, "Vacbs", views <= FIRST_VIEWS ? initial : index_create(f, c, o.va, views));
	section_attach(f, c->file_object, "SharedCacheMap", o.va);
	file_truth(f, c, "SharedCacheMap", o.va);
}

// ---- files
// ----------------------------------------------------------------------------------------
static void data_create(struct forge *f, struct cached_file *c)
{
	section_write(f, &c->section);
	section_attach(f, c->file_object, "DataSectionObject", c->section.control_area);
	file_truth(f, c, "DataSectionObject", c->section.control_area);
}

static struct cached_file *cached_alloc(struct forge *f, const json_t *description)
{
	struct cached_file *c = forge_alloc(f, sizeof *c);
	if (!c)
		return NULL;
	c->description = description;
	c->path = scenario_text(description, "path", "C:\\unnamed");
	c->size = scenario_number(
		description, "size", content_end(f, json_object_get(description, "content")));
	if (c->size > FILE_LIMIT) {
		forge_fail(f, EI_E_LIMIT, "the file '%s' is larger than %d MiB", c->path,
			FILE_LIMIT >> 20);
		return NULL;
	}
	c->section.page_count = (c->size + PAGE_SIZE - 1) / PAGE_SIZE;
	c->bytes = forge_alloc(f, c->section.page_count * PAGE_SIZE + 1);
	c->section.pages = forge_alloc(f, (c->section.page_count + 1) * sizeof *c->section.pages);
	return f->error ? NULL : c;
}

static void cached_create(struct forge *f, const json_t *description)
{
	struct cached_file *c = cached_alloc(f, description);
	if (!c)
		return;
	c->file_object = file_open(f, c->path);
	c->section.file_object = c->file_object;
	c->section.parts[0] = (struct section_part){
		.pages = c->section.page_count,
		.file_bytes = c->size,
		.protection = 4,
	};
	c->section.part_count = 1;
	contents_place(f, c);
	pages_mark(f, c);
	file_digest(f, c);
	if (!scenario_flag(description, "cached") || scenario_flag(description, "data"))
		data_create(f, c);
	if (scenario_flag(description, "cached"))
		cache_create(f, c);
	c->next = f->cached;
	f->cached = c;
}

const struct section *cached_section(const struct forge *f, const char *path)
{
	for (const struct cached_file *c = f->cached; c; c = c->next) {
		if (strcmp(c->path, path) == 0 && c->section.control_area)
			return &c->section;
	}
	return NULL;
}

void cached_create_all(struct forge *f)
{
	size_t i;
	json_t *description;
	json_array_foreach(json_object_get(f->scenario, "files"), i, description)
		cached_create(f, description);
}
