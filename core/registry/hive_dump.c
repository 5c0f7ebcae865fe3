// A hive in memory as a hive file: its stable part, repaired so far that readers of files open it.
//
// Readers of files follow the sizes of cells through each bin, and stop at the first that cannot
// be. So where pages are missing, or zero from end to end, the head of a bin and free cells that
// bridge the gap are made up; what else is in the image is never changed.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive_memory.h"

#include "registry/hive_log.h"
#include <eidetic/extract.h>

enum {
	RESYNC_STEPS = 1 << 22, // cells looked at to find those behind gaps, in all
	GAP_STEPS = 1 << 18,    // ... and behind one of them
	PATCH_MAX = BIN_HEADER + CELL_HEADER,
	NAME_UNITS = 31,
	MINOR_DEFAULT = 5,
};

struct dump {
	struct ei_hive *hive;
	struct ei_extract *file;
	uint32_t length;  // bytes of bins
	uint8_t *present; // a bit for each block that can be read
	uint8_t *filled; // ... and is not all zero, as blocks that were lost on the way here may be
	uint8_t *head;   // a bit for each block that a bin begins with, for certain
	uint32_t steps;  // that are left of RESYNC_STEPS
	uint32_t made_up; // heads and cells
};

static bool bit(const uint8_t *bits, uint32_t at)
{
	return bits[at / 8] >> at % 8 & 1;
}

static bool is_filled(const struct dump *d, uint32_t at)
{
	return bit(d->filled, at / BLOCK_SIZE);
}

static bool read_exact(struct dump *d, uint32_t at, void *buffer, uint32_t size)
{
	return span_inside(at, size, d->length) &&
	       d->hive->source->read(d->hive->source, at, buffer, size) == size;
}

// ---- what is there --------------------------------------------------------------------------

static bool blocks_survey(struct dump *d)
{
	uint32_t blocks = d->length / BLOCK_SIZE, there = 0;
	ei_arena *arena = d->hive->scratch;
	d->present = ei_alloc(arena, blocks / 8 + 1);
	d->filled = ei_alloc(arena, blocks / 8 + 1);
	d->head = ei_alloc(arena, blocks / 8 + 1);
	uint8_t *block = ei_alloc(arena, BLOCK_SIZE);
	if (!d->present || !d->filled || !d->head || !block)
		return false;
	for (uint32_t i = 0; i < blocks && !ei_stopped(d->hive->run); i++) {
		uint8_t mask = (uint8_t)(1 << i % 8);
		if (!read_exact(d, i * BLOCK_SIZE, block, BLOCK_SIZE))
			continue;
		d->present[i / 8] |= mask;
		if (!block[0] && !memcmp(block, block + 1, BLOCK_SIZE - 1))
			continue;
		there++;
		d->filled[i / 8] |= mask;
		// A bin knows its own place.
		if (!memcmp(block, "hbin", 4) && load_u32(block + BIN_OFFSET) == i * BLOCK_SIZE)
			d->head[i / 8] |= mask;
	}
	return there > 0;
}

static uint32_t next_head(const struct dump *d, uint32_t at)
{
	for (; at < d->length; at += BLOCK_SIZE)
		if (bit(d->head, at / BLOCK_SIZE))
			return at;
	return d->length;
}

static uint32_t gap_end(const struct dump *d, uint32_t at, uint32_t end)
{
	at -= at % BLOCK_SIZE;
	while (at < end && !is_filled(d, at))
		at += BLOCK_SIZE;
	return MIN(at, end);
}

// ---- base block -----------------------------------------------------------------------------

// Where a key lies that says it is a hive's root.
static bool is_root(struct dump *d, uint32_t at)
{
	uint8_t start[CELL_HEADER + NK_WRITTEN];
	return read_exact(d, at, start, sizeof start) && (int32_t)load_u32(start) < 0 &&
	       !memcmp(start + CELL_HEADER, "nk", 2) &&
	       load_u16(start + CELL_HEADER + NK_FLAGS) & EI_KEY_HIVE_ENTRY;
}

