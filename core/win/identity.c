// What a kernel tells of itself once it is found.
// SPDX-License-Identifier: Apache-2.0
#include "win/identity.h"
#include <ctype.h>

enum { KERNEL_SIZE_GUESS = 16 << 20 }; // without a header, how far to look

// ---- the build number -----------------------------------------------------------------------
// _KUSER_SHARED_DATA.NtBuildNumber; Windows 10 and later fill it.
static uint32_t build_by_shared_data(const struct space *space, struct reader *reader)
{
	bool wide = space->mode->pointer_size == 8;
	uint64_t va = wide ? UINT64_C(0xfffff78000000000) : 0xffdf0000;
	uint8_t number[4] = { 0 };

	if (space_read(space, reader, va + 0x260, number, 4, NULL) != 4)
		return 0;
	uint32_t build = load_u32(number) & 0x0fffffff;
	return build < 0x10000 ? build : 0;
}

// The build lab is text: "19041.1.amd64fre.vb_release.191206-1406".
static uint32_t build_by_kdbg(const struct space *space, struct reader *reader, uint64_t kdbg)
{
	uint8_t pointer[8];
	char text[8] = "";
	uint32_t build = 0;

	if (!kdbg || space_read(space, reader, kdbg + KDBG_BUILD_LAB_AT, pointer, 8, NULL) != 8)
		return 0;
	uint64_t lab = space->mode->canonical(load_u64(pointer));
	if (space_read(space, reader, lab, text, sizeof text - 1, NULL) != sizeof text - 1)
		return 0;
	size_t digits = 0;
	for (; isdigit((unsigned char)text[digits]); digits++)
		build = build * 10 + (uint32_t)(text[digits] - '0');
	return digits >= 4 && text[digits] == '.' && build < 0x10000 ? build : 0;
}

static uint32_t build_number(const struct identify_wish *wish, const struct identity *identity,
	const struct kernel_pe *pe)
{
	struct pe_version version;
	const struct space *space = &identity->kernel;
	uint32_t build = 0;

	if (pe && kernel_pe_version(pe, &version))
		build = version.build;
	if (!build)
		build = build_by_shared_data(space, wish->reader);
	if (!build)
		build = image_hints(wish->image)->build;
	if (!build)
		build = build_by_kdbg(space, wish->reader, identity->kdbg);
	return build;
}

// ---- the System process ---------------------------------------------------------------------
static uint64_t pointer_at(const struct space *space, struct reader *reader, uint64_t va)
{
	uint8_t bytes[8] = { 0 };
	size_t size = space->mode->pointer_size;

	return space_read(space, reader, va, bytes, size, NULL) == size ? load_u64(bytes) : 0;
}

// Any process's tables show the kernel; only System's are there for good.
static bool space_of_system(
	const struct identify_wish *wish, const struct kernel_pe *pe, struct space *space)
{
	bool wide = space->mode->pointer_size == 8;
	struct reader *reader = wish->reader;
	struct space other = *space;
	struct kernel_hit hit;
	uint32_t rva;

	if (wish->dtb || !kernel_pe_export(pe, "PsInitialSystemProcess", &rva))
		return false;
	uint64_t process = pointer_at(space, reader, pe->base + rva);
	if (!process)
		return false;
	uint64_t dtb = pointer_at(space, reader, process + (wide ? 0x28 : 0x18));
	other.dtb = wide ? dtb & UINT64_C(0xffffffffff000) : dtb;
	if (!other.dtb || other.dtb == space->dtb || !kernel_at(&other, reader, pe->base, &hit))
		return false;
	*space = other;
	return true;
}

// ---- debugger data --------------------------------------------------------------------------
uint64_t identify_kdbg(
	const struct space *space, struct reader *reader, uint64_t base, uint32_t size)
{
	uint64_t last = base + (size ? size : KERNEL_SIZE_GUESS) - 1;
	struct page page;

	for (uint64_t va = base; space_next(space, reader, va, last, 0, &page);) {
		for (uint64_t at = 0; at < page.size; at += PAGE_SIZE) {
			const uint8_t *bytes = reader_page(reader, page.pa + at);
			for (size_t tag = KDBG_TAG_AT; bytes && tag + 16 <= PAGE_SIZE; tag += 8)
				if (load_u32(bytes + tag) == KDBG_TAG &&
					space->mode->canonical(load_u64(bytes + tag + 8)) == base)
					return page.va + at + tag - KDBG_TAG_AT;
		}
		va = page.va + page.size;
		if (va - 1 >= last)
			break;
	}
	return 0;
}

static uint64_t kdbg_hint(
	const struct identify_wish *wish, const struct space *space, uint64_t kernel_base)
{
	uint64_t hint = image_hints(wish->image)->kdbg;
	uint8_t block[0x20];

	if (!hint ||
		space_read(space, wish->reader, hint, block, sizeof block, NULL) != sizeof block ||
		load_u32(block + KDBG_TAG_AT) != KDBG_TAG)
		return 0;
	uint64_t base = space->mode->canonical(load_u64(block + KDBG_KERNEL_BASE_AT));
	return base == kernel_base ? space->mode->canonical(hint) : 0;
}

// ---- all of it ------------------------------------------------------------------------------
static void rsds_fill(
	const struct identify_wish *wish, const struct kernel_hit *hit, struct identity *out)
{
	struct pe_rsds rsds = hit->rsds;
	uint64_t size = hit->size ? hit->size : KERNEL_SIZE_GUESS;

	// The directory that leads to the record may be missing where the record is not.
	if (!rsds.pdb[0])
		kernel_rsds_scan(&out->kernel, wish->reader, hit->base, size, &rsds);
	snprintf(out->pdb, sizeof out->pdb, "%s", rsds.pdb);
	snprintf(out->guid, sizeof out->guid, "%s", rsds.guid);
	out->age = rsds.age;
}

void identity_fill(const struct identify_wish *wish, const struct space *space, const char *witness,
	const struct kernel_hit *hit, struct identity *out)
{
	struct kernel_pe pe;
	bool header = kernel_pe_open(space, wish->reader, hit->base, &pe);

	*out = (struct identity){ .found = true,
		.kernel = *space,
		.kernel_base = hit->base,
		.kernel_size = hit->size,
		.machine = space->mode->machine };
	bool system = header && space_of_system(wish, &pe, &out->kernel);
	snprintf(out->root_witness, sizeof out->root_witness, "%s%s", witness,
		system ? ", then the System process" : "");
	snprintf(out->kernel_witness, sizeof out->kernel_witness, "%s", hit->witness);
	rsds_fill(wish, hit, out);
	out->kdbg = hit->kdbg ? hit->kdbg : kdbg_hint(wish, space, hit->base);
	out->build = build_number(wish, out, header ? &pe : NULL);
}
