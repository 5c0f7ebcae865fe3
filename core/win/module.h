// Kernel modules, for the rest of core/win: where the list of them begins.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_MODULE_H
#define WIN_MODULE_H

#include "win/list.h"

// Fills `query` for the loader's list. False, with a note, when it cannot be begun.
bool module_list(ei_run *run, struct list_query *query);

#endif
