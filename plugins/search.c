// search: terms in all of physical memory, with whoever holds each.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/scan.h>
#include <string.h>

enum { TERM, ENCODING, PHYSICAL, VIRTUAL, PROCESS, PID, STATE, REGION, CONTEXT, HITS, COLUMNS };
enum { OPT_TERM, OPT_TERMS, OPT_PID, OPT_SUMMARY };
enum { BEFORE = 8, CONTEXT_BYTES = 32, SUMS_MAX = 1 << 18 };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[TERM]     = { "term",     EI_STR,   "the term, as it was given" },
	[ENCODING] = { "encoding", EI_STR,   "how it is spelled there: ascii or utf16" },
	[PHYSICAL] = { "physical", EI_ADDR,  "physical address of its first byte" },
	[VIRTUAL]  = { "virtual",  EI_ADDR,  "where this owner maps it" },
	[PROCESS]  = { "process",  EI_STR,   "process that maps it" },
	[PID]      = { "pid",      EI_UINT,  "id of that process" },
	[STATE]    = { "state",    EI_STR,   "exited; unlisted: a process that should be on the list and is not" },
	[REGION]   = { "region",   EI_STR,   "module or file; private, mapped, kernel, page table or unowned" },
	[CONTEXT]  = { "context",  EI_STR,   "32 bytes, from 8 before it; what is not text as \\xNN" },
	[HITS]     = { "hits",     EI_UINT, "with --summary: how many there are, of which this is the first" },
};

static const ei_option options[] = {
	[OPT_TERM]  = { "term",  EI_STR,  EI_MANY | EI_POSITIONAL, "terms to look for" },
	[OPT_TERMS] = { "terms", EI_STR,  EI_MANY, "files with a term a line" },
	[OPT_PID]   = { "pid",   EI_UINT, EI_MANY, "only in these processes" },
	[OPT_SUMMARY] = { "summary", EI_BOOL, 0,   "a row for each term, spelling, owner and region" },
};
// clang-format on

struct list {
	const ei_term *terms;
	size_t count;
};

// ---- terms ----------------------------------------------------------------------------------

static ei_error *words_read(ei_run *r, ei_term *out)
{
	size_t count = ei_opt_count(r, OPT_TERM);
	for (size_t i = 0; i < count; i++) {
		ei_val word = ei_opt_at(r, OPT_TERM, i);
		if (word.length < EI_TERM_SHORTEST || word.length > EI_TERM_LONGEST)
			return ei_fail(EI_E_USAGE, "term '%.*s' is %u bytes long, want %d to %d",
				(int)(word.length < 40 ? word.length : 40), word.s, word.length,
				EI_TERM_SHORTEST, EI_TERM_LONGEST);
		out[i] = (ei_term){ word.s, word.length };
	}
	return NULL;
}

// Words of the command line first, then the files in their order.
static ei_error *terms_gather(ei_run *r, struct list *out)
{
	size_t files = ei_opt_count(r, OPT_TERMS), count = ei_opt_count(r, OPT_TERM);
	struct list *lists = ei_alloc(ei_scratch(r), (files + 1) * sizeof *lists);
	if (!lists)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < files; i++) {
		ei_term *terms = NULL;
		EI_TRY_IN(ei_terms_read(r, ei_opt_at(r, OPT_TERMS, i).s, &terms, &lists[i].count),
			"--terms takes files; terms go before it");
		lists[i].terms = terms;
		count += lists[i].count;
	}
	if (!count)
		return ei_fail(EI_E_USAGE, "nothing to look for: give terms, or --terms FILE");
	ei_term *all = ei_alloc(ei_scratch(r), count * sizeof *all);
	if (!all)
		return ei_fail(EI_E_NOMEM, "no memory for %zu terms", count);
	EI_TRY(words_read(r, all));
	size_t at = ei_opt_count(r, OPT_TERM);
	for (size_t i = 0; i < files; i++) {
		if (lists[i].count)
			memcpy(all + at, lists[i].terms, lists[i].count * sizeof *all);
		at += lists[i].count;
	}
	*out = (struct list){ all, count };
	return NULL;
}

