// getsids: whom each process acts for: its user and the groups.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/tokens.h>

enum { PID, PROCESS, SID, NAME, ATTRIBUTES, COLUMNS };
enum { OPT_PID };
enum { SIDS_MAX = 1024 };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PID]        = { "pid",        EI_UINT, "process id", .vol3 = "PID" },
	[PROCESS]    = { "process",    EI_STR,  "process name", .vol3 = "Process" },
	[SID]        = { "sid",        EI_STR,  "security identifier; the first is the user", .vol3 = "SID", .ioc = "ProcessItem/SecurityID" },
	[NAME]       = { "name",       EI_STR,  "whose it is", .vol3 = "Name", .ioc = "ProcessItem/Username" },
	[ATTRIBUTES] = { "attributes", EI_HEX,  "1: mandatory, 4: enabled, 8: owner, 0x10: only to deny, 0x20: integrity" },
};

static const ei_option options[] = {
	[OPT_PID] = { "pid", EI_UINT, EI_MANY, "only these processes" },
};
// clang-format on

static void sid_emit(ei_run *r, const eprocess *p, ei_val sid, ei_val name, ei_val attributes)
{
	ei_emit(r, (ei_val[COLUMNS]){
			   [PID] = ei_get(*p, UniqueProcessId),
			   [PROCESS] = ei_get(*p, ImageFileName),
			   [SID] = sid,
			   [NAME] = name,
			   [ATTRIBUTES] = attributes,
		   });
}

static void process_emit(ei_run *r, const eprocess *p)
{
	ei_val address = ei_process_token(r, p), none = ei_absent(EI_NONE);
	if (!ei_has(address)) {
		sid_emit(r, p, address, none, none);
		return;
	}
	token t = ei_at(r, token, address.u);
	bool is_readable = ei_has(ei_get(t, UserAndGroupCount)) && ei_has(ei_get(t, UserAndGroups));
	for (size_t i = 0; i < SIDS_MAX; i++) {
		ei_val attributes = ei_absent(EI_UNREADABLE);
		ei_val sid = ei_token_sid(r, &t, i, &attributes);
		if (sid.state == EI_NONE)
			return;
		if (ei_has(attributes))
			attributes = ei_hex(attributes.u);
		sid_emit(r, p, sid, ei_sid_name(r, sid), attributes);
		if (!is_readable || sid.state == EI_GARBAGE)
			return; // nobody knows how many there are, or their count is too high
	}
}

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		if (ei_opt_allows(r, OPT_PID, ei_get(p, UniqueProcessId)))
			process_emit(r, &p);
	return NULL;
}

EI_PLUGIN(getsids) = {
	EI_HEAD(getsids),
	.vol3 = "windows.getsids.GetSIDs",
	.purpose = "user and groups of each process's token",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec, &token_spec),
	.run = run,
};
