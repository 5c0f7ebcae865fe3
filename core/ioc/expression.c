// Expressions of AND, OR and NOT.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/expression.h"

static struct expression *expression_new(ei_arena *arena, enum ioc_kind kind)
{
	struct expression *expression = ei_alloc(arena, sizeof *expression);
	if (expression)
		expression->kind = kind;
	return expression;
}

static void append(struct expression *parent, struct expression *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}

struct expression *expression_leaf(ei_arena *arena, const void *leaf)
{
	struct expression *expression = leaf ? expression_new(arena, IOC_LEAF) : NULL;
	if (expression)
		expression->leaf = leaf;
	return expression;
}

struct expression *expression_not(ei_arena *arena, struct expression *inner)
{
	struct expression *expression = inner ? expression_new(arena, IOC_NOT) : NULL;
	if (expression)
		append(expression, inner);
	return expression;
}

struct expression *expression_join(
	ei_arena *arena, enum ioc_kind kind, struct expression *left, struct expression *right)
{
	if (!left || !right)
		return NULL;
	if (left->kind == kind && !left->alone) {
		append(left, right);
		return left;
	}
	struct expression *joined = expression_new(arena, kind);
	if (!joined)
		return NULL;
	append(joined, left);
	append(joined, right);
	return joined;
}

static void emit_one(struct reading *reading, struct ioc_node *parent,
	const struct expression *expression, expression_emit_leaf *emit, void *context, bool sole)
{
	if (expression->kind == IOC_LEAF && !expression->alone) {
		emit(context, parent, expression->leaf, sole);
		return;
	}
	// What binds on its own needs a node to say so.
	enum ioc_kind kind = expression->kind == IOC_LEAF ? IOC_AND : expression->kind;
	struct ioc_node *node = node_add(reading, parent, kind);
	node->alone = expression->alone;
	sole = (sole || expression->alone) && kind != IOC_AND;
	if (expression->kind == IOC_LEAF)
		emit(context, node, expression->leaf, true);
	for (const struct expression *child = expression->first; child && !reading->failure;
		child = child->next)
		emit_one(reading, node, child, emit, context, sole);
}

void expression_emit(struct reading *reading, struct ioc_node *parent,
	const struct expression *expression, expression_emit_leaf *emit, void *context)
{
	emit_one(reading, parent, expression, emit, context, true);
}
