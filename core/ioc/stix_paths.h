// Object paths of STIX, and the terms that they ask for.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_STIX_PATHS_H
#define IOC_STIX_PATHS_H

#include <stddef.h>

struct stix_path {
	const char *path;     // lower case, without indexes and quotes
	const char *terms[3]; // any of them; the first is the object's own
};

const struct stix_path *stix_path_find(const char *path); // NULL: memory has no such thing

#endif
