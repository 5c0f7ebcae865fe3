// The layouts of tcpip.sys, tried on the objects that were found.
// SPDX-License-Identifier: Apache-2.0
#include "win/net_choose.h"

enum { SPREAD = 0x400 }; // bytes of a connection in which its owner is looked for

static const char *const kind_names[NET_KINDS] = { "connections", "listeners", "udp sockets" };

bool net_is_new(const ei_run *run)
{
	uint32_t build = run->session->identity.build;
	return !build || build >= NET_FIRST_VISTA;
}

// Samples of one kind that pass all checks; and of those, what says more than zeroes would.
struct tally {
	size_t count, fit, lively;
};

static void sample_try(const struct net_reading *reading, const struct net_layout *layout,
	const struct net_sample *sample, struct tally *tally)
{
	struct net_object object = { .object = sample->object };
	ei_mark mark = ei_arena_mark(reading->run->scratch);
	net_read(reading, layout, (enum net_kind)sample->kind, &object);
	const ei_socket *socket = &object.socket;
	bool fits = !(socket->doubts & NET_TELLING);
	tally->count++;
	tally->fit += fits;
	tally->lively += fits && ei_u64_or(socket->remote_port, 0) && ei_has(socket->state) &&
			 strcmp(socket->state.s, "CLOSED") != 0;
	ei_arena_rewind(reading->run->scratch, mark);
}

static bool tally_better(const struct tally *a, const struct tally *b)
{
	return a->fit != b->fit ? a->fit > b->fit : a->lively > b->lively;
}

static struct tally layout_try(const struct net_reading *reading, const struct net_layout *layout,
	enum net_kind kind, const struct net_sample *samples, size_t count)
{
	struct tally tally = { 0 };
	for (size_t i = 0; i < count && !ei_stopped(reading->run); i++)
		if (samples[i].kind == kind)
			sample_try(reading, layout, &samples[i], &tally);
	return tally;
}

// ---- connections whose layout nobody has written down ---------------------------------------

static uint64_t word_at(const uint8_t *bytes, size_t at, uint32_t size)
{
	return size == 8 ? load_u64(bytes + at) : load_u32(bytes + at);
}

// Votes for the places at which connections have a process, and those at which they have a time.
struct votes {
	uint16_t owner[SPREAD / 4], created[SPREAD / 4];
};

static void votes_add(const struct net_reading *reading, const ei_obj *object, struct votes *votes)
{
	uint8_t bytes[SPREAD + 8];
	uint32_t size = ei_pointer_size(reading->run);
	size_t have = ei_read(reading->run, object->space, object->va, bytes, sizeof bytes);
	for (size_t at = 0; at + 8 <= have && at < SPREAD; at += size) {
		uint64_t va = run_canonical(reading->run, word_at(bytes, at, size));
		if (known_process_at(&reading->known, va))
			votes->owner[at / 4]++;
		if (net_time_fits(reading, load_u64(bytes + at)))
			votes->created[at / 4]++;
	}
}

static uint16_t votes_best(const uint16_t *votes)
{
	size_t best = 0;
	for (size_t i = 1; i < SPREAD / 4; i++)
		if (votes[i] > votes[best])
			best = i;
	return votes[best] ? (uint16_t)(best * 4) : NET_NOWHERE;
}

// Where these have been, in any generation.
static const uint16_t family_places[] = { 0x10, 0x18, 0x8, 0xc, 0 };
static const uint16_t state_places[] = { 0x6c, 0x70, 0x68, 0x50, 0x28, 0x30, 0x34, 0x38 };

static struct tally endpoint_find(const struct net_reading *reading,
	const struct net_sample *samples, size_t count, struct net_layout *layout)
{
	struct votes votes = { 0 };
	struct net_endpoint best = layout->endpoint;
	struct tally most = { 0 };
	for (size_t i = 0; i < count; i++)
		if (samples[i].kind == NET_ENDPOINT)
			votes_add(reading, &samples[i].object, &votes);
	for (size_t i = 0; i < ARRAY_LENGTH(family_places) * ARRAY_LENGTH(state_places); i++) {
		uint16_t family = family_places[i / ARRAY_LENGTH(state_places)];
		uint16_t state = state_places[i % ARRAY_LENGTH(state_places)];
		layout->endpoint = (struct net_endpoint){
			.family = family,
			.addresses = (uint16_t)(family + layout->pointer),
			.state = state,
			.local_port = (uint16_t)(state + 4),
			.remote_port = (uint16_t)(state + 6),
			.owner = votes_best(votes.owner),
			.created = votes_best(votes.created),
			.links = NET_NOWHERE,
		};
		struct tally tally = layout_try(reading, layout, NET_ENDPOINT, samples, count);
		if (!tally_better(&tally, &most))
			continue;
		most = tally;
		best = layout->endpoint;
	}
	layout->endpoint = best;
	return most;
}

