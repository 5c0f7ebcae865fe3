// What AND binds together, what negation means, and what is not known.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/ioc_documents.h"

#define NAME "ProcessItem/name"
#define PATH "ProcessItem/path"
#define HANDLE "ProcessItem/HandleList/Handle"
#define HANDLE_NAME HANDLE "/Name"
#define HANDLE_TYPE HANDLE "/Type"
#define SECTION "ProcessItem/SectionList/MemorySection"
#define SECTION_NAME SECTION "/Name"
#define INJECTED SECTION "/Injected"

static struct fx fx;

static int tear_down(void **state)
{
	(void)state;
	fx_deinit(&fx);
	return 0;
}

static uint32_t process_named(uint64_t pid, const char *name, const char *path)
{
	uint32_t entity = process(&fx, pid);
	gives(&fx, entity, NAME, name);
	if (path)
		gives(&fx, entity, PATH, path);
	return entity;
}

static void handle(uint32_t owner, const char *name, const char *type)
{
	uint32_t entity = item(&fx, HANDLE, owner);
	gives(&fx, entity, HANDLE_NAME, name);
	gives(&fx, entity, HANDLE_TYPE, type);
}

static void section(uint32_t owner, const char *name, const char *injected)
{
	uint32_t entity = item(&fx, SECTION, owner);
	gives(&fx, entity, SECTION_NAME, name);
	gives(&fx, entity, INJECTED, injected);
}

// ---- entities -------------------------------------------------------------------------------
static void conditions_of_one_document_are_of_one_entity(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "a.exe"), CONTAINS(PATH, "temp"))));
	ANSWERS(&fx, NAME, PATH);
	process_named(1, "a.exe", "C:\\Windows\\a.exe");
	process_named(2, "b.exe", "C:\\Temp\\b.exe");
	assert_truth(verdict(&fx), IOC_FALSE);
	process_named(3, "a.exe", "C:\\Temp\\a.exe");
	assert_truth(verdict(&fx), IOC_TRUE);
	assert_int_equal(fx.verdict.witness_count, 1);
	assert_int_equal(fx.verdict.witnesses[0].mark, 3);
	assert_string_equal(fx.verdict.witnesses[0].domain, "ProcessItem");
}

static void binding_is_kept_through_nested_groups(void **state)
{
	(void)state;
	with(&fx,
		DOC(AND(IS(NAME, "a.exe"), OR(CONTAINS(PATH, "temp"), CONTAINS(PATH, "public")))));
	ANSWERS(&fx, NAME, PATH);
	process_named(1, "a.exe", "C:\\Windows\\a.exe");
	process_named(2, "b.exe", "C:\\Users\\Public\\b.exe");
	assert_truth(verdict(&fx), IOC_FALSE);
}

static void documents_without_a_link_are_joined_by_existence(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "a.exe"), IS("RegistryItem/ValueName", "Run"))));
	ANSWERS(&fx, NAME, "RegistryItem/ValueName");
	process_named(1, "a.exe", NULL);
	assert_truth(verdict(&fx), IOC_FALSE);
	gives(&fx, item(&fx, "RegistryItem", IOC_ROOT), "RegistryItem/ValueName", "run");
	assert_truth(verdict(&fx), IOC_TRUE);
	assert_int_equal(fx.verdict.witness_count, 2);
}

static uint32_t port(uint64_t pid, const char *address)
{
	uint32_t entity = ioc_evidence_entity(fx.evidence, "PortItem", IOC_ROOT, pid, 0);
	gives(&fx, entity, "PortItem/remoteIP", address);
	return entity;
}

static void documents_with_a_link_are_of_the_same_process(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "a.exe"), IS("PortItem/remoteIP", "10.0.0.1"))));
	ANSWERS(&fx, NAME, "PortItem/remoteIP");
	process_named(1, "a.exe", NULL);
	process_named(2, "b.exe", NULL);
	port(2, "10.0.0.1");
	assert_truth(verdict(&fx), IOC_FALSE);
	port(1, "10.0.0.1");
	assert_truth(verdict(&fx), IOC_TRUE);
	assert_int_equal(fx.verdict.witness_count, 2);
	assert_int_equal(fx.verdict.witnesses[0].link, 1);
	assert_int_equal(fx.verdict.witnesses[1].link, 1);
}

