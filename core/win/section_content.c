// The content of a file: which of its three holders has what, and how long it is.
// SPDX-License-Identifier: Apache-2.0
#include "win/object_fields.h"
#include "win/section_pieces.h"

#include <eidetic/objects.h>

#define SIZE_MAX_FILE (UINT64_C(1) << 44)

ei_file ei_file_at(ei_run *run, uint64_t address, bool is_physical)
{
	return (ei_file){
		.space = is_physical ? &run->session->physical : NULL,
		.va = is_physical ? address : run_canonical(run, address),
		.process = ei_absent(EI_NONE),
	};
}

// Names stand behind the directories that they are in; without those it is no path.
ei_val ei_file_volume(ei_run *run, const ei_file *file)
{
	named_file named = ei_at_in(run, file->space, named_file, file->va);
	ei_val device = ei_get(named, DeviceObject);
	if (!ei_u64_or(device, 0))
		return ei_has(device) ? ei_absent(EI_NONE) : device;
	ei_val path = ei_object_path(run, device.u);
	bool is_whole = !ei_has(path) || (path.length && path.s[0] == '\\');
	return is_whole ? path : ei_absent(EI_UNREADABLE);
}

ei_val ei_file_path_on(ei_run *run, const ei_file *file)
{
	named_file named = ei_at_in(run, file->space, named_file, file->va);
	ei_val name = ei_get(named, FileName);
	return ei_has(name) && !name.length ? ei_absent(EI_NONE) : name;
}

ei_val ei_file_name(ei_run *run, const ei_file *file)
{
	ei_val name = ei_file_path_on(run, file), where = ei_file_volume(run, file);
	if (!ei_has(where) || !ei_has(name))
		return ei_has(where) ? where : name;
	return ei_str(ei_text(
		run->scratch, "%.*s%.*s", (int)where.length, where.s, (int)name.length, name.s));
}

static ei_val last_part(ei_val path)
{
	for (uint32_t i = path.length; ei_has(path) && i; i--) {
		if (path.s[i - 1] != '\\' && path.s[i - 1] != '/')
			continue;
		path.s += i;
		path.length -= i;
		break;
	}
	return path;
}

ei_val ei_file_base(ei_run *run, const ei_file *file)
{
	bool as_vol3 = run->session->compat_vol3;
	return last_part(as_vol3 ? ei_file_name(run, file) : ei_file_path_on(run, file));
}

ei_val ei_file_device(ei_run *run, const ei_file *file)
{
	held_file held = ei_at_in(run, file->space, held_file, file->va);
	ei_val at = ei_get(held, DeviceObject);
	if (!ei_u64_or(at, 0))
		return ei_has(at) ? ei_absent(EI_NONE) : at;
	file_device device = ei_at(run, file_device, at.u);
	return ei_get(device, DeviceType);
}

static file_sections sections_of(ei_run *run, const ei_file *file)
{
	held_file held = ei_at_in(run, file->space, held_file, file->va);
	return ei_at(run, file_sections, ei_u64_or(ei_get(held, SectionObjectPointer), 0));
}

static uint64_t holder_of(const file_sections *sections, ei_content_kind kind)
{
	const ei_val holders[EI_CONTENT_KINDS] = {
		[EI_CONTENT_DATA] = ei_get(*sections, DataSectionObject),
		[EI_CONTENT_IMAGE] = ei_get(*sections, ImageSectionObject),
		[EI_CONTENT_CACHE] = ei_get(*sections, SharedCacheMap),
	};
	return kind < EI_CONTENT_KINDS ? ei_u64_or(holders[kind], 0) : 0;
}

uint64_t ei_content_area(ei_run *run, const ei_file *file, ei_content_kind kind)
{
	file_sections sections = sections_of(run, file);
	if (kind != EI_CONTENT_FILE)
		return holder_of(&sections, kind);
	uint64_t data = holder_of(&sections, EI_CONTENT_DATA);
	return data ? data : holder_of(&sections, EI_CONTENT_CACHE);
}

// ---- sizes ----------------------------------------------------------------------------------

// As the file system keeps it; 0 when that cannot be true.
static uint64_t stream_size(ei_run *run, const ei_file *file)
{
	held_file held = ei_at_in(run, file->space, held_file, file->va);
	uint64_t at = ei_u64_or(ei_get(held, FsContext), 0);
	if (!at)
		return 0;
	file_stream stream = ei_at(run, file_stream, at);
	ei_val size = ei_get(stream, size), valid = ei_get(stream, valid);
	bool fits = ei_has(size) && size.u <= SIZE_MAX_FILE && ei_u64_or(valid, 0) <= size.u &&
		    ei_u64_or(ei_get(stream, NodeByteSize), 0) >= stream.at->layout.type_size;
	return fits ? size.u : 0;
}

