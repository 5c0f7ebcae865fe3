// Handles: the objects that processes have open.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

struct handle_type {
	const char *name, *type, *tag;
	enum pool_kind kind;
	uint32_t access;
	const char *old; // what it was before Windows Vista, NULL: the same
};

// clang-format off
static const struct handle_type handle_types[] = {
	{ "Mutant",          "_KMUTANT",          "Muta", POOL_NONPAGED, 0x1f0001, NULL },
	{ "Event",           "_KEVENT",           "Even", POOL_NONPAGED, 0x1f0003, NULL },
	{ "Semaphore",       "_KSEMAPHORE",       "Sema", POOL_NONPAGED, 0x1f0003, NULL },
	{ "Timer",           "_ETIMER",           "Time", POOL_NONPAGED, 0x1f0003, NULL },
	{ "Directory",       "_OBJECT_DIRECTORY", "Dire", POOL_PAGED,    0x3,      NULL },
	{ "Section",         "_SECTION|_SECTION_OBJECT", "Sect", POOL_PAGED, 0x4,  NULL },
	{ "ALPC Port",       "_ALPC_PORT",        "ALPC", POOL_PAGED,    0x1f0001, "Port" },
	{ "IoCompletion",    "_KQUEUE",           "IoCo", POOL_NONPAGED, 0x1f0003, NULL },
	{ "TpWorkerFactory", "_TP_WORKER_FACTORY", "TpWo", POOL_NONPAGED, 0xf00ff, "IoCompletion" },
	{ "EtwRegistration", "_ETW_REG_ENTRY",    "EtwR", POOL_NONPAGED, 0x804,    "WmiGuid" },
	{ "WindowStation",   "tagWINDOWSTATION",  "Wind", POOL_NONPAGED, 0xf037f,  NULL },
	{ "Desktop",         "tagDESKTOP",        "Desk", POOL_NONPAGED, 0xf01ff,  NULL },
	{ "Job",             "_EJOB",             "Job ", POOL_NONPAGED, 0x1f001f, NULL },
	{ "SymbolicLink",    "_OBJECT_SYMBOLIC_LINK", "Symb", POOL_PAGED, 0xf0001, NULL },
	{ "Key",             "_CM_KEY_BODY",      "Key ", POOL_PAGED,    0x20019,  NULL },
};
// clang-format on

static const struct handle_type *handle_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(handle_types); i++) {
		if (strcmp(handle_types[i].name, name) == 0)
			return &handle_types[i];
	}
	return NULL;
}

// A handle that is being made: what the scenario says, and what became of it.
struct opening {
	struct process *p;
	const json_t *description;
	const char *type;
	char name[512]; // as a listing shows it
	uint64_t object;
	uint32_t access;
};

// ---- places in the namespace
// ----------------------------------------------------------------------
static void object_path(const struct opening *h, const char *name, char *path, size_t room)
{
	static const char global[] = "Global\\";
	bool is_global = strncmp(name, global, sizeof global - 1) == 0;
	if (*name == '\\')
		snprintf(path, room, "%s", name);
	else if (is_global || h->p->session < 1)
		snprintf(path, room, "\\BaseNamedObjects\\%s",
			is_global ? name + sizeof global - 1 : name);
	else
		snprintf(path, room, "\\Sessions\\%d\\BaseNamedObjects\\%s", (int)h->p->session,
			name);
}

static const char *layout_of(struct forge *f, const struct handle_type *t)
{
	static const char *const sections[] = { "_SECTION", "_SECTION_OBJECT" };
	if (!strchr(t->type, '|'))
		return t->type;
	return sections[!profile_has_type(f->profile, sections[0])];
}

static struct object_request request_of(
	struct forge *f, const struct handle_type *t, const char *type)
{
	return (struct object_request){
		.object_type = type,
		.type = layout_of(f, t),
		.tag = t->tag,
		.kind = t->kind,
	};
}

static void mutant_truth(struct forge *f, struct object o, const char *name)
{
	forge_put(f, o, "Header.Type", 2);
	forge_put(f, o, "Header.SignalState", 1);
	truth_row(f, "mutantscan", "{s:I, s:I, s:s?}", "offset", (json_int_t)o.va, "physical",
		(json_int_t)paging_physical(f, &f->kernel, o.va), "name", name);
}

// {"file": path}: of a file that the scenario describes.
static void section_fill(struct forge *f, struct object o, const json_t *description)
{
	const char *path = scenario_text(description, "file", NULL);
	const struct section *s = path ? cached_section(f, path) : NULL;
	if (!s)
		return;
	forge_put(f, o, "u1.ControlArea", s->control_area);
	forge_put(f, o, "Segment", s->segment);
	forge_put(f, o, "SizeOfSection", s->page_count * PAGE_SIZE);
}

