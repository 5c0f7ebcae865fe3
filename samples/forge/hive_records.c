// Key, value, security, class and data cells of a forged hive.
//
// Record layouts are facts of the public descriptions of the format: the comments of hivex's
// "structure of the hive", libregf's "Windows NT Registry File (REGF) format", and the types
// _CM_KEY_NODE, _CM_KEY_VALUE, _CM_KEY_SECURITY and _CM_BIG_DATA of the public kernel symbols.
// SPDX-License-Identifier: Apache-2.0
#include "hive_cells.h"

enum {
	KEY_HEAD = 0x4c,
	VALUE_HEAD = 0x14,
	SECURITY_HEAD = 0x14,
	BIG_DATA_BYTES = 8,
	SEGMENT_BYTES = 16344,
	VERSION_WITH_BIG_DATA = 5,
	INLINE_BYTES = 4,
};

enum {
	KEY_VOLATILE = 0x01,
	KEY_HIVE_ENTRY = 0x04,
	KEY_NO_DELETE = 0x08,
	KEY_SYM_LINK = 0x10,
	KEY_COMP_NAME = 0x20,
	VALUE_COMP_NAME = 0x01,
};

#define DATA_INLINE UINT32_C(0x80000000)

// clang-format off
// O:BAG:SYD:(A;CI;KA;;;BA)(A;CI;KA;;;SY)(A;CI;KR;;;WD), self-relative.
static const uint8_t security_descriptor[] = {
	1, 0, 0x04, 0x80,  0x5c, 0, 0, 0,  0x6c, 0, 0, 0,  0, 0, 0, 0,  0x14, 0, 0, 0,
	2, 0, 0x48, 0,  3, 0, 0, 0,
	0, 2, 0x18, 0,  0x3f, 0, 0x0f, 0,  1, 2, 0, 0, 0, 0, 0, 5,  0x20, 0, 0, 0,  0x20, 2, 0, 0,
	0, 2, 0x14, 0,  0x3f, 0, 0x0f, 0,  1, 1, 0, 0, 0, 0, 0, 5,  0x12, 0, 0, 0,
	0, 2, 0x14, 0,  0x19, 0, 0x02, 0,  1, 1, 0, 0, 0, 0, 0, 1,  0, 0, 0, 0,
	1, 2, 0, 0, 0, 0, 0, 5,  0x20, 0, 0, 0,  0x20, 2, 0, 0,
	1, 1, 0, 0, 0, 0, 0, 5,  0x12, 0, 0, 0,
};
// clang-format on

static unsigned storage_of(const struct hive_key *key)
{
	return key->transient ? VOLATILE : STABLE;
}

static uint32_t name_bytes(const struct hive_name *name)
{
	return name->compressible ? name->count : name->count * 2;
}

static void put_name(uint8_t *at, const struct hive_name *name)
{
	for (uint32_t i = 0; i < name->count; i++) {
		if (name->compressible)
			at[i] = (uint8_t)name->units[i];
		else
			put_u16(at + i * 2, name->units[i]);
	}
}

// ---- data -----------------------------------------------------------------------------------
static ei_error *put_bytes(struct hive_cells *cells, unsigned storage, const uint8_t *bytes,
	uint32_t length, uint32_t *cell)
{
	EI_TRY(hive_cell_alloc(cells, storage, length, cell));
	memcpy(hive_cell_at(cells, *cell), bytes, length);
	return NULL;
}

static ei_error *put_big_data(
	struct hive_cells *cells, unsigned storage, const struct hive_value *value, uint32_t *cell)
{
	uint32_t segments = (value->length + SEGMENT_BYTES - 1) / SEGMENT_BYTES;
	uint32_t list;
	EI_TRY(hive_cell_alloc(cells, storage, BIG_DATA_BYTES, cell));
	EI_TRY(hive_cell_alloc(cells, storage, segments * 4, &list));
	memcpy(hive_cell_at(cells, *cell), "db", 2);
	put_u16(hive_cell_at(cells, *cell) + 2, segments);
	put_u32(hive_cell_at(cells, *cell) + 4, list);
	for (uint32_t i = 0; i < segments; i++) {
		uint32_t from = i * SEGMENT_BYTES;
		uint32_t segment;
		// Each segment takes a full-sized cell, the last one too.
		EI_TRY(hive_cell_alloc(cells, storage, SEGMENT_BYTES, &segment));
		memcpy(hive_cell_at(cells, segment), value->data + from,
			MIN(value->length - from, (uint32_t)SEGMENT_BYTES));
		put_u32(hive_cell_at(cells, list) + i * 4, segment);
	}
	return NULL;
}

