// Registry hives in memory: the hive object, its map of blocks, its bins.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include "hive.h"
#include <stdlib.h>

enum { TABLE_ENTRIES = 512, DIRECTORY_ENTRIES = 1024, BIN_TAG_LOW_BITS = 1 };

struct hive_place {
	struct forge *f;
	struct object hive; // _CMHIVE
	const char *name;   // what a listing shows
};

// One of a hive's two storages: bins, and where each 4 KiB block of them is.
struct storage {
	const uint8_t *bytes;
	uint32_t length;
	struct process *owner; // whose user half holds the bins; NULL: the kernel
};

static uint64_t bin_take(struct forge *f, const struct storage *s, uint32_t bytes)
{
	if (!s->owner)
		return region_take(f, REGION_PAGED, bytes);
	uint64_t va = s->owner->space.next;
	s->owner->space.next += bytes;
	return va;
}

static void bin_write(
	struct forge *f, const struct storage *s, uint64_t va, uint32_t offset, uint32_t bytes)
{
	if (s->owner)
		user_write(f, s->owner, va, s->bytes + offset, bytes, PTE_USER_DATA | PTE_NX);
	else
		write_bytes(f, &f->kernel, va, s->bytes + offset, bytes);
}

static void entry_write(struct forge *f, uint64_t entry, uint64_t bin, uint32_t inside)
{
	struct object o = { &f->kernel, entry, "_HMAP_ENTRY" };
	forge_put(f, o, "BlockOffset", inside);
	forge_put(f, o, "PermanentBinAddress", bin | BIN_TAG_LOW_BITS);
	forge_put(f, o, "BlockAddress", bin + inside);
	forge_put(f, o, "BinAddress", bin | BIN_TAG_LOW_BITS);
}

// The address of a block's entry, making its table when it is the first one of 2 MiB.
static uint64_t map_entry(struct forge *f, uint64_t *tables, uint32_t block)
{
	uint32_t bytes = forge_size(f, "_HMAP_ENTRY", f->pointer * 4);
	uint64_t *table = &tables[block / TABLE_ENTRIES];
	if (!*table)
		*table = region_take(f, REGION_PAGED, (uint64_t)bytes * TABLE_ENTRIES);
	return *table + (uint64_t)(block % TABLE_ENTRIES) * bytes;
}

static void storage_write_bins(struct forge *f, const struct storage *s, uint64_t *tables)
{
	uint32_t offset = 0;
	while (offset + 32 <= s->length && !f->error) {
		uint32_t bytes = load_u32(s->bytes + offset + 8);
		if (memcmp(s->bytes + offset, "hbin", 4) != 0 || !bytes || bytes % PAGE_SIZE ||
			!span_inside(offset, bytes, s->length)) {
			forge_fail(f, EI_E_FORMAT, "hive has no bin at offset 0x%x", offset);
			return;
		}
		uint64_t bin = bin_take(f, s, bytes);
		bin_write(f, s, bin, offset, bytes);
		for (uint32_t in = 0; in < bytes; in += PAGE_SIZE)
			entry_write(f, map_entry(f, tables, (offset + in) / PAGE_SIZE), bin, in);
		offset += bytes;
	}
}

// A small storage needs no directory: the map is the one pointer inside the hive itself.
static void storage_write(struct forge *f, struct object dual, const struct storage *s)
{
	uint64_t tables[DIRECTORY_ENTRIES] = { 0 };
	uint32_t count = (s->length / PAGE_SIZE + TABLE_ENTRIES - 1) / TABLE_ENTRIES;
	if (!s->length || count > DIRECTORY_ENTRIES)
		return;
	storage_write_bins(f, s, tables);
	forge_put(f, dual, "Length", s->length);
	if (count == 1) {
		forge_put(f, dual, "SmallDir", tables[0]);
		forge_put(f, dual, "Map", forge_field(f, dual, "SmallDir"));
		return;
	}
	uint64_t map = region_take(f, REGION_PAGED, (uint64_t)DIRECTORY_ENTRIES * f->pointer);
	for (uint32_t i = 0; i < count; i++)
		write_pointer(f, &f->kernel, map + (uint64_t)i * f->pointer, tables[i]);
	forge_put(f, dual, "Map", map);
}

static void put_name(struct forge *f, struct object hive, const char *field, const char *text)
{
	if (!text || !*text || !forge_field(f, hive, field))
		return;
	uint32_t bytes;
	uint64_t va = pool_text(f, POOL_PAGED, text, &bytes);
	forge_put_string(f, hive, field, va, bytes);
}

// Which of the three names is filled has changed over time; a listing shows the first that is.
static const char *hive_write_names(struct forge *f, struct object hive, const json_t *description)
{
	const char *file = scenario_text(description, "file", NULL);
	const char *mount = scenario_text(description, "mount", NULL);
	put_name(f, hive, f->win10 ? "FileUserName" : "FileFullPath", file);
	put_name(f, hive, "HiveRootPath", mount);
	struct member m;
	bool rooted = profile_member(f->profile, "_CMHIVE", "HiveRootPath", &m);
	return file && *file ? file : mount && rooted ? mount : "";
}

