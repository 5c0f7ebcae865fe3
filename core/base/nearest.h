// The name that was probably meant.
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

// The one of `names` that is nearest to `given`, if it is near enough to be a slip; else NULL.
const char *nearest_name(const char *given, const char *const *names, size_t count);

#endif
