// Records sorted in pieces, kept in memory or in a nameless file, and merged.
// SPDX-License-Identifier: Apache-2.0
#include "out/timeline_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_BUFFER = 64 << 10 };
_Static_assert(
	(int)RECORD_MAX <= (int)READ_BUFFER, "a record fits into the buffer that it is read into");

static ei_error *no_memory(void)
{
	return ei_fail(EI_E_NOMEM, "out of memory");
}

// ---- order ----------------------------------------------------------------------------------

static struct record record_at(const uint8_t *bytes)
{
	struct record record;
	memcpy(&record, bytes, sizeof record);
	return record;
}

static size_t record_size(const uint8_t *bytes)
{
	struct record record = record_at(bytes);
	return sizeof record + record.description + record.fields;
}

static int compare_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
	int order = memcmp(a, b, MIN(a_size, b_size));
	return order ? order : (a_size > b_size) - (a_size < b_size);
}

#define COMPARE(member)                                                                            \
	if (x.member != y.member)                                                                  \
	return x.member < y.member ? -1 : 1

static int record_compare(const uint8_t *a, const uint8_t *b)
{
	struct record x = record_at(a), y = record_at(b);
	for (size_t i = 0; x.by_kind && i < TIMELINE_KINDS; i++)
		COMPARE(times[i] - 1); // none, 0, is last
	COMPARE(time);
	COMPARE(rank);
	COMPARE(column);
	int order = compare_bytes(a + sizeof x, x.description, b + sizeof y, y.description);
	if (order)
		return order;
	order = compare_bytes(
		a + sizeof x + x.description, x.fields, b + sizeof y + y.description, y.fields);
	return order ? order : memcmp(a, b, sizeof x);
}

// ---- pieces ---------------------------------------------------------------------------------

static bool grow(void **items, size_t *room, size_t want, size_t size)
{
	if (want <= *room)
		return true;
	size_t more = MAX(want, 2 * *room);
	void *grown = realloc(*items, more * size);
	if (!grown)
		return false;
	*items = grown;
	*room = more;
	return true;
}

ei_error *piece_add(struct piece *piece, const struct record *record, const char *description,
	const char *fields)
{
	size_t size = sizeof *record + record->description + record->fields;
	if (!grow((void **)&piece->bytes, &piece->room, piece->size + size, 1) ||
		!grow((void **)&piece->places, &piece->places_room, piece->count + 1,
			sizeof *piece->places))
		return no_memory();
	uint8_t *at = piece->bytes + piece->size;
	memcpy(at, record, sizeof *record);
	memcpy(at + sizeof *record, description, record->description);
	memcpy(at + sizeof *record + record->description, fields, record->fields);
	piece->places[piece->count++] = (uint32_t)piece->size;
	piece->size += size;
	return NULL;
}

static int compare_places(const void *a, const void *b, void *bytes)
{
	return record_compare(
		(uint8_t *)bytes + *(const uint32_t *)a, (uint8_t *)bytes + *(const uint32_t *)b);
}

void piece_deinit(struct piece *piece)
{
	free(piece->bytes);
	free(piece->places);
	*piece = (struct piece){ 0 };
}

// The records of a piece one after the other in their order.
static uint8_t *piece_sorted(struct piece *piece)
{
	uint8_t *sorted = malloc(piece->size), *at = sorted;
	if (!sorted)
		return NULL;
	qsort_r(piece->places, piece->count, sizeof *piece->places, compare_places, piece->bytes);
	for (size_t i = 0; i < piece->count; i++) {
		const uint8_t *record = piece->bytes + piece->places[i];
		size_t size = record_size(record);
		memcpy(at, record, size);
		at += size;
	}
	return sorted;
}

// ---- parts ----------------------------------------------------------------------------------

void parts_init(struct parts *parts, size_t memory)
{
	*parts = (struct parts){ .memory = memory, .file = -1 };
	pthread_mutex_init(&parts->lock, NULL);
}

void parts_deinit(struct parts *parts)
{
	for (size_t i = 0; i < parts->count; i++)
		free(parts->items[i].bytes);
	free(parts->items);
	if (parts->file >= 0)
		close(parts->file);
	pthread_mutex_destroy(&parts->lock);
}

static const char *temporary_folder(void)
{
	const char *folder = getenv("TMPDIR");
	return folder && *folder ? folder : "/tmp";
}

static ei_error *file_failed(int why)
{
	return ei_fail(EI_E_IO, "cannot write a temporary file in '%s': %s", temporary_folder(),
		strerror(why));
}

static ei_error *file_make(int *out)
{
	char path[4096];
	int file = open(temporary_folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file < 0) { // a file system without nameless files
		snprintf(path, sizeof path, "%s/eidetic-XXXXXX", temporary_folder());
		file = mkostemp(path, O_CLOEXEC);
		if (file >= 0)
			unlink(path);
	}
	if (file < 0)
		return file_failed(errno);
	*out = file;
	return NULL;
}

static ei_error *file_write(struct parts *parts, const uint8_t *bytes, uint64_t size)
{
	if (parts->file < 0)
		EI_TRY(file_make(&parts->file));
	while (size) {
		ssize_t done = pwrite(parts->file, bytes, size, (off_t)parts->file_size);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return file_failed(done ? errno : ENOSPC);
		bytes += done;
		size -= (uint64_t)done;
		parts->file_size += (uint64_t)done;
	}
	return NULL;
}

