// The 32-bit half of a process on a 64-bit system: environment block and loader list.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

// Places in 32-bit space, and of 32-bit records: those of x86 Windows 7 and later.
enum {
	PEB32_AT = 0x7efde000,
	HEAP32_AT = 0x7ef00000,
	HEAP32_BYTES = 0x10000,
	LDR32_AT = HEAP32_AT + 0x40, // _PEB_LDR_DATA
	ENTRIES_AT = HEAP32_AT + 0x100,
	ENTRY_ROOM = 0x200, // an entry, its path and its name
	PATH_IN_ENTRY = 0xb0,
	ENTRIES_MAX = (HEAP32_BYTES - 0x100) / ENTRY_ROOM,
	PATH_MAX_BYTES = ENTRY_ROOM - PATH_IN_ENTRY,
	LISTS = 3, // load, memory, initialisation order
	LDR32_LISTS = 0xc,
};

// Builds that have the load time, and where.
enum { BUILD_7 = 7600, BUILD_8 = 9200, LOADED_IN_7 = 0x70, LOADED_IN_8 = 0x88 };

struct half {
	struct forge *f;
	struct process *p;
	uint32_t count;           // entries
	uint32_t last[LISTS];     // links that the next entry is put behind
	uint32_t loaded_in_entry; // 0: nowhere
};

static void put32(struct half *h, uint64_t va, uint32_t value)
{
	write_u32(h->f, &h->p->space, va, value);
}

// At the end of a list whose head is `head`.
static void append32(struct half *h, int list, uint32_t link)
{
	uint32_t head = LDR32_AT + LDR32_LISTS + (uint32_t)list * 8;
	put32(h, h->last[list], link);
	put32(h, link, head);
	put32(h, link + 4, h->last[list]);
	put32(h, head + 4, link);
	h->last[list] = link;
}

static void string32(struct half *h, uint64_t at, uint64_t text, uint32_t bytes)
{
	put32(h, at, bytes | (bytes + 2) << 16);
	put32(h, at + 4, (uint32_t)text);
}

static void entry32(struct half *h, const char *path, bool program)
{
	struct forge *f = h->f;
	struct image_file *file = file_find(f, path, true, program);
	if (!file)
		return;
	if (h->count == ENTRIES_MAX || utf16_bytes(path) > PATH_MAX_BYTES) {
		forge_fail(f, EI_E_LIMIT, "the 32-bit list of '%s' has no room for '%s'",
			h->p->name, path);
		return;
	}
	uint32_t at = ENTRIES_AT + h->count++ * ENTRY_ROOM;
	uint32_t bytes = write_utf16(f, &h->p->space, at + PATH_IN_ENTRY, path);
	uint32_t name = utf16_bytes(file->name);
	for (int list = 0; list < LISTS - program; list++)
		append32(h, list, at + (uint32_t)list * 8);
	put32(h, at + 0x18, (uint32_t)file->base);
	put32(h, at + 0x1c, (uint32_t)file->base + 0x1040);
	put32(h, at + 0x20, file->size);
	string32(h, at + 0x24, at + PATH_IN_ENTRY, bytes);
	string32(h, at + 0x2c, at + PATH_IN_ENTRY + bytes - name, name);
	put32(h, at + 0x44, file->timestamp);
	uint64_t loaded = h->loaded_in_entry ? h->p->created + 3000000 + h->count * 10000 : 0;
	if (loaded) {
		put32(h, at + h->loaded_in_entry, (uint32_t)loaded);
		put32(h, at + h->loaded_in_entry + 4, (uint32_t)(loaded >> 32));
	}
	if (!program) {
		file_map(f, h->p, file);
		loaded_image_note(f, h->p, file->base, 0);
	}
	truth_row(f, "dlllist", "{s:I, s:s, s:I, s:I, s:s, s:s, s:o, s:I, s:I}", "pid",
		(json_int_t)h->p->pid, "process", h->p->name, "base", (json_int_t)file->base,
		"size", (json_int_t)file->size, "name", file->name, "path", path, "loaded",
		truth_time(loaded), "offset", (json_int_t)at, "bits", (json_int_t)32);
}

static void entries32(struct half *h, const json_t *description)
{
	static const char *const usual[] = { "ntdll.dll", "kernel32.dll", "KernelBase.dll",
		"user32.dll", "advapi32.dll" };
	const json_t *dlls = json_object_get(description, "dlls32");
	size_t count = dlls ? json_array_size(dlls) : ARRAY_LENGTH(usual);
	entry32(h, scenario_text(description, "path", h->p->name), true);
	for (size_t i = 0; i < count && !h->f->error; i++) {
		const char *name = dlls ? json_string_value(json_array_get(dlls, i)) : usual[i];
		char path[512];
		bool full = name && strchr(name, '\\');
		snprintf(path, sizeof path, "%s%s", full ? "" : "C:\\Windows\\SysWOW64\\",
			name ? name : "unnamed.dll");
		entry32(h, path, false);
	}
}

static void half_create(struct forge *f, struct process *p, const json_t *description)
{
	struct half h = { .f = f, .p = p };
	if (f->build >= BUILD_7)
		h.loaded_in_entry = f->build >= BUILD_8 ? LOADED_IN_8 : LOADED_IN_7;
	user_pages(f, p, PEB32_AT, PAGE_SIZE);
	user_pages(f, p, HEAP32_AT, HEAP32_BYTES);
	put32(&h, PEB32_AT + 0xc, LDR32_AT);
	put32(&h, LDR32_AT, 0x30);
	put32(&h, LDR32_AT + 4, 1);
	for (int list = 0; list < LISTS; list++) {
		h.last[list] = LDR32_AT + LDR32_LISTS + (uint32_t)list * 8;
		put32(&h, h.last[list], h.last[list]);
		put32(&h, h.last[list] + 4, h.last[list]);
	}
	entries32(&h, description);
	put32(&h, PEB32_AT + 8, (uint32_t)p->image);
}

// Windows 10 keeps a small kernel object about the 32-bit side; before, the field was its block.
void wow64_create(struct forge *f, struct process *p, const json_t *description)
{
	uint32_t bytes = profile_type_size(f->profile, "_EWOW64PROCESS");
	struct object o = { &f->kernel, 0, "_EWOW64PROCESS" };
	if (bytes) {
		o.va = pool_take(f, POOL_NONPAGED, "Wow6", bytes);
		forge_put(f, o, "Peb", PEB32_AT);
		forge_put(f, o, "Machine", 0x14c);
	}
	forge_put(f, p->object, "WoW64Process|Wow64Process", bytes ? o.va : PEB32_AT);
	if (p->peb && f->pointer == 8)
		half_create(f, p, description);
}
