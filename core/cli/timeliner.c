// eidetic timeliner: the times that plugins tell, in order.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include "cli/timeliner_vol3.h"
#include "run/many.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SOURCES_MAX = 512,
	MEMORY = 64 << 20,
	SOURCE_EVENTS_MAX = 4 << 20, // a large registry has about a million keys
	STREAM_BUFFER = 1 << 16,
};

enum { TIME, PLUGIN, EVENT, DESCRIPTION, COLUMNS };

static const ei_column columns[COLUMNS] = {
	// clang-format off
	[TIME]        = { "time",        EI_TIME, "when, UTC" },
	[PLUGIN]      = { "plugin",      EI_STR,  "which plugin has it" },
	[EVENT]       = { "event",       EI_STR,  "which of its columns: what happened then" },
	[DESCRIPTION] = { "description", EI_STR,  "the row's other columns, those that name it first" },
	// clang-format on
};

// With --compat vol3 names are titles.
enum { VOL3_PLUGIN, VOL3_DESCRIPTION, VOL3_TIMES, VOL3_COLUMNS = VOL3_TIMES + TIMELINE_KINDS };

static const ei_column vol3_columns[VOL3_COLUMNS] = {
	// clang-format off
	[VOL3_PLUGIN]                     = { "Plugin",        EI_STR,  "which plugin has it" },
	[VOL3_DESCRIPTION]                = { "Description",   EI_STR,  "what the times are about" },
	[VOL3_TIMES + TIMELINE_CREATED]   = { "Created Date",  EI_TIME, "made, loaded, connected" },
	[VOL3_TIMES + TIMELINE_MODIFIED]  = { "Modified Date", EI_TIME, "written, exited" },
	[VOL3_TIMES + TIMELINE_ACCESSED]  = { "Accessed Date", EI_TIME, "used" },
	[VOL3_TIMES + TIMELINE_CHANGED]   = { "Changed Date",  EI_TIME, "changed in what is kept of it" },
	// clang-format on
};

struct wish {
	struct list plugins, filters;
	bool recurse, force, body_in_folder;
	const char *body, *timesketch;
};

// A file beside the listing: by its own name when all is in it.
struct side_file {
	const char *path; // NULL: not asked for
	char *partial;
	FILE *stream;
};

struct sources {
	const ei_plugin *plugins[SOURCES_MAX];
	struct option_values options[SOURCES_MAX];
	size_t count, ended;
	size_t failed, partial;
	struct many_error failure, unfit; // of what failed, and of what the image is not fit for
	size_t ran;
	bool vol3;
	struct timeline *timeline;
	struct progress progress;
};

struct show {
	struct listing *listing;
	struct side_file *body, *timesketch;
	const char *image;
	bool vol3;
	struct text line;
};

// ---- which sources ----------------------------------------------------------------------------

static bool has_times(const ei_plugin *plugin)
{
	for (unsigned i = 0; i < plugin->column_count; i++)
		if (plugin->columns[i].kind == EI_TIME && !plugin->columns[i].vol3_only)
			return true;
	return false;
}

// A part of the plugin's name, or of Volatility's.
static bool is_wanted(const struct wish *wish, const ei_plugin *plugin, bool retold)
{
	for (size_t i = 0; i < wish->filters.count; i++)
		if (strstr(plugin->name, wish->filters.items[i]) ||
			(plugin->vol3 && strstr(plugin->vol3, wish->filters.items[i])))
			return true;
	return !wish->filters.count && (retold || !plugin->retells);
}

// Plugins that can go deeper do when asked to.
static ei_error *options_make(const struct wish *wish, const ei_plugin *plugin, ei_arena *arena,
	struct option_values *out)
{
	for (unsigned i = 0; wish->recurse && i < plugin->option_count; i++) {
		if (strcmp(plugin->options[i].name, "recurse"))
			continue;
		struct option_value *value = ei_alloc(arena, sizeof *value);
		if (!value)
			return ei_fail(EI_E_NOMEM, "out of memory");
		*value = (struct option_value){ .option = i, .value = ei_bool(true) };
		*out = (struct option_values){ .values = value, .count = 1 };
	}
	return NULL;
}

static ei_error *source_add(
	const struct wish *wish, const ei_plugin *plugin, ei_arena *arena, struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++)
		if (sources->plugins[i] == plugin)
			return NULL;
	if (sources->count == SOURCES_MAX)
		return ei_fail(EI_E_LIMIT, "more than %d plugins", SOURCES_MAX);
	EI_TRY(options_make(wish, plugin, arena, &sources->options[sources->count]));
	sources->plugins[sources->count++] = plugin;
	return NULL;
}

