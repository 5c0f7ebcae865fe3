// Portable executable headers as the loader leaves them in memory.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

enum { NT_AT = 0xf8, MACHINE_I386 = 0x14c, MACHINE_AMD64 = 0x8664 };

struct pe_section {
	const char *name;
	uint32_t flags;
	uint32_t share; // of the image, in 16ths
};

static const struct pe_section image_sections[] = {
	{ ".text", 0x60000020, 9 },
	{ ".rdata", 0x40000040, 3 },
	{ ".data", 0xc0000040, 2 },
	{ ".rsrc", 0x40000040, 1 },
	{ ".reloc", 0x42000040, 1 },
};
static const struct pe_section driver_sections[] = {
	{ ".text", 0x68000020, 6 },
	{ ".data", 0xc8000040, 2 },
	{ "PAGE", 0x60000020, 4 },
	{ "INIT", 0x62000020, 1 },
	{ "POOLCODE", 0x68000020, 1 },
	{ ".rsrc", 0x42000040, 1 },
	{ ".reloc", 0x42000040, 1 },
};

static void put16(uint8_t *at, uint32_t value)
{
	uint16_t v = (uint16_t)value;
	memcpy(at, &v, sizeof v);
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof value);
}

static void write_dos(uint8_t *page)
{
	static const uint8_t stub[] = { 0x0e, 0x1f, 0xba, 0x0e, 0x00, 0xb4, 0x09, 0xcd, 0x21, 0xb8,
		0x01, 0x4c, 0xcd, 0x21 };
	static const char text[] = "This program cannot be run in DOS mode.\r\r\n$";
	memcpy(page, "MZ", 2);
	put16(page + 2, 0x90);
	put16(page + 4, 3);
	put16(page + 8, 4);
	put16(page + 12, 0xffff);
	put16(page + 16, 0xb8);
	put16(page + 24, 0x40);
	put32(page + 0x3c, NT_AT);
	memcpy(page + 0x40, stub, sizeof stub);
	memcpy(page + 0x40 + sizeof stub, text, sizeof text - 1);
}

static void write_file_header(const struct pe_spec *spec, uint8_t *at, uint32_t sections)
{
	memcpy(at, "PE\0\0", 4);
	put16(at + 4, spec->is64 ? MACHINE_AMD64 : MACHINE_I386);
	put16(at + 6, sections);
	put32(at + 8, spec->timestamp);
	put16(at + 20, spec->is64 ? 0xf0 : 0xe0);
	put16(at + 22, (spec->is64 ? 0x22 : 0x102) | (spec->dll ? 0x2000 : 0));
}

static void write_optional_header(const struct pe_spec *spec, uint8_t *at)
{
	put16(at, spec->is64 ? 0x20b : 0x10b);
	at[2] = 14;
	put32(at + 4, spec->size / 16 * 9);
	put32(at + 16, 0x1000 + 0x40);
	put32(at + 20, 0x1000);
	if (spec->is64)
		put64(at + 24, spec->base);
	else
		put32(at + 28, (uint32_t)spec->base);
	put32(at + 32, PAGE_SIZE);
	put32(at + 36, 0x200);
	put16(at + 40, spec->major);
	put16(at + 42, spec->minor);
	put16(at + 44, spec->major);
	put16(at + 46, spec->minor);
	put16(at + 48, spec->major);
	put16(at + 50, spec->minor);
	put32(at + 56, spec->size);
	put32(at + 60, 0x600);
	put32(at + 64, spec->checksum);
	put16(at + 68, spec->driver ? 1 : 2);
	put16(at + 70, 0x4160);
	put32(at + (spec->is64 ? 108 : 92), 16);
}

static void write_sections(
	const struct pe_spec *spec, uint8_t *at, const struct pe_section *sections, uint32_t count)
{
	uint32_t rva = PAGE_SIZE;
	uint32_t pages = spec->size / PAGE_SIZE - 1;
	for (uint32_t i = 0; i < count; i++, at += 40) {
		uint32_t span = pages * sections[i].share / 16 * PAGE_SIZE;
		if (i + 1 == count)
			span = spec->size - rva;
		memcpy(at, sections[i].name, MIN(strlen(sections[i].name), 8));
		put32(at + 8, span ? span : PAGE_SIZE);
		put32(at + 12, rva);
		put32(at + 16, span);
		put32(at + 20, rva);
		put32(at + 36, sections[i].flags);
		rva += span;
	}
}

void pe_write_header(const struct pe_spec *spec, uint8_t *page)
{
	const struct pe_section *sections = spec->driver ? driver_sections : image_sections;
	uint32_t count =
		spec->driver ? ARRAY_LENGTH(driver_sections) : ARRAY_LENGTH(image_sections);
	write_dos(page);
	write_file_header(spec, page + NT_AT, count);
	write_optional_header(spec, page + NT_AT + 24);
	write_sections(spec, page + NT_AT + 24 + (spec->is64 ? 0xf0 : 0xe0), sections, count);
}

void pe_set_directory(uint8_t *page, uint32_t index, uint32_t rva, uint32_t bytes)
{
	bool is64 = load_u16(page + NT_AT + 24) == 0x20b;
	uint8_t *at = page + NT_AT + 24 + (is64 ? 112 : 96) + index * 8;
	put32(at, rva);
	put32(at + 4, bytes);
}
