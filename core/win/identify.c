// Identification: candidates for the root, each tried until a kernel is found through it.
// SPDX-License-Identifier: Apache-2.0
#include "win/identify.h"
#include "win/identity.h"
#include "win/witness.h"

enum {
	LOW_END = 8 << 20,     // where the boot loader's root has been, on every build seen
	WINDOW_END = 32 << 20, // where it is looked for next
	// Pages that all searches may look at, before and after the pass over all memory.
	PAGES_EARLY = 1 << 20,
	PAGES_LATE = 4 << 20,
};

struct identifying {
	const struct identify_wish *wish;
	ei_arena *arena;
	struct candidates *list;
	struct kernel_leads leads;
	const struct candidate *chosen;
	struct kernel_hit hit;
};

// ---- trying ---------------------------------------------------------------------------------
static bool system_half_is_empty(const struct space *space, struct reader *reader)
{
	const struct space_mode *mode = space->mode;
	struct page page;

	return !space_next(space, reader, mode->kernel_start, mode->kernel_end, 0, &page);
}

// A base that the user gave needs no proof, only a root that maps something there.
static bool base_as_told(
	const struct identifying *id, const struct space *space, struct kernel_hit *out)
{
	struct reader *reader = id->wish->reader;
	uint64_t base = space->mode->canonical(id->wish->kernel_base);
	struct page page;

	if (!base || !space_next(space, reader, base, base + (1 << 20) - 1, 0, &page))
		return false;
	if (!kernel_at(space, reader, base, out))
		*out = (struct kernel_hit){ .base = base };
	out->witness = "--kernel-base";
	return true;
}

static bool candidate_try(
	struct identifying *id, struct candidate *candidate, enum kernel_search search)
{
	struct reader *reader = id->wish->reader;
	const struct space *space = &candidate->space;
	bool found;

	if (id->wish->kernel_base)
		found = base_as_told(id, space, &id->hit);
	else
		found = kernel_find(space, reader, &id->leads, search, &id->hit);
	if (id->leads.pages_left) // otherwise the search was cut short
		candidate->searched = MAX(candidate->searched, search + 1u);
	if (found) {
		candidate->outcome = "kernel found";
		id->chosen = candidate;
		return true;
	}
	if (!candidate->outcome && !reader_holds(reader, space->dtb & ~UINT64_C(0xfff), PAGE_SIZE))
		candidate->outcome = "not in the image";
	else if (!candidate->outcome && system_half_is_empty(space, reader))
		candidate->outcome = "maps nothing in the system half";
	else if (!candidate->outcome)
		candidate->outcome = "no kernel found through it";
	return false;
}

// Tries the candidates that this search has not been made for; all of them when `again`.
// A lower table that maps itself, taken for a root, shows the kernel at an address that no kernel
// has: a root that shows it where kernels are is the right one.
static bool hit_is_likely(const struct identifying *id)
{
	return id->wish->kernel_base || kernel_base_is_likely(&id->chosen->space, id->hit.base);
}

static bool candidates_try(struct identifying *id, enum kernel_search search, bool again)
{
	const struct candidate *unlikely = NULL;
	struct kernel_hit unlikely_hit;
	for (size_t i = 0; i < id->list->count; i++) {
		struct candidate *candidate = &id->list->items[i];
		if (!again && candidate->searched > search)
			continue;
		if (!candidate_try(id, candidate, search))
			continue;
		if (hit_is_likely(id))
			return true;
		if (!unlikely)
			unlikely_hit = id->hit;
		unlikely = unlikely ? unlikely : candidate;
		candidate->outcome = "kernel found, where no kernel is";
	}
	if (!unlikely)
		return false;
	id->chosen = unlikely;
	id->hit = unlikely_hit;
	return true;
}

static bool cancelled(const struct identifying *id)
{
	return id->wish->cancelled && *id->wish->cancelled;
}

static bool candidates_try_all(struct identifying *id, bool again)
{
	for (enum kernel_search search = SEARCH_QUICK; search < SEARCHES; search++)
		if (cancelled(id) || candidates_try(id, search, again && search == SEARCH_QUICK))
			return !cancelled(id);
	return false;
}

// ---- where candidates come from -------------------------------------------------------------
static void candidate_add_modes(struct identifying *id, uint64_t dtb, const char *witness)
{
	const struct image_hints *hints = image_hints(id->wish->image);

	if (hints->machine != space_pae.machine)
		candidate_add(id->list, &space_x64, dtb & UINT64_C(0xffffffffff000), 0, witness);
	if (hints->machine == space_x64.machine || dtb >> 32)
		return;
	candidate_add(id->list, &space_pae, dtb & 0xffffffe0, 0, witness);
	if (!hints->pae)
		candidate_add(id->list, &space_x86, dtb & 0xfffff000, 0, witness);
}

static void leads_from_hints(struct identifying *id)
{
	const struct image_hints *hints = image_hints(id->wish->image);

	id->leads = (struct kernel_leads){
		.base = hints->kernel_base,
		.module_list = hints->ps_loaded_module_list,
		.inside = { 0, hints->kdbg, hints->ps_loaded_module_list,
			hints->ps_active_process_head },
		.kdbg = hints->kdbg,
		.pages_left = PAGES_EARLY,
	};
}