// "pslist,netscan"
static ei_error *sources_named(const struct wish *wish, const struct plugin_set *plugins,
	const char *names, ei_arena *arena, struct sources *sources)
{
	while (*names) {
		size_t length = strcspn(names, ",");
		const char *name = arena_text(arena, names, length);
		const ei_plugin *plugin;
		if (!name)
			return ei_fail(EI_E_NOMEM, "out of memory");
		names += length + (names[length] == ',');
		if (!length)
			continue;
		EI_TRY(plugin_set_find(plugins, name, &plugin));
		if (!has_times(plugin))
			return ei_fail(EI_E_USAGE, "timeliner: '%s' has no times", plugin->name);
		if (sources->vol3 && !vol3_forms(plugin))
			return ei_fail(EI_E_USAGE, "timeliner: Volatility 3 has no times of '%s'",
				plugin->name);
		EI_TRY(source_add(wish, plugin, arena, sources));
	}
	return NULL;
}

static ei_error *sources_choose(const struct wish *wish, const struct plugin_set *plugins,
	ei_arena *arena, struct sources *sources)
{
	for (size_t i = 0; i < wish->plugins.count; i++)
		EI_TRY(sources_named(wish, plugins, wish->plugins.items[i], arena, sources));
	for (size_t i = 0; !wish->plugins.count && i < plugin_set_count(plugins); i++) {
		const ei_plugin *plugin = plugin_set_at(plugins, i);
		bool fits = sources->vol3 ? vol3_forms(plugin) != NULL
					  : !plugin->asks && has_times(plugin);
		if (fits && is_wanted(wish, plugin, sources->vol3))
			EI_TRY(source_add(wish, plugin, arena, sources));
	}
	if (!sources->count)
		return ei_fail(EI_E_USAGE, "timeliner: no plugin with times is called so");
	return NULL;
}

// ---- gathering --------------------------------------------------------------------------------

static ei_error *source_open(void *context, size_t index, struct row_sink **out)
{
	struct sources *sources = context;
	const ei_plugin *plugin = sources->plugins[index];
	return timeline_source(sources->timeline, (unsigned)index, plugin,
		sources->vol3 ? vol3_forms(plugin) : NULL, out);
}

static void source_end(void *context, size_t index, struct many_end *end)
{
	struct sources *sources = context;
	ei_error *error = end->refused ? end->refused : end->result.failure;
	ei_code code = error ? ei_error_code(error) : EI_E_IO;
	progress_draw(&sources->progress, ++sources->ended, sources->count);
	sources->partial += !error && !end->result.trailer.complete;
	sources->partial += error && code == EI_E_CANCELLED;
	sources->ran += !error || end->result.trailer.rows;
	if (!error)
		return;
	if (code == EI_E_CANCELLED) {
		ei_error_drop(error);
	} else if (code == EI_E_REQUIREMENT || code == EI_E_UNKNOWN) {
		many_error_keep(&sources->unfit, index, sources->plugins[index], error);
	} else {
		sources->failed++;
		many_error_keep(&sources->failure, index, sources->plugins[index], error);
	}
}

static void gather(const struct session *session, struct sources *sources)
{
	const struct run_wish common = { .cancelled = cancelled, .compat = sources->vol3 };
	run_many(session, &(struct many_wish){
				  .common = &common,
				  .plugins = sources->plugins,
				  .options = sources->options,
				  .count = sources->count,
				  .threads = session->threads,
				  .open = source_open,
				  .end = source_end,
				  .context = sources,
			  });
	progress_clear(&sources->progress);
}

// ---- files ------------------------------------------------------------------------------------

static ei_error *side_failed(const char *path, int why)
{
	return ei_fail(EI_E_IO, "cannot write '%s': %s", path, strerror(why));
}

static ei_error *side_open(struct side_file *file, bool force, ei_arena *arena)
{
	if (!file->path)
		return NULL;
	struct stat status;
	bool exists = !stat(file->path, &status);
	if (exists && !S_ISREG(status.st_mode)) // it would be replaced, not written to
		return ei_fail(EI_E_USAGE, "'%s' is not a file", file->path);
	if (exists && !force)
		return ei_fail(
			EI_E_USAGE, "'%s' is there already; --force replaces it", file->path);
	file->partial = ei_text(arena, "%s.partial", file->path);
	if (!file->partial)
		return ei_fail(EI_E_NOMEM, "out of memory");
	file->stream = fopen(file->partial, "we");
	if (!file->stream)
		return side_failed(file->path, errno);
	setvbuf(file->stream, NULL, _IOFBF, STREAM_BUFFER);
	return NULL;
}

