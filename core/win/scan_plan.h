// One pass over physical memory for all that a session looks for.
//
// Whoever will need something of all memory says so before the first pass: as a part that joins it,
// or as pool tags. The pass that comes first then looks for everything, and nothing that has joined
// costs a pass of its own. Plugins that run together are asked one after the other (their .tags,
// see eidetic/plugin.h) before any of them runs: ten scanners, one pass.
//
//     scan_plan_tags(session, plugin->tags, plugin->tag_count);      for each plugin
//     ...
//     EI_TRY(scan_pass(run, consumers, count));                      the first that needs memory
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_SCAN_PLAN_H
#define WIN_SCAN_PLAN_H

#include "scan/scan.h"
#include "win/session.h"

// Something that wants to join the next pass, once.
struct scan_part {
	// Fills a consumer and returns true; false when there is nothing to do any more. `*state`
	// is the part's own until the end.
	bool (*begin)(ei_run *run, void *context, void **state, struct pass_consumer *out);
	// After the pass. `error`: why not all of memory was seen; borrowed, NULL when all was.
	void (*end)(ei_run *run, void *context, void *state, const ei_error *error);
	void *context; // lives as long as the session
};

struct scan_plan;
struct scan_plan *scan_plan_create(void); // NULL: no memory
void scan_plan_drop(struct scan_plan *plan);

// Any thread, any time; what comes after a pass waits for the next. Past a cap, or without memory,
// it is left out, and whoever needs it makes a pass of its own.
void scan_plan_join(const struct session *session, const struct scan_part *part);

// Pool tags, besides those that are always looked for.
void scan_plan_tags(const struct session *session, const char *const *tags, size_t count);
// Copies the tags that were named so far; how many, at most `room`.
size_t scan_planned_tags(const struct session *session, uint32_t *tags, size_t room);

// A pass for `own`, joined by the parts and the pool tags that wait. Errors as of pass_run(). The
// run's progress shows it.
EI_CHECKED ei_error *scan_pass(ei_run *run, const struct pass_consumer *own, size_t count);

#endif
