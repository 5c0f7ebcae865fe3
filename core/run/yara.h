// What the files that scan with YARA share.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_YARA_H
#define RUN_YARA_H

#include "run/engine.h"
#include <eidetic/yara.h>
#include <yara.h>

// ---- the library, loaded when it is wanted --------------------------------------------------
struct yara_library {
	__typeof__(yr_initialize) *start;
	__typeof__(yr_finalize) *end;
	__typeof__(yr_compiler_create) *compiler_create;
	__typeof__(yr_compiler_destroy) *compiler_drop;
	__typeof__(yr_compiler_set_callback) *set_callback;
	__typeof__(yr_compiler_set_include_callback) *set_include;
	__typeof__(yr_compiler_define_string_variable) *define_text;
	__typeof__(yr_compiler_add_string) *add;
	__typeof__(yr_compiler_get_rules) *get_rules;
	__typeof__(yr_rules_load) *rules_load;
	__typeof__(yr_rules_destroy) *rules_drop;
	__typeof__(yr_scanner_create) *scanner_create;
	__typeof__(yr_scanner_destroy) *scanner_drop;
	__typeof__(yr_scanner_set_callback) *scanner_set_callback;
	__typeof__(yr_scanner_set_flags) *scanner_set_flags;
	__typeof__(yr_scanner_set_timeout) *scanner_set_timeout;
	__typeof__(yr_scanner_scan_mem_blocks) *scan;
	char missing[256]; // "": all is there
};

// EI_E_REQUIREMENT when it cannot be loaded. What was started must be ended.
EI_CHECKED ei_error *yara_start(void);
void yara_end(void);
const struct yara_library *yara_functions(void); // after yara_start()

// ---- rules ----------------------------------------------------------------------------------
enum { YARA_SETS_MAX = 16 };

struct ei_yara {
	YR_RULES *sets[YARA_SETS_MAX]; // what was compiled, and each compiled file
	size_t set_count;
	uint64_t max_size;    // 0: any
	uint64_t max_matches; // of a string in a range; 0: any
	unsigned timeout;     // seconds; 0: any
	unsigned context;     // bytes
	bool started;
};

// ---- ranges ---------------------------------------------------------------------------------
struct yara_range {
	struct space space;
	uint64_t start, size;
	uint64_t own;        // matches that start behind are another range's
	const char *name;    // borrowed; NULL: none
	uint32_t protection; // + 1; 0: none
};

struct yara_ranges {
	struct yara_range *items;
	size_t count, room;
	ei_arena *names; // NULL: none yet
	bool no_memory;
};

void yara_ranges_deinit(struct yara_ranges *ranges);
void yara_range_add(struct yara_ranges *ranges, struct yara_range range, ei_val name);

// ---- a range put together: one window of it at a time ---------------------------------------
enum {
	YARA_WINDOW = 64 << 20, // bytes
	YARA_OVERLAP = 1 << 20, // bytes that two windows share
	YARA_GAP = 64 << 10,    // zeroes that part blocks
};

struct yara_window;
EI_CHECKED ei_error *yara_window_create(const struct image *image, struct yara_window **out);
void yara_window_drop(struct yara_window *window); // NULL is allowed
EI_OWNER(yara_window, yara_window_drop);

// The blocks of `range`, to be scanned; borrowed until the next call.
YR_MEMORY_BLOCK_ITERATOR *yara_window_open(
	struct yara_window *window, const struct yara_range *range);
struct reader *yara_window_reader(struct yara_window *window);
// False when there was nothing to scan in it but zeroes.
bool yara_window_any(struct yara_window *window);

// ---- scanning -------------------------------------------------------------------------------
EI_CHECKED ei_error *yara_scan(ei_run *run, const ei_yara *rules, const struct yara_ranges *ranges,
	ei_yara_found *found, void *context);

#endif
