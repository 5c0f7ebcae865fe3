// Evidence: entities and their values, compared as they come; what is kept are hits.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/evidence.h"

#include <ctype.h>

static ei_error *no_memory(void)
{
	return ei_fail(EI_E_NOMEM, "out of memory");
}

ei_error *ioc_evidence_create(const struct ioc_program *program, struct ioc_evidence **out)
{
	EI_OWNED(ioc_evidence) evidence = calloc(1, sizeof *evidence);
	size_t terms = ioc_set_term_count(program->set);
	if (!evidence)
		return no_memory();
	evidence->program = program;
	evidence->terms = calloc(terms + 1, sizeof *evidence->terms);
	evidence->atoms = calloc(program->atom_count + 1, sizeof *evidence->atoms);
	evidence->term_count = terms;
	if (!evidence->terms || !evidence->atoms)
		return no_memory();
	EI_TRY(ei_arena_create(SET_ARENA_MAX, &evidence->arena));
	*out = EI_GIVE(evidence);
	return NULL;
}

void ioc_evidence_drop(struct ioc_evidence *evidence)
{
	if (!evidence)
		return;
	for (size_t i = 0; i < evidence->term_count && evidence->terms; i++) {
		matcher_drop(evidence->terms[i].matcher);
		bits_deinit(&evidence->terms[i].given);
		bits_deinit(&evidence->terms[i].unknown);
	}
	for (uint32_t i = 0; i < evidence->domain_count; i++) {
		free(evidence->domains[i].entities.items);
		bits_deinit(&evidence->domains[i].partial);
	}
	free(evidence->hits.items);
	free(evidence->terms);
	free(evidence->atoms);
	ei_arena_drop(evidence->arena);
	ei_error_drop(evidence->failure);
	free(evidence);
}

static void fail(struct ioc_evidence *evidence, ei_error *error)
{
	if (evidence->failure)
		ei_error_drop(error);
	else
		evidence->failure = error;
}

// ---- entities -------------------------------------------------------------------------------
uint32_t evidence_domain(const struct ioc_evidence *evidence, const char *path)
{
	for (uint32_t i = 0; i < evidence->domain_count; i++)
		if (evidence->domains[i].path == path || !strcmp(evidence->domains[i].path, path))
			return i;
	return NO_DOMAIN;
}

uint32_t evidence_domain_add(struct ioc_evidence *evidence, const char *path)
{
	uint32_t index = evidence_domain(evidence, path);
	if (index != NO_DOMAIN)
		return index;
	const char *parent = domain_parent(path);
	uint32_t parent_index = parent ? evidence_domain_add(evidence, parent) : NO_DOMAIN;
	if (evidence->domain_count == DOMAINS_MAX)
		return NO_DOMAIN;
	evidence->domains[evidence->domain_count] =
		(struct domain){ .path = path, .parent = parent_index };
	return evidence->domain_count++;
}

uint32_t ioc_evidence_entity(struct ioc_evidence *evidence, const char *path, uint32_t parent,
	uint64_t link, uint64_t mark)
{
	uint32_t index = evidence_domain_add(evidence, path);
	if (index == NO_DOMAIN)
		return 0;
	struct domain *domain = &evidence->domains[index];
	if (!vector_grow(&domain->entities, sizeof(struct entity)) ||
		domain->entities.count >= ENTITIES_MAX) {
		fail(evidence,
			ei_fail(EI_E_LIMIT, "more than %d entities of '%s'", ENTITIES_MAX, path));
		return 0;
	}
	domain->linked |= link != IOC_NO_LINK;
	evidence->sorted = false;
	((struct entity *)domain->entities.items)[domain->entities.count] =
		(struct entity){ link, mark, parent };
	return (uint32_t)domain->entities.count++;
}

void ioc_evidence_partial(struct ioc_evidence *evidence, const char *path, uint32_t parent)
{
	uint32_t index = evidence_domain_add(evidence, path);
	if (index != NO_DOMAIN && !bits_set(&evidence->domains[index].partial, parent))
		fail(evidence, no_memory());
}

