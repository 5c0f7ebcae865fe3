// Timelines: order, what does not fit into memory, bounds, and the formats of others.
// SPDX-License-Identifier: Apache-2.0
#include "out/timeline.h"

#include "tests/fx/test.h"
#include <pthread.h>
#include <stdlib.h>

enum { PID, NAME, MADE, GONE, MADE_TOO, PLACE, COLUMNS };

static const ei_column columns[COLUMNS] = {
	[PID] = { "pid", EI_UINT, "" },
	[NAME] = { "name", EI_STR, "" },
	[MADE] = { "created", EI_TIME, "" },
	[GONE] = { "exited", EI_TIME, "" },
	[MADE_TOO] = { "loaded", EI_TIME, "" },
	[PLACE] = { "timestamp", EI_ADDR, "" },
};

static const ei_plugin plugin = { .name = "sample", EI_COLUMNS(columns) };

static const struct shown_column shown[COLUMNS] = {
	{ &columns[PID], "pid", PID },
	{ &columns[NAME], "name", NAME },
	{ &columns[MADE], "created", MADE },
	{ &columns[GONE], "exited", GONE },
	{ &columns[MADE_TOO], "loaded", MADE_TOO },
	{ &columns[PLACE], "timestamp", PLACE },
};

static const struct table table = { .columns = shown, .count = COLUMNS };

static const uint64_t filetime_2024 = 133590312001234567; // 2024-05-01T10:00:00.1234567

static ei_val time_or_none(uint64_t time)
{
	return time ? ei_of(EI_TIME, time) : ei_absent(EI_NONE);
}

static void row(struct row_sink *sink, uint64_t pid, const char *name, uint64_t made, uint64_t gone)
{
	assert_null(row_sink_row(sink, 0,
		(ei_val[COLUMNS]){
			[PID] = ei_uint(pid),
			[NAME] = name ? ei_str(name) : ei_absent(EI_UNREADABLE),
			[MADE] = time_or_none(made),
			[GONE] = time_or_none(gone),
			[MADE_TOO] = ei_absent(EI_NO_FIELD),
			[PLACE] = ei_addr(0x1000),
		}));
}

static struct timeline *timeline_of(size_t memory, uint64_t most)
{
	struct timeline *timeline = NULL;
	struct timeline_wish wish = { .memory = memory, .source_max = most, .fields = true };
	assert_null(timeline_create(&wish, &timeline));
	return timeline;
}

static struct row_sink *source(struct timeline *timeline, unsigned rank)
{
	struct row_sink *sink = NULL;
	assert_null(timeline_source(timeline, rank, &plugin, NULL, &sink));
	assert_null(row_sink_begin(sink, &table));
	return sink;
}

static void source_end(struct row_sink *sink)
{
	assert_null(row_sink_end(sink, &(struct trailer){ .complete = true }));
	row_sink_drop(sink);
}

static struct row_sink *worded_source(struct timeline *timeline, const struct timeline_forms *forms)
{
	struct row_sink *sink = NULL;
	assert_null(timeline_source(timeline, 0, &plugin, forms, &sink));
	assert_null(row_sink_begin(sink, &table));
	return sink;
}

// ---- what comes out -------------------------------------------------------------------------

static ei_error *write_event(void *context, const struct timeline_event *event)
{
	struct text *out = context;
	text_addf(out, "%llu %s %d: %.*s\n", (unsigned long long)event->time, event->column->name,
		event->is_first, (int)event->description_length, event->description);
	return NULL;
}

static void expect_events(struct timeline *timeline, const char *want)
{
	struct text out;
	text_init(&out, 1 << 20);
	assert_null(timeline_each(timeline, write_event, &out));
	assert_string_equal(out.data ? out.data : "", want);
	text_deinit(&out);
	timeline_drop(timeline);
}

