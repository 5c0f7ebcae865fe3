// ELF64 core files: physical memory as QEMU (dump-guest-memory) and VirtualBox write it.
//
// Sources: the ELF specification; QEMU's documentation of its core files (a "QEMU" note per
// processor holds the control registers); VirtualBox's description of its "VBCORE" note.
// SPDX-License-Identifier: Apache-2.0
#include "image/internal.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SEGMENT_CAP = 1 << 20,
	NOTES_CAP = 1 << 20,
	NOTE_COUNT_CAP = 4096,
	// QEMUCPUState: two u32, 16 registers, rip, rflags, ten segments of 24 bytes, cr[5].
	QEMU_CR3 = 8 + 16 * 8 + 2 * 8 + 10 * 24 + 3 * 8,
};

static bool probe(const uint8_t *head, size_t length)
{
	return length >= sizeof(Elf64_Ehdr) && !memcmp(head, ELFMAG, SELFMAG);
}

static ei_error *check_header(const struct image *image, const Elf64_Ehdr *head)
{
	if (memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
		return ei_fail(EI_E_FORMAT, "'%s' is not an ELF file", image->path);
	if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != ELFDATA2LSB)
		return ei_fail(EI_E_FORMAT, "'%s' is an ELF file, but not 64-bit little-endian",
			image->path);
	if (head->e_type != ET_CORE)
		return ei_fail(EI_E_UNKNOWN,
			"'%s' is an ELF file of type %u, not a core of a machine's memory",
			image->path, head->e_type);
	if (head->e_phentsize != sizeof(Elf64_Phdr))
		return ei_fail(EI_E_FORMAT, "'%s': ELF program headers of %u bytes, want %zu",
			image->path, head->e_phentsize, sizeof(Elf64_Phdr));
	return NULL;
}

// More than 65534 segments are counted in the first section header.
static ei_error *segment_count(const struct image *image, const Elf64_Ehdr *head, uint32_t *out)
{
	*out = head->e_phnum;
	if (head->e_phnum == PN_XNUM && head->e_shoff) {
		Elf64_Shdr section;
		EI_TRY(image_file_read(image, head->e_shoff, &section, sizeof section));
		*out = section.sh_info;
	}
	if (!*out || *out > SEGMENT_CAP)
		return ei_fail(EI_E_FORMAT, "'%s': %u ELF segments, want 1 to %d", image->path,
			*out, SEGMENT_CAP);
	return NULL;
}

// ---- notes ----------------------------------------------------------------------------------
static void take_note(struct image *image, const char *name, size_t name_length,
	const uint8_t *body, uint32_t length)
{
	if (name_length == 5 && !memcmp(name, "QEMU", 5)) {
		snprintf(image->format_text, sizeof image->format_text, "ELF core of QEMU");
		image->hints.processors++;
		if (!image->hints.dtb && length >= QEMU_CR3 + 8)
			image->hints.dtb = load_u64(body + QEMU_CR3) & ~UINT64_C(0xfff);
	}
	if (name_length == 7 && !memcmp(name, "VBCORE", 7)) {
		snprintf(image->format_text, sizeof image->format_text, "ELF core of VirtualBox");
		if (length >= 24)
			image->hints.processors = load_u32(body + 20);
	}
}

static void walk_notes(struct image *image, const uint8_t *notes, uint64_t size)
{
	uint64_t at = 0;
	for (unsigned i = 0; i < NOTE_COUNT_CAP && size - at >= sizeof(Elf64_Nhdr); i++) {
		uint64_t name_length = load_u32(notes + at), length = load_u32(notes + at + 4);
		uint64_t name = at + sizeof(Elf64_Nhdr), body = name + ((name_length + 3) & ~3ULL);
		if (!span_inside(body, length, size))
			return;
		take_note(image, (const char *)notes + name, name_length, notes + body,
			(uint32_t)length);
		at = body + ((length + 3) & ~3ULL);
		if (at > size)
			return;
	}
}

static ei_error *read_notes(struct image *image, const Elf64_Phdr *segment)
{
	uint64_t size = MIN(segment->p_filesz, (uint64_t)NOTES_CAP);
	if (!size || !span_inside(segment->p_offset, size, image->file_size))
		return NULL;
	uint8_t *notes = malloc(size);
	if (!notes)
		return ei_fail(EI_E_NOMEM, "no memory for the notes of '%s'", image->path);
	ei_error *error = image_file_read(image, segment->p_offset, notes, size);
	if (!error)
		walk_notes(image, notes, size);
	free(notes);
	return error;
}

// ---- segments -------------------------------------------------------------------------------
static ei_error *take_segment(struct image *image, const Elf64_Phdr *segment)
{
	if (segment->p_type == PT_NOTE)
		return read_notes(image, segment);
	if (segment->p_type != PT_LOAD)
		return NULL;
	return image_add_run(image,
		(struct image_run){ segment->p_paddr, segment->p_filesz, segment->p_offset });
}

static ei_error *open_elf(struct image *image)
{
	Elf64_Ehdr head;
	EI_TRY_IN(image_file_read(image, 0, &head, sizeof head), "reading the ELF header");
	EI_TRY(check_header(image, &head));
	uint32_t count;
	EI_TRY(segment_count(image, &head, &count));
	snprintf(image->format_text, sizeof image->format_text, "ELF core");
	for (uint32_t i = 0; i < count; i++) {
		Elf64_Phdr segment;
		uint64_t at = head.e_phoff + (uint64_t)i * sizeof segment;
		if (!span_inside(at, sizeof segment, image->file_size))
			return ei_fail(EI_E_FORMAT,
				"'%s': ELF program header %u at 0x%" PRIx64 " is past the end",
				image->path, i, at);
		EI_TRY(image_file_read(image, at, &segment, sizeof segment));
		EI_TRY(take_segment(image, &segment));
	}
	return NULL;
}

const struct image_format elf_format = { "elf", probe, open_elf };
