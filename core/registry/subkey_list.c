// Lists of subkeys: li, lf and lh list keys, ri lists lists.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"

// lf and lh keep four bytes of hint or hash behind each index; we compare names instead.
static const struct list_form {
	char signature[2];
	uint8_t stride;
	bool of_lists;
} list_forms[] = {
	{ { 'l', 'i' }, 4, false },
	{ { 'l', 'f' }, 8, false },
	{ { 'l', 'h' }, 8, false },
	{ { 'r', 'i' }, 4, true },
};

static const struct list_form *list_form(const uint8_t *signature)
{
	for (size_t i = 0; i < ARRAY_LENGTH(list_forms); i++)
		if (!memcmp(signature, list_forms[i].signature, 2))
			return &list_forms[i];
	return NULL;
}

static void list_enter(ei_subkeys *cursor, uint32_t index)
{
	struct ei_hive *hive = cursor->hive;
	uint8_t header[LIST_ELEMENTS];
	struct cell cell = cell_open(hive, index, "a list of subkeys");
	if (cell.state != EI_OK)
		return;
	if (!cell_read(hive, &cell, 0, header, sizeof header)) {
		hive_note(hive, "a list of subkeys (cell 0x%x) cannot be read", index);
		return;
	}
	const struct list_form *form = list_form(header);
	if (!form) {
		hive_note(hive, "cell 0x%x is no list of subkeys: it begins with %02x%02x", index,
			header[0], header[1]);
		return;
	}
	if (cursor->depth == EI_LIST_DEPTH) {
		hive_note(hive, "lists of subkeys (cell 0x%x) are nested too deeply", index);
		return;
	}
	uint32_t count = load_u16(header + LIST_COUNT);
	uint32_t room = (cell.size - LIST_ELEMENTS) / form->stride;
	if (count > room)
		hive_note(hive, "a list of subkeys (cell 0x%x) of %u has room for %u", index, count,
			room);
	cursor->frames[cursor->depth++] = (ei_list_frame){
		.cell = index,
		.count = (uint16_t)MIN(count, room),
		.stride = form->stride,
		.of_lists = form->of_lists,
	};
}

static void count_check(ei_subkeys *cursor)
{
	uint32_t storage = cursor->storage;
	if (cursor->counts[storage] != cursor->given && cursor->hive->budget)
		hive_note(cursor->hive, "a key (cell 0x%x) says it has %u %s subkeys, and lists %u",
			cursor->key, cursor->counts[storage], storage ? "volatile" : "stable",
			cursor->given);
}

// Whether a list begins there. Said of what a key does not lay claim to, so it leaves no notes.
static bool list_is_there(struct ei_hive *hive, uint32_t index)
{
	uint8_t start[CELL_HEADER + LIST_ELEMENTS];
	uint32_t offset = index & INDEX_OFFSET;
	return offset % CELL_ALIGN == 0 &&
	       span_inside(offset, sizeof start, hive->source->length[index >> 31]) &&
	       hive->source->read(hive->source, index, start, sizeof start) == sizeof start &&
	       list_form(start + CELL_HEADER);
}

// The next storage's list, once the one before it is done.
static bool storage_enter(ei_subkeys *cursor)
{
	uint32_t storage = cursor->storage;
	// A file keeps nothing of the volatile storage, but the counts that were true in memory.
	if (!cursor->hive->source->length[storage])
		return false;
	// A count of zero hides a list from Windows, so it may have been made zero for that.
	if (!cursor->counts[storage] && !list_is_there(cursor->hive, cursor->lists[storage]))
		return false;
	cursor->given = 0;
	list_enter(cursor, cursor->lists[storage]);
	return true;
}

ei_subkeys ei_key_subkeys(const ei_key *key)
{
	ei_subkeys cursor = { .hive = key->hive, .key = key->cell };
	if (!key->hive || key->state != EI_OK) {
		cursor.storage = STORAGES;
		return cursor;
	}
	cursor.mark = ei_arena_mark(key->hive->scratch);
	memcpy(cursor.lists, key->lists, sizeof cursor.lists);
	memcpy(cursor.counts, key->counts, sizeof cursor.counts);
	// Each element is four bytes of some cell.
	cursor.budget = hive_bytes(key->hive) / 4;
	while (cursor.storage < STORAGES && !storage_enter(&cursor))
		cursor.storage++;
	return cursor;
}

static uint32_t element_at(const ei_list_frame *frame, uint32_t n)
{
	return LIST_ELEMENTS + n * frame->stride;
}

// Moves the frame on: by one element, or over those on a block that is missing.
static bool element_read(struct ei_hive *hive, ei_list_frame *frame, uint8_t *element)
{
	struct cell cell = { frame->cell, element_at(frame, frame->count), EI_OK };
	if (cell_read(hive, &cell, element_at(frame, frame->next++), element, 4))
		return true;
	uint32_t from = frame->next - 1u, start = frame->cell + CELL_HEADER;
	uint32_t block = (start + element_at(frame, from) + 3) / BLOCK_SIZE;
	while (frame->next < frame->count &&
		(start + element_at(frame, frame->next)) / BLOCK_SIZE == block)
		frame->next++;
	hive_note(hive, "a list of subkeys (cell 0x%x): elements %u to %u cannot be read",
		frame->cell, from, frame->next - 1u);
	return false;
}

// Behind a count of zero there may also be a list that was left from long ago, by now another
// key's: its keys know their parent.
static bool is_claimed(const ei_subkeys *cursor, const ei_key *key)
{
	return cursor->counts[cursor->storage] || cursor->hive->compat ||
	       (key->state == EI_OK && key->parent == cursor->key);
}

// The next element of the innermost list; false when there is none left in this storage.
static bool element_next(ei_subkeys *cursor, uint32_t *index, bool *of_lists)
{
	struct ei_hive *hive = cursor->hive;
	while (cursor->depth) {
		ei_list_frame *frame = &cursor->frames[cursor->depth - 1];
		if (frame->next == frame->count) {
			cursor->depth--;
			continue;
		}
		if (!cursor->budget--) {
			hive_note(hive, "the lists of a key (cell 0x%x) have no end", cursor->key);
			cursor->budget = cursor->depth = 0;
			return false;
		}
		uint8_t element[4];
		if (!element_read(hive, frame, element))
			continue;
		*index = load_u32(element);
		*of_lists = frame->of_lists;
		return true;
	}
	return false;
}

bool ei_subkey_next(ei_subkeys *cursor, ei_key *out)
{
	struct ei_hive *hive = cursor->hive;
	if (cursor->storage == STORAGES || (hive->run && ei_stopped(hive->run)))
		return false;
	ei_arena_rewind(hive->scratch, cursor->mark);
	while (cursor->storage < STORAGES) {
		uint32_t index;
		bool of_lists;
		if (element_next(cursor, &index, &of_lists)) {
			if (of_lists) {
				list_enter(cursor, index);
				continue;
			}
			ei_key key = ei_hive_key_at(hive, index);
			if (!is_claimed(cursor, &key))
				continue;
			cursor->given++;
			*out = key;
			return true;
		}
		count_check(cursor);
		while (++cursor->storage < STORAGES && !storage_enter(cursor))
			;
	}
	return false;
}
