// Connections, listeners and sockets: what tcpip.sys keeps of them in the kernel's heap.
//
// The offsets are written down here, for tcpip.sys has no published types.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <arpa/inet.h>
#include <stdlib.h>

enum { FAMILY_4 = 2, FAMILY_6 = 23 };

struct endpoint_place {
	int created, owner, state, local_port, remote_port, family, addresses, links;
};

struct listener_place {
	int created, owner, family, address, port;
};

struct generation {
	uint32_t build;
	uint32_t pointer;
	int family;        // in the block that a family's protocol has
	uint32_t bytes[3]; // of an endpoint, a listener, a UDP socket
	bool direct;       // UDP sockets point at a pointer to the address
	struct endpoint_place endpoint;
	struct listener_place listener, udp;
};

// clang-format off
static const struct generation generations[] = {
	{ 6000, 8, 20, { 544, 128, 144 }, false,
	  { 0, 520, 80, 84, 86, 24, 32, 40 },
	  { 32, 40, 96, 88, 106 },
	  { 88, 40, 32, 96, 128 } },
	{ 6001, 8, 20, { 544, 128, 144 }, false,
	  { 0, 528, 80, 84, 86, 24, 32, 40 },
	  { 32, 40, 96, 88, 106 },
	  { 88, 40, 32, 96, 128 } },
	{ 7600, 8, 20, { 592, 128, 160 }, false,
	  { 0, 568, 104, 108, 110, 24, 32, 40 },
	  { 32, 40, 96, 88, 106 },
	  { 88, 40, 32, 96, 128 } },
	{ 9200, 8, 24, { 608, 128, 160 }, false,
	  { 0, 592, 108, 112, 114, 16, 24, 40 },
	  { 64, 40, 96, 88, 106 },
	  { 88, 40, 32, 96, 128 } },
	{ 9600, 8, 24, { 624, 128, 144 }, false,
	  { 0, 600, 108, 112, 114, 16, 24, 40 },
	  { 64, 40, 96, 88, 106 },
	  { 88, 40, 32, 96, 120 } },
	{ 10240, 8, 24, { 640, 144, 144 }, true,
	  { 616, 600, 108, 112, 114, 16, 24, -1 },
	  { 64, 48, 40, 96, 114 },
	  { 88, 40, 32, 128, 120 } },
	{ 15063, 8, 24, { 640, 144, 144 }, true,
	  { 616, 624, 108, 112, 114, 16, 24, 40 },
	  { 64, 48, 40, 96, 114 },
	  { 88, 40, 32, 128, 120 } },
	{ 16299, 8, 24, { 656, 144, 144 }, true,
	  { 640, 624, 108, 112, 114, 16, 24, 40 },
	  { 64, 48, 40, 96, 114 },
	  { 88, 40, 32, 128, 120 } },
	{ 17134, 8, 24, { 672, 144, 144 }, true,
	  { 648, 632, 108, 112, 114, 16, 24, 40 },
	  { 64, 48, 40, 96, 114 },
	  { 88, 40, 32, 128, 120 } },
	{ 17763, 8, 24, { 752, 144, 144 }, true,
	  { 728, 712, 108, 112, 114, 16, 24, 40 },
	  { 64, 48, 40, 96, 114 },
	  { 88, 40, 32, 128, 120 } },
	{ 18362, 8, 24, { 688, 144, 144 }, true,
	  { 672, 656, 108, 112, 114, 16, 24, 40 },
	  { 64, 48, 40, 96, 114 },
	  { 88, 40, 32, 128, 120 } },
	{ 19041, 8, 24, { 768, 144, 192 }, true,
	  { 744, 728, 108, 112, 114, 16, 24, 40 },
	  { 64, 48, 40, 96, 114 },
	  { 88, 40, 32, 168, 160 } },
	{ 20348, 8, 24, { 800, 144, 192 }, true,
	  { 776, 752, 108, 112, 114, 16, 24, 40 },
	  { 64, 48, 40, 96, 114 },
	  { 88, 40, 32, 168, 160 } },
	// Its connections are known to start 8 bytes later; the rest of them is made up.
	{ 26100, 8, 24, { 832, 144, 192 }, true,
	  { 808, 784, 112, 116, 118, 24, 32, 48 },
	  { 72, 56, 48, 104, 122 },
	  { 88, 40, 32, 168, 160 } },
	{ 6000, 4, 12, { 368, 80, 96 }, false,
	  { 0, 352, 40, 44, 46, 12, 16, 20 },
	  { 32, 24, 56, 52, 62 },
	  { 48, 24, 20, 56, 72 } },
	{ 7600, 4, 12, { 400, 80, 96 }, false,
	  { 0, 372, 52, 56, 58, 12, 16, 20 },
	  { 32, 24, 56, 52, 62 },
	  { 48, 24, 20, 56, 72 } },
	{ 9200, 4, 12, { 400, 80, 96 }, false,
	  { 0, 372, 56, 60, 62, 8, 12, 20 },
	  { 32, 24, 56, 52, 62 },
	  { 48, 24, 20, 56, 72 } },
	{ 9600, 4, 12, { 448, 80, 96 }, false,
	  { 0, 424, 56, 60, 62, 8, 12, 20 },
	  { 32, 24, 56, 52, 62 },
	  { 48, 24, 20, 56, 72 } },
	{ 10240, 4, 12, { 464, 96, 96 }, false,
	  { 440, 432, 56, 60, 62, 8, 12, 20 },
	  { 40, 28, 64, 60, 70 },
	  { 48, 24, 20, 56, 72 } },
	{ 10586, 4, 12, { 464, 96, 96 }, false,
	  { 432, 424, 48, 52, 54, 0, 4, 32 },
	  { 32, 20, 16, 52, 62 },
	  { 40, 16, 52, 48, 60 } },
	{ 14393, 4, 12, { 464, 80, 96 }, false,
	  { 0, 436, 56, 60, 62, 8, 12, 20 },
	  { 32, 24, 56, 52, 62 },
	  { 48, 24, 20, 56, 72 } },
	{ 15063, 4, 12, { 480, 96, 96 }, false,
	  { 0, 460, 56, 60, 62, 8, 12, 20 },
	  { 32, 24, 56, 52, 62 },
	  { 48, 24, 20, 56, 72 } },
	{ 17134, 4, 12, { 480, 80, 96 }, false,
	  { 0, 460, 56, 60, 62, 8, 12, 20 },
	  { 32, 24, 56, 52, 62 },
	  { 48, 24, 20, 56, 68 } },
};

