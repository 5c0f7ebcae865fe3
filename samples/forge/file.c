// Image files: shared pages, file objects, sections.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <ctype.h>

static uint64_t text_hash(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (; *text; text++)
		hash = (hash ^ (uint64_t)tolower((uint8_t)*text)) * 0x100000001b3;
	return hash;
}

// Libraries sit below each other from a ceiling that boot chose; programs have a place each.
static uint64_t file_place(struct forge *f, struct image_file *file, bool program)
{
	bool narrow = f->pointer == 4 || file->wow64;
	if (program && narrow)
		return f->vista && f->pointer == 4 ? 0x400000 + forge_below(f, 0x80) * 0x10000
						   : 0x400000;
	if (program)
		return f->wide_user ? 0x7ff600000000 + forge_below(f, 0xf000) * 0x10000
				    : 0x13f000000 + forge_below(f, 0x100) * 0x10000;
	uint64_t *next = &f->library_next[narrow];
	if (!*next)
		*next = narrow ? 0x76f00000 : f->wide_user ? 0x7fff00000000 : 0x7feff000000;
	*next = (*next - file->size - (1 + forge_below(f, 32)) * 0x10000) & ~0xffffULL;
	return *next;
}

static void file_write_pages(struct forge *f, struct image_file *file, bool program)
{
	struct pe_spec spec = {
		.name = file->name,
		.base = file->base,
		.size = file->size,
		.timestamp = file->timestamp,
		.checksum = file->timestamp >> 3,
		.is64 = f->pointer == 8 && !file->wow64,
		.dll = !program,
		.major = f->major,
		.minor = f->minor,
	};
	file->header_frame = memory_take(f);
	file->text_frame = memory_take(f);
	pe_write_header(&spec, memory_page(f, file->header_frame));
	uint8_t *text = memory_page(f, file->text_frame);
	uint64_t state = text_hash(file->path);
	for (size_t i = 0; i < PAGE_SIZE; i += 8) {
		state = state * 6364136223846793005 + 1442695040888963407;
		memcpy(text + i, &state, 8);
	}
	image_write_content(f, file->path, memory_page(f, file->header_frame), text);
}

struct image_file *file_find(struct forge *f, const char *path, bool wow64, bool program)
{
	for (struct image_file *file = f->files; file; file = file->next) {
		if (strcmp(file->path, path) == 0)
			return file;
	}
	struct image_file *file = forge_alloc(f, sizeof *file);
	if (!file)
		return NULL;
	const char *name = strrchr(path, '\\');
	uint64_t hash = text_hash(path);
	file->path = forge_copy(f, path);
	file->name = forge_copy(f, name ? name + 1 : path);
	file->size = (uint32_t)(0x20 + hash % 0x1c0) * PAGE_SIZE;
	file->timestamp = (uint32_t)(0x50000000 + hash % 0x14000000);
	file->wow64 = wow64;
	file->base = file_place(f, file, program);
	if (f->error)
		return NULL;
	file_write_pages(f, file, program);
	file->next = f->files;
	f->files = file;
	return file;
}

void file_map(struct forge *f, struct process *p, struct image_file *file)
{
	paging_map(f, &p->space, file->base, file->header_frame, PTE_USER_CODE | PTE_NX);
	paging_map(f, &p->space, file->base + PAGE_SIZE, file->text_frame, PTE_USER_CODE);
	memory_mark_user(f, file->header_frame);
	memory_mark_user(f, file->text_frame);
	vad_add(f, p,
		(struct region_node){ .start = file->base,
			.end = file->base + file->size - 1,
			.protection = 7,
			.file = file,
			.commit = 4 });
}

bool path_has_device(const char *path)
{
	return !strncmp(path, "\\Device\\", 8) && strchr(path + 8, '\\');
}

// "\\Windows\\x" of "C:\\Windows\\x", "\\x" of "\\Device\\Mailslot\\x".
const char *file_tail(const char *path)
{
	if (path_has_device(path))
		return strchr(path + 8, '\\');
	return path[0] && path[1] == ':' ? path + 2 : path;
}

static uint64_t device_create(struct forge *f, const char *path, uint32_t type)
{
	static const struct object_request request = {
		.object_type = "Device",
		.type = "_DEVICE_OBJECT",
		.tag = "Devi",
		.kind = POOL_NONPAGED,
	};
	struct object device = named_create(f, &request, path);
	forge_put(f, device, "Type", 3);
	forge_put(f, device, "Size", forge_size(f, "_DEVICE_OBJECT", 0));
	forge_put(f, device, "DeviceType", type);
	return device.va;
}

