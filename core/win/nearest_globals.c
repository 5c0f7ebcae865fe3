// The kernel's globals without its symbols: by exports, debugger data, exported functions' code,
// what the container says, and the heads of lists that lie in the kernel's image.
// SPDX-License-Identifier: Apache-2.0
#include "win/globals_kdbg.h"
#include "win/globals_recipe.h"
#include "win/globals_scan.h"
#include "win/kernel_pe.h"
#include "win/nearest_parts.h"
#include <eidetic/registry.h>

enum {
	HEADS_MAX = 8192,
	IMAGE_MAX = 64 << 20,
	IMAGE_GUESS = 16 << 20, // without a header
	POINTER_MAX = 8,
	PID_SYSTEM = 4,
};

// ---- reading --------------------------------------------------------------------------------
static uint64_t load_pointer(const struct space *space, const uint8_t *bytes)
{
	return space->mode->pointer_size == 8 ? load_u64(bytes) : load_u32(bytes);
}

// 0 when it cannot be read.
static uint64_t pointer_at(const struct nearest_wish *wish, uint64_t va)
{
	const struct space *space = &wish->session->identity.kernel;
	uint8_t bytes[POINTER_MAX];
	size_t size = space->mode->pointer_size;
	return space_read(space, wish->reader, va, bytes, size, NULL) == size
		       ? load_pointer(space, bytes)
		       : 0;
}

static uint64_t image_size(const struct identity *identity)
{
	return identity->kernel_size ? MIN(identity->kernel_size, (uint32_t)IMAGE_MAX)
				     : IMAGE_GUESS;
}

static bool in_image(const struct identity *identity, uint64_t va)
{
	return va - identity->kernel_base < image_size(identity);
}

// ---- heads of lists -------------------------------------------------------------------------
struct head_scan {
	const struct nearest_wish *wish;
	struct ring_head *heads;
	size_t count;
};

static bool leads_outside(const struct identity *identity, uint64_t va)
{
	return va >= identity->kernel.mode->kernel_start &&
	       va % identity->kernel.mode->pointer_size == 0 && !in_image(identity, va);
}

// One of the two neighbours has to point back: the other may be damaged or hidden.
static void head_consider(struct head_scan *scan, uint64_t va, uint64_t first, uint64_t last)
{
	uint32_t pointer_size = scan->wish->session->identity.kernel.mode->pointer_size;
	if (pointer_at(scan->wish, first + pointer_size) == va ||
		pointer_at(scan->wish, last) == va)
		scan->heads[scan->count++] =
			(struct ring_head){ .va = va, .first = first, .last = last };
}

static void heads_of_page(struct head_scan *scan, uint64_t va)
{
	const struct identity *identity = &scan->wish->session->identity;
	const struct space *space = &identity->kernel;
	uint32_t step = space->mode->pointer_size;
	uint8_t bytes[PAGE_SIZE + POINTER_MAX]; // a head may begin in the last pointer
	size_t got = space_read(
		space, scan->wish->reader, va, bytes, PAGE_SIZE + space->mode->pointer_size, NULL);

	for (size_t at = 0; at + 2 * step <= got && scan->count < HEADS_MAX; at += step) {
		uint64_t first = load_pointer(space, bytes + at);
		uint64_t last = load_pointer(space, bytes + at + step);
		if (leads_outside(identity, first) && leads_outside(identity, last))
			head_consider(scan, va + at, first, last);
	}
}

static ei_error *heads_find(
	const struct nearest_wish *wish, ei_arena *arena, struct globals *globals)
{
	const struct identity *identity = &wish->session->identity;
	struct head_scan scan = { .wish = wish,
		.heads = ei_alloc(arena, HEADS_MAX * sizeof *scan.heads) };
	uint64_t last = identity->kernel_base + image_size(identity) - 1;
	if (!scan.heads)
		return ei_fail(EI_E_NOMEM, "out of memory");
	struct page page;
	for (uint64_t va = identity->kernel_base;
		space_next(&identity->kernel, wish->reader, va, last, 0, &page);) {
		uint64_t end = MIN(page.va + page.size - 1, last);
		for (uint64_t at = MAX(page.va, va); at < end; at += PAGE_SIZE)
			heads_of_page(&scan, at);
		va = page.va + page.size;
		if (va - 1 >= last)
			break;
	}
	globals->heads = scan.heads;
	globals->head_count = scan.count;
	return NULL;
}

