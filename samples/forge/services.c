// Services: the records that services.exe keeps of them, in its heap.
//
// The offsets are written down here, for the records have no published type.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdlib.h>

enum {
	HEAP_BYTES = 0x100000, // as processes are made
	HEAP_FREE = 0x80000,   // from here on nobody else uses it
	RECORD_BYTES = 0x180,
};

// Members that are not there are -1.
struct generation {
	int build, pointer;
	int header,
		tag; // from a header to the record's address; of the tag in a record without one
	int previous, order, name, display, type, state, start, process, driver;
	int path, pid; // in the block of a process
};

// clang-format off
static const struct generation generations[] = {
	{ 2600, 4, -1, 24, -1, 16, 8, 12, 40, 44, 68, 36, 36, 8, 12 },
	{ 6000, 4, 12, -1, 0, 12, 4, 8, 32, 36, 60, 28, 28, 8, 12 },
	{ 9200, 4, 12, -1, 4, 16, 8, 12, 40, 44, 68, 36, 36, 12, 16 },
	{ 15063, 4, 12, -1, 12, 20, 44, 48, 52, 56, 24, 156, 156, 12, 16 },
	{ 16299, 4, 12, -1, 12, 20, 44, 48, 52, 56, 24, 156, 156, 12, 20 },
	{ 17763, 4, 12, -1, 12, 20, 44, 48, 52, 56, 24, 160, 160, 12, 20 },
	{ 18362, 4, 12, -1, 12, 20, 44, 48, 52, 56, 24, 164, 164, 12, 20 },
	{ 19041, 4, 16, -1, 12, 20, 44, 48, 52, 56, 24, 192, 192, 12, 20 },
	{ 3790, 8, -1, 32, -1, 24, 8, 16, 56, 60, 84, 48, 48, 16, 24 },
	{ 6000, 8, 16, -1, 0, 24, 8, 16, 48, 52, 76, 40, 40, 16, 24 },
	{ 9200, 8, 16, -1, 8, 32, 16, 24, 64, 68, 92, 56, 56, 24, 32 },
	{ 15063, 8, 16, -1, 16, 32, 56, 64, 72, 76, 36, 232, 232, 24, 32 },
	{ 16299, 8, 16, -1, 16, 32, 56, 64, 72, 76, 36, 232, 232, 24, 40 },
	{ 18362, 8, 16, -1, 16, 32, 56, 64, 72, 76, 36, 240, 240, 24, 40 },
	{ 19041, 8, 16, -1, 16, 32, 56, 64, 72, 76, 36, 296, 296, 24, 40 },
	{ 25398, 8, 16, -1, 16, 32, 56, 64, 80, 84, 36, 336, 296, 24, 40 },
};

// What every machine has.
static const char population[] = "["
	"{\"name\":\"Dnscache\",\"display\":\"DNS Client\",\"type\":32,\"start\":2,\"binary\":\"C:\\\\Windows\\\\system32\\\\svchost.exe -k NetworkService -p\",\"process\":\"svchost.exe\"},"
	"{\"name\":\"Spooler\",\"display\":\"Print Spooler\",\"type\":272,\"start\":2,\"binary\":\"C:\\\\Windows\\\\System32\\\\spoolsv.exe\",\"process\":\"spoolsv.exe\"},"
	"{\"name\":\"Schedule\",\"display\":\"Task Scheduler\",\"type\":32,\"start\":2,\"binary\":\"C:\\\\Windows\\\\system32\\\\svchost.exe -k netsvcs -p\",\"process\":\"svchost.exe\"},"
	"{\"name\":\"WinDefend\",\"display\":\"Windows Defender Antivirus Service\",\"type\":16,\"start\":2,\"process\":\"MsMpEng.exe\","
	"\"binary\":\"\\\"C:\\\\ProgramData\\\\Microsoft\\\\Windows Defender\\\\Platform\\\\4.18.24010.12-0\\\\MsMpEng.exe\\\"\"},"
	"{\"name\":\"AFD\",\"display\":\"Ancillary Function Driver for Winsock\",\"type\":1,\"start\":1,\"binary\":\"\\\\Driver\\\\AFD\"},"
	"{\"name\":\"Tcpip\",\"display\":\"TCP/IP Protocol Driver\",\"type\":1,\"start\":0,\"binary\":\"\\\\Driver\\\\Tcpip\"},"
	"{\"name\":\"Ntfs\",\"display\":\"Ntfs\",\"type\":2,\"start\":3,\"binary\":\"\\\\FileSystem\\\\Ntfs\"},"
	"{\"name\":\"RemoteRegistry\",\"display\":\"Remote Registry\",\"type\":32,\"start\":4,\"state\":\"stopped\"},"
	"{\"name\":\"wuauserv\",\"display\":\"Windows Update\",\"type\":32,\"start\":3,\"state\":\"stopped\"},"
	"{\"name\":\"BITS\",\"display\":\"Background Intelligent Transfer Service\",\"type\":32,\"start\":3,\"state\":\"starting\"}]";