static void an_endpoint_of_nobody_in_particular_leaves_it_open(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "a.exe"), IS("PortItem/remoteIP", "10.0.0.1"))));
	ANSWERS(&fx, NAME, "PortItem/remoteIP");
	process_named(1, "a.exe", NULL);
	port(7, "10.0.0.9"); // so that endpoints are linked at all
	uint32_t entity = item(&fx, "PortItem", IOC_ROOT);
	gives(&fx, entity, "PortItem/remoteIP", "10.0.0.1");
	assert_truth(verdict(&fx), IOC_UNKNOWN);
}

static void ports_within_a_process_are_endpoints_of_that_process(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "a.exe"),
			  IS("ProcessItem/PortList/PortItem/remoteIP", "10.0.0.1"))));
	ANSWERS(&fx, NAME, "PortItem/remoteIP");
	process_named(1, "a.exe", NULL);
	process_named(2, "b.exe", NULL);
	port(2, "10.0.0.1");
	assert_truth(verdict(&fx), IOC_FALSE);
	port(1, "10.0.0.1");
	assert_truth(verdict(&fx), IOC_TRUE);
}

static void either_of_two_documents_within_an_and_keeps_its_binding(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "a.exe"),
			  OR(CONTAINS(PATH, "temp"), IS("RegistryItem/ValueName", "x")))));
	ANSWERS(&fx, NAME, PATH, "RegistryItem/ValueName");
	process_named(1, "a.exe", "C:\\a.exe");
	process_named(2, "b.exe", "C:\\Temp\\b.exe");
	assert_truth(verdict(&fx), IOC_FALSE);
	gives(&fx, item(&fx, "RegistryItem", IOC_ROOT), "RegistryItem/ValueName", "x");
	assert_truth(verdict(&fx), IOC_TRUE);
}

static void too_many_combinations_are_unknown_not_wrong(void **state)
{
	(void)state;
	// Each OR has two documents, so that every AND doubles what must be kept apart.
#define PAIR(n)                                                                                    \
	OR(IS(NAME, "p" n), IS("RegistryItem/ValueName", "v" n), IS("ServiceItem/name", "s" n))
#define FOUR(n) AND(PAIR(n "1"), PAIR(n "2"), PAIR(n "3"), PAIR(n "4"))
	with(&fx, DOC(AND(FOUR("a"), FOUR("b"), IS(NAME, "none"))));
	ANSWERS(&fx, NAME, "RegistryItem/ValueName", "ServiceItem/name");
	process_named(1, "none", NULL);
	assert_truth(verdict(&fx), IOC_FALSE);
	fx_deinit(&fx);
	with(&fx, DOC(AND(FOUR("a"), FOUR("b"))));
	ANSWERS(&fx, NAME, "RegistryItem/ValueName", "ServiceItem/name");
	static const char *const values[] = { "va1", "va2", "va3", "va4", "vb1", "vb2", "vb3",
		"vb4" };
	uint32_t entity = item(&fx, "RegistryItem", IOC_ROOT);
	for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
		gives(&fx, entity, "RegistryItem/ValueName", values[i]);
	assert_true(verdict(&fx) != IOC_FALSE);
}

// ---- items of lists -------------------------------------------------------------------------
static void conditions_on_items_meet_in_one_item(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(HANDLE_NAME, "bad"), IS(HANDLE_TYPE, "Mutant"))));
	ANSWERS(&fx, NAME, HANDLE_NAME, HANDLE_TYPE);
	uint32_t owner = process_named(1, "a.exe", NULL);
	handle(owner, "bad", "Event");
	handle(owner, "good", "Mutant");
	assert_truth(verdict(&fx), IOC_FALSE);
	assert_truth(fx.verdict.loose, IOC_TRUE);
	handle(owner, "bad", "Mutant");
	assert_truth(verdict(&fx), IOC_TRUE);
	assert_string_equal(fx.verdict.witnesses[0].domain, HANDLE);
	assert_int_equal(fx.verdict.witnesses[0].entity, 2);
}

