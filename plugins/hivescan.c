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

// What Volatility scans, and so what its offsets mean: the kernel's table of large allocations on
// 64-bit Windows since 8.1 (9600), its memory on Windows 10 (10240), physical memory elsewhere.
#define HHIVE_FIELDS(F, ALT)                                                                       \
	F(PrimaryFileValid, UINT, MAY) /* since 9600 */                                            \
	F(ViewMap,          HERE, MAY) /* since 10240 */
EI_TYPE(hhive, "_HHIVE", HHIVE_FIELDS);
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

static bool volatility_is_virtual(ei_run *r)
{
	hhive hive = ei_handle(r, hhive);
	const ei_field *mark =
		ei_pointer_size(r) == 8 ? &hive.at->PrimaryFileValid : &hive.at->ViewMap;
	return mark->offset >= 0;
}

static ei_error *run(ei_run *r)
{
	bool compat = ei_compat_vol3(r), by_physical = compat && !volatility_is_virtual(r);
	const struct listed *listed = listed_hives(r);
	ei_iter it = ei_hives_scanned(r);
	for (cmhive h = ei_handle(r, cmhive); ei_next(&it, &h);) {
		ei_val offset = ei_hive_address(&h);
		ei_val physical = ei_physical(r, &h.obj);
		if (!ei_has(offset) && compat && !by_physical)
			continue; // out of its sight
		ei_emit(r,
			(ei_val[COLUMNS]){
				[OFFSET] = by_physical ? physical : offset,
				[PHYSICAL] = physical,
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
	EI_TYPES(&cmhive_spec, &hhive_spec),
	EI_TAGS("CM10"),
	.run = run,
};
