// A plugin's options: what is understood, what is refused and with which words.
// SPDX-License-Identifier: Apache-2.0
#include "run/options.h"

#include "tests/fx/test.h"

enum { PID, KEY, RECURSE, OFFSET, TERM, OPTIONS };

static const ei_option options[OPTIONS] = {
	[PID] = { "pid", EI_UINT, EI_MANY, "" },
	[KEY] = { "key", EI_STR, 0, "" },
	[RECURSE] = { "recurse", EI_BOOL, 0, "" },
	[OFFSET] = { "offset", EI_ADDR, 0, "" },
	[TERM] = { "term", EI_STR, EI_MANY | EI_POSITIONAL, "" },
};

static const ei_plugin plugin = { EI_HEAD(sample), EI_OPTIONS(options) };
// The same without words of its own.
static const ei_plugin strict = { EI_HEAD(strict), .options = options, .option_count = TERM };

enum { WORDS_MAX = 12 };

// Arguments are one string, words parted by a space.
static ei_error *parse(
	const ei_plugin *of, ei_arena *arena, const char *line, struct option_values *out)
{
	char *words[WORDS_MAX], *copy = arena_text(arena, line, strlen(line));
	int count = 0;
	for (char *rest = copy, *word; count < WORDS_MAX && (word = strsep(&rest, " "));)
		if (*line)
			words[count++] = word;
	return options_parse(arena, of, count, words, out);
}

// "pid=4 pid=8 recurse=1 term=x", in the order of the values.
static char *spell(const struct option_values *values)
{
	struct text text;
	text_init(&text, 4096);
	text_addf(&text, "%s", "");
	for (size_t i = 0; i < values->count; i++) {
		ei_val value = values->values[i].value;
		text_addf(&text, "%s%s=", i ? " " : "", options[values->values[i].option].name);
		if (value.kind == EI_STR)
			text_add(&text, value.s, value.length);
		else
			text_addf(&text, "%llu", (unsigned long long)value.u);
	}
	return text.data;
}

static void values_may_be_given_in_every_usual_way(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "", "" },
		{ "--pid 4", "pid=4" },
		{ "--pid=4", "pid=4" },
		{ "--pid 4 8", "pid=4 pid=8" },
		{ "--pid 4 --pid 8", "pid=4 pid=8" },
		{ "--pid 4,8", "pid=4 pid=8" },
		{ "--pid=4,8 --recurse", "pid=4 pid=8 recurse=1" },
		{ "--pid 0x10", "pid=16" },
		{ "--offset 0xFFFFF8a000001010", "offset=18446735964811300880" },
		{ "--offset 18446744073709551615", "offset=18446744073709551615" },
		{ "--key a,b", "key=a,b" },
		{ "--key=--pid", "key=--pid" },
		{ "--key=", "key=" },
		{ "--key -x", "key=-x" },
		{ "x y --recurse z", "term=x term=y recurse=1 term=z" },
		{ "--term x y", "term=x term=y" },
		{ "--recurse -- --pid -- 4", "recurse=1 term=--pid term=-- term=4" },
		{ "--pid 4 -- x", "pid=4 term=x" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		EI_OWNED(ei_arena) arena = NULL;
		assert_null(ei_arena_create(1 << 16, &arena));
		struct option_values values;
		EI_OWNED(ei_error) error = parse(&plugin, arena, cases[i][0], &values);
		if (error)
			fail_msg("'%s': %s", cases[i][0], ei_error_text(error));
		char *spelt = spell(&values);
		assert_string_equal(spelt, cases[i][1]);
		free(spelt);
	}
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	static const struct {
		const ei_plugin *plugin;
		const char *line, *text;
	} cases[] = {
		{ &plugin, "--pid", "--pid needs a value" },
		{ &plugin, "--pid --recurse", "--pid needs a value" },
		{ &plugin, "--pid=", "--pid: '' is not a number" },
		{ &plugin, "--pid 4x", "--pid: '4x' is not a number" },
		{ &plugin, "--pid -4", "--pid: '-4' is not a number" },
		{ &plugin, "--pid 0x", "--pid: '0x' is not a number" },
		{ &plugin, "--pid 4,,8", "--pid: '' is not a number" },
		{ &plugin, "--offset 18446744073709551616",
			"--offset: '18446744073709551616' is not a number" },
		{ &plugin, "--offset 1,2", "--offset: '1,2' is not a number" },
		{ &plugin, "--offset 1 --offset 2", "--offset was given twice" },
		{ &plugin, "--key a --key b", "--key was given twice" },
		{ &plugin, "--recurse=yes", "--recurse takes no value" },
		{ &plugin, "--recurse --recurse", "--recurse was given twice" },
		{ &plugin, "--pdi 4", "sample has no option '--pdi'; is '--pid' meant?" },
		{ &plugin, "--zzzzzzz", "sample has no option '--zzzzzzz'" },
		{ &strict, "x", "strict takes no argument 'x'" },
		{ &strict, "--term x", "strict has no option '--term'" },
		{ &strict, "--recurse -- x", "strict takes no argument 'x'" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		EI_OWNED(ei_arena) arena = NULL;
		assert_null(ei_arena_create(1 << 16, &arena));
		struct option_values values = { .count = 77 };
		EI_OWNED(ei_error) error = parse(cases[i].plugin, arena, cases[i].line, &values);
		if (!error)
			fail_msg("'%s' was taken", cases[i].line);
		assert_int_equal(ei_error_code(error), EI_E_USAGE);
		if (strncmp(ei_error_text(error), cases[i].text, strlen(cases[i].text)))
			fail_msg("'%s': %s", cases[i].line, ei_error_text(error));
		assert_int_equal(values.count, 77); // untouched
	}
}

static void numbers_are_decimal_or_hexadecimal_and_nothing_else(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool fine;
		uint64_t value;
	} cases[] = { { "0", true, 0 }, { "0x0", true, 0 }, { "007", true, 7 },
		{ "0XfF", true, 255 }, { "0xffffffffffffffff", true, UINT64_MAX },
		{ "18446744073709551615", true, UINT64_MAX }, { "", false, 0 }, { "x", false, 0 },
		{ "0x", false, 0 }, { "0x10000000000000000", false, 0 },
		{ "18446744073709551616", false, 0 }, { "1 ", false, 0 }, { "+1", false, 0 },
		{ "a", false, 0 }, { "0xg", false, 0 } };
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		uint64_t value = 77;
		bool fine = parse_number(cases[i].text, strlen(cases[i].text), &value);
		if (fine != cases[i].fine)
			fail_msg("'%s' was %s", cases[i].text, fine ? "taken" : "refused");
		assert_true(value == (fine ? cases[i].value : 77));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_may_be_given_in_every_usual_way),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(numbers_are_decimal_or_hexadecimal_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
