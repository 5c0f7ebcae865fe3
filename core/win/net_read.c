// Reading one connection, listener or socket: fields, the pointers that lead to its addresses, and
// what speaks against it.
// SPDX-License-Identifier: Apache-2.0
#include "win/net_read.h"

#include <arpa/inet.h>
#include <eidetic/system.h>

// FILETIME of 1950-01-01, 2000-01-01, and 2200-01-01; and a day.
static const uint64_t time_absurd = 110133216000000000, time_first = 125911584000000000,
		      time_end = 189025920000000000, one_day = 864000000000;

static const char *const states[] = { "CLOSED", "LISTENING", "SYN_SENT", "SYN_RCVD", "ESTABLISHED",
	"FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT", "CLOSING", "LAST_ACK", NULL, NULL, "TIME_WAIT",
	"DELETE_TCB" };

void net_reading_begin(ei_run *run, struct net_reading *out)
{
	ei_val now = ei_system_read(run).time;
	*out = (struct net_reading){ .run = run,
		.newest = ei_u64_or(now, time_end - one_day) + one_day };
	known_processes_read(run, &out->known);
}

bool net_time_fits(const struct net_reading *reading, uint64_t time)
{
	return time >= time_first && time <= reading->newest;
}

// ---- fields ---------------------------------------------------------------------------------

static ei_val pointer_get(const struct net_object *of, uint16_t offset)
{
	if (offset == NET_NOWHERE)
		return ei_absent(EI_NO_FIELD);
	return ei_read_ptr(of->object.run, of->object.space, of->object.va + offset);
}

static ei_val u32_get(const struct net_object *of, uint16_t offset)
{
	if (offset == NET_NOWHERE)
		return ei_absent(EI_NO_FIELD);
	return ei_read_u32(of->object.run, of->object.space, of->object.va + offset);
}

// As it travels: the higher byte first.
static ei_val port_get(const struct net_object *of, uint16_t offset)
{
	uint8_t bytes[2];
	if (offset == NET_NOWHERE)
		return ei_absent(EI_NO_FIELD);
	if (ei_read(of->object.run, of->object.space, of->object.va + offset, bytes, 2) < 2)
		return ei_absent(EI_UNREADABLE);
	return ei_uint((uint64_t)bytes[0] << 8 | bytes[1]);
}

static ei_val u16_get(const struct net_object *of, uint16_t offset)
{
	ei_val swapped = port_get(of, offset);
	if (ei_has(swapped))
		swapped.u = (swapped.u & 0xff) << 8 | swapped.u >> 8;
	return swapped;
}

static void port_check(struct net_object *out, ei_val port)
{
	if (!ei_u64_or(port, 0))
		out->socket.doubts |= EI_DOUBT_PORT;
}

static void created_get(const struct net_reading *reading, struct net_object *out, uint16_t offset)
{
	uint8_t bytes[8];
	ei_val *created = &out->socket.created;
	if (offset == NET_NOWHERE) {
		*created = ei_absent(EI_NO_FIELD);
		return;
	}
	if (ei_read(reading->run, out->object.space, out->object.va + offset, bytes, 8) < 8) {
		*created = ei_absent(EI_UNREADABLE);
		return;
	}
	uint64_t time = load_u64(bytes);
	*created = time ? ei_of(EI_TIME, time) : ei_absent(EI_NONE);
	if (time && !net_time_fits(reading, time))
		out->socket.doubts |= EI_DOUBT_TIME;
	if (time && (time < time_absurd || time >= time_end))
		*created = ei_absent(EI_GARBAGE);
}

// ---- the owner ------------------------------------------------------------------------------

static void process_get(ei_run *run, uint64_t va, ei_socket *out)
{
	eprocess p = ei_at(run, eprocess, va);
	out->pid = ei_get(p, UniqueProcessId);
	out->process = ei_get(p, ImageFileName);
}

static void owner_get(const struct net_reading *reading, struct net_object *out, uint16_t offset)
{
	ei_socket *socket = &out->socket;
	socket->owner = pointer_get(out, offset);
	socket->pid = socket->process =
		ei_absent(ei_has(socket->owner) ? EI_NONE : (ei_state)socket->owner.state);
	if (socket->owner.state == EI_NO_FIELD)
		return;
	uint64_t va = run_canonical(reading->run, ei_u64_or(socket->owner, 0));
	if (!known_process_at(&reading->known, va))
		socket->doubts |= EI_DOUBT_OWNER;
	if (va)
		process_get(reading->run, va, socket);
}