static const char *const states[] = { "CLOSED", "LISTENING", "SYN_SENT", "SYN_RCVD", "ESTABLISHED",
	"FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT", "CLOSING", "LAST_ACK", "", "", "TIME_WAIT", "DELETE_TCB" };

// What a machine has open that nobody has done anything with.
static const char population[] = "["
	"{\"protocol\":\"tcp\",\"local_port\":135,\"process\":\"svchost.exe\",\"family\":6},"
	"{\"protocol\":\"tcp\",\"local_port\":445,\"process\":\"System\",\"family\":6},"
	"{\"protocol\":\"tcp\",\"local_port\":49664,\"process\":\"lsass.exe\",\"family\":6},"
	"{\"protocol\":\"tcp\",\"local_port\":49665,\"process\":\"wininit.exe\",\"family\":4},"
	"{\"protocol\":\"tcp\",\"local\":\"10.20.0.31\",\"local_port\":139,\"process\":\"System\"},"
	"{\"protocol\":\"udp\",\"local_port\":5353,\"process\":\"svchost.exe\",\"family\":6},"
	"{\"protocol\":\"udp\",\"local_port\":500,\"process\":\"svchost.exe\",\"family\":4},"
	"{\"protocol\":\"udp\",\"local\":\"10.20.0.31\",\"local_port\":137,\"process\":\"System\"},"
	"{\"protocol\":\"udp\",\"local\":\"127.0.0.1\",\"local_port\":1900,\"process\":\"svchost.exe\"},"
	"{\"protocol\":\"udp\",\"local\":\"fe80::5c1e:8a7d:11f3:9b02\",\"local_port\":546,\"process\":\"svchost.exe\"},"
	"{\"protocol\":\"tcp\",\"local\":\"10.20.0.31\",\"local_port\":49712,\"remote\":\"198.51.100.20\",\"remote_port\":443,"
	"\"state\":\"ESTABLISHED\",\"process\":\"svchost.exe\"},"
	"{\"protocol\":\"tcp\",\"local\":\"10.20.0.31\",\"local_port\":49733,\"remote\":\"10.20.0.12\",\"remote_port\":443,"
	"\"state\":\"ESTABLISHED\",\"process\":\"OUTLOOK.EXE\"},"
	"{\"protocol\":\"tcp\",\"local\":\"2001:db8:20::31\",\"local_port\":49741,\"remote\":\"2001:db8:f00d::1\",\"remote_port\":443,"
	"\"state\":\"ESTABLISHED\",\"process\":\"firefox.exe\"},"
	"{\"protocol\":\"tcp\",\"local\":\"10.20.0.31\",\"local_port\":49742,\"remote\":\"198.51.100.33\",\"remote_port\":80,"
	"\"state\":\"CLOSE_WAIT\",\"process\":\"firefox.exe\"}]";
