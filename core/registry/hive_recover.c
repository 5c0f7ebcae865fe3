// Hive files that were not written to their end, with what their logs have of it. Which log, in
// which order: M. Suhanov's "Windows registry file format specification".
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive_log.h"

#include <stdarg.h>
#include <stdio.h>

enum {
	NEW_FORMAT = 6,               // file type of logs with entries
	GROWTH_MAX = 64 << 20,        // over what hive and logs have together
	BIN_WRITTEN = BASE_SIZE + 20, // the first bin's time
};

void recovery_note(struct recovery *r, const char *format, ...)
{
	char text[256];
	if (!r->note)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	r->note(r->context, text);
}

bool recovery_resize(struct recovery *r, uint32_t length)
{
	uint64_t size = (uint64_t)BASE_SIZE + length;
	if (length > INDEX_OFFSET || size > r->room) {
		recovery_note(r, "a log wants the hive to be %u bytes long", length);
		return false;
	}
	// What lies behind the bins of a hive that has become shorter stays there.
	if (size > r->size) {
		memset(r->bytes + r->size, 0, size - r->size);
		r->size = size;
	}
	memcpy(r->bytes + BASE_LENGTH, &length, sizeof length);
	return true;
}

bool recovery_put(struct recovery *r, uint32_t at, const uint8_t *page, uint32_t size)
{
	if (!span_inside((uint64_t)BASE_SIZE + at, size, r->size))
		return false;
	memcpy(r->bytes + BASE_SIZE + at, page, size);
	r->out->pages++;
	r->out->page_bytes += size;
	return true;
}

// ---- which logs -----------------------------------------------------------------------------

static uint32_t log_type(const ei_hive_log *log)
{
	return load_u32((const uint8_t *)log->bytes + BASE_TYPE);
}

static uint32_t log_sequence(const ei_hive_log *log)
{
	return load_u32((const uint8_t *)log->bytes + BASE_SEQUENCE_1);
}

// Numbers go round.
static bool is_before(uint32_t a, uint32_t b)
{
	return (a - b) >> 31;
}

static uint64_t log_written(const ei_hive_log *log)
{
	return load_u64((const uint8_t *)log->bytes + BASE_WRITTEN);
}

// The valid log of one of the formats that comes first by `before`; NULL.
static const ei_hive_log *log_choose(const ei_hive_log *logs, size_t count, bool new_format,
	bool (*before)(const ei_hive_log *a, const ei_hive_log *b))
{
	const ei_hive_log *chosen = NULL;
	for (size_t i = 0; i < count; i++) {
		const ei_hive_log *log = &logs[i];
		if (!log_is_valid(log) || (log_type(log) == NEW_FORMAT) != new_format)
			continue;
		if (!chosen || before(log, chosen))
			chosen = log;
	}
	return chosen;
}

// One without entries gives its base block, when no other has any.
static bool sequence_is_later(const ei_hive_log *a, const ei_hive_log *b)
{
	bool a_has = log_has_entries(a), b_has = log_has_entries(b);
	return a_has == b_has ? is_before(log_sequence(b), log_sequence(a)) : a_has;
}

static bool written_is_later(const ei_hive_log *a, const ei_hive_log *b)
{
	return log_written(a) > log_written(b);
}

// The log whose entries begin with or follow on `sequence`, before all others that do; NULL.
static const ei_hive_log *log_next(
	const ei_hive_log *logs, size_t count, uint32_t sequence, bool exactly)
{
	const ei_hive_log *next = NULL;
	for (size_t i = 0; i < count; i++) {
		const ei_hive_log *log = &logs[i];
		if (!log_is_valid(log) || log_type(log) != NEW_FORMAT || !log_has_entries(log))
			continue;
		uint32_t first = log_sequence(log);
		if (is_before(first, sequence) || (exactly && first != sequence))
			continue;
		if (!next || is_before(first, log_sequence(next)))
			next = log;
	}
	return next;
}

// A base block that was not written to its end is taken from a log.
static void base_take(struct recovery *r, const ei_hive_log *log)
{
	memcpy(r->bytes, log->bytes, BASE_CHECKSUM);
	memset(r->bytes + BASE_TYPE, 0, 4);
	r->out->base_from_log = true;
	recovery_note(r, "the base block was damaged; it is that of '%s'", log->name);
}

