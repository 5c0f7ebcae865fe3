// The readers of STIX, MISP, tables, lists, Loki's lists, YARA and Sigma.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/internal.h"
#include "tests/unit/ioc_documents.h"

static struct fx fx;

static int tear_down(void **state)
{
	(void)state;
	fx_deinit(&fx);
	return 0;
}

static bool any_note(const char *part)
{
	for (size_t i = 0; i < ioc_set_note_count(fx.set); i++)
		if (strstr(ioc_set_note(fx.set, i)->text, part))
			return true;
	return false;
}

static void assert_note(const char *part)
{
	if (!any_note(part))
		fail_msg("no note says '%s' of %zu; the first is '%s'", part,
			ioc_set_note_count(fx.set),
			ioc_set_note_count(fx.set) ? ioc_set_note(fx.set, 0)->text : "");
}

static void assert_broken(const char *part)
{
	assert_int_equal(ioc_set_count(fx.set), 0);
	assert_int_equal(ioc_set_note_count(fx.set), 1);
	assert_true(ioc_set_note(fx.set, 0)->broken);
	assert_note(part);
}

// A tree in one line: (AND (is ProcessItem/name 'x') ...), '!' for what is negated.
static void draw(struct text *out, const struct ioc_node *node)
{
	static const char *const kinds[] = { "", "AND", "OR", "NOT" };
	if (node->kind == IOC_LEAF) {
		const struct ioc_leaf *leaf = &node->leaf;
		text_addf(out, "%s%s%s %s '%.*s'%s", leaf->reason == IOC_UNSUPPORTED ? "?" : "",
			leaf->negated ? "!" : "", ioc_condition_name(leaf->condition),
			leaf->term->name, (int)leaf->length, leaf->value,
			leaf->case_sensitive ? "c" : "");
		return;
	}
	text_addf(out, "(%s%s", node->alone ? "alone " : "", kinds[node->kind]);
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		text_addf(out, " ");
		draw(out, child);
	}
	text_addf(out, ")");
}

static void assert_tree(size_t index, const char *wanted)
{
	struct text text;
	text_init(&text, 8192);
	if (index >= ioc_set_count(fx.set))
		fail_msg("there are %zu indicators; note: %s", ioc_set_count(fx.set),
			ioc_set_note_count(fx.set) ? ioc_set_note(fx.set, 0)->text : "none");
	draw(&text, ioc_set_at(fx.set, index)->root);
	if (strcmp(text.data, wanted) != 0)
		fail_msg("got  %s\nwant %s", text.data, wanted);
	text_deinit(&text);
}

// ---- STIX -----------------------------------------------------------------------------------
static void pattern(const char *pattern_text)
{
	struct text text;
	text_init(&text, 1 << 20);
	text_addf(&text,
		"{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[{\"type\":\"indicator\","
		"\"id\":\"indicator--1\",\"pattern\":\"");
	for (const char *at = pattern_text; *at; at++)
		text_addf(&text, *at == '\\' || *at == '"' ? "\\%c" : "%c", *at);
	text_addf(&text, "\"}]}");
	reads(&fx, "bundle.json", text.data);
	text_deinit(&text);
}

