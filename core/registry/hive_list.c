// Hives on the kernel's list.
// SPDX-License-Identifier: Apache-2.0
#include "registry/hive_memory.h"

ei_val ei_hive_name(const cmhive *hive)
{
	ei_val names[] = { ei_get(*hive, FileFullPath), ei_get(*hive, FileUserName),
		ei_get(*hive, HiveRootPath) };
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (ei_has(names[i]) && names[i].length)
			return names[i];
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (names[i].state == EI_UNREADABLE || names[i].state == EI_GARBAGE)
			return names[i];
	return ei_absent(EI_NONE);
}

bool cmhive_is_signed(const cmhive *hive)
{
	return ei_u64_or(ei_get(*hive, signature), 0) == EI_HIVE_SIGNATURE;
}

struct hives_state {
	const struct list_node *nodes;
	size_t count, next;
};

static bool hives_advance(ei_iter *it, ei_obj *object, const ei_layout *layout)
{
	struct hives_state *state = it->state;
	(void)layout;
	while (state->next < state->count) {
		const struct list_node *node = &state->nodes[state->next++];
		cmhive hive = ei_at(it->run, cmhive, node->va);
		if (cmhive_is_signed(&hive)) {
			*object = hive.obj;
			it->found = node->found;
			return true;
		}
		ei_note(it->run, "CmpHiveListHead: the node at 0x%llx is no hive: its signature %s",
			(unsigned long long)node->va,
			ei_has(ei_get(hive, signature)) ? "is wrong" : "cannot be read");
	}
	return false;
}

ei_iter ei_hives(ei_run *run)
{
	cmhive table = ei_handle(run, cmhive);
	struct list_query query = {
		.what = "CmpHiveListHead",
		.link_offset = table.at->HiveList.offset,
		.type = &cmhive_spec,
	};
	struct hives_state *state = ei_alloc(run->scratch, sizeof *state);
	if (!state || query.link_offset < 0 || !ei_symbol(run, "CmpHiveListHead", &query.head)) {
		ei_note(run, "the list of hives cannot be begun: CmpHiveListHead is not known");
		return iter_empty(run, &cmhive_spec);
	}
	state->nodes = list_walk(run, &query, &state->count);
	return (ei_iter){ .run = run,
		.advance = hives_advance,
		.state = state,
		.type = cmhive_spec.type,
		.mark = ei_arena_mark(run->scratch) };
}
