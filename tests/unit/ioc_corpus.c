// Published indicators: all of them load, and what is said of them agrees with what is known.
// They are in $EIDETIC_SHARED/data (default ../shared/data) and are not part of the tree.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/ioc_documents.h"

#include <sys/stat.h>

static struct fx fx;

static int tear_down(void **state)
{
	(void)state;
	fx_deinit(&fx);
	return 0;
}

// Reads a folder of the shared data, or skips the test.
static void reads_shared(const char *folder)
{
	const char *shared = getenv("EIDETIC_SHARED");
	char path[1024];
	struct stat status;
	snprintf(path, sizeof path, "%s/data/%s", shared ? shared : "../shared", folder);
	if (stat(path, &status)) {
		print_message("skipped: there is no %s\n", path);
		skip();
	}
	fx_deinit(&fx);
	worked(ioc_set_create(NULL, &fx.set));
	worked(ei_arena_create(64 << 20, &fx.arena));
	worked(ioc_set_add(fx.set, path));
	for (size_t i = 0; i < ioc_set_note_count(fx.set); i++)
		if (ioc_set_note(fx.set, i)->broken)
			fail_msg("%s: %s", ioc_set_note(fx.set, i)->file,
				ioc_set_note(fx.set, i)->text);
}

static void published_openioc_loads_and_is_covered_as_counted(void **state)
{
	// How many documents classes a, a and b, a to c suffice for, counted by hand and by script.
	static const struct {
		const char *folder;
		size_t documents, leaves, reach[3];
	} collections[] = {
		{ "openioc/mandiant+iocs", 24, 799, { 21, 24, 24 } },
		{ "openioc/mandiant+red_team_tool_countermeasures", 88, 1098, { 75, 76, 76 } },
		{ "openioc/STIXProject+openioc-to-stix", 8, 169, { 7, 8, 8 } },
		// Of 99, groups of which some are enough are 3; offsets and sizes of files are not
		// asked.
		{ "openioc/mandiant+ioc_writer", 26, 91, { 1, 5, 20 } },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(collections); i++) {
		size_t leaves = 0, reach[IOC_CLASS_D + 1] = { 0 };
		reads_shared(collections[i].folder);
		weighs(&fx);
		for (size_t n = 0; n < ioc_set_count(fx.set); n++) {
			leaves += ioc_set_at(fx.set, n)->leaves;
			reach[ioc_coverage(ioc_set_at(fx.set, n)).reach]++;
		}
		assert_int_equal(ioc_set_count(fx.set), collections[i].documents);
		assert_int_equal(leaves, collections[i].leaves);
		for (size_t class = IOC_CLASS_A, sum = 0; class <= IOC_CLASS_C; class ++) {
			sum += reach[class];
			assert_int_equal(sum, collections[i].reach[class - IOC_CLASS_A]);
		}
	}
}

static void published_lists_events_and_bundles_load(void **state)
{
	(void)state;
	reads_shared("indicators");
	weighs(&fx);
	assert_true(ioc_set_count(fx.set) > 10000);
	size_t by_format[IOC_SIGMA + 1] = { 0 };
	for (size_t i = 0; i < ioc_set_count(fx.set); i++)
		by_format[ioc_set_at(fx.set, i)->format]++;
	assert_true(by_format[IOC_STIX] && by_format[IOC_CSV] && by_format[IOC_LIST] &&
		    by_format[IOC_LOKI] && by_format[IOC_SIGMA]);
}

static void published_yara_rules_load(void **state)
{
	(void)state;
	reads_shared("yara");
	assert_true(ioc_set_count(fx.set) > 1500);
	assert_true(ioc_set_rules_count(fx.set) > 400);
}

// Nothing that was found is nothing: no published document is true of an empty image.
static void nothing_is_true_of_nothing(void **state)
{
	static const char *const folders[] = { "openioc", "indicators" };
	(void)state;
	for (size_t f = 0; f < ARRAY_LENGTH(folders); f++) {
		reads_shared(folders[f]);
		weighs(&fx);
		for (size_t i = 0; i < ioc_set_count(fx.set); i++)
			if (verdict_at(&fx, i) == IOC_TRUE)
				fail_msg("%s", ioc_set_at(fx.set, i)->file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			published_openioc_loads_and_is_covered_as_counted, tear_down),
		cmocka_unit_test_teardown(published_lists_events_and_bundles_load, tear_down),
		cmocka_unit_test_teardown(published_yara_rules_load, tear_down),
		cmocka_unit_test_teardown(nothing_is_true_of_nothing, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
