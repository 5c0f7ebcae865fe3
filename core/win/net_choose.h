// Which generation of tcpip.sys this is: the build suggests, the objects decide.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_NET_CHOOSE_H
#define WIN_NET_CHOOSE_H

#include "win/net_read.h"

struct net_sample {
	ei_obj object;
	uint8_t kind; // enum net_kind; before Vista 0 is a connection, 1 a socket
};

struct net_choice {
	const struct net_layout *of[NET_KINDS];
	const struct net_old_layout *old; // before Windows Vista; then the others are NULL
	struct net_layout found;          // with offsets that were found on the image
};

// Leaves a note on what was chosen and how well it fits. Layouts within `out` may point into it.
void net_choose(const struct net_reading *reading, const struct net_sample *samples, size_t count,
	struct net_choice *out);

// True when this build's tcpip.sys is the one that came with Windows Vista, or a later one.
bool net_is_new(const ei_run *run);

#endif
