// Access tokens: who a process runs as, in which groups, with which privileges.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

enum { GROUPS = 12, PRIMARY = 1, BY_DEFAULT = 1, ENABLED = 2 };

struct account {
	const char *name;
	uint32_t logon;            // low part of the session's LUID
	const char *sids[GROUPS];  // the user first; text form
	uint64_t present, enabled; // privileges, by number
};

#define USER_DOMAIN "S-1-5-21-2911740388-1745086229-3804618271"

static const struct account accounts[] = {
	{ "system", 0x3e7, { "S-1-5-18", "S-1-5-32-544", "S-1-1-0", "S-1-5-11", "S-1-16-16384" },
		0x1ff2ffffbc, 0x1e60b1e890 },
	{ "local service", 0x3e5,
		{ "S-1-5-19", "S-1-16-16384", "S-1-1-0", "S-1-5-32-545", "S-1-5-6", "S-1-2-1",
			"S-1-5-11", "S-1-5-15", "S-1-2-0" },
		0x260b00080, 0x60800000 },
	{ "network service", 0x3e4,
		{ "S-1-5-20", "S-1-16-16384", "S-1-1-0", "S-1-5-32-545", "S-1-5-6", "S-1-2-1",
			"S-1-5-11", "S-1-5-15", "S-1-2-0" },
		0x60b00080, 0x60800000 },
	{ "window manager", 0xfbd1, { "S-1-5-90-0-1", "S-1-16-16384", "S-1-1-0", "S-1-5-90-0" },
		0x202804080, 0x800000 },
	{ "administrator", 0x3a6f1,
		{ USER_DOMAIN "-1001", USER_DOMAIN "-513", "S-1-1-0", "S-1-5-32-544",
			"S-1-5-32-545", "S-1-5-4", "S-1-2-1", "S-1-5-11", "S-1-5-15",
			"S-1-5-5-0-239325", "S-1-2-0", "S-1-16-12288" },
		0x1e73deff20, 0x60900000 },
	{ "user", 0x3a71e,
		{ USER_DOMAIN "-1001", USER_DOMAIN "-513", "S-1-1-0", "S-1-5-32-545", "S-1-5-4",
			"S-1-2-1", "S-1-5-11", "S-1-5-15", "S-1-5-5-0-239325", "S-1-2-0",
			"S-1-5-64-10", "S-1-16-8192" },
		0x602880000, 0x800000 },
};

static const struct account *account_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(accounts); i++) {
		if (strcmp(accounts[i].name, name) == 0)
			return &accounts[i];
	}
	return NULL;
}

// Services say their account in the group that they are hosted in; what has a desktop is the
// user's.
static const struct account *account_of(const struct process *p, const json_t *description)
{
	const char *command = scenario_text(description, "cmdline", "");
	if (strstr(command, "LocalService"))
		return account_find("local service");
	if (strstr(command, "NetworkService"))
		return account_find("network service");
	if (strcmp(p->name, "dwm.exe") == 0)
		return account_find("window manager");
	static const char *const systems[] = { "csrss.exe", "winlogon.exe", "fontdrvhost.exe" };
	for (size_t i = 0; i < ARRAY_LENGTH(systems); i++) {
		if (strcmp(p->name, systems[i]) == 0)
			return account_find("system");
	}
	bool desktop = p->session > 0 || scenario_flag(description, "desktop");
	return account_find(desktop ? "user" : "system");
}

static uint32_t sid_bytes(const char *text)
{
	uint32_t dashes = 0;
	for (; *text; text++)
		dashes += *text == '-';
	return 8 + 4 * (dashes - 2);
}

// "S-1-5-32-544": revision, authority (six bytes, high first), then 32-bit numbers.
static uint32_t sid_write(struct forge *f, uint64_t va, const char *text)
{
	uint8_t sid[8 + 4 * 15] = { 1 };
	uint32_t used = 8;
	char *at;
	sid[7] = (uint8_t)strtoul(text + 4, &at, 10);
	while (*at == '-' && used + 4 <= sizeof sid) {
		uint32_t number = (uint32_t)strtoul(at + 1, &at, 10);
		memcpy(sid + used, &number, 4);
		used += 4;
		sid[1]++;
	}
	write_bytes(f, &f->kernel, va, sid, used);
	return used;
}

static uint32_t sids_bytes(struct forge *f, const struct account *a)
{
	uint32_t bytes = 0;
	for (uint32_t i = 0; i < GROUPS && a->sids[i]; i++)
		bytes += 2 * f->pointer + sid_bytes(a->sids[i]);
	return bytes;
}

static uint32_t group_attributes(const char *sid, uint32_t index)
{
	static const char label[] = "S-1-16-", session[] = "S-1-5-5-";
	if (strncmp(sid, label, sizeof label - 1) == 0)
		return 0x60; // an integrity label
	if (strncmp(sid, session, sizeof session - 1) == 0)
		return 0xc0000007;
	return index ? 7 : 0;
}

