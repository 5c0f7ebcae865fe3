// Evaluation: what an indicator's tree says of the evidence. README.md says what it means.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/boxes.h"

struct evaluating {
	struct ioc_evidence *evidence;
	struct boxing boxing;
	struct ioc_result *results; // by node; NULL: only the root's truth is wanted
	bool loose;                 // conditions on items need not meet in one
	struct ioc_witness *witnesses;
	uint32_t witness_count;
	int64_t score; // of what is true of no one entity
	struct scores {
		uint32_t root;
		int64_t *entities;
	} scores[PARTS_MAX];
	uint32_t score_count;
};

// ---- leaves ---------------------------------------------------------------------------------
// What entities without a hit are: FALSE with a known value, else UNKNOWN.
static void rest_make(struct ioc_evidence *evidence, const struct ioc_term *term)
{
	struct term_state *state = &evidence->terms[term->index];
	uint32_t domain = evidence_domain_add(evidence, term->domain);
	uint32_t size = domain == NO_DOMAIN ? 0 : domain_size(&evidence->domains[domain]);
	bool known = state->answered;
	struct kset all = kset_all(size, IOC_UNKNOWN);
	if (state->rest_made && state->rest.count == size)
		return;
	state->rest_made = true;
	state->rest = all;
	if (!known)
		return;
	for (size_t word = 0; known && word * 64 < size; word++) {
		size_t left = size - word * 64;
		uint64_t mask = left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
		known = (bits_word(&state->given, word) & mask) == mask &&
			!bits_word(&state->unknown, word);
	}
	if (known) {
		state->rest = kset_all(size, IOC_FALSE);
		return;
	}
	struct kset rest;
	if (!kset_open(evidence->arena, &all, &rest))
		return;
	for (size_t word = 0; word * 64 < size; word++)
		rest.maybe[word] &=
			~bits_word(&state->given, word) | bits_word(&state->unknown, word);
	kset_close(&rest);
	state->rest = rest;
}

// `negated`: hits on a device's spelling do not count.
static bool set_fill(struct ioc_evidence *evidence, ei_arena *arena, uint32_t atom,
	const struct kset *rest, bool negated, struct kset *out)
{
	size_t count;
	const struct ioc_hit *hits = ioc_hits(evidence, atom, &count);
	if (!kset_open(arena, rest, out))
		return false;
	for (size_t i = 0; i < count; i++)
		if (hits[i].entity < out->count && !(negated && hits[i].device))
			kset_put(out, hits[i].entity, hits[i].maybe ? IOC_UNKNOWN : IOC_TRUE);
	kset_close(out);
	return true;
}

// Sets that are wanted again and again, such as of "Type is Mutant", are kept.
enum { HITS_MANY = 64 };

static void set_make(struct ioc_evidence *evidence, const struct ioc_leaf *leaf)
{
	struct atom_state *state = &evidence->atoms[leaf->atom];
	const struct kset *rest = &evidence->terms[leaf->term->index].rest;
	if (!state->set_made && state->count >= HITS_MANY && !state->dropped)
		state->set_made =
			set_fill(evidence, evidence->arena, leaf->atom, rest, false, &state->set);
}

// What lasts longer than one evaluation.
static void sets_make(struct ioc_evidence *evidence, const struct ioc_node *node)
{
	if (node->kind == IOC_LEAF && node->leaf.atom != IOC_NO_ATOM) {
		rest_make(evidence, node->leaf.term);
		set_make(evidence, &node->leaf);
	}
	for (const struct ioc_node *child = node->first; child; child = child->next)
		sets_make(evidence, child);
}

static struct kset leaf_set(struct evaluating *evaluating, const struct ioc_leaf *leaf)
{
	struct ioc_evidence *evidence = evaluating->evidence;
	const struct atom_state *atom = &evidence->atoms[leaf->atom];
	struct kset rest = evidence->terms[leaf->term->index].rest, set;
	if (atom->dropped)
		rest = kset_all(rest.count, IOC_UNKNOWN);
	if (!atom->count)
		return rest;
	if (atom->set_made && !leaf->negated)
		return atom->set;
	if (set_fill(evidence, evaluating->boxing.arena, leaf->atom, &rest, leaf->negated, &set))
		return set;
	evaluating->boxing.failed = true;
	return kset_all(rest.count, IOC_UNKNOWN);
}

