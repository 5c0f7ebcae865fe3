// Threads: the kernel's side of them.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

enum {
	STATE_RUNNING = 2,
	STATE_TERMINATED = 4,
	STATE_WAITING = 5,
	KERNEL_STACK_BYTES = 0x6000,
	WAIT_USER_REQUEST = 6,
	FLAG_TERMINATED = 0x1,
	FLAG_SYSTEM = 0x10,
};

// A thread that is being made.
struct start {
	uint64_t address, created, exited;
	bool running;
};

static void write_identity(struct forge *f, struct process *p, const struct thread *t)
{
	struct object o = t->object;
	forge_put(f, o, "Tcb.Header.Type", 6);
	forge_put(f, o, "Tcb.Header.Size", forge_size(f, "_KTHREAD", 24) / 4);
	forge_put(f, o, "Tcb.Process|Tcb.ApcState.Process", p->object.va);
	forge_put(f, o, "Tcb.ApcState.Process", p->object.va);
	forge_put(f, o, "ThreadsProcess", p->object.va);
	forge_put(f, o, "Cid.UniqueProcess", p->pid);
	forge_put(f, o, "Cid.UniqueThread", t->tid);
}

static void write_times(struct forge *f, struct object o, const struct start *s)
{
	// Before Vista the low three bits of the field counted faults.
	struct member m;
	bool shifted = profile_member(f->profile, "_ETHREAD", "NestedFaultCount", &m);
	forge_put(f, o, "CreateTime", shifted ? s->created << 3 : s->created);
	forge_put(f, o, "ExitTime", s->exited);
	forge_put(f, o, "Tcb.KernelTime", forge_below(f, 400));
	forge_put(f, o, "Tcb.UserTime", forge_below(f, 900));
}

static void write_scheduling(
	struct forge *f, struct process *p, struct object o, const struct start *s)
{
	bool system = p->space.dtb == f->kernel.dtb;
	uint32_t state = s->exited ? STATE_TERMINATED : s->running ? STATE_RUNNING : STATE_WAITING;
	forge_put(f, o, "Tcb.State", state);
	forge_put(f, o, "Tcb.WaitReason", state == STATE_WAITING ? WAIT_USER_REQUEST : 0);
	forge_put(f, o, "Tcb.Priority", system ? 12 : 8 + forge_below(f, 3));
	forge_put(f, o, "Tcb.BasePriority", system ? 12 : 8);
	forge_put(f, o, "Tcb.ContextSwitches", 3 + forge_below(f, 5000));
	forge_put(f, o, "Tcb.PreviousMode", !system);
	forge_put(f, o, "CrossThreadFlags",
		(s->exited ? FLAG_TERMINATED : 0) | (system ? FLAG_SYSTEM : 0));
	// Stacks of threads that wait for long are not in memory.
	uint64_t stack = region_reserve(f, REGION_SYSTEM, KERNEL_STACK_BYTES + PAGE_SIZE);
	forge_put(f, o, "Tcb.StackLimit", stack);
	forge_put(f, o, "Tcb.StackBase|Tcb.InitialStack", stack + KERNEL_STACK_BYTES);
	forge_put(f, o, "Tcb.InitialStack", stack + KERNEL_STACK_BYTES - 0x40 * f->pointer / 4);
	forge_put(f, o, "Tcb.KernelStack", stack + KERNEL_STACK_BYTES - 0x300);
}

static void thread_link(struct forge *f, struct process *p, struct object o)
{
	uint64_t links = forge_field(f, o, "ThreadListEntry");
	uint64_t inner = forge_field(f, o, "Tcb.ThreadListEntry");
	if (links)
		list_add(f, &f->kernel, forge_field(f, p->object, "ThreadListHead"), links);
	if (inner)
		list_add(f, &f->kernel, forge_field(f, p->object, "Pcb.ThreadListHead"), inner);
}

// Threads that have exited are in no list any more; a reference still keeps the object.
static void thread_truth(
	struct forge *f, struct process *p, const struct thread *t, const struct start *s)
{
	for (int scan = s->exited != 0; scan < 2; scan++)
		truth_row(f, scan ? "thrdscan" : "threads", "{s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
			"pid", (json_int_t)p->pid, "tid", (json_int_t)t->tid, "offset",
			(json_int_t)t->object.va, "physical",
			(json_int_t)paging_physical(f, &f->kernel, t->object.va), "start",
			(json_int_t)s->address, "created", truth_time(s->created), "exited",
			truth_time(s->exited));
}

static struct thread *thread_create(
	struct forge *f, struct process *p, uint64_t tid, size_t nth, const struct start *s)
{
	struct thread *t = forge_alloc(f, sizeof *t);
	if (!t)
		return NULL;
	t->tid = tid;
	t->object = object_create(f, &(struct object_request){ .object_type = "Thread",
					     .type = "_ETHREAD",
					     .tag = "Thre",
					     .quota = true,
					     .kind = POOL_NONPAGED });
	write_identity(f, p, t);
	write_times(f, t->object, s);
	write_scheduling(f, p, t->object, s);
	forge_put(f, t->object, "StartAddress", s->address);
	forge_put(f, t->object, "Win32StartAddress", s->address);
	if (p->peb && !s->exited)
		forge_put(f, t->object, "Tcb.Teb", user_create_thread(f, p, t, nth));
	if (!s->exited)
		thread_link(f, p, t->object);
	handle_add(f, &f->ids,
		(struct handle_entry){ .index = (uint32_t)tid / 4, .target = t->object.va });
	thread_truth(f, p, t, s);
	return t;
}

static uint64_t next_tid(struct forge *f, uint64_t *tid)
{
	do
		*tid += 4 * (1 + forge_below(f, 9));
	while (!id_take(f, *tid) && *tid < 1 << 18);
	return *tid;
}

static uint64_t start_address(struct forge *f, const struct process *p, const json_t *description)
{
	uint64_t asked = scenario_number(description, "thread_start", 0);
	if (asked)
		return asked;
	if (p->space.dtb == f->kernel.dtb || !p->image)
		return f->kernel_base + 0x20000 + forge_below(f, 0x8000) * 16;
	return p->image + 0x1000 + forge_below(f, 0x80) * 16;
}

static void lists_init(struct forge *f, struct process *p)
{
	static const char *const heads[] = { "ThreadListHead", "Pcb.ThreadListHead" };
	for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
		uint64_t head = forge_field(f, p->object, heads[i]);
		if (head)
			list_init(f, &f->kernel, head);
	}
}

void thread_create_all(struct forge *f, struct process *p, const json_t *description)
{
	uint64_t tid = p->pid;
	uint64_t count = scenario_number(description, "threads", p->exited ? 0 : 1);
	uint64_t gone = scenario_number(description, "exited_threads", p->exited ? 1 : 0);
	struct thread **end = &p->threads;
	lists_init(f, p);
	for (uint64_t i = 0; i < (p->exited ? 0 : count) + gone && !f->error; i++) {
		struct start s = { .running = p->pid == 4 && i == 0 };
		bool exited = p->exited || i >= count;
		s.address = start_address(f, p, description);
		s.created = p->created + forge_below(f, 20000000);
		if (exited)
			s.exited = p->exited ? p->exited : s.created + 30000000;
		*end = thread_create(f, p, next_tid(f, &tid), i, &s);
		if (*end)
			end = &(*end)->next;
	}
	forge_put(f, p->object, "ActiveThreads", p->exited ? 0 : count);
	forge_put(f, p->object, "ActiveThreadsHighWatermark", count + gone);
}
