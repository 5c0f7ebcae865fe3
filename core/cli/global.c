// Global options: one table for parsing and for help.
// SPDX-License-Identifier: Apache-2.0
#include "base/nearest.h"
#include "cli/cli.h"

enum { LINE_MAX_BYTES = 1 << 20 };

enum kind { FLAG, COUNT, TEXT, NUMBER, LIST };

static const struct global_option {
	const char *name;
	char letter;
	enum kind kind;
	size_t offset; // in struct global
	const char *value, *doc;
} table[] = {
// clang-format off
#define AT(member) offsetof(struct global, member)
	{ "file",         'f', TEXT,   AT(file),        "IMAGE", "memory image" },
	{ "renderer",     'r', TEXT,   AT(renderer),    "NAME",  "text, pretty, json, jsonl, csv, none (default: pretty on a terminal, else text)" },
	{ "output-dir",   'o', TEXT,   AT(output_dir),  "DIR",   "where extracted files go" },
	{ "symbol-dirs",  's', LIST,   AT(symbol_dirs), "DIR",   "symbol tables, laid out as Volatility 3's symbols/; repeatable" },
	{ "plugin-dirs",  'p', LIST,   AT(plugin_dirs), "DIR",   "more plugins (NAME.so); repeatable" },
	{ "profile",      0,   TEXT,   AT(profile),     "NAME",  "built-in profile or symbol file, instead of the one found; none: as if the build were not known" },
	{ "dtb",          0,   NUMBER, AT(dtb),         "ADDR",  "page-table root, instead of the one found" },
	{ "kernel-base",  0,   NUMBER, AT(kernel_base), "ADDR",  "address of the kernel, instead of the one found" },
	{ "format",       0,   TEXT,   AT(format),      "NAME",  "image format, instead of the one found: raw, crash64, crash32, lime, elf" },
	{ "compat",       0,   TEXT,   AT(compat),      "vol3",  "columns, values and nesting as Volatility 3 has them" },
	{ "filters",      0,   LIST,   AT(filters),     "[+-]COL,TEXT[!]", "only rows that match; '-' turns round, '!' means a regular expression" },
	{ "hide-columns", 0,   LIST,   AT(hidden),      "PREFIX","leave out columns that begin so; several with commas; repeatable" },
	{ "limit",        0,   NUMBER, AT(limit),       "N",     "at most N rows" },
	{ "log",          'l', TEXT,   AT(log),         "FILE",  "append what was run, its notes and its rows to a file, as jsonl" },
	{ "hash",         0,   FLAG,   AT(hash),        NULL,    "put the SHA-256 of the image into the record of the run" },
	{ "threads",      0,   NUMBER, AT(threads),     "N",     "threads for scans (default: one a processor)" },
	{ "progress",     0,   TEXT,   AT(progress),    "WHEN",  "auto, always, never" },
	{ "why",          0,   FLAG,   AT(why),         NULL,    "with 'plugins PLUGIN': say why it cannot run on this image" },
	{ "offline",      0,   FLAG,   AT(offline),     NULL,    "accepted; it is always offline" },
	{ "quiet",        'q', FLAG,   AT(quiet),       NULL,    "no notes on stderr, no progress" },
	{ "verbose",      'v', COUNT,  AT(verbose),     NULL,    "say more; 'info' then lists what was tried" },
	{ "help",         'h', FLAG,   AT(help),        NULL,    "this text, or that of a plugin" },
	{ "version",      0,   FLAG,   AT(version),     NULL,    "the version" },
#undef AT
	// clang-format on
};

static const struct global_option *by_name(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
		if (strlen(table[i].name) == length && !strncmp(table[i].name, name, length))
			return &table[i];
	return NULL;
}

static const struct global_option *by_letter(char letter)
{
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
		if (table[i].letter && table[i].letter == letter)
			return &table[i];
	return NULL;
}

static ei_error *number_set(const struct global_option *option, const char *value, uint64_t *out)
{
	if (parse_number(value, strlen(value), out))
		return NULL;
	return ei_fail(EI_E_USAGE, "--%s: '%s' is not a number (decimal, or 0x and hexadecimal)",
		option->name, value);
}

