// The command: what its files share.
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "out/out.h"
#include "run/engine.h"

enum exit_status {
	EXIT_COMPLETE = 0,
	EXIT_NOTHING = 1, // nothing could be done; the message says why
	EXIT_USAGE = 2,
	EXIT_NOT_WINDOWS = 3, // or not recognised
	EXIT_INCOMPLETE = 4,  // done, but not all of it
	EXIT_HIT = 5,         // with --fail-on-hit: an indicator is true
};

enum { LIST_MAX = 64 }; // values of a repeatable option

struct list {
	const char *items[LIST_MAX + 1]; // NULL-terminated
	size_t count;
};

// Global options, as given.
struct global {
	const char *file, *format, *renderer, *output_dir, *profile, *compat, *progress, *log;
	struct list files; // every -f, in order; `file` is the last
	struct list symbol_dirs, plugin_dirs, filters, hidden;
	uint64_t dtb, kernel_base, threads, limit;
	unsigned verbose;
	bool quiet, offline, help, version, why, hash;
	const char *line;    // the whole command line, quoted for a shell
	const char *command; // the first word; NULL
	char **rest;         // what follows it
	int rest_count;
};

// Takes global options wherever they stand; in `rest` remain the words that are the command's own.
EI_CHECKED ei_error *global_parse(int argc, char **argv, ei_arena *arena, struct global *out);

void global_help(FILE *out);
void plugin_help(FILE *out, const ei_plugin *plugin);

// One line on stderr; drops the error. The status that it means.
enum exit_status report(ei_error *error);

// Ends what was printed on stdout: a full disk is said there.
enum exit_status printed(void);

// ---- signals, progress ----------------------------------------------------------------------
// Set by Ctrl-C; a second one ends the process.
extern const bool *const cancelled;
void signals_catch(void);
// EI_E_CANCELLED after Ctrl-C: a session that was broken off has found nothing, which is no
// finding.
EI_CHECKED ei_error *unless_cancelled(void);

// A bar on stderr, drawn when a run takes longer than half a second and stderr is a terminal.
struct progress {
	bool on;
	bool shown;
	uint64_t start_ns, drawn_ns;
};
void progress_init(struct progress *progress, const char *wish); // "auto", "always", "never"
void progress_draw(void *progress, uint64_t done, uint64_t total);
void progress_clear(struct progress *progress);

// Hexadecimal SHA-256 of a whole file. EI_E_CANCELLED after Ctrl-C.
enum { SHA256_TEXT = 65 };
EI_CHECKED ei_error *file_sha256(
	const char *path, struct progress *progress, char out[SHA256_TEXT]);

// ---- commands -------------------------------------------------------------------------------
enum exit_status command_plugin(const struct global *global, const struct plugin_set *plugins);
enum exit_status command_plugins(const struct global *global, const struct plugin_set *plugins);
enum exit_status command_profile(const struct global *global);
enum exit_status command_registry(const struct global *global);
enum exit_status command_ioc(const struct global *global, const struct plugin_set *plugins);
enum exit_status command_run(const struct global *global, const struct plugin_set *plugins);
enum exit_status command_timeliner(const struct global *global, const struct plugin_set *plugins);

// Opens what -f, -s, --profile, --dtb... ask for.
EI_CHECKED ei_error *open_session(
	const struct global *global, struct profile_store *store, struct session **out);

// Whether the folders of -s and -o exist. A misspelt one is said: of symbols it would only make a
// worse profile.
EI_CHECKED ei_error *folders_check(const struct global *global);

// The renderer that was asked for, on stdout.
EI_CHECKED ei_error *sink_open(const struct global *global, struct row_sink **out);

// ---- tables that no plugin makes --------------------------------------------------------------
// Obeys --renderer, --limit, --filters and --hide-columns, as plugins' tables do.
struct listing {
	struct output output;
	struct run_record record;
	ei_arena *arena;
	uint64_t rows, notes, limit;
	bool begun;
};

// `columns` live as long as the listing. listing_deinit() in any case.
EI_CHECKED ei_error *listing_init(struct listing *listing, const struct global *global,
	const char *name, const ei_column *columns, size_t count);
EI_CHECKED ei_error *listing_row(struct listing *listing, const ei_val *cells);
// The same in a tree: under the last row of the depth above.
EI_CHECKED ei_error *listing_row_at(struct listing *listing, uint32_t depth, const ei_val *cells);
EI_CHECKED ei_error *listing_note(struct listing *listing, const char *text);
EI_CHECKED ei_error *listing_end(struct listing *listing, const char *why); // NULL: complete
void listing_deinit(struct listing *listing);

// Further rows would not be shown: --limit is reached.
bool listing_is_full(const struct listing *listing);

// ---- the parts of `profile` -------------------------------------------------------------------
// `status` is what the command ends with unless there is an error; it is complete before.
EI_CHECKED ei_error *profile_list(const struct global *global, enum exit_status *status);
EI_CHECKED ei_error *profile_show(const struct global *global, const char *name, const char *what);
EI_CHECKED ei_error *profile_need(
	const struct global *global, char *const *images, size_t count, enum exit_status *status);
// What a profile is for, as a listing of variables and values.
enum { SUMMARY_COLUMNS = 2 };
extern const ei_column profile_summary_columns[SUMMARY_COLUMNS];
EI_CHECKED ei_error *profile_summary(struct listing *listing, const struct profile *profile);

EI_CHECKED ei_error *profile_build(const struct global *global, const char *pdb);
EI_CHECKED ei_error *profile_check(
	const struct global *global, const char *image, enum exit_status *status);

#endif
