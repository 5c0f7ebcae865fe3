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

uint64_t file_object(struct forge *f, const char *path)
{
	struct object file = object_create(f, &(struct object_request){ .object_type = "File",
						      .type = "_FILE_OBJECT",
						      .tag = "File",
						      .kind = POOL_NONPAGED });
	const char *tail = path[0] && path[1] == ':' ? path + 2 : path;
	uint32_t bytes;
	uint64_t text = pool_text(f, POOL_PAGED, tail, &bytes);
	forge_put(f, file, "Type", 5);
	forge_put(f, file, "Size", forge_size(f, "_FILE_OBJECT", 0));
	forge_put(f, file, "DeviceObject", f->device);
	forge_put(f, file, "ReadAccess", 1);
	forge_put(f, file, "SharedRead", 1);
	forge_put_string(f, file, "FileName", text, bytes);
	truth_row(f, "filescan", "{s:I, s:s}", "offset", (json_int_t)file.va, "name", tail);
	return file.va;
}

uint64_t file_open(struct forge *f, const char *path)
{
	uint64_t va = named_find(f, "File", path);
	return va ? va : file_object(f, path);
}

// The volume that files are on; the first of its driver's devices.
void file_create_volume(struct forge *f)
{
	static const struct object_request request = {
		.object_type = "Device",
		.type = "_DEVICE_OBJECT",
		.tag = "Devi",
		.kind = POOL_NONPAGED,
	};
	struct object device = named_create(f, &request, "\\Device\\HarddiskVolume2");
	forge_put(f, device, "Type", 3);
	forge_put(f, device, "Size", forge_size(f, "_DEVICE_OBJECT", 0));
	forge_put(f, device, "DeviceType", 7);
	f->device = device.va;
}

void file_make_section(struct forge *f, struct image_file *file)
{
	if (file->subsection)
		return;
	uint32_t control = forge_size(f, "_CONTROL_AREA", 128);
	uint32_t sub = forge_size(f, "_SUBSECTION", 64);
	file->control_area = pool_take(f, POOL_NONPAGED, "MmCa", control + sub);
	file->subsection = file->control_area + control;
	struct object area = { &f->kernel, file->control_area, "_CONTROL_AREA" };
	forge_put(f, area, "FilePointer", file_object(f, file->path));
	forge_put(f, area, "u.Flags.Image", 1);
	forge_put(f, area, "u.Flags.File", 1);
	forge_put(f, area, "NumberOfMappedViews", 1);
	struct object subsection = { &f->kernel, file->subsection, "_SUBSECTION" };
	forge_put(f, subsection, "ControlArea", file->control_area);
}
