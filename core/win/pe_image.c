// Headers of a program as it lies in memory, for those who look at any address: nothing of them is
// believed before it is checked.
//
// Source: the PE/COFF specification.
// SPDX-License-Identifier: Apache-2.0
#include "win/session.h"
#include <eidetic/pe.h>

enum {
	DOS_BYTES = 0x40,
	DOS_NT_AT = 0x3c,
	NT_AT_MAX = 0x1000 - 0x108, // the loader wants the headers to start in the first page
	NT_BYTES = 0x108,           // signature, file header, PE32+ optional header
	FILE_AT = 4,
	OPTIONAL_AT = 24,
	SECTION_BYTES = 40,
	OPTIONAL_32 = 0x10b,
	OPTIONAL_64 = 0x20b,
};

// Offsets within the optional header.
enum {
	OPTIONAL_ENTRY = 16,
	OPTIONAL_BASE_64 = 24,
	OPTIONAL_BASE_32 = 28,
	OPTIONAL_ALIGNMENT = 32,
	OPTIONAL_SIZE = 56,
	OPTIONAL_HEADERS = 60,
};

static ei_pe_section section_read(const uint8_t *header, uint32_t at)
{
	ei_pe_section section = {
		.size = load_u32(header + 8),
		.rva = load_u32(header + 12),
		.raw_size = load_u32(header + 16),
		.raw = load_u32(header + 20),
		.characteristics = load_u32(header + 36),
		.header = at,
	};
	memcpy(section.name, header, 8);
	return section;
}

static void sections_read(
	ei_run *run, const ei_space *space, uint32_t at, uint32_t count, ei_pe *pe)
{
	for (uint32_t i = 0; i < MIN(count, (uint32_t)EI_PE_SECTIONS); i++, at += SECTION_BYTES) {
		uint8_t header[SECTION_BYTES];
		if (ei_read(run, space, pe->base + at, header, sizeof header) < sizeof header)
			return;
		pe->sections[pe->section_count++] = section_read(header, at);
	}
}

static bool optional_read(const uint8_t *optional, uint32_t at, ei_pe *pe)
{
	uint16_t magic = load_u16(optional);
	if (magic != OPTIONAL_32 && magic != OPTIONAL_64)
		return false;
	pe->wide = magic == OPTIONAL_64;
	uint32_t base = pe->wide ? OPTIONAL_BASE_64 : OPTIONAL_BASE_32;
	pe->preferred_at = at + base;
	pe->preferred = pe->wide ? load_u64(optional + base) : load_u32(optional + base);
	pe->entry = load_u32(optional + OPTIONAL_ENTRY);
	pe->alignment = load_u32(optional + OPTIONAL_ALIGNMENT);
	pe->size = load_u32(optional + OPTIONAL_SIZE);
	pe->headers = load_u32(optional + OPTIONAL_HEADERS);
	return pe->size >= at + NT_BYTES - OPTIONAL_AT && pe->size <= EI_PE_SIZE_MAX;
}

bool ei_pe_read(ei_run *run, const ei_space *space, uint64_t base, ei_pe *out)
{
	uint8_t dos[DOS_BYTES], nt[NT_BYTES];
	if (ei_read(run, space, base, dos, sizeof dos) < sizeof dos || memcmp(dos, "MZ", 2) != 0)
		return false;
	uint32_t at = load_u32(dos + DOS_NT_AT);
	if (at > NT_AT_MAX || ei_read(run, space, base + at, nt, sizeof nt) < sizeof nt ||
		memcmp(nt, "PE\0\0", 4) != 0)
		return false;
	ei_pe pe = { .base = base, .machine = load_u16(nt + FILE_AT) };
	pe.time_stamp = load_u32(nt + FILE_AT + 4);
	if (!optional_read(nt + OPTIONAL_AT, at + OPTIONAL_AT, &pe))
		return false;
	uint32_t table = at + OPTIONAL_AT + load_u16(nt + FILE_AT + 16);
	sections_read(run, space, table, load_u16(nt + FILE_AT + 2), &pe);
	*out = pe;
	return true;
}
