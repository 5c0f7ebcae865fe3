// Evidence for indicators: entities, the values that count, who was asked.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_parts.h"

#include "run/value_text.h"
#include <stdlib.h>
#include <strings.h>
#include <time.h>

static ei_error *no_memory(void)
{
	return ei_fail(EI_E_NOMEM, "out of memory");
}

// ---- what is asked for ----------------------------------------------------------------------
static bool is_asked(const struct evidence *evidence, const struct ioc_term *term)
{
	return ioc_atoms_of(evidence->wish.program, term->name) != IOC_NO_ATOM;
}

bool evidence_wants_domain(const struct evidence *evidence, const char *domain)
{
	const struct ioc_set *set = evidence->wish.set;
	size_t length = strlen(domain);
	for (size_t i = 0; i < ioc_set_term_count(set); i++) {
		const struct ioc_term *term = ioc_set_term(set, i);
		if (!strncasecmp(term->domain, domain, length) &&
			(!term->domain[length] || term->domain[length] == '/') &&
			is_asked(evidence, term))
			return true;
	}
	return false;
}

const struct ioc_term *evidence_term(const struct evidence *evidence, const char *name)
{
	const struct ioc_set *set = evidence->wish.set;
	for (size_t i = 0; i < ioc_set_term_count(set); i++)
		if (!strcasecmp(ioc_set_term(set, i)->name, name))
			return ioc_set_term(set, i);
	return NULL;
}

bool evidence_asks(const struct evidence *evidence, const char *term)
{
	return ioc_wants(evidence->wish.program, term);
}

// ---- entities -------------------------------------------------------------------------------
static bool holders_grow(struct evidence *evidence)
{
	if (evidence->holder_count < evidence->holder_room)
		return true;
	size_t room = evidence->holder_room ? evidence->holder_room * 2 : 1024;
	struct holder *more =
		room > HOLDERS_MAX ? NULL : realloc(evidence->holders, room * sizeof *more);
	if (!more)
		return false;
	evidence->holders = more;
	evidence->holder_room = room;
	return true;
}

struct known evidence_new(struct evidence *evidence, const char *domain, uint32_t parent,
	uint64_t link, const struct holder *holder)
{
	struct known known = { 0, 0 };
	if (!holders_grow(evidence)) {
		evidence->no_memory = true;
		return known;
	}
	known.holder = (uint32_t)evidence->holder_count++;
	evidence->holders[known.holder] = *holder;
	evidence->holders[known.holder].domain = domain;
	known.entity = ioc_evidence_entity(evidence->logic, domain, parent, link, known.holder);
	return known;
}

static uint32_t domain_number(struct evidence *evidence, const char *domain)
{
	for (uint32_t i = 0; i < evidence->domain_count; i++)
		if (!strcasecmp(evidence->domains[i], domain))
			return i + 1;
	if (evidence->domain_count == ARRAY_LENGTH(evidence->domains))
		return 0;
	evidence->domains[evidence->domain_count++] = domain;
	return (uint32_t)evidence->domain_count;
}

static uint64_t slot_hash(uint32_t domain, uint64_t key0, uint64_t key1)
{
	uint64_t hash = (key0 + domain) * UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 29;
	hash = (hash + key1) * UINT64_C(0xbf58476d1ce4e5b9);
	return hash ^ hash >> 32;
}

static struct entity_slot *slot_of(
	const struct entity_slot *slots, size_t room, uint32_t domain, uint64_t key0, uint64_t key1)
{
	size_t at = slot_hash(domain, key0, key1) & (room - 1);
	for (;; at = (at + 1) & (room - 1)) {
		const struct entity_slot *slot = &slots[at];
		if (!slot->domain ||
			(slot->domain == domain && slot->key[0] == key0 && slot->key[1] == key1))
			return (struct entity_slot *)slot;
	}
}

static bool slots_grow(struct evidence *evidence)
{
	if (evidence->slot_count * 2 < evidence->slot_room)
		return true;
	size_t room = evidence->slot_room ? evidence->slot_room * 2 : 4096;
	struct entity_slot *slots = calloc(room, sizeof *slots);
	if (!slots)
		return false;
	for (size_t i = 0; i < evidence->slot_room; i++) {
		const struct entity_slot *old = &evidence->slots[i];
		if (old->domain)
			*slot_of(slots, room, old->domain, old->key[0], old->key[1]) = *old;
	}
	free(evidence->slots);
	evidence->slots = slots;
	evidence->slot_room = room;
	return true;
}

