// Boxes: conjunctions of sets, and disjunctions of them.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/boxes.h"

static void *take(struct boxing *boxing, size_t size)
{
	void *memory = ei_alloc(boxing->arena, size ? size : 1);
	boxing->failed |= !memory;
	return memory;
}

static const struct value nothing = { 0 };

// ---- making ---------------------------------------------------------------------------------
struct value value_constant(struct boxing *boxing, enum ioc_truth truth)
{
	struct box *box = truth == IOC_FALSE ? NULL : take(boxing, sizeof *box);
	if (!box)
		return nothing;
	*box = (struct box){ .constant = truth };
	return (struct value){ .count = 1, .boxes = box };
}

struct value value_part(struct boxing *boxing, const struct part *part)
{
	struct box *box = take(boxing, sizeof *box);
	struct part *copy = take(boxing, sizeof *copy);
	if (!box || !copy)
		return nothing;
	*copy = *part;
	*box = (struct box){ IOC_TRUE, 1, copy };
	return (struct value){ .count = 1, .boxes = box };
}

// ---- items and what they belong to ------------------------------------------------------------
uint32_t domain_root(const struct ioc_evidence *evidence, uint32_t domain)
{
	while (evidence->domains[domain].parent != NO_DOMAIN)
		domain = evidence->domains[domain].parent;
	return domain;
}

static unsigned domain_depth(const struct ioc_evidence *evidence, uint32_t domain)
{
	unsigned depth = 0;
	for (; evidence->domains[domain].parent != NO_DOMAIN; depth++)
		domain = evidence->domains[domain].parent;
	return depth;
}

static bool any_partial(const struct domain *domain)
{
	for (size_t i = 0; i < domain->partial.room; i++)
		if (domain->partial.words[i])
			return true;
	return false;
}

// Whether what is not among its entities is not there.
static bool domain_complete(const struct ioc_evidence *evidence, uint32_t index)
{
	for (; index != NO_DOMAIN; index = evidence->domains[index].parent)
		if (!evidence->domains[index].all || any_partial(&evidence->domains[index]))
			return false;
	return true;
}

// Where the items of an entity are not all here, that none of them is in the set is not known.
static void partial_mark(const struct domain *domain, struct kset *out)
{
	for (uint32_t i = 0; i < out->count; i++)
		if (bits_get(&domain->partial, i))
			kset_put(out, i, IOC_UNKNOWN);
}

static void items_mark(const struct domain *domain, const struct kset *set, struct kset *out)
{
	for (uint32_t i = 0; i < set->count; i++) {
		uint32_t parent = domain_entities(domain)[i].parent;
		enum ioc_truth truth = kset_at(set, i);
		if (truth != IOC_FALSE && parent < out->count)
			kset_put(out, parent, ioc_or(truth, kset_at(out, parent)));
	}
}

struct kset set_project(struct boxing *boxing, uint32_t index, const struct kset *set)
{
	const struct ioc_evidence *evidence = boxing->evidence;
	const struct domain *domain = &evidence->domains[index];
	uint32_t parents = domain_size(&evidence->domains[domain->parent]);
	struct kset none = kset_all(parents, domain->all ? IOC_FALSE : IOC_UNKNOWN);
	struct kset out;
	bool partial = any_partial(domain);
	bool same = !set->yes && (set->all == IOC_FALSE || !set->count);
	if (same && !partial)
		return none;
	if (!set->yes && set->all == IOC_UNKNOWN)
		return kset_all(parents, IOC_UNKNOWN);
	if (!kset_open(boxing->arena, &none, &out)) {
		boxing->failed = true;
		return kset_all(parents, IOC_UNKNOWN);
	}
	partial_mark(domain, &out);
	items_mark(domain, set, &out);
	kset_close(&out);
	return out;
}

static void part_project(struct boxing *boxing, struct part *part)
{
	part->set = set_project(boxing, part->domain, &part->set);
	part->domain = boxing->evidence->domains[part->domain].parent;
}

// ---- AND ------------------------------------------------------------------------------------
static void part_join(struct boxing *boxing, struct part *into, const struct part *from)
{
	into->set = kset_and(boxing->arena, &into->set, &from->set);
	into->positive |= from->positive;
}

