// What this folder is for the rest of the tree: terms, tags, the pass over memory, edges of pages.
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_SCAN_H
#define SCAN_SCAN_H

#include "image/image.h"

// ---- terms ----------------------------------------------------------------------------------
// Many terms in one sweep over bytes: compiled once, read by any number of threads. See README.md.
//
// A term is text in UTF-8. It is looked for without regard to the case of letters, as its own bytes
// and as UTF-16LE. Every occurrence of every term is reported, overlapping and contained ones too.
//
//     struct term terms[] = { { "evil.example", 12 } };
//     EI_TRY(terms_compile(terms, 1, &set));
//     terms_scan(set, bytes, size, size, on_hit, context);

enum {
	TERM_SHORTEST = 3,   // bytes
	TERM_LONGEST = 1024, // bytes
	TERM_COUNT_MAX = 4 << 20,
};

enum term_spelling { TERM_BYTES, TERM_ASCII, TERM_UTF16, TERM_LABELS };

// How the terms of a list are meant.
enum term_flag {
	TERM_CASE = 1,      // letters in the case that they are in
	TERM_WORDS = 2,     // whole words: no letter, digit or '_' before or behind
	TERM_AS_LABELS = 4, // names of hosts also as DNS has them: "\3www\7example\3com"
	TERM_AS_HEX = 8,    // bytes in hexadecimal, '?' is any digit: "4d 5a ?? 00"
};

struct term {
	const char *text; // need not end with a NUL
	uint32_t length;  // bytes, TERM_SHORTEST to TERM_LONGEST
};

struct term_hit {
	size_t start;    // offset of the first byte in the scanned bytes
	uint32_t length; // bytes
	uint32_t term;   // index into the compiled terms
	enum term_spelling spelling;
};

struct term_set;

// Duplicates (after folding) are allowed: each is reported under its own index. EI_E_LIMIT for a
// term or a count outside the limits above.
EI_CHECKED ei_error *terms_compile(const struct term *terms, size_t count, struct term_set **out);

struct term_list {
	const struct term *terms;
	size_t count;
	unsigned flags; // set of enum term_flag
};

// Terms of all lists, counted through. How fast memory is scanned depends on choosing what is rare
// in it: a sample of it, some 256 pages from all over it, is worth a lot. What is found does not
// depend on it.
struct term_wish {
	const struct term_list *lists;
	size_t list_count;
	const uint8_t *sample; // may be NULL
	size_t sample_size;
};

// EI_E_USAGE for a term of TERM_AS_HEX that is no hexadecimal; EI_E_LIMIT when fewer than
// TERM_SHORTEST of its bytes are known, or never two of three in a row.
EI_CHECKED ei_error *terms_compile_wish(const struct term_wish *wish, struct term_set **out);

// One list of text, with a sample.
EI_CHECKED ei_error *terms_compile_for(const struct term *terms, size_t count,
	const uint8_t *sample, size_t sample_size, struct term_set **out);
void term_set_drop(struct term_set *set); // NULL is allowed
EI_OWNER(term_set, term_set_drop);

// Bytes of the longest spelling of any term.
size_t terms_longest(const struct term_set *set);

// Called with some hits at a time, at least one.
typedef void term_found(void *context, const struct term_hit *hits, size_t count);

// Reports what starts in the first `own` of `size` bytes. The rest is there so that a term across
// the end of a chunk is seen: give terms_longest() - 1 bytes of it where there are any. Hits come
// in no particular order. Reads nothing outside of [bytes, bytes + size).
void terms_scan(const struct term_set *set, const uint8_t *bytes, size_t size, size_t own,
	term_found *found, void *context);

// The kernel in use: "scalar", "sse", "avx2", "avx512", "neon". EIDETIC_SIMD names another, for
// terms that are compiled from then on; compiling fails when the processor cannot run it.
const char *terms_kernel_name(void);

// ---- tags -----------------------------------------------------------------------------------
// Four-byte tags at fixed alignment, all at once: the tags of the kernel's pool headers.

enum {
	TAG_ALIGN_64 = 16, // blocks of the pool lie at multiples of this on 64 bits
	TAG_ALIGN_32 = 8,
	TAG_AT = 4, // of the tag in a block's header
	TAGS_MAX = 256,
	TAG_MARK_BITS = 13,
};

struct tag_set {
	uint32_t tags[TAGS_MAX]; // ascending
	size_t count;
	unsigned align; // TAG_ALIGN_64 or TAG_ALIGN_32
	// For the kernels: by low and by high nibble of a byte, at which of a tag's four places it
	// may stand; four bits for the tags of even index, four for the others.
	uint8_t low[16], high[16];
	// A bit for the hash of each tag: what the kernels let through is mostly no tag.
	uint64_t marks[1 << (TAG_MARK_BITS - 6)];
};

// Fills a set; duplicates are taken once, what is more than TAGS_MAX is left out.
void tag_set_init(struct tag_set *set, unsigned align, const uint32_t *tags, size_t count);

bool tag_set_has(const struct tag_set *set, uint32_t tag);

// `at` is the offset of the block's header, TAG_AT before the tag.
typedef void tag_found(void *context, size_t at, uint32_t tag);

