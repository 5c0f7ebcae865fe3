// Modules of the 32-bit half of a WoW64 process.
//
// The kernel's symbols do not have the loader's 32-bit records. Their places are the same in all
// builds but for the load time, as the symbols of the 32-bit kernels of the same versions show:
// _PEB, _PEB_LDR_DATA and _LDR_DATA_TABLE_ENTRY.
// SPDX-License-Identifier: Apache-2.0
#include "win/list.h"
#include "win/process.h"

enum {
	PEB32_LDR = 0xc,
	LDR32_LOAD_ORDER = 0xc,
	ENTRY32_BASE = 0x18,
	ENTRY32_SIZE = 0x20,
	ENTRY32_PATH = 0x24,
	ENTRY32_NAME = 0x2c,
	ENTRY32_LOADED_7 = 0x70,
	ENTRY32_LOADED_8 = 0x88,
	ENTRY64_LOADED_8 = 0x100, // where the 64-bit record of the same version has it
	ENTRY32_BYTES = 0x90,
	STRING32_BUFFER = 4,
	POINTER32 = 4,
};

struct modules32 {
	const ei_space *space;
	const struct list_node *nodes;
	size_t count;
	int32_t loaded; // where the load time is; -1: nowhere
	ei_mark mark;
};

// Since Windows 10 (and on XP and Vista) the field points to a kernel object whose first member
// points to the block; in between it points to the block itself.
static uint64_t peb32_of(ei_run *run, const eprocess *process)
{
	const struct space_mode *mode = run->session->identity.kernel.mode;
	uint64_t pointer = ei_u64_or(ei_get(*process, wow64), 0);
	if (pointer > mode->user_end)
		pointer = ei_u64_or(ei_read_ptr(run, NULL, pointer), 0);
	return pointer <= UINT32_MAX ? pointer : 0;
}

static int32_t loaded_offset(ei_run *run)
{
	ldr_entry wide = ei_handle(run, ldr_entry);
	int32_t offset = wide.at->LoadTime.offset;
	return offset < 0 ? -1 : offset < ENTRY64_LOADED_8 ? ENTRY32_LOADED_7 : ENTRY32_LOADED_8;
}

static struct modules32 *modules32_begin(ei_run *run, const eprocess *process)
{
	struct modules32 *modules = ei_alloc(run->scratch, sizeof *modules);
	uint64_t peb = ei_pointer_size(run) == 8 ? peb32_of(run, process) : 0;
	if (!modules || !peb)
		return NULL;
	*modules = (struct modules32){ .loaded = loaded_offset(run) };
	modules->space = ei_process_space(run, process);
	ei_val ldr = ei_read_u32(run, modules->space, peb + PEB32_LDR);
	if (!modules->space || !ei_u64_or(ldr, 0))
		return NULL;
	char *what = ei_text(run->scratch, "32-bit modules of process %llu",
		(unsigned long long)ei_u64_or(ei_get(*process, UniqueProcessId), 0));
	struct list_query query = {
		.what = what ? what : "32-bit modules",
		.space = modules->space,
		.head = ldr.u + LDR32_LOAD_ORDER,
		.pointer = POINTER32,
	};
	modules->nodes = list_walk(run, &query, &modules->count);
	modules->mark = ei_arena_mark(run->scratch);
	return modules->nodes ? modules : NULL;
}

static ei_val string32(
	ei_run *run, const struct modules32 *modules, const uint8_t *entry, size_t have, size_t at)
{
	if (have < at + STRING32_BUFFER + POINTER32)
		return ei_absent(EI_UNREADABLE);
	uint16_t length = load_u16(entry + at);
	uint32_t buffer = load_u32(entry + at + STRING32_BUFFER);
	if (!buffer)
		return ei_absent(EI_NONE);
	return length % 2 ? ei_absent(EI_GARBAGE)
			  : ei_read_utf16(run, modules->space, buffer, length);
}

static ei_val number32(const uint8_t *entry, size_t have, size_t at, ei_kind kind)
{
	return have < at + POINTER32 ? ei_absent(EI_UNREADABLE) : ei_of(kind, load_u32(entry + at));
}

static ei_val loaded32(const struct modules32 *modules, const uint8_t *entry, size_t have)
{
	size_t at = (size_t)modules->loaded;
	if (modules->loaded < 0)
		return ei_absent(EI_NO_FIELD);
	if (have < at + sizeof(uint64_t))
		return ei_absent(EI_UNREADABLE);
	uint64_t time = load_u64(entry + at);
	return !time              ? ei_absent(EI_NONE)
	       : time > INT64_MAX ? ei_absent(EI_GARBAGE)
				  : ei_of(EI_TIME, time);
}

bool ei_process_next_module32(
	ei_run *run, const eprocess *process, ei_module32_cursor *cursor, ei_module32 *out)
{
	if (!cursor->next && !cursor->state)
		cursor->state = modules32_begin(run, process);
	const struct modules32 *modules = cursor->state;
	if (!modules || cursor->next >= modules->count || ei_stopped(run))
		return false;
	ei_arena_rewind(run->scratch, modules->mark);
	const struct list_node *node = &modules->nodes[cursor->next++];
	uint8_t entry[ENTRY32_BYTES] = { 0 };
	size_t have = ei_read(run, modules->space, node->va, entry, sizeof entry);
	*out = (ei_module32){
		.at = node->va,
		.found = node->found,
		.base = number32(entry, have, ENTRY32_BASE, EI_ADDR),
		.size = number32(entry, have, ENTRY32_SIZE, EI_HEX),
		.name = string32(run, modules, entry, have, ENTRY32_NAME),
		.path = string32(run, modules, entry, have, ENTRY32_PATH),
		.loaded = loaded32(modules, entry, have),
	};
	return true;
}
