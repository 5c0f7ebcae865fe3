// Telling the system's file cache what will be read, and what will not be read again.
// SPDX-License-Identifier: Apache-2.0
#include "image/internal.h"

#include <fcntl.h>
#include <sys/uio.h>

enum { PROBE_EVERY = 512 << 10 };

// Asking for what is in memory already costs more than a look whether it is.
static bool is_cached(const struct image *image, uint64_t offset, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += PROBE_EVERY) {
		char byte;
		struct iovec part = { &byte, 1 };
		if (preadv2(image->fd, &part, 1, (off_t)(offset + at), RWF_NOWAIT) != 1)
			return false;
	}
	return true;
}

static void prefetch_stored(const struct image *image, uint64_t offset, uint64_t size)
{
	if (!is_cached(image, offset, size))
		(void)posix_fadvise(image->fd, (off_t)offset, (off_t)size, POSIX_FADV_WILLNEED);
}

static void release_stored(const struct image *image, uint64_t offset, uint64_t size)
{
	(void)posix_fadvise(image->fd, (off_t)offset, (off_t)size, POSIX_FADV_DONTNEED);
}

static void for_stored(const struct image *image, uint64_t pa, uint64_t size,
	void (*advise)(const struct image *image, uint64_t offset, uint64_t size))
{
	const uint64_t end = pa + size;
	for (size_t i = image_run_at(image, pa); i < image->run_count; i++) {
		const struct image_run *run = &image->runs[i];
		if (run->start >= end)
			return;
		uint64_t skip = pa > run->start ? pa - run->start : 0;
		uint64_t stop = MIN(end - run->start, run->length);
		if (skip < stop)
			advise(image, run->offset + skip, stop - skip);
	}
}

void image_prefetch(const struct image *image, uint64_t pa, uint64_t size)
{
	for_stored(image, pa, size, prefetch_stored);
}

void image_release(const struct image *image, uint64_t pa, uint64_t size)
{
	for_stored(image, pa, size, release_stored);
}
