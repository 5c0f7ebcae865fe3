// One record of the service control manager, read by one layout.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_SERVICE_READ_H
#define WIN_SERVICE_READ_H

#include "win/service_layout.h"
#include "win/session.h"
#include <eidetic/services.h>

// A services.exe.
struct service_manager {
	ei_run *run;
	const ei_space *space;
	const struct service_layout *layout;
	uint64_t pid;
};

// True when order, state, start and type can be true.
bool service_is_record(const struct service_manager *manager, uint64_t va);
// Likewise, and the name is text.
bool service_fits(const struct service_manager *manager, uint64_t va);
uint64_t service_order(const struct service_manager *manager, uint64_t va); // 0: unreadable
// Address of the record made before this one; 0: there is none, or none is known.
uint64_t service_previous(const struct service_manager *manager, uint64_t va);

void service_read(const struct service_manager *manager, uint64_t va, ei_service *out);

#endif
