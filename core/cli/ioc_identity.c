// What an image is, for reports: what `info` says of it, its size, its hash.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_cli.h"

#include "run/value_text.h"
#include <sys/stat.h>

enum { PAIRS_MAX = 128, VARIABLE = 0, VALUE = 1 };

struct asking {
	struct row_sink sink;
	ei_arena *arena;
	const ei_plugin *plugin;
	const struct table *table;
	struct image_identity *identity;
	struct text text;
};

static ei_error *take_begin(struct row_sink *sink, const struct table *table)
{
	((struct asking *)sink)->table = table;
	return NULL;
}

static const char *cell_keep(struct asking *a, unsigned column, ei_val cell)
{
	text_clear(&a->text);
	value_text(&a->text, a->table, &a->plugin->columns[column], cell);
	return arena_text(a->arena, a->text.data ? a->text.data : "", a->text.length);
}

static ei_error *take_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	struct asking *a = (struct asking *)sink;
	struct image_identity *identity = a->identity;
	(void)depth;
	if (identity->count == PAIRS_MAX)
		return NULL;
	struct identity_pair *pair = &identity->pairs[identity->count];
	pair->variable = cell_keep(a, VARIABLE, cells[VARIABLE]);
	pair->value = cell_keep(a, VALUE, cells[VALUE]);
	if (!pair->variable || !pair->value)
		return ei_fail(EI_E_NOMEM, "out of memory");
	identity->count++;
	return NULL;
}

static ei_error *take_note(struct row_sink *sink, const char *text)
{
	(void)sink, (void)text;
	return NULL;
}

static ei_error *take_end(struct row_sink *sink, const struct trailer *trailer)
{
	(void)sink, (void)trailer;
	return NULL;
}

static void take_drop(struct row_sink *sink)
{
	(void)sink;
}

static ei_error *info_ask(
	const struct session *session, const struct plugin_set *plugins, struct asking *a)
{
	const struct option_values none = { 0 };
	struct run_result result = { 0 };
	EI_TRY(plugin_set_find(plugins, "info", &a->plugin));
	const struct run_wish wish = {
		.plugin = a->plugin, .options = &none, .cancelled = cancelled
	};
	EI_TRY(run_plugin(session, &wish, &a->sink, &result));
	return result.failure;
}

ei_error *identity_ask(const struct global *global, const struct session *session,
	const struct plugin_set *plugins, ei_arena *arena, struct image_identity *out)
{
	struct stat status;
	struct asking a = {
		.sink = { take_begin, take_row, take_note, take_end, take_drop },
		.arena = arena,
		.identity = out,
	};
	out->pairs = ei_alloc(arena, PAIRS_MAX * sizeof *out->pairs);
	if (!out->pairs)
		return ei_fail(EI_E_NOMEM, "out of memory");
	out->file_bytes = stat(global->file, &status) ? 0 : (uint64_t)status.st_size;
	text_init(&a.text, 64 << 10);
	ei_error *error = info_ask(session, plugins, &a);
	text_deinit(&a.text);
	EI_TRY(error);
	if (!global->hash)
		return NULL;
	struct progress progress;
	progress_init(&progress, global->quiet ? "never" : global->progress);
	error = file_sha256(global->file, &progress, out->sha256);
	progress_clear(&progress);
	return error;
}

const char *identity_of(const struct image_identity *identity, const char *variable)
{
	for (size_t i = 0; i < identity->count; i++)
		if (!strcmp(identity->pairs[i].variable, variable))
			return identity->pairs[i].value;
	return "";
}
