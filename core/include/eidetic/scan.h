// Scanning physical memory: terms, pool tags, and who owns what was found.
//
//     const ei_hit *hits;
//     size_t count;
//     EI_TRY(ei_search(run, terms, term_count, &hits, &count));
//     for (size_t i = 0; i < count; i++) {
//             ei_owner_cursor cursor = { 0 };
//             for (ei_owner owner; ei_next_owner(run, hits[i].pa, &cursor, &owner);)
//                     ...
//     }
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_SCAN_H
#define EIDETIC_SCAN_H

#include <eidetic/plugin.h>

// ---- Terms ----------------------------------------------------------------------------------
// Text, looked for without regard to the case of ASCII letters, as UTF-8 and as UTF-16LE, in all
// of physical memory, on all cores. See core/scan/README.md.
typedef struct ei_term {
	const char *text;
	uint32_t length; // bytes, EI_TERM_SHORTEST to EI_TERM_LONGEST
} ei_term;

enum { EI_TERM_SHORTEST = 3, EI_TERM_LONGEST = 1024 };

enum ei_hit_flag {
	EI_HIT_UTF16 = 1, // spelled as UTF-16LE
};

typedef struct ei_hit {
	uint64_t pa;     // physical address of the first byte
	uint32_t term;   // index into the terms
	uint32_t length; // bytes
	uint32_t flags;  // set of ei_hit_flag
} ei_hit;

// Every occurrence of every term, by physical address, then by term. Scratch memory. At most four
// million are kept, with a note when there are more. A cancelled search gives what it found.
EI_API EI_CHECKED ei_error *ei_search(
	ei_run *run, const ei_term *terms, size_t count, const ei_hit **hits, size_t *hit_count);

// One term a line: '#' starts a comment line, blank lines and spaces at both ends do not count.
// `text` stays in use. Terms that are too short or too long are left out with a note that names
// `name` and the line. False when there is no memory. `*terms` is scratch memory.
EI_API bool ei_terms_parse(ei_run *run, const char *name, const char *text, size_t length,
	ei_term **terms, size_t *count);

// The file's terms, as above; EI_E_IO. At most 256 MiB.
EI_API EI_CHECKED ei_error *ei_terms_read(
	ei_run *run, const char *path, ei_term **terms, size_t *count);

// ---- Owners ---------------------------------------------------------------------------------
typedef enum ei_owner_kind {
	EI_OWNER_PROCESS = 1, // mapped by a process
	EI_OWNER_KERNEL,      // mapped by the kernel
	EI_OWNER_TABLE,       // a page table of a process, or of the kernel
} ei_owner_kind;

typedef struct ei_owner {
	ei_owner_kind kind;
	ei_val va;      // where it is mapped; EI_NONE for page tables
	ei_val process; // name; EI_NONE for the kernel
	ei_val pid;
	ei_val region; // path of the module or file; "private", "mapped", "kernel", "page table"
	ei_val state;  // "exited"; "unlisted" when it should be on the list and is not; or EI_NONE
} ei_owner;

typedef struct ei_owner_cursor {
	size_t next;
} ei_owner_cursor;

// The owners of a byte of physical memory, one a call: false after the last. None at all: nobody
// maps it. The table behind it is built when first asked for, and shared by all plugins.
EI_API bool ei_next_owner(ei_run *run, uint64_t pa, ei_owner_cursor *cursor, ei_owner *out);

// Bytes read from the start of [pa, pa + size) of physical memory.
EI_API size_t ei_read_physical(ei_run *run, uint64_t pa, void *buffer, size_t size);

// ---- Pool -----------------------------------------------------------------------------------
// Objects of `type` whose pool block has the tag: "Proc" (the protected form is found too), behind
// an object header or right behind the pool header. Nothing else is checked but the block's size
// and what an object header says of its type: test what you are given. Headers and types that
// cannot be read do not exclude an object.
typedef struct ei_pool_wish {
	const char *tag;         // four characters
	uint32_t least;          // bytes of the block; 0: any
	bool has_header;         // objects with an _OBJECT_HEADER: files, mutexes, drivers...
	const char *object_type; // with a header: only objects of this type ("File"), or NULL
	const ei_type_spec *type;
} ei_pool_wish;

EI_API ei_iter ei_pool_hits(ei_run *run, const ei_pool_wish *wish);

// Where a scanned object is: its address; with --compat vol3, where Volatility says that it is,
// which before Windows 10 is a physical address.
EI_API ei_val ei_scan_offset(ei_run *run, const ei_obj *object);

#endif
