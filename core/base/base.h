// What every core folder shares: checked sizes, bounded text, little-endian loads.
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <eidetic/base.h>
#include <string.h>

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

enum { PAGE_SIZE = 4096 };

// ---- bytes: little-endian loads from unaligned memory ---------------------------------------
static inline uint16_t load_u16(const void *at)
{
	uint16_t value;
	memcpy(&value, at, sizeof value);
	return value;
}

static inline uint32_t load_u32(const void *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return value;
}

static inline uint64_t load_u64(const void *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof value);
	return value;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "images are read as little endian");

// True when [offset, offset + length) lies inside [0, size); no overflow.
static inline bool span_inside(uint64_t offset, uint64_t length, uint64_t size)
{
	return length <= size && offset <= size - length;
}

// ---- text: a growing buffer with a cap ------------------------------------------------------
// `data` is NUL-terminated whenever it is not NULL. Past `cap` bytes, or without memory, the rest
// is dropped and `cut` is set: test it once at the end.
struct text {
	char *data;
	size_t length;
	size_t room;
	size_t cap;
	bool cut;
};

void text_init(struct text *text, size_t cap_bytes);
void text_deinit(struct text *text);
void text_clear(struct text *text);
void text_add(struct text *text, const char *bytes, size_t length);
void text_addf(struct text *text, const char *format, ...) EI_PRINTF(2, 3);

// UTF-16LE to UTF-8 into `out` (at least 3 bytes a unit + 1); returns the bytes written without
// the NUL. Lone surrogates become U+FFFD; a NUL unit is kept as a NUL byte.
size_t utf16_to_utf8(const uint8_t *utf16, size_t length_bytes, char *out);

// The same from Latin-1 (registry "compressed" names); at least 2 bytes a byte + 1.
size_t latin1_to_utf8(const uint8_t *latin1, size_t length_bytes, char *out);

// Length of the valid UTF-8 sequence at `at` (1 to 4), 0 when it is not valid.
size_t utf8_sequence(const uint8_t *at, size_t room);

// Copies the next of the names in "newest|older" into `out`, cut to `room`; false after the last.
bool names_next(const char **names, char *out, size_t room);

// Copies into an arena, NUL-terminated; NULL when the arena is full.
char *arena_text(ei_arena *arena, const char *bytes, size_t length);

#endif