static uint32_t root_find(struct dump *d, uint32_t known)
{
	if (is_root(d, known))
		return known;
	for (uint32_t at = 0; at + BLOCK_SIZE <= d->length; at += CELL_ALIGN) {
		if (at % BLOCK_SIZE == 0 && !is_filled(d, at)) {
			at += BLOCK_SIZE - CELL_ALIGN;
			continue;
		}
		if (is_root(d, at))
			return at;
	}
	return known;
}

static void base_make(struct dump *d, uint8_t *base)
{
	const struct ei_hive *hive = d->hive;
	uint32_t one = 1, minor = hive->minor ? hive->minor : MINOR_DEFAULT;
	memset(base, 0, BASE_SIZE);
	memcpy(base, "regf", 4);
	memcpy(base + BASE_SEQUENCE_1, &one, 4);
	memcpy(base + BASE_MAJOR, &one, 4);
	memcpy(base + BASE_MINOR, &minor, 4);
	size_t length = strlen(hive->file);
	const char *name = hive->file + (length > NAME_UNITS ? length - NAME_UNITS : 0);
	for (size_t i = 0; name[i]; i++)
		base[BASE_NAME + 2 * i] = (uint8_t)(name[i] & 0x80 ? '?' : name[i]);
}

static void field_set(
	uint8_t *base, uint32_t at, uint32_t value, const char *what, struct text *said)
{
	if (load_u32(base + at) == value)
		return;
	memcpy(base + at, &value, sizeof value);
	text_addf(said, "%s%s", said->length ? ", " : "", what);
}

// Says what of it had to be mended, in `said`.
static void base_write(struct dump *d, struct text *said)
{
	uint8_t base[BASE_SIZE];
	if (!hive_base_block(d->hive, base)) {
		base_make(d, base);
		text_addf(said, "all of it (it is not in the image)");
	}
	uint32_t cluster = load_u32(base + BASE_CLUSTER);
	field_set(
		base, BASE_SEQUENCE_2, load_u32(base + BASE_SEQUENCE_1), "sequence numbers", said);
	field_set(base, BASE_TYPE, 0, "type", said);
	field_set(base, BASE_FORMAT, 1, "format", said);
	field_set(base, BASE_ROOT, root_find(d, d->hive->root), "root", said);
	field_set(base, BASE_LENGTH, d->length, "length", said);
	field_set(base, BASE_CLUSTER, cluster ? cluster : 1, "cluster", said);
	field_set(base, BASE_CHECKSUM, base_checksum(base), "checksum", said);
	ei_extract_bytes(d->file, base, sizeof base);
}

// ---- bins -----------------------------------------------------------------------------------

// The size of the cell at `at`, when its bin, up to `end`, can have it; else 0.
static uint32_t cell_size(struct dump *d, uint32_t at, uint32_t end)
{
	uint8_t header[CELL_HEADER];
	if (!read_exact(d, at, header, sizeof header))
		return 0;
	int64_t size = (int32_t)load_u32(header);
	size = size < 0 ? -size : size;
	return size >= CELL_ALIGN && size % CELL_ALIGN == 0 && size <= end - at ? (uint32_t)size
										: 0;
}

// Whether cells follow on each other from `at` to the end of the bin, or to the next gap.
static bool chain_holds(struct dump *d, uint32_t at, uint32_t end, uint32_t *steps)
{
	uint32_t cells = 0;
	for (; at < end && is_filled(d, at) && *steps; cells++, --*steps) {
		uint32_t size = cell_size(d, at, end);
		if (!size)
			return false;
		at += size;
	}
	return cells && *steps && (at == end || !is_filled(d, at));
}

// The first cell behind a gap that ends at `at`; `end` when it cannot be told.
static uint32_t cell_behind(struct dump *d, uint32_t at, uint32_t end)
{
	uint32_t allowed = MIN(d->steps, (uint32_t)GAP_STEPS), steps = allowed;
	while (at < end && is_filled(d, at) && steps && !chain_holds(d, at, end, &steps))
		at += CELL_ALIGN;
	d->steps -= allowed - steps;
	return at < end && is_filled(d, at) && steps ? at : end;
}