static ei_error *side_end(struct side_file *file, bool whole)
{
	if (!file->stream)
		return NULL;
	bool failed = ferror(file->stream) != 0;
	failed |= fclose(file->stream) != 0;
	file->stream = NULL;
	if (failed || (whole && rename(file->partial, file->path)))
		return side_failed(file->path, errno);
	return NULL;
}

static ei_error *side_write(const struct side_file *file, const struct text *line)
{
	if (fwrite(line->data, 1, line->length, file->stream) != line->length)
		return side_failed(file->path, errno);
	return NULL;
}

// ---- showing ----------------------------------------------------------------------------------

static ei_val string(const char *text, size_t length)
{
	return (ei_val){ .s = text, .length = (uint32_t)length, .kind = EI_STR, .state = EI_OK };
}

static ei_val time_or_none(uint64_t time)
{
	return time ? ei_of(EI_TIME, time) : ei_absent(EI_NONE);
}

// "windows.pslist.PsList" is PsList there.
static const char *vol3_name(const ei_plugin *plugin)
{
	const char *dot = plugin->vol3 ? strrchr(plugin->vol3, '.') : NULL;
	return dot ? dot + 1 : plugin->name;
}

static ei_error *row_show(const struct show *show, const struct timeline_event *event)
{
	ei_val description = string(event->description, event->description_length);
	if (show->vol3) {
		ei_val cells[VOL3_COLUMNS] = {
			[VOL3_PLUGIN] = ei_str(vol3_name(event->plugin)),
			[VOL3_DESCRIPTION] = description,
		};
		for (size_t i = 0; i < TIMELINE_KINDS; i++)
			cells[VOL3_TIMES + i] = time_or_none(event->times[i]);
		return event->is_first ? listing_row(show->listing, cells) : NULL;
	}
	return listing_row(show->listing, (ei_val[COLUMNS]){
						  [TIME] = ei_of(EI_TIME, event->time),
						  [PLUGIN] = ei_str(event->plugin->name),
						  [EVENT] = ei_str(event->column->name),
						  [DESCRIPTION] = description,
					  });
}

static bool has_time(const struct timeline_event *event)
{
	for (size_t i = 0; i < TIMELINE_KINDS; i++)
		if (event->times[i])
			return true;
	return false;
}

static ei_error *event_show(void *context, const struct timeline_event *event)
{
	struct show *show = context;
	if (__atomic_load_n(cancelled, __ATOMIC_RELAXED))
		return ei_fail(EI_E_CANCELLED, "cancelled");
	if (show->body->stream && event->is_first && has_time(event)) {
		text_clear(&show->line);
		timeline_body(&show->line, event);
		EI_TRY(side_write(show->body, &show->line));
	}
	if (show->timesketch->stream && event->time) {
		text_clear(&show->line);
		timeline_timesketch(&show->line, event, show->image);
		EI_TRY(side_write(show->timesketch, &show->line));
	}
	return row_show(show, event);
}

// The session's own once, each source's with its name.
static ei_error *notes_show(
	const struct session *session, const struct sources *sources, struct listing *listing)
{
	for (size_t i = 0; i < session->note_count; i++)
		EI_TRY(listing_note(listing, session->notes[i]));
	for (unsigned i = 0; i < sources->count; i++) {
		const char *name = sources->plugins[i]->name;
		const char *at = timeline_notes(sources->timeline, i);
		char note[1200];
		for (size_t n = 0; *at; n++) {
			size_t length = strcspn(at, "\n");
			snprintf(note, sizeof note, "%s: %.*s", name, (int)length, at);
			at += length + (at[length] == '\n');
			if (n >= session->note_count)
				EI_TRY(listing_note(listing, note));
		}
		snprintf(note, sizeof note, "%s: only its first %d times are here", name,
			SOURCE_EVENTS_MAX);
		if (timeline_is_cut(sources->timeline, i))
			EI_TRY(listing_note(listing, note));
	}
	return NULL;
}

