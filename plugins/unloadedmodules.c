// unloadedmodules: drivers that the kernel has unloaded; it remembers the last fifty.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/system.h>
#include <eidetic/win.h>

enum { NAME, START, END, TIME, COLUMNS };
enum { UNLOADED_MAX = 50 }; // what MmUnloadedDrivers has room for

// clang-format off
static const ei_column columns[COLUMNS] = {
	[NAME]  = { "name",  EI_STR,  "name of the driver", .vol3 = "Name" },
	[START] = { "start", EI_ADDR, "where it was mapped", .vol3 = "StartAddress" },
	[END]   = { "end",   EI_ADDR, "one past its last address", .vol3 = "EndAddress" },
	[TIME]  = { "time",  EI_TIME, "when it was unloaded, UTC", .vol3 = "Time" },
};
// clang-format on

// An entry of the array, the same from Windows XP to 11: a _UNICODE_STRING, two addresses, a time.
// No symbol file describes it.
struct entry_layout {
	uint32_t start, end, time, size;
};
static const struct entry_layout layout_32 = { 8, 12, 16, 24 }, layout_64 = { 16, 24, 32, 40 };

static ei_val time_read(ei_run *r, uint64_t at)
{
	uint64_t time;
	if (ei_read(r, NULL, at, &time, sizeof time) < sizeof time)
		return ei_absent(EI_UNREADABLE);
	return time ? ei_of(EI_TIME, time) : ei_absent(EI_NONE);
}

static ei_error *run(ei_run *r)
{
	const struct entry_layout *layout = ei_pointer_size(r) == 8 ? &layout_64 : &layout_32;
	uint64_t array_at = 0, count_at = 0;
	ei_symbol(r, "MmUnloadedDrivers", &array_at);
	ei_symbol(r, "MmLastUnloadedDriver", &count_at);
	ei_val array = ei_read_ptr(r, NULL, array_at), count = ei_read_u32(r, NULL, count_at);
	if (!ei_has(array) || !ei_has(count)) {
		ei_note(r, "MmUnloadedDrivers cannot be read");
		return NULL;
	}
	// The array is a ring: behind the last one stand older ones, which Volatility leaves out.
	uint64_t end = ei_compat_vol3(r) ? count.u : UNLOADED_MAX;
	for (uint64_t i = 0; array.u && i < end && i < UNLOADED_MAX && !ei_stopped(r); i++) {
		uint64_t at = array.u + i * layout->size;
		ei_val start = ei_read_ptr(r, NULL, at + layout->start);
		if (!ei_u64_or(start, 0))
			continue;
		ei_emit(r, (ei_val[COLUMNS]){
				   [NAME] = ei_read_ustr(r, NULL, at),
				   [START] = start,
				   [END] = ei_read_ptr(r, NULL, at + layout->end),
				   [TIME] = time_read(r, at + layout->time),
			   });
	}
	return NULL;
}

EI_PLUGIN(unloadedmodules) = {
	EI_HEAD(unloadedmodules),
	.vol3 = "windows.unloadedmodules.UnloadedModules",
	.purpose = "drivers that were unloaded, with the time",
	EI_COLUMNS(columns),
	EI_SYMBOLS("MmUnloadedDrivers", "MmLastUnloadedDriver"),
	.run = run,
};