static void bytes_copy(struct dump *d, uint32_t from, uint32_t to)
{
	uint8_t block[BLOCK_SIZE];
	while (from < to) {
		uint32_t size = MIN(to - from, BLOCK_SIZE - from % BLOCK_SIZE);
		if (bit(d->present, from / BLOCK_SIZE) && read_exact(d, from, block, size))
			ei_extract_bytes(d->file, block, size);
		else
			ei_extract_hole(d->file, size);
		from += size;
	}
}

// A free cell in the place of [from, to), whose beginning is missing.
static void gap_write(struct dump *d, uint32_t from, uint32_t to)
{
	uint32_t size = to - from;
	ei_extract_bytes(d->file, &size, sizeof size);
	bytes_copy(d, from + (uint32_t)sizeof size, to);
	d->made_up++;
}

static uint32_t bin_head_write(struct dump *d, uint32_t from, uint32_t to)
{
	uint8_t head[BIN_HEADER] = "hbin";
	uint32_t size = to - from;
	if (is_filled(d, from)) {
		bytes_copy(d, from, from + BIN_HEADER);
		return from + BIN_HEADER;
	}
	memcpy(head + BIN_OFFSET, &from, 4);
	memcpy(head + BIN_LENGTH, &size, 4);
	ei_extract_bytes(d->file, head, sizeof head);
	d->made_up++;
	return from + BIN_HEADER;
}

// The bin [from, to), cell by cell.
static void bin_write(struct dump *d, uint32_t from, uint32_t to)
{
	bool known = !is_filled(d, from) || bit(d->head, from / BLOCK_SIZE);
	uint32_t at = known ? bin_head_write(d, from, to) : from;
	while (known && at < to && !ei_stopped(d->hive->run)) {
		uint32_t next;
		if (is_filled(d, at)) {
			uint32_t size = cell_size(d, at, to);
			if (!size)
				break;
			next = at + size;
			bytes_copy(d, at, next);
		} else {
			next = cell_behind(d, gap_end(d, at, to), to);
			gap_write(d, at, next);
		}
		at = next;
	}
	bytes_copy(d, at, to);
}

static void bins_write(struct dump *d)
{
	for (uint32_t at = 0, end; at < d->length && !ei_stopped(d->hive->run); at = end) {
		end = next_head(d, at + BLOCK_SIZE);
		uint8_t header[BIN_HEADER];
		if (bit(d->head, at / BLOCK_SIZE) && read_exact(d, at, header, sizeof header)) {
			uint32_t size = load_u32(header + BIN_LENGTH);
			if (size && size % BLOCK_SIZE == 0 && size < end - at)
				end = at + size;
		}
		bin_write(d, at, end);
	}
}

// ---- all of it ------------------------------------------------------------------------------

static void tell(struct dump *d, const struct ei_extracted *done, const struct text *said)
{
	ei_run *run = d->hive->run;
	const char *name = ei_has(done->file) ? done->file.s : "";
	if (said->length)
		ei_note(run, "'%s': mended in the base block: %s", name, said->data);
	if (!is_root(d, root_find(d, d->hive->root)))
		ei_note(run,
			"'%s': the root key is not in the image; only --deleted finds what is left",
			name);
	if (done->missing || d->made_up)
		ei_note(run,
			"'%s': %llu bytes are not in the image and zero (manifest.jsonl lists "
			"them); "
			"%u heads of bins and free cells made up in their place",
			name, (unsigned long long)done->missing, d->made_up);
}

ei_error *ei_hive_extract(ei_hive *hive, const char *name, ei_extracted *out)
{
	if (!hive || !hive->run)
		return ei_fail(EI_E_USAGE, "the hive is not in memory");
	struct dump d = { .hive = hive, .steps = RESYNC_STEPS };
	d.length = hive->source->length[STABLE] & ~(uint32_t)(BLOCK_SIZE - 1);
	ei_extracted none = { .file = ei_absent(EI_UNREADABLE) };
	if (!blocks_survey(&d)) {
		*out = none;
		return NULL;
	}
	EI_TRY(ei_extract_begin(hive->run, name, &d.file));
	struct text said;
	text_init(&said, 512);
	base_write(&d, &said);
	bins_write(&d);
	ei_extracted done;
	ei_error *error = ei_extract_end(d.file, &done);
	if (!error) {
		tell(&d, &done, &said);
		*out = done;
	}
	text_deinit(&said);
	return error;
}
