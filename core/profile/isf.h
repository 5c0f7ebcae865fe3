// Between the parts of core/profile that read symbol files. Private to core/profile and profiles/.
// SPDX-License-Identifier: Apache-2.0
#ifndef PROFILE_ISF_H
#define PROFILE_ISF_H

#include "profile/flat.h"

enum { ISF_MAX = 256 << 20 }; // bytes of JSON

// Bytes that are the holder's; bytes_deinit() frees them.
struct bytes {
	uint8_t *data;
	size_t size;
};

void bytes_deinit(struct bytes *bytes);
#define BYTES_OWNED __attribute__((cleanup(bytes_deinit))) struct bytes

// The whole of a regular file. EI_E_IO; EI_E_LIMIT above `max` bytes.
EI_CHECKED ei_error *file_read(const char *path, size_t max, struct bytes *out);

// Unpacks xz or gzip, by signature; anything else is copied. A NUL follows the bytes. EI_E_FORMAT
// when the packed data is damaged or cut; EI_E_LIMIT above ISF_MAX.
EI_CHECKED ei_error *bytes_unpack(const void *packed, size_t size_bytes, struct bytes *out);

enum isf_part { ISF_WHOLE, ISF_LAYOUT };

// Adds the layout of a JSON symbol file to `builder`, and with ISF_WHOLE a build with its symbols,
// named "PDB/GUID-AGE". `json` is clobbered, and ends with a NUL at `json[length]`. EI_E_FORMAT
// names the place.
EI_CHECKED ei_error *isf_read(
	struct flat_builder *builder, char *json, size_t length, enum isf_part part);

#endif
