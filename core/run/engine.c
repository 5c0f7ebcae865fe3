// Running one plugin: what it needs, what it shows, how it ended.
// SPDX-License-Identifier: Apache-2.0
#include "run/engine.h"

#include "registry/hive_memory.h"
#include "space/space.h"
#include "win/scan_plan.h"
#include <inttypes.h>

// ---- requirements ---------------------------------------------------------------------------

static ei_error *needs_check(const struct session *session, const ei_plugin *plugin)
{
	const char *path = image_path(session->image);
	if (plugin->needs == EI_NEEDS_NOTHING)
		return NULL;
	if (!*path)
		return ei_fail(EI_E_USAGE, "no image was named: eidetic -f IMAGE %s", plugin->name);
	if (plugin->needs == EI_NEEDS_IMAGE)
		return NULL;
	if (session->identity.arm64)
		return ei_fail(EI_E_UNKNOWN,
			"%s: '%s' is an ARM64 system; only info, crashinfo and modules can read it",
			plugin->name, path);
	if (!image_bytes(session->image))
		return ei_fail(EI_E_UNKNOWN,
			"%s: '%s' holds no physical memory (%s); only info, crashinfo and modules "
			"can read it",
			plugin->name, path, image_format_text(session->image));
	if (!session->identity.found)
		return ei_fail(EI_E_UNKNOWN,
			"%s: no Windows kernel was found in '%s' (%s); 'eidetic -f IMAGE -v info' "
			"says what was tried, --dtb and --kernel-base name them by hand",
			plugin->name, path, image_format_text(session->image));
	if (plugin->needs == EI_NEEDS_KERNEL || session->profile)
		return NULL;
	// A kernel that does not say which one it is has not been recognised; of one that does,
	// the user can get the symbols.
	return ei_fail(session->identity.pdb[0] ? EI_E_REQUIREMENT : EI_E_UNKNOWN, "%s: %s",
		plugin->name, session->profile_how);
}

static bool has_any_member(const struct profile *profile, const char *type, const char *paths)
{
	struct member member;
	char path[256];
	while (names_next(&paths, path, sizeof path))
		if (profile_member(profile, type, path, &member))
			return true;
	return false;
}

static ei_error *type_check(
	const struct session *session, const ei_plugin *plugin, const ei_type_spec *spec)
{
	const char *profile_name = profile_info(session->profile).name;
	char type[128];
	if (!profile_first_type(session->profile, spec->type, type, sizeof type))
		return ei_fail(EI_E_REQUIREMENT, "%s: profile '%s' has no type %s", plugin->name,
			profile_name, spec->type);
	for (uint32_t i = 0; i < spec->field_count; i++)
		if (spec->fields[i].need == EI_MUST &&
			!has_any_member(session->profile, type, spec->fields[i].path))
			return ei_fail(EI_E_REQUIREMENT, "%s: profile '%s' has no %s.%s",
				plugin->name, profile_name, type, spec->fields[i].path);
	return NULL;
}

static ei_error *symbol_check(
	const struct session *session, const ei_plugin *plugin, const char *symbol)
{
	uint64_t rva;
	if (profile_symbol(session->profile, symbol, &rva))
		return NULL;
	if (session->profile_is_nearest) // nothing is wrong with the profile: the image lacks it
		return ei_fail(EI_E_UNKNOWN, "%s: %s was not found in '%s'", plugin->name, symbol,
			image_path(session->image));
	return ei_fail(EI_E_REQUIREMENT, "%s: profile '%s' has no symbol %s", plugin->name,
		profile_info(session->profile).name, symbol);
}

ei_error *run_check(const struct session *session, const ei_plugin *plugin)
{
	EI_TRY(needs_check(session, plugin));
	if (!session->profile || plugin->needs != EI_NEEDS_WINDOWS)
		return NULL;
	for (unsigned i = 0; i < plugin->type_count; i++)
		EI_TRY(type_check(session, plugin, plugin->types[i]));
	for (unsigned i = 0; i < plugin->symbol_count; i++)
		EI_TRY(symbol_check(session, plugin, plugin->symbols[i]));
	return NULL;
}

ei_error *ei_require(ei_run *run, enum ei_need need)
{
	ei_plugin plugin = *run->plugin;
	plugin.needs = need;
	return run_check(run->session, &plugin);
}