static const char *const starts[] = { "SERVICE_BOOT_START", "SERVICE_SYSTEM_START", "SERVICE_AUTO_START",
	"SERVICE_DEMAND_START", "SERVICE_DISABLED" };
static const struct {
	const char *word, *name;
} states[] = { { "", "" }, { "stopped", "SERVICE_STOPPED" }, { "starting", "SERVICE_START_PENDING" },
	{ "stopping", "SERVICE_STOP_PENDING" }, { "running", "SERVICE_RUNNING" }, { "continuing", "SERVICE_CONTINUE_PENDING" },
	{ "pausing", "SERVICE_PAUSE_PENDING" }, { "paused", "SERVICE_PAUSED" } };
static const struct {
	uint32_t bit;
	const char *name;
} types[] = { { 1, "SERVICE_KERNEL_DRIVER" }, { 2, "SERVICE_FILE_SYSTEM_DRIVER" }, { 4, "SERVICE_ADAPTOR" },
	{ 8, "SERVICE_RECOGNIZER_DRIVER" }, { 16, "SERVICE_WIN32_OWN_PROCESS" }, { 32, "SERVICE_WIN32_SHARE_PROCESS" },
	{ 256, "SERVICE_INTERACTIVE_PROCESS" } };
// clang-format on

enum { STATE_RUNNING = 4, IN_PROCESS = 0x130 };

// The process whose heap is being filled.
struct manager {
	struct forge *f;
	struct process *p;
	const struct generation *g;
	uint64_t next, end; // free bytes of the heap
	uint64_t last;      // the record made before
	uint32_t order;
};

static uint64_t heap_take(struct manager *m, uint32_t bytes)
{
	static const uint8_t zeroes[RECORD_BYTES];
	uint64_t va = m->next;
	m->next += (bytes + 23) & ~15ULL; // a heap block's header is between two
	if (m->next > m->end) {
		forge_fail(m->f, EI_E_LIMIT, "the heap of services.exe is full");
		return va;
	}
	for (uint32_t at = 0; at < bytes; at += RECORD_BYTES)
		user_write(m->f, m->p, va + at, zeroes, MIN(bytes - at, (uint32_t)RECORD_BYTES),
			PTE_USER_DATA | PTE_NX);
	return va;
}

static uint64_t heap_text(struct manager *m, const char *text)
{
	if (!text)
		return 0;
	uint64_t va = heap_take(m, utf16_bytes(text) + 2);
	write_utf16(m->f, &m->p->space, va, text);
	return va;
}

static void put_number(struct manager *m, uint64_t va, int offset, uint32_t value)
{
	write_u32(m->f, &m->p->space, va + (uint64_t)(int64_t)offset, value);
}

static void put_pointer(struct manager *m, uint64_t va, int offset, uint64_t value)
{
	if (offset >= 0)
		write_pointer(m->f, &m->p->space, va + (uint64_t)(int64_t)offset, value);
}

static uint32_t state_number(struct manager *m, const char *word)
{
	for (uint32_t i = 1; i < ARRAY_LENGTH(states); i++) {
		if (strcmp(states[i].word, word) == 0)
			return i;
	}
	forge_fail(m->f, EI_E_FORMAT, "unknown state of a service '%s'", word);
	return 1;
}

static json_t *type_text(uint32_t type)
{
	char text[256];
	size_t length = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		if (type & types[i].bit)
			length += (size_t)snprintf(text + length, sizeof text - length, "%s%s",
				length ? "|" : "", types[i].name);
	}
	return length ? json_string(text) : json_null();
}