static void items_are_of_the_entity_that_the_rest_is_of(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(HANDLE_NAME, "bad"), IS(NAME, "a.exe"), IS(HANDLE_TYPE, "Mutant"))));
	ANSWERS(&fx, NAME, HANDLE_NAME, HANDLE_TYPE);
	uint32_t a = process_named(1, "a.exe", NULL), b = process_named(2, "b.exe", NULL);
	handle(b, "bad", "Mutant");
	handle(a, "bad", "Event");
	handle(a, "good", "Mutant");
	assert_truth(verdict(&fx), IOC_FALSE);
	handle(a, "bad", "Mutant");
	assert_truth(verdict(&fx), IOC_TRUE);
	assert_string_equal(fx.verdict.witnesses[0].domain, "ProcessItem");
}

static void different_lists_meet_in_their_entity(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(HANDLE_NAME, "bad"), IS(INJECTED, "true"))));
	ANSWERS(&fx, NAME, HANDLE_NAME, INJECTED, SECTION_NAME, HANDLE_TYPE);
	uint32_t a = process_named(1, "a.exe", NULL), b = process_named(2, "b.exe", NULL);
	handle(a, "bad", "Mutant");
	section(b, "x.dll", "true");
	assert_truth(verdict(&fx), IOC_FALSE);
	section(a, "x.dll", "true");
	assert_truth(verdict(&fx), IOC_TRUE);
}

static void functions_that_are_imported_are_each_of_their_own(void **state)
{
	static const char imports[] =
		"FileItem/PEInfo/ImportedModules/Module/ImportedFunctions/string";
	(void)state;
	with(&fx, DOC(AND(IS("FileItem/PEInfo/ImportedModules/Module/ImportedFunctions/string",
				  "VirtualAlloc"),
			  IS("FileItem/PEInfo/ImportedModules/Module/ImportedFunctions/string",
				  "InternetOpenA"))));
	ioc_evidence_answers(fx.evidence, imports, true);
	uint32_t file = item(&fx, "FileItem", IOC_ROOT);
	gives(&fx, file, imports, "VirtualAlloc");
	assert_truth(verdict(&fx), IOC_FALSE);
	gives(&fx, file, imports, "InternetOpenA");
	assert_truth(verdict(&fx), IOC_TRUE);
}

static void events_are_read_as_state_of_what_they_happened_to(void **state)
{
	(void)state;
	with(&fx,
		DOC(AND(IS("processEvent/process", "a.exe"), IS("imageLoadEvent/fileName", "x.dll"),
			IS("imageLoadEvent/filePath", "windows\\temp"))));
	ANSWERS(&fx, NAME, SECTION_NAME);
	uint32_t a = process_named(1, "a.exe", NULL);
	section(a, "\\Device\\HarddiskVolume2\\Windows\\System32\\x.dll", "false");
	section(a, "\\Device\\HarddiskVolume2\\Windows\\Temp\\y.dll", "false");
	assert_truth(verdict(&fx), IOC_FALSE);
	section(a, "\\Device\\HarddiskVolume2\\Windows\\Temp\\x.dll", "false");
	assert_truth(verdict(&fx), IOC_TRUE);
}

// ---- negation -------------------------------------------------------------------------------
static void negation_of_a_list_is_about_all_of_its_values(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "a.exe"), NOT_IS(HANDLE_NAME, "good"))));
	ANSWERS(&fx, NAME, HANDLE_NAME);
	uint32_t a = process_named(1, "a.exe", NULL);
	handle(a, "good", "Mutant");
	handle(a, "other", "Mutant");
	assert_truth(verdict(&fx), IOC_FALSE);
}

static void negation_beside_a_condition_on_the_item_is_about_that_item(void **state)
{
	(void)state;
	with(&fx,
		DOC(AND(IS(INJECTED, "true"), ITEM_OF("contains", NEGATED, SECTION_NAME, "good"))));
	ANSWERS(&fx, NAME, SECTION_NAME, INJECTED);
	uint32_t a = process_named(1, "a.exe", NULL);
	section(a, "good.dll", "false");
	section(a, "good.dll", "true");
	assert_truth(verdict(&fx), IOC_FALSE);
	section(a, "bad.dll", "true");
	assert_truth(verdict(&fx), IOC_TRUE);
	assert_int_equal(fx.verdict.witnesses[0].entity, 2);
}

