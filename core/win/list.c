// Doubly linked lists: one walk forward, one backward, joined.
// SPDX-License-Identifier: Apache-2.0
#include "win/list.h"

#include "win/fields.h"

enum {
	LIST_NODES_MAX = 1 << 18, // more processes or modules than any system has
	SET_START = 256,
};

// ---- a set of addresses, each with the position it was given --------------------------------

struct address_set {
	uint64_t *keys; // 0 is free; address 0 is never a node
	uint32_t *values;
	size_t room; // a power of two
	size_t count;
};

static size_t set_slot(const struct address_set *set, uint64_t key)
{
	size_t at = (size_t)(key * 0x9e3779b97f4a7c15ull >> 20) & (set->room - 1);
	while (set->keys[at] && set->keys[at] != key)
		at = (at + 1) & (set->room - 1);
	return at;
}

static bool set_grow(ei_arena *arena, struct address_set *set)
{
	struct address_set bigger = { .room = set->room ? set->room * 2 : SET_START,
		.count = set->count };
	bigger.keys = ei_alloc(arena, bigger.room * sizeof *bigger.keys);
	bigger.values = ei_alloc(arena, bigger.room * sizeof *bigger.values);
	if (!bigger.keys || !bigger.values)
		return false;
	for (size_t i = 0; i < set->room; i++) {
		if (!set->keys[i])
			continue;
		size_t at = set_slot(&bigger, set->keys[i]);
		bigger.keys[at] = set->keys[i];
		bigger.values[at] = set->values[i];
	}
	*set = bigger;
	return true;
}

// False when there is no memory. `*value` is set to the older value when the key was known.
static bool set_add(
	ei_arena *arena, struct address_set *set, uint64_t key, uint32_t *value, bool *known)
{
	if (set->count * 2 >= set->room && !set_grow(arena, set))
		return false;
	size_t at = set_slot(set, key);
	*known = set->keys[at] != 0;
	if (*known) {
		*value = set->values[at];
		return true;
	}
	set->keys[at] = key;
	set->values[at] = *value;
	set->count++;
	return true;
}

// ---- one direction --------------------------------------------------------------------------

enum direction { FORWARD, BACKWARD };

static const char *const direction_text[] = { "forward", "backward" };

struct walk {
	ei_run *run;
	const struct list_query *query;
	enum direction direction;
	struct address_set seen;
	uint64_t *links; // addresses of the nodes' _LIST_ENTRY, in the order met
	size_t count, room;
	uint64_t odd_link; // first node that does not point back; 0 none
};

static void walk_note(const struct walk *walk, uint64_t at, const char *why)
{
	ei_note(walk->run, "%s: list broken after 0x%llx, walking %s: %s", walk->query->what,
		(unsigned long long)at, direction_text[walk->direction], why);
}

static bool walk_push(struct walk *walk, uint64_t link)
{
	if (walk->count == walk->room) {
		size_t room = walk->room ? walk->room * 2 : SET_START;
		uint64_t *links = ei_alloc(walk->run->scratch, room * sizeof *links);
		if (!links)
			return false;
		if (walk->count)
			memcpy(links, walk->links, walk->count * sizeof *links);
		walk->links = links;
		walk->room = room;
	}
	walk->links[walk->count++] = link;
	return true;
}

// Reads where the node leads: `next` in the walk's direction, `back` the other way.
static bool node_links(const struct walk *walk, uint64_t node, uint64_t *next, uint64_t *back)
{
	uint8_t bytes[16] = { 0 };
	uint32_t own = walk->query->pointer, pointer = own ? own : ei_pointer_size(walk->run);
	if (ei_read(walk->run, walk->query->space, node, bytes, 2 * pointer) != 2 * pointer)
		return false;
	uint64_t flink = pointer == 8 ? load_u64(bytes) : load_u32(bytes);
	uint64_t blink = pointer == 8 ? load_u64(bytes + 8) : load_u32(bytes + 4);
	*next = walk->direction == FORWARD ? flink : blink;
	*back = walk->direction == FORWARD ? blink : flink;
	return true;
}

