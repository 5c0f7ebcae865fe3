// Files whose content is in memory: mapped as data, mapped as programs, or in the file cache.
//
//     const ei_file *files;
//     size_t count = ei_files(run, &(ei_files_wish){ .sources = EI_FILES_ALL }, &files);
//     for (size_t i = 0; i < count; i++)
//             for (unsigned kind = 0; kind < EI_CONTENT_KINDS; kind++)
//                     if (ei_file_content(run, &files[i], kind, EI_SHAPE_TRUE, &content))
//                             ... content.size, content.missing, ei_content_write() ...
//
// A file's content hangs on three pointers that a file system keeps for all who open the file.
// Pages come from prototype page table entries, or from the kernel's views of the cache; those that
// are on their way out (transition) are still there and count, those in page files do not.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_FILES_H
#define EIDETIC_FILES_H

#include <eidetic/extract.h>
#include <eidetic/plugin.h>

// ---- File objects ---------------------------------------------------------------------------
enum ei_file_source {
	EI_FILES_HANDLES = 1, // handles of processes
	EI_FILES_MAPPED = 2,  // regions of processes
	EI_FILES_SCANNED = 4, // pool blocks: closed files, too. Tag "File"
	EI_FILES_ALL = 7,
};

typedef struct ei_file {
	const ei_space *space; // where the object lies; NULL: the kernel's
	uint64_t va;           // its address there
	uint32_t sources;      // set of ei_file_source
	uint64_t pid;          // of the first process that holds it
	ei_val process;        // its name; EI_NONE: only found by scan
} ei_file;

typedef struct ei_files_wish {
	uint32_t sources;     // set of ei_file_source
	const uint64_t *pids; // only these processes; of EI_FILES_HANDLES and EI_FILES_MAPPED
	size_t pid_count;     // 0: all
} ei_files_wish;

// Each file object once, in the order found. At most a million, with a note when there are more.
// Scratch memory. Symbol: PsActiveProcessHead.
EI_API size_t ei_files(ei_run *run, const ei_files_wish *wish, const ei_file **out);

// The file object at an address of the kernel, or of physical memory.
EI_API ei_file ei_file_at(ei_run *run, uint64_t address, bool is_physical);

// "\Device\HarddiskVolume2\Windows\notepad.exe": what can be read of it; scratch memory.
EI_API ei_val ei_file_name(ei_run *run, const ei_file *file);

// Its parts: "\Device\HarddiskVolume2", EI_UNREADABLE when only the end of that can be;
// "\Windows\notepad.exe", EI_NONE for the streams that a file system names by nothing; and
// "notepad.exe". With --compat vol3 the last is of ei_file_name().
EI_API ei_val ei_file_volume(ei_run *run, const ei_file *file);
EI_API ei_val ei_file_path_on(ei_run *run, const ei_file *file);
EI_API ei_val ei_file_base(ei_run *run, const ei_file *file);

// Number of the kind of device that it is on: 7 a disk, 0x14 a network file system.
EI_API ei_val ei_file_device(ei_run *run, const ei_file *file);

// ---- Content --------------------------------------------------------------------------------
typedef enum ei_content_kind {
	EI_CONTENT_DATA,  // DataSectionObject: the file, byte by byte
	EI_CONTENT_IMAGE, // ImageSectionObject: the program, as it is mapped
	EI_CONTENT_CACHE, // SharedCacheMap: the file, as far as the cache has views of it
	EI_CONTENT_KINDS,
	EI_CONTENT_FILE = EI_CONTENT_KINDS, // the file by both: pages of the section, else of views
} ei_content_kind;

typedef enum ei_content_shape {
	EI_SHAPE_TRUE, // data and cache cut at the file's size; images as mapped
	EI_SHAPE_FILE, // the same, but images as they lie in their file; its end may lie beyond
	EI_SHAPE_VOL3, // as Volatility 3 writes: whole pages and views; images as in the file
} ei_content_shape;

// Bytes that the image holds.
typedef struct ei_piece {
	uint64_t offset; // into the content
	uint64_t size;
	uint64_t pa; // EI_PIECE_ZERO: pages that nobody has touched, all zeroes
} ei_piece;
#define EI_PIECE_ZERO UINT64_MAX

typedef struct ei_content {
	ei_content_kind kind;
	uint64_t area;          // address of the _CONTROL_AREA or _SHARED_CACHE_MAP
	uint64_t size;          // bytes
	uint64_t missing;       // of them not in the image
	bool is_open_ended;     // nothing says where the file ends: it has at least these bytes
	ei_val size_by;         // what says the size: "cache", "file system", "section"
	const ei_piece *pieces; // ascending; scratch memory
	size_t piece_count;
} ei_content;

// The address of what holds this content of the file; 0: nothing does. Files opened more than
// once share it.
EI_API uint64_t ei_content_area(ei_run *run, const ei_file *file, ei_content_kind kind);

// False when there is none, or none that can be true. The map of it, not the bytes: reads tables
// only. More than a million stretches (4 GiB, if no two pages lie together) are cut off, and count
// as missing.
//
// The size of data is, in this order: the cache's, which follows every write; the file system's,
// which is in front of its record of the stream; the section's own, which for files that were only
// read through the cache is rounded up to 256 KiB.
EI_API bool ei_file_content(ei_run *run, const ei_file *file, ei_content_kind kind,
	ei_content_shape shape, ei_content *out);

// Appends all of it; what is missing becomes holes.
EI_API void ei_content_write(ei_run *run, const ei_content *content, ei_extract *extract);

// Hashes of contents, lower-case hexadecimal, on all cores: out[i] is of contents[i]. EI_UNREADABLE
// of what is not whole; EI_NONE of what the user did not wait for. Scratch memory. EI_E_REQUIREMENT
// without libcrypto, EI_E_NOMEM.
typedef struct ei_hashes {
	ei_val md5, sha1, sha256;
} ei_hashes;
EI_API EI_CHECKED ei_error *ei_contents_hash(
	ei_run *run, const ei_content *contents, size_t count, ei_hashes *out);

// The file of a program, from its image section: sections put where they are in the file,
// relocations undone. What follows the last section (a signature, an appendix) is never mapped, and
// on which address the file was linked is not told by an image that was moved; so there are
// candidates. One of them is the file when its checksum says so, or when its hash is one that
// somebody looks for.
enum { EI_REBUILT_MAX = 6 };
typedef struct ei_rebuilt {
	ei_hashes candidates[EI_REBUILT_MAX];
	size_t count;   // 0: `why`
	bool is_proven; // by its checksum: there is one
	uint64_t size;
	ei_val why; // why nothing is proven; EI_NONE when it is
} ei_rebuilt;
// `image` is the content of the kind EI_CONTENT_IMAGE and EI_SHAPE_FILE. At most 64 MiB. Scratch
// memory. EI_E_REQUIREMENT without libcrypto, EI_E_NOMEM.
EI_API EI_CHECKED ei_error *ei_image_rebuild(ei_run *run, const ei_content *image, ei_rebuilt *out);

// A set of areas, for those who want each content once; scratch memory. ei_areas_add() is true when
// the area was not in it. It holds 131,072; beyond, all are new.
typedef struct ei_areas ei_areas;
EI_API ei_areas *ei_areas_create(ei_run *run); // NULL without memory: all are new
EI_API bool ei_areas_add(ei_areas *areas, uint64_t area);

EI_API const char *ei_content_title(ei_content_kind kind); // "DataSectionObject", ...

#endif
