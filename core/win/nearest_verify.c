// Self-tests of a profile: what must hold of any Windows, counted over the objects of the image.
//
// A test holds when nine in ten of the objects that can be asked pass it: evidence may be smeared,
// damaged or forged in places, a wrong offset is wrong everywhere.
// SPDX-License-Identifier: Apache-2.0
#include "win/fields.h"
#include "win/list.h"
#include "win/nearest_parts.h"
#include "win/process.h"
#include <ctype.h>
#include <eidetic/registry.h>
#include <eidetic/system.h>
#include <stdlib.h>
#include <strings.h>

enum {
	VERIFY_ARENA_MAX = 64 << 20,
	PROCESSES_MAX = 2048, // that are looked at; more is no better evidence
	USER_PROCESSES_MAX = 16,
	USER_MODULES_MAX = 64,
	MODULES_MAX = 1024,
	THREAD_STEPS_MAX = 1024,
	THREADS_MAX = 1 << 16,
	PID_MAX = 1 << 26,
	PID_SYSTEM = 4,
	ALLOCATION_MASK = 0xffff,
	PAGE_MASK = 0xfff,
	CLOCK_SLACK = 600, // seconds by which clocks of one boot may differ
};

static const uint64_t time_second = 10000000;

// clang-format off
// Those of the registry stand last.
enum test { SYSTEM, ROOTS, LINKS, PIDS, UNIQUE, PARENTS, NAMES, CREATED, EXITED, ENDED, THREADS,
	THREAD_COUNT, HANDLES, SESSIONS, VADS, PEBS, SECTIONS, PEB_BASE, PARAMETERS, AUDIT_NAMES,
	DLL_BASES, DLL_NAMES, KERNEL, MODULE_LINKS, MODULE_BASES, MODULE_NAMES, HIVES, HIVE_BLOCKS,
	HIVE_NAMES, HIVE_STORAGE, TESTS };

static const char *const test_names[TESTS] = {
	[SYSTEM]       = "System is pid 4",
	[ROOTS]        = "page-table roots",
	[LINKS]        = "process links",
	[PIDS]         = "pids",
	[UNIQUE]       = "unique pids",
	[PARENTS]      = "parent pids",
	[NAMES]        = "process names",
	[CREATED]      = "create times",
	[EXITED]       = "exit times",
	[ENDED]        = "processes that ended",
	[THREADS]      = "thread lists",
	[THREAD_COUNT] = "thread counts",
	[HANDLES]      = "handle tables",
	[SESSIONS]     = "sessions",
	[VADS]         = "address trees",
	[PEBS]         = "process environment blocks",
	[SECTIONS]     = "image bases",
	[PEB_BASE]     = "image bases by the process",
	[PARAMETERS]   = "process parameters",
	[AUDIT_NAMES]  = "process paths",
	[DLL_BASES]    = "dll bases",
	[DLL_NAMES]    = "dll names",
	[KERNEL]       = "the kernel is a module",
	[MODULE_LINKS] = "module links",
	[MODULE_BASES] = "module bases",
	[MODULE_NAMES] = "module names",
	[HIVES]        = "hives",
	[HIVE_BLOCKS]  = "hive base blocks",
	[HIVE_NAMES]   = "hive names",
	[HIVE_STORAGE] = "hive sizes",
};
// clang-format on

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

static void count(struct verification *v, enum test test, bool holds)
{
	if (holds)
		v->tallies[test].good++;
	else
		v->tallies[test].bad++;
}

static bool is_kernel(const struct verification *v, uint64_t va)
{
	const struct space_mode *mode = v->kernel->mode;
	return va >= mode->kernel_start && va <= mode->kernel_end;
}

static bool is_user_or_none(const struct verification *v, uint64_t va, uint64_t mask)
{
	return va <= v->kernel->mode->user_end && !(va & mask);
}

// A pointer that may be zero; absent values are no evidence.
static void count_kernel_pointer(struct verification *v, enum test test, ei_val pointer)
{
	if (ei_has(pointer))
		count(v, test, !pointer.u || is_kernel(v, pointer.u));
}

// The next node points back, here: a break in a list is one bad link, whatever a walk loses by it.
static void count_link(struct verification *v, enum test test, ei_val link)
{
	if (!ei_has(link))
		return;
	ei_val next = ei_read_ptr(v->run, NULL, link.u);
	ei_val back =
		ei_has(next) ? ei_read_ptr(v->run, NULL, next.u + ei_pointer_size(v->run)) : next;
	if (ei_has(back))
		count(v, test, back.u == link.u);
}

