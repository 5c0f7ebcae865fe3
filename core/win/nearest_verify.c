// Self-tests of a profile: what must hold of any Windows, counted over the objects of the image.
//
// A test holds when nine in ten of the objects that can be asked pass it: evidence may be smeared,
// damaged or forged in places, a wrong offset is wrong everywhere.
// SPDX-License-Identifier: Apache-2.0
#include "win/fields.h"
#include "win/nearest_tests.h"
#include "win/shared.h"
#include <eidetic/system.h>
#include <strings.h>

enum {
	VERIFY_ARENA_MAX = 64 << 20,
	// of a PE image; they do not change
	PE_HEADER_AT = 0x3c,
	PE_SIZE_AT = 0x50, // SizeOfImage, from the PE header on
};

// clang-format off
static const char *const test_names[TESTS] = {
	[SYSTEM]        = "System is pid 4",
	[ROOTS]         = "page-table roots",
	[LINKS]         = "process links",
	[PIDS]          = "pids",
	[UNIQUE]        = "unique pids",
	[PARENTS]       = "parent pids",
	[NAMES]         = "process names",
	[OBJECT_TYPES]  = "object types",
	[CREATED]       = "create times",
	[EXITED]        = "exit times",
	[ENDED]         = "processes that ended",
	[THREADS]       = "thread lists",
	[THREAD_COUNT]  = "thread counts",
	[HANDLES]       = "handle tables",
	[HANDLE_COUNTS] = "handle counts",
	[SESSIONS]      = "sessions",
	[SESSION_IDS]   = "session ids",
	[WOW64]         = "32-bit halves",
	[VADS]          = "address trees",
	[VAD_TAGS]      = "address tree nodes",
	[PEBS]          = "process environment blocks",
	[SECTIONS]      = "image bases",
	[PEB_BASE]      = "image bases by the process",
	[PARAMETERS]    = "process parameters",
	[COMMAND_LINES] = "command lines",
	[AUDIT_NAMES]   = "process paths",
	[DLL_BASES]     = "dll bases",
	[DLL_SIZES]     = "dll sizes",
	[DLL_NAMES]     = "dll names",
	[DLL_PATHS]     = "dll paths",
	[LOAD_TIMES]    = "load times",
	[KERNEL]        = "the kernel is a module",
	[MODULE_LINKS]  = "module links",
	[MODULE_BASES]  = "module bases",
	[MODULE_SIZES]  = "module sizes",
	[MODULE_NAMES]  = "module names",
	[MODULE_PATHS]  = "module paths",
	[HIVES]         = "hives",
	[HIVE_BLOCKS]   = "hive base blocks",
	[HIVE_NAMES]    = "hive names",
	[HIVE_FILES]    = "hive files",
	[HIVE_MOUNTS]   = "hive mounts",
	[HIVE_STORAGE]  = "hive sizes",
	[HIVE_ROOTS]    = "root keys",
};
// clang-format on

// ---- counting -------------------------------------------------------------------------------
void test_count(struct verification *v, enum test test, bool holds)
{
	if (holds)
		v->tallies[test].good++;
	else
		v->tallies[test].bad++;
}

bool is_kernel_address(const struct verification *v, uint64_t va)
{
	const struct space_mode *mode = v->kernel->mode;
	return va >= mode->kernel_start && va <= mode->kernel_end;
}

bool is_user_or_none(const struct verification *v, uint64_t va, uint64_t mask)
{
	return va <= v->kernel->mode->user_end && !(va & mask);
}

bool is_of_this_boot(const struct verification *v, uint64_t time)
{
	uint64_t slack = CLOCK_SLACK * time_second;
	return time + slack >= v->booted && (!v->now || time <= v->now + slack);
}

bool is_printable(ei_val text)
{
	for (uint32_t i = 0; i < text.length; i++) {
		uint8_t c = (uint8_t)text.s[i];
		if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
			return false;
	}
	return text.length;
}

void test_kernel_pointer(struct verification *v, enum test test, ei_val pointer)
{
	if (ei_has(pointer))
		test_count(v, test, !pointer.u || is_kernel_address(v, pointer.u));
}

void test_link(struct verification *v, enum test test, ei_val link)
{
	if (!ei_has(link))
		return;
	ei_val next = ei_read_ptr(v->run, NULL, link.u);
	ei_val back =
		ei_has(next) ? ei_read_ptr(v->run, NULL, next.u + ei_pointer_size(v->run)) : next;
	if (ei_has(back))
		test_count(v, test, back.u == link.u);
}

// ---- loaded images --------------------------------------------------------------------------
// The size that the image's own header says; 0 when it cannot be read.
static uint64_t size_by_header(struct verification *v, const struct image_facts *image)
{
	uint8_t bytes[4];
	if (ei_read(v->run, image->space, image->base.u + PE_HEADER_AT, bytes, 4) != 4)
		return 0;
	uint32_t header = load_u32(bytes);
	if (header >= PAGE_SIZE - PE_SIZE_AT ||
		ei_read(v->run, image->space, image->base.u + header + PE_SIZE_AT, bytes, 4) != 4)
		return 0;
	return ((uint64_t)load_u32(bytes) + PAGE_MASK) & ~(uint64_t)PAGE_MASK;
}

// A path ends with the name, in whatever case.
static bool path_fits(ei_val path, ei_val name)
{
	return path.length >= name.length &&
	       !strncasecmp(path.s + path.length - name.length, name.s, name.length);
}

