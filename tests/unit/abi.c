// The handshake with plugins of other builds, number by number. What needs a real shared object is
// in tests/cli/abi.sh.
// SPDX-License-Identifier: Apache-2.0
#include "run/run.h"

#include "tests/fx/test.h"

static ei_error *nothing(ei_run *run)
{
	(void)run;
	return NULL;
}

static const ei_column columns[] = { { .name = "a", .kind = EI_UINT, .doc = "a number" } };
static const ei_option options[] = { { .name = "pid", .kind = EI_UINT, .doc = "these" } };

static ei_plugin sample(void)
{
	return (ei_plugin){ EI_HEAD(sample), EI_COLUMNS(columns), EI_OPTIONS(options),
		.run = nothing, .purpose = "to be accepted" };
}

static void plugin_of_this_build_is_copied_whole(void **state)
{
	(void)state;
	ei_plugin theirs = sample(), ours = { 0 };
	assert_null(plugin_accept(&theirs, "sample.so", &ours));
	assert_memory_equal(&ours, &theirs, sizeof ours);
}

// What lies behind the end of a smaller descriptor is not the plugin's: it is zero.
static void missing_tail_is_zero(void **state)
{
	(void)state;
	// Nothing can be cut off the first release but `run`, which every plugin needs.
	ei_plugin theirs = sample(), ours = { 0 };
	theirs.size = offsetof(ei_plugin, run);
	EI_OWNED(ei_error) error = plugin_accept(&theirs, "sample.so", &ours);
	assert_non_null(error);
	assert_non_null(strstr(ei_error_text(error), "no run function"));
}

// A newer build's descriptor with `extra` bytes, one of them set.
struct newer {
	ei_plugin known;
	uint8_t unknown[64];
};

static void every_unknown_byte_that_is_used_is_seen(void **state)
{
	(void)state;
	for (size_t extra = 1; extra <= 64; extra += 9) {
		struct newer theirs = { .known = sample() };
		theirs.known.size = (uint32_t)(sizeof(ei_plugin) + extra);
		ei_plugin ours = { 0 };
		assert_null(plugin_accept(&theirs.known, "sample.so", &ours));
		theirs.unknown[extra - 1] = 1;
		EI_OWNED(ei_error) error = plugin_accept(&theirs.known, "sample.so", &ours);
		assert_non_null(error);
		assert_int_equal(ei_error_code(error), EI_E_REQUIREMENT);
		// What lies behind its end is not looked at.
		theirs.known.size--;
		assert_null(plugin_accept(&theirs.known, "sample.so", &ours));
	}
}

static void lies_are_refused_and_nothing_is_copied(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t offset, width;
		uint64_t value;
	} lies[] = {
#define LIE(member, number) offsetof(ei_plugin, member), sizeof(((ei_plugin *)0)->member), number
		{ "has ABI 0, this is 1", LIE(abi, 0) },
		{ "has ABI 4294967295, this is 1", LIE(abi, UINT32_MAX) },
		{ "says its descriptor has 0 bytes", LIE(size, 0) },
		{ "says its descriptor has 8 bytes", LIE(size, 8) },
		{ "says its descriptor has 4294967295 bytes", LIE(size, UINT32_MAX) },
		{ "its ei_val has 8 bytes, ours 16", LIE(val_size, 8) },
		{ "its ei_field has 16 bytes, ours 8", LIE(field_size, 16) },
		{ "its ei_obj has 0 bytes, ours 48", LIE(obj_size, 0) },
		{ "its ei_iter has 72 bytes, ours 64", LIE(iter_size, 72) },
		{ "its ei_column has 64 bytes, ours 72", LIE(column_size, 64) },
		{ "its ei_option has 32 bytes, ours 24", LIE(option_size, 32) },
		{ "no name, no purpose or no run function", LIE(name, 0) },
		{ "no name, no purpose or no run function", LIE(purpose, 0) },
		{ "no name, no purpose or no run function", LIE(run, 0) },
		{ "declares no columns", LIE(columns, 0) },
		{ "declares no columns", LIE(column_count, 0) },
		{ "counts what it does not have", LIE(options, 0) },
		{ "counts what it does not have", LIE(symbol_count, 3) },
		{ "counts what it does not have", LIE(type_count, 3) },
#undef LIE
	};
	for (size_t i = 0; i < ARRAY_LENGTH(lies); i++) {
		ei_plugin theirs = sample(), ours = { .abi = 77 };
		memcpy((uint8_t *)&theirs + lies[i].offset, &lies[i].value, lies[i].width);
		EI_OWNED(ei_error) error = plugin_accept(&theirs, "sample.so", &ours);
		if (!error)
			fail_msg("accepted what should say '%s'", lies[i].text);
		if (!strstr(ei_error_text(error), lies[i].text))
			fail_msg("want '%s': %s", lies[i].text, ei_error_text(error));
		assert_non_null(strstr(ei_error_text(error), "'sample.so'"));
		assert_int_equal(ours.abi, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plugin_of_this_build_is_copied_whole),
		cmocka_unit_test(missing_tail_is_zero),
		cmocka_unit_test(every_unknown_byte_that_is_used_is_seen),
		cmocka_unit_test(lies_are_refused_and_nothing_is_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
