// Terms at chosen places outside of a process's own regions.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdlib.h>

struct term {
	const json_t *description;
	const char *text; // NULL: raw bytes
	const char *encoding;
	const uint8_t *bytes;
	size_t length;
	uint64_t offset; // in its page
};

static void term_truth(
	struct forge *f, const struct term *t, const char *owner, uint64_t va, uint64_t physical)
{
	if (!t->text)
		return;
	truth_row(f, "search", "{s:s, s:s, s:s, s:I, s:I}", "term", t->text, "encoding",
		t->encoding, "owner", owner, "virtual", (json_int_t)va, "physical",
		(json_int_t)physical);
}

static void term_in_pool(struct forge *f, const struct term *t)
{
	uint64_t va = pool_take(f, POOL_NONPAGED, "Note", (uint32_t)t->length);
	write_bytes(f, &f->kernel, va, t->bytes, t->length);
	term_truth(f, t, "kernel", va, paging_physical(f, &f->kernel, va));
}

// A page that nothing maps: what a program left behind.
static void term_in_free_page(struct forge *f, const struct term *t)
{
	uint64_t frame = memory_take(f);
	memcpy(memory_page(f, frame) + t->offset, t->bytes, MIN(t->length, PAGE_SIZE - t->offset));
	term_truth(f, t, "free", 0, frame * PAGE_SIZE + t->offset);
}

static void term_in_module(struct forge *f, const struct term *t)
{
	const char *name = scenario_text(t->description, "module", "");
	for (size_t i = 0; i < f->driver_count; i++) {
		if (strcmp(f->drivers[i].name, name) != 0)
			continue;
		uint64_t va = f->drivers[i].base + PAGE_SIZE + t->offset;
		write_bytes(f, &f->kernel, va, t->bytes, t->length);
		term_truth(f, t, name, va, paging_physical(f, &f->kernel, va));
		return;
	}
	forge_fail(f, EI_E_FORMAT, "a term wants the module '%s', which is not loaded", name);
}

struct term_place {
	const char *name;
	void (*write)(struct forge *f, const struct term *t);
};

static const struct term_place places[] = {
	{ "pool", term_in_pool },
	{ "free", term_in_free_page },
	{ "module", term_in_module },
};

static void term_write(struct forge *f, const json_t *description)
{
	struct term t = {
		.description = description,
		.text = scenario_text(
			description, "text", scenario_text(description, "utf16", NULL)),
		.encoding = json_object_get(description, "text") ? "ascii" : "utf16",
		.offset = scenario_number(description, "offset", 0x200) % PAGE_SIZE,
	};
	uint8_t *bytes = content_bytes(f, description, &t.length);
	t.bytes = bytes;
	if (!bytes)
		return;
	const char *in = scenario_text(description, "in", "pool");
	size_t i = 0;
	while (i < ARRAY_LENGTH(places) && strcmp(places[i].name, in) != 0)
		i++;
	if (i == ARRAY_LENGTH(places))
		forge_fail(f, EI_E_FORMAT, "a term is \"in\" '%s', want pool, free or module", in);
	else if (t.length > PAGE_SIZE - t.offset && places[i].write != term_in_pool)
		forge_fail(f, EI_E_FORMAT, "a term at offset %llu does not fit in its page",
			(unsigned long long)t.offset);
	else
		places[i].write(f, &t);
	free(bytes);
}

// Free pages are not empty: they hold what their last owner had in them.
static void write_remnants(struct forge *f)
{
	uint64_t count = MIN(scenario_number(f->scenario, "free_pages", 32), 1u << 20);
	for (uint64_t i = 0; i < count && !f->error && f->files; i++) {
		const struct image_file *file = f->files;
		for (uint64_t skip = forge_below(f, 16); skip && file->next; skip--)
			file = file->next;
		uint8_t *page = memory_page(f, memory_take(f));
		memcpy(page, memory_page(f, i % 2 ? file->text_frame : file->header_frame),
			PAGE_SIZE);
	}
}

void term_write_all(struct forge *f)
{
	write_remnants(f);
	size_t i;
	json_t *description;
	json_array_foreach(json_object_get(f->scenario, "terms"), i, description)
		term_write(f, description);
}
