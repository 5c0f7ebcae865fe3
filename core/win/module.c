// Kernel modules on the loader's list.
// SPDX-License-Identifier: Apache-2.0
#include "win/module.h"

#include "win/fields.h"

bool module_list(ei_run *run, struct list_query *query)
{
	kldr_entry table = ei_handle(run, kldr_entry);
	*query = (struct list_query){
		.what = "PsLoadedModuleList",
		.link_offset = table.at->InLoadOrderLinks.offset,
		.type = &kldr_entry_spec,
	};
	if (query->link_offset >= 0 && ei_symbol(run, "PsLoadedModuleList", &query->head))
		return true;
	ei_note(run, "the list of kernel modules cannot be begun: the profile does not have "
		     "PsLoadedModuleList");
	return false;
}

ei_iter ei_modules(ei_run *run)
{
	struct list_query query;
	if (!module_list(run, &query))
		return iter_empty(run, &kldr_entry_spec);
	return list_iterate(run, &query);
}
