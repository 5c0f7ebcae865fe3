// Pages of HTML: escaping, and a head that lets nothing foreign run.
// SPDX-License-Identifier: Apache-2.0
#include "out/html.h"

#include "base/digest.h"
#include "out/escape.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_BYTES = 64 << 20, BASE64_SHA256 = 45 };

void html_init(struct html *page, size_t cap_bytes)
{
	text_init(&page->out, cap_bytes);
	text_init(&page->line, LINE_MAX_BYTES);
}

void html_deinit(struct html *page)
{
	text_deinit(&page->out);
	text_deinit(&page->line);
}

// ---- markup and text ------------------------------------------------------------------------
void html_raw(struct html *page, const char *markup)
{
	text_add(&page->out, markup, strlen(markup));
}

void html_rawf(struct html *page, const char *format, ...)
{
	char markup[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(markup, sizeof markup, format, arguments);
	va_end(arguments);
	html_raw(page, markup);
}

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void html_text(struct html *page, const char *bytes, size_t length)
{
	text_clear(&page->line);
	escape_line(&page->line, bytes, length);
	for (size_t at = 0; at < page->line.length;) {
		const char *text = page->line.data + at;
		size_t plain = strcspn(text, "&<>\"'");
		text_add(&page->out, text, plain);
		at += plain;
		if (at < page->line.length)
			html_raw(page, entity(page->line.data[at++]));
	}
}

void html_say(struct html *page, const char *text)
{
	html_text(page, text, strlen(text));
}

void html_value(struct html *page, const char *bytes, size_t length)
{
	html_raw(page, "<code class=\"v\">");
	html_text(page, bytes, length);
	html_raw(page, "</code>");
}

// ---- the head -------------------------------------------------------------------------------
static unsigned hex_byte(const char *hex)
{
	char two[3] = { hex[0], hex[1], 0 };
	return (unsigned)strtoul(two, NULL, 16);
}

static void base64_of_hex(const char *hex, char out[BASE64_SHA256])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t bytes = strlen(hex) / 2, at = 0;
	for (size_t i = 0; i < bytes && at + 4 < BASE64_SHA256; i += 3) {
		unsigned group = hex_byte(hex + 2 * i) << 16;
		group |= i + 1 < bytes ? hex_byte(hex + 2 * i + 2) << 8 : 0;
		group |= i + 2 < bytes ? hex_byte(hex + 2 * i + 4) : 0;
		for (unsigned part = 0; part < 4; part++)
			out[at++] = i + part > bytes ? '=' : digits[group >> (18 - 6 * part) & 63];
	}
	out[at] = 0;
}

static ei_error *source_of(const char *content, char out[BASE64_SHA256])
{
	struct digest_text text;
	EI_OWNED(digest) digest = NULL;
	EI_TRY(digest_create(DIGEST_SHA256, &digest));
	digest_add(digest, content, strlen(content));
	EI_TRY(digest_end(digest, &text));
	base64_of_hex(text.sha256, out);
	return NULL;
}

ei_error *html_begin(struct html *page, const char *title)
{
	char style[BASE64_SHA256], script[BASE64_SHA256];
	ei_error *error = source_of(html_style, style);
	if (!error)
		error = source_of(html_script, script);
	if (error && ei_error_code(error) != EI_E_REQUIREMENT)
		return error;
	html_raw(page, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		       "base-uri 'none'; form-action 'none'; ");
	if (error)
		html_raw(page, "style-src 'unsafe-inline'");
	else
		html_rawf(page, "style-src 'sha256-%s'; script-src 'sha256-%s'", style, script);
	html_raw(page,
		"\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
		"<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
	html_say(page, title);
	html_raw(page, "</title>\n<style>");
	html_raw(page, html_style);
	html_raw(page, "</style></head>\n<body>\n");
	ei_error_drop(error);
	return NULL;
}

void html_end(struct html *page)
{
	html_raw(page, "<script>");
	html_raw(page, html_script);
	html_raw(page, "</script>\n</body></html>\n");
}
