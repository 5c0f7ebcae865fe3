// Profiles: the types and symbols of one kernel build. The one header of core/profile.
//
// A profile is immutable once loaded and may be shared by any number of threads. Whatever its
// source (built-in, ISF, cache), it lives in one flat, position-independent block: loading a
// cached profile is a read and a check, not a parse. Names are looked up by binary search; code
// that reads many objects resolves its fields once (eidetic/win.h) and never comes back here.
// SPDX-License-Identifier: Apache-2.0
#ifndef PROFILE_PROFILE_H
#define PROFILE_PROFILE_H

#include "base/base.h"

#include <stdio.h>

struct profile;

// What a profile says of itself. Strings are borrowed from the profile, never NULL.
struct profile_info {
	const char *name;   // built-ins: "win10-19041.1237-x64"; ISF: "ntkrnlmp.pdb/GUID-AGE"
	const char *origin; // "built-in", or the path it was loaded from
	const char *pdb;    // "ntkrnlmp.pdb"; "" when the source has no symbols
	const char *guid;   // 32 upper-case hexadecimal digits; "" when the source has no symbols
	uint32_t age;
	const char *version;   // "10.0.19041.1237", "" when the source does not say
	uint32_t pointer_size; // 4 or 8
	uint32_t type_count;
	uint32_t symbol_count;
};

enum member_kind {
	MEMBER_UINT = 1, // unsigned, boolean and enumerated integers
	MEMBER_INT,
	MEMBER_FLOAT,
	MEMBER_POINTER, // .target is what it points to, "" for void and functions
	MEMBER_BITS,    // .bit and .width inside an integer of .size bytes
	MEMBER_STRUCT,  // .target is the struct or union's name
	MEMBER_ARRAY,   // .count elements of .element_size bytes; .target as for the element;
			// elements may be arrays themselves
};

// One member at the end of a path. Strings are borrowed from the profile, never NULL.
struct member {
	uint32_t offset; // bytes from the start of the outermost type
	uint32_t size;   // bytes of the whole member
	enum member_kind kind;
	enum member_kind element_kind; // of arrays
	uint32_t element_size;         // of arrays
	uint32_t count;                // of arrays
	// Of bit fields. Of arrays of arrays: kind and size of what is in the innermost; 0: those
	// of `target`.
	uint32_t bit, width;
	// Of numbers the base type's or enumeration's name; of pointers to pointers "pointer".
	const char *target;
};

// ---- loading --------------------------------------------------------------------------------
// An ISF file (`.json`, `.json.xz`, `.json.gz`), where types without symbols are accepted
// (layouts); or a program database (`.pdb`, MSF 7.00), whose PDB name is that of the file.
// Errors: EI_E_IO; EI_E_FORMAT with the place; EI_E_LIMIT for a file that unpacks to more than
// 256 MiB. Not cached; see profile_find().
EI_CHECKED ei_error *profile_load(const char *path, struct profile **out);

// A program database only. EI_E_FORMAT for everything else, and the text says what it is instead.
EI_CHECKED ei_error *profile_load_pdb(const char *path, struct profile **out);

// profile_load() from bytes in memory; `name` is used in messages and as the origin.
EI_CHECKED ei_error *profile_parse(
	const void *file, size_t size_bytes, const char *name, struct profile **out);

// Writes a profile as an ISF file (JSON, format 6.2.0) that Volatility 3 reads: all its types and
// symbols. Of arrays with more than two dimensions all but the first come out as one. EI_E_IO.
EI_CHECKED ei_error *profile_write_isf(const struct profile *profile, FILE *out);

// The same into a new file whose name ends in .json, .json.xz or .json.gz. There is a whole file
// afterwards, or none. EI_E_USAGE for other names; EI_E_IO, also when there is one already.
EI_CHECKED ei_error *profile_write_isf_file(const struct profile *profile, const char *path);

struct profile *profile_ref(struct profile *profile);
void profile_unref(struct profile *profile); // NULL is allowed
EI_OWNER(profile, profile_unref);

// ---- built-ins ------------------------------------------------------------------------------
// Distilled by `make profiles` from symbol tables, compiled into the binary, in name order.
size_t profile_builtin_count(void);
EI_CHECKED ei_error *profile_builtin(size_t index, struct profile **out);

// A built-in by name, else a path. A name may leave out the revision: "win10-19041-x64" is the
// latest built-in of that family that has symbols. EI_E_USAGE when there is neither.
EI_CHECKED ei_error *profile_by_name(const char *name, struct profile **out);

