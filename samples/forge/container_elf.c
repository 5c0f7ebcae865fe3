// ELF64 core files, as QEMU's dump-guest-memory and VirtualBox's .pgmphystofile write them.
//
// Notes: QEMU writes per processor an NT_PRSTATUS of "CORE" and its own record, "QEMU" type 0
// (offsets from the structures in QEMU's target/i386/arch_dump.c, documented in
// docs/interop/vmcore-elf). VirtualBox writes "VBCORE" type 0xb00 (VBox/vmm/dbgfcorefmt.h).
// SPDX-License-Identifier: Apache-2.0
#include "container_file.h"

#include <elf.h>

enum {
	PRSTATUS_BYTES = 336,
	PRSTATUS_PID = 32,
	PRSTATUS_RIP = 112 + 16 * 8,
	QEMU_BYTES = 440,
	QEMU_RIP = 8 + 16 * 8,
	QEMU_RFLAGS = QEMU_RIP + 8,
	QEMU_SEGMENTS = QEMU_RFLAGS + 8,
	QEMU_CR = QEMU_SEGMENTS + 10 * 24,
	QEMU_CS_FLAGS = QEMU_SEGMENTS + 8,
	VBOX_BYTES = 24,
	NOTE_CAP = 1 << 20,
	VBOX_NOTE = 0xb00,
};

// Name and description are padded to four bytes each.
static void note_add(
	struct text *notes, const char *name, uint32_t type, const uint8_t *desc, uint32_t length)
{
	static const char zero[4];
	Elf64_Nhdr head = { (uint32_t)strlen(name) + 1, length, type };
	text_add(notes, (const char *)&head, sizeof head);
	text_add(notes, name, head.n_namesz);
	text_add(notes, zero, -head.n_namesz & 3);
	text_add(notes, (const char *)desc, length);
	text_add(notes, zero, -length & 3);
}

static void processor_notes(struct text *notes, const struct dump_meta *meta, uint32_t index)
{
	uint64_t rip = meta->kernel_base + 0x1000;
	uint8_t status[PRSTATUS_BYTES] = { 0 };
	container_store(status + PRSTATUS_PID, index + 1, 4);
	container_store(status + PRSTATUS_RIP, rip, 8);
	note_add(notes, "CORE", NT_PRSTATUS, status, sizeof status);

	uint8_t state[QEMU_BYTES] = { 0 };
	container_store(state, 1, 4);
	container_store(state + 4, sizeof state, 4);
	container_store(state + QEMU_RIP, rip, 8);
	container_store(state + QEMU_RFLAGS, 0x246, 8);
	container_store(state + QEMU_SEGMENTS, meta->pointer_size == 8 ? 0x10 : 0x8, 4);
	container_store(state + QEMU_CS_FLAGS, meta->pointer_size == 8 ? 0x209b00 : 0xc09b00, 4);
	container_store(state + QEMU_CR, 0x80050033, 8);
	container_store(state + QEMU_CR + 3 * 8, meta->dtb, 8);
	uint64_t cr4 = meta->pae || meta->pointer_size == 8 ? 0x6f8 : 0x6d8;
	container_store(state + QEMU_CR + 4 * 8, cr4, 8);
	note_add(notes, "QEMU", 0, state, sizeof state);
}

static void vbox_note(struct text *notes, const struct dump_meta *meta)
{
	uint8_t core[VBOX_BYTES] = { 0 };
	container_store(core, 0xc01ac0de, 4);
	container_store(core + 4, 0x00010006, 4);
	container_store(core + 8, sizeof core, 4);
	container_store(core + 12, 0x07000000, 4);
	container_store(core + 20, meta->processors, 4);
	note_add(notes, "VBCORE", VBOX_NOTE, core, sizeof core);
}

static ei_error *put_headers(struct container_file *file, const struct phys_view *memory,
	const struct text *notes, uint64_t *first_page)
{
	Elf64_Ehdr head = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof head,
		.e_ehsize = sizeof head,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)(memory->run_count + 1),
	};
	EI_TRY(container_put(file, 0, &head, sizeof head));
	uint64_t at = sizeof head;
	Elf64_Phdr note = {
		.p_type = PT_NOTE,
		.p_offset = at + head.e_phnum * sizeof(Elf64_Phdr),
		.p_filesz = notes->length,
		.p_memsz = notes->length,
	};
	EI_TRY(container_put(file, at, &note, sizeof note));
	EI_TRY(container_put(file, note.p_offset, notes->data, notes->length));
	uint64_t offset = note.p_offset + notes->length;
	*first_page = offset;
	for (size_t i = 0; i < memory->run_count; i++) {
		uint64_t bytes = memory->runs[i].count * PAGE_SIZE;
		Elf64_Phdr load = {
			.p_type = PT_LOAD,
			.p_offset = offset,
			.p_paddr = memory->runs[i].first * PAGE_SIZE,
			.p_filesz = bytes,
			.p_memsz = bytes,
		};
		EI_TRY(container_put(file, at + (i + 1) * sizeof load, &load, sizeof load));
		offset += bytes;
	}
	return NULL;
}

static ei_error *put_core(
	struct container_file *file, const struct phys_view *memory, const struct text *notes)
{
	if (notes->cut)
		return ei_fail(EI_E_LIMIT, "too many processors for the notes");
	uint64_t offset = 0;
	EI_TRY(put_headers(file, memory, notes, &offset));
	for (size_t i = 0; i < memory->run_count; i++) {
		EI_TRY(container_put_run(file, memory, memory->runs[i], offset));
		offset += memory->runs[i].count * PAGE_SIZE;
	}
	return container_end(file, offset);
}

ei_error *container_write_elf(struct container_file *file, const struct phys_view *memory,
	const struct dump_meta *meta, uint32_t vbox)
{
	if (memory->run_count >= PN_XNUM - 1)
		return ei_fail(EI_E_LIMIT, "%zu runs, an ELF file holds %d", memory->run_count,
			PN_XNUM - 2);
	struct text notes;
	text_init(&notes, NOTE_CAP);
	if (vbox)
		vbox_note(&notes, meta);
	for (uint32_t i = 0; !vbox && i < MAX(meta->processors, 1U); i++)
		processor_notes(&notes, meta, i);
	ei_error *error = put_core(file, memory, &notes);
	text_deinit(&notes);
	return error;
}
