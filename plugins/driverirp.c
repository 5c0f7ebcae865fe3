// driverirp: what each driver does with each kind of request, and where that code is.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/drivers.h>
#include <eidetic/objects.h>
#include <eidetic/scan.h>

enum { OFFSET, DRIVER, IRP, ADDRESS, MODULE, SYMBOL, COLUMNS };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[OFFSET]  = { "offset",  EI_ADDR, "address of the _DRIVER_OBJECT: the kernel's, or physical where it has none", .vol3 = "Offset" },
	[DRIVER]  = { "driver",  EI_STR,  "name of the object", .vol3 = "Driver Name" },
	[IRP]     = { "irp",     EI_STR,  "kind of request", .vol3 = "IRP" },
	[ADDRESS] = { "address", EI_ADDR, "routine that answers it", .vol3 = "Address" },
	[MODULE]  = { "module",  EI_STR,  "listed module that the routine is in; none: in no module", .vol3 = "Module" },
	[SYMBOL]  = { "symbol",  EI_STR,  "name of the routine, where the kernel's symbols have it", .vol3 = "Symbol" },
};
// clang-format on

static const char *const majors[EI_MAJOR_FUNCTIONS] = {
	"IRP_MJ_CREATE",
	"IRP_MJ_CREATE_NAMED_PIPE",
	"IRP_MJ_CLOSE",
	"IRP_MJ_READ",
	"IRP_MJ_WRITE",
	"IRP_MJ_QUERY_INFORMATION",
	"IRP_MJ_SET_INFORMATION",
	"IRP_MJ_QUERY_EA",
	"IRP_MJ_SET_EA",
	"IRP_MJ_FLUSH_BUFFERS",
	"IRP_MJ_QUERY_VOLUME_INFORMATION",
	"IRP_MJ_SET_VOLUME_INFORMATION",
	"IRP_MJ_DIRECTORY_CONTROL",
	"IRP_MJ_FILE_SYSTEM_CONTROL",
	"IRP_MJ_DEVICE_CONTROL",
	"IRP_MJ_INTERNAL_DEVICE_CONTROL",
	"IRP_MJ_SHUTDOWN",
	"IRP_MJ_LOCK_CONTROL",
	"IRP_MJ_CLEANUP",
	"IRP_MJ_CREATE_MAILSLOT",
	"IRP_MJ_QUERY_SECURITY",
	"IRP_MJ_SET_SECURITY",
	"IRP_MJ_POWER",
	"IRP_MJ_SYSTEM_CONTROL",
	"IRP_MJ_DEVICE_CHANGE",
	"IRP_MJ_QUERY_QUOTA",
	"IRP_MJ_SET_QUOTA",
	"IRP_MJ_PNP",
};

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_drivers_scanned(r);
	for (driver d = ei_handle(r, driver); ei_next(&it, &d);) {
		ei_val offset = ei_scan_offset(r, &d.obj), name = ei_object_name_of(r, &d.obj);
		for (unsigned i = 0; i < EI_MAJOR_FUNCTIONS; i++) {
			ei_val routine = ei_driver_routine(r, &d, i);
			uint64_t address = ei_u64_or(routine, 0);
			ei_emit(r, (ei_val[COLUMNS]){
					   [OFFSET] = offset,
					   [DRIVER] = name,
					   [IRP] = ei_str(majors[i]),
					   [ADDRESS] = routine,
					   [MODULE] = ei_module_title(r, address),
					   [SYMBOL] = ei_symbol_at(r, address, 0),
				   });
		}
	}
	return NULL;
}

EI_PLUGIN(driverirp) = {
	EI_HEAD(driverirp),
	.vol3 = "windows.driverirp.DriverIrp",
	.purpose = "routines of each driver by kind of request, and the modules they are in",
	EI_COLUMNS(columns),
	EI_TYPES(&driver_spec),
	.run = run,
};
