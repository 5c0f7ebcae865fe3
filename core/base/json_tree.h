// A strict JSON reader for large files: one array of nodes over the text, which it takes over.
//
// A node is followed by what is in it: an array by its values, an object by key, value, key, value.
// So a document costs 16 bytes a value, no allocation each, and strings stay where they are.
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_JSON_TREE_H
#define BASE_JSON_TREE_H

#include "base/base.h"

enum { TREE_DEPTH_MAX = 64 };
enum { TREE_NODES_MAX = 8 << 20 }; // 128 MiB; kernels have 500,000

enum tree_kind {
	TREE_NULL = 1,
	TREE_FALSE,
	TREE_TRUE,
	TREE_INTEGER,
	TREE_REAL, // or an integer beyond 64 bits; the value is not kept
	TREE_STRING,
	TREE_ARRAY,
	TREE_OBJECT,
};

struct tree {
	uint32_t kind; // enum tree_kind
	uint32_t skip; // nodes from this one to the one after it and all that is in it
	union {
		int64_t integer;
		const char *text; // NUL-terminated UTF-8 without any NUL
	};
};

_Static_assert(sizeof(struct tree) == 16, "a document's size is counted in these");

// Reads `text`, which ends with a NUL at `text[length]`, in place: strings of the document point
// into it, so it must be kept, and is clobbered. EI_E_FORMAT names line and column. free() the
// nodes.
EI_CHECKED ei_error *tree_parse(char *text, size_t length, struct tree **out);

// The functions below accept NULL and nodes of other kinds, and then have nothing to give.
const struct tree *tree_get(const struct tree *object, const char *key);
const char *tree_text(const struct tree *string); // "" otherwise
bool tree_integer(const struct tree *integer, int64_t *out);
uint32_t tree_count(const struct tree *object); // members

// for (struct tree_member m = tree_first(object); m.key; m = tree_next(m))
struct tree_member {
	const char *key;
	const struct tree *value, *end;
};

struct tree_member tree_first(const struct tree *object);
struct tree_member tree_next(struct tree_member member);

// Members of a large object by hash. tree_index_deinit() in any case.
struct tree_index {
	const struct tree **slots; // keys
	uint32_t room;             // a power of two; 0: empty
};

EI_CHECKED ei_error *tree_index_init(struct tree_index *index, const struct tree *object);
void tree_index_deinit(struct tree_index *index);
const struct tree *tree_index_get(const struct tree_index *index, const char *key);

#endif
