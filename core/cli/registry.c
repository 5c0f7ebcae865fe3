// eidetic registry: keys and values of hive files, as printkey has those of hives in memory.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <eidetic/registry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 30, LOGS_MAX = 8, WAITING_MAX = 1 << 16 };

#define ARENA_MAX ((size_t)6 << 30)

enum { WRITTEN, HIVE, TYPE, KEY, NAME, DATA, VOLATILE, LENGTH, CELL, DELETED, COLUMNS };

static const ei_column columns[COLUMNS] = {
	// clang-format off
	[WRITTEN]  = { "written",  EI_TIME, "when the key (of values: their key) was last written, UTC" },
	[HIVE]     = { "hive",     EI_STR,  "the hive file" },
	[TYPE]     = { "type",     EI_STR,  "Key, or the type of the value" },
	[KEY]      = { "key",      EI_STR,  "path of the key that this is in, from below the root" },
	[NAME]     = { "name",     EI_STR,  "name of the subkey or value" },
	[DATA]     = { "data",     EI_ANY,  "data of the value, by its type" },
	[VOLATILE] = { "volatile", EI_BOOL, "kept in memory only: never of a file" },
	[LENGTH]   = { "length",   EI_UINT, "bytes of data that the value says it has" },
	[CELL]     = { "cell",     EI_HEX,  "index of the cell in the hive" },
	[DELETED]  = { "deleted",  EI_STR,  "of what was deleted: what its parent is: live, deleted, or unknown; of what nothing leads to: unlinked" },
	// clang-format on
};

static const char help[] =
	"eidetic registry --hive FILE [--log FILE...] [--no-log] [--key PATH] [--recurse] "
	"[--deleted]\n"
	"                 [--write OUT]\n"
	"keys and values of a hive file: SYSTEM, SOFTWARE, SAM, NTUSER.DAT, Amcache.hve...\n\n"
	"  --hive FILE    the hive; it is only read\n"
	"  --log FILE...  its transaction logs; else FILE.LOG1, FILE.LOG2 and FILE.LOG are looked "
	"for\n"
	"  --no-log       the file as it is, even if it was not written to its end\n"
	"  --key PATH     key to start from: from the root, or HKLM\\SOFTWARE\\...\n"
	"  --recurse      all keys below it, too\n"
	"  --deleted      what was deleted and not yet written over, and what nothing leads to, "
	"after\n"
	"                 the rest\n"
	"  --write OUT    write the hive, completed from its logs, to a new file\n";

// ---- the words ------------------------------------------------------------------------------

struct wish {
	const char *hive, *key, *write;
	const char *logs[LOGS_MAX];
	size_t log_count;
	bool no_log, recurse, deleted;
};

static ei_error *log_add(struct wish *wish, const char *path)
{
	if (wish->log_count == LOGS_MAX)
		return ei_fail(EI_E_USAGE, "--log: more than %d logs", LOGS_MAX);
	wish->logs[wish->log_count++] = path;
	return NULL;
}

static bool flag_set(struct wish *wish, const char *word)
{
	const struct {
		const char *name;
		bool *at;
	} flags[] = {
		{ "--no-log", &wish->no_log },
		{ "--recurse", &wish->recurse },
		{ "--deleted", &wish->deleted },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(flags); i++)
		if (!strcmp(flags[i].name, word))
			return *flags[i].at = true;
	return false;
}

// The value of an option that `word` is, from the words that follow; *at is then the last of them.
static ei_error *value_set(
	struct wish *wish, const char *word, int *at, int count, char *const *words)
{
	const struct {
		const char *name;
		const char **at;
	} texts[] = {
		{ "--hive", &wish->hive },
		{ "--key", &wish->key },
		{ "--write", &wish->write },
	};
	bool is_log = !strcmp(word, "--log");
	const char **text = NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
		if (!strcmp(texts[i].name, word))
			text = texts[i].at;
	if (!text && !is_log)
		return ei_fail(EI_E_USAGE,
			"registry: '%s' is not understood; see 'eidetic registry --help'", word);
	if (*at + 1 == count)
		return ei_fail(EI_E_USAGE, "registry: %s needs a value", word);
	if (text) {
		*text = words[++*at];
		return NULL;
	}
	do
		EI_TRY(log_add(wish, words[++*at]));
	while (*at + 1 < count && strncmp(words[*at + 1], "--", 2) != 0);
	return NULL;
}

