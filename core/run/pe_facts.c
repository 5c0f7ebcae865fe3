// Headers of a program, and what is found through them.
// Source: the PE/COFF specification.
// SPDX-License-Identifier: Apache-2.0
#include "run/pe_view.h"

enum {
	NT_AT_MAX = 0x1000 - 0x108,
	SECTION_BYTES = 40,
	SECTIONS_MAX = 96,
	OPTIONAL_32 = 0x10b,
	OPTIONAL_64 = 0x20b,
	DLL = 0x2000, // characteristics
	NATIVE = 1,   // subsystem
	DEBUG_BYTES = 28,
	DEBUG_MAX = 32,
	CODEVIEW = 2,
};

static const uint64_t unix_epoch = UINT64_C(11644473600); // seconds after 1601

// ---- pages ----------------------------------------------------------------------------------
static const uint8_t *view_page(struct pe_view *view, uint32_t number)
{
	unsigned slot = number % VIEW_PAGES;
	if (view->pages[slot].at != number + 1) {
		view->pages[slot].at = number + 1;
		view->pages[slot].good = view->source->read(
			view->source->read_context, number * PE_PAGE, view->pages[slot].bytes);
	}
	view->lost |= !view->pages[slot].good;
	return view->pages[slot].good ? view->pages[slot].bytes : NULL;
}

bool view_read(struct pe_view *view, uint32_t rva, void *out, size_t size)
{
	uint8_t *to = out;
	if (rva > view->size || size > view->size - rva) {
		view->lost = true;
		return false;
	}
	while (size) {
		const uint8_t *page = view_page(view, rva / PE_PAGE);
		size_t here = MIN(size, (size_t)PE_PAGE - rva % PE_PAGE);
		if (!page)
			return false;
		memcpy(to, page + rva % PE_PAGE, here);
		to += here, rva += (uint32_t)here, size -= here;
	}
	return true;
}

bool view_u16(struct pe_view *view, uint32_t rva, uint16_t *out)
{
	uint8_t bytes[2];
	bool good = view_read(view, rva, bytes, sizeof bytes);
	*out = good ? load_u16(bytes) : 0;
	return good;
}

bool view_u32(struct pe_view *view, uint32_t rva, uint32_t *out)
{
	uint8_t bytes[4];
	bool good = view_read(view, rva, bytes, sizeof bytes);
	*out = good ? load_u32(bytes) : 0;
	return good;
}

ei_val view_text(struct pe_view *view, uint32_t rva)
{
	size_t length = 0;
	while (length < PE_TEXT_MAX) {
		size_t piece = MIN(
			(size_t)PE_PAGE - (rva + length) % PE_PAGE, (size_t)PE_TEXT_MAX - length);
		if (rva >= view->size || length >= view->size - rva)
			break;
		piece = MIN(piece, (size_t)view->size - rva - length);
		if (!view_read(view, rva + (uint32_t)length, view->text + length, piece))
			return ei_absent(EI_UNREADABLE);
		const char *end = memchr(view->text + length, '\0', piece);
		if (end) {
			return end == view->text ? ei_absent(EI_NONE) : ei_str(view->text);
		}
		length += piece;
	}
	return ei_absent(EI_UNREADABLE); // no name is so long
}

// ---- headers --------------------------------------------------------------------------------
struct headers {
	uint32_t optional, sections; // where they lie
	uint16_t section_count, characteristics, subsystem;
	uint32_t time_stamp, checksum;
	uint64_t base;
};

