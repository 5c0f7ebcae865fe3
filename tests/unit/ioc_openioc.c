// The reader of OpenIOC: what documents say, in what order they say it, and what they may not do.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/ioc_documents.h"

static struct fx fx;

static int tear_down(void **state)
{
	(void)state;
	fx_deinit(&fx);
	return 0;
}

static const struct ioc_indicator *only(void)
{
	assert_int_equal(ioc_set_count(fx.set), 1);
	return ioc_set_at(fx.set, 0);
}

static const char *first_note(void)
{
	return ioc_set_note_count(fx.set) ? ioc_set_note(fx.set, 0)->text : "";
}

static void assert_note(const char *part)
{
	for (size_t i = 0; i < ioc_set_note_count(fx.set); i++)
		if (strstr(ioc_set_note(fx.set, i)->text, part))
			return;
	fail_msg("no note says '%s'; the first is '%s'", part, first_note());
}

// The file is skipped, with exactly one note, which says `part`.
static void assert_broken(const char *part)
{
	assert_int_equal(ioc_set_count(fx.set), 0);
	assert_int_equal(ioc_set_file_count(fx.set), 1);
	assert_true(ioc_set_file(fx.set, 0)->broken);
	assert_int_equal(ioc_set_note_count(fx.set), 1);
	assert_true(ioc_set_note(fx.set, 0)->broken);
	assert_note(part);
	assert_null(strchr(first_note(), '\n'));
}

static const char document_11[] =
	"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
	"<OpenIOC xmlns=\"http://openioc.org/schemas/OpenIOC_1.1\" id=\"doc-1\">\n"
	"<metadata><short_description> A name </short_description><description>Text &amp; more"
	"</description><links><link rel=\"family\">X</link></links></metadata>\n"
	"<criteria><Indicator operator=\"OR\" id=\"g\">\n"
	"<IndicatorItem id=\"i1\" condition=\"starts-with\" preserve-case=\"true\" "
	"negate=\"true\">\n"
	"<Context document=\"ProcessItem\" search=\"ProcessItem/Name\" type=\"mir\"/>"
	"<Content type=\"string\"><![CDATA[<a>]]>&#x62;</Content></IndicatorItem>\n"
	"<Indicator operator=\"and\"><IndicatorItem condition=\"is\"><Context search=\"eventItem/"
	"processEvent/process\"/><Content>x</Content></IndicatorItem></Indicator>\n"
	"</Indicator></criteria><parameters><param id=\"p\" ref-id=\"i1\" "
	"name=\"note\"><value>v</value>"
	"</param></parameters></OpenIOC>";

static void a_document_is_read_as_it_stands(void **state)
{
	(void)state;
	reads(&fx, "a.ioc", document_11);
	const struct ioc_indicator *indicator = only();
	assert_string_equal(indicator->id, "doc-1");
	assert_string_equal(indicator->name, "A name");
	assert_string_equal(indicator->description, "Text & more");
	assert_int_equal(indicator->format, IOC_OPENIOC_11);
	assert_string_equal(indicator->links->name, "family");
	assert_string_equal(indicator->links->value, "X");
	assert_int_equal(indicator->leaves, 2);
	assert_int_equal(indicator->nodes, 4);
	const struct ioc_node *root = indicator->root;
	assert_int_equal(root->kind, IOC_OR);
	const struct ioc_node *leaf = root->first;
	assert_int_equal(leaf->kind, IOC_LEAF);
	assert_int_equal(leaf->line, 5);
	assert_string_equal(leaf->id, "i1");
	assert_string_equal(leaf->leaf.value, "<a>b");
	assert_string_equal(leaf->leaf.term->name, "ProcessItem/name");
	assert_string_equal(leaf->leaf.written, "ProcessItem/Name");
	assert_int_equal(leaf->leaf.condition, IOC_STARTS);
	assert_true(leaf->leaf.negated && leaf->leaf.case_sensitive && !leaf->leaf.exclusion);
	assert_string_equal(ioc_param(leaf, "note"), "v");
	assert_int_equal(leaf->next->kind, IOC_AND);
	const struct ioc_term *term = leaf->next->first->leaf.term;
	assert_string_equal(term->name, "processEvent/process");
	assert_string_equal(term->domain, "ProcessItem");
	assert_string_equal(term->from->name, "ProcessItem/name");
}

