// Evidence being gathered: what the files that ask for it share.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_EVIDENCE_PARTS_H
#define RUN_EVIDENCE_PARTS_H

#include "run/evidence.h"

enum {
	EVIDENCE_ARENA_MAX = 1 << 30,
	HOLDERS_MAX = 1 << 26,
	SOURCES_MAX = 256,
	FACT_VALUE_MAX = 512, // bytes of a value that are kept
	FACTS_MAX = 64,       // of an entity
};

// An entity by what tells it apart: a process by its pid, a region by that and its base.
struct entity_slot {
	uint64_t key[2];
	uint32_t domain; // index of a name below, + 1; 0: the slot is free
	uint32_t entity, holder;
};

struct texts;

struct evidence {
	struct evidence_wish wish;
	struct ioc_evidence *logic;
	ei_arena *arena;
	struct holder *holders;
	size_t holder_count, holder_room;
	struct entity_slot *slots;
	size_t slot_count, slot_room;
	const char *domains[64]; // that are told apart
	size_t domain_count;
	struct evidence_process *processes;
	size_t process_count, process_room;
	struct evidence_source sources[SOURCES_MAX];
	size_t source_count;
	struct texts *texts; // what is looked for as text, until it is bound
	bool no_memory;
};

struct known {
	uint32_t entity, holder;
};

// ---- what is asked for ----------------------------------------------------------------------
bool evidence_wants_domain(const struct evidence *evidence, const char *domain); // or below it
const struct ioc_term *evidence_term(const struct evidence *evidence, const char *name);
bool evidence_asks(const struct evidence *evidence, const char *term); // ioc_wants()

// ---- entities -------------------------------------------------------------------------------
// A new one. `domain` and `source` are static text, or the set's.
struct known evidence_new(struct evidence *evidence, const char *domain, uint32_t parent,
	uint64_t link, const struct holder *holder);

// The slot of what is told apart by `key` within `domain`; a free one is for the caller to fill
// with evidence_keep(). NULL: no memory.
struct entity_slot *evidence_slot(
	struct evidence *evidence, const char *domain, uint64_t key0, uint64_t key1);
void evidence_keep(struct evidence *evidence, struct entity_slot *slot, const char *domain,
	uint64_t key0, uint64_t key1, struct known known);

// The one that is told apart by `key` within `domain`; a new one where there is none yet.
struct entity_key {
	const char *domain;
	uint64_t key[2];
};
struct known evidence_same(struct evidence *evidence, struct entity_key same, uint32_t parent,
	uint64_t link, const struct holder *holder);

// The process of a pid: one that nobody lists is made. `source` is for that.
struct known evidence_process(struct evidence *evidence, uint64_t pid, const char *source);

// The file of a path, and the driver that is mapped at an address. Sources write the volume of a
// path in different ways: it does not count. Without a path, or an address, a new one.
struct known evidence_file(struct evidence *evidence, ei_val path, const struct holder *holder);
struct known evidence_driver(struct evidence *evidence, uint64_t base, const char *source);
uint64_t evidence_path_key(ei_val path); // the same for all spellings of it; 0: there is none

// ---- values ---------------------------------------------------------------------------------
struct place {
	bool has_address;
	uint64_t address;
	const char *where;
	const char *source; // NULL: that of the entity
	ei_val label;       // text that says where, if `where` is NULL; absent: nothing does
};

void evidence_value(struct evidence *evidence, const char *term, struct known known, ei_val value,
	const struct place *place);
void evidence_cut_value(
	struct evidence *evidence, const char *term, struct known known, ei_val value);
void evidence_fact(struct evidence *evidence, uint32_t holder, const char *term, const char *value,
	size_t length, const struct place *place);

// ---- sources --------------------------------------------------------------------------------
uint64_t evidence_clock(void);
void evidence_source_add(struct evidence *evidence, const char *name, uint64_t rows,
	const char *why, uint64_t started);

// EI_E_CANCELLED and EI_E_NOMEM end all; what else keeps a source from answering is said by it.
EI_CHECKED ei_error *evidence_processes(struct evidence *evidence);
EI_CHECKED ei_error *evidence_registry(struct evidence *evidence);
EI_CHECKED ei_error *evidence_programs(struct evidence *evidence);
EI_CHECKED ei_error *evidence_first(struct evidence *evidence);
void evidence_first_plan(struct evidence *evidence);

// Texts are looked for before all else, and given to their holders when these are known.
EI_CHECKED ei_error *evidence_texts_find(struct evidence *evidence);
EI_CHECKED ei_error *evidence_texts_bind(struct evidence *evidence);
void evidence_texts_drop(struct texts *texts); // NULL is allowed

EI_CHECKED ei_error *evidence_rules(struct evidence *evidence);

// What each of them answers: the terms one by one, NULL after the last; or whether it is one.
const char *evidence_processes_say(size_t nth);
const char *evidence_registry_says(size_t nth);
const char *evidence_keys_say(size_t nth);
const char *evidence_first_says(size_t nth);
bool evidence_programs_say(const char *term);
bool evidence_texts_say(const struct ioc_term *term);

void evidence_plugins_plan(struct evidence *evidence);
EI_CHECKED ei_error *evidence_plugins(struct evidence *evidence);

// A run for work outside of a plugin.
EI_CHECKED ei_error *evidence_run(const struct evidence *evidence, ei_run **out);

// The same for a source, which is named as `needs` is. Where the image does not have what it needs,
// that is said of the source, and the run is NULL.
EI_CHECKED ei_error *evidence_open(
	struct evidence *evidence, const ei_plugin *needs, uint64_t started, ei_run **out);

#endif
