// Values: the vk record, its data, big data.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"

static const char *const type_names[] = {
	[EI_REG_NONE] = "REG_NONE",
	[EI_REG_SZ] = "REG_SZ",
	[EI_REG_EXPAND_SZ] = "REG_EXPAND_SZ",
	[EI_REG_BINARY] = "REG_BINARY",
	[EI_REG_DWORD] = "REG_DWORD",
	[EI_REG_DWORD_BIG_ENDIAN] = "REG_DWORD_BIG_ENDIAN",
	[EI_REG_LINK] = "REG_LINK",
	[EI_REG_MULTI_SZ] = "REG_MULTI_SZ",
	[EI_REG_RESOURCE_LIST] = "REG_RESOURCE_LIST",
	[EI_REG_FULL_RESOURCE_DESCRIPTOR] = "REG_FULL_RESOURCE_DESCRIPTOR",
	[EI_REG_RESOURCE_REQUIREMENTS_LIST] = "REG_RESOURCE_REQUIREMENTS_LIST",
	[EI_REG_QWORD] = "REG_QWORD",
};

// ---- values of a key ------------------------------------------------------------------------

static ei_value value_absent(ei_hive *hive, uint32_t cell, ei_state state)
{
	return (ei_value){ .hive = hive, .cell = cell, .state = (uint16_t)state };
}

static void value_load(ei_value *value, const uint8_t *vk)
{
	uint32_t length = load_u32(vk + VK_DATA_LENGTH);
	value->name_length = load_u16(vk + VK_NAME_LENGTH);
	value->resident = length & VK_RESIDENT ? 1 : 0;
	value->length = length & ~VK_RESIDENT;
	value->data = load_u32(vk + VK_DATA);
	value->type = load_u32(vk + VK_TYPE);
	value->latin1_name = load_u16(vk + VK_FLAGS) & VK_FLAG_LATIN1_NAME;
}

ei_value value_open(ei_hive *hive, uint32_t index)
{
	uint8_t vk[VK_NAME];
	struct cell cell = record_open(hive, index, "a value");
	if (cell.state != EI_OK)
		return value_absent(hive, index, cell.state);
	if (cell.size < sizeof vk) {
		hive_note(hive, "a value (cell 0x%x) is %u bytes long, want %d", index, cell.size,
			VK_NAME);
		return value_absent(hive, index, EI_GARBAGE);
	}
	if (!cell_read(hive, &cell, 0, vk, sizeof vk)) {
		hive_note(hive, "a value (cell 0x%x) cannot be read", index);
		return value_absent(hive, index, EI_UNREADABLE);
	}
	if (memcmp(vk, "vk", 2) != 0) {
		hive_note(hive, "cell 0x%x is no value: it begins with %02x%02x", index, vk[0],
			vk[1]);
		return value_absent(hive, index, EI_GARBAGE);
	}
	ei_value value = { .hive = hive, .cell = index, .state = EI_OK };
	value_load(&value, vk);
	return value;
}

ei_values ei_key_values(const ei_key *key)
{
	ei_values cursor = { .hive = key->hive, .list = key->value_list };
	if (!key->hive || key->state != EI_OK || !key->value_count)
		return cursor;
	cursor.mark = ei_arena_mark(key->hive->scratch);
	struct cell cell = cell_open(key->hive, key->value_list, "a list of values");
	uint32_t room = cell.size / 4;
	cursor.count = cell.state == EI_OK ? MIN(key->value_count, room) : 0;
	if (cell.state == EI_OK && key->value_count > room)
		hive_note(key->hive,
			"a key (cell 0x%x) says it has %u values, its list has room "
			"for %u",
			key->cell, key->value_count, room);
	return cursor;
}

bool ei_value_next(ei_values *cursor, ei_value *out)
{
	struct ei_hive *hive = cursor->hive;
	if (cursor->next >= cursor->count || (hive->run && ei_stopped(hive->run)))
		return false;
	ei_arena_rewind(hive->scratch, cursor->mark);
	uint8_t index[4];
	struct cell list = { cursor->list, cursor->count * 4, EI_OK };
	if (cell_read(hive, &list, cursor->next++ * 4, index, sizeof index)) {
		*out = value_open(hive, load_u32(index));
		return true;
	}
	hive_note(hive, "a list of values (cell 0x%x): element %u cannot be read", cursor->list,
		cursor->next - 1);
	*out = value_absent(hive, CELL_NONE, EI_UNREADABLE);
	return true;
}

