// Between the parts of core/profile that read program databases (PDB). Private to core/profile.
// Sources of truth: the CodeView records as Microsoft published them (cvinfo.h, microsoft-pdb) and
// LLVM's description of the PDB format. Everything in a file is hostile.
// SPDX-License-Identifier: Apache-2.0
#ifndef PROFILE_PDB_H
#define PROFILE_PDB_H

#include "profile/isf.h"

// ---- the container: pages, streams ----------------------------------------------------------
enum { MSF_STREAM_NONE = 0xffff }; // what a PDB says for "there is no such stream"

// MSF 7.00, over bytes in memory (`data`) or an open file (`fd`, when `data` is NULL); both are
// borrowed.
struct msf {
	const uint8_t *data;
	int fd;
	uint64_t size; // bytes of the file
	uint32_t page_size, page_count;
	struct bytes directory;
	uint32_t stream_count;
};

bool msf_is_signature(const void *data, size_t size_bytes);

// EI_E_FORMAT when it is no MSF 7.00 file, or cut. msf_deinit() in any case.
EI_CHECKED ei_error *msf_init(struct msf *msf);
void msf_deinit(struct msf *msf);

// The first `max` bytes of a stream, or all of a shorter one. EI_E_FORMAT when there is no such
// stream or it has pages outside the file.
EI_CHECKED ei_error *msf_stream(
	const struct msf *msf, uint32_t index, size_t max, struct bytes *out);

// ---- what a database is for -----------------------------------------------------------------
struct pdb_identity {
	char guid[33];         // 32 upper-case hexadecimal digits
	uint32_t age;          // the image's: what its debug directory says
	uint32_t pointer_size; // 0: the database does not say
};

enum { DBI_SIZE = 64 }; // bytes of the header

// The debug information stream's header, as far as it is used here.
struct pdb_dbi {
	uint32_t age, machine;
	uint32_t modules;       // bytes of the records about source files, behind the header
	uint16_t symbols;       // stream of symbol records
	uint16_t sections;      // stream of section headers
	uint16_t sections_were; // the same before the image's pages were moved, or none
	uint16_t omap;          // stream that says where they were moved to, or none
};

EI_CHECKED ei_error *pdb_identify(const struct msf *msf, struct pdb_identity *out);

// Reads the header from the start of the stream, and what lies behind it when it is all there.
EI_CHECKED ei_error *pdb_dbi_parse(const struct bytes *stream, struct pdb_dbi *out);

// ---- filling a profile ----------------------------------------------------------------------
// Adds a layout with the types of `tpi` (the type information stream) to the builder.
// `pointer_size` 0: find out from the types; it is set on return.
EI_CHECKED ei_error *pdb_types_read(
	struct flat_builder *builder, const struct bytes *tpi, uint32_t *pointer_size);

// Adds the public and global symbols to the open build, and the data of single source files where
// the database still has it. `debug` is the whole stream that `dbi` was parsed from.
EI_CHECKED ei_error *pdb_symbols_read(struct flat_builder *builder, const struct msf *msf,
	const struct bytes *debug, const struct pdb_dbi *dbi, uint32_t pointer_size);

// All of it: a layout and a build whose PDB is the last step of `path`.
EI_CHECKED ei_error *pdb_read(
	struct flat_builder *builder, const void *data, size_t size_bytes, const char *path);

// Whether the file at `path` is a PDB of that GUID (upper case) and age; reads some pages only.
bool pdb_file_matches(const char *path, const char *guid, uint32_t age);

#endif
