// Expressions of AND, OR and NOT while they are parsed, before they become nodes.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_EXPRESSION_H
#define IOC_EXPRESSION_H

#include "ioc/internal.h"

struct expression {
	enum ioc_kind kind;
	bool alone;       // as of nodes
	const void *leaf; // of IOC_LEAF: the parser's own
	struct expression *first, *last, *next;
};

// NULL: no memory; functions that take an expression give NULL for NULL.
struct expression *expression_leaf(ei_arena *arena, const void *leaf);
struct expression *expression_not(ei_arena *arena, struct expression *inner);

// `left` AND or OR `right`; a chain of the same operator becomes one expression.
struct expression *expression_join(
	ei_arena *arena, enum ioc_kind kind, struct expression *left, struct expression *right);

// Adds the nodes; `emit` those of leaves. `sole` tells it that the leaf has nothing beside it that
// it must be true together with.
typedef void expression_emit_leaf(
	void *context, struct ioc_node *parent, const void *leaf, bool sole);
void expression_emit(struct reading *reading, struct ioc_node *parent,
	const struct expression *expression, expression_emit_leaf *emit, void *context);

#endif
