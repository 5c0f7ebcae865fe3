// search: terms in all of physical memory, or in files, with whoever holds each.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/scan.h>
#include <string.h>

enum {
	TERM,
	ENCODING,
	PHYSICAL,
	VIRTUAL,
	PROCESS,
	PID,
	STATE,
	REGION,
	PROTECTION,
	ACROSS,
	CONTEXT,
	HITS,
	FILE_NAME,
	COLUMNS
};
enum {
	OPT_TERM,
	OPT_TERMS,
	OPT_PID,
	OPT_PROCESS,
	OPT_SUMMARY,
	OPT_CONTEXT,
	OPT_RAW,
	OPT_LITERAL,
	OPT_CASE,
	OPT_WORD,
	OPT_DNS,
	OPT_HEX
};
enum { BEFORE = 8, CONTEXT_BYTES = 32, CONTEXT_MAX = 1024, SUMS_MAX = 1 << 18, PAGE_BYTES = 4096 };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[TERM]     = { "term",     EI_STR,   "the term that is looked for" },
	[ENCODING] = { "encoding", EI_STR,   "how it is spelled there: ascii, utf16; dns, bytes with the options for them" },
	[PHYSICAL] = { "physical", EI_ADDR,  "physical address of its first byte; with --raw: offset in the file" },
	[VIRTUAL]  = { "virtual",  EI_ADDR,  "where this owner maps it" },
	[PROCESS]  = { "process",  EI_STR,   "process that maps it" },
	[PID]      = { "pid",      EI_UINT,  "id of that process" },
	[STATE]    = { "state",    EI_STR,   "exited; unlisted: a process that should be on the list and is not" },
	[REGION]   = { "region",   EI_STR,   "module or file; heap, stack, teb, peb, private, mapped; pool with its tag, kernel; page table; free, standby...; unowned" },
	[PROTECTION] = { "protection", EI_STR, "what the page tables let this owner do: r, w, x" },
	[ACROSS]   = { "across",   EI_STR,   "of what goes on in the next page: virtual, as this owner sees it; physical only, to this owner the pages are no neighbours" },
	[CONTEXT]  = { "context",  EI_STR,   "32 bytes, from 8 before it, or as --context says; what is not text as \\xNN" },
	[HITS]     = { "hits",     EI_UINT, "with --summary: how many there are, of which this is the first" },
	[FILE_NAME] = { "file",    EI_STR,  "with --raw: the file" },
};

static const ei_option options[] = {
	[OPT_TERM]  = { "term",  EI_STR,  EI_MANY | EI_POSITIONAL, "terms to look for" },
	[OPT_TERMS] = { "terms", EI_STR,  EI_MANY, "files with a term a line, or comma-separated values with a type" },
	[OPT_PID]   = { "pid",   EI_UINT, EI_MANY, "only in these processes" },
	[OPT_PROCESS] = { "process", EI_UINT, EI_MANY, "the same" },
	[OPT_SUMMARY] = { "summary", EI_BOOL, 0,   "a row for each term, spelling, owner and region" },
	[OPT_CONTEXT] = { "context", EI_UINT, 0,   "show so many bytes at each side, at most 1024" },
	[OPT_RAW]     = { "raw",     EI_STR, EI_MANY, "search these files, or all files in these folders, instead of an image" },
	[OPT_LITERAL] = { "literal", EI_BOOL, 0,   "take terms of the command line as they are: do not refang hxxp, [.]" },
	[OPT_CASE]    = { "case-sensitive", EI_BOOL, 0, "letters in the case that they are given in" },
	[OPT_WORD]    = { "word", EI_BOOL, 0,      "whole words only: no letter, digit or _ on either side" },
	[OPT_DNS]     = { "dns", EI_BOOL, 0,       "names of hosts also as DNS has them: a length before each label" },
	[OPT_HEX]     = { "hex", EI_STR, EI_MANY,  "bytes in hexadecimal, ? is any digit: 4d5a??00" },
};
// clang-format on

struct list {
	const ei_term *terms;
	size_t count, patterns; // patterns are the last ones
};

// ---- terms ----------------------------------------------------------------------------------

static ei_error *words_read(ei_run *r, ei_term *out)
{
	size_t count = ei_opt_count(r, OPT_TERM);
	bool literal = ei_opt_count(r, OPT_LITERAL) != 0;
	for (size_t i = 0; i < count; i++) {
		ei_val word = ei_opt_at(r, OPT_TERM, i);
		if (word.length < EI_TERM_SHORTEST || word.length > EI_TERM_LONGEST)
			return ei_fail(EI_E_USAGE, "term '%.*s' is %u bytes long, want %d to %d",
				(int)(word.length < 40 ? word.length : 40), word.s, word.length,
				EI_TERM_SHORTEST, EI_TERM_LONGEST);
		out[i] = (ei_term){ word.s, word.length };
		if (!literal && ei_term_refang(r, &out[i]))
			ei_note(r, "'%s' is looked for as '%.*s'; --literal takes it as it is",
				word.s, (int)out[i].length, out[i].text);
	}
	return NULL;
}

