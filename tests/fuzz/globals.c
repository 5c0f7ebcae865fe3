// Fuzz entry: an image whose code and tables are read for globals, as 64-bit and as 32-bit code.
// SPDX-License-Identifier: Apache-2.0
#include "win/globals_kdbg.h"
#include "win/globals_recipe.h"
#include "win/globals_scan.h"
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool count_visit(void *context, const struct code_ref *ref)
{
	size_t *count = context;
	*count += ref->use != 0;
	return *count < 4096;
}

static void read_code(const struct kernel_image *kernel, struct code *code)
{
	static const uint32_t starts[] = { 0, 0x100, 0x1000 };
	struct claims claims = { 0 };
	struct kernel_pe pe;
	struct kdbg kdbg;
	size_t count = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(starts); i++)
		code_walk(code, kernel->base + starts[i], 1024, count_visit, &count);
	kdbg_find(kernel, code, 0x200, &kdbg);
	if (kernel_pe_open(kernel->space, kernel->reader, kernel->base, &pe))
		recipes_read(kernel, &pe, code, 0, &claims);
	scans_read(kernel, &claims);
}

// The image is the physical memory of a file; addresses are physical, from 0 on.
static void run_mode(struct reader *reader, uint32_t pointer_size, size_t size)
{
	struct space_mode mode = space_physical;
	mode.pointer_size = pointer_size;
	const struct space space = { .mode = &mode };
	struct kernel_image kernel = {
		.space = &space, .reader = reader, .size = (uint32_t)MIN(size, (size_t)1 << 20)
	};
	EI_OWNED(code) code = NULL;
	ei_error *error = code_open(&kernel, &code);
	if (!error)
		read_code(&kernel, code);
	ei_error_drop(error);
}

static void run_file(const char *path, size_t size)
{
	EI_OWNED(image) image = NULL;
	EI_OWNED(reader) reader = NULL;
	ei_error *error = image_open(path, "raw", &image);
	if (!error)
		error = reader_create(image, &reader);
	if (!error) {
		run_mode(reader, 8, size);
		run_mode(reader, 4, size);
	}
	ei_error_drop(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32];
	int file = memfd_create("globals", 0);
	if (file < 0)
		return 0;
	if (write(file, data, size) == (ssize_t)size) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", file);
		run_file(path, size);
	}
	close(file);
	return 0;
}
