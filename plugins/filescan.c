// filescan: file objects by their pool tag: files that were open, or still are.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/objects.h>
#include <eidetic/scan.h>
#include <eidetic/win.h>

enum { OFFSET, NAME, PHYSICAL, ACCESS, SECTIONS, COLUMNS };
enum { FILE_BLOCK_LEAST = 150, FILE_BLOCK_LEAST_32 = 128 };

// clang-format off
#define FILE_FIELDS(F, ALT)                                                                        \
	F(FileName,             USTR, MUST)                                                        \
	F(SectionObjectPointer, PTR,  MAY)                                                         \
	F(ReadAccess,           UINT, MAY)                                                         \
	F(WriteAccess,          UINT, MAY)                                                         \
	F(DeleteAccess,         UINT, MAY)                                                         \
	F(SharedRead,           UINT, MAY)                                                         \
	F(SharedWrite,          UINT, MAY)                                                         \
	F(SharedDelete,         UINT, MAY)
EI_TYPE(file, "_FILE_OBJECT", FILE_FIELDS);

static const ei_column columns[COLUMNS] = {
	[OFFSET]   = { "offset",   EI_ADDR, "address of the _FILE_OBJECT: the kernel's, or physical where it has none", .vol3 = "Offset" },
	[NAME]     = { "name",     EI_STR,  "path, without the device", .vol3 = "Name", .ioc = "FileItem/FullPath" },
	[PHYSICAL] = { "physical", EI_ADDR, "physical address of the _FILE_OBJECT" },
	[ACCESS]   = { "access",   EI_STR,  "R, W, D: opened to read, write, delete; r, w, d: others may" },
	[SECTIONS] = { "sections", EI_ADDR, "address of its _SECTION_OBJECT_POINTERS: content may be cached" },
};
// clang-format on

static ei_val access_text(ei_run *r, const file *f)
{
	const struct {
		ei_val set;
		char letter;
	} rights[] = {
		{ ei_get(*f, ReadAccess), 'R' },
		{ ei_get(*f, WriteAccess), 'W' },
		{ ei_get(*f, DeleteAccess), 'D' },
		{ ei_get(*f, SharedRead), 'r' },
		{ ei_get(*f, SharedWrite), 'w' },
		{ ei_get(*f, SharedDelete), 'd' },
	};
	char *text = ei_text(ei_scratch(r), "------");
	for (size_t i = 0; text && i < EI_COUNT(rights); i++) {
		if (!ei_has(rights[i].set))
			return rights[i].set;
		if (rights[i].set.u)
			text[i] = rights[i].letter;
	}
	return ei_str(text);
}

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_pool_hits(r,
		&(ei_pool_wish){
			.tag = "File",
			.least = ei_pointer_size(r) == 8 ? FILE_BLOCK_LEAST : FILE_BLOCK_LEAST_32,
			.has_header = true,
			.object_type = "File",
			.type = &file_spec,
		});
	for (file f = ei_handle(r, file); ei_next(&it, &f);) {
		ei_val name = ei_get(f, FileName);
		if (!ei_has(name) || !name.length)
			continue;
		ei_emit(r, (ei_val[COLUMNS]){
				   [OFFSET] = ei_scan_offset(r, &f.obj),
				   [NAME] = name,
				   [PHYSICAL] = ei_physical(r, &f.obj),
				   [ACCESS] = access_text(r, &f),
				   [SECTIONS] = ei_get(f, SectionObjectPointer),
			   });
	}
	return NULL;
}

EI_PLUGIN(filescan) = {
	EI_HEAD(filescan),
	.vol3 = "windows.filescan.FileScan",
	.purpose = "file objects by their pool tag: files open, or once open",
	EI_COLUMNS(columns),
	EI_TYPES(&file_spec),
	.run = run,
};
