// Taking bytes out of memory: hashed, and written into the output folder (-o, or the one that the
// command was started in).
//
//     ei_extract *x;
//     EI_TRY(ei_extract_begin(run, ei_text(scratch, "%s.%u.dmp", name, pid), &x));
//     ei_extract_memory(x, space, base, size);
//     ei_extracted done;
//     EI_TRY(ei_extract_end(x, &done));
//
// What the image does not hold is a hole: zeroes in the file. Each file has a line in the folder's
// manifest.jsonl: where it is from, its hashes, and which of its bytes are holes. No file is ever
// overwritten, and no name leaves the folder, whatever it is made of.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_EXTRACT_H
#define EIDETIC_EXTRACT_H

#include <eidetic/object.h>

typedef struct ei_extract ei_extract;

// What came of it; texts are scratch memory.
typedef struct ei_extracted {
	ei_val file;              // its name in the output folder; EI_NONE: only hashed
	ei_val md5, sha1, sha256; // hexadecimal; of the whole, holes included
	uint64_t size;            // bytes
	uint64_t missing;         // of them in holes
} ei_extracted;

// Letters, digits, and "._-" of the name are kept; when the name is taken, a number goes before
// its last dot. With a NULL name nothing is written, only hashed. EI_E_IO, EI_E_NOMEM; EI_E_LIMIT
// when the folder has too many files of this name.
EI_API EI_CHECKED ei_error *ei_extract_begin(ei_run *run, const char *name, ei_extract **out);

// The name that the file has got, for rows that come before its end; EI_NONE when nothing is
// written. Scratch memory.
EI_API ei_val ei_extract_name(const ei_extract *extract);

// Appends [va, va + size) of `space` (NULL: the kernel's). What cannot be read becomes a hole.
EI_API void ei_extract_memory(
	ei_extract *extract, const ei_space *space, uint64_t va, uint64_t size);
EI_API void ei_extract_bytes(ei_extract *extract, const void *bytes, uint64_t size);
EI_API void ei_extract_hole(ei_extract *extract, uint64_t size);

// Closes the file and writes its line of the manifest, always: `extract` is gone after it. The
// first error met since the beginning, EI_E_IO when the disk is full. `out` may be NULL.
EI_API EI_CHECKED ei_error *ei_extract_end(ei_extract *extract, ei_extracted *out);

// True when the user named an output folder (-o).
EI_API bool ei_extract_is_asked(const ei_run *run);

// Closes and removes the file: for when it turns out that there is nothing in it.
EI_API void ei_extract_forget(ei_extract *extract);

#endif