static const struct {
	const char *pattern, *tree;
} patterns[] = {
	{ "[process:name = 'a.exe']", "(alone AND is ProcessItem/name 'a.exe')" },
	{ "[process:name='it\\'s \\\\x']", "(alone AND is ProcessItem/name 'it's \\x')" },
	{ "[domain-name:value = 'e.org' OR domain-name:value = 'f.org']",
		"(alone OR is Network/DNS 'e.org' is Network/DNS 'f.org')" },
	{ "[domain-name:value = '10.0.0.1']", "(alone AND (OR is PortItem/remoteIP "
					      "'10.0.0.1' is Network/IP '10.0.0.1'))" },
	{ "[file:hashes.'SHA-256' = 'ab']", "(alone AND is FileItem/Sha256sum 'ab')" },
	{ "[file:hashes.MD5 = 'ab' AND file:name = 'x']",
		"(alone AND is FileItem/Md5sum 'ab' is FileItem/FileName 'x')" },
	{ "[file:name = 'x']", "(alone AND (OR is FileItem/FileName 'x' is ProcessItem/name 'x' is "
			       "imageLoadEvent/fileName 'x'))" },
	{ "[file:size > 10 AND file:size <= 20]",
		"(alone AND greater-than FileItem/SizeInBytes '10' at-most "
		"FileItem/SizeInBytes '20')" },
	{ "[process:name != 'a' AND NOT process:pid = 4]",
		"(alone AND !is ProcessItem/name 'a' !is ProcessItem/pid '4')" },
	{ "[process:name NOT IN ('a', 'b')]",
		"(alone AND (AND !is ProcessItem/name 'a' !is ProcessItem/name 'b'))" },
	{ "[process:name IN ('a', 'b')]",
		"(alone AND (OR is ProcessItem/name 'a' is ProcessItem/name 'b'))" },
	{ "[process:pid < 5 AND process:pid >= 3]",
		"(alone AND less-than ProcessItem/pid '5' at-least ProcessItem/pid '3')" },
	{ "[process:name NOT LIKE '%a%' AND process:name NOT = 'b']",
		"(alone AND !contains ProcessItem/name 'a' !is ProcessItem/name 'b')" },
	{ "[process:created_time > t'2020-01-01T00:00:00Z']",
		"(alone AND greater-than ProcessItem/startTime '2020-01-01T00:00:00Z')" },
	{ "[ipv4-addr:value = '10.0.0.1' AND process:pid = 1]",
		"(alone AND is PortItem/remoteIP '10.0.0.1' is ProcessItem/pid '1')" },
	{ "[network-traffic:dst_ref.value = 'e.org' AND network-traffic:dst_port = 443]",
		"(alone AND is Network/DNS 'e.org' is PortItem/remotePort '443')" },
	{ "[process:opened_connection_refs[0].dst_ref.value = '10.0.0.1']",
		"(alone AND is PortItem/remoteIP '10.0.0.1')" },
	{ "[windows-registry-key:key = 'HKLM\\\\x' AND "
	  "windows-registry-key:values[*].data = 'y']",
		"(alone AND is RegistryItem/KeyPath 'HKLM\\x' is RegistryItem/Text 'y')" },
	{ "[windows-registry-key:values[0].name = 'x']",
		"(alone AND is RegistryItem/ValueName 'x')" },
	{ "[process:image_ref.parent_directory_ref.path = 'C:\\\\x']",
		"(alone AND is ProcessItem/FilePath 'C:\\x')" },
	{ "[process:binary_ref.hashes.'SHA-256' = 'ab']",
		"(alone AND is ProcessItem/Sha256sum 'ab')" },
	{ "[file:extensions.'windows-pebinary-ext'.imphash = 'ab']",
		"(alone AND is FileItem/PEInfo/ImportHash 'ab')" },
	{ "[process:name='a'] OR [process:name='b'] AND [process:name='c']",
		"(OR (alone AND is ProcessItem/name 'a') (AND (alone AND is "
		"ProcessItem/name 'b') (alone AND is ProcessItem/name 'c')))" },
	{ "[process:name='a' OR process:name='b' AND process:pid=1]",
		"(alone OR is ProcessItem/name 'a' (AND is ProcessItem/name 'b' is "
		"ProcessItem/pid '1'))" },
	{ "[process:name='a'] START t'2020-01-01T00:00:00Z' STOP "
	  "t'2020-02-01T00:00:00.5Z'",
		"(alone AND is ProcessItem/name 'a')" },
	{ "([process:name='a'] AND [process:name='b']) REPEATS 5 TIMES WITHIN 1.5 SECONDS",
		"(AND (alone AND is ProcessItem/name 'a') (alone AND is ProcessItem/name "
		"'b'))" },
	{ "[NOT process:name = 'a']", "(alone AND !is ProcessItem/name 'a')" },
	{ "[process:command_line LIKE '%evil%']",
		"(alone AND contains ProcessItem/arguments 'evil')" },
	{ "[process:command_line LIKE 'evil%']",
		"(alone AND starts-with ProcessItem/arguments 'evil')" },
	{ "[process:command_line LIKE 'a_c']",
		"(alone AND matches ProcessItem/arguments '(?s)\\Aa.c\\z')" },
	{ "[process:command_line MATCHES '^x.+$']",
		"(alone AND matches ProcessItem/arguments '^x.+$')" },
	{ "[ipv4-addr:value ISSUBSET '10.0.0.0/8']",
		"(alone AND (OR is PortItem/remoteIP '10.0.0.0/8' is Network/IP "
		"'10.0.0.0/8'))" },
	{ "[windows-registry-key:values[*].name = 'x']",
		"(alone AND is RegistryItem/ValueName 'x')" },
	{ "[process:name='a'] AND [process:name='b']",
		"(AND (alone AND is ProcessItem/name 'a') (alone AND is ProcessItem/name "
		"'b'))" },
	{ "[process:name='a'] FOLLOWEDBY [process:name='b'] WITHIN 5 SECONDS",
		"(AND (alone AND is ProcessItem/name 'a') (alone AND is ProcessItem/name "
		"'b'))" },
	{ "([process:name='a'] OR [process:name='b']) AND [process:name='c'] REPEATS 2 "
	  "TIMES",
		"(AND (OR (alone AND is ProcessItem/name 'a') (alone AND is "
		"ProcessItem/name 'b')) "
		"(alone AND is ProcessItem/name 'c'))" },
	{ "[process:name='a' AND (process:pid=1 OR process:pid=2)]",
		"(alone AND is ProcessItem/name 'a' (OR is ProcessItem/pid '1' is "
		"ProcessItem/pid '2'))" },
	{ "[EXISTS process:cwd]", "(alone AND present ProcessItem/CurrentDirectory '')" },
	{ "[x-unknown:thing = 'a']", "(alone AND ?present x-unknown:thing '')" },
};

static void patterns_become_trees(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(patterns); i++) {
		pattern(patterns[i].pattern);
		assert_tree(0, patterns[i].tree);
	}
	pattern("[process:name='a'] FOLLOWEDBY [process:name='b'] WITHIN 5 SECONDS");
	assert_note("FOLLOWEDBY is read as AND");
	assert_note("WITHIN");
	pattern("[process:name='a'] START t'2020-01-01T00:00:00Z' STOP t'2020-02-01T00:00:00Z'");
	assert_note("memory is one moment");
}

