// Container formats: how forged physical memory becomes a file.
//
// The writers see memory only through `struct phys_view`: ascending runs (what Windows calls its
// physical memory block, with holes such as the PCI hole) and a sparse set of allocated pages. A
// page inside a run that is not allocated reads as zeroes and must cost nothing: leave a hole in
// the file (lseek past it, ftruncate at the end), so that 64 GiB take kilobytes on disk.
// SPDX-License-Identifier: Apache-2.0
#ifndef FORGE_CONTAINER_H
#define FORGE_CONTAINER_H

#include "base/base.h"

struct phys_run {
	uint64_t first; // frame number
	uint64_t count; // pages
};

struct phys_view {
	const void *store;
	uint64_t size_bytes; // end of the last run
	const struct phys_run *runs;
	size_t run_count;
	// The first allocated frame >= `frame`; UINT64_MAX past the last.
	uint64_t (*next)(const void *store, uint64_t frame);
	// The 4096 bytes of an allocated frame; NULL when it is not allocated (reads as zeroes).
	const uint8_t *(*page)(const void *store, uint64_t frame);
};

// A loaded driver, for triage dumps.
struct dump_driver {
	const char *name; // UTF-8; real dumps have "\SystemRoot\System32\drivers\tcpip.sys"
	uint64_t base;
	uint32_t size_bytes;
	uint32_t timestamp;
	uint32_t checksum;
};

// A driver that was unloaded before the dump, for triage dumps (they keep 12 characters).
struct dump_unloaded {
	const char *name;
	uint64_t start;
	uint64_t end;
};

// Kernel virtual bytes that a triage dump carries; borrowed.
struct dump_range {
	uint64_t va;
	const uint8_t *bytes;
	uint32_t length;
};

struct dump_meta {
	uint32_t pointer_size; // 4 or 8
	bool pae;
	uint64_t dtb; // CR3 of the System process
	uint64_t kernel_base;
	uint64_t module_list;  // va of PsLoadedModuleList
	uint64_t process_head; // va of PsActiveProcessHead
	uint64_t pfn_database; // va of MmPfnDatabase's content
	uint64_t kdbg;         // va of KdDebuggerDataBlock, 0 when there is none
	uint32_t major;        // header's MajorVersion: 0xF free build
	uint32_t build;        // header's MinorVersion: 19041
	uint32_t machine;      // 0x8664 or 0x14c
	uint32_t processors;
	uint32_t bugcheck;
	uint64_t bugcheck_params[4];
	uint64_t system_time; // FILETIME
	uint64_t uptime;      // 100 ns
	uint32_t product_type;
	uint32_t suite_mask;
	const char *comment; // ASCII
	// Frames that a kernel-only dump (types 2, 5, 6 where it leaves out user pages) omits.
	bool (*user_frame)(const void *store, uint64_t frame);
	const struct dump_driver *drivers; // triage, in load order
	size_t driver_count;
	const struct dump_range *ranges; // triage, ascending by va
	size_t range_count;
	// Triage: optional blobs in the layout of this build's types, NULL when absent.
	const struct dump_range *process, *thread, *kdbg_block, *call_stack;
	const struct dump_unloaded *unloaded;
	size_t unloaded_count;
};

// Writes `path` in one of these formats:
//   raw               offset = physical address, up to the end of the last run
//   crash             DumpType 1: all pages of all runs
//   crash-kernel      2: classic summary, allocated pages that are not `user_frame`
//   crash-bitmap      5: all pages of all runs ("FDMP")
//   crash-active      6: allocated pages, user pages included ("SDMP")
//   crash-kernel8     8: "RDMP" ranges (Windows 10 and later), pages as crash-kernel
//   crash-kernel9     9: the same, pages as crash-active
//   crash-complete10  10: the same, pages as crash-bitmap
//   crash32           crash, and only of a 32-bit machine
//   triage            4: no pages; header, drivers, unloaded drivers, blobs and ranges of `meta`
//   lime, elf         LiME; ELF64 core with QEMU's notes
//   elf-vbox          ELF64 core with VirtualBox's note
// Dump types 1, 2, 4, 5 and 6 follow `meta->pointer_size`; 8, 9 and 10 are 64-bit only. EI_E_USAGE
// for an unknown format or one that does not fit the machine; EI_E_LIMIT for more runs than the
// format holds (42 in a 64-bit crash dump, 86 in a 32-bit one). On failure no file is left.
EI_CHECKED ei_error *container_write(const char *format, const struct phys_view *memory,
	const struct dump_meta *meta, const char *path);

// "raw|crash|…", for --help and messages.
const char *container_formats(void);

#endif