static ei_error *wish_parse(int count, char *const *words, struct wish *wish)
{
	for (int i = 0; i < count; i++)
		if (!flag_set(wish, words[i]))
			EI_TRY(value_set(wish, words[i], &i, count, words));
	if (!wish->hive)
		return ei_fail(EI_E_USAGE, "no hive was named: eidetic registry --hive FILE");
	if (wish->no_log && wish->log_count)
		return ei_fail(EI_E_USAGE, "--log and --no-log exclude each other");
	return NULL;
}

// ---- files ----------------------------------------------------------------------------------

struct bytes {
	uint8_t *at;
	size_t size;
};

static ei_error *content_read(int file, const char *path, struct bytes *out)
{
	struct stat status;
	if (fstat(file, &status))
		return ei_fail(EI_E_IO, "cannot read '%s': %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return ei_fail(EI_E_FORMAT, "'%s' is not a file", path);
	if (status.st_size > FILE_MAX)
		return ei_fail(EI_E_LIMIT, "'%s' is longer than a hive can be", path);
	struct bytes bytes = { malloc((size_t)status.st_size + 1), 0 };
	size_t size = (size_t)status.st_size;
	while (bytes.at && bytes.size < size) {
		ssize_t got = read(file, bytes.at + bytes.size, size - bytes.size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(bytes.at);
			return ei_fail(EI_E_IO, "cannot read '%s': %s", path, strerror(errno));
		}
		if (!got)
			break;
		bytes.size += (size_t)got;
	}
	if (!bytes.at)
		return ei_fail(EI_E_NOMEM, "out of memory");
	*out = bytes;
	return NULL;
}

static ei_error *file_read(const char *path, struct bytes *out)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file < 0)
		return ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
	ei_error *error = content_read(file, path, out);
	close(file);
	return error;
}

static ei_error *file_write(const char *path, const uint8_t *bytes, size_t size)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (file < 0)
		return ei_fail(EI_E_IO, "--write: cannot create '%s': %s", path, strerror(errno));
	size_t done = 0;
	int why = 0;
	while (done < size && !why) {
		ssize_t now = write(file, bytes + done, size - done);
		if (now > 0)
			done += (size_t)now;
		else if (now == 0 || errno != EINTR)
			why = now ? errno : ENOSPC;
	}
	if (close(file) && !why)
		why = errno;
	return why ? ei_fail(EI_E_IO, "--write: cannot write '%s': %s", path, strerror(why)) : NULL;
}

// ---- one run --------------------------------------------------------------------------------

struct reading {
	struct listing listing;
	struct wish wish;
	ei_arena *arena;
	struct bytes hive;
	struct bytes logs[LOGS_MAX];
	ei_error *error;  // of telling a note
	const char *base; // path of the key that the listing starts from
	bool incomplete;
	bool opened;         // before, notes wait: what fails then leaves nothing on stdout
	struct text waiting; // a line each
};

static void reading_deinit(struct reading *r)
{
	listing_deinit(&r->listing);
	ei_arena_drop(r->arena);
	free(r->hive.at);
	for (size_t i = 0; i < LOGS_MAX; i++)
		free(r->logs[i].at);
	ei_error_drop(r->error);
	text_deinit(&r->waiting);
}

static void note_tell(void *context, const char *text)
{
	struct reading *r = context;
	if (!r->opened)
		text_addf(&r->waiting, "%s\n", text);
	else if (!r->error)
		r->error = listing_note(&r->listing, text);
}

