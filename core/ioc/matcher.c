// All atoms of one term against one value: equality by hash, contents by one automaton, regular
// expressions where a text that they must have in them was seen, numbers by range.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/matcher.h"

#include "ioc/automaton.h"
#include "ioc/regex_literal.h"
#include <inttypes.h>
#include <time.h>

enum { TEXT_MAX = 1 << 20 }; // bytes of a value that are looked at

// A text that equals a value, in a table by hash.
struct key {
	const char *text; // NULL: free
	uint32_t length, atom;
};

// A text that the automaton looks for: of an atom, or what a regular expression must have in it.
struct pattern {
	uint32_t atom;
	bool hint;
	uint32_t stamp; // the last run that met it
};

struct matcher {
	const struct ioc_program *program;
	const struct ioc_term *term;
	ei_arena *arena;
	struct key *keys;
	uint32_t key_room, key_count;
	struct automaton *automaton;
	struct vector patterns, hinted;          // struct pattern; atoms to try in this run
	struct vector regexes, values, presents; // atoms: always tried; ranges and networks
	uint32_t stamp;
	char *folded; // scratch, TEXT_MAX
};

static ei_error *no_memory(void)
{
	return ei_fail(EI_E_NOMEM, "out of memory");
}

// ---- building -------------------------------------------------------------------------------
// From the last byte to the first, so that the hashes of all ends of a text come in one go.
static const uint64_t hash_begin = UINT64_C(0xcbf29ce484222325);

static uint64_t hash_step(uint64_t hash, char byte)
{
	return (hash ^ (uint8_t)byte) * UINT64_C(0x100000001b3);
}

static uint32_t hash_slot(const struct matcher *matcher, uint64_t hash)
{
	return (uint32_t)(hash ^ hash >> 32) & (matcher->key_room - 1);
}

static uint64_t text_hash(const char *text, size_t length)
{
	uint64_t hash = hash_begin;
	while (length)
		hash = hash_step(hash, text[--length]);
	return hash;
}

static void key_put(struct matcher *matcher, const char *text, size_t length, uint32_t atom)
{
	uint32_t at = hash_slot(matcher, text_hash(text, length));
	matcher->key_count++;
	while (matcher->keys[at].text)
		at = (at + 1) & (matcher->key_room - 1);
	matcher->keys[at] = (struct key){ text, (uint32_t)length, atom };
}

static ei_error *atoms_push(struct vector *vector, uint32_t atom)
{
	if (!vector_grow(vector, sizeof atom))
		return no_memory();
	((uint32_t *)vector->items)[vector->count++] = atom;
	return NULL;
}

static ei_error *pattern_put(
	struct matcher *matcher, const char *text, size_t length, uint32_t atom, bool hint)
{
	struct vector *patterns = &matcher->patterns;
	if (!vector_grow(patterns, sizeof(struct pattern)))
		return no_memory();
	if (!matcher->automaton)
		EI_TRY(automaton_create(&matcher->automaton));
	((struct pattern *)patterns->items)[patterns->count] = (struct pattern){ atom, hint, 0 };
	return automaton_add(matcher->automaton, text, length, (uint32_t)patterns->count++);
}

static ei_error *regex_put(struct matcher *matcher, const struct atom *atom, uint32_t index)
{
	char *literal = ei_alloc(matcher->arena, atom->pub.length + 1);
	if (!literal)
		return no_memory();
	size_t length = regex_literal(atom->pub.value, atom->pub.length, literal);
	if (!length)
		return atoms_push(&matcher->regexes, index);
	return pattern_put(matcher, literal, length, index, true);
}