static const char *incomplete_why(const struct session *session, const struct sources *sources)
{
	if (__atomic_load_n(cancelled, __ATOMIC_RELAXED))
		return "cancelled";
	if (sources->failed)
		return ei_error_text(sources->failure.error);
	for (unsigned i = 0; i < sources->count; i++)
		if (timeline_is_cut(sources->timeline, i))
			return "a plugin has more times than are kept";
	const char *why = image_failure(session->image);
	return why ? why : sources->partial ? "a plugin is incomplete" : NULL;
}

static ei_error *show_all(const struct session *session, const struct sources *sources,
	struct show *show, enum exit_status *status)
{
	ei_error *error = timeline_each(sources->timeline, event_show, show);
	bool is_cancelled = error && ei_error_code(error) == EI_E_CANCELLED;
	const char *why = incomplete_why(session, sources);
	if (!error)
		error = notes_show(session, sources, show->listing);
	if (error && !is_cancelled)
		return error;
	ei_error_drop(error);
	if (is_cancelled && !why)
		why = "cancelled";
	bool whole = !why && !listing_is_full(show->listing);
	*status = why ? EXIT_INCOMPLETE : EXIT_COMPLETE;
	EI_TRY(side_end(show->body, !why));
	EI_TRY(side_end(show->timesketch, !why));
	return listing_end(show->listing, whole ? NULL : why);
}

// ---- the command ------------------------------------------------------------------------------

static const char *const help =
	"timeliner: the times that plugins tell, in order\n"
	"also called timeliner.Timeliner\n\n"
	"  eidetic -f IMAGE timeliner [options]\n\n"
	"  --plugins NAME,...      of these plugins only; of all that have times, without those "
	"that tell\n"
	"                          another's again\n"
	"  --plugin-filter TEXT... of plugins with this in their names\n"
	"  --recurse               of all registry keys, not only of the topmost: a row for each "
	"key and\n"
	"                          value\n"
	"  --bodyfile FILE         write a body file for mactime (Sleuth Kit 3), too\n"
	"  --create-bodyfile       the same, as volatility.body in the folder of -o\n"
	"  --timesketch FILE       write JSON lines for Timesketch, too, with the columns as "
	"fields\n"
	"  --force                 replace files that are there\n\n"
	"exit status: as of a plugin; 4 when a plugin failed or was cut\n";

static ei_error *list_add(struct list *list, const char *option, const char *value)
{
	if (!value || !*value)
		return ei_fail(EI_E_USAGE, "timeliner: %s needs a value", option);
	if (list->count == LIST_MAX)
		return ei_fail(EI_E_USAGE, "%s was given more than %d times", option, LIST_MAX);
	list->items[list->count++] = value;
	return NULL;
}

static ei_error *path_set(const char **path, const char *option, const char *value)
{
	if (!value || !*value)
		return ei_fail(EI_E_USAGE, "timeliner: %s needs the name of a file", option);
	*path = value;
	return NULL;
}

static ei_error *filters_read(const struct global *global, struct wish *wish, int *at)
{
	EI_TRY(list_add(&wish->filters, "--plugin-filter",
		*at + 1 < global->rest_count ? global->rest[++*at] : NULL));
	while (*at + 1 < global->rest_count && global->rest[*at + 1][0] != '-')
		EI_TRY(list_add(&wish->filters, "--plugin-filter", global->rest[++*at]));
	return NULL;
}

static bool flag_read(const char *word, struct wish *wish)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "--recurse", &wish->recurse },
		{ "--force", &wish->force },
		{ "--create-bodyfile", &wish->body_in_folder },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(flags); i++)
		if (!strcmp(word, flags[i].name))
			return *flags[i].flag = true;
	return false;
}

static ei_error *words_read(const struct global *global, struct wish *wish)
{
	for (int i = 0; i < global->rest_count; i++) {
		const char *word = global->rest[i];
		const char *next = i + 1 < global->rest_count ? global->rest[i + 1] : NULL;
		if (flag_read(word, wish))
			continue;
		if (!strcmp(word, "--plugin-filter")) {
			EI_TRY(filters_read(global, wish, &i));
			continue;
		}
		i++;
		if (!strcmp(word, "--plugins"))
			EI_TRY(list_add(&wish->plugins, word, next));
		else if (!strcmp(word, "--bodyfile"))
			EI_TRY(path_set(&wish->body, word, next));
		else if (!strcmp(word, "--timesketch"))
			EI_TRY(path_set(&wish->timesketch, word, next));
		else
			return ei_fail(EI_E_USAGE,
				"timeliner: there is no option '%s'; see 'eidetic timeliner "
				"--help'",
				word);
	}
	return NULL;
}

