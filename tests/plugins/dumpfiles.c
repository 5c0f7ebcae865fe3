// dumpfiles: contents of files from sections and views, whole, with holes, and made to mislead.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"
#include <stdio.h>

enum {
	ENTRY_PRESENT = 1,
	ENTRY_PROTOTYPE = 0x400,
	ENTRY_TRANSITION = 0x800,
	ENTRY_DEMAND_ZERO = 4 << 5,
	BUFFER = 1024,
};

// MD5 of 4,096 times 'A' and 904 times 'B', and of the same with 4,096 of each.
#define MD5_OF_5000 "a6e351e0c870b6f04f3b2eddd445018a"

// Addresses of one test's objects, each on pages of its own.
struct place {
	uint64_t file, sections, area, entries, segment, map, view, stream, base;
};

static const struct place wide = { 0xffffa00000010040, 0xffffa00000020040, 0xffffa00000030040,
	0xffffa00000040040, 0xffffa00000050040, 0xffffa00000060040, 0xffffa00000070040,
	0xffffa00000080040, 0xffffb00000000000 };
static const struct place narrow = { 0x86010040, 0x86020040, 0x86030040, 0x86040040, 0x86050040,
	0x86060040, 0x86070040, 0x86080040, 0xb0000000 };

static void ensure(struct fx *fx, uint64_t va, size_t size)
{
	for (uint64_t page = va & ~UINT64_C(0xfff); page < va + size; page += PAGE_SIZE)
		if (!(load_u64(fx->memory.bytes + fx_entry_at(&fx->tables, page, 0)) & 1))
			fx_map_fresh(&fx->tables, page);
}

static void put(struct fx *fx, uint64_t va, uint64_t value, size_t size)
{
	ensure(fx, va, size);
	fx_write(&fx->tables, va, &value, size);
}

static void put_field(
	struct fx *fx, const char *type, uint64_t va, const char *path, uint64_t value)
{
	struct member member;
	if (!profile_member(fx->profile, type, path, &member))
		return; // as the expectations will tell
	if (member.width)
		put(fx, va + member.offset, value << member.bit, 4);
	else
		put(fx, va + member.offset, value, MIN(member.size, 8u));
}

static uint64_t page_of(struct fx *fx, char letter)
{
	uint64_t pa = fx_frame(&fx->memory);
	memset(fx->memory.bytes + pa, letter, PAGE_SIZE);
	return pa;
}

static uint32_t size_of(struct fx *fx, const char *type)
{
	return profile_type_size(fx->profile, type);
}

static void put_file(struct fx *fx, const struct place *p)
{
	ensure(fx, p->file, size_of(fx, "_FILE_OBJECT"));
	put_field(fx, "_FILE_OBJECT", p->file, "SectionObjectPointer", p->sections);
	ensure(fx, p->sections, size_of(fx, "_SECTION_OBJECT_POINTERS"));
}

// A control area of a type, whose first part has `pages` entries; they follow with put_entry().
static uint64_t put_area_of(
	struct fx *fx, const struct place *p, const char *type, bool is_image, uint64_t pages)
{
	uint64_t part = p->area + size_of(fx, type);
	put_file(fx, p);
	put_field(fx, "_SECTION_OBJECT_POINTERS", p->sections,
		is_image ? "ImageSectionObject" : "DataSectionObject", p->area);
	ensure(fx, p->area, size_of(fx, type) + 4 * size_of(fx, "_SUBSECTION"));
	put_field(fx, "_CONTROL_AREA", p->area, "Segment", p->segment);
	put_field(fx, "_CONTROL_AREA", p->area, "u.Flags.Image", is_image);
	ensure(fx, p->segment, size_of(fx, "_SEGMENT"));
	put_field(fx, "_SEGMENT", p->segment, "ControlArea", p->area);
	put_field(fx, "_SEGMENT", p->segment, "TotalNumberOfPtes", pages);
	put_field(fx, "_SEGMENT", p->segment, "SizeOfSegment", pages * PAGE_SIZE);
	put_field(fx, "_SUBSECTION", part, "ControlArea", p->area);
	put_field(fx, "_SUBSECTION", part, "SubsectionBase", p->entries);
	put_field(fx, "_SUBSECTION", part, "PtesInSubsection", pages);
	return part;
}

static uint64_t put_area(struct fx *fx, const struct place *p, bool is_image, uint64_t pages)
{
	return put_area_of(fx, p, "_CONTROL_AREA", is_image, pages);
}

