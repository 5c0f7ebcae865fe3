// Fuzz entry: a PE image in memory, read by every question that can be asked of it.
// SPDX-License-Identifier: Apache-2.0
#include "win/kernel_find.h"
#include "win/kernel_pe.h"
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask_all(const struct space *space, struct reader *reader, size_t size)
{
	struct kernel_pe pe;
	struct pe_rsds rsds;
	struct pe_version version;
	struct kernel_hit hit;
	char name[64];
	uint32_t rva;

	kernel_at(space, reader, 0, &hit);
	kernel_rsds_scan(space, reader, 0, size, &rsds);
	if (!kernel_pe_open(space, reader, 0, &pe))
		return;
	kernel_pe_name(&pe, name, sizeof name);
	kernel_pe_rsds(&pe, &rsds);
	kernel_pe_version(&pe, &version);
	kernel_pe_export(&pe, "PsInitialSystemProcess", &rva);
	kernel_pe_export(&pe, "", &rva);
}

// The image is the physical memory of a file; addresses are physical.
static void run_file(const char *path, size_t size)
{
	EI_OWNED(image) image = NULL;
	EI_OWNED(reader) reader = NULL;
	const struct space space = { .mode = &space_physical };
	ei_error *error = image_open(path, "raw", &image);

	if (!error)
		error = reader_create(image, &reader);
	if (!error)
		ask_all(&space, reader, size);
	ei_error_drop(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32];
	int file = memfd_create("pe", 0);

	if (file < 0)
		return 0;
	if (write(file, data, size) == (ssize_t)size) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", file);
		run_file(path, size);
	}
	close(file);
	return 0;
}
