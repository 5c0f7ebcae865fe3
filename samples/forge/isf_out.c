// A symbol table for the forged image: the types it was made from, invented symbols, identity.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include "isf_layout.h"
#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { ISF_CAP = 256 << 20 };

static ei_error *read_all(const char *path, struct text *out)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		return ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
	char buffer[16384];
	size_t length;
	while ((length = fread(buffer, 1, sizeof buffer, file)) > 0)
		text_add(out, buffer, length);
	bool failed = ferror(file);
	fclose(file);
	return failed || out->cut ? ei_fail(EI_E_IO, "cannot read '%s'", path) : NULL;
}

static ei_error *unpack(const char *path, const struct text *packed, struct text *out)
{
	if (packed->length < 6 || memcmp(packed->data,
					  "\xfd"
					  "7zXZ",
					  6) != 0) {
		text_add(out, packed->data, packed->length);
		return NULL;
	}
	lzma_stream stream = LZMA_STREAM_INIT;
	if (lzma_stream_decoder(&stream, ISF_CAP, 0) != LZMA_OK)
		return ei_fail(EI_E_NOMEM, "no memory to unpack '%s'", path);
	stream.next_in = (const uint8_t *)packed->data;
	stream.avail_in = packed->length;
	uint8_t buffer[65536];
	lzma_ret state = LZMA_OK;
	while (state == LZMA_OK && !out->cut) {
		stream.next_out = buffer;
		stream.avail_out = sizeof buffer;
		state = lzma_code(&stream, LZMA_FINISH);
		text_add(out, (const char *)buffer, sizeof buffer - stream.avail_out);
	}
	lzma_end(&stream);
	return state == LZMA_STREAM_END && !out->cut
		       ? NULL
		       : ei_fail(EI_E_FORMAT, "'%s' is damaged", path);
}

static ei_error *load_json(const char *path, json_t **out)
{
	struct text packed, plain;
	text_init(&packed, ISF_CAP);
	text_init(&plain, ISF_CAP);
	ei_error *error = read_all(path, &packed);
	if (!error)
		error = unpack(path, &packed, &plain);
	json_error_t why;
	if (!error && !(*out = json_loadb(plain.data, plain.length, 0, &why)))
		error = ei_fail(EI_E_FORMAT, "'%s': %s", path, why.text);
	text_deinit(&packed);
	text_deinit(&plain);
	return error;
}

static void add_symbols(const struct forge *f, json_t *isf)
{
	json_t *symbols = json_object_get(isf, "symbols");
	if (!json_is_object(symbols))
		json_object_set_new(isf, "symbols", symbols = json_object());
	for (size_t i = 0; i < f->placed_count; i++)
		json_object_set_new(symbols, f->placed[i].name,
			json_pack("{s:I}", "address", (json_int_t)f->placed[i].rva));
	for (size_t i = 0; i < f->invented_count; i++)
		json_object_set_new(symbols, f->invented[i].name,
			json_pack("{s:I}", "address", (json_int_t)f->invented[i].rva));
}

// Tables made from layouts lack this enumeration, which tools name pool types by.
static void add_pool_types(json_t *isf)
{
	static const char *const bases[] = { "long", "int", "int32", "uint32" };
	json_t *enums = json_object_get(isf, "enums");
	if (!json_is_object(enums))
		json_object_set_new(isf, "enums", enums = json_object());
	if (json_object_get(enums, "_POOL_TYPE"))
		return;
	for (size_t i = 0; i < ARRAY_LENGTH(bases); i++) {
		if (!json_object_get(json_object_get(isf, "base_types"), bases[i]))
			continue;
		json_object_set_new(enums, "_POOL_TYPE",
			json_pack("{s:s, s:i, s:{s:i, s:i, s:i, s:i}}", "base", bases[i], "size", 4,
				"constants", "NonPagedPool", 0, "PagedPool", 1,
				"NonPagedPoolMustSucceed", 2, "DontUseThisType", 3));
		return;
	}
}

static void add_identity(const struct forge *f, json_t *isf)
{
	json_t *metadata = json_object_get(isf, "metadata");
	if (!json_is_object(metadata))
		json_object_set_new(isf, "metadata", metadata = json_object());
	json_t *windows = json_pack("{s:{s:s, s:i, s:s, s:i}, s:{s:i, s:i, s:i, s:i}}", "pdb",
		"GUID", f->guid, "age", (int)f->age, "database", f->pdb, "machine_type",
		f->pointer == 8 ? 0x8664 : 0x14c, "pe", "major", (int)f->major, "minor",
		(int)f->minor, "revision", (int)f->build, "build", (int)f->revision);
	json_object_set_new(metadata, "windows", windows);
}

static ei_error *write_packed(const char *path, const char *json)
{
	size_t length = strlen(json), used = 0, room = lzma_stream_buffer_bound(length);
	uint8_t *packed = malloc(room);
	if (!packed)
		return ei_fail(EI_E_NOMEM, "no memory to pack '%s'", path);
	lzma_ret state = lzma_easy_buffer_encode(
		1, LZMA_CHECK_CRC32, NULL, (const uint8_t *)json, length, packed, &used, room);
	FILE *file = state == LZMA_OK ? fopen(path, "wb") : NULL;
	bool written = file && fwrite(packed, 1, used, file) == used;
	free(packed);
	if (file && fclose(file) != 0)
		written = false;
	return written ? NULL : ei_fail(EI_E_IO, "cannot write '%s': %s", path, strerror(errno));
}

static ei_error *make_folder(const char *path)
{
	if (mkdir(path, 0777) == 0 || errno == EEXIST)
		return NULL;
	return ei_fail(EI_E_IO, "cannot make folder '%s': %s", path, strerror(errno));
}

ei_error *isf_write(struct forge *f, const char *dir)
{
	char path[4096];
	json_t *isf = NULL;
	if (f->isf_path)
		EI_TRY(load_json(f->isf_path, &isf));
	else
		isf = isf_of_profile(f->profile);
	add_symbols(f, isf);
	add_identity(f, isf);
	add_pool_types(isf);
	char *json = json_dumps(isf, JSON_COMPACT);
	json_decref(isf);
	if (!json)
		return ei_fail(EI_E_NOMEM, "no memory");
	EI_OWNED(ei_error) error = make_folder(dir);
	snprintf(path, sizeof path, "%s/windows", dir);
	if (!error)
		error = make_folder(path);
	snprintf(path, sizeof path, "%s/windows/%s", dir, f->pdb);
	if (!error)
		error = make_folder(path);
	snprintf(path, sizeof path, "%s/windows/%s/%s-%u.json.xz", dir, f->pdb, f->guid, f->age);
	if (!error)
		error = write_packed(path, json);
	free(json);
	return EI_GIVE(error);
}
