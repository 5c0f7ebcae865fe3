// The owner table, built from every process, listed or found by scan: several at a time.
// SPDX-License-Identifier: Apache-2.0
#include "win/owner_walk.h"

#include "win/shared.h"

#include <pthread.h>

enum {
	PROCESSES_MAX = 1 << 16,
	THREADS_MAX = 64,
	TABLES_LEAST = 1 << 12,
	WORKER_SCRATCH_MAX = 256 << 20,
	WORKER_ARENA_MAX = 16 << 20,
};

// One process; what was made of it.
struct job {
	uint64_t va; // of the _EPROCESS...
	uint64_t pa; // ... and where that is
	const ei_space *space;
	const char *state;
	bool made;
	struct owner owner;
	struct page_map map; // owner 0 is the process, 1 its page tables
};

struct build {
	ei_run *run; // of the caller
	struct job *jobs;
	size_t count, listed;
	atomic_size_t next;
	atomic_llong tables_left, runs_left;
};

// ---- one process ----------------------------------------------------------------------------

static void text_copy(char *out, size_t room, ei_val text)
{
	size_t length = ei_has(text) ? MIN((size_t)text.length, room - 1) : 0;
	memcpy(out, length ? text.s : "", length);
	out[length] = '\0';
}

static void job_do(struct build *build, ei_run *run, struct job *job)
{
	eprocess p = ei_handle(run, eprocess);
	p.obj = ei_open(run, job->space, job->va, &p.at->layout);
	const ei_space *space = ei_process_space(run, &p);
	if (!space || atomic_load(&build->runs_left) <= 0)
		return;
	job->made = true;
	job->owner.kind = EI_OWNER_PROCESS;
	job->owner.pid = ei_u64_or(ei_get(p, UniqueProcessId), 0);
	job->owner.state = job->state;
	text_copy(job->owner.name, sizeof job->owner.name, ei_get(p, ImageFileName));
	process_regions(run, &p, &job->owner.regions);
	page_map_init(&job->map, run->session->image);
	job->map.limit = MIN(job->map.limit, (size_t)atomic_load(&build->runs_left));
	owner_walk_pages(run, &job->map, space, 0, &job->owner.regions);
	owner_walk_tables(run, &job->map, space, false, 1, &build->tables_left);
	atomic_fetch_sub(&build->runs_left, (long long)job->map.count);
}

// ---- threads --------------------------------------------------------------------------------

static void worker_drop(ei_run *run)
{
	if (!run)
		return;
	reader_drop(run->reader);
	ei_arena_drop(run->scratch);
	ei_arena_drop(run->arena);
	free(run);
}

// A run of a thread's own on the same session: it shows nothing, and ends when the caller's does.
static ei_run *worker_create(const ei_run *caller)
{
	ei_run *run = calloc(1, sizeof *run);
	if (!run)
		return NULL;
	run->session = caller->session;
	run->cancelled = caller->cancelled;
	EI_OWNED(ei_error) error = reader_create(caller->session->image, &run->reader);
	if (!error)
		error = ei_arena_create(WORKER_SCRATCH_MAX, &run->scratch);
	if (!error)
		error = ei_arena_create(WORKER_ARENA_MAX, &run->arena);
	if (!error)
		return run;
	worker_drop(run);
	return NULL;
}

static void jobs_do(struct build *build, ei_run *run)
{
	size_t index;
	while ((index = atomic_fetch_add(&build->next, 1)) < build->count && !ei_stopped(run)) {
		ei_mark mark = ei_arena_mark(run->scratch);
		job_do(build, run, &build->jobs[index]);
		ei_arena_rewind(run->scratch, mark);
	}
}

// The caller's thread too works on a run of its own: what is noted must not depend on who did what.
static void *worker_main(void *argument)
{
	struct build *build = argument;
	ei_run *run = worker_create(build->run);
	if (run)
		jobs_do(build, run);
	worker_drop(run);
	return NULL;
}

