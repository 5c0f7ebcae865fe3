// eidetic run: many plugins on an image, with one pass over it; a file each, and a list of how each
// ended.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"
#include "cli/outputs.h"

#include "run/many.h"
#include <errno.h>
#include <sys/stat.h>

enum { ENTRIES_MAX = 1024, IMAGES_MAX = 4096 };

enum { IMAGE, PLUGIN, ROWS, NOTES, COMPLETE, WHY, MILLISECONDS, FILE_NAME, COLUMNS };

static const ei_column columns[COLUMNS] = {
	// clang-format off
	[IMAGE]        = { "image",    EI_STR,  "the image" },
	[PLUGIN]       = { "plugin",   EI_STR,  "what was run" },
	[ROWS]         = { "rows",     EI_UINT, "rows shown" },
	[NOTES]        = { "notes",    EI_UINT, "findings beside the rows" },
	[COMPLETE]     = { "complete", EI_BOOL, "nothing was cut, refused or unreadable in the file" },
	[WHY]          = { "why",      EI_STR,  "why it is not complete, or was not run" },
	[MILLISECONDS] = { "ms",       EI_UINT, "milliseconds that it took, while others ran" },
	[FILE_NAME]    = { "file",     EI_STR,  "file written" },
	// clang-format on
};

struct wish {
	struct list plugins; // words of --plugins
	bool all, force;
	const char *extension;
	const char **images;
	size_t image_count;
};

// One plugin of the list.
struct entry {
	const ei_plugin *plugin;
	bool done;
	bool has_file, complete, is_partial;
	uint64_t rows, notes, milliseconds;
	const char *why; // "" when complete
};

// What is done for one image.
struct bundle {
	const struct global *global;
	const struct wish *wish;
	const struct session *session;
	ei_arena *arena;
	struct listing *listing;
	struct output_files files;
	struct entry *entries;
	size_t entry_count, shown;
	size_t *jobs; // entry of each that is run
	size_t job_count, ended;
	size_t whole, partial, failed, unfit;
	bool unrecognised;
	struct many_error failure,
		unfit_error;     // of what failed, and of what the image is not fit for
	ei_error *listing_error; // of the list itself
	struct progress progress;
};

// ---- which plugins ----------------------------------------------------------------------------

static ei_error *entry_add(struct bundle *run, const ei_plugin *plugin, const char *left_out)
{
	for (size_t i = 0; i < run->entry_count; i++)
		if (run->entries[i].plugin == plugin)
			return NULL;
	if (run->entry_count == ENTRIES_MAX)
		return ei_fail(EI_E_LIMIT, "more than %d plugins", ENTRIES_MAX);
	if (!left_out)
		run->jobs[run->job_count++] = run->entry_count;
	run->entries[run->entry_count++] = (struct entry){
		.plugin = plugin,
		.done = left_out != NULL,
		.why = left_out ? left_out : "",
	};
	return NULL;
}

static ei_error *entries_all(struct bundle *run, const struct plugin_set *plugins)
{
	for (size_t i = 0; i < plugin_set_count(plugins); i++) {
		const ei_plugin *plugin = plugin_set_at(plugins, i);
		const char *left_out = NULL;
		if (plugin->asks) {
			left_out = ei_text(run->arena, "left out: asks for %s", plugin->asks);
			if (!left_out)
				return ei_fail(EI_E_NOMEM, "out of memory");
		}
		EI_TRY(entry_add(run, plugin, left_out));
	}
	return NULL;
}

// "pslist,netscan"
static ei_error *entries_named(
	struct bundle *run, const struct plugin_set *plugins, const char *names)
{
	while (*names) {
		size_t length = strcspn(names, ",");
		const char *name = arena_text(run->arena, names, length);
		const ei_plugin *plugin;
		if (!name)
			return ei_fail(EI_E_NOMEM, "out of memory");
		names += length + (names[length] == ',');
		if (!length || !strcmp(name, "all"))
			continue;
		EI_TRY(plugin_set_find(plugins, name, &plugin));
		EI_TRY(entry_add(run, plugin, NULL));
	}
	return NULL;
}

