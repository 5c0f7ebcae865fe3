// Volatility 3's timeliner as data: scripts look for these words.
// SPDX-License-Identifier: Apache-2.0
#include "cli/timeliner_vol3.h"

#include "base/base.h"

#define PROCESS "Process: {pid} {name} ({offset})"
#define THREAD "Thread: Tid {tid} in Pid {pid} (Offset {offset})"
#define AMCACHE "Amcache: {type} {path} "

// clang-format off
static const struct timeline_forms all[] = {
	{ "amcache", {
		{ "modified",  TIMELINE_MODIFIED, AMCACHE "registry key modified", { "modified" } },
		{ "modified2", TIMELINE_CREATED,  AMCACHE "STANDARD_INFORMATION create time", { "modified2" } },
		{ "installed", TIMELINE_CREATED,  AMCACHE "installed", { "installed" } },
		{ "compiled",  TIMELINE_MODIFIED, AMCACHE "compiled (PE metadata)", { "compiled" } },
	} },
	{ "dlllist", {
		{ "loaded", TIMELINE_CREATED, "DLL Load: Process {pid} {process} Loaded {name} ({path}) Size {size} Offset {base}", { "loaded" } },
	} },
	{ "netscan", {
		{ "created", TIMELINE_CREATED, "Network connection: Process {pid} {owner} Local Address {local_addr}:{local_port} Remote Address {foreign_addr}:{foreign_port} State {state} Protocol {proto} ", { "created" } },
	} },
	{ "pslist", {
		{ "created", TIMELINE_CREATED,  PROCESS },
		{ "exited",  TIMELINE_MODIFIED, PROCESS },
	} },
	{ "psscan", {
		{ "created", TIMELINE_CREATED,  PROCESS },
		{ "exited",  TIMELINE_MODIFIED, PROCESS },
	} },
	{ "sessions", {
		{ "created", TIMELINE_CREATED, "Process: {pid} {process} started by user {user}", { "user" } },
	} },
	{ "symlinkscan", {
		{ "created", TIMELINE_CREATED, "Symlink: {from} -> {to}" },
	} },
	{ "thrdscan", {
		{ "created", TIMELINE_CREATED,  THREAD, { "created" } },
		{ "exited",  TIMELINE_MODIFIED, THREAD, { "created", "exited" } },
	} },
	{ "unloadedmodules", {
		{ "time", TIMELINE_CHANGED, "Unloaded Module: {name}" },
	} },
	{ "userassist", {
		{ "updated", TIMELINE_MODIFIED, "UserAssist: {name} {path} ({count})", { "name" }, "updated" },
	} },
};
// clang-format on

const struct timeline_forms *vol3_forms(const ei_plugin *plugin)
{
	for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
		if (!strcmp(all[i].plugin, plugin->name))
			return &all[i];
	return NULL;
}
