// The self-tests of a session's profile, one by one, for people who want to know what to believe.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_SELF_TEST_H
#define WIN_SELF_TEST_H

#include "win/session.h"

enum self_result { SELF_PASSED, SELF_FAILED, SELF_NOT_POSSIBLE };

struct self_test {
	const char *name;  // "process links"; of globals the symbol's
	const char *claim; // what should hold; NULL when nobody has written it down
	const char *rests; // plugins and columns that are doubtful when it fails; NULL: not known
	enum self_result result;
	const char *saw; // "in 60 of 60", "export table and debugger data agree"
	bool is_global;
};

struct self_tests {
	const struct self_test *tests;
	size_t count;
};

// Tests the session's profile on its image; needs both a kernel and a profile. `out` lives in
// `arena`. EI_E_CANCELLED, EI_E_NOMEM.
EI_CHECKED ei_error *self_tests_run(const struct session *session, struct reader *reader,
	const bool *cancelled, ei_arena *arena, struct self_tests *out);

// The claim of a test by its name, and what rests on it; false when nobody has written it down.
bool self_test_claim(const char *name, const char **claim, const char **rests);

#endif