// An array of pointers with attributes, and the SIDs behind it.
static uint32_t sids_write(
	struct forge *f, struct process *p, uint64_t array, const struct account *a)
{
	uint32_t count = 0;
	while (count < GROUPS && a->sids[count])
		count++;
	uint64_t at = array + (uint64_t)count * 2 * f->pointer;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t attributes = group_attributes(a->sids[i], i);
		uint64_t slot = array + (uint64_t)i * 2 * f->pointer;
		write_pointer(f, &f->kernel, slot, at);
		write_u32(f, &f->kernel, slot + f->pointer, attributes);
		at += sid_write(f, at, a->sids[i]);
		truth_row(f, "getsids", "{s:I, s:s, s:s, s:I}", "pid", (json_int_t)p->pid,
			"process", p->name, "sid", a->sids[i], "attributes",
			(json_int_t)attributes);
	}
	return count;
}

static void privilege_truth(
	struct forge *f, struct process *p, uint32_t number, const struct account *a)
{
	bool present = a->present >> number & 1, enabled = a->enabled >> number & 1;
	truth_row(f, "privileges", "{s:I, s:s, s:i, s:b, s:b, s:b}", "pid", (json_int_t)p->pid,
		"process", p->name, "privilege", (int)number, "present", (int)present, "enabled",
		(int)enabled, "default", (int)enabled);
}

// Until XP: an array of LUIDs with attributes; since Vista three masks.
static void privileges_write(
	struct forge *f, struct process *p, struct object token, const struct account *a)
{
	struct member m;
	bool masks = profile_member(f->profile, "_TOKEN", "Privileges.Present", &m);
	uint32_t count = 0;
	uint8_t array[64][12] = { 0 };
	for (uint32_t i = 2; i < (f->win7 ? 37 : 36); i++) {
		bool present = a->present >> i & 1, enabled = a->enabled >> i & 1;
		if (masks || present)
			privilege_truth(f, p, i, a);
		if (!present)
			continue;
		array[count][0] = (uint8_t)i;
		array[count++][8] = enabled ? BY_DEFAULT | ENABLED : 0;
	}
	forge_put(f, token, "Privileges.Present", a->present);
	forge_put(f, token, "Privileges.Enabled", a->enabled);
	forge_put(f, token, "Privileges.EnabledByDefault", a->enabled);
	if (masks || !profile_member(f->profile, "_TOKEN", "PrivilegeCount", &m))
		return;
	uint64_t va = pool_take(f, POOL_PAGED, "SeTd", count * 12);
	write_bytes(f, &f->kernel, va, array, (size_t)count * 12);
	forge_put(f, token, "Privileges", va);
	forge_put(f, token, "PrivilegeCount", count);
}

static void luid_write(struct forge *f, struct object token, const char *field, uint64_t luid)
{
	uint64_t va = forge_field(f, token, field);
	if (va)
		write_bytes(f, &f->kernel, va, &luid, sizeof luid);
}

void token_create(struct forge *f, struct process *p, const json_t *description)
{
	const char *name = scenario_text(description, "account", NULL);
	const struct account *a = name ? account_find(name) : account_of(p, description);
	if (!a) {
		forge_fail(f, EI_E_FORMAT, "a process has the unknown account '%s'", name);
		return;
	}
	uint32_t fixed = forge_size(f, "_TOKEN", 64) + 8;
	struct object token = object_create(f, &(struct object_request){ .object_type = "Token",
						       .type = "_TOKEN",
						       .tag = "Toke",
						       .quota = true,
						       .bytes = fixed + sids_bytes(f, a),
						       .kind = POOL_PAGED });
	uint64_t array = token.va + (fixed + 7) / 8 * 8 - 8;
	forge_put_text(f, token, "TokenSource.SourceName", p->pid == 4 ? "*SYSTEM*" : "User32 ");
	luid_write(f, token, "TokenId", 0x10000 + p->pid * 0x51);
	luid_write(f, token, "AuthenticationId", a->logon);
	luid_write(f, token, "ModifiedId", 0x10001 + p->pid * 0x51);
	forge_put(f, token, "ExpirationTime", INT64_MAX);
	forge_put(f, token, "SessionId", p->session < 0 ? 0 : (uint64_t)p->session);
	forge_put(f, token, "TokenType", PRIMARY);
	forge_put(f, token, "TokenInUse", 1);
	forge_put(f, token, "UserAndGroups", array);
	forge_put(f, token, "UserAndGroupCount", sids_write(f, p, array, a));
	forge_put(f, token, "VariableLength", sids_bytes(f, a));
	privileges_write(f, p, token, a);
	// A fast reference: the low bits count.
	forge_put(f, p->object, "Token", token.va | (f->pointer == 8 ? 0xf : 0x7));
}
