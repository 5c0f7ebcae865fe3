// Gathering processes and hives without trusting a layout: by their lists, wherever the links are.
// SPDX-License-Identifier: Apache-2.0
#include "win/nearest_herd.h"

#include <eidetic/registry.h>
#include <eidetic/system.h>

enum {
	PID_SYSTEM = 4,
	PID_MAX = 1 << 26,
	LINK_FIRST = 0x60, // in a process: behind _KPROCESS.DirectoryTableBase
	LINK_LAST = 0xa00,
	HIVE_LINK_LAST = 0xf00,
	PROCESS_OBJECT = 3, // _KPROCESS.Header.Type
};

// ---- reading --------------------------------------------------------------------------------
static uint64_t load_sized(const uint8_t *bytes, uint32_t size)
{
	return size == 8 ? load_u64(bytes) : load_u32(bytes);
}

static uint64_t herd_value(const struct herd *herd, uint32_t object, uint32_t offset, uint32_t size)
{
	return span_inside(offset, size, HERD_WINDOW)
		       ? load_sized(herd->bytes[object] + offset, size)
		       : 0;
}

uint64_t herd_pointer(const struct herd *herd, uint32_t object, uint32_t offset)
{
	return herd_value(herd, object, offset, herd->pointer_size);
}

uint32_t herd_u32(const struct herd *herd, uint32_t object, uint32_t offset)
{
	return (uint32_t)herd_value(herd, object, offset, 4);
}

uint64_t herd_u64(const struct herd *herd, uint32_t object, uint32_t offset)
{
	return herd_value(herd, object, offset, 8);
}

uint64_t herd_follow(const struct herd *herd, uint64_t va)
{
	const struct space *space = &herd->wish->session->identity.kernel;
	uint8_t bytes[8];
	uint32_t size = herd->pointer_size;
	if (space_read(space, herd->wish->reader, va, bytes, size, NULL) != size)
		return 0;
	return load_sized(bytes, size);
}

bool herd_is_kernel(const struct herd *herd, uint64_t va)
{
	const struct space_mode *mode = herd->wish->session->identity.kernel.mode;
	return va >= mode->kernel_start && va <= mode->kernel_end;
}

// ---- gathering ------------------------------------------------------------------------------
static struct herd herd_of(const struct nearest_wish *wish, const struct profile *types)
{
	return (struct herd){
		.wish = wish,
		.types = types,
		.pointer_size = wish->session->identity.kernel.mode->pointer_size,
	};
}

// Objects whose memory is not all there are no evidence.
static bool herd_add(struct herd *herd, ei_arena *arena, uint64_t va)
{
	const struct space *space = &herd->wish->session->identity.kernel;
	uint8_t *bytes = herd->count < HERD_MAX ? ei_alloc(arena, HERD_WINDOW) : NULL;
	if (!bytes)
		return false;
	memset(bytes, 0, HERD_WINDOW);
	if (space_read(space, herd->wish->reader, va, bytes, HERD_WINDOW, NULL) < HERD_WINDOW / 2)
		return false;
	herd->at[herd->count] = va;
	herd->bytes[herd->count++] = bytes;
	return true;
}

// The rest of the list that the first object is on, but for its head, which is in the kernel's
// image.
static void herd_fill(struct herd *herd, ei_arena *arena, uint32_t link)
{
	const struct identity *identity = &herd->wish->session->identity;
	uint64_t start = herd->at[0] + link, node = start;
	for (uint32_t steps = 0; steps < 2 * HERD_MAX; steps++) {
		node = herd_follow(herd, node);
		if (node == start || !herd_is_kernel(herd, node))
			return;
		if (node - identity->kernel_base >= MAX(identity->kernel_size, 1u << 20))
			herd_add(herd, arena, node - link);
	}
}

// ---- processes ------------------------------------------------------------------------------
// A pid with links behind it, whose neighbour has another pid in front and points back.
static bool is_linked(const struct herd *herd, uint32_t link)
{
	uint32_t step = herd->pointer_size;
	uint64_t next = herd_pointer(herd, 0, link);
	if (herd_pointer(herd, 0, link - step) != PID_SYSTEM || !herd_is_kernel(herd, next))
		return false;
	uint64_t pid = herd_follow(herd, next - step);
	return pid && pid % 4 == 0 && pid < PID_MAX && pid != PID_SYSTEM &&
	       herd_follow(herd, next + step) == herd->at[0] + link;
}

