// driverscan: driver objects by their pool tag.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/drivers.h>
#include <eidetic/objects.h>
#include <eidetic/scan.h>

enum { OFFSET, START, SIZE, SERVICE, DRIVER, NAME, PHYSICAL, MODULE, UNLOAD, COLUMNS };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[OFFSET]   = { "offset",   EI_ADDR, "address of the _DRIVER_OBJECT: the kernel's, or physical where it has none", .vol3 = "Offset", .ioc = "DriverItem/DriverObjectAddress" },
	[START]    = { "start",    EI_ADDR, "where the driver is mapped", .vol3 = "Start", .ioc = "DriverItem/ImageBase" },
	[SIZE]     = { "size",     EI_HEX,  "bytes mapped", .vol3 = "Size", .ioc = "DriverItem/ImageSize" },
	[SERVICE]  = { "service",  EI_STR,  "key of its service", .vol3 = "Service Key" },
	[DRIVER]   = { "driver",   EI_STR,  "name of the object", .vol3 = "Driver Name", .ioc = "DriverItem/DriverName" },
	[NAME]     = { "name",     EI_STR,  "path of the object, as the driver keeps it", .vol3 = "Name" },
	[PHYSICAL] = { "physical", EI_ADDR, "physical address of the _DRIVER_OBJECT" },
	[MODULE]   = { "module",   EI_STR,  "listed module that it starts in; none: hidden, or not a driver's own" },
	[UNLOAD]   = { "unload",   EI_ADDR, "routine that unloads it; 0: it cannot be" },
};
// clang-format on

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_drivers_scanned(r);
	for (driver d = ei_handle(r, driver); ei_next(&it, &d);) {
		ei_val start = ei_get(d, DriverStart);
		ei_emit(r, (ei_val[COLUMNS]){
				   [OFFSET] = ei_scan_offset(r, &d.obj),
				   [START] = start,
				   [SIZE] = ei_get(d, DriverSize),
				   [SERVICE] = ei_driver_service(r, &d),
				   [DRIVER] = ei_object_name_of(r, &d.obj),
				   [NAME] = ei_get(d, DriverName),
				   [PHYSICAL] = ei_physical(r, &d.obj),
				   [MODULE] = ei_module_at(r, ei_u64_or(start, 0), NULL),
				   [UNLOAD] = ei_get(d, DriverUnload),
			   });
	}
	return NULL;
}

EI_PLUGIN(driverscan) = {
	EI_HEAD(driverscan),
	.vol3 = "windows.driverscan.DriverScan",
	.purpose = "driver objects by their pool tag",
	EI_COLUMNS(columns),
	EI_TYPES(&driver_spec),
	.run = run,
};
