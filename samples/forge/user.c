// The user half of a process: environment block, loader lists, heap, stack, private regions.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdlib.h>

enum { HEAP_BYTES = 0x100000 };

// A process whose user half is being filled.
struct user {
	struct forge *f;
	struct process *p;
	const json_t *description;
	uint64_t heap, heap_used;
	uint64_t peb;
	uint64_t heads[3]; // load, memory, initialisation order
};

static void user_page(struct forge *f, struct process *p, uint64_t va, uint64_t flags)
{
	if (paging_frame(f, &p->space, va) != UINT64_MAX)
		return;
	uint64_t frame = memory_take(f);
	memory_mark_user(f, frame);
	paging_map(f, &p->space, va & ~0xfffULL, frame, flags);
}

void user_write(struct forge *f, struct process *p, uint64_t va, const void *bytes, size_t length,
	uint64_t flags)
{
	for (uint64_t page = va & ~0xfffULL; page < va + length && !f->error; page += PAGE_SIZE)
		user_page(f, p, page, flags);
	write_bytes(f, &p->space, va, bytes, length);
}

static void user_map(struct user *u, uint64_t va, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes && !u->f->error; at += PAGE_SIZE)
		user_page(u->f, u->p, va + at, PTE_USER_DATA | PTE_NX);
}

static void user_region(struct user *u, uint64_t va, uint64_t bytes, uint32_t protection)
{
	vad_add(u->f, u->p,
		(struct region_node){ .start = va,
			.end = va + bytes - 1,
			.protection = protection,
			.commit = (uint32_t)(bytes / PAGE_SIZE) });
}

void user_pages(struct forge *f, struct process *p, uint64_t va, uint64_t bytes)
{
	struct user u = { .f = f, .p = p };
	user_map(&u, va, bytes);
	user_region(&u, va, bytes, 4);
}

static uint64_t heap_take(struct user *u, uint64_t bytes)
{
	uint64_t va = u->heap + u->heap_used;
	u->heap_used += (bytes + 15) & ~15ULL;
	if (u->heap_used > HEAP_BYTES)
		forge_fail(u->f, EI_E_LIMIT, "the heap of process %llu is full",
			(unsigned long long)u->p->pid);
	for (uint64_t page = va & ~0xfffULL; page < u->heap + u->heap_used; page += PAGE_SIZE)
		user_page(u->f, u->p, page, PTE_USER_DATA | PTE_NX);
	return va;
}

static void put_heap_text(struct user *u, struct object o, const char *path, const char *text)
{
	uint64_t va = heap_take(u, utf16_bytes(text) + 2);
	uint32_t bytes = write_utf16(u->f, &u->p->space, va, text);
	forge_put_string(u->f, o, path, va, bytes);
}

// ---- loader lists -----------------------------------------------------------------------------
static void create_loader_data(struct user *u, struct object peb)
{
	static const char *const heads[3] = { "InLoadOrderModuleList", "InMemoryOrderModuleList",
		"InInitializationOrderModuleList" };
	struct object ldr = { &u->p->space, 0, "_PEB_LDR_DATA" };
	ldr.va = heap_take(u, forge_size(u->f, ldr.type, 88));
	forge_put(u->f, ldr, "Length", forge_size(u->f, ldr.type, 88));
	forge_put(u->f, ldr, "Initialized", 1);
	for (int i = 0; i < 3; i++) {
		u->heads[i] = forge_field(u->f, ldr, heads[i]);
		list_init(u->f, &u->p->space, u->heads[i]);
	}
	forge_put(u->f, peb, "Ldr", ldr.va);
}

static void link_entry(struct user *u, struct object entry, uint32_t lists)
{
	static const char *const links[3] = { "InLoadOrderLinks", "InMemoryOrderLinks",
		"InInitializationOrderLinks|InProgressLinks" };
	for (int i = 0; i < 3; i++) {
		if (lists >> i & 1)
			list_add(u->f, &u->p->space, u->heads[i],
				forge_field(u->f, entry, links[i]));
	}
}

