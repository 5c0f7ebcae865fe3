// YARA over memory: how ranges are put together, what rules see of them, and how a scan ends.
// SPDX-License-Identifier: Apache-2.0
#include "run/yara.h"

#include "tests/fx/fx.h"
#include "tests/fx/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BASE UINT64_C(0xffffa00100000000)

struct world {
	struct fx fx;
	struct plugin_set *set;
	const ei_plugin *plugin;
	ei_arena *arena;
	ei_run *run;
	struct option_values options;
	ei_yara *rules;
	struct yara_ranges ranges;
	struct text seen; // "rule$string@offset+length " of each match
	bool *cancel;     // set at the first match
	size_t limit;     // matches after which it is enough; 0: none
	size_t matches;
	ei_yara_match last;
	char context[128]; // of the last one
	char file[64];     // rules, written by rules_file()
};

static void world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	fx_init(&w->fx, "win10-19041-x64");
	assert_null(plugin_set_create(&w->set));
	assert_null(plugin_set_find(w->set, "vadyarascan", &w->plugin));
	assert_null(ei_arena_create(1 << 20, &w->arena));
	text_init(&w->seen, 1 << 20);
}

static void world_deinit(struct world *w)
{
	ei_yara_close(w->rules);
	yara_ranges_deinit(&w->ranges);
	text_deinit(&w->seen);
	run_drop(w->run);
	ei_arena_drop(w->arena);
	plugin_set_drop(w->set);
	fx_deinit(&w->fx);
	if (*w->file)
		unlink(w->file);
}

#define WORLD(w)                                                                                   \
	__attribute__((cleanup(world_deinit))) struct world w##_itself;                            \
	struct world *w = &w##_itself;                                                             \
	world_init(w)

// Puts bytes at an offset of the range; pages are made where there are none.
static void put(struct world *w, uint64_t offset, const void *bytes, size_t size)
{
	for (uint64_t page = offset / PAGE_SIZE; page <= (offset + size - 1) / PAGE_SIZE; page++) {
		uint64_t at = fx_entry_at(&w->fx.tables, BASE + page * PAGE_SIZE, 0);
		if (!load_u64(w->fx.memory.bytes + at)) {
			fx_frame(&w->fx.memory); // so that neighbours are not neighbours in memory
			fx_map_fresh(&w->fx.tables, BASE + page * PAGE_SIZE);
		}
	}
	fx_write(&w->fx.tables, BASE + offset, bytes, size);
}

static void range(struct world *w, uint64_t offset, uint64_t size)
{
	yara_range_add(&w->ranges,
		(struct yara_range){ .space = w->fx.session.identity.kernel,
			.start = BASE + offset,
			.size = size },
		ei_absent(EI_NONE));
}

static bool remember(ei_run *run, void *context, const ei_yara_match *match)
{
	struct world *w = context;
	(void)run;
	text_addf(&w->seen, "%s%s@0x%llx+%u ", match->rule, match->string ? match->string : "",
		(unsigned long long)(match->at - match->start), match->length);
	w->last = *match;
	snprintf(w->context, sizeof w->context, "%.*s|%.*s|%.*s|%s|%s|%s",
		(int)match->before.length, match->before.s, (int)match->value.length,
		match->value.s, (int)match->after.length, match->after.s, match->name_space,
		match->tags, match->meta);
	if (w->cancel)
		*w->cancel = true;
	return ++w->matches != w->limit;
}

// Opens what was put into memory, with the options of a command line.
static ei_error *open_with(struct world *w, char **words, int count)
{
	fx_memory_open(&w->fx.memory);
	w->fx.session.image = w->fx.memory.image;
	w->fx.session.threads = 2;
	run_drop(w->run);
	assert_null(run_create(&w->fx.session, &w->run));
	w->run->plugin = w->plugin;
	assert_null(options_parse(w->arena, w->plugin, count, words, &w->options));
	w->run->options = &w->options;
	return ei_yara_open(w->run, 1, &w->rules);
}

