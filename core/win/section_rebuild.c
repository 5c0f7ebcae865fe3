// A program's file, from the pages of its image section: relocations undone, checksum compared.
//
// When a program is moved, Windows relocates the section's pages and, since Vista, writes the new
// address over the header's. Imports and data are written in each process's own copy, not here.
//
// Source: the PE/COFF specification; the checksum is ImageHlp's.
// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"
#include "win/section_pieces.h"

#include <stdlib.h>

enum {
	FILE_MAX = 64 << 20,
	DOS_NT_AT = 0x3c,
	DOS_BYTES = 0x40,
	NT_SECTION_COUNT = 6,
	NT_OPTIONAL_SIZE = 20,
	NT_OPTIONAL = 24,
	OPTIONAL_32 = 0x10b,
	OPTIONAL_64 = 0x20b,
	OPTIONAL_BASE_32 = 28,
	OPTIONAL_BASE_64 = 24,
	OPTIONAL_CHECKSUM = 64,
	OPTIONAL_DIRECTORIES_32 = 96,
	OPTIONAL_DIRECTORIES_64 = 112,
	OPTIONAL_LEAST = 64 + 4,
	DIRECTORY_SECURITY = 4,
	DIRECTORY_RELOCATIONS = 5,
	DIRECTORIES_MAX = 16,
	SECTION_BYTES = 40,
	RELOCATION_NONE = 0,
	RELOCATION_32 = 3,
	RELOCATION_64 = 10,
};

// Where linkers put programs when nobody tells them otherwise.
static const uint64_t usual_bases[] = { 0x180000000, 0x140000000, 0x10000000, 0x400000 };

// A file in a buffer, with what its headers say; all offsets are inside.
struct program {
	uint8_t *bytes; // heap
	size_t size;
	bool wide;
	size_t base_at, checksum_at, sections_at;
	unsigned section_count;
	uint64_t base; // as the header says it
	uint32_t checksum;
	uint32_t signature_size;
	uint32_t relocations, relocations_size; // RVA
};

// ---- headers --------------------------------------------------------------------------------

static void directory_read(
	const struct program *p, size_t optional, unsigned index, uint32_t *address, uint32_t *size)
{
	size_t table = optional + (p->wide ? OPTIONAL_DIRECTORIES_64 : OPTIONAL_DIRECTORIES_32);
	*address = *size = 0;
	if (!span_inside(table - 4, 4 + 8 * DIRECTORIES_MAX, p->size) ||
		index >= load_u32(p->bytes + table - 4))
		return;
	*address = load_u32(p->bytes + table + 8 * index);
	*size = load_u32(p->bytes + table + 8 * index + 4);
}

static bool headers_read(struct program *p)
{
	uint32_t unused;
	if (p->size < DOS_BYTES || memcmp(p->bytes, "MZ", 2) != 0)
		return false;
	size_t nt = load_u32(p->bytes + DOS_NT_AT), optional = nt + NT_OPTIONAL;
	if (!span_inside(nt, NT_OPTIONAL + OPTIONAL_LEAST, p->size) ||
		memcmp(p->bytes + nt, "PE\0\0", 4) != 0)
		return false;
	uint16_t magic = load_u16(p->bytes + optional);
	p->wide = magic == OPTIONAL_64;
	p->section_count = load_u16(p->bytes + nt + NT_SECTION_COUNT);
	p->sections_at = optional + load_u16(p->bytes + nt + NT_OPTIONAL_SIZE);
	if ((magic != OPTIONAL_32 && !p->wide) ||
		!span_inside(p->sections_at, (size_t)p->section_count * SECTION_BYTES, p->size))
		return false;
	p->base_at = optional + (p->wide ? OPTIONAL_BASE_64 : OPTIONAL_BASE_32);
	p->base = p->wide ? load_u64(p->bytes + p->base_at) : load_u32(p->bytes + p->base_at);
	p->checksum_at = optional + OPTIONAL_CHECKSUM;
	p->checksum = load_u32(p->bytes + p->checksum_at);
	directory_read(p, optional, DIRECTORY_SECURITY, &unused, &p->signature_size);
	directory_read(p, optional, DIRECTORY_RELOCATIONS, &p->relocations, &p->relocations_size);
	return true;
}

// Where [rva, rva + size) is in the file; false when no section has all of it there.
static bool file_offset(const struct program *p, uint32_t rva, uint32_t size, size_t *out)
{
	const uint8_t *row = p->bytes + p->sections_at;
	for (unsigned i = 0; i < p->section_count; i++, row += SECTION_BYTES) {
		uint32_t start = load_u32(row + 12), bytes = load_u32(row + 16);
		uint64_t raw = load_u32(row + 20);
		if (rva < start || !span_inside(rva - start, size, bytes))
			continue;
		*out = raw + (rva - start);
		return span_inside(*out, size, p->size);
	}
	return false;
}

// ---- relocations ----------------------------------------------------------------------------

