// Between the self-tests of nearest_verify.c and the files that ask the objects of the image.
// Private to nearest*.c.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_NEAREST_TESTS_H
#define WIN_NEAREST_TESTS_H

#include "win/nearest_parts.h"
#include <eidetic/win.h>

// Those of the registry stand last. A test has its name in nearest_verify.c, and what it claims
// in self_test.c.
// clang-format off
enum test { SYSTEM, ROOTS, LINKS, PIDS, UNIQUE, PARENTS, NAMES, OBJECT_TYPES, CREATED, EXITED,
	ENDED, THREADS, THREAD_COUNT, HANDLES, HANDLE_COUNTS, SESSIONS, SESSION_IDS, WOW64, VADS, VAD_TAGS, PEBS,
	SECTIONS, PEB_BASE, PARAMETERS, COMMAND_LINES, AUDIT_NAMES, DLL_BASES, DLL_SIZES, DLL_NAMES,
	DLL_PATHS, LOAD_TIMES, KERNEL, MODULE_LINKS, MODULE_BASES, MODULE_SIZES, MODULE_NAMES,
	MODULE_PATHS, HIVES, HIVE_BLOCKS, HIVE_NAMES, HIVE_FILES, HIVE_MOUNTS, HIVE_STORAGE, HIVE_ROOTS,
	TESTS };
// clang-format on

enum {
	PROCESSES_MAX = 2048, // that are looked at; more is no better evidence
	MODULES_MAX = 1024,
	PID_SYSTEM = 4,
	PID_MAX = 1 << 26,
	THREADS_MAX = 1 << 16,
	ALLOCATION_MASK = 0xffff,
	PAGE_MASK = 0xfff,
	CLOCK_SLACK = 600, // seconds by which clocks of one boot may differ
};

static const uint64_t time_second = 10000000;

struct tally {
	uint32_t good, bad;
};

struct verification {
	ei_run *run;
	const struct space *kernel;
	uint64_t kernel_base, kernel_pa; // .pa: 0 when the first page is not in the image
	uint64_t booted, now;            // 0: not known
	struct tally tallies[TESTS];
	uint64_t pids[PROCESSES_MAX];
	size_t pid_count, user_processes;
	bool is_system;
};

void test_processes(struct verification *v);
void test_modules(struct verification *v);
void test_hives(struct verification *v);

// ---- counting -------------------------------------------------------------------------------
void test_count(struct verification *v, enum test test, bool holds);

// The next node points back, here: a break in a list is one bad link, whatever a walk loses by it.
void test_link(struct verification *v, enum test test, ei_val link);

// A pointer into the kernel, that may be zero; absent values are no evidence.
void test_kernel_pointer(struct verification *v, enum test test, ei_val pointer);

// Base, size, names of a loaded image, by the tests from `base` on: base, size, name, path.
struct image_tests {
	enum test base, size, name, path;
};
struct image_facts {
	const ei_space *space; // NULL: the kernel's
	ei_val base, size, name, path;
	bool is_placed; // the base is where such an image may lie
};
void test_image(
	struct verification *v, const struct image_tests *tests, const struct image_facts *image);

bool is_kernel_address(const struct verification *v, uint64_t va);
bool is_user_or_none(const struct verification *v, uint64_t va, uint64_t mask);
bool is_printable(ei_val text);

// Within the time that this system was up, give or take a clock's adjustment.
bool is_of_this_boot(const struct verification *v, uint64_t time);

#endif