// Why the walk cannot step on to `node`; NULL when it can.
static const char *step_refused(struct walk *walk, uint64_t node)
{
	if (!node)
		return "the link is zero";
	if (walk->count >= LIST_NODES_MAX)
		return "too many nodes";
	uint32_t position = (uint32_t)walk->count;
	bool known;
	if (!set_add(walk->run->scratch, &walk->seen, node, &position, &known))
		return "out of scratch memory";
	if (known)
		return "the list loops";
	return walk_push(walk, node) ? NULL : "out of scratch memory";
}

static void walk_list(struct walk *walk)
{
	uint64_t head = walk->query->head, node, back;
	if (!node_links(walk, head, &node, &back)) {
		ei_note(walk->run, "%s: the head of the list at 0x%llx cannot be read",
			walk->query->what, (unsigned long long)head);
		return;
	}
	for (uint64_t previous = head; node != head && !ei_stopped(walk->run);) {
		const char *why = step_refused(walk, node);
		uint64_t next;
		if (!why && !node_links(walk, node, &next, &back)) {
			why = "the next node cannot be read";
			walk->count--;
		}
		if (why) {
			walk_note(walk, previous, why);
			return;
		}
		if (back != previous && !walk->odd_link)
			walk->odd_link = node;
		previous = node;
		node = next;
	}
}

// ---- both -----------------------------------------------------------------------------------

static void list_join(
	struct walk *forward, struct walk *backward, struct list_node *nodes, size_t *count)
{
	int32_t offset = forward->query->link_offset;
	size_t n = 0;
	if (forward->query->head_is_node)
		nodes[n++] =
			(struct list_node){ forward->query->head, EI_BY_FORWARD | EI_BY_BACKWARD };
	size_t first = n;
	for (size_t i = 0; i < forward->count; i++)
		nodes[n++] = (struct list_node){ forward->links[i], EI_BY_FORWARD };
	// Met in reverse: from the end of the list to where the backward walk ended.
	for (size_t i = backward->count; i-- > 0;) {
		uint32_t position = 0;
		bool known;
		if (set_add(forward->run->scratch, &forward->seen, backward->links[i], &position,
			    &known) &&
			known && position < forward->count)
			nodes[first + position].found |= EI_BY_BACKWARD;
		else
			nodes[n++] = (struct list_node){ backward->links[i], EI_BY_BACKWARD };
	}
	for (size_t i = 0; i < n; i++)
		nodes[i].va -= (uint64_t)(int64_t)offset;
	*count = n;
}

struct list_node *list_walk(ei_run *run, const struct list_query *query, size_t *count)
{
	struct walk forward = { .run = run, .query = query, .direction = FORWARD };
	struct walk backward = { .run = run, .query = query, .direction = BACKWARD };
	walk_list(&forward);
	walk_list(&backward);
	if (forward.odd_link)
		ei_note(run, "%s: the node at 0x%llx does not point back to the one before it",
			query->what, (unsigned long long)forward.odd_link);
	*count = 0;
	struct list_node *nodes =
		ei_alloc(run->scratch, (forward.count + backward.count + 1) * sizeof *nodes);
	if (nodes)
		list_join(&forward, &backward, nodes, count);
	return nodes;
}

struct list_state {
	const ei_space *space;
	const struct list_node *nodes;
	size_t count;
};

static bool list_advance(ei_iter *it, ei_obj *object, const ei_layout *layout)
{
	const struct list_state *state = it->state;
	if (it->index >= state->count)
		return false;
	const struct list_node *node = &state->nodes[it->index];
	*object = ei_open(it->run, state->space, node->va, layout);
	it->found = node->found;
	return true;
}

static bool nothing_advance(ei_iter *it, ei_obj *object, const ei_layout *layout)
{
	(void)it, (void)object, (void)layout;
	return false;
}

ei_iter iter_empty(ei_run *run, const ei_type_spec *type)
{
	return (ei_iter){ .run = run,
		.advance = nothing_advance,
		.type = type->type,
		.mark = ei_arena_mark(run->scratch) };
}

ei_iter list_iterate(ei_run *run, const struct list_query *query)
{
	struct list_state *state = ei_alloc(run->scratch, sizeof *state);
	if (!state)
		return iter_empty(run, query->type);
	state->space = query->space;
	state->nodes = list_walk(run, query, &state->count);
	return (ei_iter){ .run = run,
		.advance = list_advance,
		.state = state,
		.type = query->type->type,
		.mark = ei_arena_mark(run->scratch) };
}