// One question, asked plainly and negated: neither answer may stand for the other.
static void a_question_and_its_negation_are_told_apart(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		with(&fx, order ? DOC(OR(AND(NOT_IS(NAME, "a.exe"), IS(PATH, "C:\\p")),
					  AND(IS(NAME, "a.exe"), IS(PATH, "C:\\q"))))
				: DOC(OR(AND(IS(NAME, "a.exe"), IS(PATH, "C:\\q")),
					  AND(NOT_IS(NAME, "a.exe"), IS(PATH, "C:\\p")))));
		ANSWERS(&fx, NAME, PATH);
		process_named(1, "a.exe", "C:\\p");
		process_named(2, "b.exe", "C:\\q");
		assert_truth(verdict(&fx), IOC_FALSE);
		process_named(3, "b.exe", "C:\\p");
		assert_truth(verdict(&fx), IOC_TRUE);
		assert_int_equal(fx.verdict.witnesses[0].mark, 3);
	}
}

static void a_service_is_of_the_process_that_it_runs_in(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "svchost.exe"), IS("ServiceItem/name", "Bad"))));
	ANSWERS(&fx, NAME, "ServiceItem/name");
	process_named(1, "svchost.exe", NULL);
	process_named(2, "other.exe", NULL);
	uint32_t service = ioc_evidence_entity(fx.evidence, "ServiceItem", IOC_ROOT, 2, 0);
	gives(&fx, service, "ServiceItem/name", "Bad");
	assert_truth(verdict(&fx), IOC_FALSE);
	service = ioc_evidence_entity(fx.evidence, "ServiceItem", IOC_ROOT, 1, 0);
	gives(&fx, service, "ServiceItem/name", "bad");
	assert_truth(verdict(&fx), IOC_TRUE);
}

static void the_value_of_a_key_is_one_thing(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS("RegistryItem/KeyPath", "HKLM\\k"), IS("RegistryItem/ValueName", "n"),
			  CONTAINS("RegistryItem/Text", "bad"))));
	ANSWERS(&fx, "RegistryItem/KeyPath", "RegistryItem/ValueName", "RegistryItem/Text");
	static const char *const values[][3] = { { "HKLM\\k", "n", "good" },
		{ "HKLM\\k", "m", "bad" }, { "HKLM\\j", "n", "bad" },
		{ "HKLM\\k", "n", "a bad one" } };
	for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
		uint32_t value = item(&fx, "RegistryItem", IOC_ROOT);
		gives(&fx, value, "RegistryItem/KeyPath", values[i][0]);
		gives(&fx, value, "RegistryItem/ValueName", values[i][1]);
		gives(&fx, value, "RegistryItem/Text", values[i][2]);
		assert_truth(verdict(&fx), i == 3 ? IOC_TRUE : IOC_FALSE);
	}
}

static void negation_of_what_is_unknown_is_unknown(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "svchost.exe"),
			  NOT_IS("ProcessItem/ParentProcessName", "services.exe"))));
	ANSWERS(&fx, NAME, "ProcessItem/ParentProcessPath");
	uint32_t a = process_named(1, "svchost.exe", NULL);
	ioc_evidence_value(
		fx.evidence, "ProcessItem/ParentProcessPath", a, ei_absent(EI_UNREADABLE));
	assert_truth(verdict(&fx), IOC_UNKNOWN);
	assert_int_equal(fx.verdict.reason, IOC_UNREADABLE);
	uint32_t b = process_named(2, "svchost.exe", NULL);
	gives(&fx, b, "ProcessItem/ParentProcessPath", "C:\\Windows\\System32\\services.exe");
	assert_truth(verdict(&fx), IOC_UNKNOWN);
	uint32_t c = process_named(3, "svchost.exe", NULL);
	gives(&fx, c, "ProcessItem/ParentProcessPath", "C:\\Windows\\explorer.exe");
	assert_truth(verdict(&fx), IOC_TRUE);
	assert_int_equal(fx.verdict.witnesses[0].mark, 3);
}