// ---- running --------------------------------------------------------------------------------

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void record_fill(
	const struct session *session, const struct run_wish *wish, struct run_record *record)
{
	*record = (struct run_record){
		.version = EI_VERSION,
		.plugin = wish->plugin->name,
		.image = image_path(session->image),
		.image_size = image_file_size(session->image),
		.format = image_format_name(session->image),
		.profile = session->profile ? profile_info(session->profile).name : "",
		.profile_how = session->profile_how,
		.image_sha256 = or_empty(wish->image_sha256),
		.command = or_empty(wish->command),
		.started = or_empty(wish->started),
	};
}

static ei_error *output_prepare(const struct session *session, const struct run_wish *wish,
	ei_arena *arena, struct output *output)
{
	struct run_record *record = ei_alloc(arena, sizeof *record);
	if (!record)
		return ei_fail(EI_E_NOMEM, "out of memory");
	record_fill(session, wish, record);
	EI_TRY(output_columns(arena, wish, output));
	output->table.record = record;
	// Volatility prints pointers without the bits that repeat bit 47.
	bool wide =
		session->identity.kernel.mode && session->identity.kernel.mode->pointer_size == 8;
	output->table.address_mask = wide ? (1ull << 48) - 1 : UINT64_MAX;
	output->progress = wish->progress;
	output->progress_context = wish->progress_context;
	output->folder = wish->folder;
	output->filters = ei_alloc(arena, wish->filter_count * sizeof *output->filters);
	if (!output->filters)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < wish->filter_count; i++) {
		EI_TRY(row_filter_parse(
			arena, &output->table, wish->filters[i], &output->filters[i]));
		output->filter_count++;
	}
	return NULL;
}

static void output_release(struct output *output)
{
	for (size_t i = 0; i < output->filter_count; i++)
		row_filter_deinit(&output->filters[i]);
}

// Why the listing is not whole; NULL when it is.
static const char *incomplete_why(const ei_run *run, const ei_error *failure)
{
	if (failure)
		return ei_error_text(failure);
	if (run->cancelled && *run->cancelled)
		return "cancelled";
	if (run->limit && run->rows >= run->limit)
		return "limit";
	return image_failure(run->session->image);
}

static void run_finish(ei_run *run, ei_error *error, struct run_result *result)
{
	struct output *output = run->output;
	// What the sink said comes first: after a full disk the plugin's own error is a
	// consequence.
	result->failure = run->failure ? run->failure : error;
	if (run->failure)
		ei_error_drop(error);
	run->failure = NULL;
	const char *why = incomplete_why(run, result->failure);
	const struct session *session = run->session;
	result->recognised = !*image_path(session->image) || session->identity.found ||
			     session->identity.arm64 || image_crash_header(session->image);
	result->trailer = (struct trailer){
		.rows = run->rows,
		.notes = run->notes,
		.complete = !why,
		.why = why ? why : "",
	};
	ei_error *end = row_sink_end(output->sink, &result->trailer);
	if (end && !result->failure)
		result->failure = end;
	else
		ei_error_drop(end);
}

static ei_error *run_rows(ei_run *run)
{
	const struct session *session = run->session;
	EI_TRY(row_sink_begin(run->output->sink, &run->output->table));
	for (size_t i = 0; i < session->note_count; i++)
		ei_note(run, "%s", session->notes[i]);
	return run->plugin->run(run);
}

void run_plan(const struct session *session, const ei_plugin *plugin)
{
	if (plugin->tag_count)
		scan_plan_tags(session, plugin->tags, plugin->tag_count);
	// Hives are found by their signature, which no header is in front of everywhere.
	for (unsigned i = 0; i < plugin->tag_count; i++)
		if (plugin->tags[i] && !strcmp(plugin->tags[i], "CM10"))
			scan_plan_join(session, &hives_part);
}

ei_error *run_plugin(const struct session *session, const struct run_wish *wish,
	struct row_sink *sink, struct run_result *result)
{
	EI_TRY(run_check(session, wish->plugin));
	run_plan(session, wish->plugin);
	EI_OWNED(ei_run) run = NULL;
	EI_TRY(run_create(session, &run));
	struct output output = { .sink = sink };
	ei_error *error = output_prepare(session, wish, run->arena, &output);
	if (!error) {
		run->plugin = wish->plugin;
		run->options = wish->options;
		run->limit = wish->limit;
		run->cancelled = wish->cancelled;
		run->output = &output;
		run_finish(run, run_rows(run), result);
		run->output = NULL;
	}
	output_release(&output);
	return error;
}
