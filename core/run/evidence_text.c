// Evidence that is text: one pass over memory for all of it, bound to whoever holds it.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_edge.h"
#include "run/evidence_parts.h"

#include "ioc/regex_literal.h"
#include <ctype.h>
#include <eidetic/scan.h>
#include <eidetic/win.h>
#include <stdlib.h>
#include <strings.h>

enum {
	LITERALS_MAX = 1 << 20,
	AROUND = 512,      // bytes before and behind a hit that are looked at
	SHOWN_AROUND = 24, // and that are kept for people
	TRIES_MAX = 64,    // of one literal at one holder that do not fit after all
};

static const char source_name[] = "search";

// Terms that text in memory answers. Of the others of class C, YARA answers some.
static const char *const text_documents[] = { "Network/", "UrlHistoryItem/", "urlMonitorEvent/",
	"Email/", "Memory/", "DnsEntryItem/", "dnsLookupEvent/", "ProcessItem/StringList/",
	"FileItem/StringList/", "DriverItem/StringList/", "Yara/TextString" };

static bool begins_any(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strncasecmp(name, list[i], strlen(list[i])))
			return true;
	return false;
}

static bool is_text_term(const struct ioc_term *term)
{
	return begins_any(term->name, text_documents, ARRAY_LENGTH(text_documents));
}

bool evidence_texts_say(const struct ioc_term *term)
{
	return is_text_term(term);
}

// ---- literals -------------------------------------------------------------------------------
// What is searched for an atom. Atoms with the same text share it.
enum literal_kind { LITERAL_TEXT, LITERAL_NAME, LITERAL_BYTES, LITERAL_KINDS };

struct literal {
	const char *text; // lower case; of bytes in hexadecimal
	uint32_t length;
	enum literal_kind kind;
	uint32_t first; // of its atoms
};

struct ask {
	uint32_t atom, next; // index into asks; UINT32_MAX
};

struct texts {
	struct evidence *evidence;
	ei_run *run;
	ei_arena *arena;
	struct literal *literals;
	size_t literal_count, literal_room;
	struct ask *asks;
	size_t ask_count, ask_room;
	uint32_t *slots; // literals by their text, + 1
	size_t slot_room;
	uint64_t *tries; // by literal and holder
	size_t tried, try_room;
	const ei_hit *hits; // in the run's scratch
	size_t hit_count;
	ei_error *failure; // why there are not all
	uint64_t nanoseconds;
};

static bool grow(void **items, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return true;
	size_t wanted = *room ? *room * 2 : 256;
	void *more = realloc(*items, wanted * size);
	if (!more)
		return false;
	*items = more;
	*room = wanted;
	return true;
}

static uint64_t text_hash(const char *text, size_t length, unsigned kind)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) + kind;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 31;
}

static bool slots_grow(struct texts *t)
{
	if (t->literal_count * 2 < t->slot_room)
		return true;
	size_t room = t->slot_room ? t->slot_room * 2 : 1024;
	uint32_t *slots = calloc(room, sizeof *slots);
	if (!slots)
		return false;
	for (uint32_t i = 0; i < t->literal_count; i++) {
		const struct literal *l = &t->literals[i];
		size_t at = text_hash(l->text, l->length, l->kind) & (room - 1);
		while (slots[at])
			at = (at + 1) & (room - 1);
		slots[at] = i + 1;
	}
	free(t->slots);
	t->slots = slots;
	t->slot_room = room;
	return true;
}

static uint32_t literal_get(
	struct texts *t, const char *text, uint32_t length, enum literal_kind kind)
{
	if (!slots_grow(t) || !grow((void **)&t->literals, t->literal_count, &t->literal_room,
				      sizeof *t->literals))
		return UINT32_MAX;
	size_t at = text_hash(text, length, kind) & (t->slot_room - 1);
	for (; t->slots[at]; at = (at + 1) & (t->slot_room - 1)) {
		const struct literal *l = &t->literals[t->slots[at] - 1];
		if (l->length == length && l->kind == kind && !memcmp(l->text, text, length))
			return t->slots[at] - 1;
	}
	char *copy = arena_text(t->arena, text, length);
	if (!copy || t->literal_count == LITERALS_MAX)
		return UINT32_MAX;
	t->literals[t->literal_count] = (struct literal){ copy, length, kind, UINT32_MAX };
	t->slots[at] = (uint32_t)++t->literal_count;
	return (uint32_t)t->literal_count - 1;
}