// ---- rows -----------------------------------------------------------------------------------

// Escapes into `out`, four characters a byte at most.
static uint32_t bytes_escape(const uint8_t *bytes, size_t size, char *out)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t length = 0;
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] >= ' ' && bytes[i] <= '~' && bytes[i] != '\\') {
			out[length++] = (char)bytes[i];
			continue;
		}
		out[length++] = '\\';
		out[length++] = 'x';
		out[length++] = digits[bytes[i] >> 4];
		out[length++] = digits[bytes[i] & 15];
	}
	return length;
}

static ei_val context_read(ei_run *r, uint64_t pa, char *out)
{
	// What comes before may be outside of the image; the hit itself never is.
	uint8_t bytes[CONTEXT_BYTES];
	uint64_t start = pa < BEFORE ? 0 : pa - BEFORE;
	size_t got = ei_read_physical(r, start, bytes, CONTEXT_BYTES);
	if (got <= pa - start)
		got = ei_read_physical(r, pa, bytes, CONTEXT_BYTES);
	if (!got)
		return ei_absent(EI_UNREADABLE);
	uint32_t length = bytes_escape(bytes, got, out);
	return (ei_val){ .s = out, .length = length, .kind = EI_STR, .state = EI_OK };
}

static void row_emit(
	ei_run *r, const ei_term *term, const ei_hit *hit, const ei_owner *owner, ei_val hits)
{
	char context[4 * CONTEXT_BYTES];
	ei_val text = { .s = term->text, .length = term->length, .kind = EI_STR, .state = EI_OK };
	ei_emit(r, (ei_val[COLUMNS]){
			   [TERM] = text,
			   [ENCODING] = ei_str(hit->flags & EI_HIT_UTF16 ? "utf16" : "ascii"),
			   [PHYSICAL] = ei_addr(hit->pa),
			   [VIRTUAL] = owner->va,
			   [PROCESS] = owner->process,
			   [PID] = owner->pid,
			   [STATE] = owner->state,
			   [REGION] = owner->region,
			   [CONTEXT] = context_read(r, hit->pa, context),
			   [HITS] = hits,
		   });
}

// ---- summary --------------------------------------------------------------------------------

// Hits that differ only in where they are. A process's name is the session's own, kept once, so
// that its address tells processes apart; regions go by their names.
struct sum {
	const ei_hit *first;
	ei_owner owner;
	uint64_t count; // 0: free
};

struct summary {
	struct sum *sums; // open addressing
	size_t *order;    // of their first hits
	size_t count, room;
};

