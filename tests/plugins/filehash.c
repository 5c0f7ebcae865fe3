// filehash: files by their hash; programs put together again from what is mapped of them.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"
#include "base/digest.h"
#include <stdio.h>

enum {
	FILE_BYTES = 0xc00, // headers, .text with two addresses in it, .reloc
	TEXT_RAW = 0x400,
	TEXT_BYTES = 0x600,
	TEXT_RVA = 0x1000,
	RELOC_RAW = 0xa00,
	RELOC_BYTES = 0x200,
	RELOC_RVA = 0x2000,
	NT = 0x80,
	OPTIONAL = NT + 24,
	BASE_AT = OPTIONAL + 24,
	CHECKSUM_AT = OPTIONAL + 64,
	SIGNATURE_AT = OPTIONAL + 112 + 8 * 4,
	PAGES = 3,
	ROW = 512,
	BUFFER = 2048,
};

#define LINKED_AT UINT64_C(0x180000000)
#define MOVED_TO UINT64_C(0x7ff612340000)
#define PROCESS UINT64_C(0xffffa0000a000080)
#define FILE_AT UINT64_C(0xffffa00000020040)
#define SECTIONS UINT64_C(0xffffa00000030040)
#define AREA UINT64_C(0xffffa00000040040)
#define SEGMENT UINT64_C(0xffffa00000050040)
#define ENTRIES UINT64_C(0xffffa00000060040)
#define NODE UINT64_C(0xffffa00000070040)

struct program {
	uint8_t bytes[FILE_BYTES];
};

static void store(uint8_t *at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

// ImageHlp's: 16 bits at a time, the carry added at once.
static uint32_t checksum(const struct program *p)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < FILE_BYTES; i += 2) {
		if (i == CHECKSUM_AT || i == CHECKSUM_AT + 2)
			continue;
		sum += load_u16(p->bytes + i);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum + FILE_BYTES;
}

static void section(uint8_t *row, const char *name, uint32_t rva, uint32_t raw, uint32_t size)
{
	memcpy(row, name, strlen(name));
	store(row + 8, size, 4);
	store(row + 12, rva, 4);
	store(row + 16, size, 4);
	store(row + 20, raw, 4);
}

static void program_make(struct program *p)
{
	memset(p, 0, sizeof *p);
	memcpy(p->bytes, "MZ", 2);
	store(p->bytes + 0x3c, NT, 4);
	memcpy(p->bytes + NT, "PE\0\0", 4);
	store(p->bytes + NT + 4, 0x8664, 2);
	store(p->bytes + NT + 6, 2, 2);
	store(p->bytes + NT + 20, 240, 2);
	store(p->bytes + OPTIONAL, 0x20b, 2);
	store(p->bytes + BASE_AT, LINKED_AT, 8);
	store(p->bytes + OPTIONAL + 108, 16, 4);
	store(p->bytes + OPTIONAL + 112 + 8 * 5, RELOC_RVA, 4);
	store(p->bytes + OPTIONAL + 112 + 8 * 5 + 4, 12, 4);
	section(p->bytes + OPTIONAL + 240, ".text", TEXT_RVA, TEXT_RAW, TEXT_BYTES);
	section(p->bytes + OPTIONAL + 280, ".reloc", RELOC_RVA, RELOC_RAW, RELOC_BYTES);
	for (size_t i = 0; i < TEXT_BYTES; i++)
		p->bytes[TEXT_RAW + i] = (uint8_t)(i * 7);
	store(p->bytes + TEXT_RAW + 0x10, LINKED_AT + 0x1234, 8);
	store(p->bytes + TEXT_RAW + 0x20, LINKED_AT + 0x1400, 8);
	store(p->bytes + RELOC_RAW, TEXT_RVA, 4);
	store(p->bytes + RELOC_RAW + 4, 12, 4);
	store(p->bytes + RELOC_RAW + 8, 0xa010, 2);
	store(p->bytes + RELOC_RAW + 10, 0xa020, 2);
	store(p->bytes + CHECKSUM_AT, checksum(p), 4);
}

static struct digest_text digest_of(const struct program *p)
{
	struct digest *digest;
	struct digest_text text;
	assert_null(digest_create(DIGEST_ALL, &digest));
	digest_add(digest, p->bytes, FILE_BYTES);
	assert_null(digest_end(digest, &text));
	digest_drop(digest);
	return text;
}

// As Windows moves it.
static void program_move(struct program *p)
{
	uint64_t delta = MOVED_TO - LINKED_AT;
	store(p->bytes + BASE_AT, MOVED_TO, 8);
	store(p->bytes + TEXT_RAW + 0x10, LINKED_AT + 0x1234 + delta, 8);
	store(p->bytes + TEXT_RAW + 0x20, LINKED_AT + 0x1400 + delta, 8);
}