// The text, or the bytes, that every match of an atom has in it.
static uint32_t atom_literal(const struct ioc_atom *atom, char *out, enum literal_kind *kind)
{
	size_t bytes =
		atom->condition == IOC_MATCHES ? regex_bytes(atom->value, atom->length, out) : 0;
	*kind = bytes ? LITERAL_BYTES : ioc_term_is_host(atom->term) ? LITERAL_NAME : LITERAL_TEXT;
	if (bytes)
		return (uint32_t)bytes;
	if (atom->condition == IOC_MATCHES)
		return (uint32_t)regex_literal(atom->value, atom->length, out);
	if (atom->condition > IOC_ENDS)
		return 0;
	for (uint32_t i = 0; i < atom->length; i++)
		out[i] = (char)tolower((unsigned char)atom->value[i]);
	return atom->length;
}

static ei_error *atom_add(struct texts *t, uint32_t index)
{
	const struct ioc_atom *atom = ioc_atom(t->evidence->wish.program, index);
	char *text = ei_alloc(t->arena, (size_t)atom->length * 2 + 1);
	enum literal_kind kind;
	if (!text)
		return ei_fail(EI_E_NOMEM, "out of memory");
	uint32_t length = atom_literal(atom, text, &kind);
	if (length < EI_TERM_SHORTEST || length > EI_TERM_LONGEST)
		return NULL; // stays unknown
	uint32_t literal = literal_get(t, text, length, kind);
	if (literal == UINT32_MAX ||
		!grow((void **)&t->asks, t->ask_count, &t->ask_room, sizeof *t->asks))
		return ei_fail(EI_E_NOMEM, "out of memory");
	t->asks[t->ask_count] = (struct ask){ index, t->literals[literal].first };
	t->literals[literal].first = (uint32_t)t->ask_count++;
	return NULL;
}

static ei_error *literals_gather(struct texts *t)
{
	const struct evidence_wish *wish = &t->evidence->wish;
	for (size_t i = 0; i < ioc_set_term_count(wish->set); i++) {
		const struct ioc_term *term = ioc_set_term(wish->set, i);
		uint32_t atom = ioc_atoms_of(wish->program, term->name);
		if (atom == IOC_NO_ATOM || !is_text_term(term))
			continue;
		ioc_evidence_answers(t->evidence->logic, term->name, false);
		for (; atom != IOC_NO_ATOM; atom = ioc_atom(wish->program, atom)->next)
			EI_TRY(atom_add(t, atom));
	}
	return NULL;
}

// ---- around a hit ---------------------------------------------------------------------------
// Text as it stands in memory, a byte a character, with what is around it in its page.
struct around {
	char text[2 * AROUND + EI_TERM_LONGEST + 2];
	size_t length;
	size_t start, end;  // of the hit
	size_t first, last; // of the printable run that it is in
};

static bool is_printable(char c)
{
	return (unsigned char)c >= 0x20 && c != 0x7f;
}

// Narrows UTF-16 to a byte a character; what is not Latin-1 becomes a byte that ends a run.
static size_t narrow(const uint8_t *bytes, size_t size, char *out)
{
	size_t length = 0;
	for (size_t i = 0; i + 1 < size; i += 2)
		out[length++] = bytes[i + 1] ? 0 : (char)bytes[i];
	return length;
}

static void around_read(struct texts *t, const ei_hit *hit, struct around *out)
{
	uint8_t bytes[2 * (2 * AROUND + EI_TERM_LONGEST)];
	bool wide = hit->flags & EI_HIT_UTF16;
	uint64_t page = hit->pa & ~(uint64_t)(PAGE_SIZE - 1);
	uint64_t reach = wide ? 2 * AROUND : AROUND;
	uint64_t before = MIN(reach, hit->pa - page);
	if (wide)
		before &= ~UINT64_C(1);
	uint64_t size = MIN(before + hit->length + reach, (uint64_t)sizeof bytes);
	uint64_t here = MIN(size, page + PAGE_SIZE - (hit->pa - before));
	size_t got = ei_read_physical(t->run, hit->pa - before, bytes, here);
	// The next page of physical memory is another's, unless the hit goes on there.
	bool goes_on = hit->pa + hit->length > page + PAGE_SIZE && got == here;
	uint64_t next = hit->flags & EI_HIT_STITCHED ? (uint64_t)hit->next_page * PAGE_SIZE
						     : page + PAGE_SIZE;
	if (goes_on)
		got += ei_read_physical(t->run, next, bytes + here, size - here);
	size_t unit = wide ? 2 : 1, length = got;
	if (wide)
		length = narrow(bytes, got, out->text);
	else
		memcpy(out->text, bytes, got);
	out->text[length] = 0;
	out->length = length;
	out->start = MIN(before / unit, length);
	out->end = MIN(out->start + hit->length / unit, length);
	out->first = out->start;
	out->last = out->end;
	while (out->first && is_printable(out->text[out->first - 1]))
		out->first--;
	while (out->last < length && is_printable(out->text[out->last]))
		out->last++;
}

