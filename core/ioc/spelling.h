// The ways in which one thing is written: device paths and drive letters, roots of the registry,
// names of kernel objects. Indicators stay as they are; what is found is respelled.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_SPELLING_H
#define IOC_SPELLING_H

#include "ioc/ioc.h"

enum { VOLUMES_MAX = 64, SPELLING_MAX = 4096 };

struct volumes {
	struct volume {
		char device[64];
		char letter;
	} items[VOLUMES_MAX];
	size_t count;
	unsigned control_set; // the current one; 0: not known, each may be
};

enum spelling_flag {
	SPELLING_GUESSED = 1, // a drive letter that had to be guessed
	SPELLING_DEVICE = 2,  // of a path that also has a better one: for positive conditions only
	SPELLING_STEPS = 4,   // of a key: what follows any of its steps is a way to write it, too
};

typedef void spelling_take(void *context, const char *text, size_t length, unsigned flags);

// Gives every spelling of `text`, the given one among them.
void spell(const struct volumes *volumes, enum ioc_type type, enum ioc_part part, const char *text,
	size_t length, spelling_take *take, void *context);

#endif