// ---- in memory ------------------------------------------------------------------------------

static void put(struct fx *fx, uint64_t va, uint64_t value, size_t size)
{
	for (uint64_t page = va & ~UINT64_C(0xfff); page < va + size; page += PAGE_SIZE)
		if (!(load_u64(fx->memory.bytes + fx_entry_at(&fx->tables, page, 0)) & 1))
			fx_map_fresh(&fx->tables, page);
	fx_write(&fx->tables, va, &value, size);
}

static void put_field(
	struct fx *fx, const char *type, uint64_t va, const char *path, uint64_t value)
{
	struct member member;
	assert_true(profile_member(fx->profile, type, path, &member));
	put(fx, va + member.offset, member.width ? value << member.bit : value,
		member.width ? 4 : MIN(member.size, 8u));
}

static void put_part(struct fx *fx, unsigned index, uint32_t raw, uint32_t size)
{
	uint32_t each = profile_type_size(fx->profile, "_SUBSECTION");
	uint64_t at = AREA + profile_type_size(fx->profile, "_CONTROL_AREA") + index * each;
	put_field(fx, "_SUBSECTION", at, "ControlArea", AREA);
	put_field(fx, "_SUBSECTION", at, "SubsectionBase", ENTRIES + 8 * index);
	put_field(fx, "_SUBSECTION", at, "PtesInSubsection", 1);
	put_field(fx, "_SUBSECTION", at, "StartingSector", raw / 512);
	put_field(fx, "_SUBSECTION", at, "NumberOfFullSectors", size / 512);
	put_field(fx, "_SUBSECTION", at, "NextSubsection", index + 1 < PAGES ? at + each : 0);
}

static void put_page(struct fx *fx, unsigned index, const uint8_t *bytes, size_t size)
{
	uint64_t pa = fx_frame(&fx->memory);
	memcpy(fx->memory.bytes + pa, bytes, size);
	put(fx, ENTRIES + 8 * index, pa | 1, 8);
}

// A process that has the program mapped: the only region of its tree.
static void put_process(struct fx *fx)
{
	struct fx_object process = fx_process(fx, .pid = 700, .name = "bad.exe", .at = PROCESS);
	put_field(fx, "_EPROCESS", process.va, "VadRoot.Root", NODE);
	fx_map_fresh(&fx->tables, NODE & ~UINT64_C(0xfff));
	fx_write(&fx->tables, NODE - 12, "Vad ", 4);
	put_field(fx, "_MMVAD_SHORT", NODE, "StartingVpn", 0x7ff61234);
	put_field(fx, "_MMVAD_SHORT", NODE, "EndingVpn", 0x7ff61236);
	put_field(fx, "_MMVAD", NODE, "Subsection",
		AREA + profile_type_size(fx->profile, "_CONTROL_AREA"));
}

static void put_program(struct fx *fx, const struct program *p)
{
	put_process(fx);
	put_field(fx, "_FILE_OBJECT", FILE_AT, "SectionObjectPointer", SECTIONS);
	put_field(fx, "_SECTION_OBJECT_POINTERS", SECTIONS, "ImageSectionObject", AREA);
	put_field(fx, "_CONTROL_AREA", AREA, "Segment", SEGMENT);
	put_field(fx, "_CONTROL_AREA", AREA, "FilePointer", FILE_AT);
	put_field(fx, "_CONTROL_AREA", AREA, "u.Flags.Image", 1);
	put_field(fx, "_SEGMENT", SEGMENT, "ControlArea", AREA);
	put_field(fx, "_SEGMENT", SEGMENT, "TotalNumberOfPtes", PAGES);
	put_field(fx, "_SEGMENT", SEGMENT, "BasedAddress", MOVED_TO);
	put_part(fx, 0, 0, TEXT_RAW);
	put_part(fx, 1, TEXT_RAW, TEXT_BYTES);
	put_part(fx, 2, RELOC_RAW, RELOC_BYTES);
	put_page(fx, 0, p->bytes, TEXT_RAW);
	put_page(fx, 1, p->bytes + TEXT_RAW, TEXT_BYTES);
	put_page(fx, 2, p->bytes + RELOC_RAW, RELOC_BYTES);
}

static void expect(struct fx *fx, const char *command, const char *names, const char *row)
{
	char text[BUFFER];
	snprintf(text, sizeof text, "%.200s\n%.1000s%s", names, row, *row ? "\n" : "");
	expect_rows(fx, command, text);
}

static const char *row_of(const struct digest_text *text, const char *by)
{
	static char row[ROW];
	snprintf(row, sizeof row, "image  3072  %s  %s  %s  %s  -", text->md5, text->sha1,
		text->sha256, by);
	return row;
}