static void scan_words(struct world *w, char **words, int count)
{
	assert_null(open_with(w, words, count));
	assert_null(yara_scan(w->run, w->rules, &w->ranges, remember, w));
}

#define SCAN(w, ...)                                                                               \
	scan_words((w), (char *[]){ __VA_ARGS__ },                                                 \
		(int)(sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)))

static void expect_seen(struct world *w, const char *want)
{
	assert_string_equal(w->seen.data ? w->seen.data : "", want);
}

// ---- ranges ---------------------------------------------------------------------------------

static void text_across_scattered_pages_is_found(void **state)
{
	(void)state;
	WORLD(w);
	put(w, PAGE_SIZE - 4, "needle", 6);
	range(w, 0, 2 * PAGE_SIZE);
	SCAN(w, "--yara-string", "needle");
	expect_seen(w, "r1$a@0xffc+6 ");
}

static void text_across_a_hole_is_not(void **state)
{
	(void)state;
	WORLD(w);
	put(w, PAGE_SIZE - 3, "nee", 3);
	put(w, 2 * PAGE_SIZE, "dle", 3);
	put(w, 3 * PAGE_SIZE, "needle", 6);
	range(w, 0, 4 * PAGE_SIZE);
	SCAN(w, "--yara-string", "needle");
	expect_seen(w, "r1$a@0x3000+6 ");
}

static void rules_see_offsets_and_the_size(void **state)
{
	(void)state;
	WORLD(w);
	put(w, 0, "AB", 2);
	put(w, 0x300000, "CD", 2); // three megabytes on: a block of its own
	range(w, 0, 0x400000);
	SCAN(w, "--yara-rules",
		"rule whole { strings: $a = \"AB\" $c = \"CD\" condition: $a at 0 and $c at "
		"0x300000 "
		"and uint16be(0) == 0x4142 and uint16be(0x300000) == 0x4344 and "
		"uint8(0x300001) == 0x44 and uint16be(0) == 0x4142 and filesize == 0x400000 }");
	expect_seen(w, "whole$a@0x0+2 whole$c@0x300000+2 ");
}

static void programs_are_one_piece(void **state)
{
	(void)state;
	WORLD(w);
	put(w, 0, "MZ", 2);
	put(w, 0x80000, "end", 3);
	range(w, 0, 0x90000);
	SCAN(w, "--yara-rules",
		"rule far { strings: $a = { 4d 5a [1000-600000] 65 6e 64 } condition: $a }");
	expect_seen(w, "far$a@0x0+524291 ");
}

static void zeroes_beside_a_page_count(void **state)
{
	(void)state;
	WORLD(w);
	put(w, 0x100000, "x", 1);
	put(w, 0x101fff, "y", 1);
	range(w, 0, 0x200000);
	SCAN(w, "--yara-rules",
		"rule edges { strings: $a = { 00 00 00 78 00 } $b = { 00 79 00 00 } condition: all "
		"of "
		"them }");
	expect_seen(w, "edges$a@0xffffd+5 edges$b@0x101ffe+4 ");
}

static void windows_overlap_and_nothing_is_found_twice(void **state)
{
	(void)state;
	WORLD(w);
	const uint64_t step = YARA_WINDOW - YARA_OVERLAP;
	put(w, YARA_WINDOW - 3, "needle", 6);  // across the end of the first window
	put(w, step - 3, "needle", 6);         // across the start of the second
	put(w, step + PAGE_SIZE, "needle", 6); // in both
	put(w, 2 * step + YARA_WINDOW - 20, "needle", 6);
	range(w, 0, 3 * (uint64_t)YARA_WINDOW - 2 * YARA_OVERLAP);
	SCAN(w, "--yara-rules",
		"rule four { strings: $a = \"needle\" condition: #a == 4 and uint8(0x3efffff) == "
		"101 }");
	expect_seen(w, "four$a@0x3effffd+6 four$a@0x3f01000+6 four$a@0x3fffffd+6 "
		       "four$a@0xbdfffec+6 ");
}

