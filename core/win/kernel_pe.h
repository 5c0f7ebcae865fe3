// PE images as they lie in memory: headers, exports, the name of the symbol file, the version.
//
// Source: the PE/COFF specification. Everything is read through a space, page by page, and any
// page may be missing; counts and lengths of the image are capped before they are believed.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_KERNEL_PE_H
#define WIN_KERNEL_PE_H

#include "space/space.h"

struct pe_directory {
	uint32_t rva, size;
};

struct kernel_pe {
	const struct space *space;
	struct reader *reader;
	uint64_t base;
	uint32_t size; // SizeOfImage
	uint32_t time_stamp;
	uint16_t machine;
	uint16_t os_major, os_minor;
	bool kernel_sections; // has a section that only kernels have
	struct pe_directory exports, resources, debug;
};

// The CodeView record that names the symbol file.
struct pe_rsds {
	char pdb[64]; // file name without folders; "" is no record
	char guid[33];
	uint32_t age;
};

struct pe_version {
	uint16_t major, minor, build, revision;
};

// False when the page at `base` cannot be read or does not start a PE image.
bool kernel_pe_open(
	const struct space *space, struct reader *reader, uint64_t base, struct kernel_pe *out);

bool kernel_pe_rsds(const struct kernel_pe *pe, struct pe_rsds *out);
// A record at a known address, whatever its name.
bool kernel_pe_rsds_at(
	const struct space *space, struct reader *reader, uint64_t va, struct pe_rsds *out);

// The name that the export directory gives the image ("ntoskrnl.exe").
bool kernel_pe_name(const struct kernel_pe *pe, char *name, size_t room);
// Address of an exported name relative to the base. Forwarders are not exports of this image.
bool kernel_pe_export(const struct kernel_pe *pe, const char *name, uint32_t *rva);
bool kernel_pe_version(const struct kernel_pe *pe, struct pe_version *out);

// True for the file names that kernels have had, without regard to case or extension.
bool kernel_name_known(const char *name);

#endif