// ---- who holds it ---------------------------------------------------------------------------
static const char *cut(struct texts *t, ei_val text)
{
	return ei_has(text) ? arena_text(t->evidence->arena, text.s, text.length) : "";
}

static struct known holder_new(struct texts *t, const char *domain, uint64_t key0, uint64_t key1,
	uint64_t pid, uint64_t address)
{
	struct holder holder = { .source = source_name, .pid = pid, .address = address };
	return evidence_same(t->evidence, (struct entity_key){ domain, { key0, key1 } }, IOC_ROOT,
		pid == EVIDENCE_NO_PID ? IOC_NO_LINK : pid, &holder);
}

// A file or driver is known by its path.
static struct known file_holder(struct texts *t, const ei_owner *owner)
{
	struct evidence *evidence = t->evidence;
	struct holder holder = {
		.source = source_name, .pid = EVIDENCE_NO_PID, .address = ei_u64_or(owner->va, 0)
	};
	size_t before = evidence->holder_count;
	struct known known = evidence_file(evidence, owner->region, &holder);
	if (evidence->holder_count != before) {
		ioc_evidence_answers(evidence->logic, "FileItem/FullPath", false);
		evidence_value(evidence, "FileItem/FullPath", known, owner->region, NULL);
	}
	return known;
}

static struct known driver_holder(struct texts *t, const ei_owner *owner)
{
	struct evidence *evidence = t->evidence;
	uint64_t base = 0;
	size_t before = evidence->holder_count;
	if (ei_has(owner->va))
		ei_module_at(t->run, owner->va.u, &base);
	struct known known = evidence_driver(evidence, base, source_name);
	if (evidence->holder_count != before) {
		ioc_evidence_answers(evidence->logic, "DriverItem/DriverPath", false);
		evidence_value(evidence, "DriverItem/DriverPath", known, owner->region, NULL);
	}
	return known;
}

static struct known term_holder(struct texts *t, const struct ioc_term *term, const ei_owner *owner)
{
	static const struct known none = { UINT32_MAX, UINT32_MAX };
	uint64_t pid = ei_u64_or(owner->pid, EVIDENCE_NO_PID);
	bool process = owner->kind == EI_OWNER_PROCESS && pid != EVIDENCE_NO_PID;
	bool file = owner->region_kind == EI_REGION_IMAGE || owner->region_kind == EI_REGION_FILE;
	if (!strcmp(term->domain, "ProcessItem"))
		return process ? evidence_process(t->evidence, pid, source_name) : none;
	if (!strcmp(term->domain, "FileItem"))
		return file && ei_has(owner->region) ? file_holder(t, owner) : none;
	if (!strcmp(term->domain, "DriverItem"))
		return owner->region_kind == EI_REGION_DRIVER && ei_has(owner->region)
			       ? driver_holder(t, owner)
			       : none;
	return holder_new(t, term->domain, process ? pid : owner->kind, process,
		process ? pid : EVIDENCE_NO_PID, 0);
}

// ---- hits -----------------------------------------------------------------------------------
// How often a literal was looked at with one holder: a word that is everywhere costs little.
static bool tries_left(struct texts *t, uint32_t literal, uint32_t holder)
{
	enum { COUNT_BITS = 8 };
	if (t->tried * 2 >= t->try_room) {
		size_t room = t->try_room ? t->try_room * 2 : 4096;
		uint64_t *more = calloc(room, sizeof *more);
		if (!more)
			return false;
		for (size_t i = 0; i < t->try_room; i++) {
			if (!t->tries[i])
				continue;
			size_t at =
				(t->tries[i] >> COUNT_BITS) * UINT64_C(0x9e3779b97f4a7c15) >> 20 &
				(room - 1);
			while (more[at])
				at = (at + 1) & (room - 1);
			more[at] = t->tries[i];
		}
		free(t->tries);
		t->tries = more;
		t->try_room = room;
	}
	uint64_t key = ((uint64_t)literal << 28 | (holder & 0xfffffff)) + 1;
	size_t at = key * UINT64_C(0x9e3779b97f4a7c15) >> 20 & (t->try_room - 1);
	while (t->tries[at] && t->tries[at] >> COUNT_BITS != key)
		at = (at + 1) & (t->try_room - 1);
	if (!t->tries[at]) {
		t->tries[at] = key << COUNT_BITS;
		t->tried++;
	}
	if ((t->tries[at] & 0xff) >= TRIES_MAX)
		return false;
	t->tries[at]++;
	return true;
}