// clang-format on

// The blocks that sockets share.
struct net {
	struct forge *f;
	const struct generation *g; // NULL: before Windows Vista
	uint64_t families[2];       // of IPv4, IPv6
	uint64_t head;              // of the list of connections
};

// One socket as the scenario describes it.
struct wish {
	const json_t *description;
	bool udp, connection, v6;
	const char *local, *remote; // NULL: none
	uint32_t local_port, remote_port, state;
	const struct process *owner;
	uint64_t created;
};

static const struct generation *generation_of(const struct forge *f)
{
	const struct generation *found = NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(generations); i++) {
		const struct generation *g = &generations[i];
		if (g->pointer == f->pointer && g->build <= f->build)
			found = g;
	}
	return found;
}

// ---- writing ----------------------------------------------------------------------------------
static void put16(struct net *n, uint64_t va, uint32_t value)
{
	uint8_t bytes[2] = { (uint8_t)value, (uint8_t)(value >> 8) };
	write_bytes(n->f, &n->f->kernel, va, bytes, sizeof bytes);
}

static void put_port(struct net *n, uint64_t va, uint32_t port)
{
	put16(n, va, (port & 0xff) << 8 | port >> 8);
}

static void put_time(struct net *n, uint64_t va, uint64_t time)
{
	write_bytes(n->f, &n->f->kernel, va, &time, sizeof time);
}

static uint32_t address_bytes(struct net *n, const char *text, uint8_t bytes[16])
{
	bool v6 = strchr(text, ':') != NULL;
	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, bytes) != 1)
		forge_fail(n->f, EI_E_FORMAT, "'%s' is no address", text);
	return v6 ? 16 : 4;
}

static uint64_t address_create(struct net *n, const char *text)
{
	uint8_t bytes[16] = { 0 };
	uint32_t length = address_bytes(n, text, bytes);
	uint64_t va = pool_take(n->f, POOL_NONPAGED, "Ipla", 16);
	write_bytes(n->f, &n->f->kernel, va, bytes, length);
	return va;
}

// A block that points at `to`, `offset` bytes into it.
static uint64_t pointer_create(struct net *n, const char *tag, uint32_t offset, uint64_t to)
{
	uint64_t va = pool_take(n->f, POOL_NONPAGED, tag, offset + n->f->pointer);
	write_pointer(n->f, &n->f->kernel, va + offset, to);
	return va;
}

static uint64_t local_create(struct net *n, const char *text)
{
	uint64_t cell = pointer_create(n, "InLP", 0, address_create(n, text));
	return pointer_create(n, "InLA", n->f->pointer == 8 ? 16 : 12, cell);
}

static uint64_t family_of(struct net *n, const struct wish *w)
{
	uint64_t *family = &n->families[w->v6];
	if (!*family) {
		*family = pool_take(n->f, POOL_NONPAGED, "InNl", 64);
		put16(n, *family + (uint32_t)n->g->family, w->v6 ? FAMILY_6 : FAMILY_4);
	}
	return *family;
}

static uint64_t owner_of(const struct wish *w)
{
	return w->owner->object.va;
}