static struct part *part_of(struct part *parts, uint32_t count, uint32_t domain)
{
	for (uint32_t i = 0; i < count; i++)
		if (parts[i].domain == domain)
			return &parts[i];
	return NULL;
}

// False: the box is empty, or there is no memory.
static bool box_and(
	struct boxing *boxing, const struct box *a, const struct box *b, struct box *out)
{
	struct part *parts = take(boxing, (a->count + b->count) * sizeof *parts);
	if (!parts)
		return false;
	*out = (struct box){ ioc_and(a->constant, b->constant), a->count, parts };
	if (a->count)
		memcpy(parts, a->parts, a->count * sizeof *parts);
	for (uint32_t i = 0; i < b->count; i++) {
		struct part *same = part_of(parts, out->count, b->parts[i].domain);
		if (same)
			part_join(boxing, same, &b->parts[i]);
		else
			parts[out->count++] = b->parts[i];
	}
	return out->constant != IOC_FALSE;
}

// A value with too many boxes keeps whether it can be true, not of what.
static struct value value_flatten(struct boxing *boxing, const struct value *value)
{
	enum ioc_truth truth = value_exists(boxing, value);
	struct value flat = value_constant(boxing, ioc_and(truth, IOC_UNKNOWN));
	flat.overflow = true;
	return flat;
}

static bool is_flat(const struct value *value)
{
	return value->overflow && value->count <= 1;
}

struct value value_and(struct boxing *boxing, const struct value *a, const struct value *b)
{
	struct value left = *a, right = *b;
	while ((uint64_t)left.count * right.count > BOXES_MAX) {
		struct value *larger = left.count >= right.count ? &left : &right;
		*larger = value_flatten(boxing, larger);
		if (is_flat(&left) && is_flat(&right))
			break;
	}
	struct value out = { .overflow = left.overflow || right.overflow };
	out.boxes = take(boxing, (size_t)left.count * right.count * sizeof *out.boxes);
	if (!out.boxes)
		return nothing;
	for (uint32_t i = 0; i < left.count; i++)
		for (uint32_t j = 0; j < right.count; j++)
			out.count += box_and(
				boxing, &left.boxes[i], &right.boxes[j], &out.boxes[out.count]);
	return out;
}

// ---- OR -------------------------------------------------------------------------------------
// A box that is one set, or none, joins another that is so of the same domain.
static bool box_absorb(struct boxing *boxing, struct value *value, const struct box *box)
{
	for (uint32_t i = 0; i < value->count; i++) {
		struct box *other = &value->boxes[i];
		if (!box->count && !other->count) {
			other->constant = ioc_or(other->constant, box->constant);
			return true;
		}
		bool single = box->count == 1 && other->count == 1 && box->constant == IOC_TRUE &&
			      other->constant == IOC_TRUE;
		if (!single || box->parts->domain != other->parts->domain ||
			box->parts->positive != other->parts->positive)
			continue;
		struct part *joined = take(boxing, sizeof *joined);
		if (!joined)
			return true;
		*joined = *other->parts;
		joined->set = kset_or(boxing->arena, &joined->set, &box->parts->set);
		other->parts = joined;
		return true;
	}
	return false;
}

struct value value_or(struct boxing *boxing, const struct value *a, const struct value *b)
{
	struct value out = { .overflow = a->overflow || b->overflow };
	out.boxes = take(boxing, ((size_t)a->count + b->count) * sizeof *out.boxes);
	if (!out.boxes)
		return nothing;
	for (uint32_t i = 0; i < a->count; i++)
		if (!box_absorb(boxing, &out, &a->boxes[i]))
			out.boxes[out.count++] = a->boxes[i];
	for (uint32_t i = 0; i < b->count; i++)
		if (!box_absorb(boxing, &out, &b->boxes[i]))
			out.boxes[out.count++] = b->boxes[i];
	return out.count > BOXES_MAX ? value_flatten(boxing, &out) : out;
}

