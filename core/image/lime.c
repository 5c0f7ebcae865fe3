// LiME: a header of 32 bytes in front of each range of physical memory.
//
// Source: the format's own document (LiME, doc/README.md): magic "EMiL", version 1, first and last
// address of the range, eight reserved bytes.
// SPDX-License-Identifier: Apache-2.0
#include "image/internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { HEADER_BYTES = 32, VERSION = 1 };

static bool probe(const uint8_t *head, size_t length)
{
	return length >= HEADER_BYTES && !memcmp(head, "EMiL", 4);
}

static ei_error *check_header(const struct image *image, uint64_t offset, const uint8_t *header)
{
	if (memcmp(header, "EMiL", 4) != 0)
		return ei_fail(EI_E_FORMAT, "'%s': no LiME header at 0x%" PRIx64 ", found %08x",
			image->path, offset, load_u32(header));
	if (load_u32(header + 4) != VERSION)
		return ei_fail(EI_E_FORMAT, "'%s': LiME version %u at 0x%" PRIx64 ", want %d",
			image->path, load_u32(header + 4), offset, VERSION);
	if (load_u64(header + 16) < load_u64(header + 8))
		return ei_fail(EI_E_FORMAT,
			"'%s': the LiME range at 0x%" PRIx64 " ends before it starts", image->path,
			offset);
	return NULL;
}

static ei_error *read_range(struct image *image, uint64_t *offset)
{
	uint8_t header[HEADER_BYTES];
	EI_TRY(image_file_read(image, *offset, header, sizeof header));
	EI_TRY(check_header(image, *offset, header));
	uint64_t start = load_u64(header + 8), last = load_u64(header + 16);
	*offset += sizeof header;
	EI_TRY(image_add_run(image, (struct image_run){ start, last - start + 1, *offset }));
	*offset += last - start + 1;
	return NULL;
}

static ei_error *open_lime(struct image *image)
{
	snprintf(image->format_text, sizeof image->format_text, "LiME");
	uint64_t offset = 0;
	EI_TRY(read_range(image, &offset));
	while (offset < image->file_size && image->file_size - offset >= HEADER_BYTES) {
		ei_error *error = read_range(image, &offset);
		if (!error)
			continue;
		if (ei_error_code(error) != EI_E_FORMAT)
			return error;
		// What came before is good: keep it, and say where it stops.
		image_complain(image, "%s; what follows is left out", ei_error_text(error));
		ei_error_drop(error);
		return NULL;
	}
	if (offset < image->file_size)
		image_complain(image, "%" PRIu64 " bytes after the last range are left out",
			image->file_size - offset);
	return NULL;
}

const struct image_format lime_format = { "lime", probe, open_lime };
