// impostors: processes that bear the name of a Windows program but were not started from system32.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/system.h>
#include <eidetic/win.h>
#include <string.h>
#include <strings.h>

enum { PID, PPID, NAME, PATH, CREATED, COLUMNS };

static const ei_column columns[COLUMNS] = {
	[PID] = { "pid", EI_UINT, "process id" },
	[PPID] = { "ppid", EI_UINT, "id of the creating process" },
	[NAME] = { "name", EI_STR, "image name" },
	[PATH] = { "path", EI_STR, "where it was started from, by the kernel" },
	[CREATED] = { "created", EI_TIME, "creation time, UTC" },
};

static const char *const programs[] = { "csrss.exe", "lsass.exe", "services.exe", "smss.exe",
	"svchost.exe", "wininit.exe", "winlogon.exe" };

// Strings have a length and need not end with a NUL.
static bool text_is(ei_val value, const char *text)
{
	return ei_has(value) && value.length == strlen(text) &&
	       !strncasecmp(value.s, text, value.length);
}

static const char *program_of(ei_val name)
{
	for (size_t i = 0; i < EI_COUNT(programs); i++)
		if (text_is(name, programs[i]))
			return programs[i];
	return NULL;
}

// "\Device\HarddiskVolume3\Windows\..." is "\Windows\...".
static ei_val without_volume(ei_val path)
{
	for (int slashes = 0; ei_has(path) && path.length; path.s++, path.length--)
		if (*path.s == '\\' && ++slashes == 3)
			break;
	return path;
}

static ei_error *run(ei_run *r)
{
	ei_val root = ei_system_read(r).root; // "C:\Windows"
	if (!ei_has(root) || root.length < 2) {
		ei_note(r, "the system root cannot be read; C:\\Windows is taken for it");
		root = ei_str("C:\\Windows");
	}
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);) {
		ei_val name = ei_get(p, ImageFileName), path = ei_process_path(r, &p);
		const char *program = program_of(name);
		if (!program)
			continue;
		char *wanted = ei_text(ei_scratch(r), "%s\\System32\\%s", root.s + 2, program);
		if (wanted && text_is(without_volume(path), wanted))
			continue;
		ei_emit(r, (ei_val[COLUMNS]){
				   [PID] = ei_get(p, UniqueProcessId),
				   [PPID] = ei_get(p, InheritedFromUniqueProcessId),
				   [NAME] = name,
				   [PATH] = path,
				   [CREATED] = ei_get(p, CreateTime),
			   });
	}
	return NULL;
}

EI_PLUGIN(impostors) = { EI_HEAD(impostors), EI_COLUMNS(columns), EI_TYPES(&eprocess_spec),
	EI_SYMBOLS("PsActiveProcessHead"), .run = run,
	.purpose = "processes with the name of a Windows program, started from elsewhere" };
