// Processes in tree order: who created whom, told by pid and time.
// SPDX-License-Identifier: Apache-2.0
#include "win/fields.h"
#include "win/process.h"

enum { NO_NODE = UINT32_MAX };

struct tree_node {
	uint64_t va, pid, ppid, created;
	uint32_t found;
	uint32_t parent, first_child, last_child, next_sibling; // indices, NO_NODE
	bool kept;
};

struct tree {
	struct tree_node *nodes;
	uint32_t count;
	uint32_t at;    // the node given last
	uint32_t depth; // of it
	uint32_t next_root;
};

// The objects themselves are opened again when they are given.
static struct tree_node node_of(ei_run *run, const struct list_node *listed)
{
	eprocess p = ei_at(run, eprocess, listed->va);
	return (struct tree_node){
		.va = listed->va,
		.pid = ei_u64_or(ei_get(p, UniqueProcessId), UINT64_MAX),
		.ppid = ei_u64_or(ei_get(p, InheritedFromUniqueProcessId), UINT64_MAX),
		.created = ei_u64_or(ei_get(p, CreateTime), 0),
		.found = listed->found,
		.parent = NO_NODE,
		.first_child = NO_NODE,
		.last_child = NO_NODE,
		.next_sibling = NO_NODE,
	};
}

static void tree_fill(ei_run *run, struct tree *tree, const struct list_node *listed, size_t count)
{
	for (size_t i = 0; i < count && !ei_stopped(run); i++) {
		ei_mark mark = ei_arena_mark(run->scratch);
		tree->nodes[tree->count++] = node_of(run, &listed[i]);
		ei_arena_rewind(run->scratch, mark);
	}
}

// The youngest process with that pid that is not younger than the child.
static uint32_t find_parent(const struct tree *tree, uint32_t child)
{
	const struct tree_node *node = &tree->nodes[child];
	uint32_t best = NO_NODE;
	for (uint32_t i = 0; i < tree->count; i++) {
		const struct tree_node *other = &tree->nodes[i];
		if (i == child || other->pid != node->ppid)
			continue;
		if (node->created && other->created > node->created)
			continue;
		if (best == NO_NODE || other->created > tree->nodes[best].created)
			best = i;
	}
	return best;
}

// True when `ancestor` is above `node`: linking it below would close a ring.
static bool is_above(const struct tree *tree, uint32_t ancestor, uint32_t node)
{
	for (uint32_t steps = 0; node != NO_NODE && steps <= tree->count; steps++) {
		if (node == ancestor)
			return true;
		node = tree->nodes[node].parent;
	}
	return false;
}

static void tree_link(struct tree *tree)
{
	for (uint32_t i = 0; i < tree->count; i++) {
		uint32_t parent = find_parent(tree, i);
		if (parent == NO_NODE || is_above(tree, i, parent))
			continue;
		struct tree_node *above = &tree->nodes[parent];
		tree->nodes[i].parent = parent;
		if (above->last_child == NO_NODE)
			above->first_child = i;
		else
			tree->nodes[above->last_child].next_sibling = i;
		above->last_child = i;
	}
}

static bool is_wanted(uint64_t pid, const uint64_t *pids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

// Keeps wanted nodes, what is above them, and (when giving) whatever hangs below.
static void tree_keep(struct tree *tree, const uint64_t *pids, size_t count)
{
	for (uint32_t i = 0; i < tree->count; i++) {
		uint32_t top = i;
		bool wanted = !count;
		for (uint32_t up = i; !wanted && up != NO_NODE; up = tree->nodes[up].parent)
			wanted = is_wanted(tree->nodes[up].pid, pids, count);
		tree->nodes[i].kept |= wanted;
		if (count && is_wanted(tree->nodes[i].pid, pids, count))
			for (; top != NO_NODE; top = tree->nodes[top].parent)
				tree->nodes[top].kept = true;
	}
}

static uint32_t next_root(struct tree *tree)
{
	while (tree->next_root < tree->count && tree->nodes[tree->next_root].parent != NO_NODE)
		tree->next_root++;
	tree->depth = 0;
	return tree->next_root < tree->count ? tree->next_root++ : NO_NODE;
}

// Depth first without recursion: down, else along, else up and along.
static uint32_t tree_step(struct tree *tree)
{
	if (tree->at == NO_NODE)
		return next_root(tree);
	const struct tree_node *node = &tree->nodes[tree->at];
	if (node->first_child != NO_NODE) {
		tree->depth++;
		return node->first_child;
	}
	while (node->next_sibling == NO_NODE && node->parent != NO_NODE) {
		tree->depth--;
		node = &tree->nodes[node->parent];
	}
	return node->next_sibling != NO_NODE ? node->next_sibling : next_root(tree);
}

static bool tree_advance(ei_iter *it, ei_obj *object, const ei_layout *layout)
{
	struct tree *tree = it->state;
	do {
		tree->at = tree_step(tree);
	} while (tree->at != NO_NODE && !tree->nodes[tree->at].kept);
	if (tree->at == NO_NODE)
		return false;
	const struct tree_node *node = &tree->nodes[tree->at];
	*object = ei_open(it->run, NULL, node->va, layout);
	it->found = node->found;
	it->depth = tree->depth;
	return true;
}

ei_iter ei_process_tree(ei_run *run, const uint64_t *pids, size_t pid_count)
{
	struct list_query query;
	if (!process_list(run, &query))
		return iter_empty(run, &eprocess_spec);
	size_t count;
	const struct list_node *listed = list_walk(run, &query, &count);
	struct tree *tree = ei_alloc(run->scratch, sizeof *tree);
	struct tree_node *nodes = ei_alloc(run->scratch, count * sizeof *nodes);
	if (!tree || !nodes)
		return iter_empty(run, &eprocess_spec);
	*tree = (struct tree){ .nodes = nodes, .at = NO_NODE };
	tree_fill(run, tree, listed, count);
	tree_link(tree);
	tree_keep(tree, pids, pid_count);
	return (ei_iter){ .run = run,
		.advance = tree_advance,
		.state = tree,
		.type = eprocess_spec.type,
		.mark = ei_arena_mark(run->scratch) };
}
