// 32-bit Windows crash dumps: "PAGEDUMP", a header of one page, PAE or not.
// SPDX-License-Identifier: Apache-2.0
#include "image/crash.h"
#include "image/internal.h"

static bool probe(const uint8_t *head, size_t length)
{
	return length >= 8 && !memcmp(head, "PAGEDUMP", 8);
}

static ei_error *open_crash32(struct image *image)
{
	return crash_open(image, &crash_shape_32);
}

const struct image_format crash32_format = { "crash32", probe, open_crash32 };