// ---- documents ------------------------------------------------------------------------------
// The deepest set is taken up until all are of one domain: so conditions meet at the deepest
// domain that they have in common.
static bool box_gather(
	struct boxing *boxing, const struct box *box, uint32_t root, bool to_root, struct part *out)
{
	const struct ioc_evidence *evidence = boxing->evidence;
	struct part parts[PARTS_MAX];
	uint32_t count = 0;
	for (uint32_t i = 0; i < box->count && count < PARTS_MAX; i++)
		if (domain_root(evidence, box->parts[i].domain) == root)
			parts[count++] = box->parts[i];
	if (!count)
		return false;
	while (count > 1 || (to_root && parts[0].domain != root)) {
		uint32_t deepest = 0;
		for (uint32_t i = 1; i < count; i++)
			if (domain_depth(evidence, parts[i].domain) >
				domain_depth(evidence, parts[deepest].domain))
				deepest = i;
		struct part part = parts[deepest];
		part_project(boxing, &part);
		parts[deepest] = parts[--count];
		struct part *same = part_of(parts, count, part.domain);
		if (same)
			part_join(boxing, same, &part);
		else
			parts[count++] = part;
	}
	*out = parts[0];
	return true;
}

bool box_document(struct boxing *boxing, const struct box *box, uint32_t root, struct part *out)
{
	return box_gather(boxing, box, root, true, out);
}

// The documents of a box; how many.
static uint32_t box_roots(struct boxing *boxing, const struct box *box, uint32_t *roots)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < box->count; i++) {
		uint32_t root = domain_root(boxing->evidence, box->parts[i].domain);
		bool known = false;
		for (uint32_t j = 0; j < count; j++)
			known |= roots[j] == root;
		if (!known && count < PARTS_MAX)
			roots[count++] = root;
	}
	return count;
}

// ---- NOT ------------------------------------------------------------------------------------
// What is true of an entity, as a set of its items.
static struct kset set_lift(
	struct boxing *boxing, uint32_t from, const struct kset *set, uint32_t to)
{
	const struct domain *domain = &boxing->evidence->domains[to];
	if (from == to)
		return *set;
	struct kset upper = set_lift(boxing, from, set, domain->parent);
	struct kset all = kset_all(domain_size(domain), upper.all), out;
	if (!upper.yes)
		return all;
	if (!kset_open(boxing->arena, &all, &out)) {
		boxing->failed = true;
		return kset_all(all.count, IOC_UNKNOWN);
	}
	for (uint32_t i = 0; i < all.count; i++) {
		uint32_t parent = domain_entities(domain)[i].parent;
		kset_put(&out, i, parent < upper.count ? kset_at(&upper, parent) : IOC_FALSE);
	}
	kset_close(&out);
	return out;
}

static bool domain_within(const struct ioc_evidence *evidence, uint32_t domain, uint32_t outer)
{
	while (domain != NO_DOMAIN && domain != outer)
		domain = evidence->domains[domain].parent;
	return domain == outer;
}

static bool is_bound(const struct ioc_evidence *evidence, uint32_t domain, uint64_t bound)
{
	return domain_bit(evidence->domains[domain].path) & bound;
}

// All that a box says of a document, of the items of its deepest domain, where that is bound.
static bool box_items(struct boxing *boxing, const struct box *box, uint32_t root, uint64_t bound,
	struct part *out)
{
	const struct ioc_evidence *evidence = boxing->evidence;
	const struct part *deepest = NULL;
	for (uint32_t i = 0; i < box->count; i++)
		if (domain_within(evidence, box->parts[i].domain, root) &&
			(!deepest ||
				domain_within(evidence, box->parts[i].domain, deepest->domain)))
			deepest = &box->parts[i];
	if (!deepest || !is_bound(evidence, deepest->domain, bound))
		return false;
	*out = *deepest;
	for (uint32_t i = 0; i < box->count; i++) {
		struct part part = box->parts[i];
		if (&box->parts[i] == deepest || !domain_within(evidence, part.domain, root))
			continue;
		if (!domain_within(evidence, deepest->domain, part.domain))
			return false;
		part.set = set_lift(boxing, part.domain, &part.set, deepest->domain);
		part_join(boxing, out, &part);
	}
	return true;
}

// What is to be turned round.
static bool box_subject(struct boxing *boxing, const struct box *box, uint32_t root, uint64_t bound,
	struct part *out)
{
	if (box_items(boxing, box, root, bound, out))
		return true;
	if (!box_gather(boxing, box, root, false, out))
		return false;
	while (out->domain != root && !is_bound(boxing->evidence, out->domain, bound))
		part_project(boxing, out);
	return true;
}

