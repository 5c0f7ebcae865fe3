// Running plugins: finding them, checking what they need, feeding their rows to a sink. The one
// header of core/run for core/cli.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "run/options.h"
#include "run/rows.h"
#include "run/session.h"

// ---- plugins --------------------------------------------------------------------------------
struct plugin_set; // built-ins and what was loaded

EI_CHECKED ei_error *plugin_set_create(struct plugin_set **out);
void plugin_set_drop(struct plugin_set *set); // NULL is allowed; unloads
EI_OWNER(plugin_set, plugin_set_drop);

// Loads every NAME.so of a folder that was named on purpose. The first that is refused is an
// error that says why; nothing of a refused plugin is run.
EI_CHECKED ei_error *plugin_set_load(struct plugin_set *set, const char *dir);

size_t plugin_set_count(const struct plugin_set *set);
const ei_plugin *plugin_set_at(const struct plugin_set *set, size_t index); // in name order

// By "pslist", "windows.pslist" or "windows.pslist.PsList". EI_E_USAGE with the nearest name.
EI_CHECKED ei_error *plugin_set_find(
	const struct plugin_set *set, const char *name, const ei_plugin **out);

// Checks a descriptor of another build against ours and copies it, zero-extended. `file` is for
// the message. The five cases: eidetic/plugin.h.
EI_CHECKED ei_error *plugin_accept(const ei_plugin *theirs, const char *file, ei_plugin *ours);

// ---- running --------------------------------------------------------------------------------
struct run_wish {
	const ei_plugin *plugin;
	const struct option_values *options;
	uint64_t limit;             // rows; 0: all
	const char *const *filters; // "[+-]column,pattern[!]"
	size_t filter_count;
	const char *const *hidden; // prefixes of column names
	size_t hidden_count;
	bool compat;
	const char *folder; // where extracted files go; NULL: the current one
	// For the record; NULL is "".
	const char *image_sha256, *command, *started;
	const bool *cancelled;
	void (*progress)(void *context, uint64_t done, uint64_t total); // may be NULL
	void *progress_context;
};

struct run_result {
	struct trailer trailer;
	ei_error *failure; // of the plugin or the sink; yours to drop
	bool recognised; // a Windows kernel was found, or the container is one that Windows writes
};

// NULL when the plugin can run on this session; else EI_E_REQUIREMENT with the first thing missing.
EI_CHECKED ei_error *run_check(const struct session *session, const ei_plugin *plugin);

// Notes what the plugin will look for in all of memory. For plugins that run on one session: for
// all of them, before the first runs; one pass then serves them all. run_plugin() does so too.
void run_plan(const struct session *session, const ei_plugin *plugin);

// Checks, runs, ends the sink. An error: nothing was shown. What failed later is in the result.
EI_CHECKED ei_error *run_plugin(const struct session *session, const struct run_wish *wish,
	struct row_sink *sink, struct run_result *result);

#endif
