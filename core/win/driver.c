// Driver objects: found by pool tag, with their tables of routines.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/drivers.h>

#include "win/pool.h"

enum { DRIVER_BLOCK_LEAST = 248, DRIVER_BLOCK_LEAST_32 = 192 };

#define DRIVER_EXTENSION_FIELDS(F, ALT) F(ServiceKeyName, USTR, MAY)
EI_TYPE(driver_extension, "_DRIVER_EXTENSION", DRIVER_EXTENSION_FIELDS);

ei_iter ei_drivers_scanned(ei_run *run)
{
	struct pool_query query = {
		.tags = { "Driv" },
		.least = ei_pointer_size(run) == 8 ? DRIVER_BLOCK_LEAST : DRIVER_BLOCK_LEAST_32,
		.has_header = true,
		.object_type = "Driver",
		.type = &driver_spec,
	};
	return pool_objects(run, &query);
}

ei_val ei_driver_service(ei_run *run, const driver *object)
{
	ei_val pointer = ei_get(*object, DriverExtension);
	if (!ei_has(pointer))
		return pointer;
	if (!pointer.u)
		return ei_absent(EI_NONE);
	driver_extension extension = ei_at(run, driver_extension, pointer.u);
	ei_val name = ei_get(extension, ServiceKeyName);
	return ei_has(name) && !name.length ? ei_absent(EI_NONE) : name;
}

ei_val ei_driver_routine(ei_run *run, const driver *object, unsigned major)
{
	uint32_t size = ei_pointer_size(run);
	ei_val table = ei_get(*object, MajorFunction);
	if (!ei_has(table))
		return table;
	if ((major + 1) * size > table.length)
		return ei_absent(EI_NO_FIELD);
	const uint8_t *at = table.b + (size_t)major * size;
	return ei_addr(size == 8 ? load_u64(at) : run_canonical(run, load_u32(at)));
}