static ei_error *entries_choose(struct bundle *run, const struct plugin_set *plugins)
{
	size_t room = ENTRIES_MAX * sizeof(struct entry);
	run->entries = ei_alloc(run->arena, room);
	run->jobs = ei_alloc(run->arena, ENTRIES_MAX * sizeof *run->jobs);
	if (!run->entries || !run->jobs)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < run->wish->plugins.count; i++)
		EI_TRY(entries_named(run, plugins, run->wish->plugins.items[i]));
	return run->wish->all ? entries_all(run, plugins) : NULL;
}

// ---- the list ---------------------------------------------------------------------------------

static ei_val file_of(const struct bundle *run, const struct entry *entry)
{
	const char *name = ei_text(run->arena, "%s/%s.%s%s", run->files.path, entry->plugin->name,
		run->files.extension, entry->is_partial ? ".partial" : "");
	return entry->has_file ? ei_str(name) : ei_absent(EI_NONE);
}

static ei_error *entry_show(struct bundle *run, const struct entry *entry)
{
	ei_mark mark = ei_arena_mark(run->arena);
	bool ran = entry->has_file;
	ei_error *error = listing_row(run->listing,
		(ei_val[COLUMNS]){
			[IMAGE] = ei_str(run->global->file),
			[PLUGIN] = ei_str(entry->plugin->name),
			[ROWS] = ran ? ei_uint(entry->rows) : ei_absent(EI_NONE),
			[NOTES] = ran ? ei_uint(entry->notes) : ei_absent(EI_NONE),
			[COMPLETE] = ran ? ei_bool(entry->complete) : ei_absent(EI_NONE),
			[WHY] = *entry->why ? ei_str(entry->why) : ei_absent(EI_NONE),
			[MILLISECONDS] = ran ? ei_uint(entry->milliseconds) : ei_absent(EI_NONE),
			[FILE_NAME] = file_of(run, entry),
		});
	ei_arena_rewind(run->arena, mark);
	return error;
}

// In the order of the list, however they end.
static void entries_show(struct bundle *run)
{
	for (; run->shown < run->entry_count && run->entries[run->shown].done; run->shown++)
		if (!run->listing_error)
			run->listing_error = entry_show(run, &run->entries[run->shown]);
}

// ---- one plugin -------------------------------------------------------------------------------

static ei_error *job_open(void *context, size_t index, struct row_sink **out)
{
	struct bundle *run = context;
	return output_sink(&run->files, index, out);
}

static bool is_unfit(const ei_error *error, uint64_t rows)
{
	ei_code code = ei_error_code(error);
	return !rows && (code == EI_E_REQUIREMENT || code == EI_E_UNKNOWN);
}

// Takes what went wrong. What an image has nothing for is no failure where all were asked for.
static void failure_take(struct bundle *run, struct entry *entry, ei_error *error)
{
	size_t index = (size_t)(entry - run->entries);
	const char *why = ei_text(run->arena, "%s", ei_error_text(error));
	entry->why = why ? why : "out of memory";
	if (run->wish->all && is_unfit(error, entry->rows)) {
		run->unfit++;
		many_error_keep(&run->unfit_error, index, entry->plugin, error);
	} else if (ei_error_code(error) == EI_E_CANCELLED) {
		run->partial++;
		ei_error_drop(error);
	} else {
		run->failed++;
		many_error_keep(&run->failure, index, entry->plugin, error);
	}
}

static void result_take(struct bundle *run, struct entry *entry, struct many_end *end)
{
	const struct trailer *trailer = &end->result.trailer;
	bool limited = !strcmp(trailer->why, "limit");
	entry->rows = trailer->rows;
	entry->notes = trailer->notes;
	ei_error *failure = end->result.failure; // also of the end itself, which is in no trailer
	entry->complete = trailer->complete && !failure;
	entry->is_partial = failure || (!trailer->complete && !limited);
	// A plugin that failed before its first row has shown nothing; a full disk may have.
	entry->has_file = !failure || trailer->rows || ei_error_code(failure) == EI_E_IO;
	run->unrecognised |= !end->result.recognised;
	if (failure) {
		failure_take(run, entry, failure);
		return;
	}
	const char *why = ei_text(run->arena, "%s", trailer->why);
	entry->why = why ? why : "out of memory";
	if (entry->is_partial)
		run->partial++;
	else
		run->whole++;
}

