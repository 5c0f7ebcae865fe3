// Running: requirements, checks of rows, filters, limits, cancellation, sinks that fail.
// SPDX-License-Identifier: Apache-2.0
#include "run/run.h"

#include "tests/fx/fx.h"
#include "tests/fx/test.h"
#include "win/shared.h"
#include <stdio.h>

// ---- a sink that remembers ------------------------------------------------------------------

struct memory {
	struct row_sink sink;
	struct text text; // "0:4,System 1:8,smss" and so on
	const struct table *table;
	struct trailer trailer;
	unsigned ends;
	uint64_t fail_at; // this row fails, as a full disk would; 0: none
	uint64_t rows;
	bool *cancel_at_row; // set at the second row
};

static ei_error *memory_begin(struct row_sink *sink, const struct table *table)
{
	((struct memory *)sink)->table = table;
	return NULL;
}

static ei_error *memory_row(struct row_sink *sink, uint32_t depth, const ei_val *cells)
{
	struct memory *memory = (struct memory *)sink;
	if (++memory->rows == memory->fail_at)
		return ei_fail(EI_E_IO, "the disk is full");
	if (memory->cancel_at_row && memory->rows == 2)
		*memory->cancel_at_row = true;
	text_addf(&memory->text, "%s%u:", memory->text.length ? " " : "", depth);
	for (size_t i = 0; i < memory->table->count; i++) {
		ei_val value = cells[memory->table->columns[i].cell];
		text_addf(&memory->text, "%s", i ? "," : "");
		if (value.state != EI_OK)
			text_addf(&memory->text, "-");
		else if (value.kind == EI_STR)
			text_add(&memory->text, value.s, value.length);
		else
			text_addf(&memory->text, "%llu", (unsigned long long)value.u);
	}
	return NULL;
}

static ei_error *memory_note(struct row_sink *sink, const char *note)
{
	struct memory *memory = (struct memory *)sink;
	text_addf(&memory->text, "%s#%s", memory->text.length ? " " : "", note);
	return NULL;
}

static ei_error *memory_end(struct row_sink *sink, const struct trailer *trailer)
{
	struct memory *memory = (struct memory *)sink;
	memory->trailer = *trailer;
	memory->trailer.why = NULL;
	memory->ends++;
	text_addf(&memory->text, "%s%s%s", memory->text.length ? " " : "",
		trailer->complete ? "complete" : "incomplete:", trailer->why);
	return NULL;
}

static void memory_drop(struct row_sink *sink)
{
	text_deinit(&((struct memory *)sink)->text);
}

static void memory_init(struct memory *memory)
{
	*memory = (struct memory){ .sink = { memory_begin, memory_row, memory_note, memory_end,
					   memory_drop } };
	text_init(&memory->text, 1 << 20);
}

// ---- plugins --------------------------------------------------------------------------------

enum { NUMBER, NAME, EXTRA, COLUMNS };
enum { ONLY, OPTIONS };

static const ei_column columns[COLUMNS] = {
	[NUMBER] = { "number", EI_UINT, "", .vol3 = "Number" },
	[NAME] = { "name", EI_STR, "", .vol3 = "Name" },
	[EXTRA] = { "extra", EI_UINT, "", .vol3 = "Extra(V)", .vol3_without = "only" },
};
static const ei_option options[OPTIONS] = { [ONLY] = { "only", EI_UINT, EI_MANY, "" } };

static bool emit(ei_run *r, uint32_t depth, uint64_t number, const char *name)
{
	return ei_emit_at(r, depth,
		(ei_val[COLUMNS]){ [NUMBER] = ei_uint(number),
			[NAME] = ei_str(name),
			[EXTRA] = ei_absent(EI_NONE) });
}

static ei_error *run_tree(ei_run *r)
{
	static const struct {
		uint32_t depth, number;
		const char *name;
	} rows[] = { { 0, 4, "System" }, { 1, 8, "smss" }, { 2, 12, "csrss" },
		{ 2, 16, "winlogon" }, { 0, 20, "explorer" }, { 1, 24, "cmd" } };
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (ei_opt_allows(r, ONLY, ei_uint(rows[i].number)))
			emit(r, rows[i].depth, rows[i].number, rows[i].name);
	return NULL;
}

