// Many plugins on one session: threads that take the next plugin until none is left.
// SPDX-License-Identifier: Apache-2.0
#include "run/many.h"

#include <pthread.h>
#include <time.h>

enum { WORKERS_MAX = 64 };

struct many {
	const struct session *session;
	const struct many_wish *wish;
	pthread_mutex_t lock; // of `next`, and of calls to `end`
	size_t next;
};

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool is_cancelled(const struct many_wish *wish)
{
	return wish->common->cancelled &&
	       __atomic_load_n(wish->common->cancelled, __ATOMIC_RELAXED);
}

static ei_error *one_run(const struct many *many, size_t index, struct run_result *result)
{
	const struct many_wish *wish = many->wish;
	struct run_wish run = *wish->common;
	EI_OWNED(row_sink) sink = NULL;
	run.plugin = wish->plugins[index];
	run.options = &wish->options[index];
	if (is_cancelled(wish))
		return ei_fail(EI_E_CANCELLED, "cancelled");
	EI_TRY(run_check(many->session, run.plugin));
	EI_TRY(wish->open(wish->context, index, &sink));
	return run_plugin(many->session, &run, sink, result);
}

static void *worker(void *argument)
{
	struct many *many = argument;
	const struct many_wish *wish = many->wish;
	pthread_mutex_lock(&many->lock);
	while (many->next < wish->count) {
		size_t index = many->next++;
		pthread_mutex_unlock(&many->lock);
		struct many_end end = { 0 };
		uint64_t start = now_ns();
		end.refused = one_run(many, index, &end.result);
		end.nanoseconds = now_ns() - start;
		pthread_mutex_lock(&many->lock);
		wish->end(wish->context, index, &end);
	}
	pthread_mutex_unlock(&many->lock);
	return NULL;
}

void run_many(const struct session *session, const struct many_wish *wish)
{
	struct many many = { .session = session, .wish = wish };
	pthread_t threads[WORKERS_MAX];
	size_t started = 0;
	pthread_mutex_init(&many.lock, NULL);
	for (size_t i = 0; i < wish->count; i++)
		run_plan(session, wish->plugins[i]);
	size_t workers = MIN(MAX(wish->threads, 1u), (unsigned)WORKERS_MAX);
	workers = MIN(workers, wish->count);
	// This thread is one of them; without the others it does all.
	while (started + 1 < workers && !pthread_create(&threads[started], NULL, worker, &many))
		started++;
	worker(&many);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&many.lock);
}

void many_error_keep(
	struct many_error *kept, size_t index, const ei_plugin *plugin, ei_error *error)
{
	bool unknown = ei_error_code(error) == EI_E_UNKNOWN;
	bool kept_unknown = kept->error && ei_error_code(kept->error) == EI_E_UNKNOWN;
	if (kept->error && (unknown != kept_unknown ? kept_unknown : kept->index < index)) {
		ei_error_drop(error);
		return;
	}
	ei_error_drop(kept->error);
	bool is_named = !strncmp(ei_error_text(error), plugin->name, strlen(plugin->name));
	kept->error = is_named ? error : ei_wrap(error, "%s", plugin->name);
	kept->index = index;
}
