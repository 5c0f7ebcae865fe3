// Hive files: a base block, then the bins, one behind the other.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"

struct file_source {
	struct hive_source source;
	const uint8_t *bins;
};

static size_t file_read(struct hive_source *source, uint32_t index, void *buffer, size_t size)
{
	const struct file_source *file = (const struct file_source *)source;
	memcpy(buffer, file->bins + (index & INDEX_OFFSET), size);
	return size;
}

ei_error *ei_hive_open_file(ei_arena *arena, const void *bytes, size_t size, ei_hive **out)
{
	const uint8_t *base = bytes;
	if (size < BASE_SIZE)
		return ei_fail(EI_E_FORMAT, "hive file is %zu bytes long, want at least %d", size,
			BASE_SIZE);
	if (memcmp(base, "regf", 4) != 0)
		return ei_fail(EI_E_FORMAT, "hive file begins with %02x%02x%02x%02x, want 'regf'",
			base[0], base[1], base[2], base[3]);
	if (load_u32(base + BASE_TYPE))
		return ei_fail(EI_E_FORMAT, "file is a log of changes to a hive (type %u)",
			load_u32(base + BASE_TYPE));
	struct ei_hive *hive = ei_alloc(arena, sizeof *hive);
	struct file_source *file = ei_alloc(arena, sizeof *file);
	if (!hive || !file)
		return ei_fail(EI_E_NOMEM, "out of memory");
	// What lies behind the length that the base block gives was never written, or is left over
	// from a larger hive; but a base block that is older than its bins gives too little.
	size_t stored = MIN(size - BASE_SIZE, (size_t)INDEX_OFFSET);
	*file = (struct file_source){ .source.read = file_read, .bins = base + BASE_SIZE };
	file->source.length[STABLE] = (uint32_t)stored;
	*hive = (struct ei_hive){ .scratch = arena, .mount = "", .file = "" };
	hive_init(hive, &file->source, base);
	*out = hive;
	return NULL;
}
