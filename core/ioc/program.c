// Compilation: the leaves of all indicators become distinct atoms.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/program.h"

struct compiling {
	struct ioc_program *program;
	struct ioc_set *set;
	struct reading notes; // so that what is wrong is said as readers say it
	struct text folded;   // scratch
};

// ---- what a leaf compares with --------------------------------------------------------------
static bool is_ordered(enum ioc_type type)
{
	return type == IOC_NUMBER || type == IOC_TIME || type == IOC_BOOL;
}

static bool is_order(enum ioc_condition condition)
{
	return condition == IOC_GREATER || condition == IOC_LESS || condition == IOC_AT_LEAST ||
	       condition == IOC_AT_MOST;
}

static bool is_digest(enum observable kind)
{
	return kind == OBSERVABLE_MD5 || kind == OBSERVABLE_SHA1 || kind == OBSERVABLE_SHA256;
}

// The numbers that fulfil a condition; false when there are none.
static bool range_of(enum ioc_condition condition, struct range *range)
{
	switch (condition) {
	case IOC_GREATER:
		if (range->high == UINT64_MAX)
			return false;
		*range = (struct range){ range->high + 1, UINT64_MAX };
		return true;
	case IOC_LESS:
		if (!range->low)
			return false;
		*range = (struct range){ 0, range->low - 1 };
		return true;
	case IOC_AT_LEAST:
		range->high = UINT64_MAX;
		return true;
	case IOC_AT_MOST:
		range->low = 0;
		return true;
	default:
		return true;
	}
}

// What editors of the registry put around a key: "Computer\HKEY_...", a step at the end.
static void trim_key(enum ioc_condition condition, const char **value, size_t *length)
{
	static const char machine[] = "Computer\\HKEY_";
	bool begins = condition == IOC_IS || condition == IOC_STARTS;
	if (begins && *length > sizeof machine &&
		!strncasecmp(*value, machine, sizeof machine - 1)) {
		*value += sizeof "Computer\\" - 1;
		*length -= sizeof "Computer\\" - 1;
	}
	if (condition == IOC_IS && *length > 1 && (*value)[*length - 1] == '\\')
		--*length;
}

// Without what is around it where the type does not mean that.
static void trim_typed(const struct ioc_leaf *leaf, const char **value, size_t *length)
{
	enum ioc_type type = leaf->term->type;
	if (type == IOC_KEY)
		trim_key((enum ioc_condition)leaf->condition, value, length);
	else if (type != IOC_TEXT && type != IOC_PATH)
		trim(value, length);
}

static ei_error *range_kind(struct atom *atom, enum ioc_type type)
{
	struct ioc_atom *pub = &atom->pub;
	atom->kind = ATOM_RANGE;
	// A text that is compared by order is taken as a number.
	if (range_parse(
		    is_ordered(type) ? type : IOC_NUMBER, pub->value, pub->length, &atom->range) &&
		range_of(pub->condition, &atom->range))
		return NULL;
	if (type == IOC_TIME)
		return ei_fail(EI_E_FORMAT, "it is no time or range of times");
	if (type == IOC_BOOL)
		return ei_fail(EI_E_FORMAT, "it is no truth");
	return ei_fail(EI_E_FORMAT, "it is no number or range of numbers");
}

// Equality with what a type knows better than as text.
static ei_error *equal_kind(struct atom *atom, enum ioc_type type)
{
	struct ioc_atom *pub = &atom->pub;
	if (is_ordered(type))
		return range_kind(atom, type);
	if (type == IOC_ADDRESS) {
		atom->kind = ATOM_NETWORK;
		return network_parse(pub->value, pub->length, &atom->network)
			       ? NULL
			       : ei_fail(EI_E_FORMAT, "it is no address or network");
	}
	if (type == IOC_DIGEST && !is_digest(observable_guess(pub->value, pub->length)))
		return ei_fail(EI_E_FORMAT, "it is no digest");
	return NULL;
}

static ei_error *atom_kind(struct atom *atom)
{
	struct ioc_atom *pub = &atom->pub;
	enum ioc_type type = pub->term->type;
	// Parts of a YARA rule, which is asked as a whole: what they mean depends on their
	// parameters.
	if (!strncmp(pub->term->name, "Yara/", 5))
		return NULL;
	switch (pub->condition) {
	case IOC_PRESENT:
		atom->kind = ATOM_PRESENT;
		return NULL;
	case IOC_MATCHES:
		atom->kind = ATOM_REGEX;
		return regex_create(pub->value, pub->length,
			&(struct regex_wish){ .bytes = true,
				.ignore_case = !pub->case_sensitive,
				.steps = IOC_MATCH_STEPS_MAX,
				.give_ups = IOC_GIVE_UPS_MAX },
			&atom->regex);
	case IOC_IS:
		return equal_kind(atom, type);
	default:
		return is_order(pub->condition) ? range_kind(atom, type) : NULL;
	}
}