static void job_end(void *context, size_t index, struct many_end *end)
{
	struct bundle *run = context;
	struct entry *entry = &run->entries[run->jobs[index]];
	if (end->refused)
		failure_take(run, entry, end->refused);
	else
		result_take(run, entry, end);
	enum output_end how = !entry->has_file    ? OUTPUT_NONE
			      : entry->is_partial ? OUTPUT_PARTIAL
						  : OUTPUT_WHOLE;
	ei_error *error = output_end(&run->files, index, how);
	if (error && how == OUTPUT_WHOLE) {
		entry->complete = false;
		entry->is_partial = true;
		run->whole--;
	}
	if (error)
		failure_take(run, entry, error);
	entry->milliseconds = end->nanoseconds / 1000000;
	entry->done = true;
	progress_draw(&run->progress, ++run->ended, run->job_count);
	entries_show(run);
}

// ---- one image --------------------------------------------------------------------------------

static ei_error *jobs_run(struct bundle *run, const char *sha256)
{
	const ei_plugin **plugins = ei_alloc(run->arena, (run->job_count + 1) * sizeof *plugins);
	struct option_values *options =
		ei_alloc(run->arena, (run->job_count + 1) * sizeof *options);
	if (!plugins || !options)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < run->job_count; i++)
		plugins[i] = run->entries[run->jobs[i]].plugin;
	const struct global *global = run->global;
	struct run_wish common = {
		.limit = global->limit,
		.filters = global->filters.items,
		.filter_count = global->filters.count,
		.hidden = global->hidden.items,
		.hidden_count = global->hidden.count,
		.compat = global->compat != NULL,
		.image_sha256 = sha256,
		.command = global->line,
		.cancelled = cancelled,
	};
	entries_show(run);
	run_many(run->session, &(struct many_wish){
				       .common = &common,
				       .plugins = plugins,
				       .options = options,
				       .count = run->job_count,
				       .threads = run->session->threads,
				       .open = job_open,
				       .end = job_end,
				       .context = run,
			       });
	progress_clear(&run->progress);
	return EI_GIVE(run->listing_error);
}

static ei_error *files_open(struct bundle *run, const char *folder)
{
	const char **names = ei_alloc(run->arena, (run->job_count + 1) * sizeof *names);
	if (!names)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < run->job_count; i++)
		names[i] = run->entries[run->jobs[i]].plugin->name;
	return outputs_open(run->arena, folder, run->wish->extension, names, run->job_count,
		run->wish->force, &run->files);
}

static ei_error *image_open_and_run(struct bundle *run, const char *folder)
{
	struct profile_store store;
	EI_OWNED(session) session = NULL;
	char sha256[SHA256_TEXT] = "";
	EI_TRY(open_session(run->global, &store, &session));
	EI_TRY(unless_cancelled());
	run->session = session;
	if (run->global->hash)
		EI_TRY(file_sha256(run->global->file, &run->progress, sha256));
	EI_TRY(files_open(run, folder));
	ei_error *error = jobs_run(run, sha256);
	outputs_deinit(&run->files);
	// Without a kernel, or without its profile, what is unfit is not so for a lack of evidence.
	if (session->profile && (run->whole || run->partial))
		run->unfit = 0;
	return error;
}

static ei_error *and_more(ei_error *error, size_t more)
{
	ei_error *said = ei_fail(ei_error_code(error), "%s (and %zu more plugins failed)",
		ei_error_text(error), more);
	ei_error_drop(error);
	return said;
}

// One line on stderr, and what the image's run means.
static enum exit_status image_status(struct bundle *run)
{
	bool any = run->whole || run->partial;
	ei_error *error =
		run->failed ? EI_GIVE(run->failure.error) : EI_GIVE(run->unfit_error.error);
	if (!run->failed && !run->unfit) {
		ei_error_drop(error);
		return run->partial ? EXIT_INCOMPLETE : EXIT_COMPLETE;
	}
	size_t more = run->failed ? run->failed - 1 : 0;
	enum exit_status status = report(more ? and_more(error, more) : error);
	if (run->unrecognised)
		return EXIT_NOT_WINDOWS;
	return any ? EXIT_INCOMPLETE : status;
}

