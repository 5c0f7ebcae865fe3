// Programs as they lie in memory: PE headers and sections, and files made of them.
//
//     ei_pe pe;
//     if (ei_pe_read(run, space, base, &pe))
//             ...pe.machine, pe.size...
//     ei_val file;
//     EI_TRY(ei_pe_extract(run, space, base, "name.exe.dmp", &file));
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_PE_H
#define EIDETIC_PE_H

#include <eidetic/extract.h>
#include <eidetic/win.h>

enum {
	EI_PE_SECTIONS = 96,      // the loader takes no more
	EI_PE_SIZE_MAX = 1 << 30, // bytes of an image; what claims more is none
};

typedef struct ei_pe_section {
	char name[9];
	uint32_t rva, size;       // as mapped: VirtualAddress, VirtualSize
	uint32_t raw, raw_size;   // in the file: PointerToRawData, SizeOfRawData
	uint32_t characteristics; // IMAGE_SCN_...
	uint32_t header;          // where its header lies, from the base
} ei_pe_section;

typedef struct ei_pe {
	uint64_t base;
	uint64_t preferred;    // ImageBase, as the header says
	uint32_t preferred_at; // where the header says it, from the base
	bool wide;             // PE32+
	uint16_t machine;
	uint32_t size;      // SizeOfImage
	uint32_t headers;   // SizeOfHeaders
	uint32_t alignment; // SectionAlignment
	uint32_t entry;     // AddressOfEntryPoint
	uint32_t time_stamp;
	uint32_t section_count; // of those that could be read
	ei_pe_section sections[EI_PE_SECTIONS];
} ei_pe;

// The headers at `base` of `space` (NULL: the kernel's). False where there are none, or none that
// can be true.
EI_API bool ei_pe_read(ei_run *run, const ei_space *space, uint64_t base, ei_pe *out);

// Writes the program at `base` as a file that other tools open: all of it as it lies in memory,
// with headers that say so (sections in the file where they are in memory, ImageBase where it was
// mapped). Pages that are not in the image are holes of the file: see eidetic/extract.h. `file` is
// its name; EI_UNREADABLE when there is no program there. EI_E_IO, EI_E_NOMEM, EI_E_LIMIT.
EI_API EI_CHECKED ei_error *ei_pe_extract(
	ei_run *run, const ei_space *space, uint64_t base, const char *name, ei_val *file);

// The same under the names that Volatility 3 gives: of a process's program, "PID.NAME.BASE.dmp";
// of a module that an entry of a loader describes, "NAME.ENTRY.BASE.dmp" behind `prefix`. A module
// that the kernel's space lacks, because each session has its own, is read through a process that
// has it (space NULL). With --compat vol3, `file` says in Volatility's words that there is none.
typedef struct ei_pe_entry {
	const ei_space *space;
	const char *prefix;
	ei_val path;   // of which the last part is the name
	uint64_t at;   // address of the entry
	uint64_t base; // of the module
} ei_pe_entry;
EI_API EI_CHECKED ei_error *ei_pe_extract_process(
	ei_run *run, const eprocess *process, ei_val *file);
EI_API EI_CHECKED ei_error *ei_pe_extract_entry(
	ei_run *run, const ei_pe_entry *entry, ei_val *file);

#endif