static void hive_write(
	struct forge *f, struct object cm, const struct hive_bytes *bytes, bool kernel)
{
	struct object hive = { &f->kernel, forge_field(f, cm, "Hive"), "_HHIVE" };
	uint64_t base = region_take(f, REGION_PAGED, PAGE_SIZE);
	write_bytes(f, &f->kernel, base, bytes->base_block, sizeof bytes->base_block);
	forge_put(f, hive, "Signature", 0xbee0bee0);
	forge_put(f, hive, "GetCellRoutine", f->kernel_base + 0x31a40);
	forge_put(f, hive, "ReleaseCellRoutine", f->kernel_base + 0x31b10);
	forge_put(f, hive, "BaseBlock", base);
	forge_put(f, hive, "Cluster", 1);
	forge_put(f, hive, "StorageTypeCount", 2);
	forge_put(f, hive, "Version", bytes->version_minor);
	struct storage storages[2] = {
		{ bytes->stable, bytes->stable_length, kernel ? NULL : f->registry },
		{ bytes->transient, bytes->transient_length, NULL },
	};
	uint64_t array = forge_field(f, hive, "Storage");
	uint32_t stride = forge_size(f, "_DUAL", 0);
	for (int i = 0; i < 2 && array; i++)
		storage_write(f,
			(struct object){ &f->kernel, array + (uint64_t)i * stride, "_DUAL" },
			&storages[i]);
}

static char *hex_text(struct forge *f, const uint8_t *bytes, uint32_t length)
{
	static const char digits[] = "0123456789abcdef";
	char *text = forge_alloc(f, (size_t)length * 2 + 1);
	for (uint32_t i = 0; text && i < length; i++) {
		text[i * 2] = digits[bytes[i] >> 4];
		text[i * 2 + 1] = digits[bytes[i] & 15];
	}
	return text;
}

static void hive_truth(void *context, const struct hive_fact *fact)
{
	struct hive_place *place = context;
	struct forge *f = place->f;
	if (!f->truth)
		return;
	json_t *written = truth_time(fact->written);
	if (!fact->value) {
		truth_row(f, "printkey", "{s:I, s:s, s:s, s:o, s:b, s:I}", "offset",
			(json_int_t)place->hive.va, "hive", place->name, "key", fact->path,
			"written", written, "volatile", (int)fact->transient, "cell",
			(json_int_t)fact->cell);
		return;
	}
	char *data = hex_text(f, fact->data, fact->length);
	truth_row(f, "printkey", "{s:I, s:s, s:s, s:o, s:b, s:I, s:s, s:i, s:s}", "offset",
		(json_int_t)place->hive.va, "hive", place->name, "key", fact->path, "written",
		written, "volatile", (int)fact->transient, "cell", (json_int_t)fact->cell, "value",
		fact->value, "type", (int)fact->type, "data", data ? data : "");
	free(data);
}

static void hive_create(struct forge *f, const json_t *description)
{
	struct hive_bytes bytes = { 0 };
	ei_error *error = hive_build(description, &bytes);
	if (error) {
		forge_fail(f, ei_error_code(error), "%s", ei_error_text(error));
		ei_error_drop(error);
		return;
	}
	uint64_t va = pool_take(f, POOL_NONPAGED, "CM10", forge_size(f, "_CMHIVE", PAGE_SIZE));
	struct hive_place place = { .f = f, .hive = { &f->kernel, va, "_CMHIVE" } };
	hive_write(f, place.hive, &bytes, scenario_flag(description, "in_kernel"));
	place.name = hive_write_names(f, place.hive, description);
	uint64_t links = forge_field(f, place.hive, "HiveList");
	list_add(f, &f->kernel, kernel_symbol(f, "CmpHiveListHead"), links);
	truth_row(f, "hivelist", "{s:I, s:I, s:s}", "offset", (json_int_t)va, "physical",
		(json_int_t)paging_physical(f, &f->kernel, va), "name", place.name);
	hive_walk(&bytes, hive_truth, &place);
	hive_deinit(&bytes);
}

void registry_create_all(struct forge *f)
{
	uint64_t head = kernel_symbol(f, "CmpHiveListHead");
	if (!head)
		return;
	list_init(f, &f->kernel, head);
	uint64_t first = 0;
	if (f->registry) {
		uint64_t place = forge_below(f, 0x400);
		first = f->pointer == 8 ? 0x1ac00000000 + place * 0x10000000
					: 0x10000000 + place * 0x10000;
		f->registry->space.next = first;
	}
	size_t i;
	json_t *description;
	json_array_foreach(json_object_get(f->scenario, "hives"), i, description)
		hive_create(f, description);
	if (!f->registry)
		return;
	if (f->registry->space.next > first)
		vad_add(f, f->registry,
			(struct region_node){ .start = first,
				.end = f->registry->space.next - 1,
				.protection = 4 });
	vad_write_tree(f, f->registry);
}