void ioc_evidence_volume(struct ioc_evidence *evidence, const char *device, char letter)
{
	struct volumes *volumes = &evidence->volumes;
	if (volumes->count == VOLUMES_MAX)
		return;
	struct volume *volume = &volumes->items[volumes->count++];
	snprintf(volume->device, sizeof volume->device, "%s", device);
	volume->letter = (char)toupper((unsigned char)letter);
}

void ioc_evidence_control_set(struct ioc_evidence *evidence, unsigned number)
{
	evidence->volumes.control_set = number;
}

// ---- answers --------------------------------------------------------------------------------
static void answers(struct ioc_evidence *evidence, uint32_t term, unsigned depth)
{
	evidence->terms[term].answered = true;
	evidence->terms[term].rest_made = false;
	evidence->sorted = false;
	uint32_t derived = evidence->program->terms[term].first_derived;
	for (; derived != NO_TERM && depth;
		derived = evidence->program->terms[derived].next_derived)
		answers(evidence, derived, depth - 1);
}

void ioc_evidence_answers(struct ioc_evidence *evidence, const char *name, bool all)
{
	const struct ioc_term *term = term_find(evidence->program->set, name);
	if (!term)
		return;
	answers(evidence, term->index, 4);
	uint32_t domain = evidence_domain_add(evidence, term->domain);
	if (domain == NO_DOMAIN)
		return;
	evidence->domains[domain].seen = true;
	evidence->domains[domain].all |= all;
}

// ---- hits -----------------------------------------------------------------------------------
static void hit_add(struct ioc_evidence *evidence, const struct ioc_hit *hit)
{
	struct vector *hits = &evidence->hits;
	struct atom_state *state = &evidence->atoms[hit->atom];
	// The same value in several spellings: the best of them counts.
	struct ioc_hit *last = hits->count ? (struct ioc_hit *)hits->items + hits->count - 1 : NULL;
	if (last && last->atom == hit->atom && last->entity == hit->entity) {
		last->maybe &= hit->maybe;
		last->approximate &= hit->approximate;
		last->device &= hit->device;
		return;
	}
	if (hits->count >= IOC_HITS_MAX) {
		state->dropped = true;
		return;
	}
	if (!vector_grow(hits, sizeof *hit)) {
		fail(evidence, no_memory());
		return;
	}
	((struct ioc_hit *)hits->items)[hits->count++] = *hit;
	evidence->sorted = false;
}

void ioc_evidence_hit(struct ioc_evidence *evidence, uint32_t atom, uint32_t entity, uint64_t mark)
{
	struct ioc_hit hit = { .atom = atom, .entity = entity, .mark = mark };
	if (atom < evidence->program->atom_count)
		hit_add(evidence, &hit);
}

size_t ioc_evidence_hit_count(const struct ioc_evidence *evidence)
{
	return evidence->hits.count;
}

struct taking {
	struct ioc_evidence *evidence;
	uint32_t entity;
	uint64_t mark;
};

static void take_match(void *context, const struct match *match)
{
	const struct taking *taking = context;
	struct ioc_hit hit = {
		.atom = match->atom,
		.entity = taking->entity,
		.mark = taking->mark,
		.maybe = match->maybe,
		.approximate = match->approximate,
		.device = match->device,
	};
	hit_add(taking->evidence, &hit);
}

static struct matcher *matcher_of(struct ioc_evidence *evidence, const struct ioc_term *term)
{
	struct term_state *state = &evidence->terms[term->index];
	if (!state->matcher) {
		ei_error *error = matcher_create(evidence->program, term, &state->matcher);
		if (error)
			fail(evidence, error);
	}
	return state->matcher;
}

static void atoms_value(struct ioc_evidence *evidence, const struct ioc_term *term,
	const struct taking *taking, const struct candidate *candidate)
{
	struct term_state *state = &evidence->terms[term->index];
	bool has = ei_has(candidate->value), none = candidate->value.state == EI_NONE;
	bool kept = bits_set(&state->given, taking->entity) &&
		    (has || none || bits_set(&state->unknown, taking->entity));
	state->rest_made = false;
	evidence->sorted = false;
	if (!kept)
		fail(evidence, no_memory());
	struct matcher *matcher = has ? matcher_of(evidence, term) : NULL;
	if (matcher)
		matcher_run(matcher, candidate, take_match, (void *)taking);
}