static void bytes_add(uint8_t *at, size_t width, uint64_t delta)
{
	uint64_t value = width == 8 ? load_u64(at) : load_u32(at);
	value += delta;
	for (size_t i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

// One block: a page, and where in it addresses are.
static bool block_move(struct program *p, size_t block, uint32_t size, uint64_t delta)
{
	uint32_t page = load_u32(p->bytes + block);
	for (uint32_t i = 8; i + 2 <= size; i += 2) {
		uint16_t entry = load_u16(p->bytes + block + i);
		unsigned kind = entry >> 12, width = kind == RELOCATION_64 ? 8 : 4;
		size_t target;
		if (kind == RELOCATION_NONE)
			continue;
		if ((kind != RELOCATION_32 && kind != RELOCATION_64) ||
			!file_offset(p, page + (entry & 0xfff), width, &target))
			return false;
		bytes_add(p->bytes + target, width, delta);
	}
	return true;
}

// Adds `delta` where the relocations say; false when they cannot be read, or are of a kind that no
// x86 has. Half of it may then be done.
static bool program_move(struct program *p, uint64_t delta)
{
	for (uint32_t at = 0; p->relocations_size - at >= 8;) {
		size_t block;
		if (!file_offset(p, p->relocations + at, 8, &block))
			return false;
		uint32_t size = load_u32(p->bytes + block + 4);
		if (!size)
			break; // padding
		if (size < 8 || size > p->relocations_size - at ||
			!file_offset(p, p->relocations + at, size, &block) ||
			!block_move(p, block, size, delta))
			return false;
		at += size;
	}
	return true;
}

// ---- the checksum ---------------------------------------------------------------------------

static uint32_t program_checksum(const struct program *p)
{
	uint64_t sum = 0;
	for (size_t i = 0; i + 1 < p->size; i += 2)
		sum += load_u16(p->bytes + i);
	if (p->size % 2)
		sum += p->bytes[p->size - 1];
	// The field itself does not count.
	sum -= load_u16(p->bytes + p->checksum_at);
	sum -= load_u16(p->bytes + p->checksum_at + 2);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)(sum + p->size);
}

// ---- candidates -----------------------------------------------------------------------------

struct rebuilding {
	ei_run *run;
	struct program program;
	uint64_t moved_to; // where Windows put it; 0: not known
	ei_rebuilt out;
};

static ei_error *candidate_add(struct rebuilding *r)
{
	EI_OWNED(digest) digest = NULL;
	struct digest_text *text = ei_alloc(r->run->scratch, sizeof *text);
	if (!text)
		return ei_fail(EI_E_NOMEM, "out of memory");
	EI_TRY(digest_create(DIGEST_ALL, &digest));
	digest_add(digest, r->program.bytes, r->program.size);
	EI_TRY(digest_end(digest, text));
	r->out.candidates[r->out.count++] =
		(ei_hashes){ ei_str(text->md5), ei_str(text->sha1), ei_str(text->sha256) };
	return NULL;
}

// With a checksum only what it bears out is a candidate.
static ei_error *candidate_try(struct rebuilding *r)
{
	const struct program *p = &r->program;
	if (r->out.is_proven || r->out.count == EI_REBUILT_MAX)
		return NULL;
	if (p->checksum && program_checksum(p) != p->checksum)
		return NULL;
	r->out.is_proven = p->checksum != 0;
	return candidate_add(r);
}

// As if it had been linked for `base`, and moved from there to `now`.
static ei_error *candidate_moved(struct rebuilding *r, uint64_t base, uint64_t now)
{
	struct program *p = &r->program;
	uint64_t delta = now - base, header = p->base;
	size_t width = p->wide ? 8 : 4;
	if (!delta || !p->relocations_size || (!p->wide && base >> 32))
		return NULL;
	if (!program_move(p, 0 - delta)) {
		p->relocations_size = 0; // half done: none of the others can be tried
		return NULL;
	}
	bytes_add(p->bytes + p->base_at, width, base - header);
	ei_error *error = candidate_try(r);
	bytes_add(p->bytes + p->base_at, width, header - base);
	(void)program_move(p, delta);
	return error;
}

static ei_error *candidates_try(struct rebuilding *r)
{
	uint64_t header = r->program.base, now = r->moved_to ? r->moved_to : header;
	EI_TRY(candidate_try(r));
	EI_TRY(candidate_moved(r, header, now));
	for (size_t i = 0; i < ARRAY_LENGTH(usual_bases); i++)
		if (usual_bases[i] != header)
			EI_TRY(candidate_moved(r, usual_bases[i], now));
	return NULL;
}

// ---- the file -------------------------------------------------------------------------------

static bool program_read(struct rebuilding *r, const ei_content *image)
{
	for (size_t i = 0; i < image->piece_count; i++) {
		const ei_piece *piece = &image->pieces[i];
		size_t got = space_read(&r->run->session->physical, r->run->reader, piece->pa,
			r->program.bytes + piece->offset, piece->size, NULL);
		if (got < piece->size)
			return false;
	}
	return true;
}

static uint64_t based_address(ei_run *run, uint64_t area)
{
	section_area control = ei_at(run, section_area, area);
	section_segment segment =
		ei_at(run, section_segment, ei_u64_or(ei_get(control, Segment), 0));
	return ei_u64_or(ei_get(segment, BasedAddress), 0);
}

static const char *why_not(struct rebuilding *r, const ei_content *image)
{
	struct program *p = &r->program;
	if (image->missing || !image->size)
		return "pages of the program are not in the image";
	if (image->size > FILE_MAX)
		return "the program is too large";
	p->bytes = malloc(image->size);
	p->size = image->size;
	if (!p->bytes || !program_read(r, image) || !headers_read(p))
		return "the program's headers make no sense";
	if (p->signature_size)
		return "the signature at the end of the file is never mapped";
	return NULL;
}

ei_error *ei_image_rebuild(ei_run *run, const ei_content *image, ei_rebuilt *out)
{
	struct rebuilding r = { .run = run, .out.size = image->size };
	const char *why = why_not(&r, image);
	ei_error *error = NULL;
	if (!why) {
		r.moved_to = based_address(run, image->area);
		error = candidates_try(&r);
		if (r.program.checksum)
			why = "its checksum does not fit: there is more behind the last section";
		else
			why = "a program without a checksum may have been linked elsewhere";
	}
	free(r.program.bytes);
	if (error)
		return error;
	r.out.why = r.out.is_proven ? ei_absent(EI_NONE) : ei_str(why);
	*out = r.out;
	return NULL;
}
