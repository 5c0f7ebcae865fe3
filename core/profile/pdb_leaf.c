// What is where in the type records of program databases, and the numbers and names in them.
// SPDX-License-Identifier: Apache-2.0
#include "profile/pdb_leaf.h"

// clang-format off
static const struct leaf leaves[] = {
	//                          names         wide type info base tail
	{ 0x0001, LEAF_MODIFIER, NAME_NONE,    2, 2, 0, 0,  4 },
	{ 0x0002, LEAF_POINTER,  NAME_NONE,    2, 2, 0, 0,  4 },
	{ 0x0003, LEAF_ARRAY,    NAME_COUNTED, 2, 0, 0, 0,  4 },
	{ 0x0004, LEAF_STRUCT,   NAME_COUNTED, 2, 2, 4, 0, 10 }, // class
	{ 0x0005, LEAF_STRUCT,   NAME_COUNTED, 2, 2, 4, 0, 10 },
	{ 0x0006, LEAF_STRUCT,   NAME_COUNTED, 2, 2, 4, 0,  6 }, // union
	{ 0x0007, LEAF_ENUM,     NAME_COUNTED, 2, 4, 6, 2,  8 },
	{ 0x0204, LEAF_FIELDS,   NAME_NONE,    2, 0, 0, 0,  0 },
	{ 0x0206, LEAF_BITS,     NAME_NONE,    2, 2, 0, 0,  4 },
	{ 0x0400, LEAF_BASE,     NAME_NONE,    2, 0, 2, 0,  4 },
	{ 0x0401, LEAF_VIRTUAL,  NAME_NONE,    2, 0, 4, 0,  6 },
	{ 0x0402, LEAF_VIRTUAL,  NAME_NONE,    2, 0, 4, 0,  6 },
	{ 0x0403, LEAF_VALUE,    NAME_COUNTED, 2, 0, 0, 0,  2 },
	{ 0x0404, LEAF_NAMED,    NAME_COUNTED, 2, 0, 0, 0,  2 }, // friend function
	{ 0x0405, LEAF_NEXT,     NAME_NONE,    2, 0, 0, 0,  2 },
	{ 0x0406, LEAF_MEMBER,   NAME_COUNTED, 2, 0, 2, 0,  4 },
	{ 0x0407, LEAF_NAMED,    NAME_COUNTED, 2, 0, 0, 0,  4 }, // static member
	{ 0x0408, LEAF_NAMED,    NAME_COUNTED, 2, 0, 0, 0,  4 }, // overloaded methods
	{ 0x0409, LEAF_NAMED,    NAME_COUNTED, 2, 0, 0, 0,  2 }, // nested type
	{ 0x040a, LEAF_PLAIN,    NAME_NONE,    2, 0, 0, 0,  2 }, // table of virtual functions
	{ 0x040b, LEAF_PLAIN,    NAME_NONE,    2, 0, 0, 0,  2 }, // friend class
	{ 0x040c, LEAF_METHOD,   NAME_COUNTED, 2, 2, 0, 0,  4 },
	{ 0x040d, LEAF_PLAIN,    NAME_NONE,    2, 0, 0, 0,  6 },
	{ 0x1001, LEAF_MODIFIER, NAME_NONE,    4, 0, 0, 0,  6 },
	{ 0x1002, LEAF_POINTER,  NAME_NONE,    4, 0, 4, 0,  8 },
	{ 0x1003, LEAF_ARRAY,    NAME_COUNTED, 4, 0, 0, 0,  8 },
	{ 0x1004, LEAF_STRUCT,   NAME_COUNTED, 4, 4, 2, 0, 16 }, // class
	{ 0x1005, LEAF_STRUCT,   NAME_COUNTED, 4, 4, 2, 0, 16 },
	{ 0x1006, LEAF_STRUCT,   NAME_COUNTED, 4, 4, 2, 0,  8 }, // union
	{ 0x1007, LEAF_ENUM,     NAME_COUNTED, 4, 8, 2, 4, 12 },
	{ 0x1010, LEAF_MODIFIER, NAME_NONE,    4, 0, 0, 0,  4 }, // another name of a type
	{ 0x1203, LEAF_FIELDS,   NAME_NONE,    4, 0, 0, 0,  0 },
	{ 0x1205, LEAF_BITS,     NAME_NONE,    4, 0, 4, 0,  6 },
	{ 0x1400, LEAF_BASE,     NAME_NONE,    4, 2, 0, 0,  6 },
	{ 0x1401, LEAF_VIRTUAL,  NAME_NONE,    4, 2, 0, 0, 10 },
	{ 0x1402, LEAF_VIRTUAL,  NAME_NONE,    4, 2, 0, 0, 10 },
	{ 0x1403, LEAF_NAMED,    NAME_COUNTED, 4, 2, 0, 0,  6 }, // friend function
	{ 0x1404, LEAF_NEXT,     NAME_NONE,    4, 2, 0, 0,  6 },
	{ 0x1405, LEAF_MEMBER,   NAME_COUNTED, 4, 2, 0, 0,  6 },
	{ 0x1406, LEAF_NAMED,    NAME_COUNTED, 4, 2, 0, 0,  6 }, // static member
	{ 0x1407, LEAF_NAMED,    NAME_COUNTED, 4, 2, 0, 0,  6 }, // overloaded methods
	{ 0x1408, LEAF_NAMED,    NAME_COUNTED, 4, 2, 0, 0,  6 }, // nested type
	{ 0x1409, LEAF_PLAIN,    NAME_NONE,    4, 2, 0, 0,  6 }, // table of virtual functions
	{ 0x140a, LEAF_PLAIN,    NAME_NONE,    4, 2, 0, 0,  6 }, // friend class
	{ 0x140b, LEAF_METHOD,   NAME_COUNTED, 4, 2, 0, 0,  6 },
	{ 0x140c, LEAF_PLAIN,    NAME_NONE,    4, 2, 0, 0, 10 },
	{ 0x140d, LEAF_NAMED,    NAME_COUNTED, 4, 2, 0, 0,  6 }, // nested type
	{ 0x140e, LEAF_NAMED,    NAME_COUNTED, 4, 2, 0, 0,  6 }, // access
	{ 0x1502, LEAF_VALUE,    NAME_ZERO,    4, 0, 0, 0,  2 },
	{ 0x1503, LEAF_ARRAY,    NAME_ZERO,    4, 0, 0, 0,  8 },
	{ 0x1504, LEAF_STRUCT,   NAME_ZERO,    4, 4, 2, 0, 16 }, // class
	{ 0x1505, LEAF_STRUCT,   NAME_ZERO,    4, 4, 2, 0, 16 },
	{ 0x1506, LEAF_STRUCT,   NAME_ZERO,    4, 4, 2, 0,  8 }, // union
	{ 0x1507, LEAF_ENUM,     NAME_ZERO,    4, 8, 2, 4, 12 },
	{ 0x150a, LEAF_MODIFIER, NAME_NONE,    4, 0, 0, 0,  4 }, // another name of a type
	{ 0x150c, LEAF_NAMED,    NAME_ZERO,    4, 2, 0, 0,  6 }, // friend function
	{ 0x150d, LEAF_MEMBER,   NAME_ZERO,    4, 2, 0, 0,  6 },
	{ 0x150e, LEAF_NAMED,    NAME_ZERO,    4, 2, 0, 0,  6 }, // static member
	{ 0x150f, LEAF_NAMED,    NAME_ZERO,    4, 2, 0, 0,  6 }, // overloaded methods
	{ 0x1510, LEAF_NAMED,    NAME_ZERO,    4, 2, 0, 0,  6 }, // nested type
	{ 0x1511, LEAF_METHOD,   NAME_ZERO,    4, 2, 0, 0,  6 },
	{ 0x1512, LEAF_NAMED,    NAME_ZERO,    4, 2, 0, 0,  6 }, // nested type
	{ 0x1513, LEAF_NAMED,    NAME_ZERO,    4, 2, 0, 0,  6 }, // access
	{ 0x1518, LEAF_MODIFIER, NAME_NONE,    4, 0, 0, 0,  6 },
	{ 0x1519, LEAF_STRUCT,   NAME_ZERO,    4, 4, 2, 0, 16 }, // interface
	{ 0x151a, LEAF_BASE,     NAME_NONE,    4, 2, 0, 0,  6 }, // base interface
	{ 0x1608, LEAF_STRUCT,   NAME_ZERO,    4, 4, 0, 0, 18 }, // class, since 2019
	{ 0x1609, LEAF_STRUCT,   NAME_ZERO,    4, 4, 0, 0, 18 },
	{ 0x160a, LEAF_STRUCT,   NAME_ZERO,    4, 4, 0, 0, 10 }, // union
	{ 0x160b, LEAF_STRUCT,   NAME_ZERO,    4, 4, 0, 0, 18 }, // interface
};

