// Sets of indicators: what readers build, kept until the set is dropped.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/internal.h"

#include <stdarg.h>

bool vector_grow(struct vector *vector, size_t item)
{
	if (vector->count < vector->room)
		return true;
	size_t room = vector->room ? vector->room * 2 : 64;
	void *items = reallocarray(vector->items, room, item);
	if (!items)
		return false;
	vector->items = items;
	vector->room = room;
	return true;
}

ei_error *ioc_set_create(const struct ioc_read_wish *wish, struct ioc_set **out)
{
	EI_OWNED(ioc_set) set = calloc(1, sizeof *set);
	if (!set)
		return ei_fail(EI_E_NOMEM, "out of memory");
	if (wish)
		set->wish = *wish;
	EI_TRY(ei_arena_create(SET_ARENA_MAX, &set->arena));
	EI_TRY(ei_arena_create(TERMS_ARENA_MAX, &set->term_arena));
	EI_TRY(terms_init(set));
	*out = EI_GIVE(set);
	return NULL;
}

void ioc_set_drop(struct ioc_set *set)
{
	if (!set)
		return;
	free(set->indicators.items);
	free(set->notes.items);
	free(set->files.items);
	free(set->rules.items);
	free(set->terms.items);
	free(set->term_slots);
	ei_arena_drop(set->term_arena);
	ei_arena_drop(set->arena);
	free(set);
}

// ---- questions ------------------------------------------------------------------------------
size_t ioc_set_count(const struct ioc_set *set)
{
	return set->indicators.count;
}

const struct ioc_indicator *ioc_set_at(const struct ioc_set *set, size_t index)
{
	return ((struct ioc_indicator **)set->indicators.items)[index];
}

size_t ioc_set_term_count(const struct ioc_set *set)
{
	return set->terms.count;
}

const struct ioc_term *ioc_set_term(const struct ioc_set *set, size_t index)
{
	return ((const struct ioc_term **)set->terms.items)[index];
}

size_t ioc_set_file_count(const struct ioc_set *set)
{
	return set->files.count;
}

const struct ioc_file *ioc_set_file(const struct ioc_set *set, size_t index)
{
	return (const struct ioc_file *)set->files.items + index;
}

size_t ioc_set_note_count(const struct ioc_set *set)
{
	return set->notes.count;
}

const struct ioc_note *ioc_set_note(const struct ioc_set *set, size_t index)
{
	return (const struct ioc_note *)set->notes.items + index;
}

size_t ioc_set_rules_count(const struct ioc_set *set)
{
	return set->rules.count;
}

const struct ioc_rules *ioc_set_rules(const struct ioc_set *set, size_t index)
{
	return (const struct ioc_rules *)set->rules.items + index;
}

const char *ioc_param(const struct ioc_node *node, const char *name)
{
	for (const struct ioc_param *param = node->params; param; param = param->next)
		if (!strcmp(param->name, name))
			return param->value;
	return NULL;
}

// ---- failures, notes, texts -----------------------------------------------------------------
void reading_fail(struct reading *reading, ei_error *error)
{
	if (reading->failure)
		ei_error_drop(error);
	else
		reading->failure = error;
}

bool reading_stopped(struct reading *reading)
{
	const bool *cancelled = reading->set->wish.cancelled;
	if (!reading->failure && cancelled && __atomic_load_n(cancelled, __ATOMIC_RELAXED))
		reading->failure = ei_fail(EI_E_CANCELLED, "cancelled");
	return reading->failure != NULL;
}

static void no_memory(struct reading *reading)
{
	reading_fail(reading, ei_fail(EI_E_NOMEM, "the indicators do not fit into memory"));
}

const char *reading_text(struct reading *reading, const char *bytes, size_t length)
{
	char *text = length ? arena_text(reading->arena, bytes, length) : "";
	if (!text)
		no_memory(reading);
	return text ? text : "";
}

void reading_note(struct reading *reading, uint32_t line, const char *format, ...)
{
	struct vector *notes = &reading->set->notes;
	if (reading->notes >= IOC_NOTES_MAX) {
		reading->dropped_notes++;
		return;
	}
	struct text text;
	text_init(&text, 2048);
	char *said = NULL;
	va_list args;
	va_start(args, format);
	int length = vasprintf(&said, format, args);
	va_end(args);
	if (length >= 0)
		text_add(&text, said, (size_t)length);
	free(said);
	const char *kept = reading_text(reading, text.data ? text.data : "", text.length);
	text_deinit(&text);
	if (!vector_grow(notes, sizeof(struct ioc_note)))
		return;
	((struct ioc_note *)notes->items)[notes->count++] =
		(struct ioc_note){ .file = reading->file, .line = line, .text = kept };
	reading->notes++;
}

// ---- indicators -----------------------------------------------------------------------------
static const char *copy(struct reading *reading, const char *text)
{
	return text ? reading_text(reading, text, strlen(text)) : "";
}

struct ioc_indicator *indicator_begin(
	struct reading *reading, const char *id, const char *name, const char *description)
{
	struct ioc_indicator *indicator = ei_alloc(reading->arena, sizeof *indicator);
	if (!indicator) {
		no_memory(reading);
		indicator = &reading->scrap_indicator;
	}
	*indicator = (struct ioc_indicator){
		.id = copy(reading, id),
		.name = copy(reading, name),
		.description = copy(reading, description),
		.format = reading->format,
		.file = reading->file,
		.line = reading->line,
	};
	reading->indicator = indicator;
	return indicator;
}

