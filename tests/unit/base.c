// The ground: errors, arenas, bounded text, character sets.
// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

#include "tests/fx/test.h"

static void wrapping_keeps_the_code_and_puts_context_in_front(void **state)
{
	(void)state;
	EI_OWNED(ei_error)
	error = ei_fail(EI_E_FORMAT, "header is %d bytes long, want %d", 312, 8192);
	error = ei_wrap(error, "reading crash dump '%s'", "a.dmp");
	assert_string_equal(ei_error_text(error),
		"reading crash dump 'a.dmp': header is 312 bytes long, want 8192");
	assert_int_equal(ei_error_code(error), EI_E_FORMAT);
}

static void long_error_text_is_cut_not_overrun(void **state)
{
	(void)state;
	char long_text[4000];
	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	EI_OWNED(ei_error) error = ei_fail(EI_E_IO, "%s", long_text);
	error = ei_wrap(error, "%s", long_text);
	assert_true(strlen(ei_error_text(error)) < sizeof long_text);
}

static void arena_memory_is_zero_and_dies_at_the_mark(void **state)
{
	(void)state;
	EI_OWNED(ei_arena) arena = NULL;
	assert_null(ei_arena_create(1 << 20, &arena));
	uint8_t *first = ei_alloc(arena, 100);
	ei_mark mark = ei_arena_mark(arena);
	uint8_t *second = ei_alloc(arena, 100000);
	assert_non_null(second);
	memset(second, 0xaa, 100000);
	ei_arena_rewind(arena, mark);
	uint8_t *third = ei_alloc(arena, 100);
	assert_ptr_equal(third, first + 112); // 16-byte steps
	for (int i = 0; i < 100; i++)
		assert_int_equal(third[i], 0);
}

static void arena_refuses_what_is_over_its_cap(void **state)
{
	(void)state;
	EI_OWNED(ei_arena) arena = NULL;
	assert_null(ei_arena_create(10000, &arena));
	assert_null(ei_alloc(arena, 10001));
	assert_null(ei_alloc(arena, SIZE_MAX));
	assert_non_null(ei_alloc(arena, 9000));
	assert_null(ei_alloc(arena, 9000));
	assert_non_null(ei_alloc(arena, 500));
}

static void rewinding_an_arena_to_its_start_frees_everything(void **state)
{
	(void)state;
	EI_OWNED(ei_arena) arena = NULL;
	assert_null(ei_arena_create(200000, &arena));
	ei_mark start = ei_arena_mark(arena);
	for (int round = 0; round < 100; round++) {
		assert_non_null(ei_alloc(arena, 150000));
		ei_arena_rewind(arena, start);
	}
}

static void text_stops_at_its_cap_and_says_so(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, 16);
	text_add(&text, "0123456789", 10);
	assert_false(text.cut);
	text_addf(&text, "%s", "0123456789");
	assert_true(text.cut);
	assert_string_equal(text.data, "0123456789");
	text_add(&text, "x", 1); // once cut, nothing may look like a continuation
	assert_string_equal(text.data, "0123456789");
	text_deinit(&text);
}

static const struct {
	const char *utf16;
	size_t length;
	const char *utf8;
} conversions[] = {
	{ "A\0\xe4\0", 4, "A\xc3\xa4" },
	{ "\x3d\xd8\x00\xde", 4, "\xf0\x9f\x98\x80" }, // a pair
	{ "\x3d\xd8", 2, "\xef\xbf\xbd" },             // a high half alone, at the end
	{ "\x3d\xd8"
	  "A\0",
		4,
		"\xef\xbf\xbd"
		"A" },                     // and before something else
	{ "\x00\xde", 2, "\xef\xbf\xbd" }, // a low half alone
	{ "\xac\x20", 2, "\xe2\x82\xac" },
	{ "A\0B", 3, "A" }, // an odd byte is left
	{ "", 0, "" },
};

static void utf16_becomes_utf8_whatever_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(conversions); i++) {
		char out[32];
		size_t length = utf16_to_utf8(
			(const uint8_t *)conversions[i].utf16, conversions[i].length, out);
		assert_string_equal(out, conversions[i].utf8);
		assert_int_equal(length, strlen(conversions[i].utf8));
	}
}

// Against the definition, for every pair of first and second bytes.
static bool valid_by_decoding(const uint8_t *at, size_t length)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code = length == 1 ? at[0] : at[0] & (0x7f >> length);
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return false;
		code = code << 6 | (at[i] & 0x3f);
	}
	return code >= least[length] && code < 0x110000 && (code < 0xd800 || code > 0xdfff);
}

static void utf8_sequences_are_told_as_by_definition(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++)
		for (unsigned second = 0; second < 256; second++) {
			uint8_t bytes[4] = { (uint8_t)first, (uint8_t)second, 0x80, 0x80 };
			size_t want = first < 0x80   ? 1
				      : first < 0xc0 ? 0
				      : first < 0xe0 ? 2
				      : first < 0xf0 ? 3
				      : first < 0xf8 ? 4
						     : 0;
			if (want && !valid_by_decoding(bytes, want))
				want = 0;
			assert_int_equal(utf8_sequence(bytes, 4), want);
			assert_int_equal(utf8_sequence(bytes, 1), want == 1 ? 1 : 0);
		}
}

static void spans_do_not_overflow(void **state)
{
	(void)state;
	assert_true(span_inside(0, 0, 0));
	assert_true(span_inside(4, 4, 8));
	assert_false(span_inside(5, 4, 8));
	assert_false(span_inside(UINT64_MAX, 2, 8));
	assert_false(span_inside(2, UINT64_MAX, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrapping_keeps_the_code_and_puts_context_in_front),
		cmocka_unit_test(long_error_text_is_cut_not_overrun),
		cmocka_unit_test(arena_memory_is_zero_and_dies_at_the_mark),
		cmocka_unit_test(arena_refuses_what_is_over_its_cap),
		cmocka_unit_test(rewinding_an_arena_to_its_start_frees_everything),
		cmocka_unit_test(text_stops_at_its_cap_and_says_so),
		cmocka_unit_test(utf16_becomes_utf8_whatever_it_is),
		cmocka_unit_test(utf8_sequences_are_told_as_by_definition),
		cmocka_unit_test(spans_do_not_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