struct entity_slot *evidence_slot(
	struct evidence *evidence, const char *domain, uint64_t key0, uint64_t key1)
{
	uint32_t number = domain_number(evidence, domain);
	if (!number || !slots_grow(evidence)) {
		evidence->no_memory = true;
		return NULL;
	}
	return slot_of(evidence->slots, evidence->slot_room, number, key0, key1);
}

void evidence_keep(struct evidence *evidence, struct entity_slot *slot, const char *domain,
	uint64_t key0, uint64_t key1, struct known known)
{
	*slot = (struct entity_slot){
		.key = { key0, key1 },
		.domain = domain_number(evidence, domain),
		.entity = known.entity,
		.holder = known.holder,
	};
	evidence->slot_count++;
}

struct known evidence_same(struct evidence *evidence, struct entity_key same, uint32_t parent,
	uint64_t link, const struct holder *holder)
{
	uint64_t key0 = same.key[0], key1 = same.key[1];
	struct entity_slot *slot = evidence_slot(evidence, same.domain, key0, key1);
	if (!slot)
		return (struct known){ UINT32_MAX, UINT32_MAX };
	if (slot->domain)
		return (struct known){ slot->entity, slot->holder };
	struct known known = evidence_new(evidence, same.domain, parent, link, holder);
	evidence_keep(evidence, slot, same.domain, key0, key1, known);
	return known;
}

struct known evidence_process(struct evidence *evidence, uint64_t pid, const char *source)
{
	static const char domain[] = "ProcessItem";
	struct entity_slot *slot = evidence_slot(evidence, domain, pid, 0);
	if (!slot)
		return (struct known){ 0, 0 };
	if (slot->domain)
		return (struct known){ slot->entity, slot->holder };
	struct holder holder = { .source = source, .pid = pid };
	struct known known = evidence_new(evidence, domain, IOC_ROOT, pid, &holder);
	evidence_keep(evidence, slot, domain, pid, 0, known);
	return known;
}

// ---- values ---------------------------------------------------------------------------------
static const char *where_keep(struct evidence *evidence, const struct place *place)
{
	if (place->where)
		return arena_text(evidence->arena, place->where, strlen(place->where));
	if (!ei_has(place->label) || place->label.kind != EI_STR || !place->label.length)
		return NULL;
	return arena_text(evidence->arena, place->label.s,
		MIN((size_t)place->label.length, (size_t)FACT_VALUE_MAX));
}

void evidence_fact(struct evidence *evidence, uint32_t holder, const char *term, const char *value,
	size_t length, const struct place *place)
{
	const struct fact **end = &evidence->holders[holder].facts;
	length = MIN(length, (size_t)FACT_VALUE_MAX);
	for (size_t i = 0; *end; end = (const struct fact **)&(*end)->next)
		if (++i == FACTS_MAX || ((*end)->term == term && (*end)->length == length &&
						!memcmp((*end)->value, value, length)))
			return;
	struct fact *fact = ei_alloc(evidence->arena, sizeof *fact);
	char *text = fact ? arena_text(evidence->arena, value, length) : NULL;
	if (!text)
		return;
	*fact = (struct fact){ .term = term,
		.value = text,
		.length = (uint32_t)length,
		.source =
			place && place->source ? place->source : evidence->holders[holder].source };
	if (place) {
		fact->has_address = place->has_address;
		fact->address = place->address;
		fact->where = where_keep(evidence, place);
	}
	*end = fact;
}

static void value_fact(struct evidence *evidence, const char *term, struct known known,
	ei_val value, const struct place *place)
{
	const struct table table = { .address_mask = UINT64_MAX };
	const ei_column column = { .kind = EI_ANY };
	struct text text;
	text_init(&text, 64 << 10);
	value_text(&text, &table, &column, value);
	evidence_fact(evidence, known.holder, term, text.data ? text.data : "", text.length, place);
	text_deinit(&text);
}

// What no condition is true of leaves no trace: there is too much of it.
void evidence_value(struct evidence *evidence, const char *term, struct known known, ei_val value,
	const struct place *place)
{
	size_t before = ioc_evidence_hit_count(evidence->logic);
	ioc_evidence_value(evidence->logic, term, known.entity, value);
	if (ioc_evidence_hit_count(evidence->logic) != before)
		value_fact(evidence, term, known, value, place);
}

