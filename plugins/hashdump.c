// hashdump: hashes of the passwords of local accounts.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/secrets.h>
#include <string.h>
#include <strings.h>

enum { USER, RID, LM, NT, COLUMNS };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[USER] = { "user",   EI_STR,  "name of the account", .vol3 = "User", .ioc = "UserItem/Username" },
	[RID]  = { "rid",    EI_UINT, "last number of its SID", .vol3 = "rid" },
	[LM]   = { "lmhash", EI_STR,  "LM hash of its password; none is kept since Windows Vista", .vol3 = "lmhash", .vol3_absent = "aad3b435b51404eeaad3b435b51404ee" },
	[NT]   = { "nthash", EI_STR,  "NT hash of its password; none: the password is empty, or kept otherwise", .vol3 = "nthash", .vol3_absent = "31d6cfe0d16ae931b73c59d7e0c089c0" },
};
// clang-format on

// Whether the last name of the hive's path is `name`.
static bool is_called(const cmhive *h, const char *name)
{
	ei_val path = ei_hive_name(h);
	size_t length = strlen(name);
	if (!ei_has(path) || path.length < length)
		return false;
	size_t before = path.length - length;
	return !strncasecmp(path.s + before, name, length) &&
	       (!before || path.s[before - 1] == '\\');
}

static ei_hive *hive_at(ei_run *r, uint64_t va, const char *name)
{
	if (!va) {
		ei_note(r, "there is no %s hive on the list", name);
		return NULL;
	}
	cmhive h = ei_at(r, cmhive, va);
	return ei_hive_open(r, &h);
}

static ei_error *run(ei_run *r)
{
	uint64_t system = 0, sam = 0;
	ei_iter it = ei_hives(r);
	for (cmhive h = ei_handle(r, cmhive); ei_next(&it, &h);) {
		if (is_called(&h, "SYSTEM"))
			system = h.obj.va;
		if (is_called(&h, "SAM"))
			sam = h.obj.va;
	}
	ei_sam *users;
	EI_TRY(ei_sam_open(hive_at(r, system, "SYSTEM"), hive_at(r, sam, "SAM"), &users));
	for (ei_sam_user user; ei_sam_next(users, &user);)
		ei_emit(r, (ei_val[COLUMNS]){
				   [USER] = user.name,
				   [RID] = user.rid,
				   [LM] = user.lm,
				   [NT] = user.nt,
			   });
	return NULL;
}

EI_PLUGIN(hashdump) = {
	EI_HEAD(hashdump),
	.vol3 = "windows.hashdump.Hashdump",
	.purpose = "hashes of the passwords of local accounts",
	EI_COLUMNS(columns),
	EI_TYPES(&cmhive_spec),
	EI_SYMBOLS("CmpHiveListHead"),
	.run = run,
};
