// Choosing the nearest profile: candidates in order of their distance, each tried on the image.
// SPDX-License-Identifier: Apache-2.0
#include "win/nearest.h"

#include "win/kernel_pe.h"
#include "win/nearest_herd.h"
#include "win/self_test.h"
#include <stdlib.h>

enum {
	CANDIDATES_MAX = 512,
	VERIFIED_MAX = 16, // candidates that are worth the self-tests
	SHIFTED_MAX = 8,   // candidates whose members are looked for elsewhere
	GLOBALS_ARENA_MAX = 1 << 20,
};

// ---- candidates -----------------------------------------------------------------------------
struct candidate {
	uint32_t build_distance, revision_distance;
	size_t index; // of the built-in
};

struct build {
	uint32_t number, revision; // 0: not known
};

// "10.0.19041.1237": the third and the fourth number.
static struct build build_of(const char *version)
{
	struct build build = { 0 };
	unsigned major, minor;
	if (sscanf(version, "%u.%u.%u.%u", &major, &minor, &build.number, &build.revision) < 3)
		return (struct build){ 0 };
	return build;
}

static struct build build_wanted(const struct nearest_wish *wish)
{
	const struct identity *identity = &wish->session->identity;
	struct build build = { .number = identity->build };
	struct kernel_pe pe;
	struct pe_version version;
	if (kernel_pe_open(&identity->kernel, wish->reader, identity->kernel_base, &pe) &&
		kernel_pe_version(&pe, &version) && version.build == build.number)
		build.revision = version.revision;
	return build;
}

static uint32_t distance(uint32_t a, uint32_t b)
{
	return a > b ? a - b : b - a;
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->build_distance != y->build_distance)
		return x->build_distance < y->build_distance ? -1 : 1;
	if (x->revision_distance != y->revision_distance)
		return x->revision_distance < y->revision_distance ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static ei_error *candidates_list(
	const struct nearest_wish *wish, struct candidate *candidates, size_t *count)
{
	struct build wanted = build_wanted(wish);
	uint32_t pointer_size = wish->session->identity.kernel.mode->pointer_size;
	size_t builtins = MIN(profile_builtin_count(), (size_t)CANDIDATES_MAX);
	size_t found = 0;
	for (size_t i = 0; i < builtins; i++) {
		EI_OWNED(profile) profile = NULL;
		EI_TRY(profile_builtin(i, &profile));
		struct profile_info info = profile_info(profile);
		if (info.pointer_size != pointer_size)
			continue;
		struct build build = build_of(info.version);
		candidates[found++] = (struct candidate){
			.build_distance = distance(build.number, wanted.number),
			.revision_distance = distance(build.revision, wanted.revision),
			.index = i,
		};
	}
	qsort(candidates, found, sizeof *candidates, compare_candidates);
	*count = found;
	return NULL;
}

// ---- trying them ----------------------------------------------------------------------------
struct trial {
	struct profile *profile; // owned; NULL: no candidate fits yet
	struct profile *types;   // what it was made of; among those seen
	const char *moved;       // members that are not where its layout has them; NULL: none
	char lender[64];         // whose types of the registry it has; "": its own
	struct verdict verdict;
	const char *doubt;
};

// A test that cannot be asked says nothing for a layout, though none fails: what holds counts as
// much as what does not. Members put elsewhere must make a test hold.
static bool is_better(const struct trial *best, const struct verdict *verdict, bool moved)
{
	if (!best->profile)
		return true;
	if (moved && verdict->passed <= best->verdict.passed)
		return false;
	int64_t now = (int64_t)verdict->passed - verdict->failed;
	int64_t before = (int64_t)best->verdict.passed - best->verdict.failed;
	return now > before || (now == before && verdict->failed < best->verdict.failed && !moved);
}

// The registry's types changed at other builds than the rest.
static const char *const registry_types[] = { "_CMHIVE", "_HHIVE", "_HBASE_BLOCK", "_DUAL",
	"_HMAP_DIRECTORY", "_HMAP_TABLE", "_HMAP_ENTRY", NULL };

struct offer {
	struct profile *types;
	struct profile *lender; // of the registry's types; may be `types`
	const char *moved;      // as in a trial
};