static void an_entity_without_a_value_satisfies_its_negation(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "a.exe"), NOT_IS(PATH, "x"))));
	ANSWERS(&fx, NAME, PATH);
	uint32_t a = process_named(1, "a.exe", NULL);
	assert_truth(verdict(&fx), IOC_UNKNOWN); // nobody said whether there is a path
	ioc_evidence_value(fx.evidence, PATH, a, ei_absent(EI_NONE));
	assert_truth(verdict(&fx), IOC_TRUE);
}

// ---- OpenIOC 1.0: exclusion -------------------------------------------------------------------
#define ISNOT(term, value) ITEM_OF("isnot", "", term, value)
#define NOTCONTAINS(term, value) ITEM_OF("containsnot", "", term, value)
#define IS10(term, value) ITEM_OF("is", "", term, value)

static uint32_t file(const char *path)
{
	uint32_t entity = item(&fx, "FileItem", IOC_ROOT);
	gives(&fx, entity, "FileItem/FullPath", path);
	return entity;
}

static void exclusion_beside_a_condition_takes_away(void **state)
{
	(void)state;
	with(&fx, DOC_10(AND(IS10("FileItem/FileName", "a.exe"),
			  NOTCONTAINS("FileItem/FilePath", "Windows"))));
	ANSWERS(&fx, "FileItem/FullPath");
	file("C:\\Windows\\a.exe");
	file("C:\\Temp\\b.exe");
	assert_truth(verdict(&fx), IOC_FALSE);
	file("C:\\Temp\\a.exe");
	assert_truth(verdict(&fx), IOC_TRUE);
}

static void exclusion_in_an_or_takes_away_from_its_siblings(void **state)
{
	(void)state;
	with(&fx, DOC_10(OR(IS10("FileItem/FileName", "a.exe"), IS10("FileItem/FileName", "b.exe"),
			  NOTCONTAINS("FileItem/FilePath", "Windows"))));
	ANSWERS(&fx, "FileItem/FullPath");
	file("C:\\Temp\\innocent.exe");
	file("C:\\Windows\\a.exe");
	assert_truth(verdict(&fx), IOC_FALSE);
	file("C:\\Temp\\b.exe");
	assert_truth(verdict(&fx), IOC_TRUE);
	assert_int_equal(fx.verdict.witness_count, 1);
	assert_int_equal(fx.verdict.witnesses[0].entity, 2);
}

static void exclusion_alone_finds_nothing(void **state)
{
	(void)state;
	with(&fx, DOC_10(OR(ISNOT("FileItem/FileName", "a.exe"))));
	ANSWERS(&fx, "FileItem/FullPath");
	file("C:\\Temp\\innocent.exe");
	assert_truth(verdict(&fx), IOC_FALSE);
}

static void exclusion_of_another_document_does_not_stand_in_the_way(void **state)
{
	(void)state;
	with(&fx, DOC_10(AND(IS10(NAME, "a.exe"), ISNOT("FileItem/FileName", "b.exe"))));
	ANSWERS(&fx, NAME, "FileItem/FullPath");
	process_named(1, "a.exe", NULL);
	file("C:\\Temp\\b.exe");
	assert_truth(verdict(&fx), IOC_TRUE);
}

// ---- what is not known ------------------------------------------------------------------------
static void terms_that_nobody_answers_are_unknown(void **state)
{
	(void)state;
	with(&fx, DOC(OR(IS("FileItem/Md5sum", "0123456789abcdef0123456789abcdef"),
			  IS(NAME, "a.exe"))));
	ANSWERS(&fx, NAME);
	process_named(1, "b.exe", NULL);
	assert_truth(verdict(&fx), IOC_UNKNOWN);
	assert_int_equal(fx.verdict.reason, IOC_NO_SOURCE);
	assert_int_equal(fx.verdict.nodes[1].truth, IOC_UNKNOWN);
	assert_int_equal(fx.verdict.nodes[1].reason, IOC_NO_SOURCE);
	assert_int_equal(fx.verdict.nodes[2].truth, IOC_FALSE);
	process_named(2, "a.exe", NULL);
	assert_truth(verdict(&fx), IOC_TRUE);
}

static void negation_of_a_term_that_nobody_answers_is_unknown(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "a.exe"),
			  NOT_IS("ProcessItem/Md5sum", "0123456789abcdef0123456789abcdef"))));
	ANSWERS(&fx, NAME);
	process_named(1, "a.exe", NULL);
	assert_truth(verdict(&fx), IOC_UNKNOWN);
}

