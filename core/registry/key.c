// Keys: the nk record.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"

enum { PATH_DEPTH_MAX = 512 };

static ei_key key_absent(ei_hive *hive, uint32_t cell, ei_state state)
{
	return (ei_key){ .hive = hive, .cell = cell, .state = (uint16_t)state };
}

static void key_load(ei_key *key, const uint8_t *nk)
{
	key->flags = load_u16(nk + NK_FLAGS);
	key->last_write = load_u64(nk + NK_WRITTEN);
	key->parent = load_u32(nk + NK_PARENT);
	for (int i = 0; i < STORAGES; i++) {
		key->counts[i] = load_u32(nk + NK_SUBKEY_COUNTS + 4 * i);
		key->lists[i] = load_u32(nk + NK_SUBKEY_LISTS + 4 * i);
	}
	// Here a predefined key keeps its handle.
	if (!(key->flags & EI_KEY_PREDEFINED))
		key->value_count = load_u32(nk + NK_VALUE_COUNT);
	key->value_list = load_u32(nk + NK_VALUE_LIST);
	key->class_cell = load_u32(nk + NK_CLASS);
	key->name_length = load_u16(nk + NK_NAME_LENGTH);
	key->class_length = load_u16(nk + NK_CLASS_LENGTH);
}

ei_key ei_hive_key_at(ei_hive *hive, uint32_t index)
{
	uint8_t nk[NK_NAME];
	if (!hive)
		return key_absent(NULL, index, EI_UNREADABLE);
	struct cell cell = record_open(hive, index, "a key");
	if (cell.state != EI_OK)
		return key_absent(hive, index, cell.state);
	if (cell.size < sizeof nk) {
		hive_note(hive, "a key (cell 0x%x) is %u bytes long, want %d", index, cell.size,
			NK_NAME);
		return key_absent(hive, index, EI_GARBAGE);
	}
	if (!cell_read(hive, &cell, 0, nk, sizeof nk)) {
		hive_note(hive, "a key (cell 0x%x) cannot be read", index);
		return key_absent(hive, index, EI_UNREADABLE);
	}
	if (memcmp(nk, "nk", 2) != 0) {
		hive_note(
			hive, "cell 0x%x is no key: it begins with %02x%02x", index, nk[0], nk[1]);
		return key_absent(hive, index, EI_GARBAGE);
	}
	ei_key key = { .hive = hive, .cell = index, .state = EI_OK };
	key_load(&key, nk);
	return key;
}

ei_key ei_hive_root(ei_hive *hive)
{
	if (!hive)
		return key_absent(NULL, 0, EI_UNREADABLE);
	return ei_hive_key_at(hive, hive->root);
}

ei_val ei_key_name(const ei_key *key)
{
	if (key->state != EI_OK)
		return ei_absent(key->state);
	struct cell cell = record_open(key->hive, key->cell, "a key");
	ei_val name = cell_text(
		key->hive, &cell, NK_NAME, key->name_length, key->flags & EI_KEY_LATIN1_NAME);
	if (name.state == EI_GARBAGE)
		hive_note(key->hive, "the name of a key (cell 0x%x) is longer than the key",
			key->cell);
	return name;
}

ei_val ei_key_class(const ei_key *key)
{
	if (key->state != EI_OK)
		return ei_absent(key->state);
	if (!key->class_length || key->class_cell == CELL_NONE)
		return ei_absent(EI_NONE);
	struct cell cell = cell_open(key->hive, key->class_cell, "the class of a key");
	return cell_text(key->hive, &cell, 0, key->class_length, false);
}

ei_val ei_key_written(const ei_key *key)
{
	// The year 10000: nothing in an image can be later.
	static const uint64_t end = 2650467744000000000;
	if (key->state != EI_OK)
		return ei_absent(key->state);
	if (!key->last_write)
		return ei_absent(EI_NONE);
	return key->last_write < end ? ei_of(EI_TIME, key->last_write) : ei_absent(EI_GARBAGE);
}

ei_val ei_key_is_volatile(const ei_key *key)
{
	return key->state == EI_OK ? ei_bool(key->cell >> 31) : ei_absent(key->state);
}

ei_val ei_key_path(const ei_key *key)
{
	if (key->state != EI_OK)
		return ei_absent(key->state);
	char *path = ei_text(key->hive->scratch, "%s", "");
	ei_key at = *key;
	for (int depth = 0; path && at.cell != key->hive->root; depth++) {
		ei_val name = ei_key_name(&at);
		if (depth >= PATH_DEPTH_MAX || !ei_has(name))
			return ei_absent(ei_has(name) ? EI_GARBAGE : name.state);
		path = ei_text(key->hive->scratch, "%.*s%s%s", (int)name.length, name.s,
			*path ? "\\" : "", path);
		at = ei_hive_key_at(key->hive, at.parent);
		if (at.state != EI_OK)
			return ei_absent(at.state);
	}
	return path ? ei_str(path) : ei_absent(EI_UNREADABLE);
}