// ---- truth --------------------------------------------------------------------------------------
static void truth(struct net *n, const struct wish *w, uint64_t va, bool v6, uint64_t created)
{
	char protocol[8], name[17];
	const char *any = v6 ? "::" : "0.0.0.0";
	const char *state = !n->g || w->udp ? NULL : w->connection ? states[w->state] : "LISTENING";
	const char *remote = w->connection ? w->remote : !n->g || w->udp ? NULL : any;
	snprintf(protocol, sizeof protocol, "%sv%c", w->udp ? "UDP" : "TCP", v6 ? '6' : '4');
	snprintf(name, sizeof name, "%.*s", (int)process_name_bytes(n->f), w->owner->name);
	truth_row(n->f, "netscan", "{s:I, s:I, s:s, s:s, s:I, s:s?, s:o, s:s?, s:I, s:s, s:o}",
		"offset", (json_int_t)va, "physical",
		(json_int_t)paging_physical(n->f, &n->f->kernel, va), "proto", protocol,
		"local_addr", w->local ? w->local : any, "local_port", (json_int_t)w->local_port,
		"foreign_addr", remote, "foreign_port",
		w->connection ? json_integer(w->remote_port) : json_null(), "state", state, "pid",
		(json_int_t)w->owner->pid, "owner", name, "created", truth_time(created));
}

// ---- since Windows Vista ------------------------------------------------------------------------
static void endpoint_create(struct net *n, const struct wish *w)
{
	struct forge *f = n->f;
	const struct endpoint_place *at = &n->g->endpoint;
	const char *tag = f->build >= 20348 ? "TTcb" : "TcpE";
	uint64_t va = pool_take(f, POOL_NONPAGED, tag, n->g->bytes[0]);
	uint64_t addresses = pool_take(f, POOL_NONPAGED, "TcAI", 3 * f->pointer + 8);
	uint32_t remote = f->pointer == 8 ? 16 : f->win8 ? 12 : 8;
	write_pointer(f, &f->kernel, addresses, local_create(n, w->local));
	write_pointer(f, &f->kernel, addresses + remote, address_create(n, w->remote));
	// Windows 7 leaves the time out more often than not.
	put_time(n, va + (uint32_t)at->created, at->created ? w->created : 0);
	write_pointer(f, &f->kernel, va + (uint32_t)at->family, family_of(n, w));
	write_pointer(f, &f->kernel, va + (uint32_t)at->addresses, addresses);
	write_pointer(f, &f->kernel, va + (uint32_t)at->owner, owner_of(w));
	write_u32(f, &f->kernel, va + (uint32_t)at->state, w->state);
	put_port(n, va + (uint32_t)at->local_port, w->local_port);
	put_port(n, va + (uint32_t)at->remote_port, w->remote_port);
	if (at->links >= 0) {
		if (!n->head)
			list_init(f, &f->kernel,
				n->head = pool_take(f, POOL_NONPAGED, "HTab", 2 * f->pointer));
		list_add(f, &f->kernel, n->head, va + (uint32_t)at->links);
	}
	truth(n, w, va, w->v6, at->created ? w->created : 0);
}

static void listener_create(struct net *n, const struct wish *w)
{
	struct forge *f = n->f;
	const struct listener_place *at = w->udp ? &n->g->udp : &n->g->listener;
	uint64_t va =
		pool_take(f, POOL_NONPAGED, w->udp ? "UdpA" : "TcpL", n->g->bytes[w->udp ? 2 : 1]);
	uint64_t address = 0;
	if (w->local && w->udp && n->g->direct)
		address = pointer_create(n, "InLA", 0, address_create(n, w->local));
	else if (w->local)
		address = local_create(n, w->local);
	put_time(n, va + (uint32_t)at->created, w->created);
	write_pointer(f, &f->kernel, va + (uint32_t)at->family, family_of(n, w));
	write_pointer(f, &f->kernel, va + (uint32_t)at->owner, owner_of(w));
	write_pointer(f, &f->kernel, va + (uint32_t)at->address, address);
	put_port(n, va + (uint32_t)at->port, w->local_port);
	bool both = w->v6 && !w->local;
	truth(n, w, va, w->v6 && !both, w->created);
	if (both)
		truth(n, w, va, true, w->created);
}

// ---- before -------------------------------------------------------------------------------------
// Where pid, addresses and ports are: x86, x86 since Windows 2003 (sockets), x64.
static const struct {
	uint32_t remote, local, remote_port, local_port, pid, bytes;
} old_connections[] = { { 12, 16, 20, 22, 24, 408 }, { 12, 16, 20, 22, 24, 408 },
	{ 20, 24, 28, 30, 32, 592 } };