void loaded_image_note(struct forge *f, struct process *p, uint64_t base, uint32_t lists)
{
	struct loaded_image *grown = realloc(p->images, (p->image_count + 1) * sizeof *grown);
	if (!grown) {
		forge_fail(f, EI_E_NOMEM, "no memory");
		return;
	}
	p->images = grown;
	p->images[p->image_count++] = (struct loaded_image){ base, lists };
}

// A program whose image was taken out of its place, and another put there.
static void hollow_map(struct user *u, const struct image_file *file)
{
	const char *path = scenario_text(u->description, "hollow", "C:\\payload.exe");
	const struct image_file *other = file_find(u->f, path, u->p->wow64, true);
	static const uint32_t READ_WRITE_EXECUTE = 6;
	if (!other)
		return;
	uint64_t bytes = 16 * PAGE_SIZE;
	vad_add(u->f, u->p,
		(struct region_node){ .start = file->base,
			.end = file->base + bytes - 1,
			.protection = READ_WRITE_EXECUTE,
			.commit = (uint32_t)(bytes / PAGE_SIZE) });
	user_write(u->f, u->p, file->base, memory_page(u->f, other->header_frame), PAGE_SIZE,
		PTE_USER_DATA);
	user_write(u->f, u->p, file->base + PAGE_SIZE, memory_page(u->f, other->text_frame),
		PAGE_SIZE, PTE_USER_DATA);
}

static void add_image(struct user *u, const char *path, bool program, uint32_t lists)
{
	struct forge *f = u->f;
	struct image_file *file = file_find(f, path, program && u->p->wow64, program);
	if (!file)
		return;
	if (program && json_object_get(u->description, "hollow"))
		hollow_map(u, file);
	else
		file_map(f, u->p, file);
	struct object entry = { &u->p->space, 0, "_LDR_DATA_TABLE_ENTRY" };
	uint32_t bytes = forge_size(f, entry.type, 0x120);
	entry.va = heap_take(u, bytes);
	uint64_t loaded = u->p->created + 1000000 + u->heap_used;
	forge_put(f, entry, "DllBase", file->base);
	forge_put(f, entry, "EntryPoint", file->base + 0x1040);
	forge_put(f, entry, "SizeOfImage", file->size);
	forge_put(f, entry, "TimeDateStamp", file->timestamp);
	forge_put(f, entry, "LoadCount|ObsoleteLoadCount", 0xffff);
	forge_put(f, entry, "LoadTime", loaded);
	put_heap_text(u, entry, "FullDllName", file->path);
	put_heap_text(u, entry, "BaseDllName", file->name);
	link_entry(u, entry, lists);
	loaded_image_note(f, u->p, file->base, lists);
	if (!(lists & IN_LOAD))
		return;
	struct member m;
	bool timed = profile_member(f->profile, entry.type, "LoadTime", &m);
	truth_row(f, "dlllist", "{s:I, s:s, s:I, s:I, s:s, s:s, s:o, s:I, s:I}", "pid",
		(json_int_t)u->p->pid, "process", u->p->name, "base", (json_int_t)file->base,
		"size", (json_int_t)file->size, "name", file->name, "path", file->path, "loaded",
		truth_time(timed ? loaded : 0), "offset", (json_int_t)entry.va, "bits",
		(json_int_t)f->pointer * 8);
}

// "unlinked": true, or the lists that do not name it.
static uint32_t lists_of(struct forge *f, const json_t *dll)
{
	static const char *const names[3] = { "load", "mem", "init" };
	const json_t *unlinked = json_object_get(dll, "unlinked");
	uint32_t lists = json_is_true(unlinked) ? 0 : IN_ALL;
	size_t i;
	json_t *name;
	json_array_foreach(unlinked, i, name)
	{
		uint32_t at = 0;
		while (at < 3 &&
			strcmp(names[at], json_is_string(name) ? json_string_value(name) : "") != 0)
			at++;
		if (at == 3)
			forge_fail(
				f, EI_E_FORMAT, "\"unlinked\" wants true, or of load, mem, init");
		lists &= ~(1u << at);
	}
	return lists;
}

