// Text in memory: where names, addresses and links begin and end.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/ioc_documents.h"

static struct fx fx;

static int tear_down(void **state)
{
	(void)state;
	fx_deinit(&fx);
	return 0;
}

struct claim {
	const char *term, *condition, *flags, *content;
	const char *memory; // '[' and ']' are around what was found, "~" is a zero
	bool wanted;
};

static bool answer(const struct claim *claim, bool labels)
{
	char document[1024], memory[128];
	snprintf(document, sizeof document,
		DOC(OR("<IndicatorItem id='i' condition='%s' %s><Context search='%s'/>"
		       "<Content>%s</Content></IndicatorItem>")),
		claim->condition, claim->flags, claim->term, claim->content);
	with(&fx, document);
	assert_int_equal(ioc_atom_count(fx.program), 1);
	struct ioc_text text = { .bytes = memory, .labels = labels };
	for (const char *at = claim->memory; *at; at++) {
		if (*at == '[')
			text.start = text.length;
		else if (*at == ']')
			text.end = text.length;
		else
			memory[text.length++] = *at == '~' ? '\0' : *at;
	}
	return ioc_text_answers(ioc_atom(fx.program, 0), &text);
}

static void assert_claims(const struct claim *claims, size_t count, bool labels)
{
	for (size_t i = 0; i < count; i++)
		if (answer(&claims[i], labels) != claims[i].wanted)
			fail_msg("'%s' %s '%s' in '%s' should %sfit", claims[i].term,
				claims[i].condition, claims[i].content, claims[i].memory,
				claims[i].wanted ? "" : "not ");
}

#define DNS "Network/DNS"

static void names_are_whole_at_labels(void **state)
{
	static const struct claim claims[] = {
		{ DNS, "is", PLAIN, "evil.com", "[evil.com]", true },
		{ DNS, "is", PLAIN, "evil.com", "a [evil.com] b", true },
		{ DNS, "is", PLAIN, "evil.com", "http://[evil.com]/x", true },
		{ DNS, "is", PLAIN, "evil.com", "to [EVIL.com]. Then", true },
		{ DNS, "is", PLAIN, "evil.com", "a@[evil.com]:80", true },
		{ DNS, "is", PLAIN, "evil.com", "\xff[evil.com]\xfe", true },
		{ DNS, "is", PLAIN, "evil.com", "not[evil.com]", false },
		{ DNS, "is", PLAIN, "evil.com", "not-[evil.com]", false },
		{ DNS, "is", PLAIN, "evil.com", "www.[evil.com]", false },
		{ DNS, "is", PLAIN, "evil.com", "[evil.com].au", false },
		{ DNS, "is", PLAIN, "evil.com", "[evil.com]-x.org", false },
		{ DNS, "is", PLAIN, "evil.com", "[evil.com]x", false },
		{ DNS, "is", CASED, "evil.com", "[EVIL.com]", false },
		{ DNS, "is", CASED, "evil.com", "[evil.com]", true },
		{ DNS, "contains", PLAIN, "evil.com", "not[evil.com].au", true },
		{ DNS, "contains", CASED, "evil.com", "not[Evil.com].au", false },
		{ "DnsEntryItem/Host", "is", PLAIN, "evil.com", "[evil.com].au", false },
		{ "DnsEntryItem/RecordName", "is", PLAIN, "evil.com", "[evil.com]", true },
		{ "urlMonitorEvent/hostname", "is", PLAIN, "evil.com", "www.[evil.com]", false },
		{ DNS, "ends-with", PLAIN, "evil.com", "www.[evil.com]", false }, // the run says
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims), false);
}

static void names_on_the_wire_end_with_a_zero(void **state)
{
	static const struct claim claims[] = {
		{ DNS, "is", PLAIN, "evil.com", "[\4evil\3com]~", true },
		{ DNS, "is", PLAIN, "evil.com", "ab~\1[\4evil\3com]~", true },
		{ DNS, "is", PLAIN, "evil.com", "[\4evil\3com]", true }, // the page ends
		{ DNS, "is", PLAIN, "evil.com", "[\4evil\3com]\2au~", false },
		{ DNS, "is", PLAIN, "evil.com", "~\3www[\4evil\3com]~", false },
		{ DNS, "is", PLAIN, "evil.com", "~~zww[\4evil\3com]~", true },
		{ DNS, "contains", PLAIN, "evil.com", "\3www[\4evil\3com]\2au~", true },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims), true);
}

