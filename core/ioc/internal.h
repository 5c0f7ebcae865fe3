// What the readers share: a file being read, and the trees that come out of it.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_INTERNAL_H
#define IOC_INTERNAL_H

#include "ioc/ioc.h"

enum { SET_ARENA_MAX = 2000 << 20, TERMS_ARENA_MAX = 64 << 20 };

// A growing array of pointers or structs; `item` is the size of one.
struct vector {
	void *items;
	size_t count, room;
};
bool vector_grow(struct vector *vector, size_t item); // room for one more; false: no memory

struct ioc_set {
	struct ioc_read_wish wish;
	ei_arena *arena;      // of what files say; what a broken file said is taken back
	ei_arena *term_arena; // terms stay
	struct vector indicators, notes, files, rules, terms; // pointers; notes and files: structs
	const struct ioc_term **term_slots;
	size_t term_room;
	uint64_t nodes;
	unsigned folders; // that are being read, within each other
};

// ---- terms ----------------------------------------------------------------------------------
EI_CHECKED ei_error *terms_init(struct ioc_set *set); // all terms of the table

// By name, whatever its case; a new one is made of a name that is not listed. NULL: there are
// TERMS_MAX already, or there is no memory.
enum { TERMS_MAX = 8192 };
const struct ioc_term *term_get(struct ioc_set *set, const char *name, size_t length);
const struct ioc_term *term_find(const struct ioc_set *set, const char *name);

// The domain that an item of a list belongs to, or NULL: "ProcessItem/HandleList/Handle" is in
// "ProcessItem". Static text.
const char *domain_parent(const char *domain);

// A bit for each domain that has a parent, so that sets of them are numbers; 0 for others.
uint64_t domain_bit(const char *domain);

// ---- a file being read ----------------------------------------------------------------------
// What fails is kept in `failure`, and what is built after that goes into `scrap`: readers build
// without looking and stop when it suits them.
struct reading {
	struct ioc_set *set;
	ei_arena *arena; // the set's
	const char *file;
	enum ioc_format format;
	uint32_t line; // of what is being read; 0: not known
	ei_error *failure;
	struct ioc_indicator *indicator; // being built
	struct ioc_node scrap;
	struct ioc_indicator scrap_indicator;
	size_t notes, dropped_notes;
};

// The first failure stays.
void reading_fail(struct reading *reading, ei_error *error);
bool reading_stopped(struct reading *reading); // failed or cancelled
void reading_note(struct reading *reading, uint32_t line, const char *format, ...) EI_PRINTF(3, 4);
const char *reading_text(struct reading *reading, const char *bytes, size_t length);

// Begins an indicator. Texts are copied; NULL is "". It counts when indicator_end() has been called
// and there is a leaf in it.
struct ioc_indicator *indicator_begin(
	struct reading *reading, const char *id, const char *name, const char *description);
bool indicator_end(struct reading *reading);
void indicator_discard(struct reading *reading);

// `parent` NULL: the root. Never NULL. Trees deeper than IOC_DEPTH_MAX fail.
struct ioc_node *node_add(struct reading *reading, struct ioc_node *parent, enum ioc_kind kind);
void param_add(struct reading *reading, const struct ioc_param **list, const char *name,
	const char *value);

struct leaf_wish {
	const char *term;
	enum ioc_condition condition;
	const char *value;
	size_t length;
	bool case_sensitive, negated;
};
struct ioc_node *leaf_add(
	struct reading *reading, struct ioc_node *parent, const struct leaf_wish *wish);

// "is", without regard to case.
struct ioc_node *leaf_is(struct reading *reading, struct ioc_node *parent, const char *term,
	const char *value, size_t length);

// "a|b": several digests in one value. Any of them is meant, negated none of them: they become a
// group. What OpenIOC 1.0 excludes stays beside what it is excluded from.
bool is_digest_list(const char *text);
struct ioc_node *digests_add(struct reading *reading, struct ioc_node *parent,
	const struct leaf_wish *wish, bool exclusion);

// A leaf that cannot be asked, with why.
struct ioc_node *leaf_unsupported(
	struct reading *reading, struct ioc_node *parent, const char *what, const char *why);

// A pattern with '*' and '?' (Sigma), or '%' and '_' (STIX), as the condition that says the same.
// `escape`: the character that takes away their meaning, or 0.
struct wildcard {
	char any, one, escape;
};
void wildcard_leaf(struct reading *reading, struct leaf_wish *wish, struct wildcard style,
	const char *pattern, size_t length);

// ---- formats --------------------------------------------------------------------------------
// Text is NUL-terminated at text[length], in UTF-8 or what passes for it, without byte order mark.
// Readers of JSON clobber it.
ei_error *openioc_read(struct reading *reading, const char *text, size_t length);
ei_error *json_read(struct reading *reading, char *text, size_t length); // STIX, MISP
ei_error *csv_read(struct reading *reading, char *text, size_t length);
ei_error *list_read(struct reading *reading, char *text, size_t length);
ei_error *loki_read(struct reading *reading, char *text, size_t length);
ei_error *yara_read(struct reading *reading, const char *text, size_t length);
ei_error *sigma_read(struct reading *reading, const char *text, size_t length);

// Parts of json_read().
struct tree;
bool stix_claims(const struct tree *root);
ei_error *stix_read(struct reading *reading, const struct tree *root);
bool misp_claims(const struct tree *root);
ei_error *misp_read(struct reading *reading, const struct tree *root);
bool misp_is_manifest(const struct tree *root);

// A STIX pattern below `parent`; false, with a note, for one that cannot be read.
bool stix_pattern(struct reading *reading, struct ioc_node *parent, const char *pattern);

// ---- observables: values that say by their form what they are -----------------------------------
enum observable {
	OBSERVABLE_NONE,
	OBSERVABLE_MD5,
	OBSERVABLE_SHA1,
	OBSERVABLE_SHA256,
	OBSERVABLE_IP,
	OBSERVABLE_URL,
	OBSERVABLE_EMAIL,
	OBSERVABLE_DOMAIN,
	OBSERVABLE_KEY,
	OBSERVABLE_PATH,
	OBSERVABLE_FILE,
	OBSERVABLE_MUTEX,
	OBSERVABLE_PIPE,
	OBSERVABLE_SERVICE,
	OBSERVABLE_AGENT,
	OBSERVABLE_COMMAND,
	OBSERVABLE_PDB,
	OBSERVABLE_PROCESS,
	OBSERVABLE_TASK,
	OBSERVABLE_IMPHASH,
	OBSERVABLE_TEXT, // to be looked for as it is
	OBSERVABLES,
};

// Undoes "hxxp", "[.]", "(dot)", "[:]", "[@]" in place; returns the new length.
size_t refang(char *text, size_t length);
enum observable observable_guess(const char *text, size_t length);
enum observable observable_named(const char *name); // "sha256", "FQDN", "ip-dst"; NONE

// The leaf or small tree that asks for it.
void observable_add(struct reading *reading, struct ioc_node *parent, enum observable kind,
	const char *value, size_t length);

// ---- text -----------------------------------------------------------------------------------
// One more line of [*at, end): false after the last. Without its line break.
bool line_next(char **at, char *end, char **line, size_t *length);
void trim(const char **text, size_t *length);
bool text_is(const char *text, size_t length, const char *wanted); // ASCII case does not count

// Lower case of ASCII and of the alphabets whose letters pair plainly; the length stays the same.
void fold(char *out, const char *text, size_t length);

#endif
