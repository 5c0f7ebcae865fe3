// What security identifiers are called: by Windows, by the registry's users and services.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/registry.h>
#include <eidetic/tokens.h>

#include "base/digest.h"
#include "win/shared.h"
#include <stdlib.h>

enum {
	NAMES_MAX = 8192,
	SID_BYTES = 192,  // the longest has 15 numbers of 10 digits
	NAME_BYTES = 128, // of a user or service
	SERVICE_NUMBERS = 5,
};

struct sid_name {
	char sid[SID_BYTES], name[NAME_BYTES];
};

struct sid_names {
	size_t count;
	struct sid_name *names; // sorted by sid
};

// ---- Windows's own --------------------------------------------------------------------------

static const struct known_sid {
	const char *sid, *name;
} known_sids[] = {
	{ "S-1-0-0", "Nobody" },
	{ "S-1-1-0", "Everyone" },
	{ "S-1-2-0", "Local" },
	{ "S-1-2-1", "Console Logon" },
	{ "S-1-3-0", "Creator Owner" },
	{ "S-1-3-1", "Creator Group" },
	{ "S-1-3-2", "Creator Owner Server" },
	{ "S-1-3-3", "Creator Group Server" },
	{ "S-1-3-4", "Owner Rights" },
	{ "S-1-5-1", "Dialup" },
	{ "S-1-5-2", "Network" },
	{ "S-1-5-3", "Batch" },
	{ "S-1-5-4", "Interactive" },
	{ "S-1-5-6", "Service" },
	{ "S-1-5-7", "Anonymous" },
	{ "S-1-5-8", "Proxy" },
	{ "S-1-5-9", "Enterprise Domain Controllers" },
	{ "S-1-5-10", "Principal Self" },
	{ "S-1-5-11", "Authenticated Users" },
	{ "S-1-5-12", "Restricted Code" },
	{ "S-1-5-13", "Terminal Server Users" },
	{ "S-1-5-14", "Remote Interactive Logon" },
	{ "S-1-5-15", "This Organization" },
	{ "S-1-5-17", "This Organization (Used by the default IIS user)" },
	{ "S-1-5-18", "Local System" },
	{ "S-1-5-19", "NT Authority" },
	{ "S-1-5-20", "NT Authority" },
	{ "S-1-5-32-544", "Administrators" },
	{ "S-1-5-32-545", "Users" },
	{ "S-1-5-32-546", "Guests" },
	{ "S-1-5-32-547", "Power Users" },
	{ "S-1-5-32-548", "Account Operators" },
	{ "S-1-5-32-549", "Server Operators" },
	{ "S-1-5-32-550", "Print Operators" },
	{ "S-1-5-32-551", "Backup Operators" },
	{ "S-1-5-32-552", "Replicators" },
	{ "S-1-5-32-554", "BUILTIN\\Pre-Windows 2000 Compatible Access" },
	{ "S-1-5-32-555", "BUILTIN\\Remote Desktop Users" },
	{ "S-1-5-32-556", "BUILTIN\\Network Configuration Operators" },
	{ "S-1-5-32-557", "BUILTIN\\Incoming Forest Trust Builders" },
	{ "S-1-5-32-558", "BUILTIN\\Performance Monitor Users" },
	{ "S-1-5-32-559", "BUILTIN\\Performance Log Users" },
	{ "S-1-5-32-560", "BUILTIN\\Windows Authorization Access Group" },
	{ "S-1-5-32-561", "BUILTIN\\Terminal Server License Servers" },
	{ "S-1-5-32-562", "BUILTIN\\Distributed COM Users" },
	{ "S-1-5-32-568", "BUILTIN\\IIS IUSRS" },
	{ "S-1-5-32-569", "Cryptographic Operators" },
	{ "S-1-5-32-573", "BUILTIN\\Event Log Readers" },
	{ "S-1-5-32-574", "BUILTIN\\Certificate Service DCOM Access" },
	{ "S-1-5-32-575", "RDS Remote Application Services" },
	{ "S-1-5-32-576", "RDS Endpoint Servers" },
	{ "S-1-5-32-577", "RDS Management Servers" },
	{ "S-1-5-32-578", "Hyper-V Admins" },
	{ "S-1-5-32-579", "Access Control Assistance Ops" },
	{ "S-1-5-32-580", "Remote Management Users" },
	{ "S-1-5-33", "Write Restricted" },
	{ "S-1-5-64-10", "NTLM Authentication" },
	{ "S-1-5-64-14", "SChannel Authentication" },
	{ "S-1-5-64-21", "Digest Authentication" },
	{ "S-1-5-80", "NT Service" },
	{ "S-1-5-80-0", "All Services" },
	{ "S-1-5-113", "Local Account" },
	{ "S-1-5-114", "Local Account (Member of Administrators)" },
	{ "S-1-5-1000", "Other Organization" },
	{ "S-1-15-2-1", "Application Package Context" },
	{ "S-1-16-0", "Untrusted Mandatory Level" },
	{ "S-1-16-4096", "Low Mandatory Level" },
	{ "S-1-16-8192", "Medium Mandatory Level" },
	{ "S-1-16-8448", "Medium Plus Mandatory Level" },
	{ "S-1-16-12288", "High Mandatory Level" },
	{ "S-1-16-16384", "System Mandatory Level" },
	{ "S-1-16-20480", "Protected Process Mandatory Level" },
	{ "S-1-16-28672", "Secure Process Mandatory Level" },
	{ "S-1-18-1", "Authentication Authority Asserted Identity" },
	{ "S-1-18-2", "Service Asserted Identity" },
};

