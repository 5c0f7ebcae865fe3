// The search that plugins ask for: term lists in, hits in physical memory out.
// SPDX-License-Identifier: Apache-2.0
#include "scan/pass.h"
#include "scan/terms.h"
#include "win/session.h"
#include <eidetic/scan.h>

#include <errno.h>

enum { HITS_MAX = 4 << 20, FILE_MAX = 256 << 20 };

_Static_assert((int)EI_TERM_SHORTEST == (int)TERM_SHORTEST, "one limit");
_Static_assert((int)EI_TERM_LONGEST == (int)TERM_LONGEST, "one limit");
_Static_assert(sizeof(ei_term) == sizeof(struct term), "handed on as they are");
_Static_assert(2 * TERM_LONGEST <= PASS_OVERLAP_MAX, "a chunk sees the longest term whole");

// ---- lists of terms -------------------------------------------------------------------------

static bool is_space(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

// The line without spaces at both ends; length 0 for what is no term.
static ei_term line_term(const char *line, size_t length)
{
	while (length && is_space(line[0])) {
		line++;
		length--;
	}
	while (length && is_space(line[length - 1]))
		length--;
	if (length && line[0] == '#')
		length = 0;
	return (ei_term){ line, (uint32_t)MIN(length, (size_t)UINT32_MAX) };
}

static size_t lines_count(const char *text, size_t length)
{
	size_t lines = 1;
	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	return lines;
}

bool ei_terms_parse(ei_run *run, const char *name, const char *text, size_t length, ei_term **terms,
	size_t *count)
{
	size_t lines = lines_count(text, length), kept = 0, number = 0;
	ei_term *list = ei_alloc(run->scratch, lines * sizeof *list);
	if (!list)
		return false;
	for (const char *at = text, *end = text + length; at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop ? stop : end;
		ei_term term = line_term(at, (size_t)(stop - at));
		at = stop + 1;
		number++;
		if (!term.length)
			continue;
		if (term.length >= EI_TERM_SHORTEST && term.length <= EI_TERM_LONGEST)
			list[kept++] = term;
		else
			ei_note(run, "%s:%zu: a term of %u bytes is left out, want %d to %d", name,
				number, term.length, EI_TERM_SHORTEST, EI_TERM_LONGEST);
	}
	*terms = list;
	*count = kept;
	return true;
}

static ei_error *file_read(ei_run *run, const char *path, char **text, size_t *length)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		return ei_fail(EI_E_IO, "cannot open '%s': %s", path, strerror(errno));
	size_t room = 1 << 16, used = 0;
	char *bytes = ei_alloc(run->scratch, room);
	while (bytes) {
		used += fread(bytes + used, 1, room - used, file);
		if (used < room)
			break;
		char *bigger = room < FILE_MAX ? ei_alloc(run->scratch, room * 2) : NULL;
		if (bigger)
			memcpy(bigger, bytes, used);
		bytes = bigger;
		room *= 2;
	}
	bool failed = ferror(file) != 0;
	fclose(file);
	if (failed)
		return ei_fail(EI_E_IO, "cannot read '%s'", path);
	if (!bytes)
		return ei_fail(EI_E_LIMIT, "'%s' is too large for a list of terms", path);
	*text = bytes;
	*length = used;
	return NULL;
}

ei_error *ei_terms_read(ei_run *run, const char *path, ei_term **terms, size_t *count)
{
	char *text = NULL;
	size_t length = 0;
	EI_TRY(file_read(run, path, &text, &length));
	if (!ei_terms_parse(run, path, text, length, terms, count))
		return ei_fail(EI_E_NOMEM, "no memory for the terms of '%s'", path);
	return NULL;
}

// ---- the search -----------------------------------------------------------------------------

static void search_progress(void *context, uint64_t done, uint64_t total)
{
	ei_progress(context, done, total);
}

static ei_error *search_pass(ei_run *run, const struct term_set *set, struct hit_list *list)
{
	struct found_context found = { .terms = set, .list = list };
	struct pass_consumer consumer = terms_consumer(&found);
	struct pass_wish wish = {
		.image = run->session->image,
		.threads = run->session->threads,
		.cancelled = run->cancelled,
		.progress = search_progress,
		.progress_context = run,
	};
	ei_error *error = pass_run(&wish, &consumer, 1);
	if (error && ei_error_code(error) == EI_E_CANCELLED) {
		ei_error_drop(error); // the run's trailer says so
		error = NULL;
	}
	hit_list_sort(list);
	if (list->cut || list->no_memory)
		ei_note(run, "only the %zu hits at the lowest addresses are kept", list->count);
	return error;
}

static ei_error *hits_give(
	ei_run *run, const struct hit_list *list, const ei_hit **hits, size_t *hit_count)
{
	ei_hit *out = ei_alloc(run->scratch, (list->count + 1) * sizeof *out);
	if (!out)
		return ei_fail(EI_E_NOMEM, "no memory for %zu hits", list->count);
	for (size_t i = 0; i < list->count; i++) {
		const struct hit *hit = &list->items[i];
		out[i] = (ei_hit){ .pa = hit->pa,
			.term = hit->what,
			.length = hit->extra / 4,
			.flags = hit->extra % 4 == TERM_UTF16 ? EI_HIT_UTF16 : 0 };
	}
	*hits = out;
	*hit_count = list->count;
	return NULL;
}

ei_error *ei_search(
	ei_run *run, const ei_term *terms, size_t count, const ei_hit **hits, size_t *hit_count)
{
	EI_OWNED(term_set) set = NULL;
	EI_TRY(terms_compile((const struct term *)(const void *)terms, count, &set));
	struct hit_list list;
	hit_list_init(&list, HITS_MAX);
	ei_error *error = search_pass(run, set, &list);
	if (!error)
		error = hits_give(run, &list, hits, hit_count);
	hit_list_deinit(&list);
	return error;
}
