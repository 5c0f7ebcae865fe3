// Self-tests on processes: what the kernel says of them, and what they say of themselves.
// SPDX-License-Identifier: Apache-2.0
#include "win/fields.h"
#include "win/nearest_tests.h"
#include "win/process.h"
#include <eidetic/objects.h>
#include <stdlib.h>

enum {
	USER_PROCESSES_MAX = 16,
	USER_MODULES_MAX = 64,
	THREAD_STEPS_MAX = 1024,
	HANDLES_MAX = 1 << 24,
	SESSIONS_MAX = 1 << 16,
};

// ---- by the kernel --------------------------------------------------------------------------
static void test_identity(struct verification *v, const eprocess *p)
{
	ei_val pid = ei_get(*p, UniqueProcessId), parent = ei_get(*p, InheritedFromUniqueProcessId);
	ei_val name = ei_get(*p, ImageFileName);
	test_link(v, LINKS, ei_get(*p, ActiveProcessLinks));
	if (ei_has(pid)) {
		test_count(v, PIDS, pid.u % 4 == 0 && pid.u < PID_MAX);
		v->pids[v->pid_count++] = pid.u;
	}
	if (ei_has(parent))
		test_count(v, PARENTS, parent.u % 4 == 0 && parent.u < PID_MAX);
	if (name.state != EI_UNREADABLE)
		test_count(v, NAMES, ei_has(name) && is_printable(name));
	if (v->pid_count == 1 && pid.u == PID_SYSTEM)
		v->is_system = ei_has(name) && name.length == 6 && !memcmp(name.s, "System", 6);
}

// Where the numbers of types are not known there is no evidence.
static void test_object(struct verification *v, const eprocess *p)
{
	ei_val type = ei_object_type(v->run, p->obj.va);
	if (ei_has(type) || type.state == EI_GARBAGE)
		test_count(v, OBJECT_TYPES,
			ei_has(type) && type.length == 7 && !memcmp(type.s, "Process", 7));
}

static void test_times(struct verification *v, const eprocess *p)
{
	ei_val created = ei_get(*p, CreateTime), exited = ei_get(*p, ExitTime);
	uint64_t slack = CLOCK_SLACK * time_second;
	if (ei_u64_or(ei_get(*p, UniqueProcessId), 0) == PID_SYSTEM) {
		v->booted = ei_u64_or(created, 0);
		return; // before Windows Vista it has none
	}
	if (created.state == EI_GARBAGE || created.state == EI_NONE)
		test_count(v, CREATED, false);
	if (ei_has(created))
		test_count(v, CREATED, is_of_this_boot(v, created.u));
	if (exited.state == EI_GARBAGE)
		test_count(v, EXITED, false);
	if (ei_has(exited))
		test_count(v, EXITED, exited.u + slack >= ei_u64_or(created, 0));
}

// Who has neither threads nor a handle table has ended, and has the time of it.
static void test_end(struct verification *v, const eprocess *p)
{
	ei_val threads = ei_get(*p, ActiveThreads), handles_at = ei_get(*p, ObjectTable);
	ei_val exited = ei_get(*p, ExitTime);
	if (!ei_has(threads) || !ei_has(handles_at) || exited.state == EI_UNREADABLE)
		return;
	if (!threads.u && !handles_at.u)
		test_count(v, ENDED, ei_u64_or(exited, 0));
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
	test_count(v, ROOTS, shown);
}

// Threads on the list: as many as are counted, or more, for those that exited stay while they are
// referred to. Who has none that is counted has ended.
static void test_thread_count(
	struct verification *v, const eprocess *p, uint64_t head, ei_val first)
{
	ei_val threads = ei_get(*p, ActiveThreads), node = first;
	uint32_t steps = 0;
	if (!ei_has(threads))
		return;
	uint64_t wanted = MIN(threads.u, (uint64_t)THREAD_STEPS_MAX);
	for (; steps < wanted && ei_has(node) && node.u != head; steps++)
		node = ei_read_ptr(v->run, NULL, node.u);
	bool none_left = !threads.u && first.u != head;
	if (none_left && !ei_u64_or(ei_get(*p, ExitTime), 0))
		test_count(v, THREAD_COUNT, false);
	else if (ei_has(node))
		test_count(v, THREAD_COUNT, threads.u < THREADS_MAX && steps == wanted);
}

static void test_threads(struct verification *v, const eprocess *p)
{
	ei_val head = ei_get(*p, ThreadList);
	if (!ei_has(head))
		return;
	ei_val node = ei_read_ptr(v->run, NULL, head.u);
	if (!ei_has(node))
		return;
	ei_val back = ei_read_ptr(v->run, NULL, node.u + ei_pointer_size(v->run));
	test_count(v, THREADS, is_kernel_address(v, node.u) && (!ei_has(back) || back.u == head.u));
	if (ei_has(back) && back.u == head.u)
		test_thread_count(v, p, head.u, node);
}

static void test_below(struct verification *v, enum test test, ei_val number, uint64_t limit)
{
	if (ei_has(number))
		test_count(v, test, number.u < limit);
}

