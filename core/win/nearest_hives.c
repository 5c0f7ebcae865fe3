// Self-tests on hives: what their structures say, and whether cells can be read through them.
// SPDX-License-Identifier: Apache-2.0
#include "win/fields.h"
#include "win/list.h"
#include "win/nearest_tests.h"
#include <eidetic/registry.h>
#include <strings.h>

enum { STORAGES = 2 }; // of a hive

// What some hive has in any Windows, and not each of them.
struct hive_totals {
	bool unreadable_text; // of some hive: what is seen of names is not all there is
	bool has_file, has_mount;
	uint32_t roots_missing;
};

static bool is_path_or_none(ei_val text, const char *start)
{
	if (text.state == EI_GARBAGE)
		return false;
	return !ei_has(text) || !text.length ||
	       (is_printable(text) && !strncasecmp(text.s, start, strlen(start)));
}

static bool is_said(ei_val text, struct hive_totals *totals)
{
	totals->unreadable_text |= text.state == EI_UNREADABLE;
	return ei_has(text) && text.length;
}

static void test_names(struct verification *v, const cmhive *h, struct hive_totals *totals)
{
	ei_val path = ei_get(*h, FileFullPath), user = ei_get(*h, FileUserName);
	ei_val mount = ei_get(*h, HiveRootPath);
	test_count(v, HIVE_NAMES,
		is_path_or_none(path, "\\") && is_path_or_none(user, "\\") &&
			is_path_or_none(mount, "\\REGISTRY"));
	totals->has_file |= is_said(path, totals);
	totals->has_file |= is_said(user, totals);
	totals->has_mount |= is_said(mount, totals);
}

// The root key shows that cells are found through the map. Bins may well be paged out.
static void test_root_key(struct verification *v, const cmhive *h, struct hive_totals *totals)
{
	ei_hive *hive = ei_hive_open(v->run, h);
	if (!hive)
		return;
	ei_key root = ei_hive_root(hive);
	if (root.state == EI_OK || root.state == EI_GARBAGE)
		test_count(v, HIVE_ROOTS, root.state == EI_OK);
	else
		totals->roots_missing++;
}

// Stable and volatile storage stand side by side; either may be empty.
static void test_storage(struct verification *v, const cmhive *h)
{
	ei_val storage = ei_get(*h, storage);
	for (uint32_t i = 0; ei_has(storage) && i < STORAGES; i++) {
		dual table = ei_handle(v->run, dual);
		table = ei_at(v->run, dual, storage.u + (uint64_t)i * table.at->layout.type_size);
		ei_val length = ei_get(table, Length), map = ei_get(table, Map);
		if (ei_has(length) && ei_has(map))
			test_count(v, HIVE_STORAGE,
				!(length.u & PAGE_MASK) && length.u < INT32_MAX &&
					(is_kernel_address(v, map.u) || !length.u));
	}
}

static void test_hive(struct verification *v, const cmhive *h, struct hive_totals *totals)
{
	ei_val signature = ei_get(*h, signature), block = ei_get(*h, base_block);
	uint8_t magic[4];
	if (ei_has(signature))
		test_count(v, HIVES, signature.u == EI_HIVE_SIGNATURE);
	if (ei_has(block) && ei_read(v->run, NULL, block.u, magic, 4) == 4)
		test_count(v, HIVE_BLOCKS, !memcmp(magic, "regf", 4));
	test_names(v, h, totals);
	test_storage(v, h);
	test_root_key(v, h, totals);
}

// A name that no hive has is a field that lies elsewhere.
static void test_totals(struct verification *v, const struct hive_totals *totals)
{
	cmhive h = ei_handle(v->run, cmhive);
	if (totals->has_file || !totals->unreadable_text)
		test_count(v, HIVE_FILES, totals->has_file);
	if (h.at->HiveRootPath.offset >= 0 && (totals->has_mount || !totals->unreadable_text))
		test_count(v, HIVE_MOUNTS, totals->has_mount);
	if (totals->roots_missing && !v->tallies[HIVE_ROOTS].good)
		test_count(v, HIVE_ROOTS, false);
}

// Where no hive is found there may be none in the image, but it cannot be told from wrong types.
void test_hives(struct verification *v)
{
	struct list_query query = { .what = "CmpHiveListHead", .type = &cmhive_spec };
	struct hive_totals totals = { 0 };
	cmhive h = ei_handle(v->run, cmhive);
	query.link_offset = h.at->HiveList.offset;
	if (query.link_offset < 0 || !ei_symbol(v->run, "CmpHiveListHead", &query.head)) {
		test_count(v, HIVES, false);
		return;
	}
	ei_iter it = list_iterate(v->run, &query);
	while (it.index < MODULES_MAX && ei_next(&it, &h))
		test_hive(v, &h, &totals);
	if (it.index)
		test_totals(v, &totals);
}
