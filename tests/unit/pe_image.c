// Programs as they lie in memory: headers that are true, headers that lie, files made of them.
// SPDX-License-Identifier: Apache-2.0
#include "run/engine.h"

#include "tests/fx/fx.h"
#include "tests/fx/test.h"
#include <eidetic/pe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BASE UINT64_C(0xfffff80100000000)

enum { NT = 0x80, OPTIONAL = NT + 24, TABLE = OPTIONAL + 0xf0, SIZE = 0x5000 };

// A driver of two sections, .text at 0x1000 and .data at 0x3000, and the page at 0x4000 missing.
struct world {
	struct fx fx;
	uint8_t head[PAGE_SIZE];
	ei_run *run;
	struct output output;
	char folder[32];
	uint8_t file[1 << 16];
	size_t file_size;
};

static void section_put(uint8_t *at, const char *name, uint32_t rva, uint32_t size)
{
	uint32_t fields[4] = { size, rva, 0x200, 0x400 };
	memcpy(at, name, strlen(name));
	memcpy(at + 8, fields, sizeof fields);
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, 4);
}

static void world_init(struct world *w)
{
	static const uint8_t code[] = { 0xcc, 0xc3 };
	memset(w, 0, sizeof *w);
	fx_init(&w->fx, "win10-19041-x64");
	memcpy(w->head, "MZ", 2);
	put32(w->head + 0x3c, NT);
	memcpy(w->head + NT, "PE\0\0\x64\x86\2\0", 8);
	put32(w->head + NT + 8, 0x12345678);
	put32(w->head + NT + 20, 0xf0); // SizeOfOptionalHeader
	put32(w->head + OPTIONAL, 0x20b);
	put32(w->head + OPTIONAL + 16, 0x1234);     // AddressOfEntryPoint
	put32(w->head + OPTIONAL + 24, 0x10000000); // ImageBase
	put32(w->head + OPTIONAL + 32, PAGE_SIZE);  // SectionAlignment
	put32(w->head + OPTIONAL + 56, SIZE);
	put32(w->head + OPTIONAL + 60, 0x400);
	section_put(w->head + TABLE, ".text", 0x1000, 0x1800);
	section_put(w->head + TABLE + 40, ".data", 0x3000, 0x10);
	for (unsigned page = 0; page < 4; page++)
		fx_map_fresh(&w->fx.tables, BASE + page * PAGE_SIZE);
	fx_write(&w->fx.tables, BASE + 0x1000, code, sizeof code);
	snprintf(w->folder, sizeof w->folder, "/tmp/pe-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
}

static void world_deinit(struct world *w)
{
	char command[64];
	if (w->run)
		w->run->output = NULL;
	run_drop(w->run);
	fx_deinit(&w->fx);
	snprintf(command, sizeof command, "rm -rf '%.31s'", w->folder);
	assert_int_equal(system(command), 0);
}

#define WORLD(w)                                                                                   \
	__attribute__((cleanup(world_deinit))) struct world w##_itself;                            \
	struct world *w = &w##_itself;                                                             \
	world_init(w)

// Writes the headers as they are now, and opens the memory.
static void world_open(struct world *w)
{
	fx_write(&w->fx.tables, BASE, w->head, sizeof w->head);
	fx_memory_open(&w->fx.memory);
	w->fx.session.image = w->fx.memory.image;
	assert_null(run_create(&w->fx.session, &w->run));
	w->output.folder = w->folder;
	w->run->output = &w->output;
}

static void file_read(struct world *w, const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%.31s/%.64s", w->folder, name);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	w->file_size = fread(w->file, 1, sizeof w->file, file);
	fclose(file);
}

static void headers_are_read(void **state)
{
	(void)state;
	WORLD(w);
	ei_pe pe;
	world_open(w);
	assert_true(ei_pe_read(w->run, NULL, BASE, &pe));
	assert_true(pe.wide);
	assert_int_equal(pe.machine, 0x8664);
	assert_int_equal(pe.size, SIZE);
	assert_int_equal(pe.entry, 0x1234);
	assert_int_equal(pe.time_stamp, 0x12345678);
	assert_int_equal(pe.preferred, 0x10000000);
	assert_int_equal(pe.section_count, 2);
	assert_string_equal(pe.sections[1].name, ".data");
	assert_int_equal(pe.sections[1].rva, 0x3000);
}

static void file_lies_as_memory_does(void **state)
{
	(void)state;
	WORLD(w);
	ei_val file;
	world_open(w);
	assert_null(ei_pe_extract(w->run, NULL, BASE, "driver.dmp", &file));
	assert_string_equal(file.s, "driver.dmp");
	file_read(w, "driver.dmp");
	assert_int_equal(w->file_size, SIZE);
	assert_int_equal(load_u64(w->file + OPTIONAL + 24), BASE);
	assert_int_equal(load_u32(w->file + TABLE + 8), 0x2000);  // VirtualSize
	assert_int_equal(load_u32(w->file + TABLE + 16), 0x2000); // SizeOfRawData
	assert_int_equal(load_u32(w->file + TABLE + 20), 0x1000); // PointerToRawData
	assert_int_equal(load_u32(w->file + TABLE + 60), 0x3000);
	assert_int_equal(w->file[0x1000], 0xcc);
	assert_int_equal(w->file[0x4000], 0);
	file_read(w, "manifest.jsonl");
	assert_non_null(strstr((char *)w->file, "\"missing\":4096,\"holes\":[[16384,4096]]"));
}

static void sections_beyond_the_image_are_cut(void **state)
{
	(void)state;
	WORLD(w);
	ei_val file;
	section_put(w->head + TABLE, ".text", 0x4000, 0xffffffff);
	section_put(w->head + TABLE + 40, ".data", 0xfffff000, 0x2000);
	world_open(w);
	assert_null(ei_pe_extract(w->run, NULL, BASE, "driver.dmp", &file));
	file_read(w, "driver.dmp");
	assert_int_equal(w->file_size, SIZE);
	assert_int_equal(load_u32(w->file + TABLE + 16), 0x1000);
	assert_int_equal(load_u32(w->file + TABLE + 20), 0x4000);
	assert_int_equal(load_u32(w->file + TABLE + 56), 0);
	assert_int_equal(load_u32(w->file + TABLE + 60), 0);
}

static void section_table_may_leave_the_first_page(void **state)
{
	(void)state;
	WORLD(w);
	ei_pe pe;
	ei_val file;
	put32(w->head + NT + 4, 0xffff8664); // more sections than there are, or may be
	put32(w->head + NT + 20, 0xffff);
	world_open(w);
	assert_true(ei_pe_read(w->run, NULL, BASE, &pe));
	assert_int_equal(pe.section_count, 0); // the table would lie outside
	assert_null(ei_pe_extract(w->run, NULL, BASE, "driver.dmp", &file));
	assert_true(ei_has(file));
}

static void what_is_no_program_is_not_written(void **state)
{
	(void)state;
	static const struct {
		uint32_t at, value;
	} lies[] = {
		{ 0, 0x00005a4e },             // no MZ
		{ 0x3c, 0xfffffff0 },          // headers far away
		{ 0x3c, 0x2000 },              // not in the first page
		{ NT, 0x00004551 },            // no PE
		{ OPTIONAL, 0x107 },           // a ROM image
		{ OPTIONAL + 56, 0xffffffff }, // four gigabytes
		{ OPTIONAL + 56, 0x10 },       // smaller than its headers
	};
	for (size_t i = 0; i < ARRAY_LENGTH(lies); i++) {
		WORLD(w);
		ei_val file = ei_absent(EI_UNSET);
		put32(w->head + lies[i].at, lies[i].value);
		world_open(w);
		assert_null(ei_pe_extract(w->run, NULL, BASE, "driver.dmp", &file));
		assert_int_equal(file.state, EI_UNREADABLE);
	}
}

static void missing_headers_are_no_program(void **state)
{
	(void)state;
	WORLD(w);
	ei_pe pe;
	world_open(w);
	assert_false(ei_pe_read(w->run, NULL, BASE + 0x4000, &pe));
	assert_false(ei_pe_read(w->run, NULL, 0, &pe));
	assert_false(ei_pe_read(w->run, NULL, UINT64_MAX - 10, &pe));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(file_lies_as_memory_does),
		cmocka_unit_test(sections_beyond_the_image_are_cut),
		cmocka_unit_test(section_table_may_leave_the_first_page),
		cmocka_unit_test(what_is_no_program_is_not_written),
		cmocka_unit_test(missing_headers_are_no_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
