// What the parts of `ioc refine` share.
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_IOC_REFINE_H
#define CLI_IOC_REFINE_H

#include "cli/ioc_cli.h"

enum { IMAGES_MAX = 64, LISTS_MAX = 16 }; // images: a bit for each

// A value that plugins list, and in which images: a bit for each.
struct shared {
	const char *term, *value;
	uint32_t length;
	uint8_t condition;
	uint8_t listed; // which of the lists that are compared
	uint64_t images;
};

struct refining {
	const struct global *global;
	const struct plugin_set *plugins;
	const struct matched *matched;
	size_t hit_count; // images that are suspect; clean ones follow
	ei_arena *arena;
	struct listing listing;
	const struct ioc_indicator *indicator;
	struct text text, why;
	struct text changed; // of the indicator, for its lineage
	struct ioc_indicator *kept;
	const struct ioc_indicator **documents;
	size_t kept_count, changes;
	bool added; // the last that was kept is what suspects share
	struct shared *values;
	size_t value_count, value_room;
	bool unsaid[LISTS_MAX]; // lists that some clean image could not give in full
	ei_error *error;        // of what is far below
};

const char *refine_name(const struct ioc_indicator *indicator);
void refine_child_add(struct ioc_node *parent, struct ioc_node *child);

// One change, as a row; what goes wrong is in r->error.
void refine_change(struct refining *r, const char *change, const char *what, const char *why);

// ---- ioc_refine_shared.c ----------------------------------------------------------------------
// Looks for what all suspects have and no clean image; `add`: it becomes an indicator more.
EI_CHECKED ei_error *refine_share(struct refining *r, bool add);

#endif
