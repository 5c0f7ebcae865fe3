// The plan of a session's passes: who waits for one, and the pass that serves them all.
// SPDX-License-Identifier: Apache-2.0
#include "win/scan_plan.h"

#include "win/pool.h"
#include "win/shared.h"

#include <pthread.h>

enum { PARTS_MAX = 64, PLANNED_TAGS_MAX = 64 };

struct scan_plan {
	pthread_mutex_t lock;
	struct scan_part parts[PARTS_MAX];
	size_t part_count;
	uint32_t tags[PLANNED_TAGS_MAX];
	size_t tag_count;
};

struct scan_plan *scan_plan_create(void)
{
	struct scan_plan *plan = calloc(1, sizeof *plan);
	if (plan)
		pthread_mutex_init(&plan->lock, NULL);
	return plan;
}

void scan_plan_drop(struct scan_plan *plan)
{
	if (plan)
		pthread_mutex_destroy(&plan->lock);
	free(plan);
}

void scan_plan_join(const struct session *session, const struct scan_part *part)
{
	struct scan_plan *plan = shared_plan(session);
	pthread_mutex_lock(&plan->lock);
	if (plan->part_count < PARTS_MAX)
		plan->parts[plan->part_count++] = *part;
	pthread_mutex_unlock(&plan->lock);
}

static bool has_tag(const struct scan_plan *plan, uint32_t tag)
{
	for (size_t i = 0; i < plan->tag_count; i++)
		if (plan->tags[i] == tag)
			return true;
	return false;
}

void scan_plan_tags(const struct session *session, const char *const *tags, size_t count)
{
	struct scan_plan *plan = shared_plan(session);
	pthread_mutex_lock(&plan->lock);
	for (size_t i = 0; tags && i < count && plan->tag_count < PLANNED_TAGS_MAX; i++)
		if (tags[i] && strlen(tags[i]) == 4 && !has_tag(plan, load_u32(tags[i])))
			plan->tags[plan->tag_count++] = load_u32(tags[i]);
	pthread_mutex_unlock(&plan->lock);
}

size_t scan_planned_tags(const struct session *session, uint32_t *tags, size_t room)
{
	struct scan_plan *plan = shared_plan(session);
	pthread_mutex_lock(&plan->lock);
	size_t count = MIN(plan->tag_count, room);
	memcpy(tags, plan->tags, count * sizeof *tags);
	pthread_mutex_unlock(&plan->lock);
	return count;
}

// ---- the pass -------------------------------------------------------------------------------

struct joined {
	struct scan_part parts[PARTS_MAX + 1];
	void *states[PARTS_MAX + 1];
	size_t count;
};

static void joined_begin(
	ei_run *run, const struct scan_part *part, struct joined *joined, struct pass_consumer *out)
{
	if (!part->begin(run, part->context, &joined->states[joined->count], out))
		return;
	joined->parts[joined->count++] = *part;
}

// Takes what waits off the plan, the pool's tags last.
static void parts_begin(ei_run *run, struct joined *joined, struct pass_consumer *consumers)
{
	struct scan_plan *plan = shared_plan(run->session);
	struct scan_part waiting[PARTS_MAX + 1];
	pthread_mutex_lock(&plan->lock);
	size_t count = plan->part_count;
	memcpy(waiting, plan->parts, count * sizeof *waiting);
	plan->part_count = 0;
	pthread_mutex_unlock(&plan->lock);
	waiting[count++] = pool_tags_part;
	for (size_t i = 0; i < count; i++)
		joined_begin(run, &waiting[i], joined, &consumers[joined->count]);
}

static void plan_progress(void *context, uint64_t done, uint64_t total)
{
	ei_progress(context, done, total);
}

ei_error *scan_pass(ei_run *run, const struct pass_consumer *own, size_t count)
{
	struct joined joined = { .count = 0 };
	struct pass_consumer *all = calloc(count + PARTS_MAX + 1, sizeof *all);
	if (!all)
		return ei_fail(EI_E_NOMEM, "out of memory");
	memcpy(all, own, count * sizeof *own);
	parts_begin(run, &joined, all + count);
	struct pass_wish wish = {
		.image = run->session->image,
		.threads = run->session->threads,
		.cancelled = run->cancelled,
		.progress = plan_progress,
		.progress_context = run,
	};
	ei_error *error = pass_run(&wish, all, count + joined.count);
	for (size_t i = 0; i < joined.count; i++)
		joined.parts[i].end(run, joined.parts[i].context, joined.states[i], error);
	free(all);
	return error;
}
