// The records of a program database's types, as far as they are read. Private to core/profile.
// SPDX-License-Identifier: Apache-2.0
#ifndef PROFILE_PDB_LEAF_H
#define PROFILE_PDB_LEAF_H

#include "profile/pdb.h"

enum leaf_kind {
	LEAF_OTHER,
	LEAF_MODIFIER, // .type is what is modified
	LEAF_POINTER,  // .type is what is pointed to, .info its attributes
	LEAF_ARRAY,    // .type is the element; .tail: size in bytes, name
	LEAF_STRUCT,   // .type is the field list, .info the properties; .tail: size, name
	LEAF_ENUM,     // the same, .base is the integer's type; .tail: name
	LEAF_FIELDS,
	LEAF_BITS,    // .type is the integer's, .info the width, then the position
	LEAF_MEMBER,  // .type; .tail: offset, name
	LEAF_BASE,    // .type is the base class; .tail: offset
	LEAF_VIRTUAL, // a virtual base class; .tail: two numbers
	LEAF_VALUE,   // a constant of an enumeration; .tail: value, name
	LEAF_NEXT,    // .type is the field list that goes on
	LEAF_NAMED,   // nothing of interest; .tail: name
	LEAF_METHOD,  // the same, and a number before the name when .info says "introduced"
	LEAF_PLAIN,   // nothing of interest; ends at .tail
};

enum names { NAME_NONE, NAME_ZERO, NAME_COUNTED };

// Where things are in a record, in bytes behind its leaf number. Compilers of the 16-bit days wrote
// type indexes of 2 bytes, and later ones names that start with their length.
struct leaf {
	uint16_t number;
	uint8_t kind;  // enum leaf_kind
	uint8_t names; // enum names
	uint8_t wide;  // bytes of a type index
	uint8_t type, info, base, tail;
};

// A checked stretch of a record: from behind the leaf number to the end.
struct record {
	const uint8_t *at;
	uint32_t length;
	const struct leaf *leaf; // NULL: of no interest
};

// NULL: of no interest.
const struct leaf *leaf_find(uint16_t number);

// Kind, size and name of a type that needs no record, by the low byte of its index; of size 0 and
// without a name when it is void or not known.
struct member basic_find(uint8_t number);

// The same by name; false when there is none.
bool basic_named(const char *name, struct member *out);

static inline uint32_t index_at(const struct record *record, uint32_t at)
{
	return record->leaf->wide == 2 ? load_u16(record->at + at) : load_u32(record->at + at);
}

struct name {
	const char *text;
	char copy[256];
};

// The number at `*at`, which moves behind it; false when it is cut. Reals and 16-byte integers are
// passed over as 0.
bool number_read(const struct record *record, uint32_t *at, int64_t *out);

// The name at `*at`, which moves behind it; false when it is cut. Borrowed from the record or
// `out`.
bool name_read(const struct record *record, uint32_t *at, struct name *out);

#endif
