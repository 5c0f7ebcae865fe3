// Runs of physical memory: collected while opening, then read by address.
// SPDX-License-Identifier: Apache-2.0
#include "image/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// ---- collecting -----------------------------------------------------------------------------
static bool goes_on(const struct image_run *before, const struct image_run *run)
{
	return before->start + before->length == run->start &&
	       before->offset + before->length == run->offset;
}

static ei_error *make_room(struct image *image)
{
	if (image->run_count < image->run_room)
		return NULL;
	if (image->run_count >= IMAGE_RUN_CAP)
		return ei_fail(EI_E_LIMIT, "'%s' has more than %d runs of physical memory",
			image->path, IMAGE_RUN_CAP);
	size_t room = image->run_room ? image->run_room * 2 : 64;
	struct image_run *runs = realloc(image->runs, room * sizeof *runs);
	if (!runs)
		return ei_fail(EI_E_NOMEM, "no memory for %zu runs of '%s'", room, image->path);
	image->runs = runs;
	image->run_room = room;
	return NULL;
}

ei_error *image_add_run(struct image *image, struct image_run run)
{
	if (!span_inside(run.start, run.length, UINT64_C(1) << IMAGE_ADDRESS_BITS))
		return ei_fail(EI_E_FORMAT,
			"'%s': a run of 0x%" PRIx64 " bytes at physical 0x%" PRIx64
			" is outside any physical memory",
			image->path, run.length, run.start);
	if (!span_inside(run.offset, run.length, INT64_MAX))
		return ei_fail(EI_E_FORMAT,
			"'%s': the run at physical 0x%" PRIx64 " is at 0x%" PRIx64
			" of the file, which no file has",
			image->path, run.start, run.offset);
	if (!run.length)
		return NULL;
	struct image_run *last = image->run_count ? &image->runs[image->run_count - 1] : NULL;
	if (last && goes_on(last, &run)) {
		last->length += run.length;
		return NULL;
	}
	EI_TRY(make_room(image));
	image->runs[image->run_count++] = run;
	return NULL;
}

ei_error *image_add_pages(
	struct image *image, uint64_t first, uint64_t count, uint64_t offset, uint64_t index)
{
	const uint64_t frames = UINT64_C(1) << (IMAGE_ADDRESS_BITS - 12);
	if (!span_inside(first, count, frames) || index > frames)
		return ei_fail(EI_E_FORMAT,
			"'%s': a run of 0x%" PRIx64 " pages at frame 0x%" PRIx64
			" is outside any physical memory",
			image->path, count, first);
	// A product that wraps is past every file's end, and image_add_run says so.
	uint64_t at = index * PAGE_SIZE + offset;
	return image_add_run(image, (struct image_run){ first * PAGE_SIZE, count * PAGE_SIZE,
					    at < offset ? UINT64_MAX : at });
}

