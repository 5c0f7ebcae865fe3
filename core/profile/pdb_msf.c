// Reads the streams of an MSF 7.00 file: the container of program databases.
// SPDX-License-Identifier: Apache-2.0
#include "profile/pdb.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	SUPER_PAGE_SIZE = 32,
	SUPER_PAGE_COUNT = 40,
	SUPER_DIRECTORY_SIZE = 44,
	SUPER_MAP = 52, // numbers of the pages that hold the numbers of the directory's pages
	PAGE_MIN = 512,
	PAGE_MAX = 32768,
};

static const uint8_t signature[32] = "Microsoft C/C++ MSF 7.00\r\n\x1a"
				     "DS\0\0";

bool msf_is_signature(const void *data, size_t size_bytes)
{
	return size_bytes >= sizeof signature && !memcmp(data, signature, sizeof signature);
}

// ---- pages ----------------------------------------------------------------------------------
static bool read_at(int fd, uint64_t offset, uint8_t *out, size_t size)
{
	while (size) {
		ssize_t got = pread(fd, out, size, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		out += got;
		offset += (size_t)got;
		size -= (size_t)got;
	}
	return true;
}

static ei_error *bytes_at(const struct msf *msf, uint64_t offset, uint8_t *out, size_t size)
{
	if (!span_inside(offset, size, msf->size))
		return ei_fail(EI_E_FORMAT, "it is cut: %zu bytes at %llu of %llu are missing",
			size, (unsigned long long)offset, (unsigned long long)msf->size);
	if (msf->data)
		memcpy(out, msf->data + offset, size);
	else if (!read_at(msf->fd, offset, out, size))
		return ei_fail(
			EI_E_IO, "cannot read %zu bytes at %llu", size, (unsigned long long)offset);
	return NULL;
}

static uint64_t pages_of(const struct msf *msf, uint64_t size)
{
	return (size + msf->page_size - 1) / msf->page_size;
}

// `size` bytes from the pages whose numbers are at `numbers`, and a NUL behind them.
static ei_error *pages_read(
	const struct msf *msf, const uint8_t *numbers, size_t size, struct bytes *out)
{
	BYTES_OWNED whole = { .data = malloc(size + 1), .size = size };
	if (!whole.data)
		return ei_fail(EI_E_NOMEM, "reading %zu bytes", size);
	for (size_t done = 0; done < size; done += msf->page_size, numbers += 4) {
		uint32_t page = load_u32(numbers);
		if (page >= msf->page_count)
			return ei_fail(EI_E_FORMAT, "page %u is outside its %u pages", page,
				msf->page_count);
		EI_TRY(bytes_at(msf, (uint64_t)page * msf->page_size, whole.data + done,
			MIN(msf->page_size, size - done)));
	}
	whole.data[size] = 0;
	*out = whole;
	whole = (struct bytes){ 0 };
	return NULL;
}

// ---- the directory --------------------------------------------------------------------------
static ei_error *directory_read(struct msf *msf, uint64_t size)
{
	BYTES_OWNED map = { 0 }, first = { 0 };
	uint64_t map_size = pages_of(msf, size) * 4, first_size = pages_of(msf, map_size) * 4;
	if (size < 4 || size > msf->size)
		return ei_fail(EI_E_FORMAT, "its directory of %llu bytes is larger than the file",
			(unsigned long long)size);
	if (!span_inside(SUPER_MAP, first_size, msf->page_size))
		return ei_fail(EI_E_LIMIT, "its directory of %llu bytes is too large",
			(unsigned long long)size);
	first.data = malloc(first_size);
	if (!first.data)
		return ei_fail(EI_E_NOMEM, "reading its directory");
	EI_TRY(bytes_at(msf, SUPER_MAP, first.data, first_size));
	EI_TRY_IN(pages_read(msf, first.data, map_size, &map), "reading its directory's pages");
	EI_TRY_IN(pages_read(msf, map.data, size, &msf->directory), "reading its directory");
	msf->stream_count = load_u32(msf->directory.data);
	if (!span_inside(4, (uint64_t)msf->stream_count * 4, size))
		return ei_fail(EI_E_FORMAT, "its directory is too short for %u streams",
			msf->stream_count);
	return NULL;
}

ei_error *msf_init(struct msf *msf)
{
	uint8_t super[SUPER_MAP];
	msf->directory = (struct bytes){ 0 };
	msf->stream_count = 0;
	EI_TRY(bytes_at(msf, 0, super, sizeof super));
	if (!msf_is_signature(super, sizeof super))
		return ei_fail(EI_E_FORMAT, "it is not a program database (MSF 7.00)");
	msf->page_size = load_u32(super + SUPER_PAGE_SIZE);
	msf->page_count = load_u32(super + SUPER_PAGE_COUNT);
	uint32_t size = msf->page_size;
	if (size < PAGE_MIN || size > PAGE_MAX || (size & (size - 1)))
		return ei_fail(EI_E_FORMAT,
			"its pages are %u bytes long, want a power of two, "
			"%d to %d",
			size, PAGE_MIN, PAGE_MAX);
	return directory_read(msf, load_u32(super + SUPER_DIRECTORY_SIZE));
}

void msf_deinit(struct msf *msf)
{
	bytes_deinit(&msf->directory);
}

// ---- streams --------------------------------------------------------------------------------
// A stream that was deleted says this.
static uint32_t stream_size(const struct msf *msf, uint32_t index)
{
	uint32_t size = load_u32(msf->directory.data + 4 + (size_t)index * 4);
	return size == UINT32_MAX ? 0 : size;
}

ei_error *msf_stream(const struct msf *msf, uint32_t index, size_t max, struct bytes *out)
{
	if (index >= msf->stream_count)
		return ei_fail(EI_E_FORMAT, "it has no stream %u", index);
	uint64_t before = 0, size = stream_size(msf, index);
	for (uint32_t i = 0; i < index; i++)
		before += pages_of(msf, stream_size(msf, i));
	uint64_t numbers = 4 + ((uint64_t)msf->stream_count + before) * 4;
	if (size > msf->size)
		return ei_fail(EI_E_FORMAT, "stream %u of %llu bytes is larger than the file",
			index, (unsigned long long)size);
	if (!span_inside(numbers, pages_of(msf, size) * 4, msf->directory.size))
		return ei_fail(EI_E_FORMAT, "stream %u is outside the directory", index);
	EI_TRY_IN(pages_read(msf, msf->directory.data + numbers, MIN(size, max), out),
		"reading stream %u", index);
	return NULL;
}