// The flags are in a union, or out of it: what the types do not have is not written.
static void put_size(struct fx *fx, uint64_t part, uint64_t bytes)
{
	put_field(fx, "_SUBSECTION", part, "NumberOfFullSectors", bytes / PAGE_SIZE);
	put_field(fx, "_SUBSECTION", part, "u.SubsectionFlags.SectorEndOffset", bytes % PAGE_SIZE);
	put_field(fx, "_SUBSECTION", part, "SubsectionFlags.SectorEndOffset", bytes % PAGE_SIZE);
}

static void put_entry(struct fx *fx, const struct place *p, unsigned index, uint64_t value)
{
	put(fx, p->entries + 8 * index, value, 8);
}

// Two pages, of which 5,000 bytes are the file.
static uint64_t put_two_pages(struct fx *fx, const struct place *p)
{
	uint64_t part = put_area(fx, p, false, 2);
	put_size(fx, part, 5000);
	put_entry(fx, p, 0, page_of(fx, 'A') | ENTRY_PRESENT);
	put_entry(fx, p, 1, page_of(fx, 'B') | ENTRY_TRANSITION);
	return part;
}

static void put_map(struct fx *fx, const struct place *p, uint64_t file_size, uint64_t map_size)
{
	put_file(fx, p);
	put_field(fx, "_SECTION_OBJECT_POINTERS", p->sections, "SharedCacheMap", p->map);
	ensure(fx, p->map, size_of(fx, "_SHARED_CACHE_MAP"));
	put_field(fx, "_SHARED_CACHE_MAP", p->map, "FileSize", file_size);
	put_field(fx, "_SHARED_CACHE_MAP", p->map, "ValidDataLength", file_size);
	put_field(fx, "_SHARED_CACHE_MAP", p->map, "SectionSize", map_size);
}

static void put_view(struct fx *fx, const struct place *p, uint64_t offset)
{
	ensure(fx, p->view, size_of(fx, "_VACB"));
	put_field(fx, "_VACB", p->view, "BaseAddress", p->base);
	put_field(fx, "_VACB", p->view, "SharedCacheMap", p->map);
	put_field(fx, "_VACB", p->view, "Overlay.FileOffset", offset | 1);
}

static void expect(struct fx *fx, const struct place *p, const char *columns, const char *row)
{
	char command[BUFFER], text[BUFFER];
	snprintf(command, sizeof command, "dumpfiles --virtaddr 0x%llx",
		(unsigned long long)p->file);
	snprintf(text, sizeof text, "%s\n%s%s", columns, row, *row ? "\n" : "");
	expect_rows(fx, command, text);
}

// ---- sections -------------------------------------------------------------------------------

static void file_ends_where_its_last_sector_ends(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	put_two_pages(fx, &wide);

	expect(fx, &wide, "cache  size  present  complete  size_by  md5",
		"DataSectionObject  5000  5000  true  section  " MD5_OF_5000);
}

static void hash_needs_every_page(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	put_two_pages(fx, &wide);
	put_entry(fx, &wide, 0, ENTRY_PROTOTYPE);

	expect(fx, &wide, "size  present  complete  md5  sha1  sha256",
		"5000  904  false  ?  ?  ?");
}

static void page_outside_the_image_is_missing(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	put_two_pages(fx, &wide);
	put_entry(fx, &wide, 1, UINT64_C(0x700000000000) | ENTRY_PRESENT);

	expect(fx, &wide, "size  present  complete  md5", "5000  4096  false  ?");
}

static void page_of_entries_that_is_missing_costs_its_own_pages(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct place at = wide;
	at.entries = wide.entries - 0x40 + 0xff8; // the second entry is on the next page
	put_size(fx, put_area(fx, &at, false, 2), 5000);
	put_entry(fx, &at, 0, page_of(fx, 'A') | ENTRY_PRESENT);
	put_entry(fx, &at, 1, page_of(fx, 'B') | ENTRY_PRESENT);
	fx_drop_page(fx, at.entries);

	expect(fx, &at, "size  present  complete  md5", "5000  904  false  ?");
}

static void disguised_frame_of_a_page_in_transition_is_found(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	put_two_pages(fx, &wide);
	put_entry(fx, &wide, 1, page_of(fx, 'B') | ENTRY_TRANSITION | UINT64_C(1) << 45);

	expect(fx, &wide, "complete  md5", "true  " MD5_OF_5000);
}

