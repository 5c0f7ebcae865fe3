// The compiled form of a term set, for the files of this folder: README.md explains it.
// SPDX-License-Identifier: Apache-2.0
#ifndef SCAN_INTERNAL_H
#define SCAN_INTERNAL_H

#include "scan/scan.h"

enum {
	BLOCK = 64,        // bytes that a kernel looks at in one round: a bit each in a word
	PIECE = 4096,      // bytes that a kernel looks at in one call
	BLOCK_AHEAD = 128, // bytes that a kernel may read behind its piece
	GRAM_MAX = 8,      // bytes
	GRAM_OPEN_MAX = 8, // bits of a gram that may be any
	STRIDE_MAX = 4,    // positions
	HEAD = 4,          // bytes of a gram that vectors look at
	FILTERS_MAX = 3,   // see terms_compile.c
	BUCKETS = 8,       // bits of a byte
	BUCKET_SETS = 2,
	BUCKETS_MOST = 1200, // patterns for which buckets are best
	SYMBOLS = 32,
	PLACES_OVER = 64, // places that a kernel may write too many
	POOL_BEHIND = 8,  // bytes of the pool that may be read behind a text
	CHAIN_MOST = 255,
	HITS_AT_ONCE = 128, // hits that are gathered for the caller
	NO_PATTERN = -1,
};

// Which bytes a pattern stands for.
enum stream {
	STREAM_RAW = 1,  // the pattern's bytes
	STREAM_WIDE = 2, // the pattern's bytes, each followed by a zero: UTF-16LE of Latin-1
};

// What a pattern's text in the pool is. UTF-16 is spelled out only where a character of the term is
// beyond Latin-1.
enum pattern_text {
	TEXT_BYTES,  // a byte a character
	TEXT_UTF16,  // UTF-16LE, looked for in the raw stream
	TEXT_UNITS,  // UTF-16LE, looked for in the wide stream by those of its units that are text
	TEXT_MASKED, // bytes, and as many of a mask behind them
};

enum pattern_flag {
	PATTERN_EXACT = 1, // letters are not folded
	PATTERN_WORDS = 2, // only as a whole word
	PATTERN_CASED = 4, // behind the text is the same in upper case, as long
};

// One spelling of one term, folded to lower case.
struct pattern {
	uint32_t text;    // in the pool
	uint16_t length;  // characters: bytes of the pool, or units of two bytes
	uint8_t streams;  // set of enum stream; 0: a duplicate, found through the first of its kind
	uint8_t kind;     // enum pattern_text
	uint8_t flags;    // set of enum pattern_flag
	uint8_t spelling; // enum term_spelling, where it is not in UTF-16
	uint32_t term;
	int32_t same; // the next pattern with the same bytes, or NO_PATTERN
};

static inline size_t pattern_step(const struct pattern *pattern)
{
	return pattern->kind == TEXT_UNITS ? 2 : 1;
}

// Bytes in the pool: of the text, and with what lies behind it.
static inline size_t pattern_text_size(const struct pattern *pattern)
{
	return pattern->length * pattern_step(pattern);
}

static inline size_t pattern_size(const struct pattern *pattern)
{
	bool twice = pattern->kind == TEXT_MASKED || (pattern->flags & PATTERN_CASED);
	return pattern_text_size(pattern) * (twice ? 2 : 1);
}

// One gram of a pattern: where it is, to verify the rest. Entries of one gram lie together.
struct entry {
	uint32_t pattern;
	uint16_t offset; // of the gram in the pattern
	int16_t beside;  // where four bytes beside the gram are, from it: most others differ there
	uint32_t four;   // these bytes, as grams are folded; with `beside` 0 of no use
	bool extends;    // begins with all of the entry before it
	bool last;       // of this gram's entries
	uint8_t chain;   // entries behind it that extend the one before them, up to CHAIN_MOST
};

// Open addressing by the top bits of the gram's hash; `entry` is 1 + an index, 0 is free.
struct slot {
	uint32_t tag;
	uint32_t entry;
};

// Few patterns: bit b of sets[s][i][c & 0x7f] is set when c is the byte i of the gram of some
// pattern in the bucket b of the set s.
struct buckets {
	unsigned set_count;
	uint8_t sets[BUCKET_SETS][HEAD][128];
};

// Many patterns: which pair of characters is at which place of some gram. Characters are mapped to
// SYMBOLS symbols; the bit of the pair (a, b) is bit b % 8 of the byte a * 4 + b / 8.
struct pairs {
	uint8_t bytes[128]; // of a character: its symbol * 4 as the first, symbol / 8 as the second
	uint8_t bits[128];  // 1 << symbol % 8, or 0 for what is in no gram
	uint8_t has[HEAD - 1][SYMBOLS * SYMBOLS / 8];
};

// How vectors find places where a gram may begin.
enum sieve { SIEVE_NONE, SIEVE_BUCKETS, SIEVE_PAIRS };

