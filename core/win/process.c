// Processes: the active list, what hangs off an _EPROCESS, and what a process says of itself.
// SPDX-License-Identifier: Apache-2.0
#include "win/process.h"
#include "win/fields.h"
#include <eidetic/objects.h>

enum {
	ENVIRONMENT_MAX = 1 << 20, // bytes; Windows allows 64 Ki units before Vista
	VARIABLE_MAX = 0xfffe,     // bytes of one variable
	VARIABLE_STEP = 512,       // bytes read at a time
};

// A damaged or overwritten list head costs nothing while the System process can be found: its own
// link is as good a place to begin.
static bool list_start(ei_run *run, int32_t link, struct list_query *query)
{
	uint64_t head, system_pointer;
	bool known = ei_symbol(run, "PsActiveProcessHead", &head);
	if (known && ei_has(ei_read_ptr(run, NULL, head))) {
		query->head = head;
		return true;
	}
	if (!ei_symbol(run, "PsInitialSystemProcess", &system_pointer))
		return false;
	ei_val system = ei_read_ptr(run, NULL, system_pointer);
	if (!ei_has(system) || !system.u)
		return false;
	ei_note(run, "PsActiveProcessHead cannot be read; the list is begun at the System process");
	query->head = system.u + (uint64_t)(int64_t)link;
	query->head_is_node = true;
	return true;
}

bool process_list(ei_run *run, struct list_query *query)
{
	eprocess table = ei_handle(run, eprocess);
	*query = (struct list_query){
		.what = "PsActiveProcessHead",
		.link_offset = table.at->ActiveProcessLinks.offset,
		.type = &eprocess_spec,
	};
	if (query->link_offset >= 0 && list_start(run, query->link_offset, query))
		return true;
	ei_note(run, "the list of processes cannot be begun: neither PsActiveProcessHead nor the "
		     "System process can be read");
	return false;
}

ei_iter ei_processes(ei_run *run)
{
	struct list_query query;
	if (!process_list(run, &query))
		return iter_empty(run, &eprocess_spec);
	return list_iterate(run, &query);
}

const ei_space *ei_process_space(ei_run *run, const eprocess *process)
{
	ei_val root = ei_get(*process, dtb);
	const struct space *kernel = &run->session->identity.kernel;
	const struct space_mode *mode = kernel->mode;
	// PAE roots are 32-byte tables; elsewhere the low bits hold the PCID.
	uint64_t mask = mode == &space_pae ? 0x1f : 0xfff;
	uint64_t dtb = ei_u64_or(root, 0) & ~mask;
	if (mode->pointer_size == 4)
		dtb &= UINT32_MAX;
	struct space *space = dtb ? ei_alloc(run->scratch, sizeof *space) : NULL;
	if (!space)
		return NULL;
	*space = *kernel;
	space->dtb = dtb;
	return space;
}

// ---- by the kernel --------------------------------------------------------------------------

ei_val ei_process_handle_count(ei_run *run, const eprocess *process)
{
	handle_table table = ei_handle(run, handle_table);
	if (table.at->HandleCount.offset < 0)
		return ei_absent(EI_NO_FIELD);
	ei_val pointer = ei_get(*process, ObjectTable);
	if (!ei_has(pointer))
		return pointer;
	if (!pointer.u)
		return ei_absent(EI_NONE);
	table = ei_at(run, handle_table, pointer.u);
	return ei_get(table, HandleCount);
}

ei_val ei_process_session(ei_run *run, const eprocess *process)
{
	ei_val pointer = ei_get(*process, Session);
	if (!ei_has(pointer))
		return pointer;
	if (!pointer.u)
		return ei_absent(EI_NONE);
	session_space session = ei_at(run, session_space, pointer.u);
	return ei_get(session, SessionId);
}

#define SESSION_LINK_FIELDS(F, ALT) F(SessionProcessLinks, HERE, MAY)
EI_TYPE(session_link, "_EPROCESS", SESSION_LINK_FIELDS);

ei_iter ei_session_processes(ei_run *run, uint64_t address)
{
	session_space session = ei_at(run, session_space, address);
	session_link link = ei_handle(run, session_link);
	ei_val head = ei_get(session, ProcessList);
	if (!ei_has(head) || link.at->SessionProcessLinks.offset < 0)
		return iter_empty(run, &eprocess_spec);
	struct list_query query = {
		.what = "processes of a session",
		.head = head.u,
		.link_offset = link.at->SessionProcessLinks.offset,
		.type = &eprocess_spec,
	};
	return list_iterate(run, &query);
}