static void windows_forget_what_the_range_before_had(void **state)
{
	(void)state;
	WORLD(w);
	put(w, PAGE_SIZE, "needle", 6);
	put(w, 0x10000000, "other", 5);
	range(w, 0, 4 * PAGE_SIZE);
	range(w, 0x10000000, 4 * PAGE_SIZE);
	w->fx.session.threads = 1;
	SCAN(w, "--yara-string", "needle");
	expect_seen(w, "r1$a@0x1000+6 ");
}

static void vast_empty_ranges_cost_nothing(void **state)
{
	(void)state;
	WORLD(w);
	struct timespec before, after;
	put(w, 0x7000000000, "needle", 6);
	range(w, 0, UINT64_C(0x5e0000000000));
	clock_gettime(CLOCK_MONOTONIC, &before);
	SCAN(w, "--yara-string", "needle");
	clock_gettime(CLOCK_MONOTONIC, &after);
	expect_seen(w, "r1$a@0x7000000000+6 ");
	assert_true(after.tv_sec - before.tv_sec <= 5);
}

static void matches_come_in_the_order_of_ranges(void **state)
{
	(void)state;
	WORLD(w);
	struct text want;
	text_init(&want, 1 << 16);
	for (unsigned i = 0; i < 64; i++) {
		put(w, i * 0x10000 + i, "needle", 6);
		range(w, i * 0x10000, 0x10000);
		text_addf(&want, "r1$a@0x%x+6 ", i);
	}
	SCAN(w, "--yara-string", "needle");
	expect_seen(w, want.data);
	text_deinit(&want);
}

static void bytes_around_a_match_are_given(void **state)
{
	(void)state;
	WORLD(w);
	put(w, 0, "in front of needle and behind", 29);
	range(w, 0, PAGE_SIZE);
	SCAN(w, "--context", "6", "--yara-rules",
		"rule r : t1 t2 { meta: a = \"x\" b = 2 c = true strings: $n = \"needle\" "
		"condition: $n }");
	assert_string_equal(w->context, "nt of |needle| and b|default|t1 t2|a=x, b=2, c=true");
}

static void matches_of_the_next_range_are_left_to_it(void **state)
{
	(void)state;
	WORLD(w);
	put(w, 100, "needle", 6);
	put(w, PAGE_SIZE + 100, "needle", 6);
	range(w, 0, 2 * PAGE_SIZE);
	w->ranges.items[0].own = PAGE_SIZE;
	SCAN(w, "--yara-string", "needle");
	expect_seen(w, "r1$a@0x64+6 ");
}

static void common_strings_are_counted_and_the_first_are_shown(void **state)
{
	(void)state;
	WORLD(w);
	for (unsigned i = 0; i < 5; i++)
		put(w, i * 16, "needle", 6);
	put(w, 100, "other", 5);
	range(w, 0, PAGE_SIZE);
	SCAN(w, "--max-matches", "3", "--yara-rules",
		"rule r { strings: $a = \"needle\" $b = \"other\" condition: #a == 5 and $b }");
	expect_seen(w, "r$a@0x0+6 r$a@0x10+6 r$a@0x20+6 r$b@0x64+5 ");
	assert_int_equal(w->last.matches, 1);
	assert_int_equal(w->run->notes, 1);
	ei_yara_close(w->rules);
	w->rules = NULL;
	SCAN(w, "--max-matches", "0", "--yara-string", "needle");
	assert_int_equal(w->matches, 9);
	assert_int_equal(w->last.matches, 5);
	assert_int_equal(w->run->notes, 0);
}

static void common_strings_of_the_next_range_are_not_counted(void **state)
{
	(void)state;
	WORLD(w);
	for (unsigned i = 0; i < 5; i++)
		put(w, i * 16, "needle", 6);
	range(w, 0, PAGE_SIZE);
	w->ranges.items[0].own = 32;
	SCAN(w, "--max-matches", "3", "--yara-string", "needle");
	expect_seen(w, "r1$a@0x0+6 r1$a@0x10+6 ");
	assert_int_equal(w->last.matches, 2);
	assert_int_equal(w->run->notes, 0);
}

