// A forged hive as a whole: base block, both storages, the file, and the facts about it.
// SPDX-License-Identifier: Apache-2.0
#include "hive_cells.h"

#include <errno.h>
#include <stdlib.h>

enum { CHECKSUM_AT = 0x1fc, FORMAT_MEMORY = 1, FILE_NAME_UNITS = 32 };

// XOR of the words before it; 0 and -1 are not used.
static uint32_t block_checksum(const uint8_t *block)
{
	uint32_t sum = 0;
	for (uint32_t at = 0; at < CHECKSUM_AT; at += 4)
		sum ^= load_u32(block + at);
	return sum == 0 ? 1 : sum == UINT32_MAX ? UINT32_MAX - 1 : sum;
}

static void put_base_block(
	const struct hive_tree *tree, const char *file_name, uint32_t stable_length, uint8_t *block)
{
	memset(block, 0, PAGE_SIZE);
	memcpy(block, "regf", 4);
	put_u32(block + 0x04, 1); // both sequence numbers alike: written completely
	put_u32(block + 0x08, 1);
	put_u64(block + 0x0c, tree->written);
	put_u32(block + 0x14, 1);
	put_u32(block + 0x18, tree->minor);
	put_u32(block + 0x20, FORMAT_MEMORY);
	put_u32(block + 0x24, tree->keys[0].cell);
	put_u32(block + 0x28, stable_length);
	put_u32(block + 0x2c, 1);
	size_t length = strlen(file_name);
	size_t from = length >= FILE_NAME_UNITS ? length - (FILE_NAME_UNITS - 1) : 0;
	for (size_t i = from; i < length; i++)
		put_u16(block + 0x30 + (i - from) * 2, (uint8_t)file_name[i]);
	put_u32(block + CHECKSUM_AT, block_checksum(block));
}

ei_error *hive_build(const json_t *description, struct hive_bytes *out)
{
	struct hive_tree *tree;
	EI_TRY_IN(hive_tree_parse(description, &tree), "describing a hive");
	struct hive_cells cells = { .written = tree->written };
	ei_error *error = hive_put_keys(tree, &cells);
	if (error) {
		hive_cells_deinit(&cells);
		hive_tree_drop(tree);
		return ei_wrap(error, "building a hive");
	}
	hive_cells_finish(&cells);
	const char *file_name = json_string_value(json_object_get(description, "file"));
	const struct hive_storage *stable = &cells.storages[STABLE];
	const struct hive_storage *transient = &cells.storages[VOLATILE];
	put_base_block(tree, file_name ? file_name : "", stable->length, out->base_block);
	out->stable = stable->bytes;
	out->stable_length = stable->length;
	out->transient = transient->bytes;
	out->transient_length = transient->length;
	out->root_cell = tree->keys[0].cell;
	out->version_minor = tree->minor;
	out->tree = tree;
	return NULL;
}

void hive_deinit(struct hive_bytes *hive)
{
	free(hive->stable);
	free(hive->transient);
	hive_tree_drop(hive->tree);
	*hive = (struct hive_bytes){ 0 };
}

ei_error *hive_write_file(const struct hive_bytes *hive, const char *path)
{
	FILE *file = fopen(path, "wb");
	if (!file)
		return ei_fail(EI_E_IO, "cannot create '%s': %s", path, strerror(errno));
	bool written = fwrite(hive->base_block, sizeof hive->base_block, 1, file) == 1 &&
		       fwrite(hive->stable, hive->stable_length, 1, file) == 1;
	if (fclose(file) || !written)
		return ei_fail(EI_E_IO, "cannot write '%s': %s", path, strerror(errno));
	return NULL;
}

void hive_walk(const struct hive_bytes *hive, void (*each)(void *context, const struct hive_fact *),
	void *context)
{
	for (uint32_t i = 0; i < hive->tree->key_count; i++) {
		const struct hive_key *key = &hive->tree->keys[i];
		struct hive_fact fact = {
			.path = key->path,
			.cell = key->cell,
			.written = key->written,
			.transient = key->transient,
		};
		each(context, &fact);
		for (uint32_t v = 0; v < key->value_count; v++) {
			const struct hive_value *value = &key->values[v];
			fact.cell = value->cell;
			fact.value = value->text;
			fact.type = value->type;
			fact.data = value->data;
			fact.length = value->length;
			each(context, &fact);
		}
	}
}
