// fill IMAGE: writes what it reads into the holes of a sparse image, page by page, so that there is
// as much in it to search as in a machine's memory. The first page is left: by it files are known.
// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

// Fills [at, end) as far as there is something to read; false when there is no more.
static bool hole_fill(int image, off_t at, off_t end)
{
	static uint8_t chunk[CHUNK];
	while (at < end) {
		size_t want = (size_t)MIN(end - at, (off_t)CHUNK);
		size_t got = fread(chunk, 1, want, stdin);
		if (!got || pwrite(image, chunk, got, at) != (ssize_t)got)
			return false;
		at += (off_t)got;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct stat status;
	int image = argc == 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
	if (image < 0 || fstat(image, &status)) {
		fprintf(stderr, "usage: fill IMAGE <BYTES\n");
		return 2;
	}
	for (off_t at = PAGE_SIZE;
		(at = lseek(image, at, SEEK_HOLE)) >= 0 && at < status.st_size;) {
		off_t data = lseek(image, at, SEEK_DATA);
		off_t end = data < 0 ? status.st_size : data;
		if (!hole_fill(image, at, end))
			break;
		at = end;
	}
	return close(image) != 0;
}