static void add_images(struct user *u)
{
	const json_t *dlls = json_object_get(u->description, "dlls");
	add_image(u, scenario_text(u->description, "path", u->p->name), true, IN_LOAD | IN_MEMORY);
	size_t i;
	json_t *dll;
	json_array_foreach((json_t *)dlls, i, dll)
	{
		const char *name = json_is_string(dll) ? json_string_value(dll)
						       : scenario_text(dll, "path", "unnamed.dll");
		char path[512];
		bool full = strchr(name, '\\') != NULL;
		snprintf(path, sizeof path, "%s%s", full ? "" : "C:\\Windows\\System32\\", name);
		add_image(u, path, false, lists_of(u->f, dll));
	}
}

// ---- parameters and environment -----------------------------------------------------------------
// `pointer`: the field that points at the block.
static uint64_t environment_write(struct user *u, uint64_t va, uint64_t pointer)
{
	const char *name;
	json_t *value;
	uint64_t start = va;
	json_object_foreach(json_object_get(u->description, "environment"), name, value)
	{
		char line[1024];
		const char *text = json_is_string(value) ? json_string_value(value) : "";
		snprintf(line, sizeof line, "%s=%s", name, text);
		va += write_utf16(u->f, &u->p->space, va, line) + 2;
		truth_row(u->f, "envars", "{s:I, s:s, s:I, s:I, s:s, s:s}", "pid",
			(json_int_t)u->p->pid, "process", u->p->name, "block", (json_int_t)start,
			"pointer", (json_int_t)pointer, "variable", name, "value", text);
	}
	return va + 2 - start;
}

static uint64_t environment_bytes(const json_t *environment)
{
	const char *name;
	json_t *value;
	uint64_t bytes = 2;
	json_object_foreach((json_t *)environment, name, value) bytes +=
		utf16_bytes(name) + 4 +
		utf16_bytes(json_is_string(value) ? json_string_value(value) : "");
	return bytes;
}

// Places that every process has, by address width.
static uint64_t user_place(struct user *u, uint64_t narrow, uint64_t wide)
{
	if (u->f->pointer == 4)
		return narrow;
	return u->f->win10 ? wide << 8 : wide;
}

static void create_parameters(struct user *u, struct object peb)
{
	struct forge *f = u->f;
	const char *path = scenario_text(u->description, "path", u->p->name);
	const char *command = scenario_text(u->description, "cmdline", NULL);
	struct object params = { &u->p->space, user_place(u, 0x20000, 0x20000),
		"_RTL_USER_PROCESS_PARAMETERS" };
	uint64_t environment = user_place(u, 0x10000, 0x30000);
	uint64_t bytes = environment_bytes(json_object_get(u->description, "environment"));
	uint64_t room = (MAX(bytes, 0x1000) + 0xfff) & ~0xfffULL;
	user_map(u, params.va, PAGE_SIZE);
	user_map(u, environment, room);
	user_region(u, params.va, PAGE_SIZE, 4);
	user_region(u, environment, room, 4);
	forge_put(f, params, "MaximumLength", PAGE_SIZE);
	forge_put(f, params, "Length", PAGE_SIZE);
	forge_put(f, params, "Flags", 1);
	put_heap_text(u, params, "CurrentDirectory.DosPath",
		scenario_text(u->description, "current_directory", "C:\\Windows\\System32\\"));
	put_heap_text(u, params, "ImagePathName", path);
	put_heap_text(u, params, "CommandLine", command ? command : path);
	put_heap_text(u, params, "WindowTitle", path);
	put_heap_text(u, params, "DesktopInfo", "Winsta0\\Default");
	forge_put(f, params, "Environment", environment);
	forge_put(f, params, "EnvironmentSize",
		environment_write(u, environment, forge_field(f, params, "Environment")));
	forge_put(f, peb, "ProcessParameters", params.va);
	truth_row(f, "cmdline", "{s:I, s:s, s:s}", "pid", (json_int_t)u->p->pid, "process",
		u->p->name, "args", command ? command : path);
}

