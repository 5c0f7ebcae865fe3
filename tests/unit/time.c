// Times as text, compared with the C library's calendar.
// SPDX-License-Identifier: Apache-2.0
#include "run/value_text.h"

#include "tests/fx/test.h"
#include <stdio.h>
#include <time.h>

static const uint64_t seconds_1601_to_1970 = 11644473600;

// What gmtime() and strftime() make of it.
static void library_text(uint64_t filetime, const char *format, char *out, size_t room)
{
	time_t seconds = (time_t)(filetime / 10000000) - (time_t)seconds_1601_to_1970;
	struct tm parts;
	assert_non_null(gmtime_r(&seconds, &parts));
	assert_true(strftime(out, room, format, &parts) > 0);
}

static void expect_as_library(uint64_t filetime)
{
	static const struct {
		enum time_style style;
		const char *format;
		bool fraction;
	} styles[] = {
		{ TIME_ISO, "%Y-%m-%dT%H:%M:%S", true },
		{ TIME_VOL3_ISO, "%Y-%m-%dT%H:%M:%S+00:00", false },
		{ TIME_VOL3_TEXT, "%Y-%m-%d %H:%M:%S.000000 UTC", false },
	};
	struct text text;
	text_init(&text, 128);
	for (size_t i = 0; i < ARRAY_LENGTH(styles); i++) {
		char wanted[128], whole[160];
		library_text(filetime, styles[i].format, wanted, sizeof wanted);
		snprintf(whole, sizeof whole, "%s", wanted);
		if (styles[i].fraction)
			snprintf(whole, sizeof whole, "%s.%06uZ", wanted,
				(unsigned)(filetime / 10 % 1000000));
		text_clear(&text);
		time_text(&text, filetime, styles[i].style);
		if (strcmp(text.data, whole))
			fail_msg("%llu is %s, want %s", (unsigned long long)filetime, text.data,
				whole);
	}
	text_deinit(&text);
}

static void every_day_of_eight_centuries_is_right(void **state)
{
	(void)state;
	static const uint64_t day = 864000000000;
	for (uint64_t days = 0; days < 2 * 146097; days++) {
		expect_as_library(days * day);
		if (days % 7 == 0)
			expect_as_library(days * day + day - 1);
	}
}

static void times_of_day_and_far_years_are_right(void **state)
{
	(void)state;
	for (uint64_t filetime = 1; filetime < UINT64_MAX / 3; filetime = filetime * 3 + 7)
		expect_as_library(filetime);
	expect_as_library(133549647131234567); // 2024-03-14T13:18:33.1234567Z
	expect_as_library(UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_day_of_eight_centuries_is_right),
		cmocka_unit_test(times_of_day_and_far_years_are_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
