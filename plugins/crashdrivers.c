// crashdrivers: drivers that a triage ("small") crash dump lists.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/crash.h>
#include <eidetic/plugin.h>

enum { BASE, SIZE, NAME, UNLOADED, TIMESTAMP, CHECKSUM, COLUMNS };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[BASE]      = { "base",      EI_ADDR, .doc = "where the driver is loaded" },
	[SIZE]      = { "size",      EI_HEX,  .doc = "size of its image in memory" },
	[NAME]      = { "name",      EI_STR,  .doc = "path; of unloaded drivers 12 characters of the file name" },
	[UNLOADED]  = { "unloaded",  EI_BOOL, .doc = "unloaded before the crash" },
	[TIMESTAMP] = { "timestamp", EI_HEX,  .doc = "time stamp of the PE header: a time, or a hash of the build" },
	[CHECKSUM]  = { "checksum",  EI_HEX,  .doc = "check sum of the PE header" },
};
// clang-format on

static bool emit_driver(ei_run *r, const ei_crash_driver *driver, bool unloaded)
{
	ei_val none = ei_absent(EI_NONE);
	return ei_emit(r,
		(ei_val[COLUMNS]){
			[BASE] = ei_addr(driver->base),
			[SIZE] = ei_hex(driver->size),
			[NAME] = driver->name[0] ? ei_str(driver->name) : ei_absent(EI_UNREADABLE),
			[UNLOADED] = ei_bool(unloaded),
			[TIMESTAMP] = unloaded ? none : ei_hex(driver->timestamp),
			[CHECKSUM] = unloaded ? none : ei_hex(driver->checksum),
		});
}

static ei_error *run(ei_run *r)
{
	const ei_crash *crash = ei_crash_header(r);
	if (!crash)
		return ei_fail(EI_E_REQUIREMENT, "the image is not a Windows crash dump");
	const ei_crash_driver *driver;
	for (size_t i = 0; (driver = ei_crash_driver_at(crash, i)); i++)
		if (!emit_driver(r, driver, false))
			return NULL;
	for (size_t i = 0; (driver = ei_crash_unloaded_at(crash, i)); i++)
		if (!emit_driver(r, driver, true))
			return NULL;
	return NULL;
}

EI_PLUGIN(crashdrivers) = {
	EI_HEAD(crashdrivers),
	.needs = EI_NEEDS_IMAGE,
	.purpose = "drivers listed in a triage crash dump, and those unloaded before",
	EI_COLUMNS(columns),
	.run = run,
};