static void conditions_of_1_0_that_exclude_are_told(void **state)
{
	(void)state;
	reads(&fx, "a.ioc",
		DOC_10(AND(ITEM_OF("isnot", "", "FileItem/FileName", "a")
				ITEM_OF("containsnot", "", "FileItem/FileName", "b"))));
	assert_int_equal(only()->format, IOC_OPENIOC_10);
	const struct ioc_leaf *leaf = &only()->root->first->leaf;
	assert_true(leaf->negated && leaf->exclusion && leaf->condition == IOC_IS);
	leaf = &only()->root->first->next->leaf;
	assert_true(leaf->negated && leaf->exclusion && leaf->condition == IOC_CONTAINS);
}

static void attributes_of_1_1_count_in_1_0(void **state)
{
	(void)state;
	reads(&fx, "a.ioc",
		DOC_10(AND(IS("FileItem/FileName", "a") NOT_IS("FileItem/FileName", "b"))));
	assert_true(only()->root->first->next->leaf.negated);
	assert_false(only()->root->first->next->leaf.exclusion);
}

static void any_order_of_elements_is_read(void **state)
{
	(void)state;
	reads(&fx, "a.ioc",
		"<OpenIOC id='d'><parameters><param ref-id='i' "
		"name='score'><value>5</value></param></parameters>"
		"<criteria>" OR("<Indicator operator='AND'>" IS("A/b", "1") "</Indicator>",
			IS("A/c", "2")) "</criteria>"
					"<metadata><links/><description>d</description></"
					"metadata></OpenIOC>");
	assert_int_equal(only()->leaves, 2);
	assert_string_equal(only()->description, "d");
	assert_string_equal(ioc_param(only()->root->first->next, "score"), "5");
}

static void documents_within_others_are_found(void **state)
{
	(void)state;
	reads(&fx, "stix1.xml",
		"<stix:STIX_Package xmlns:stix='s'><stix:Indicators><indicator:Test_Mechanism "
		"xmlns:indicator='i'>"
		"<stix-openioc:ioc xmlns:stix-openioc='o' id='one'>"
		"<definition xmlns='http://schemas.mandiant.com/2010/ioc'>" OR(IS(
			"ProcessItem/name",
			"a")) "</definition>"
			      "</stix-openioc:ioc></indicator:Test_Mechanism>"
			      "<x>"
			      "<o:ioc xmlns:o='http://schemas.mandiant.com/2010/ioc' "
			      "id='two'><o:short_description>n</o:short_description><o:definition>"
			      "<o:Indicator operator='OR'><o:IndicatorItem "
			      "condition='is'><o:Context search='ProcessItem/name'/>"
			      "<o:Content>b</o:Content></o:IndicatorItem></o:Indicator></"
			      "o:definition></o:ioc></x>"
			      "</stix:Indicators></stix:STIX_Package>");
	assert_int_equal(ioc_set_count(fx.set), 2);
	assert_string_equal(ioc_set_at(fx.set, 0)->id, "one");
	assert_string_equal(ioc_set_at(fx.set, 1)->id, "two");
	assert_string_equal(ioc_set_at(fx.set, 1)->name, "n");
}

static void observables_of_cybox_are_said_not_to_be_read(void **state)
{
	(void)state;
	reads(&fx, "stix1.xml",
		"<s:STIX_Package xmlns:s='s'><c:Observable xmlns:c='c'/><c:Observable xmlns:c='c'/>"
		"</s:STIX_Package>");
	assert_broken("its 2 observables are CybOX, which is not read");
	reads(&fx, "stix1.xml",
		"<x><Observable/><ioc id='a'><definition>" OR(
			IS("A/b", "1")) "</definition></ioc></x>");
	assert_int_equal(only()->leaves, 1);
	assert_note("1 observables beside OpenIOC are CybOX");
}