static void jobs_do_all(struct build *build)
{
	pthread_t threads[THREADS_MAX];
	unsigned wanted = MIN(build->run->session->threads, (unsigned)THREADS_MAX), started = 0;
	while (started + 1 < wanted && started + 1 < build->count &&
		!pthread_create(&threads[started], NULL, worker_main, build))
		started++;
	(void)worker_main(build);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

// ---- which processes ------------------------------------------------------------------------

// The root of a process that is gone may be anything by now. It still is one when it maps itself
// where the kernel's root does; under PAE, when its four entries look like nothing else.
static bool root_is_sound(ei_run *run, const struct space *space)
{
	const struct space *kernel = &run->session->identity.kernel;
	uint8_t own[PAGE_SIZE];
	const uint64_t frame = UINT64_C(0x000ffffffffff000);
	const uint8_t *page = reader_page(run->reader, space->dtb);
	if (!page)
		return false;
	memcpy(own, page, sizeof own);
	if (space->mode == &space_pae) {
		bool sound = space->dtb % PAGE_SIZE + 32 <= PAGE_SIZE;
		for (unsigned i = 0; i < 4 && sound; i++)
			sound = (load_u64(own + space->dtb % PAGE_SIZE + 8 * i) & 0xfff) == 1;
		return sound;
	}
	size_t size = space->mode->pointer_size;
	page = reader_page(run->reader, kernel->dtb);
	for (size_t at = PAGE_SIZE / 2; page && at < PAGE_SIZE; at += size) {
		uint64_t theirs = size == 8 ? load_u64(page + at) : load_u32(page + at);
		uint64_t ours = size == 8 ? load_u64(own + at) : load_u32(own + at);
		if (theirs & 1 && (theirs & frame) == (kernel->dtb & frame))
			return ours & 1 && (ours & frame) == (space->dtb & frame);
	}
	return false;
}

static bool job_add(struct build *build, const eprocess *process, uint64_t pa, const char *state)
{
	if (build->count == PROCESSES_MAX)
		return false;
	build->jobs[build->count++] = (struct job){
		.va = process->obj.va, .pa = pa, .space = process->obj.space, .state = state
	};
	return true;
}

static bool has_exited(const eprocess *process)
{
	return ei_has(ei_get(*process, ExitTime));
}

static int compare_addresses(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

static void listed_add(ei_run *run, struct build *build)
{
	ei_iter listed = ei_processes(run);
	for (eprocess p = ei_handle(run, eprocess); ei_next(&listed, &p);)
		if (!job_add(build, &p, ei_u64_or(ei_physical(run, &p.obj), UINT64_MAX),
			    has_exited(&p) ? "exited" : NULL))
			return;
}

// `seen`: where the listed ones are, ascending.
static void scanned_add(ei_run *run, struct build *build, const uint64_t *seen, size_t count)
{
	ei_iter scanned = ei_processes_scanned(run);
	for (eprocess p = ei_handle(run, eprocess); ei_next(&scanned, &p);) {
		ei_val pa = ei_physical(run, &p.obj);
		const ei_space *space = ei_process_space(run, &p);
		if (ei_has(pa) && space &&
			!bsearch(&pa.u, seen, count, sizeof pa.u, compare_addresses) &&
			root_is_sound(run, space) &&
			!job_add(build, &p, pa.u, has_exited(&p) ? "exited" : "unlisted"))
			return;
	}
}

static void processes_find(ei_run *run, struct build *build)
{
	listed_add(run, build);
	size_t count = build->count;
	uint64_t *seen = malloc((count + 1) * sizeof *seen);
	for (size_t i = 0; seen && i < count; i++)
		seen[i] = build->jobs[i].pa;
	if (seen) {
		qsort(seen, count, sizeof *seen, compare_addresses);
		scanned_add(run, build, seen, count);
	}
	free(seen);
}

// ---- all ------------------------------------------------------------------------------------

static void kernel_add(ei_run *run, struct build *build, struct owner_table *table)
{
	struct owner kernel = { .kind = EI_OWNER_KERNEL };
	kernel_regions(run, &kernel.regions);
	if (owner_add(table, &kernel) < 0) {
		regions_deinit(&kernel.regions);
		return;
	}
	const struct owner tables = { .kind = EI_OWNER_TABLE };
	int64_t index = owner_add(table, &tables);
	if (index >= 0)
		owner_walk_tables(run, &table->map, &run->session->identity.kernel, true,
			(uint32_t)index, &build->tables_left);
}

static void job_take(struct owner_table *table, struct job *job)
{
	struct owner tables = job->owner;
	tables.kind = EI_OWNER_TABLE;
	tables.regions = (struct regions){ 0 };
	int64_t index = job->made ? owner_add(table, &job->owner) : -1;
	if (index >= 0 && owner_add(table, &tables) >= 0)
		page_map_append(&table->map, &job->map, (uint32_t)index);
	else
		table->map.cut |= job->made;
	if (index < 0)
		regions_deinit(&job->owner.regions);
	page_map_deinit(&job->map);
}

static void table_fill(ei_run *run, struct build *build, struct owner_table *table)
{
	// Kernel tables are each process's, but are entered for the kernel alone.
	atomic_store(&build->tables_left,
		(long long)(2 * (image_bytes(run->session->image) / PAGE_SIZE) + TABLES_LEAST));
	atomic_store(&build->runs_left, (long long)table->map.limit);
	kernel_add(run, build, table);
	processes_find(run, build);
	jobs_do_all(build);
	for (size_t i = 0; i < build->count; i++)
		job_take(table, &build->jobs[i]);
	const struct page_map *kernel = kernel_map(run);
	for (size_t i = 0; kernel && i < kernel->seam_count; i++)
		page_map_seam(&table->map, kernel->seams[i].from * PAGE_SIZE,
			kernel->seams[i].to * PAGE_SIZE);
	page_map_sort(&table->map);
}

static void *owners_build(ei_run *run)
{
	struct owner_table *table = owner_table_create(run->session->image);
	struct build build = { .run = run, .jobs = calloc(PROCESSES_MAX, sizeof *build.jobs) };
	ei_mark mark = ei_arena_mark(run->scratch);
	if (table && build.jobs && run->session->identity.found)
		table_fill(run, &build, table);
	if (!table || !build.jobs || table->map.cut ||
		(build.count && atomic_load(&build.tables_left) <= 0))
		ei_note(run, "pages have more owners than can be kept: some are not shown");
	ei_arena_rewind(run->scratch, mark);
	free(build.jobs);
	return table;
}

const struct owner_table *owner_table_get(ei_run *run)
{
	return shared_table(run, SHARED_OWNERS, owners_build, owner_table_drop);
}