// Of "\\Device\\Mailslot\\x" the device, which is made on first use; of other paths the volume.
static uint64_t device_of(struct forge *f, const char *path)
{
	enum { OF_NAMED_PIPES = 17 };
	char name[256];
	const char *tail = file_tail(path);
	size_t length = (size_t)(tail - path);
	if (!path_has_device(path) || length >= sizeof name)
		return f->device;
	snprintf(name, sizeof name, "%.*s", (int)length, path);
	uint64_t known = named_find(f, "Device", name);
	return known ? known : device_create(f, name, OF_NAMED_PIPES);
}

uint64_t file_object(struct forge *f, const char *path)
{
	uint64_t device = device_of(f, path);
	struct object file = object_create(f, &(struct object_request){ .object_type = "File",
						      .type = "_FILE_OBJECT",
						      .tag = "File",
						      .quota = f->vista,
						      .handles = true,
						      .kind = POOL_NONPAGED });
	const char *tail = file_tail(path);
	uint32_t bytes;
	uint64_t text = pool_text(f, POOL_PAGED, tail, &bytes);
	forge_put(f, file, "Type", 5);
	forge_put(f, file, "Size", forge_size(f, "_FILE_OBJECT", 0));
	forge_put(f, file, "DeviceObject", device);
	forge_put(f, file, "ReadAccess", 1);
	forge_put(f, file, "SharedRead", 1);
	forge_put_string(f, file, "FileName", text, bytes);
	truth_row(f, "filescan", "{s:I, s:I, s:s}", "offset", (json_int_t)file.va, "physical",
		(json_int_t)paging_physical(f, &f->kernel, file.va), "name", tail);
	return file.va;
}

uint64_t file_open(struct forge *f, const char *path)
{
	const char *known = path_has_device(path) ? path : file_tail(path);
	uint64_t va = named_find(f, "File", known);
	if (va)
		return va;
	va = file_object(f, path);
	named_note(f, "File", known, va);
	return va;
}

// The volume that files are on; the first of its driver's devices.
void file_create_volume(struct forge *f)
{
	f->device = device_create(f, "\\Device\\HarddiskVolume2", 7);
}

// A subsection for the headers, and one for each section of the program.
static void image_parts(struct section *s, const uint8_t *header)
{
	const uint8_t *nt = header + load_u32(header + 0x3c);
	const uint8_t *row = nt + 24 + load_u16(nt + 20);
	uint32_t count = load_u16(nt + 6);
	s->parts[s->part_count++] =
		(struct section_part){ .pages = 1, .file_bytes = 0x600, .protection = 1 };
	for (uint32_t i = 0; i < count && s->part_count < SECTION_PARTS; i++, row += 40) {
		uint32_t flags = load_u32(row + 36);
		bool code = flags >> 29 & 1, writable = flags >> 31;
		s->parts[s->part_count++] = (struct section_part){
			.first_page = load_u32(row + 12) / PAGE_SIZE,
			.pages = (load_u32(row + 8) + PAGE_SIZE - 1) / PAGE_SIZE,
			.file_offset = load_u32(row + 20),
			.file_bytes = load_u32(row + 16),
			.protection = code       ? 3
				      : writable ? 5
						 : 1,
		};
	}
}

static void image_truth(struct forge *f, const struct image_file *file)
{
	truth_row(f, "dumpfiles", "{s:s, s:I, s:I, s:s, s:I, s:i}", "cache", "ImageSectionObject",
		"offset", (json_int_t)file->section.file_object, "area",
		(json_int_t)file->section.control_area, "name", file->path, "pages",
		(json_int_t)file->section.page_count, "present", 2);
}

void file_make_section(struct forge *f, struct image_file *file)
{
	struct section *s = &file->section;
	if (s->control_area)
		return;
	s->image = true;
	s->base = file->base;
	s->file_object = file_object(f, file->path);
	s->page_count = file->size / PAGE_SIZE;
	s->pages = forge_alloc(f, (s->page_count + 2) * sizeof *s->pages);
	if (!s->pages)
		return;
	s->pages[0].frame = file->header_frame;
	s->pages[1].frame = file->text_frame;
	image_parts(s, memory_page(f, file->header_frame));
	section_write(f, s);
	section_attach(f, s->file_object, "ImageSectionObject", s->control_area);
	image_truth(f, file);
}