struct filter {
	unsigned gram;   // bytes of a gram
	bool plain;      // which are of printable ASCII alone
	unsigned stride; // every stride-th position is looked at
	uint64_t gram_mask;
	bool wide;       // some pattern is in the wide stream
	bool high_bytes; // some byte >= 0x80 is in the class
	// Of the class: low[b & 15] >> (b >> 4) & 1 for b < 0x80, high[b & 15] >> (b >> 4) - 8 & 1.
	uint8_t low[16], high[16];
	uint64_t raw_spots[STRIDE_MAX]; // positions looked at, by number of the block % stride
	uint64_t wide_spots[STRIDE_MAX];
	unsigned bitmap_shift, slot_shift; // of a hash: gives the word, the slot
	uint64_t *bitmap;                  // of the grams' hashes
	unsigned heads_shift;              // of a head's hash: gives the word
	uint32_t *heads;                   // bitmap of the heads of grams, for a sieve; or NULL
	struct slot *slots;
	struct entry *entries;
	size_t entry_count;
	// What vectors of 64 bytes look for, in filters with a stride of 1.
	enum sieve sieve;
	union {
		struct buckets buckets;
		struct pairs pairs;
	};
};

struct term_set {
	const struct kernel *kernel; // that it is compiled for
	struct filter filters[FILTERS_MAX];
	size_t filter_count;
	struct pattern *patterns;
	size_t pattern_count;
	uint8_t *pool;
	size_t longest;
};

// One call of terms_scan().
struct search {
	const struct term_set *set;
	const struct filter *filter;
	const uint8_t *bytes;
	size_t size, own;
	term_found *found;
	void *context;
	// Of the piece that is looked at: places whose gram is in the bitmap, by stream.
	size_t raw_count, wide_count;
	uint16_t raw[PIECE + PLACES_OVER], wide[PIECE + PLACES_OVER];
	// What candidate_verify() looked up last.
	uint64_t last_hash;
	const struct filter *last_filter;
	const struct entry *last_entry;
	// What was found and not yet given.
	struct term_hit *next_hit;
	struct term_hit hits[HITS_AT_ONCE];
};

// Grams are compared with bit 5 of each byte set: letters lose their case, and the few others that
// fall together are told apart when the term is verified.
#define GRAM_FOLD UINT64_C(0x2020202020202020)

static inline uint64_t gram_hash(uint64_t gram, uint64_t mask)
{
	return ((gram | GRAM_FOLD) & mask) * UINT64_C(0x9e3779b97f4a7c15);
}

// The bitmap is a Bloom filter whose two bits of a hash lie in one word.
static inline uint64_t bitmap_bits(uint64_t hash)
{
	return UINT64_C(1) << (hash >> 39 & 63) | UINT64_C(1) << (hash >> 33 & 63);
}

static inline uint64_t bitmap_has(uint64_t word, uint64_t hash)
{
	return word >> (hash >> 39 & 63) & word >> (hash >> 33 & 63) & 1;
}

// Of the first four bytes of a gram: the word by the top bits, then two bits in it.
enum { HEAD_FACTOR = 0x1e3779b1, HEAD_BIT_A = 5, HEAD_BIT_B = 1 };

static inline uint32_t head_hash(uint32_t head)
{
	return (head | (uint32_t)GRAM_FOLD) * HEAD_FACTOR;
}

static inline uint32_t head_bits(uint32_t hash)
{
	return UINT32_C(1) << (hash >> HEAD_BIT_A & 31) | UINT32_C(1) << (hash >> HEAD_BIT_B & 31);
}

static inline uint32_t hash_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 16);
}

static inline uint8_t fold_byte(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

// Reports the patterns with the gram of `hash` that really are there: the gram is at `at`.
void candidate_verify(struct search *search, uint64_t hash, size_t at, enum stream stream);
void hits_give(struct search *search); // those that are gathered

// ---- kernels --------------------------------------------------------------------------------
// Looks at `size` bytes of `window`, a multiple of BLOCK and at most PIECE, for grams, and leaves
// candidates in search->raw and ->wide. The window is at `origin`, a multiple of BLOCK, in the
// bytes.
typedef void block_kernel(struct search *search, const uint8_t *window, size_t origin, size_t size);

typedef void tag_kernel(const struct tag_set *set, const uint8_t *bytes, size_t size,
	tag_found *found, void *context);
tag_kernel tags_scalar, tags_ssse3, tags_avx2, tags_neon;

// The scalar search of bytes[from, from + size), for what a kernel leaves over.
void tags_scalar_at(const struct tag_set *set, const uint8_t *bytes, size_t from, size_t size,
	tag_found *found, void *context);

struct kernel {
	const char *name;
	block_kernel *blocks; // NULL: the scalar search, which needs no blocks
	tag_kernel *tags;
	bool strides; // wants grams for every stride-th position, not one for every position
	bool (*supported)(void);
};

void scan_scalar(struct search *search);
block_kernel scan_ssse3;
block_kernel scan_avx2;
block_kernel scan_avx512;
block_kernel scan_neon;

// The best that this processor can run, or the one that EIDETIC_SIMD names. An error tells when
// that cannot be: then the best is chosen.
const struct kernel *kernel_choose(void);
EI_CHECKED ei_error *kernel_check(void);

// Those that this processor can run, best first, and the scalar one as the last; then NULL.
const struct kernel *scan_kernel_at(size_t index);

#endif
