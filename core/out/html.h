// One page of HTML that needs nothing beside it: no network, no other file, no script from outside.
//
// What an image or an indicator says goes through html_text() and never becomes markup; the page's
// own style and script are named to the browser by their hashes, so that nothing else would run.
// SPDX-License-Identifier: Apache-2.0
#ifndef OUT_HTML_H
#define OUT_HTML_H

#include "base/base.h"

struct html {
	struct text out;  // `out.cut`: the page would be larger than its cap
	struct text line; // scratch
};

void html_init(struct html *page, size_t cap_bytes);
void html_deinit(struct html *page);

// Head, style, and the beginning of the body. Without libcrypto the page has no script. EI_E_NOMEM.
EI_CHECKED ei_error *html_begin(struct html *page, const char *title);
void html_end(struct html *page);

// Markup of the page itself, never of evidence.
void html_raw(struct html *page, const char *markup);
void html_rawf(struct html *page, const char *format, ...) EI_PRINTF(2, 3);

// Text of any origin: no byte of it is markup, drives the browser, hides, or reorders text.
void html_text(struct html *page, const char *bytes, size_t length);
void html_say(struct html *page, const char *text);

// The same as a value that is copied as a whole.
void html_value(struct html *page, const char *bytes, size_t length);

// The page's own: html_page.c.
extern const char html_style[], html_script[];

#endif
