// Driver objects: found by pool tag, with their tables of routines.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_DRIVERS_H
#define EIDETIC_DRIVERS_H

#include <eidetic/win.h>

// clang-format off
#define DRIVER_FIELDS(F, ALT)                                                                      \
	F(DeviceObject,    PTR,   MAY)                                                             \
	F(DriverStart,     PTR,   MUST)                                                            \
	F(DriverSize,      UINT,  MUST)                                                            \
	F(DriverExtension, PTR,   MAY)                                                             \
	F(DriverName,      USTR,  MAY)                                                             \
	F(FastIoDispatch,  PTR,   MAY)                                                             \
	F(DriverInit,      PTR,   MAY)                                                             \
	F(DriverStartIo,   PTR,   MAY)                                                             \
	F(DriverUnload,    PTR,   MAY)                                                             \
	F(MajorFunction,   BYTES, MAY)
EI_TYPE(driver, "_DRIVER_OBJECT", DRIVER_FIELDS);
// clang-format on

enum { EI_MAJOR_FUNCTIONS = 28 }; // IRP_MJ_CREATE to IRP_MJ_PNP

// Drivers by their pool tag, as ei_processes_scanned() finds processes.
EI_API ei_iter ei_drivers_scanned(ei_run *run);

// The name of its key under Services; EI_NONE when it has no extension.
EI_API ei_val ei_driver_service(ei_run *run, const driver *driver);

// Routine `major` (below EI_MAJOR_FUNCTIONS) of its table.
EI_API ei_val ei_driver_routine(ei_run *run, const driver *driver, unsigned major);

#endif