static ei_error *run_wrong_kind(ei_run *r)
{
	emit(r, 0, 1, "fine");
	ei_emit(r,
		(ei_val[COLUMNS]){
			[NUMBER] = ei_uint(2), [NAME] = ei_uint(3), [EXTRA] = ei_absent(EI_NONE) });
	emit(r, 0, 3, "never shown");
	return NULL;
}

static ei_error *run_unset(ei_run *r)
{
	ei_emit(r, (ei_val[COLUMNS]){ [NUMBER] = ei_uint(2), [NAME] = ei_str("x") });
	return NULL;
}

static ei_error *run_numbers(ei_run *r)
{
	const ei_val numbers[] = { ei_addr(1), ei_hex(2), ei_bool(true), ei_of(EI_TIME, 4) };
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
		ei_emit(r, (ei_val[COLUMNS]){ [NUMBER] = numbers[i],
				   [NAME] = ei_absent(EI_GARBAGE),
				   [EXTRA] = ei_absent(EI_NONE) });
	return NULL;
}

static ei_error *run_notes(ei_run *r)
{
	for (unsigned i = 0; i < 1200; i++)
		ei_note(r, "n");
	return NULL;
}

static ei_error *run_fails(ei_run *r)
{
	emit(r, 0, 1, "a");
	return ei_fail(EI_E_FORMAT, "the list has no head");
}

#define SAMPLE(run_)                                                                               \
	((const ei_plugin){ EI_HEAD(sample), EI_COLUMNS(columns), EI_OPTIONS(options),             \
		.purpose = "", .needs = EI_NEEDS_IMAGE, .run = (run_) })

// ---- running --------------------------------------------------------------------------------

static void session_prepare(struct fx *fx)
{
	fx_memory_open(&fx->memory);
	fx->session.image = fx->memory.image;
	assert_null(shared_create(&fx->session.shared));
}

// Runs on an empty Windows; gives what the sink remembers. `wish` may be NULL.
static ei_error *run_with(ei_error *(*run)(ei_run *r), const struct run_wish *wish,
	struct memory *memory, struct run_result *result)
{
	FX_WINDOWS(fx, "win10-19041-x64");
	session_prepare(fx);
	const ei_plugin plugin = SAMPLE(run);
	const struct option_values none = { 0 };
	struct run_wish mine = wish ? *wish : (struct run_wish){ 0 };
	mine.plugin = &plugin;
	if (!mine.options)
		mine.options = &none;
	return run_plugin(&fx->session, &mine, &memory->sink, result);
}

static void expect_run(
	ei_error *(*run)(ei_run *r), const struct run_wish *wish, const char *expected)
{
	struct memory memory;
	struct run_result result = { 0 };
	memory_init(&memory);
	EI_OWNED(ei_error) error = run_with(run, wish, &memory, &result);
	if (error || result.failure)
		fail_msg("%s", ei_error_text(error ? error : result.failure));
	assert_string_equal(memory.text.data, expected);
	assert_int_equal(memory.ends, 1);
	memory_drop(&memory.sink);
}

static void expect_failure(ei_error *(*run)(ei_run *r), const char *text, const char *remembered)
{
	struct memory memory;
	struct run_result result = { 0 };
	memory_init(&memory);
	assert_null(run_with(run, NULL, &memory, &result));
	EI_OWNED(ei_error) failure = result.failure;
	assert_non_null(failure);
	assert_string_equal(ei_error_text(failure), text);
	assert_string_equal(memory.text.data, remembered);
	assert_false(result.trailer.complete);
	assert_int_equal(memory.ends, 1);
	memory_drop(&memory.sink);
}

// ---- rows -----------------------------------------------------------------------------------

#define WHOLE "0:4,System,- 1:8,smss,- 2:12,csrss,- 2:16,winlogon,- 0:20,explorer,- 1:24,cmd,-"