static void hit_keep(struct texts *t, uint32_t index, const struct ioc_term *term,
	struct known known, const struct around *a, const ei_owner *owner, const ei_hit *hit)
{
	size_t first = MAX(a->first, a->start > SHOWN_AROUND ? a->start - SHOWN_AROUND : 0);
	size_t last = MIN(a->last, a->end + SHOWN_AROUND);
	struct place place = {
		.has_address = true,
		.address = ei_u64_or(owner->va, hit->pa),
		.where = ei_has(owner->region) ? cut(t, owner->region) : NULL,
		.source = source_name,
	};
	if (index != IOC_NO_ATOM)
		ioc_evidence_hit(t->evidence->logic, index, known.entity, known.holder);
	evidence_fact(t->evidence, known.holder, term->name, a->text + first, last - first, &place);
}

// Whether the hit itself answers; what else is to be said of the run of text that it is in is asked
// of the matcher, which knows all conditions.
static bool hit_answers(struct texts *t, const struct ioc_atom *atom, const struct around *a,
	const ei_owner *owner, const ei_hit *hit)
{
	struct evidence_edge edge;
	struct ioc_text text = { a->text, a->length, a->start, a->end, hit->flags & EI_HIT_LABELS };
	if (!ioc_text_answers(atom, &text))
		return false;
	return atom->condition != IOC_IS || !evidence_edge_read(t->run, hit, owner, &text, &edge) ||
	       ioc_text_answers(atom, &edge.text);
}

static bool run_hits(struct texts *t, const struct ioc_atom *atom, struct known known,
	const char *text, size_t length)
{
	struct evidence *evidence = t->evidence;
	size_t before = ioc_evidence_hit_count(evidence->logic);
	ei_val run = { .s = text, .length = (uint32_t)length, .kind = EI_STR, .state = EI_OK };
	ioc_evidence_value(evidence->logic, atom->term->name, known.entity, run);
	return ioc_evidence_hit_count(evidence->logic) != before;
}

// A string ends where ASCII does, too: what lies behind it need not be text.
static void run_ask(struct texts *t, const struct ioc_atom *atom, struct known known,
	const struct around *a, const ei_owner *owner, const ei_hit *hit)
{
	size_t first = a->start, last = a->end;
	while (first > a->first && (unsigned char)a->text[first - 1] < 0x80)
		first--;
	while (last < a->last && (unsigned char)a->text[last] < 0x80)
		last++;
	bool found = run_hits(t, atom, known, a->text + a->first, a->last - a->first);
	if (!found && (first > a->first || last < a->last))
		found = run_hits(t, atom, known, a->text + first, last - first);
	if (found)
		hit_keep(t, IOC_NO_ATOM, atom->term, known, a, owner, hit);
	// One text that does not fit says nothing of the others.
	ioc_evidence_value(
		t->evidence->logic, atom->term->name, known.entity, ei_absent(EI_UNREADABLE));
}

// Bytes are what they are; what follows them may have to be looked at.
static void bytes_ask(struct texts *t, const struct ioc_atom *atom, struct known known,
	const struct around *a, const ei_owner *owner, const ei_hit *hit)
{
	if (run_hits(t, atom, known, a->text + a->start, a->length - a->start))
		hit_keep(t, IOC_NO_ATOM, atom->term, known, a, owner, hit);
	ioc_evidence_value(
		t->evidence->logic, atom->term->name, known.entity, ei_absent(EI_UNREADABLE));
}

// Of the whole text that a hit is in.
static bool asks_run(const struct ioc_atom *atom)
{
	return atom->condition != IOC_CONTAINS &&
	       (atom->condition != IOC_IS || ioc_term_is_string(atom->term));
}

static void owner_take(
	struct texts *t, const ei_hit *hit, const ei_owner *owner, struct around *a, bool *read)
{
	const struct literal *literal = &t->literals[hit->term];
	for (uint32_t i = literal->first; i != UINT32_MAX; i = t->asks[i].next) {
		const struct ioc_atom *atom = ioc_atom(t->evidence->wish.program, t->asks[i].atom);
		struct known known = term_holder(t, atom->term, owner);
		if (known.entity == UINT32_MAX || !tries_left(t, hit->term, known.holder))
			continue;
		if (!*read)
			around_read(t, hit, a);
		*read = true;
		if (hit->flags & EI_HIT_BYTES)
			bytes_ask(t, atom, known, a, owner, hit);
		else if (hit_answers(t, atom, a, owner, hit))
			hit_keep(t, t->asks[i].atom, atom->term, known, a, owner, hit);
		else if (asks_run(atom))
			run_ask(t, atom, known, a, owner, hit);
	}
}

