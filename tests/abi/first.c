// first: the first release's descriptor, written out without its headers, so that no change of the
// headers reaches it. It has to load for as long as the major number is 1.
// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdint.h>

struct val {
	union {
		uint64_t u;
		const char *s;
	};
	uint32_t length;
	uint8_t kind, state;
	uint16_t reserved;
};

struct column {
	const char *name;
	uint32_t kind;
	const char *doc, *vol3, *vol3_absent, *vol3_with, *vol3_without;
	bool vol3_only;
	const char *ioc;
};

struct plugin {
	uint32_t abi, size;
	uint16_t val_size, field_size, obj_size, iter_size, column_size, option_size;
	uint32_t needs;
	const char *name, *vol3, *purpose;
	const struct column *columns;
	const void *options, *types, *symbols;
	uint16_t column_count, option_count, type_count, symbol_count;
	void *(*run)(void *run);
};

enum { KIND_STR = 7, STATE_OK = 1, NEEDS_IMAGE = 1 };

extern bool ei_emit(void *run, const struct val *cells);

static const struct column columns[] = {
	{ .name = "word", .kind = KIND_STR, .doc = "what the plugin says" }
};

static void *run(void *r)
{
	struct val cell = { .s = "here", .length = 4, .kind = KIND_STR, .state = STATE_OK };
	ei_emit(r, &cell);
	return 0;
}

extern __attribute__((visibility("default"))) const struct plugin ei_plugin_first;
const struct plugin ei_plugin_first = {
	.abi = 1,
	.size = sizeof(struct plugin),
	.val_size = 16,
	.field_size = 8,
	.obj_size = 48,
	.iter_size = 64,
	.column_size = 72,
	.option_size = 24,
	.needs = NEEDS_IMAGE,
	.name = "first",
	.purpose = "says that it is here",
	.columns = columns,
	.column_count = 1,
	.run = run,
};
