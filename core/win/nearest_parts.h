// Between the parts that choose the nearest profile. Private to nearest*.c.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_NEAREST_PARTS_H
#define WIN_NEAREST_PARTS_H

#include "win/nearest.h"

// ---- globals --------------------------------------------------------------------------------
// The head of some doubly linked list, in the kernel's image; its nodes are outside.
struct ring_head {
	uint64_t va, first, last;
};

// What one witness says of where a global is.
struct global_witness {
	const char *global, *witness; // the witness as in "the export table says"
	uint64_t va;
};

enum { GLOBALS_MAX = 64, GLOBAL_WITNESSES_MAX = 128 };

// Low bits of a node's link to its parent: the balance.
enum { VAD_PARENT_FLAGS = 3 };

// What is found once, whatever the types.
struct globals {
	struct global_witness said[GLOBAL_WITNESSES_MAX]; // all in the kernel's image
	size_t said_count;
	uint64_t system; // where PsInitialSystemProcess points
	const struct ring_head *heads;
	size_t head_count;
};

// `out` lives in `arena`.
EI_CHECKED ei_error *globals_find(
	const struct nearest_wish *wish, ei_arena *arena, struct globals *out);

// The symbols as they are found with the types of `types`, and of `hive_types` for the registry;
// their number, 0 when the System process is not found so. `doubt` is set to what the witnesses
// disagree on, or NULL.
size_t globals_fit(const struct nearest_wish *wish, const struct globals *globals,
	const struct profile *types, const struct profile *hive_types,
	struct symbol_at symbols[GLOBALS_MAX], const char **doubt);

// All that witnesses say, in any order, with `types` for those that need them.
EI_CHECKED ei_error *globals_witnessed(const struct nearest_wish *wish, const struct profile *types,
	struct global_witness out[GLOBAL_WITNESSES_MAX], size_t *count);

// ---- self-tests -----------------------------------------------------------------------------
enum { TEST_TALLIES_MAX = 64 };

struct verdict {
	uint32_t passed, failed;
	bool hives_failed; // some of the failures are the registry's
	bool usable;       // System and the processes' page tables are where they should be
	const char *failures[TEST_TALLIES_MAX]; // names of the tests that failed
};

// Reads the image with `profile` and counts what holds.
EI_CHECKED ei_error *profile_verify(
	const struct nearest_wish *wish, struct profile *profile, struct verdict *out);

// One self-test: of how many objects it holds, and of how many not. Both 0: none could be asked.
struct test_tally {
	const char *name;
	uint32_t good, bad;
	bool failed;
};

// profile_verify(), test by test.
EI_CHECKED ei_error *profile_tally(const struct nearest_wish *wish, struct profile *profile,
	struct test_tally out[TEST_TALLIES_MAX], size_t *count);

#endif
