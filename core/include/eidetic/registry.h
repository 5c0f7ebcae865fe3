// The registry: hives in memory and hive files, keys, values. See the loop below for the whole of
// it.
//
//     ei_iter it = ei_hives(r);
//     for (cmhive h = ei_handle(r, cmhive); ei_next(&it, &h);) {
//             ei_hive *hive = ei_hive_open(r, &h);
//             ei_key key = ei_key_find(hive, "Microsoft\\Windows\\CurrentVersion\\Run");
//             ei_values values = ei_key_values(&key);
//             for (ei_value v; ei_value_next(&values, &v);)
//                     use(ei_value_name(&v), ei_value_type(&v), ei_value_data(&v));
//     }
//
// Keys and values are plain structs: copy them at will, nothing is to be freed. They are as good as
// the hive they came from. Text and bytes that they give lie in scratch memory, which each
// `_next` rewinds to where its own loop began, so that loops nest like scopes (eidetic/object.h).
//
// Absence is data: a key or value whose cell is damaged has a `state` other than EI_OK, answers
// every question with that state, and has no subkeys and values; its neighbours are not touched.
// What is wrong is said once, as a note. A NULL hive gives keys that are EI_UNREADABLE.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_REGISTRY_H
#define EIDETIC_REGISTRY_H

#include <eidetic/extract.h>
#include <eidetic/plugin.h>

// clang-format off

// ---- Hives ----------------------------------------------------------------------------------
#define CMHIVE_FIELDS(F, ALT)                                                                      \
	F(HiveList,      HERE, MUST)                                                               \
	F(FileFullPath,  USTR, MAY)                                                                \
	F(FileUserName,  USTR, MAY)                                                                \
	F(HiveRootPath,  USTR, MAY)                                                                \
	ALT(signature,   "Hive.Signature", UINT, MUST)                                             \
	ALT(base_block,  "Hive.BaseBlock", PTR,  MAY)                                              \
	ALT(version,     "Hive.Version",   UINT, MAY)                                              \
	ALT(flags,       "Hive.HiveFlags", UINT, MAY)                                              \
	ALT(storage,     "Hive.Storage",   HERE, MUST)
EI_TYPE(cmhive, "_CMHIVE", CMHIVE_FIELDS);

// clang-format on

enum { EI_HIVE_SIGNATURE = 0xbee0bee0 };

// Hives on the kernel's list, walked both ways and joined; `it.found` says how. What is on the
// list but does not carry the signature is left out, with a note. Symbol: CmpHiveListHead.
EI_API ei_iter ei_hives(ei_run *run);

// Hives found by their signature in the memory that the kernel's page tables map, in the order of
// their addresses, whether a list knows them or not. Scanned once per session.
EI_API ei_iter ei_hives_scanned(ei_run *run);

// The first of the hive's names that is there: file path, file as the user named it, mount point.
EI_API ei_val ei_hive_name(const cmhive *hive);

// Its kernel address; EI_NONE for what a scan found where the kernel maps nothing any more.
EI_API ei_val ei_hive_address(const cmhive *hive);

typedef struct ei_hive ei_hive;

// Opens a hive for reading its keys. Scratch memory; NULL, with a note, when this build's layout is
// not known. Cells are read through the process that maps them (Registry, since Windows 10 17134)
// or through the kernel.
EI_API ei_hive *ei_hive_open(ei_run *run, const cmhive *hive);

// Opens a hive file that lies in memory as a whole, and stays there. The hive and all that is read
// from it live in `arena`. EI_E_FORMAT when there is no base block; damage beyond it costs cells.
EI_API EI_CHECKED ei_error *ei_hive_open_file(
	ei_arena *arena, const void *bytes, size_t size, ei_hive **out);

// A log of changes to a hive file: .LOG, .LOG1, .LOG2.
typedef struct ei_hive_log {
	const char *name; // for notes
	const void *bytes;
	size_t size;
} ei_hive_log;

typedef struct ei_hive_recovery {
	const uint8_t *bytes; // the hive file as it was to be: in the arena, or as it was given
	size_t size;
	bool dirty;         // it was not written to its end
	bool base_from_log; // its base block was damaged
	uint32_t entries;   // of logs, that were applied
	uint32_t pages;     // of these entries
	uint64_t page_bytes;
	uint32_t sequence; // number of the last write that it has
} ei_hive_recovery;

// Completes a hive file that was not written to its end from its logs, in whatever order they are
// given: old ones (a bitmap of sectors) and, since Windows 8.1, lists of entries, as Windows does
// when it loads the hive. What is in the logs of a hive that is complete is of no use, and left
// alone. Nothing is written anywhere. `note` (NULL: nowhere) is told what was found; a log that is
// damaged is no error. EI_E_FORMAT when the file is too short for a hive, EI_E_LIMIT.
EI_API EI_CHECKED ei_error *ei_hive_recover(ei_arena *arena, const void *bytes, size_t size,
	const ei_hive_log *logs, size_t count, void (*note)(void *context, const char *text),
	void *context, ei_hive_recovery *out);