static ei_error *patterns_read(ei_run *r, ei_term *out)
{
	for (size_t i = 0; i < ei_opt_count(r, OPT_HEX); i++) {
		ei_val word = ei_opt_at(r, OPT_HEX, i);
		if (word.length > EI_TERM_LONGEST)
			return ei_fail(
				EI_E_USAGE, "--hex takes %d digits at most", EI_TERM_LONGEST);
		out[i] = (ei_term){ word.s, word.length };
	}
	return NULL;
}

// Words of the command line first, then the files in their order, then patterns.
static ei_error *terms_gather(ei_run *r, struct list *out)
{
	size_t files = ei_opt_count(r, OPT_TERMS), count = ei_opt_count(r, OPT_TERM);
	struct list *lists = ei_alloc(ei_scratch(r), (files + 1) * sizeof *lists);
	if (!lists)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < files; i++) {
		ei_term *terms = NULL;
		const char *path = ei_opt_at(r, OPT_TERMS, i).s;
		ei_error *error = ei_terms_read(r, path, &terms, &lists[i].count);
		if (error && ei_error_code(error) == EI_E_IO)
			return ei_wrap(error, "--terms takes files; terms go before it");
		EI_TRY(error);
		lists[i].terms = terms;
		count += lists[i].count;
	}
	size_t patterns = ei_opt_count(r, OPT_HEX);
	count += patterns;
	if (!count && files)
		return ei_fail(EI_E_USAGE, "nothing to look for: there are no terms in '%s'",
			ei_opt_at(r, OPT_TERMS, 0).s);
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
	EI_TRY(patterns_read(r, all + at));
	*out = (struct list){ all, count, patterns };
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

// Where the rows come from: physical memory, or a file.
struct source {
	ei_run *run;
	const ei_raw *file;    // NULL: memory
	size_t before, around; // bytes shown in front; in all, or 0: `before` at each side
	uint8_t *bytes;
	char *text; // 4 characters a byte
};

static ei_error *source_init(ei_run *r, struct source *out)
{
	ei_val wish = ei_opt(r, OPT_CONTEXT);
	*out = (struct source){ .run = r, .before = BEFORE, .around = CONTEXT_BYTES };
	if (ei_has(wish) && wish.u > CONTEXT_MAX)
		return ei_fail(EI_E_USAGE, "--context %llu is too many bytes, want %d at most",
			(unsigned long long)wish.u, CONTEXT_MAX);
	if (ei_has(wish)) {
		out->before = (size_t)wish.u;
		out->around = 0;
	}
	size_t room = 2 * CONTEXT_MAX + 4 * EI_TERM_LONGEST;
	out->bytes = ei_alloc(ei_scratch(r), room);
	out->text = ei_alloc(ei_scratch(r), 4 * room);
	if (!out->bytes || !out->text)
		return ei_fail(EI_E_NOMEM, "out of memory");
	return NULL;
}

static size_t source_read(const struct source *source, uint64_t at, uint8_t *out, size_t size)
{
	if (source->file)
		return ei_raw_read(source->file, at, out, size);
	return ei_read_physical(source->run, at, out, size);
}

// What goes on in a page that is no neighbour is read there.
static size_t hit_read(const struct source *source, const ei_hit *hit, uint64_t start, size_t size)
{
	size_t room = (size_t)((hit->pa / PAGE_BYTES + 1) * PAGE_BYTES - start);
	if (!(hit->flags & EI_HIT_STITCHED) || size <= room)
		return source_read(source, start, source->bytes, size);
	size_t got = source_read(source, start, source->bytes, room);
	if (got < room)
		return got;
	return got + source_read(source, (uint64_t)hit->next_page * PAGE_BYTES,
			     source->bytes + room, size - room);
}

static ei_val context_read(const struct source *source, const ei_hit *hit)
{
	// What comes before may be outside of the image; the hit itself never is.
	size_t before = hit->pa < source->before ? (size_t)hit->pa : source->before;
	size_t size = source->around ? source->around : before + hit->length + source->before;
	size_t got = hit_read(source, hit, hit->pa - before, size);
	if (got <= before)
		got = hit_read(source, hit, hit->pa, size - (source->around ? 0 : before));
	if (!got)
		return ei_absent(EI_UNREADABLE);
	uint32_t length = bytes_escape(source->bytes, got, source->text);
	return (ei_val){ .s = source->text, .length = length, .kind = EI_STR, .state = EI_OK };
}

