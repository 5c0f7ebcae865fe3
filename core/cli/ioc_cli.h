// eidetic ioc: what its parts share.
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_IOC_CLI_H
#define CLI_IOC_CLI_H

#include "cli/cli.h"
#include "run/evidence.h"

// ---- words ----------------------------------------------------------------------------------
// Values of an option that takes all words up to the next one. Borrowed from the arguments.
struct words {
	const char **items;
	size_t count;
};

enum word_kind { WORD_FLAG, WORD_TEXT, WORD_LIST };

struct word_option {
	const char *name; // "ioc", without the dashes
	enum word_kind kind;
	void *at; // bool, const char *, struct words
};

// Reads what stands behind `ioc NAME`. Words that belong to no option go to the first one of the
// table, which is a list. Into `arena`. EI_E_USAGE.
EI_CHECKED ei_error *words_take(const struct global *global, ei_arena *arena,
	const struct word_option *options, size_t count);

// Makes the folder of -o where there is none, so that one that cannot be written is found before
// any work is done. EI_E_USAGE without -o, with `want` as what to say.
EI_CHECKED ei_error *output_folder_make(const struct global *global, const char *want);

// ---- matching -------------------------------------------------------------------------------
// What an image is, as `info` says it.
struct image_identity {
	struct identity_pair {
		const char *variable, *value;
	} * pairs;
	size_t count;
	uint64_t file_bytes;
	char sha256[SHA256_TEXT]; // "": --hash was not given
};

// Strings into `arena`. EI_E_CANCELLED, EI_E_IO, EI_E_NOMEM.
EI_CHECKED ei_error *identity_ask(const struct global *global, const struct session *session,
	const struct plugin_set *plugins, ei_arena *arena, struct image_identity *out);
const char *identity_of(const struct image_identity *identity, const char *variable); // or ""

// One image with what was found in it.
struct matched_image {
	const char *path;
	struct image_identity identity; // if it was wished for
	struct evidence *evidence;      // NULL: it could not be read, for `failure`
	ei_error *failure;
	struct ioc_verdict *verdicts; // by number of the indicator
	size_t by_truth[3];           // indicators
	uint64_t weight;              // how much speaks against it
};

struct matched {
	struct ioc_set *set;
	struct ioc_program *program;
	ei_arena *arena;
	struct matched_image *images; // as given
	size_t image_count;
	size_t *ranking; // numbers of images, the most suspicious first
	size_t **orders; // by image: numbers of indicators, hits first
};

struct match_wish {
	struct words iocs;
	struct words images; // to these are added those of -f
	bool recover;
	bool identify; // say what each image is
};

// Reads indicators, opens every image, gathers evidence and evaluates. An image that cannot be read
// is only an error if it is the only one.
EI_CHECKED ei_error *match_all(const struct global *global, const struct plugin_set *plugins,
	const struct match_wish *wish, struct matched **out);
void matched_drop(struct matched *matched); // NULL is allowed
EI_OWNER(matched, matched_drop);

// The value of a condition, for people: its end is the leaf's.
const char *leaf_value(const struct ioc_leaf *leaf);

// "ProcessItem/name is not a.exe"
void leaf_describe(struct text *out, const struct ioc_leaf *leaf);

// What people are to see of a node: a group of one is what is in it. `group` becomes the innermost
// AND that was passed over.
const struct ioc_node *node_seen(const struct ioc_node *node, const struct ioc_node **group);

// The facts that make a leaf true, one a call: those of entities that the rest of `group`, the AND
// that the leaf is in, is true of, too. NULL: it is in none. `at` starts as { 0 }.
struct leaf_facts {
	size_t hit;
	const struct fact *fact;
	bool any; // of all entities
};
struct leaf_fact {
	const struct holder *holder;
	const struct fact *fact; // NULL: the value was not kept
	bool approximate;
};
bool leaf_fact_next(const struct matched_image *image, const struct ioc_node *group,
	const struct ioc_leaf *leaf, struct leaf_facts *at, struct leaf_fact *out);

// Why an indicator is not decided: terms that nobody answers, and why.
void unknown_describe(
	struct text *out, const struct ioc_indicator *indicator, const struct ioc_verdict *verdict);

// Whether people are to read it on a terminal: no renderer, no choice of rows or columns was asked
// for. Then match_draw() shows it on stdout; `incomplete`: why not all of it could be done, or
// NULL.
bool match_is_drawn(const struct global *global);
void match_draw(const struct global *global, const struct matched *matched, bool all,
	const char *incomplete);

// Writes the page of `-r html -o DIR`; its path into `out`.
EI_CHECKED ei_error *match_report(
	const struct global *global, const struct matched *matched, struct text *out);

// ---- the parts ------------------------------------------------------------------------------
EI_CHECKED ei_error *ioc_match(
	const struct global *global, const struct plugin_set *plugins, enum exit_status *status);
EI_CHECKED ei_error *ioc_new(
	const struct global *global, const struct plugin_set *plugins, enum exit_status *status);
EI_CHECKED ei_error *ioc_collect(
	const struct global *global, const struct plugin_set *plugins, enum exit_status *status);
EI_CHECKED ei_error *ioc_refine(
	const struct global *global, const struct plugin_set *plugins, enum exit_status *status);

#endif