// `*tried` is set when the offer was worth the self-tests.
static ei_error *try_types(const struct nearest_wish *wish, const struct globals *globals,
	const struct offer *offer, struct trial *best, bool *tried)
{
	struct symbol_at symbols[GLOBALS_MAX];
	const char *doubt = NULL;
	struct verdict verdict;
	bool lent = offer->lender != offer->types;
	EI_OWNED(profile) profile = NULL;
	size_t count = globals_fit(wish, globals, offer->types, offer->lender, symbols, &doubt);
	*tried = count;
	if (!count)
		return NULL;
	EI_TRY(profile_with_symbols(offer->types, symbols, count, &profile));
	if (lent && !profile_lend(profile, offer->lender, registry_types))
		return NULL;
	EI_TRY(profile_verify(wish, profile, &verdict));
	if (!verdict.usable || !is_better(best, &verdict, offer->moved))
		return NULL;
	profile_unref(best->profile);
	*best = (struct trial){
		.profile = EI_GIVE(profile),
		.types = offer->types,
		.moved = offer->moved,
		.verdict = verdict,
		.doubt = doubt,
	};
	if (lent)
		snprintf(best->lender, sizeof best->lender, "%s", profile_info(offer->lender).name);
	return NULL;
}

// Builds share layouts; what failed once fails again.
static bool seen_before(struct profile *const *seen, size_t count, const struct profile *types)
{
	for (size_t i = 0; i < count; i++)
		if (profile_same_types(seen[i], types))
			return true;
	return false;
}

struct trials {
	struct profile *seen[CANDIDATES_MAX + SHIFTED_MAX];
	size_t seen_count, tried, layouts;
	struct trial best;
};

static ei_error *try_candidate(const struct nearest_wish *wish, const struct globals *globals,
	size_t index, struct trials *trials)
{
	EI_OWNED(profile) types = NULL;
	bool tried = false;
	EI_TRY(profile_builtin(index, &types));
	if (seen_before(trials->seen, trials->seen_count, types))
		return NULL;
	struct offer offer = { .types = types, .lender = types };
	ei_error *error = try_types(wish, globals, &offer, &trials->best, &tried);
	trials->seen[trials->seen_count++] = EI_GIVE(types);
	trials->layouts++;
	trials->tried += tried;
	return error;
}

static bool is_settled(const struct trials *trials)
{
	return trials->tried >= VERIFIED_MAX ||
	       (trials->best.profile && !trials->best.verdict.failed);
}

// All but the hives may be right: then another build may have the right types for those.
static ei_error *try_lenders(const struct nearest_wish *wish, const struct globals *globals,
	const struct candidate *candidates, size_t count, struct trial *best)
{
	for (size_t i = 0; i < count && best->profile && best->verdict.hives_failed; i++) {
		EI_OWNED(profile) lender = NULL;
		bool tried;
		if (wish->cancelled && *wish->cancelled)
			return ei_fail(EI_E_CANCELLED, "cancelled");
		EI_TRY(profile_builtin(candidates[i].index, &lender));
		struct offer offer = { best->types, lender, best->moved };
		if (!profile_same_types(lender, best->types))
			EI_TRY(try_types(wish, globals, &offer, best, &tried));
	}
	return NULL;
}

// The layout with its members where all objects show them; nothing when that is where they are.
static ei_error *try_shifted(const struct nearest_wish *wish, const struct globals *globals,
	struct profile *types, struct trials *trials)
{
	struct shifts shifts;
	bool tried;
	EI_OWNED(profile) moved = NULL;
	EI_TRY(shifts_find(wish, globals, types, &shifts));
	if (!shifts.count)
		return NULL;
	EI_TRY(profile_with_symbols(types, NULL, 0, &moved));
	profile_shift(moved, shifts.of, shifts.count);
	struct offer offer = { moved, moved, shifts.text };
	ei_error *error = try_types(wish, globals, &offer, &trials->best, &tried);
	trials->seen[trials->seen_count++] = EI_GIVE(moved);
	return error;
}

// The best layout so far, then the nearest ones, until one passes every test.
static ei_error *try_all_shifted(
	const struct nearest_wish *wish, const struct globals *globals, struct trials *trials)
{
	struct trial *best = &trials->best;
	size_t layouts = MIN(trials->seen_count, (size_t)SHIFTED_MAX - 1);
	if (best->profile && best->verdict.failed)
		EI_TRY(try_shifted(wish, globals, best->types, trials));
	for (size_t i = 0; i < layouts && (!best->profile || best->verdict.failed); i++) {
		if (wish->cancelled && *wish->cancelled)
			return ei_fail(EI_E_CANCELLED, "cancelled");
		EI_TRY(try_shifted(wish, globals, trials->seen[i], trials));
	}
	return NULL;
}