static ei_error *text_put(struct matcher *matcher, const struct atom *atom, uint32_t index)
{
	const char *folded = atom->folded;
	// What counts its case is found without regard to it, and then compared.
	if (atom->pub.case_sensitive) {
		char *copy = ei_alloc(matcher->arena, atom->pub.length + 1);
		if (!copy)
			return no_memory();
		fold(copy, atom->folded, atom->pub.length);
		folded = copy;
	}
	if (atom->pub.condition == IOC_IS) {
		key_put(matcher, folded, atom->pub.length, index);
		if (atom->doubled)
			key_put(matcher, atom->doubled, atom->doubled_length, index);
		return NULL;
	}
	EI_TRY(pattern_put(matcher, folded, atom->pub.length, index, false));
	if (atom->doubled)
		return pattern_put(matcher, atom->doubled, atom->doubled_length, index, false);
	return NULL;
}

static ei_error *atom_put(struct matcher *matcher, uint32_t index)
{
	const struct atom *atom = &matcher->program->atoms[index];
	switch (atom->kind) {
	case ATOM_TEXT:
		return text_put(matcher, atom, index);
	case ATOM_REGEX:
		return regex_put(matcher, atom, index);
	case ATOM_PRESENT:
		return atoms_push(&matcher->presents, index);
	default:
		return atoms_push(&matcher->values, index);
	}
}

static ei_error *matcher_build(struct matcher *matcher)
{
	const struct ioc_program *program = matcher->program;
	uint32_t first = program->terms[matcher->term->index].first_atom;
	uint64_t texts = 0;
	for (uint32_t i = first; i != IOC_NO_ATOM; i = program->atoms[i].pub.next)
		texts += program->atoms[i].kind == ATOM_TEXT;
	for (matcher->key_room = 16; matcher->key_room < texts * 4; matcher->key_room *= 2)
		;
	matcher->keys = calloc(matcher->key_room, sizeof *matcher->keys);
	matcher->folded = malloc(TEXT_MAX);
	if (!matcher->keys || !matcher->folded)
		return no_memory();
	for (uint32_t i = first; i != IOC_NO_ATOM; i = program->atoms[i].pub.next)
		EI_TRY(atom_put(matcher, i));
	return matcher->automaton ? automaton_finish(matcher->automaton) : NULL;
}

ei_error *matcher_create(
	const struct ioc_program *program, const struct ioc_term *term, struct matcher **out)
{
	EI_OWNED(matcher) matcher = calloc(1, sizeof *matcher);
	if (!matcher)
		return no_memory();
	matcher->program = program;
	matcher->term = term;
	EI_TRY(ei_arena_create(SET_ARENA_MAX, &matcher->arena));
	EI_TRY(matcher_build(matcher));
	*out = EI_GIVE(matcher);
	return NULL;
}

void matcher_drop(struct matcher *matcher)
{
	if (!matcher)
		return;
	automaton_drop(matcher->automaton);
	free(matcher->keys);
	free(matcher->folded);
	free(matcher->patterns.items);
	free(matcher->hinted.items);
	free(matcher->regexes.items);
	free(matcher->values.items);
	free(matcher->presents.items);
	ei_arena_drop(matcher->arena);
	free(matcher);
}

// ---- text -----------------------------------------------------------------------------------
struct run {
	struct matcher *matcher;
	const struct candidate *candidate;
	matcher_take *take;
	void *context;
	const char *text; // a spelling
	size_t length;
	unsigned flags; // of the spelling
};

static const struct atom *atom_of(const struct run *run, uint32_t index)
{
	return &run->matcher->program->atoms[index];
}

static void give(const struct run *run, uint32_t atom, bool maybe, bool approximate)
{
	struct match match = {
		.atom = atom,
		.maybe = maybe,
		.approximate = approximate || run->flags & SPELLING_GUESSED,
		.device = run->flags & SPELLING_DEVICE,
	};
	run->take(run->context, &match);
}

// Whether the text at `start` has the case that the atom wants.
static bool case_fits(const struct run *run, const struct atom *atom, size_t start)
{
	return !atom->pub.case_sensitive ||
	       !memcmp(run->text + start, atom->folded, atom->pub.length);
}