// ---- exports, debugger data, code, the container --------------------------------------------
// Variables that kernels export, of those that anybody asks for.
static const char *const exports[] = { "KdVersionBlock", "KeNumberProcessors",
	"KeServiceDescriptorTable", "NtBuildLab", "NtBuildNumber", "PsInitialSystemProcess",
	"PsLoadedModuleList", "PsProcessType", "PsThreadType" };

static void exports_say(
	const struct kernel_image *kernel, const struct kernel_pe *pe, struct claims *claims)
{
	uint32_t rva;
	for (size_t i = 0; i < ARRAY_LENGTH(exports); i++)
		if (kernel_pe_export(pe, exports[i], &rva))
			claim(claims, kernel, exports[i], "export table", kernel->base + rva);
}

static void debugger_says(
	const struct kernel_image *kernel, struct code *code, uint64_t hint, struct claims *claims)
{
	struct kdbg kdbg;
	const char *name;
	uint32_t offset;
	if (!kdbg_find(kernel, code, hint, &kdbg))
		return;
	claim(claims, kernel, "KdDebuggerDataBlock", kdbg.witness, kdbg.va);
	claim(claims, kernel, "KiWaitNever", kdbg.witness, kdbg.wait_never);
	claim(claims, kernel, "KiWaitAlways", kdbg.witness, kdbg.wait_always);
	claim(claims, kernel, "KdpDataBlockEncoded", kdbg.witness, kdbg.encoded_flag);
	for (size_t i = 0; (name = kdbg_global(i, &offset)); i++)
		claim(claims, kernel, name, kdbg.witness, kdbg_pointer(kernel, &kdbg, offset));
}

static void container_says(
	const struct session *session, const struct kernel_image *kernel, struct claims *claims)
{
	const struct image_hints *hints = image_hints(session->image);
	uint64_t (*canonical)(uint64_t) = kernel->space->mode->canonical;
	claim(claims, kernel, "PsActiveProcessHead", "dump header",
		canonical(hints->ps_active_process_head));
	claim(claims, kernel, "PsLoadedModuleList", "dump header",
		canonical(hints->ps_loaded_module_list));
}

// The better witnesses first.
static ei_error *all_say(
	const struct nearest_wish *wish, const struct kernel_image *kernel, struct claims *claims)
{
	const struct identity *identity = &wish->session->identity;
	struct kernel_pe pe;
	EI_OWNED(code) code = NULL;
	EI_TRY(code_open(kernel, &code));
	bool has_pe = kernel_pe_open(kernel->space, kernel->reader, kernel->base, &pe);
	if (has_pe)
		exports_say(kernel, &pe, claims);
	debugger_says(kernel, code, identity->kdbg, claims);
	if (has_pe)
		recipes_read(kernel, &pe, code, identity->build, claims);
	container_says(wish->session, kernel, claims);
	scans_read(kernel, claims);
	return NULL;
}

ei_error *globals_find(const struct nearest_wish *wish, ei_arena *arena, struct globals *out)
{
	const struct identity *identity = &wish->session->identity;
	struct kernel_image kernel = { &identity->kernel, wish->reader, identity->kernel_base,
		(uint32_t)image_size(identity) };
	struct globals globals = { 0 };
	struct claims claims = { 0 };
	EI_TRY(all_say(wish, &kernel, &claims));
	memcpy(globals.said, claims.list, sizeof globals.said);
	globals.said_count = claims.count;
	uint64_t system = claimed(&claims, "PsInitialSystemProcess");
	globals.system = system ? pointer_at(wish, system) : 0;
	EI_TRY(heads_find(wish, arena, &globals));
	*out = globals;
	return NULL;
}

// ---- with types -----------------------------------------------------------------------------
struct fit {
	const struct nearest_wish *wish;
	const struct profile *types;
	struct member link, pid, name; // of _EPROCESS
	struct member base;            // DllBase of a loaded module
	uint64_t system;               // its _EPROCESS; 0: not known
	struct member hive, signature; // of _CMHIVE
	struct member table, tables;   // of _EPROCESS, of _HANDLE_TABLE
	bool has_base, has_hive, has_tables;
};

