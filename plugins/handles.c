// handles: what each process holds open, and what processes that are gone had.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/objects.h>
#include <eidetic/system.h>
#include <eidetic/win.h>
#include <string.h>
#include <strings.h>

enum { PID, PROCESS, OBJECT, HANDLE, TYPE, ACCESS, NAME, ATTRIBUTES, ENTRY, STATE, COLUMNS };
enum { OPT_PID, OPT_OFFSET, OPT_TYPE };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PID]        = { "pid",        EI_UINT, "process that holds the handle", .vol3 = "PID" },
	[PROCESS]    = { "process",    EI_STR,  "its name", .vol3 = "Process" },
	[OBJECT]     = { "offset",     EI_ADDR, "address of the object's body", .vol3 = "Offset" },
	[HANDLE]     = { "handle",     EI_HEX,  "the handle", .vol3 = "HandleValue" },
	[TYPE]       = { "type",       EI_STR,  "type of the object", .vol3 = "Type", .ioc = "ProcessItem/HandleList/Handle/Type" },
	[ACCESS]     = { "access",     EI_HEX,  "granted access", .vol3 = "GrantedAccess" },
	[NAME]       = { "name",       EI_STR,  "path, key, process or thread that it stands for", .vol3 = "Name", .vol3_absent = "", .ioc = "ProcessItem/HandleList/Handle/Name" },
	[ATTRIBUTES] = { "attributes", EI_HEX,  "1: protected from being closed, 2: inherited, 4: audited" },
	[ENTRY]      = { "entry",      EI_ADDR, "address of its entry in the handle table" },
	[STATE]      = { "state",      EI_STR,  "exited, or unlisted: the table of a process that only its pool block shows" },
};

static const ei_option options[] = {
	[OPT_PID]    = { "pid",    EI_UINT, EI_MANY, "only these processes" },
	[OPT_OFFSET] = { "offset", EI_UINT, EI_MANY, "only the processes whose _EPROCESS is at these addresses" },
	[OPT_TYPE]   = { "type",   EI_STR,  EI_MANY, "only objects of these types: File, Key, Mutant..." },
};
// clang-format on

struct owner {
	ei_val pid, name, state;
};

static bool text_is(ei_val value, const char *text)
{
	return ei_has(value) && value.length == strlen(text) &&
	       !memcmp(value.s, text, value.length);
}

static bool type_wanted(ei_run *r, ei_val type)
{
	for (size_t i = 0; i < ei_opt_count(r, OPT_TYPE); i++) {
		ei_val wanted = ei_opt_at(r, OPT_TYPE, i);
		if (ei_has(type) && type.length == wanted.length &&
			!strncasecmp(type.s, wanted.s, type.length))
			return true;
	}
	return !ei_opt_count(r, OPT_TYPE);
}

// Volatility gives keys without the root of all keys, and most objects by their last name alone.
static ei_val title(ei_run *r, uint64_t object, ei_val type)
{
	static const char root[] = "\\REGISTRY\\";
	const uint32_t length = sizeof root - 1;
	ei_val name = ei_object_title(r, object);
	if (!ei_compat_vol3(r) || text_is(type, "File") || text_is(type, "Process") ||
		text_is(type, "Thread"))
		return name;
	if (!text_is(type, "Key"))
		return ei_object_name(r, object);
	if (ei_has(name) && name.length >= length && !memcmp(name.s, root, length)) {
		name.s += length;
		name.length -= length;
	}
	return name;
}

static void table_emit(ei_run *r, uint64_t table, const struct owner *owner)
{
	ei_handle_cursor cursor = { .table = table };
	for (ei_handle_entry h; ei_next_handle(r, &cursor, &h);) {
		ei_val type = ei_object_type(r, h.object);
		if (!type_wanted(r, type))
			continue;
		ei_emit(r, (ei_val[COLUMNS]){
				   [PID] = owner->pid,
				   [PROCESS] = owner->name,
				   [OBJECT] = ei_addr(h.object),
				   [HANDLE] = ei_hex(h.value),
				   [TYPE] = type,
				   [ACCESS] = h.access,
				   [NAME] = title(r, h.object, type),
				   [ATTRIBUTES] = h.attributes,
				   [ENTRY] = ei_addr(h.entry),
				   [STATE] = owner->state,
			   });
	}
}

static bool is_wanted(ei_run *r, ei_val pid, uint64_t process)
{
	return ei_opt_allows(r, OPT_PID, pid) && ei_opt_allows(r, OPT_OFFSET, ei_addr(process));
}

// A table outlives its process while somebody still holds the process open.
static void process_emit(ei_run *r, const eprocess *p, const char *state)
{
	ei_val table = ei_get(*p, ObjectTable);
	struct owner owner = { .pid = ei_get(*p, UniqueProcessId),
		.name = ei_get(*p, ImageFileName),
		.state = ei_str(state) };
	if (ei_u64_or(table, 0) && is_wanted(r, owner.pid, p->obj.va))
		table_emit(r, table.u, &owner);
}

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		process_emit(r, &p, NULL);
	if (ei_compat_vol3(r))
		return NULL;
	it = ei_processes_scanned(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		if (!(it.found & (EI_BY_FORWARD | EI_BY_BACKWARD)))
			process_emit(
				r, &p, ei_u64_or(ei_get(p, ExitTime), 0) ? "exited" : "unlisted");
	return NULL;
}

EI_PLUGIN(handles) = {
	EI_HEAD(handles),
	.vol3 = "windows.handles.Handles",
	.purpose = "what each process holds open: files, keys, processes, mutexes",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec, &handle_table_spec),
	.run = run,
};
