// Processes, for the rest of core/win: where the list of them begins.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_PROCESS_H
#define WIN_PROCESS_H

#include "win/list.h"

// Fills `query` for the active process list. False, with a note, when it cannot be begun.
bool process_list(ei_run *run, struct list_query *query);

#endif
