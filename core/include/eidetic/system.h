// The system in the image: what identification, the profile and the kernel's own memory say.
//
//     ei_system s = ei_system_read(run);
//     ei_emit(run, (ei_val[COLUMNS]){ [NAME] = ei_str("build"), [VALUE] = s.build });
//
// Everything is there for any image that could be opened: what is not known is an absent value,
// never a guess.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_SYSTEM_H
#define EIDETIC_SYSTEM_H

#include <eidetic/object.h>

// Strings are borrowed from the session, or in scratch memory; never NULL, "" when not known.
// Members are only ever added at the end.
typedef struct ei_system {
	// The container.
	const char *image_path, *format, *format_text; // "raw", "raw physical memory"
	uint64_t file_bytes, memory_bytes;
	// Identification.
	bool found, arm64;
	const char *mode; // "x64", "x86-pae", "x86"; "" when no kernel was found
	const char *root_witness, *kernel_witness;
	const char *pdb, *guid; // of the kernel's symbol file
	uint32_t age;
	const char *profile, *profile_origin, *profile_how;
	ei_val kernel_base, kernel_size, dtb, machine, build;
	// The debugger's data.
	ei_val kdbg, build_lab, service_pack, version_block, version_major, version_minor,
		version_machine, processors;
	// _KUSER_SHARED_DATA.
	ei_val time, root, product, major, minor;
	// The kernel's PE header.
	ei_val pe_os_major, pe_os_minor, pe_machine, pe_time_stamp;
} ei_system;

EI_API ei_system ei_system_read(ei_run *run);

// What was tried while looking for the kernel, in order; false past the last.
typedef struct ei_attempt {
	const char *witness; // "low stub", "self-map", ...
	uint64_t dtb;
	uint64_t seen_at; // physical; 0: the container says so
	const char *outcome;
	bool accepted;
} ei_attempt;
EI_API bool ei_system_attempt(const ei_run *run, size_t index, ei_attempt *out);

// A variable of the kernel that was found without symbols.
typedef struct ei_global {
	const char *name;
	uint64_t address;      // of the variable
	const char *witnesses; // "its list, export table, the code of ObGetObjectType"
	const char *against;   // those who say otherwise, with their addresses; NULL: none
} ei_global;
enum { EI_GLOBALS_MAX = 64 };
// All of them, in no order; how many. None where the kernel's symbols are known. Strings live in
// scratch memory.
EI_API size_t ei_system_globals(ei_run *run, ei_global out[EI_GLOBALS_MAX]);

EI_API unsigned ei_verbose(const ei_run *run); // how often -v was given
EI_API bool ei_compat_vol3(const ei_run *run); // --compat vol3: rows exactly as Volatility's

#endif