static bool fit_init(const struct nearest_wish *wish, const struct profile *types,
	const struct profile *hive_types, struct fit *fit)
{
	*fit = (struct fit){ .wish = wish, .types = types };
	fit->has_base = profile_member(types, "_KLDR_DATA_TABLE_ENTRY", "DllBase", &fit->base) ||
			profile_member(types, "_LDR_DATA_TABLE_ENTRY", "DllBase", &fit->base);
	fit->has_hive = profile_member(hive_types, "_CMHIVE", "HiveList", &fit->hive) &&
			profile_member(hive_types, "_CMHIVE", "Hive.Signature", &fit->signature);
	fit->has_tables = profile_member(types, "_EPROCESS", "ObjectTable", &fit->table) &&
			  profile_member(types, "_HANDLE_TABLE", "HandleTableList", &fit->tables);
	return profile_member(types, "_EPROCESS", "ActiveProcessLinks", &fit->link) &&
	       profile_member(types, "_EPROCESS", "UniqueProcessId", &fit->pid) &&
	       profile_member(types, "_EPROCESS", "ImageFileName", &fit->name);
}

static bool is_system(const struct fit *fit, uint64_t process)
{
	const struct space *space = &fit->wish->session->identity.kernel;
	char name[8] = "";
	if (pointer_at(fit->wish, process + fit->pid.offset) != PID_SYSTEM)
		return false;
	return space_read(space, fit->wish->reader, process + fit->name.offset, name, 7, NULL) ==
		       7 &&
	       !strcmp(name, "System");
}

static bool is_process_head(const struct fit *fit, const struct ring_head *head)
{
	return is_system(fit, head->first - fit->link.offset);
}

static bool is_module_list(const struct fit *fit, const struct ring_head *head)
{
	return fit->has_base && pointer_at(fit->wish, head->first + fit->base.offset) ==
					fit->wish->session->identity.kernel_base;
}

static bool is_hive_list(const struct fit *fit, const struct ring_head *head)
{
	const struct space *space = &fit->wish->session->identity.kernel;
	uint64_t hive = head->first - fit->hive.offset;
	uint8_t bytes[4];
	return fit->has_hive &&
	       space_read(space, fit->wish->reader, hive + fit->signature.offset, bytes, 4, NULL) ==
		       4 &&
	       load_u32(bytes) == EI_HIVE_SIGNATURE;
}

// System's handle table is the first that is made.
static bool is_handle_table_list(const struct fit *fit, const struct ring_head *head)
{
	if (!fit->has_tables || !fit->system)
		return false;
	uint64_t table = pointer_at(fit->wish, fit->system + fit->table.offset);
	return table && head->first == table + fit->tables.offset;
}

// 0 when no head is of that kind.
static uint64_t head_of(const struct fit *fit, const struct globals *globals,
	bool (*is_kind)(const struct fit *, const struct ring_head *))
{
	for (size_t i = 0; i < globals->head_count; i++)
		if (is_kind(fit, &globals->heads[i]))
			return globals->heads[i].va;
	return 0;
}

// System is the first of the list, so the head is what its own link points back to.
static uint64_t head_before_system(const struct fit *fit, const struct globals *globals)
{
	const struct identity *identity = &fit->wish->session->identity;
	if (!globals->system || !is_system(fit, globals->system))
		return 0;
	uint64_t link = globals->system + fit->link.offset;
	uint64_t head = pointer_at(fit->wish, link + identity->kernel.mode->pointer_size);
	return in_image(identity, head) ? head : 0;
}

// ---- every witness --------------------------------------------------------------------------
struct witnesses {
	struct global_witness *out; // GLOBAL_WITNESSES_MAX
	size_t count;
};

static void say(struct witnesses *all, const char *global, const char *witness, uint64_t va)
{
	if (va && all->count < GLOBAL_WITNESSES_MAX)
		all->out[all->count++] = (struct global_witness){ global, witness, va };
}

// System has the kernel's own handle table, and that is what the variable points to.
static bool is_contradicted(const struct fit *fit, const struct global_witness *said)
{
	if (strcmp(said->global, "ObpKernelHandleTable") != 0 || !fit->system || !fit->has_tables)
		return false;
	return pointer_at(fit->wish, said->va) !=
	       pointer_at(fit->wish, fit->system + fit->table.offset);
}

