// Scanning physical memory: terms, pool tags, and who owns what was found.
//
//     const ei_hit *hits;
//     size_t count;
//     EI_TRY(ei_search(run, terms, term_count, &hits, &count));
//     for (size_t i = 0; i < count; i++) {
//             ei_owner_cursor cursor = { 0 };
//             for (ei_owner owner; ei_next_holder(run, &hits[i], &cursor, &owner);)
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
	EI_HIT_UTF16 = 1,    // spelled as UTF-16LE
	EI_HIT_STITCHED = 2, // across two pages that are neighbours in an address space only
	EI_HIT_LABELS = 4,   // spelled as DNS has names: a length before each label
	EI_HIT_BYTES = 8,    // of a list of EI_TERMS_HEX
};

typedef struct ei_hit {
	uint64_t pa;        // physical address of the first byte
	uint32_t term;      // index into the terms
	uint32_t length;    // bytes
	uint32_t flags;     // set of ei_hit_flag
	uint32_t next_page; // with EI_HIT_STITCHED: where it goes on, physical address / 4096
} ei_hit;

_Static_assert(sizeof(ei_hit) == 24, "ei_hit is part of the plugin ABI");

// Every occurrence of every term, by physical address, then by term. Scratch memory. At most four
// million are kept, with a note when there are more. A cancelled search gives what it found.
//
// Found is what lies in physical memory byte behind byte, and what lies so in the address space of
// the kernel or of a process, across two pages that are not neighbours in physical memory. Which
// of the two a hit across pages is to whoever holds it, ei_next_holder() says.
EI_API EI_CHECKED ei_error *ei_search(
	ei_run *run, const ei_term *terms, size_t count, const ei_hit **hits, size_t *hit_count);

// The same for lists of terms that are meant in different ways; they are counted through.
// EI_E_USAGE for a term that is no hexadecimal and should be, EI_E_LIMIT where too few of its
// digits are known.
enum ei_terms_flag {
	EI_TERMS_CASE = 1,   // letters in the case that they are in
	EI_TERMS_WORDS = 2,  // whole words: no letter, digit or '_' before or behind
	EI_TERMS_LABELS = 4, // also as DNS has names
	EI_TERMS_HEX = 8,    // bytes in hexadecimal, '?' is any digit: "4d 5a ?? 00"
};
typedef struct ei_term_list {
	const ei_term *terms;
	size_t count;
	uint32_t flags; // set of ei_terms_flag
} ei_term_list;
EI_API EI_CHECKED ei_error *ei_search_lists(ei_run *run, const ei_term_list *lists, size_t count,
	const ei_hit **hits, size_t *hit_count);

// The same over plain files. A path is a file, or a folder with all files in it, in the order of
// their names; `pa` of a hit is an offset into its file. `found` is called for each file, also for
// those without hits, and returns false to end it. Files in a folder that cannot be read leave a
// note; EI_E_IO, EI_E_UNKNOWN for a path that was named.
typedef struct ei_raw ei_raw;
typedef bool ei_raw_found(
	ei_run *run, void *context, const ei_raw *file, const ei_hit *hits, size_t count);
EI_API EI_CHECKED ei_error *ei_search_files(ei_run *run, const char *const *paths,
	size_t path_count, const ei_term_list *lists, size_t count, ei_raw_found *found,
	void *context);
EI_API const char *ei_raw_path(const ei_raw *file);
EI_API size_t ei_raw_read(const ei_raw *file, uint64_t offset, void *buffer, size_t size);

// One term a line: '#' starts a comment line, blank lines and spaces at both ends do not count. A
// table of comma-separated values is read as one: where the first line names columns "type" and
// "value", or where a line begins with a type of indicator ("domain,evil.example"). Of MISP's types
// of two parts ("ip-dst|port") both are terms, but for ports. What was made harmless
// (hxxp[:]//evil[.]example) is refanged.
//
// Terms that are too short or too long are left out with a note that names `name` and the line.
// False when there is no memory. `*terms`, and what they point to, is scratch memory.
EI_API bool ei_terms_parse(ei_run *run, const char *name, const char *text, size_t length,
	ei_term **terms, size_t *count);

// The file's terms, as above, also from UTF-16 with a byte order mark. EI_E_IO; EI_E_FORMAT where
// it holds zero bytes; EI_E_LIMIT beyond 256 MiB. A note when it has none.
EI_API EI_CHECKED ei_error *ei_terms_read(
	ei_run *run, const char *path, ei_term **terms, size_t *count);

// Refangs one term, into scratch memory; false when there was nothing to do.
EI_API bool ei_term_refang(ei_run *run, ei_term *term);