// Where the notes on a hive file go; NULL: nowhere. Those on hives in memory go to the run.
EI_API void ei_hive_set_note(
	ei_hive *hive, void (*note)(void *context, const char *text), void *context);

typedef struct ei_hive_facts {
	uint32_t major, minor;    // format version, 1.3 to 1.6
	uint32_t root;            // cell index of the root key
	uint32_t stable_bytes;    // of the part that is also in the file
	uint32_t volatile_bytes;  // of the part that never is
	uint64_t written;         // FILETIME; 0 unknown
	bool base_block;          // the base block could be read
	uint32_t blocks, missing; // 4 KiB blocks of both parts; those that cannot be read
} ei_hive_facts;

// Counts the missing blocks, so it is not free.
EI_API ei_hive_facts ei_hive_describe(ei_hive *hive);

// Writes the part of a hive in memory that is also in its file as a hive file, into the output
// folder (eidetic/extract.h). What the image does not hold is zero there, and in the manifest;
// where it would keep readers of hive files from going on, heads of bins and free cells are made
// up, and the base block is made to fit. That is noted. When nothing of it is in the image, there
// is no file: out->file is EI_UNREADABLE.
EI_API EI_CHECKED ei_error *ei_hive_extract(ei_hive *hive, const char *name, ei_extracted *out);

// ---- Keys -----------------------------------------------------------------------------------
enum ei_key_flag {
	EI_KEY_VOLATILE = 0x1,
	EI_KEY_HIVE_EXIT = 0x2,  // another hive is mounted here
	EI_KEY_HIVE_ENTRY = 0x4, // root of a hive
	EI_KEY_SYMLINK = 0x10,
	EI_KEY_LATIN1_NAME = 0x20,
	EI_KEY_PREDEFINED = 0x40, // stands for a handle; has no values
};

typedef struct ei_key {
	ei_hive *hive;
	uint32_t cell;        // index; bit 31: in the volatile storage
	uint16_t state;       // ei_state; with any but EI_OK the rest is zero
	uint16_t flags;       // enum ei_key_flag
	uint64_t last_write;  // FILETIME
	uint32_t parent;      // cell index
	uint32_t counts[2];   // subkeys that the key says it has: stable, volatile
	uint32_t lists[2];    // cell indices of their lists
	uint32_t value_count; // values that the key says it has
	uint32_t value_list;
	uint32_t class_cell;
	uint16_t name_length, class_length; // bytes
} ei_key;

EI_API ei_key ei_hive_root(ei_hive *hive);
EI_API ei_key ei_hive_key_at(ei_hive *hive, uint32_t cell);

// By path, without regard to case, as Windows compares. `path` may begin at the hive's root or
// with the hive's own place: "Microsoft\\Windows", "HKLM\\SOFTWARE\\Microsoft",
// "\\REGISTRY\\MACHINE\\SOFTWARE\\Microsoft", "SOFTWARE\\Microsoft". HKLM, HKU and HKCU may be
// written out; HKCU is every hive whose file is NTUSER.DAT. CurrentControlSet leads to the control
// set that Select\Current names. State EI_NONE: no such key. With --compat vol3, a path begins at
// the root, as it stands.
EI_API ei_key ei_key_find(ei_hive *hive, const char *path);

// The subkey of that name; state EI_NONE: there is none.
EI_API ei_key ei_key_child(const ei_key *key, const char *name, size_t length);

EI_API ei_val ei_key_name(const ei_key *key);
EI_API ei_val ei_key_class(const ei_key *key); // EI_NONE: it has no class
EI_API ei_val ei_key_written(const ei_key *key);
EI_API ei_val ei_key_is_volatile(const ei_key *key);

// The names from below the hive's root down to `key`, with `\`; "" is the root.
EI_API ei_val ei_key_path(const ei_key *key);

// Subkeys in the order of their lists, stable before volatile. Where the key says that it has none
// but refers to a list, which hides its keys from Windows, those keys of the list that name this
// one as their parent are given, with a note.
enum { EI_LIST_DEPTH = 4 }; // index roots within index roots; Windows makes two levels

typedef struct ei_list_frame {
	uint32_t cell;
	uint16_t count, next;
	uint16_t stride; // bytes of an element
	uint16_t of_lists;
} ei_list_frame;

typedef struct ei_subkeys {
	ei_hive *hive;
	ei_mark mark;
	uint64_t budget; // elements that may still be looked at
	uint32_t key;    // cell index of the key, for notes
	uint32_t lists[2], counts[2];
	uint32_t storage, given; // storage being listed, keys given of it
	uint32_t depth;
	ei_list_frame frames[EI_LIST_DEPTH];
} ei_subkeys;

EI_API ei_subkeys ei_key_subkeys(const ei_key *key);
// False after the last. A list element that leads to no key gives a key that is not EI_OK.
EI_API bool ei_subkey_next(ei_subkeys *cursor, ei_key *out);

