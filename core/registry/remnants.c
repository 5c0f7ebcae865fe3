// What was deleted: keys and values in free cells, and what can be proven of where they were; and
// those in cells in use to which nothing leads.
//
// Windows marks a cell as free and joins it with free neighbours, but leaves the bytes alone, the
// size fields of the joined cells among them; so records are looked for at every place where a cell
// can begin. A size field may be the first to be written over: it is then unknown how long the
// record's cell was, but what it says of itself has to end within the free cell.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"

enum {
	RECORDS_MAX = 1 << 20, // of each kind
	PATH_DEPTH_MAX = 512,
	PATH_BYTES_MAX = 1 << 14,
	PARENTS_MIN = 1 << 20, // looked at for all paths together; and more for each record
	PARENTS_EACH = 16,
	NAME_BYTES_MAX = 512, // of a key, in UTF-16
	VALUE_NAME_MAX = 32768,
};

// 1990 to 2200: a FILETIME that a key can have.
static const uint64_t time_first = 122756256000000000, time_end = 189027648000000000;

struct record {
	uint32_t cell;
	uint32_t owner; // of a value: its key's place in `keys`
	bool in_use;    // what its own size says may be of long ago
};
#define OWNER_NONE UINT32_MAX

struct records {
	struct record *at;
	uint32_t count, room;
};

struct ei_remnants {
	struct ei_hive *hive;
	ei_mark mark;
	struct records keys, values; // by cell
	uint8_t *linked;             // a bit for each place where a cell can begin; NULL: not known
	uint64_t parents; // that may still be looked at: chains of them may be made on purpose
	uint32_t next_key, next_value, next_orphan;
};

// ---- finding --------------------------------------------------------------------------------

static void record_add(struct ei_remnants *all, struct records *list, uint32_t cell, bool in_use)
{
	if (list->count == list->room) {
		uint32_t room = MAX(2 * list->room, 64u);
		struct record *more = room <= RECORDS_MAX
					      ? ei_alloc(all->hive->scratch, room * sizeof *more)
					      : NULL;
		if (!more)
			return;
		if (list->count)
			memcpy(more, list->at, list->count * sizeof *more);
		list->at = more;
		list->room = room;
	}
	list->at[list->count++] = (struct record){ cell, OWNER_NONE, in_use };
}

static bool key_is_plausible(const uint8_t *nk, uint32_t room)
{
	if (room < NK_NAME)
		return false;
	uint32_t name = load_u16(nk + NK_NAME_LENGTH);
	uint64_t written = load_u64(nk + NK_WRITTEN);
	return name && name <= NAME_BYTES_MAX && name <= room - NK_NAME && written >= time_first &&
	       written < time_end;
}

static bool value_is_plausible(const uint8_t *vk, uint32_t room, uint64_t hive_size)
{
	if (room < VK_NAME)
		return false;
	uint32_t name = load_u16(vk + VK_NAME_LENGTH), length = load_u32(vk + VK_DATA_LENGTH);
	uint32_t data = load_u32(vk + VK_DATA);
	if (name > VALUE_NAME_MAX || name > room - VK_NAME || load_u16(vk + VK_FLAGS) > 3)
		return false;
	if (length & VK_RESIDENT)
		return (length & ~VK_RESIDENT) <= VK_RESIDENT_MAX;
	return length <= hive_size && (!length || (data % CELL_ALIGN == 0 && data >= BIN_HEADER));
}

// Names of one byte a letter may have NULs on purpose, but are not made of them for the most part.
static bool name_is_plausible(struct ei_hive *hive, uint32_t index, const uint8_t *nk)
{
	uint8_t name[NAME_BYTES_MAX];
	uint32_t length = load_u16(nk + NK_NAME_LENGTH), odd = 0;
	uint32_t at = index + CELL_HEADER + NK_NAME;
	if (!(load_u16(nk + NK_FLAGS) & EI_KEY_LATIN1_NAME))
		return true;
	if (hive->source->read(hive->source, at, name, length) != length)
		return false;
	for (uint32_t i = 0; i < length; i++)
		odd += name[i] < 0x20;
	return odd * 2 <= length;
}