static ei_val encoding_text(const ei_hit *hit)
{
	return ei_str(hit->flags & EI_HIT_UTF16    ? "utf16"
		      : hit->flags & EI_HIT_LABELS ? "dns"
		      : hit->flags & EI_HIT_BYTES  ? "bytes"
						   : "ascii");
}

static ei_val protection_text(const ei_owner *owner)
{
	static const char *const texts[] = { NULL, "r", "w", "rw", "x", "rx", "wx", "rwx" };
	return ei_str(texts[owner->protection & 7]);
}

static ei_val across_text(const ei_owner *owner)
{
	static const char *const texts[] = { NULL, "virtual", "physical only" };
	return owner->across < EI_COUNT(texts) ? ei_str(texts[owner->across]) : ei_absent(EI_NONE);
}

static void row_emit(const struct source *source, const ei_term *term, const ei_hit *hit,
	const ei_owner *owner, ei_val hits)
{
	ei_val text = { .s = term->text, .length = term->length, .kind = EI_STR, .state = EI_OK };
	ei_emit(source->run,
		(ei_val[COLUMNS]){
			[TERM] = text,
			[ENCODING] = encoding_text(hit),
			[PHYSICAL] = ei_addr(hit->pa),
			[VIRTUAL] = owner->va,
			[PROCESS] = owner->process,
			[PID] = owner->pid,
			[STATE] = owner->state,
			[REGION] = owner->region,
			[PROTECTION] = protection_text(owner),
			[ACROSS] = across_text(owner),
			[CONTEXT] = context_read(source, hit),
			[HITS] = hits,
			[FILE_NAME] = ei_str(source->file ? ei_raw_path(source->file) : NULL),
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
	bool cut;
};

static uint64_t sum_hash(const ei_hit *hit, const ei_owner *owner)
{
	uint64_t hash = hit->term * 16u + (hit->flags & ~(uint32_t)EI_HIT_STITCHED);
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
	return sum->first->term == hit->term &&
	       !((sum->first->flags ^ hit->flags) & ~(uint32_t)EI_HIT_STITCHED) &&
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

static void summary_emit(
	const struct source *source, const struct list *terms, const struct summary *summary)
{
	for (size_t i = 0; i < summary->count && !ei_stopped(source->run); i++) {
		const struct sum *sum = &summary->sums[summary->order[i]];
		row_emit(source, &terms->terms[sum->first->term], sum->first, &sum->owner,
			ei_uint(sum->count));
	}
}

// ---- hits -----------------------------------------------------------------------------------

static const ei_owner nobody = { .va = { .state = EI_NONE },
	.process = { .state = EI_NONE },
	.pid = { .state = EI_NONE },
	.region = { .state = EI_NONE },
	.state = { .state = EI_NONE } };

struct owners {
	ei_owner_cursor cursor;
	bool any; // was given, or was not wanted
};

static bool process_allowed(const ei_run *r, ei_val pid)
{
	if (!ei_opt_count(r, OPT_PROCESS))
		return ei_opt_allows(r, OPT_PID, pid);
	return ei_opt_allows(r, OPT_PROCESS, pid) ||
	       (ei_opt_count(r, OPT_PID) && ei_opt_allows(r, OPT_PID, pid));
}

// The next owner that was asked for; what has none is owned by nobody, once.
static bool next_wanted(ei_run *r, const ei_hit *hit, struct owners *owners, ei_owner *owner)
{
	bool only = ei_opt_count(r, OPT_PID) || ei_opt_count(r, OPT_PROCESS);
	while (ei_next_holder(r, hit, &owners->cursor, owner)) {
		owners->any = true;
		if (process_allowed(r, owner->pid))
			return true;
	}
	if (owners->any || only)
		return false;
	owners->any = true;
	*owner = nobody;
	owner->region = ei_str("unowned");
	return true;
}

// Takes an owner of a hit; true when it keeps what the owner points to.
typedef bool holder_taken(
	void *context, const struct source *source, const ei_hit *hit, const ei_owner *owner);

static bool hit_each(
	const struct source *source, const ei_hit *hit, holder_taken *taken, void *context)
{
	struct owners owners = { 0 };
	bool keeps = false;
	if (source->file)
		return taken(context, source, hit, &nobody);
	for (ei_owner owner; next_wanted(source->run, hit, &owners, &owner);)
		keeps |= taken(context, source, hit, &owner);
	return keeps;
}

static void holders_each(const struct source *source, const ei_hit *hits, size_t count,
	holder_taken *taken, void *context)
{
	ei_arena *scratch = ei_scratch(source->run);
	for (size_t i = 0; i < count && !ei_stopped(source->run); i++) {
		ei_mark mark = ei_arena_mark(scratch);
		if (!hit_each(source, &hits[i], taken, context))
			ei_arena_rewind(scratch, mark);
	}
}

static bool holder_emit(
	void *context, const struct source *source, const ei_hit *hit, const ei_owner *owner)
{
	const struct list *terms = context;
	row_emit(source, &terms->terms[hit->term], hit, owner, ei_absent(EI_NONE));
	return false;
}

static bool holder_sum(
	void *context, const struct source *source, const ei_hit *hit, const ei_owner *owner)
{
	struct summary *summary = context;
	size_t count = summary->count;
	(void)source;
	summary->cut |= !summary_add(summary, hit, owner);
	return summary->count > count;
}

static ei_error *hits_show(
	const struct source *source, struct list *terms, const ei_hit *hits, size_t count)
{
	if (!ei_opt_count(source->run, OPT_SUMMARY)) {
		holders_each(source, hits, count, holder_emit, terms);
		return NULL;
	}
	struct summary summary;
	EI_TRY(summary_init(source->run, count, &summary));
	holders_each(source, hits, count, holder_sum, &summary);
	if (summary.cut)
		ei_note(source->run, "the summary is cut: more than %zu rows", summary.count);
	summary_emit(source, terms, &summary);
	return NULL;
}

// ---- files ----------------------------------------------------------------------------------

struct raw {
	struct source source;
	struct list *terms;
	ei_error *error;
};

static bool raw_found(
	ei_run *r, void *context, const ei_raw *file, const ei_hit *hits, size_t count)
{
	struct raw *raw = context;
	raw->source.file = file;
	raw->error = count ? hits_show(&raw->source, raw->terms, hits, count) : NULL;
	return !raw->error && !ei_stopped(r);
}

// As the search wants them: texts, and patterns.
static void lists_split(const ei_run *r, const struct list *terms, ei_term_list out[2])
{
	uint32_t flags = (ei_opt_count(r, OPT_CASE) ? EI_TERMS_CASE : 0) |
			 (ei_opt_count(r, OPT_WORD) ? EI_TERMS_WORDS : 0) |
			 (ei_opt_count(r, OPT_DNS) ? EI_TERMS_LABELS : 0);
	size_t texts = terms->count - terms->patterns;
	out[0] = (ei_term_list){ terms->terms, texts, flags };
	out[1] = (ei_term_list){ terms->terms + texts, terms->patterns, EI_TERMS_HEX };
}

static ei_error *raw_search(const struct source *source, struct list *terms)
{
	ei_run *r = source->run;
	size_t count = ei_opt_count(r, OPT_RAW);
	const char **paths = ei_alloc(ei_scratch(r), count * sizeof *paths);
	if (!paths)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		paths[i] = ei_opt_at(r, OPT_RAW, i).s;
	struct raw raw = { *source, terms, NULL };
	ei_term_list lists[2];
	lists_split(r, terms, lists);
	ei_error *error = ei_search_files(r, paths, count, lists, EI_COUNT(lists), raw_found, &raw);
	if (error)
		ei_error_drop(raw.error);
	return error ? error : raw.error;
}

static ei_error *run(ei_run *r)
{
	struct list list = { NULL, 0, 0 };
	struct source source;
	const ei_hit *hits = NULL;
	size_t count = 0;
	bool raw = ei_opt_count(r, OPT_RAW) != 0;
	EI_OWNED(ei_error) missing = ei_require(r, EI_NEEDS_IMAGE);
	if (raw && !missing)
		return ei_fail(
			EI_E_USAGE, "--raw searches files instead of an image: leave out -f");
	if (raw && (ei_opt_count(r, OPT_PID) || ei_opt_count(r, OPT_PROCESS)))
		return ei_fail(EI_E_USAGE, "--raw: files have no processes");
	if (!raw && missing)
		return EI_GIVE(missing);
	EI_TRY(source_init(r, &source));
	EI_TRY(terms_gather(r, &list));
	if (raw)
		return raw_search(&source, &list);
	ei_term_list lists[2];
	lists_split(r, &list, lists);
	EI_TRY(ei_search_lists(r, lists, EI_COUNT(lists), &hits, &count));
	return hits_show(&source, &list, hits, count);
}

EI_PLUGIN(search) = {
	EI_HEAD(search),
	.purpose = "terms in all of physical memory, or in files, with whoever holds each",
	.needs = EI_NEEDS_NOTHING,
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	.run = run,
	.asks = "terms",
};