static void a_very_common_byte_ends_soon(void **state)
{
	(void)state;
	WORLD(w);
	static uint8_t bytes[4 << 20];
	memset(bytes, 'n', sizeof bytes);
	put(w, 0, bytes, sizeof bytes);
	range(w, 0, sizeof bytes);
	SCAN(w, "--yara-string", "nn");
	assert_int_equal(w->matches, 1000);
	assert_true(w->last.matches >= 1000000);
	assert_int_equal(w->run->notes, 1);
}

// ---- ends -----------------------------------------------------------------------------------

static void enough_is_enough(void **state)
{
	(void)state;
	WORLD(w);
	for (unsigned i = 0; i < 64; i++) {
		put(w, i * 0x10000, "needle needle", 13);
		range(w, i * 0x10000, 0x10000);
	}
	w->limit = 3;
	SCAN(w, "--yara-string", "needle");
	expect_seen(w, "r1$a@0x0+6 r1$a@0x7+6 r1$a@0x0+6 ");
}

static void cancelled_scans_end_at_once(void **state)
{
	(void)state;
	WORLD(w);
	static uint8_t bytes[1 << 20];
	struct timespec before, after;
	bool cancelled = false;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = "abcd"[i * 7 % 4];
	memcpy(bytes, "needle", 6);
	put(w, 0, bytes, sizeof bytes);
	range(w, 0, PAGE_SIZE);
	for (unsigned i = 0; i < 100000; i++) // minutes of work
		range(w, PAGE_SIZE, sizeof bytes - PAGE_SIZE);
	assert_null(open_with(w,
		(char *[]){ "--yara-rules",
			"rule r { strings: $a = \"needle\" $b = /[ab][^x]{30,60}[cd]{3}q/ "
			"condition: any of them }" },
		2));
	w->run->cancelled = w->cancel = &cancelled;
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_null(yara_scan(w->run, w->rules, &w->ranges, remember, w));
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(cancelled);
	assert_true(after.tv_sec - before.tv_sec <= 3);
}

// ---- rules ----------------------------------------------------------------------------------

static const char *rules_file(struct world *w, const char *text)
{
	snprintf(w->file, sizeof w->file, "/tmp/rules-XXXXXX");
	int file = mkstemp(w->file);
	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
	close(file);
	return w->file;
}

static void expect_refused_rules(
	struct world *w, ei_code code, const char *text, char **words, int count)
{
	EI_OWNED(ei_error) error = open_with(w, words, count);
	assert_non_null(error);
	assert_int_equal(ei_error_code(error), code);
	if (!strstr(ei_error_text(error), text))
		fail_msg("no '%s' in: %s", text, ei_error_text(error));
	assert_null(strchr(ei_error_text(error), '\n'));
	assert_null(w->rules);
}