// ---- Owners ---------------------------------------------------------------------------------
typedef enum ei_owner_kind {
	EI_OWNER_PROCESS = 1, // mapped by a process
	EI_OWNER_KERNEL,      // mapped by the kernel
	EI_OWNER_TABLE,       // a page table of a process, or of the kernel
	EI_OWNER_NOBODY,      // mapped by nobody; the page frame database says what it is
} ei_owner_kind;

typedef enum ei_region_kind {
	EI_REGION_UNKNOWN, // in no range that the process knows of
	EI_REGION_IMAGE,   // a module: path
	EI_REGION_FILE,    // a mapped file: path
	EI_REGION_MAPPED,  // shared memory without a file: "mapped"
	EI_REGION_PRIVATE, // "private"
	EI_REGION_HEAP,    // "heap 0x1f0000": its base
	EI_REGION_STACK,   // "stack of thread 1234"
	EI_REGION_TEB,     // "teb of thread 1234": a thread's environment block
	EI_REGION_PEB,     // "peb": the process's
	EI_REGION_DRIVER,  // a kernel module: path
	EI_REGION_POOL,    // "pool Proc": a block of the kernel's heap, by its tag
	EI_REGION_KERNEL,  // "kernel": anything else there
	EI_REGION_TABLE,   // "page table"
	EI_REGION_FREE,    // "free", "zeroed", "standby", "modified"...
} ei_region_kind;

// What the page tables let the owner do; a set.
enum ei_can { EI_CAN_READ = 1, EI_CAN_WRITE = 2, EI_CAN_EXECUTE = 4 };

// How something goes on in the next page, as its owner sees it.
typedef enum ei_across {
	EI_ACROSS_NOTHING,  // it does not: it is in one page
	EI_ACROSS_VIRTUAL,  // the owner maps the two pages behind each other
	EI_ACROSS_PHYSICAL, // it does not: they are neighbours in physical memory only
} ei_across;

typedef struct ei_owner {
	ei_owner_kind kind;
	uint8_t region_kind; // ei_region_kind
	uint8_t protection;  // set of ei_can; 0: of page tables, and of nobody's pages
	uint8_t across;      // ei_across; of hits
	uint8_t reserved;
	ei_val va;      // where it is mapped; EI_NONE for page tables
	ei_val process; // name; EI_NONE for the kernel
	ei_val pid;
	ei_val region; // text, as above; may be scratch memory
	ei_val state;  // "exited"; "unlisted" when it should be on the list and is not; or EI_NONE
} ei_owner;

_Static_assert(sizeof(ei_owner) == 88, "ei_owner is part of the plugin ABI");

typedef struct ei_owner_cursor {
	size_t next; // starts at 0
} ei_owner_cursor;

// The owners of a byte of physical memory, one a call: false after the last. The kernel comes
// first, with all its addresses. Then processes and their page tables: the smallest region first
// (in steps of an eighth), because it says most of what the byte is; equals in the order of the
// list of processes, then of the scan; page tables and what is in no region last. What nobody maps
// has one owner of the kind EI_OWNER_NOBODY where the page frame database can be read, else none.
// The table behind it is built when first asked for, and shared by all plugins.
EI_API bool ei_next_owner(ei_run *run, uint64_t pa, ei_owner_cursor *cursor, ei_owner *out);

// The same for a hit, whose owners are those of its first byte; `across` says what it is to each.
// Of a hit with EI_HIT_STITCHED, only those are given that map both its pages behind each other.
EI_API bool ei_next_holder(ei_run *run, const ei_hit *hit, ei_owner_cursor *cursor, ei_owner *out);

// Bytes read from the start of [pa, pa + size) of physical memory.
EI_API size_t ei_read_physical(ei_run *run, uint64_t pa, void *buffer, size_t size);

// ---- Pool -----------------------------------------------------------------------------------
// Objects of `type` whose pool block has the tag: "Proc" (the protected form is found too), behind
// an object header or right behind the pool header. Nothing else is checked but the block's size,
// what an object header says of its type, and how files, drivers, devices and mutexes begin: test
// what you are given. Headers and types that cannot be read do not exclude an object.
typedef struct ei_pool_wish {
	const char *tag;         // four characters
	uint32_t least;          // bytes of the block; 0: any
	bool has_header;         // objects with an _OBJECT_HEADER: files, mutexes, drivers...
	const char *object_type; // with a header: only objects of this type ("File"), or NULL
	const ei_type_spec *type;
} ei_pool_wish;

EI_API ei_iter ei_pool_hits(ei_run *run, const ei_pool_wish *wish);

// The address of the _POOL_HEADER whose block the present object of ei_pool_hits(), or of another
// scan by pool tag, is in; in the object's own space. 0 of other iterators, and before the first.
EI_API uint64_t ei_pool_block(const ei_iter *it);

// Where a scanned object is: its address; with --compat vol3, where Volatility says that it is,
// which before Windows 10 is a physical address.
EI_API ei_val ei_scan_offset(ei_run *run, const ei_obj *object);

#endif
