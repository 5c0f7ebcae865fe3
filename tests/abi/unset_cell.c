// unset_cell: forgets a cell.
// SPDX-License-Identifier: Apache-2.0
#include "plugin.h"

static ei_error *forget(ei_run *r)
{
	ei_emit(r, (ei_val[1]){ 0 });
	return NULL;
}

EI_PLUGIN(unset_cell) = { EI_HEAD(unset_cell), REST, .run = forget };
