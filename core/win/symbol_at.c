// The kernel symbol at an address: all that the symbols at hand say, sorted once.
// SPDX-License-Identifier: Apache-2.0
#include "win/session.h"
#include "win/shared.h"
#include <stdlib.h>

enum { SYMBOLS_MAX = 1 << 20 };

struct symbol_names {
	struct profile *whole; // a symbol file that says more than the profile does; or NULL
	size_t count;
	struct symbol_at symbols[];
};

static int compare_symbols(const void *left, const void *right)
{
	const struct symbol_at *a = left, *b = right;
	int order = (a->rva > b->rva) - (a->rva < b->rva);
	return order ? order : strcmp(a->name, b->name);
}

// Built-ins have only the symbols that something asks for: a file in a symbol folder has all.
static struct profile *whole_profile(const struct session *session)
{
	const struct identity *identity = &session->identity;
	struct profile *whole = NULL;
	if (!session->store || !session->store->dirs || !identity->pdb[0])
		return NULL;
	struct profile_store folders = *session->store;
	folders.no_builtins = true;
	ei_error_drop(profile_find(&folders, identity->pdb, identity->guid, identity->age, &whole));
	return whole;
}

static void *names_build(ei_run *run)
{
	struct profile *whole = whole_profile(run->session);
	const struct profile *source = whole ? whole : run->session->profile;
	size_t room = source ? MIN(profile_info(source).symbol_count, (uint32_t)SYMBOLS_MAX) : 0;
	struct symbol_names *names = malloc(sizeof *names + room * sizeof names->symbols[0]);
	if (!names) {
		profile_unref(whole);
		return NULL;
	}
	names->whole = whole;
	names->count = 0;
	for (uint32_t i = 0; i < room; i++) {
		struct symbol_at *symbol = &names->symbols[names->count];
		symbol->name = profile_symbol_at(source, i, &symbol->rva);
		names->count += symbol->name != NULL;
	}
	qsort(names->symbols, names->count, sizeof names->symbols[0], compare_symbols);
	return names;
}

static void names_drop(void *table)
{
	struct symbol_names *names = table;
	if (names)
		profile_unref(names->whole);
	free(names);
}

ei_val ei_symbol_at(ei_run *run, uint64_t va, size_t nth)
{
	const struct symbol_names *names =
		shared_table(run, SHARED_SYMBOLS, names_build, names_drop);
	uint64_t base = run->session->identity.kernel_base;
	uint64_t rva = run_canonical(run, va) - run_canonical(run, base);
	size_t low = 0, high = names ? names->count : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (names->symbols[middle].rva < rva)
			low = middle + 1;
		else
			high = middle;
	}
	if (!names || nth >= names->count - low || names->symbols[low + nth].rva != rva)
		return ei_absent(EI_NONE);
	return ei_str(names->symbols[low + nth].name);
}