// Accounts that every machine or domain has, by their last number.
static const struct relative_sid {
	const char *prefix;
	unsigned last;
	const char *name;
} relative_sids[] = {
	{ "S-1-5-21-", 498, "Enterprise Read-Only Domain Controllers" },
	{ "S-1-5-21-", 500, "Administrator" },
	{ "S-1-5-21-", 501, "Guest" },
	{ "S-1-5-21-", 502, "KRBTGT" },
	{ "S-1-5-21-", 512, "Domain Admins" },
	{ "S-1-5-21-", 513, "Domain Users" },
	{ "S-1-5-21-", 514, "Domain Guests" },
	{ "S-1-5-21-", 515, "Domain Computers" },
	{ "S-1-5-21-", 516, "Domain Controllers" },
	{ "S-1-5-21-", 517, "Cert Publishers" },
	{ "S-1-5-21-", 518, "Schema Admins" },
	{ "S-1-5-21-", 519, "Enterprise Admins" },
	{ "S-1-5-21-", 520, "Group Policy Creator Owners" },
	{ "S-1-5-21-", 521, "Read-Only Domain Controllers" },
	{ "S-1-5-21-", 522, "Cloneable Domain Controllers" },
	{ "S-1-5-21-", 525, "Protected Users" },
	{ "S-1-5-21-", 533, "RAS and IAS Servers" },
	{ "S-1-5-21-", 553, "RAS Servers" },
};

static const char *known_name(const char *sid)
{
	static const char logon[] = "S-1-5-5-";
	for (size_t i = 0; i < ARRAY_LENGTH(known_sids); i++)
		if (!strcmp(known_sids[i].sid, sid))
			return known_sids[i].name;
	return strncmp(sid, logon, sizeof logon - 1) ? NULL : "Logon Session";
}

static const char *relative_name(const char *sid)
{
	const char *dash = strrchr(sid, '-');
	unsigned long last = dash ? strtoul(dash + 1, NULL, 10) : 0;
	for (size_t i = 0; i < ARRAY_LENGTH(relative_sids); i++)
		if (relative_sids[i].last == last &&
			!strncmp(sid, relative_sids[i].prefix, strlen(relative_sids[i].prefix)))
			return relative_sids[i].name;
	return NULL;
}

// ---- the registry's -------------------------------------------------------------------------

static void copy_text(char *to, size_t room, ei_val text)
{
	size_t length = MIN((size_t)text.length, room - 1);
	memcpy(to, text.s, length);
	to[length] = 0;
}

static struct sid_name *name_add(struct sid_names *names)
{
	return names->count < NAMES_MAX ? &names->names[names->count++] : NULL;
}