static bool is_linked(const struct ei_remnants *all, uint32_t index)
{
	uint32_t place = index / CELL_ALIGN;
	return !all->linked || (all->linked[place / 8] >> place % 8 & 1);
}

// A place in a free cell where another cell may have begun, or the start of one in use.
static void place_look(struct ei_remnants *all, uint32_t index, uint32_t room, bool in_use)
{
	struct ei_hive *hive = all->hive;
	uint8_t start[CELL_HEADER + NK_NAME] = { 0 };
	uint32_t size = MIN(room, (uint32_t)sizeof start);
	if (size < CELL_HEADER + VK_NAME ||
		hive->source->read(hive->source, index, start, size) != size)
		return;
	// The size that the cell had when it was one of its own.
	int64_t own = (int32_t)load_u32(start);
	own = own < 0 ? -own : own;
	if (own < CELL_ALIGN || own % CELL_ALIGN)
		own = room;
	uint32_t inside = (uint32_t)MIN(own, (int64_t)room) - CELL_HEADER;
	const uint8_t *record = start + CELL_HEADER;
	if (!memcmp(record, "nk", 2) && key_is_plausible(record, inside) &&
		name_is_plausible(hive, index, record))
		record_add(all, &all->keys, index, in_use);
	else if (!memcmp(record, "vk", 2) &&
		 value_is_plausible(record, inside, hive->source->length[STABLE]))
		record_add(all, &all->values, index, in_use);
}

// The cells of one bin: [at, end).
static void bin_look(struct ei_remnants *all, uint32_t at, uint32_t end)
{
	struct ei_hive *hive = all->hive;
	while (end - at >= CELL_ALIGN && !(hive->run && ei_stopped(hive->run))) {
		uint8_t header[CELL_HEADER];
		if (hive->source->read(hive->source, at, header, sizeof header) != sizeof header)
			return;
		int64_t size = (int32_t)load_u32(header);
		uint64_t length = (uint64_t)(size < 0 ? -size : size);
		if (length < CELL_ALIGN || length % CELL_ALIGN || length > end - at)
			return;
		uint32_t places = size > 0 ? (uint32_t)length : is_linked(all, at) ? 0 : 1;
		for (uint32_t in = 0; in < places; in += CELL_ALIGN)
			place_look(all, at + in, (uint32_t)length - in, size < 0);
		at += (uint32_t)length;
	}
}

static void bins_look(struct ei_remnants *all)
{
	struct ei_hive *hive = all->hive;
	uint32_t length = hive->source->length[STABLE];
	for (uint32_t at = 0; span_inside(at, BIN_HEADER, length);) {
		uint8_t header[BIN_HEADER];
		uint32_t size = BLOCK_SIZE;
		if (hive->source->read(hive->source, at, header, sizeof header) == sizeof header &&
			!memcmp(header, "hbin", 4)) {
			size = load_u32(header + BIN_LENGTH);
			if (!size || size % BLOCK_SIZE || !span_inside(at, size, length))
				size = BLOCK_SIZE;
			uint32_t end = MIN(at + size, length);
			bin_look(all, at + BIN_HEADER, end);
		}
		if (size > length - at)
			return;
		at += size;
	}
}

// ---- what is not deleted --------------------------------------------------------------------

static void link_mark(uint8_t *linked, uint32_t cell, uint32_t length)
{
	if (cell < length)
		linked[cell / CELL_ALIGN / 8] |= (uint8_t)(1 << cell / CELL_ALIGN % 8);
}

