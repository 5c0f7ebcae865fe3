// hivescan: registry hives by their signature in physical memory.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/registry.h>
#include <eidetic/system.h>
#include <eidetic/win.h>

enum { OFFSET, PHYSICAL, NAME, MOUNT, LISTED, COLUMNS };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[OFFSET]   = { "offset",   EI_ADDR, "virtual address of the _CMHIVE; none where the kernel maps it no more", .vol3 = "Offset" },
	[PHYSICAL] = { "physical", EI_ADDR, "physical address of the _CMHIVE" },
	[NAME]     = { "name",     EI_STR,  "first of its names that is there: file path, user's name for it, mount point" },
	[MOUNT]    = { "mount",    EI_STR,  "where in the registry it is mounted; kept since Windows Vista" },
	[LISTED]   = { "listed",   EI_BOOL, "the kernel's list has it too" },
};
// clang-format on

enum { LISTED_MAX = 4096 };

struct listed {
	size_t count;
	uint64_t offsets[LISTED_MAX];
};

// Lives as long as the run: taken before any iterator begins.
static const struct listed *listed_hives(ei_run *r)
{
	struct listed *listed = ei_alloc(ei_scratch(r), sizeof *listed);
	ei_iter it = ei_hives(r);
	for (cmhive h = ei_handle(r, cmhive); listed && ei_next(&it, &h);)
		if (listed->count < LISTED_MAX)
			listed->offsets[listed->count++] = h.obj.va;
	return listed;
}

static bool is_listed(const struct listed *listed, uint64_t offset)
{
	for (size_t i = 0; listed && i < listed->count; i++)
		if (listed->offsets[i] == offset)
			return true;
	return false;
}

static ei_error *run(ei_run *r)
{
	const struct listed *listed = listed_hives(r);
	ei_iter it = ei_hives_scanned(r);
	for (cmhive h = ei_handle(r, cmhive); ei_next(&it, &h);) {
		ei_val offset = ei_hive_address(&h);
		// Volatility's scan knows addresses of the kernel only.
		if (!ei_has(offset) && ei_compat_vol3(r))
			continue;
		ei_emit(r,
			(ei_val[COLUMNS]){
				[OFFSET] = offset,
				[PHYSICAL] = ei_physical(r, &h.obj),
				[NAME] = ei_hive_name(&h),
				[MOUNT] = ei_get(h, HiveRootPath),
				[LISTED] = ei_bool(ei_has(offset) && is_listed(listed, offset.u)),
			});
	}
	return NULL;
}

EI_PLUGIN(hivescan) = {
	EI_HEAD(hivescan),
	.vol3 = "windows.registry.hivescan.HiveScan",
	.purpose = "registry hives by their signature, whether a list has them or not",
	EI_COLUMNS(columns),
	EI_TYPES(&cmhive_spec),
	.run = run,
};
