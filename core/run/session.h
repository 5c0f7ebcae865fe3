// Opening a session: image, kernel, profile; and making runs on it.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_SESSION_H
#define RUN_SESSION_H

#include "win/session.h"

// What the user wants of a session. All zero: find everything.
struct session_wish {
	const char *image;   // NULL: none; a session about nothing, for plugins that need nothing
	const char *format;  // of the image; NULL: probe
	const char *profile; // name of a built-in, or path of a symbol file; NULL: find it; "none":
			     // do as if no exact one were known
	uint64_t dtb, kernel_base;
	unsigned threads; // 0: one a processor
	unsigned verbose;
	bool compat_vol3;
	const struct profile_store *store; // lives as long as the session
	const bool *cancelled;
};

// Never fails for what is in the image: a session without a kernel, or without a profile, says so.
// EI_E_IO, EI_E_UNKNOWN, EI_E_FORMAT when the file cannot be read as an image; EI_E_USAGE for a
// profile that does not exist.
EI_CHECKED ei_error *session_open(const struct session_wish *wish, struct session **out);
void session_close(struct session *session); // NULL is allowed
EI_OWNER(session, session_close);

// A run without a plugin, for work outside of one: its notes are only counted.
EI_CHECKED ei_error *run_create(const struct session *session, ei_run **out);
void run_drop(ei_run *run); // NULL is allowed
EI_OWNER(ei_run, run_drop);

#endif