static bool headers_read(struct pe_view *view, struct headers *out)
{
	uint8_t dos[64], nt[24], optional[240] = { 0 };
	view->size = PE_PAGE;
	if (!view_read(view, 0, dos, sizeof dos) || dos[0] != 'M' || dos[1] != 'Z')
		return false;
	uint32_t at = load_u32(dos + 60);
	if (at > NT_AT_MAX || !view_read(view, at, nt, sizeof nt) || memcmp(nt, "PE\0\0", 4) != 0)
		return false;
	uint16_t size = load_u16(nt + 20);
	if (size < 96 || !view_read(view, at + 24, optional, MIN((size_t)size, sizeof optional)))
		return false;
	uint16_t magic = load_u16(optional);
	if (magic != OPTIONAL_32 && magic != OPTIONAL_64)
		return false;
	view->wide = magic == OPTIONAL_64;
	view->size = MIN(load_u32(optional + 56), 1U << 30);
	*out = (struct headers){
		.optional = at + 24,
		.sections = at + 24 + size,
		.section_count = load_u16(nt + 6),
		.time_stamp = load_u32(nt + 8),
		.characteristics = load_u16(nt + 22),
		.checksum = load_u32(optional + 64),
		.subsystem = load_u16(optional + 68),
		.base = view->wide ? load_u64(optional + 24) : load_u32(optional + 28),
	};
	size_t first = view->wide ? 112 : 96;
	uint32_t count = MIN(load_u32(optional + first - 4), (uint32_t)PE_DIRECTORIES);
	for (uint32_t i = 0; i < count && first + i * 8 + 8 <= MIN((size_t)size, sizeof optional);
		i++)
		view->directories[i] = (struct pe_range){ load_u32(optional + first + i * 8),
			load_u32(optional + first + i * 8 + 4) };
	return view->size >= PE_PAGE;
}

static void headers_give(struct pe_view *view, const struct headers *headers)
{
	const char *type = headers->characteristics & DLL ? "Dll"
			   : headers->subsystem == NATIVE ? "Driver"
							  : "Executable";
	view_give(view, "PETimeStamp", 0,
		ei_of(EI_TIME, (unix_epoch + headers->time_stamp) * 10000000));
	view_give(view, "Type", 0, ei_str(type));
	view_give(view, "BaseAddress", 0, ei_hex(headers->base));
	// The others are of the file.
	if (!headers->checksum)
		view_give(view, "DetectedAnomalies/string", 0, ei_str("checksum_is_zero"));
	view_give(view, "DetectedAnomalies/string", 0, ei_absent(EI_UNREADABLE));
	view_give(view, "DigitalSignature/SignatureExists", 0,
		ei_bool(view->directories[PE_SECURITY].size != 0));
}

static void sections_give(struct pe_view *view, const struct headers *headers)
{
	uint32_t count = MIN((uint32_t)headers->section_count, (uint32_t)SECTIONS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		char name[9] = { 0 };
		bool good = view_read(view, headers->sections + i * SECTION_BYTES, name, 8);
		view_give(view, "Sections/Section/Name", i,
			!good   ? ei_absent(EI_UNREADABLE)
			: *name ? ei_str(name)
				: ei_absent(EI_NONE));
	}
}

// The path of the symbols: "RSDS", a GUID, an age, text.
static ei_val pdb_path(struct pe_view *view)
{
	struct pe_range range = view->directories[PE_DEBUG];
	for (uint32_t i = 0; i < MIN(range.size / DEBUG_BYTES, (uint32_t)DEBUG_MAX); i++) {
		uint8_t entry[DEBUG_BYTES], mark[4];
		if (!view_read(view, range.rva + i * DEBUG_BYTES, entry, sizeof entry))
			return ei_absent(EI_UNREADABLE);
		uint32_t at = load_u32(entry + 20);
		if (load_u32(entry + 12) != CODEVIEW || !at)
			continue;
		if (!view_read(view, at, mark, sizeof mark))
			return ei_absent(EI_UNREADABLE);
		if (!memcmp(mark, "RSDS", 4))
			return view_text(view, at + 24);
	}
	return ei_absent(EI_NONE);
}

bool pe_facts(const struct pe_source *source, bool *complete)
{
	struct headers headers;
	struct pe_view *view = calloc(1, sizeof *view);
	if (!view)
		return false;
	view->source = source;
	bool good = headers_read(view, &headers);
	if (good) {
		headers_give(view, &headers);
		sections_give(view, &headers);
		view_give(view, "PdbPath", 0, pdb_path(view));
		pe_exports(view);
		pe_imports(view);
		pe_resources(view);
	}
	*complete = !view->lost;
	free(view);
	return good;
}