static void create_peb(struct user *u)
{
	struct forge *f = u->f;
	struct object peb = { &u->p->space, u->peb, "_PEB" };
	bool shared = f->win10 && f->pointer == 8; // with the blocks of the threads
	user_map(u, u->peb, PAGE_SIZE);
	user_region(u, u->peb, shared ? 0x200000 : PAGE_SIZE, 4);
	forge_put(f, peb, "OSMajorVersion", f->major);
	forge_put(f, peb, "OSMinorVersion", f->minor);
	forge_put(f, peb, "OSBuildNumber", f->build);
	forge_put(f, peb, "OSPlatformId", 2);
	forge_put(f, peb, "NumberOfProcessors", f->processors);
	forge_put(f, peb, "SessionId", scenario_number(u->description, "session", 0));
	forge_put(f, peb, "ProcessHeap", u->heap);
	forge_put(f, u->p->object, "Peb", u->peb);
	create_loader_data(u, peb);
	add_images(u);
	create_parameters(u, peb);
	uint64_t base =
		file_find(f, scenario_text(u->description, "path", u->p->name), u->p->wow64, true)
			->base;
	u->p->image = base;
	forge_put(f, peb, "ImageBaseAddress", base);
	forge_put(f, u->p->object, "SectionBaseAddress", base);
}

// ---- private regions ----------------------------------------------------------------------------
static uint32_t protection_number(struct forge *f, const char *text)
{
	static const char *const names[] = { "none", "r", "x", "rx", "rw", "wc", "rwx", "xwc" };
	for (uint32_t i = 0; i < ARRAY_LENGTH(names); i++) {
		if (strcmp(text, names[i]) == 0)
			return i;
	}
	forge_fail(f, EI_E_FORMAT, "unknown protection '%s'", text);
	return 4;
}

static uint64_t page_flags(uint32_t protection)
{
	bool writable = protection >= 4, executable = protection & 2;
	return (writable ? PTE_USER_DATA : PTE_USER_CODE) | (executable ? 0 : PTE_NX);
}

static void region_write(struct user *u, const json_t *region, uint64_t va, uint32_t protection)
{
	// "now": what the pages have become since the region was allocated.
	const char *now = scenario_text(region, "now", NULL);
	uint64_t flags = page_flags(now ? protection_number(u->f, now) : protection);
	size_t i;
	json_t *content;
	json_array_foreach(json_object_get(region, "content"), i, content)
	{
		size_t length = 0;
		uint64_t at = va + scenario_number(content, "offset", 0);
		uint8_t *bytes = content_bytes(u->f, content, &length);
		if (!bytes)
			continue;
		user_write(u->f, u->p, at, bytes, length, flags);
		const char *term =
			scenario_text(content, "text", scenario_text(content, "utf16", NULL));
		if (term)
			truth_row(u->f, "search", "{s:s, s:s, s:I, s:I, s:I}", "term", term,
				"encoding", json_object_get(content, "text") ? "ascii" : "utf16",
				"pid", (json_int_t)u->p->pid, "virtual", (json_int_t)at, "physical",
				(json_int_t)paging_physical(u->f, &u->p->space, at));
		free(bytes);
	}
}