// Known by pid alone: there may have been several.
static void owner_by_pid(const struct net_reading *reading, struct net_object *out, uint16_t offset)
{
	ei_socket *socket = &out->socket;
	ei_val pid = u32_get(out, offset);
	const struct known_process *known =
		ei_has(pid) ? known_process_by_pid(&reading->known, pid.u) : NULL;
	socket->owner = known ? ei_addr(known->va) : ei_absent(EI_NONE);
	socket->process = ei_absent(EI_NONE);
	if (known)
		process_get(reading->run, known->va, socket);
	else
		socket->doubts |= EI_DOUBT_OWNER;
	socket->pid = pid;
}

// ---- addresses ------------------------------------------------------------------------------

ei_val net_any(uint32_t family)
{
	return ei_str(family == NET_IPV6 ? "::" : "0.0.0.0");
}

ei_val net_protocol(ei_run *run, const char *name, uint32_t family)
{
	const char *version = family == NET_IPV4 ? "4" : family == NET_IPV6 ? "6" : "?";
	return ei_str(ei_text(run->scratch, "%sv%s", name, version));
}

static ei_val address_text(ei_run *run, const ei_space *space, uint64_t va, uint32_t family)
{
	uint8_t bytes[16];
	size_t size = family == NET_IPV4 ? 4 : 16;
	char *text = ei_alloc(run->scratch, INET6_ADDRSTRLEN);
	if (!family || !text || ei_read(run, space, va, bytes, size) < size)
		return ei_absent(EI_UNREADABLE);
	return ei_str(inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text, INET6_ADDRSTRLEN));
}

static ei_val address_at(ei_run *run, ei_val pointer, uint32_t family)
{
	return ei_u64_or(pointer, 0) ? address_text(run, NULL, pointer.u, family)
				     : ei_absent(EI_UNREADABLE);
}

static ei_val follow(ei_run *run, ei_val pointer, uint32_t offset)
{
	return ei_u64_or(pointer, 0) ? ei_read_ptr(run, NULL, pointer.u + offset)
				     : ei_absent(EI_UNREADABLE);
}

// A _LOCAL_ADDRESS points at a pointer to the address.
static ei_val local_address(ei_run *run, ei_val local, uint32_t family)
{
	ei_val data = follow(run, local, ei_pointer_size(run) == 8 ? 0x10 : 0xc);
	return address_at(run, follow(run, data, 0), family);
}

static void family_get(const struct net_layout *layout, struct net_object *out, uint16_t offset)
{
	uint8_t bytes[2];
	ei_run *run = out->object.run;
	ei_val pointer = pointer_get(out, offset);
	bool there = ei_u64_or(pointer, 0) &&
		     ei_read(run, NULL, pointer.u + layout->family, bytes, 2) == 2;
	uint32_t family = there ? load_u16(bytes) : 0;
	if (family == NET_IPV4 || family == NET_IPV6)
		out->family = family;
	else
		out->socket.doubts |= EI_DOUBT_FAMILY;
	out->family_lost = !there;
}

static void addresses_check(struct net_object *out)
{
	if (!ei_has(out->socket.local) ||
		(!ei_has(out->socket.remote) && out->socket.remote.state != EI_NONE))
		out->socket.doubts |= EI_DOUBT_ADDRESS;
}

// ---- objects --------------------------------------------------------------------------------

static void state_get(struct net_object *out, uint16_t offset)
{
	ei_val state = u32_get(out, offset);
	out->socket.state = state;
	if (ei_has(state) && state.u < ARRAY_LENGTH(states) && states[state.u]) {
		out->socket.state = ei_str(states[state.u]);
		return;
	}
	if (ei_has(state))
		out->socket.state = ei_absent(EI_GARBAGE);
	out->socket.doubts |= EI_DOUBT_STATE;
}

static void links_check(struct net_object *out, uint16_t offset)
{
	ei_run *run = out->object.run;
	if (offset == NET_NOWHERE)
		return;
	ei_val next = pointer_get(out, offset);
	ei_val back = follow(run, next, ei_pointer_size(run));
	uint64_t here = run_canonical(run, out->object.va + offset);
	if (ei_has(back) && run_canonical(run, back.u) != here)
		out->socket.doubts |= EI_DOUBT_UNLINKED;
}

