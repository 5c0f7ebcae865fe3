// ldrmodules: images mapped into each process, and which of the loader's lists know them.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/memory.h>
#include <stdlib.h>

enum { PID, PROCESS, BASE, IN_LOAD, IN_INIT, IN_MEMORY, MAPPED, LOADER, COLUMNS };
enum { OPT_PID };
enum { MODULES_MAX = 4096 };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PID]       = { "pid",       EI_UINT, "process id", .vol3 = "Pid" },
	[PROCESS]   = { "process",   EI_STR,  "process name", .vol3 = "Process" },
	[BASE]      = { "base",      EI_ADDR, "where the image is mapped", .vol3 = "Base" },
	[IN_LOAD]   = { "in_load",   EI_BOOL, "it is on the list by load order", .vol3 = "InLoad" },
	[IN_INIT]   = { "in_init",   EI_BOOL, "it is on the list by order of initialisation", .vol3 = "InInit" },
	[IN_MEMORY] = { "in_memory", EI_BOOL, "it is on the list by address", .vol3 = "InMem" },
	[MAPPED]    = { "mapped",    EI_STR,  "file that is mapped there, by the kernel", .vol3 = "MappedPath", .ioc = "ProcessItem/SectionList/MemorySection/Name" },
	[LOADER]    = { "loader",    EI_STR,  "path of the module there, by the loader" },
};

static const ei_option options[] = {
	[OPT_PID] = { "pid", EI_UINT, EI_MANY, "only these processes" },
};
// clang-format on

struct listed {
	uint64_t base;
	uint64_t entry;  // of one of the lists
	unsigned orders; // bit of each list that it is on
};

struct listing {
	struct listed modules[MODULES_MAX];
	size_t count;
};

static struct listed *listed_find(struct listing *listing, uint64_t base)
{
	for (size_t i = 0; i < listing->count; i++)
		if (listing->modules[i].base == base)
			return &listing->modules[i];
	return NULL;
}

static void list_add(ei_run *r, const eprocess *p, ei_module_order order, struct listing *listing)
{
	ei_iter it = ei_process_modules_by(r, p, order);
	for (ldr_entry m = ei_handle(r, ldr_entry); ei_next(&it, &m);) {
		uint64_t base = ei_u64_or(ei_get(m, DllBase), 0);
		struct listed *known = listed_find(listing, base);
		if (!known && listing->count < MODULES_MAX) {
			known = &listing->modules[listing->count++];
			*known = (struct listed){ .base = base, .entry = m.obj.va };
		}
		if (known)
			known->orders |= 1u << order;
	}
}

// A walk's own texts are gone at its next step: the path is read when it is shown.
static ei_val loader_path(ei_run *r, const ei_space *space, const struct listed *known)
{
	if (!known)
		return ei_absent(EI_NONE);
	ldr_entry module = ei_at_in(r, space, ldr_entry, known->entry);
	return ei_get(module, FullDllName);
}

static bool is_image(ei_run *r, const ei_space *space, uint64_t base)
{
	uint8_t magic[2];
	return ei_read(r, space, base, magic, 2) == 2 && magic[0] == 'M' && magic[1] == 'Z';
}

static void process_emit(ei_run *r, const eprocess *p, struct listing *listing)
{
	const ei_space *space = ei_process_space(r, p);
	listing->count = 0;
	for (ei_module_order order = EI_LOAD_ORDER; order <= EI_INIT_ORDER; order++)
		list_add(r, p, order, listing);
	ei_region_cursor cursor = { 0 };
	for (ei_region region; space && ei_next_region(r, p, &cursor, &region);) {
		if (!is_image(r, space, region.start))
			continue;
		const struct listed *known = listed_find(listing, region.start);
		unsigned orders = known ? known->orders : 0;
		ei_emit(r, (ei_val[COLUMNS]){
				   [PID] = ei_get(*p, UniqueProcessId),
				   [PROCESS] = ei_get(*p, ImageFileName),
				   [BASE] = ei_addr(region.start),
				   [IN_LOAD] = ei_bool(orders >> EI_LOAD_ORDER & 1),
				   [IN_INIT] = ei_bool(orders >> EI_INIT_ORDER & 1),
				   [IN_MEMORY] = ei_bool(orders >> EI_MEMORY_ORDER & 1),
				   [MAPPED] = region.file,
				   [LOADER] = loader_path(r, space, known),
			   });
	}
}

static ei_error *run(ei_run *r)
{
	struct listing *listing = malloc(sizeof *listing);
	if (!listing)
		return ei_fail(EI_E_NOMEM, "out of memory");
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		if (ei_opt_allows(r, OPT_PID, ei_get(p, UniqueProcessId)))
			process_emit(r, &p, listing);
	free(listing);
	return NULL;
}

EI_PLUGIN(ldrmodules) = {
	EI_HEAD(ldrmodules),
	.vol3 = "windows.ldrmodules.LdrModules",
	.purpose = "images mapped into each process, and the loader's lists that know them",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec, &ldr_entry_spec),
	.run = run,
};
