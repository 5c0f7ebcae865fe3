// What programs in memory say of themselves: a program made here, whole and damaged.
// SPDX-License-Identifier: Apache-2.0
#include "run/pe_facts.h"
#include "tests/fx/test.h"

enum { PROGRAM = 0x4000, EXPORTS = 0x1000, IMPORTS = 0x1400, RESOURCES = 0x2000, DEBUG = 0x1800 };

struct fx {
	uint8_t bytes[PROGRAM];
	uint32_t missing; // pages, a set of bits
	struct text said;
	bool complete;
};

static void put16(struct fx *fx, uint32_t at, uint16_t value)
{
	memcpy(fx->bytes + at, &value, 2);
}

static void put32(struct fx *fx, uint32_t at, uint32_t value)
{
	memcpy(fx->bytes + at, &value, 4);
}

static void put64(struct fx *fx, uint32_t at, uint64_t value)
{
	memcpy(fx->bytes + at, &value, 8);
}

static void put_text(struct fx *fx, uint32_t at, const char *text)
{
	memcpy(fx->bytes + at, text, strlen(text) + 1);
}

static uint32_t put_wide(struct fx *fx, uint32_t at, const char *text)
{
	for (; *text; text++, at += 2)
		put16(fx, at, (uint8_t)*text);
	return at + 2;
}

enum { NT = 0x80, OPTIONAL = NT + 24, SECTIONS = OPTIONAL + 240 };

static void directory(struct fx *fx, uint32_t index, uint32_t rva, uint32_t size)
{
	put32(fx, OPTIONAL + 112 + index * 8, rva);
	put32(fx, OPTIONAL + 116 + index * 8, size);
}

static void headers_make(struct fx *fx)
{
	put_text(fx, 0, "MZ");
	put32(fx, 60, NT);
	put_text(fx, NT, "PE");
	put16(fx, NT + 4, 0x8664);
	put16(fx, NT + 6, 2);
	put32(fx, NT + 8, 1240912800); // 2009-04-28T10:00:00Z
	put16(fx, NT + 20, 240);
	put16(fx, NT + 22, 0x2022); // a DLL
	put16(fx, OPTIONAL, 0x20b);
	put64(fx, OPTIONAL + 24, 0x180000000);
	put32(fx, OPTIONAL + 56, PROGRAM);
	put32(fx, OPTIONAL + 108, 16);
	put_text(fx, SECTIONS, ".text");
	put_text(fx, SECTIONS + 40, "UPX0long");
	put32(fx, SECTIONS + 40 + 8, 0x1000); // what follows the name is no part of it
}

static void exports_make(struct fx *fx)
{
	directory(fx, 0, EXPORTS, 40);
	put32(fx, EXPORTS + 12, EXPORTS + 100);
	put_text(fx, EXPORTS + 100, "evil.dll");
	put32(fx, EXPORTS + 20, 3); // functions
	put32(fx, EXPORTS + 24, 2); // of which have names
	put32(fx, EXPORTS + 32, EXPORTS + 60);
	put32(fx, EXPORTS + 60, EXPORTS + 120);
	put32(fx, EXPORTS + 64, EXPORTS + 130);
	put_text(fx, EXPORTS + 120, "Start");
	put_text(fx, EXPORTS + 130, "Stop");
}

static void import_make(struct fx *fx, uint32_t index, const char *module, uint32_t at)
{
	put32(fx, IMPORTS + index * 20, at);
	put32(fx, IMPORTS + index * 20 + 12, at + 64);
	put_text(fx, at + 64, module);
}

static void imports_make(struct fx *fx)
{
	directory(fx, 1, IMPORTS, 60);
	import_make(fx, 0, "KERNEL32.dll", 0x1500);
	put64(fx, 0x1500, 0x1560);
	put_text(fx, 0x1562, "VirtualAlloc");
	put64(fx, 0x1508, 0x1580);
	put_text(fx, 0x1582, "ExitProcess");
	import_make(fx, 1, "other.sys", 0x1600);
	put64(fx, 0x1600, UINT64_C(1) << 63 | 7);
}

static void debug_make(struct fx *fx)
{
	directory(fx, 6, DEBUG, 28);
	put32(fx, DEBUG + 12, 2);
	put32(fx, DEBUG + 20, DEBUG + 64);
	put_text(fx, DEBUG + 64, "RSDS");
	put_text(fx, DEBUG + 64 + 24, "c:\\work\\evil.pdb");
}

