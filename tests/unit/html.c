// Pages of HTML: nothing that evidence says becomes markup, hides, or runs.
// SPDX-License-Identifier: Apache-2.0
#include "out/html.h"

#include "tests/fx/test.h"
#include <openssl/evp.h>
#include <openssl/sha.h>

static char *text_of(const char *bytes, size_t length)
{
	struct html page;
	html_init(&page, 1 << 20);
	html_text(&page, bytes, length);
	char *copy = strdup(page.out.data ? page.out.data : "");
	html_deinit(&page);
	return copy;
}

static void text_is_no_markup(void **state)
{
	static const struct {
		const char *said, *shown;
	} cases[] = {
		{ "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;" },
		{ "\"onload='x'", "&quot;onload=&#39;x&#39;" },
		{ "&lt;b&gt; &#60;", "&amp;lt;b&amp;gt; &amp;#60;" },
		{ "</style></code>", "&lt;/style&gt;&lt;/code&gt;" },
		{ "<!-- ]]> -->", "&lt;!-- ]]&gt; --&gt;" },
		{ "a\tb\r\nc", "a\\tb\\r\\nc" },
		{ "\x1b[31m\x07", "\\x1b[31m\\x07" },
		{ "abc\xe2\x80\xaegnp.exe", "abc\\u{202e}gnp.exe" },    // right-to-left override
		{ "a\xe2\x80\x8b\xef\xbb\xbf", "a\\u{200b}\\u{feff}" }, // nothing that is not seen
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },                  // a lone surrogate
		{ "\xff\xfe<", "\\xff\\xfe&lt;" },
		{ "\xd1\x84\xd0\xb0\xd0\xb9\xd0\xbb", "\xd1\x84\xd0\xb0\xd0\xb9\xd0\xbb" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		char *shown = text_of(cases[i].said, strlen(cases[i].said));
		assert_string_equal(shown, cases[i].shown);
		free(shown);
	}
}

static void nul_does_not_end_a_text(void **state)
{
	(void)state;
	char *shown = text_of("a\0<b", 4);
	assert_string_equal(shown, "a\\x00&lt;b");
	free(shown);
}

static void no_two_bytes_become_markup(void **state)
{
	(void)state;
	for (unsigned pair = 0; pair < 0x10000; pair++) {
		char bytes[2] = { (char)(pair >> 8), (char)pair };
		char *shown = text_of(bytes, 2);
		assert_null(strpbrk(shown, "<>\"'"));
		for (const char *at = shown; *at; at++)
			assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
		for (const char *at = strchr(shown, '&'); at; at = strchr(at + 1, '&'))
			assert_true(
				strchr(at, ';') && strspn(at + 1, "#abcdefglmnopqrstu0123456789"));
		free(shown);
	}
}

static void value_is_in_its_element(void **state)
{
	struct html page;
	(void)state;
	html_init(&page, 1 << 20);
	html_value(&page, "</code><img>", 12);
	assert_string_equal(page.out.data, "<code class=\"v\">&lt;/code&gt;&lt;img&gt;</code>");
	html_deinit(&page);
}

static void whole_page(struct html *page)
{
	html_init(page, 1 << 20);
	assert_null(html_begin(page, "a <title>"));
	html_say(page, "</body><script>alert(1)</script>");
	html_end(page);
	assert_false(page->out.cut);
}

// The hash of what stands between the tags, as the policy has it.
static void expect_allowed(
	const char *page, const char *policy, const char *open, const char *close)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char base64[64], want[128];
	const char *start = strstr(page, open);
	assert_non_null(start);
	start += strlen(open);
	const char *end = strstr(start, close);
	assert_non_null(end);
	SHA256((const unsigned char *)start, (size_t)(end - start), hash);
	EVP_EncodeBlock((unsigned char *)base64, hash, sizeof hash);
	snprintf(want, sizeof want, "%s 'sha256-%s'", policy, base64);
	assert_non_null(strstr(page, want));
}

static void only_its_own_style_and_script_are_allowed(void **state)
{
	struct html page;
	(void)state;
	whole_page(&page);
	assert_non_null(strstr(page.out.data,
		"content=\"default-src 'none'; base-uri 'none'; form-action 'none'; style-src "));
	expect_allowed(page.out.data, "style-src", "<style>", "</style>");
	expect_allowed(page.out.data, "script-src", "<script>", "</script>");
	assert_null(strstr(page.out.data, "unsafe"));
	html_deinit(&page);
}

static void policy_stands_before_everything_that_it_rules(void **state)
{
	struct html page;
	(void)state;
	whole_page(&page);
	const char *policy = strstr(page.out.data, "Content-Security-Policy");
	assert_true(policy && policy < strstr(page.out.data, "<style>"));
	assert_true(policy < strstr(page.out.data, "<title>"));
	assert_non_null(strstr(page.out.data, "<title>a &lt;title&gt;</title>"));
	html_deinit(&page);
}

static void page_reaches_nowhere(void **state)
{
	static const char *const ways[] = { "http:", "https:", "//cdn", "url(", "@import",
		"src=", "<link", "<iframe", "fetch(", "XMLHttpRequest", "eval(", "innerHTML" };
	struct html page;
	(void)state;
	whole_page(&page);
	for (size_t i = 0; i < ARRAY_LENGTH(ways); i++)
		assert_null(strstr(page.out.data, ways[i]));
	html_deinit(&page);
}

static void page_over_its_cap_is_cut(void **state)
{
	struct html page;
	(void)state;
	html_init(&page, 4096);
	assert_null(html_begin(&page, "x"));
	html_end(&page);
	assert_true(page.out.cut);
	html_deinit(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_no_markup),
		cmocka_unit_test(nul_does_not_end_a_text),
		cmocka_unit_test(no_two_bytes_become_markup),
		cmocka_unit_test(value_is_in_its_element),
		cmocka_unit_test(only_its_own_style_and_script_are_allowed),
		cmocka_unit_test(policy_stands_before_everything_that_it_rules),
		cmocka_unit_test(page_reaches_nowhere),
		cmocka_unit_test(page_over_its_cap_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