// {"file": path}: a view of a file that the scenario describes. {"shared": true}: memory that the
// page file backs and other processes may map.
static void region_share(
	struct user *u, const json_t *region, uint64_t va, uint64_t bytes, uint32_t protection)
{
	struct forge *f = u->f;
	const char *path = scenario_text(region, "file", NULL);
	const struct section *s = path ? cached_section(f, path) : NULL;
	if (path && !s) {
		forge_fail(f, EI_E_FORMAT, "'%s' maps '%s', which has no data section", u->p->name,
			path);
		return;
	}
	if (s) {
		bytes = s->page_count * PAGE_SIZE;
		section_map(f, u->p, s, va, page_flags(protection));
	} else {
		struct section *own = forge_alloc(f, sizeof *own);
		if (!own)
			return;
		own->page_count = bytes / PAGE_SIZE;
		own->pages = forge_alloc(f, (own->page_count + 1) * sizeof *own->pages);
		own->part_count = 1;
		own->parts[0] = (struct section_part){
			.pages = own->page_count, .file_bytes = bytes, .protection = protection
		};
		region_write(u, region, va, protection);
		for (uint64_t i = 0; own->pages && i < own->page_count; i++) {
			uint64_t frame = paging_frame(f, &u->p->space, va + i * PAGE_SIZE);
			own->pages[i].frame = frame == UINT64_MAX ? 0 : frame;
		}
		section_write(f, own);
		s = own;
	}
	vad_add(f, u->p,
		(struct region_node){ .start = va,
			.end = va + bytes - 1,
			.protection = protection,
			.section = s,
			.path = path });
}

// {"path": …, "offset": …, "hex": …}: bytes of a mapped image that this process has changed; the
// page is its own from then on.
static void create_patches(struct user *u)
{
	struct forge *f = u->f;
	size_t i, length;
	json_t *patch;
	json_array_foreach(json_object_get(u->description, "patches"), i, patch)
	{
		const struct image_file *file =
			file_find(f, scenario_text(patch, "path", u->p->name), u->p->wow64, false);
		uint8_t *bytes = content_bytes(f, patch, &length);
		if (!file || !bytes)
			continue;
		uint64_t va = file->base + scenario_number(patch, "offset", PAGE_SIZE);
		uint64_t shared = paging_frame(f, &u->p->space, va), own = memory_take(f);
		if (shared != UINT64_MAX)
			memcpy(memory_page(f, own), memory_page(f, shared), PAGE_SIZE);
		memory_mark_user(f, own);
		paging_map(f, &u->p->space, va & ~0xfffULL, own, PTE_USER_DATA);
		write_bytes(f, &u->p->space, va, bytes, MIN(length, PAGE_SIZE - va % PAGE_SIZE));
		truth_row(f, "patches", "{s:I, s:s, s:I, s:s}", "pid", (json_int_t)u->p->pid,
			"process", u->p->name, "virtual", (json_int_t)va, "path", file->path);
		free(bytes);
	}
}

static uint64_t user_end(const struct forge *f)
{
	if (f->pointer == 4)
		return 0x7ff00000;
	return f->wide_user ? 0x7fffffff0000 : 0x7ffffff0000;
}

static void create_regions(struct user *u)
{
	size_t i;
	json_t *region;
	uint64_t next = user_place(u, 0x3000000, 0x4000000);
	json_array_foreach(json_object_get(u->description, "regions"), i, region)
	{
		uint64_t bytes = (scenario_number(region, "size", PAGE_SIZE) + 0xfff) & ~0xfffULL;
		uint64_t va = scenario_number(region, "at", next);
		uint32_t protection =
			protection_number(u->f, scenario_text(region, "protection", "rw"));
		if (!span_inside(va, bytes, user_end(u->f))) {
			forge_fail(u->f, EI_E_FORMAT,
				"a region of '%s' at 0x%llx is not in user space", u->p->name,
				(unsigned long long)va);
			return;
		}
		if (va == next)
			next += (bytes + 0x1ffff) & ~0xffffULL;
		if (json_object_get(region, "file") || scenario_flag(region, "shared")) {
			region_share(u, region, va, bytes, protection);
			continue;
		}
		user_region(u, va, bytes, protection);
		region_write(u, region, va, protection);
	}
}

