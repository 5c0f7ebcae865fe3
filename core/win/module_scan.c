// Kernel modules by the pool tag of the loader's entries: unlinked and unloaded ones too.
// SPDX-License-Identifier: Apache-2.0
#include "win/module.h"
#include "win/pool.h"
#include "win/pool_fields.h"

enum { MODULE_BLOCK_LEAST = 76 };

static bool module_plausible(ei_run *run, const ei_obj *object)
{
	const struct space_mode *mode = run->session->identity.kernel.mode;
	module_check m = ei_handle(run, module_check);
	m.obj = *object;
	ei_val base = ei_get(m, DllBase);
	return ei_has(base) && base.u % PAGE_SIZE == 0 &&
	       mode->canonical(base.u) >= mode->kernel_start;
}

ei_iter ei_modules_scanned(ei_run *run)
{
	struct pool_query query = {
		.tags = { "MmLd" },
		.least = MODULE_BLOCK_LEAST,
		.type = &kldr_entry_spec,
		.check = &module_check_spec,
		.plausible = module_plausible,
	};
	struct list_query list;
	if (module_list(run, &list))
		query.listed = list_walk(run, &list, &query.listed_count);
	return pool_objects(run, &query);
}
