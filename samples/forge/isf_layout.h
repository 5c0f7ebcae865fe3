// A profile as a symbol table: its types in the form that other tools read.
// SPDX-License-Identifier: Apache-2.0
#ifndef FORGE_ISF_LAYOUT_H
#define FORGE_ISF_LAYOUT_H

#include "profile/profile.h"
#include <jansson.h>

// An ISF of format 6.2.0 with all the types and symbols of `profile`, without the identity of a
// kernel. What a type refers to and the profile does not have becomes an array of bytes. NULL
// without memory.
json_t *isf_of_profile(const struct profile *profile);

#endif
