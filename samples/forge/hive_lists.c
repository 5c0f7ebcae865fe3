// Subkey lists: li, lf, lh, and ri above them when there are many.
// SPDX-License-Identifier: Apache-2.0
#include "hive_cells.h"

enum {
	LIST_HEAD = 4, // signature, count
	LEAF_MOST = 500,
	LEAF_FORCED = 7, // with "ri" asked for, so that even short lists have several leaves
	VERSION_WITH_LH = 5,
};

static const struct {
	char signature[3];
	uint32_t element_bytes;
} forms[] = {
	[LIST_LI] = { "li", 4 },
	[LIST_LF] = { "lf", 8 },
	[LIST_LH] = { "lh", 8 },
	[LIST_RI] = { "ri", 4 },
};

// lf: the first four characters; none when one of them does not fit a byte.
static uint32_t name_hint(const struct hive_name *name)
{
	uint32_t hint = 0;
	for (uint32_t i = 0; i < MIN(name->count, 4U); i++) {
		if (name->units[i] > 0xff)
			return 0;
		hint |= (uint32_t)name->units[i] << (8 * i);
	}
	return hint;
}

static uint32_t name_hash(const struct hive_name *name)
{
	uint32_t hash = 0;
	for (uint32_t i = 0; i < name->count; i++)
		hash = hash * 37 + hive_upcase(name->units[i]);
	return hash;
}

static void put_element(uint8_t *at, enum hive_list form, const struct hive_key *key)
{
	put_u32(at, key->cell);
	if (form == LIST_LF)
		put_u32(at + 4, name_hint(&key->name));
	if (form == LIST_LH)
		put_u32(at + 4, name_hash(&key->name));
}

// The next child in `storage` at or after `index` in the list of siblings.
static uint32_t child_in(const struct hive_tree *tree, uint32_t index, unsigned storage)
{
	while (index != HIVE_NONE && tree->keys[index].transient != (storage == VOLATILE))
		index = tree->keys[index].next_sibling;
	return index;
}

static ei_error *list_alloc(struct hive_cells *cells, unsigned storage, enum hive_list form,
	uint32_t count, uint32_t *cell)
{
	EI_TRY(hive_cell_alloc(
		cells, storage, LIST_HEAD + count * forms[form].element_bytes, cell));
	uint8_t *at = hive_cell_at(cells, *cell);
	memcpy(at, forms[form].signature, 2);
	put_u16(at + 2, count);
	return NULL;
}

// Takes `count` children from `*child` on.
static ei_error *put_leaf(const struct hive_tree *tree, enum hive_list form, uint32_t count,
	unsigned storage, struct hive_cells *cells, uint32_t *child, uint32_t *cell)
{
	EI_TRY(list_alloc(cells, storage, form, count, cell));
	uint8_t *at = hive_cell_at(cells, *cell) + LIST_HEAD;
	for (uint32_t i = 0; i < count; i++, at += forms[form].element_bytes) {
		*child = child_in(tree, *child, storage);
		put_element(at, form, &tree->keys[*child]);
		*child = tree->keys[*child].next_sibling;
	}
	return NULL;
}

static ei_error *put_index(const struct hive_tree *tree, const struct hive_key *key,
	enum hive_list form, uint32_t most, unsigned storage, struct hive_cells *cells,
	uint32_t *cell)
{
	uint32_t left = key->children[storage];
	uint32_t leaves = (left + most - 1) / most;
	EI_TRY(list_alloc(cells, storage, LIST_RI, leaves, cell));
	uint32_t child = key->first_child;
	for (uint32_t i = 0; i < leaves; i++) {
		uint32_t leaf;
		uint32_t count = MIN(left, most);
		EI_TRY(put_leaf(tree, form, count, storage, cells, &child, &leaf));
		put_u32(hive_cell_at(cells, *cell) + LIST_HEAD + i * 4, leaf);
		left -= count;
	}
	return NULL;
}

ei_error *hive_put_subkeys(const struct hive_tree *tree, const struct hive_key *key,
	unsigned storage, struct hive_cells *cells, uint32_t *cell)
{
	uint32_t count = key->children[storage];
	if (!count)
		return NULL;
	enum hive_list usual = tree->minor >= VERSION_WITH_LH ? LIST_LH : LIST_LF;
	bool forced = key->list == LIST_RI;
	enum hive_list form = key->list == LIST_DEFAULT || forced ? usual : key->list;
	if (forced || count > LEAF_MOST)
		return put_index(
			tree, key, form, forced ? LEAF_FORCED : LEAF_MOST, storage, cells, cell);
	uint32_t child = key->first_child;
	return put_leaf(tree, form, count, storage, cells, &child, cell);
}
