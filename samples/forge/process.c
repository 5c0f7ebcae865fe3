// Processes and threads: the kernel's side of them.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

static uint64_t session_space(struct forge *f, uint64_t id)
{
	uint64_t *session = &f->sessions[id % ARRAY_LENGTH(f->sessions)];
	if (*session)
		return *session;
	uint32_t bytes = forge_size(f, "_MM_SESSION_SPACE", PAGE_SIZE);
	*session = region_take(f, REGION_SYSTEM, bytes);
	struct object o = { &f->kernel, *session, "_MM_SESSION_SPACE" };
	forge_put(f, o, "SessionId", id);
	return *session;
}

// "\Windows": the system root on its volume.
static const char *root_folder(struct forge *f)
{
	const char *root = scenario_text(f->scenario, "system_root", "C:\\Windows");
	return root[0] && root[1] == ':' ? root + 2 : root;
}

// An _OBJECT_NAME_INFORMATION has its text right behind the string.
static void write_audit_name(struct forge *f, struct process *p, const char *path)
{
	char device[512];
	// The kernel has followed the link \SystemRoot by the time it notes the name.
	static const char link[] = "\\SystemRoot\\";
	bool linked = !strncmp(path, link, sizeof link - 1);
	const char *tail = linked                      ? path + sizeof link - 2
			   : path[0] && path[1] == ':' ? path + 2
						       : path;
	snprintf(device, sizeof device, "\\Device\\HarddiskVolume2%s%s",
		linked ? root_folder(f) : "", tail);
	uint32_t string = forge_size(f, "_UNICODE_STRING", f->pointer * 2);
	uint64_t va = pool_take(f, POOL_PAGED, "SeOn", string + utf16_bytes(device) + 2);
	uint32_t bytes = write_utf16(f, &f->kernel, va + string, device);
	struct object name = { &f->kernel, va, "_OBJECT_NAME_INFORMATION" };
	forge_put_string(f, name, "Name", va + string, bytes);
	forge_put(f, p->object, "SeAuditProcessCreationInfo.ImageFileName", va);
}

static void write_token(struct forge *f, struct process *p)
{
	struct object token = object_create(f, &(struct object_request){ .object_type = "Token",
						       .type = "_TOKEN",
						       .tag = "Toke",
						       .kind = POOL_PAGED });
	forge_put_text(f, token, "TokenSource.SourceName", p->pid == 4 ? "*SYSTEM*" : "User32 ");
	forge_put(f, token, "SessionId", 0);
	forge_put(f, token, "TokenType", 1);
	// A fast reference: the low bits count.
	forge_put(f, p->object, "Token", token.va | (f->pointer == 8 ? 0xf : 0x7));
}

static void write_handle_table(struct forge *f, struct process *p)
{
	uint32_t bytes = forge_size(f, "_HANDLE_TABLE", f->pointer * 16);
	struct object table = { &f->kernel, pool_take(f, POOL_PAGED, "Obtb", bytes),
		"_HANDLE_TABLE" };
	forge_put(f, table, "TableCode", region_take(f, REGION_PAGED, PAGE_SIZE));
	forge_put(f, table, "QuotaProcess", p->object.va);
	forge_put(f, table, "UniqueProcessId", p->pid);
	forge_put(f, table, "NextHandleNeedingPool", PAGE_SIZE / (f->pointer * 2) * 4);
	forge_put(f, p->object, "ObjectTable", table.va);
}

