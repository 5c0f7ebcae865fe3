// Records of a hive, as byte offsets. Source: M. Suhanov, "Windows registry file format
// specification"; cells are counted from behind their size field. What kernels hold in memory is
// the same.
// SPDX-License-Identifier: Apache-2.0
#ifndef REGISTRY_RECORDS_H
#define REGISTRY_RECORDS_H

#include "base/base.h"

enum {
	BLOCK_SIZE = 4096, // bins are whole numbers of blocks
	CELL_ALIGN = 8,
	CELL_HEADER = 4,     // int32: negative when in use
	ROOT_DEFAULT = 0x20, // the first cell behind the first bin's header
};

#define CELL_NONE UINT32_MAX     // refers to nothing
#define INDEX_OFFSET 0x7fffffffu // the rest of an index says in which storage

// "regf"
enum {
	BASE_SEQUENCE_1 = 4,
	BASE_SEQUENCE_2 = 8,
	BASE_WRITTEN = 12,
	BASE_MAJOR = 20,
	BASE_MINOR = 24,
	BASE_TYPE = 28, // 0: a hive; else a log of changes to one
	BASE_FORMAT = 32,
	BASE_ROOT = 36,
	BASE_LENGTH = 40,
	BASE_CLUSTER = 44,
	BASE_NAME = 48, // UTF-16, its last 31 letters
	BASE_FLAGS = 144,
	BASE_CHECKSUM = 508,
	BASE_READ = 48, // bytes that we look at
	BASE_SIZE = 4096,
};

// "hbin"
enum { BIN_OFFSET = 4, BIN_LENGTH = 8, BIN_HEADER = 32 };

// "nk"
enum {
	NK_FLAGS = 2,
	NK_WRITTEN = 4,
	NK_PARENT = 16,
	NK_SUBKEY_COUNTS = 20, // stable, volatile
	NK_SUBKEY_LISTS = 28,
	NK_VALUE_COUNT = 36,
	NK_VALUE_LIST = 40,
	NK_CLASS = 48,
	NK_NAME_LENGTH = 72,
	NK_CLASS_LENGTH = 74,
	NK_NAME = 76,
};

// "vk"
enum {
	VK_NAME_LENGTH = 2,
	VK_DATA_LENGTH = 4, // bit 31: the data lie in VK_DATA
	VK_DATA = 8,
	VK_TYPE = 12,
	VK_FLAGS = 16,
	VK_NAME = 20,
	VK_FLAG_LATIN1_NAME = 1,
	VK_RESIDENT_MAX = 4,
};
#define VK_RESIDENT 0x80000000u

// "li", "lf", "lh", "ri": signature, count, elements
enum { LIST_COUNT = 2, LIST_ELEMENTS = 4 };

// "db", since version 1.4: data of more than one segment
enum { DB_COUNT = 2, DB_LIST = 4, DB_SIZE = 8, DB_SEGMENT = 16344, DB_MINOR = 4 };

#endif