ei_val ei_process_is_wow64(const eprocess *process)
{
	ei_val pointer = ei_get(*process, wow64);
	if (pointer.state == EI_NO_FIELD && ei_pointer_size(process->obj.run) == 4)
		return ei_bool(false);
	return ei_has(pointer) ? ei_bool(pointer.u != 0) : pointer;
}

ei_val ei_process_path(ei_run *run, const eprocess *process)
{
	ei_val pointer = ei_get(*process, audit_name);
	if (!ei_has(pointer))
		return pointer;
	if (!pointer.u)
		return ei_absent(EI_NONE);
	object_name name = ei_at(run, object_name, pointer.u);
	return ei_get(name, Name);
}

// ---- by the process itself ------------------------------------------------------------------

// Follows _EPROCESS.Peb to a pointer in the PEB; the state says why there is none.
static ei_val peb_pointer(ei_run *run, const eprocess *process, const ei_space **space, bool ldr)
{
	ei_val address = ei_get(*process, Peb);
	if (!ei_has(address))
		return address;
	if (!address.u)
		return ei_absent(EI_NONE); // System, Registry...: no user half
	*space = ei_process_space(run, process);
	if (!*space)
		return ei_absent(EI_UNREADABLE);
	peb block = ei_at_in(run, *space, peb, address.u);
	ei_val pointer = ldr ? ei_get(block, Ldr) : ei_get(block, ProcessParameters);
	if (ei_has(pointer) && !pointer.u)
		return ei_absent(EI_NONE);
	return pointer;
}

static ei_val process_parameters(ei_run *run, const eprocess *process, parameters *out)
{
	const ei_space *space = NULL;
	ei_val pointer = peb_pointer(run, process, &space, false);
	if (ei_has(pointer))
		*out = ei_at_in(run, space, parameters, pointer.u);
	return pointer;
}

ei_val ei_process_command_line(ei_run *run, const eprocess *process)
{
	parameters block;
	ei_val found = process_parameters(run, process, &block);
	return ei_has(found) ? ei_get(block, CommandLine) : found;
}

ei_val ei_process_image_path(ei_run *run, const eprocess *process)
{
	parameters block;
	ei_val found = process_parameters(run, process, &block);
	return ei_has(found) ? ei_get(block, ImagePathName) : found;
}

// Where a list begins in the loader's data, and where it runs through an entry.
static ei_val order_head(const peb_ldr *loader, ei_module_order order)
{
	switch (order) {
	case EI_MEMORY_ORDER:
		return ei_get(*loader, InMemoryOrderModuleList);
	case EI_INIT_ORDER:
		return ei_get(*loader, InInitializationOrderModuleList);
	default:
		return ei_get(*loader, InLoadOrderModuleList);
	}
}

static int32_t order_link(const struct ldr_entry_at *at, ei_module_order order)
{
	switch (order) {
	case EI_MEMORY_ORDER:
		return at->InMemoryOrderLinks.offset;
	case EI_INIT_ORDER:
		return at->InInitializationOrderLinks.offset;
	default:
		return at->InLoadOrderLinks.offset;
	}
}

ei_iter ei_process_modules_by(ei_run *run, const eprocess *process, ei_module_order order)
{
	const ei_space *space = NULL;
	ei_val pointer = peb_pointer(run, process, &space, true);
	ldr_entry table = ei_handle(run, ldr_entry);
	int32_t link = order_link(table.at, order);
	if (!ei_has(pointer) || link < 0)
		return iter_empty(run, &ldr_entry_spec);
	peb_ldr loader = ei_at_in(run, space, peb_ldr, pointer.u);
	ei_val head = order_head(&loader, order);
	if (!ei_has(head))
		return iter_empty(run, &ldr_entry_spec);
	ei_val pid = ei_get(*process, UniqueProcessId);
	char *what = ei_text(
		run->scratch, "modules of process %llu", (unsigned long long)ei_u64_or(pid, 0));
	struct list_query query = {
		.what = what ? what : "modules of a process",
		.space = space,
		.head = head.u,
		.link_offset = link,
		.type = &ldr_entry_spec,
	};
	return list_iterate(run, &query);
}

ei_iter ei_process_modules(ei_run *run, const eprocess *process)
{
	return ei_process_modules_by(run, process, EI_LOAD_ORDER);
}

// ---- environment ----------------------------------------------------------------------------