static void equal(const struct run *run, size_t start, uint64_t hash, bool approximate)
{
	const struct matcher *matcher = run->matcher;
	const char *text = matcher->folded + start;
	size_t length = run->length - start;
	uint32_t at = hash_slot(matcher, hash);
	for (; matcher->keys[at].text; at = (at + 1) & (matcher->key_room - 1)) {
		const struct key *key = &matcher->keys[at];
		if (key->length == length && !memcmp(key->text, text, length) &&
			case_fits(run, atom_of(run, key->atom), start))
			give(run, key->atom, run->candidate->cut, approximate);
	}
}

// The text, and where steps count its ends: a key that is written without its beginning.
static void equals(const struct run *run)
{
	const char *folded = run->matcher->folded;
	uint64_t hash = hash_begin;
	for (size_t i = run->length; i-- > 0;) {
		bool step = run->flags & SPELLING_STEPS && i && folded[i] == '\\';
		if (step && i + 1 < run->length)
			equal(run, i + 1, hash, true);
		hash = hash_step(hash, folded[i]);
		if (step)
			equal(run, i, hash, true);
	}
	equal(run, 0, hash, false);
	// The root's own backslash may be missing.
	if (run->flags & SPELLING_STEPS && run->length > 1 && *folded == '\\')
		equal(run, 1, text_hash(folded + 1, run->length - 1), true);
}

static void found_pattern(void *context, uint32_t tag, size_t start, size_t end)
{
	const struct run *run = context;
	struct matcher *matcher = run->matcher;
	struct pattern *pattern = (struct pattern *)matcher->patterns.items + tag;
	if (pattern->stamp == matcher->stamp)
		return;
	const struct atom *atom = atom_of(run, pattern->atom);
	if (pattern->hint) {
		pattern->stamp = matcher->stamp;
		ei_error_drop(atoms_push(&matcher->hinted, pattern->atom));
		return;
	}
	if ((atom->pub.condition == IOC_STARTS && start) ||
		(atom->pub.condition == IOC_ENDS && (end != run->length || run->candidate->cut)) ||
		!case_fits(run, atom, start))
		return;
	pattern->stamp = matcher->stamp;
	give(run, pattern->atom, false, false);
}

// Whether an expression is true of whatever has a drive, such as "^[a-z]:": then it says how paths
// are written where its author looked, and nothing of the file. Drives that nobody means will tell.
static bool is_about_writing(const struct run *run, struct regex *regex)
{
	return run->candidate->type == IOC_PATH && run->length > 2 && run->text[1] == ':' &&
	       regex_find(regex, "q:\\", 3) == REGEX_FOUND &&
	       regex_find(regex, "z:\\", 3) == REGEX_FOUND;
}

static void try_regexes(const struct run *run, const struct vector *atoms)
{
	for (size_t i = 0; i < atoms->count; i++) {
		uint32_t index = ((const uint32_t *)atoms->items)[i];
		struct regex *regex = atom_of(run, index)->regex;
		enum regex_result result = regex_find(regex, run->text, run->length);
		struct run as = *run;
		if (result == REGEX_ABSENT)
			continue;
		if (result == REGEX_FOUND && is_about_writing(run, regex))
			as.flags |= SPELLING_DEVICE;
		give(&as, index, result == REGEX_GIVEN_UP || run->candidate->cut, false);
	}
}

static void take_spelling(void *context, const char *text, size_t length, unsigned flags)
{
	struct run *run = context;
	struct matcher *matcher = run->matcher;
	run->text = text;
	run->length = MIN(length, (size_t)TEXT_MAX);
	run->flags = flags;
	fold(matcher->folded, text, run->length);
	if (matcher->key_count)
		equals(run);
	matcher->stamp++;
	matcher->hinted.count = 0;
	if (matcher->automaton)
		automaton_run(matcher->automaton, matcher->folded, run->length, found_pattern, run);
	try_regexes(run, &matcher->hinted);
	try_regexes(run, &matcher->regexes);
}

