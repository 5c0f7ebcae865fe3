// Asks a profile everything it can be asked; a sanitizer sees what should not be read.
// SPDX-License-Identifier: Apache-2.0
#ifndef FUZZ_ASK_PROFILE_H
#define FUZZ_ASK_PROFILE_H

#include "profile/profile.h"

enum { ASK_TYPES_MAX = 256, ASK_MEMBERS_MAX = 256, ASK_SYMBOLS_MAX = 1024 };

static inline size_t ask_type(const struct profile *profile, const char *type)
{
	const char *name = NULL;
	struct member member;
	size_t read = profile_type_size(profile, type);
	for (uint32_t i = 0; i < ASK_MEMBERS_MAX; i++) {
		if (!profile_member_at(profile, type, i, &name, &member))
			break;
		read += strlen(name) + strlen(member.target) + member.size;
		read += profile_member(profile, type, name, &member);
	}
	return read;
}

static inline void ask_profile(const struct profile *profile)
{
	struct profile_info info = profile_info(profile);
	volatile size_t read = strlen(info.name) + strlen(info.pdb) + strlen(info.guid) +
			       strlen(info.version) + strlen(info.origin);
	const char *name = NULL;
	uint64_t rva = 0;
	int64_t value = 0;
	for (uint32_t i = 0; i < ASK_TYPES_MAX && (name = profile_type_at(profile, i)); i++)
		read += ask_type(profile, name);
	for (uint32_t i = 0; i < ASK_SYMBOLS_MAX; i++) {
		if (!(name = profile_symbol_at(profile, i, &rva)))
			break;
		read += profile_symbol(profile, name, &rva);
	}
	struct member member;
	read += profile_member(profile, "_OUTER", "Inner.Low", &member);
	read += profile_constant(profile, "", "Ready", &value);
	read += profile_constant(profile, "_STATE", "Ready", &value);
	(void)read;
}

#endif