static void thread_create(struct forge *f, struct process *p, uint64_t tid, uint64_t start)
{
	struct object t = object_create(f, &(struct object_request){ .object_type = "Thread",
						   .type = "_ETHREAD",
						   .tag = "Thre",
						   .kind = POOL_NONPAGED });
	forge_put(f, t, "Tcb.Header.Type", 6);
	forge_put(f, t, "Tcb.Header.Size", 6);
	forge_put(f, t, "Tcb.Process|Tcb.ApcState.Process", p->object.va);
	forge_put(f, t, "Tcb.ApcState.Process", p->object.va);
	forge_put(f, t, "ThreadsProcess", p->object.va);
	forge_put(f, t, "Tcb.State", 5);
	forge_put(f, t, "Cid.UniqueProcess", p->pid);
	forge_put(f, t, "Cid.UniqueThread", tid);
	forge_put(f, t, "StartAddress", start);
	forge_put(f, t, "Win32StartAddress", start);
	uint64_t created = p->created + forge_below(f, 20000000);
	// Before Vista the low three bits of the field counted faults.
	struct member m;
	bool shifted = profile_member(f->profile, "_ETHREAD", "NestedFaultCount", &m);
	forge_put(f, t, "CreateTime", shifted ? created << 3 : created);
	uint64_t head = forge_field(f, p->object, "ThreadListHead");
	list_add(f, &f->kernel, head, forge_field(f, t, "ThreadListEntry"));
	uint64_t inner = forge_field(f, p->object, "Pcb.ThreadListHead");
	uint64_t entry = forge_field(f, t, "Tcb.ThreadListEntry");
	if (inner && entry)
		list_add(f, &f->kernel, inner, entry);
	truth_row(f, "threads", "{s:I, s:I, s:I, s:I, s:o}", "pid", (json_int_t)p->pid, "tid",
		(json_int_t)tid, "offset", (json_int_t)t.va, "start", (json_int_t)start, "created",
		truth_time(created));
}

static uint64_t next_id(struct forge *f, uint64_t *id)
{
	return *id += 4 * (1 + forge_below(f, 9));
}

static void write_threads(struct forge *f, struct process *p, const json_t *description)
{
	static const uint64_t first_thread = 0x1f4;
	uint64_t tid = p->pid + first_thread;
	uint64_t count = scenario_number(description, "threads", p->exited ? 0 : 1);
	uint64_t head = forge_field(f, p->object, "ThreadListHead");
	list_init(f, &f->kernel, head);
	uint64_t inner = forge_field(f, p->object, "Pcb.ThreadListHead");
	if (inner)
		list_init(f, &f->kernel, inner);
	for (uint64_t i = 0; i < count && !f->error; i++) {
		uint64_t start = f->kernel_base + 0x20000 + forge_below(f, 0x8000) * 16;
		if (p->space.dtb != f->kernel.dtb && p->region_count)
			start = p->regions[0].start + 0x1000 + forge_below(f, 0x80) * 16;
		thread_create(f, p, next_id(f, &tid), start);
	}
	forge_put(f, p->object, "ActiveThreads", p->exited ? 0 : count);
}

static void write_identity(struct forge *f, struct process *p, const json_t *description)
{
	struct object o = p->object;
	forge_put(f, o, "Pcb.Header.Type", 3);
	forge_put(f, o, "Pcb.Header.Size", forge_size(f, "_KPROCESS", 0) / 4);
	forge_put(f, o, "Pcb.DirectoryTableBase", p->space.dtb);
	forge_put(f, o, "UniqueProcessId", p->pid);
	forge_put(f, o, "InheritedFromUniqueProcessId", p->ppid);
	forge_put_text(f, o, "ImageFileName", p->name);
	forge_put(f, o, "CreateTime", p->created);
	forge_put(f, o, "ExitTime", p->exited);
	forge_put(f, o, "ExitStatus", p->exited ? 0 : 0x103);
	forge_put(f, o, "PriorityClass", 2);
	forge_put(f, o, "Pcb.BasePriority", 8);
	int64_t session = (int64_t)scenario_number(description, "session", UINT64_MAX);
	if (session >= 0)
		forge_put(f, o, "Session", session_space(f, (uint64_t)session));
	write_audit_name(f, p, scenario_text(description, "path", ""));
}

static void truth_process(struct forge *f, struct process *p, const json_t *description)
{
	int64_t session = (int64_t)scenario_number(description, "session", UINT64_MAX);
	char name[16];
	struct member m = { .size = sizeof name };
	profile_member(f->profile, "_EPROCESS", "ImageFileName", &m);
	snprintf(name, sizeof name, "%.*s", (int)MIN(m.size, sizeof name) - 1, p->name);
	uint64_t physical = paging_physical(f, &f->kernel, p->object.va);
	size_t handles = p->exited ? 0 : json_array_size(json_object_get(description, "handles"));
	for (int scan = p->unlinked; scan < 2; scan++)
		truth_row(f, scan ? "psscan" : "pslist",
			"{s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:o, s:b, s:o, s:o, s:I}", "pid",
			(json_int_t)p->pid, "ppid", (json_int_t)p->ppid, "name", name, "offset",
			(json_int_t)p->object.va, "physical", (json_int_t)physical, "threads",
			(json_int_t)(p->exited ? 0 : scenario_number(description, "threads", 1)),
			"handles", (json_int_t)handles, "session",
			session < 0 ? json_null() : json_integer(session), "wow64", p->wow64,
			"created", truth_time(p->created), "exited", truth_time(p->exited), "dtb",
			(json_int_t)p->space.dtb);
}