// A user is called as the last part of the path to the profile.
static void user_add(struct sid_names *names, const ei_key *key)
{
	ei_val sid = ei_key_name(key);
	ei_value value = ei_key_value(key, "ProfileImagePath");
	ei_val path = ei_value_data(&value);
	struct sid_name *name =
		ei_has(sid) && ei_has(path) && path.kind == EI_STR ? name_add(names) : NULL;
	if (!name)
		return;
	while (path.length && !path.s[path.length - 1])
		path.length--;
	for (uint32_t i = path.length; i > 0; i--) {
		if (path.s[i - 1] != '\\')
			continue;
		path.s += i;
		path.length -= i;
		break;
	}
	copy_text(name->sid, sizeof name->sid, sid);
	copy_text(name->name, sizeof name->name, path);
}

// A service's SID is made from its name: SHA-1 of the name in capital letters, in five numbers.
static void service_add(struct sid_names *names, const ei_key *key)
{
	ei_val service = ei_key_name(key);
	EI_OWNED(digest) digest = NULL;
	struct digest_text text;
	if (!ei_has(service) || service.length >= NAME_BYTES)
		return;
	ei_error *error = digest_create(DIGEST_SHA1, &digest);
	for (uint32_t i = 0; !error && i < service.length; i++) {
		char letter = service.s[i];
		uint8_t wide[2] = {
			(uint8_t)(letter >= 'a' && letter <= 'z' ? letter - 32 : letter), 0
		};
		if (letter & 0x80)
			return; // capital letters of other alphabets are not ours to know
		digest_add(digest, wide, sizeof wide);
	}
	if (!error)
		error = digest_end(digest, &text);
	struct sid_name *name = error ? NULL : name_add(names);
	ei_error_drop(error);
	if (!name)
		return;
	copy_text(name->name, sizeof name->name, service);
	int length = snprintf(name->sid, sizeof name->sid, "S-1-5-80");
	for (int i = 0; i < SERVICE_NUMBERS; i++) {
		char hex[9];
		memcpy(hex, text.sha1 + 8 * i, 8);
		hex[8] = 0;
		uint32_t number = __builtin_bswap32((uint32_t)strtoul(hex, NULL, 16));
		length += snprintf(
			name->sid + length, sizeof name->sid - (size_t)length, "-%u", number);
	}
}

// From the root of a hive: that path means the same with every option.
static const struct source {
	const char *key;
	void (*add)(struct sid_names *names, const ei_key *key);
} sources[] = {
	{ "Microsoft\\Windows NT\\CurrentVersion\\ProfileList", user_add },
	{ "ControlSet001\\Services", service_add },
};

static int compare_names(const void *left, const void *right)
{
	return strcmp(((const struct sid_name *)left)->sid, ((const struct sid_name *)right)->sid);
}

static void hive_read(struct sid_names *names, ei_hive *hive)
{
	for (size_t i = 0; hive && i < ARRAY_LENGTH(sources); i++) {
		ei_key key = ei_key_find(hive, sources[i].key);
		if (key.state != EI_OK)
			continue;
		ei_subkeys subkeys = ei_key_subkeys(&key);
		for (ei_key child; ei_subkey_next(&subkeys, &child);)
			if (child.state == EI_OK)
				sources[i].add(names, &child);
	}
}

static void names_drop(void *table)
{
	struct sid_names *names = table;
	if (names)
		free(names->names);
	free(names);
}

static void *names_build(ei_run *run)
{
	struct sid_names *names = calloc(1, sizeof *names);
	if (names)
		names->names = calloc(NAMES_MAX, sizeof *names->names);
	if (!names || !names->names) {
		names_drop(names);
		return NULL;
	}
	ei_iter it = ei_hives(run);
	for (cmhive h = ei_handle(run, cmhive); ei_next(&it, &h);)
		hive_read(names, ei_hive_open(run, &h));
	qsort(names->names, names->count, sizeof *names->names, compare_names);
	return names;
}

ei_val ei_sid_name(ei_run *run, ei_val sid)
{
	struct sid_name key;
	if (!ei_has(sid) || sid.kind != EI_STR)
		return ei_absent(EI_NONE);
	copy_text(key.sid, sizeof key.sid, sid);
	const char *known = known_name(key.sid);
	if (known)
		return ei_str(known);
	const struct sid_names *names =
		shared_table(run, SHARED_SID_NAMES, names_build, names_drop);
	const struct sid_name *found = names && names->count
					       ? bsearch(&key, names->names, names->count,
							 sizeof *names->names, compare_names)
					       : NULL;
	return ei_str(found ? found->name : relative_name(key.sid));
}