// Marks the keys and values of a tree; false when it was not walked to its end.
static bool tree_mark(struct ei_hive *hive, uint8_t *linked)
{
	uint32_t length = hive->source->length[STABLE];
	ei_key root = ei_hive_root(hive);
	link_mark(linked, root.cell, length);
	bool whole = root.state == EI_OK;
	ei_key_walk *walk = ei_key_walk_begin(&root, true);
	for (ei_key_step step; ei_key_walk_next(walk, &step);) {
		link_mark(linked, step.key.cell, length);
		ei_values values = ei_key_values(&step.key);
		if (step.leaving)
			for (ei_value value; ei_value_next(&values, &value);)
				link_mark(linked, value.cell, length);
		whole &= hive->budget != 0;
	}
	return whole && !(hive->run && ei_stopped(hive->run));
}

static void links_find(struct ei_remnants *all)
{
	struct ei_hive *hive = all->hive;
	size_t size = (hive->source->length[STABLE] / CELL_ALIGN + 8) / 8;
	uint8_t *linked = ei_alloc(hive->scratch, size);
	if (!linked)
		return;
	memset(linked, 0, size);
	ei_mark mark = ei_arena_mark(hive->scratch);
	if (tree_mark(hive, linked))
		all->linked = linked;
	ei_arena_rewind(hive->scratch, mark);
}

// ---- whose is what --------------------------------------------------------------------------

static uint32_t record_find(const struct records *list, uint32_t cell)
{
	uint32_t low = 0, high = list->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (list->at[middle].cell < cell)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->count && list->at[low].cell == cell ? low : OWNER_NONE;
}

static bool cell_is_used(struct ei_hive *hive, uint32_t index)
{
	uint8_t header[CELL_HEADER];
	if (index >> 31 || !span_inside(index, CELL_ALIGN, hive->source->length[STABLE]) ||
		hive->source->read(hive->source, index, header, sizeof header) != sizeof header)
		return true;
	return (int32_t)load_u32(header) < 0;
}

// A deleted key's list of values proves whose they were, if it has not been written over.
static void values_claim(struct ei_remnants *all, uint32_t owner)
{
	struct ei_hive *hive = all->hive;
	ei_key key = ei_hive_key_at(hive, all->keys.at[owner].cell);
	if (key.state != EI_OK || !key.value_count ||
		(cell_is_used(hive, key.value_list) && !all->keys.at[owner].in_use))
		return;
	struct cell list = cell_open(hive, key.value_list, "");
	uint32_t count = list.state == EI_OK ? MIN(key.value_count, list.size / 4) : 0;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t index[4];
		if (!cell_read(hive, &list, i * 4, index, sizeof index))
			return;
		uint32_t value = record_find(&all->values, load_u32(index));
		if (value == OWNER_NONE)
			return; // the list is not what it was
		if (all->values.at[value].owner == OWNER_NONE)
			all->values.at[value].owner = owner;
	}
}

ei_remnants *ei_hive_remnants(ei_hive *hive)
{
	if (!hive)
		return NULL;
	struct ei_remnants *all = ei_alloc(hive->scratch, sizeof *all);
	if (!all)
		return NULL;
	all->hive = hive;
	hive->quiet = true;
	links_find(all);
	bins_look(all);
	for (uint32_t i = 0; i < all->keys.count; i++) {
		ei_mark mark = ei_arena_mark(hive->scratch);
		values_claim(all, i);
		ei_arena_rewind(hive->scratch, mark);
	}
	all->parents = PARENTS_MIN + PARENTS_EACH * ((uint64_t)all->keys.count + all->values.count);
	all->mark = ei_arena_mark(hive->scratch);
	return all;
}

// ---- paths ----------------------------------------------------------------------------------

static const char *path_join(struct ei_hive *hive, ei_val above, const char *below)
{
	const char *name = ei_has(above) ? above.s : "?";
	int length = ei_has(above) ? (int)above.length : 1;
	const char *path = ei_text(
		hive->scratch, "%.*s%s%s", length, name, length && *below ? "\\" : "", below);
	return path ? path : "?";
}

static bool parent_is_deleted(const struct ei_remnants *all, const ei_key *key)
{
	return record_find(&all->keys, key->parent) != OWNER_NONE;
}

