// Objects of the target: field tables, typed handles, iterators.
//
// A field table names the members of one kernel type that the code reads:
//
//     #define EPROCESS_FIELDS(F, ALT)
//             F(UniqueProcessId, UINT, MUST)
//             F(CreateTime,      TIME, MAY)
//             ALT(dtb, "Pcb.DirectoryTableBase", PTR, MAY)
//     EI_TYPE(eprocess, "_EPROCESS", EPROCESS_FIELDS);
//
// F(PdbName, KIND, NEED) reads the member of that name; ALT(our_name, "A.b|Old.b", KIND, NEED)
// reads the first path that the profile has, newest name first. MUST: the plugin cannot run
// without it; MAY: the cell says EI_NO_FIELD. EI_TYPE yields a typed handle `eprocess`, a struct of
// resolved fields, and `eprocess_spec`, the names. Names are resolved once per run; an object is
// copied once from the image (only the span that the table reads), so `ei_get` is a bounds check
// and a load. A field on a missing page is EI_UNREADABLE, its neighbours are fine.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_OBJECT_H
#define EIDETIC_OBJECT_H

#include <eidetic/base.h>

typedef struct ei_run ei_run;  // one plugin at work on one session, in one thread
typedef struct space ei_space; // an address space

// ---- Fields ---------------------------------------------------------------------------------
typedef enum ei_field_kind {
	EI_F_UINT = 1, // integer, boolean, enumeration, or bit field (by the profile's bits)
	EI_F_INT,      // signed integer
	EI_F_PTR,      // pointer, sign-extended
	EI_F_FASTREF,  // pointer whose low bits are a count (_EX_FAST_REF)
	EI_F_TIME,     // FILETIME or KSYSTEM_TIME
	EI_F_CHARS,    // fixed array of bytes, text up to the first NUL
	EI_F_USTR,     // _UNICODE_STRING; followed, checked, given as UTF-8
	EI_F_BYTES,    // the member's bytes
	EI_F_HERE,     // the address of the member itself (list heads, embedded structures)
} ei_field_kind;

typedef enum ei_field_need { EI_MAY = 0, EI_MUST = 1 } ei_field_need;

// Where a field is in this profile. `offset` -1: this build has no such field.
typedef struct ei_field {
	int32_t offset;
	uint32_t size : 16; // bytes to load, capped at 65535
	uint32_t kind : 4;  // ei_field_kind
	uint32_t bit : 6;   // bit fields: position of the lowest bit
	uint32_t width : 6; // bit fields: bits; 0: not a bit field
} ei_field;

_Static_assert(sizeof(ei_field) == 8, "ei_field is part of the plugin ABI");

typedef struct ei_field_spec {
	const char *path; // "Pcb.DirectoryTableBase|OldName"
	ei_field_kind kind;
	ei_field_need need;
} ei_field_spec;

typedef struct ei_type_spec {
	const char *type; // "_EPROCESS"; "_KLDR_DATA_TABLE_ENTRY|_LDR_DATA_TABLE_ENTRY"
	const ei_field_spec *fields;
	uint32_t field_count;
} ei_type_spec;

// In front of the resolved fields of a type.
typedef struct ei_layout {
	const char *type;   // the name that the profile has; the first one when it has none
	const char *wanted; // all names, as the table gives them
	uint32_t type_size; // bytes; 0 when the profile does not have the type
	int32_t low;        // lowest byte that any field touches
	uint32_t span;      // bytes from `low` to the end of the highest
	uint32_t count;     // fields
} ei_layout;

#define EI_FIELD_MEMBER(name, kind, need) ei_field name;
#define EI_ALT_MEMBER(name, path, kind, need) ei_field name;
#define EI_FIELD_SPEC(name, kind, need) { #name, EI_F_##kind, EI_##need },
#define EI_ALT_SPEC(name, path, kind, need) { path, EI_F_##kind, EI_##need },

#define EI_TYPE(handle, type_name, FIELDS)                                                         \
	struct handle##_at {                                                                       \
		ei_layout layout;                                                                  \
		FIELDS(EI_FIELD_MEMBER, EI_ALT_MEMBER)                                             \
	};                                                                                         \
	typedef struct handle {                                                                    \
		ei_obj obj;                                                                        \
		const struct handle##_at *at;                                                      \
	} handle;                                                                                  \
	static const ei_field_spec handle##_fields[] = { FIELDS(EI_FIELD_SPEC, EI_ALT_SPEC) };     \
	__attribute__((unused)) static const ei_type_spec handle##_spec = { type_name,             \
		handle##_fields, sizeof(handle##_fields) / sizeof(handle##_fields[0]) }