static enum exit_status image_process(const struct global *global, const struct wish *wish,
	const struct plugin_set *plugins, struct listing *listing, const char *folder)
{
	EI_OWNED(ei_arena) arena = NULL;
	struct bundle run = {
		.global = global,
		.wish = wish,
		.listing = listing,
		.files = { .folder = -1 },
	};
	progress_init(&run.progress, global->quiet ? "never" : global->progress);
	ei_error *error = ei_arena_create(64 << 20, &arena);
	run.arena = arena;
	if (!error)
		error = entries_choose(&run, plugins);
	if (!error)
		error = image_open_and_run(&run, folder);
	enum exit_status status = error ? report(error) : image_status(&run);
	ei_error_drop(run.failure.error);
	ei_error_drop(run.unfit_error.error);
	ei_error_drop(run.listing_error);
	return status;
}

// ---- all images -------------------------------------------------------------------------------

// A folder for each of several images, by their names; names that come again are numbered.
static ei_error *folder_of(const struct global *global, const struct wish *wish, size_t index,
	ei_arena *arena, char **out)
{
	const char *path = wish->images[index], *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t earlier = 0;
	for (size_t i = 0; i < index; i++) {
		const char *other = strrchr(wish->images[i], '/');
		earlier += !strcmp(other ? other + 1 : wish->images[i], name);
	}
	if (!*name || name[0] == '.')
		return ei_fail(EI_E_USAGE, "'%s' has no name that a folder could have", path);
	*out = earlier ? ei_text(arena, "%s/%s-%zu", global->output_dir, name, earlier + 1)
		       : ei_text(arena, "%s/%s", global->output_dir, name);
	return *out ? NULL : ei_fail(EI_E_NOMEM, "out of memory");
}

static enum exit_status image_one(const struct global *global, const struct wish *wish,
	const struct plugin_set *plugins, struct listing *listing, size_t index)
{
	struct global own = *global;
	EI_OWNED(ei_arena) arena = NULL;
	char *folder = (char *)global->output_dir;
	ei_error *error = ei_arena_create(1 << 20, &arena);
	if (!error && wish->image_count > 1)
		error = folder_of(global, wish, index, arena, &folder);
	if (error)
		return report(error);
	own.file = wish->images[index];
	own.output_dir = NULL;
	return image_process(&own, wish, plugins, listing, folder);
}

// Statuses that differ are one: some of it was done.
static enum exit_status images_all(const struct global *global, const struct wish *wish,
	const struct plugin_set *plugins, struct listing *listing)
{
	enum exit_status status = EXIT_COMPLETE;
	for (size_t i = 0; i < wish->image_count; i++) {
		if (i && __atomic_load_n(cancelled, __ATOMIC_RELAXED))
			return EXIT_INCOMPLETE;
		enum exit_status one = image_one(global, wish, plugins, listing, i);
		status = i && one != status ? EXIT_INCOMPLETE : one;
	}
	return status;
}

static ei_error *list_open(
	const struct global *global, const struct wish *wish, struct listing *listing)
{
	struct global own = *global;
	own.renderer = NULL; // is that of the files
	own.filters.count = own.limit = 0;
	own.hidden = (struct list){ { "image", NULL }, wish->image_count == 1 };
	if (wish->image_count > 1 && mkdir(global->output_dir, 0777) && errno != EEXIST)
		return ei_fail(EI_E_IO, "cannot make the folder '%s': %s", global->output_dir,
			strerror(errno));
	return listing_init(listing, &own, "run", columns, COLUMNS);
}

// ---- the command ------------------------------------------------------------------------------

static const char *const help =
	"run: many plugins on an image, with one pass over its memory\n\n"
	"  eidetic run -f IMAGE --plugins NAME,NAME... -o DIR   a file each: DIR/NAME.csv\n"
	"  eidetic run -f IMAGE --plugins all -o DIR            all that need to be told nothing\n"
	"  eidetic run --plugins all -o DIR IMAGE IMAGE...      DIR/IMAGE/NAME.csv\n\n"
	"  -r csv|jsonl|json|text   of the files (csv)\n"
	"  --force                  replace files that are there\n\n"
	"A file that is not complete is called NAME.csv.partial. Notes that the format has no "
	"place "
	"for\n"
	"are in NAME.notes.txt. On stdout is a line for each plugin: rows, notes, whether it is "
	"complete\n"
	"or why not, and the milliseconds that it took.\n\n"
	"exit status: 0 all complete; 4 done but incomplete; 1, 2, 3 as of one plugin when nothing "
	"was\n"
	"done\n";