static ei_error *body_choose(const struct global *global, struct wish *wish, ei_arena *arena)
{
	if (!wish->body_in_folder || wish->body)
		return NULL;
	wish->body =
		ei_text(arena, "%s/volatility.body", global->output_dir ? global->output_dir : ".");
	return wish->body ? NULL : ei_fail(EI_E_NOMEM, "out of memory");
}

static ei_error *list_open(
	const struct global *global, const struct session *session, struct listing *listing)
{
	bool vol3 = global->compat != NULL;
	EI_TRY(listing_init(listing, global, "timeliner", vol3 ? vol3_columns : columns,
		vol3 ? (size_t)VOL3_COLUMNS : (size_t)COLUMNS));
	listing->output.table.compat = vol3;
	listing->record.image = image_path(session->image);
	listing->record.image_size = image_file_size(session->image);
	listing->record.format = image_format_name(session->image);
	listing->record.profile = session->profile ? profile_info(session->profile).name : "";
	listing->record.profile_how = session->profile_how;
	return NULL;
}

// What ended without any source is an error; what some lack is not.
static ei_error *sources_check(const struct session *session, struct sources *sources)
{
	if (!sources->ran && sources->failed)
		return EI_GIVE(sources->failure.error);
	if ((!sources->ran || !session->profile) && sources->unfit.error)
		return EI_GIVE(sources->unfit.error);
	return NULL;
}

static ei_error *session_show(const struct global *global, const struct wish *wish,
	const struct session *session, struct sources *sources, ei_arena *arena,
	enum exit_status *status)
{
	struct listing listing = { 0 };
	struct side_file body = { .path = wish->body }, timesketch = { .path = wish->timesketch };
	struct show show = {
		.listing = &listing,
		.body = &body,
		.timesketch = &timesketch,
		.image = image_path(session->image),
		.vol3 = global->compat != NULL,
	};
	text_init(&show.line, 1 << 20);
	ei_error *error = side_open(&body, wish->force, arena);
	if (!error)
		error = side_open(&timesketch, wish->force, arena);
	if (!error)
		gather(session, sources);
	if (!error)
		error = sources_check(session, sources);
	if (!error)
		error = list_open(global, session, &listing);
	if (!error)
		error = show_all(session, sources, &show, status);
	ei_error_drop(side_end(&body, false));
	ei_error_drop(side_end(&timesketch, false));
	listing_deinit(&listing);
	text_deinit(&show.line);
	return error;
}

static ei_error *timeliner(const struct global *global, const struct plugin_set *plugins,
	ei_arena *arena, struct sources *sources, enum exit_status *status)
{
	struct wish wish = { 0 };
	struct profile_store store;
	EI_OWNED(session) session = NULL;
	EI_OWNED(timeline) timeline = NULL;
	sources->vol3 = global->compat != NULL;
	EI_TRY(words_read(global, &wish));
	EI_TRY(body_choose(global, &wish, arena));
	EI_TRY(sources_choose(&wish, plugins, arena, sources));
	EI_TRY(open_session(global, &store, &session));
	EI_TRY(unless_cancelled());
	EI_TRY(timeline_create(&(struct timeline_wish){ .memory = MEMORY,
				       .source_max = SOURCE_EVENTS_MAX,
				       .fields = wish.timesketch != NULL,
				       .by_kind = sources->vol3 },
		&timeline));
	sources->timeline = timeline;
	progress_init(&sources->progress, global->quiet ? "never" : global->progress);
	return session_show(global, &wish, session, sources, arena, status);
}

enum exit_status command_timeliner(const struct global *global, const struct plugin_set *plugins)
{
	if (global->help) {
		fputs(help, stdout);
		return printed();
	}
	EI_OWNED(ei_arena) arena = NULL;
	struct sources *sources = calloc(1, sizeof *sources);
	enum exit_status status = EXIT_COMPLETE;
	ei_error *error =
		sources ? ei_arena_create(1 << 20, &arena) : ei_fail(EI_E_NOMEM, "out of memory");
	if (!error)
		error = timeliner(global, plugins, arena, sources, &status);
	if (!error && sources->failed)
		error = EI_GIVE(sources->failure.error);
	if (sources) {
		ei_error_drop(sources->failure.error);
		ei_error_drop(sources->unfit.error);
	}
	free(sources);
	enum exit_status end = error ? report(error) : printed();
	return status == EXIT_INCOMPLETE || end == EXIT_COMPLETE ? status : end;
}