static void endpoint_read(
	const struct net_reading *reading, const struct net_layout *layout, struct net_object *out)
{
	const struct net_endpoint *at = &layout->endpoint;
	ei_run *run = reading->run;
	family_get(layout, out, at->family);
	ei_val addresses = pointer_get(out, at->addresses);
	out->socket.local = local_address(run, follow(run, addresses, 0), out->family);
	out->socket.remote = address_at(run, follow(run, addresses, layout->remote), out->family);
	out->socket.local_port = port_get(out, at->local_port);
	out->socket.remote_port = port_get(out, at->remote_port);
	port_check(out, out->socket.local_port);
	state_get(out, at->state);
	links_check(out, at->links);
	owner_get(reading, out, at->owner);
	created_get(reading, out, at->created);
	out->socket.protocol = net_protocol(run, "TCP", out->family);
}

static void listener_read(const struct net_reading *reading, const struct net_layout *layout,
	bool udp, struct net_object *out)
{
	const struct net_listener *at = udp ? &layout->udp : &layout->listener;
	ei_run *run = reading->run;
	ei_socket *socket = &out->socket;
	family_get(layout, out, at->family);
	ei_val address = pointer_get(out, at->address);
	out->any = ei_has(address) && !address.u;
	if (out->any)
		socket->local = net_any(NET_IPV4);
	else if (udp && layout->near_udp)
		socket->local = address_at(run, follow(run, address, 0), out->family);
	else
		socket->local = local_address(run, address, out->family);
	socket->remote = udp ? ei_absent(EI_NONE) : net_any(out->any ? NET_IPV4 : out->family);
	socket->local_port = port_get(out, at->port);
	socket->remote_port = ei_absent(EI_NONE);
	if (!udp)
		port_check(out, socket->local_port);
	socket->state = udp ? ei_absent(EI_NONE) : ei_str(states[1]);
	owner_get(reading, out, at->owner);
	created_get(reading, out, at->created);
	socket->protocol = net_protocol(
		run, udp ? "UDP" : "TCP", out->any && out->family ? NET_IPV4 : out->family);
}

void net_read(const struct net_reading *reading, const struct net_layout *layout,
	enum net_kind kind, struct net_object *out)
{
	if (kind == NET_ENDPOINT)
		endpoint_read(reading, layout, out);
	else
		listener_read(reading, layout, kind == NET_UDP, out);
	addresses_check(out);
}

// ---- before Windows Vista -------------------------------------------------------------------

static ei_val old_address(const struct net_object *of, uint16_t offset)
{
	return address_text(of->object.run, of->object.space, of->object.va + offset, NET_IPV4);
}

static ei_val old_protocol(ei_run *run, ei_val number)
{
	if (!ei_has(number))
		return number;
	if (number.u == 6 || number.u == 17)
		return ei_str(number.u == 6 ? "TCPv4" : "UDPv4");
	return ei_str(ei_text(run->scratch, "IPv4 %llu", (unsigned long long)number.u));
}

void net_read_old(const struct net_reading *reading, const struct net_old_layout *layout,
	bool connection, struct net_object *out)
{
	ei_socket *socket = &out->socket;
	out->family = NET_IPV4;
	socket->remote = socket->remote_port = socket->state = ei_absent(EI_NONE);
	if (connection) {
		socket->local = old_address(out, layout->connection.local);
		socket->remote = old_address(out, layout->connection.remote);
		socket->local_port = port_get(out, layout->connection.local_port);
		socket->remote_port = port_get(out, layout->connection.remote_port);
		socket->protocol = ei_str("TCPv4");
		socket->created = ei_absent(EI_NO_FIELD);
		port_check(out, socket->local_port);
		port_check(out, socket->remote_port);
		owner_by_pid(reading, out, layout->connection.pid);
	} else {
		socket->local = old_address(out, layout->socket.local);
		socket->local_port = port_get(out, layout->socket.local_port);
		socket->protocol =
			old_protocol(reading->run, u16_get(out, layout->socket.protocol));
		created_get(reading, out, layout->socket.created);
		if (!ei_has(socket->created))
			socket->doubts |= EI_DOUBT_TIME; // they all have one
		owner_by_pid(reading, out, layout->socket.pid);
	}
	addresses_check(out);
}