void indicator_discard(struct reading *reading)
{
	reading->indicator = NULL;
}

bool indicator_end(struct reading *reading)
{
	struct ioc_indicator *indicator = reading->indicator;
	struct vector *indicators = &reading->set->indicators;
	reading->indicator = NULL;
	if (!indicator || indicator == &reading->scrap_indicator || !indicator->leaves ||
		reading->failure)
		return false;
	if (!vector_grow(indicators, sizeof(void *))) {
		no_memory(reading);
		return false;
	}
	((struct ioc_indicator **)indicators->items)[indicators->count++] = indicator;
	return true;
}

// ---- nodes ----------------------------------------------------------------------------------
// How deep a node is, kept where a node has no use for it while it is built: in its leaf.
static uint32_t *depth_of(struct ioc_node *node)
{
	return &node->leaf.atom;
}

static struct ioc_node *scrap_node(struct reading *reading, enum ioc_kind kind)
{
	reading->scrap = (struct ioc_node){ .kind = kind };
	return &reading->scrap;
}

struct ioc_node *node_add(struct reading *reading, struct ioc_node *parent, enum ioc_kind kind)
{
	struct ioc_indicator *indicator = reading->indicator;
	if (reading->failure || !indicator || parent == &reading->scrap)
		return scrap_node(reading, kind);
	if (parent && *depth_of(parent) + 1 >= IOC_DEPTH_MAX)
		reading_fail(
			reading, ei_fail(EI_E_LIMIT,
					 "line %u: more than %d conditions are within each other",
					 reading->line, IOC_DEPTH_MAX));
	else if (reading->set->nodes >= IOC_NODES_MAX)
		reading_fail(
			reading, ei_fail(EI_E_LIMIT, "more than %d conditions", IOC_NODES_MAX));
	struct ioc_node *node = reading->failure ? NULL : ei_alloc(reading->arena, sizeof *node);
	if (!node) {
		no_memory(reading);
		return scrap_node(reading, kind);
	}
	reading->set->nodes++;
	*node = (struct ioc_node){
		.kind = kind,
		.index = indicator->nodes++,
		.line = reading->line,
		.id = "",
	};
	*depth_of(node) = parent ? *depth_of(parent) + 1 : 0;
	indicator->leaves += kind == IOC_LEAF;
	if (!parent)
		indicator->root = node;
	else if (parent->last)
		parent->last = parent->last->next = node;
	else
		parent->first = parent->last = node;
	return node;
}

void param_add(
	struct reading *reading, const struct ioc_param **list, const char *name, const char *value)
{
	struct ioc_param *param = ei_alloc(reading->arena, sizeof *param);
	if (!param) {
		no_memory(reading);
		return;
	}
	*param = (struct ioc_param){ copy(reading, name), copy(reading, value), *list };
	*list = param;
}

struct ioc_node *leaf_add(
	struct reading *reading, struct ioc_node *parent, const struct leaf_wish *wish)
{
	struct ioc_node *node = node_add(reading, parent, IOC_LEAF);
	const struct ioc_term *term = term_get(reading->set, wish->term, strlen(wish->term));
	enum ioc_reason reason = IOC_NO_REASON;
	if (!term) {
		// The vocabulary of all dictionaries together is a fifth of what is allowed.
		reading_note(reading, reading->line,
			"'%.80s' is one term too many, at most %d are told apart", wish->term,
			TERMS_MAX);
		term = ioc_set_term(reading->set, 0);
		reason = IOC_UNSUPPORTED;
	}
	node->leaf = (struct ioc_leaf){
		.term = term,
		.condition = (uint8_t)wish->condition,
		.case_sensitive = wish->case_sensitive,
		.negated = wish->negated,
		.atom = IOC_NO_ATOM,
		.reason = (uint8_t)reason,
		.value = "",
	};
	if (wish->length > IOC_VALUE_MAX) {
		node->leaf.reason = IOC_BAD_VALUE;
		reading_note(reading, reading->line, "a value of more than %d bytes is left out",
			IOC_VALUE_MAX);
	} else {
		node->leaf.value = reading_text(reading, wish->value, wish->length);
		node->leaf.length = (uint32_t)wish->length;
	}
	return node;
}

struct ioc_node *leaf_is(struct reading *reading, struct ioc_node *parent, const char *term,
	const char *value, size_t length)
{
	struct leaf_wish wish = {
		.term = term, .condition = IOC_IS, .value = value, .length = length
	};
	return leaf_add(reading, parent, &wish);
}

struct ioc_node *leaf_unsupported(
	struct reading *reading, struct ioc_node *parent, const char *what, const char *why)
{
	struct leaf_wish wish = {
		.term = what, .condition = IOC_PRESENT, .value = "", .length = 0
	};
	struct ioc_node *node = leaf_add(reading, parent, &wish);
	node->leaf.reason = IOC_UNSUPPORTED;
	node->note = copy(reading, why);
	return node;
}
