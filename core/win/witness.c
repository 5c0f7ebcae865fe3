// Witnesses of a page-table root in a page of physical memory.
// SPDX-License-Identifier: Apache-2.0
#include "win/witness.h"

#define FRAME UINT64_C(0x000ffffffffff000)

void candidate_add(struct candidates *list, const struct space_mode *mode, uint64_t dtb,
	uint64_t pa, const char *witness)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].space.mode == mode && list->items[i].space.dtb == dtb)
			return;
	if (list->count == CANDIDATES_MAX) {
		list->dropped++;
		return;
	}
	list->items[list->count++] = (struct candidate){
		.space = { .mode = mode, .dtb = dtb }, .pa = pa, .witness = witness
	};
}

// ---- the low stub ---------------------------------------------------------------------------
// PROCESSOR_START_BLOCK: a jump, a flag, and at fixed places the target in long mode and the
// control registers to load.
void witness_low_stub(struct reader *reader, struct candidates *list, struct kernel_leads *leads)
{
	for (uint64_t pa = PAGE_SIZE; pa < 1 << 20; pa += PAGE_SIZE) {
		const uint8_t *page = reader_page(reader, pa);
		if (!page || (load_u64(page) & UINT64_C(0xffffffffffff00ff)) != 0x1000600e9)
			continue;
		uint64_t target = load_u64(page + 0x70), root = load_u64(page + 0xa0);
		if ((target & UINT64_C(0xfffff80000000003)) != UINT64_C(0xfffff80000000000) ||
			root & ~FRAME)
			continue;
		candidate_add(list, &space_x64, root, pa, "low stub");
		leads->inside[0] = target;
		return;
	}
}

// ---- screening ------------------------------------------------------------------------------
// All of a page against three patterns at once, in vectors of whatever width the compiler has:
// this is the inner loop of a pass over all memory. Roots of every mode hold their own address in
// some aligned half word, so one comparison finds them all.
typedef uint32_t lanes __attribute__((vector_size(16)));

unsigned page_screen(const uint8_t *page, uint64_t pa)
{
	const uint32_t self = (uint32_t)pa, kdbg = KDBG_TAG, system = 0x74737953; // "Syst"
	const lanes selves = { self, self, self, self };
	const lanes tags = { kdbg, kdbg, kdbg, kdbg };
	const lanes names = { system, system, system, system };
	lanes is_self = { 0 }, is_kdbg = { 0 }, is_system = { 0 };

	for (size_t at = 0; at < PAGE_SIZE; at += sizeof(lanes)) {
		lanes words;
		memcpy(&words, page + at, sizeof words);
		is_self |= (lanes)((words & 0xfffff000) == selves);
		is_kdbg |= (lanes)(words == tags);
		is_system |= (lanes)(words == names);
	}
	return (is_self[0] | is_self[1] | is_self[2] | is_self[3] ? SCREEN_SELF : 0) |
	       (is_kdbg[0] | is_kdbg[1] | is_kdbg[2] | is_kdbg[3] ? SCREEN_KDBG : 0) |
	       (is_system[0] | is_system[1] | is_system[2] | is_system[3] ? SCREEN_SYSTEM : 0);
}

// ---- self-maps ------------------------------------------------------------------------------
static bool is_self_x64(const uint8_t *page, uint64_t pa)
{
	unsigned others = 0;
	bool self = false;

	for (unsigned i = 256; i < 512; i++) {
		uint64_t entry = load_u64(page + 8 * i);
		if (!(entry & 1))
			continue;
		if ((entry & FRAME) == pa)
			self = true;
		else
			others++;
	}
	return self && others;
}

static bool is_self_pae(const uint8_t *page, uint64_t pa)
{
	for (unsigned i = 0; i < 4; i++)
		if (!(load_u64(page + 8 * i) & 1) || !(load_u64(page + 8 * i) & FRAME))
			return false;
	return (load_u64(page + 24) & FRAME) == pa;
}

static bool is_self_x86(const uint8_t *page, uint64_t pa)
{
	uint32_t entry = load_u32(page + 4 * 0x300);

	return entry & 1 && (entry & 0xfffff000) == pa;
}

static void directory_add(struct candidates *list, uint64_t pa)
{
	for (size_t i = 0; i < list->directory_count; i++)
		if (list->directories[i] == pa)
			return;
	if (list->directory_count < DIRECTORIES_MAX)
		list->directories[list->directory_count++] = pa;
}

void page_self_map(const uint8_t *page, uint64_t pa, struct candidates *list)
{
	if (!pa)
		return;
	if (is_self_x64(page, pa))
		candidate_add(list, &space_x64, pa, pa, "self-map");
	if (is_self_pae(page, pa))
		directory_add(list, pa);
	if (is_self_x86(page, pa))
		candidate_add(list, &space_x86, pa, pa, "self-map");
}

uint64_t pae_root_near(const struct image *image, uint64_t directory)
{
	uint8_t pointers[32];
	uint64_t root = directory - 0x4000;

	if (directory <= 0x4000 ||
		image_read(image, root, pointers, sizeof pointers) != sizeof pointers)
		return 0;
	for (unsigned i = 0; i < 4; i++)
		if (!(load_u64(pointers + 8 * i) & 1) ||
			(load_u64(pointers + 8 * i) & FRAME) != root + 0x1000 * (i + 1))
			return 0;
	return root;
}

// Read in large pieces past the page cache, holes left out.
static void window_piece(const struct image *image, uint64_t start, uint64_t end, uint8_t *buffer,
	size_t room, struct candidates *list)
{
	for (uint64_t pa = start; pa + PAGE_SIZE <= end; pa += room) {
		size_t got = image_read(image, pa, buffer, MIN(room, end - pa));
		for (size_t at = 0; at + PAGE_SIZE <= got; at += PAGE_SIZE)
			if (page_screen(buffer + at, pa + at) & SCREEN_SELF)
				page_self_map(buffer + at, pa + at, list);
	}
}

void witness_self_maps(struct reader *reader, uint64_t first, uint64_t end, struct candidates *list)
{
	const struct image *image = reader_image(reader);
	enum { PIECE = 64 << 10 };
	uint8_t buffer[PIECE];
	struct image_run stretch;
	size_t known = list->directory_count;

	for (uint64_t pa = first; pa < end && image_stretch(image, pa, &stretch);) {
		uint64_t start = (stretch.start + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
		window_piece(image, start, MIN(end, stretch.start + stretch.length), buffer,
			sizeof buffer, list);
		pa = stretch.start + stretch.length;
	}
	for (size_t i = known; i < list->directory_count; i++) {
		uint64_t root = pae_root_near(image, list->directories[i]);
		if (root)
			candidate_add(list, &space_pae, root, list->directories[i], "self-map");
	}
}
