// 64-bit Windows crash dumps: "PAGEDU64", a header of two pages.
// SPDX-License-Identifier: Apache-2.0
#include "image/crash.h"
#include "image/internal.h"

static bool probe(const uint8_t *head, size_t length)
{
	return length >= 8 && !memcmp(head, "PAGEDU64", 8);
}

static ei_error *open_crash64(struct image *image)
{
	return crash_open(image, &crash_shape_64);
}

const struct image_format crash64_format = { "crash64", probe, open_crash64 };
