// Which leaves of an indicator memory can answer, and whether that can be enough.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/ioc.h"

// Beyond every class: such a node cannot become what is asked.
enum { NEVER = IOC_CLASS_D + 1 };

// The worst class that is needed for a node to become TRUE, or FALSE with `negated`.
static unsigned needed(const struct ioc_node *node, bool negated)
{
	if (node->kind == IOC_LEAF)
		return node->leaf.reason ? NEVER : node->leaf.term->class;
	if (node->kind == IOC_NOT)
		return node->first ? needed(node->first, !negated) : NEVER;
	if (!node->first)
		return NEVER;
	bool every = (node->kind == IOC_AND) != negated;
	unsigned best = every ? 0 : NEVER;
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		unsigned one = needed(child, negated);
		best = every ? MAX(best, one) : MIN(best, one);
	}
	return best;
}

static void count(const struct ioc_node *node, struct ioc_coverage *coverage)
{
	if (node->kind == IOC_LEAF)
		coverage->leaves[node->leaf.reason ? 0 : node->leaf.term->class]++;
	for (const struct ioc_node *child = node->first; child; child = child->next)
		count(child, coverage);
}

struct ioc_coverage ioc_coverage(const struct ioc_indicator *indicator)
{
	struct ioc_coverage coverage = { 0 };
	count(indicator->root, &coverage);
	unsigned reach = needed(indicator->root, false);
	coverage.reach = reach == NEVER ? 0 : (enum ioc_class)reach;
	return coverage;
}