static void several_groups_at_the_top_are_alternatives(void **state)
{
	(void)state;
	reads(&fx, "a.ioc", DOC(AND(IS("A/b", "1")) AND(IS("A/c", "2")) AND(IS("A/d", "3"))));
	assert_int_equal(only()->root->kind, IOC_OR);
	assert_false(only()->root->alone);
	size_t groups = 0;
	for (const struct ioc_node *node = only()->root->first; node; node = node->next)
		groups++;
	assert_int_equal(groups, 3);
}

static void a_comment_in_front_of_the_declaration_is_forgiven(void **state)
{
	(void)state;
	reads(&fx, "a.ioc", "<!-- licence -->\n<?xml version='1.0'?>" DOC(OR(IS("A/b", "1"))));
	assert_int_equal(only()->leaves, 1);
}

static void other_encodings_are_read(void **state)
{
	uint8_t wide[1024] = { 0xff, 0xfe };
	const char *text = "<?xml version='1.0' encoding='utf-16'?>" DOC(OR(IS("A/b", "v")));
	(void)state;
	for (size_t i = 0; text[i]; i++)
		wide[2 + i * 2] = (uint8_t)text[i];
	reads_bytes(&fx, "a.ioc", wide, 2 + strlen(text) * 2);
	assert_string_equal(only()->root->first->leaf.value, "v");
	reads(&fx, "a.ioc",
		"<?xml version='1.0' encoding='iso-8859-1'?>" DOC(OR(IS("A/b", "\xe9"))));
	assert_string_equal(only()->root->first->leaf.value, "\xc3\xa9");
}

// ---- what is wrong, and said ------------------------------------------------------------------
static void slips_are_said_and_the_rest_is_read(void **state)
{
	(void)state;
	reads(&fx, "a.ioc",
		DOC("<Indicator operator='XOR'>" ITEM_OF("sounds-like", PLAIN, "A/b", "1") IS(
			"A/b", "") "<IndicatorItem "
				   "condition='is'><Content>x</Content></IndicatorItem>" IS(
					   "A/c", "2") "</Indicator>"));
	assert_int_equal(only()->leaves, 4);
	assert_note("there is no operator 'XOR'");
	assert_note("there is no condition 'sounds-like'");
	assert_note("has no content");
	assert_int_equal(only()->root->first->leaf.reason, IOC_UNSUPPORTED);
	assert_int_equal(only()->root->first->next->leaf.reason, IOC_NO_VALUE);
	assert_int_equal(only()->root->last->leaf.reason, IOC_NO_REASON);
	assert_int_equal(ioc_coverage(only()).leaves[0], 3);
}

static void the_search_counts_not_the_document(void **state)
{
	(void)state;
	reads(&fx, "a.ioc",
		DOC(OR("<IndicatorItem condition='is'><Context document='Network' "
		       "search='RegistryItem/KeyPath'/>"
		       "<Content>x</Content></IndicatorItem>")));
	assert_string_equal(only()->root->first->leaf.term->name, "RegistryItem/KeyPath");
	assert_note("the search counts");
}

static void values_are_recovered_from_ids_only_when_asked(void **state)
{
	static const char document[] = DOC_10(
		OR("<IndicatorItem id='evil.example' condition='contains'><Context "
		   "search='Network/DNS'/><Content/></IndicatorItem>"
		   "<IndicatorItem id='0a9b8c7d-0000-0000-0000-000000000000' "
		   "condition='is'><Context search='FileItem/FileName'/><Content/></IndicatorItem>"
		   "<IndicatorItem id='word' condition='is'><Context "
		   "search='FileItem/Md5sum'/><Content/></IndicatorItem>"));
	struct ioc_read_wish wish = { .recover = true };
	(void)state;
	reads(&fx, "a.ioc", document);
	assert_int_equal(only()->root->first->leaf.reason, IOC_NO_VALUE);
	fx_deinit(&fx);
	worked(ioc_set_create(&wish, &fx.set));
	worked(ioc_set_add_bytes(fx.set, "a.ioc", document, strlen(document)));
	const struct ioc_node *leaf = only()->root->first;
	assert_string_equal(leaf->leaf.value, "evil.example");
	assert_true(leaf->leaf.recovered);
	assert_int_equal(leaf->next->leaf.reason, IOC_NO_VALUE);
	assert_int_equal(leaf->next->next->leaf.reason, IOC_NO_VALUE);
}