static void events_are_in_order_of_time_then_source(void **state)
{
	(void)state;
	struct timeline *timeline = timeline_of(1 << 20, 0);
	struct row_sink *late = source(timeline, 1), *early = source(timeline, 0);
	row(late, 4, "b", 20, 0);
	row(late, 4, "a", 20, 30);
	row(early, 9, NULL, 20, 10);
	source_end(late);
	source_end(early);
	expect_events(timeline, "10 exited 0: pid 9, timestamp 0x1000\n"
				"20 created 1: pid 9, timestamp 0x1000\n"
				"20 created 1: name a, pid 4, timestamp 0x1000\n"
				"20 created 1: name b, pid 4, timestamp 0x1000\n"
				"30 exited 0: name a, pid 4, timestamp 0x1000\n");
}

static void rows_without_times_are_no_events(void **state)
{
	(void)state;
	struct timeline *timeline = timeline_of(1 << 20, 0);
	struct row_sink *sink = source(timeline, 0);
	row(sink, 4, "a", 0, 0);
	source_end(sink);
	expect_events(timeline, "");
}

static void same_event_is_given_once(void **state)
{
	(void)state;
	struct timeline *timeline = timeline_of(0, 0);
	struct row_sink *sink = source(timeline, 0);
	for (int i = 0; i < 3; i++)
		row(sink, 4, "a", 20, 0);
	source_end(sink);
	expect_events(timeline, "20 created 1: name a, pid 4, timestamp 0x1000\n");
}

static const struct timeline_forms forms = { "sample",
	{
		{ "created", TIMELINE_CREATED, "{name} is {pid} at {timestamp}", { 0 } },
		{ "exited", TIMELINE_MODIFIED, "{name} ends", { "name", "exited" } },
		{ "loaded", TIMELINE_CREATED, "{name} is loaded", { 0 }, "loaded" },
	} };

static void events_of_forms_say_what_they_are_told_to(void **state)
{
	(void)state;
	struct timeline *timeline = timeline_of(1 << 20, 0);
	struct row_sink *sink = worded_source(timeline, &forms);
	row(sink, 4, "a", 20, 30);
	row(sink, 5, NULL, 40, 50);
	source_end(sink);
	expect_events(timeline, "0 loaded 1: N/A is loaded\n"
				"0 loaded 1: a is loaded\n"
				"20 created 1: a is 4 at 4096\n"
				"30 exited 1: a ends\n"
				"40 created 1: N/A is 5 at 4096\n");
}

static void what_has_no_time_is_last_in_the_order_by_kind(void **state)
{
	(void)state;
	struct timeline *timeline = NULL;
	struct timeline_wish wish = { .memory = 1 << 20, .by_kind = true };
	struct timeline_forms two = forms;
	two.forms[2] = (struct timeline_form){ 0 };
	assert_null(timeline_create(&wish, &timeline));
	struct row_sink *sink = worded_source(timeline, &two);
	row(sink, 4, "none", 0, 0);
	row(sink, 5, "gone", 0, 7);
	row(sink, 6, "made", 20, 0);
	source_end(sink);
	expect_events(timeline, "20 created 1: made is 6 at 4096\n"
				"7 exited 1: gone ends\n"
				"0 created 1: gone is 5 at 4096\n"
				"0 created 1: none is 4 at 4096\n");
}

static void second_time_of_a_kind_stands_alone(void **state)
{
	(void)state;
	struct timeline *timeline = timeline_of(1 << 20, 0);
	struct row_sink *sink = source(timeline, 0);
	assert_null(row_sink_row(sink, 0,
		(ei_val[COLUMNS]){
			[PID] = ei_uint(4),
			[NAME] = ei_absent(EI_NONE),
			[MADE] = ei_of(EI_TIME, 10),
			[GONE] = ei_absent(EI_NONE),
			[MADE_TOO] = ei_of(EI_TIME, 20),
			[PLACE] = ei_absent(EI_NONE),
		}));
	source_end(sink);
	expect_events(timeline, "10 created 1: pid 4\n20 loaded 1: pid 4\n");
}