static void rows_come_as_they_are_emitted(void **state)
{
	(void)state;
	expect_run(run_tree, NULL, WHOLE " complete");
}

static void numbers_go_into_any_numeric_column_and_absences_everywhere(void **state)
{
	(void)state;
	expect_run(run_numbers, NULL, "0:1,-,- 0:2,-,- 0:1,-,- 0:4,-,- complete");
}

static void a_value_of_the_wrong_kind_ends_the_run(void **state)
{
	(void)state;
	expect_failure(run_wrong_kind,
		"plugin 'sample' gave a value of kind 1 for its column 'name' of kind 7",
		"0:1,fine,- incomplete:plugin 'sample' gave a value of kind 1 for its column "
		"'name' of kind 7");
}

static void a_forgotten_cell_ends_the_run(void **state)
{
	(void)state;
	expect_failure(run_unset, "plugin 'sample' left its column 'extra' unset",
		"incomplete:plugin 'sample' left its column 'extra' unset");
}

static void what_was_shown_before_a_failure_stays(void **state)
{
	(void)state;
	expect_failure(
		run_fails, "the list has no head", "0:1,a,- incomplete:the list has no head");
}

static void a_limit_ends_the_run_and_is_said(void **state)
{
	(void)state;
	expect_run(run_tree, &(struct run_wish){ .limit = 2 },
		"0:4,System,- 1:8,smss,- incomplete:limit");
}

static void notes_past_a_thousand_are_only_counted(void **state)
{
	(void)state;
	struct memory memory;
	struct run_result result = { 0 };
	memory_init(&memory);
	assert_null(run_with(run_notes, NULL, &memory, &result));
	size_t shown = 0;
	for (const char *at = memory.text.data; (at = strchr(at, '#')); at++)
		shown++;
	assert_int_equal(shown, 1000);
	assert_non_null(strstr(memory.text.data, "more than 1000 notes"));
	assert_int_equal(result.trailer.notes, 1200);
	memory_drop(&memory.sink);
}

static void cancellation_ends_the_run_and_is_said(void **state)
{
	(void)state;
	struct memory memory;
	struct run_result result = { 0 };
	bool cancel = false;
	memory_init(&memory);
	memory.cancel_at_row = &cancel;
	assert_null(
		run_with(run_tree, &(struct run_wish){ .cancelled = &cancel }, &memory, &result));
	assert_null(result.failure);
	assert_string_equal(memory.text.data, "0:4,System,- 1:8,smss,- incomplete:cancelled");
	memory_drop(&memory.sink);
}

static void a_full_disk_ends_the_run_and_the_sink_is_ended_all_the_same(void **state)
{
	(void)state;
	struct memory memory;
	struct run_result result = { 0 };
	memory_init(&memory);
	memory.fail_at = 3;
	assert_null(run_with(run_tree, NULL, &memory, &result));
	EI_OWNED(ei_error) failure = result.failure;
	assert_non_null(failure);
	assert_int_equal(ei_error_code(failure), EI_E_IO);
	assert_int_equal(memory.rows, 3); // the plugin was told to stop
	assert_int_equal(result.trailer.rows, 2);
	assert_int_equal(memory.ends, 1);
	memory_drop(&memory.sink);
}

// ---- filters --------------------------------------------------------------------------------

