// Tables that are built once per session, when first asked for, and shared by all runs.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_SHARED_H
#define WIN_SHARED_H

#include "win/session.h"

enum shared_slot {
	SHARED_KERNEL_REVERSE, // physical page -> kernel address
	SHARED_OWNERS,         // physical page -> processes
	SHARED_TAGS,           // pool tags found in physical memory
	SHARED_HIVES,          // hives found in physical memory
	SHARED_SID_NAMES,      // users and services by SID
	SHARED_SYMBOLS,        // names of kernel symbols by address
	SHARED_MODULES,        // ranges of kernel modules
	SHARED_REGISTRY_SPACE, // the process that maps the bins of hives
	SHARED_SLOTS,
};

struct shared;

EI_CHECKED ei_error *shared_create(struct shared **out);
void shared_drop(struct shared *shared); // NULL is allowed

// Notes made while a table is built are kept with it, and are given once in each run that asks for
// the table: who came first makes no difference.

// The table in `slot`; the first caller builds it, others wait. NULL when it could not be built
// (`build` has left a note then); it is not tried again. `drop` frees it with the session.
const void *shared_table(
	ei_run *run, enum shared_slot slot, void *(*build)(ei_run *run), void (*drop)(void *table));

// For a table that comes of something larger: false when it is built, or being built. Else the slot
// is the caller's until shared_end(), and others wait.
bool shared_begin(const ei_run *run, enum shared_slot slot);
void shared_end(ei_run *run, enum shared_slot slot, void *table, void (*drop)(void *table));
// From here to shared_end() notes are about the table.
void shared_notes_begin(ei_run *run, enum shared_slot slot);

// What waits for a pass over memory; never NULL.
struct scan_plan *shared_plan(const struct session *session);

#endif
