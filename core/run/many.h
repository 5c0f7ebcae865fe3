// Many plugins on one session, at once: one thread takes one plugin after the other. What they look
// for in all of memory is found in one pass, and tables that they share are made once.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_MANY_H
#define RUN_MANY_H

#include "run/run.h"

// How one of them ended.
struct many_end {
	ei_error *refused; // nothing was shown: its needs, or its sink; yours to drop
	struct run_result result;
	uint64_t nanoseconds;
};

struct many_wish {
	const struct run_wish *common; // of all; its plugin and options are not looked at
	const ei_plugin *const *plugins;
	const struct option_values *options; // one each
	size_t count;
	unsigned threads; // 0 is 1
	// Opens the sink of a plugin, in its thread. An error: the plugin is refused by it.
	ei_error *(*open)(void *context, size_t index, struct row_sink **out);
	// One at a time, in the order in which they end; the sink has been dropped. Also of those
	// that were cancelled before they began.
	void (*end)(void *context, size_t index, struct many_end *end);
	void *context;
};

// Returns when all have ended.
void run_many(const struct session *session, const struct many_wish *wish);

// The error that is told of several: of an image that is none, else of the first plugin in order.
struct many_error {
	ei_error *error; // NULL: none; yours to drop
	size_t index;
};
// Takes `error`; puts the name of the plugin in front where its text does not have it.
void many_error_keep(
	struct many_error *kept, size_t index, const ei_plugin *plugin, ei_error *error);

#endif
