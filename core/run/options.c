// Reading a plugin's arguments from its option table.
// SPDX-License-Identifier: Apache-2.0
#include "run/options.h"

#include "base/nearest.h"

struct parse {
	ei_arena *arena;
	const ei_plugin *plugin;
	struct option_value *values;
	size_t count, room;
};

static unsigned digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return (unsigned)(digit - '0');
	if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
		return (unsigned)((digit | 0x20) - 'a' + 10);
	return 16;
}

bool parse_number(const char *text, size_t length, uint64_t *out)
{
	unsigned base = 10;
	if (length > 2 && text[0] == '0' && (text[1] | 0x20) == 'x') {
		base = 16;
		text += 2;
		length -= 2;
	}
	uint64_t value = 0;
	for (size_t i = 0; i < length; i++) {
		unsigned digit = digit_value(text[i]);
		if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
			__builtin_add_overflow(value, digit, &value))
			return false;
	}
	if (!length)
		return false;
	*out = value;
	return true;
}

static const ei_option *option_of(const struct parse *parse, unsigned index)
{
	return &parse->plugin->options[index];
}

static ei_error *value_add(struct parse *parse, unsigned option, ei_val value)
{
	if (!(option_of(parse, option)->flags & EI_MANY))
		for (size_t i = 0; i < parse->count; i++)
			if (parse->values[i].option == option)
				return ei_fail(EI_E_USAGE, "--%s was given twice",
					option_of(parse, option)->name);
	parse->values[parse->count++] = (struct option_value){ option, value };
	return NULL;
}

static ei_error *value_read(struct parse *parse, unsigned option, const char *text, size_t length)
{
	const ei_option *what = option_of(parse, option);
	if (what->kind == EI_STR) {
		ei_val value = {
			.s = text, .length = (uint32_t)length, .kind = EI_STR, .state = EI_OK
		};
		return value_add(parse, option, value);
	}
	uint64_t number;
	if (!parse_number(text, length, &number))
		return ei_fail(EI_E_USAGE,
			"--%s: '%.*s' is not a number (decimal, or 0x and hexadecimal)", what->name,
			(int)MIN(length, (size_t)64), text);
	return value_add(parse, option, ei_of(what->kind, number));
}

// "4,8" for numbers that may be many; text is taken as it is.
static ei_error *values_read(struct parse *parse, unsigned option, const char *text)
{
	const ei_option *what = option_of(parse, option);
	if (what->kind == EI_STR || !(what->flags & EI_MANY))
		return value_read(parse, option, text, strlen(text));
	for (;;) {
		size_t length = strcspn(text, ",");
		EI_TRY(value_read(parse, option, text, length));
		if (!text[length])
			return NULL;
		text += length + 1;
	}
}

static int option_index(const ei_plugin *plugin, const char *name, size_t length)
{
	for (unsigned i = 0; i < plugin->option_count; i++)
		if (strlen(plugin->options[i].name) == length &&
			!strncmp(plugin->options[i].name, name, length))
			return (int)i;
	return -1;
}

static ei_error *unknown_option(const ei_plugin *plugin, const char *name, size_t length)
{
	const char *names[64];
	size_t count = MIN(plugin->option_count, ARRAY_LENGTH(names));
	for (size_t i = 0; i < count; i++)
		names[i] = plugin->options[i].name;
	char given[64];
	snprintf(given, sizeof given, "%.*s", (int)MIN(length, sizeof given - 1), name);
	const char *nearest = nearest_name(given, names, count);
	if (nearest)
		return ei_fail(EI_E_USAGE, "%s has no option '--%s'; is '--%s' meant?",
			plugin->name, given, nearest);
	return ei_fail(EI_E_USAGE, "%s has no option '--%s'; see 'eidetic %s --help'", plugin->name,
		given, plugin->name);
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] == '-' && word[2];
}

static bool ends_values(const char *word)
{
	return word[0] == '-' && word[1] == '-';
}

// Takes the option at argv[*at] and its values; *at is left on the next word.
static ei_error *option_read(struct parse *parse, int argc, char *const *argv, int *at)
{
	const char *name = argv[*at] + 2;
	size_t length = strcspn(name, "=");
	int index = option_index(parse->plugin, name, length);
	if (index < 0)
		return unknown_option(parse->plugin, name, length);
	unsigned option = (unsigned)index;
	const ei_option *what = option_of(parse, option);
	++*at;
	if (what->kind == EI_BOOL && name[length])
		return ei_fail(EI_E_USAGE, "--%s takes no value", what->name);
	if (what->kind == EI_BOOL)
		return value_add(parse, option, ei_bool(true));
	if (name[length])
		return values_read(parse, option, name + length + 1);
	if (*at >= argc || is_option(argv[*at]))
		return ei_fail(EI_E_USAGE, "--%s needs a value", what->name);
	do {
		EI_TRY(values_read(parse, option, argv[(*at)++]));
	} while (what->flags & EI_MANY && *at < argc && !ends_values(argv[*at]));
	return NULL;
}

static int positional_option(const ei_plugin *plugin)
{
	for (unsigned i = 0; i < plugin->option_count; i++)
		if (plugin->options[i].flags & EI_POSITIONAL)
			return (int)i;
	return -1;
}

static ei_error *word_read(struct parse *parse, const char *word)
{
	int option = positional_option(parse->plugin);
	if (option < 0)
		return ei_fail(EI_E_USAGE, "%s takes no argument '%s'; see 'eidetic %s --help'",
			parse->plugin->name, word, parse->plugin->name);
	return values_read(parse, (unsigned)option, word);
}

// At most one value for each word and each comma.
static size_t values_most(int argc, char *const *argv)
{
	size_t most = 0;
	for (int i = 0; i < argc; i++) {
		most++;
		for (const char *at = argv[i]; (at = strchr(at, ',')); at++)
			most++;
	}
	return most;
}

ei_error *options_parse(ei_arena *arena, const ei_plugin *plugin, int argc, char *const *argv,
	struct option_values *out)
{
	struct parse parse = { .arena = arena, .plugin = plugin };
	parse.room = values_most(argc, argv);
	parse.values = ei_alloc(arena, parse.room * sizeof *parse.values);
	if (!parse.values)
		return ei_fail(EI_E_NOMEM, "out of memory");
	bool words_only = false; // after "--"
	for (int at = 0; at < argc;) {
		if (!words_only && !strcmp(argv[at], "--")) {
			words_only = true;
			at++;
		} else if (!words_only && is_option(argv[at])) {
			EI_TRY(option_read(&parse, argc, argv, &at));
		} else {
			EI_TRY(word_read(&parse, argv[at++]));
		}
	}
	*out = (struct option_values){ parse.values, parse.count };
	return NULL;
}