static const char columns[] = "kind  size  md5  sha1  sha256  size_by  why";

// ---- programs -------------------------------------------------------------------------------

static void moved_program_is_rebuilt(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct program p;
	program_make(&p);
	struct digest_text text = digest_of(&p);
	program_move(&p);
	put_program(fx, &p);

	expect(fx, "filehash --pid 700", columns, row_of(&text, "checksum"));
}

static void program_in_its_place_is_rebuilt(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct program p;
	program_make(&p);
	struct digest_text text = digest_of(&p);
	put_program(fx, &p);
	put_field(fx, "_SEGMENT", SEGMENT, "BasedAddress", LINKED_AT);

	expect(fx, "filehash --pid 700", columns, row_of(&text, "checksum"));
}

static void changed_program_is_not_claimed(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct program p;
	program_make(&p);
	program_move(&p);
	p.bytes[TEXT_RAW + 0x100] ^= 1;
	put_program(fx, &p);

	expect(fx, "filehash --pid 700", "kind  size  md5  why",
		"image  ?  ?  its checksum does not fit: there is more behind the last section");
}

static void program_without_a_checksum_is_found_by_its_hash_alone(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct program p;
	char command[BUFFER];
	program_make(&p);
	store(p.bytes + CHECKSUM_AT, 0, 4);
	struct digest_text text = digest_of(&p);
	program_move(&p);
	put_program(fx, &p);

	expect(fx, "filehash --pid 700", "kind  md5  why",
		"image  ?  a program without a checksum may have been linked elsewhere");
	snprintf(command, sizeof command, "filehash --pid 700 --sha1 %s", text.sha1);
	expect(fx, command, columns, row_of(&text, "hash"));
}

static void signed_program_is_not_claimed(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct program p;
	program_make(&p);
	store(p.bytes + SIGNATURE_AT, FILE_BYTES, 4);
	store(p.bytes + SIGNATURE_AT + 4, 0x2000, 4);
	put_program(fx, &p);

	expect(fx, "filehash --pid 700", "kind  md5  why",
		"image  ?  the signature at the end of the file is never mapped");
}

static void program_with_a_hole_is_not_claimed(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct program p;
	program_make(&p);
	put_program(fx, &p);
	put(fx, ENTRIES + 8, 0x400, 8);

	expect(fx, "filehash --pid 700", "kind  complete  missing  md5  why",
		"image  false  4096  ?  pages of the program are not in the image");
}

static void relocations_that_lead_nowhere_are_left_alone(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	static const uint32_t sizes[] = { 4, 9, 0x1fc, 0xfffffff8, 0xffffffff };
	struct program p;
	program_make(&p);
	program_move(&p);
	put_program(fx, &p);
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		store(p.bytes + RELOC_RAW + 4, sizes[i], 4);
		store(p.bytes + OPTIONAL + 112 + 8 * 5 + 4, sizes[i], 4);
		put_page(fx, 0, p.bytes, TEXT_RAW);
		put_page(fx, 2, p.bytes + RELOC_RAW, RELOC_BYTES);
		expect(fx, "filehash --pid 700", "kind  md5", "image  ?");
	}
}

// Any eight bytes of headers and relocations; a fixed seed.
static void headers_of_nonsense_are_survived(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct program whole, p;
	uint64_t random = 1;
	program_make(&whole);
	program_move(&whole);
	put_program(fx, &whole);
	for (int round = 0; round < 60; round++) {
		p = whole;
		for (int i = 0; i < 8; i++) {
			random = random * 6364136223846793005 + 1442695040888963407;
			size_t at = random >> 33 & 0x1ff;
			at += at >= TEXT_RAW / 2 ? RELOC_RAW - TEXT_RAW / 2 : NT;
			p.bytes[at % FILE_BYTES] ^= (uint8_t)(random >> 56 | 1);
		}
		put_page(fx, 0, p.bytes, TEXT_RAW);
		put_page(fx, 2, p.bytes + RELOC_RAW, RELOC_BYTES);
		expect(fx, "filehash --pid 700", "kind  md5", "image  ?");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(moved_program_is_rebuilt),
		cmocka_unit_test(program_in_its_place_is_rebuilt),
		cmocka_unit_test(changed_program_is_not_claimed),
		cmocka_unit_test(program_without_a_checksum_is_found_by_its_hash_alone),
		cmocka_unit_test(signed_program_is_not_claimed),
		cmocka_unit_test(program_with_a_hole_is_not_claimed),
		cmocka_unit_test(headers_of_nonsense_are_survived),
		cmocka_unit_test(relocations_that_lead_nowhere_are_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