static void running_write(
	struct manager *m, uint64_t record, uint32_t type, const char *binary, uint32_t pid)
{
	if (!(type & IN_PROCESS)) {
		put_pointer(m, record, m->g->driver, heap_text(m, binary));
		return;
	}
	uint64_t process = heap_take(m, 64);
	put_pointer(m, process, m->g->path, heap_text(m, binary));
	put_number(m, process, m->g->pid, pid);
	put_pointer(m, record, m->g->process, process);
}

// A header in front of the record points at it; before Windows Vista the record has the tag itself.
static void tag_write(struct manager *m, uint64_t header, uint64_t record)
{
	if (m->g->header < 0) {
		write_bytes(m->f, &m->p->space, record + (uint32_t)m->g->tag, "sErv", 4);
		return;
	}
	write_bytes(m->f, &m->p->space, header, "serH", 4);
	put_pointer(m, header, m->g->header, record);
}

static void service_create(struct manager *m, const json_t *description)
{
	const char *name = scenario_text(description, "name", NULL);
	const char *display = scenario_text(description, "display", name);
	const char *binary = scenario_text(description, "binary", NULL);
	uint32_t type = (uint32_t)scenario_number(description, "type", 16);
	uint32_t start = (uint32_t)scenario_number(description, "start", 2);
	uint32_t state = state_number(m, scenario_text(description, "state", "running"));
	const char *host = scenario_text(description, "process", NULL);
	const struct process *process = host ? process_by_name(m->f, host) : NULL;
	bool hidden = scenario_flag(description, "unlinked");
	if (!name || start >= ARRAY_LENGTH(starts)) {
		forge_fail(m->f, EI_E_FORMAT, "a service has no name, or no such start");
		return;
	}
	if (host && !process)
		return; // what would run it is not there
	uint64_t header = heap_take(m, 32), record = heap_take(m, RECORD_BYTES);
	bool running = state == STATE_RUNNING, in_process = running && type & IN_PROCESS;
	put_pointer(m, record, m->g->name, heap_text(m, name));
	put_pointer(m, record, m->g->display, heap_text(m, display));
	put_number(m, record, m->g->order, ++m->order);
	put_number(m, record, m->g->type, type);
	put_number(m, record, m->g->state, state);
	put_number(m, record, m->g->start, start);
	put_pointer(m, record, m->g->previous, m->last);
	if (!hidden)
		m->last = record;
	tag_write(m, header, record);
	uint32_t pid = process ? (uint32_t)process->pid : 0;
	if (running)
		running_write(m, record, type, binary, pid);
	truth_row(m->f, "svcscan", "{s:I, s:I, s:o, s:s, s:s, s:o, s:s, s:s, s:s?, s:s}", "offset",
		(json_int_t)record, "order", (json_int_t)m->order, "pid",
		in_process ? json_integer(pid) : json_null(), "start", starts[start], "state",
		states[state].name, "type", type_text(type), "name", name, "display", display,
		"binary", running ? binary : NULL, "found_by",
		hidden || m->g->previous < 0 ? "scan" : "chain+scan");
}

static void list_create(struct manager *m, const json_t *list)
{
	size_t i;
	json_t *description;
	json_array_foreach((json_t *)list, i, description) service_create(m, description);
}

static uint64_t heap_find(const struct process *p)
{
	for (size_t i = 0; i < p->region_count; i++) {
		const struct region_node *r = &p->regions[i];
		if (!r->file && !r->section && r->end - r->start + 1 == HEAP_BYTES)
			return r->start;
	}
	return 0;
}

void manager_create(struct forge *f)
{
	struct manager m = { .f = f, .p = process_by_name(f, "services.exe") };
	for (size_t i = 0; i < ARRAY_LENGTH(generations); i++) {
		const struct generation *g = &generations[i];
		if (g->pointer == (int)f->pointer && g->build <= (int)f->build)
			m.g = g;
	}
	uint64_t heap = m.p ? heap_find(m.p) : 0;
	if (!heap || !m.g)
		return;
	m.next = heap + HEAP_FREE;
	m.end = heap + HEAP_BYTES;
	if (scenario_text(f->scenario, "population", NULL)) {
		json_t *list = json_loads(population, 0, NULL);
		list_create(&m, list);
		json_decref(list);
	}
	list_create(&m, json_object_get(f->scenario, "services"));
}