#define MD5_A "0123456789abcdef0123456789abcdef"
#define MD5_B "fedcba9876543210fedcba9876543210"

static void several_digests_in_one_content_are_any_of_them(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS("FileItem/Md5sum", MD5_A "|" MD5_B), IS("FileItem/FileName", "a"))));
	const struct ioc_node *group = only()->root->first;
	assert_int_equal(group->kind, IOC_OR);
	assert_int_equal(only()->leaves, 3);
	assert_string_equal(group->first->leaf.value, MD5_A);
	assert_string_equal(group->last->leaf.value, MD5_B);
	ANSWERS(&fx, "FileItem/Md5sum", "FileItem/FullPath");
	uint32_t file = item(&fx, "FileItem", IOC_ROOT);
	gives(&fx, file, "FileItem/FullPath", "C:\\a");
	gives(&fx, file, "FileItem/Md5sum", MD5_B);
	assert_truth(verdict(&fx), IOC_TRUE);
	reads(&fx, "a.ioc", DOC(AND(NOT_IS("FileItem/Md5sum", MD5_A ", " MD5_B))));
	assert_int_equal(only()->root->first->kind, IOC_AND);
	assert_true(only()->root->first->last->leaf.negated);
	reads(&fx, "a.ioc",
		DOC_10(OR(IS("FileItem/FileName", "a"),
			ITEM_OF("isnot", "", "FileItem/Md5sum", MD5_A "|" MD5_B))));
	assert_int_equal(only()->root->first->next->kind, IOC_LEAF);
	assert_true(only()->root->last->leaf.exclusion && only()->leaves == 3);
	reads(&fx, "a.ioc", DOC(OR(IS("ProcessItem/arguments", "foo|duck.exe"))));
	assert_string_equal(only()->root->first->leaf.value, "foo|duck.exe");
}

static void a_comment_becomes_a_parameter(void **state)
{
	(void)state;
	reads(&fx, "a.ioc",
		"<ioc id='d'><definition><Indicator operator='OR'><IndicatorItem id='i' "
		"condition='is'><Context search='A/b'/><Content>1</Content><Comment>why</Comment>"
		"</IndicatorItem></Indicator></definition></ioc>");
	assert_string_equal(ioc_param(only()->root->first, "comment"), "why");
}

static void documents_of_the_same_id_are_two(void **state)
{
	static const char document[] = DOC(OR(IS("ProcessItem/name", "a")));
	(void)state;
	reads(&fx, "a.ioc", document);
	worked(ioc_set_add_bytes(fx.set, "b.ioc", document, strlen(document)));
	assert_int_equal(ioc_set_count(fx.set), 2);
	assert_string_equal(ioc_set_at(fx.set, 0)->id, ioc_set_at(fx.set, 1)->id);
	assert_string_equal(ioc_set_at(fx.set, 1)->file, "b.ioc");
}

// ---- parts of YARA rules ----------------------------------------------------------------------
#define YARA_ITEM(id, condition, flags, part, value)                                               \
	"<IndicatorItem id='" id "' condition='" condition "' " flags                              \
	"><Context search='Yara/" part "'/><Content>" value "</Content></IndicatorItem>"
#define YARA_PARAM(id, name, value)                                                                \
	"<param ref-id='" id "' name='yara/" name "'><value>" value "</value></param>"

static void reads_yara(const char *items, const char *params)
{
	char document[4096];
	snprintf(document, sizeof document,
		"<OpenIOC id='d'><criteria><Indicator operator='AND' id='g'>%s</Indicator>"
		"</criteria><parameters>%s</parameters></OpenIOC>",
		items, params);
	reads(&fx, "a.ioc", document);
}

