// Reads whole files and unpacks xz and gzip, within bounds.
// SPDX-License-Identifier: Apache-2.0
#include "profile/isf.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { UNPACK_FIRST = 8 << 20 };        // covers the usual kernel without growing
enum { LZMA_MEMORY_MAX = 128 << 20 };   // a dictionary may be at most about this large
enum { GZIP_OR_ZLIB = 32 + MAX_WBITS }; // zlib: find out by the header

void bytes_deinit(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){ 0 };
}

// ---- files ----------------------------------------------------------------------------------
static ei_error *read_all(int fd, const char *path, size_t size, struct bytes *out)
{
	BYTES_OWNED whole = { .data = malloc(size + 1) };
	if (!whole.data)
		return ei_fail(EI_E_NOMEM, "reading '%s'", path);
	while (whole.size < size) {
		ssize_t got = read(fd, whole.data + whole.size, size - whole.size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ei_fail(EI_E_IO, "cannot read '%s': %s", path, strerror(errno));
		if (!got)
			return ei_fail(EI_E_IO, "'%s' ends after %zu of %zu bytes", path,
				whole.size, size);
		whole.size += (size_t)got;
	}
	*out = whole;
	whole = (struct bytes){ 0 };
	return NULL;
}

ei_error *file_read(const char *path, size_t max, struct bytes *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
	struct stat status;
	ei_error *error = NULL;
	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		error = ei_fail(EI_E_IO, "'%s' is not a regular file", path);
	else if ((uint64_t)status.st_size > max)
		error = ei_fail(EI_E_LIMIT, "'%s' is %llu bytes long, at most %zu are read", path,
			(unsigned long long)status.st_size, max);
	else
		error = read_all(fd, path, (size_t)status.st_size, out);
	close(fd);
	return error;
}

// ---- unpacking ------------------------------------------------------------------------------
// Doubles the room of `bytes`, whose size is its room here.
static ei_error *bytes_grow(struct bytes *bytes)
{
	if (bytes->size >= ISF_MAX)
		return ei_fail(EI_E_LIMIT, "it unpacks to more than %d MiB", ISF_MAX >> 20);
	size_t room = bytes->size ? bytes->size * 2 : UNPACK_FIRST;
	uint8_t *data = realloc(bytes->data, room);
	if (!data)
		return ei_fail(EI_E_NOMEM, "unpacking");
	*bytes = (struct bytes){ data, room };
	return NULL;
}

// Hands out the `used` bytes of `room` and a NUL behind them.
static ei_error *bytes_finish(struct bytes *room, size_t used, struct bytes *out)
{
	uint8_t *data = realloc(room->data, used + 1);
	if (!data)
		return ei_fail(EI_E_NOMEM, "unpacking");
	data[used] = 0;
	*out = (struct bytes){ data, used };
	*room = (struct bytes){ 0 };
	return NULL;
}

static ei_error *lzma_failed(lzma_ret status)
{
	if (status == LZMA_MEM_ERROR)
		return ei_fail(EI_E_NOMEM, "unpacking");
	if (status == LZMA_MEMLIMIT_ERROR)
		return ei_fail(EI_E_LIMIT, "its xz dictionary is larger than %d MiB",
			LZMA_MEMORY_MAX >> 20);
	return ei_fail(EI_E_FORMAT, "its xz data is %s",
		status == LZMA_BUF_ERROR ? "cut short" : "damaged");
}

static ei_error *lzma_run(lzma_stream *stream, struct bytes *room)
{
	lzma_ret status = LZMA_OK;
	while (status == LZMA_OK) {
		if (!stream->avail_out) {
			size_t used = room->size;
			EI_TRY(bytes_grow(room));
			stream->next_out = room->data + used;
			stream->avail_out = room->size - used;
		}
		status = lzma_code(stream, LZMA_FINISH);
	}
	return status == LZMA_STREAM_END ? NULL : lzma_failed(status);
}

static ei_error *unpack_xz(const void *packed, size_t size_bytes, struct bytes *out)
{
	BYTES_OWNED room = { 0 };
	lzma_stream stream = LZMA_STREAM_INIT;
	if (lzma_stream_decoder(&stream, LZMA_MEMORY_MAX, LZMA_CONCATENATED) != LZMA_OK)
		return ei_fail(EI_E_NOMEM, "unpacking");
	stream.next_in = packed;
	stream.avail_in = size_bytes;
	ei_error *error = lzma_run(&stream, &room);
	size_t used = (size_t)stream.total_out;
	lzma_end(&stream);
	EI_TRY(error);
	return bytes_finish(&room, used, out);
}

static ei_error *zlib_run(z_stream *stream, struct bytes *room)
{
	int status = Z_OK;
	while (status == Z_OK) {
		if (!stream->avail_out) {
			size_t used = room->size;
			EI_TRY(bytes_grow(room));
			stream->next_out = room->data + used;
			stream->avail_out = (uInt)(room->size - used);
		}
		status = inflate(stream, Z_NO_FLUSH);
	}
	if (status == Z_STREAM_END)
		return NULL;
	return ei_fail(EI_E_FORMAT, "its gzip data is %s",
		status == Z_BUF_ERROR ? "cut short" : "damaged");
}

static ei_error *unpack_gzip(const void *packed, size_t size_bytes, struct bytes *out)
{
	BYTES_OWNED room = { 0 };
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)packed, .avail_in = (uInt)size_bytes };
	if (inflateInit2(&stream, GZIP_OR_ZLIB) != Z_OK)
		return ei_fail(EI_E_NOMEM, "unpacking");
	ei_error *error = zlib_run(&stream, &room);
	size_t used = stream.total_out;
	inflateEnd(&stream);
	EI_TRY(error);
	return bytes_finish(&room, used, out);
}

static ei_error *copy_plain(const void *plain, size_t size_bytes, struct bytes *out)
{
	uint8_t *data = malloc(size_bytes + 1);
	if (!data)
		return ei_fail(EI_E_NOMEM, "unpacking");
	if (size_bytes)
		memcpy(data, plain, size_bytes);
	data[size_bytes] = 0;
	*out = (struct bytes){ data, size_bytes };
	return NULL;
}

ei_error *bytes_unpack(const void *packed, size_t size_bytes, struct bytes *out)
{
	static const uint8_t xz[] = { 0xfd, '7', 'z', 'X', 'Z', 0 };
	static const uint8_t gzip[] = { 0x1f, 0x8b };
	if (size_bytes > ISF_MAX)
		return ei_fail(EI_E_LIMIT, "it is larger than %d MiB", ISF_MAX >> 20);
	if (size_bytes >= sizeof xz && !memcmp(packed, xz, sizeof xz))
		return unpack_xz(packed, size_bytes, out);
	if (size_bytes >= sizeof gzip && !memcmp(packed, gzip, sizeof gzip))
		return unpack_gzip(packed, size_bytes, out);
	return copy_plain(packed, size_bytes, out);
}
