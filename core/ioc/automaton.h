// Many texts in one sweep over a short text (Aho and Corasick, 1975).
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_AUTOMATON_H
#define IOC_AUTOMATON_H

#include "base/base.h"

enum { AUTOMATON_STATES_MAX = 8 << 20 };

struct automaton;

EI_CHECKED ei_error *automaton_create(struct automaton **out);
void automaton_drop(struct automaton *automaton); // NULL is allowed
EI_OWNER(automaton, automaton_drop);

// Adds a text of at least one byte, which stays in use; `tag` comes back with what is found. Texts
// for which there are no more states are looked for one by one.
EI_CHECKED ei_error *automaton_add(
	struct automaton *automaton, const char *text, size_t length, uint32_t tag);
EI_CHECKED ei_error *automaton_finish(struct automaton *automaton); // after the last text

// Every occurrence of every text, by where it ends.
typedef void automaton_found(void *context, uint32_t tag, size_t start, size_t end);
void automaton_run(const struct automaton *automaton, const char *text, size_t length,
	automaton_found *found, void *context);

#endif
