// Fuzzing images: any file opens or is refused with a message, and what it lists can be asked for.
// SPDX-License-Identifier: Apache-2.0
#include "image/crash.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RUNS_READ = 64, STRETCHES = 256 };

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void read_run(const struct image *image, struct image_run run)
{
	uint8_t page[PAGE_SIZE];
	demand(run.length > 0);
	demand(image_read(image, run.start, page, 1) == 1);
	demand(image_read(image, run.start + run.length - 1, page, 1) == 1);
	image_read(image, run.start, page, sizeof page);
	image_read(image, run.start + run.length - 1, page, sizeof page);
}

static void walk_runs(const struct image *image)
{
	size_t count;
	const struct image_run *runs = image_runs(image, &count);
	uint64_t bytes = 0;
	for (size_t i = 0; i < count; i++) {
		demand(!i || runs[i - 1].start + runs[i - 1].length <= runs[i].start);
		demand(span_inside(runs[i].offset, runs[i].length, image_file_size(image)));
		bytes += runs[i].length;
		if (i < RUNS_READ)
			read_run(image, runs[i]);
	}
	demand(bytes == image_bytes(image));
}

static void walk_stretches(const struct image *image)
{
	struct image_run stretch;
	uint64_t at = 0;
	for (unsigned i = 0; i < STRETCHES && image_stretch(image, at, &stretch); i++) {
		demand(stretch.start >= at && stretch.length);
		at = stretch.start + stretch.length;
	}
}

static void walk_crash(const struct image *image)
{
	const struct crash_header *header = image_crash_header(image);
	if (!header)
		return;
	uint8_t bytes[64];
	image_read_virtual(image, header->facts.kdbg, bytes, sizeof bytes);
	image_read_virtual(image, UINT64_MAX - 8, bytes, sizeof bytes);
	for (size_t i = 0; i < header->facts.driver_count; i++) {
		demand(header->drivers[i].name);
		image_read_virtual(image, header->drivers[i].base, bytes, sizeof bytes);
	}
	for (size_t i = 0; i < header->facts.unloaded_count; i++)
		demand(header->unloaded[i].name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	struct image *image = NULL;
	ei_error *error = image_open_fd(fd, "fuzz", NULL, &image);
	if (error) {
		demand(ei_error_text(error)[0] != 0 && !image);
		ei_error_drop(error);
		return 0;
	}
	walk_runs(image);
	walk_stretches(image);
	walk_crash(image);
	demand(!image_failure(image));
	image_close(image);
	return 0;
}