// In trees that are tables the root is the right child of a node of the table, and leads back to
// it; the table has a pointer to some other node too. Of other trees the root has a pool tag.
static void test_tree(struct verification *v, const eprocess *p)
{
	ei_val tree = ei_get(*p, VadRoot);
	uint32_t pointer_size = ei_pointer_size(v->run);
	struct member table;
	uint8_t tag[3];
	if (!ei_has(tree))
		return;
	bool is_table = profile_member(
		v->run->session->profile, "_EPROCESS", "VadRoot.BalancedRoot", &table);
	ei_val node = ei_read_ptr(v->run, NULL, tree.u + (is_table ? 2 * pointer_size : 0));
	test_kernel_pointer(v, VADS, node);
	if (!ei_u64_or(node, 0))
		return;
	if (is_table) {
		ei_val parent = ei_read_ptr(v->run, NULL, node.u);
		if (ei_has(parent))
			test_count(v, VAD_TAGS, (parent.u & ~(uint64_t)VAD_PARENT_FLAGS) == tree.u);
		return;
	}
	uint64_t tag_at = node.u - (pointer_size == 8 ? 12 : 4);
	if (ei_read(v->run, NULL, tag_at, tag, sizeof tag) == sizeof tag)
		test_count(v, VAD_TAGS, !memcmp(tag, "Vad", sizeof tag));
}

static void test_pointers(struct verification *v, const eprocess *p)
{
	ei_val peb_at = ei_get(*p, Peb);
	ei_val section = ei_get(*p, SectionBaseAddress), path = ei_process_path(v->run, p);
	ei_val wow64 = ei_get(*p, wow64);
	test_kernel_pointer(v, HANDLES, ei_get(*p, ObjectTable));
	test_kernel_pointer(v, SESSIONS, ei_get(*p, Session));
	test_below(v, HANDLE_COUNTS, ei_process_handle_count(v->run, p), HANDLES_MAX);
	test_below(v, SESSION_IDS, ei_process_session(v->run, p), SESSIONS_MAX);
	test_tree(v, p);
	if (ei_has(peb_at))
		test_count(v, PEBS, is_user_or_none(v, peb_at.u, PAGE_MASK));
	if (ei_has(section))
		test_count(v, SECTIONS, is_user_or_none(v, section.u, ALLOCATION_MASK));
	if (ei_has(wow64)) // the block of the other half, or what the kernel knows of it
		test_count(v, WOW64,
			is_kernel_address(v, wow64.u) || is_user_or_none(v, wow64.u, PAGE_MASK));
	if (path.state == EI_GARBAGE)
		test_count(v, AUDIT_NAMES, false);
	if (ei_has(path) && path.length)
		test_count(v, AUDIT_NAMES, path.s[0] == '\\' || !strchr(path.s, '\\'));
}

// ---- by themselves --------------------------------------------------------------------------
static void test_dll(struct verification *v, const ei_space *space, const ldr_entry *m)
{
	static const struct image_tests tests = { DLL_BASES, DLL_SIZES, DLL_NAMES, DLL_PATHS };
	ei_val base = ei_get(*m, DllBase), loaded = ei_get(*m, LoadTime);
	test_image(v, &tests,
		&(struct image_facts){ .space = space,
			.base = base,
			.size = ei_get(*m, SizeOfImage),
			.name = ei_get(*m, BaseDllName),
			.path = ei_get(*m, FullDllName),
			.is_placed = base.u && is_user_or_none(v, base.u, ALLOCATION_MASK) });
	if (loaded.state == EI_GARBAGE)
		test_count(v, LOAD_TIMES, false);
	if (ei_has(loaded))
		test_count(v, LOAD_TIMES, is_of_this_boot(v, loaded.u));
}

static void test_text(struct verification *v, enum test test, ei_val text)
{
	if (text.state == EI_GARBAGE || (ei_has(text) && text.length))
		test_count(v, test, ei_has(text) && is_printable(text));
}

static void test_process_itself(struct verification *v, const eprocess *p)
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
		test_count(v, PEB_BASE, base.u == section.u);
	ei_val path = ei_process_image_path(v->run, p);
	if (path.state == EI_GARBAGE || ei_has(path))
		test_count(v, PARAMETERS, ei_has(path) && is_printable(path));
	test_text(v, COMMAND_LINES, ei_process_command_line(v->run, p));
	uint32_t modules = 0;
	ei_iter it = ei_process_modules(v->run, p);
	for (ldr_entry m = ei_handle(v->run, ldr_entry);
		modules++ < USER_MODULES_MAX && ei_next(&it, &m);)
		test_dll(v, space, &m);
}

// ---- all of them ----------------------------------------------------------------------------
static void test_process(struct verification *v, const eprocess *p)
{
	test_identity(v, p);
	test_object(v, p);
	test_times(v, p);
	test_end(v, p);
	test_root(v, p);
	test_threads(v, p);
	test_pointers(v, p);
	test_process_itself(v, p);
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

void test_processes(struct verification *v)
{
	ei_iter it = ei_processes(v->run);
	for (eprocess p = ei_handle(v->run, eprocess);
		v->pid_count < PROCESSES_MAX && it.index < PROCESSES_MAX && ei_next(&it, &p);)
		test_process(v, &p);
	test_count(v, SYSTEM, v->is_system);
	qsort(v->pids, v->pid_count, sizeof v->pids[0], compare_numbers);
	for (size_t i = 1; i < v->pid_count; i++)
		test_count(v, UNIQUE, v->pids[i] != v->pids[i - 1]);
}
