// One object of tcpip.sys, read by one layout.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_NET_READ_H
#define WIN_NET_READ_H

#include "win/net_layout.h"
#include "win/net_process.h"
#include <eidetic/network.h>

enum net_kind { NET_ENDPOINT, NET_LISTENER, NET_UDP, NET_KINDS };

enum { NET_IPV4 = 2, NET_IPV6 = 23 }; // as Windows numbers families of addresses

// What speaks against a layout when most objects have it. A list may be long gone.
enum {
	NET_TELLING = EI_DOUBT_OWNER | EI_DOUBT_FAMILY | EI_DOUBT_STATE | EI_DOUBT_PORT |
		      EI_DOUBT_TIME | EI_DOUBT_ADDRESS
};

struct net_reading {
	ei_run *run;
	struct known_processes known;
	uint64_t newest; // FILETIME: nothing was made after it
};

struct net_object {
	ei_obj object;
	ei_socket socket; // filled; protocol for NET_IPV4 where both are spoken
	uint32_t family;  // 0: unknown
	bool family_lost; // it cannot be read, rather than being wrong
	bool any;         // bound to no address
};

void net_reading_begin(ei_run *run, struct net_reading *out);

// `out->object` is set by the caller.
void net_read(const struct net_reading *reading, const struct net_layout *layout,
	enum net_kind kind, struct net_object *out);

// The same of what was before Windows Vista: a connection, or a socket.
void net_read_old(const struct net_reading *reading, const struct net_old_layout *layout,
	bool connection, struct net_object *out);

// The protocol of `family`, "TCPv6", where the socket's kind is `name`.
ei_val net_protocol(ei_run *run, const char *name, uint32_t family);
// The address that stands for all.
ei_val net_any(uint32_t family);

// True for what an object may hold as a time; 0 is none.
bool net_time_fits(const struct net_reading *reading, uint64_t time);

#endif