// One block of the table of versions; where it ends.
static uint32_t block(struct fx *fx, uint32_t at, const char *name, const char *value)
{
	uint32_t to = put_wide(fx, at + 6, name);
	to = (to + 3) & ~3u;
	if (value) {
		put16(fx, at + 2, (uint16_t)(strlen(value) + 1));
		put16(fx, at + 4, 1);
		to = put_wide(fx, to, value);
		put16(fx, at, (uint16_t)(to - at));
	}
	return (to + 3) & ~3u;
}

static void versions_make(struct fx *fx, uint32_t at)
{
	uint32_t table, strings, end;
	uint32_t info = block(fx, at, "VS_VERSION_INFO", NULL);
	put16(fx, at + 2, 52);
	info += 52;
	table = block(fx, info, "StringFileInfo", NULL);
	strings = block(fx, table, "040904B0", NULL);
	end = block(fx, strings, "OriginalFilename", "evil.exe");
	end = block(fx, end, "CompanyName", "Evil Inc");
	end = block(fx, end, "Other", "x");
	put16(fx, table, (uint16_t)(end - table));
	put16(fx, info, (uint16_t)(end - info));
	put16(fx, at, (uint16_t)(end - at));
}

static void folder(struct fx *fx, uint32_t at, uint16_t named, uint16_t numbered)
{
	put16(fx, RESOURCES + at + 12, named);
	put16(fx, RESOURCES + at + 14, numbered);
}

static void resource(struct fx *fx, uint32_t at, uint32_t id, uint32_t to)
{
	put32(fx, RESOURCES + at, id);
	put32(fx, RESOURCES + at + 4, to);
}

static void resources_make(struct fx *fx)
{
	directory(fx, 2, RESOURCES, 0x800);
	folder(fx, 0, 1, 1);
	resource(fx, 16, 0x80000200, 0x80000040);
	put16(fx, RESOURCES + 0x200, 6);
	put_wide(fx, RESOURCES + 0x202, "DIOKAK");
	resource(fx, 24, 16, 0x80000080);
	folder(fx, 0x40, 0, 1);
	resource(fx, 0x50, 101, 0x80000100);
	folder(fx, 0x80, 0, 1);
	resource(fx, 0x90, 1, 0x800000c0);
	folder(fx, 0xc0, 0, 1);
	resource(fx, 0xd0, 0x409, 0x180);
	put32(fx, RESOURCES + 0x180, RESOURCES + 0x300);
	put32(fx, RESOURCES + 0x184, 0x300);
	versions_make(fx, RESOURCES + 0x300);
}

static int set_up(void **state)
{
	struct fx *fx = calloc(1, sizeof *fx);
	text_init(&fx->said, 1 << 20);
	headers_make(fx);
	exports_make(fx);
	imports_make(fx);
	debug_make(fx);
	resources_make(fx);
	*state = fx;
	return 0;
}

static int tear_down(void **state)
{
	struct fx *fx = *state;
	text_deinit(&fx->said);
	free(fx);
	return 0;
}

static bool read_page(void *context, uint32_t rva, uint8_t *page)
{
	const struct fx *fx = context;
	if (rva >= PROGRAM || fx->missing >> rva / PE_PAGE & 1)
		return false;
	memcpy(page, fx->bytes + rva, PE_PAGE);
	return true;
}

static void take(void *context, const char *name, uint32_t item, ei_val value)
{
	struct fx *fx = context;
	static const char *const absent[] = {
		[EI_NONE] = "-", [EI_UNREADABLE] = "?", [EI_GARBAGE] = "!"
	};
	text_addf(&fx->said, "%s %x ", name, item);
	if (!ei_has(value))
		text_addf(&fx->said, "%s\n", absent[value.state]);
	else if (value.kind == EI_STR)
		text_addf(&fx->said, "'%.*s'\n", (int)value.length, value.s);
	else
		text_addf(&fx->said, "%llu\n", (unsigned long long)value.u);
}

static bool facts(struct fx *fx)
{
	const struct pe_source source = { read_page, fx, take, fx };
	text_clear(&fx->said);
	return pe_facts(&source, &fx->complete);
}

static void assert_said(const struct fx *fx, const char *line)
{
	char whole[256];
	snprintf(whole, sizeof whole, "%s\n", line);
	if (!strstr(fx->said.data, whole))
		fail_msg("nothing says '%s' in:\n%s", line, fx->said.data);
}

