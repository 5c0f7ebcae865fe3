// Aho and Corasick's automaton, with its edges in a hash table: states cost what their texts are
// long, whatever the alphabet.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/automaton.h"

#include <stdlib.h>

enum { ROOT = 0, NONE = 0 }; // no edge leads to the root, no text has number 0

struct state {
	uint32_t child, sibling; // states; 0: none
	uint32_t fail;           // the state of the longest suffix
	uint32_t texts;          // that end here; number of the first, 0: none
	uint32_t shorter;        // the nearest state on the way of fails in which a text ends
	uint8_t byte;            // of the edge that leads here
};

struct text_entry {
	const char *text;
	uint32_t length, tag;
	uint32_t next; // number of the next that ends in the same state
	bool alone;    // there was no state left for it
};

struct edge {
	uint64_t key; // state and byte, plus one; 0: free
	uint32_t state;
};

struct automaton {
	struct state *states;
	uint32_t state_count, state_room;
	struct text_entry *texts; // from 1
	uint32_t text_count, text_room;
	struct edge *edges;
	uint32_t edge_room; // a power of two
	bool any_alone;
	uint32_t first[256]; // where a byte leads from the root, where most bytes are met
};

ei_error *automaton_create(struct automaton **out)
{
	EI_OWNED(automaton) automaton = calloc(1, sizeof *automaton);
	if (!automaton)
		return ei_fail(EI_E_NOMEM, "out of memory");
	automaton->state_room = 256;
	automaton->text_room = 64;
	automaton->edge_room = 512;
	automaton->states = calloc(automaton->state_room, sizeof *automaton->states);
	automaton->texts = calloc(automaton->text_room, sizeof *automaton->texts);
	automaton->edges = calloc(automaton->edge_room, sizeof *automaton->edges);
	if (!automaton->states || !automaton->texts || !automaton->edges)
		return ei_fail(EI_E_NOMEM, "out of memory");
	automaton->state_count = automaton->text_count = 1;
	*out = EI_GIVE(automaton);
	return NULL;
}

void automaton_drop(struct automaton *automaton)
{
	if (!automaton)
		return;
	free(automaton->states);
	free(automaton->texts);
	free(automaton->edges);
	free(automaton);
}

// ---- edges ----------------------------------------------------------------------------------
static struct edge *edge_of(const struct automaton *automaton, uint32_t state, uint8_t byte)
{
	uint64_t key = ((uint64_t)state << 8 | byte) + 1;
	uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t at = (uint32_t)(hash >> 32) & (automaton->edge_room - 1);
	while (automaton->edges[at].key && automaton->edges[at].key != key)
		at = (at + 1) & (automaton->edge_room - 1);
	return &automaton->edges[at];
}

static uint32_t step(const struct automaton *automaton, uint32_t state, uint8_t byte)
{
	const struct edge *edge = edge_of(automaton, state, byte);
	return edge->key ? edge->state : NONE;
}

static void edge_put(struct automaton *automaton, uint32_t state, uint8_t byte, uint32_t to)
{
	struct edge *edge = edge_of(automaton, state, byte);
	edge->key = ((uint64_t)state << 8 | byte) + 1;
	edge->state = to;
}

static bool edges_grow(struct automaton *automaton)
{
	if ((uint64_t)automaton->state_count * 2 < automaton->edge_room)
		return true;
	struct edge *old = automaton->edges;
	uint32_t old_room = automaton->edge_room;
	struct edge *edges = calloc(old_room * 2, sizeof *edges);
	if (!edges)
		return false;
	automaton->edges = edges;
	automaton->edge_room = old_room * 2;
	for (uint32_t i = 0; i < old_room; i++)
		if (old[i].key)
			edge_put(automaton, (uint32_t)((old[i].key - 1) >> 8),
				(uint8_t)(old[i].key - 1), old[i].state);
	free(old);
	return true;
}

static bool states_grow(struct automaton *automaton)
{
	if (automaton->state_count < automaton->state_room)
		return true;
	uint32_t room = automaton->state_room * 2;
	struct state *states = reallocarray(automaton->states, room, sizeof *states);
	if (!states)
		return false;
	automaton->states = states;
	automaton->state_room = room;
	return true;
}

