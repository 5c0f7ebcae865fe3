// sessions: who works in which session, by what each process's environment says.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/win.h>
#include <string.h>
#include <strings.h>

enum { SESSION, TYPE, PID, PROCESS, USER, CREATED, COLUMNS };
enum { OPT_PID };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[SESSION] = { "session", EI_UINT, "terminal session", .vol3 = "Session ID" },
	[TYPE]    = { "type",    EI_STR,  "Console, or the name of a remote connection", .vol3 = "Session Type" },
	[PID]     = { "pid",     EI_UINT, "process id", .vol3 = "Process ID" },
	[PROCESS] = { "process", EI_STR,  "process name", .vol3 = "Process" },
	[USER]    = { "user",    EI_STR,  "domain/user", .vol3 = "User Name" },
	[CREATED] = { "created", EI_TIME, "creation time of the process, UTC", .vol3 = "Create Time" },
};

static const ei_option options[] = {
	[OPT_PID] = { "pid", EI_UINT, EI_MANY, "only these processes" },
};
// clang-format on

struct environment {
	ei_val domain, user, type;
};

static bool name_is(ei_val name, const char *wanted)
{
	return ei_has(name) && name.length == strlen(wanted) &&
	       !strncasecmp(name.s, wanted, name.length);
}

// The cursor's own texts are gone at its next step.
static ei_val kept(ei_run *r, ei_val text)
{
	if (!ei_has(text))
		return text;
	return ei_str(ei_text(ei_scratch(r), "%.*s", (int)text.length, text.s));
}

static struct environment environment_read(ei_run *r, const eprocess *p)
{
	struct environment found = { ei_absent(EI_NONE), ei_absent(EI_NONE), ei_absent(EI_NONE) };
	ei_environment cursor = { 0 };
	for (ei_val name, value; ei_process_next_variable(r, p, &cursor, &name, &value);) {
		ei_val *wanted = name_is(name, "USERNAME")      ? &found.user
				 : name_is(name, "USERDOMAIN")  ? &found.domain
				 : name_is(name, "SESSIONNAME") ? &found.type
								: NULL;
		if (wanted)
			*wanted = kept(r, value);
	}
	return found;
}

static ei_val user_text(ei_run *r, const struct environment *e)
{
	if (!ei_has(e->user) && !ei_has(e->domain))
		return ei_absent(EI_NONE);
	return ei_str(ei_text(ei_scratch(r), "%s/%s", ei_has(e->domain) ? e->domain.s : "",
		ei_has(e->user) ? e->user.s : ""));
}

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);) {
		ei_val pid = ei_get(p, UniqueProcessId);
		if (!ei_opt_allows(r, OPT_PID, pid))
			continue;
		struct environment e = environment_read(r, &p);
		ei_emit(r, (ei_val[COLUMNS]){
				   [SESSION] = ei_process_session(r, &p),
				   [TYPE] = e.type,
				   [PID] = pid,
				   [PROCESS] = ei_get(p, ImageFileName),
				   [USER] = user_text(r, &e),
				   [CREATED] = ei_get(p, CreateTime),
			   });
	}
	return NULL;
}

EI_PLUGIN(sessions) = {
	EI_HEAD(sessions),
	.vol3 = "windows.sessions.Sessions",
	.purpose = "sessions and their users, by the environment of each process",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	.run = run,
	.retells = "pslist",
};