static ei_error *part_add(struct parts *parts, uint8_t *sorted, size_t size, bool *taken)
{
	struct part part = { .bytes = sorted, .size = size };
	if (!grow((void **)&parts->items, &parts->room, parts->count + 1, sizeof part))
		return no_memory();
	if (parts->kept + size <= parts->memory) {
		parts->kept += size;
		*taken = true;
	} else {
		part.bytes = NULL;
		part.at = parts->file_size;
		EI_TRY(file_write(parts, sorted, size));
	}
	parts->items[parts->count++] = part;
	return NULL;
}

ei_error *piece_end(struct piece *piece, struct parts *parts)
{
	if (!piece->count)
		return NULL;
	uint8_t *sorted = piece_sorted(piece);
	size_t size = piece->size;
	bool taken = false;
	piece->size = piece->count = 0;
	if (!sorted)
		return no_memory();
	pthread_mutex_lock(&parts->lock);
	ei_error *error = part_add(parts, sorted, size, &taken);
	pthread_mutex_unlock(&parts->lock);
	if (!taken)
		free(sorted);
	return error;
}

// ---- merging --------------------------------------------------------------------------------

// A part that is being read. `at` is the next record, whole, or NULL at the end.
struct reader_of_part {
	const struct part *part;
	const uint8_t *at;
	uint64_t next; // of the part: what follows the buffer
	uint8_t *buffer;
	size_t have; // bytes behind `at`
};

struct merge {
	struct parts *parts;
	struct reader_of_part *readers;
	struct reader_of_part **heap; // least first
	size_t count;
	uint8_t *last; // given last
	size_t last_size;
};

// Moves what is left of the buffer to its front and fills it.
static ei_error *buffer_fill(const struct parts *parts, struct reader_of_part *reader)
{
	memmove(reader->buffer, reader->at, reader->have);
	reader->at = reader->buffer;
	while (reader->have < READ_BUFFER && reader->next < reader->part->size) {
		size_t want = (size_t)MIN(
			(uint64_t)(READ_BUFFER - reader->have), reader->part->size - reader->next);
		ssize_t got = pread(parts->file, reader->buffer + reader->have, want,
			(off_t)(reader->part->at + reader->next));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return ei_fail(EI_E_IO, "cannot read a temporary file: %s",
				strerror(got ? errno : EIO));
		reader->have += (size_t)got;
		reader->next += (uint64_t)got;
	}
	return NULL;
}

static bool is_whole(const struct reader_of_part *reader)
{
	return reader->have >= sizeof(struct record) && reader->have >= record_size(reader->at);
}

static ei_error *reader_begin(
	const struct parts *parts, const struct part *part, struct reader_of_part *reader)
{
	*reader = (struct reader_of_part){ .part = part };
	if (part->bytes) {
		reader->at = part->bytes;
		reader->have = part->size;
		return NULL;
	}
	reader->buffer = malloc(READ_BUFFER);
	reader->at = reader->buffer;
	return reader->buffer ? buffer_fill(parts, reader) : no_memory();
}

static ei_error *reader_step(const struct parts *parts, struct reader_of_part *reader)
{
	size_t size = record_size(reader->at);
	reader->at += size;
	reader->have -= size;
	if (reader->buffer && !is_whole(reader))
		EI_TRY(buffer_fill(parts, reader));
	if (!reader->have)
		reader->at = NULL;
	return NULL;
}

static void heap_down(struct merge *merge, size_t at)
{
	for (;;) {
		size_t least = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < merge->count &&
				record_compare(merge->heap[child]->at, merge->heap[least]->at) < 0)
				least = child;
		if (least == at)
			return;
		struct reader_of_part *moved = merge->heap[at];
		merge->heap[at] = merge->heap[least];
		merge->heap[least] = moved;
		at = least;
	}
}

static ei_error *merge_begin(struct merge *merge)
{
	struct parts *parts = merge->parts;
	merge->readers = calloc(parts->count + 1, sizeof *merge->readers);
	merge->heap = calloc(parts->count + 1, sizeof(*merge->heap));
	merge->last = malloc(RECORD_MAX);
	if (!merge->readers || !merge->heap || !merge->last)
		return no_memory();
	for (size_t i = 0; i < parts->count; i++) {
		EI_TRY(reader_begin(parts, &parts->items[i], &merge->readers[i]));
		merge->heap[merge->count++] = &merge->readers[i];
	}
	for (size_t i = merge->count; i-- > 0;)
		heap_down(merge, i);
	return NULL;
}

static void merge_end(struct merge *merge)
{
	for (size_t i = 0; merge->readers && i < merge->parts->count; i++)
		free(merge->readers[i].buffer);
	free(merge->readers);
	free(merge->heap);
	free(merge->last);
}

static bool is_again(struct merge *merge, const uint8_t *record)
{
	size_t size = record_size(record);
	if (size == merge->last_size && !memcmp(record, merge->last, size))
		return true;
	memcpy(merge->last, record, size);
	merge->last_size = size;
	return false;
}

ei_error *parts_merge(
	struct parts *parts, ei_error *(*take)(void *context, const uint8_t *record), void *context)
{
	struct merge merge = { .parts = parts };
	ei_error *error = merge_begin(&merge);
	while (!error && merge.count) {
		struct reader_of_part *least = merge.heap[0];
		if (!is_again(&merge, least->at))
			error = take(context, merge.last);
		if (!error)
			error = reader_step(parts, least);
		if (!least->at)
			merge.heap[0] = merge.heap[--merge.count];
		heap_down(&merge, 0);
	}
	merge_end(&merge);
	return error;
}