// "a\\b" is meant as "a\b" by some, and as it stands by others. A share's name begins so.
static void atom_doubled(struct ioc_program *program, struct atom *atom)
{
	const char *text = atom->folded;
	size_t length = atom->pub.length;
	if (length < 3 || !memmem(text + 1, length - 1, "\\\\", 2))
		return;
	char *out = ei_alloc(program->arena, length + 1);
	size_t size = 0;
	if (!out)
		return;
	for (size_t i = 0; i < length; i++) {
		out[size++] = text[i];
		i += text[i] == '\\' && i + 1 < length && text[i + 1] == '\\';
	}
	atom->doubled = out;
	atom->doubled_length = (uint32_t)size;
}

static bool atom_text(struct ioc_program *program, struct atom *atom, const char *folded)
{
	atom->folded = arena_text(program->arena, folded, atom->pub.length);
	if (!atom->folded)
		return false;
	if (!atom->pub.case_sensitive)
		atom_doubled(program, atom);
	return true;
}

// ---- finding the atom that asks the same ------------------------------------------------------
static uint64_t mix(uint64_t hash, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

struct question {
	const struct ioc_term *term;
	enum ioc_condition condition;
	bool case_sensitive;
	const char *value; // folded where case does not count
	size_t length;
};

static uint64_t question_hash(const struct question *question)
{
	uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), question->value, question->length);
	hash ^= (uint64_t)question->term->index << 8 | (uint64_t)question->condition << 1 |
		question->case_sensitive;
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 31;
}

// What an atom asks, in the form that questions have.
static struct question question_of(const struct atom *atom)
{
	return (struct question){ atom->pub.term, atom->pub.condition, atom->pub.case_sensitive,
		atom->folded, atom->pub.length };
}

static bool same(const struct question *a, const struct question *b)
{
	return a->term == b->term && a->condition == b->condition &&
	       a->case_sensitive == b->case_sensitive && a->length == b->length &&
	       !memcmp(a->value, b->value, a->length);
}

static uint32_t *slot_of(const struct ioc_program *program, const struct question *question)
{
	uint32_t at = (uint32_t)question_hash(question) & (program->slot_room - 1);
	for (;; at = (at + 1) & (program->slot_room - 1)) {
		uint32_t index = program->slots[at];
		if (index == IOC_NO_ATOM)
			return &program->slots[at];
		struct question other = question_of(&program->atoms[index]);
		if (same(question, &other))
			return &program->slots[at];
	}
}

static bool slots_grow(struct ioc_program *program)
{
	if (program->atom_count * 2 < program->slot_room)
		return true;
	uint32_t room = program->slot_room ? program->slot_room * 2 : 1024;
	uint32_t *slots = malloc(room * sizeof *slots);
	if (!slots)
		return false;
	memset(slots, 0xff, room * sizeof *slots);
	free(program->slots);
	program->slots = slots;
	program->slot_room = room;
	for (uint32_t i = 0; i < program->atom_count; i++) {
		struct question question = question_of(&program->atoms[i]);
		*slot_of(program, &question) = i;
	}
	return true;
}

static bool atoms_grow(struct ioc_program *program)
{
	if (program->atom_count < program->atom_room)
		return true;
	uint32_t room = program->atom_room ? program->atom_room * 2 : 256;
	struct atom *atoms = reallocarray(program->atoms, room, sizeof *atoms);
	if (!atoms)
		return false;
	program->atoms = atoms;
	program->atom_room = room;
	return true;
}

// ---- leaves ---------------------------------------------------------------------------------
static ei_error *no_memory(void)
{
	return ei_fail(EI_E_NOMEM, "the indicators do not fit into memory");
}

static ei_error *atom_new(struct compiling *compiling, const struct question *question,
	const char *value, const char *folded, uint32_t *slot)
{
	struct ioc_program *program = compiling->program;
	struct term_use *use = &program->terms[question->term->index];
	struct atom *atom = &program->atoms[program->atom_count];
	*atom = (struct atom){ .pub = {
				       .term = question->term,
				       .value = value,
				       .length = (uint32_t)question->length,
				       .condition = (uint8_t)question->condition,
				       .case_sensitive = question->case_sensitive,
				       .next = use->first_atom,
			       } };
	if (!atom_text(program, atom, folded))
		return no_memory();
	use->first_atom = *slot = program->atom_count++;
	return NULL;
}

// The newest, which turned out to make no sense.
static void atom_undo(struct ioc_program *program, uint32_t *slot)
{
	struct ioc_atom *pub = &program->atoms[--program->atom_count].pub;
	program->terms[pub->term->index].first_atom = pub->next;
	*slot = IOC_NO_ATOM;
}