// ---- threads
// ----------------------------------------------------------------------------------------
enum { STACK_BYTES = 0x100000, STACK_USED = 0x2000, TEB_PAGES = 2, RESIDENT_STACKS = 4 };

static uint64_t teb_bytes(const struct forge *f)
{
	return f->pointer == 8 ? TEB_PAGES * PAGE_SIZE : PAGE_SIZE;
}

// Since Windows 10 all environment blocks of a process share one region with the process's; before,
// each has its own, one below the other.
static uint64_t teb_place(struct forge *f, struct process *p, size_t nth)
{
	if (f->win10 && f->pointer == 8)
		return p->peb + (nth + 1) * teb_bytes(f);
	uint64_t first = f->pointer == 4 ? 0x7ffcf000 : 0x7fffffce000;
	return first - nth * teb_bytes(f);
}

static uint64_t stack_place(struct user *u, size_t nth)
{
	if (!nth)
		return user_place(u, 0x200000, 0x200000);
	return user_place(u, 0x20000000, 0x20000000) + (nth - 1) * STACK_BYTES;
}

// The last pages are in use; below them a guard page waits for the stack to grow.
static void stack_create(struct user *u, uint64_t base, bool resident)
{
	enum { GUARDED_WRITABLE = 0x14, SOFTWARE_PROTECTION = 5 };
	user_region(u, base, STACK_BYTES, 4);
	if (!resident)
		return;
	uint64_t used = base + STACK_BYTES - STACK_USED;
	user_map(u, used, STACK_USED);
	paging_set(u->f, &u->p->space, used - PAGE_SIZE,
		(uint64_t)GUARDED_WRITABLE << SOFTWARE_PROTECTION);
}

uint64_t user_create_thread(struct forge *f, struct process *p, const struct thread *t, size_t nth)
{
	struct user u = { .f = f, .p = p };
	struct object teb = { &p->space, teb_place(f, p, nth), "_TEB" };
	uint64_t stack = stack_place(&u, nth);
	stack_create(&u, stack, nth < RESIDENT_STACKS);
	user_map(&u, teb.va, PAGE_SIZE);
	if (!(f->win10 && f->pointer == 8))
		user_region(&u, teb.va, teb_bytes(f), 4);
	forge_put(f, teb, "NtTib.StackBase", stack + STACK_BYTES);
	forge_put(f, teb, "NtTib.StackLimit", stack + STACK_BYTES - STACK_USED);
	forge_put(f, teb, "NtTib.Self", teb.va);
	forge_put(f, teb, "ClientId.UniqueProcess", p->pid);
	forge_put(f, teb, "ClientId.UniqueThread", t->tid);
	forge_put(f, teb, "ProcessEnvironmentBlock", p->peb);
	forge_put(f, teb, "CurrentLocale", 0x409);
	return teb.va;
}

void user_create(struct forge *f, struct process *p, const json_t *description)
{
	struct user u = { .f = f, .p = p, .description = description };
	u.heap = user_place(&u, 0x1000000, 0x1000000);
	u.peb = f->pointer == 4 ? 0x7ffd0000 + forge_below(f, 16) * PAGE_SIZE
				: (f->win10 ? 0x5a00000000 + forge_below(f, 0x4000) * 0x200000
					    : 0x7fffffd0000 + forge_below(f, 16) * PAGE_SIZE);
	p->space.next = user_place(&u, 0x8000000, 0x8000000);
	if (!scenario_flag(description, "minimal")) {
		p->peb = u.peb;
		paging_map(f, &p->space, 0x7ffe0000, f->shared_frame, 0x5 | PTE_NX | 0x20);
		user_region(&u, 0x7ffe0000, PAGE_SIZE, 1);
		user_region(&u, u.heap, HEAP_BYTES, 4);
		create_peb(&u);
		create_patches(&u);
	}
	create_regions(&u);
}
