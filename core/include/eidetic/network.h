// TCP and UDP: what tcpip.sys keeps of connections, listeners and sockets, found by pool tag.
//
//     ei_socket_cursor cursor = { .corrupt = false };
//     for (ei_socket s; ei_next_socket(run, &cursor, &s);)
//             ...
//
// tcpip.sys has no published types. Its structures are known for each generation of it; the one
// that the build suggests is tried on the image first, and where most objects fail the checks
// below, the others. Which one was taken, and how well it fits, is left as a note.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_NETWORK_H
#define EIDETIC_NETWORK_H

#include <eidetic/object.h>

// What speaks against an object being what it looks like; a set.
enum ei_socket_doubt {
	EI_DOUBT_OWNER = 1,     // the owner is no process that the list or a scan knows
	EI_DOUBT_FAMILY = 2,    // neither IPv4 nor IPv6, or it cannot be read
	EI_DOUBT_STATE = 4,     // no state of TCP
	EI_DOUBT_PORT = 8,      // port 0 where there must be one
	EI_DOUBT_TIME = 16,     // before this century, or in the image's future
	EI_DOUBT_ADDRESS = 32,  // an address cannot be read
	EI_DOUBT_UNLINKED = 64, // its neighbours on its list do not lead back to it
};

// One row. Texts are scratch memory. Until Windows 2003 owners are known by pid alone, states are
// not kept, and everything is IPv4.
typedef struct ei_socket {
	ei_obj object;   // where it is, for ei_scan_offset() and ei_physical(); has no fields
	char tag[5];     // of its pool block: "TcpE", "TcpL", "UdpA", "TTcb", "TCPT", "TCPA"
	ei_val protocol; // "TCPv4", "UDPv6", "TCPv?", ...
	ei_val local;    // address, as text
	ei_val remote;   // likewise; EI_NONE: of a socket that has no other end
	ei_val local_port;
	ei_val remote_port; // EI_NONE likewise
	ei_val state;       // "ESTABLISHED"; EI_NONE of what has no state
	ei_val owner;       // address of the _EPROCESS
	ei_val pid, process;
	ei_val created; // EI_NONE: not kept
	uint32_t doubts;
} ei_socket;

typedef struct ei_socket_cursor {
	bool corrupt; // also what is hardly one any more
	void *state;  // NULL to begin with
} ei_socket_cursor;

// The sockets by the physical addresses of their pool blocks, one a call: false after the last. A
// socket of IPv6 that is bound to no address hears both protocols and is given twice. What was
// allocated for one is gone at the next.
EI_API bool ei_next_socket(ei_run *run, ei_socket_cursor *cursor, ei_socket *out);

// "owner time": the doubts in words; EI_NONE: there are none.
EI_API ei_val ei_socket_doubts(ei_run *run, const ei_socket *socket);

#endif
