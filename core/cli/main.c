// The command.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include "out/escape.h"
#include <errno.h>
#include <strings.h>

static const struct {
	ei_code code;
	enum exit_status status;
} statuses[] = {
	{ EI_E_IO, EXIT_NOTHING },
	{ EI_E_USAGE, EXIT_USAGE },
	{ EI_E_FORMAT, EXIT_NOTHING },
	{ EI_E_UNKNOWN, EXIT_NOT_WINDOWS },
	{ EI_E_REQUIREMENT, EXIT_NOTHING },
	{ EI_E_LIMIT, EXIT_NOTHING },
	{ EI_E_NOMEM, EXIT_NOTHING },
	{ EI_E_CANCELLED, EXIT_INCOMPLETE },
};

// Names from the file system and from images are in messages: none of their bytes may drive the
// terminal.
static void print_safely(const char *text)
{
	struct text safe;
	text_init(&safe, 1 << 16);
	escape_line(&safe, text, strlen(text));
	fprintf(stderr, "eidetic: %s\n", safe.data ? safe.data : "");
	text_deinit(&safe);
}

enum exit_status report(ei_error *error)
{
	if (!error)
		return EXIT_COMPLETE;
	fflush(stdout);
	print_safely(ei_error_text(error));
	enum exit_status status = EXIT_NOTHING;
	for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++)
		if (statuses[i].code == ei_error_code(error))
			status = statuses[i].status;
	ei_error_drop(error);
	return status;
}

enum exit_status printed(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_COMPLETE;
	if (errno == EPIPE)
		return EXIT_NOTHING;
	return report(ei_fail(EI_E_IO, "cannot write the output: %s", strerror(errno)));
}

static enum exit_status command(const struct global *global)
{
	if (!strcmp(global->command, "profile"))
		return command_profile(global);
	if (!strcmp(global->command, "registry"))
		return command_registry(global);
	EI_OWNED(plugin_set) plugins = NULL;
	ei_error *error = plugin_set_create(&plugins);
	for (size_t i = 0; !error && i < global->plugin_dirs.count; i++)
		error = plugin_set_load(plugins, global->plugin_dirs.items[i]);
	if (error)
		return report(error);
	if (!strcmp(global->command, "plugins"))
		return command_plugins(global, plugins);
	if (!strcmp(global->command, "ioc"))
		return command_ioc(global, plugins);
	if (!strcmp(global->command, "run"))
		return command_run(global, plugins);
	if (!strcmp(global->command, "timeliner") ||
		!strcasecmp(global->command, "timeliner.timeliner"))
		return command_timeliner(global, plugins);
	return command_plugin(global, plugins);
}

int main(int argc, char **argv)
{
	signals_catch();
	EI_OWNED(ei_arena) arena = NULL;
	struct global global;
	ei_error *error = ei_arena_create(16 << 20, &arena);
	if (!error)
		error = global_parse(argc, argv, arena, &global);
	if (error)
		return report(error);
	if (global.version) {
		puts("eidetic " EI_VERSION);
		return printed();
	}
	if (!global.command) {
		global_help(global.help ? stdout : stderr);
		return global.help ? printed() : EXIT_USAGE;
	}
	return command(&global);
}