static void a_program_says_what_it_is(void **state)
{
	static const char *const lines[] = { "PETimeStamp 0 128853864000000000", "Type 0 'Dll'",
		"BaseAddress 0 6442450944", "DetectedAnomalies/string 0 'checksum_is_zero'",
		"DetectedAnomalies/string 0 ?", "DigitalSignature/SignatureExists 0 0",
		"Sections/Section/Name 0 '.text'", "Sections/Section/Name 1 'UPX0long'",
		"PdbPath 0 'c:\\work\\evil.pdb'", "Exports/DllName 0 'evil.dll'",
		"Exports/NumberOfFunctions 0 3", "Exports/ExportedFunctions/string 0 'Start'",
		"Exports/ExportedFunctions/string 0 'Stop'",
		"ImportedModules/Module/Name 0 'KERNEL32.dll'",
		"ImportedModules/Module/ImportedFunctions/string 0 'VirtualAlloc'",
		"ImportedModules/Module/ImportedFunctions/string 0 'ExitProcess'",
		"ImportedModules/Module/Name 0 'other.sys'",
		"ResourceInfoList/ResourceInfoItem/Type 0 'DIOKAK'",
		"ResourceInfoList/ResourceInfoItem/Name 0 '101'",
		"ResourceInfoList/ResourceInfoItem/Type 1 'Version'",
		"VersionInfoList/VersionInfoItem/OriginalFilename 40904b0 'evil.exe'",
		"VersionInfoList/VersionInfoItem/CompanyName 40904b0 'Evil Inc'" };
	struct fx *fx = *state;
	assert_true(facts(fx));
	assert_true(fx->complete);
	for (size_t i = 0; i < ARRAY_LENGTH(lines); i++)
		assert_said(fx, lines[i]);
}

static void imports_have_a_digest(void **state)
{
	struct fx *fx = *state;
	// MD5 of "kernel32.virtualalloc,kernel32.exitprocess,other.ord7"
	assert_true(facts(fx));
	assert_said(fx, "ImportHash 0 'ece09c4e919a8818a924edf275d1bcc0'");
	// Functions of this module by number have names that are not there.
	put_text(fx, 0x1640, "WS2_32.dll");
	assert_true(facts(fx));
	assert_said(fx, "ImportHash 0 ?");
}

static void what_is_on_missing_pages_is_not_said_to_be_nothing(void **state)
{
	struct fx *fx = *state;
	fx->missing = 1 << 1;
	assert_true(facts(fx));
	assert_false(fx->complete);
	assert_said(fx, "Exports/DllName 0 ?");
	assert_said(fx, "Exports/ExportedFunctions/string 0 ?");
	assert_said(fx, "ImportedModules/Module/Name 0 ?");
	assert_said(fx, "ImportHash 0 ?");
	assert_said(fx, "PdbPath 0 ?");
	assert_said(fx, "VersionInfoList/VersionInfoItem/CompanyName 40904b0 'Evil Inc'");
	fx->missing = 1 << 2;
	assert_true(facts(fx));
	assert_said(fx, "VersionInfoList/VersionInfoItem/CompanyName 0 ?");
	assert_said(fx, "Exports/DllName 0 'evil.dll'");
	fx->missing = 1;
	assert_false(facts(fx));
}

static void what_a_program_lacks_is_nothing(void **state)
{
	struct fx *fx = *state;
	directory(fx, 0, 0, 0);
	directory(fx, 1, 0, 0);
	directory(fx, 2, 0, 0);
	directory(fx, 6, 0, 0);
	put32(fx, OPTIONAL + 64, 1); // a checksum
	directory(fx, 4, 0x3000, 100);
	assert_true(facts(fx));
	assert_said(fx, "Exports/DllName 0 -");
	assert_said(fx, "ImportedModules/Module/ImportedFunctions/string 0 -");
	assert_said(fx, "VersionInfoList/VersionInfoItem/CompanyName 0 -");
	assert_said(fx, "PdbPath 0 -");
	assert_said(fx, "DigitalSignature/SignatureExists 0 1");
	assert_null(strstr(fx->said.data, "checksum_is_zero"));
}

static void nonsense_is_bounded(void **state)
{
	struct fx *fx = *state;
	uint32_t seed = 1;
	put32(fx, EXPORTS + 24, 0xffffffff);
	assert_true(facts(fx));
	assert_said(fx, "Exports/ExportedFunctions/string 0 !");
	for (int round = 0; round < 3000; round++) {
		struct fx broken = *fx;
		for (int i = 0; i < 8; i++) {
			seed = seed * 1664525 + 1013904223;
			uint32_t at = i < 4 ? (seed >> 8) % 0x200 : EXPORTS + (seed >> 8) % 0x1600;
			broken.bytes[at] = (uint8_t)(seed >> 24);
		}
		broken.missing = (seed & 0x700) ? 0 : seed >> 28 & 14;
		text_init(&broken.said, 1 << 16);
		facts(&broken);
		text_deinit(&broken.said);
	}
	put_text(fx, 0, "ZM");
	assert_false(facts(fx));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_program_says_what_it_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(imports_have_a_digest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_on_missing_pages_is_not_said_to_be_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_program_lacks_is_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nonsense_is_bounded, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
