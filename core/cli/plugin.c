// eidetic -f IMAGE PLUGIN: open, run, show, say how it ended.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include "run/value_text.h"
#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STREAM_BUFFER = 1 << 16 };

static ei_error *folder_check(const char *what, const char *path)
{
	struct stat status;
	if (stat(path, &status))
		return ei_fail(EI_E_IO, "%s folder '%s': %s", what, path, strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return ei_fail(EI_E_USAGE, "%s folder '%s' is not a folder", what, path);
	return NULL;
}

ei_error *folders_check(const struct global *global)
{
	for (size_t i = 0; i < global->symbol_dirs.count; i++)
		EI_TRY(folder_check("symbol", global->symbol_dirs.items[i]));
	return global->output_dir ? folder_check("output", global->output_dir) : NULL;
}

static ei_error *session_for(
	const struct global *global, struct profile_store *store, struct session **out)
{
	EI_TRY(folders_check(global));
	*store = (struct profile_store){ .dirs = global->symbol_dirs.items };
	struct session_wish wish = {
		.image = global->file,
		.format = global->format,
		.profile = global->profile,
		.dtb = global->dtb,
		.kernel_base = global->kernel_base,
		.threads = (unsigned)MIN(global->threads, (uint64_t)UINT32_MAX),
		.verbose = global->verbose,
		.compat_vol3 = global->compat != NULL,
		.store = store,
		.cancelled = cancelled,
	};
	return session_open(&wish, out);
}

ei_error *open_session(
	const struct global *global, struct profile_store *store, struct session **out)
{
	if (!global->file)
		return ei_fail(
			EI_E_USAGE, "no image was named: eidetic -f IMAGE %s", global->command);
	return session_for(global, store, out);
}

// Opens the log for appending. A slip must not write into the evidence.
static ei_error *log_open(const struct global *global, FILE **out)
{
	struct stat image, log;
	if (global->file && !stat(global->file, &image) && !stat(global->log, &log) &&
		image.st_dev == log.st_dev && image.st_ino == log.st_ino)
		return ei_fail(EI_E_USAGE, "--log '%s' is the image itself", global->log);
	FILE *stream = fopen(global->log, "ae");
	if (!stream)
		return ei_fail(
			EI_E_IO, "--log: cannot write '%s': %s", global->log, strerror(errno));
	*out = stream;
	return NULL;
}

// Puts a log beside `*sink`.
static ei_error *log_add(FILE *log, struct row_sink **sink)
{
	struct row_sink *logged;
	EI_TRY(out_create(
		&(struct out_wish){ .renderer = "jsonl", .stream = log, .log = true }, &logged));
	return tee_create(EI_GIVE(*sink), logged, sink);
}

ei_error *sink_open(const struct global *global, struct row_sink **out)
{
	bool terminal = isatty(STDOUT_FILENO);
	struct out_wish wish = {
		.renderer = global->renderer ? global->renderer
			    : terminal       ? "pretty"
					     : "text",
		.stream = stdout,
		.side = global->quiet ? NULL : stderr,
		.colour = terminal && !getenv("NO_COLOR"),
	};
	setvbuf(stdout, NULL, terminal ? _IOLBF : _IOFBF, STREAM_BUFFER);
	return out_create(&wish, out);
}

// What the end of a run means to whoever called.
static enum exit_status status_of(const struct run_result *result)
{
	if (!result->trailer.complete && strcmp(result->trailer.why, "limit"))
		return EXIT_INCOMPLETE;
	// info has something to say of every file, but it is not about a Windows system.
	return result->recognised ? EXIT_COMPLETE : EXIT_NOT_WINDOWS;
}

static enum exit_status finish(struct run_result *result)
{
	enum exit_status status = status_of(result);
	if (!result->failure)
		return status;
	ei_code code = ei_error_code(result->failure);
	if (code == EI_E_CANCELLED) { // the reader of a pipe has gone: it knows
		ei_error_drop(result->failure);
		return status;
	}
	enum exit_status reported = report(result->failure);
	return result->trailer.rows && code != EI_E_IO ? EXIT_INCOMPLETE : reported;
}

static void now_text(char out[40])
{
	static const uint64_t seconds_1601_to_1970 = 11644473600;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t filetime = ((uint64_t)now.tv_sec + seconds_1601_to_1970) * 10000000 +
			    (uint64_t)now.tv_nsec / 100;
	struct text text;
	text_init(&text, 64);
	time_text(&text, filetime, TIME_ISO);
	snprintf(out, 40, "%s", text.data ? text.data : "");
	text_deinit(&text);
}

static ei_error *run_into(const struct global *global, const ei_plugin *plugin,
	const struct option_values *options, struct row_sink *sink, struct run_result *result)
{
	struct profile_store store;
	EI_OWNED(session) session = NULL;
	struct progress progress;
	char sha256[SHA256_TEXT] = "";
	char started[40] = "";
	now_text(started);
	progress_init(&progress, global->quiet ? "never" : global->progress);
	if (plugin->needs == EI_NEEDS_NOTHING)
		EI_TRY(session_for(global, &store, &session));
	else
		EI_TRY(open_session(global, &store, &session));
	if (global->hash && global->file)
		EI_TRY(file_sha256(global->file, &progress, sha256));
	struct run_wish wish = {
		.plugin = plugin,
		.options = options,
		.limit = global->limit,
		.filters = global->filters.items,
		.filter_count = global->filters.count,
		.hidden = global->hidden.items,
		.hidden_count = global->hidden.count,
		.compat = global->compat != NULL,
		.folder = global->output_dir,
		.image_sha256 = sha256,
		.command = global->line,
		.started = started,
		.cancelled = cancelled,
		.progress = progress_draw,
		.progress_context = &progress,
	};
	ei_error *error = run_plugin(session, &wish, sink, result);
	progress_clear(&progress);
	return error;
}

static ei_error *run_logged(const struct global *global, const ei_plugin *plugin,
	const struct option_values *options, struct run_result *result)
{
	EI_OWNED(row_sink) sink = NULL;
	EI_TRY(sink_open(global, &sink));
	if (!global->log)
		return run_into(global, plugin, options, sink, result);
	FILE *log = NULL;
	EI_TRY(log_open(global, &log));
	ei_error *error = log_add(log, &sink);
	if (!error)
		error = run_into(global, plugin, options, sink, result);
	if (fclose(log) && !error && !result->failure)
		result->failure = ei_fail(
			EI_E_IO, "--log: cannot write '%s': %s", global->log, strerror(errno));
	return error;
}

enum exit_status command_plugin(const struct global *global, const struct plugin_set *plugins)
{
	const ei_plugin *plugin;
	ei_error *error = plugin_set_find(plugins, global->command, &plugin);
	if (error)
		return report(error);
	if (global->help) {
		plugin_help(stdout, plugin);
		return printed();
	}
	EI_OWNED(ei_arena) arena = NULL;
	struct option_values options;
	struct run_result result = { 0 };
	error = ei_arena_create(16 << 20, &arena);
	if (!error)
		error = options_parse(arena, plugin, global->rest_count, global->rest, &options);
	if (!error)
		error = run_logged(global, plugin, &options, &result);
	return error ? report(error) : finish(&result);
}