static void test_place(
	struct verification *v, const struct image_tests *tests, const struct image_facts *image)
{
	ei_val base = image->base, size = image->size;
	uint8_t magic[2];
	bool has_header = ei_has(base) && ei_read(v->run, image->space, base.u, magic, 2) == 2;
	bool is_image = has_header && !memcmp(magic, "MZ", 2);
	if (ei_has(base))
		test_count(v, tests->base, image->is_placed && (!has_header || is_image));
	if (!ei_has(size))
		return;
	uint64_t known = is_image ? size_by_header(v, image) : 0;
	bool whole = size.u && !(size.u & PAGE_MASK) && size.u < UINT32_MAX;
	test_count(v, tests->size, known ? size.u == known : whole);
}

void test_image(
	struct verification *v, const struct image_tests *tests, const struct image_facts *image)
{
	ei_val name = image->name, path = image->path;
	test_place(v, tests, image);
	if (name.state == EI_GARBAGE || (ei_has(name) && name.length))
		test_count(v, tests->name, ei_has(name) && is_printable(name));
	if (path.state == EI_GARBAGE)
		test_count(v, tests->path, false);
	if (ei_has(path) && path.length && ei_has(name))
		test_count(v, tests->path, path_fits(path, name));
}

static void test_module(struct verification *v, const kldr_entry *m)
{
	static const struct image_tests tests = { MODULE_BASES, MODULE_SIZES, MODULE_NAMES,
		MODULE_PATHS };
	ei_val base = ei_get(*m, DllBase), size = ei_get(*m, SizeOfImage);
	uint32_t kernel_size = v->run->session->identity.kernel_size;
	test_link(v, MODULE_LINKS, ei_get(*m, InLoadOrderLinks));
	test_image(v, &tests,
		&(struct image_facts){ .base = base,
			.size = size,
			.name = ei_get(*m, BaseDllName),
			.path = ei_get(*m, FullDllName),
			.is_placed = is_kernel_address(v, base.u) && !(base.u & PAGE_MASK) });
	if (ei_u64_or(base, 0) == v->kernel_base && ei_has(size))
		test_count(v, KERNEL, !kernel_size || size.u == kernel_size);
}

void test_modules(struct verification *v)
{
	ei_iter it = ei_modules(v->run);
	for (kldr_entry m = ei_handle(v->run, kldr_entry);
		it.index < MODULES_MAX && ei_next(&it, &m);)
		test_module(v, &m);
	if (!v->tallies[KERNEL].good)
		test_count(v, KERNEL, false);
}

// ---- all of it ------------------------------------------------------------------------------
static bool holds(struct tally tally)
{
	return tally.bad * 10 <= tally.good + tally.bad;
}

static void verdict_fill(const struct verification *v, struct verdict *out)
{
	*out = (struct verdict){ .usable = v->is_system && holds(v->tallies[ROOTS]) };
	for (size_t i = 0; i < TESTS; i++) {
		struct tally tally = v->tallies[i];
		if (!tally.good && !tally.bad)
			continue;
		if (holds(tally)) {
			out->passed++;
			continue;
		}
		out->failures[out->failed++] = test_names[i];
		out->hives_failed |= i >= HIVES;
	}
}

static void verification_init(struct verification *v)
{
	struct page page;
	v->kernel = &v->run->session->identity.kernel;
	v->kernel_base = v->run->session->identity.kernel_base;
	if (space_translate(v->kernel, v->run->reader, v->kernel_base, &page))
		v->kernel_pa = page.pa + (v->kernel_base - page.va);
	ei_val now = ei_system_read(v->run).time;
	v->now = ei_has(now) ? now.u : 0;
}

static ei_error *tests_run_with(
	const struct nearest_wish *wish, const struct session *session, struct verification *v)
{
	EI_OWNED(ei_arena) scratch = NULL;
	EI_OWNED(ei_arena) layouts = NULL;
	EI_TRY(ei_arena_create(VERIFY_ARENA_MAX, &scratch));
	EI_TRY(ei_arena_create(VERIFY_ARENA_MAX, &layouts));
	ei_run run = { .session = session,
		.reader = wish->reader,
		.scratch = scratch,
		.arena = layouts,
		.cancelled = wish->cancelled };
	*v = (struct verification){ .run = &run };
	verification_init(v);
	test_processes(v);
	test_modules(v);
	test_hives(v);
	v->run = NULL; // what is counted outlives the run it was counted with
	return run.stopped ? ei_fail(EI_E_CANCELLED, "cancelled") : NULL;
}

// Tables that a session shares are of its profile; this one's are its own.
static ei_error *tests_run(
	const struct nearest_wish *wish, struct profile *profile, struct verification *v)
{
	struct session session = *wish->session;
	session.profile = profile;
	EI_TRY(shared_create(&session.shared));
	ei_error *error = tests_run_with(wish, &session, v);
	shared_drop(session.shared);
	return error;
}

ei_error *profile_verify(
	const struct nearest_wish *wish, struct profile *profile, struct verdict *out)
{
	struct verification v;
	EI_TRY(tests_run(wish, profile, &v));
	verdict_fill(&v, out);
	return NULL;
}

_Static_assert((int)TESTS <= (int)TEST_TALLIES_MAX, "every test has its tally");

ei_error *profile_tally(const struct nearest_wish *wish, struct profile *profile,
	struct test_tally out[TEST_TALLIES_MAX], size_t *count_out)
{
	struct verification v;
	EI_TRY(tests_run(wish, profile, &v));
	for (size_t i = 0; i < TESTS; i++)
		out[i] = (struct test_tally){ test_names[i], v.tallies[i].good, v.tallies[i].bad,
			!holds(v.tallies[i]) };
	*count_out = TESTS;
	return NULL;
}