void evidence_cut_value(
	struct evidence *evidence, const char *term, struct known known, ei_val value)
{
	size_t before = ioc_evidence_hit_count(evidence->logic);
	ioc_evidence_cut_value(evidence->logic, term, known.entity, value);
	if (ioc_evidence_hit_count(evidence->logic) != before)
		value_fact(evidence, term, known, value, NULL);
}

// ---- sources --------------------------------------------------------------------------------
uint64_t evidence_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void evidence_source_add(struct evidence *evidence, const char *name, uint64_t rows,
	const char *why, uint64_t started)
{
	if (evidence->source_count == SOURCES_MAX)
		return;
	evidence->sources[evidence->source_count++] = (struct evidence_source){
		.name = name,
		.rows = rows,
		.complete = !why,
		.why = why ? arena_text(evidence->arena, why, strlen(why)) : NULL,
		.nanoseconds = evidence_clock() - started,
	};
}

ei_error *evidence_run(const struct evidence *evidence, ei_run **out)
{
	EI_TRY(run_create(evidence->wish.session, out));
	(*out)->cancelled = evidence->wish.cancelled;
	return NULL;
}

ei_error *evidence_open(
	struct evidence *evidence, const ei_plugin *needs, uint64_t started, ei_run **out)
{
	EI_OWNED(ei_error) missing = run_check(evidence->wish.session, needs);
	if (!missing)
		return evidence_run(evidence, out);
	evidence_source_add(evidence, needs->name, 0, ei_error_text(missing), started);
	return NULL;
}

// ---- all of it ------------------------------------------------------------------------------
// Whether the session is of a system that plugins can say something of.
static ei_error *system_check(const struct evidence *evidence)
{
	const ei_plugin any = { .name = "ioc", .needs = EI_NEEDS_KERNEL };
	return run_check(evidence->wish.session, &any);
}

static ei_error *ended(const struct evidence *evidence)
{
	const bool *cancelled = evidence->wish.cancelled;
	if (cancelled && __atomic_load_n(cancelled, __ATOMIC_RELAXED))
		return ei_fail(EI_E_CANCELLED, "cancelled");
	return evidence->no_memory ? no_memory() : NULL;
}

static ei_error *gather(struct evidence *evidence)
{
	static ei_error *(*const parts[])(struct evidence *) = { evidence_texts_find,
		evidence_processes, evidence_texts_bind, evidence_plugins, evidence_programs,
		evidence_first, evidence_registry, evidence_rules };
	EI_TRY(system_check(evidence));
	evidence_plugins_plan(evidence);
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
		EI_TRY(parts[i](evidence));
		EI_TRY(ended(evidence));
	}
	return NULL;
}

ei_error *evidence_gather(const struct evidence_wish *wish, struct evidence **out)
{
	EI_OWNED(evidence) evidence = calloc(1, sizeof *evidence);
	if (!evidence)
		return no_memory();
	evidence->wish = *wish;
	EI_TRY(ei_arena_create(EVIDENCE_ARENA_MAX, &evidence->arena));
	EI_TRY(ioc_evidence_create(wish->program, &evidence->logic));
	EI_TRY(gather(evidence));
	*out = EI_GIVE(evidence);
	return NULL;
}

void evidence_drop(struct evidence *evidence)
{
	if (!evidence)
		return;
	ioc_evidence_drop(evidence->logic);
	evidence_texts_drop(evidence->texts);
	free(evidence->holders);
	free(evidence->slots);
	free(evidence->processes);
	ei_arena_drop(evidence->arena);
	free(evidence);
}

struct ioc_evidence *evidence_logic(struct evidence *evidence)
{
	return evidence->logic;
}

const struct holder *evidence_holder(const struct evidence *evidence, uint64_t mark)
{
	return mark < evidence->holder_count ? &evidence->holders[mark] : NULL;
}

size_t evidence_process_count(const struct evidence *evidence)
{
	return evidence->process_count;
}

const struct evidence_process *evidence_process_at(const struct evidence *evidence, size_t index)
{
	return &evidence->processes[index];
}

const struct evidence_process *evidence_process_of(const struct evidence *evidence, uint64_t pid)
{
	for (size_t i = 0; i < evidence->process_count; i++)
		if (evidence->processes[i].pid == pid)
			return &evidence->processes[i];
	return NULL;
}

size_t evidence_source_count(const struct evidence *evidence)
{
	return evidence->source_count;
}

const struct evidence_source *evidence_source_at(const struct evidence *evidence, size_t index)
{
	return &evidence->sources[index];
}