// Types that need no record: kind of number by the low byte of the index.
static const struct {
	uint8_t number, kind, size;
	const char *name;
} basics[] = {
	{ 0x00, MEMBER_STRUCT, 0, "" },
	{ 0x03, MEMBER_STRUCT, 0, "" }, // void
	{ 0x08, MEMBER_INT,    4, "HRESULT" },
	{ 0x10, MEMBER_INT,    1, "char" },
	{ 0x11, MEMBER_INT,    2, "short" },
	{ 0x12, MEMBER_INT,    4, "long" },
	{ 0x13, MEMBER_INT,    8, "long long" },
	{ 0x14, MEMBER_INT,   16, "int128" },
	{ 0x20, MEMBER_UINT,   1, "unsigned char" },
	{ 0x21, MEMBER_UINT,   2, "unsigned short" },
	{ 0x22, MEMBER_UINT,   4, "unsigned long" },
	{ 0x23, MEMBER_UINT,   8, "unsigned long long" },
	{ 0x24, MEMBER_UINT,  16, "unsigned int128" },
	{ 0x30, MEMBER_UINT,   1, "bool" },
	{ 0x31, MEMBER_UINT,   2, "bool16" },
	{ 0x32, MEMBER_UINT,   4, "bool32" },
	{ 0x33, MEMBER_UINT,   8, "bool64" },
	{ 0x40, MEMBER_FLOAT,  4, "float" },
	{ 0x41, MEMBER_FLOAT,  8, "double" },
	{ 0x42, MEMBER_FLOAT, 10, "long double" },
	{ 0x43, MEMBER_FLOAT, 16, "float128" },
	{ 0x44, MEMBER_FLOAT,  6, "float48" },
	{ 0x45, MEMBER_FLOAT,  4, "float" },
	{ 0x46, MEMBER_FLOAT,  2, "float16" },
	{ 0x68, MEMBER_INT,    1, "int8" },
	{ 0x69, MEMBER_UINT,   1, "uint8" },
	{ 0x70, MEMBER_INT,    1, "char" },
	{ 0x71, MEMBER_UINT,   2, "wchar" },
	{ 0x72, MEMBER_INT,    2, "short" },
	{ 0x73, MEMBER_UINT,   2, "unsigned short" },
	{ 0x74, MEMBER_INT,    4, "int" },
	{ 0x75, MEMBER_UINT,   4, "unsigned int" },
	{ 0x76, MEMBER_INT,    8, "long long" },
	{ 0x77, MEMBER_UINT,   8, "unsigned long long" },
	{ 0x78, MEMBER_INT,   16, "int128" },
	{ 0x79, MEMBER_UINT,  16, "unsigned int128" },
	{ 0x7a, MEMBER_UINT,   2, "char16" },
	{ 0x7b, MEMBER_UINT,   4, "char32" },
	{ 0x7c, MEMBER_UINT,   1, "char8" },
};
// clang-format on

