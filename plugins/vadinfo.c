// vadinfo: the regions of each process's address space.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/extract.h>
#include <eidetic/memory.h>
#include <eidetic/system.h>

enum {
	PID,
	PROCESS,
	NODE,
	START,
	END,
	TAG,
	PROTECTION,
	COMMIT,
	PRIVATE,
	PARENT,
	FILE_PATH,
	OUTPUT,
	COLUMNS
};
enum { OPT_ADDRESS, OPT_PID, OPT_DUMP, OPT_MAXSIZE };
enum { MAXSIZE_DEFAULT = 1 << 30 };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[PID]        = { "pid",        EI_UINT, "process id", .vol3 = "PID" },
	[PROCESS]    = { "process",    EI_STR,  "process name", .vol3 = "Process" },
	[NODE]       = { "offset",     EI_ADDR, "address of the _MMVAD", .vol3 = "Offset" },
	[START]      = { "start",      EI_ADDR, "first address of the region", .vol3 = "Start VPN", .ioc = "ProcessItem/SectionList/MemorySection/RegionStart" },
	[END]        = { "end",        EI_ADDR, "last address of the region", .vol3 = "End VPN" },
	[TAG]        = { "tag",        EI_STR,  "pool tag of the _MMVAD", .vol3 = "Tag" },
	[PROTECTION] = { "protection", EI_STR,  "protection as first asked for", .vol3 = "Protection", .ioc = "ProcessItem/SectionList/MemorySection/Protection" },
	[COMMIT]     = { "commit",     EI_UINT, "pages charged", .vol3 = "CommitCharge" },
	[PRIVATE]    = { "private",    EI_UINT, "1: the process's own memory, 0: shared or mapped", .vol3 = "PrivateMemory" },
	[PARENT]     = { "parent",     EI_ADDR, "address of the parent in the tree", .vol3 = "Parent" },
	[FILE_PATH]  = { "file",       EI_STR,  "file that is mapped", .vol3 = "File", .ioc = "ProcessItem/SectionList/MemorySection/Name" },
	[OUTPUT]     = { "output",     EI_STR,  "file written", .vol3 = "File output", .vol3_absent = "Disabled" },
};

static const ei_option options[] = {
	[OPT_ADDRESS] = { "address", EI_UINT, 0,       "only the regions that hold this address" },
	[OPT_PID]     = { "pid",     EI_UINT, EI_MANY, "only these processes" },
	[OPT_DUMP]    = { "dump",    EI_BOOL, 0,       "write each region into the output folder" },
	[OPT_MAXSIZE] = { "maxsize", EI_UINT, 0,       "write no region of more bytes (1 GiB); 0: any" },
};
// clang-format on

static bool is_wanted(ei_run *r, const ei_region *region)
{
	ei_val address = ei_opt(r, OPT_ADDRESS);
	return !ei_has(address) || (region->start <= address.u && address.u <= region->end);
}

static ei_error *dump(
	ei_run *r, const eprocess *p, const ei_region *region, uint64_t pid, ei_val *name)
{
	uint64_t size = region->end - region->start + 1;
	uint64_t most = ei_u64_or(ei_opt(r, OPT_MAXSIZE), MAXSIZE_DEFAULT);
	const ei_space *space = ei_process_space(r, p);
	*name = ei_absent(EI_NONE);
	if (!ei_has(ei_opt(r, OPT_DUMP)) || !space || (most && size > most))
		return NULL;
	ei_extract *extract;
	ei_extracted done;
	EI_TRY(ei_extract_begin(r,
		ei_text(ei_scratch(r), "pid.%llu.vad.0x%llx-0x%llx.dmp", (unsigned long long)pid,
			(unsigned long long)region->start, (unsigned long long)region->end),
		&extract));
	ei_extract_memory(extract, space, region->start, size);
	EI_TRY(ei_extract_end(extract, &done));
	*name = done.file;
	return NULL;
}

static ei_error *process_emit(ei_run *r, const eprocess *p)
{
	ei_val pid = ei_get(*p, UniqueProcessId), file;
	ei_region_cursor cursor = { 0 };
	for (ei_region region; ei_next_region(r, p, &cursor, &region);) {
		if (!is_wanted(r, &region))
			continue;
		// Here alone Volatility gives addresses with their sign.
		ei_val node = ei_of(ei_compat_vol3(r) ? EI_HEX : EI_ADDR, region.node);
		EI_TRY(dump(r, p, &region, ei_u64_or(pid, 0), &file));
		ei_emit(r, (ei_val[COLUMNS]){
				   [PID] = pid,
				   [PROCESS] = ei_get(*p, ImageFileName),
				   [NODE] = node,
				   [START] = ei_addr(region.start),
				   [END] = ei_addr(region.end),
				   [TAG] = region.tag[0] ? ei_str(region.tag)
							 : ei_absent(EI_UNREADABLE),
				   [PROTECTION] = ei_protection_text(r, region.protection),
				   [COMMIT] = region.commit,
				   [PRIVATE] = region.is_private,
				   [PARENT] = ei_addr(region.parent),
				   [FILE_PATH] = region.file,
				   [OUTPUT] = file,
			   });
	}
	return NULL;
}

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		if (ei_opt_allows(r, OPT_PID, ei_get(p, UniqueProcessId)))
			EI_TRY(process_emit(r, &p));
	return NULL;
}

EI_PLUGIN(vadinfo) = {
	EI_HEAD(vadinfo),
	.vol3 = "windows.vadinfo.VadInfo",
	.purpose = "regions of each process: range, protection, mapped file",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	.run = run,
};
