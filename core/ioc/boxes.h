// What a part of a tree says of all entities at once.
//
// A box is a conjunction: a set of entities for each domain that it speaks of, and a truth that
// holds for all. A value is a disjunction of boxes. So a value is exact: it says for each
// combination of one entity of each domain whether that satisfies the tree. Trees about one domain,
// which are almost all, have one box with one set.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_BOXES_H
#define IOC_BOXES_H

#include "ioc/evidence.h"

enum { BOXES_MAX = 64, PARTS_MAX = 16 };

struct part {
	uint32_t domain;
	bool positive; // not only OpenIOC 1.0's exclusions
	struct kset set;
};

struct box {
	enum ioc_truth constant;
	uint32_t count;
	struct part *parts; // of different domains
};

struct value {
	uint32_t count; // 0: FALSE
	struct box *boxes;
	bool overflow; // something was too much, and is UNKNOWN for it
};

struct boxing {
	const struct ioc_evidence *evidence;
	ei_arena *arena;
	bool failed; // no memory
};

struct value value_constant(struct boxing *boxing, enum ioc_truth truth);
struct value value_part(struct boxing *boxing, const struct part *part);
struct value value_and(struct boxing *boxing, const struct value *a, const struct value *b);
struct value value_or(struct boxing *boxing, const struct value *a, const struct value *b);
// `bound`: domains in which something else must be true of the same item; what is of such a domain
// is turned round for each item, all else for each entity.
struct value value_not(struct boxing *boxing, const struct value *value, uint64_t bound);

// `value`, less what `exclusion`, a complement, excludes: in the boxes that speak of its document.
struct value value_exclude(
	struct boxing *boxing, const struct value *value, const struct value *exclusion);

// Whether some entities satisfy it.
enum ioc_truth value_exists(struct boxing *boxing, const struct value *value);

// What a set of items says of the entities that they belong to: that some item is in it.
struct kset set_project(struct boxing *boxing, uint32_t domain, const struct kset *set);

// The document that a domain is of.
uint32_t domain_root(const struct ioc_evidence *evidence, uint32_t domain);

// The set that a box has of a document, of the document's own entities. False: it has none.
bool box_document(struct boxing *boxing, const struct box *box, uint32_t root, struct part *out);

// Entities that make a value TRUE, at most `room`: all those of one domain, or one of each.
uint32_t value_witnesses(
	struct boxing *boxing, const struct value *value, struct ioc_witness *out, uint32_t room);

#endif