static bool search_early(struct identifying *id)
{
	struct reader *reader = id->wish->reader;
	const struct image *image = id->wish->image;
	uint64_t hint = image_hints(image)->dtb;

	if (hint) {
		bool crash = image_crash_header(image) != NULL;
		candidate_add_modes(id, hint, crash ? "crash header" : "processor state");
		if (candidates_try(id, SEARCH_QUICK, false))
			return true;
	}
	witness_low_stub(reader, id->list, &id->leads);
	if (candidates_try(id, SEARCH_QUICK, false))
		return true;
	witness_self_maps(reader, 0, LOW_END, id->list);
	if (candidates_try(id, SEARCH_QUICK, false))
		return true;
	witness_self_maps(reader, LOW_END, WINDOW_END, id->list);
	return candidates_try_all(id, false);
}

static ei_error *search(struct identifying *id)
{
	const struct identify_wish *wish = id->wish;

	leads_from_hints(id);
	if (wish->dtb) {
		id->leads.pages_left = PAGES_LATE;
		candidate_add_modes(id, wish->dtb, "--dtb");
		candidates_try_all(id, false);
		return NULL;
	}
	if (search_early(id))
		return NULL;
	EI_TRY(witness_scan(wish->image, wish->threads, wish->cancelled, id->list, &id->leads));
	id->leads.pages_left = PAGES_LATE;
	candidates_try_all(id, true);
	return NULL;
}

// ---- results --------------------------------------------------------------------------------
static ei_error *attempts_keep(const struct identifying *id, struct identification *out)
{
	const struct candidates *list = id->list;
	struct attempt *attempts = ei_alloc(id->arena, list->count * sizeof *attempts);
	size_t count = 0;

	if (list->count && !attempts)
		return ei_fail(EI_E_NOMEM, "no memory for what was tried");
	for (size_t i = 0; i < list->count; i++) {
		const struct candidate *candidate = &list->items[i];
		attempts[count++] = (struct attempt){
			.witness = candidate->witness,
			.dtb = candidate->space.dtb,
			.pa = candidate->pa,
			.outcome = candidate->outcome ? candidate->outcome : "not tried",
			.accepted = candidate == id->chosen,
		};
	}
	out->attempts = attempts;
	out->attempt_count = count;
	return NULL;
}

static const char *why_not_found(const struct identifying *id)
{
	const struct image *image = id->wish->image;
	size_t runs;

	image_runs(image, &runs);
	if (image_hints(image)->machine == 0xaa64)
		return "a Windows on ARM64: recognised, but its page tables are not read";
	if (!runs)
		return "the image holds no physical memory, only pieces of the kernel's";
	if (!id->list->count)
		return "nothing in the image looks like page tables of Windows";
	return "no Windows kernel was found through any page table in the image";
}

static ei_error *notes_keep(const struct identifying *id, struct identification *out)
{
	const char **notes = ei_alloc(id->arena, 2 * sizeof *notes);

	if (!notes)
		return ei_fail(EI_E_NOMEM, "no memory for notes");
	out->notes = notes;
	if (!out->identity.found)
		notes[out->note_count++] = why_not_found(id);
	if (id->list->dropped)
		notes[out->note_count++] =
			ei_text(id->arena, "%llu more page-table roots were not tried",
				(unsigned long long)id->list->dropped);
	return NULL;
}

static const struct space_mode *mode_of_machine(uint32_t machine)
{
	return machine == space_x86.machine ? &space_x86 : &space_x64;
}

static void identity_without_kernel(const struct identifying *id, struct identity *out)
{
	const struct image_hints *hints = image_hints(id->wish->image);

	out->kernel.mode = mode_of_machine(hints->machine);
	out->kernel_base = hints->kernel_base;
	out->machine = hints->machine;
	out->build = hints->build;
	out->kdbg = hints->kdbg;
	out->arm64 = hints->machine == 0xaa64;
}

static ei_error *identify_with(struct identifying *id, struct identification *out)
{
	struct identification result = { 0 };
	size_t runs;

	image_runs(id->wish->image, &runs);
	if (runs && image_hints(id->wish->image)->machine != 0xaa64)
		EI_TRY(search(id));
	if (cancelled(id))
		return ei_fail(EI_E_CANCELLED, "identification was cancelled");
	if (id->chosen)
		identity_fill(id->wish, &id->chosen->space, id->chosen->witness, &id->hit,
			&result.identity);
	else
		identity_without_kernel(id, &result.identity);
	EI_TRY(attempts_keep(id, &result));
	EI_TRY(notes_keep(id, &result));
	*out = result;
	return NULL;
}

ei_error *identify(const struct identify_wish *wish, ei_arena *arena, struct identification *out)
{
	struct identifying id = { .wish = wish, .arena = arena };

	id.list = calloc(1, sizeof *id.list);
	if (!id.list)
		return ei_fail(EI_E_NOMEM, "no memory to identify '%s'", image_path(wish->image));
	ei_error *error = identify_with(&id, out);
	free(id.list);
	return error;
}