static void absence_from_a_part_of_what_there_is_refutes_nothing(void **state)
{
	(void)state;
	with(&fx, DOC(OR(IS("FileItem/FileName", "a.exe"))));
	ioc_evidence_answers(fx.evidence, "FileItem/FullPath", false);
	file("C:\\b.exe");
	assert_truth(verdict(&fx), IOC_UNKNOWN);
	assert_int_equal(fx.verdict.reason, IOC_ABSENT);
	file("C:\\a.exe");
	assert_truth(verdict(&fx), IOC_TRUE);
}

static void entities_of_which_nothing_was_said_are_unknown(void **state)
{
	(void)state;
	with(&fx, DOC(OR(IS(PATH, "C:\\a.exe"))));
	ANSWERS(&fx, NAME, PATH);
	process(&fx, 1);
	assert_truth(verdict(&fx), IOC_UNKNOWN);
}

static void a_damaged_list_leaves_its_entity_open(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "a.exe"), IS(HANDLE_NAME, "bad"))));
	ANSWERS(&fx, NAME, HANDLE_NAME);
	uint32_t a = process_named(1, "a.exe", NULL);
	handle(a, "good", "Mutant");
	assert_truth(verdict(&fx), IOC_FALSE);
	ioc_evidence_partial(fx.evidence, HANDLE, a);
	assert_truth(verdict(&fx), IOC_UNKNOWN);
}

static void empty_content_never_matches(void **state)
{
	static const char *const documents[] = {
		DOC(OR(CONTAINS(NAME, ""))),
		DOC(OR(CONTAINS(NAME, "  "))),
		DOC(OR(ITEM_OF("ends-with", PLAIN, NAME, ""))),
		DOC(AND(NOT_IS(NAME, ""))),
		DOC(OR(MATCHES(NAME, ""))),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(documents); i++) {
		with(&fx, documents[i]);
		ANSWERS(&fx, NAME);
		process_named(1, "a.exe", NULL);
		assert_truth(verdict(&fx), IOC_UNKNOWN);
		assert_int_equal(fx.verdict.reason, IOC_NO_VALUE);
	}
}

static void empty_groups_never_match(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "a.exe"), "<Indicator operator='AND'/>")));
	ANSWERS(&fx, NAME);
	process_named(1, "a.exe", NULL);
	assert_truth(verdict(&fx), IOC_UNKNOWN);
}

// ---- hits that others find --------------------------------------------------------------------
static void hits_of_a_search_bind_to_their_owner(void **state)
{
	(void)state;
	with(&fx, DOC(AND(IS(NAME, "a.exe"), CONTAINS("Network/DNS", "evil.example"))));
	ANSWERS(&fx, NAME);
	ioc_evidence_answers(fx.evidence, "Network/DNS", false);
	uint32_t atom = ioc_atoms_of(fx.program, "Network/DNS");
	assert_true(atom != IOC_NO_ATOM);
	process_named(1, "a.exe", NULL);
	process_named(2, "b.exe", NULL);
	uint32_t owner = ioc_evidence_entity(fx.evidence, "Network", IOC_ROOT, 2, 0);
	ioc_evidence_hit(fx.evidence, atom, owner, 0x1000);
	assert_truth(verdict(&fx), IOC_UNKNOWN); // the search proves nothing by a miss
	owner = ioc_evidence_entity(fx.evidence, "Network", IOC_ROOT, 1, 0);
	ioc_evidence_hit(fx.evidence, atom, owner, 0x2000);
	assert_truth(verdict(&fx), IOC_TRUE);
	size_t count;
	const struct ioc_hit *hits = ioc_hits(fx.evidence, atom, &count);
	assert_int_equal(count, 2);
	assert_int_equal(hits[1].mark, 0x2000);
}

static void hits_of_entities_that_do_not_exist_are_nothing(void **state)
{
	(void)state;
	with(&fx, DOC(OR(IS(NAME, "a.exe"))));
	ANSWERS(&fx, NAME);
	process_named(1, "b.exe", NULL);
	ioc_evidence_hit(fx.evidence, 0, 100000, 0);
	ioc_evidence_hit(fx.evidence, 100000, 0, 0);
	gives(&fx, 5000, NAME, "a.exe");
	assert_truth(verdict(&fx), IOC_FALSE);
}

