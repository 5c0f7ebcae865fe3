// What the header of a Windows crash dump says: the crash, the system, and for triage ("small")
// dumps the driver lists. Claims of the file, not checked against memory.
//
//     const ei_crash *crash = ei_crash_header(run);
//     if (!crash)
//             return ei_fail(EI_E_REQUIREMENT, "not a crash dump");
//     for (size_t i = 0; i < crash->driver_count; i++)
//             ... ei_crash_driver_at(crash, i)->name ...
//
// Windows fills a new header with "PAGE" and leaves what it does not set: such a number is
// 0x45474150 in every four bytes, see ei_crash_unset().
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_CRASH_H
#define EIDETIC_CRASH_H

#include <eidetic/object.h>

// A driver that was loaded (or, in the list of unloaded ones, had been).
typedef struct ei_crash_driver {
	const char *name;             // UTF-8, path or file name; "" when the file lacks it
	uint64_t base;                // virtual address
	uint64_t size;                // bytes
	uint32_t timestamp, checksum; // of the PE header; 0 for unloaded ones
} ei_crash_driver;

// Members are only ever added at the end.
typedef struct ei_crash {
	char signature[5];     // "PAGE"
	char valid_dump[5];    // "DU64", "DUMP"
	char comment[129];     // as the file has it, up to the first NUL
	bool comment_unset;    // nothing but the fill pattern
	uint8_t pae;           // 32-bit dumps: PaeEnabled
	uint32_t major, minor; // MinorVersion is the NT build
	uint32_t machine;      // PE machine
	uint32_t processors;
	uint32_t bugcheck;
	uint64_t parameters[4]; // of the bug check
	uint64_t dtb, pfn_database, ps_loaded_module_list, ps_active_process_head, kdbg;
	uint32_t type;             // DumpType
	const char *type_name;     // "Full Dump", "Triage Dump"..., never NULL
	const char *bugcheck_name; // NULL: not known
	uint32_t product_type, suite_mask, writer_status, mini_dump_fields, secondary_data_state;
	uint64_t required_dump_space;
	uint64_t system_time; // FILETIME of the crash
	uint64_t uptime;      // 100 ns
	uint32_t exception_code, exception_flags;
	uint64_t exception_address;
	// Dumps with a bitmap of the pages that they hold; `has_bitmap` false: the rest is 0.
	bool has_bitmap;
	uint64_t bitmap_header_size; // offset of the first page in the file
	uint64_t bitmap_bits;        // pages that the bitmap speaks of
	uint64_t bitmap_pages;       // pages that it says are there
	size_t driver_count, unloaded_count;
	const char *bugcheck_parameters; // what the four are, for people; NULL: not known
} ei_crash;

// NULL when the image is not a crash dump. Borrowed from the run's image.
EI_API const ei_crash *ei_crash_header(ei_run *run);

// NULL past the last.
EI_API const ei_crash_driver *ei_crash_driver_at(const ei_crash *crash, size_t index);
EI_API const ei_crash_driver *ei_crash_unloaded_at(const ei_crash *crash, size_t index);

// True for a number that Windows never set.
static inline bool ei_crash_unset(uint64_t value)
{
	return value == UINT64_C(0x4547415045474150) || value == UINT32_C(0x45474150);
}

#endif