static void hit_take(struct texts *t, const ei_hit *hit, struct around *a)
{
	static const ei_owner nobody = { .kind = EI_OWNER_NOBODY,
		.va = { .state = EI_NONE },
		.pid = { .state = EI_NONE },
		.region = { .state = EI_NONE } };
	ei_owner_cursor cursor = { 0 };
	bool read = false, any = false;
	for (ei_owner owner; ei_next_holder(t->run, hit, &cursor, &owner); any = true)
		if (owner.kind != EI_OWNER_TABLE)
			owner_take(t, hit, &owner, a, &read);
	if (!any)
		owner_take(t, hit, &nobody, a, &read);
}

// ---- the pass -------------------------------------------------------------------------------
// Kind by kind: hits count terms through all lists.
static ei_error *literals_split(struct texts *t, ei_term_list lists[LITERAL_KINDS])
{
	static const uint32_t flags[LITERAL_KINDS] = { 0, EI_TERMS_LABELS, EI_TERMS_HEX };
	struct literal *sorted = ei_alloc(t->arena, (t->literal_count + 1) * sizeof *sorted);
	ei_term *terms = ei_alloc(t->arena, (t->literal_count + 1) * sizeof *terms);
	size_t count = 0;
	if (!sorted || !terms)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (unsigned kind = 0; kind < LITERAL_KINDS; kind++) {
		size_t first = count;
		for (size_t i = 0; i < t->literal_count; i++)
			if (t->literals[i].kind == kind)
				sorted[count++] = t->literals[i];
		lists[kind] = (ei_term_list){ terms + first, count - first, flags[kind] };
	}
	for (size_t i = 0; i < count; i++)
		terms[i] = (ei_term){ sorted[i].text, sorted[i].length };
	memcpy(t->literals, sorted, count * sizeof *sorted);
	return NULL;
}

static ei_error *search(struct texts *t)
{
	ei_term_list lists[LITERAL_KINDS];
	EI_TRY(literals_split(t, lists));
	return ei_search_lists(t->run, lists, ARRAY_LENGTH(lists), &t->hits, &t->hit_count);
}

// The session's first pass over memory: what processes and plugins will look for joins it.
ei_error *evidence_texts_find(struct evidence *evidence)
{
	uint64_t started = evidence_clock();
	struct texts *t = evidence->texts = calloc(1, sizeof *t);
	if (!t)
		return ei_fail(EI_E_NOMEM, "out of memory");
	t->evidence = evidence;
	EI_TRY(evidence_run(evidence, &t->run));
	EI_TRY(ei_arena_create(EVIDENCE_ARENA_MAX, &t->arena));
	EI_TRY(literals_gather(t));
	if (t->literal_count)
		t->failure = search(t);
	t->nanoseconds = evidence_clock() - started;
	return NULL;
}

void evidence_texts_drop(struct texts *t)
{
	if (!t)
		return;
	ei_error_drop(t->failure);
	free(t->literals);
	free(t->asks);
	free(t->slots);
	free(t->tries);
	ei_arena_drop(t->arena);
	run_drop(t->run);
	free(t);
}

static ei_error *hits_take(struct texts *t)
{
	struct around *a = ei_alloc(t->arena, sizeof *a);
	if (!a)
		return ei_fail(EI_E_NOMEM, "out of memory");
	ei_arena *scratch = ei_scratch(t->run);
	for (size_t i = 0; i < t->hit_count && !ei_stopped(t->run) && !t->evidence->no_memory;
		i++) {
		ei_mark mark = ei_arena_mark(scratch);
		hit_take(t, &t->hits[i], a);
		ei_arena_rewind(scratch, mark);
	}
	return NULL;
}

ei_error *evidence_texts_bind(struct evidence *evidence)
{
	struct texts *t = evidence->texts;
	uint64_t started = evidence_clock() - t->nanoseconds;
	if (!t->literal_count)
		return NULL;
	EI_TRY(hits_take(t));
	evidence_source_add(evidence, source_name, t->hit_count,
		t->failure ? ei_error_text(t->failure) : NULL, started);
	evidence_texts_drop(t);
	evidence->texts = NULL;
	return NULL;
}