// `bound`: the domains in which something else must be true of the same item. A condition that
// excludes is about that item; where there is none, about all items of the entity.
static struct value leaf_value(
	struct evaluating *evaluating, const struct ioc_leaf *leaf, uint64_t bound)
{
	struct ioc_evidence *evidence = evaluating->evidence;
	struct boxing *boxing = &evaluating->boxing;
	uint32_t domain = leaf->atom == IOC_NO_ATOM ? NO_DOMAIN
						    : evidence_domain(evidence, leaf->term->domain);
	if (domain == NO_DOMAIN)
		return value_constant(boxing, IOC_UNKNOWN);
	struct part part = { domain, !leaf->exclusion, leaf_set(evaluating, leaf) };
	while (evidence->domains[part.domain].parent != NO_DOMAIN) {
		bool meets = domain_bit(evidence->domains[part.domain].path) & bound;
		if (!evaluating->loose && (!leaf->negated || meets))
			break;
		part.set = set_project(boxing, part.domain, &part.set);
		part.domain = evidence->domains[part.domain].parent;
	}
	if (leaf->negated)
		part.set = kset_not(boxing->arena, &part.set);
	return value_part(boxing, &part);
}

static enum ioc_reason leaf_reason(struct evaluating *evaluating, const struct ioc_leaf *leaf)
{
	struct ioc_evidence *evidence = evaluating->evidence;
	const struct term_state *state = &evidence->terms[leaf->term->index];
	size_t count;
	if (leaf->reason)
		return leaf->reason;
	if (evidence->atoms[leaf->atom].dropped)
		return IOC_OUT_OF_STEPS;
	const struct ioc_hit *hits = ioc_hits(evidence, leaf->atom, &count);
	for (size_t i = 0; i < count; i++)
		if (hits[i].maybe)
			return leaf->condition == IOC_MATCHES ? IOC_OUT_OF_STEPS : IOC_CUT;
	if (!state->answered && !count)
		return IOC_NO_SOURCE;
	for (size_t i = 0; i < state->unknown.room; i++)
		if (state->unknown.words[i])
			return IOC_UNREADABLE;
	return IOC_ABSENT;
}

// ---- scores ---------------------------------------------------------------------------------
static int64_t *scores_of(struct evaluating *evaluating, uint32_t root)
{
	for (uint32_t i = 0; i < evaluating->score_count; i++)
		if (evaluating->scores[i].root == root)
			return evaluating->scores[i].entities;
	if (evaluating->score_count == PARTS_MAX)
		return NULL;
	size_t size = domain_size(&evaluating->evidence->domains[root]);
	int64_t *entities = ei_alloc(evaluating->boxing.arena, (size + 1) * sizeof *entities);
	if (entities)
		evaluating->scores[evaluating->score_count++] = (struct scores){ root, entities };
	return entities;
}

// A score counts for the entities that it is true of, or for all.
static void score_add(
	struct evaluating *evaluating, const struct ioc_node *node, const struct value *value)
{
	const char *text = ioc_param(node, "score");
	long score = text ? strtol(text, NULL, 10) : 0;
	struct part part;
	if (!score || labs(score) > 1000 * 1000)
		return;
	if (value->count == 1 && value->boxes->count) {
		const struct box *box = value->boxes;
		uint32_t root = domain_root(evaluating->evidence, box->parts->domain);
		int64_t *entities = scores_of(evaluating, root);
		if (entities && box_document(&evaluating->boxing, box, root, &part)) {
			for (uint32_t i = 0; i < part.set.count; i++)
				if (kset_at(&part.set, i) == IOC_TRUE)
					entities[i] += score;
			return;
		}
	}
	evaluating->score += score;
}

static int64_t score_total(const struct evaluating *evaluating)
{
	int64_t total = evaluating->score;
	for (uint32_t i = 0; i < evaluating->score_count; i++) {
		const struct scores *scores = &evaluating->scores[i];
		size_t size = domain_size(&evaluating->evidence->domains[scores->root]);
		int64_t best = 0;
		for (size_t entity = 0; entity < size; entity++)
			best = MAX(best, scores->entities[entity]);
		total += best;
	}
	return total;
}

