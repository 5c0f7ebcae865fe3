// The processes that a list or a scan knows, by address.
// SPDX-License-Identifier: Apache-2.0
#include "win/net_process.h"

#include <stdlib.h>

enum { KNOWN_MAX = 1 << 15 };

static int compare_addresses(const void *left, const void *right)
{
	uint64_t a = ((const struct known_process *)left)->va;
	uint64_t b = ((const struct known_process *)right)->va;
	return (a > b) - (a < b);
}

static int compare_pids(const void *left, const void *right)
{
	uint64_t a = ((const struct known_process *)left)->pid;
	uint64_t b = ((const struct known_process *)right)->pid;
	return (a > b) - (a < b);
}

static void known_add(ei_iter it, struct known_processes *out)
{
	ei_run *run = it.run;
	for (eprocess p = ei_handle(run, eprocess); ei_next(&it, &p) && out->count < KNOWN_MAX;) {
		ei_val pid = ei_get(p, UniqueProcessId);
		if (ei_has(pid))
			out->items[out->count++] =
				(struct known_process){ run_canonical(run, p.obj.va), pid.u };
	}
}

void known_processes_read(ei_run *run, struct known_processes *out)
{
	uint64_t head;
	*out = (struct known_processes){
		.items = ei_alloc(run->scratch, KNOWN_MAX * sizeof *out->items),
		.by_pid = ei_alloc(run->scratch, KNOWN_MAX * sizeof *out->items),
	};
	if (!out->items || !out->by_pid)
		return;
	if (ei_symbol(run, "PsActiveProcessHead", &head))
		known_add(ei_processes(run), out);
	known_add(ei_processes_scanned(run), out);
	qsort(out->items, out->count, sizeof *out->items, compare_addresses);
	memcpy(out->by_pid, out->items, out->count * sizeof *out->items);
	qsort(out->by_pid, out->count, sizeof *out->items, compare_pids);
}

const struct known_process *known_process_at(const struct known_processes *known, uint64_t va)
{
	const struct known_process key = { .va = va };
	return known->count
		       ? bsearch(&key, known->items, known->count, sizeof key, compare_addresses)
		       : NULL;
}

const struct known_process *known_process_by_pid(const struct known_processes *known, uint64_t pid)
{
	const struct known_process key = { .pid = pid };
	return known->count ? bsearch(&key, known->by_pid, known->count, sizeof key, compare_pids)
			    : NULL;
}