// Sets the length and data fields of the vk cell.
static ei_error *put_data(const struct hive_tree *tree, struct hive_cells *cells, unsigned storage,
	const struct hive_value *value)
{
	uint32_t length = value->length;
	uint32_t data = 0;
	if (length <= INLINE_BYTES) {
		memcpy(&data, value->data ? value->data : (const uint8_t *)"", length);
		length |= DATA_INLINE;
	} else if (length > SEGMENT_BYTES && tree->minor >= VERSION_WITH_BIG_DATA) {
		EI_TRY(put_big_data(cells, storage, value, &data));
	} else {
		EI_TRY(put_bytes(cells, storage, value->data, length, &data));
	}
	uint8_t *record = hive_cell_at(cells, value->cell);
	put_u32(record + 4, length);
	put_u32(record + 8, data);
	return NULL;
}

// ---- values ---------------------------------------------------------------------------------
static ei_error *put_value(const struct hive_tree *tree, struct hive_cells *cells, unsigned storage,
	struct hive_value *value)
{
	uint32_t length = name_bytes(&value->name);
	EI_TRY(hive_cell_alloc(cells, storage, VALUE_HEAD + length, &value->cell));
	uint8_t *record = hive_cell_at(cells, value->cell);
	memcpy(record, "vk", 2);
	put_u16(record + 2, length);
	put_u32(record + 12, value->type);
	put_u16(record + 16, value->name.count && value->name.compressible ? VALUE_COMP_NAME : 0);
	put_name(record + VALUE_HEAD, &value->name);
	return put_data(tree, cells, storage, value);
}

static ei_error *put_values(
	const struct hive_tree *tree, struct hive_cells *cells, struct hive_key *key)
{
	if (!key->value_count)
		return NULL;
	uint32_t list;
	uint32_t name_most = 0, data_most = 0;
	EI_TRY(hive_cell_alloc(cells, storage_of(key), key->value_count * 4, &list));
	for (uint32_t i = 0; i < key->value_count; i++) {
		struct hive_value *value = &key->values[i];
		EI_TRY(put_value(tree, cells, storage_of(key), value));
		put_u32(hive_cell_at(cells, list) + i * 4, value->cell);
		name_most = MAX(name_most, value->name.count * 2);
		data_most = MAX(data_most, value->length);
	}
	uint8_t *record = hive_cell_at(cells, key->cell);
	put_u32(record + 0x24, key->value_count);
	put_u32(record + 0x28, list);
	put_u32(record + 0x3c, name_most);
	put_u32(record + 0x40, data_most);
	return NULL;
}

// ---- keys -----------------------------------------------------------------------------------
static uint32_t key_flags(const struct hive_key *key)
{
	return (key->transient ? KEY_VOLATILE : 0) | (key->symlink ? KEY_SYM_LINK : 0) |
	       (key->name.compressible ? KEY_COMP_NAME : 0) |
	       (key->parent == HIVE_NONE ? KEY_HIVE_ENTRY | KEY_NO_DELETE : 0);
}