// Not all of a box's sets: of some document, none of its entities is in the set.
static struct value box_not(struct boxing *boxing, const struct box *box, uint64_t bound)
{
	uint32_t roots[PARTS_MAX];
	uint32_t count = box_roots(boxing, box, roots);
	struct value out = value_constant(boxing, ioc_not(box->constant));
	for (uint32_t i = 0; i < count; i++) {
		struct part part;
		if (!box_subject(boxing, box, roots[i], bound, &part))
			continue;
		part.set = kset_not(boxing->arena, &part.set);
		struct value one = value_part(boxing, &part);
		out = value_or(boxing, &out, &one);
	}
	return out;
}

struct value value_not(struct boxing *boxing, const struct value *value, uint64_t bound)
{
	struct value out = value_constant(boxing, IOC_TRUE);
	for (uint32_t i = 0; i < value->count; i++) {
		struct value one = box_not(boxing, &value->boxes[i], bound);
		out = value_and(boxing, &out, &one);
	}
	out.overflow |= value->overflow;
	return out;
}

struct value value_exclude(
	struct boxing *boxing, const struct value *value, const struct value *exclusion)
{
	if (!exclusion->count || !exclusion->boxes->count)
		return *value;
	uint32_t root = domain_root(boxing->evidence, exclusion->boxes->parts->domain);
	struct value out = { .overflow = value->overflow };
	bool any = false;
	for (uint32_t i = 0; i < value->count; i++) {
		struct part ignored;
		struct value one = { .count = 1, .boxes = &value->boxes[i] };
		if (box_document(boxing, &value->boxes[i], root, &ignored)) {
			one = value_and(boxing, &one, exclusion);
			any = true;
		}
		out = value_or(boxing, &out, &one);
	}
	return any ? out : value_or(boxing, &out, exclusion);
}

// ---- EXISTS ---------------------------------------------------------------------------------
static enum ioc_truth set_exists(struct boxing *boxing, const struct part *part)
{
	if (part->set.any_true)
		return IOC_TRUE;
	if (part->set.any_unknown || !domain_complete(boxing->evidence, part->domain))
		return IOC_UNKNOWN;
	return IOC_FALSE;
}

// What is known of each number that entities share.
struct key {
	uint64_t link;
	enum ioc_truth truth;
};

static int by_link(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	return x->link < y->link ? -1 : x->link > y->link;
}

struct keys {
	struct key *items;
	uint32_t count;
	enum ioc_truth unlinked; // of entities that do not say what they belong to: UNKNOWN at most
};

static bool keys_of(struct boxing *boxing, const struct part *part, struct keys *out)
{
	const struct domain *domain = &boxing->evidence->domains[part->domain];
	uint32_t size = part->set.count;
	*out = (struct keys){ .items = take(boxing, size * sizeof *out->items) };
	if (!out->items)
		return false;
	for (uint32_t i = 0; i < size; i++) {
		enum ioc_truth truth = kset_at(&part->set, i);
		uint64_t link = domain_entities(domain)[i].link;
		if (truth == IOC_FALSE)
			continue;
		if (link == IOC_NO_LINK)
			out->unlinked = IOC_UNKNOWN;
		else
			out->items[out->count++] = (struct key){ link, truth };
	}
	qsort(out->items, out->count, sizeof *out->items, by_link);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < out->count; i++) {
		struct key *last = kept ? &out->items[kept - 1] : NULL;
		if (last && last->link == out->items[i].link)
			last->truth = ioc_or(last->truth, out->items[i].truth);
		else
			out->items[kept++] = out->items[i];
	}
	out->count = kept;
	return true;
}

static enum ioc_truth key_truth(const struct keys *keys, uint64_t link)
{
	const struct key wanted = { .link = link };
	const struct key *found =
		keys->count ? bsearch(&wanted, keys->items, keys->count, sizeof wanted, by_link)
			    : NULL;
	return found ? ioc_or(found->truth, keys->unlinked) : keys->unlinked;
}

