// Which kernel module an address is in: the list of modules, sorted once.
// SPDX-License-Identifier: Apache-2.0
#include "win/session.h"
#include "win/shared.h"
#include <stdlib.h>

enum { MODULES_MAX = 4096, NAME_BYTES = 128 };

struct module_range {
	uint64_t start, end; // one past the last
	char name[NAME_BYTES];
};

struct module_ranges {
	size_t count;
	struct module_range ranges[MODULES_MAX];
};

static int compare_ranges(const void *left, const void *right)
{
	const struct module_range *a = left, *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

static void *ranges_build(ei_run *run)
{
	struct module_ranges *table = malloc(sizeof *table);
	if (!table)
		return NULL;
	table->count = 0;
	ei_iter it = ei_modules(run);
	for (kldr_entry m = ei_handle(run, kldr_entry);
		table->count < MODULES_MAX && ei_next(&it, &m);) {
		uint64_t base = ei_u64_or(ei_get(m, DllBase), 0);
		uint64_t size = ei_u64_or(ei_get(m, SizeOfImage), 0);
		ei_val name = ei_get(m, BaseDllName);
		if (!base || !size || size > UINT64_MAX - base || !ei_has(name))
			continue;
		struct module_range *range = &table->ranges[table->count++];
		range->start = run_canonical(run, base);
		range->end = range->start + size;
		size_t length = MIN(name.length, (uint32_t)NAME_BYTES - 1);
		memcpy(range->name, name.s, length);
		range->name[length] = 0;
	}
	qsort(table->ranges, table->count, sizeof table->ranges[0], compare_ranges);
	return table;
}

ei_val ei_module_at(ei_run *run, uint64_t va, uint64_t *base)
{
	const struct module_ranges *table = shared_table(run, SHARED_MODULES, ranges_build, free);
	va = run_canonical(run, va);
	size_t low = 0, high = table ? table->count : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (table->ranges[middle].start <= va)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || va >= table->ranges[low - 1].end)
		return ei_absent(EI_NONE);
	if (base)
		*base = table->ranges[low - 1].start;
	return ei_str(table->ranges[low - 1].name);
}

ei_val ei_module_title(ei_run *run, uint64_t va)
{
	ei_val name = ei_module_at(run, va, NULL);
	const char *dot = ei_has(name) ? strrchr(name.s, '.') : NULL;
	if (dot && dot > name.s && run->session->compat_vol3)
		name.length = (uint32_t)(dot - name.s);
	return name;
}