// Looks at every header place of bytes[0, size), which starts at a multiple of `align`.
void tags_scan(const struct tag_set *set, const uint8_t *bytes, size_t size, tag_found *found,
	void *context);

// ---- the pass -------------------------------------------------------------------------------
// One pass over all physical memory, on all cores, for any number of consumers.
//
// Chunks are handed out in ascending order, each to the thread that comes first: no thread waits
// for another however unequal the work, and the file is read from front to back. Each consumer has
// a state per thread and is given every chunk once. What it found is merged when all chunks are
// done. Chunks reach a consumer in no particular order across threads, ascending within one: sort
// what was found, and the result does not depend on the threads.
//
//     struct pass_consumer tags = tags_consumer(&set, &list);
//     EI_TRY(pass_run(&wish, &tags, 1));
//
// Memory is read once, whatever the number of consumers: gather all of them first. Plugins do so
// through win/scan_plan.h, where each says beforehand what it will look for.
//
// One more thread keeps the disk busy ahead of the others, as far as the file is not in the
// system's cache, and tells the cache to forget what is behind where the file is larger than half
// of memory: its first part stays, so that a second pass over it finds something.

enum {
	PASS_CHUNK = 256 << 10,     // bytes: stays in a core's own cache
	PASS_OVERLAP_MAX = 8 << 10, // bytes
	PASS_BEFORE = 64,           // bytes in front of a chunk, so that bytes[0] is aligned to it
};

struct pass_chunk {
	const uint8_t *bytes;
	uint64_t pa; // of bytes[0]
	size_t own;  // bytes that are this chunk's alone
	size_t size; // with what follows in physical memory: own + overlap, less where memory ends
	size_t before; // bytes in front of bytes[0] that are there too: PASS_BEFORE, or 0
};

struct pass_consumer {
	void *context;
	size_t overlap;                // bytes that it wants to see behind a chunk
	void *(*begin)(void *context); // a thread's state; NULL: no memory
	void (*chunk)(void *state, const struct pass_chunk *chunk);
	void (*merge)(void *context, void *state); // one at a time; frees the state
};

struct pass_wish {
	const struct image *image;
	unsigned threads;                                               // 0 is 1
	const bool *cancelled;                                          // may be NULL
	void (*progress)(void *context, uint64_t done, uint64_t total); // may be NULL; this thread
	void *progress_context;
};

// Holes of a sparse file are left out. EI_E_CANCELLED, EI_E_NOMEM: some memory was not seen, what
// was found in the rest is merged all the same. Memory that cannot be read is left out too: see
// image_failure().
EI_CHECKED ei_error *pass_run(
	const struct pass_wish *wish, const struct pass_consumer *consumers, size_t count);

// ---- what consumers collect -----------------------------------------------------------------
struct hit {
	uint64_t pa;
	uint32_t what;  // tag; index of the term
	uint32_t extra; // of terms: length * 4 + spelling
};

// Hits of a pass. At most `cap` are kept: those at the lowest addresses, whatever the threads did.
struct hit_list {
	struct hit *items;
	size_t count, room, cap;
	bool cut;       // there were more
	bool no_memory; // some were lost
};

void hit_list_init(struct hit_list *list, size_t cap);
void hit_list_deinit(struct hit_list *list);
void hit_list_add(struct hit_list *list, struct hit hit);
void hit_list_sort(struct hit_list *list); // by all members; and cuts

// Consumers of pool tags and of terms, which add to `list`. Both are borrowed; sort the list after.
struct found_context {
	const struct tag_set *tags;
	const struct term_set *terms;
	struct hit_list *list;
};
struct pass_consumer tags_consumer(struct found_context *context);
struct pass_consumer terms_consumer(struct found_context *context);

// ---- edges of pages -------------------------------------------------------------------------
// The first and the last bytes of every page, kept by a pass: what tells pages between which a term
// may lie from all others.
//
// A term that lies across two pages has consecutive bytes of its own at both sides of the edge: a
// gram of it, of up to eight bytes or four characters of UTF-16, crosses. Few of all grams occur in
// terms, so that of a hundred seams one or two are read.

enum { EDGES_KINDS = 5 };

struct edges {
	uint64_t frames;         // pages at or above are not kept
	struct page_edge *pages; // by frame; zeroes for what a pass has not seen
	uint64_t *grams;         // a Bloom filter
	unsigned bits;           // it has 1 << bits
	uint8_t pairs[1 << 13];  // a bit for each two bytes in a row, folded
	bool has[EDGES_KINDS];   // grams of these kinds
	bool any;                // something is looked for that has no grams
};

// Keeps eight bytes at each end of a page: 16 bytes of memory for each page that is not a hole.
// Knows the grams of all terms in all their spellings. False without memory.
bool edges_init(struct edges *edges, const struct image *image, const struct term_list *lists,
	size_t count);
void edges_deinit(struct edges *edges);

struct pass_consumer edges_consumer(struct edges *edges);

// False when nothing can lie across the end of one page and the start of another.
bool edges_may_cross(const struct edges *edges, uint64_t frame, uint64_t next_frame);

#endif
