// Trees of keys, depth first, without recursion.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive.h"

enum {
	DEPTH_MAX = 512, // Windows' own limit
	PATH_MAX_BYTES = 1 << 16,
	BUDGET_TIMES = 16, // a sound hive is read once or twice over
	BUDGET_MIN = 1 << 20,
};

struct walk_frame {
	ei_key key;
	ei_subkeys subkeys;
	const char *path; // from the top down to this key
};

struct ei_key_walk {
	ei_hive *hive;
	uint32_t depth; // frames in use
	bool recurse;
	bool entered; // the last step went into the innermost frame's child
	ei_key child;
	uint64_t outer_budget;
	struct walk_frame frames[DEPTH_MAX];
};

ei_key_walk *ei_key_walk_begin(const ei_key *top, bool recurse)
{
	ei_hive *hive = top->hive;
	if (!hive || top->state != EI_OK)
		return NULL;
	ei_key_walk *walk = ei_alloc(hive->scratch, sizeof *walk);
	if (!walk)
		return NULL;
	walk->hive = hive;
	walk->recurse = recurse;
	walk->outer_budget = hive->budget;
	hive->budget = MIN(hive->budget, BUDGET_MIN + BUDGET_TIMES * hive_bytes(hive));
	walk->depth = 1;
	walk->frames[0] = (struct walk_frame){ .key = *top, .path = "" };
	walk->frames[0].subkeys = ei_key_subkeys(top);
	return walk;
}

static bool is_ancestor(const ei_key_walk *walk, const ei_key *key)
{
	for (uint32_t i = 0; i < walk->depth; i++)
		if (walk->frames[i].key.cell == key->cell)
			return true;
	return false;
}

// Why the walk cannot go below `key`; NULL when it can.
static const char *descent_refused(const ei_key_walk *walk, const ei_key *key)
{
	if (is_ancestor(walk, key))
		return "is its own ancestor";
	return walk->depth == DEPTH_MAX ? "lies too deep" : NULL;
}

static bool walk_descend(ei_key_walk *walk, const ei_key *key)
{
	const char *why = descent_refused(walk, key);
	if (why) {
		hive_note(walk->hive, "a key (cell 0x%x) %s; what is below it is left out",
			key->cell, why);
		return false;
	}
	// What the body of the round before left in scratch memory is not needed any more.
	ei_arena_rewind(walk->hive->scratch, walk->frames[walk->depth - 1].subkeys.mark);
	const char *parent = walk->frames[walk->depth - 1].path;
	ei_val name = ei_key_name(key);
	char *path = ei_text(walk->hive->scratch, "%.*s%s%.*s", PATH_MAX_BYTES, parent,
		*parent ? "\\" : "", ei_has(name) ? (int)name.length : 1,
		ei_has(name) ? name.s : "?");
	if (!path)
		return false;
	struct walk_frame *frame = &walk->frames[walk->depth++];
	*frame = (struct walk_frame){ .key = *key, .path = path };
	frame->subkeys = ei_key_subkeys(key);
	return true;
}

static bool walk_leave(ei_key_walk *walk, ei_key_step *out)
{
	struct walk_frame *frame = &walk->frames[--walk->depth];
	*out = (ei_key_step){
		.key = frame->key, .path = frame->path, .depth = walk->depth, .leaving = true
	};
	if (!walk->depth)
		walk->hive->budget = walk->outer_budget;
	return true;
}

bool ei_key_walk_next(ei_key_walk *walk, ei_key_step *out)
{
	if (!walk || !walk->depth)
		return false;
	if (walk->entered) {
		walk->entered = false;
		walk_descend(walk, &walk->child);
	}
	struct walk_frame *frame = &walk->frames[walk->depth - 1];
	if (!ei_subkey_next(&frame->subkeys, &walk->child))
		return walk_leave(walk, out);
	walk->entered = walk->recurse && walk->child.state == EI_OK;
	*out = (ei_key_step){ .key = walk->child, .path = frame->path, .depth = walk->depth - 1 };
	return true;
}
