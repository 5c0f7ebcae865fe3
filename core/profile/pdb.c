// Reads program databases (PDB) into the flat form: what they are for, and the order of the rest.
// SPDX-License-Identifier: Apache-2.0
#include "profile/pdb.h"

#include "profile/profile.h"

#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STREAM_INFO = 1, STREAM_TYPES = 2, STREAM_DEBUG = 3 };
enum { INFO_AGE = 8, INFO_GUID = 12, INFO_SIZE = 28 };
enum { INFO_VERSION_GUID = 20000404 }; // the first whose header has a GUID

enum {
	DBI_AGE = 8,
	DBI_SYMBOLS = 20,
	DBI_PARTS = 24, // sizes of the parts behind the header
	DBI_MACHINE = 58,
};

// Places in the last part: stream numbers of debug data.
enum { DEBUG_OMAP_FROM_SOURCE = 4, DEBUG_SECTIONS = 5, DEBUG_SECTIONS_WERE = 10 };

// ---- the debug information stream's header --------------------------------------------------
// The parts behind the header are in this order, which is not that of their sizes in it: the last
// is the debug header.
static uint64_t debug_header_at(const uint8_t *header, uint32_t *size)
{
	static const uint8_t parts[] = { 0, 1, 2, 3, 4, 7 };
	uint64_t at = DBI_SIZE;
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
		at += load_u32(header + DBI_PARTS + 4 * parts[i]);
	*size = load_u32(header + DBI_PARTS + 4 * 6);
	return at;
}

static uint16_t debug_stream(const uint8_t *header, uint32_t size, uint32_t place)
{
	return span_inside(place * 2, 2, size) ? load_u16(header + place * 2) : MSF_STREAM_NONE;
}

ei_error *pdb_dbi_parse(const struct bytes *stream, struct pdb_dbi *out)
{
	if (stream->size < DBI_SIZE)
		return ei_fail(EI_E_FORMAT, "its debug information is %zu bytes long, want %d",
			stream->size, DBI_SIZE);
	const uint8_t *header = stream->data;
	if (load_u32(header) != UINT32_MAX)
		return ei_fail(EI_E_FORMAT, "its debug information is of an unknown version");
	uint32_t size = 0;
	uint64_t at = debug_header_at(header, &size);
	if (!span_inside(at, size, stream->size))
		size = 0;
	const uint8_t *debug = size ? header + at : header;
	*out = (struct pdb_dbi){
		.age = load_u32(header + DBI_AGE),
		.machine = load_u16(header + DBI_MACHINE),
		.modules = load_u32(header + DBI_PARTS),
		.symbols = load_u16(header + DBI_SYMBOLS),
		.sections = debug_stream(debug, size, DEBUG_SECTIONS),
		.sections_were = debug_stream(debug, size, DEBUG_SECTIONS_WERE),
		.omap = debug_stream(debug, size, DEBUG_OMAP_FROM_SOURCE),
	};
	return NULL;
}

// ---- what it is for -------------------------------------------------------------------------
static uint32_t pointer_size_of(uint32_t machine)
{
	static const struct {
		uint32_t machine, size;
	} machines[] = { { 0x8664, 8 }, { 0xaa64, 8 }, { 0x14c, 4 } };
	for (size_t i = 0; i < ARRAY_LENGTH(machines); i++)
		if (machines[i].machine == machine)
			return machines[i].size;
	return 0;
}

static void guid_text(const uint8_t *guid, char out[33])
{
	snprintf(out, 33, "%08X%04X%04X", load_u32(guid), load_u16(guid + 4), load_u16(guid + 6));
	for (unsigned i = 0; i < 8; i++)
		snprintf(out + 16 + 2 * i, 3, "%02X", guid[8 + i]);
}

// The age that counts is that of the debug information: tools that add streams to a database
// later raise the other one.
ei_error *pdb_identify(const struct msf *msf, struct pdb_identity *out)
{
	BYTES_OWNED info = { 0 }, debug = { 0 };
	struct pdb_dbi dbi;
	EI_TRY(msf_stream(msf, STREAM_INFO, INFO_SIZE, &info));
	if (info.size < INFO_SIZE || load_u32(info.data) < INFO_VERSION_GUID)
		return ei_fail(EI_E_FORMAT, "it has no GUID");
	EI_TRY(msf_stream(msf, STREAM_DEBUG, DBI_SIZE, &debug));
	EI_TRY(pdb_dbi_parse(&debug, &dbi));
	guid_text(info.data + INFO_GUID, out->guid);
	out->age = dbi.age ? dbi.age : load_u32(info.data + INFO_AGE);
	out->pointer_size = pointer_size_of(dbi.machine);
	return NULL;
}

