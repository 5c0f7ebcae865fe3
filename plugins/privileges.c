// privileges: what each process may do beyond its user's rights to objects.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/tokens.h>
#include <string.h>

enum { PID, PROCESS, VALUE, PRIVILEGE, ATTRIBUTES, DESCRIPTION, COLUMNS };
enum { OPT_PID };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PID]         = { "pid",         EI_UINT, "process id", .vol3 = "PID" },
	[PROCESS]     = { "process",     EI_STR,  "process name", .vol3 = "Process" },
	[VALUE]       = { "value",       EI_UINT, "number of the privilege", .vol3 = "Value" },
	[PRIVILEGE]   = { "privilege",   EI_STR,  "name of the privilege", .vol3 = "Privilege", .ioc = "ProcessItem/EnabledPrivilege/Name" },
	[ATTRIBUTES]  = { "attributes",  EI_STR,  "Present, Enabled, Default; nothing: not held", .vol3 = "Attributes" },
	[DESCRIPTION] = { "description", EI_STR,  "what it allows", .vol3 = "Description" },
};

static const ei_option options[] = {
	[OPT_PID] = { "pid", EI_UINT, EI_MANY, "only these processes" },
};
// clang-format on

static ei_val attributes_text(ei_run *r, const ei_privilege *privilege)
{
	const char *text = ei_text(ei_scratch(r), "%s%s%s", privilege->present ? ",Present" : "",
		privilege->enabled ? ",Enabled" : "", privilege->by_default ? ",Default" : "");
	return ei_str(text && *text ? text + 1 : text);
}

static void process_emit(ei_run *r, const eprocess *p)
{
	ei_val address = ei_process_token(r, p);
	if (!ei_has(address))
		return;
	token t = ei_at(r, token, address.u);
	unsigned cursor = 0;
	for (ei_privilege privilege; ei_next_privilege(r, &t, &cursor, &privilege);)
		ei_emit(r, (ei_val[COLUMNS]){
				   [PID] = ei_get(*p, UniqueProcessId),
				   [PROCESS] = ei_get(*p, ImageFileName),
				   [VALUE] = ei_uint(privilege.value),
				   [PRIVILEGE] = ei_str(privilege.name),
				   [ATTRIBUTES] = attributes_text(r, &privilege),
				   [DESCRIPTION] = ei_str(privilege.allows),
			   });
}

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		if (ei_opt_allows(r, OPT_PID, ei_get(p, UniqueProcessId)))
			process_emit(r, &p);
	return NULL;
}

EI_PLUGIN(privileges) = {
	EI_HEAD(privileges),
	.vol3 = "windows.privileges.Privs",
	.purpose = "privileges of each process's token",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec, &token_spec),
	.run = run,
};