static void open_named(struct forge *f, struct opening *h, const struct handle_type *t)
{
	const char *name = scenario_text(h->description, "name", NULL);
	struct object_request request = request_of(f, t, h->type);
	char path[512];
	if (name) {
		object_path(h, name, path, sizeof path);
		snprintf(h->name, sizeof h->name, "%s", strrchr(path, '\\') + 1);
		h->object = named_find(f, h->type, path);
	}
	if (h->object)
		return;
	request.quota = !name;
	struct object o = name ? named_create(f, &request, path) : object_create(f, &request);
	h->object = o.va;
	if (strcmp(t->name, "Mutant") == 0)
		mutant_truth(f, o, name ? h->name : NULL);
	if (strcmp(t->name, "Section") == 0)
		section_fill(f, o, h->description);
}

// ---- kinds with a shape of their own
// --------------------------------------------------------------
static void open_key(struct forge *f, struct opening *h)
{
	const char *path = scenario_text(h->description, "name", "MACHINE");
	struct object_request request = request_of(f, handle_type("Key"), "Key");
	struct object body = object_create(f, &request);
	forge_put(f, body, "Type", 0x6b793032);
	forge_put(f, body, "KeyControlBlock", key_block_find(f, path));
	snprintf(h->name, sizeof h->name, "%s", path);
	h->object = body.va;
}

static void open_file(struct forge *f, struct opening *h)
{
	const char *path = scenario_text(h->description, "name", "\\");
	if (path_has_device(path))
		snprintf(h->name, sizeof h->name, "%s", path);
	else
		snprintf(h->name, sizeof h->name, "\\Device\\HarddiskVolume2%s", file_tail(path));
	h->object = file_open(f, path);
	h->access = 0x100020;
}

static struct process *process_of(struct forge *f, const struct opening *h)
{
	const char *name = scenario_text(h->description, "name", NULL);
	return name ? process_by_name(f, name) : h->p;
}

static void open_process(struct forge *f, struct opening *h)
{
	const struct process *p = process_of(f, h);
	if (!p)
		return;
	snprintf(h->name, sizeof h->name, "%.*s Pid %llu", (int)process_name_bytes(f), p->name,
		(unsigned long long)p->pid);
	h->object = p->object.va;
	h->access = 0x1fffff;
}

static void open_thread(struct forge *f, struct opening *h)
{
	const struct process *p = process_of(f, h);
	if (!p || !p->threads)
		return;
	snprintf(h->name, sizeof h->name, "Tid %llu Pid %llu", (unsigned long long)p->threads->tid,
		(unsigned long long)p->pid);
	h->object = p->threads->object.va;
	h->access = 0x1fffff;
}

struct opener {
	const char *type;
	void (*open)(struct forge *f, struct opening *h);
};

static const struct opener openers[] = {
	{ "Key", open_key },
	{ "File", open_file },
	{ "Process", open_process },
	{ "Thread", open_thread },
};

static void handle_open(struct forge *f, struct opening *h)
{
	const struct handle_type *t = handle_type(h->type);
	h->access = t ? t->access : 0x1fffff;
	for (size_t i = 0; i < ARRAY_LENGTH(openers); i++) {
		if (strcmp(openers[i].type, h->type) == 0) {
			openers[i].open(f, h);
			return;
		}
	}
	if (!t) {
		forge_fail(f, EI_E_FORMAT, "a handle has the unknown type '%s'", h->type);
		return;
	}
	if (!object_type_exists(f, h->type) && t->old)
		h->type = t->old;
	if (object_type_exists(f, h->type))
		open_named(f, h, t);
}

// ---- handles
// --------------------------------------------------------------------------------------
static uint32_t attribute_bits(struct forge *f, const json_t *description)
{
	static const char *const names[] = { "audit", "inherit", "protect" };
	const char *name = scenario_text(description, "attribute", NULL);
	for (uint32_t i = 0; name && i < ARRAY_LENGTH(names); i++) {
		// Bits of the entry: before Windows 8 inheritance comes first, then auditing.
		static const uint8_t bits[2][3] = { { 2, 1, 0 }, { 4, 2, 1 } };
		if (strcmp(names[i], name) == 0)
			return bits[f->win8][i];
	}
	if (name)
		forge_fail(f, EI_E_FORMAT, "a handle has the unknown attribute '%s'", name);
	return 0;
}