static bool is_printable(ei_val text)
{
	for (uint32_t i = 0; i < text.length; i++)
		if ((uint8_t)text.s[i] < ' ' || text.s[i] == 0x7f)
			return false;
	return text.length;
}

// ---- processes, by the kernel ---------------------------------------------------------------
static void test_identity(struct verification *v, const eprocess *p)
{
	ei_val pid = ei_get(*p, UniqueProcessId), parent = ei_get(*p, InheritedFromUniqueProcessId);
	ei_val name = ei_get(*p, ImageFileName);
	count_link(v, LINKS, ei_get(*p, ActiveProcessLinks));
	if (ei_has(pid)) {
		count(v, PIDS, pid.u % 4 == 0 && pid.u < PID_MAX);
		v->pids[v->pid_count++] = pid.u;
	}
	if (ei_has(parent))
		count(v, PARENTS, parent.u % 4 == 0 && parent.u < PID_MAX);
	if (name.state != EI_UNREADABLE)
		count(v, NAMES, ei_has(name) && is_printable(name));
	if (v->pid_count == 1 && pid.u == PID_SYSTEM)
		v->is_system = ei_has(name) && name.length == 6 && !memcmp(name.s, "System", 6);
}

static void test_times(struct verification *v, const eprocess *p)
{
	ei_val created = ei_get(*p, CreateTime), exited = ei_get(*p, ExitTime);
	uint64_t slack = CLOCK_SLACK * time_second;
	if (ei_u64_or(ei_get(*p, UniqueProcessId), 0) == PID_SYSTEM) {
		v->booted = ei_u64_or(created, 0);
		return; // before Windows Vista it has none
	}
	if (created.state == EI_GARBAGE)
		count(v, CREATED, false);
	if (ei_has(created))
		count(v, CREATED,
			created.u && created.u + slack >= v->booted &&
				(!v->now || created.u <= v->now + slack));
	if (exited.state == EI_GARBAGE)
		count(v, EXITED, false);
	if (ei_has(exited))
		count(v, EXITED, !exited.u || exited.u + slack >= ei_u64_or(created, 0));
}

// Who has neither threads nor a handle table has ended, and has the time of it.
static void test_end(struct verification *v, const eprocess *p)
{
	ei_val threads = ei_get(*p, ActiveThreads), handles_at = ei_get(*p, ObjectTable);
	ei_val exited = ei_get(*p, ExitTime);
	if (!ei_has(threads) || !ei_has(handles_at) || exited.state == EI_UNREADABLE)
		return;
	if (!threads.u && !handles_at.u)
		count(v, ENDED, ei_u64_or(exited, 0));
}

// The kernel is at the same place in every process that still runs.
static void test_root(struct verification *v, const eprocess *p)
{
	const ei_space *space = ei_process_space(v->run, p);
	struct page page;
	if (!v->kernel_pa || ei_u64_or(ei_get(*p, ExitTime), 0))
		return;
	bool shown = space && space_translate(space, v->run->reader, v->kernel_base, &page) &&
		     page.pa + (v->kernel_base - page.va) == v->kernel_pa;
	count(v, ROOTS, shown);
}

// Threads on the list: as many as are counted, or more, for those that exited stay while they are
// referred to.
static void test_threads(struct verification *v, const eprocess *p)
{
	ei_val head = ei_get(*p, ThreadList), threads = ei_get(*p, ActiveThreads);
	uint32_t pointer_size = ei_pointer_size(v->run), steps = 0;
	if (!ei_has(head))
		return;
	ei_val node = ei_read_ptr(v->run, NULL, head.u);
	if (!ei_has(node))
		return;
	ei_val back = ei_read_ptr(v->run, NULL, node.u + pointer_size);
	count(v, THREADS, is_kernel(v, node.u) && (!ei_has(back) || back.u == head.u));
	if (!ei_has(threads) || !ei_has(back) || back.u != head.u)
		return;
	uint64_t wanted = MIN(threads.u, (uint64_t)THREAD_STEPS_MAX);
	for (; steps < wanted && ei_has(node) && node.u != head.u; steps++)
		node = ei_read_ptr(v->run, NULL, node.u);
	if (ei_has(node))
		count(v, THREAD_COUNT, threads.u < THREADS_MAX && steps == wanted);
}

