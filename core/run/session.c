// Opening a session: image, kernel, profile. Whatever cannot be found is said, not fatal.
// SPDX-License-Identifier: Apache-2.0
#include "run/session.h"

#include "win/identify.h"
#include "win/nearest.h"
#include "win/shared.h"
#include <unistd.h>

enum {
	SESSION_ARENA_MAX = 256 << 20,
	RUN_ARENA_MAX = 64 << 20,
	SCRATCH_MAX = 512 << 20,
	NOTES_MAX = 64, // that an image can add
	THREADS_MAX = 64,
};

// ---- runs -----------------------------------------------------------------------------------

ei_error *run_create(const struct session *session, ei_run **out)
{
	EI_OWNED(ei_run) run = calloc(1, sizeof *run);
	if (!run)
		return ei_fail(EI_E_NOMEM, "out of memory");
	run->session = session;
	EI_TRY(reader_create(session->image, &run->reader));
	EI_TRY(ei_arena_create(SCRATCH_MAX, &run->scratch));
	EI_TRY(ei_arena_create(RUN_ARENA_MAX, &run->arena));
	*out = EI_GIVE(run);
	return NULL;
}

void run_drop(ei_run *run)
{
	if (!run)
		return;
	reader_drop(run->reader);
	ei_arena_drop(run->scratch);
	ei_arena_drop(run->arena);
	ei_error_drop(run->failure);
	free(run);
}

// ---- the profile ----------------------------------------------------------------------------

static void say_how(struct session *session, const char *how, const char *what)
{
	snprintf(session->profile_how, sizeof session->profile_how, "%s%s%s", how,
		*what ? ": " : "", what);
}

static ei_error *profile_named(struct session *session, const struct session_wish *wish)
{
	ei_error *error =
		strchr(wish->profile, '/') || access(wish->profile, R_OK) == 0
			? profile_load_cached(wish->store, wish->profile, &session->profile)
			: profile_by_name(wish->profile, &session->profile);
	EI_TRY_IN(error, "--profile '%s'", wish->profile);
	say_how(session, "as asked for with --profile", "");
	return NULL;
}

// An exact profile; false with the reason: what to look for, and where it was looked for.
static bool profile_exact(
	struct session *session, const struct session_wish *wish, char *why, size_t room)
{
	const struct identity *found = &session->identity;
	if (!found->pdb[0]) {
		snprintf(why, room, "the kernel's PDB record cannot be read");
		return false;
	}
	EI_OWNED(ei_error) error =
		profile_find(wish->store, found->pdb, found->guid, found->age, &session->profile);
	if (error) {
		snprintf(why, room, "%s", ei_error_text(error));
		return false;
	}
	say_how(session, "exact", profile_info(session->profile).origin);
	return true;
}

static void note_add(struct session *session, const char *note)
{
	const char **notes = ei_alloc(session->arena, (session->note_count + 1) * sizeof *notes);
	if (!notes)
		return;
	if (session->note_count)
		memcpy(notes, session->notes, session->note_count * sizeof *notes);
	notes[session->note_count++] = note;
	session->notes = notes;
}

// The nearest built-in that the image bears out, or none: then it is still `why` that helps.
static ei_error *profile_near(
	struct session *session, const struct session_wish *wish, const char *why)
{
	EI_OWNED(reader) reader = NULL;
	EI_TRY(reader_create(session->image, &reader));
	struct nearest_wish what = {
		.session = session,
		.reader = reader,
		.cancelled = wish->cancelled,
	};
	struct nearest nearest = { 0 };
	ei_error *error = profile_nearest(&what, &nearest);
	if (error && ei_error_code(error) != EI_E_REQUIREMENT)
		return error;
	if (error) {
		// Where there is a symbol file to look for, that is what helps.
		bool is_known = session->identity.pdb[0];
		say_how(session, *why ? why : "no profile",
			*why && is_known ? "" : ei_error_text(error));
		ei_error_drop(error);
		return NULL;
	}
	session->profile = nearest.profile;
	session->profile_is_nearest = true;
	say_how(session, nearest.how, "");
	if (nearest.note)
		note_add(session, nearest.note);
	return NULL;
}

