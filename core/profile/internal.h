// Between the parts of core/profile that make, keep and find profiles. Private to core/profile.
// SPDX-License-Identifier: Apache-2.0
#ifndef PROFILE_INTERNAL_H
#define PROFILE_INTERNAL_H

#include "profile/isf.h"

// A profile on build number `build` of a checked block. `block` (NULL: it outlives all profiles) is
// freed with the profile; it stays the caller's when this fails.
EI_CHECKED ei_error *profile_create(const struct flat *flat, uint32_t build, void *block,
	const char *origin, struct profile **out);

// A profile on the first build of `block`, which is checked, and taken when this succeeds.
EI_CHECKED ei_error *profile_from_block(
	struct bytes *block, const char *origin, struct profile **out);

// The flat block of a profile, borrowed.
const void *profile_block(const struct profile *profile, size_t *size_bytes);

// The layout of a profile, and a view of the block that it is in. Both are borrowed.
const struct flat_layout *profile_layout(const struct profile *profile, struct flat *flat);

// profile_load() through the cache.
EI_CHECKED ei_error *cache_load(const char *source, struct profile **out);

// The built-in of that GUID (upper case) and age; false when there is none.
bool builtin_find(const char *guid, uint32_t age, size_t *index);

#endif