static bool apply_new(struct recovery *r, bool base_valid, const ei_hive_log *logs, size_t count)
{
	uint32_t last = 0;
	const ei_hive_log *log;
	if (!base_valid) {
		log = log_choose(logs, count, true, sequence_is_later);
		if (!log)
			return false;
		base_take(r, log);
		if (!log_apply_entries(r, log, &last))
			return false;
		r->out->sequence = last;
		return true;
	}
	log = log_next(logs, count, load_u32(r->bytes + BASE_SEQUENCE_2), false);
	bool applied = false;
	while (log && log_apply_entries(r, log, &last)) {
		applied = true;
		r->out->sequence = last;
		log = log_next(logs, count, last + 1, true);
	}
	return applied;
}

static bool apply_old(struct recovery *r, bool base_valid, const ei_hive_log *logs, size_t count)
{
	uint64_t written = load_u64(r->bytes + BASE_WRITTEN);
	if (!base_valid)
		written = r->size >= BIN_WRITTEN + 8 ? load_u64(r->bytes + BIN_WRITTEN) : 0;
	const ei_hive_log *log = log_choose(logs, count, false, written_is_later);
	if (!log)
		return false;
	if (log_written(log) < written) {
		recovery_note(r, "'%s' is older than the hive", log->name);
		return false;
	}
	if (!base_valid)
		base_take(r, log);
	r->out->sequence = log_sequence(log);
	return log_apply_vector(r, log);
}

// ---- all of it ------------------------------------------------------------------------------

static void base_finish(struct recovery *r)
{
	uint32_t sequence = r->out->sequence;
	memcpy(r->bytes + BASE_SEQUENCE_1, &sequence, 4);
	memcpy(r->bytes + BASE_SEQUENCE_2, &sequence, 4);
	uint32_t sum = base_checksum(r->bytes);
	memcpy(r->bytes + BASE_CHECKSUM, &sum, 4);
}

static ei_error *recover(ei_arena *arena, struct recovery *r, const void *bytes, size_t size,
	const ei_hive_log *logs, size_t count)
{
	size_t all = size;
	for (size_t i = 0; i < count; i++)
		all += logs[i].size;
	r->room = MAX(all + GROWTH_MAX, (size_t)BASE_SIZE);
	r->bytes = ei_alloc(arena, r->room);
	if (!r->bytes)
		return ei_fail(
			EI_E_LIMIT, "hive and logs are %zu bytes long, which is too much", all);
	memcpy(r->bytes, bytes, size);
	r->size = size;
	return NULL;
}

static bool base_is_valid(const uint8_t *base)
{
	return !memcmp(base, "regf", 4) && load_u32(base + BASE_CHECKSUM) == base_checksum(base);
}

ei_error *ei_hive_recover(ei_arena *arena, const void *bytes, size_t size, const ei_hive_log *logs,
	size_t count, void (*note)(void *context, const char *text), void *context,
	ei_hive_recovery *out)
{
	const uint8_t *base = bytes;
	if (size < BASE_SIZE)
		return ei_fail(EI_E_FORMAT, "hive file is %zu bytes long, want at least %d", size,
			BASE_SIZE);
	ei_hive_recovery result = { .bytes = bytes, .size = size };
	struct recovery r = { .out = &result, .note = note, .context = context };
	bool valid = base_is_valid(base);
	uint32_t first = load_u32(base + BASE_SEQUENCE_1),
		 second = load_u32(base + BASE_SEQUENCE_2);
	result.dirty = !valid || first != second;
	result.sequence = second;
	if (!result.dirty) {
		*out = result;
		return NULL;
	}
	if (!valid)
		recovery_note(&r, "the base block is damaged: its checksum is wrong");
	else
		recovery_note(&r,
			"the hive is dirty: it was not written to its end (sequence numbers %u and "
			"%u)",
			first, second);
	EI_TRY(recover(arena, &r, bytes, size, logs, count));
	bool applied = apply_new(&r, valid, logs, count) || apply_old(&r, valid, logs, count);
	if (!applied)
		recovery_note(&r, "no log has what is missing of it");
	if (applied || result.base_from_log) {
		base_finish(&r);
		result.bytes = r.bytes;
		result.size = r.size;
	}
	*out = result;
	return NULL;
}