static void bad_patterns_are_left_out_with_their_place(void **state)
{
	static const struct {
		const char *pattern, *note;
	} cases[] = {
		{ "", "'['" },
		{ "process:name = 'a'", "'['" },
		{ "[process:name = 'a'", "lacks ]" },
		{ "[process:name = 'a", "the end of a text" },
		{ "[process:name ~ 'a']", "an operator" },
		{ "[process:name = ]", "a value" },
		{ "[name = 'a']", "an object path" },
		{ "[process:name IN ('a']", "')'" },
		{ "[process:name = 'a'] x", "its end" },
		{ "[process:name = 'a'] AND", "'['" },
		{ "[a[b = 'x']", "an object path" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		pattern(cases[i].pattern);
		assert_int_equal(ioc_set_count(fx.set), 0);
		assert_note(cases[i].note);
	}
	struct text text;
	text_init(&text, 1 << 20);
	for (int i = 0; i < 100000; i++)
		text_addf(&text, "(");
	pattern(text.data);
	text_deinit(&text);
	assert_note("fewer brackets");
}

static void only_indicators_of_a_bundle_count(void **state)
{
	(void)state;
	reads(&fx, "b.json",
		"{\"objects\":[{\"type\":\"malware\",\"id\":\"malware--1\"},"
		"{\"type\":\"indicator\",\"id\":\"indicator--1\",\"name\":\"n\",\"description\":"
		"\"d\",\"pattern\":\"[process:name='a']\"},"
		"{\"type\":\"indicator\",\"id\":\"indicator--2\",\"revoked\":true,\"pattern\":\"["
		"process:name='a']\"},"
		"{\"type\":\"indicator\",\"id\":\"indicator--3\",\"pattern_type\":\"snort\","
		"\"pattern\":\"alert\"},"
		"{\"type\":\"indicator\",\"id\":\"indicator--4\",\"pattern_type\":\"yara\","
		"\"pattern\":\"rule a { condition: true }\"}]}");
	assert_int_equal(ioc_set_count(fx.set), 2);
	assert_string_equal(ioc_set_at(fx.set, 0)->name, "n");
	assert_string_equal(ioc_set_at(fx.set, 0)->description, "d");
	assert_int_equal(ioc_set_at(fx.set, 0)->format, IOC_STIX);
	assert_tree(1, "is Yara/Rule '0:a'c");
	assert_note("revoked");
	assert_note("of type 'snort'");
}

static void what_is_no_longer_valid_is_asked_and_said(void **state)
{
	(void)state;
	reads(&fx, "b.json",
		"{\"objects\":[{\"type\":\"indicator\",\"id\":\"indicator--1\",\"valid_until\":"
		"\"2019-01-01T00:00:00Z\",\"pattern\":\"[process:name='a']\"},"
		"{\"type\":\"indicator\",\"id\":\"indicator--2\",\"valid_until\":"
		"\"9019-01-01T00:00:00Z\",\"pattern\":\"[process:name='b']\"}]}");
	assert_int_equal(ioc_set_count(fx.set), 2);
	assert_note("1 indicators are no longer valid and are asked all the same, such as "
		    "'indicator--1', until 2019");
}

static void a_feeds_manifest_is_told_from_events(void **state)
{
	(void)state;
	reads(&fx, "manifest.json",
		"{\"0a9b8c7d-0000-0000-0000-000000000000\":{\"info\":\"An event\",\"Orgc\":{},"
		"\"timestamp\":\"1\"}}");
	assert_broken("manifest of a MISP feed");
}

static void json_of_other_kinds_is_refused(void **state)
{
	static const struct {
		const char *text, *note;
	} cases[] = {
		{ "{\"a\":1}", "neither" },
		{ "{\"a\":", "line 1" },
		{ "{}", "neither" },
		{ "[{}]", "neither" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		reads(&fx, "x.json", cases[i].text);
		assert_broken(cases[i].note);
	}
	struct text text;
	text_init(&text, 8 << 20);
	text_addf(&text, "{\"a\":");
	for (int i = 0; i < 1000000; i++)
		text_addf(&text, "[");
	reads(&fx, "x.json", text.data);
	text_deinit(&text);
	assert_broken("column");
}

// ---- MISP -----------------------------------------------------------------------------------
#define ATTRIBUTE(type, value, marked)                                                             \
	"{\"uuid\":\"u\",\"type\":\"" type "\",\"value\":\"" value "\",\"to_ids\":" marked "}"

static void marked_attributes_become_indicators(void **state)
{
	(void)state;
	reads(&fx, "event.json",
		"{\"response\":[{\"Event\":{\"info\":\"An event\",\"Attribute\":[" ATTRIBUTE(
			"domain", "evil[.]example.org", "true") "," ATTRIBUTE("domain",
			"good.example.org", "false") "," ATTRIBUTE("filename|sha1",
			"a.exe|0123456789abcdef0123456789abcdef01234567",
			"\"1\"") "," ATTRIBUTE("regkey|value", "HKLM\\\\Software\\\\x|data",
			"1") "," ATTRIBUTE("domain|ip", "e.org|10.0.0.1",
			"true") "," ATTRIBUTE("ip-dst|port", "10.0.0.1|443",
			"true") "," ATTRIBUTE("mutex", "bad",
			"true") "," ATTRIBUTE("whois-registrant-email", "a@b.org",
			"true") "," ATTRIBUTE("yara", "rule r { condition: true }",
			"true") "," ATTRIBUTE("yara", "rule {",
			"true") "],"
				"\"Object\":[{\"name\":\"file\",\"Attribute\":[" ATTRIBUTE("md5",
					"0123456789abcdef0123456789abcdef", "true") "]}]}}]}");
	assert_int_equal(ioc_set_count(fx.set), 8);
	assert_int_equal(ioc_set_at(fx.set, 0)->format, IOC_MISP);
	assert_string_equal(ioc_set_at(fx.set, 0)->description, "An event");
	assert_tree(0, "is Network/DNS 'evil.example.org'");
	assert_tree(1, "(AND is FileItem/FileName 'a.exe' is FileItem/Sha1sum "
		       "'0123456789abcdef0123456789abcdef01234567')");
	assert_tree(2, "(AND (OR is RegistryItem/Path 'HKLM\\Software\\x' is "
		       "RegistryItem/KeyPath 'HKLM\\Software\\x') is RegistryItem/Text 'data')");
	assert_tree(3, "(OR is Network/DNS 'e.org' (OR is PortItem/remoteIP '10.0.0.1' is "
		       "Network/IP '10.0.0.1'))");
	assert_tree(4, "(AND is PortItem/remoteIP '10.0.0.1' is PortItem/remotePort '443')");
	assert_tree(5, "(AND is ProcessItem/HandleList/Handle/Name 'bad' is "
		       "ProcessItem/HandleList/Handle/Type 'Mutant')");
	assert_tree(6, "is Yara/Rule '0:r'c");
	assert_tree(7, "is FileItem/Md5sum '0123456789abcdef0123456789abcdef'");
	assert_note("whois-registrant-email");
	assert_note("the yara rule of 'u' is left out: line 1");
	assert_int_equal(ioc_set_rules_count(fx.set), 1);
}

static void what_was_deleted_or_is_context_is_left_out(void **state)
{
	(void)state;
	reads(&fx, "event.json",
		"{\"Event\":{\"info\":\"i\",\"Attribute\":[{\"type\":\"domain\",\"value\":\"a."
		"org\","
		"\"to_ids\":true,\"deleted\":true}," ATTRIBUTE("domain", "b.org",
			"true") "],\"ShadowAttribute\":[" ATTRIBUTE("domain", "c.org",
			"true") "],\"Galaxy\":[{\"GalaxyCluster\":[" ATTRIBUTE("domain", "d.org",
			"true") "]}],\"Tag\":[{\"name\":\"e.org\"}],"
				"\"Object\":[{\"name\":\"file\",\"deleted\":true,\"Attribute\":"
				"[" ATTRIBUTE("domain", "f.org",
					"true") "]},{\"name\":\"file\",\"deleted\":false,"
						"\"Attribute\":[" ATTRIBUTE("domain", "g.org",
							"true") ",{\"type\":\"domain\",\"value\":"
								"\"h.org\",\"to_ids\":true,"
								"\"deleted\":\"1\"}]}]}}");
	assert_int_equal(ioc_set_count(fx.set), 2);
	assert_tree(0, "is Network/DNS 'b.org'");
	assert_tree(1, "is Network/DNS 'g.org'");
}

static void types_of_two_values_bind_both(void **state)
{
	static const struct {
		const char *type, *value, *tree;
	} cases[] = {
		{ "filename|md5", "a.exe|0123456789abcdef0123456789abcdef",
			"(AND is FileItem/FileName 'a.exe' is FileItem/Md5sum "
			"'0123456789abcdef0123456789abcdef')" },
		{ "malware-sample", "a.exe|0123456789abcdef0123456789abcdef",
			"(AND is FileItem/FileName 'a.exe' is FileItem/Md5sum "
			"'0123456789abcdef0123456789abcdef')" },
		{ "hostname|port", "e.org|80", "(OR is Network/DNS 'e.org')" },
		{ "pdb", "a.pdb", "is FileItem/PEInfo/PdbPath 'a.pdb'" },
		{ "imphash", "0123456789abcdef0123456789abcdef",
			"is FileItem/PEInfo/ImportHash '0123456789abcdef0123456789abcdef'" },
		{ "named pipe", "evil",
			"(AND contains ProcessItem/HandleList/Handle/Name 'evil' is "
			"ProcessItem/HandleList/Handle/Type 'File')" },
		{ "windows-service-name", "x", "is ServiceItem/name 'x'" },
		{ "pattern-in-memory", "x y", "contains Memory/Text 'x y'" },
		{ "user-agent", "x y", "contains Network/UserAgent 'x y'" },
		{ "url", "hxxp[:]//e[.]org/a", "contains Network/URI 'http://e.org/a'" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		char event[512];
		snprintf(event, sizeof event,
			"{\"Event\":{\"info\":\"i\",\"Attribute\":[{\"type\":\"%s\",\"value\":\"%"
			"s\","
			"\"to_ids\":true}]}}",
			cases[i].type, cases[i].value);
		reads(&fx, "event.json", event);
		assert_tree(0, cases[i].tree);
	}
}

static void events_without_marks_say_so(void **state)
{
	(void)state;
	reads(&fx, "event.json",
		"{\"Event\":{\"info\":\"i\",\"Attribute\":[" ATTRIBUTE(
			"domain", "a.org", "false") "]}}");
	assert_int_equal(ioc_set_count(fx.set), 0);
	assert_false(ioc_set_file(fx.set, 0)->broken);
	assert_note("none of the 1 attributes");
}

// ---- values by their form -----------------------------------------------------------------------
static void values_are_known_by_their_form(void **state)
{
	static const struct {
		const char *value;
		enum observable kind;
	} cases[] = {
		{ "0123456789abcdef0123456789ABCDEF", OBSERVABLE_MD5 },
		{ "0123456789abcdef0123456789abcdef01234567", OBSERVABLE_SHA1 },
		{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
			OBSERVABLE_SHA256 },
		{ "0123456789abcdef0123456789abcdeg", OBSERVABLE_NONE },
		{ "10.0.0.1", OBSERVABLE_IP },
		{ "10.0.0.0/8", OBSERVABLE_IP },
		{ "10.0.0.256", OBSERVABLE_NONE },
		{ "2001:db8::1", OBSERVABLE_IP },
		{ "evil.example", OBSERVABLE_DOMAIN },
		{ "xn--bcher-kva.example", OBSERVABLE_DOMAIN },
		{ "example", OBSERVABLE_NONE },
		{ "evil..example", OBSERVABLE_NONE },
		{ "https://evil.example/x", OBSERVABLE_URL },
		{ "evil.example/x.php?a=1", OBSERVABLE_URL },
		{ "evil.example:80/x", OBSERVABLE_URL },
		{ "a@evil.example", OBSERVABLE_EMAIL },
		{ "a.exe", OBSERVABLE_FILE },
		{ "C:\\Windows\\a.exe", OBSERVABLE_PATH },
		{ "%TEMP%\\a b.exe", OBSERVABLE_PATH },
		{ "HKLM\\Software\\a b", OBSERVABLE_KEY },
		{ "HKEY_CURRENT_USER\\x", OBSERVABLE_KEY },
		{ "some words", OBSERVABLE_NONE },
		{ "", OBSERVABLE_NONE },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		if (observable_guess(cases[i].value, strlen(cases[i].value)) != cases[i].kind)
			fail_msg("'%s' is %d, want %d", cases[i].value,
				observable_guess(cases[i].value, strlen(cases[i].value)),
				cases[i].kind);
}

static void fangs_are_put_back(void **state)
{
	static const char *const cases[][2] = {
		{ "evil[.]example", "evil.example" },
		{ "hxxps://evil[.]example[.]org/x", "https://evil.example.org/x" },
		{ "hXXp://a(.)b", "http://a.b" },
		{ "10[.]0.0[.]1", "10.0.0.1" },
		{ "a[at]b[dot]org", "a@b.org" },
		{ "http[:]//a.b", "http://a.b" },
		{ "plain", "plain" },
		{ "evil[.example", "evil.example" },
		{ "evil.]example", "evil.example" },
		{ "evil(dot)example", "evil.example" },
		{ "evil{.}example", "evil.example" },
		{ "hxxps[://]e[.]org[/]x", "https://e.org/x" },
		{ "HXXP://e.org", "http://e.org" },
		{ "fxp://e.org", "ftp://e.org" },
		{ "meow://e.org", "http://e.org" },
		{ "a[@]b.org", "a@b.org" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		char text[64];
		snprintf(text, sizeof text, "%s", cases[i][0]);
		text[refang(text, strlen(text))] = '\0';
		assert_string_equal(text, cases[i][1]);
	}
}

// ---- lists and tables -----------------------------------------------------------------------
static void lists_are_read_line_by_line(void **state)
{
	(void)state;
	reads(&fx, "list.txt",
		"# comment\r\nevil[.]example\r\n\r\n10.0.0.1;a comment\r\n"
		"0123456789abcdef0123456789abcdef  name.exe\r\nHKLM\\Software\\x "
		"y\r\nhxxp://e[.]org/a;b\r\n- `f.org`\r\n"
		"no value\r\n");
	assert_int_equal(ioc_set_count(fx.set), 6);
	assert_int_equal(ioc_set_at(fx.set, 0)->format, IOC_LIST);
	assert_int_equal(ioc_set_at(fx.set, 0)->line, 2);
	assert_tree(0, "is Network/DNS 'evil.example'");
	assert_tree(2, "is FileItem/Md5sum '0123456789abcdef0123456789abcdef'");
	assert_tree(3, "is RegistryItem/Path 'HKLM\\Software\\x y'");
	assert_tree(4, "contains Network/URI 'http://e.org/a;b'");
	assert_tree(5, "is Network/DNS 'f.org'");
	assert_note("1 lines are no value");
}

static void prose_is_no_list(void **state)
{
	(void)state;
	reads(&fx, "README.txt", "This describes\nhow it works\nat\nexample.org\nand so on\n");
	assert_broken("no list of values");
	reads(&fx, "doc.adoc",
		"= Title\n\nhttps://blog.example.org/post\n\n- "
		"`evil.example`\n\n----\n10.0.0.1\n----\n"
		"|0123456789abcdef0123456789abcdef01234567|a.exe|text\n");
	assert_int_equal(ioc_set_count(fx.set), 3);
	assert_tree(0, "is Network/DNS 'evil.example'");
	assert_tree(2, "is FileItem/Sha1sum '0123456789abcdef0123456789abcdef01234567'");
}

static void wide_lists_are_read(void **state)
{
	const uint8_t little[] = { 0xff, 0xfe, 'e', 0, '.', 0, 'o', 0, 'r', 0, 'g', 0, '\n', 0 };
	const uint8_t big[] = { 0xfe, 0xff, 0, 'e', 0, '.', 0, 'o', 0, 'r', 0, 'g' };
	(void)state;
	reads_bytes(&fx, "l.txt", little, sizeof little);
	assert_tree(0, "is Network/DNS 'e.org'");
	reads_bytes(&fx, "l.txt", big, sizeof big);
	assert_tree(0, "is Network/DNS 'e.org'");
	reads_bytes(&fx, "l.txt", "\xff\xfe", 2);
	assert_int_equal(ioc_set_count(fx.set), 0);
	reads_bytes(&fx, "l.txt", "\0\0\0\0", 4);
	assert_broken("binary");
	reads_bytes(&fx, "l.txt", "", 0);
	assert_int_equal(ioc_set_count(fx.set), 0);
}

static void tables_are_read_by_their_columns(void **state)
{
	(void)state;
	reads(&fx, "t.csv",
		"Malware,SHA256,MD5,Filename,Seen\n"
		"Bad,,0123456789abcdef0123456789abcdef,a.exe,2020-01-01\n"
		"\"Very, \"\"bad\"\"\",n/a,,b.exe,\n"
		",,,,\n");
	assert_int_equal(ioc_set_count(fx.set), 2);
	assert_tree(0, "is FileItem/Md5sum '0123456789abcdef0123456789abcdef'");
	assert_string_equal(ioc_set_at(fx.set, 0)->description, "Bad");
	assert_tree(1, "(OR is FileItem/FileName 'b.exe' is ProcessItem/name 'b.exe' is "
		       "imageLoadEvent/fileName 'b.exe')");
	assert_string_equal(ioc_set_at(fx.set, 1)->description, "Very, \"bad\"");
	reads(&fx, "t.csv", "FQDN;IP\ne[.]org;10.0.0.1\n");
	assert_tree(0, "(OR is Network/DNS 'e.org' (OR is PortItem/remoteIP '10.0.0.1' is "
		       "Network/IP '10.0.0.1'))");
	reads(&fx, "t.csv",
		"type,value,to_ids\ndomain,e.org,1\ndomain,f.org,0\nfilename|md5,a.exe|"
		"0123456789abcdef0123456789abcdef,1\nodd,x,1\n");
	assert_int_equal(ioc_set_count(fx.set), 2);
	assert_tree(1, "(AND is FileItem/FileName 'a.exe' is FileItem/Md5sum "
		       "'0123456789abcdef0123456789abcdef')");
	assert_note("1 rows");
	reads(&fx, "data", "md5,comment\n0123456789abcdef0123456789abcdef,x\n");
	assert_int_equal(ioc_set_at(fx.set, 0)->format, IOC_CSV);
	reads(&fx, "hashes.csv",
		"0123456789abcdef0123456789abcdef,0a9b8c7d-0000-0000-0000-000000000000\n");
	assert_broken("index of a MISP feed");
	reads(&fx, "t.csv", "\"unclosed");
	assert_int_equal(ioc_set_count(fx.set), 0);
}

static void loki_lists_are_told_by_their_names(void **state)
{
	(void)state;
	reads(&fx, "x/hash-iocs.txt", "# Group\n0123456789abcdef0123456789abcdef;A tool\n");
	assert_tree(0, "is FileItem/Md5sum '0123456789abcdef0123456789abcdef'");
	assert_string_equal(ioc_set_at(fx.set, 0)->description, "A tool");
	assert_int_equal(ioc_set_at(fx.set, 0)->format, IOC_LOKI);
	reads(&fx, "filename-iocs.txt", "# Tools\n\\\\evil\\.exe$;70;(?i)good\\\\\n\\\\a;b;50\n");
	assert_tree(0, "(OR (AND matches FileItem/FullPath '\\\\evil\\.exe$'c !matches "
		       "FileItem/FullPath '(?i)good\\\\'c) "
		       "(AND matches ProcessItem/path '\\\\evil\\.exe$'c !matches ProcessItem/path "
		       "'(?i)good\\\\'c) "
		       "(AND matches ProcessItem/SectionList/MemorySection/Name '\\\\evil\\.exe$'c "
		       "!matches ProcessItem/SectionList/MemorySection/Name '(?i)good\\\\'c))");
	assert_string_equal(ioc_param(ioc_set_at(fx.set, 0)->root, "score"), "70");
	assert_string_equal(ioc_set_at(fx.set, 0)->description, "Tools");
	assert_string_equal(ioc_set_at(fx.set, 1)->root->first->leaf.value, "\\\\a;b");
	reads(&fx, "c2-iocs.txt", "evil.example\n10.0.0.1;x\n");
	assert_int_equal(ioc_set_count(fx.set), 2);
	reads(&fx, "keywords.txt", "sekurlsa::logonpasswords\nSome words\n");
	assert_tree(1, "contains Memory/Text 'Some words'");
}

// ---- YARA -----------------------------------------------------------------------------------
static void yara_rules_are_checked_and_kept(void **state)
{
	static const char rules[] = "private rule p { condition: true }\n"
				    "rule a : tag { meta: description = \"what\" strings: $s = "
				    "\"x\" condition: p and $s }\n"
				    "rule b { meta: memory = 0 condition: filename == \"x\" }\n";
	(void)state;
	reads(&fx, "r.yar", rules);
	assert_int_equal(ioc_set_count(fx.set), 1);
	assert_tree(0, "is Yara/Rule '0:a'c");
	assert_string_equal(ioc_set_at(fx.set, 0)->description, "what");
	assert_int_equal(ioc_set_rules_count(fx.set), 1);
	assert_string_equal(ioc_set_rules(fx.set, 0)->text, rules);
	assert_note("'b' says that it is not for memory");
	reads(&fx, "r.yar", "rule a { strings: $s = condition: $s }\n");
	assert_broken("line 1");
	reads(&fx, "r.yar", "include \"/etc/passwd\"\n");
	assert_broken("include");
	reads(&fx, "noname", "rule x { condition: false }\n");
	assert_int_equal(ioc_set_at(fx.set, 0)->format, IOC_YARA);
}

// ---- Sigma ----------------------------------------------------------------------------------
static void sigma(const char *category, const char *detection)
{
	char text[4096];
	snprintf(text, sizeof text,
		"title: T\nid: i\nlogsource:\n  category: %s\n  product: windows\ndetection:\n%s",
		category, detection);
	reads(&fx, "r.yml", text);
}

static const struct {
	const char *category, *detection, *tree;
} sigmas[] = {
	{ "process_creation",
		"  s:\n    Image|endswith: '\\a.exe'\n    CommandLine|contains|all:\n      "
		"- ' -x'\n      - y\n  condition: s\n",
		"(AND ends-with ProcessItem/path '\\a.exe' (AND contains "
		"ProcessItem/arguments ' -x' contains ProcessItem/arguments 'y'))" },
	{ "process_creation", "  a:\n    Image: 'C:\\\\*\\a.exe'\n  condition: a\n",
		"matches ProcessItem/path '(?s)\\AC:\\\\.*\\\\a\\.exe\\z'" },
	{ "process_creation", "  a:\n    Image: '*\\a.exe'\n  condition: a\n",
		"ends-with ProcessItem/path '\\a.exe'" },
	{ "process_creation", "  a:\n    CommandLine|contains: 'a\\*b'\n  condition: a\n",
		"contains ProcessItem/arguments 'a*b'" },
	{ "process_creation",
		"  a1:\n    User: x\n  a2:\n    User: y\n  f:\n    Image: z\n  condition: "
		"1 of a* and not f\n",
		"(AND (OR is ProcessItem/Username 'x' is ProcessItem/Username 'y') (NOT is "
		"ProcessItem/path 'z'))" },
	{ "process_creation", "  a1:\n    User: x\n  a2:\n    User: y\n  condition: all of them\n",
		"(AND is ProcessItem/Username 'x' is ProcessItem/Username 'y')" },
	{ "process_creation", "  a:\n    - User: x\n    - Image: y\n  condition: a\n",
		"(OR is ProcessItem/Username 'x' is ProcessItem/path 'y')" },
	{ "process_creation", "  a:\n    CommandLine|re: '^x+$'\n  condition: a\n",
		"matches ProcessItem/arguments '^x+$'c" },
	{ "process_creation", "  a:\n    CommandLine|re|i: '^x+$'\n  condition: a\n",
		"matches ProcessItem/arguments '^x+$'" },
	{ "process_creation", "  a:\n    CommandLine: null\n  condition: a\n",
		"!present ProcessItem/arguments ''" },
	{ "process_creation", "  a:\n    Odd: x\n  condition: a\n", "?present Odd ''" },
	{ "process_creation", "  a:\n    - word\n    - other\n  condition: a\n",
		"(OR ?present keywords '' ?present keywords '')" },
	{ "process_creation", "  a:\n    CommandLine|base64offset|contains: foo\n  condition: a\n",
		"(OR contains ProcessItem/arguments 'Zm9v'c contains ProcessItem/arguments "
		"'Zvb'c contains ProcessItem/arguments 'mb2'c)" },
	{ "process_creation",
		"  a:\n    CommandLine|wide|base64offset|contains: ab\n  condition: a\n",
		"(OR contains ProcessItem/arguments 'YQBiA'c contains "
		"ProcessItem/arguments 'EAYg'c contains ProcessItem/arguments 'hAGIA'c)" },
	{ "registry_set",
		"  a:\n    TargetObject|endswith: '\\Run\\x'\n    Details: 'DWORD "
		"(0x00000001)'\n  condition: a\n",
		"(AND ends-with RegistryItem/Path '\\Run\\x' is RegistryItem/Text '1')" },
	{ "registry_event",
		"  a:\n    Details:\n      - 'QWORD (0x00000001-0x00000002)'\n      - "
		"DWORD "
		"(x)\n    EventType: SetValue\n  condition: a\n",
		"(AND (OR is RegistryItem/Text '4294967298' is RegistryItem/Text 'DWORD "
		"(x)') is RegistryItem/EventType 'SetValue')" },
	{ "process_creation",
		"  a:\n    Hashes|contains:\n      - "
		"IMPHASH=0123456789abcdef0123456789abcdef\n"
		"      - SHA256=00\n  condition: a\n",
		"(OR is ProcessItem/PEInfo/ImportHash '0123456789abcdef0123456789abcdef' "
		"is "
		"ProcessItem/Sha256sum '00')" },
	{ "process_creation",
		"  s_a_1:\n    User: x\n  s_b_1:\n    User: y\n  s_a_2:\n    User: z\n"
		"  condition: 1 of s_*_1 and not 1 of *_2\n",
		"(AND (OR is ProcessItem/Username 'x' is ProcessItem/Username 'y') (NOT is "
		"ProcessItem/Username 'z'))" },
	{ "process_creation",
		"  a:\n    User: x\n  b:\n    User: y\n  c:\n    User: z\n"
		"  condition: (a or b) and not (b and c)\n",
		"(AND (OR is ProcessItem/Username 'x' is ProcessItem/Username 'y') (NOT "
		"(AND "
		"is ProcessItem/Username 'y' is ProcessItem/Username 'z')))" },
	{ "process_creation",
		"  a:\n    User: x\n  b:\n    User: y\n  _c:\n    User: z\n"
		"  condition: a and b or not 1 of them\n",
		"(OR (AND is ProcessItem/Username 'x' is ProcessItem/Username 'y') (NOT "
		"(OR "
		"is ProcessItem/Username 'x' is ProcessItem/Username 'y')))" },
	{ "process_creation",
		"  a:\n    User: x\n  b:\n    User: y\n  condition:\n    - a\n    - b\n",
		"(OR is ProcessItem/Username 'x' is ProcessItem/Username 'y')" },
	{ "process_creation",
		"  a:\n    User|startswith: 'N?'\n    ProcessId|gte: 4\n"
		"    CurrentDirectory|exists: true\n  condition: a\n",
		"(AND matches ProcessItem/Username '(?s)\\AN.' at-least ProcessItem/pid "
		"'4' "
		"present ProcessItem/CurrentDirectory '')" },
	{ "process_creation",
		"  a:\n    CommandLine:\n      - ''\n      - null\n      - 'x'\n"
		"    User|cased: Bob\n  condition: a\n",
		"(AND (OR !present ProcessItem/arguments '' !present ProcessItem/arguments "
		"'' is ProcessItem/arguments 'x') is ProcessItem/Username 'Bob'c)" },
	{ "process_creation",
		"  a:\n    Image: 'C:\\\\\\\\*'\n    CommandLine: 'a\\?b\\\\*'\n"
		"  condition: a\n",
		"(AND starts-with ProcessItem/path 'C:\\\\' starts-with "
		"ProcessItem/arguments 'a?b\\')" },
	{ "network_connection",
		"  a:\n    DestinationIp|cidr: '10.0.0.0/8'\n    DestinationPort: 443\n"
		"    Image|endswith: '\\a.exe'\n  condition: a\n",
		"(AND is PortItem/remoteIP '10.0.0.0/8' is PortItem/remotePort '443' "
		"ends-with ProcessItem/path '\\a.exe')" },
	{ "process_creation", "  a:\n    User|expand: '%x%'\n  condition: a\n",
		"?present User ''" },
	{ "process_creation", "  a:\n    CommandLine|base64: foo\n  condition: a\n",
		"is ProcessItem/arguments 'Zm9v'c" },
	{ "image_load",
		"  a:\n    ImageLoaded|endswith: '\\x.dll'\n    Signed: 'false'\n  "
		"condition: a\n",
		"(AND ends-with ProcessItem/SectionList/MemorySection/Name '\\x.dll' is "
		"ProcessItem/SectionList/MemorySection/Signed 'false')" },
	{ "pipe_created",
		"  a:\n    PipeName: x\n  b:\n    PipeName: y\n  condition:\n    - a\n    "
		"- b\n",
		"(AND is ProcessItem/HandleList/Handle/Type 'File' (OR is "
		"ProcessItem/HandleList/Handle/Name 'x' is "
		"ProcessItem/HandleList/Handle/Name 'y'))" },
	{ "driver_load", "  a:\n    ImageLoaded|contains: evil\n  condition: a\n",
		"contains DriverItem/DriverPath 'evil'" },
	{ "pipe_created", "  a:\n    PipeName: '\\evil'\n  condition: a\n",
		"(AND is ProcessItem/HandleList/Handle/Type 'File' is "
		"ProcessItem/HandleList/Handle/Name '\\evil')" },
};

static void sigma_rules_become_trees(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(sigmas); i++) {
		sigma(sigmas[i].category, sigmas[i].detection);
		assert_tree(0, sigmas[i].tree);
	}
}

static void dashes_of_options_are_any_of_them(void **state)
{
	(void)state;
	sigma("process_creation",
		"  a:\n    CommandLine|contains|windash: ' -f'\n  condition: a\n");
	const struct ioc_node *root = ioc_set_at(fx.set, 0)->root;
	assert_int_equal(root->kind, IOC_OR);
	assert_string_equal(root->first->leaf.value, " -f");
	assert_string_equal(root->first->next->leaf.value, " /f");
	assert_int_equal(ioc_set_at(fx.set, 0)->leaves, 5);
}

static void sigma_rules_that_cannot_be_read_are_said(void **state)
{
	static const struct {
		const char *category, *detection, *note;
	} cases[] = {
		{ "dns_query", "  a:\n    x: y\n  condition: a\n", "leave no state" },
		{ "registry_delete", "  a:\n    TargetObject: y\n  condition: a\n",
			"leave no state" },
		{ "process_creation", "  a:\n    User: y\n", "no condition" },
		{ "process_creation", "  a:\n    User: y\n  condition: b\n",
			"there is no selection 'b'" },
		{ "process_creation", "  a:\n    User: y\n  condition: a and\n",
			"is not understood" },
		{ "process_creation", "  a:\n    User: y\n  condition: (a\n", "bracket" },
		{ "process_creation", "  a:\n    User: y\n  condition: a | count() > 5\n",
			"not read as a state" },
		{ "process_creation", "  a: [\n", "line" },
		{ "process_creation", "  condition: all of them\n", "there is no selection" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		sigma(cases[i].category, cases[i].detection);
		assert_broken(cases[i].note);
	}
	reads(&fx, "r.yml", "a: b\n");
	assert_broken("no Sigma rule");
	reads(&fx, "r.yml", "");
	assert_broken("empty");
	reads(&fx, "r.yml",
		"title: t\nlogsource: {category: process_creation, product: linux}\ndetection: {a: "
		"{User: x}, condition: a}\n");
	assert_broken("is for 'linux'");
}

static void aliases_without_end_are_bounded(void **state)
{
	struct text text;
	(void)state;
	text_init(&text, 1 << 20);
	text_addf(&text,
		"title: t\nlogsource: {category: process_creation, product: windows}\ndetection:\n"
		"  a: &a [{User: x},{User: x},{User: x},{User: x},{User: x},{User: x},{User: "
		"x},{User: x}]\n");
	text_addf(&text, "  condition: ");
	for (int i = 0; i < 30; i++)
		text_addf(&text, "(");
	for (int i = 0; i < 20000; i++)
		text_addf(&text, "a or ");
	text_addf(&text, "a\n");
	reads(&fx, "r.yml", text.data);
	assert_int_equal(ioc_set_count(fx.set), 0);
	text_clear(&text);
	text_addf(&text, "a: ");
	for (int i = 0; i < 100000; i++)
		text_addf(&text, "[");
	reads(&fx, "r.yml", text.data);
	assert_int_equal(ioc_set_count(fx.set), 0);
	assert_int_equal(ioc_set_note_count(fx.set), 1);
	text_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(patterns_become_trees, tear_down),
		cmocka_unit_test_teardown(bad_patterns_are_left_out_with_their_place, tear_down),
		cmocka_unit_test_teardown(only_indicators_of_a_bundle_count, tear_down),
		cmocka_unit_test_teardown(what_is_no_longer_valid_is_asked_and_said, tear_down),
		cmocka_unit_test_teardown(a_feeds_manifest_is_told_from_events, tear_down),
		cmocka_unit_test_teardown(json_of_other_kinds_is_refused, tear_down),
		cmocka_unit_test_teardown(marked_attributes_become_indicators, tear_down),
		cmocka_unit_test_teardown(what_was_deleted_or_is_context_is_left_out, tear_down),
		cmocka_unit_test_teardown(types_of_two_values_bind_both, tear_down),
		cmocka_unit_test_teardown(events_without_marks_say_so, tear_down),
		cmocka_unit_test(values_are_known_by_their_form),
		cmocka_unit_test(fangs_are_put_back),
		cmocka_unit_test_teardown(lists_are_read_line_by_line, tear_down),
		cmocka_unit_test_teardown(prose_is_no_list, tear_down),
		cmocka_unit_test_teardown(wide_lists_are_read, tear_down),
		cmocka_unit_test_teardown(tables_are_read_by_their_columns, tear_down),
		cmocka_unit_test_teardown(loki_lists_are_told_by_their_names, tear_down),
		cmocka_unit_test_teardown(yara_rules_are_checked_and_kept, tear_down),
		cmocka_unit_test_teardown(sigma_rules_become_trees, tear_down),
		cmocka_unit_test_teardown(dashes_of_options_are_any_of_them, tear_down),
		cmocka_unit_test_teardown(sigma_rules_that_cannot_be_read_are_said, tear_down),
		cmocka_unit_test_teardown(aliases_without_end_are_bounded, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
