// envars: environment variables of each process.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/registry.h>
#include <eidetic/win.h>
#include <string.h>
#include <strings.h>

enum { PID, NAME, POINTER, BLOCK, VARIABLE, VALUE, COLUMNS };
enum { OPT_PID, OPT_SILENT };
enum { NAMES_MAX = 512, NAME_MAX_BYTES = 63 };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PID]      = { "pid",      EI_UINT, "process id", .vol3 = "PID" },
	[NAME]     = { "name",     EI_STR,  "image name, as the kernel keeps it (15 bytes)", .vol3 = "Process" },
	[POINTER]  = { "pointer",  EI_STR,  "address of the pointer to the block, as text", .vol3 = "Block", .vol3_only = true },
	[BLOCK]    = { "block",    EI_ADDR, "address of the environment block, in the process" },
	[VARIABLE] = { "variable", EI_STR,  "name; one that begins with = is a drive's current directory", .vol3 = "Variable" },
	[VALUE]    = { "value",    EI_STR,  "value", .vol3 = "Value" },
};

static const ei_option options[] = {
	[OPT_PID]    = { "pid",    EI_UINT, EI_MANY, "only these processes" },
	[OPT_SILENT] = { "silent", EI_BOOL, 0,       "without those that Windows, or the registry, sets for every process" },
};
// clang-format on

// ---- what everybody has -----------------------------------------------------------------------

// Made by the system for every process, not from a list in the registry.
static const char *const system_names[] = { "ALLUSERSPROFILE", "APPDATA", "CommonProgramFiles",
	"CommonProgramFiles(x86)", "CommonProgramW6432", "COMPUTERNAME", "FP_NO_HOST_CHECK",
	"HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "LOGONSERVER", "ProgramData", "ProgramFiles",
	"ProgramFiles(x86)", "ProgramW6432", "PROMPT", "PUBLIC", "SESSIONNAME", "SystemDrive",
	"SystemRoot", "USERDOMAIN", "USERDOMAIN_ROAMINGPROFILE", "USERNAME", "USERPROFILE" };

// Keys whose values are variables: of the system, of a user, of a user's session.
static const char *const places[] = { "ControlSet001\\Control\\Session Manager\\Environment",
	"Environment", "Volatile Environment" };

struct names {
	size_t count;
	char items[NAMES_MAX][NAME_MAX_BYTES + 1];
};

static void names_add(struct names *names, ei_val name)
{
	if (!ei_has(name) || !name.length || name.length > NAME_MAX_BYTES ||
		names->count == NAMES_MAX)
		return;
	memcpy(names->items[names->count], name.s, name.length);
	names->items[names->count++][name.length] = '\0';
}

static bool names_have(const struct names *names, ei_val name)
{
	for (size_t i = 0; ei_has(name) && i < names->count; i++)
		if (strlen(names->items[i]) == name.length &&
			!strncasecmp(names->items[i], name.s, name.length))
			return true;
	return false;
}

static struct names *names_read(ei_run *r)
{
	struct names *names = ei_alloc(ei_scratch(r), sizeof *names);
	if (!names)
		return NULL;
	names->count = 0;
	for (size_t i = 0; i < EI_COUNT(system_names); i++)
		names_add(names, ei_str(system_names[i]));
	ei_iter it = ei_hives(r);
	for (cmhive h = ei_handle(r, cmhive); ei_next(&it, &h);) {
		ei_hive *hive = ei_hive_open(r, &h);
		for (size_t i = 0; hive && i < EI_COUNT(places); i++) {
			ei_key key = ei_key_find(hive, places[i]);
			ei_values values = ei_key_values(&key);
			for (ei_value value; ei_value_next(&values, &value);)
				names_add(names, ei_value_name(&value));
		}
	}
	return names;
}

// ---- rows -------------------------------------------------------------------------------------

static ei_error *run(ei_run *r)
{
	const struct names *usual = NULL;
	if (ei_has(ei_opt(r, OPT_SILENT)))
		usual = names_read(r);
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);) {
		if (!ei_opt_allows(r, OPT_PID, ei_get(p, UniqueProcessId)))
			continue;
		ei_environment cursor = { 0 };
		for (ei_val name, value; ei_process_next_variable(r, &p, &cursor, &name, &value);)
			if (!usual || !names_have(usual, name))
				ei_emit(r,
					(ei_val[COLUMNS]){
						[PID] = ei_get(p, UniqueProcessId),
						[NAME] = ei_get(p, ImageFileName),
						[POINTER] = ei_str(ei_text(ei_scratch(r), "0x%llx",
							(unsigned long long)cursor.pointer)),
						[BLOCK] = ei_addr(cursor.block),
						[VARIABLE] = name,
						[VALUE] = value,
					});
	}
	return NULL;
}

EI_PLUGIN(envars) = {
	EI_HEAD(envars),
	.vol3 = "windows.envars.Envars",
	.purpose = "environment variables of processes",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	EI_SYMBOLS("PsActiveProcessHead"),
	.run = run,
};
