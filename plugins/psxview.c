// psxview: processes by six ways of finding them: what only some of them know is hidden, or gone.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/objects.h>
#include <eidetic/system.h>
#include <eidetic/threads.h>
#include <stdlib.h>
#include <string.h>

enum {
	OFFSET,
	NAME,
	PID,
	LISTED,
	SCANNED,
	THREADS,
	CSRSS,
	CID_TABLE,
	SESSIONS,
	EXITED,
	PHYSICAL,
	COLUMNS
};
enum { OPT_PHYSICAL };
enum { SESSIONS_MAX = 64 };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[OFFSET]    = { "offset",   EI_ADDR, "address of the _EPROCESS: the kernel's, or physical where it has none", .vol3 = "Offset(Virtual)", .vol3_without = "physical-offsets" },
	[NAME]      = { "name",     EI_STR,  "image name", .vol3 = "Name" },
	[PID]       = { "pid",      EI_UINT, "process id", .vol3 = "PID" },
	[LISTED]    = { "pslist",   EI_BOOL, "on the list of active processes", .vol3 = "pslist" },
	[SCANNED]   = { "psscan",   EI_BOOL, "found by its pool tag", .vol3 = "psscan" },
	[THREADS]   = { "thrdscan", EI_BOOL, "a thread that was found by its pool tag points to it", .vol3 = "thrdscan" },
	[CSRSS]     = { "csrss",    EI_BOOL, "a csrss.exe holds a handle to it", .vol3 = "csrss" },
	[CID_TABLE] = { "pspcid",   EI_BOOL, "in PspCidTable, where pids come from" },
	[SESSIONS]  = { "session",  EI_BOOL, "on the list of its session" },
	[EXITED]    = { "exited",   EI_TIME, "exit time, UTC; none while the process runs", .vol3 = "Exit Time", .vol3_absent = "" },
	[PHYSICAL]  = { "physical", EI_ADDR, "physical address of the _EPROCESS", .vol3 = "Offset(Physical)", .vol3_with = "physical-offsets" },
};

static const ei_option options[] = {
	[OPT_PHYSICAL] = { "physical-offsets", EI_BOOL, 0, "with --compat: physical offsets instead of virtual" },
};
// clang-format on

struct sighting {
	const ei_space *space; // NULL: the kernel's; else physical memory
	uint64_t va;
	unsigned ways; // bit of each column that is true
};

struct sightings {
	struct sighting *items;
	size_t count, room;
	bool no_memory;
};

static void sighting_add(struct sightings *seen, const ei_space *space, uint64_t va, unsigned way)
{
	if (seen->count == seen->room) {
		size_t room = seen->room ? 2 * seen->room : 1024;
		struct sighting *more = realloc(seen->items, room * sizeof *more);
		seen->no_memory |= !more;
		if (!more)
			return;
		seen->items = more;
		seen->room = room;
	}
	seen->items[seen->count++] = (struct sighting){ space, va, 1u << way };
}

static bool is_type(ei_run *r, uint64_t object, const char *name)
{
	ei_val type = ei_object_type(r, object);
	return ei_has(type) && type.length == strlen(name) && !memcmp(type.s, name, type.length);
}

// ---- the ways -------------------------------------------------------------------------------

static void handles_add(ei_run *r, uint64_t table, bool bare, unsigned way, struct sightings *seen)
{
	ei_handle_cursor cursor = { .table = table, .bare = bare };
	for (ei_handle_entry h; ei_next_handle(r, &cursor, &h);)
		if (is_type(r, h.object, "Process"))
			sighting_add(seen, NULL, h.object, way);
}

static bool is_csrss(ei_val name)
{
	return ei_has(name) && name.length == 9 && !memcmp(name.s, "csrss.exe", 9);
}

static void session_add(
	ei_run *r, const eprocess *p, uint64_t known[SESSIONS_MAX], struct sightings *seen)
{
	uint64_t session = ei_u64_or(ei_get(*p, Session), 0);
	for (size_t i = 0; session && i < SESSIONS_MAX; i++) {
		if (known[i] == session)
			return;
		if (known[i])
			continue;
		known[i] = session;
		ei_iter it = ei_session_processes(r, session);
		for (eprocess member = ei_handle(r, eprocess); ei_next(&it, &member);)
			sighting_add(seen, NULL, member.obj.va, SESSIONS);
		return;
	}
}