static ei_error *list_add(const struct global_option *option, const char *value, struct list *out)
{
	if (out->count >= LIST_MAX)
		return ei_fail(
			EI_E_USAGE, "--%s was given more than %d times", option->name, LIST_MAX);
	out->items[out->count++] = value;
	return NULL;
}

static ei_error *option_set(
	const struct global_option *option, const char *value, struct global *global)
{
	char *at = (char *)global + option->offset;
	switch (option->kind) {
	case FLAG:
		*(bool *)at = true;
		return NULL;
	case COUNT:
		++*(unsigned *)at;
		return NULL;
	case TEXT:
		*(const char **)at = value;
		return option->letter == 'f' ? list_add(option, value, &global->files) : NULL;
	case NUMBER:
		return number_set(option, value, (uint64_t *)(void *)at);
	default:
		return list_add(option, value, (struct list *)(void *)at);
	}
}

struct words {
	int argc;
	char **argv;
	int at;
};

static bool takes_value(const struct global_option *option)
{
	return option->kind >= TEXT;
}

// The value behind an option: what follows '=', or the next word.
static ei_error *value_take(struct words *words, const struct global_option *option,
	const char *attached, const char **out)
{
	if (!takes_value(option))
		return attached ? ei_fail(EI_E_USAGE, "--%s takes no value", option->name) : NULL;
	if (!attached && words->at + 1 >= words->argc)
		return ei_fail(EI_E_USAGE, "--%s needs a value: %s", option->name, option->value);
	*out = attached ? attached : words->argv[++words->at];
	return NULL;
}

// Logs of a hive are --log, too, behind 'registry'; the record of the run is then -l.
static bool is_own(const struct global *global, const struct global_option *option)
{
	return global->command && !strcmp(global->command, "registry") && option->letter == 'l';
}

static ei_error *long_option(struct words *words, struct global *global, bool *taken)
{
	const char *name = words->argv[words->at] + 2;
	size_t length = strcspn(name, "=");
	const struct global_option *option = by_name(name, length);
	if (!option || is_own(global, option))
		return NULL;
	*taken = true;
	const char *value = NULL;
	EI_TRY(value_take(words, option, name[length] ? name + length + 1 : NULL, &value));
	return option_set(option, value, global);
}

// "-vvq", "-fIMAGE", "-f IMAGE".
static ei_error *short_options(struct words *words, struct global *global, bool *taken)
{
	const char *letters = words->argv[words->at] + 1;
	for (size_t i = 0; letters[i]; i++) {
		const struct global_option *option = by_letter(letters[i]);
		if (!option)
			return ei_fail(EI_E_USAGE, "there is no option '-%c'; see 'eidetic --help'",
				letters[i]);
		*taken = true;
		const char *value = NULL;
		if (takes_value(option)) {
			EI_TRY(value_take(
				words, option, letters[i + 1] ? letters + i + 1 : NULL, &value));
			return option_set(option, value, global);
		}
		EI_TRY(option_set(option, NULL, global));
	}
	return NULL;
}

static ei_error *unknown_before_command(const char *word)
{
	const char *names[ARRAY_LENGTH(table)];
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
		names[i] = table[i].name;
	const char *nearest = nearest_name(word + 2, names, ARRAY_LENGTH(names));
	if (nearest)
		return ei_fail(
			EI_E_USAGE, "there is no option '%s'; is '--%s' meant?", word, nearest);
	return ei_fail(EI_E_USAGE,
		"there is no global option '%s'; options of a plugin stand after its name", word);
}

static ei_error *word_parse(struct words *words, struct global *global)
{
	char *word = words->argv[words->at];
	bool taken = false;
	if (word[0] == '-' && word[1] == '-' && word[2]) {
		EI_TRY(long_option(words, global, &taken));
		if (!taken && !global->command)
			return unknown_before_command(word);
	} else if (word[0] == '-' && word[1] && word[1] != '-') {
		EI_TRY(short_options(words, global, &taken));
	}
	if (taken)
		return NULL;
	if (!global->command)
		global->command = word;
	else
		global->rest[global->rest_count++] = word;
	return NULL;
}