static struct process *process_describe(struct forge *f, const json_t *description, uint64_t *pid)
{
	struct process *p = forge_alloc(f, sizeof *p);
	if (!p)
		return NULL;
	p->name = forge_copy(f, scenario_text(description, "name", "process.exe"));
	p->pid = scenario_number(description, "pid", 0);
	if (!p->pid)
		p->pid = next_id(f, pid);
	p->ppid = scenario_number(description, "ppid", 0);
	struct process *parent = process_by_name(f, scenario_text(description, "parent", ""));
	if (parent)
		p->ppid = parent->pid;
	p->created = scenario_time(f, description, "created", f->booted + p->pid * 9876543);
	p->exited = scenario_time(f, description, "exited", 0);
	p->wow64 = scenario_flag(description, "wow64");
	p->unlinked = scenario_flag(description, "unlinked");
	return p;
}

// Windows 10 keeps a small kernel object about the 32-bit side; before, the field was its PEB.
static void write_wow64(struct forge *f, struct process *p)
{
	uint32_t bytes = profile_type_size(f->profile, "_EWOW64PROCESS");
	uint64_t peb = read_pointer(f, &f->kernel, forge_field(f, p->object, "Peb")) + PAGE_SIZE;
	struct object o = { &f->kernel, 0, "_EWOW64PROCESS" };
	if (bytes) {
		o.va = pool_take(f, POOL_NONPAGED, "Wow6", bytes);
		forge_put(f, o, "Peb", peb);
		forge_put(f, o, "Machine", 0x14c);
	}
	forge_put(f, p->object, "WoW64Process|Wow64Process", bytes ? o.va : peb);
}

static void process_append(struct forge *f, struct process *p)
{
	struct process **end = &f->processes;
	while (*end)
		end = &(*end)->next;
	*end = p;
}

static void process_create(struct forge *f, const json_t *description, uint64_t *pid)
{
	struct process *p = process_describe(f, description, pid);
	if (!p || f->error)
		return;
	process_append(f, p);
	p->object = object_create(f, &(struct object_request){ .object_type = "Process",
					     .type = "_EPROCESS",
					     .tag = "Proc",
					     .quota = true,
					     .kind = POOL_NONPAGED });
	bool system = p->pid == 4;
	if (system)
		p->space = f->kernel;
	else
		paging_create(f, &p->space);
	write_identity(f, p, description);
	write_token(f, p);
	if (!p->exited)
		write_handle_table(f, p);
	if (!system)
		user_create(f, p, description);
	if (p->wow64)
		write_wow64(f, p);
	write_threads(f, p, description);
	if (system)
		kernel_set(f, "PsInitialSystemProcess", p->object.va);
	if (strcmp(p->name, "Registry") == 0)
		f->registry = p;
	uint64_t links = forge_field(f, p->object, "ActiveProcessLinks");
	if (p->unlinked)
		list_init(f, &f->kernel, links);
	else
		list_add(f, &f->kernel, kernel_symbol(f, "PsActiveProcessHead"), links);
	truth_process(f, p, description);
}

struct process *process_by_name(struct forge *f, const char *name)
{
	struct process *p = f->processes;
	while (p && strcmp(p->name, name) != 0)
		p = p->next;
	return p;
}

static uint64_t highest_pid(const json_t *processes)
{
	uint64_t highest = 600;
	size_t i;
	json_t *description;
	json_array_foreach((json_t *)processes, i, description) highest =
		MAX(highest, scenario_number(description, "pid", 0));
	return highest;
}

void process_create_all(struct forge *f)
{
	uint64_t head = kernel_symbol(f, "PsActiveProcessHead");
	if (!head) {
		forge_fail(f, EI_E_REQUIREMENT, "the profile has no symbol 'PsActiveProcessHead'");
		return;
	}
	list_init(f, &f->kernel, head);
	const json_t *processes = json_object_get(f->scenario, "processes");
	uint64_t pid = highest_pid(processes);
	size_t i;
	json_t *description;
	json_array_foreach((json_t *)processes, i, description)
	{
		f->unlisted = scenario_flag(description, "unlinked");
		process_create(f, description, &pid);
	}
	f->unlisted = false;
}