static void area_that_its_segment_disowns_is_none(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	put_two_pages(fx, &wide);
	put_field(fx, "_SEGMENT", wide.segment, "ControlArea", wide.area + 16);

	expect(fx, &wide, "cache  md5", "");
}

static void segment_on_a_missing_page_does_not_matter(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	put_two_pages(fx, &wide);
	fx_drop_page(fx, wide.segment);

	expect(fx, &wide, "complete  md5", "true  " MD5_OF_5000);
}

static void untouched_pages_of_an_image_are_zeroes(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	put_area(fx, &wide, true, 2);
	put_entry(fx, &wide, 0, page_of(fx, 0) | ENTRY_PRESENT);
	put_entry(fx, &wide, 1, ENTRY_DEMAND_ZERO);

	// The MD5 of 8,192 zeroes.
	expect(fx, &wide, "cache  size  complete  md5",
		"ImageSectionObject  8192  true  0829f71740aab1ab98b33eae21dee122");
}

static void program_without_a_page_is_none(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	put_area(fx, &wide, true, 0);

	expect(fx, &wide, "cache  size  complete  md5", "");
}

static void untouched_pages_of_data_are_missing(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	put_two_pages(fx, &wide);
	put_entry(fx, &wide, 1, ENTRY_DEMAND_ZERO);

	expect(fx, &wide, "complete  md5", "false  ?");
}

static void file_without_an_end_has_no_hash(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	uint64_t part = put_two_pages(fx, &wide);
	put_field(fx, "_SUBSECTION", part, "ControlArea", wide.area + 16);

	expect(fx, &wide, "size  complete  md5", "0  false  ?");
}

static void flags_that_left_their_union_say_where_a_file_ends(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win11-26100-x64");
	put_two_pages(fx, &wide);
	expect(fx, &wide, "cache  size  present  complete  size_by  md5",
		"DataSectionObject  5000  5000  true  section  " MD5_OF_5000);

	struct member own;
	put_map(fx, &wide, 5000, 0x40000);
	put_view(fx, &wide, 0);
	fx_map(&fx->tables, wide.base, page_of(fx, 'A'));
	fx_map(&fx->tables, wide.base + PAGE_SIZE, page_of(fx, 'B'));
	assert_true(profile_member(fx->profile, "_SHARED_CACHE_MAP", "InitialVacbs", &own));
	put(fx, wide.map + own.offset, wide.view, 8);

	expect(fx, &wide, "cache  size  complete  md5",
		"DataSectionObject  5000  true  " MD5_OF_5000 "\n"
		"SharedCacheMap  5000  true  " MD5_OF_5000);
}

static void longer_area_is_told_by_its_first_part(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win2003-sp2-x64");
	uint64_t part = put_area_of(fx, &wide, "_LARGE_CONTROL_AREA", false, 2);
	put_size(fx, part, 5000);
	put_entry(fx, &wide, 0, page_of(fx, 'A') | ENTRY_PRESENT);
	put_entry(fx, &wide, 1, page_of(fx, 'B') | ENTRY_TRANSITION);
	expect(fx, &wide, "size  complete  md5", "5000  true  " MD5_OF_5000);

	// A part behind the shorter one counts first.
	part = put_area(fx, &wide, false, 1);
	put_size(fx, part, 4096);
	expect(fx, &wide, "size  present", "4096  4096");
}

// ---- made to mislead ------------------------------------------------------------------------

static void chain_of_parts_that_loops_ends(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	uint64_t part = put_two_pages(fx, &wide);
	put_field(fx, "_SUBSECTION", part, "NextSubsection", part);

	expect(fx, &wide, "size  md5", "5000  " MD5_OF_5000);
}

static void claim_of_four_billion_pages_ends(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	uint64_t part = put_two_pages(fx, &wide);
	put_field(fx, "_SUBSECTION", part, "PtesInSubsection", 0xffffffff);
	put_field(fx, "_SUBSECTION", part, "NumberOfFullSectors", 0xffffffff);

	expect(fx, &wide, "size  present  complete  md5", "17592186041224  8192  false  ?");
}

static void views_in_a_loop_end(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct member vacbs;
	uint64_t array = wide.view + 0x100000;
	put_map(fx, &wide, UINT64_C(1) << 40, UINT64_C(1) << 40);
	assert_true(profile_member(fx->profile, "_SHARED_CACHE_MAP", "Vacbs", &vacbs));
	put(fx, wide.map + vacbs.offset, array, 8);
	for (unsigned i = 0; i < 128; i++)
		put(fx, array + 8 * i, array, 8);

	expect(fx, &wide, "cache  size  present", "SharedCacheMap  1099511627776  0");
}

