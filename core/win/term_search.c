// The search that plugins ask for: terms in, hits in physical memory out.
// SPDX-License-Identifier: Apache-2.0
#include "scan/scan.h"
#include "win/scan_plan.h"
#include "win/stitch.h"

enum {
	HITS_MAX = 4 << 20,
	SAMPLE_PIECES = 64,
	SAMPLE_PIECE = 16 << 10, // bytes
};

_Static_assert((int)EI_TERM_SHORTEST == (int)TERM_SHORTEST, "one limit");
_Static_assert((int)EI_TERM_LONGEST == (int)TERM_LONGEST, "one limit");
_Static_assert(sizeof(ei_term) == sizeof(struct term), "handed on as they are");
_Static_assert(sizeof(ei_term_list) == sizeof(struct term_list), "likewise");
_Static_assert((int)EI_TERMS_CASE == TERM_CASE && (int)EI_TERMS_WORDS == TERM_WORDS &&
		       (int)EI_TERMS_LABELS == TERM_AS_LABELS && (int)EI_TERMS_HEX == TERM_AS_HEX,
	"one set of flags");
_Static_assert(2 * TERM_LONGEST <= PASS_OVERLAP_MAX, "a chunk sees the longest term whole");

// ---- looking --------------------------------------------------------------------------------

// What a search found, before it is in order.
struct findings {
	struct hit_list physical;
	struct stitched stitched;
};

// A cancelled search gives what it found: the run's trailer says that it is not all.
static ei_error *unless_cancelled(ei_error *error)
{
	if (!error || ei_error_code(error) != EI_E_CANCELLED)
		return error;
	ei_error_drop(error);
	return NULL;
}

static ei_error *search_pass(
	ei_run *run, const struct term_set *set, struct edges *edges, struct findings *findings)
{
	struct found_context found = { .terms = set, .list = &findings->physical };
	struct pass_consumer consumers[] = { terms_consumer(&found), edges_consumer(edges) };
	EI_TRY(unless_cancelled(scan_pass(run, consumers, ARRAY_LENGTH(consumers))));
	if (!ei_stopped(run) && run->session->identity.found)
		stitch_search(run, set, edges, &findings->stitched);
	return NULL;
}

static ei_error *search_all(ei_run *run, const ei_term_list *lists, size_t count,
	const struct term_set *set, struct findings *findings)
{
	struct edges edges;
	if (!edges_init(&edges, run->session->image, (const struct term_list *)(const void *)lists,
		    count))
		return ei_fail(EI_E_NOMEM, "no memory for the edges of all pages");
	ei_error *error = search_pass(run, set, &edges, findings);
	edges_deinit(&edges);
	return error;
}

// What memory looks like: pieces of it, evenly spread over the stretches that are stored. Bytes
// read into `sample`.
static size_t sample_read(const struct image *image, uint8_t *sample)
{
	const uint64_t step = image_bytes(image) / SAMPLE_PIECES + 1;
	struct image_run stretch;
	uint64_t at = 0;
	size_t size = 0;
	for (unsigned i = 0; i < SAMPLE_PIECES && image_stretch(image, at, &stretch); i++) {
		size_t want = (size_t)MIN(stretch.length, (uint64_t)SAMPLE_PIECE);
		size += image_read(image, stretch.start, sample + size, want);
		at = stretch.start + MAX(step, (uint64_t)want);
	}
	return size;
}

static ei_error *search_compile(
	ei_run *run, const ei_term_list *lists, size_t count, struct term_set **out)
{
	uint8_t *sample = malloc(SAMPLE_PIECES * SAMPLE_PIECE);
	const struct term_wish wish = { .lists = (const struct term_list *)(const void *)lists,
		.list_count = count,
		.sample = sample,
		.sample_size = sample ? sample_read(run->session->image, sample) : 0 };
	ei_error *error = terms_compile_wish(&wish, out);
	free(sample);
	return error;
}

// ---- giving ---------------------------------------------------------------------------------

static ei_hit physical_hit(const struct hit *hit)
{
	return (ei_hit){ .pa = hit->pa,
		.term = hit->what,
		.length = hit->extra / 4,
		.flags = spelling_flags((enum term_spelling)(hit->extra % 4)) };
}

// Merges the two lists, which are sorted.
static size_t hits_merge(const struct findings *findings, ei_hit *out)
{
	const struct hit_list *physical = &findings->physical;
	const struct stitched *stitched = &findings->stitched;
	size_t a = 0, b = 0, count = 0;
	while (a < physical->count || b < stitched->count) {
		ei_hit hit = { .pa = UINT64_MAX };
		if (a < physical->count)
			hit = physical_hit(&physical->items[a]);
		if (b < stitched->count &&
			(a == physical->count || stitched_compare(&stitched->items[b], &hit) < 0))
			hit = stitched->items[b++];
		else
			a++;
		out[count++] = hit;
	}
	return count;
}

static ei_error *hits_give(
	ei_run *run, struct findings *findings, const ei_hit **hits, size_t *hit_count)
{
	if (!ei_stopped(run))
		hit_list_sort(&findings->physical);
	size_t count = findings->physical.count + findings->stitched.count;
	if (findings->physical.cut || findings->physical.no_memory || findings->stitched.cut)
		ei_note(run, "only the %zu hits at the lowest addresses are kept", count);
	ei_hit *out = ei_alloc(run->scratch, (count + 1) * sizeof *out);
	if (!out)
		return ei_fail(EI_E_NOMEM, "no memory for %zu hits", count);
	*hit_count = hits_merge(findings, out);
	*hits = out;
	return NULL;
}

ei_error *ei_search_lists(ei_run *run, const ei_term_list *lists, size_t count, const ei_hit **hits,
	size_t *hit_count)
{
	EI_OWNED(term_set) set = NULL;
	EI_TRY(search_compile(run, lists, count, &set));
	struct findings findings = { .stitched = { .cap = HITS_MAX } };
	hit_list_init(&findings.physical, HITS_MAX);
	ei_error *error = search_all(run, lists, count, set, &findings);
	if (!error)
		error = hits_give(run, &findings, hits, hit_count);
	hit_list_deinit(&findings.physical);
	free(findings.stitched.items);
	return error;
}

ei_error *ei_search(
	ei_run *run, const ei_term *terms, size_t count, const ei_hit **hits, size_t *hit_count)
{
	const ei_term_list list = { terms, count, 0 };
	return ei_search_lists(run, &list, 1, hits, hit_count);
}
