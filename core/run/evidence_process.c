// Evidence about processes: who they are, by the kernel's list and by a scan.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_parts.h"

#include <stdlib.h>
#include <strings.h>

enum { PROCESSES_MAX = 1 << 14, NAME_FIELD = 14 }; // bytes of a name that is never cut

static const char source_name[] = "processes";
static const char domain[] = "ProcessItem";

// ---- reading --------------------------------------------------------------------------------
static const char *keep(struct evidence *evidence, ei_val value)
{
	char *text = ei_has(value) && value.kind == EI_STR
			     ? arena_text(evidence->arena, value.s, value.length)
			     : NULL;
	return text ? text : "";
}

static bool processes_grow(struct evidence *evidence)
{
	if (evidence->process_count < evidence->process_room)
		return true;
	size_t room = evidence->process_room ? evidence->process_room * 2 : 256;
	struct evidence_process *more = realloc(evidence->processes, room * sizeof *more);
	if (!more)
		return false;
	evidence->processes = more;
	evidence->process_room = room;
	return true;
}

// Where the kernel calls a volume by its device and the process by its letter, they are one.
static void volume_learn(struct evidence *evidence, const char *device_path, const char *path)
{
	size_t device_length = strlen(device_path), length = strlen(path);
	if (length < 4 || path[1] != ':' || device_length < length - 2)
		return;
	size_t volume = device_length - (length - 2);
	char name[64];
	if (!volume || volume >= sizeof name || strcasecmp(device_path + volume, path + 2))
		return;
	snprintf(name, sizeof name, "%.*s", (int)volume, device_path);
	ioc_evidence_volume(evidence->logic, name, path[0]);
}

static void process_read(
	struct evidence *evidence, ei_run *run, const eprocess *p, bool listed, bool *learned)
{
	if (evidence->process_count == PROCESSES_MAX)
		return;
	if (!processes_grow(evidence)) {
		evidence->no_memory = true;
		return;
	}
	struct evidence_process *process = &evidence->processes[evidence->process_count++];
	*process = (struct evidence_process){
		.pid = ei_u64_or(ei_get(*p, UniqueProcessId), EVIDENCE_NO_PID),
		.ppid = ei_u64_or(ei_get(*p, InheritedFromUniqueProcessId), EVIDENCE_NO_PID),
		.offset = p->obj.va,
		.created = ei_u64_or(ei_get(*p, CreateTime), 0),
		.exited = ei_u64_or(ei_get(*p, ExitTime), 0),
		.name = keep(evidence, ei_get(*p, ImageFileName)),
		.path = keep(evidence, ei_process_path(run, p)),
		.command = keep(evidence, ei_process_command_line(run, p)),
		.listed = listed,
		.parent = UINT32_MAX,
	};
	if (*learned)
		return;
	const char *own = keep(evidence, ei_process_image_path(run, p));
	size_t before = strlen(own);
	volume_learn(evidence, process->path, own);
	*learned = before && process->path[0];
}

static void processes_read(struct evidence *evidence, ei_run *run)
{
	bool learned = false;
	ei_iter it = ei_processes(run);
	for (eprocess p = ei_handle(run, eprocess); ei_next(&it, &p);)
		process_read(evidence, run, &p, true, &learned);
	it = ei_processes_scanned(run);
	for (eprocess p = ei_handle(run, eprocess); ei_next(&it, &p);)
		if (!(it.found & (EI_BY_FORWARD | EI_BY_BACKWARD)))
			process_read(evidence, run, &p, false, &learned);
}

// A pid is used again: who is younger than the child is not its parent.
static uint32_t parent_of(const struct evidence *evidence, size_t child)
{
	const struct evidence_process *all = evidence->processes;
	uint32_t best = UINT32_MAX;
	for (uint32_t i = 0; i < evidence->process_count; i++)
		if (i != child && all[i].pid == all[child].ppid &&
			all[i].created <= all[child].created &&
			(best == UINT32_MAX || all[i].created > all[best].created))
			best = i;
	return best;
}

static const char *const terms[] = { "ProcessItem/name", "ProcessItem/pid", "ProcessItem/parentpid",
	"ProcessItem/path", "ProcessItem/arguments", "ProcessItem/startTime", "ProcessItem/hidden",
	"ProcessItem/ParentProcessPath", "ProcessItem/ParentArguments", "processEvent/eventType" };

const char *evidence_processes_say(size_t nth)
{
	return nth < ARRAY_LENGTH(terms) ? terms[nth] : NULL;
}

// ---- giving ---------------------------------------------------------------------------------
static ei_val text_or(const char *text, ei_state otherwise)
{
	return *text ? ei_str(text) : ei_absent(otherwise);
}

