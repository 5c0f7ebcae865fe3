// One plugin at work: what rows.c and engine.c share behind ei_run.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_ENGINE_H
#define RUN_ENGINE_H

#include "run/row_filter.h"
#include "run/run.h"

enum { OUTPUT_DEPTH_MAX = 256 };

// What a run shows, and to whom; ei_run.output.
struct output {
	struct row_sink *sink;
	struct table table;
	struct row_filter *filters;
	size_t filter_count;
	uint32_t level[OUTPUT_DEPTH_MAX + 1]; // depth at which rows of a depth are shown
	void (*progress)(void *context, uint64_t done, uint64_t total);
	void *progress_context;
	const char *folder; // for extracted files; NULL: the current one
};

// Chooses the columns that are shown. Into `arena`.
EI_CHECKED ei_error *output_columns(
	ei_arena *arena, const struct run_wish *wish, struct output *output);

#endif