static ei_error *leaf_compile(
	struct compiling *compiling, const struct ioc_indicator *indicator, struct ioc_node *node)
{
	struct ioc_program *program = compiling->program;
	struct ioc_leaf *leaf = &node->leaf;
	const char *value = leaf->value;
	size_t length = leaf->length;
	if (leaf->reason)
		return NULL;
	trim_typed(leaf, &value, &length);
	if (!length && leaf->condition != IOC_PRESENT) {
		leaf->reason = IOC_NO_VALUE;
		return NULL;
	}
	if (!slots_grow(program) || !atoms_grow(program))
		return no_memory();
	text_clear(&compiling->folded);
	text_add(&compiling->folded, value, length);
	bool exact = leaf->case_sensitive || leaf->condition == IOC_MATCHES;
	if (length && !exact)
		fold(compiling->folded.data, value, length);
	const char *folded = compiling->folded.data ? compiling->folded.data : "";
	struct question question = { leaf->term, leaf->condition, leaf->case_sensitive, folded,
		length };
	uint32_t *slot = slot_of(program, &question);
	if (*slot == IOC_NO_ATOM) {
		EI_TRY(atom_new(compiling, &question, value, folded, slot));
		EI_OWNED(ei_error) error = atom_kind(&program->atoms[program->atom_count - 1]);
		if (error) {
			atom_undo(program, slot);
			compiling->notes.file = indicator->file;
			reading_note(&compiling->notes, node->line, "'%s' %s '%.120s': %s",
				leaf->term->name, ioc_condition_name(leaf->condition), value,
				ei_error_text(error));
			leaf->reason = IOC_BAD_VALUE;
			return NULL;
		}
	}
	leaf->atom = *slot;
	return NULL;
}

static ei_error *node_compile(
	struct compiling *compiling, const struct ioc_indicator *indicator, struct ioc_node *node)
{
	if (node->kind == IOC_LEAF)
		return leaf_compile(compiling, indicator, node);
	for (struct ioc_node *child = node->first; child; child = child->next)
		EI_TRY(node_compile(compiling, indicator, child)); // IOC_DEPTH_MAX deep
	return NULL;
}

static ei_error *set_compile(struct compiling *compiling)
{
	const char *file = NULL;
	for (size_t i = 0; i < ioc_set_count(compiling->set); i++) {
		const struct ioc_indicator *indicator = ioc_set_at(compiling->set, i);
		if (indicator->file != file)
			compiling->notes.notes = 0;
		file = indicator->file;
		EI_TRY(node_compile(compiling, indicator, indicator->root));
		if (compiling->notes.failure)
			return EI_GIVE(compiling->notes.failure);
	}
	return NULL;
}

// ---- programs -------------------------------------------------------------------------------
static ei_error *terms_prepare(struct ioc_program *program)
{
	size_t count = ioc_set_term_count(program->set);
	program->terms = malloc(count * sizeof *program->terms);
	if (!program->terms)
		return no_memory();
	memset(program->terms, 0xff, count * sizeof *program->terms);
	for (uint32_t i = 0; i < count; i++) {
		const struct ioc_term *from = ioc_set_term(program->set, i)->from;
		if (!from)
			continue;
		program->terms[i].next_derived = program->terms[from->index].first_derived;
		program->terms[from->index].first_derived = i;
	}
	return NULL;
}

ei_error *ioc_compile(struct ioc_set *set, struct ioc_program **out)
{
	EI_OWNED(ioc_program) program = calloc(1, sizeof *program);
	if (!program)
		return no_memory();
	program->set = set;
	EI_TRY(ei_arena_create(SET_ARENA_MAX, &program->arena));
	EI_TRY(terms_prepare(program));
	struct compiling compiling = {
		.program = program,
		.set = set,
		.notes = { .set = set, .arena = set->arena },
	};
	text_init(&compiling.folded, IOC_VALUE_MAX + 1);
	ei_error *error = set_compile(&compiling);
	text_deinit(&compiling.folded);
	EI_TRY(error);
	*out = EI_GIVE(program);
	return NULL;
}

void ioc_program_drop(struct ioc_program *program)
{
	if (!program)
		return;
	for (uint32_t i = 0; i < program->atom_count; i++)
		regex_drop(program->atoms[i].regex);
	free(program->atoms);
	free(program->terms);
	free(program->slots);
	ei_arena_drop(program->arena);
	free(program);
}

size_t ioc_atom_count(const struct ioc_program *program)
{
	return program->atom_count;
}

const struct ioc_atom *ioc_atom(const struct ioc_program *program, uint32_t index)
{
	return &program->atoms[index].pub;
}

uint32_t ioc_atoms_of(const struct ioc_program *program, const char *name)
{
	const struct ioc_term *term = term_find(program->set, name);
	return term ? program->terms[term->index].first_atom : IOC_NO_ATOM;
}

// Parts of parts count: the table's chains are two long.
static bool wanted(const struct ioc_program *program, uint32_t term, unsigned depth)
{
	if (program->terms[term].first_atom != IOC_NO_ATOM)
		return true;
	uint32_t derived = program->terms[term].first_derived;
	for (; derived != NO_TERM && depth; derived = program->terms[derived].next_derived)
		if (wanted(program, derived, depth - 1))
			return true;
	return false;
}

bool ioc_wants(const struct ioc_program *program, const char *name)
{
	const struct ioc_term *term = term_find(program->set, name);
	return term && wanted(program, term->index, 4);
}