// A list itself is the best witness of its head.
static void witnesses_with_types(
	struct fit *fit, const struct globals *globals, struct witnesses *all)
{
	uint64_t head = head_of(fit, globals, is_process_head);
	fit->system = head ? pointer_at(fit->wish, head) - fit->link.offset : globals->system;
	say(all, "PsActiveProcessHead", "its list", head);
	say(all, "PsActiveProcessHead", "what System points back to",
		head_before_system(fit, globals));
	say(all, "PsLoadedModuleList", "its list", head_of(fit, globals, is_module_list));
	say(all, "CmpHiveListHead", "its list", head_of(fit, globals, is_hive_list));
	say(all, "HandleTableListHead", "its list", head_of(fit, globals, is_handle_table_list));
}

// `fit` may be NULL: then nobody is contradicted.
static void witnesses_without(
	const struct fit *fit, const struct globals *globals, struct witnesses *all)
{
	for (size_t i = 0; i < globals->said_count; i++) {
		const struct global_witness *said = &globals->said[i];
		if (!fit || !is_contradicted(fit, said))
			say(all, said->global, said->witness, said->va);
	}
}

ei_error *globals_witnessed(const struct nearest_wish *wish, const struct profile *types,
	struct global_witness out[GLOBAL_WITNESSES_MAX], size_t *count)
{
	struct witnesses all = { .out = out };
	struct globals globals;
	struct fit fit;
	EI_OWNED(ei_arena) arena = NULL;
	EI_TRY(ei_arena_create(HEADS_MAX * sizeof(struct ring_head) * 4, &arena));
	EI_TRY(globals_find(wish, arena, &globals));
	bool fits = fit_init(wish, types, types, &fit);
	if (fits)
		witnesses_with_types(&fit, &globals, &all);
	witnesses_without(fits ? &fit : NULL, &globals, &all);
	*count = all.count;
	return NULL;
}

// ---- the symbols ----------------------------------------------------------------------------
static const struct global_witness *first_of(const struct witnesses *all, const char *global)
{
	for (size_t i = 0; i < all->count; i++)
		if (!strcmp(all->out[i].global, global))
			return &all->out[i];
	return NULL;
}

static void doubt_add(ei_arena *arena, const struct global_witness *chosen,
	const struct global_witness *other, const char **doubt)
{
	const char *before = *doubt ? *doubt : "", *comma = *doubt ? "; " : "";
	const char *text = ei_text(arena, "%s%s%s is at 0x%llx by %s, at 0x%llx by %s", before,
		comma, chosen->global, (unsigned long long)chosen->va, chosen->witness,
		(unsigned long long)other->va, other->witness);
	*doubt = text ? text : *doubt;
}

// The first witness of each global has the say; those who contradict it are a doubt.
static size_t choose(const struct session *session, const struct witnesses *all,
	struct symbol_at symbols[GLOBALS_MAX], const char **doubt)
{
	size_t count = 0;
	for (size_t i = 0; i < all->count; i++) {
		const struct global_witness *said = &all->out[i];
		const struct global_witness *first = first_of(all, said->global);
		if (first == said && count < GLOBALS_MAX)
			symbols[count++] = (struct symbol_at){ said->global,
				said->va - session->identity.kernel_base };
		else if (first->va != said->va)
			doubt_add(session->arena, first, said, doubt);
	}
	return count;
}

size_t globals_fit(const struct nearest_wish *wish, const struct globals *globals,
	const struct profile *types, const struct profile *hive_types,
	struct symbol_at symbols[GLOBALS_MAX], const char **doubt)
{
	struct global_witness list[GLOBAL_WITNESSES_MAX];
	struct witnesses all = { .out = list };
	struct fit fit;
	*doubt = NULL;
	if (!fit_init(wish, types, hive_types, &fit))
		return 0;
	witnesses_with_types(&fit, globals, &all);
	bool system = globals->system && is_system(&fit, globals->system);
	if (!first_of(&all, "PsActiveProcessHead") && !system)
		return 0;
	witnesses_without(&fit, globals, &all);
	return choose(wish->session, &all, symbols, doubt);
}