ei_value ei_key_value(const ei_key *key, const char *name)
{
	if (key->state != EI_OK)
		return value_absent(key->hive, CELL_NONE, key->state);
	ei_values cursor = ei_key_values(key);
	for (ei_value value; ei_value_next(&cursor, &value);) {
		ei_val text = ei_value_name(&value);
		if (ei_has(text) && name_equal(text.s, text.length, name, strlen(name)))
			return value;
	}
	return value_absent(key->hive, CELL_NONE, EI_NONE);
}

ei_val ei_value_name(const ei_value *value)
{
	if (value->state != EI_OK)
		return ei_absent(value->state);
	if (!value->name_length)
		return ei_str("");
	struct cell cell = record_open(value->hive, value->cell, "a value");
	ei_val name =
		cell_text(value->hive, &cell, VK_NAME, value->name_length, value->latin1_name);
	if (name.state == EI_GARBAGE)
		hive_note(value->hive, "the name of a value (cell 0x%x) is longer than the value",
			value->cell);
	return name;
}

ei_val ei_value_type(const ei_value *value)
{
	if (value->state != EI_OK)
		return ei_absent(value->state);
	if (value->type < ARRAY_LENGTH(type_names))
		return ei_str(type_names[value->type]);
	char *text = ei_text(value->hive->scratch, "0x%x", value->type);
	return text ? ei_str(text) : ei_absent(EI_UNREADABLE);
}

// ---- data -----------------------------------------------------------------------------------

// Big data: a cell that refers to a list of segments, all of them full but the last.
static ei_val segments_read(const ei_value *value, const struct cell *record)
{
	struct ei_hive *hive = value->hive;
	uint8_t db[DB_SIZE];
	if (!cell_read(hive, record, 0, db, sizeof db))
		return ei_absent(EI_UNREADABLE);
	struct cell list = cell_open(hive, load_u32(db + DB_LIST), "a list of segments");
	if (list.state != EI_OK)
		return ei_absent(list.state);
	uint32_t count = MIN((uint32_t)load_u16(db + DB_COUNT), list.size / 4);
	if ((uint64_t)count * DB_SEGMENT < value->length) {
		hive_note(hive, "the data of a value (cell 0x%x) are %u bytes in %u segments",
			value->cell, value->length, count);
		return ei_absent(EI_GARBAGE);
	}
	uint8_t *bytes = ei_alloc(hive->scratch, MAX(value->length, 1u));
	for (uint32_t done = 0, i = 0; bytes && done < value->length; i++) {
		uint8_t index[4];
		if (!cell_read(hive, &list, i * 4, index, sizeof index))
			return ei_absent(EI_UNREADABLE);
		struct cell segment = cell_open(hive, load_u32(index), "a segment of data");
		if (segment.state != EI_OK)
			return ei_absent(segment.state);
		uint32_t size = MIN((uint32_t)DB_SEGMENT, value->length - done);
		if (size > segment.size)
			return ei_absent(EI_GARBAGE);
		if (!cell_read(hive, &segment, 0, bytes + done, size))
			return ei_absent(EI_UNREADABLE);
		done += size;
	}
	return bytes ? ei_bytes(bytes, value->length) : ei_absent(EI_UNREADABLE);
}

static ei_val resident_read(const ei_value *value)
{
	if (value->length > VK_RESIDENT_MAX) {
		hive_note(value->hive, "a value (cell 0x%x) says it keeps %u bytes in itself",
			value->cell, value->length);
		return ei_absent(EI_GARBAGE);
	}
	uint8_t *bytes = ei_alloc(value->hive->scratch, VK_RESIDENT_MAX);
	if (!bytes)
		return ei_absent(EI_UNREADABLE);
	memcpy(bytes, &value->data, VK_RESIDENT_MAX);
	return ei_bytes(bytes, value->length);
}

// A record of segments is only looked for where the data cannot lie in the cell itself.
static bool is_big(const ei_value *value, const struct cell *cell)
{
	uint8_t signature[2];
	return value->hive->minor >= DB_MINOR && value->length > DB_SEGMENT &&
	       value->length > cell->size &&
	       cell_read(value->hive, cell, 0, signature, sizeof signature) &&
	       !memcmp(signature, "db", 2);
}

