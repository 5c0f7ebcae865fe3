// Who can own a socket: the processes that a list or a scan knows.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_NET_PROCESS_H
#define WIN_NET_PROCESS_H

#include "win/session.h"

struct known_process {
	uint64_t va; // of the _EPROCESS
	uint64_t pid;
};

struct known_processes {
	struct known_process *items; // by address
	struct known_process *by_pid;
	size_t count;
};

// Into scratch memory.
void known_processes_read(ei_run *run, struct known_processes *out);
const struct known_process *known_process_at(const struct known_processes *known, uint64_t va);
// NULL: nobody has it.
const struct known_process *known_process_by_pid(const struct known_processes *known, uint64_t pid);

#endif