static void waiting_tell(struct reading *r)
{
	r->opened = true;
	char *at = r->waiting.data, *end;
	for (; at && (end = strchr(at, '\n')) != NULL; at = end + 1) {
		*end = '\0';
		note_tell(r, at);
	}
}

// What lies beside the hive and is called as its logs are; Windows writes the ending either way.
static ei_error *logs_look(struct reading *r)
{
	static const char *const endings[] = { ".LOG1", ".LOG2", ".LOG", ".log1", ".log2", ".log" };
	for (size_t i = 0; i < ARRAY_LENGTH(endings); i++) {
		char *path = ei_text(r->arena, "%s%s", r->wish.hive, endings[i]);
		if (!path)
			return ei_fail(EI_E_NOMEM, "out of memory");
		if (!access(path, R_OK))
			EI_TRY(log_add(&r->wish, path));
	}
	return NULL;
}

static ei_error *hive_complete(struct reading *r, ei_hive_recovery *out)
{
	ei_hive_log logs[LOGS_MAX];
	struct wish *wish = &r->wish;
	if (!wish->log_count && !wish->no_log)
		EI_TRY(logs_look(r));
	for (size_t i = 0; i < wish->log_count; i++) {
		EI_TRY(file_read(wish->logs[i], &r->logs[i]));
		logs[i] = (ei_hive_log){ wish->logs[i], r->logs[i].at, r->logs[i].size };
	}
	EI_TRY(ei_hive_recover(
		r->arena, r->hive.at, r->hive.size, logs, wish->log_count, note_tell, r, out));
	r->incomplete = out->dirty && !out->entries && !wish->no_log;
	if (!out->entries)
		return NULL;
	char *text = ei_text(r->arena,
		"completed from its logs: %u entries, %u pages, %llu bytes; it is now that of "
		"write %u",
		out->entries, out->pages, (unsigned long long)out->page_bytes, out->sequence);
	if (text)
		note_tell(r, text);
	return NULL;
}

static ei_val path_of(const struct reading *r, const char *below)
{
	bool both = *r->base && *below;
	char *path = ei_text(r->arena, "%s%s%s", r->base, both ? "\\" : "", below);
	return path ? ei_str(path) : ei_absent(EI_UNREADABLE);
}

static ei_error *key_row(struct reading *r, const ei_key *key, ei_val path, const char *deleted)
{
	return listing_row(&r->listing, (ei_val[COLUMNS]){
						[WRITTEN] = ei_key_written(key),
						[HIVE] = ei_str(r->wish.hive),
						[TYPE] = ei_str("Key"),
						[KEY] = path,
						[NAME] = ei_key_name(key),
						[DATA] = ei_absent(EI_NONE),
						[VOLATILE] = ei_key_is_volatile(key),
						[LENGTH] = ei_absent(EI_NONE),
						[CELL] = ei_hex(key->cell),
						[DELETED] = ei_str(deleted),
					});
}

static ei_error *value_row(struct reading *r, const ei_key *key, const ei_value *value, ei_val path,
	ei_val data, const char *deleted)
{
	ei_val name = ei_value_name(value);
	bool whole = value->state == EI_OK;
	return listing_row(&r->listing,
		(ei_val[COLUMNS]){
			[WRITTEN] = ei_key_written(key),
			[HIVE] = ei_str(r->wish.hive),
			[TYPE] = ei_value_type(value),
			[KEY] = path,
			[NAME] = ei_has(name) && !name.length ? ei_str("(Default)") : name,
			[DATA] = data,
			[VOLATILE] = ei_key_is_volatile(key),
			[LENGTH] = whole ? ei_uint(value->length) : ei_absent(value->state),
			[CELL] = ei_hex(value->cell),
			[DELETED] = ei_str(deleted),
		});
}

static bool is_over(const struct reading *r)
{
	return r->error || listing_is_full(&r->listing) ||
	       __atomic_load_n(cancelled, __ATOMIC_RELAXED);
}