// One term, and those that are parts of its values.
static void term_value(struct ioc_evidence *evidence, const struct ioc_term *term,
	const struct taking *taking, const struct candidate *candidate, unsigned depth)
{
	const struct ioc_program *program = evidence->program;
	if (program->terms[term->index].first_atom != IOC_NO_ATOM)
		atoms_value(evidence, term, taking, candidate);
	uint32_t derived = program->terms[term->index].first_derived;
	for (; derived != NO_TERM && depth; derived = program->terms[derived].next_derived) {
		const struct ioc_term *part = ioc_set_term(program->set, derived);
		struct candidate inner = *candidate;
		if (part->part != IOC_WHOLE)
			inner.part = part->part;
		term_value(evidence, part, taking, &inner, depth - 1);
	}
}

static void value_add(
	struct ioc_evidence *evidence, const char *name, uint32_t entity, ei_val value, bool cut)
{
	const struct ioc_term *term = term_find(evidence->program->set, name);
	if (!term || evidence->failure)
		return;
	uint32_t domain = evidence_domain(evidence, term->domain);
	if (domain == NO_DOMAIN || entity >= evidence->domains[domain].entities.count)
		return;
	const struct entity *entities = evidence->domains[domain].entities.items;
	struct taking taking = { evidence, entity, entities[entity].mark };
	struct candidate candidate = { value, term->type, IOC_WHOLE, cut, &evidence->volumes };
	term_value(evidence, term, &taking, &candidate, 4);
}

void ioc_evidence_value(
	struct ioc_evidence *evidence, const char *term, uint32_t entity, ei_val value)
{
	value_add(evidence, term, entity, value, false);
}

void ioc_evidence_cut_value(
	struct ioc_evidence *evidence, const char *term, uint32_t entity, ei_val value)
{
	value_add(evidence, term, entity, value, true);
}

// ---- in order -------------------------------------------------------------------------------
static int by_atom(const void *a, const void *b)
{
	const struct ioc_hit *x = a, *y = b;
	if (x->atom != y->atom)
		return x->atom < y->atom ? -1 : 1;
	if (x->entity != y->entity)
		return x->entity < y->entity ? -1 : 1;
	return x->maybe - y->maybe;
}

// Hits by atom and entity, the best of each.
void evidence_sort(struct ioc_evidence *evidence)
{
	struct ioc_hit *hits = evidence->hits.items;
	size_t kept = 0;
	if (evidence->sorted)
		return;
	if (evidence->hits.count)
		qsort(hits, evidence->hits.count, sizeof *hits, by_atom);
	for (size_t i = 0; i < evidence->hits.count; i++) {
		struct ioc_hit *last = kept ? &hits[kept - 1] : NULL;
		if (last && last->atom == hits[i].atom && last->entity == hits[i].entity) {
			last->maybe &= hits[i].maybe;
			last->approximate &= hits[i].approximate;
			last->device &= hits[i].device;
			continue;
		}
		hits[kept++] = hits[i];
	}
	evidence->hits.count = kept;
	for (uint32_t i = 0; i < evidence->program->atom_count; i++) {
		evidence->atoms[i].count = 0;
		evidence->atoms[i].set_made = false;
	}
	for (size_t i = kept; i-- > 0;) {
		evidence->atoms[hits[i].atom].first = (uint32_t)i;
		evidence->atoms[hits[i].atom].count++;
	}
	evidence->sorted = true;
}

const struct ioc_hit *ioc_hits(struct ioc_evidence *evidence, uint32_t atom, size_t *count)
{
	*count = 0;
	if (atom >= evidence->program->atom_count)
		return NULL;
	evidence_sort(evidence);
	*count = evidence->atoms[atom].count;
	const struct ioc_hit *hits = evidence->hits.items;
	return *count ? &hits[evidence->atoms[atom].first] : NULL;
}
