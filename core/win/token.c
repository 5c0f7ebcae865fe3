// Tokens: SIDs and privileges.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/tokens.h>

#include "win/session.h"

enum {
	SIDS_MAX = 0xffff, // Windows allows about a thousand
	SUBAUTHORITIES_MAX = 15,
	SID_HEADER = 8, // revision, count, authority
	LUID_SIZE = 12, // _LUID_AND_ATTRIBUTES
	ATTRIBUTE_DEFAULT = 1,
	ATTRIBUTE_ENABLED = 2,
	PRIVILEGES_MAX = 1024,
};

#define TOKEN_OWNER_FIELDS(F, ALT) F(Token, FASTREF, MAY)
EI_TYPE(token_owner, "_EPROCESS", TOKEN_OWNER_FIELDS);

ei_val ei_process_token(ei_run *run, const eprocess *process)
{
	token_owner owner = ei_handle(run, token_owner);
	owner.obj = ei_open(run, process->obj.space, process->obj.va, &owner.at->layout);
	ei_val address = ei_get(owner, Token);
	return ei_has(address) && !address.u ? ei_absent(EI_NONE) : address;
}

// ---- SIDs -----------------------------------------------------------------------------------

// The authority is the only number in a SID that is stored big-endian.
static uint64_t authority_of(const uint8_t *sid)
{
	uint64_t authority = 0;
	for (int i = 2; i < SID_HEADER; i++)
		authority = authority << 8 | sid[i];
	return authority;
}

static ei_val sid_text(ei_run *run, uint64_t va)
{
	uint8_t sid[SID_HEADER + 4 * SUBAUTHORITIES_MAX];
	size_t have = ei_read(run, NULL, va, sid, sizeof sid);
	if (have < SID_HEADER)
		return ei_absent(EI_UNREADABLE);
	unsigned count = sid[1];
	if ((sid[0] & 0xf) != 1 || count > SUBAUTHORITIES_MAX)
		return ei_absent(EI_GARBAGE);
	if (have < SID_HEADER + 4 * count)
		return ei_absent(EI_UNREADABLE);
	struct text text;
	text_init(&text, 256);
	text_addf(&text, "S-%u-%llu", sid[0], (unsigned long long)authority_of(sid));
	for (unsigned i = 0; i < count; i++)
		text_addf(&text, "-%u", load_u32(sid + SID_HEADER + 4 * i));
	ei_val value = ei_str(text.data ? arena_text(run->scratch, text.data, text.length) : NULL);
	text_deinit(&text);
	return value;
}

ei_val ei_token_sid(ei_run *run, const token *object, size_t n, ei_val *attributes)
{
	ei_val count = ei_get(*object, UserAndGroupCount), array = ei_get(*object, UserAndGroups);
	if (!ei_has(count) || !ei_has(array))
		return ei_has(count) ? array : count;
	if (count.u > SIDS_MAX)
		return ei_absent(EI_GARBAGE);
	if (n >= count.u || !array.u)
		return ei_absent(EI_NONE);
	uint32_t size = ei_pointer_size(run);
	uint64_t at = array.u + n * 2 * size; // _SID_AND_ATTRIBUTES
	ei_val sid = ei_read_ptr(run, NULL, at);
	if (attributes)
		*attributes = ei_read_u32(run, NULL, at + size);
	if (!ei_has(sid))
		return sid;
	return sid.u ? sid_text(run, sid.u) : ei_absent(EI_GARBAGE);
}

// ---- privileges -----------------------------------------------------------------------------

