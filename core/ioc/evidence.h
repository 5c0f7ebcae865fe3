// Evidence as it is kept: domains with their entities, hits, what is not known.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_EVIDENCE_H
#define IOC_EVIDENCE_H

#include "ioc/kset.h"
#include "ioc/matcher.h"

enum { DOMAINS_MAX = 512, ENTITIES_MAX = 1 << 26 };
enum { NO_DOMAIN = UINT32_MAX };

struct entity {
	uint64_t link, mark;
	uint32_t parent; // in the parent domain; IOC_ROOT
};

struct domain {
	const char *path;
	uint32_t parent; // NO_DOMAIN
	bool seen;       // somebody gives its entities
	bool all;        // all of them that there are
	bool linked;
	struct vector entities; // struct entity
	struct bits partial;    // entities of the parent whose items are not all here
};

struct term_state {
	bool answered;
	struct matcher *matcher;    // made when the first value comes
	struct bits given, unknown; // entities that have a value or none; whose value is unknown
	struct kset rest;           // what entities without a hit are; made when it is first asked
	bool rest_made;
};

struct atom_state {
	uint32_t first, count; // of the sorted hits
	bool dropped;          // some hits were too many
	bool set_made;
	struct kset set; // of its entities, of an atom that has many; for as long as `rest` holds
};

struct ioc_evidence {
	const struct ioc_program *program;
	struct domain domains[DOMAINS_MAX];
	uint32_t domain_count;
	struct term_state *terms; // by the term's index
	size_t term_count;
	struct atom_state *atoms;
	struct vector hits; // struct ioc_hit
	bool sorted;
	struct volumes volumes;
	ei_arena *arena; // of what is made once evidence is complete
	ei_error *failure;
};

// NO_DOMAIN: there is no room for another.
uint32_t evidence_domain_add(struct ioc_evidence *evidence, const char *path);
uint32_t evidence_domain(const struct ioc_evidence *evidence, const char *path);
void evidence_sort(struct ioc_evidence *evidence);

static inline const struct entity *domain_entities(const struct domain *domain)
{
	return domain->entities.items;
}

static inline uint32_t domain_size(const struct domain *domain)
{
	return (uint32_t)domain->entities.count;
}

#endif