// Trees of addresses are of several kinds; each begins with a pointer.
static void test_pointers(struct verification *v, const eprocess *p)
{
	ei_val tree = ei_get(*p, VadRoot), peb_at = ei_get(*p, Peb);
	ei_val section = ei_get(*p, SectionBaseAddress), path = ei_process_path(v->run, p);
	count_kernel_pointer(v, HANDLES, ei_get(*p, ObjectTable));
	count_kernel_pointer(v, SESSIONS, ei_get(*p, Session));
	if (ei_has(tree))
		count_kernel_pointer(v, VADS, ei_read_ptr(v->run, NULL, tree.u));
	if (ei_has(peb_at))
		count(v, PEBS, is_user_or_none(v, peb_at.u, PAGE_MASK));
	if (ei_has(section))
		count(v, SECTIONS, is_user_or_none(v, section.u, ALLOCATION_MASK));
	if (path.state == EI_GARBAGE)
		count(v, AUDIT_NAMES, false);
	if (ei_has(path) && path.length)
		count(v, AUDIT_NAMES, path.s[0] == '\\' || !strchr(path.s, '\\'));
}

// ---- processes, by themselves ---------------------------------------------------------------
static void test_dll(struct verification *v, const ei_space *space, const ldr_entry *m)
{
	ei_val base = ei_get(*m, DllBase), name = ei_get(*m, BaseDllName);
	uint8_t magic[2];
	bool is_whole = ei_has(base) && ei_read(v->run, space, base.u, magic, 2) == 2;
	if (ei_has(base))
		count(v, DLL_BASES,
			base.u && is_user_or_none(v, base.u, ALLOCATION_MASK) &&
				(!is_whole || !memcmp(magic, "MZ", 2)));
	if (name.state == EI_GARBAGE || (ei_has(name) && name.length))
		count(v, DLL_NAMES, ei_has(name) && is_printable(name));
}

static void test_user_half(struct verification *v, const eprocess *p)
{
	ei_val address = ei_get(*p, Peb), section = ei_get(*p, SectionBaseAddress);
	const ei_space *space = ei_process_space(v->run, p);
	if (!ei_u64_or(address, 0) || !space || v->user_processes == USER_PROCESSES_MAX)
		return;
	peb block = ei_at_in(v->run, space, peb, address.u);
	ei_val base = ei_get(block, ImageBaseAddress);
	if (!ei_has(base))
		return;
	v->user_processes++;
	if (ei_has(section))
		count(v, PEB_BASE, base.u == section.u);
	ei_val path = ei_process_image_path(v->run, p);
	if (path.state == EI_GARBAGE || ei_has(path))
		count(v, PARAMETERS, ei_has(path) && is_printable(path));
	uint32_t modules = 0;
	ei_iter it = ei_process_modules(v->run, p);
	for (ldr_entry m = ei_handle(v->run, ldr_entry);
		modules++ < USER_MODULES_MAX && ei_next(&it, &m);)
		test_dll(v, space, &m);
}

