// modscan: kernel modules by the pool tag of the loader's entries, listed or not.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/pattern.h>
#include <eidetic/pe.h>
#include <eidetic/scan.h>
#include <eidetic/system.h>
#include <eidetic/win.h>

enum { OFFSET, PHYSICAL, BASE, SIZE, NAME, PATH, OUTPUT, FOUND, COLUMNS };
enum { OPT_NAME, OPT_BASE, OPT_DUMP };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[OFFSET]   = { "offset",   EI_ADDR, "address of the loader's entry: the kernel's, or physical where it has none", .vol3 = "Offset" },
	[PHYSICAL] = { "physical", EI_ADDR, "physical address of the loader's entry" },
	[BASE]     = { "base",     EI_ADDR, "where the module is mapped", .vol3 = "Base", .ioc = "DriverItem/ImageBase" },
	[SIZE]     = { "size",     EI_HEX,  "bytes mapped", .vol3 = "Size", .ioc = "DriverItem/ImageSize" },
	[NAME]     = { "name",     EI_STR,  "name of the module", .vol3 = "Name", .ioc = "DriverItem/DriverName" },
	[PATH]     = { "path",     EI_STR,  "path of the module, as the loader keeps it", .vol3 = "Path", .ioc = "DriverItem/DriverPath" },
	[OUTPUT]   = { "file",     EI_STR,  "file written", .vol3 = "File output", .vol3_absent = "Disabled" },
	[FOUND]    = { "found_by", EI_STR,  "scan, with the walks of the list that met it too" },
};

static const ei_option options[] = {
	[OPT_NAME] = { "name", EI_STR,  0, "only modules whose name this pattern is found in" },
	[OPT_BASE] = { "base", EI_UINT, 0, "only the module mapped at this address" },
	[OPT_DUMP] = { "dump", EI_BOOL, 0, "write each module, as mapped, into the output folder" },
};
// clang-format on

static ei_error *dump(ei_run *r, const kldr_entry *m, ei_val *file)
{
	ei_val path = ei_get(*m, FullDllName);
	*file = ei_absent(EI_NONE);
	if (!ei_has(ei_opt(r, OPT_DUMP)))
		return NULL;
	return ei_pe_extract_entry(r,
		&(ei_pe_entry){
			.prefix = "",
			.path = ei_has(path) && path.length ? path : ei_get(*m, BaseDllName),
			.at = m->obj.va,
			.base = ei_u64_or(ei_get(*m, DllBase), 0),
		},
		file);
}

// Volatility's is a part of the name, and no pattern.
static ei_error *pattern_read(ei_run *r, ei_pattern **wanted)
{
	ei_val text = ei_opt(r, OPT_NAME);
	return ei_compat_vol3(r) ? ei_pattern_plain(r, text, wanted)
				 : ei_pattern_compile(r, text, false, wanted);
}

static ei_error *run(ei_run *r)
{
	ei_pattern *wanted;
	EI_TRY_IN(pattern_read(r, &wanted), "--name");
	ei_iter it = ei_modules_scanned(r);
	for (kldr_entry m = ei_handle(r, kldr_entry); ei_next(&it, &m);) {
		ei_val base = ei_get(m, DllBase), name = ei_get(m, BaseDllName);
		if (!ei_opt_allows(r, OPT_BASE, base) || !ei_pattern_found(r, wanted, name))
			continue;
		ei_val file;
		EI_TRY(dump(r, &m, &file));
		ei_emit(r, (ei_val[COLUMNS]){
				   [OFFSET] = ei_scan_offset(r, &m.obj),
				   [PHYSICAL] = ei_physical(r, &m.obj),
				   [BASE] = base,
				   [SIZE] = ei_get(m, SizeOfImage),
				   [NAME] = name,
				   [PATH] = ei_get(m, FullDllName),
				   [OUTPUT] = file,
				   [FOUND] = ei_found_text(it.found),
			   });
	}
	return NULL;
}

EI_PLUGIN(modscan) = {
	EI_HEAD(modscan),
	.vol3 = "windows.modscan.ModScan",
	.purpose = "kernel modules by the pool tag of the loader's entries, listed or not",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&kldr_entry_spec),
	.run = run,
};
