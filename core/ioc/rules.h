// Rules of other languages within documents.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_RULES_H
#define IOC_RULES_H

#include "ioc/internal.h"

// A rule of `type` "yara" or "sigma" within another document: how many indicators it gave. What is
// wrong with it is a note.
size_t rules_embedded(struct reading *reading, const char *type, const char *id, const char *text);

#endif