#define IP "Network/IP"

static void addresses_are_whole_at_digits(void **state)
{
	static const struct claim claims[] = {
		{ IP, "is", PLAIN, "10.0.0.1", "GET http://[10.0.0.1]/x", true },
		{ IP, "is", PLAIN, "10.0.0.1", "at [10.0.0.1]:443", true },
		{ IP, "is", PLAIN, "10.0.0.1", "from [10.0.0.1].", true },
		{ IP, "is", PLAIN, "10.0.0.1", "1[10.0.0.1]", false },
		{ IP, "is", PLAIN, "10.0.0.1", "[10.0.0.1]0", false },
		{ IP, "is", PLAIN, "10.0.0.1", "[10.0.0.1].5", false },
		{ IP, "is", PLAIN, "10.0.0.1", "5.[10.0.0.1]", false },
		{ IP, "is", PLAIN, "2001:db8::1", "[[2001:db8::1]", true },
		{ IP, "is", PLAIN, "2001:db8::1", "[2001:db8::1]f", false },
		{ IP, "is", PLAIN, "2001:db8::1", "[2001:db8::1]:2", false },
		{ DNS, "is", PLAIN, "10.0.0.1", "1[10.0.0.1]", false },
		{ "Network/String", "is", PLAIN, "10.0.0.1", "[10.0.0.1]9", false },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims), false);
}

#define URL "UrlHistoryItem/URL"

static void links_and_mail_addresses_end_where_they_end(void **state)
{
	static const struct claim claims[] = {
		{ URL, "is", PLAIN, "http://e.org/a", "Visited: u@[http://e.org/a]", true },
		{ URL, "is", PLAIN, "http://e.org/a", "\"[http://e.org/a]\"", true },
		{ URL, "is", PLAIN, "http://e.org/a", "[http://e.org/a]/b", false },
		{ URL, "is", PLAIN, "http://e.org/a", "[http://e.org/a]?x", false },
		{ URL, "is", PLAIN, "http://e.org/a", "[http://e.org/a], and", true },
		{ URL, "is", PLAIN, "http://e.org/a", "[http://e.org/a].exe", false },
		{ URL, "is", PLAIN, "e.org/a", "http://[e.org/a]", true },
		{ URL, "is", PLAIN, "e.org/a", "some[e.org/a]", false },
		{ URL, "is", PLAIN, "e.org", "http://[e.org]/a", true }, // a host
		{ "Email/From", "is", PLAIN, "a@e.org", "From: <[a@e.org]>", true },
		{ "Email/From", "is", PLAIN, "a@e.org", "b.[a@e.org]", false },
		{ "Email/From", "is", PLAIN, "a@e.org", "b+[a@e.org]", false },
		{ "Email/From", "is", PLAIN, "a@e.org", "[a@e.org].uk", false },
		{ "Email/Attachment/Name", "is", PLAIN, "x.pps.exe", "name=\"[x.pps.exe]\"", true },
		{ "Network/UserAgent", "is", PLAIN, "Bad 1.0", "User-Agent: [Bad 1.0]\r", true },
		{ "Network/UserAgent", "is", PLAIN, "Bad 1.0", "Not[Bad 1.0]", false },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims), false);
}

// A string of a program is one by what is around it: that is asked of the whole of it.
static void strings_are_left_to_what_is_around_them(void **state)
{
	static const struct claim claims[] = {
		{ "ProcessItem/StringList/string", "is", PLAIN, "some words", "[some words]",
			false },
		{ "ProcessItem/StringList/string", "contains", PLAIN, "words", "some [words]",
			true },
		{ "ProcessItem/StringList/string", "starts-with", PLAIN, "some", "[some] words",
			false },
	};
	(void)state;
	assert_claims(claims, ARRAY_LENGTH(claims), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(names_are_whole_at_labels, tear_down),
		cmocka_unit_test_teardown(names_on_the_wire_end_with_a_zero, tear_down),
		cmocka_unit_test_teardown(addresses_are_whole_at_digits, tear_down),
		cmocka_unit_test_teardown(links_and_mail_addresses_end_where_they_end, tear_down),
		cmocka_unit_test_teardown(strings_are_left_to_what_is_around_them, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