// The next index; the first entry of each page of a table is never used.
static uint32_t next_index(struct forge *f, const struct process *p, const json_t *description)
{
	uint32_t per_leaf = PAGE_SIZE / forge_size(f, "_HANDLE_TABLE_ENTRY", f->pointer * 2);
	uint32_t last = p->handles.count ? p->handles.entries[p->handles.count - 1].index : 0;
	uint32_t index = (uint32_t)scenario_number(description, "handle", 0) / 4;
	if (!index)
		index = last + 1;
	return index % per_leaf ? index : index + 1;
}

static void handle_note(struct forge *f, const struct opening *h)
{
	struct handle_entry entry = {
		.index = next_index(f, h->p, h->description),
		.access = (uint32_t)scenario_number(h->description, "access", h->access),
		.attributes = attribute_bits(f, h->description),
		.target = object_header(f, (struct object){ &f->kernel, h->object, NULL }),
	};
	handle_add(f, &h->p->handles, entry);
	object_open(f, h->object);
	truth_row(f, "handles", "{s:I, s:s, s:I, s:s, s:I, s:I, s:s, s:s?}", "pid",
		(json_int_t)h->p->pid, "process", h->p->name, "handle", (json_int_t)entry.index * 4,
		"type", h->type, "offset", (json_int_t)h->object, "access",
		(json_int_t)entry.access, "name", h->name, "attribute",
		scenario_text(h->description, "attribute", NULL));
}

static void process_open(struct forge *f, struct process *p, const json_t *description)
{
	struct opening h = { .p = p, .description = description };
	h.type = scenario_text(description, "type", "Mutant");
	handle_open(f, &h);
	if (h.object && (!p->exited || p->keeps_handles))
		handle_note(f, &h);
}

// The subsystem's process keeps handles to the processes and first threads of its session.
static void subsystem_open(struct forge *f, struct process *p)
{
	static const char *const before[] = { "System", "smss.exe", "csrss.exe" };
	json_t *nothing = json_object();
	for (struct process *other = f->processes; other; other = other->next) {
		bool skip = other->exited || other->session < 0 ||
			    (f->vista && other->session != p->session);
		for (size_t i = 0; i < ARRAY_LENGTH(before); i++)
			skip = skip || strcmp(other->name, before[i]) == 0;
		if (skip)
			continue;
		struct opening h = { .p = other, .description = nothing, .type = "Process" };
		open_process(f, &h);
		h.p = p;
		handle_note(f, &h);
		other->in_subsystem = true;
		struct opening t = { .p = other, .description = nothing, .type = "Thread" };
		open_thread(f, &t);
		t.p = p;
		if (t.object)
			handle_note(f, &t);
	}
	json_decref(nothing);
}

static void process_write_handles(struct forge *f, struct process *p, const json_t *handles)
{
	size_t i;
	json_t *d;
	json_array_foreach((json_t *)handles, i, d)
	{
		uint64_t count = MIN(scenario_number(d, "count", 1), 4096);
		for (uint64_t n = 0; n < count && !f->error; n++)
			process_open(f, p, d);
	}
	if (strcmp(p->name, "csrss.exe") == 0)
		subsystem_open(f, p);
	if (p->exited && !p->keeps_handles)
		return;
	struct object table = { &f->kernel, handle_table_write(f, &p->handles, false),
		"_HANDLE_TABLE" };
	forge_put(f, table, "QuotaProcess", p->object.va);
	forge_put(f, table, "UniqueProcessId", p->pid);
	forge_put(f, p->object, "ObjectTable", table.va);
}

// By which ways a process can be found.
static void truth_views(struct forge *f)
{
	for (const struct process *p = f->processes; p; p = p->next)
		truth_row(f, "psxview", "{s:I, s:I, s:I, s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:o}",
			"offset", (json_int_t)p->object.va, "physical",
			(json_int_t)paging_physical(f, &f->kernel, p->object.va), "pid",
			(json_int_t)p->pid, "name", p->name, "pslist", (int)!p->unlinked, "psscan",
			1, "thrdscan", (int)(p->threads != NULL), "csrss", (int)p->in_subsystem,
			"ids", 1, "session", (int)(p->session >= 0), "exited",
			truth_time(p->exited));
}

void handle_create_all(struct forge *f)
{
	uint64_t head = kernel_symbol(f, "HandleTableListHead");
	if (head)
		list_init(f, &f->kernel, head);
	struct process *p = f->processes;
	size_t i;
	json_t *description;
	json_array_foreach(json_object_get(f->scenario, "processes"), i, description)
	{
		if (!p)
			break;
		f->unlisted = p->unlinked;
		process_write_handles(f, p, json_object_get(description, "handles"));
		p = p->next;
	}
	f->unlisted = false;
	id_table_write(f);
	truth_views(f);
}