// ---- the cache ------------------------------------------------------------------------------

static void view_of_the_cache_is_read(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct member own;
	put_map(fx, &wide, 5000, 0x40000);
	put_view(fx, &wide, 0);
	fx_map(&fx->tables, wide.base, page_of(fx, 'A'));
	fx_map(&fx->tables, wide.base + PAGE_SIZE, page_of(fx, 'B'));
	assert_true(profile_member(fx->profile, "_SHARED_CACHE_MAP", "InitialVacbs", &own));
	put(fx, wide.map + own.offset, wide.view, 8);

	expect(fx, &wide, "cache  size  size_by  md5", "SharedCacheMap  5000  cache  " MD5_OF_5000);
	put_field(fx, "_VACB", wide.view, "SharedCacheMap", wide.map + 16); // another map's
	expect(fx, &wide, "cache  present  md5", "SharedCacheMap  0  ?");
}

static void cache_map_without_a_size_is_none(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	put_map(fx, &wide, 0, 0x40000);

	expect(fx, &wide, "cache  md5", "");
}

// The cache rounds the section up to 256 KiB; only the file system knows better then.
static void file_system_knows_the_size_better_than_the_section(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	put_size(fx, put_two_pages(fx, &wide), 0x40000);
	expect(fx, &wide, "size  size_by  complete", "262144  section  false");

	put_field(fx, "_FILE_OBJECT", wide.file, "FsContext", wide.stream);
	ensure(fx, wide.stream, 0x100);
	put_field(fx, "_FSRTL_ADVANCED_FCB_HEADER", wide.stream, "NodeByteSize", 0xb0);
	put_field(fx, "_FSRTL_ADVANCED_FCB_HEADER", wide.stream, "FileSize", 5000);
	put_field(fx, "_FSRTL_ADVANCED_FCB_HEADER", wide.stream, "ValidDataLength", 5000);

	expect(fx, &wide, "size  size_by  md5", "5000  file system  " MD5_OF_5000);
}

// ---- 32 bits --------------------------------------------------------------------------------

// The types describe a kernel without PAE, and the image runs with it.
static void entries_are_as_wide_as_their_pool_block_says(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win7-sp1-x86");
	put_two_pages(fx, &narrow);
	put(fx, narrow.entries - 4, 0x74536d4d, 4);
	put(fx, narrow.entries - 6, (8 + 16) / 8, 2);
	expect(fx, &narrow, "complete  md5", "true  " MD5_OF_5000);

	put(fx, narrow.entries - 6, (8 + 8) / 8, 2);
	put(fx, narrow.entries + 4, load_u32(fx->memory.bytes) | ENTRY_PROTOTYPE, 4);
	expect(fx, &narrow, "present  md5", "4096  ?");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_ends_where_its_last_sector_ends),
		cmocka_unit_test(hash_needs_every_page),
		cmocka_unit_test(page_outside_the_image_is_missing),
		cmocka_unit_test(page_of_entries_that_is_missing_costs_its_own_pages),
		cmocka_unit_test(disguised_frame_of_a_page_in_transition_is_found),
		cmocka_unit_test(area_that_its_segment_disowns_is_none),
		cmocka_unit_test(segment_on_a_missing_page_does_not_matter),
		cmocka_unit_test(untouched_pages_of_an_image_are_zeroes),
		cmocka_unit_test(program_without_a_page_is_none),
		cmocka_unit_test(untouched_pages_of_data_are_missing),
		cmocka_unit_test(file_without_an_end_has_no_hash),
		cmocka_unit_test(flags_that_left_their_union_say_where_a_file_ends),
		cmocka_unit_test(longer_area_is_told_by_its_first_part),
		cmocka_unit_test(chain_of_parts_that_loops_ends),
		cmocka_unit_test(claim_of_four_billion_pages_ends),
		cmocka_unit_test(views_in_a_loop_end),
		cmocka_unit_test(view_of_the_cache_is_read),
		cmocka_unit_test(cache_map_without_a_size_is_none),
		cmocka_unit_test(file_system_knows_the_size_better_than_the_section),
		cmocka_unit_test(entries_are_as_wide_as_their_pool_block_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