static bool find_link(const struct herd *herd, uint32_t expected, uint32_t *link)
{
	if (expected >= LINK_FIRST && is_linked(herd, expected)) {
		*link = expected;
		return true;
	}
	for (uint32_t at = LINK_FIRST; at < LINK_LAST; at += herd->pointer_size) {
		if (!is_linked(herd, at))
			continue;
		*link = at;
		return true;
	}
	return false;
}

// Without PsInitialSystemProcess: System is the first on its list, and runs in the kernel's own
// page tables, which stand where they always do.
static uint64_t system_by_head(
	const struct herd *herd, const struct globals *globals, uint32_t root_at)
{
	const struct identity *identity = &herd->wish->session->identity;
	for (size_t i = 0; i < globals->head_count; i++) {
		uint64_t first = globals->heads[i].first;
		if (herd_follow(herd, first - herd->pointer_size) != PID_SYSTEM)
			continue;
		for (uint32_t link = LINK_FIRST; link < LINK_LAST; link += herd->pointer_size) {
			uint64_t start = first - link, root = herd_follow(herd, start + root_at);
			if ((root ^ identity->kernel.dtb) >> 5 == 0 &&
				(herd_follow(herd, start) & 0xff) == PROCESS_OBJECT)
				return start;
		}
	}
	return 0;
}

static void herd_describe(struct herd *herd, uint32_t link, uint32_t root_at)
{
	const struct space *kernel = &herd->wish->session->identity.kernel;
	uint64_t mask = kernel->mode == &space_pae ? 0x1f : 0xfff;
	for (uint32_t i = 0; i < herd->count; i++) {
		herd->pid[i] = herd_pointer(herd, i, link - herd->pointer_size);
		herd->space[i] = *kernel;
		herd->space[i].dtb = herd_pointer(herd, i, root_at) & ~mask;
	}
}

bool herd_processes(const struct nearest_wish *wish, const struct globals *globals,
	const struct profile *types, ei_arena *arena, struct herd *out, uint32_t *link)
{
	struct herd herd = herd_of(wish, types);
	struct member links, root;
	uint64_t system = globals->system;
	if (!profile_member(types, "_EPROCESS", "ActiveProcessLinks", &links) ||
		!profile_member(types, "_EPROCESS", "Pcb.DirectoryTableBase", &root))
		return false;
	if (!system)
		system = system_by_head(&herd, globals, root.offset);
	if (!system || !herd_add(&herd, arena, system) || !find_link(&herd, links.offset, link))
		return false;
	herd_fill(&herd, arena, *link);
	herd_describe(&herd, *link, root.offset);
	*out = herd;
	return true;
}

// ---- hives ----------------------------------------------------------------------------------
static bool is_hive(const struct herd *herd, uint64_t va)
{
	return (uint32_t)herd_follow(herd, va) == EI_HIVE_SIGNATURE;
}

static bool is_hive_link(const struct herd *herd, const struct ring_head *head, uint32_t link)
{
	return is_hive(herd, head->first - link) && is_hive(herd, head->last - link);
}

static bool find_hives(const struct herd *herd, const struct globals *globals, uint32_t expected,
	uint64_t *first, uint32_t *link)
{
	for (size_t i = 0; i < globals->head_count; i++) {
		const struct ring_head *head = &globals->heads[i];
		*first = head->first;
		*link = expected;
		if (is_hive_link(herd, head, expected))
			return true;
	}
	for (size_t i = 0; i < globals->head_count; i++) {
		const struct ring_head *head = &globals->heads[i];
		*first = head->first;
		for (*link = 0; *link < HIVE_LINK_LAST; *link += herd->pointer_size)
			if (is_hive_link(herd, head, *link))
				return true;
	}
	return false;
}

bool herd_hives(const struct nearest_wish *wish, const struct globals *globals,
	const struct profile *types, ei_arena *arena, struct herd *out, uint32_t *link)
{
	struct herd herd = herd_of(wish, types);
	struct member links;
	uint64_t first;
	if (!profile_member(types, "_CMHIVE", "HiveList", &links) ||
		!find_hives(&herd, globals, links.offset, &first, link) ||
		!herd_add(&herd, arena, first - *link))
		return false;
	herd_fill(&herd, arena, *link);
	*out = herd;
	return true;
}
