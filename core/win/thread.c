// Threads: by the list of their process, and by pool tag.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/threads.h>

#include "win/list.h"
#include "win/pool.h"

enum {
	THREAD_BLOCK_LEAST = 600,
	PID_SYSTEM = 4,
	XP_TIME_SHIFT = 3, // the low bits are flags there
};

// FILETIME of 1999-01-01 and of 2100-01-01.
static const uint64_t time_first = 125596224000000000, time_end = 157469184000000000;

#define THREAD_HEAD_FIELDS(F, ALT) F(ThreadListHead, HERE, MAY)
EI_TYPE(thread_head, "_EPROCESS", THREAD_HEAD_FIELDS);

ei_iter ei_process_threads(ei_run *run, const eprocess *process)
{
	ethread table = ei_handle(run, ethread);
	thread_head owner = ei_handle(run, thread_head);
	int32_t head = owner.at->ThreadListHead.offset;
	if (head < 0 || table.at->ThreadListEntry.offset < 0)
		return iter_empty(run, &ethread_spec);
	ei_val pid = ei_get(*process, UniqueProcessId);
	char *what = ei_text(
		run->scratch, "threads of process %llu", (unsigned long long)ei_u64_or(pid, 0));
	struct list_query query = {
		.what = what ? what : "threads of a process",
		.space = process->obj.space,
		.head = process->obj.va + (uint64_t)(int64_t)head,
		.link_offset = table.at->ThreadListEntry.offset,
		.type = &ethread_spec,
	};
	return list_iterate(run, &query);
}

ei_val ei_thread_created(const ethread *thread)
{
	ei_val time = ei_get(*thread, CreateTime);
	bool may_shift = thread->at->ThreadsProcess.offset >= 0;
	if (may_shift && (ei_has(time) || time.state == EI_GARBAGE)) {
		ei_field field = thread->at->CreateTime;
		field.kind = EI_F_UINT;
		uint64_t raw = ei_u64_or(ei_field_get(&thread->obj, &field), 0);
		// Service packs of 2003 do not shift; no time kept one way is one the other way.
		bool is_plain = raw >= time_first && raw < time_end;
		time = ei_of(EI_TIME, is_plain ? raw : raw >> XP_TIME_SHIFT);
	}
	return ei_has(time) && !time.u ? ei_absent(EI_NONE) : time;
}

ei_val ei_thread_exited(const ethread *thread)
{
	ei_val time = ei_get(*thread, ExitTime);
	bool is_list = time.state == EI_GARBAGE;
	return is_list || (ei_has(time) && !time.u) ? ei_absent(EI_NONE) : time;
}

static bool thread_plausible(ei_run *run, const ei_obj *object)
{
	ethread thread = ei_handle(run, ethread);
	thread.obj = *object;
	ei_val tid = ei_get(thread, tid), pid = ei_get(thread, pid);
	if (!ei_has(tid) || !ei_has(pid) || tid.u % 4 || pid.u % 4 || tid.u > UINT32_MAX ||
		pid.u > UINT32_MAX)
		return false;
	ei_val process = ei_get(thread, process);
	const struct space_mode *mode = run->session->identity.kernel.mode;
	if (ei_has(process) && mode->canonical(process.u) < mode->kernel_start)
		return false;
	ei_val time = ei_thread_created(&thread);
	return pid.u == PID_SYSTEM || (ei_has(time) && time.u >= time_first && time.u < time_end);
}

ei_iter ei_threads_scanned(ei_run *run)
{
	struct pool_query query = {
		.tags = { "Thre" },
		.least = THREAD_BLOCK_LEAST,
		.has_header = true,
		.type = &ethread_spec,
		.check = &ethread_spec,
		.plausible = thread_plausible,
	};
	return pool_objects(run, &query);
}