static ei_error *step_rows(struct reading *r, const ei_key_step *step)
{
	ei_val path = path_of(r, step->path);
	if (!step->leaving)
		return key_row(r, &step->key, path, NULL);
	ei_values values = ei_key_values(&step->key);
	for (ei_value v; !is_over(r) && ei_value_next(&values, &v);)
		EI_TRY(value_row(r, &step->key, &v, path, ei_value_data(&v), NULL));
	return NULL;
}

static ei_error *tree_list(struct reading *r, ei_hive *hive)
{
	ei_key key = r->wish.key ? ei_key_find(hive, r->wish.key) : ei_hive_root(hive);
	if (key.state == EI_NONE)
		return ei_fail(
			EI_E_USAGE, "the hive '%s' has no key '%s'", r->wish.hive, r->wish.key);
	if (key.state != EI_OK)
		return ei_fail(EI_E_FORMAT, "the root of the hive '%s' is damaged", r->wish.hive);
	waiting_tell(r);
	ei_val path = ei_key_path(&key);
	r->base = ei_has(path) ? path.s : "?";
	ei_key_walk *walk = ei_key_walk_begin(&key, r->wish.recurse);
	for (ei_key_step step; !is_over(r) && ei_key_walk_next(walk, &step);)
		EI_TRY(step_rows(r, &step));
	return NULL;
}

static ei_error *deleted_list(struct reading *r, ei_hive *hive)
{
	static const char *const parents[] = {
		[EI_PARENT_UNKNOWN] = "unknown",
		[EI_PARENT_LIVE] = "live",
		[EI_PARENT_DELETED] = "deleted",
	};
	ei_remnants *all = ei_hive_remnants(hive);
	for (ei_remnant it; !is_over(r) && ei_remnant_next(all, &it);) {
		ei_val path = ei_str(it.path);
		const char *deleted = it.unlinked ? "unlinked" : parents[it.parent];
		if (!it.is_value) {
			EI_TRY(key_row(r, &it.key, path, deleted));
			continue;
		}
		ei_val data = it.data_lost ? ei_absent(EI_GARBAGE) : ei_value_data(&it.value);
		EI_TRY(value_row(r, &it.key, &it.value, path, data, deleted));
	}
	return NULL;
}

static ei_error *hive_list(struct reading *r)
{
	ei_hive *hive;
	ei_hive_recovery whole;
	EI_TRY(ei_arena_create(ARENA_MAX, &r->arena));
	EI_TRY(file_read(r->wish.hive, &r->hive));
	EI_TRY_IN(hive_complete(r, &whole), "'%s'", r->wish.hive);
	EI_TRY_IN(
		ei_hive_open_file(r->arena, whole.bytes, whole.size, &hive), "'%s'", r->wish.hive);
	if (r->wish.write)
		EI_TRY(file_write(r->wish.write, whole.bytes, whole.size));
	ei_hive_set_note(hive, note_tell, r);
	EI_TRY(tree_list(r, hive));
	return r->wish.deleted ? deleted_list(r, hive) : NULL;
}

enum exit_status command_registry(const struct global *global)
{
	if (global->help) {
		fputs(help, stdout);
		return printed();
	}
	struct reading r = { 0 };
	text_init(&r.waiting, WAITING_MAX);
	ei_error *error = wish_parse(global->rest_count, global->rest, &r.wish);
	if (!error)
		error = listing_init(&r.listing, global, "registry", columns, COLUMNS);
	if (!error)
		error = hive_list(&r);
	if (!error)
		error = EI_GIVE(r.error);
	bool stopped = __atomic_load_n(cancelled, __ATOMIC_RELAXED);
	const char *why = stopped ? "cancelled" : r.incomplete ? "dirty" : NULL;
	if (!error)
		error = listing_end(&r.listing, why);
	reading_deinit(&r);
	if (error)
		return report(error);
	enum exit_status status = printed();
	return status == EXIT_COMPLETE && why ? EXIT_INCOMPLETE : status;
}
