// Errors, arenas, values: the ground that every other Eidetic header stands on.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_BASE_H
#define EIDETIC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EI_API __attribute__((visibility("default")))
#define EI_CHECKED __attribute__((warn_unused_result))
#define EI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

// ---- Errors ---------------------------------------------------------------------------------
// Two planes. The control plane (open, resolve, load) returns `ei_error *`, NULL is success. The
// data plane (reading the target's memory) returns an `ei_val` with a state, and never fails
// otherwise: absence is data.
//
// A failed call leaves its out argument untouched. Text is lower case, without a full stop, the
// subject in quotes; each level adds only what it alone knows:
//     reading crash dump 'a.dmp': header is 312 bytes long, want 8192

// What a caller would do differently; the text carries the rest.
typedef enum ei_code {
	EI_E_IO = 1,      // the file or the disk failed: nothing more can be read or written
	EI_E_USAGE,       // the caller asked for something that does not exist
	EI_E_FORMAT,      // input is not what it claims to be, or is damaged
	EI_E_UNKNOWN,     // not recognised: not Windows, no such format
	EI_E_REQUIREMENT, // a requirement is not satisfied: no profile, no such field or symbol
	EI_E_LIMIT,       // a bound that protects us was reached
	EI_E_NOMEM,       // no memory
	EI_E_CANCELLED,   // the user asked to stop
} ei_code;

typedef struct ei_error ei_error;

// A new error; never NULL. Under memory pressure a static one that is safe to drop.
EI_API EI_CHECKED ei_error *ei_fail(ei_code code, const char *format, ...) EI_PRINTF(2, 3);

// Puts "CONTEXT: " in front of the text of `error`, which is consumed.
EI_API EI_CHECKED ei_error *ei_wrap(ei_error *error, const char *format, ...) EI_PRINTF(2, 3);

EI_API ei_code ei_error_code(const ei_error *error);
EI_API const char *ei_error_text(const ei_error *error); // borrowed from `error`
EI_API void ei_error_drop(ei_error *error);              // NULL is allowed

#define EI_TRY(call)                                                                               \
	do {                                                                                       \
		ei_error *ei_try_ = (call);                                                        \
		if (ei_try_)                                                                       \
			return ei_try_;                                                            \
	} while (0)

#define EI_TRY_IN(call, ...)                                                                       \
	do {                                                                                       \
		ei_error *ei_try_ = (call);                                                        \
		if (ei_try_)                                                                       \
			return ei_wrap(ei_try_, __VA_ARGS__);                                      \
	} while (0)

// ---- Owned locals ---------------------------------------------------------------------------
// `EI_OWNER(image, image_close)` once, beside the pair of functions; then
// `EI_OWNED(image) im = NULL;` releases `im` at every return, and `EI_GIVE(im)` hands it out.
#define EI_OWNER(tag, release)                                                                     \
	static inline void tag##_owned_(struct tag **owned)                                        \
	{                                                                                          \
		if (*owned)                                                                        \
			release(*owned);                                                           \
	}                                                                                          \
	struct tag

#define EI_OWNED(tag) __attribute__((cleanup(tag##_owned_))) struct tag *
#define EI_GIVE(owned)                                                                             \
	({                                                                                         \
		__typeof__(owned) ei_give_ = (owned);                                              \
		(owned) = NULL;                                                                    \
		ei_give_;                                                                          \
	})

EI_OWNER(ei_error, ei_error_drop);

// ---- Arenas ---------------------------------------------------------------------------------
// Memory that dies together. Everything an arena hands out is zeroed and aligned to 16 bytes.
// An arena has a cap, because sizes may come from the image; past it, or without memory,
// allocation returns NULL.
typedef struct ei_arena ei_arena;
typedef struct ei_mark {
	void *block;
	size_t used;
} ei_mark;

EI_API EI_CHECKED ei_error *ei_arena_create(size_t cap_bytes, ei_arena **out);
EI_API void ei_arena_drop(ei_arena *arena); // NULL is allowed
EI_API void *ei_alloc(ei_arena *arena, size_t size_bytes);
EI_API char *ei_text(ei_arena *arena, const char *format, ...) EI_PRINTF(2, 3);
EI_API ei_mark ei_arena_mark(const ei_arena *arena);
EI_API void ei_arena_rewind(ei_arena *arena, ei_mark mark); // frees what came after `mark`

EI_OWNER(ei_arena, ei_arena_drop);

// ---- Values ---------------------------------------------------------------------------------
// One cell: a value of some kind, or the reason why there is none.

typedef enum ei_kind {
	EI_UINT = 1, // .u, decimal
	EI_INT,      // .i, decimal
	EI_ADDR,     // .u, an address, canonical, hexadecimal
	EI_HEX,      // .u, hexadecimal: sizes, masks, offsets
	EI_BOOL,     // .u, 0 or 1
	EI_TIME,     // .u, FILETIME: 100 ns since 1601-01-01 UTC
	EI_STR,      // .s, .length bytes of UTF-8 as the image had them; renderers escape
	EI_BYTES,    // .b, .length bytes
	EI_ANY,      // columns only: cells may be of any kind (registry data)
} ei_kind;

typedef enum ei_state {
	EI_UNSET = 0,  // the plugin forgot the cell; a debug build refuses it
	EI_OK,         // there is a value
	EI_NONE,       // not applicable: there is nothing to say          text "-"
	EI_UNREADABLE, // the page is not in the image                     text "?"
	EI_NO_FIELD,   // this build has no such field                     text "n/a"
	EI_GARBAGE,    // readable, but it cannot be true                  text "!"
} ei_state;

typedef struct ei_val {
	union {
		uint64_t u;
		int64_t i;
		const char *s;
		const uint8_t *b;
	};
	uint32_t length; // bytes of .s or .b
	uint8_t kind;    // ei_kind
	uint8_t state;   // ei_state
	uint16_t reserved;
} ei_val;

_Static_assert(sizeof(ei_val) == 16, "ei_val is part of the plugin ABI");

static inline ei_val ei_absent(ei_state why)
{
	return (ei_val){ .state = (uint8_t)why };
}

static inline ei_val ei_of(ei_kind kind, uint64_t value)
{
	return (ei_val){ .u = value, .kind = (uint8_t)kind, .state = EI_OK };
}

static inline ei_val ei_uint(uint64_t value)
{
	return ei_of(EI_UINT, value);
}

static inline ei_val ei_addr(uint64_t address)
{
	return ei_of(EI_ADDR, address);
}

static inline ei_val ei_hex(uint64_t value)
{
	return ei_of(EI_HEX, value);
}

static inline ei_val ei_bool(bool value)
{
	return ei_of(EI_BOOL, value);
}

// A NUL-terminated string, borrowed; NULL gives EI_NONE.
EI_API ei_val ei_str(const char *text);

static inline ei_val ei_bytes(const void *bytes, uint32_t length)
{
	return (ei_val){ .b = bytes, .length = length, .kind = EI_BYTES, .state = EI_OK };
}

static inline bool ei_has(ei_val value)
{
	return value.state == EI_OK;
}

static inline uint64_t ei_u64_or(ei_val value, uint64_t otherwise)
{
	return value.state == EI_OK && value.kind <= EI_TIME ? value.u : otherwise;
}

#endif
