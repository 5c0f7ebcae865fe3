// Container formats: the table of them, raw and LiME, and the sparse file below them all.
// SPDX-License-Identifier: Apache-2.0
#include "container_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- the file -------------------------------------------------------------------------------
ei_error *container_put(
	struct container_file *file, uint64_t offset, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	while (length) {
		ssize_t done = pwrite(file->fd, from, length, (off_t)offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return ei_fail(EI_E_IO, "cannot write at %#llx: %s",
				(unsigned long long)offset, done ? strerror(errno) : "no room");
		from += done;
		offset += (uint64_t)done;
		length -= (size_t)done;
	}
	return NULL;
}

ei_error *container_end(struct container_file *file, uint64_t size_bytes)
{
	if (ftruncate(file->fd, (off_t)size_bytes))
		return ei_fail(EI_E_IO, "cannot grow to %llu bytes: %s",
			(unsigned long long)size_bytes, strerror(errno));
	return NULL;
}

static bool page_is_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, PAGE_SIZE - 1) == 0;
}

ei_error *container_put_run(struct container_file *file, const struct phys_view *memory,
	struct phys_run run, uint64_t offset)
{
	uint64_t end = run.first + run.count;
	for (uint64_t frame = memory->next(memory->store, run.first); frame < end;
		frame = memory->next(memory->store, frame + 1)) {
		const uint8_t *page = memory->page(memory->store, frame);
		if (!page || page_is_zero(page))
			continue;
		uint64_t at = offset + (frame - run.first) * PAGE_SIZE;
		EI_TRY(container_put(file, at, page, PAGE_SIZE));
	}
	return NULL;
}

uint64_t container_pages(const struct phys_view *memory)
{
	uint64_t pages = 0;
	for (size_t i = 0; i < memory->run_count; i++)
		pages += memory->runs[i].count;
	return pages;
}

void container_store(uint8_t *at, uint64_t value, unsigned width)
{
	memcpy(at, &value, width);
}

// ---- raw and LiME ---------------------------------------------------------------------------
static ei_error *write_raw(struct container_file *file, const struct phys_view *memory,
	const struct dump_meta *meta, uint32_t type)
{
	(void)meta, (void)type;
	for (size_t i = 0; i < memory->run_count; i++) {
		struct phys_run run = memory->runs[i];
		EI_TRY(container_put_run(file, memory, run, run.first * PAGE_SIZE));
	}
	return container_end(file, memory->size_bytes);
}

// A 32-byte record before every range: magic, version 1, first and last address, 8 zero bytes.
// Source: the "lime" format as LiME's own README describes it.
static ei_error *write_lime(struct container_file *file, const struct phys_view *memory,
	const struct dump_meta *meta, uint32_t type)
{
	(void)meta, (void)type;
	uint64_t offset = 0;
	for (size_t i = 0; i < memory->run_count; i++) {
		struct phys_run run = memory->runs[i];
		uint8_t head[32] = { 'E', 'M', 'i', 'L' };
		container_store(head + 4, 1, 4);
		container_store(head + 8, run.first * PAGE_SIZE, 8);
		container_store(head + 16, (run.first + run.count) * PAGE_SIZE - 1, 8);
		EI_TRY(container_put(file, offset, head, sizeof head));
		offset += sizeof head;
		EI_TRY(container_put_run(file, memory, run, offset));
		offset += run.count * PAGE_SIZE;
	}
	return container_end(file, offset);
}

// ---- the table ------------------------------------------------------------------------------
enum machine { ANY, ONLY_32, ONLY_64 };

// clang-format off
static const struct format {
	const char *name;
	container_writer *write;
	uint32_t type;
	enum machine machine;
} formats[] = {
	{ "raw",              write_raw,              0,                    ANY },
	{ "crash",            container_write_crash,  DUMP_FULL,            ANY },
	{ "crash-kernel",     container_write_crash,  DUMP_SUMMARY,         ANY },
	{ "crash-bitmap",     container_write_crash,  DUMP_BITMAP_FULL,     ANY },
	{ "crash-active",     container_write_crash,  DUMP_BITMAP_KERNEL,   ANY },
	{ "crash-kernel8",    container_write_crash,  DUMP_KERNEL,          ONLY_64 },
	{ "crash-kernel9",    container_write_crash,  DUMP_KERNEL_AND_USER, ONLY_64 },
	{ "crash-complete10", container_write_crash,  DUMP_COMPLETE,        ONLY_64 },
	{ "crash32",          container_write_crash,  DUMP_FULL,            ONLY_32 },
	{ "triage",           container_write_triage, DUMP_TRIAGE,          ANY },
	{ "lime",             write_lime,             0,                    ANY },
	{ "elf",              container_write_elf,    0,                    ANY },
	{ "elf-vbox",         container_write_elf,    1,                    ANY },
};
// clang-format on

const char *container_formats(void)
{
	return "raw|crash|crash-kernel|crash-bitmap|crash-active|crash-kernel8|crash-kernel9|"
	       "crash-complete10|crash32|triage|lime|elf|elf-vbox";
}

static const struct format *format_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

static ei_error *format_fits(const struct format *format, const struct dump_meta *meta)
{
	uint32_t want = format->machine == ONLY_32   ? 4
			: format->machine == ONLY_64 ? 8
						     : meta->pointer_size;
	if (meta->pointer_size != want)
		return ei_fail(EI_E_USAGE, "format '%s' is for %u-bit machines, this one has %u",
			format->name, want * 8, meta->pointer_size * 8);
	return NULL;
}

ei_error *container_write(const char *format, const struct phys_view *memory,
	const struct dump_meta *meta, const char *path)
{
	const struct format *chosen = format_named(format);
	if (!chosen)
		return ei_fail(
			EI_E_USAGE, "no image format '%s', want %s", format, container_formats());
	EI_TRY(format_fits(chosen, meta));

	// An image has holes, and is removed when it fails: a device would be lost.
	struct stat status;
	if (!stat(path, &status) && !S_ISREG(status.st_mode))
		return ei_fail(EI_E_USAGE, "'%s' is no file that an image can be written to", path);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return ei_fail(EI_E_IO, "cannot create '%s': %s", path, strerror(errno));
	struct container_file file = { .fd = fd, .path = path };
	ei_error *error = chosen->write(&file, memory, meta, chosen->type);
	if (close(fd) && !error)
		error = ei_fail(EI_E_IO, "cannot close: %s", strerror(errno));
	if (error)
		unlink(path);
	return error ? ei_wrap(error, "writing '%s'", path) : NULL;
}