static void parts_of_yara_rules_become_rules(void **state)
{
	static const struct {
		const char *items, *params, *rule;
	} cases[] = {
		{ YARA_ITEM("a", "contains", CASED, "TextString", "te\"xt"),
			YARA_PARAM("a", "wide", "True"),
			"rule openioc_0 { strings: $s0 = \"te\\\"xt\" wide\ncondition: $s0 }\n" },
		{ YARA_ITEM("a", "is", PLAIN, "TextString", "a\\\\b\\c"),
			YARA_PARAM("a", "fullword", "true"),
			"rule openioc_0 { strings: $s0 = \"a\\\\b\\\\c\" fullword "
			"nocase\ncondition: $s0 }\n" },
		{ YARA_ITEM("a", "contains", CASED, "HexString", "E2 ?? [4-6] ( 62 B4 | 56 ) A?"),
			"",
			"rule openioc_0 { strings: $s0 = { E2 ?? [4-6] ( 62 B4 | 56 ) A? }\n"
			"condition: $s0 }\n" },
		{ YARA_ITEM("a", "greater-than", CASED, "TextString", "x1"),
			YARA_PARAM("a", "count", "10"),
			"rule openioc_0 { strings: $s0 = \"x1\"\ncondition: #s0 > 10 }\n" },
		{ YARA_ITEM("a", "contains", CASED, "TextString", "x1"),
			YARA_PARAM("a", "count", "6"),
			"rule openioc_0 { strings: $s0 = \"x1\"\ncondition: #s0 == 6 }\n" },
		{ YARA_ITEM("a", "is", CASED, "TextString", "x1")
				YARA_ITEM("b", "is", PLAIN, "TextString", "y2"),
			YARA_PARAM("g", "set", "1"),
			"rule openioc_0 { strings: $s0 = \"x1\"\n$s1 = \"y2\" nocase\n"
			"condition: 1 of them }\n" },
		{ YARA_ITEM("a", "contains", PLAIN, "Yara", "rule r { condition: true }"), "",
			"rule r { condition: true }" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		reads_yara(cases[i].items, cases[i].params);
		assert_int_equal(ioc_set_rules_count(fx.set), 1);
		assert_string_equal(ioc_set_rules(fx.set, 0)->text, cases[i].rule);
		const struct ioc_node *root = only()->root;
		const struct ioc_node *leaf = root->kind == IOC_LEAF ? root : root->first;
		assert_int_equal(only()->leaves, 1);
		assert_string_equal(leaf->leaf.term->name, "Yara/Rule");
		assert_int_equal(leaf->leaf.reason, IOC_NO_REASON);
	}
}

static void plain_text_of_yara_is_searched_for(void **state)
{
	(void)state;
	reads_yara(YARA_ITEM("a", "is", CASED, "TextString", "text here"), "");
	assert_int_equal(ioc_set_rules_count(fx.set), 0);
	assert_string_equal(only()->root->first->leaf.term->name, "Yara/TextString");
	assert_int_equal(only()->root->first->leaf.condition, IOC_CONTAINS);
	reads_yara(YARA_ITEM("a", "is", CASED, "TextString", "text here"),
		YARA_PARAM("a", "wide", "true") YARA_PARAM("a", "ascii", "true"));
	assert_int_equal(ioc_set_rules_count(fx.set), 0);
}

static void what_yara_says_of_files_is_not_asked(void **state)
{
	static const struct {
		const char *items, *params, *note;
	} cases[] = {
		{ YARA_ITEM("a", "contains", CASED, "TextString", "x1"),
			YARA_PARAM("a", "offset/at", "entrypoint"), "an offset is of a file" },
		{ YARA_ITEM("a", "contains", CASED, "HexString", "E8 00"),
			YARA_PARAM("a", "offset/in", "(0..100)"), "an offset is of a file" },
		{ YARA_ITEM("a", "greater-than", PLAIN, "FileSize", "200KB"), "",
			"says nothing of memory" },
		{ YARA_ITEM("a", "contains", PLAIN, "RuleName", "Rule1"), "",
			"says nothing of memory" },
		{ YARA_ITEM("a", "contains", PLAIN, "Yara", "rule {"), "", "cannot be asked" },
		{ YARA_ITEM("a", "contains", PLAIN, "HexString", "E8 } condition: true //"), "",
			"says nothing of memory" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		reads_yara(cases[i].items, cases[i].params);
		assert_int_equal(ioc_set_rules_count(fx.set), 0);
		assert_int_equal(only()->root->first->leaf.reason, IOC_UNSUPPORTED);
		assert_note(cases[i].note);
	}
	// A group that has more than texts keeps its conditions.
	reads_yara(YARA_ITEM("a", "is", CASED, "TextString", "x1") IS("ProcessItem/name", "a"),
		YARA_PARAM("g", "set", "1"));
	assert_int_equal(only()->root->kind, IOC_AND);
	assert_note("'yara/set' is not read");
}

// ---- hostile documents ------------------------------------------------------------------------
static void broken_xml_is_skipped_with_its_line(void **state)
{
	(void)state;
	reads(&fx, "a.ioc", "<OpenIOC id='d'>\n<criteria>\n</OpenIOC>");
	assert_broken("line 3");
	reads(&fx, "a.ioc", DOC(OR(IS("A/b", "1"))) "<more/>");
	assert_broken("line 1");
	reads(&fx, "a.ioc", "<html><body>no</body></html>");
	assert_broken("no OpenIOC document");
	reads(&fx, "a.ioc", "<");
	assert_broken("line");
	reads(&fx, "a.ioc", "<OpenIOC>&undefined;</OpenIOC>");
	assert_broken("undefined");
}

static void document_types_are_refused(void **state)
{
	(void)state;
	reads(&fx, "a.ioc",
		"<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY lol 'lol'>"
		"<!ENTITY lol2 '&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;'>"
		"<!ENTITY lol3 '&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;'>"
		"<!ENTITY lol4 '&lol3;&lol3;&lol3;&lol3;&lol3;&lol3;&lol3;&lol3;&lol3;&lol3;'>]>"
		"<OpenIOC id='&lol4;'><criteria/></OpenIOC>");
	assert_broken("document type");
	reads(&fx, "a.ioc", "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><OpenIOC/>");
	assert_broken("document type");
}

// `count` times `open`, then `close`.
static char *nested(
	const char *head, const char *open, const char *close, const char *tail, size_t count)
{
	struct text text;
	text_init(&text, 64 << 20);
	text_addf(&text, "%s", head);
	for (size_t i = 0; i < count; i++)
		text_addf(&text, "%s", open);
	for (size_t i = 0; i < count; i++)
		text_addf(&text, "%s", close);
	text_addf(&text, "%s", tail);
	assert_false(text.cut);
	return text.data;
}

static void ten_thousand_groups_within_each_other_are_refused(void **state)
{
	(void)state;
	char *document = nested("<OpenIOC><criteria>", "<Indicator operator='AND'>", "</Indicator>",
		"</criteria></OpenIOC>", 10000);
	reads(&fx, "a.ioc", document);
	assert_broken("within each other");
	free(document);
	document = nested("<OpenIOC>", "<x>", "</x>", "</OpenIOC>", 10000);
	reads(&fx, "a.ioc", document);
	assert_broken("within each other");
	free(document);
	document = nested("<OpenIOC><criteria>", "<Indicator operator='AND'>",
		IS("A/b", "1") "</Indicator>", "</criteria></OpenIOC>", IOC_DEPTH_MAX - 1);
	reads(&fx, "a.ioc", document);
	assert_int_equal(only()->leaves, IOC_DEPTH_MAX - 1);
	free(document);
}

static void a_huge_content_costs_nothing(void **state)
{
	(void)state;
	char *document = nested(
		"<OpenIOC><criteria><Indicator operator='OR'><IndicatorItem condition='is'>"
		"<Context search='A/b'/><Content>",
		"0123456789abcdef0123456789abcdef", "",
		"</Content></IndicatorItem>" IS("A/c", "1") "</Indicator></criteria></OpenIOC>",
		1 << 19);
	reads(&fx, "a.ioc", document);
	free(document);
	assert_int_equal(only()->leaves, 2);
	assert_int_equal(only()->root->first->leaf.reason, IOC_BAD_VALUE);
	assert_note("bytes is left out");
}

static void notes_of_a_file_are_bounded(void **state)
{
	(void)state;
	char *document = nested("<OpenIOC><criteria><Indicator operator='OR'>", IS("A/b", ""), "",
		IS("A/b", "1") "</Indicator></criteria></OpenIOC>", 5000);
	reads(&fx, "a.ioc", document);
	free(document);
	assert_int_equal(only()->leaves, 5001);
	assert_int_equal(ioc_set_note_count(fx.set), IOC_NOTES_MAX + 1);
	assert_note("4900 more notes");
}

static void many_parameters_for_many_nodes_stay_bounded(void **state)
{
	struct text text;
	(void)state;
	text_init(&text, 64 << 20);
	text_addf(&text, "<OpenIOC><criteria><Indicator operator='OR'>");
	for (int i = 0; i < 3000; i++)
		text_addf(&text, "%s", IS("A/b", "1"));
	text_addf(&text, "</Indicator></criteria><parameters>");
	for (int i = 0; i < 3000; i++)
		text_addf(&text, "<param ref-id='i' name='n'><value>v</value></param>");
	text_addf(&text, "</parameters></OpenIOC>");
	reads(&fx, "a.ioc", text.data);
	text_deinit(&text);
	assert_int_equal(only()->leaves, 3000);
	assert_non_null(ioc_param(only()->root->last, "n"));
}

static void a_broken_file_does_not_stop_the_rest(void **state)
{
	(void)state;
	reads(&fx, "broken.ioc", "<OpenIOC><criteria>");
	worked(ioc_set_add_bytes(
		fx.set, "good.ioc", DOC(OR(IS("A/b", "1"))), strlen(DOC(OR(IS("A/b", "1"))))));
	assert_int_equal(ioc_set_count(fx.set), 1);
	assert_int_equal(ioc_set_file_count(fx.set), 2);
	assert_string_equal(only()->file, "good.ioc");
}

static void a_document_that_breaks_off_leaves_nothing(void **state)
{
	(void)state;
	reads(&fx, "a.ioc",
		"<x>"
		"<OpenIOC><criteria>" OR(IS("A/b", "1")) "</criteria></OpenIOC><OpenIOC>");
	assert_broken("line 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_document_is_read_as_it_stands, tear_down),
		cmocka_unit_test_teardown(conditions_of_1_0_that_exclude_are_told, tear_down),
		cmocka_unit_test_teardown(attributes_of_1_1_count_in_1_0, tear_down),
		cmocka_unit_test_teardown(any_order_of_elements_is_read, tear_down),
		cmocka_unit_test_teardown(documents_within_others_are_found, tear_down),
		cmocka_unit_test_teardown(observables_of_cybox_are_said_not_to_be_read, tear_down),
		cmocka_unit_test_teardown(several_groups_at_the_top_are_alternatives, tear_down),
		cmocka_unit_test_teardown(
			a_comment_in_front_of_the_declaration_is_forgiven, tear_down),
		cmocka_unit_test_teardown(other_encodings_are_read, tear_down),
		cmocka_unit_test_teardown(slips_are_said_and_the_rest_is_read, tear_down),
		cmocka_unit_test_teardown(the_search_counts_not_the_document, tear_down),
		cmocka_unit_test_teardown(values_are_recovered_from_ids_only_when_asked, tear_down),
		cmocka_unit_test_teardown(
			several_digests_in_one_content_are_any_of_them, tear_down),
		cmocka_unit_test_teardown(a_comment_becomes_a_parameter, tear_down),
		cmocka_unit_test_teardown(documents_of_the_same_id_are_two, tear_down),
		cmocka_unit_test_teardown(parts_of_yara_rules_become_rules, tear_down),
		cmocka_unit_test_teardown(plain_text_of_yara_is_searched_for, tear_down),
		cmocka_unit_test_teardown(what_yara_says_of_files_is_not_asked, tear_down),
		cmocka_unit_test_teardown(broken_xml_is_skipped_with_its_line, tear_down),
		cmocka_unit_test_teardown(document_types_are_refused, tear_down),
		cmocka_unit_test_teardown(
			ten_thousand_groups_within_each_other_are_refused, tear_down),
		cmocka_unit_test_teardown(a_huge_content_costs_nothing, tear_down),
		cmocka_unit_test_teardown(notes_of_a_file_are_bounded, tear_down),
		cmocka_unit_test_teardown(many_parameters_for_many_nodes_stay_bounded, tear_down),
		cmocka_unit_test_teardown(a_broken_file_does_not_stop_the_rest, tear_down),
		cmocka_unit_test_teardown(a_document_that_breaks_off_leaves_nothing, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