// ---- choosing -------------------------------------------------------------------------------

// The last layout of this width that is not newer than the image; the first where all are.
static size_t layout_suggested(const ei_run *run)
{
	uint32_t size = ei_pointer_size(run), build = run->session->identity.build;
	size_t best = net_layout_count;
	for (size_t i = 0; i < net_layout_count; i++) {
		const struct net_layout *layout = &net_layouts[i];
		bool first = best == net_layout_count;
		// Of two for one build the first is the common one.
		bool newer = !first && layout->first > net_layouts[best].first;
		if (layout->pointer == size && (first || (newer && layout->first <= build)))
			best = i;
	}
	return best;
}

static size_t distance(size_t a, size_t b)
{
	return a > b ? a - b : b - a;
}

// The one that fits best of those with another layout; of equals the nearest.
static const struct net_layout *neighbour_find(const struct net_reading *reading, size_t own,
	enum net_kind kind, const struct net_sample *samples, size_t count, struct tally *best)
{
	const struct net_layout *found = NULL;
	for (size_t far = 1; far < net_layout_count; far++) {
		for (size_t i = 0; i < net_layout_count; i++) {
			const struct net_layout *layout = &net_layouts[i];
			if (distance(i, own) != far || layout->pointer != net_layouts[own].pointer)
				continue;
			struct tally tally = layout_try(reading, layout, kind, samples, count);
			if (tally.fit <= best->fit)
				continue;
			*best = tally;
			found = layout;
		}
	}
	return found;
}

static void kind_choose(const struct net_reading *reading, size_t own, enum net_kind kind,
	const struct net_sample *samples, size_t count, struct net_choice *out)
{
	const struct net_layout *suggested = &net_layouts[own], *chosen = suggested;
	struct tally best = layout_try(reading, suggested, kind, samples, count);
	bool whole = kind != NET_ENDPOINT || suggested->endpoint.owner != NET_NOWHERE;
	if (whole ? best.fit * 2 < best.count : best.count > 0) {
		if (!whole)
			best.fit = 0; // little was asked
		const struct net_layout *other =
			neighbour_find(reading, own, kind, samples, count, &best);
		chosen = other ? other : chosen;
	}
	if (kind == NET_ENDPOINT && best.fit * 2 < best.count) {
		out->found = *suggested;
		struct tally found = endpoint_find(reading, samples, count, &out->found);
		// Zeroes fit, too, and so does what is asked for no owner.
		bool sure =
			found.lively * 2 >= found.fit && out->found.endpoint.owner != NET_NOWHERE;
		if (sure && found.fit > best.fit) {
			best = found;
			chosen = &out->found;
		}
	}
	out->of[kind] = chosen;
	if (!best.count)
		return;
	ei_note(reading->run, "%s: read as those of %s%s%s: %zu of %zu pass all checks",
		kind_names[kind], chosen->name,
		chosen == &out->found ? ", at places found on the image" : "",
		chosen != suggested && chosen != &out->found
			? ", which fits better than the build's"
			: "",
		best.fit, best.count);
}

static size_t old_try(const struct net_reading *reading, const struct net_old_layout *layout,
	const struct net_sample *samples, size_t count)
{
	size_t fit = 0;
	for (size_t i = 0; i < count; i++) {
		struct net_object object = { .object = samples[i].object };
		ei_mark mark = ei_arena_mark(reading->run->scratch);
		net_read_old(reading, layout, !samples[i].kind, &object);
		ei_arena_rewind(reading->run->scratch, mark);
		fit += !(object.socket.doubts & NET_TELLING);
	}
	return fit;
}

static void old_choose(const struct net_reading *reading, const struct net_sample *samples,
	size_t count, struct net_choice *out)
{
	uint32_t size = ei_pointer_size(reading->run);
	size_t most = 0;
	for (size_t i = 0; i < net_old_layout_count; i++) {
		const struct net_old_layout *layout = &net_old_layouts[i];
		if (layout->pointer != size)
			continue;
		size_t fit = old_try(reading, layout, samples, count);
		if (out->old && fit <= most)
			continue;
		most = fit;
		out->old = layout;
	}
	if (count && out->old)
		ei_note(reading->run, "sockets: read as those of %s: %zu of %zu pass all checks",
			out->old->name, most, count);
}

void net_choose(const struct net_reading *reading, const struct net_sample *samples, size_t count,
	struct net_choice *out)
{
	if (!net_is_new(reading->run)) {
		old_choose(reading, samples, count, out);
		return;
	}
	size_t own = layout_suggested(reading->run);
	for (int kind = 0; own < net_layout_count && kind < NET_KINDS; kind++)
		kind_choose(reading, own, (enum net_kind)kind, samples, count, out);
}
