// Several digests in one value.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/internal.h"

static bool is_digest(const char *text, size_t length)
{
	enum observable kind = observable_guess(text, length);
	return kind == OBSERVABLE_MD5 || kind == OBSERVABLE_SHA1 || kind == OBSERVABLE_SHA256;
}

static const char between_digests[] = "|,; \t\r\n";

bool is_digest_list(const char *text)
{
	size_t count = 0;
	while (*(text += strspn(text, between_digests))) {
		size_t size = strcspn(text, between_digests);
		if (!is_digest(text, size))
			return false;
		text += size;
		count++;
	}
	return count > 1;
}

struct ioc_node *digests_add(struct reading *reading, struct ioc_node *parent,
	const struct leaf_wish *wish, bool exclusion)
{
	struct ioc_node *group = parent;
	if (!exclusion || !parent)
		group = node_add(reading, parent, wish->negated ? IOC_AND : IOC_OR);
	const char *at = wish->value;
	while (*(at += strspn(at, between_digests)) && !reading->failure) {
		struct leaf_wish one = *wish;
		one.value = at;
		one.length = strcspn(at, between_digests);
		leaf_add(reading, group, &one)->leaf.exclusion = exclusion;
		at += one.length;
	}
	reading_note(reading, reading->line, "several digests in one content: any is meant");
	return group == parent ? parent->last : group;
}
