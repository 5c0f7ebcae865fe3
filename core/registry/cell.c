// Cells: the allocation unit of hives. Everything else is read through them.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"

static bool budget_spend(struct ei_hive *hive, uint32_t bytes)
{
	if (hive->budget == UINT64_MAX)
		return true;
	if (hive->budget < bytes) {
		if (hive->budget)
			hive_note(hive,
				"the same cells are referred to over and over; the walk ends");
		hive->budget = 0;
		return false;
	}
	hive->budget -= bytes;
	return true;
}

static bool index_inside(const struct ei_hive *hive, uint32_t index, uint32_t size)
{
	return span_inside(index & INDEX_OFFSET, size, hive->source->length[index >> 31]);
}

static struct cell cell_bad(
	struct ei_hive *hive, uint32_t index, const char *what, ei_state state, const char *why)
{
	hive_note(hive, "%s (cell 0x%x) %s", what, index, why);
	return (struct cell){ .index = index, .state = state };
}

struct cell cell_open(struct ei_hive *hive, uint32_t index, const char *what)
{
	uint8_t header[CELL_HEADER];
	if ((index & INDEX_OFFSET) % CELL_ALIGN || !index_inside(hive, index, CELL_ALIGN))
		return cell_bad(hive, index, what, EI_GARBAGE, "is outside the hive");
	if (!budget_spend(hive, CELL_ALIGN))
		return (struct cell){ .index = index, .state = EI_UNREADABLE };
	if (hive->source->read(hive->source, index, header, sizeof header) != sizeof header)
		return cell_bad(hive, index, what, EI_UNREADABLE, "cannot be read");
	int64_t size = (int32_t)load_u32(header);
	if (size > 0)
		hive_note(hive, "%s (cell 0x%x) is in use, but marked as free", what, index);
	size = size < 0 ? -size : size;
	if (size < CELL_ALIGN || size > UINT32_MAX || !index_inside(hive, index, (uint32_t)size))
		return cell_bad(hive, index, what, EI_GARBAGE, "has a size that cannot be");
	return (struct cell){ index, (uint32_t)size - CELL_HEADER, EI_OK };
}

struct cell record_open(struct ei_hive *hive, uint32_t index, const char *what)
{
	struct cell cell = cell_open(hive, index, what);
	if (cell.state != EI_GARBAGE || !hive->quiet || (index & INDEX_OFFSET) % CELL_ALIGN ||
		!index_inside(hive, index, CELL_ALIGN))
		return cell;
	uint32_t room = hive->source->length[index >> 31] - (index & INDEX_OFFSET);
	return (struct cell){ index, room - CELL_HEADER, EI_OK };
}

bool cell_read(
	struct ei_hive *hive, const struct cell *cell, uint32_t offset, void *buffer, uint32_t size)
{
	if (cell->state != EI_OK || !span_inside(offset, size, cell->size))
		return false;
	if (!size)
		return true;
	if (!budget_spend(hive, size))
		return false;
	uint32_t index = cell->index + CELL_HEADER + offset;
	return hive->source->read(hive->source, index, buffer, size) == size;
}

uint8_t *cell_bytes(struct ei_hive *hive, const struct cell *cell, uint32_t offset, uint32_t size)
{
	if (!span_inside(offset, size, cell->size))
		return NULL;
	uint8_t *bytes = ei_alloc(hive->scratch, MAX(size, 1u));
	return bytes && cell_read(hive, cell, offset, bytes, size) ? bytes : NULL;
}

ei_val cell_text(
	struct ei_hive *hive, const struct cell *cell, uint32_t offset, uint32_t size, bool latin1)
{
	if (cell->state != EI_OK)
		return ei_absent(cell->state);
	if (!span_inside(offset, size, cell->size) || (!latin1 && size % 2))
		return ei_absent(EI_GARBAGE);
	uint8_t *bytes = cell_bytes(hive, cell, offset, size);
	char *text = ei_alloc(hive->scratch, (size_t)size * 2 + 1);
	if (!bytes || !text)
		return ei_absent(EI_UNREADABLE);
	size_t length =
		latin1 ? latin1_to_utf8(bytes, size, text) : utf16_to_utf8(bytes, size, text);
	return (ei_val){ .s = text, .length = (uint32_t)length, .kind = EI_STR, .state = EI_OK };
}
