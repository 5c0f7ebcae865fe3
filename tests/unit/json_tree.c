// The JSON reader: what it accepts, what it refuses and where.
// SPDX-License-Identifier: Apache-2.0
#include "base/json_tree.h"
#include "tests/fx/test.h"

#include <stdlib.h>

enum { TEXT_ROOM = 1024 };

static void bad_text_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "line 1, column 1: the file ends too early" },
		{ "  ", "line 1, column 3" },
		{ "[1,]", "column 4: unexpected byte" },
		{ "[1 2]", "column 4: want ','" },
		{ "[1}", "column 3: want ','" },
		{ "{\"a\" 1}", "column 6: want ':'" },
		{ "{\"a\":1,}", "column 8: want a name" },
		{ "{a:1}", "column 2: want a name" },
		{ "{\n\"a\":\n tru}", "line 3, column 2" },
		{ "[", "column 2" },
		{ "\"abc", "column 5: the file ends in a string" },
		{ "\"a\tb\"", "column 3: bad byte" },
		{ "\"\\x\"", "column 2: bad escape" },
		{ "\"\\u12\"", "column 2: bad escape" },
		{ "\"\\u0000\"", "column 2: bad escape" },
		{ "\"\\ud800\"", "column 2: bad escape" },
		{ "\"\\udc00\\ud800\"", "column 2: bad escape" },
		{ "\"\xc3\"", "column 2: bad byte" },
		{ "\"\xed\xa0\x80\"", "column 2: bad byte" },
		{ "01", "bad number" },
		{ "-", "bad number" },
		{ "1.", "bad number" },
		{ "1e+", "bad number" },
		{ "+1", "unexpected byte" },
		{ "1 x", "column 3: text after the end" },
		{ "NaN", "unexpected byte" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct tree *tree = NULL;
		size_t length = strlen(cases[i].text);
		char *text = malloc(length + 1); // exactly, for the sanitizer
		assert_non_null(text);
		memcpy(text, cases[i].text, length + 1);
		ei_error *error = tree_parse(text, length, &tree);
		if (!error || !strstr(ei_error_text(error), cases[i].says))
			fail_msg("'%s': %s", cases[i].text,
				error ? ei_error_text(error) : "was accepted");
		assert_null(tree);
		ei_error_drop(error);
		free(text);
	}
}

static struct tree *parse(char *text)
{
	struct tree *tree = NULL;
	ei_error *error = tree_parse(text, strlen(text), &tree);
	if (error)
		fail_msg("%s", ei_error_text(error));
	return tree;
}

static void strings_are_unescaped_in_place(void **state)
{
	(void)state;
	char text[] = "{\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\":\"\\u00e9\\ud83d\\ude00\xc3\xa9\"}";
	struct tree *tree = parse(text);
	struct tree_member member = tree_first(tree);
	assert_string_equal(member.key, "a\"\\/\b\f\n\r\tz");
	assert_string_equal(tree_text(member.value), "\xc3\xa9\xf0\x9f\x98\x80\xc3\xa9");
	free(tree);
}

static void numbers_keep_64_bits_and_no_more(void **state)
{
	(void)state;
	int64_t value = 0;
	char text[] = "{\"a\":9223372036854775807,\"b\":-9223372036854775807,"
		      "\"c\":9223372036854775808,\"d\":1.5,\"e\":-0,\"f\":1e3}";
	struct tree *tree = parse(text);
	assert_true(tree_integer(tree_get(tree, "a"), &value) && value == INT64_MAX);
	assert_true(tree_integer(tree_get(tree, "b"), &value) && value == -INT64_MAX);
	assert_true(tree_integer(tree_get(tree, "e"), &value) && value == 0);
	static const char *const reals[] = { "c", "d", "f" };
	for (size_t i = 0; i < ARRAY_LENGTH(reals); i++) {
		assert_int_equal(tree_get(tree, reals[i])->kind, TREE_REAL);
		assert_false(tree_integer(tree_get(tree, reals[i]), &value));
	}
	free(tree);
}

static void members_are_walked_past_what_they_hold(void **state)
{
	(void)state;
	char text[] = " { \"a\" : [ [ ] , { } , [ 1 , { \"x\" : null } ] ] , \"b\" : { \"c\" : "
		      "true } , \"d\" : { } , \"e\" : false } ";
	struct tree *tree = parse(text);
	struct tree_index index = { NULL, 0 };
	assert_int_equal(tree_count(tree), 4);
	assert_int_equal(tree_get(tree, "e")->kind, TREE_FALSE);
	assert_int_equal(tree_get(tree_get(tree, "b"), "c")->kind, TREE_TRUE);
	assert_int_equal(tree_count(tree_get(tree, "d")), 0);
	assert_null(tree_get(tree, "x"));
	assert_null(tree_get(NULL, "x"));
	assert_null(tree_get(tree_get(tree, "a"), "x"));
	assert_null(tree_index_init(&index, tree));
	assert_ptr_equal(tree_index_get(&index, "d"), tree_get(tree, "d"));
	assert_null(tree_index_get(&index, "x"));
	tree_index_deinit(&index);
	free(tree);
}

static void depth_is_bounded(void **state)
{
	(void)state;
	for (unsigned depth = 1; depth < 200; depth++) {
		char text[TEXT_ROOM];
		struct tree *tree = NULL;
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		text[2 * depth] = '\0';
		ei_error *error = tree_parse(text, 2 * depth, &tree);
		assert_int_equal(!error, depth <= TREE_DEPTH_MAX);
		ei_error_drop(error);
		free(tree);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_text_is_refused_with_its_place),
		cmocka_unit_test(strings_are_unescaped_in_place),
		cmocka_unit_test(numbers_keep_64_bits_and_no_more),
		cmocka_unit_test(members_are_walked_past_what_they_hold),
		cmocka_unit_test(depth_is_bounded),
	};
	return cmocka_run_group_tests_name("json_tree", tests, NULL, NULL);
}