static ei_error *profile_found(struct session *session, const struct session_wish *wish)
{
	char why[sizeof session->profile_how] = "";
	bool any = wish->profile && !strcmp(wish->profile, "none");
	if (!any && profile_exact(session, wish, why, sizeof why))
		return NULL;
	return profile_near(session, wish, why);
}

// Where paged-out entries keep the number of their file moved with Windows 8.
static void pagefile_bits_set(struct session *session)
{
	struct member member;
	if (session->profile &&
		profile_member(session->profile, "_MMPTE_SOFTWARE", "PageFileLow", &member))
		session->identity.kernel.pagefile =
			member.bit == 1 ? PAGEFILE_BITS_1 : PAGEFILE_BITS_12;
}

static ei_error *profile_choose(struct session *session, const struct session_wish *wish)
{
	if (wish->profile && strcmp(wish->profile, "none") != 0)
		EI_TRY(profile_named(session, wish));
	else if (session->identity.found)
		EI_TRY(profile_found(session, wish));
	else
		say_how(session, "no profile", "no kernel was found");
	pagefile_bits_set(session);
	return NULL;
}

// ---- opening --------------------------------------------------------------------------------

// The image's complaints, then what identification noticed.
static ei_error *gather_notes(struct session *session, const struct identification *identified)
{
	size_t room = NOTES_MAX + identified->note_count;
	const char **notes = ei_alloc(session->arena, room * sizeof *notes);
	if (!notes)
		return ei_fail(EI_E_NOMEM, "out of memory");
	size_t count = 0;
	for (const char *note; count < NOTES_MAX && (note = image_note(session->image, count));)
		notes[count++] = note;
	for (size_t i = 0; i < identified->note_count; i++)
		notes[count++] = identified->notes[i];
	session->notes = notes;
	session->note_count = count;
	return NULL;
}

static ei_error *find_kernel(struct session *session, const struct session_wish *wish)
{
	EI_OWNED(reader) reader = NULL;
	EI_TRY(reader_create(session->image, &reader));
	struct identify_wish what = {
		.image = session->image,
		.reader = reader,
		.dtb = wish->dtb,
		.kernel_base = wish->kernel_base,
		.threads = session->threads,
		.cancelled = wish->cancelled,
	};
	struct identification identified = { 0 };
	EI_TRY(identify(&what, session->arena, &identified));
	session->identity = identified.identity;
	session->attempts = identified.attempts;
	session->attempt_count = identified.attempt_count;
	return gather_notes(session, &identified);
}

static unsigned processors(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	return count < 1 ? 1 : (unsigned)MIN(count, (long)THREADS_MAX);
}

// A container that is damaged beyond use is an image that is not recognised.
static ei_error *open_image(const struct session_wish *wish, struct image **out)
{
	ei_error *error = image_open(wish->image, wish->format, out);
	if (!error || ei_error_code(error) != EI_E_FORMAT)
		return error;
	ei_error *unknown = ei_fail(EI_E_UNKNOWN, "%s", ei_error_text(error));
	ei_error_drop(error);
	return unknown;
}

ei_error *session_open(const struct session_wish *wish, struct session **out)
{
	EI_OWNED(session) session = calloc(1, sizeof *session);
	if (!session)
		return ei_fail(EI_E_NOMEM, "out of memory");
	session->store = wish->store;
	session->threads = wish->threads ? MIN(wish->threads, (unsigned)THREADS_MAX) : processors();
	session->verbose = wish->verbose;
	session->compat_vol3 = wish->compat_vol3;
	session->physical = (struct space){ .mode = &space_physical };
	EI_TRY(ei_arena_create(SESSION_ARENA_MAX, &session->arena));
	EI_TRY(wish->image ? open_image(wish, &session->image) : image_nothing(&session->image));
	EI_TRY(shared_create(&session->shared));
	if (wish->image) {
		EI_TRY(find_kernel(session, wish));
		EI_TRY(profile_choose(session, wish));
	}
	*out = EI_GIVE(session);
	return NULL;
}

void session_close(struct session *session)
{
	if (!session)
		return;
	shared_drop(session->shared);
	profile_unref(session->profile);
	image_close(session->image);
	ei_arena_drop(session->arena);
	free(session);
}
