// Symbol files on disk: plain, xz or gzip by their name, written beside and renamed, so that there
// is a whole one or none.
// SPDX-License-Identifier: Apache-2.0
#include "profile/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { XZ_PRESET = 1, ROOM = 1 << 16 }; // a higher one gains a tenth and takes ten times as long

static bool ends_with(const char *text, const char *tail)
{
	size_t length = strlen(text), size = strlen(tail);
	return length > size && !strcmp(text + length - size, tail);
}

// ---- xz -------------------------------------------------------------------------------------
struct xz_file {
	int fd;
	lzma_stream stream;
};

static bool write_whole(int fd, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t wrote = write(fd, bytes, size);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return false;
		bytes += wrote;
		size -= (size_t)wrote;
	}
	return true;
}

// Until all of the input is taken; with LZMA_FINISH until the end is written.
static bool xz_run(struct xz_file *file, lzma_action action)
{
	uint8_t room[ROOM];
	lzma_ret status = LZMA_OK;
	while (status == LZMA_OK && (file->stream.avail_in || action == LZMA_FINISH)) {
		file->stream.next_out = room;
		file->stream.avail_out = sizeof room;
		status = lzma_code(&file->stream, action);
		if (!write_whole(file->fd, room, sizeof room - file->stream.avail_out))
			return false;
	}
	if (status != LZMA_OK && status != LZMA_STREAM_END)
		errno = ENOMEM;
	return status == LZMA_OK || status == LZMA_STREAM_END;
}

static ssize_t xz_write(void *cookie, const char *bytes, size_t size)
{
	struct xz_file *file = cookie;
	file->stream.next_in = (const uint8_t *)bytes;
	file->stream.avail_in = size;
	return xz_run(file, LZMA_RUN) ? (ssize_t)size : 0;
}

static int xz_close(void *cookie)
{
	struct xz_file *file = cookie;
	bool whole = xz_run(file, LZMA_FINISH);
	int why = errno;
	lzma_end(&file->stream);
	if (close(file->fd) && whole) {
		whole = false;
		why = errno;
	}
	free(file);
	errno = why;
	return whole ? 0 : EOF;
}

static FILE *xz_open(int fd)
{
	struct xz_file *file = calloc(1, sizeof *file);
	if (!file)
		return NULL;
	*file = (struct xz_file){ .fd = fd, .stream = LZMA_STREAM_INIT };
	FILE *out = NULL;
	if (lzma_easy_encoder(&file->stream, XZ_PRESET, LZMA_CHECK_CRC32) == LZMA_OK)
		out = fopencookie(
			file, "w", (cookie_io_functions_t){ .write = xz_write, .close = xz_close });
	if (!out) {
		lzma_end(&file->stream);
		free(file);
	}
	return out;
}

// ---- gzip -----------------------------------------------------------------------------------
static ssize_t gzip_write(void *cookie, const char *bytes, size_t size)
{
	int wrote = gzwrite(cookie, bytes, (unsigned)size);
	return wrote > 0 ? wrote : 0;
}

static int gzip_close(void *cookie)
{
	return gzclose(cookie) == Z_OK ? 0 : EOF;
}

static FILE *gzip_open(int fd)
{
	gzFile file = gzdopen(fd, "wb");
	if (!file)
		return NULL;
	return fopencookie(
		file, "w", (cookie_io_functions_t){ .write = gzip_write, .close = gzip_close });
}

// ---- the file -------------------------------------------------------------------------------
static FILE *plain_open(int fd)
{
	return fdopen(fd, "w");
}

static const struct {
	const char *tail;
	FILE *(*open)(int fd); // takes `fd` unless it fails
} forms[] = {
	{ ".json", plain_open },
	{ ".json.xz", xz_open },
	{ ".json.gz", gzip_open },
};

static ei_error *cannot_write(const char *path)
{
	return ei_fail(EI_E_IO, "cannot write '%s': %s", path, strerror(errno));
}

static ei_error *already_there(const char *path)
{
	return ei_fail(EI_E_IO, "'%s' exists and is not overwritten; remove it first", path);
}

static ei_error *fill(const struct profile *profile, FILE *out, const char *path)
{
	ei_error *error = profile_write_isf(profile, out);
	bool failed = fclose(out) != 0;
	if (error) {
		ei_error *named = ei_wrap(error, "writing '%s'", path);
		return named;
	}
	return failed ? cannot_write(path) : NULL;
}

// File systems without the flag are few, and have no better way.
static ei_error *take_place(const char *made, const char *path)
{
	if (!renameat2(AT_FDCWD, made, AT_FDCWD, path, RENAME_NOREPLACE))
		return NULL;
	if (errno == EEXIST || !access(path, F_OK))
		return already_there(path);
	return rename(made, path) ? cannot_write(path) : NULL;
}

static ei_error *write_beside(const struct profile *profile, FILE *(*open_form)(int fd),
	const char *made, int fd, const char *path)
{
	mode_t mask = umask(0);
	umask(mask);
	FILE *out = fchmod(fd, 0666 & ~mask) ? NULL : open_form(fd);
	if (!out) {
		ei_error *error = cannot_write(path);
		close(fd);
		return error;
	}
	EI_TRY(fill(profile, out, path));
	return take_place(made, path);
}

ei_error *profile_write_isf_file(const struct profile *profile, const char *path)
{
	FILE *(*open_form)(int fd) = NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(forms); i++)
		if (ends_with(path, forms[i].tail))
			open_form = forms[i].open;
	if (!open_form)
		return ei_fail(EI_E_USAGE,
			"'%s': want a name that ends in .json, .json.xz or .json.gz", path);
	struct stat status;
	if (!lstat(path, &status))
		return already_there(path);
	char *made = NULL;
	if (asprintf(&made, "%s.XXXXXX", path) < 0)
		return ei_fail(EI_E_NOMEM, "out of memory");
	int fd = mkostemp(made, O_CLOEXEC);
	ei_error *error =
		fd < 0 ? cannot_write(path) : write_beside(profile, open_form, made, fd, path);
	if (error && fd >= 0)
		unlink(made);
	free(made);
	return error;
}
