// Libraries that are loaded when they are wanted: linked, they would make every run start slower.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_LIBRARY_H
#define IOC_LIBRARY_H

#include "base/base.h"

struct library_function {
	const char *name;
	void *at; // of the pointer to fill
};

// Loads a library, once for all: it stays. `why` is set to what is missing, "" for nothing.
void library_load(const char *library, const struct library_function *functions, size_t count,
	char *why, size_t room);

#endif