static ei_error *plugins_add(struct wish *wish, const char *names)
{
	if (!names || !*names)
		return ei_fail(EI_E_USAGE, "--plugins needs names, or all");
	if (wish->plugins.count == LIST_MAX)
		return ei_fail(EI_E_USAGE, "--plugins was given more than %d times", LIST_MAX);
	wish->plugins.items[wish->plugins.count++] = names;
	for (const char *at = names; at; at = strchr(at, ',')) {
		at += *at == ',';
		wish->all |= !strncmp(at, "all", 3) && (!at[3] || at[3] == ',');
	}
	return NULL;
}

static ei_error *words_read(const struct global *global, struct wish *wish)
{
	bool words_only = false;
	for (int i = 0; i < global->rest_count; i++) {
		const char *word = global->rest[i];
		if (words_only || word[0] != '-' || !word[1]) {
			if (wish->image_count == IMAGES_MAX)
				return ei_fail(EI_E_LIMIT, "more than %d images", IMAGES_MAX);
			wish->images[wish->image_count++] = word;
		} else if (!strcmp(word, "--")) {
			words_only = true;
		} else if (!strcmp(word, "--force")) {
			wish->force = true;
		} else if (!strcmp(word, "--plugins")) {
			EI_TRY(plugins_add(
				wish, ++i < global->rest_count ? global->rest[i] : NULL));
		} else if (!strncmp(word, "--plugins=", 10)) {
			EI_TRY(plugins_add(wish, word + 10));
		} else {
			return ei_fail(EI_E_USAGE,
				"run: there is no option '%s'; see 'eidetic run --help'", word);
		}
	}
	return NULL;
}

static ei_error *wish_check(const struct global *global, struct wish *wish)
{
	static const char *const extensions[] = { "csv", "jsonl", "json", "text" };
	if (!wish->image_count)
		return ei_fail(EI_E_USAGE, "run: no image was named: eidetic run -f IMAGE");
	if (!wish->plugins.count)
		return ei_fail(EI_E_USAGE, "run: which plugins? --plugins pslist,netscan or all");
	if (!global->output_dir)
		return ei_fail(EI_E_USAGE, "run: where to? -o DIR");
	if (global->log)
		return ei_fail(EI_E_USAGE, "run: --log is of one plugin; -r jsonl records each");
	for (size_t i = 0; i < ARRAY_LENGTH(extensions); i++)
		if (!global->renderer || !strcmp(global->renderer, extensions[i])) {
			wish->extension = extensions[i];
			return NULL;
		}
	return ei_fail(
		EI_E_USAGE, "run: files are csv, jsonl, json or text, not '%s'", global->renderer);
}

static ei_error *run_checked(const struct global *global, const struct plugin_set *plugins,
	ei_arena *arena, enum exit_status *status)
{
	struct wish wish = { 0 };
	struct listing listing = { 0 };
	wish.images = ei_alloc(arena, (IMAGES_MAX + 1) * sizeof *wish.images);
	if (!wish.images)
		return ei_fail(EI_E_NOMEM, "out of memory");
	if (global->file)
		wish.images[wish.image_count++] = global->file;
	EI_TRY(words_read(global, &wish));
	EI_TRY(wish_check(global, &wish));
	ei_error *error = list_open(global, &wish, &listing);
	if (!error) {
		*status = images_all(global, &wish, plugins, &listing);
		error = listing.begun ? listing_end(&listing, NULL) : NULL;
	}
	listing_deinit(&listing);
	return error;
}

enum exit_status command_run(const struct global *global, const struct plugin_set *plugins)
{
	if (global->help) {
		fputs(help, stdout);
		return printed();
	}
	EI_OWNED(ei_arena) arena = NULL;
	enum exit_status status = EXIT_COMPLETE;
	ei_error *error = ei_arena_create(1 << 20, &arena);
	if (!error)
		error = run_checked(global, plugins, arena, &status);
	enum exit_status end = error ? report(error) : printed();
	return end == EXIT_COMPLETE ? status : end;
}
