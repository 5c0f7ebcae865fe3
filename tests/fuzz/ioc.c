// Fuzz entry: a file of indicators of any format. The first line is its name. What loads is
// compiled, and weighed against evidence that is made of its own values.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/ioc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAME_MAX_BYTES = 64, LEAVES_MAX = 500, ARENA_MAX = 64 << 20 };

static void give(struct ioc_evidence *evidence, const struct ioc_leaf *leaf, unsigned turn)
{
	const struct ioc_term *term = leaf->term;
	while (term->from)
		term = term->from;
	ei_val value = { .s = leaf->value, .length = leaf->length, .kind = EI_STR, .state = EI_OK };
	if (turn % 5 == 4)
		value = ei_absent(EI_UNREADABLE);
	ioc_evidence_answers(evidence, term->name, turn % 2);
	uint32_t entity = ioc_evidence_entity(evidence, term->domain, turn % 3 ? 0 : IOC_ROOT,
		turn % 4 ? turn % 2 : IOC_NO_LINK, turn);
	if (turn % 7 == 6)
		ioc_evidence_cut_value(evidence, term->name, entity, value);
	else
		ioc_evidence_value(evidence, term->name, entity, value);
}

static void give_all(struct ioc_evidence *evidence, const struct ioc_node *node, unsigned *turn)
{
	if (node->kind == IOC_LEAF && *turn < LEAVES_MAX)
		give(evidence, &node->leaf, (*turn)++);
	for (const struct ioc_node *child = node->first; child; child = child->next)
		give_all(evidence, child, turn);
}

static void weigh(struct ioc_set *set, ei_arena *arena)
{
	EI_OWNED(ioc_program) program = NULL;
	EI_OWNED(ioc_evidence) evidence = NULL;
	unsigned turn = 0;
	ei_error *error = ioc_compile(set, &program);
	if (!error)
		error = ioc_evidence_create(program, &evidence);
	for (size_t i = 0; !error && i < ioc_set_count(set); i++)
		give_all(evidence, ioc_set_at(set, i)->root, &turn);
	for (size_t i = 0; !error && i < ioc_set_count(set) && i < LEAVES_MAX; i++) {
		struct ioc_verdict verdict;
		ioc_coverage(ioc_set_at(set, i));
		error = ioc_evaluate(evidence, ioc_set_at(set, i), arena, &verdict);
	}
	ei_error_drop(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[NAME_MAX_BYTES] = "";
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	size_t skip = line ? (size_t)(line - data) + 1 : 0;
	if (skip && skip <= sizeof name)
		memcpy(name, data, skip - 1);
	struct ioc_read_wish wish = { .recover = size % 2 };
	EI_OWNED(ioc_set) set = NULL;
	EI_OWNED(ei_arena) arena = NULL;
	ei_error *error = ei_arena_create(ARENA_MAX, &arena);
	if (!error)
		error = ioc_set_create(&wish, &set);
	if (!error)
		error = ioc_set_add_bytes(set, name, data + skip, size - skip);
	ei_error_drop(error);
	if (set && arena)
		weigh(set, arena);
	return 0;
}