// ---- Objects --------------------------------------------------------------------------------
// An address and a copy of the bytes that its table reads. `space` is where the object itself was
// read; pointers in an object that was read by physical address are followed in the kernel's space.
typedef struct ei_obj {
	ei_run *run;
	const ei_space *space;
	uint64_t va;          // address in `space`
	const uint8_t *bytes; // [va + layout->low, + layout->span); NULL: nothing was readable
	uint64_t missing;     // bit n: the nth page that the copy touches is absent
	const ei_layout *layout;
} ei_obj;

_Static_assert(sizeof(ei_obj) == 48, "ei_obj is part of the plugin ABI");

// Resolves a table for the profile of this run; kept for the rest of it. Never NULL: fields of a
// type that the profile lacks are all absent.
EI_API const ei_layout *ei_resolve(ei_run *run, const ei_type_spec *spec);

// Copies the object at `va` of `space` (NULL: the kernel's) into the run's scratch memory.
EI_API ei_obj ei_open(ei_run *run, const ei_space *space, uint64_t va, const ei_layout *layout);

EI_API ei_val ei_field_get(const ei_obj *object, const ei_field *field);

// An empty handle of type T; fill it with ei_next().
#define ei_handle(run, T)                                                                          \
	((T){ .at = (const struct T##_at *)(const void *)ei_resolve((run), &T##_spec) })

// A handle of type T on the object at `va`, in the kernel's space or in `space`.
#define ei_at(run, T, va) ei_at_in(run, NULL, T, va)
#define ei_at_in(run, space, T, va)                                                                \
	({                                                                                         \
		T ei_at_ = ei_handle((run), T);                                                    \
		ei_at_.obj = ei_open((run), (space), (va), &ei_at_.at->layout);                    \
		ei_at_;                                                                            \
	})

// The value of a field: ei_get(p, UniqueProcessId). `p` is a handle, not a pointer to one.
#define ei_get(handle, field) ei_field_get(&(handle).obj, &(handle).at->field)

// For interactive use only ("dt"): looks the name up each time.
EI_API ei_val ei_get_by_name(const ei_obj *object, const char *path);

// ---- Reading --------------------------------------------------------------------------------
// Bytes read from the start of [va, va + size) in `space` (NULL: the kernel's).
EI_API size_t ei_read(ei_run *run, const ei_space *space, uint64_t va, void *buffer, size_t size);
EI_API ei_val ei_read_ptr(ei_run *run, const ei_space *space, uint64_t va);
EI_API ei_val ei_read_u32(ei_run *run, const ei_space *space, uint64_t va);
EI_API ei_val ei_read_ustr(
	ei_run *run, const ei_space *space, uint64_t va); // _UNICODE_STRING at va
// UTF-16LE text of `length_bytes` at `va` as UTF-8 in scratch memory.
EI_API ei_val ei_read_utf16(ei_run *run, const ei_space *space, uint64_t va, size_t length_bytes);

// Virtual address of a kernel symbol; false when the profile does not have it.
EI_API bool ei_symbol(ei_run *run, const char *name, uint64_t *va);
EI_API uint32_t ei_pointer_size(const ei_run *run); // 4 or 8

// ---- Iterators ------------------------------------------------------------------------------
// How an object was found; a set.
enum ei_found { EI_BY_FORWARD = 1, EI_BY_BACKWARD = 2, EI_BY_SCAN = 4 };

// Made by functions such as ei_processes(); moved by ei_next(). What the body of the loop
// allocates, and the object of the round, are gone at the next ei_next() of the same iterator.
typedef struct ei_iter {
	ei_run *run;
	bool (*advance)(struct ei_iter *it, ei_obj *object, const ei_layout *layout);
	void *state;
	const char *type; // what the objects are
	ei_mark mark;
	uint64_t index; // objects given so far
	uint32_t found; // how the present one was found: set of ei_found
	uint32_t depth; // of trees: 0 is a root
} ei_iter;

_Static_assert(sizeof(ei_iter) == 64, "ei_iter is part of the plugin ABI");

EI_API bool ei_iter_next(ei_iter *it, ei_obj *object, const ei_layout *layout);
#define ei_next(it, handle) ei_iter_next((it), &(handle)->obj, &(handle)->at->layout)

#endif