// ---- building -------------------------------------------------------------------------------
static bool state_add(struct automaton *automaton, uint32_t from, uint8_t byte, uint32_t *out)
{
	if (!states_grow(automaton) || !edges_grow(automaton))
		return false;
	uint32_t state = automaton->state_count++;
	automaton->states[state] =
		(struct state){ .byte = byte, .sibling = automaton->states[from].child };
	automaton->states[from].child = state;
	edge_put(automaton, from, byte, state);
	*out = state;
	return true;
}

static bool texts_grow(struct automaton *automaton)
{
	if (automaton->text_count < automaton->text_room)
		return true;
	uint32_t room = automaton->text_room * 2;
	struct text_entry *texts = reallocarray(automaton->texts, room, sizeof *texts);
	if (!texts)
		return false;
	automaton->texts = texts;
	automaton->text_room = room;
	return true;
}

ei_error *automaton_add(struct automaton *automaton, const char *text, size_t length, uint32_t tag)
{
	if (!texts_grow(automaton))
		return ei_fail(EI_E_NOMEM, "out of memory");
	uint32_t number = automaton->text_count++;
	struct text_entry *entry = &automaton->texts[number];
	*entry = (struct text_entry){ .text = text, .length = (uint32_t)length, .tag = tag };
	if (automaton->state_count + length > AUTOMATON_STATES_MAX) {
		entry->alone = automaton->any_alone = true;
		return NULL;
	}
	uint32_t state = ROOT;
	for (size_t i = 0; i < length; i++) {
		uint32_t next = step(automaton, state, (uint8_t)text[i]);
		if (next == NONE && !state_add(automaton, state, (uint8_t)text[i], &next))
			return ei_fail(EI_E_NOMEM, "out of memory");
		state = next;
	}
	entry->next = automaton->states[state].texts;
	automaton->states[state].texts = number;
	return NULL;
}

// Where a text goes on that does not go on from `state`.
static uint32_t next_state(const struct automaton *automaton, uint32_t state, uint8_t byte)
{
	while (state != ROOT) {
		uint32_t next = step(automaton, state, byte);
		if (next != NONE)
			return next;
		state = automaton->states[state].fail;
	}
	return automaton->first[byte];
}

static void link_state(struct automaton *automaton, uint32_t parent, uint32_t state)
{
	struct state *states = automaton->states;
	uint32_t fail = parent == ROOT
				? ROOT
				: next_state(automaton, states[parent].fail, states[state].byte);
	states[state].fail = fail;
	states[state].shorter = states[fail].texts ? fail : states[fail].shorter;
}

ei_error *automaton_finish(struct automaton *automaton)
{
	uint32_t *queue = calloc(automaton->state_count, sizeof *queue);
	if (!queue)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (unsigned byte = 0; byte < 256; byte++)
		automaton->first[byte] = step(automaton, ROOT, (uint8_t)byte);
	uint32_t from = 0, to = 1; // the root is first
	while (from < to) {
		uint32_t state = queue[from++];
		uint32_t child = automaton->states[state].child;
		for (; child; child = automaton->states[child].sibling) {
			link_state(automaton, state, child);
			queue[to++] = child;
		}
	}
	free(queue);
	return NULL;
}

// ---- running --------------------------------------------------------------------------------
static void report(const struct automaton *automaton, uint32_t number, size_t end,
	automaton_found *found, void *context)
{
	for (; number; number = automaton->texts[number].next) {
		const struct text_entry *entry = &automaton->texts[number];
		found(context, entry->tag, end - entry->length, end);
	}
}

static void run_alone(const struct automaton *automaton, const char *text, size_t length,
	automaton_found *found, void *context)
{
	for (uint32_t i = 1; i < automaton->text_count; i++) {
		const struct text_entry *entry = &automaton->texts[i];
		if (!entry->alone)
			continue;
		const char *at = text;
		while ((at = memmem(
				at, length - (size_t)(at - text), entry->text, entry->length))) {
			size_t start = (size_t)(at - text);
			found(context, entry->tag, start, start + entry->length);
			at++;
		}
	}
}

void automaton_run(const struct automaton *automaton, const char *text, size_t length,
	automaton_found *found, void *context)
{
	uint32_t state = ROOT;
	for (size_t i = 0; i < length; i++) {
		state = next_state(automaton, state, (uint8_t)text[i]);
		if (state == ROOT)
			continue;
		uint32_t at =
			automaton->states[state].texts ? state : automaton->states[state].shorter;
		for (; at; at = automaton->states[at].shorter)
			report(automaton, automaton->states[at].texts, i + 1, found, context);
	}
	if (automaton->any_alone)
		run_alone(automaton, text, length, found, context);
}