// ---- scores ---------------------------------------------------------------------------------
#define SCORED(id, term, value)                                                                    \
	"<IndicatorItem id='" id "' condition='is' preserve-case='false' negate='false'>"          \
	"<Context search='" term "'/><Content>" value "</Content></IndicatorItem>"

static const char scored[] =
	"<OpenIOC id='d'><criteria><Indicator operator='AND'>" SCORED("one", NAME, "a.exe")
		SCORED("two", PATH, "C:\\a.exe") SCORED("three", "ProcessItem/arguments",
			"-x") "</Indicator>"
			      "</criteria><parameters>"
			      "<param id='1' ref-id='one' name='score'><value>60</value></param>"
			      "<param id='2' ref-id='two' name='score'><value>50</value></param>"
			      "<param id='3' ref-id='gone' name='score'><value>900</value></param>"
			      "<param id='4' ref-id='two' name='note'><value>why</value></param>"
			      "</parameters></OpenIOC>";

static void scores_add_up_for_one_entity(void **state)
{
	(void)state;
	with(&fx, scored);
	ANSWERS(&fx, NAME, PATH, "ProcessItem/arguments");
	process_named(1, "a.exe", "C:\\b.exe");
	process_named(2, "b.exe", "C:\\a.exe");
	verdict(&fx);
	assert_int_equal(fx.verdict.score, 60);
	assert_false(fx.verdict.scored);
	process_named(3, "a.exe", "C:\\a.exe");
	assert_truth(verdict(&fx), IOC_UNKNOWN); // arguments are not given
	assert_int_equal(fx.verdict.score, 110);
	assert_true(fx.verdict.scored);
	const struct ioc_node *second = ioc_set_at(fx.set, 0)->root->first->next;
	assert_string_equal(ioc_param(second, "note"), "why");
	assert_null(ioc_param(second, "detail"));
}

// ---- observations -----------------------------------------------------------------------------
static void stix(const char *pattern)
{
	char bundle[1024];
	snprintf(bundle, sizeof bundle,
		"{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[{\"type\":\"indicator\","
		"\"id\":\"indicator--1\",\"name\":\"n\",\"pattern_type\":\"stix\",\"pattern\":\"%"
		"s\"}]}",
		pattern);
	reads(&fx, "a.json", bundle);
	assert_int_equal(ioc_set_count(fx.set), 1);
	weighs(&fx);
}

static void observations_need_not_be_of_one_entity(void **state)
{
	(void)state;
	stix("[process:name = 'a.exe'] AND [process:command_line = '-x']");
	ANSWERS(&fx, NAME, "ProcessItem/arguments");
	uint32_t a = process_named(1, "a.exe", NULL), b = process_named(2, "b.exe", NULL);
	gives(&fx, a, "ProcessItem/arguments", "-y");
	gives(&fx, b, "ProcessItem/arguments", "-x");
	assert_truth(verdict(&fx), IOC_TRUE);
	stix("[process:name = 'a.exe' AND process:command_line = '-x']");
	ANSWERS(&fx, NAME, "ProcessItem/arguments");
	a = process_named(1, "a.exe", NULL), b = process_named(2, "b.exe", NULL);
	gives(&fx, a, "ProcessItem/arguments", "-y");
	gives(&fx, b, "ProcessItem/arguments", "-x");
	assert_truth(verdict(&fx), IOC_FALSE);
}