// Of several documents whose entities say what they belong to: the same must satisfy all.
static enum ioc_truth linked_exists(
	struct boxing *boxing, const struct part *parts, uint32_t count, uint64_t *link)
{
	struct keys keys[PARTS_MAX];
	enum ioc_truth best = IOC_FALSE, unlinked = IOC_TRUE;
	bool complete = true;
	for (uint32_t i = 0; i < count; i++) {
		if (!keys_of(boxing, &parts[i], &keys[i]))
			return IOC_UNKNOWN;
		unlinked = ioc_and(unlinked, keys[i].unlinked);
		complete &= domain_complete(boxing->evidence, parts[i].domain);
	}
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < keys[i].count && best != IOC_TRUE; k++) {
			enum ioc_truth truth = IOC_TRUE;
			for (uint32_t j = 0; j < count; j++)
				truth = ioc_and(truth, key_truth(&keys[j], keys[i].items[k].link));
			if (truth == IOC_TRUE)
				*link = keys[i].items[k].link;
			best = ioc_or(best, truth);
		}
	best = ioc_or(best, unlinked);
	return best == IOC_FALSE && !complete ? IOC_UNKNOWN : best;
}

// The sets of a box, one a document; those that say what they belong to first. Exclusions alone
// say nothing of whether there is something.
struct gathered {
	struct part parts[PARTS_MAX];
	uint32_t count, linked;
	bool only_exclusions;
};

static void gather(struct boxing *boxing, const struct box *box, struct gathered *out)
{
	uint32_t roots[PARTS_MAX];
	uint32_t count = box_roots(boxing, box, roots);
	*out = (struct gathered){ .only_exclusions = count > 0 };
	for (uint32_t i = 0; i < count; i++) {
		struct part part;
		if (!box_gather(boxing, box, roots[i], count > 1, &part) || !part.positive)
			continue;
		out->only_exclusions = false;
		out->parts[out->count++] = part;
		if (!boxing->evidence->domains[part.domain].linked)
			continue;
		struct part first = out->parts[out->linked];
		out->parts[out->linked++] = part;
		if (out->linked < out->count)
			out->parts[out->count - 1] = first;
	}
	if (out->linked < 2)
		out->linked = 0;
}

static enum ioc_truth gathered_exists(
	struct boxing *boxing, const struct gathered *gathered, uint64_t *link)
{
	enum ioc_truth truth = gathered->only_exclusions ? IOC_FALSE : IOC_TRUE;
	if (gathered->linked)
		truth = linked_exists(boxing, gathered->parts, gathered->linked, link);
	for (uint32_t i = gathered->linked; i < gathered->count; i++)
		truth = ioc_and(truth, set_exists(boxing, &gathered->parts[i]));
	return truth;
}

enum ioc_truth value_exists(struct boxing *boxing, const struct value *value)
{
	enum ioc_truth truth = IOC_FALSE;
	for (uint32_t i = 0; i < value->count && truth != IOC_TRUE; i++) {
		struct gathered gathered;
		uint64_t link;
		gather(boxing, &value->boxes[i], &gathered);
		truth = ioc_or(truth, ioc_and(value->boxes[i].constant,
					      gathered_exists(boxing, &gathered, &link)));
	}
	return boxing->failed ? IOC_UNKNOWN : truth;
}

// ---- witnesses ------------------------------------------------------------------------------
static uint32_t part_witnesses(struct boxing *boxing, const struct part *part, bool linked,
	uint64_t link, struct ioc_witness *out, uint32_t room)
{
	const struct domain *domain = &boxing->evidence->domains[part->domain];
	uint32_t count = 0;
	for (uint32_t i = 0; i < part->set.count && count < room; i++) {
		const struct entity *entity = &domain_entities(domain)[i];
		if (kset_at(&part->set, i) == IOC_TRUE && (!linked || entity->link == link))
			out[count++] =
				(struct ioc_witness){ domain->path, i, entity->mark, entity->link };
	}
	return count;
}

uint32_t value_witnesses(
	struct boxing *boxing, const struct value *value, struct ioc_witness *out, uint32_t room)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < value->count && count < room; i++) {
		struct gathered gathered;
		uint64_t link = IOC_NO_LINK;
		gather(boxing, &value->boxes[i], &gathered);
		if (value->boxes[i].constant != IOC_TRUE ||
			gathered_exists(boxing, &gathered, &link) != IOC_TRUE)
			continue;
		for (uint32_t p = 0; p < gathered.count; p++) {
			uint32_t left = room - count;
			count += part_witnesses(boxing, &gathered.parts[p],
				p<gathered.linked, link, out + count, gathered.count> 1
					? MIN(left, 1U)
					: left);
		}
	}
	return count;
}