// ---- nodes ----------------------------------------------------------------------------------
// The domains in which some condition below must be true of an item.
static uint64_t node_domains(const struct ioc_node *node)
{
	if (node->kind == IOC_LEAF)
		return node->leaf.negated ? 0 : domain_bit(node->leaf.term->domain);
	uint64_t bits = 0;
	for (const struct ioc_node *child = node->first; child && !node->alone; child = child->next)
		bits |= node_domains(child);
	return node->kind == IOC_NOT ? 0 : bits;
}

static struct value node_value(
	struct evaluating *evaluating, const struct ioc_node *node, uint64_t bound, bool free);

static struct value and_value(
	struct evaluating *evaluating, const struct ioc_node *node, uint64_t bound)
{
	struct value out = value_constant(&evaluating->boxing, IOC_TRUE);
	// What each child meets is what the others bring; only bits brought once differ.
	uint64_t once = 0, twice = 0;
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		uint64_t bits = node_domains(child);
		twice |= once & bits;
		once |= bits;
	}
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		uint64_t others = twice | (once & ~node_domains(child));
		struct value one = node_value(evaluating, child, bound | others, false);
		out = value_and(&evaluating->boxing, &out, &one);
		// Without results to give, nothing more can be learnt from what is FALSE.
		if (!evaluating->results && value_exists(&evaluating->boxing, &out) == IOC_FALSE)
			break;
	}
	return out;
}

static bool is_exclusion(const struct ioc_node *node)
{
	return node->kind == IOC_LEAF && node->leaf.exclusion;
}

static bool has_exclusion(const struct ioc_node *node)
{
	for (const struct ioc_node *child = node->first; child; child = child->next)
		if (is_exclusion(child))
			return true;
	return false;
}

static struct value or_value(
	struct evaluating *evaluating, const struct ioc_node *node, uint64_t bound, bool free)
{
	struct boxing *boxing = &evaluating->boxing;
	struct value out = value_constant(boxing, IOC_FALSE);
	free &= !has_exclusion(node);
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		if (is_exclusion(child))
			continue;
		struct value one = node_value(evaluating, child, bound, free);
		out = value_or(boxing, &out, &one);
	}
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		if (!is_exclusion(child))
			continue;
		struct value one = node_value(evaluating, child, bound, false);
		out = value_exclude(boxing, &out, &one);
	}
	return out;
}

static enum ioc_reason children_reason(
	const struct evaluating *evaluating, const struct ioc_node *node)
{
	enum ioc_reason reason = IOC_ABSENT;
	for (const struct ioc_node *child = node->first; child; child = child->next)
		reason = MAX(reason, evaluating->results[child->index].reason);
	return reason;
}

static void result_set(struct evaluating *evaluating, const struct ioc_node *node,
	const struct value *value, enum ioc_truth truth)
{
	enum ioc_reason reason = IOC_NO_REASON;
	if (!evaluating->results)
		return;
	if (truth == IOC_UNKNOWN && node->kind == IOC_LEAF)
		reason = leaf_reason(evaluating, &node->leaf);
	else if (truth == IOC_UNKNOWN && !node->first)
		reason = IOC_NO_VALUE;
	else if (truth == IOC_UNKNOWN)
		reason = value->overflow ? IOC_OUT_OF_STEPS : children_reason(evaluating, node);
	evaluating->results[node->index] = (struct ioc_result){ (uint8_t)truth, (uint8_t)reason };
	if (truth == IOC_TRUE && node->params)
		score_add(evaluating, node, value);
}

static struct value kind_value(
	struct evaluating *evaluating, const struct ioc_node *node, uint64_t bound, bool free)
{
	if (node->kind == IOC_LEAF)
		return leaf_value(evaluating, &node->leaf, bound);
	if (!node->first)
		return value_constant(&evaluating->boxing, IOC_UNKNOWN);
	if (node->kind == IOC_AND)
		return and_value(evaluating, node, bound);
	if (node->kind == IOC_OR)
		return or_value(evaluating, node, bound, free);
	struct value inner = node_value(evaluating, node->first, bound, false);
	return value_not(&evaluating->boxing, &inner, evaluating->loose ? 0 : bound);
}

