// The kernel's globals without its symbols: by exports, debugger data, what the container says, and
// the heads of lists that lie in the kernel's image.
// SPDX-License-Identifier: Apache-2.0
#include "win/identify.h"
#include "win/kernel_pe.h"
#include "win/nearest_parts.h"
#include <eidetic/registry.h>

enum {
	HEADS_MAX = 8192,
	IMAGE_MAX = 64 << 20,
	IMAGE_GUESS = 16 << 20, // without a header
	POINTER_MAX = 8,
	// _KDDEBUGGER_DATA64, which does not change
	KDBG_MODULE_LIST_AT = 0x48,
	KDBG_PROCESS_HEAD_AT = 0x50,
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

// ---- exports, debugger data, the container --------------------------------------------------
static const char *const exports[] = { "KeNumberProcessors", "NtBuildNumber",
	"PsInitialSystemProcess", "PsLoadedModuleList" };

static void add(struct globals *globals, const char *name, uint64_t rva)
{
	globals->exported[globals->exported_count++] = (struct symbol_at){ name, rva };
}

static struct global_lead exports_read(const struct nearest_wish *wish, struct globals *globals)
{
	const struct identity *identity = &wish->session->identity;
	struct global_lead lead = { .witness = "export table" };
	struct kernel_pe pe;
	uint32_t rva;
	if (!kernel_pe_open(&identity->kernel, wish->reader, identity->kernel_base, &pe))
		return lead;
	for (size_t i = 0; i < ARRAY_LENGTH(exports); i++)
		if (kernel_pe_export(&pe, exports[i], &rva))
			add(globals, exports[i], rva);
	if (kernel_pe_export(&pe, "PsInitialSystemProcess", &rva))
		globals->system = pointer_at(wish, identity->kernel_base + rva);
	if (kernel_pe_export(&pe, "PsLoadedModuleList", &rva))
		lead.module_list = identity->kernel_base + rva;
	return lead;
}

static uint64_t kdbg_pointer(const struct nearest_wish *wish, uint64_t va)
{
	const struct space *space = &wish->session->identity.kernel;
	uint8_t bytes[8];
	if (space_read(space, wish->reader, va, bytes, sizeof bytes, NULL) != sizeof bytes)
		return 0;
	return space->mode->canonical(load_u64(bytes));
}

static struct global_lead kdbg_read(const struct nearest_wish *wish, struct globals *globals)
{
	const struct identity *identity = &wish->session->identity;
	struct global_lead lead = { .witness = "debugger data" };
	uint64_t kdbg = identity->kdbg;
	if (!kdbg)
		kdbg = identify_kdbg(&identity->kernel, wish->reader, identity->kernel_base,
			identity->kernel_size);
	if (!kdbg)
		return lead;
	if (in_image(identity, kdbg))
		add(globals, "KdDebuggerDataBlock", kdbg - identity->kernel_base);
	lead.process_head = kdbg_pointer(wish, kdbg + KDBG_PROCESS_HEAD_AT);
	lead.module_list = kdbg_pointer(wish, kdbg + KDBG_MODULE_LIST_AT);
	return lead;
}

static struct global_lead hints_read(const struct nearest_wish *wish)
{
	const struct image_hints *hints = image_hints(wish->session->image);
	uint64_t (*canonical)(uint64_t) = wish->session->identity.kernel.mode->canonical;
	return (struct global_lead){
		.witness = "dump header",
		.process_head = canonical(hints->ps_active_process_head),
		.module_list = canonical(hints->ps_loaded_module_list),
	};
}

ei_error *globals_find(const struct nearest_wish *wish, ei_arena *arena, struct globals *out)
{
	struct globals globals = { 0 };
	globals.leads[0] = exports_read(wish, &globals);
	globals.leads[1] = kdbg_read(wish, &globals);
	globals.leads[2] = hints_read(wish);
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
	struct member hive, signature; // of _CMHIVE
	bool has_base, has_hive;
};

static bool fit_init(const struct nearest_wish *wish, const struct profile *types,
	const struct profile *hive_types, struct fit *fit)
{
	*fit = (struct fit){ .wish = wish, .types = types };
	fit->has_base = profile_member(types, "_KLDR_DATA_TABLE_ENTRY", "DllBase", &fit->base) ||
			profile_member(types, "_LDR_DATA_TABLE_ENTRY", "DllBase", &fit->base);
	fit->has_hive = profile_member(hive_types, "_CMHIVE", "HiveList", &fit->hive) &&
			profile_member(hive_types, "_CMHIVE", "Hive.Signature", &fit->signature);
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

// 0 when no head is of that kind.
static uint64_t head_of(const struct fit *fit, const struct globals *globals,
	bool (*is_kind)(const struct fit *, const struct ring_head *))
{
	for (size_t i = 0; i < globals->head_count; i++)
		if (is_kind(fit, &globals->heads[i]))
			return globals->heads[i].va;
	return 0;
}

// One global, by the list that it begins and by all leads: the list is the better witness.
struct choice {
	const char *name;
	uint64_t by_list;
	uint64_t by_lead[GLOBAL_LEADS];
};

static uint64_t choose(const struct fit *fit, const struct globals *globals,
	const struct choice *choice, const char **doubt)
{
	const struct identity *identity = &fit->wish->session->identity;
	uint64_t chosen = choice->by_list;
	const char *witness = "its list";
	for (size_t i = 0; i < GLOBAL_LEADS; i++) {
		uint64_t lead = choice->by_lead[i];
		if (!lead || !in_image(identity, lead) || lead == chosen)
			continue;
		if (chosen)
			*doubt = ei_text(fit->wish->session->arena,
				"%s is at 0x%llx by %s, at 0x%llx by the %s", choice->name,
				(unsigned long long)chosen, witness, (unsigned long long)lead,
				globals->leads[i].witness);
		else
			witness = globals->leads[i].witness;
		chosen = chosen ? chosen : lead;
	}
	return chosen;
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

static void put(
	struct symbol_at *symbols, size_t *count, const char *name, uint64_t va, uint64_t base)
{
	if (va && *count < GLOBALS_MAX)
		symbols[(*count)++] = (struct symbol_at){ name, va - base };
}

size_t globals_fit(const struct nearest_wish *wish, const struct globals *globals,
	const struct profile *types, const struct profile *hive_types,
	struct symbol_at symbols[GLOBALS_MAX], const char **doubt)
{
	uint64_t base = wish->session->identity.kernel_base;
	struct choice process = { .name = "PsActiveProcessHead" };
	struct choice module = { .name = "PsLoadedModuleList" };
	struct fit fit;
	size_t count = 0;
	*doubt = NULL;
	if (!fit_init(wish, types, hive_types, &fit))
		return 0;
	process.by_list = head_of(&fit, globals, is_process_head);
	if (!process.by_list)
		process.by_list = head_before_system(&fit, globals);
	module.by_list = head_of(&fit, globals, is_module_list);
	for (size_t i = 0; i < GLOBAL_LEADS; i++) {
		process.by_lead[i] = globals->leads[i].process_head;
		module.by_lead[i] = globals->leads[i].module_list;
	}
	bool system = globals->system && is_system(&fit, globals->system);
	if (!process.by_list && !system)
		return 0;
	for (size_t i = 0; i < globals->exported_count; i++)
		if (strcmp(globals->exported[i].name, module.name) != 0)
			symbols[count++] = globals->exported[i];
	put(symbols, &count, process.name, choose(&fit, globals, &process, doubt), base);
	put(symbols, &count, module.name, choose(&fit, globals, &module, doubt), base);
	put(symbols, &count, "CmpHiveListHead", head_of(&fit, globals, is_hive_list), base);
	return count;
}

// ---- every witness --------------------------------------------------------------------------
struct witnesses {
	struct global_witness *out;
	size_t count;
};

static void say(struct witnesses *all, const char *global, const char *witness, uint64_t va)
{
	if (va && all->count < GLOBAL_WITNESSES_MAX)
		all->out[all->count++] = (struct global_witness){ global, witness, va };
}

static void witnesses_of_lists(
	const struct fit *fit, const struct globals *globals, struct witnesses *all)
{
	say(all, "PsActiveProcessHead", "its list", head_of(fit, globals, is_process_head));
	say(all, "PsActiveProcessHead", "what System points back to",
		head_before_system(fit, globals));
	say(all, "PsLoadedModuleList", "its list", head_of(fit, globals, is_module_list));
	say(all, "CmpHiveListHead", "its list", head_of(fit, globals, is_hive_list));
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
	for (size_t i = 0; i < globals.exported_count; i++)
		say(&all, globals.exported[i].name,
			strcmp(globals.exported[i].name, "KdDebuggerDataBlock") ? "export table"
										: "its signature",
			wish->session->identity.kernel_base + globals.exported[i].rva);
	for (size_t i = 0; i < GLOBAL_LEADS; i++) {
		const struct global_lead *lead = &globals.leads[i];
		say(&all, "PsActiveProcessHead", lead->witness, lead->process_head);
		if (i) // the export table has said it
			say(&all, "PsLoadedModuleList", lead->witness, lead->module_list);
	}
	if (fit_init(wish, types, types, &fit))
		witnesses_of_lists(&fit, &globals, &all);
	*count = all.count;
	return NULL;
}