static void mistakes_in_rules_are_named_with_file_and_line(void **state)
{
	(void)state;
	static const struct {
		const char *rules, *text;
	} cases[] = {
		{ "rule a {\n condition:\n  x y\n}\n", ": line 3: " },
		{ "rule a { condition: true }\nrule a { condition: true }\n", ": line 2: dupl" },
		{ "include \"/etc/passwd\"\n", ": line 1: " },
		{ "import \"nothing\"\n", ": line 1: " },
		{ "rule a { strings: $x = /(/ condition: $x }\n", ": line 1: " },
		{ "", "is empty" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		WORLD(w);
		const char *path = rules_file(w, cases[i].rules);
		char *words[] = { "--yara-file", (char *)path };
		expect_refused_rules(w, EI_E_FORMAT, cases[i].text, words, 2);
		expect_refused_rules(w, EI_E_FORMAT, path, words, 2);
	}
}

static void wrong_use_is_named(void **state)
{
	(void)state;
	static const struct {
		ei_code code;
		const char *text;
		char *words[2];
		int count;
	} cases[] = {
		{ EI_E_USAGE, "there are no rules", { NULL }, 0 },
		{ EI_E_IO, "cannot open '/nonexistent.yar'", { "--yara-file", "/nonexistent.yar" },
			2 },
		{ EI_E_IO, "cannot read '/tmp'", { "--yara-file", "/tmp" }, 2 },
		{ EI_E_IO, "cannot open '/nonexistent.yarc'",
			{ "--yara-compiled-file", "/nonexistent.yarc" }, 2 },
		{ EI_E_FORMAT, "no file of compiled rules", { "--yara-compiled-file", "/bin/sh" },
			2 },
		{ EI_E_FORMAT, "NUL bytes", { "--yara-file", "/bin/sh" }, 2 },
		{ EI_E_FORMAT, "--yara-string '{zz}'", { "--yara-string", "{zz}" }, 2 },
		{ EI_E_USAGE, "empty", { "--yara-string", "" }, 2 },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		WORLD(w);
		expect_refused_rules(
			w, cases[i].code, cases[i].text, (char **)cases[i].words, cases[i].count);
	}
}

static void strings_take_their_modifiers(void **state)
{
	(void)state;
	WORLD(w);
	put(w, 0, "NeEdLe n\0e\0e\0d\0l\0e\0 \x01\x02\x03", 24);
	range(w, 0, PAGE_SIZE);
	SCAN(w, "--insensitive", "--wide", "--yara-string", "needle");
	expect_seen(w, "r1$a@0x0+6 r1$a@0x7+12 ");
	ei_yara_close(w->rules);
	w->rules = NULL;
	text_clear(&w->seen);
	SCAN(w, "--yara-string", "{01 ?? 03}", "/N[eE]+d/");
	expect_seen(w, "r1$a@0x14+3 r2$a@0x0+4 ");
}

static void files_are_namespaces(void **state)
{
	(void)state;
	WORLD(w);
	put(w, 0, "needle", 6);
	range(w, 0, PAGE_SIZE);
	const char *path = rules_file(w, "rule same { strings: $a = \"need\" condition: $a }");
	char copy[80];
	snprintf(copy, sizeof copy, "%s.b", path);
	assert_int_equal(link(path, copy), 0);
	SCAN(w, "--yara-file", (char *)path, "--yara-file", copy);
	unlink(copy);
	expect_seen(w, "same$a@0x0+4 same$a@0x0+4 ");
	assert_non_null(strstr(w->context, "_b|"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_across_scattered_pages_is_found),
		cmocka_unit_test(text_across_a_hole_is_not),
		cmocka_unit_test(rules_see_offsets_and_the_size),
		cmocka_unit_test(programs_are_one_piece),
		cmocka_unit_test(zeroes_beside_a_page_count),
		cmocka_unit_test(windows_overlap_and_nothing_is_found_twice),
		cmocka_unit_test(windows_forget_what_the_range_before_had),
		cmocka_unit_test(vast_empty_ranges_cost_nothing),
		cmocka_unit_test(matches_come_in_the_order_of_ranges),
		cmocka_unit_test(bytes_around_a_match_are_given),
		cmocka_unit_test(matches_of_the_next_range_are_left_to_it),
		cmocka_unit_test(common_strings_are_counted_and_the_first_are_shown),
		cmocka_unit_test(common_strings_of_the_next_range_are_not_counted),
		cmocka_unit_test(a_very_common_byte_ends_soon),
		cmocka_unit_test(enough_is_enough),
		cmocka_unit_test(cancelled_scans_end_at_once),
		cmocka_unit_test(mistakes_in_rules_are_named_with_file_and_line),
		cmocka_unit_test(wrong_use_is_named),
		cmocka_unit_test(strings_take_their_modifiers),
		cmocka_unit_test(files_are_namespaces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