static void listed_add(ei_run *r, struct sightings *seen)
{
	uint64_t sessions[SESSIONS_MAX] = { 0 };
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);) {
		sighting_add(seen, NULL, p.obj.va, LISTED);
		session_add(r, &p, sessions, seen);
		if (is_csrss(ei_get(p, ImageFileName)))
			handles_add(r, ei_u64_or(ei_get(p, ObjectTable), 0), false, CSRSS, seen);
	}
}

static void scanned_add(ei_run *r, struct sightings *seen)
{
	ei_iter it = ei_processes_scanned(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		sighting_add(seen, ei_has(ei_virtual(r, &p.obj)) ? NULL : p.obj.space, p.obj.va,
			SCANNED);
	it = ei_threads_scanned(r);
	for (ethread t = ei_handle(r, ethread); ei_next(&it, &t);) {
		ei_val process = ei_get(t, process);
		if (ei_u64_or(process, 0))
			sighting_add(seen, NULL, process.u, THREADS);
	}
}

static void cid_table_add(ei_run *r, struct sightings *seen)
{
	uint64_t symbol;
	if (!ei_symbol(r, "PspCidTable", &symbol)) {
		ei_note(r, "PspCidTable is not known for this kernel: pspcid is false for all");
		return;
	}
	handles_add(r, ei_u64_or(ei_read_ptr(r, NULL, symbol), 0), true, CID_TABLE, seen);
}

// ---- rows -----------------------------------------------------------------------------------

static int compare(const void *left, const void *right)
{
	const struct sighting *a = left, *b = right;
	if (!a->space != !b->space)
		return a->space ? 1 : -1;
	return (a->va > b->va) - (a->va < b->va);
}

static void row_emit(ei_run *r, const struct sighting *seen)
{
	eprocess p = ei_at_in(r, seen->space, eprocess, seen->va);
	ei_val exited = ei_get(p, ExitTime);
	ei_emit(r, (ei_val[COLUMNS]){
			   [OFFSET] = ei_addr(seen->va),
			   [NAME] = ei_get(p, ImageFileName),
			   [PID] = ei_get(p, UniqueProcessId),
			   [LISTED] = ei_bool(seen->ways >> LISTED & 1),
			   [SCANNED] = ei_bool(seen->ways >> SCANNED & 1),
			   [THREADS] = ei_bool(seen->ways >> THREADS & 1),
			   [CSRSS] = ei_bool(seen->ways >> CSRSS & 1),
			   [CID_TABLE] = ei_bool(seen->ways >> CID_TABLE & 1),
			   [SESSIONS] = ei_bool(seen->ways >> SESSIONS & 1),
			   [EXITED] = exited,
			   [PHYSICAL] = ei_physical(r, &p.obj),
		   });
}

static void rows_emit(ei_run *r, struct sightings *seen)
{
	qsort(seen->items, seen->count, sizeof *seen->items, compare);
	for (size_t i = 0, next; i < seen->count && !ei_stopped(r); i = next) {
		struct sighting all = seen->items[i];
		for (next = i + 1; next < seen->count; next++) {
			if (compare(&seen->items[next], &all))
				break;
			all.ways |= seen->items[next].ways;
		}
		ei_mark mark = ei_arena_mark(ei_scratch(r));
		row_emit(r, &all);
		ei_arena_rewind(ei_scratch(r), mark);
	}
}

static ei_error *run(ei_run *r)
{
	struct sightings seen = { 0 };
	listed_add(r, &seen);
	scanned_add(r, &seen);
	cid_table_add(r, &seen);
	if (!seen.no_memory)
		rows_emit(r, &seen);
	free(seen.items);
	return seen.no_memory ? ei_fail(EI_E_NOMEM, "out of memory") : NULL;
}

EI_PLUGIN(psxview) = {
	EI_HEAD(psxview),
	.vol3 = "windows.psxview.PsXView",
	.purpose = "processes by six ways of finding them, side by side",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec, &ethread_spec),
	.run = run,
	.retells = "psscan",
};