static void test_process(struct verification *v, const eprocess *p)
{
	test_identity(v, p);
	test_times(v, p);
	test_end(v, p);
	test_root(v, p);
	test_threads(v, p);
	test_pointers(v, p);
	test_user_half(v, p);
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void test_processes(struct verification *v)
{
	ei_iter it = ei_processes(v->run);
	for (eprocess p = ei_handle(v->run, eprocess);
		v->pid_count < PROCESSES_MAX && it.index < PROCESSES_MAX && ei_next(&it, &p);)
		test_process(v, &p);
	count(v, SYSTEM, v->is_system);
	qsort(v->pids, v->pid_count, sizeof v->pids[0], compare_numbers);
	for (size_t i = 1; i < v->pid_count; i++)
		count(v, UNIQUE, v->pids[i] != v->pids[i - 1]);
}

// ---- modules and hives ----------------------------------------------------------------------
static void test_module(struct verification *v, const kldr_entry *m)
{
	ei_val base = ei_get(*m, DllBase), size = ei_get(*m, SizeOfImage);
	ei_val name = ei_get(*m, BaseDllName);
	uint8_t magic[2];
	uint32_t kernel_size = v->run->session->identity.kernel_size;
	bool is_whole = ei_has(base) && ei_read(v->run, NULL, base.u, magic, 2) == 2;
	if (ei_has(base))
		count(v, MODULE_BASES,
			is_kernel(v, base.u) && !(base.u & PAGE_MASK) &&
				(!is_whole || !memcmp(magic, "MZ", 2)));
	if (name.state == EI_GARBAGE || ei_has(name))
		count(v, MODULE_NAMES, ei_has(name) && is_printable(name));
	if (ei_u64_or(base, 0) == v->kernel_base && ei_has(size))
		count(v, KERNEL, !kernel_size || size.u == kernel_size);
}

static void test_modules(struct verification *v)
{
	ei_iter it = ei_modules(v->run);
	for (kldr_entry m = ei_handle(v->run, kldr_entry);
		it.index < MODULES_MAX && ei_next(&it, &m);) {
		count_link(v, MODULE_LINKS, ei_get(m, InLoadOrderLinks));
		test_module(v, &m);
	}
	if (!v->tallies[KERNEL].good)
		count(v, KERNEL, false);
}

static bool is_path_or_none(ei_val text, const char *start)
{
	if (text.state == EI_GARBAGE)
		return false;
	return !ei_has(text) || !text.length ||
	       (is_printable(text) && !strncasecmp(text.s, start, strlen(start)));
}

static void test_hive(struct verification *v, const cmhive *h)
{
	ei_val signature = ei_get(*h, signature), block = ei_get(*h, base_block);
	ei_val storage = ei_get(*h, storage);
	uint8_t magic[4];
	if (ei_has(signature))
		count(v, HIVES, signature.u == EI_HIVE_SIGNATURE);
	if (ei_has(block) && ei_read(v->run, NULL, block.u, magic, 4) == 4)
		count(v, HIVE_BLOCKS, !memcmp(magic, "regf", 4));
	count(v, HIVE_NAMES,
		is_path_or_none(ei_get(*h, FileFullPath), "\\") &&
			is_path_or_none(ei_get(*h, HiveRootPath), "\\REGISTRY"));
	if (!ei_has(storage))
		return;
	dual stable = ei_at(v->run, dual, storage.u);
	ei_val length = ei_get(stable, Length), map = ei_get(stable, Map);
	if (ei_has(length) && ei_has(map))
		count(v, HIVE_STORAGE,
			!(length.u & PAGE_MASK) && length.u < INT32_MAX && is_kernel(v, map.u));
}

// Where no hive is found there may be none in the image, but it cannot be told from wrong types.
static void test_hives(struct verification *v)
{
	struct list_query query = { .what = "CmpHiveListHead", .type = &cmhive_spec };
	cmhive h = ei_handle(v->run, cmhive);
	query.link_offset = h.at->HiveList.offset;
	if (query.link_offset < 0 || !ei_symbol(v->run, "CmpHiveListHead", &query.head)) {
		count(v, HIVES, false);
		return;
	}
	ei_iter it = list_iterate(v->run, &query);
	while (it.index < MODULES_MAX && ei_next(&it, &h))
		test_hive(v, &h);
}

// ---- all of it ------------------------------------------------------------------------------
static bool holds(struct tally tally)
{
	return tally.bad * 10 <= tally.good + tally.bad;
}

static void verdict_fill(const struct verification *v, struct verdict *out)
{
	*out = (struct verdict){ .usable = v->is_system && holds(v->tallies[ROOTS]) };
	size_t length = 0;
	for (size_t i = 0; i < TESTS; i++) {
		struct tally tally = v->tallies[i];
		if (!tally.good && !tally.bad)
			continue;
		if (holds(tally)) {
			out->passed++;
			continue;
		}
		out->failed++;
		out->hives_failed |= i >= HIVES;
		int wrote = snprintf(out->failures + length, sizeof out->failures - length, "%s%s",
			length ? ", " : "", test_names[i]);
		length = MIN(length + (size_t)MAX(wrote, 0), sizeof out->failures - 1);
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

// What is counted outlives the run it was counted with.
static ei_error *tests_run(
	const struct nearest_wish *wish, struct profile *profile, struct verification *v)
{
	EI_OWNED(ei_arena) scratch = NULL;
	EI_OWNED(ei_arena) layouts = NULL;
	EI_TRY(ei_arena_create(VERIFY_ARENA_MAX, &scratch));
	EI_TRY(ei_arena_create(VERIFY_ARENA_MAX, &layouts));
	struct session session = *wish->session;
	session.profile = profile;
	ei_run run = { .session = &session,
		.reader = wish->reader,
		.scratch = scratch,
		.arena = layouts,
		.cancelled = wish->cancelled };
	*v = (struct verification){ .run = &run };
	verification_init(v);
	test_processes(v);
	test_modules(v);
	test_hives(v);
	v->run = NULL;
	return run.stopped ? ei_fail(EI_E_CANCELLED, "cancelled") : NULL;
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