static uint64_t sum_hash(const ei_hit *hit, const ei_owner *owner)
{
	uint64_t hash = hit->term * 2u + (hit->flags & EI_HIT_UTF16);
	hash = (hash * 31 + owner->kind) * 31 + owner->pid.u;
	hash = (hash ^ (uintptr_t)owner->process.s) * UINT64_C(0x9e3779b97f4a7c15);
	for (uint32_t i = 0; i < owner->region.length; i++)
		hash = (hash ^ (uint8_t)owner->region.s[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 29;
}

static bool same_text(ei_val a, ei_val b)
{
	return a.length == b.length && (!a.length || !memcmp(a.s, b.s, a.length));
}

static bool sum_is_of(const struct sum *sum, const ei_hit *hit, const ei_owner *owner)
{
	const ei_owner *other = &sum->owner;
	return sum->first->term == hit->term && sum->first->flags == hit->flags &&
	       other->kind == owner->kind && other->pid.u == owner->pid.u &&
	       other->process.s == owner->process.s && same_text(other->region, owner->region);
}

static ei_error *summary_init(ei_run *r, size_t hits, struct summary *out)
{
	size_t room = 16;
	while (room < 4 * hits && room < SUMS_MAX)
		room *= 2;
	*out = (struct summary){ .room = room };
	out->sums = ei_alloc(ei_scratch(r), room * sizeof *out->sums);
	out->order = ei_alloc(ei_scratch(r), room * sizeof *out->order);
	if (!out->sums || !out->order)
		return ei_fail(EI_E_NOMEM, "no memory to sum up %zu hits", hits);
	memset(out->sums, 0, room * sizeof *out->sums);
	return NULL;
}

static bool summary_add(struct summary *summary, const ei_hit *hit, const ei_owner *owner)
{
	size_t at = sum_hash(hit, owner) & (summary->room - 1);
	while (summary->sums[at].count && !sum_is_of(&summary->sums[at], hit, owner))
		at = (at + 1) & (summary->room - 1);
	if (!summary->sums[at].count) {
		if (summary->count == summary->room / 2)
			return false;
		summary->order[summary->count++] = at;
		summary->sums[at] = (struct sum){ hit, *owner, 0 };
	}
	summary->sums[at].count++;
	return true;
}

static void summary_emit(ei_run *r, const struct list *terms, const struct summary *summary)
{
	for (size_t i = 0; i < summary->count && !ei_stopped(r); i++) {
		const struct sum *sum = &summary->sums[summary->order[i]];
		row_emit(r, &terms->terms[sum->first->term], sum->first, &sum->owner,
			ei_uint(sum->count));
	}
}

// ---- hits -----------------------------------------------------------------------------------

struct owners {
	ei_owner_cursor cursor;
	bool any; // was given, or was not wanted
};

// The next owner that was asked for; what has none is owned by nobody, once.
static bool next_wanted(ei_run *r, const ei_hit *hit, struct owners *owners, ei_owner *owner)
{
	while (ei_next_owner(r, hit->pa, &owners->cursor, owner)) {
		owners->any = true;
		if (ei_opt_allows(r, OPT_PID, owner->pid))
			return true;
	}
	if (owners->any || ei_opt_count(r, OPT_PID))
		return false;
	owners->any = true;
	*owner = (ei_owner){ .va = ei_absent(EI_NONE),
		.process = ei_absent(EI_NONE),
		.pid = ei_absent(EI_NONE),
		.region = ei_str("unowned"),
		.state = ei_absent(EI_NONE) };
	return true;
}

static void hits_emit(ei_run *r, const struct list *terms, const ei_hit *hits, size_t count)
{
	for (size_t i = 0; i < count && !ei_stopped(r); i++) {
		struct owners owners = { 0 };
		for (ei_owner owner; next_wanted(r, &hits[i], &owners, &owner);)
			row_emit(r, &terms->terms[hits[i].term], &hits[i], &owner,
				ei_absent(EI_NONE));
	}
}

static ei_error *hits_sum_up(ei_run *r, const struct list *terms, const ei_hit *hits, size_t count)
{
	struct summary summary;
	bool cut = false;
	EI_TRY(summary_init(r, count, &summary));
	for (size_t i = 0; i < count && !ei_stopped(r); i++) {
		struct owners owners = { 0 };
		for (ei_owner owner; next_wanted(r, &hits[i], &owners, &owner);)
			cut |= !summary_add(&summary, &hits[i], &owner);
	}
	if (cut)
		ei_note(r, "the summary is cut: more than %zu rows", summary.count);
	summary_emit(r, terms, &summary);
	return NULL;
}

static ei_error *run(ei_run *r)
{
	struct list list = { NULL, 0 };
	const ei_hit *hits = NULL;
	size_t count = 0;
	EI_TRY(terms_gather(r, &list));
	EI_TRY(ei_search(r, list.terms, list.count, &hits, &count));
	if (ei_opt_count(r, OPT_SUMMARY))
		return hits_sum_up(r, &list, hits, count);
	hits_emit(r, &list, hits, count);
	return NULL;
}

EI_PLUGIN(search) = {
	EI_HEAD(search),
	.purpose = "terms in all of physical memory, with whoever holds each",
	.needs = EI_NEEDS_IMAGE,
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	.run = run,
};