const struct leaf *leaf_find(uint16_t number)
{
	size_t low = 0, high = ARRAY_LENGTH(leaves);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (leaves[middle].number == number)
			return &leaves[middle];
		if (leaves[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static struct member basic_at(size_t i)
{
	return (struct member){
		.kind = basics[i].kind, .size = basics[i].size, .target = basics[i].name
	};
}

struct member basic_find(uint8_t number)
{
	size_t i = 0;
	while (i < ARRAY_LENGTH(basics) && basics[i].number != number)
		i++;
	return basic_at(i < ARRAY_LENGTH(basics) ? i : 0);
}

bool basic_named(const char *name, struct member *out)
{
	size_t i = 0;
	while (i < ARRAY_LENGTH(basics) && strcmp(basics[i].name, name) != 0)
		i++;
	if (i < ARRAY_LENGTH(basics))
		*out = basic_at(i);
	return i < ARRAY_LENGTH(basics);
}

// ---- numbers and names ----------------------------------------------------------------------
bool number_read(const struct record *record, uint32_t *at, int64_t *out)
{
	static const uint8_t sizes[] = { 1, 2, 2, 4, 4, 4, 8, 10, 16, 8, 8 };
	if (!span_inside(*at, 2, record->length))
		return false;
	uint32_t first = load_u16(record->at + *at), kind = first - 0x8000;
	*at += 2;
	*out = first;
	if (first < 0x8000)
		return true;
	bool octword = kind == 0x17 || kind == 0x18;
	if (kind >= ARRAY_LENGTH(sizes) && !octword)
		return false;
	uint32_t size = octword ? 16 : sizes[kind];
	if (!span_inside(*at, size, record->length))
		return false;
	const uint8_t *bytes = record->at + *at;
	*at += size;
	switch (kind) {
	case 0:
		*out = (int8_t)*bytes;
		break;
	case 1:
		*out = (int16_t)load_u16(bytes);
		break;
	case 2:
		*out = load_u16(bytes);
		break;
	case 3:
		*out = (int32_t)load_u32(bytes);
		break;
	case 4:
		*out = load_u32(bytes);
		break;
	case 9:
	case 10:
		*out = (int64_t)load_u64(bytes);
		break;
	default:
		*out = 0;
	}
	return true;
}

bool name_read(const struct record *record, uint32_t *at, struct name *out)
{
	const uint8_t *bytes = record->at + *at;
	uint32_t left = *at < record->length ? record->length - *at : 0;
	if (!left)
		return false;
	if (record->leaf->names == NAME_ZERO) {
		const uint8_t *end = memchr(bytes, 0, left);
		out->text = (const char *)bytes;
		*at += end ? (uint32_t)(end - bytes) + 1 : 0;
		return end;
	}
	uint32_t length = *bytes;
	if (length >= left)
		return false;
	memcpy(out->copy, bytes + 1, length);
	out->copy[length] = '\0';
	out->text = out->copy;
	*at += length + 1;
	return true;
}