static void events_past_the_bound_are_left_out_and_that_is_known(void **state)
{
	(void)state;
	struct timeline *timeline = timeline_of(1 << 20, 2);
	struct row_sink *cut = source(timeline, 0), *whole = source(timeline, 1);
	for (uint64_t time = 1; time <= 3; time++)
		row(cut, time, NULL, time, 0);
	row(whole, 7, NULL, 7, 0);
	source_end(cut);
	source_end(whole);
	assert_true(timeline_is_cut(timeline, 0));
	assert_false(timeline_is_cut(timeline, 1));
	expect_events(timeline,
		"1 created 1: pid 1, timestamp 0x1000\n2 created 1: pid 2, timestamp 0x1000\n"
		"7 created 1: pid 7, timestamp 0x1000\n");
}

static void long_cells_are_cut_between_characters(void **state)
{
	(void)state;
	char name[2000];
	memset(name, 'x', sizeof name);
	for (size_t i = 1; i + 2 < sizeof name; i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	name[sizeof name - 1] = '\0';
	struct timeline *timeline = timeline_of(1 << 20, 0);
	struct row_sink *sink = source(timeline, 0);
	row(sink, 4, name, 20, 0);
	source_end(sink);
	struct text out;
	text_init(&out, 1 << 20);
	assert_null(timeline_each(timeline, write_event, &out));
	assert_non_null(strstr(out.data, "\xc3\xa9..., pid 4"));
	assert_true(out.length < 700);
	text_deinit(&out);
	timeline_drop(timeline);
}

// ---- more than fits into memory -------------------------------------------------------------

enum { SOURCES = 3, ROWS = 60000 }; // of about 250 bytes: two pieces a source

struct filling {
	struct timeline *timeline;
	unsigned rank;
};

static void *fill(void *argument)
{
	const struct filling *filling = argument;
	struct row_sink *sink = source(filling->timeline, filling->rank);
	uint64_t random = filling->rank + 1;
	char name[160];
	for (int i = 0; i < ROWS; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		snprintf(name, sizeof name, "%0*llu", (int)(random >> 57),
			(unsigned long long)random);
		row(sink, random >> 40, name, 1 + (random >> 20) % 100000, 0);
	}
	source_end(sink);
	return NULL;
}

struct sum {
	uint64_t count, last, hash;
};

static ei_error *add_event(void *context, const struct timeline_event *event)
{
	struct sum *sum = context;
	assert_true(event->time >= sum->last);
	sum->last = event->time;
	sum->count++;
	for (size_t i = 0; i < event->description_length + event->fields_length; i++)
		sum->hash = (sum->hash ^ (uint8_t)event->description[i]) * 1099511628211u;
	return NULL;
}

static struct sum sum_with(size_t memory)
{
	struct timeline *timeline = timeline_of(memory, 0);
	pthread_t threads[SOURCES];
	struct filling fillings[SOURCES];
	for (unsigned i = 0; i < SOURCES; i++) {
		fillings[i] = (struct filling){ timeline, i };
		assert_int_equal(pthread_create(&threads[i], NULL, fill, &fillings[i]), 0);
	}
	for (unsigned i = 0; i < SOURCES; i++)
		pthread_join(threads[i], NULL);
	struct sum sum = { 0 };
	assert_null(timeline_each(timeline, add_event, &sum));
	timeline_drop(timeline);
	return sum;
}

static void what_does_not_fit_into_memory_is_the_same(void **state)
{
	(void)state;
	struct sum all = sum_with(1 << 30), none = sum_with(0), some = sum_with(12 << 20);
	assert_int_equal(all.count, SOURCES * ROWS);
	assert_memory_equal(&all, &none, sizeof all);
	assert_memory_equal(&all, &some, sizeof all);
}

static void folder_that_is_not_there_is_said(void **state)
{
	(void)state;
	setenv("TMPDIR", "/nowhere/at/all", 1);
	struct timeline *timeline = timeline_of(0, 0);
	struct row_sink *sink = source(timeline, 0);
	row(sink, 4, "a", 20, 0);
	EI_OWNED(ei_error) error = row_sink_end(sink, &(struct trailer){ .complete = true });
	unsetenv("TMPDIR");
	assert_non_null(error);
	assert_int_equal(ei_error_code(error), EI_E_IO);
	assert_non_null(strstr(ei_error_text(error), "/nowhere/at/all"));
	row_sink_drop(sink);
	expect_events(timeline, "");
}

// ---- formats --------------------------------------------------------------------------------

struct formats {
	struct text body, sketch;
};

static ei_error *format_event(void *context, const struct timeline_event *event)
{
	struct formats *formats = context;
	if (event->is_first)
		timeline_body(&formats->body, event);
	timeline_timesketch(&formats->sketch, event, "a \"b\".raw");
	return NULL;
}

static void formats_of_others_are_theirs(void **state)
{
	(void)state;
	struct timeline *timeline = timeline_of(1 << 20, 0);
	struct row_sink *sink = source(timeline, 0);
	row(sink, 4, "a|b\n", filetime_2024, filetime_2024 + 10000000);
	source_end(sink);
	struct formats formats;
	text_init(&formats.body, 1 << 16);
	text_init(&formats.sketch, 1 << 16);
	assert_null(timeline_each(timeline, format_event, &formats));
	assert_string_equal(formats.body.data,
		"0|sample - name a_b\\n, pid 4, timestamp 0x1000|0|0|0|0|0|0|1714557601|0|"
		"1714557600\n");
	assert_string_equal(formats.sketch.data,
		"{\"message\":\"name a|b\\n, pid 4, timestamp 0x1000\","
		"\"datetime\":\"2024-05-01T10:00:00.123456Z\",\"timestamp\":1714557600123456,"
		"\"timestamp_desc\":\"sample created\",\"data_type\":\"windows:memory:sample\","
		"\"plugin\":\"sample\",\"image\":\"a \\\"b\\\".raw\",\"pid\":4,\"name\":\"a|b\\n\","
		"\"created\":\"2024-05-01T10:00:00.123456Z\","
		"\"exited\":\"2024-05-01T10:00:01.123456Z\",\"timestamp_\":\"0x1000\"}\n"
		"{\"message\":\"name a|b\\n, pid 4, timestamp 0x1000\","
		"\"datetime\":\"2024-05-01T10:00:01.123456Z\",\"timestamp\":1714557601123456,"
		"\"timestamp_desc\":\"sample exited\",\"data_type\":\"windows:memory:sample\","
		"\"plugin\":\"sample\",\"image\":\"a \\\"b\\\".raw\",\"pid\":4,\"name\":\"a|b\\n\","
		"\"created\":\"2024-05-01T10:00:00.123456Z\","
		"\"exited\":\"2024-05-01T10:00:01.123456Z\",\"timestamp_\":\"0x1000\"}\n");
	text_deinit(&formats.body);
	text_deinit(&formats.sketch);
	timeline_drop(timeline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_in_order_of_time_then_source),
		cmocka_unit_test(rows_without_times_are_no_events),
		cmocka_unit_test(same_event_is_given_once),
		cmocka_unit_test(events_of_forms_say_what_they_are_told_to),
		cmocka_unit_test(what_has_no_time_is_last_in_the_order_by_kind),
		cmocka_unit_test(second_time_of_a_kind_stands_alone),
		cmocka_unit_test(events_past_the_bound_are_left_out_and_that_is_known),
		cmocka_unit_test(long_cells_are_cut_between_characters),
		cmocka_unit_test(what_does_not_fit_into_memory_is_the_same),
		cmocka_unit_test(folder_that_is_not_there_is_said),
		cmocka_unit_test(formats_of_others_are_theirs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