// ---- Values ---------------------------------------------------------------------------------
typedef enum ei_value_kind {
	EI_REG_NONE,
	EI_REG_SZ,
	EI_REG_EXPAND_SZ,
	EI_REG_BINARY,
	EI_REG_DWORD,
	EI_REG_DWORD_BIG_ENDIAN,
	EI_REG_LINK,
	EI_REG_MULTI_SZ,
	EI_REG_RESOURCE_LIST,
	EI_REG_FULL_RESOURCE_DESCRIPTOR,
	EI_REG_RESOURCE_REQUIREMENTS_LIST,
	EI_REG_QWORD,
} ei_value_kind;

typedef struct ei_value {
	ei_hive *hive;
	uint32_t cell;
	uint16_t state;
	uint16_t name_length; // bytes
	uint32_t type;        // ei_value_kind, or any other number
	uint32_t length;      // bytes of data that the value says it has
	uint32_t data;        // cell index of the data, or the data
	uint16_t latin1_name;
	uint16_t resident; // the data lies in .data
} ei_value;

typedef struct ei_values {
	ei_hive *hive;
	ei_mark mark;
	uint32_t list;
	uint32_t count, next;
} ei_values;

EI_API ei_values ei_key_values(const ei_key *key);
EI_API bool ei_value_next(ei_values *cursor, ei_value *out);
// The value of that name ("" is the default value), without regard to case; state EI_NONE.
EI_API ei_value ei_key_value(const ei_key *key, const char *name);

EI_API ei_val ei_value_name(const ei_value *value); // "" is the default value
EI_API ei_val ei_value_type(const ei_value *value); // "REG_SZ"; "0x1234" for what has no name
// The data as they are stored. Data that do not all fit their cell are cut to it, with a note.
EI_API ei_val ei_value_bytes(const ei_value *value);
// By type: text as UTF-8 without its end (REG_MULTI_SZ: a line for each), numbers, else bytes.
// Numbers of a wrong size are given as bytes. Text of an odd length cannot all be UTF-16. Where it
// is plain ASCII it is read as that, a byte a letter; else its last half letter is U+FFFD: both
// leave a note. A last byte that is zero, or stands behind the text's end, is no part of the text.
EI_API ei_val ei_value_data(const ei_value *value);
// The data as Volatility 3's JSON has them: always text.
EI_API ei_val ei_value_vol3(const ei_value *value);

// ---- Trees ----------------------------------------------------------------------------------
// All keys below one, depth first:
//
//     ei_key_walk *walk = ei_key_walk_begin(&key, true);
//     for (ei_key_step step; ei_key_walk_next(walk, &step);)
//             if (!step.leaving) ...
//
// Each key comes twice: before its subkeys, and after them (`leaving`), when its values are due;
// the one that was walked from comes once, at the end. A key that is its own ancestor, a depth of
// 512, or reading far more than the hive holds ends that branch with a note.
typedef struct ei_key_walk ei_key_walk;

typedef struct ei_key_step {
	ei_key key;
	const char *path; // of the key's parent; of the key itself when leaving. From the top down
	uint32_t depth;   // 0: a subkey of the key that was walked from. When leaving, that of its
			  // values: they hang under the key as its subkeys do
	bool leaving;
} ei_key_step;

// Scratch memory; NULL when there is none. Not `recurse`: the subkeys alone, then the key itself.
EI_API ei_key_walk *ei_key_walk_begin(const ei_key *top, bool recurse);
EI_API bool ei_key_walk_next(ei_key_walk *walk, ei_key_step *out); // a NULL walk is at its end

// ---- What was deleted -----------------------------------------------------------------------
// Keys and values that lie in free cells of the stable storage: deleted, and not yet written over;
// and those in cells in use to which nothing leads from the root.
//
//     ei_remnants *all = ei_hive_remnants(hive);
//     for (ei_remnant it; ei_remnant_next(all, &it);)
//             if (it.is_value) ...
//
// Keys come first, then values whose key is known, then the others, each in the order of cells.
// They answer the same questions as any key or value, but for ei_key_path().
typedef enum ei_remnant_parent {
	EI_PARENT_UNKNOWN, // its cell is another's by now, or gone
	EI_PARENT_LIVE,    // a key in use, which was written to when this was deleted, or later
	EI_PARENT_DELETED, // a deleted key, which still refers to it, or to which it refers
} ei_remnant_parent;

typedef struct ei_remnant {
	bool is_value;
	bool data_lost;   // of a value: its data's cell is another's by now
	bool unlinked;    // its cell is in use, but no list leads to it
	ei_key key;       // the key; of a value its key, not EI_OK when that is not known
	ei_value value;   // when is_value
	const char *path; // of the key's parent; of a value's key. From below the hive's root; what
			  // is not known of it is "?"
	ei_remnant_parent parent;
} ei_remnant;

typedef struct ei_remnants ei_remnants;

// Walks the tree and reads all free cells. From here on damaged cells of this hive are not noted
// any more: remnants refer to what has been written over since. Scratch memory; NULL when there is
// none.
EI_API ei_remnants *ei_hive_remnants(ei_hive *hive);
EI_API bool ei_remnant_next(ei_remnants *remnants, ei_remnant *out); // NULL is at its end

#endif