ei_val ei_value_bytes(const ei_value *value)
{
	struct ei_hive *hive = value->hive;
	if (value->state != EI_OK)
		return ei_absent(value->state);
	if (value->resident)
		return resident_read(value);
	if (!value->length)
		return ei_bytes("", 0);
	if (value->length > hive_bytes(hive)) {
		hive_note(hive, "a value (cell 0x%x) says it has %u bytes of data", value->cell,
			value->length);
		return ei_absent(EI_GARBAGE);
	}
	struct cell cell = cell_open(hive, value->data, "the data of a value");
	if (cell.state != EI_OK)
		return ei_absent(cell.state);
	if (is_big(value, &cell))
		return segments_read(value, &cell);
	if (value->length > cell.size)
		hive_note(hive,
			"the data of a value (cell 0x%x) are cut from %u bytes to the %u of "
			"their cell",
			value->cell, value->length, cell.size);
	uint32_t size = MIN(value->length, cell.size);
	const uint8_t *bytes = cell_bytes(hive, &cell, 0, size);
	if (bytes)
		return ei_bytes(bytes, size);
	hive_note(hive, "the data of a value (cell 0x%x) cannot be read", value->cell);
	return ei_absent(EI_UNREADABLE);
}

// ---- typed ----------------------------------------------------------------------------------

static ei_val text_make(char *text, size_t size)
{
	return (ei_val){ .s = text, .length = (uint32_t)size, .kind = EI_STR, .state = EI_OK };
}

// How many letters of one byte each there are before the zeros at the end; 0: they are none.
static uint32_t ascii_length(ei_val bytes)
{
	uint32_t length = bytes.length;
	while (length && !bytes.b[length - 1])
		length--;
	for (uint32_t i = 0; i < length; i++)
		if ((bytes.b[i] < 0x20 && !memchr("\t\n\r", bytes.b[i], 3)) || bytes.b[i] > 0x7e)
			return 0;
	return length;
}

// Applications that mistake one call for another store text of one byte a letter: where the length
// is odd it cannot be anything else.
static ei_val odd_text_of(const ei_value *value, ei_val bytes)
{
	static const char replacement[] = "\xef\xbf\xbd";
	struct ei_hive *hive = value->hive;
	uint32_t ascii = ascii_length(bytes);
	char *text = ei_alloc(hive->scratch, (size_t)bytes.length * 2 + sizeof replacement);
	if (!text)
		return ei_absent(EI_UNREADABLE);
	hive_note(hive, "the text of a value (cell 0x%x) %s: %u bytes", value->cell,
		ascii ? "has letters of one byte" : "ends within a letter", bytes.length);
	if (ascii)
		return text_make(text, latin1_to_utf8(bytes.b, ascii, text));
	size_t size = utf16_to_utf8(bytes.b, bytes.length - 1, text);
	memcpy(text + size, replacement, sizeof replacement);
	return text_make(text, size + sizeof replacement - 1);
}

static ei_val text_of(const ei_value *value, ei_val bytes)
{
	uint32_t length = bytes.length & ~1u;
	bool ended = length && !load_u16(bytes.b + length - 2);
	bool odd = bytes.length > length;
	if (odd && (ascii_length(bytes) || (bytes.b[length] && !ended)))
		return odd_text_of(value, bytes);
	while (length && !load_u16(bytes.b + length - 2))
		length -= 2;
	char *text = ei_alloc(value->hive->scratch, (size_t)length * 2 + 1);
	if (!text)
		return ei_absent(EI_UNREADABLE);
	return text_make(text, utf16_to_utf8(bytes.b, length, text));
}

static ei_val lines_of(const ei_value *value, ei_val bytes)
{
	ei_val text = text_of(value, bytes);
	if (!ei_has(text))
		return text;
	char *at = (char *)(uintptr_t)text.s; // our own copy
	for (uint32_t i = 0; i < text.length; i++)
		if (!at[i])
			at[i] = '\n';
	return text;
}

static ei_val number_of(ei_val bytes, uint32_t size, bool big_endian)
{
	if (bytes.length != size)
		return bytes;
	if (size == 8)
		return ei_uint(load_u64(bytes.b));
	uint32_t value = load_u32(bytes.b);
	return ei_uint(big_endian ? __builtin_bswap32(value) : value);
}

ei_val ei_value_data(const ei_value *value)
{
	ei_val bytes = ei_value_bytes(value);
	if (!ei_has(bytes))
		return bytes;
	switch (value->type) {
	case EI_REG_SZ:
	case EI_REG_EXPAND_SZ:
	case EI_REG_LINK:
		return text_of(value, bytes);
	case EI_REG_MULTI_SZ:
		return lines_of(value, bytes);
	case EI_REG_DWORD:
		return number_of(bytes, 4, false);
	case EI_REG_DWORD_BIG_ENDIAN:
		return number_of(bytes, 4, true);
	case EI_REG_QWORD:
		return number_of(bytes, 8, false);
	default:
		return bytes;
	}
}
