// Rules of other languages within documents.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_RULES_H
#define IOC_RULES_H

#include "ioc/internal.h"

// A rule of `type` "yara" or "sigma" within another document: how many indicators it gave. What is
// wrong with it is a note.
size_t rules_embedded(struct reading *reading, const char *type, const char *id, const char *text);

// Makes a leaf ask for the rule in `text`; of several, for the last one that is not private. Where
// it cannot be compiled the leaf cannot be asked, and a note says why.
void rules_leaf(struct reading *reading, struct ioc_node *leaf, const char *text);

// Makes a group of `leaves` leaves one leaf that asks for the rule.
void rules_group(struct reading *reading, struct ioc_node *group, const char *text, size_t leaves);

// Conditions of OpenIOC on parts of rules, once their parameters are known.
void openioc_yara(struct reading *reading, struct ioc_node *node);

#endif