// What of a cut value is not there could be what an atom wants.
static void give_cut(const struct run *run)
{
	struct matcher *matcher = run->matcher;
	const ei_val *value = &run->candidate->value;
	size_t length = MIN(value->length, (size_t)TEXT_MAX);
	fold(matcher->folded, value->s, length);
	uint32_t index = matcher->program->terms[matcher->term->index].first_atom;
	for (; index != IOC_NO_ATOM; index = atom_of(run, index)->pub.next) {
		const struct atom *atom = atom_of(run, index);
		bool from_start =
			atom->pub.condition == IOC_IS || atom->pub.condition == IOC_STARTS;
		char folded[SPELLING_MAX];
		if (atom->kind == ATOM_TEXT && from_start) {
			size_t wanted = MIN((size_t)atom->pub.length, sizeof folded);
			fold(folded, atom->folded, wanted);
			if (wanted <= length || memcmp(folded, matcher->folded, length) != 0)
				continue;
		} else if (atom->kind != ATOM_TEXT && atom->kind != ATOM_REGEX) {
			continue;
		}
		give(run, index, true, false);
	}
}

// ---- numbers --------------------------------------------------------------------------------
static bool value_number(ei_val value, enum ioc_type type, uint64_t *out)
{
	struct range range;
	if (value.kind != EI_STR) {
		*out = value.u;
		return value.kind <= EI_TIME;
	}
	bool good = range_parse(type, value.s, value.length, &range);
	*out = range.low;
	return good;
}

static void try_values(const struct run *run)
{
	const struct vector *atoms = &run->matcher->values;
	enum ioc_type type = run->matcher->term->type;
	ei_val value = run->candidate->value;
	uint64_t number = 0;
	struct network address;
	bool ordered = type == IOC_NUMBER || type == IOC_TIME || type == IOC_BOOL;
	bool is_number = value_number(value, ordered ? type : IOC_NUMBER, &number);
	bool is_address = value.kind == EI_STR && network_parse(value.s, value.length, &address);
	for (size_t i = 0; i < atoms->count; i++) {
		uint32_t index = ((const uint32_t *)atoms->items)[i];
		const struct atom *atom = atom_of(run, index);
		bool good = atom->kind == ATOM_NETWORK
				    ? is_address && network_has(&atom->network, &address)
				    : is_number && number >= atom->range.low &&
					      number <= atom->range.high;
		if (good)
			give(run, index, false, false);
	}
}

// As text, for conditions on text: what people write.
static size_t value_digits(ei_val value, char *out, size_t room)
{
	if (value.kind == EI_BOOL)
		return (size_t)snprintf(out, room, "%s", value.u ? "true" : "false");
	if (value.kind == EI_INT)
		return (size_t)snprintf(out, room, "%" PRIi64, value.i);
	if (value.kind == EI_ADDR || value.kind == EI_HEX)
		return (size_t)snprintf(out, room, "0x%" PRIx64, value.u);
	if (value.kind != EI_TIME)
		return (size_t)snprintf(out, room, "%" PRIu64, value.u);
	time_t seconds = (time_t)(value.u / 10000000) - (time_t)11644473600;
	struct tm tm;
	return gmtime_r(&seconds, &tm) ? strftime(out, room, "%Y-%m-%dT%H:%M:%SZ", &tm) : 0;
}

void matcher_run(struct matcher *matcher, const struct candidate *candidate, matcher_take *take,
	void *context)
{
	struct run run = { matcher, candidate, take, context, NULL, 0, 0 };
	ei_val value = candidate->value;
	char digits[64];
	for (size_t i = 0; i < matcher->presents.count; i++)
		give(&run, ((uint32_t *)matcher->presents.items)[i], false, false);
	if (matcher->values.count)
		try_values(&run);
	bool text = value.kind == EI_STR || value.kind == EI_BYTES;
	const char *at = text ? value.s : digits;
	size_t length = text ? value.length : value_digits(value, digits, sizeof digits);
	// Nothing is no value: conditions on contents would find themselves in it.
	if (!length)
		return;
	if (value.kind == EI_BYTES || !text)
		take_spelling(&run, at, length, 0);
	else
		spell(candidate->volumes, candidate->type, candidate->part, at, length,
			take_spelling, &run);
	run.flags = 0;
	if (candidate->cut && text)
		give_cut(&run);
}