static void a_filter_of_several_conditions_is_about_the_item(void **state)
{
	(void)state;
	reads(&fx, "r.yml",
		"title: t\nlogsource:\n  category: image_load\n  product: windows\ndetection:\n"
		"  selection:\n    ImageLoaded|endswith: '\\x.dll'\n"
		"  filter:\n    ImageLoaded|startswith: 'C:\\Windows\\'\n    Image|endswith: "
		"'\\a.exe'\n"
		"  condition: selection and not filter\n");
	assert_int_equal(ioc_set_count(fx.set), 1);
	weighs(&fx);
	ANSWERS(&fx, NAME, PATH, SECTION_NAME);
	uint32_t a = process_named(1, "a.exe", "C:\\a.exe");
	section(a, "C:\\Windows\\x.dll", "false");
	section(a, "C:\\Windows\\y.dll", "false");
	assert_truth(verdict(&fx), IOC_FALSE);
	section(a, "C:\\Temp\\x.dll", "false");
	assert_truth(verdict(&fx), IOC_TRUE);
	assert_int_equal(fx.verdict.witness_count, 1);
	assert_int_equal(fx.verdict.witnesses[0].entity, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(conditions_of_one_document_are_of_one_entity, tear_down),
		cmocka_unit_test_teardown(binding_is_kept_through_nested_groups, tear_down),
		cmocka_unit_test_teardown(
			documents_without_a_link_are_joined_by_existence, tear_down),
		cmocka_unit_test_teardown(documents_with_a_link_are_of_the_same_process, tear_down),
		cmocka_unit_test_teardown(
			an_endpoint_of_nobody_in_particular_leaves_it_open, tear_down),
		cmocka_unit_test_teardown(
			ports_within_a_process_are_endpoints_of_that_process, tear_down),
		cmocka_unit_test_teardown(
			either_of_two_documents_within_an_and_keeps_its_binding, tear_down),
		cmocka_unit_test_teardown(too_many_combinations_are_unknown_not_wrong, tear_down),
		cmocka_unit_test_teardown(conditions_on_items_meet_in_one_item, tear_down),
		cmocka_unit_test_teardown(items_are_of_the_entity_that_the_rest_is_of, tear_down),
		cmocka_unit_test_teardown(different_lists_meet_in_their_entity, tear_down),
		cmocka_unit_test_teardown(
			functions_that_are_imported_are_each_of_their_own, tear_down),
		cmocka_unit_test_teardown(
			events_are_read_as_state_of_what_they_happened_to, tear_down),
		cmocka_unit_test_teardown(negation_of_a_list_is_about_all_of_its_values, tear_down),
		cmocka_unit_test_teardown(
			negation_beside_a_condition_on_the_item_is_about_that_item, tear_down),
		cmocka_unit_test_teardown(a_question_and_its_negation_are_told_apart, tear_down),
		cmocka_unit_test_teardown(a_service_is_of_the_process_that_it_runs_in, tear_down),
		cmocka_unit_test_teardown(the_value_of_a_key_is_one_thing, tear_down),
		cmocka_unit_test_teardown(negation_of_what_is_unknown_is_unknown, tear_down),
		cmocka_unit_test_teardown(
			an_entity_without_a_value_satisfies_its_negation, tear_down),
		cmocka_unit_test_teardown(exclusion_beside_a_condition_takes_away, tear_down),
		cmocka_unit_test_teardown(
			exclusion_in_an_or_takes_away_from_its_siblings, tear_down),
		cmocka_unit_test_teardown(exclusion_alone_finds_nothing, tear_down),
		cmocka_unit_test_teardown(
			exclusion_of_another_document_does_not_stand_in_the_way, tear_down),
		cmocka_unit_test_teardown(terms_that_nobody_answers_are_unknown, tear_down),
		cmocka_unit_test_teardown(
			negation_of_a_term_that_nobody_answers_is_unknown, tear_down),
		cmocka_unit_test_teardown(
			absence_from_a_part_of_what_there_is_refutes_nothing, tear_down),
		cmocka_unit_test_teardown(
			entities_of_which_nothing_was_said_are_unknown, tear_down),
		cmocka_unit_test_teardown(a_damaged_list_leaves_its_entity_open, tear_down),
		cmocka_unit_test_teardown(empty_content_never_matches, tear_down),
		cmocka_unit_test_teardown(empty_groups_never_match, tear_down),
		cmocka_unit_test_teardown(hits_of_a_search_bind_to_their_owner, tear_down),
		cmocka_unit_test_teardown(
			hits_of_entities_that_do_not_exist_are_nothing, tear_down),
		cmocka_unit_test_teardown(scores_add_up_for_one_entity, tear_down),
		cmocka_unit_test_teardown(observations_need_not_be_of_one_entity, tear_down),
		cmocka_unit_test_teardown(
			a_filter_of_several_conditions_is_about_the_item, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
