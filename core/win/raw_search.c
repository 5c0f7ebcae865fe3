// The same search over plain files: one, or all in a folder.
// SPDX-License-Identifier: Apache-2.0
#include "scan/scan.h"
#include "win/stitch.h"

#include <errno.h>
#include <fts.h>
#include <sys/stat.h>

enum { FILE_HITS_MAX = 4 << 20 };

struct ei_raw {
	const char *path;
	struct image *image;
};

const char *ei_raw_path(const ei_raw *file)
{
	return file->path;
}

size_t ei_raw_read(const ei_raw *file, uint64_t offset, void *buffer, size_t size)
{
	return image_read(file->image, offset, buffer, size);
}

// ---- one file -------------------------------------------------------------------------------

struct file_search {
	ei_run *run;
	const struct term_set *set;
	ei_raw_found *found;
	void *context;
	bool stopped;
};

static void hits_give(struct file_search *search, const ei_raw *file, struct hit_list *list)
{
	ei_run *run = search->run;
	ei_mark mark = ei_arena_mark(run->scratch);
	ei_hit *hits = ei_alloc(run->scratch, (list->count + 1) * sizeof *hits);
	if (list->cut || list->no_memory || !hits)
		ei_note(run, "%s: only %zu hits are kept", file->path, hits ? list->count : 0);
	for (size_t i = 0; hits && i < list->count; i++)
		hits[i] = (ei_hit){ .pa = list->items[i].pa,
			.term = list->items[i].what,
			.length = list->items[i].extra / 4,
			.flags = spelling_flags((enum term_spelling)(list->items[i].extra % 4)) };
	search->stopped = hits && !search->found(run, search->context, file, hits, list->count);
	ei_arena_rewind(run->scratch, mark);
}

static void file_progress(void *context, uint64_t done, uint64_t total)
{
	ei_progress(context, done, total);
}

static ei_error *file_scan(struct file_search *search, const ei_raw *file)
{
	struct hit_list list;
	hit_list_init(&list, FILE_HITS_MAX);
	struct found_context found = { .terms = search->set, .list = &list };
	struct pass_consumer consumer = terms_consumer(&found);
	// A thread for less than this costs more than it does.
	uint64_t worth = image_bytes(file->image) / (4 * PASS_CHUNK) + 1;
	struct pass_wish wish = {
		.image = file->image,
		.threads = (unsigned)MIN(worth, (uint64_t)search->run->session->threads),
		.cancelled = search->run->cancelled,
		.progress = file_progress,
		.progress_context = search->run,
	};
	ei_error *error = pass_run(&wish, &consumer, 1);
	if (error && ei_error_code(error) == EI_E_CANCELLED) {
		ei_error_drop(error);
		error = NULL;
	}
	hit_list_sort(&list);
	if (!error)
		hits_give(search, file, &list);
	if (image_failure(file->image))
		ei_note(search->run, "%s: %s", file->path, image_failure(file->image));
	hit_list_deinit(&list);
	return error;
}

static ei_error *file_search(struct file_search *search, const char *path)
{
	EI_OWNED(image) image = NULL;
	EI_TRY(image_open(path, "raw", &image));
	const ei_raw file = { path, image };
	return file_scan(search, &file);
}

// ---- all files ------------------------------------------------------------------------------

static int compare_entries(const FTSENT **left, const FTSENT **right)
{
	return strcmp((*left)->fts_name, (*right)->fts_name);
}

// What was named must be there; what is found on the way may fail, and is said.
static ei_error *entry_search(struct file_search *search, const FTSENT *entry)
{
	const char *path = entry->fts_path;
	ei_error *error = NULL;
	switch (entry->fts_info) {
	case FTS_F:
	case FTS_DEFAULT:
		if (entry->fts_level && !S_ISREG(entry->fts_statp->st_mode))
			return NULL;
		if (entry->fts_level && !entry->fts_statp->st_size)
			return NULL;
		error = file_search(search, path);
		break;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		error = ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(entry->fts_errno));
		break;
	case FTS_DC:
		ei_note(search->run, "%s: a folder that is in itself is left out", path);
		break;
	default:
		break;
	}
	if (!error || !entry->fts_level)
		return error;
	ei_note(search->run, "%s", ei_error_text(error));
	ei_error_drop(error);
	return NULL;
}

// Links within a folder are not followed, so that no file is searched twice.
static ei_error *path_search(struct file_search *search, const char *path)
{
	char *const roots[] = { (char *)(uintptr_t)path, NULL };
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, compare_entries);
	if (!walk)
		return ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
	ei_error *error = NULL;
	const FTSENT *entry;
	while (!error && !search->stopped && !ei_stopped(search->run) && (entry = fts_read(walk)))
		error = entry_search(search, entry);
	fts_close(walk);
	return error;
}

ei_error *ei_search_files(ei_run *run, const char *const *paths, size_t path_count,
	const ei_term_list *lists, size_t count, ei_raw_found *found, void *context)
{
	EI_OWNED(term_set) set = NULL;
	const struct term_wish wish = { .lists = (const struct term_list *)(const void *)lists,
		.list_count = count };
	EI_TRY(terms_compile_wish(&wish, &set));
	struct file_search search = { .run = run, .set = set, .found = found, .context = context };
	for (size_t i = 0; i < path_count && !search.stopped; i++)
		EI_TRY(path_search(&search, paths[i]));
	return NULL;
}
