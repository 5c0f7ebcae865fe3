// Opening an image: which format it is in, and what is known about it.
// SPDX-License-Identifier: Apache-2.0
#include "image/crash.h"
#include "image/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// Tried in this order; raw takes what nobody recognised.
static const struct image_format *const formats[] = {
	&crash64_format,
	&crash32_format,
	&lime_format,
	&elf_format,
	&raw_format,
};

// ---- the file -------------------------------------------------------------------------------
static const char *odd_file(mode_t mode)
{
	if (S_ISDIR(mode))
		return "is a directory: give the image file in it";
	if (S_ISFIFO(mode))
		return "is a pipe: write it to a file first";
	if (S_ISCHR(mode))
		return "is a character device: copy its content to a file first";
	if (S_ISSOCK(mode))
		return "is a socket: write its content to a file first";
	return NULL;
}

static ei_error *measure(struct image *image)
{
	struct stat status;
	if (fstat(image->fd, &status) < 0)
		return ei_fail(EI_E_IO, "cannot look at '%s': %s", image->path, strerror(errno));
	const char *odd = odd_file(status.st_mode);
	if (odd)
		return ei_fail(EI_E_UNKNOWN, "'%s' %s", image->path, odd);
	off_t size = status.st_size;
	if (S_ISBLK(status.st_mode))
		size = lseek(image->fd, 0, SEEK_END);
	if (size < 0)
		return ei_fail(EI_E_IO, "cannot measure '%s': %s", image->path, strerror(errno));
	if (size == 0)
		return ei_fail(EI_E_UNKNOWN, "'%s' is empty", image->path);
	image->file_size = (uint64_t)size;
	return NULL;
}

ei_error *image_file_read(const struct image *image, uint64_t offset, void *buffer, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t got = pread(
			image->fd, (uint8_t *)buffer + done, size - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ei_fail(EI_E_IO, "cannot read '%s' at 0x%llx: %s", image->path,
				(unsigned long long)(offset + done), strerror(errno));
		if (got == 0)
			return ei_fail(EI_E_FORMAT, "'%s' ends at 0x%llx, want %zu bytes at 0x%llx",
				image->path, (unsigned long long)(offset + done), size,
				(unsigned long long)offset);
		done += (size_t)got;
	}
	return NULL;
}

// ---- opening --------------------------------------------------------------------------------
static ei_error *find_format(const char *name, const struct image_format **out)
{
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++)
		if (!strcmp(formats[i]->name, name)) {
			*out = formats[i];
			return NULL;
		}
	return ei_fail(EI_E_USAGE,
		"no image format is called '%s': want raw, crash64, crash32, lime or elf", name);
}

static ei_error *recognise(const struct image *image, const struct image_format **out)
{
	uint8_t head[IMAGE_HEAD_BYTES];
	size_t length = (size_t)MIN(image->file_size, sizeof head);
	EI_TRY(image_file_read(image, 0, head, length));
	EI_TRY(foreign_check(image->path, head, length));
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++)
		if (formats[i]->probe(head, length)) {
			*out = formats[i];
			return NULL;
		}
	return ei_fail(EI_E_UNKNOWN, "'%s' is %zu bytes long: less than one page of memory",
		image->path, length);
}

static ei_error *fill_image(struct image *image, const char *format_name)
{
	EI_TRY(measure(image));
	const struct image_format *format = NULL;
	if (format_name)
		EI_TRY(find_format(format_name, &format));
	else
		EI_TRY(recognise(image, &format));
	snprintf(image->format_name, sizeof image->format_name, "%s", format->name);
	EI_TRY(format->open(image));
	image_settle_runs(image);
	if (!image->run_count && !image->crash)
		return ei_fail(EI_E_FORMAT, "'%s' holds no memory", image->path);
	// A crash dump's header is worth reading by itself.
	if (!image->run_count && !image->block_count)
		image_complain(image, "the dump holds no memory, only its header");
	return NULL;
}

ei_error *image_open_fd(int fd, const char *name, const char *format, struct image **out)
{
	EI_OWNED(image) image = calloc(1, sizeof *image);
	if (!image) {
		close(fd);
		return ei_fail(EI_E_NOMEM, "no memory to open '%s'", name);
	}
	image->fd = fd;
	image->path = strdup(name);
	if (!image->path)
		return ei_fail(EI_E_NOMEM, "no memory to open '%s'", name);
	EI_TRY(fill_image(image, format));
	*out = EI_GIVE(image);
	return NULL;
}

ei_error *image_open(const char *path, const char *format, struct image **out)
{
	// Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
	return image_open_fd(fd, path, format, out);
}

ei_error *image_nothing(struct image **out)
{
	EI_OWNED(image) image = calloc(1, sizeof *image);
	if (image)
		image->path = strdup("");
	if (!image || !image->path)
		return ei_fail(EI_E_NOMEM, "out of memory");
	image->fd = -1;
	*out = EI_GIVE(image);
	return NULL;
}

void image_close(struct image *image)
{
	if (!image)
		return;
	if (image->fd >= 0)
		close(image->fd);
	free(image->path);
	free(image->runs);
	free(image->blocks);
	crash_header_drop(image->crash);
	for (size_t i = 0; i < image->note_count; i++)
		free(image->notes[i]);
	free(image);
}

// ---- what is known --------------------------------------------------------------------------
const char *image_path(const struct image *image)
{
	return image->path;
}

uint64_t image_file_size(const struct image *image)
{
	return image->file_size;
}

const char *image_format_name(const struct image *image)
{
	return image->format_name;
}

const char *image_format_text(const struct image *image)
{
	return image->format_text;
}

const struct image_hints *image_hints(const struct image *image)
{
	return &image->hints;
}

const struct crash_header *image_crash_header(const struct image *image)
{
	return image->crash;
}

const char *image_note(const struct image *image, size_t index)
{
	return index < image->note_count ? image->notes[index] : NULL;
}

void image_complain(struct image *image, const char *format, ...)
{
	if (image->note_count == IMAGE_NOTE_CAP)
		return;
	va_list arguments;
	va_start(arguments, format);
	char *note = NULL;
	if (vasprintf(&note, format, arguments) >= 0)
		image->notes[image->note_count++] = note;
	va_end(arguments);
}