static void filters_choose_rows_as_volatility_does(void **state)
{
	(void)state;
	static const struct {
		const char *filters[2];
		const char *expected;
	} cases[] = {
		{ { "name,s" }, "0:4,System,- 1:8,smss,- 2:12,csrss,- complete" },
		{ { "+name,sm" }, "0:8,smss,- complete" },
		{ { "-name,s" }, "0:16,winlogon,- 0:20,explorer,- 1:24,cmd,- complete" },
		{ { "4" }, "0:4,System,- 0:24,cmd,- complete" }, // any column
		{ { "NUM,^.$!" }, "0:4,System,- 1:8,smss,- complete" },
		{ { "name,^[cw].*n?$!" }, "0:12,csrss,- 0:16,winlogon,- 0:24,cmd,- complete" },
		{ { "name,cmd", "number,12" }, "0:12,csrss,- 0:24,cmd,- complete" },
		{ { "name,a,b" }, "complete" }, // the pattern is "a,b"
		{ { "extra,-" }, WHOLE " complete" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		expect_run(run_tree,
			&(struct run_wish){ .filters = cases[i].filters,
				.filter_count = cases[i].filters[1] ? 2 : 1 },
			cases[i].expected);
}

static void children_of_a_filtered_row_hang_under_its_parent(void **state)
{
	(void)state;
	static const char *const filters[] = { "-name,smss" };
	expect_run(run_tree, &(struct run_wish){ .filters = filters, .filter_count = 1 },
		"0:4,System,- 1:12,csrss,- 1:16,winlogon,- 0:20,explorer,- 1:24,cmd,- complete");
}

static void a_hopeless_expression_ends(void **state)
{
	(void)state;
	static const char *const filters[] = { "name,^(\\w+\\s?)*$X!" };
	expect_run(
		run_tree, &(struct run_wish){ .filters = filters, .filter_count = 1 }, "complete");
}

static void wrong_filters_are_refused_before_anything_is_shown(void **state)
{
	(void)state;
	static const char *const cases[][2] = { { "nme,x", "like 'nme'" },
		{ "name,(!", "at character 2" } };
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct memory memory;
		struct run_result result = { 0 };
		memory_init(&memory);
		EI_OWNED(ei_error)
		error = run_with(run_tree,
			&(struct run_wish){ .filters = &cases[i][0], .filter_count = 1 }, &memory,
			&result);
		assert_non_null(error);
		assert_int_equal(ei_error_code(error), EI_E_USAGE);
		assert_non_null(strstr(ei_error_text(error), cases[i][1]));
		assert_int_equal(memory.ends, 0);
		memory_drop(&memory.sink);
	}
}

// ---- columns --------------------------------------------------------------------------------

// With "--only 4", or without.
static void expect_shape(struct run_wish wish, bool only, const char *expected)
{
	const ei_plugin plugin = SAMPLE(run_tree);
	char *words[] = { "--only", "4" };
	struct option_values values = { 0 };
	EI_OWNED(ei_arena) arena = NULL;
	assert_null(ei_arena_create(1 << 20, &arena));
	assert_null(options_parse(arena, &plugin, only ? 2 : 0, words, &values));
	wish.options = &values;
	expect_run(run_tree, &wish, expected);
}

static void columns_are_hidden_by_the_beginning_of_their_names(void **state)
{
	(void)state;
	static const char *const hidden[] = { "NA", "ext" };
	expect_shape(
		(struct run_wish){ .hidden = hidden, .hidden_count = 2 }, true, "0:4 complete");
}

// As "Offset(V)" is there without --physical, "Offset(P)" with it.
static void volatility_columns_come_and_go_with_options(void **state)
{
	(void)state;
	expect_shape((struct run_wish){ .compat = true, .limit = 1 }, false,
		"0:4,System,- incomplete:limit");
	expect_shape((struct run_wish){ .compat = true }, true, "0:4,System complete");
}

static void options_choose_rows(void **state)
{
	(void)state;
	expect_shape((struct run_wish){ 0 }, true, "0:4,System,- complete");
}

// ---- requirements ---------------------------------------------------------------------------

#define PROCESS_FIELDS(F, ALT)                                                                     \
	F(UniqueProcessId, UINT, MUST)                                                             \
	F(ImageFileName, CHARS, MUST)                                                              \
	F(CreateTime, TIME, MAY)
EI_TYPE(process, "_EPROCESS|_PROCESS", PROCESS_FIELDS);

static const ei_plugin needy = { EI_HEAD(needy), EI_COLUMNS(columns), EI_TYPES(&process_spec),
	EI_SYMBOLS("PsActiveProcessHead"), .run = run_tree, .purpose = "" };

#define ISF(fields, symbols)                                                                       \
	"{\"metadata\":{\"format\":\"6.2.0\",\"producer\":{\"name\":\"t\",\"version\":\"1\","      \
	"\"datetime\":\"2024-01-01\"}},\"base_types\":{\"unsigned long long\":{\"kind\":\"int\","  \
	"\"size\":8,\"signed\":false,\"endian\":\"little\"},\"pointer\":{\"kind\":\"int\","        \
	"\"size\":8,\"signed\":false,\"endian\":\"little\"}},\"enums\":{},\"symbols\":{" symbols   \
	"},\"user_types\":{" fields "}}"
#define MEMBER(name)                                                                               \
	"\"" name "\":{\"offset\":0,\"type\":{\"kind\":\"base\","                                  \
	"\"name\":\"unsigned long long\"}}"
#define TYPE(name, members)                                                                        \
	"\"" name "\":{\"kind\":\"struct\",\"size\":64,\"fields\":{" members "}}"

static void the_first_thing_missing_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *isf, *text;
	} cases[] = {
		{ ISF(TYPE("_OTHER", MEMBER("x")), "\"PsActiveProcessHead\":{\"address\":1}"),
			"has no type _EPROCESS|_PROCESS" },
		{ ISF(TYPE("_EPROCESS", MEMBER("UniqueProcessId")),
			  "\"PsActiveProcessHead\":{\"address\":1}"),
			"has no _EPROCESS.ImageFileName" },
		{ ISF(TYPE("_PROCESS", MEMBER("ImageFileName")),
			  "\"PsActiveProcessHead\":{\"address\":1}"),
			"has no _PROCESS.UniqueProcessId" },
		{ ISF(TYPE("_EPROCESS", MEMBER("UniqueProcessId") "," MEMBER("ImageFileName")),
			  "\"Other\":{\"address\":1}"),
			"has no symbol PsActiveProcessHead" },
		{ ISF(TYPE("_EPROCESS", MEMBER("UniqueProcessId") "," MEMBER("ImageFileName")),
			  "\"PsActiveProcessHead\":{\"address\":1}"),
			NULL },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		FX_WINDOWS(fx, "win10-19041-x64");
		fx_profile_parse(fx, cases[i].isf);
		session_prepare(fx);
		EI_OWNED(ei_error) error = run_check(&fx->session, &needy);
		if (!cases[i].text) {
			assert_null(error);
			continue;
		}
		assert_non_null(error);
		assert_int_equal(ei_error_code(error), EI_E_REQUIREMENT);
		if (strncmp(ei_error_text(error), "needy: profile '", 16) ||
			!strstr(ei_error_text(error), cases[i].text))
			fail_msg("%s", ei_error_text(error));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_as_they_are_emitted),
		cmocka_unit_test(numbers_go_into_any_numeric_column_and_absences_everywhere),
		cmocka_unit_test(a_value_of_the_wrong_kind_ends_the_run),
		cmocka_unit_test(a_forgotten_cell_ends_the_run),
		cmocka_unit_test(what_was_shown_before_a_failure_stays),
		cmocka_unit_test(a_limit_ends_the_run_and_is_said),
		cmocka_unit_test(notes_past_a_thousand_are_only_counted),
		cmocka_unit_test(cancellation_ends_the_run_and_is_said),
		cmocka_unit_test(a_full_disk_ends_the_run_and_the_sink_is_ended_all_the_same),
		cmocka_unit_test(filters_choose_rows_as_volatility_does),
		cmocka_unit_test(children_of_a_filtered_row_hang_under_its_parent),
		cmocka_unit_test(a_hopeless_expression_ends),
		cmocka_unit_test(wrong_filters_are_refused_before_anything_is_shown),
		cmocka_unit_test(columns_are_hidden_by_the_beginning_of_their_names),
		cmocka_unit_test(volatility_columns_come_and_go_with_options),
		cmocka_unit_test(options_choose_rows),
		cmocka_unit_test(the_first_thing_missing_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
