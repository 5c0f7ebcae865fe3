// Sockets by their pool tags: found, sampled to learn the layout, then given row by row.
// SPDX-License-Identifier: Apache-2.0
#include "win/net_choose.h"
#include "win/pool.h"

#include <eidetic/system.h>

enum {
	SAMPLES_MAX = 256,
	BLOCK_LEAST = 0x28, // of the smallest, a connection before Windows Vista
	PID_LAST = 65535,
};

// No type of a profile: where the objects are is all that is asked.
#define SOCKET_FIELDS(F, ALT) F(Owner, PTR, MAY)
EI_TYPE(net_block, "_TCP_ENDPOINT", SOCKET_FIELDS);

struct net_scan {
	struct net_reading reading;
	struct net_choice choice;
	ei_iter it;
	net_block block;
	struct net_object second; // of one that speaks both protocols
	bool has_second;
};

static ei_iter blocks_begin(ei_run *run)
{
	struct pool_query query = { .least = BLOCK_LEAST, .type = &net_block_spec };
	static const char *const tags[] = { "TcpE", "TcpL", "UdpA", "TTcb" }, *const old[] = {
		"TCPT", "TCPA"
	};
	if (net_is_new(run))
		memcpy(query.tags, tags, sizeof tags);
	else
		memcpy(query.tags, old, sizeof old);
	return pool_objects(run, &query);
}

static void tag_get(const ei_obj *object, char tag[5])
{
	uint32_t back = 2 * ei_pointer_size(object->run) - 4;
	memset(tag, 0, 5);
	if (ei_read(object->run, object->space, object->va - back, tag, 4) < 4)
		memset(tag, 0, 5);
	tag[3] = (char)(tag[3] & 0x7f); // the protected form
}

static uint8_t kind_of(const char *tag)
{
	if (!strcmp(tag, "TcpL") || !strcmp(tag, "TCPA"))
		return NET_LISTENER;
	return !strcmp(tag, "UdpA") ? NET_UDP : NET_ENDPOINT;
}

static size_t samples_take(ei_run *run, struct net_sample *samples)
{
	ei_iter it = blocks_begin(run);
	size_t taken[NET_KINDS] = { 0 }, count = 0;
	for (net_block b = ei_handle(run, net_block); ei_next(&it, &b);) {
		char tag[5];
		tag_get(&b.obj, tag);
		uint8_t kind = kind_of(tag);
		if (taken[kind]++ < SAMPLES_MAX)
			samples[count++] = (struct net_sample){ b.obj, kind };
	}
	return count;
}

static struct net_scan *scan_begin(ei_run *run)
{
	struct net_scan *scan = ei_alloc(run->scratch, sizeof *scan);
	struct net_sample *samples =
		ei_alloc(run->scratch, NET_KINDS * SAMPLES_MAX * sizeof *samples);
	if (!scan || !samples)
		return NULL;
	net_reading_begin(run, &scan->reading);
	size_t count = samples_take(run, samples);
	net_choose(&scan->reading, samples, count, &scan->choice);
	scan->block = ei_handle(run, net_block);
	scan->it = blocks_begin(run);
	return scan;
}

// What Volatility 3 asks of an object, and, where not its rows are wanted, what lacks a page.
static bool is_sound(const struct net_scan *scan, const struct net_object *object)
{
	const ei_socket *socket = &object->socket;
	uint64_t pid = ei_u64_or(socket->pid, 0);
	bool owned = pid && pid <= PID_LAST;
	if (scan->choice.old)
		return pid &&
		       !(socket->doubts & (EI_DOUBT_PORT | EI_DOUBT_TIME | EI_DOUBT_ADDRESS));
	if (!object->family)
		return !ei_compat_vol3(object->object.run) && object->family_lost &&
		       !(socket->doubts & (EI_DOUBT_OWNER | EI_DOUBT_STATE | EI_DOUBT_TIME));
	if (kind_of(socket->tag) != NET_ENDPOINT)
		return true;
	return !(socket->doubts & EI_DOUBT_STATE) && (ei_has(socket->local) || owned);
}

static bool object_read(struct net_scan *scan, const ei_obj *block, struct net_object *out)
{
	*out = (struct net_object){ .object = *block, .socket = { .object = *block } };
	tag_get(block, out->socket.tag);
	uint8_t kind = kind_of(out->socket.tag);
	if (scan->choice.old)
		net_read_old(&scan->reading, scan->choice.old, kind == NET_ENDPOINT, out);
	else if (scan->choice.of[kind])
		net_read(&scan->reading, scan->choice.of[kind], (enum net_kind)kind, out);
	else
		return false;
	return true;
}

// The same socket by the other protocol.
static ei_socket other_family(struct net_scan *scan)
{
	ei_socket other = scan->second.socket;
	bool udp = kind_of(other.tag) == NET_UDP;
	other.protocol = net_protocol(scan->reading.run, udp ? "UDP" : "TCP", NET_IPV6);
	other.local = net_any(NET_IPV6);
	if (!udp)
		other.remote = other.local;
	scan->has_second = false;
	return other;
}

bool ei_next_socket(ei_run *run, ei_socket_cursor *cursor, ei_socket *out)
{
	struct net_scan *scan = cursor->state;
	if (!scan)
		scan = cursor->state = scan_begin(run);
	if (!scan)
		return false;
	if (scan->has_second) {
		*out = other_family(scan);
		return true;
	}
	while (ei_next(&scan->it, &scan->block)) {
		struct net_object object;
		if (!object_read(scan, &scan->block.obj, &object) ||
			(!cursor->corrupt && !is_sound(scan, &object)))
			continue;
		*out = object.socket;
		scan->second = object;
		scan->has_second = object.any && object.family == NET_IPV6;
		return true;
	}
	return false;
}

ei_val ei_socket_doubts(ei_run *run, const ei_socket *socket)
{
	static const char *const words[] = { "owner", "family", "state", "port", "time", "address",
		"unlinked" };
	if (!socket->doubts)
		return ei_absent(EI_NONE);
	struct text text;
	text_init(&text, 128);
	for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
		if (socket->doubts >> i & 1)
			text_addf(&text, "%s%s", text.length ? " " : "", words[i]);
	char *copy = text.data ? arena_text(run->scratch, text.data, text.length) : NULL;
	text_deinit(&text);
	return ei_str(copy);
}