// ---- settling -------------------------------------------------------------------------------
static int compare_runs(const void *left, const void *right)
{
	const struct image_run *a = left, *b = right;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static void sort_runs(struct image *image)
{
	for (size_t i = 1; i < image->run_count; i++)
		if (image->runs[i].start < image->runs[i - 1].start) {
			image_complain(image, "runs of physical memory are not in ascending order");
			qsort(image->runs, image->run_count, sizeof *image->runs, compare_runs);
			return;
		}
}

static uint64_t pages_of(uint64_t bytes)
{
	return bytes / PAGE_SIZE + (bytes % PAGE_SIZE != 0);
}

// Where two runs claim the same addresses nobody knows which is right; the lower one stays whole,
// so that an answer does not depend on the order of the headers.
static void cut_overlaps(struct image *image)
{
	uint64_t end = 0, cut = 0;
	size_t kept = 0;
	for (size_t i = 0; i < image->run_count; i++) {
		struct image_run run = image->runs[i];
		uint64_t lost = run.start < end ? MIN(end - run.start, run.length) : 0;
		cut += lost;
		if (lost == run.length)
			continue;
		run.start += lost;
		run.offset += lost;
		run.length -= lost;
		end = run.start + run.length;
		image->runs[kept++] = run;
	}
	image->run_count = kept;
	if (cut)
		image_complain(image,
			"runs of physical memory overlap: 0x%" PRIx64
			" bytes are stored twice, the first copy is used",
			cut);
}

static void cut_at_file_end(struct image *image)
{
	uint64_t pages = 0, missing = 0;
	size_t kept = 0;
	for (size_t i = 0; i < image->run_count; i++) {
		struct image_run run = image->runs[i];
		pages += pages_of(run.length);
		uint64_t room = run.offset < image->file_size ? image->file_size - run.offset : 0;
		if (room < run.length) {
			missing += pages_of(run.length) - room / PAGE_SIZE;
			run.length = room;
		}
		if (run.length)
			image->runs[kept++] = run;
	}
	image->run_count = kept;
	if (missing)
		image_complain(image,
			"the file ends at 0x%" PRIx64 ", %" PRIu64 " of %" PRIu64
			" pages are missing",
			image->file_size, missing, pages);
}

void image_settle_runs(struct image *image)
{
	sort_runs(image);
	cut_overlaps(image);
	cut_at_file_end(image);
	image->bytes = 0;
	for (size_t i = 0; i < image->run_count; i++)
		image->bytes += image->runs[i].length;
}

// ---- asking ---------------------------------------------------------------------------------
const struct image_run *image_runs(const struct image *image, size_t *count)
{
	*count = image->run_count;
	return image->runs;
}

uint64_t image_end(const struct image *image)
{
	if (!image->run_count)
		return 0;
	const struct image_run *last = &image->runs[image->run_count - 1];
	return last->start + last->length;
}

uint64_t image_bytes(const struct image *image)
{
	return image->bytes;
}

size_t image_run_at(const struct image *image, uint64_t pa)
{
	size_t low = 0, high = image->run_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (image->runs[middle].start + image->runs[middle].length > pa)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

// ---- reading --------------------------------------------------------------------------------
static void mark_failed(const struct image *opened, const char *format, ...) EI_PRINTF(2, 3);
static void mark_failed(const struct image *opened, const char *format, ...)
{
	// The one part of an opened image that changes.
	struct image *image = (struct image *)(uintptr_t)opened;
	int none = 0;
	if (!atomic_compare_exchange_strong(&image->failure_state, &none, 1))
		return;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(image->failure, sizeof image->failure, format, arguments);
	va_end(arguments);
	atomic_store(&image->failure_state, 2);
}

static void mark_short(const struct image *image, uint64_t end)
{
	mark_failed(image,
		"the image file ends at 0x%" PRIx64 ", it was 0x%" PRIx64
		" bytes long when it was opened",
		end, image->file_size);
}

const char *image_failure(const struct image *image)
{
	return atomic_load(&image->failure_state) == 2 ? image->failure : NULL;
}

static size_t read_stored(const struct image *image, uint64_t offset, uint8_t *buffer, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t got = pread(image->fd, buffer + done, size - done, (off_t)(offset + done));
		if (got > 0) {
			done += (size_t)got;
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			mark_failed(image, "reading the image at 0x%" PRIx64 " failed: %s",
				offset + done, strerror(errno));
		else
			mark_short(image, offset + done);
		break;
	}
	return done;
}

size_t image_read(const struct image *image, uint64_t pa, void *buffer, size_t size)
{
	size_t done = 0;
	for (size_t i = image_run_at(image, pa); i < image->run_count && done < size; i++) {
		const struct image_run *run = &image->runs[i];
		if (run->start > pa + done)
			break;
		uint64_t skip = pa + done - run->start;
		size_t want = (size_t)MIN(run->length - skip, size - done);
		size_t got = read_stored(image, run->offset + skip, (uint8_t *)buffer + done, want);
		done += got;
		if (got < want)
			break;
	}
	return done;
}

// ---- stretches ------------------------------------------------------------------------------
// A hole of the file: [from, to) holds nothing but zeroes.
struct hole {
	uint64_t from, to;
};

// "No data from here on" is also what a file that has shrunk answers.
static void notice_shrinking(const struct image *image)
{
	off_t size = lseek(image->fd, 0, SEEK_END);
	if (size >= 0 && (uint64_t)size < image->file_size)
		mark_short(image, (uint64_t)size);
}

// The first stored byte in [offset, end) of the file; `end` when all of it is a hole. What the file
// system cannot tell counts as stored.
static uint64_t next_data(
	const struct image *image, uint64_t offset, uint64_t end, struct hole *hole)
{
	if (offset >= hole->from && end <= hole->to)
		return end;
	off_t data = lseek(image->fd, (off_t)offset, SEEK_DATA);
	if (data < 0 && errno != ENXIO)
		return offset;
	if (data < 0)
		notice_shrinking(image);
	*hole = (struct hole){ offset, data < 0 ? UINT64_MAX : (uint64_t)data };
	return MIN(hole->to, end);
}

static uint64_t next_hole(const struct image *image, uint64_t offset, uint64_t end)
{
	off_t hole = lseek(image->fd, (off_t)offset, SEEK_HOLE);
	return hole < 0 || (uint64_t)hole > end ? end : (uint64_t)hole;
}

// Whole pages, where the file keeps its own grain at other places than the pages of the image.
static struct image_run stretch_of(
	const struct image *image, const struct image_run *run, uint64_t pa, uint64_t data)
{
	uint64_t run_end = run->start + run->length;
	uint64_t hole = next_hole(image, data, run->offset + run->length);
	uint64_t first = run->start + (data - run->offset);
	uint64_t last = run->start + (hole - run->offset);
	first = MAX(first / PAGE_SIZE * PAGE_SIZE, MAX(pa, run->start));
	last = MIN(pages_of(last) * PAGE_SIZE, run_end);
	return (struct image_run){ first, last - first, run->offset + (first - run->start) };
}

bool image_stretch(const struct image *image, uint64_t pa, struct image_run *out)
{
	struct hole hole = { 1, 0 };
	for (size_t i = image_run_at(image, pa); i < image->run_count; i++) {
		const struct image_run *run = &image->runs[i];
		uint64_t skip = pa > run->start ? pa - run->start : 0;
		uint64_t end = run->offset + run->length;
		uint64_t data = next_data(image, run->offset + skip, end, &hole);
		if (data == end)
			continue;
		*out = stretch_of(image, run, pa, data);
		return true;
	}
	return false;
}

// ---- virtual memory -------------------------------------------------------------------------
static size_t block_at_or_after(const struct image *image, uint64_t va)
{
	size_t low = 0, high = image->block_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		// The last byte, because a block may end at the top of the address space.
		if (image->blocks[middle].va + (image->blocks[middle].length - 1) >= va)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

size_t image_read_virtual(const struct image *image, uint64_t va, void *buffer, size_t size)
{
	size_t done = 0;
	for (size_t i = block_at_or_after(image, va); i < image->block_count && done < size; i++) {
		const struct virtual_block *block = &image->blocks[i];
		if (block->va > va + done)
			break;
		uint64_t skip = va + done - block->va;
		size_t want = (size_t)MIN(block->length - skip, size - done);
		size_t got =
			read_stored(image, block->offset + skip, (uint8_t *)buffer + done, want);
		done += got;
		if (got < want)
			break;
	}
	return done;
}
