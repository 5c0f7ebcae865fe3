// eidetic profile check: every self-test of a profile on an image, and what each of them saw.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include "image/image.h"
#include "win/self_test.h"

enum { CHECK_ARENA_MAX = 16 << 20 };

enum { KIND, TEST, RESULT, CLAIM, SAW, DOUBTFUL, CHECK_COLUMNS };

static const ei_column columns[CHECK_COLUMNS] = {
	// clang-format off
	[KIND]     = { "kind",     EI_STR, "layout: a test of types on the image; global: an address and its witnesses" },
	[TEST]     = { "test",     EI_STR, "its name, as 'info' lists those that fail" },
	[RESULT]   = { "result",   EI_STR, "passed, failed, or not possible: nothing could be asked" },
	[CLAIM]    = { "claim",    EI_STR, "what should hold; of a test, in nine of ten cases" },
	[SAW]      = { "saw",      EI_STR, "what was seen; of a global, who else says so" },
	[DOUBTFUL] = { "doubtful", EI_STR, "what not to believe where it failed" },
	// clang-format on
};

static const char *const results[] = {
	[SELF_PASSED] = "passed",
	[SELF_FAILED] = "failed",
	[SELF_NOT_POSSIBLE] = "not possible",
};

static ei_val text_or_none(const char *text)
{
	return text ? ei_str(text) : ei_absent(EI_NONE);
}

static ei_error *test_row(struct listing *listing, const struct self_test *test)
{
	bool failed = test->result == SELF_FAILED;
	return listing_row(listing,
		(ei_val[CHECK_COLUMNS]){
			[KIND] = ei_str(test->is_global ? "global" : "layout"),
			[TEST] = ei_str(test->name),
			[RESULT] = ei_str(results[test->result]),
			[CLAIM] = text_or_none(test->claim),
			[SAW] = text_or_none(test->saw),
			[DOUBTFUL] = failed ? text_or_none(test->rests) : ei_absent(EI_NONE),
		});
}

// What the record and the notes say of the profile.
static ei_error *introduce(struct listing *listing, const struct session *session, ei_arena *arena)
{
	const char *name = profile_info(session->profile).name;
	const char *text = ei_text(arena, "profile %s (%s)", name, session->profile_how);
	listing->record.image = image_path(session->image);
	listing->record.image_size = image_file_size(session->image);
	listing->record.format = image_format_name(session->image);
	listing->record.profile = name;
	listing->record.profile_how = session->profile_how;
	EI_TRY(listing_note(listing, text ? text : name));
	for (size_t i = 0; i < session->note_count; i++)
		EI_TRY(listing_note(listing, session->notes[i]));
	return NULL;
}

static ei_error *test_rows(
	struct listing *listing, const struct session *session, enum exit_status *status)
{
	EI_OWNED(reader) reader = NULL;
	EI_OWNED(ei_arena) arena = NULL;
	struct self_tests tests;
	EI_TRY(reader_create(session->image, &reader));
	EI_TRY(ei_arena_create(CHECK_ARENA_MAX, &arena));
	EI_TRY(self_tests_run(session, reader, cancelled, arena, &tests));
	EI_TRY(introduce(listing, session, arena));
	for (size_t i = 0; i < tests.count; i++) {
		EI_TRY(test_row(listing, &tests.tests[i]));
		if (tests.tests[i].result == SELF_FAILED)
			*status = EXIT_INCOMPLETE;
	}
	const char *failure = image_failure(session->image);
	if (failure)
		*status = EXIT_INCOMPLETE;
	return listing_end(listing, failure);
}

// The reasons why nothing can be tested are those why no plugin can run.
static ei_error *session_test(const struct session *session)
{
	const ei_plugin plugin = { .name = "profile check", .needs = EI_NEEDS_WINDOWS };
	return run_check(session, &plugin);
}

ei_error *profile_check(const struct global *global, const char *image, enum exit_status *status)
{
	struct global wish = *global;
	struct profile_store store;
	struct listing listing = { 0 };
	EI_OWNED(session) session = NULL;
	wish.file = image;
	EI_TRY(listing_init(&listing, global, "profile check", columns, CHECK_COLUMNS));
	ei_error *error = open_session(&wish, &store, &session);
	if (!error)
		error = session_test(session);
	if (!error)
		error = test_rows(&listing, session, status);
	listing_deinit(&listing);
	return error;
}
