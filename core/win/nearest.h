// A profile for a kernel that no exact one is known of: the types of the nearest built-in that the
// image itself bears out, with symbols found in memory.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_NEAREST_H
#define WIN_NEAREST_H

#include "win/session.h"

struct nearest_wish {
	const struct session *session; // image, identity and arena; its profile is not looked at
	struct reader *reader;
	const bool *cancelled; // may be NULL
};

struct nearest {
	struct profile *profile; // yours
	char how[400];           // "nearest: 19041 family, verified 41/41 (win10-19041.1237-x64)"
	const char *note;        // what to be careful with, in the session's arena; NULL: nothing
};

// Takes the first built-in layout, nearest builds first, that passes every self-test that the image
// allows; else the one that passes most, and the texts say which tests failed. No GUID and no
// symbol's address of any profile is used. EI_E_REQUIREMENT when System and the processes'
// page tables are found with none of them; EI_E_NOMEM; EI_E_CANCELLED.
EI_CHECKED ei_error *profile_nearest(const struct nearest_wish *wish, struct nearest *out);

#endif
