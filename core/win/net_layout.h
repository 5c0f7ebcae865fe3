// What tcpip.sys looks like inside, by its generation: a table of offsets.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_NET_LAYOUT_H
#define WIN_NET_LAYOUT_H

#include "base/base.h"

enum { NET_NOWHERE = 0xffff }; // this generation has no such field, or nobody knows where

// _TCP_ENDPOINT: a connection.
struct net_endpoint {
	uint16_t family; // pointer to an _INETAF
	uint16_t addresses;
	uint16_t state, local_port, remote_port, owner, created, links;
};

// _TCP_LISTENER, _UDP_ENDPOINT.
struct net_listener {
	uint16_t family, owner, created, address, port;
};

struct net_layout {
	const char *name;
	uint16_t first; // build that it came with
	uint8_t pointer;
	uint8_t family; // in an _INETAF
	uint8_t remote; // in an _ADDRINFO; the local one is in front
	bool near_udp;  // the address of a UDP endpoint is one pointer nearer than others
	struct net_endpoint endpoint;
	struct net_listener listener, udp;
};

// _TCPT_OBJECT and _ADDRESS_OBJECT, of the tcpip.sys before Windows Vista.
struct net_old_layout {
	const char *name;
	uint16_t first;
	uint8_t pointer;
	struct {
		uint16_t remote, local, remote_port, local_port, pid;
	} connection;
	struct {
		uint16_t local, local_port, protocol, pid, created;
	} socket;
};

// Ascending builds within a width.
extern const struct net_layout net_layouts[];
extern const size_t net_layout_count;
extern const struct net_old_layout net_old_layouts[];
extern const size_t net_old_layout_count;

enum { NET_FIRST_VISTA = 6000 }; // the first build of the new tcpip.sys

#endif