static void data_size(ei_run *run, const ei_file *file, const file_sections *sections,
	uint64_t by_section, bool section_knows, ei_content *out)
{
	const struct {
		uint64_t size;
		const char *by;
	} witnesses[] = {
		{ cache_file_size(run, holder_of(sections, EI_CONTENT_CACHE)), "cache" },
		{ stream_size(run, file), "file system" },
		{ by_section, "section" },
	};
	size_t i = 0;
	while (i + 1 < ARRAY_LENGTH(witnesses) && !witnesses[i].size)
		i++;
	out->size = MIN(witnesses[i].size, SIZE_MAX_FILE);
	out->is_open_ended = i + 1 == ARRAY_LENGTH(witnesses) && !section_knows;
	out->size_by = ei_str(witnesses[i].by);
}

// ---- content --------------------------------------------------------------------------------

// The section's pages lie over those of the views, which are the same ones.
static bool content_collect(
	ei_run *run, const file_sections *sections, struct pieces *pieces, ei_content *content)
{
	uint64_t data = holder_of(sections, EI_CONTENT_DATA), size = 0;
	uint64_t cache = holder_of(sections, EI_CONTENT_CACHE);
	bool found = false;
	content->area = holder_of(sections, content->kind);
	switch (content->kind) {
	case EI_CONTENT_FILE:
		content->area = data ? data : cache;
		found = cache && cache_collect(run, cache, pieces, &size);
		if (data && section_collect(run, data, false, pieces, &size))
			found = true;
		break;
	case EI_CONTENT_CACHE:
		found = cache && cache_collect(run, cache, pieces, &size);
		break;
	default:
		found = content->area && section_collect(run, content->area,
						 content->kind == EI_CONTENT_IMAGE, pieces, &size);
	}
	content->size = size;
	return found;
}

bool ei_file_content(ei_run *run, const ei_file *file, ei_content_kind kind, ei_content_shape shape,
	ei_content *out)
{
	file_sections sections = sections_of(run, file);
	ei_content content = { .kind = kind, .size_by = ei_str("section") };
	struct pieces pieces = { .run = run, .shape = shape };
	bool found = content_collect(run, &sections, &pieces, &content);
	if (kind == EI_CONTENT_CACHE)
		content.size_by = ei_str("cache");
	else if (found && kind != EI_CONTENT_IMAGE)
		data_size(run, file, &sections, content.size, pieces.size_known, &content);
	if (kind == EI_CONTENT_IMAGE && !content.size)
		found = false; // no program is empty, and the hash of nothing is known
	if (shape == EI_SHAPE_VOL3)
		content.size = pieces.end;
	if (found)
		pieces_settle(&pieces, &content);
	pieces_deinit(&pieces);
	if (found)
		*out = content;
	return found;
}

static void zeroes_write(ei_extract *extract, uint64_t size)
{
	static const uint8_t zeroes[PAGE_SIZE];
	for (uint64_t at = 0; at < size; at += PAGE_SIZE)
		ei_extract_bytes(extract, zeroes, MIN(size - at, (uint64_t)PAGE_SIZE));
}

void ei_content_write(ei_run *run, const ei_content *content, ei_extract *extract)
{
	uint64_t at = 0;
	for (size_t i = 0; i < content->piece_count && !ei_stopped(run); i++) {
		const ei_piece *piece = &content->pieces[i];
		ei_extract_hole(extract, piece->offset - at);
		if (piece->pa == EI_PIECE_ZERO)
			zeroes_write(extract, piece->size);
		else
			ei_extract_memory(extract, &run->session->physical, piece->pa, piece->size);
		at = piece->offset + piece->size;
	}
	ei_extract_hole(extract, content->size - at);
}

const char *ei_content_title(ei_content_kind kind)
{
	static const char *const titles[EI_CONTENT_KINDS] = {
		[EI_CONTENT_DATA] = "DataSectionObject",
		[EI_CONTENT_IMAGE] = "ImageSectionObject",
		[EI_CONTENT_CACHE] = "SharedCacheMap",
	};
	return kind < EI_CONTENT_KINDS ? titles[kind] : "";
}