static ei_error *try_all(const struct nearest_wish *wish, struct trials *trials)
{
	struct candidate candidates[CANDIDATES_MAX];
	struct globals globals;
	size_t count = 0;
	EI_OWNED(ei_arena) arena = NULL;
	EI_TRY(ei_arena_create(GLOBALS_ARENA_MAX, &arena));
	EI_TRY(candidates_list(wish, candidates, &count));
	EI_TRY(globals_find(wish, arena, &globals));
	for (size_t i = 0; i < count && !is_settled(trials); i++) {
		if (wish->cancelled && *wish->cancelled)
			return ei_fail(EI_E_CANCELLED, "cancelled");
		EI_TRY(try_candidate(wish, &globals, candidates[i].index, trials));
	}
	EI_TRY(try_lenders(wish, &globals, candidates, count, &trials->best));
	EI_TRY(try_all_shifted(wish, &globals, trials));
	return try_lenders(wish, &globals, candidates, count, &trials->best);
}

// ---- the result -----------------------------------------------------------------------------
// "a; b; c" of what `text` gives for the tests that failed; each thing once.
static const char *failures_text(ei_arena *arena, const struct verdict *verdict,
	const char *separator, const char *(*text)(const char *test))
{
	const char *all = "";
	for (uint32_t i = 0; i < verdict->failed; i++) {
		const char *one = text(verdict->failures[i]);
		if (!one || strstr(all, one))
			continue;
		const char *longer = ei_text(arena, "%s%s%s", all, *all ? separator : "", one);
		all = longer ? longer : all;
	}
	return all;
}

static const char *test_itself(const char *test)
{
	return test;
}

static const char *test_columns(const char *test)
{
	const char *claim, *rests;
	return self_test_claim(test, &claim, &rests) ? rests : NULL;
}

static const char *profile_text(ei_arena *arena, const struct trial *best)
{
	struct profile_info info = profile_info(best->profile);
	const char *lender = best->lender[0] ? ", hives as in " : "";
	const char *text = ei_text(arena, "%s%s%s%s", info.name, lender, best->lender,
		best->moved ? ", corrected" : "");
	return text ? text : "";
}

static const char *note_add(ei_arena *arena, const char *notes, const char *note)
{
	const char *both = notes && note ? ei_text(arena, "%s; %s", notes, note) : notes;
	return both ? both : note;
}

static const char *describe_failures(
	ei_arena *arena, const struct trial *best, const char *failures)
{
	const struct verdict *verdict = &best->verdict;
	if (!verdict->failed)
		return NULL;
	return ei_text(arena,
		"the profile is of a near build, %s, and these of its %u self-tests fail: %s; "
		"doubtful are therefore: %s",
		profile_text(arena, best), verdict->passed + verdict->failed, failures,
		failures_text(arena, verdict, "; ", test_columns));
}

static void describe(const struct nearest_wish *wish, const struct trial *best, struct nearest *out)
{
	ei_arena *arena = wish->session->arena;
	const struct verdict *verdict = &best->verdict;
	const char *failures = failures_text(arena, verdict, ", ", test_itself);
	snprintf(out->how, sizeof out->how, "nearest: %u family, verified %u/%u (%s)%s%s",
		build_of(profile_info(best->profile).version).number, verdict->passed,
		verdict->passed + verdict->failed, profile_text(arena, best),
		verdict->failed ? "; failed: " : "", failures);
	out->note = describe_failures(arena, best, failures);
	if (best->moved)
		out->note = note_add(arena, out->note,
			ei_text(arena,
				"where all objects show it, members lie elsewhere than in %s: %s",
				profile_info(best->profile).name, best->moved));
	out->note = note_add(arena, out->note, best->doubt);
}

ei_error *profile_nearest(const struct nearest_wish *wish, struct nearest *out)
{
	struct trials trials = { 0 };
	ei_error *error = try_all(wish, &trials);
	for (size_t i = 0; i < trials.seen_count; i++)
		profile_unref(trials.seen[i]);
	if (error) {
		profile_unref(trials.best.profile);
		return error;
	}
	if (!trials.best.profile)
		return ei_fail(EI_E_REQUIREMENT,
			"the System process is found with none of the %zu built-in layouts for %s",
			trials.layouts, wish->session->identity.kernel.mode->name);
	*out = (struct nearest){ .profile = trials.best.profile };
	describe(wish, &trials.best, out);
	return NULL;
}
