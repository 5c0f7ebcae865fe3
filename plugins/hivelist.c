// hivelist: registry hives on the kernel's list.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/pattern.h>
#include <eidetic/registry.h>
#include <eidetic/win.h>
#include <string.h>

enum {
	OFFSET,
	NAME,
	OUTPUT,
	MOUNT,
	USER_NAME,
	VERSION,
	WRITTEN,
	STABLE_BYTES,
	VOLATILE_BYTES,
	BLOCKS,
	MISSING,
	FOUND,
	COLUMNS
};
enum { OPT_FILTER, OPT_DUMP };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[OFFSET]         = { "offset",    EI_ADDR, "virtual address of the _CMHIVE", .vol3 = "Offset" },
	[NAME]           = { "name",      EI_STR,  "first of its names that is there: file path, user's name for it, mount point", .vol3 = "FileFullPath", .vol3_absent = "" },
	[OUTPUT]         = { "file",      EI_STR,  "file written", .vol3 = "File output", .vol3_absent = "Disabled" },
	[MOUNT]          = { "mount",     EI_STR,  "where in the registry it is mounted; kept since Windows Vista" },
	[USER_NAME]      = { "user_name", EI_STR,  "file, as the one who loaded it named it" },
	[VERSION]        = { "version",   EI_STR,  "format version" },
	[WRITTEN]        = { "written",   EI_TIME, "when the file was last written, UTC" },
	[STABLE_BYTES]   = { "stable",    EI_UINT, "bytes that are also in the file" },
	[VOLATILE_BYTES] = { "volatile",  EI_UINT, "bytes that are in memory only" },
	[BLOCKS]         = { "blocks",    EI_UINT, "4 KiB blocks in both parts" },
	[MISSING]        = { "missing",   EI_UINT, "blocks that are not in the image" },
	[FOUND]          = { "found_by",  EI_STR,  "walks of the list that met it: list is both" },
};

static const ei_option options[] = {
	[OPT_FILTER] = { "filter", EI_STR, 0, "only hives whose name has this text, whatever its case" },
	[OPT_DUMP]   = { "dump",   EI_BOOL, 0, "write each as a hive file into the output folder" },
};
// clang-format on

static ei_val version_text(ei_run *r, const ei_hive_facts *facts)
{
	if (!facts->base_block)
		return ei_absent(EI_UNREADABLE);
	char *text = ei_text(ei_scratch(r), "%u.%u", facts->major, facts->minor);
	return text ? ei_str(text) : ei_absent(EI_UNREADABLE);
}

// registry.NTUSERDAT.0x86a2c1f4d000.hive: the name that Volatility gives it.
static char *file_name(ei_run *r, const cmhive *h)
{
	ei_val name = ei_hive_name(h);
	char *stem = ei_text(ei_scratch(r), "%s", ei_has(name) ? name.s : "NONAME");
	if (!stem)
		return NULL;
	const char *last = strrchr(stem, '\\');
	char *to = stem;
	for (const char *from = last ? last + 1 : stem; *from; from++)
		if (!strchr(".[]", *from))
			*to++ = (char)(*from == ' ' ? '_' : *from);
	*to = 0;
	return ei_text(ei_scratch(r), "registry.%s.0x%llx.hive", stem,
		(unsigned long long)h->obj.va & 0xffffffffffff);
}

static ei_error *dump_hive(ei_run *r, const cmhive *h, ei_hive *hive, ei_val *file)
{
	ei_extracted done = { .file = ei_absent(EI_NONE) };
	char *name = hive && ei_has(ei_opt(r, OPT_DUMP)) ? file_name(r, h) : NULL;
	if (name)
		EI_TRY(ei_hive_extract(hive, name, &done));
	*file = done.file;
	return NULL;
}

static ei_error *emit_hive(ei_run *r, const cmhive *h, ei_val found)
{
	ei_hive *hive = ei_hive_open(r, h);
	ei_val file;
	EI_TRY(dump_hive(r, h, hive, &file));
	ei_hive_facts facts = hive ? ei_hive_describe(hive) : (ei_hive_facts){ 0 };
	ei_val unknown = ei_absent(EI_UNREADABLE);
	ei_emit(r, (ei_val[COLUMNS]){
			   [OFFSET] = ei_addr(h->obj.va),
			   [NAME] = ei_hive_name(h),
			   [OUTPUT] = file,
			   [MOUNT] = ei_get(*h, HiveRootPath),
			   [USER_NAME] = ei_get(*h, FileUserName),
			   [VERSION] = version_text(r, &facts),
			   [WRITTEN] = facts.written ? ei_of(EI_TIME, facts.written) : unknown,
			   [STABLE_BYTES] = hive ? ei_uint(facts.stable_bytes) : unknown,
			   [VOLATILE_BYTES] = hive ? ei_uint(facts.volatile_bytes) : unknown,
			   [BLOCKS] = hive ? ei_uint(facts.blocks) : unknown,
			   [MISSING] = hive ? ei_uint(facts.missing) : unknown,
			   [FOUND] = found,
		   });
	return NULL;
}

static ei_error *run(ei_run *r)
{
	ei_pattern *wanted = NULL;
	ei_val filter = ei_opt(r, OPT_FILTER);
	if (ei_has(filter)) {
		char *literal = ei_text(ei_scratch(r), "\\Q%.*s\\E", (int)filter.length, filter.s);
		if (!literal)
			return ei_fail(EI_E_NOMEM, "out of memory");
		EI_TRY_IN(ei_pattern_compile(r, ei_str(literal), true, &wanted), "--filter");
	}
	ei_iter it = ei_hives(r);
	for (cmhive h = ei_handle(r, cmhive); ei_next(&it, &h);)
		if (ei_pattern_found(r, wanted, ei_hive_name(&h)))
			EI_TRY(emit_hive(r, &h, ei_found_text(it.found)));
	return NULL;
}

EI_PLUGIN(hivelist) = {
	EI_HEAD(hivelist),
	.vol3 = "windows.registry.hivelist.HiveList",
	.purpose = "registry hives on the kernel's list",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&cmhive_spec),
	EI_SYMBOLS("CmpHiveListHead"),
	.run = run,
};