static const struct {
	uint32_t local, port, protocol, pid, created, bytes;
} old_sockets[] = { { 44, 48, 50, 328, 344, 352 }, { 48, 52, 54, 332, 344, 360 },
	{ 88, 92, 94, 568, 584, 600 } };

static void old_address(struct net *n, uint64_t va, const char *text)
{
	uint8_t bytes[16] = { 0 };
	if (text && address_bytes(n, text, bytes) == 4)
		write_bytes(n->f, &n->f->kernel, va, bytes, 4);
}

static void old_create(struct net *n, const struct wish *w)
{
	struct forge *f = n->f;
	size_t i = f->pointer == 8 ? 2 : f->build >= 3790 ? 1 : 0;
	if (w->v6 && w->local)
		return; // another driver's
	if (w->connection) {
		uint64_t va = pool_take(f, POOL_NONPAGED, "TCPT", old_connections[i].bytes);
		old_address(n, va + old_connections[i].local, w->local);
		old_address(n, va + old_connections[i].remote, w->remote);
		put_port(n, va + old_connections[i].local_port, w->local_port);
		put_port(n, va + old_connections[i].remote_port, w->remote_port);
		write_u32(f, &f->kernel, va + old_connections[i].pid, (uint32_t)w->owner->pid);
		truth(n, w, va, false, 0);
		return;
	}
	uint64_t va = pool_take(f, POOL_NONPAGED, "TCPA", old_sockets[i].bytes);
	old_address(n, va + old_sockets[i].local, w->local);
	put_port(n, va + old_sockets[i].port, w->local_port);
	put16(n, va + old_sockets[i].protocol, w->udp ? 17 : 6);
	put_time(n, va + old_sockets[i].created, w->created);
	write_u32(f, &f->kernel, va + old_sockets[i].pid, (uint32_t)w->owner->pid);
	truth(n, w, va, false, w->created);
}

// ---- the scenario -------------------------------------------------------------------------------
static uint32_t state_number(struct net *n, const char *text)
{
	for (uint32_t i = 0; i < ARRAY_LENGTH(states); i++) {
		if (*text && strcmp(states[i], text) == 0)
			return i;
	}
	forge_fail(n->f, EI_E_FORMAT, "unknown state of TCP '%s'", text);
	return 0;
}

static bool wish_read(struct net *n, const json_t *description, struct wish *out)
{
	const char *local = scenario_text(description, "local", NULL);
	*out = (struct wish){
		.description = description,
		.udp = strcmp(scenario_text(description, "protocol", "tcp"), "udp") == 0,
		.local = local,
		.remote = scenario_text(description, "remote", NULL),
		.local_port = (uint32_t)scenario_number(description, "local_port", 0),
		.remote_port = (uint32_t)scenario_number(description, "remote_port", 0),
		.v6 = local ? strchr(local, ':') != NULL
			    : scenario_number(description, "family", 4) == 6,
		.owner = process_by_name(n->f, scenario_text(description, "process", "System")),
	};
	out->connection = out->local && out->remote;
	out->state = state_number(n, scenario_text(description, "state", "ESTABLISHED"));
	if (out->owner)
		out->created = scenario_time(n->f, description, "created",
			out->owner->created + 30000000 + out->local_port);
	return out->owner != NULL;
}

static void list_create(struct net *n, const json_t *list)
{
	size_t i;
	json_t *description;
	json_array_foreach((json_t *)list, i, description)
	{
		struct wish wish;
		if (!wish_read(n, description, &wish))
			continue; // who would own it is not there
		if (!n->g)
			old_create(n, &wish);
		else if (wish.connection)
			endpoint_create(n, &wish);
		else
			listener_create(n, &wish);
	}
}

void net_create_all(struct forge *f)
{
	struct net n = { .f = f, .g = f->vista ? generation_of(f) : NULL };
	if (scenario_text(f->scenario, "population", NULL)) {
		json_t *list = json_loads(population, 0, NULL);
		list_create(&n, list);
		json_decref(list);
	}
	list_create(&n, json_object_get(f->scenario, "network"));
}
