// eidetic plugins: the list, one plugin's help, and why it cannot run.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

static const char *kind_text(ei_kind kind)
{
	static const char *const texts[] = { [EI_UINT] = "number",
		[EI_INT] = "number",
		[EI_ADDR] = "address",
		[EI_HEX] = "hex",
		[EI_BOOL] = "yes/no",
		[EI_TIME] = "time",
		[EI_STR] = "text",
		[EI_BYTES] = "bytes",
		[EI_ANY] = "any" };
	return texts[kind];
}

void plugin_help(FILE *out, const ei_plugin *plugin)
{
	fprintf(out, "%s: %s\n", plugin->name, plugin->purpose);
	if (plugin->vol3)
		fprintf(out, "also called %s\n", plugin->vol3);
	fprintf(out, "\n  eidetic -f IMAGE %s", plugin->name);
	for (unsigned i = 0; i < plugin->option_count; i++)
		if (plugin->options[i].flags & EI_POSITIONAL)
			fprintf(out, " %s...", plugin->options[i].name);
	fputs("\n", out);
	if (plugin->option_count)
		fputs("\noptions:\n", out);
	for (unsigned i = 0; i < plugin->option_count; i++) {
		const ei_option *option = &plugin->options[i];
		char left[80];
		snprintf(left, sizeof left, "--%s%s%s", option->name,
			option->kind == EI_BOOL  ? ""
			: option->kind == EI_STR ? " TEXT"
						 : " N",
			option->flags & EI_MANY ? " ..." : "");
		fprintf(out, "  %-24s %s\n", left, option->doc);
	}
	fputs("\ncolumns:\n", out);
	for (unsigned i = 0; i < plugin->column_count; i++) {
		const ei_column *column = &plugin->columns[i];
		if (!column->vol3_only)
			fprintf(out, "  %-16s %-8s %s\n", column->name, kind_text(column->kind),
				column->doc);
	}
}

static enum exit_status plugins_list(const struct plugin_set *plugins)
{
	for (size_t i = 0; i < plugin_set_count(plugins); i++) {
		const ei_plugin *plugin = plugin_set_at(plugins, i);
		printf("%-14s %s\n", plugin->name, plugin->purpose);
		printf("%-14s   ", "");
		for (unsigned c = 0, shown = 0; c < plugin->column_count; c++)
			if (!plugin->columns[c].vol3_only)
				printf("%s%s", shown++ ? " " : "", plugin->columns[c].name);
		puts("");
	}
	return printed();
}

static ei_error *why_not(const struct global *global, const ei_plugin *plugin)
{
	struct profile_store store;
	EI_OWNED(session) session = NULL;
	EI_TRY(open_session(global, &store, &session));
	EI_TRY(run_check(session, plugin));
	printf("%s can run on '%s' (profile %s)\n", plugin->name, global->file,
		session->profile_how);
	return NULL;
}

enum exit_status command_plugins(const struct global *global, const struct plugin_set *plugins)
{
	if (!global->rest_count && !global->why)
		return plugins_list(plugins);
	if (global->rest_count != 1)
		return report(
			ei_fail(EI_E_USAGE, "plugins: want one plugin: plugins [--why] PLUGIN"));
	const ei_plugin *plugin;
	ei_error *error = plugin_set_find(plugins, global->rest[0], &plugin);
	if (!error && !global->why)
		plugin_help(stdout, plugin);
	else if (!error)
		error = why_not(global, plugin);
	return error ? report(error) : printed();
}
