// netscan: TCP connections, TCP listeners and UDP sockets by the pool tags of tcpip.sys.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/network.h>
#include <eidetic/scan.h>
#include <eidetic/system.h>
#include <eidetic/win.h>

enum {
	OFFSET,
	PROTOCOL,
	LOCAL,
	LOCAL_PORT,
	REMOTE,
	REMOTE_PORT,
	STATE,
	PID,
	OWNER,
	CREATED,
	DOUBT,
	TAG,
	PHYSICAL,
	COLUMNS
};
enum { OPT_CORRUPT };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[OFFSET]      = { "offset",         EI_ADDR, "address of the object: the kernel's, or physical where it has none", .vol3 = "Offset" },
	[PROTOCOL]    = { "proto",          EI_STR,  "protocol, with the version of IP", .vol3 = "Proto", .ioc = "PortItem/protocol" },
	[LOCAL]       = { "local_addr",     EI_STR,  "address of this end", .vol3 = "LocalAddr", .ioc = "PortItem/localIP" },
	[LOCAL_PORT]  = { "local_port",     EI_UINT, "port of this end", .vol3 = "LocalPort", .ioc = "PortItem/localPort" },
	[REMOTE]      = { "foreign_addr",   EI_STR,  "address of the other end", .vol3 = "ForeignAddr", .ioc = "PortItem/remoteIP" },
	[REMOTE_PORT] = { "foreign_port",   EI_UINT, "port of the other end", .vol3 = "ForeignPort", .ioc = "PortItem/remotePort" },
	[STATE]       = { "state",          EI_STR,  "state of TCP", .vol3 = "State", .vol3_absent = "", .ioc = "PortItem/state" },
	[PID]         = { "pid",            EI_UINT, "process that owns it", .vol3 = "PID", .ioc = "PortItem/pid" },
	[OWNER]       = { "owner",          EI_STR,  "name of that process", .vol3 = "Owner", .ioc = "PortItem/process" },
	[CREATED]     = { "created",        EI_TIME, "when it was made, UTC; older Windows do not always say", .vol3 = "Created", .ioc = "PortItem/CreationTime" },
	[DOUBT]       = { "doubt",          EI_STR,  "what speaks against it: owner, family, state, port, time, address, unlinked" },
	[TAG]         = { "tag",            EI_STR,  "tag of its pool block" },
	[PHYSICAL]    = { "physical",       EI_ADDR, "physical address of the object" },
};

static const ei_option options[] = {
	[OPT_CORRUPT] = { "include-corrupt", EI_BOOL, 0, "also what is hardly a socket any more: overwritten, or never one" },
};
// clang-format on

static ei_val otherwise(bool compat, ei_val value, ei_val instead)
{
	return compat && value.state == EI_NONE ? instead : value;
}

static bool row_emit(ei_run *r, const ei_socket *s)
{
	bool compat = ei_compat_vol3(r), no_pid = compat && !ei_u64_or(s->pid, 0);
	return ei_emit(r, (ei_val[COLUMNS]){
				  [OFFSET] = ei_scan_offset(r, &s->object),
				  [PROTOCOL] = s->protocol,
				  [LOCAL] = s->local,
				  [LOCAL_PORT] = s->local_port,
				  [REMOTE] = otherwise(compat, s->remote, ei_str("*")),
				  [REMOTE_PORT] = otherwise(compat, s->remote_port, ei_uint(0)),
				  [STATE] = s->state,
				  [PID] = no_pid ? ei_absent(EI_UNREADABLE) : s->pid,
				  [OWNER] = s->process,
				  [CREATED] = s->created,
				  [DOUBT] = ei_socket_doubts(r, s),
				  [TAG] = ei_str(s->tag),
				  [PHYSICAL] = ei_physical(r, &s->object),
			  });
}

static ei_error *run(ei_run *r)
{
	ei_socket_cursor cursor = { .corrupt = ei_has(ei_opt(r, OPT_CORRUPT)) };
	for (ei_socket s; ei_next_socket(r, &cursor, &s);)
		if (!row_emit(r, &s))
			break;
	return NULL;
}

EI_PLUGIN(netscan) = {
	EI_HEAD(netscan),
	.vol3 = "windows.netscan.NetScan",
	.purpose = "connections, listeners and sockets by the pool tags of tcpip.sys",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	EI_TAGS("TcpE", "TcpL", "UdpA", "TTcb", "TCPT", "TCPA"),
	.run = run,
};
