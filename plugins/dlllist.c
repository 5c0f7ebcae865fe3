// dlllist: modules of each process in load order, from its own loader's list, or two: a WoW64
// process has one for each of its halves.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/pattern.h>
#include <eidetic/pe.h>
#include <eidetic/system.h>
#include <eidetic/win.h>

enum { PID, PROCESS, BASE, SIZE, NAME, PATH, LOADED, OUTPUT, FOUND, BITS, COLUMNS };
enum { OPT_PID, OPT_OFFSET, OPT_NAME, OPT_BASE, OPT_IGNORE_CASE, OPT_DUMP };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PID]     = { "pid",      EI_UINT, "process id", .vol3 = "PID" },
	[PROCESS] = { "process",  EI_STR,  "image name of the process (15 bytes)", .vol3 = "Process" },
	[BASE]    = { "base",     EI_ADDR, "where the module is mapped", .vol3 = "Base" },
	[SIZE]    = { "size",     EI_HEX,  "bytes mapped", .vol3 = "Size" },
	[NAME]    = { "name",     EI_STR,  "name of the module", .vol3 = "Name", .ioc = "ProcessItem/SectionList/MemorySection/Name" },
	[PATH]    = { "path",     EI_STR,  "path of the module, as the loader keeps it", .vol3 = "Path" },
	[LOADED]  = { "loaded",   EI_TIME, "load time, UTC; since Windows 7", .vol3 = "LoadTime" },
	[OUTPUT]  = { "file",     EI_STR,  "file written", .vol3 = "File output", .vol3_absent = "Disabled" },
	[FOUND]   = { "found_by", EI_STR,  "walks of the list that met it: list is both" },
	[BITS]    = { "bits",     EI_UINT, "whose list has it: 32: of the 32-bit half of a WoW64 process, or all there is" },
};

static const ei_option options[] = {
	[OPT_PID]         = { "pid",         EI_UINT, EI_MANY, "only these processes" },
	[OPT_OFFSET]      = { "offset",      EI_UINT, 0,       "the process at this virtual address, listed or not" },
	[OPT_NAME]        = { "name",        EI_STR,  0,       "only modules whose name or path this pattern is found in" },
	[OPT_BASE]        = { "base",        EI_UINT, 0,       "only the module mapped at this address" },
	[OPT_IGNORE_CASE] = { "ignore-case", EI_BOOL, 0,       "--name without regard to case" },
	[OPT_DUMP]        = { "dump",        EI_BOOL, 0,       "write each module, as mapped, into the output folder" },
};
// clang-format on

// A module on either list.
struct module {
	uint64_t at; // of the loader's record
	uint32_t found, bits;
	ei_val base, size, name, path, loaded;
};

static ei_error *dump(ei_run *r, const eprocess *p, const struct module *m, ei_val *file)
{
	*file = ei_absent(EI_NONE);
	if (!ei_has(ei_opt(r, OPT_DUMP)))
		return NULL;
	return ei_pe_extract_entry(r,
		&(ei_pe_entry){
			.space = ei_process_space(r, p),
			.prefix = ei_text(ei_scratch(r), "pid.%llu.",
				(unsigned long long)ei_u64_or(ei_get(*p, UniqueProcessId), 0)),
			.path = ei_has(m->path) && m->path.length ? m->path : m->name,
			.at = m->at,
			.base = ei_u64_or(m->base, 0),
		},
		file);
}

static ei_error *emit_module(
	ei_run *r, const eprocess *p, const ei_pattern *wanted, const struct module *m)
{
	if (!ei_opt_allows(r, OPT_BASE, m->base))
		return NULL;
	if (!ei_pattern_found(r, wanted, m->name) && !ei_pattern_found(r, wanted, m->path))
		return NULL;
	ei_val file;
	EI_TRY(dump(r, p, m, &file));
	ei_emit(r, (ei_val[COLUMNS]){
			   [PID] = ei_get(*p, UniqueProcessId),
			   [PROCESS] = ei_get(*p, ImageFileName),
			   [BASE] = m->base,
			   [SIZE] = m->size,
			   [NAME] = m->name,
			   [PATH] = m->path,
			   [LOADED] = m->loaded,
			   [OUTPUT] = file,
			   [FOUND] = ei_found_text(m->found),
			   [BITS] = ei_uint(m->bits),
		   });
	return NULL;
}

// What the 32-bit half of a WoW64 process has loaded: Volatility has nothing of it.
static ei_error *emit_modules32(ei_run *r, const eprocess *p, const ei_pattern *wanted)
{
	ei_module32_cursor cursor = { 0 };
	for (ei_module32 m; ei_process_next_module32(r, p, &cursor, &m);)
		EI_TRY(emit_module(r, p, wanted,
			&(struct module){
				.at = m.at,
				.found = m.found,
				.bits = 32,
				.base = m.base,
				.size = m.size,
				.name = m.name,
				.path = m.path,
				.loaded = m.loaded,
			}));
	return NULL;
}

static ei_error *emit_modules(ei_run *r, const eprocess *p, const ei_pattern *wanted)
{
	ei_iter it = ei_process_modules(r, p);
	for (ldr_entry m = ei_handle(r, ldr_entry); ei_next(&it, &m);)
		EI_TRY(emit_module(r, p, wanted,
			&(struct module){
				.at = m.obj.va,
				.found = it.found,
				.bits = 8 * ei_pointer_size(r),
				.base = ei_get(m, DllBase),
				.size = ei_get(m, SizeOfImage),
				.name = ei_get(m, BaseDllName),
				.path = ei_get(m, FullDllName),
				.loaded = ei_get(m, LoadTime),
			}));
	return ei_compat_vol3(r) ? NULL : emit_modules32(r, p, wanted);
}

static ei_error *run(ei_run *r)
{
	ei_pattern *wanted;
	EI_TRY_IN(ei_pattern_compile(
			  r, ei_opt(r, OPT_NAME), ei_opt_count(r, OPT_IGNORE_CASE), &wanted),
		"--name");
	ei_val offset = ei_opt(r, OPT_OFFSET);
	if (ei_has(offset)) {
		eprocess p = ei_at(r, eprocess, offset.u);
		return emit_modules(r, &p, wanted);
	}
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		if (ei_opt_allows(r, OPT_PID, ei_get(p, UniqueProcessId)))
			EI_TRY(emit_modules(r, &p, wanted));
	return NULL;
}

EI_PLUGIN(dlllist) = {
	EI_HEAD(dlllist),
	.vol3 = "windows.dlllist.DllList",
	.purpose = "modules (DLLs) loaded by processes",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec, &ldr_entry_spec),
	EI_SYMBOLS("PsActiveProcessHead"),
	.run = run,
};