// ---- the store ------------------------------------------------------------------------------
// Folders laid out as Volatility's `symbols/` (DIR/windows/PDB/GUID-AGE.json[.xz|.gz], or the
// same without `windows/`; `.pdb` will do as well), as a symbol server's (DIR/PDB/GUIDAGE/PDB), or
// with `.pdb` files anywhere in them, which are known by their content. They are asked in order,
// after the built-ins. What is found is kept parsed in $XDG_CACHE_HOME/eidetic (or
// ~/.cache/eidetic); a cache entry is keyed by the source's path, size and time, checked by a
// digest, written beside and renamed, so that concurrent runs and torn writes do no harm. A cache
// that cannot be read or written is not an error.
struct profile_store {
	const char *const *dirs; // NULL-terminated; may itself be NULL
	bool no_cache;
	bool no_builtins; // only the folders
};

// The profile for PDB `pdb` with `guid` (32 hexadecimal digits) and `age`. EI_E_REQUIREMENT when
// none has it; the text then names what is missing and where it was looked for.
EI_CHECKED ei_error *profile_find(const struct profile_store *store, const char *pdb,
	const char *guid, uint32_t age, struct profile **out);

// profile_load() through the cache.
EI_CHECKED ei_error *profile_load_cached(
	const struct profile_store *store, const char *path, struct profile **out);

// The files below a store's folder that profile_find() can find there, in the order of their paths:
// as many as it would look at. An error of `visit` ends it.
typedef ei_error *profile_file_visit(void *context, const char *path);
EI_CHECKED ei_error *profile_store_files(const char *dir, profile_file_visit *visit, void *context);

// ---- other symbols --------------------------------------------------------------------------
struct symbol_at {
	const char *name;
	uint64_t rva;
};

// The types of `types` with these symbols (copied, in any order) instead of its own: for a kernel
// whose symbols were found in memory. Keeps name and origin; has no GUID, for it belongs to none.
EI_CHECKED ei_error *profile_with_symbols(
	struct profile *types, const struct symbol_at *symbols, size_t count, struct profile **out);

// ---- asking ---------------------------------------------------------------------------------
struct profile_info profile_info(const struct profile *profile);

bool profile_has_type(const struct profile *profile, const char *type);
// The first of the names in "newest|older" that the profile has, into `out`; false: none of them.
bool profile_first_type(const struct profile *profile, const char *names, char *out, size_t room);
uint32_t profile_type_size(const struct profile *profile, const char *type); // 0: no such type

// A member by path: "UniqueProcessId", "Pcb.DirectoryTableBase". False when any step is missing.
bool profile_member(
	const struct profile *profile, const char *type, const char *path, struct member *out);

// The nth member of a type in declaration (offset) order, for listings; false past the end.
bool profile_member_at(const struct profile *profile, const char *type, uint32_t index,
	const char **name, struct member *out);

// The nth type, by name order; NULL past the end.
const char *profile_type_at(const struct profile *profile, uint32_t index);

// From then on the types of these names (a NULL-terminated list that outlives the profile) are
// those of `lender`: for kernels that resemble one build here and another there. Only for a profile
// of profile_with_symbols() that nobody else has yet, and only between built-ins: false elsewhere.
bool profile_lend(struct profile *profile, const struct profile *lender, const char *const *types);

// Members of `type` (not those of types in it) whose offsets are from `from` up to `to` lie `delta`
// bytes further on than the layout says.
struct type_shift {
	const char *type; // outlives the profile
	uint32_t from, to;
	int32_t delta;
};
enum { TYPE_SHIFTS_MAX = 32 };

// From then on the profile has these shifts, at most TYPE_SHIFTS_MAX, and so has what
// profile_with_symbols() makes of it: for kernels that moved members about. Only for a profile of
// profile_with_symbols() that nobody else has yet.
void profile_shift(struct profile *profile, const struct type_shift *shifts, size_t count);

// True when the two describe the same types from the same place: what one layout says of an image,
// the other says too.
bool profile_same_types(const struct profile *a, const struct profile *b);

// Address of a symbol relative to the kernel's base.
bool profile_symbol(const struct profile *profile, const char *name, uint64_t *rva);
const char *profile_symbol_at(const struct profile *profile, uint32_t index, uint64_t *rva);

// The value of an enumeration's constant. The enumeration may be "" : the first that has it.
bool profile_constant(
	const struct profile *profile, const char *enumeration, const char *name, int64_t *value);

#endif