static ei_error *choices_check(const struct global *global)
{
	if (global->compat && strcmp(global->compat, "vol3"))
		return ei_fail(EI_E_USAGE, "--compat '%s': only vol3 is known", global->compat);
	const char *when = global->progress;
	if (when && strcmp(when, "auto") && strcmp(when, "always") && strcmp(when, "never"))
		return ei_fail(EI_E_USAGE, "--progress '%s': want auto, always or never", when);
	return NULL;
}

// The command line as a shell would take it.
static ei_error *line_quote(int argc, char **argv, ei_arena *arena, const char **out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789@%+=:,./_-";
	struct text line;
	text_init(&line, LINE_MAX_BYTES);
	for (int i = 0; i < argc; i++) {
		bool quote = !argv[i][0] || argv[i][strspn(argv[i], plain)];
		text_addf(&line, "%s%s", i ? " " : "", quote ? "'" : "");
		for (const char *at = argv[i]; *at; at++)
			if (*at == '\'')
				text_addf(&line, "'\\''");
			else
				text_add(&line, at, 1);
		text_addf(&line, "%s", quote ? "'" : "");
	}
	*out = arena_text(arena, line.data ? line.data : "", line.length);
	text_deinit(&line);
	return *out ? NULL : ei_fail(EI_E_NOMEM, "out of memory");
}

ei_error *global_parse(int argc, char **argv, ei_arena *arena, struct global *out)
{
	struct global global = { 0 };
	global.rest = ei_alloc(arena, (size_t)(argc + 1) * sizeof *global.rest);
	if (!global.rest)
		return ei_fail(EI_E_NOMEM, "out of memory");
	EI_TRY(line_quote(argc, argv, arena, &global.line));
	struct words words = { .argc = argc, .argv = argv, .at = 1 };
	for (; words.at < argc && strcmp(argv[words.at], "--"); words.at++)
		EI_TRY(word_parse(&words, &global));
	for (; words.at < argc; words.at++) // after "--" everything is the command's
		global.rest[global.rest_count++] = argv[words.at];
	EI_TRY(choices_check(&global));
	*out = global;
	return NULL;
}

// ---- help -----------------------------------------------------------------------------------

void global_help(FILE *out)
{
	fputs("eidetic: what was running, what was in the registry, and which indicators are "
	      "there,\n"
	      "from a Windows memory image\n\n"
	      "  eidetic -f IMAGE [options] PLUGIN [its options]   run a plugin on an image\n"
	      "  eidetic plugins                                   list the plugins\n"
	      "  eidetic run -f IMAGE --plugins all -o DIR         all of them at once, a file "
	      "each\n"
	      "  eidetic -f IMAGE timeliner                        the times that they tell, in "
	      "order\n"
	      "  eidetic PLUGIN --help                             columns and options of a "
	      "plugin\n"
	      "  eidetic profile list|show|need|build|check ...    which builds are known, what is "
	      "in a profile,\n"
	      "                                                    which symbols images need\n"
	      "  eidetic registry --hive FILE [--log FILE...]      keys and values of a hive "
	      "file\n"
	      "  eidetic ioc check|match|new|collect|refine ...    indicators, from evidence to a "
	      "better one\n\n"
	      "start with: eidetic -f IMAGE info\n\noptions:\n",
		out);
	for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
		char left[64], letter[8] = "    ";
		if (table[i].letter)
			snprintf(letter, sizeof letter, "-%c, ", table[i].letter);
		snprintf(left, sizeof left, "%s--%s %s", letter, table[i].name,
			table[i].value ? table[i].value : "");
		fprintf(out, "  %-30s %s\n", left, table[i].doc);
	}
	fputs("\nexit status: 0 complete, 1 nothing could be done, 2 wrong use, 3 not Windows or "
	      "not\n"
	      "recognised, 4 done but incomplete\n",
		out);
}