static const struct privilege_name {
	unsigned value;
	const char *name, *allows;
} privilege_names[] = {
	{ 2, "SeCreateTokenPrivilege", "Create a token object" },
	{ 3, "SeAssignPrimaryTokenPrivilege", "Replace a process-level token" },
	{ 4, "SeLockMemoryPrivilege", "Lock pages in memory" },
	{ 5, "SeIncreaseQuotaPrivilege", "Increase quotas" },
	{ 6, "SeMachineAccountPrivilege", "Add workstations to the domain" },
	{ 7, "SeTcbPrivilege", "Act as part of the operating system" },
	{ 8, "SeSecurityPrivilege", "Manage auditing and security log" },
	{ 9, "SeTakeOwnershipPrivilege", "Take ownership of files/objects" },
	{ 10, "SeLoadDriverPrivilege", "Load and unload device drivers" },
	{ 11, "SeSystemProfilePrivilege", "Profile system performance" },
	{ 12, "SeSystemtimePrivilege", "Change the system time" },
	{ 13, "SeProfileSingleProcessPrivilege", "Profile a single process" },
	{ 14, "SeIncreaseBasePriorityPrivilege", "Increase scheduling priority" },
	{ 15, "SeCreatePagefilePrivilege", "Create a pagefile" },
	{ 16, "SeCreatePermanentPrivilege", "Create permanent shared objects" },
	{ 17, "SeBackupPrivilege", "Backup files and directories" },
	{ 18, "SeRestorePrivilege", "Restore files and directories" },
	{ 19, "SeShutdownPrivilege", "Shut down the system" },
	{ 20, "SeDebugPrivilege", "Debug programs" },
	{ 21, "SeAuditPrivilege", "Generate security audits" },
	{ 22, "SeSystemEnvironmentPrivilege", "Edit firmware environment values" },
	{ 23, "SeChangeNotifyPrivilege",
		"Receive notifications of changes to files or directories" },
	{ 24, "SeRemoteShutdownPrivilege", "Force shutdown from a remote system" },
	{ 25, "SeUndockPrivilege", "Remove computer from docking station" },
	{ 26, "SeSyncAgentPrivilege", "Synch directory service data" },
	{ 27, "SeEnableDelegationPrivilege", "Enable user accounts to be trusted for delegation" },
	{ 28, "SeManageVolumePrivilege", "Manage the files on a volume" },
	{ 29, "SeImpersonatePrivilege", "Impersonate a client after authentication" },
	{ 30, "SeCreateGlobalPrivilege", "Create global objects" },
	{ 31, "SeTrustedCredManAccessPrivilege", "Access Credential Manager as a trusted caller" },
	{ 32, "SeRelabelPrivilege", "Modify the mandatory integrity level of an object" },
	{ 33, "SeIncreaseWorkingSetPrivilege", "Allocate more memory for user applications" },
	{ 34, "SeTimeZonePrivilege", "Adjust the time zone of the computer's internal clock" },
	{ 35, "SeCreateSymbolicLinkPrivilege", "Required to create a symbolic link" },
	{ 36, "SeDelegateSessionUserImpersonatePrivilege",
		"Obtain an impersonation token for another user in the same session." },
};

// Until Windows 2003 the token points to an array of those that it has.
static bool array_privilege(ei_run *run, const token *object, ei_privilege *out)
{
	ei_val count = ei_get(*object, PrivilegeCount), array = ei_get(*object, privilege_array);
	if (!ei_u64_or(count, 0) || count.u > PRIVILEGES_MAX || !ei_u64_or(array, 0))
		return false;
	for (uint64_t i = 0; i < count.u; i++) {
		uint8_t entry[LUID_SIZE];
		if (ei_read(run, NULL, array.u + i * LUID_SIZE, entry, LUID_SIZE) < LUID_SIZE ||
			load_u32(entry) != out->value)
			continue;
		uint32_t attributes = load_u32(entry + 8);
		out->present = true;
		out->enabled = attributes & ATTRIBUTE_ENABLED;
		out->by_default = attributes & ATTRIBUTE_DEFAULT;
		return true;
	}
	return false;
}

bool ei_next_privilege(ei_run *run, const token *object, unsigned *cursor, ei_privilege *out)
{
	bool in_array = ei_get(*object, present).state == EI_NO_FIELD;
	while (*cursor < ARRAY_LENGTH(privilege_names)) {
		const struct privilege_name *name = &privilege_names[(*cursor)++];
		uint64_t bit = 1ull << name->value;
		*out = (ei_privilege){
			.value = name->value, .name = name->name, .allows = name->allows
		};
		if (in_array) {
			if (array_privilege(run, object, out))
				return true;
			continue;
		}
		ei_val present = ei_get(*object, present);
		if (!ei_has(present))
			return false;
		out->present = present.u & bit;
		out->enabled = ei_u64_or(ei_get(*object, enabled), 0) & bit;
		out->by_default = ei_u64_or(ei_get(*object, by_default), 0) & bit;
		return true;
	}
	return false;
}