// `free`: no AND and no NOT is above, so that nothing but its truth is wanted of it.
static struct value node_value(
	struct evaluating *evaluating, const struct ioc_node *node, uint64_t bound, bool free)
{
	struct boxing *boxing = &evaluating->boxing;
	struct value value =
		kind_value(evaluating, node, node->alone ? 0 : bound, free || node->alone);
	enum ioc_truth truth = value_exists(boxing, &value);
	result_set(evaluating, node, &value, truth);
	if (!free && !node->alone)
		return value;
	if (truth == IOC_TRUE && evaluating->witnesses)
		evaluating->witness_count += value_witnesses(boxing, &value,
			evaluating->witnesses + evaluating->witness_count,
			IOC_WITNESSES_MAX - evaluating->witness_count);
	return value_constant(boxing, truth);
}

// Conditions on items that could meet in one, or in several.
static unsigned item_leaves(const struct ioc_node *node)
{
	if (node->kind == IOC_LEAF)
		return domain_bit(node->leaf.term->domain) != 0;
	unsigned count = 0;
	for (const struct ioc_node *child = node->first; child; child = child->next)
		count += item_leaves(child);
	return count;
}

static ei_error *evaluate(struct evaluating *evaluating, const struct ioc_indicator *indicator,
	struct ioc_verdict *verdict)
{
	struct boxing *boxing = &evaluating->boxing;
	struct value value = node_value(evaluating, indicator->root, 0, true);
	verdict->truth = value_exists(boxing, &value);
	verdict->loose = verdict->truth;
	verdict->score = score_total(evaluating);
	verdict->scored = verdict->score >= IOC_SCORE_ENOUGH;
	verdict->witness_count = evaluating->witness_count;
	if (item_leaves(indicator->root) > 1 && !boxing->failed) {
		struct evaluating loose = {
			.evidence = evaluating->evidence, .boxing = *boxing, .loose = true
		};
		value = node_value(&loose, indicator->root, 0, true);
		verdict->loose = value_exists(&loose.boxing, &value);
		boxing->failed |= loose.boxing.failed;
	}
	return boxing->failed ? ei_fail(EI_E_NOMEM, "evaluating '%s': out of memory", indicator->id)
			      : NULL;
}

ei_error *ioc_evaluate(struct ioc_evidence *evidence, const struct ioc_indicator *indicator,
	ei_arena *arena, struct ioc_verdict *out)
{
	if (evidence->failure)
		return ei_fail(
			ei_error_code(evidence->failure), "%s", ei_error_text(evidence->failure));
	struct ioc_verdict verdict = { 0 };
	struct ioc_result *results = ei_alloc(arena, indicator->nodes * sizeof *results);
	struct ioc_witness witnesses[IOC_WITNESSES_MAX];
	if (!results)
		return ei_fail(EI_E_NOMEM, "out of memory");
	evidence_sort(evidence);
	sets_make(evidence, indicator->root);
	struct evaluating evaluating = {
		.evidence = evidence,
		.boxing = { .evidence = evidence, .arena = evidence->arena },
		.results = results,
		.witnesses = witnesses,
	};
	ei_mark mark = ei_arena_mark(evidence->arena);
	ei_error *error = evaluate(&evaluating, indicator, &verdict);
	ei_arena_rewind(evidence->arena, mark);
	EI_TRY(error);
	size_t size = verdict.witness_count * sizeof *witnesses;
	struct ioc_witness *kept = ei_alloc(arena, size + 1);
	if (!kept)
		return ei_fail(EI_E_NOMEM, "out of memory");
	memcpy(kept, witnesses, size);
	verdict.nodes = results;
	verdict.witnesses = kept;
	verdict.reason = verdict.truth == IOC_UNKNOWN ? results[indicator->root->index].reason
						      : IOC_NO_REASON;
	*out = verdict;
	return NULL;
}
