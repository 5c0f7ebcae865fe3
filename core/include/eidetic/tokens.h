// Tokens: who a process acts for, and what it may do.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_TOKENS_H
#define EIDETIC_TOKENS_H

#include <eidetic/win.h>

// clang-format off
#define TOKEN_FIELDS(F, ALT)                                                                       \
	F(UserAndGroupCount, UINT, MUST)                                                           \
	F(UserAndGroups,     PTR,  MUST)                                                           \
	F(SessionId,         UINT, MAY)                                                            \
	F(TokenType,         UINT, MAY)                                                            \
	F(PrivilegeCount,    UINT, MAY)                                                            \
	ALT(present,         "Privileges.Present",           UINT, MAY)                            \
	ALT(enabled,         "Privileges.Enabled",           UINT, MAY)                            \
	ALT(by_default,      "Privileges.EnabledByDefault",  UINT, MAY)                            \
	ALT(privilege_array, "Privileges",                   PTR,  MAY)
EI_TYPE(token, "_TOKEN", TOKEN_FIELDS);
// clang-format on

// The address of a process's primary token; the state says why there is none.
EI_API ei_val ei_process_token(ei_run *run, const eprocess *process);

// ---- SIDs -----------------------------------------------------------------------------------
// The nth SID of a token, the user's first, as "S-1-5-18", and its attributes, which
// may be NULL. EI_NONE past the last; EI_GARBAGE where there is no SID. When the token itself
// cannot be read every n is EI_UNREADABLE, and `attributes` untouched.
EI_API ei_val ei_token_sid(ei_run *run, const token *token, size_t n, ei_val *attributes);

// What a SID is called: well-known ones by Windows's names, services and users by the names that
// the registry of the image has. EI_NONE when nothing names it. Borrowed from the session.
EI_API ei_val ei_sid_name(ei_run *run, ei_val sid);

// ---- Privileges -----------------------------------------------------------------------------
typedef struct ei_privilege {
	unsigned value;     // LUID, below 64
	const char *name;   // "SeDebugPrivilege"
	const char *allows; // what it lets its holder do
	bool present, enabled, by_default;
} ei_privilege;

// The privileges that Windows names, one a call, those that the token does not have too, in the
// order of their values. `cursor` starts at 0; false after the last, or when the token cannot be
// read.
EI_API bool ei_next_privilege(ei_run *run, const token *token, unsigned *cursor, ei_privilege *out);

#endif