static const char *last_step(const char *path)
{
	const char *slash = strrchr(path, '\\');
	return slash ? slash + 1 : path;
}

// The kernel keeps the beginning of a name; its path has the rest.
static void name_give(struct evidence *evidence, struct known known, const char *term,
	const struct evidence_process *process)
{
	const char *full = last_step(process->path);
	size_t length = strlen(process->name);
	bool same = length && !strncasecmp(full, process->name, length);
	if (same)
		evidence_value(evidence, term, known, ei_str(full), NULL);
	else if (length >= NAME_FIELD)
		evidence_cut_value(evidence, term, known, ei_str(process->name));
	else
		evidence_value(evidence, term, known, text_or(process->name, EI_UNREADABLE), NULL);
}

static void parent_give(
	struct evidence *evidence, struct known known, const struct evidence_process *process)
{
	ei_val nothing = ei_absent(EI_UNREADABLE);
	if (process->parent == UINT32_MAX) {
		evidence_value(evidence, "ProcessItem/ParentProcessPath", known, nothing, NULL);
		evidence_value(evidence, "ProcessItem/ParentArguments", known, nothing, NULL);
		return;
	}
	const struct evidence_process *parent = &evidence->processes[process->parent];
	evidence_value(evidence, "ProcessItem/ParentProcessPath", known,
		text_or(parent->path, EI_UNREADABLE), NULL);
	name_give(evidence, known, "ProcessItem/ParentProcessName", parent);
	evidence_value(evidence, "ProcessItem/ParentArguments", known,
		text_or(parent->command, EI_UNREADABLE), NULL);
}

// What a process is now stands for the events that made it so.
static void events_give(
	struct evidence *evidence, struct known known, const struct evidence_process *process)
{
	static const char term[] = "processEvent/eventType";
	evidence_value(evidence, term, known, ei_str("start"), NULL);
	evidence_value(evidence, term, known, ei_str(process->exited ? "end" : "running"), NULL);
}

static void process_give(struct evidence *evidence, struct evidence_process *process)
{
	struct holder holder = {
		.source = source_name,
		.pid = process->pid,
		.address = process->offset,
	};
	struct known known = evidence_new(evidence, domain, IOC_ROOT, process->pid, &holder);
	process->holder = known.holder;
	struct entity_slot *slot = evidence_slot(evidence, domain, process->pid, 0);
	if (!slot)
		return;
	if (!slot->domain)
		evidence_keep(evidence, slot, domain, process->pid, 0, known);
	ei_state command = process->exited || process->pid <= 4 ? EI_NONE : EI_UNREADABLE;
	name_give(evidence, known, "ProcessItem/name", process);
	evidence_value(evidence, "ProcessItem/pid", known, ei_uint(process->pid), NULL);
	evidence_value(evidence, "ProcessItem/parentpid", known,
		process->ppid == EVIDENCE_NO_PID ? ei_absent(EI_UNREADABLE)
						 : ei_uint(process->ppid),
		NULL);
	evidence_value(
		evidence, "ProcessItem/path", known, text_or(process->path, EI_UNREADABLE), NULL);
	evidence_value(
		evidence, "ProcessItem/arguments", known, text_or(process->command, command), NULL);
	evidence_value(evidence, "ProcessItem/startTime", known,
		process->created ? ei_of(EI_TIME, process->created) : ei_absent(EI_UNREADABLE),
		NULL);
	evidence_value(evidence, "ProcessItem/hidden", known,
		ei_bool(!process->listed && !process->exited), NULL);
	parent_give(evidence, known, process);
	events_give(evidence, known, process);
}

ei_error *evidence_processes(struct evidence *evidence)
{
	const ei_plugin needs = { .name = source_name,
		.types = (const ei_type_spec *const[]){ &eprocess_spec },
		.type_count = 1 };
	uint64_t started = evidence_clock();
	EI_OWNED(ei_run) run = NULL;
	EI_TRY(evidence_open(evidence, &needs, started, &run));
	if (!run)
		return NULL;
	processes_read(evidence, run);
	for (size_t i = 0; i < ARRAY_LENGTH(terms); i++)
		ioc_evidence_answers(evidence->logic, terms[i], true);
	for (size_t i = 0; i < evidence->process_count; i++)
		evidence->processes[i].parent = parent_of(evidence, i);
	for (size_t i = 0; i < evidence->process_count && !evidence->no_memory; i++)
		process_give(evidence, &evidence->processes[i]);
	evidence_source_add(evidence, source_name, evidence->process_count,
		evidence->process_count == PROCESSES_MAX ? "there are too many" : NULL, started);
	return NULL;
}