// The path of the key in use that a deleted key names as its parent. Deleting a key writes to its
// parent: what was last written to before the key was, cannot have been its parent.
static ei_val live_parent(const struct ei_remnants *all, const ei_key *key)
{
	struct ei_hive *hive = all->hive;
	if (!cell_is_used(hive, key->parent) || parent_is_deleted(all, key))
		return ei_absent(EI_NONE);
	ei_key parent = ei_hive_key_at(hive, key->parent);
	if (parent.state != EI_OK || parent.last_write < key->last_write)
		return ei_absent(EI_NONE);
	return ei_key_path(&parent);
}

// The path of a deleted key's parent: up through deleted keys to one that is in use.
static const char *parent_path(struct ei_remnants *all, ei_key key, ei_remnant_parent *parent)
{
	struct ei_hive *hive = all->hive;
	const char *below = "";
	*parent = EI_PARENT_UNKNOWN;
	for (int depth = 0; depth < PATH_DEPTH_MAX && all->parents; depth++, all->parents--) {
		ei_val live = live_parent(all, &key);
		bool deleted = !ei_has(live) && parent_is_deleted(all, &key);
		if (!depth)
			*parent = ei_has(live) ? EI_PARENT_LIVE
				  : deleted    ? EI_PARENT_DELETED
					       : EI_PARENT_UNKNOWN;
		if (ei_has(live))
			return path_join(hive, live, below);
		if (!deleted || strlen(below) > PATH_BYTES_MAX)
			break;
		key = ei_hive_key_at(hive, key.parent);
		below = path_join(hive, ei_key_name(&key), below);
	}
	return path_join(hive, ei_absent(EI_NONE), below);
}

// ---- one by one -----------------------------------------------------------------------------

static void value_give(
	struct ei_remnants *all, const struct record *record, const ei_key *key, ei_remnant *out)
{
	struct ei_hive *hive = all->hive;
	*out = (ei_remnant){ .is_value = true, .value = value_open(hive, record->cell) };
	const ei_value *value = &out->value;
	out->unlinked = record->in_use;
	out->data_lost = !value->resident && value->length && !out->unlinked &&
			 cell_is_used(hive, value->data);
	out->key = (ei_key){ .hive = hive, .cell = CELL_NONE, .state = EI_NONE };
	out->path = "?";
	if (!key)
		return;
	ei_remnant_parent above;
	out->key = *key;
	out->parent = EI_PARENT_DELETED;
	const char *path = parent_path(all, *key, &above);
	ei_val name = ei_key_name(key);
	ei_val parent = { .s = path, .length = (uint32_t)strlen(path), .state = EI_OK };
	char *text = ei_has(name) ? ei_text(hive->scratch, "%.*s", (int)name.length, name.s) : NULL;
	out->path = path_join(hive, parent, text ? text : "?");
}

static bool key_next(struct ei_remnants *all, ei_remnant *out)
{
	if (all->next_key == all->keys.count)
		return false;
	const struct record *record = &all->keys.at[all->next_key++];
	*out = (ei_remnant){ .key = ei_hive_key_at(all->hive, record->cell),
		.unlinked = record->in_use };
	out->path = parent_path(all, out->key, &out->parent);
	return true;
}

// The values that have been claimed, and then the others.
static bool value_next(struct ei_remnants *all, bool claimed, ei_remnant *out)
{
	uint32_t *next = claimed ? &all->next_value : &all->next_orphan;
	while (*next < all->values.count) {
		const struct record *record = &all->values.at[(*next)++];
		if ((record->owner != OWNER_NONE) != claimed)
			continue;
		ei_key key = { 0 };
		if (claimed)
			key = ei_hive_key_at(all->hive, all->keys.at[record->owner].cell);
		value_give(all, record, claimed ? &key : NULL, out);
		return true;
	}
	return false;
}

bool ei_remnant_next(ei_remnants *all, ei_remnant *out)
{
	if (!all || (all->hive->run && ei_stopped(all->hive->run)))
		return false;
	ei_arena_rewind(all->hive->scratch, all->mark);
	return key_next(all, out) || value_next(all, true, out) || value_next(all, false, out);
}
