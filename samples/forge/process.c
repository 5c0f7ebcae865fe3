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
	forge_put(f, o, "LocaleId", 0x409);
	forge_put(f, o, "CreateTime", f->booted + (id + 1) * 80000000);
	uint64_t processes = forge_field(f, o, "ProcessList");
	if (processes)
		list_init(f, &f->kernel, processes);
	return *session;
}

static void session_join(struct forge *f, struct process *p)
{
	uint64_t links = forge_field(f, p->object, "SessionProcessLinks");
	if (p->session < 0) {
		if (links)
			list_init(f, &f->kernel, links);
		return;
	}
	struct object session = { &f->kernel, session_space(f, (uint64_t)p->session),
		"_MM_SESSION_SPACE" };
	forge_put(f, p->object, "Session", session.va);
	uint64_t head = forge_field(f, session, "ProcessList");
	if (!links || !head)
		return;
	uint64_t references = forge_field(f, session, "ReferenceCount");
	if (references)
		forge_put(f, session, "ReferenceCount",
			(uint32_t)read_pointer(f, &f->kernel, references) + 1);
	list_add(f, &f->kernel, head, links);
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

static uint64_t next_id(struct forge *f, uint64_t *id)
{
	do
		*id += 4 * (1 + forge_below(f, 9));
	while (!id_take(f, *id));
	return *id;
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
	session_join(f, p);
	write_audit_name(f, p, scenario_text(description, "path", ""));
}

// The user's name is what the environment says.
static void truth_session(struct forge *f, struct process *p, const json_t *description)
{
	const json_t *environment = json_object_get(description, "environment");
	const char *user = scenario_text(environment, "USERNAME", "");
	const char *domain = scenario_text(environment, "USERDOMAIN", "");
	char full[256];
	snprintf(full, sizeof full, "%s/%s", domain, user);
	truth_row(f, "sessions", "{s:o, s:s?, s:I, s:s, s:s?, s:o}", "session",
		p->session < 0 ? json_null() : json_integer(p->session), "type",
		scenario_text(environment, "SESSIONNAME", NULL), "pid", (json_int_t)p->pid,
		"process", p->name, "user", full[1] ? full : NULL, "created",
		truth_time(p->created));
}

static void truth_process(struct forge *f, struct process *p, const json_t *description)
{
	char name[16];
	snprintf(name, sizeof name, "%.*s", (int)process_name_bytes(f), p->name);
	uint64_t physical = paging_physical(f, &f->kernel, p->object.va);
	size_t handles = p->exited ? 0 : json_array_size(json_object_get(description, "handles"));
	truth_session(f, p, description);
	for (int scan = p->unlinked; scan < 2; scan++)
		truth_row(f, scan ? "psscan" : "pslist",
			"{s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:o, s:b, s:o, s:o, s:I}", "pid",
			(json_int_t)p->pid, "ppid", (json_int_t)p->ppid, "name", name, "offset",
			(json_int_t)p->object.va, "physical", (json_int_t)physical, "threads",
			(json_int_t)(p->exited ? 0 : scenario_number(description, "threads", 1)),
			"handles", (json_int_t)handles, "session",
			p->session < 0 ? json_null() : json_integer(p->session), "wow64", p->wow64,
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
	p->keeps_handles = scenario_flag(description, "keeps_handles");
	p->session = (int64_t)scenario_number(description, "session", UINT64_MAX);
	return p;
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
	token_create(f, p, description);
	if (!system)
		user_create(f, p, description);
	if (p->wow64)
		wow64_create(f, p, description);
	thread_create_all(f, p, description);
	// The hives of the Registry process come later, and its tree with them.
	if (!system && strcmp(p->name, "Registry") != 0)
		vad_write_tree(f, p);
	handle_add(f, &f->ids,
		(struct handle_entry){ .index = (uint32_t)p->pid / 4, .target = p->object.va });
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

uint32_t process_name_bytes(struct forge *f)
{
	struct member m;
	bool known = profile_member(f->profile, "_EPROCESS", "ImageFileName", &m) && m.size;
	return known ? MIN(m.size, 16u) - 1 : 15;
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
		id_take(f, scenario_number(description, "pid", 0));
	json_array_foreach((json_t *)processes, i, description)
	{
		f->unlisted = scenario_flag(description, "unlinked");
		process_create(f, description, &pid);
	}
	f->unlisted = false;
}
