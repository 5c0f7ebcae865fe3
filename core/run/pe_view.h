// The pages of a program, a few of them kept, for those who read it piece by piece.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_PE_VIEW_H
#define RUN_PE_VIEW_H

#include "run/pe_facts.h"

enum { VIEW_PAGES = 16, PE_TEXT_MAX = 512 };

// The optional header's directories.
enum pe_directory_index {
	PE_EXPORTS = 0,
	PE_IMPORTS = 1,
	PE_RESOURCES = 2,
	PE_SECURITY = 4,
	PE_DEBUG = 6,
	PE_DIRECTORIES = 16,
};

struct pe_range {
	uint32_t rva, size;
};

struct pe_view {
	const struct pe_source *source;
	struct pe_range directories[PE_DIRECTORIES];
	uint32_t size; // SizeOfImage
	bool wide;     // PE32+
	bool lost;     // something could not be read
	struct {
		uint32_t at; // page number + 1; 0: free
		bool good;
		uint8_t bytes[PE_PAGE];
	} pages[VIEW_PAGES];
	char text[PE_TEXT_MAX + 1];
};

// False, and `lost`, where a page is not there or the range is not in the program.
bool view_read(struct pe_view *view, uint32_t rva, void *out, size_t size);
bool view_u16(struct pe_view *view, uint32_t rva, uint16_t *out);
bool view_u32(struct pe_view *view, uint32_t rva, uint32_t *out);

// Text up to its NUL, at most PE_TEXT_MAX bytes of it, into view->text; EI_UNREADABLE.
ei_val view_text(struct pe_view *view, uint32_t rva);

static inline void view_give(struct pe_view *view, const char *name, uint32_t item, ei_val value)
{
	view->source->take(view->source->take_context, name, item, value);
}

void pe_exports(struct pe_view *view);
void pe_imports(struct pe_view *view);
void pe_resources(struct pe_view *view);

#endif