static bool environment_begin(ei_run *run, const eprocess *process, ei_environment *cursor)
{
	parameters block;
	if (!ei_has(process_parameters(run, process, &block)))
		return false;
	ei_val address = ei_get(block, Environment);
	if (!ei_has(address) || !address.u)
		return false;
	uint64_t size = ei_u64_or(ei_get(block, EnvironmentSize), ENVIRONMENT_MAX);
	*cursor = (ei_environment){
		.pointer = block.obj.va + (uint64_t)(int64_t)block.at->Environment.offset,
		.block = address.u,
		.at = address.u,
		.end = address.u + MIN(size, (uint64_t)ENVIRONMENT_MAX),
	};
	return true;
}

// Offset of the first NUL unit; `size` when there is none.
static size_t find_terminator(const uint8_t *units, size_t size)
{
	for (size_t at = 0; at + 2 <= size; at += 2)
		if (!units[at] && !units[at + 1])
			return at;
	return size;
}

// Bytes of the variable at the cursor, without its terminator; -1 when its end cannot be read.
static int32_t variable_length(ei_run *run, const ei_space *space, const ei_environment *cursor)
{
	uint8_t step[VARIABLE_STEP];
	uint64_t have = 0;
	while (have < VARIABLE_MAX && cursor->at + have < cursor->end) {
		size_t want = MIN((uint64_t)VARIABLE_STEP, cursor->end - cursor->at - have);
		size_t got = ei_read(run, space, cursor->at + have, step, want);
		size_t end = find_terminator(step, got);
		if (end < got)
			return (int32_t)(have + end);
		if (got < want)
			return -1;
		have += got;
	}
	return -1;
}

static void variable_split(char *text, size_t length, ei_val *name, ei_val *value)
{
	// Per-drive current directories are kept as "=C:=C:\..."; their name begins with '='.
	char *equals = length > 1 ? memchr(text + 1, '=', length - 1) : NULL;
	size_t split = equals ? (size_t)(equals - text) : length;
	*name = (ei_val){ .s = text, .length = (uint32_t)split, .kind = EI_STR, .state = EI_OK };
	*value = equals ? (ei_val){ .s = equals + 1,
		.length = (uint32_t)(length - split - 1),
		.kind = EI_STR,
		.state = EI_OK }
			: ei_absent(EI_NONE);
}

bool ei_process_next_variable(
	ei_run *run, const eprocess *process, ei_environment *cursor, ei_val *name, ei_val *value)
{
	if (!cursor->block && !environment_begin(run, process, cursor))
		return false;
	if (ei_stopped(run) || cursor->at + 2 > cursor->end)
		return false;
	const ei_space *space = ei_process_space(run, process);
	if (!space)
		return false;
	int32_t length = variable_length(run, space, cursor);
	if (length < 0)
		ei_note(run, "process %llu: the environment cannot be read beyond 0x%llx",
			(unsigned long long)ei_u64_or(ei_get(*process, UniqueProcessId), 0),
			(unsigned long long)cursor->at);
	if (length <= 0) {
		cursor->at = cursor->end; // an empty string ends the block
		return false;
	}
	// Exactly as long as it is: thousands are read, and most have a few dozen letters.
	uint8_t *units = ei_alloc(run->scratch, (size_t)length);
	char *text = ei_alloc(run->scratch, (size_t)length / 2 * 3 + 1);
	if (!units || !text ||
		ei_read(run, space, cursor->at, units, (size_t)length) < (size_t)length)
		return false;
	cursor->at += (uint64_t)length + 2;
	variable_split(text, utf16_to_utf8(units, (size_t)length, text), name, value);
	return true;
}

// ---- addresses ------------------------------------------------------------------------------

ei_val ei_physical(ei_run *run, const ei_obj *object)
{
	struct page page;
	if (!space_translate(object->space, run->reader, object->va, &page))
		return ei_absent(EI_UNREADABLE);
	return ei_addr(page.pa + (object->va - page.va));
}

ei_val ei_found_text(uint32_t found)
{
	static const char *const texts[] = { "-", "forward", "backward", "list", "scan",
		"forward+scan", "backward+scan", "list+scan" };
	return ei_str(texts[found & (EI_BY_FORWARD | EI_BY_BACKWARD | EI_BY_SCAN)]);
}

bool ei_next_page(ei_run *run, const ei_space *space, uint64_t va, ei_page *out)
{
	if (!space)
		space = &run->session->identity.kernel;
	struct page page;
	if (ei_stopped(run) ||
		!space_next(space, run->reader, va, space->mode->kernel_end, NEXT_TABLES, &page))
		return false;
	*out = (ei_page){ .va = page.va, .pa = page.pa, .size = page.size };
	return true;
}
