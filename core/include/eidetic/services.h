// Services: the records that the service control manager keeps in its own memory.
//
//     ei_service_cursor cursor = { NULL };
//     for (ei_service s; ei_next_service(run, &cursor, &s);)
//             ...
//
// Records are found by their headers' tag in the memory of each services.exe, and by the chain that
// leads from each to the one made before it. Their layout is not published: the one that the build
// suggests is tried first, and where most records fail the checks, the others. A note says which.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_SERVICES_H
#define EIDETIC_SERVICES_H

#include <eidetic/object.h>

// Texts are scratch memory.
typedef struct ei_service {
	uint64_t record;  // its address in services.exe
	uint64_t manager; // pid of that services.exe
	ei_val order;
	ei_val start, state, type; // "SERVICE_AUTO_START", ...; EI_GARBAGE: no such number
	ei_val name, display;
	ei_val pid;     // of its process; EI_NONE unless it runs, in a process
	ei_val binary;  // command line, or name of the driver's object; EI_NONE unless it runs
	uint32_t found; // EI_BY_SCAN: a header leads to it; EI_BY_FORWARD: it is in the chain
	bool chained;   // records of this Windows form a chain
} ei_service;

typedef struct ei_service_cursor {
	void *state; // NULL to begin with
} ei_service_cursor;

// The records of all of them, one a call: false after the last. What was allocated for one is gone
// at the next. A record that is in no chain where there is one was taken out of it: a note counts
// those. Of the newest record that cannot be told: nothing leads to it in either case.
EI_API bool ei_next_service(ei_run *run, ei_service_cursor *cursor, ei_service *out);

// The words for a number as the registry has it; EI_NONE for an absent one.
EI_API ei_val ei_service_start_text(ei_val start);
EI_API ei_val ei_service_type_text(ei_run *run, ei_val type);

#endif