static ei_error *put_key(
	const struct hive_tree *tree, struct hive_cells *cells, struct hive_key *key)
{
	uint32_t length = name_bytes(&key->name);
	EI_TRY(hive_cell_alloc(cells, storage_of(key), KEY_HEAD + length, &key->cell));
	uint8_t *record = hive_cell_at(cells, key->cell);
	memcpy(record, "nk", 2);
	put_u16(record + 0x02, key_flags(key));
	put_u64(record + 0x04, key->written);
	put_u32(record + 0x10, key->parent == HIVE_NONE ? HIVE_NIL : tree->keys[key->parent].cell);
	put_u32(record + 0x14, key->children[STABLE]);
	put_u32(record + 0x18, key->children[VOLATILE]);
	put_u32(record + 0x1c, HIVE_NIL);
	put_u32(record + 0x20, HIVE_NIL);
	put_u32(record + 0x28, HIVE_NIL);
	put_u32(record + 0x30, HIVE_NIL);
	put_u16(record + 0x48, length);
	put_name(record + KEY_HEAD, &key->name);
	return NULL;
}

static ei_error *put_class(struct hive_cells *cells, const struct hive_key *key)
{
	uint32_t length = key->class_name.count * 2;
	if (!length)
		return NULL;
	uint32_t cell;
	EI_TRY(put_bytes(
		cells, storage_of(key), (const uint8_t *)key->class_name.units, length, &cell));
	uint8_t *record = hive_cell_at(cells, key->cell);
	put_u32(record + 0x30, cell);
	put_u16(record + 0x4a, length);
	return NULL;
}

static ei_error *put_children(
	const struct hive_tree *tree, struct hive_cells *cells, const struct hive_key *key)
{
	uint32_t name_most = 0, class_most = 0;
	for (unsigned storage = 0; storage < STORAGES; storage++) {
		uint32_t list = HIVE_NIL;
		EI_TRY(hive_put_subkeys(tree, key, storage, cells, &list));
		put_u32(hive_cell_at(cells, key->cell) + 0x1c + storage * 4, list);
	}
	for (uint32_t i = key->first_child; i != HIVE_NONE; i = tree->keys[i].next_sibling) {
		name_most = MAX(name_most, tree->keys[i].name.count * 2);
		class_most = MAX(class_most, tree->keys[i].class_name.count * 2);
	}
	put_u32(hive_cell_at(cells, key->cell) + 0x34, name_most);
	put_u32(hive_cell_at(cells, key->cell) + 0x38, class_most);
	return NULL;
}

// ---- security -------------------------------------------------------------------------------
// One descriptor for all keys of a storage: a ring of one, counted.
static ei_error *put_security(
	const struct hive_tree *tree, struct hive_cells *cells, unsigned storage)
{
	uint32_t users = 0;
	for (uint32_t i = 0; i < tree->key_count; i++)
		users += storage_of(&tree->keys[i]) == storage;
	if (!users)
		return NULL;
	uint32_t cell;
	uint32_t length = sizeof security_descriptor;
	EI_TRY(hive_cell_alloc(cells, storage, SECURITY_HEAD + length, &cell));
	uint8_t *record = hive_cell_at(cells, cell);
	memcpy(record, "sk", 2);
	put_u32(record + 4, cell);
	put_u32(record + 8, cell);
	put_u32(record + 12, users);
	put_u32(record + 16, length);
	memcpy(record + SECURITY_HEAD, security_descriptor, length);
	for (uint32_t i = 0; i < tree->key_count; i++)
		if (storage_of(&tree->keys[i]) == storage)
			put_u32(hive_cell_at(cells, tree->keys[i].cell) + 0x2c, cell);
	return NULL;
}

ei_error *hive_put_keys(struct hive_tree *tree, struct hive_cells *cells)
{
	for (uint32_t i = 0; i < tree->key_count; i++)
		EI_TRY_IN(put_key(tree, cells, &tree->keys[i]), "key '%s'", tree->keys[i].path);
	for (unsigned storage = 0; storage < STORAGES; storage++)
		EI_TRY(put_security(tree, cells, storage));
	for (uint32_t i = 0; i < tree->key_count; i++) {
		struct hive_key *key = &tree->keys[i];
		EI_TRY_IN(put_class(cells, key), "key '%s'", key->path);
		EI_TRY_IN(put_values(tree, cells, key), "key '%s'", key->path);
		EI_TRY_IN(put_children(tree, cells, key), "key '%s'", key->path);
	}
	return NULL;
}
