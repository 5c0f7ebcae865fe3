// Raw images: the file is physical memory, byte for byte.
// SPDX-License-Identifier: Apache-2.0
#include "image/internal.h"

#include <inttypes.h>
#include <stdio.h>

static bool probe(const uint8_t *head, size_t length)
{
	(void)head;
	return length >= PAGE_SIZE;
}

static ei_error *open_raw(struct image *image)
{
	snprintf(image->format_text, sizeof image->format_text, "raw physical memory");
	if (image->file_size % PAGE_SIZE)
		image_complain(image,
			"the file is 0x%" PRIx64 " bytes long, not a whole number of pages",
			image->file_size);
	return image_add_run(image, (struct image_run){ 0, image->file_size, 0 });
}

const struct image_format raw_format = { "raw", probe, open_raw };