static bool file_is_wanted(struct msf *msf, const char *guid, uint32_t age)
{
	struct pdb_identity id;
	EI_OWNED(ei_error) error = msf_init(msf);
	if (!error)
		error = pdb_identify(msf, &id);
	msf_deinit(msf);
	return !error && !strcmp(id.guid, guid) && id.age == age;
}

bool pdb_file_matches(const char *path, const char *guid, uint32_t age)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	bool wanted = false;
	if (!fstat(fd, &status) && S_ISREG(status.st_mode)) {
		struct msf msf = { .fd = fd, .size = (uint64_t)status.st_size };
		wanted = file_is_wanted(&msf, guid, age);
	}
	close(fd);
	return wanted;
}

// ---- all of it ------------------------------------------------------------------------------
// A database does not know its name: the file's, or where that is GUID-AGE the folder's.
static void name_from_path(const char *path, const char *guid, char *out, size_t room)
{
	const char *end = path + strlen(path), *start = end;
	while (start > path && start[-1] != '/')
		start--;
	if (!strncasecmp(start, guid, strlen(guid)) && start > path + 1) {
		end = --start;
		while (start > path && start[-1] != '/')
			start--;
	}
	snprintf(out, room, "%.*s", (int)MIN((size_t)(end - start), room), start);
}

static void add_build(struct flat_builder *builder, const struct pdb_identity *id, const char *path,
	uint32_t layout)
{
	char usual[128], pdb[64];
	name_from_path(path, id->guid, pdb, sizeof pdb);
	snprintf(usual, sizeof usual, "%s/%s-%u", pdb, id->guid, id->age);
	flat_add_build(builder, &(struct flat_build_spec){
					.name = usual,
					.pdb = pdb,
					.guid = id->guid,
					.version = "",
					.age = id->age,
					.layout = layout,
				});
}

static ei_error *read_streams(struct flat_builder *builder, const struct msf *msf, const char *path)
{
	BYTES_OWNED types = { 0 }, debug = { 0 };
	struct pdb_identity id;
	struct pdb_dbi dbi;
	EI_TRY(pdb_identify(msf, &id));
	EI_TRY(msf_stream(msf, STREAM_TYPES, SIZE_MAX, &types));
	EI_TRY(pdb_types_read(builder, &types, &id.pointer_size));
	EI_TRY(msf_stream(msf, STREAM_DEBUG, SIZE_MAX, &debug));
	EI_TRY(pdb_dbi_parse(&debug, &dbi));
	add_build(builder, &id, path, 0);
	return pdb_symbols_read(builder, msf, &debug, &dbi, id.pointer_size);
}

ei_error *pdb_read(
	struct flat_builder *builder, const void *data, size_t size_bytes, const char *path)
{
	struct msf msf = { .data = data, .fd = -1, .size = size_bytes };
	ei_error *error = msf_init(&msf);
	if (!error)
		error = read_streams(builder, &msf, path);
	msf_deinit(&msf);
	return error;
}

// ---- files that are none --------------------------------------------------------------------
static const struct {
	const char *start, *what;
} others[] = {
	{ "Microsoft C/C++ program database 2", "it is a program database of a kind that kernels "
						"before Windows XP have (2.00)" },
	{ "MSCF", "it is a cabinet: unpack it first" },
	{ "BSJB", "it is a portable program database, of .NET" },
	{ "MZ", "it is a program, not its program database" },
	{ "<", "it is a web page: the download failed" },
	{ "{", "it is a symbol file already" },
	{ "\xfd"
	  "7zXZ",
		"it is packed: unpack it first" },
	{ "\x1f\x8b", "it is packed: unpack it first" },
	{ "PK", "it is packed: unpack it first" },
};

static const char *what_else(const struct bytes *file)
{
	if (!file->size)
		return "it is empty";
	for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
		size_t length = strlen(others[i].start);
		if (file->size >= length && !memcmp(file->data, others[i].start, length))
			return others[i].what;
	}
	return "it is not a program database (MSF 7.00)";
}

ei_error *profile_load_pdb(const char *path, struct profile **out)
{
	BYTES_OWNED file = { 0 };
	EI_TRY(file_read(path, ISF_MAX, &file));
	if (!msf_is_signature(file.data, file.size))
		return ei_fail(EI_E_FORMAT, "reading '%s': %s", path, what_else(&file));
	return profile_parse(file.data, file.size, path, out);
}
