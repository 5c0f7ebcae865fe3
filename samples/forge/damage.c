// What went wrong with the image: lost pages, paged-out memory, broken lists, decoys.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

// ---- page table entries of memory that is elsewhere ---------------------------------------------
static uint64_t software_bits(struct forge *f, uint64_t entry, const char *field, uint64_t value)
{
	struct member m;
	if (!profile_member(f->profile, "_MMPTE_SOFTWARE", field, &m) || m.kind != MEMBER_BITS)
		return entry;
	uint64_t mask = m.width < 64 ? (1ULL << m.width) - 1 : UINT64_MAX;
	return entry | (value & mask) << m.bit;
}

static void page_out(struct forge *f, struct space *space, uint64_t va, uint32_t protection)
{
	uint64_t frame = paging_frame(f, space, va);
	if (frame == UINT64_MAX)
		return;
	uint64_t entry = software_bits(f, 0, "Protection", protection);
	entry = software_bits(f, entry, "PageFileHigh", 0x1000 + forge_below(f, 0x40000));
	paging_set(f, space, va, entry);
	memory_forget(f, frame);
}

static void make_transition(struct forge *f, struct space *space, uint64_t va, uint64_t protection)
{
	uint64_t entry = paging_entry(f, space, va);
	if (!(entry & PTE_VALID))
		return;
	uint64_t frame = entry & 0xffffffffff000;
	paging_set(f, space, va, frame | 1 << 11 | protection << 5);
}

static void page_out_named(struct forge *f, const char *name)
{
	if (strcmp(name, "kernel_header") == 0) {
		page_out(f, &f->kernel, f->kernel_base, 1);
	} else if (strcmp(name, "rsds") == 0) {
		page_out(f, &f->kernel, f->kernel_base + f->rsds_rva, 1);
	} else {
		struct process *p = process_by_name(f, name);
		if (!p)
			forge_fail(f, EI_E_FORMAT,
				"\"paged_out\" names '%s': want kernel_header, rsds or a process",
				name);
		for (size_t i = 0; p && i < p->region_count; i++) {
			if (!p->regions[i].file && p->regions[i].start != 0x7ffe0000)
				page_out(f, &p->space, p->regions[i].start,
					p->regions[i].protection);
		}
	}
}

static void damage_page_out(struct forge *f, const json_t *names)
{
	size_t i;
	json_t *name;
	json_array_foreach((json_t *)names, i, name)
		page_out_named(f, json_is_string(name) ? json_string_value(name) : "");
}

// The last page of every program's stack waits on the standby list, as pages do.
static void age_stacks(struct forge *f)
{
	for (struct process *p = f->processes; p; p = p->next) {
		for (size_t i = 0; i < p->region_count; i++) {
			if (p->regions[i].end - p->regions[i].start == 0xfffff &&
				!p->regions[i].file)
				make_transition(f, &p->space, p->regions[i].end & ~0xfffULL, 4);
		}
	}
}

// ---- lost pages
// -----------------------------------------------------------------------------------
static void damage_drop(struct forge *f, const json_t *drop)
{
	double rate = json_number_value(json_object_get(drop, "rate"));
	bool user_only = strcmp(scenario_text(drop, "what", "any"), "user") == 0;
	uint64_t limit = (uint64_t)(rate * 1e6);
	struct phys_view view = memory_view(f);
	for (uint64_t frame = 0; (frame = view.next(view.store, frame)) != UINT64_MAX; frame++) {
		bool chosen = forge_below(f, 1000000) < limit;
		if (chosen && (!user_only || memory_user_frame(view.store, frame)))
			memory_forget(f, frame);
	}
}

// ---- broken lists
// ---------------------------------------------------------------------------------
struct list_name {
	const char *name, *symbol;
};

static const struct list_name list_names[] = {
	{ "processes", "PsActiveProcessHead" },
	{ "modules", "PsLoadedModuleList" },
	{ "hives", "CmpHiveListHead" },
};

static uint64_t list_node(struct forge *f, uint64_t head, uint64_t index)
{
	uint64_t node = read_pointer(f, &f->kernel, head);
	while (index-- && node != head)
		node = read_pointer(f, &f->kernel, node);
	return node;
}

static void break_list(struct forge *f, const char *name, const json_t *how)
{
	size_t i = 0;
	while (i < ARRAY_LENGTH(list_names) && strcmp(list_names[i].name, name) != 0)
		i++;
	uint64_t head = i < ARRAY_LENGTH(list_names) ? kernel_symbol(f, list_names[i].symbol) : 0;
	if (!head) {
		forge_fail(f, EI_E_FORMAT,
			"\"broken_lists\" names '%s', want processes, modules, hives", name);
		return;
	}
	uint64_t at = scenario_number(how, "at", 3);
	uint64_t node = list_node(f, head, at);
	const char *kind = scenario_text(how, "how", "null");
	uint64_t target = 0;
	if (strcmp(kind, "loop") == 0)
		target = list_node(f, head, at / 2);
	else if (strcmp(kind, "unmapped") == 0)
		target = paging_canonical(f, node ^ 0x10000000);
	else if (strcmp(kind, "null") != 0)
		forge_fail(f, EI_E_FORMAT,
			"a list is broken \"how\": '%s', want loop, null, unmapped", kind);
	if (node != head)
		write_pointer(f, &f->kernel, node, target);
}

static void damage_lists(struct forge *f, const json_t *lists)
{
	const char *name;
	json_t *how;
	json_object_foreach((json_t *)lists, name, how) break_list(f, name, how);
}

// ---- page table decoys
// ---------------------------------------------------------------------------- A page whose one
// valid entry points at itself, where the kernel's root is looked for.
static void damage_decoy(struct forge *f, const json_t *decoy)
{
	uint64_t count = scenario_number(decoy, "count", 1);
	uint64_t at = scenario_number(decoy, "at", f->mode == PAGING_X64 ? 0x160000 : 0x38000);
	for (uint64_t i = 0; i < count && !f->error; i++, at += PAGE_SIZE) {
		if (!memory_take_at(f, at / PAGE_SIZE)) {
			forge_fail(f, EI_E_FORMAT, "no page for a decoy at 0x%llx",
				(unsigned long long)at);
			return;
		}
		uint8_t *page = memory_page(f, at / PAGE_SIZE);
		uint64_t entry = at | 0x63;
		if (f->mode == PAGING_X86)
			memcpy(page + 0x300 * 4, &entry, 4);
		else
			memcpy(page + (f->mode == PAGING_PAE ? 3 : 0x1ed) * 8, &entry, 8);
	}
}

static void damage_past_end(struct forge *f)
{
	if (f->mode != PAGING_X64)
		return;
	uint64_t entry = (f->size_bytes + (64ULL << 30)) | 0x63;
	uint64_t index = 0x1f8;
	uint8_t *root = memory_page(f, f->kernel.dtb / PAGE_SIZE);
	while (index > 0x100 && load_u64(root + index * 8))
		index--;
	memcpy(root + index * 8, &entry, sizeof entry);
}

void damage_apply(struct forge *f)
{
	age_stacks(f);
	damage_page_out(f, scenario_damage(f, "paged_out"));
	damage_lists(f, scenario_damage(f, "broken_lists"));
	if (scenario_damage(f, "decoy_selfmap"))
		damage_decoy(f, scenario_damage(f, "decoy_selfmap"));
	if (scenario_damage(f, "pml4_past_end"))
		damage_past_end(f);
	if (scenario_damage(f, "drop_pages"))
		damage_drop(f, scenario_damage(f, "drop_pages"));
}
