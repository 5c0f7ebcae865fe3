// What every match of a regular expression has in it: most values need not be tried at all.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/regex_literal.h"

#include "base/base.h"
#include <ctype.h>
#include <stdlib.h>

enum { LITERAL_SHORTEST = 3, BYTES_LEAST = 4 };

struct scan {
	const char *at, *end;
	char *run, *best;
	size_t run_length, best_length;
};

static void run_end(struct scan *scan)
{
	if (scan->run_length > scan->best_length) {
		memcpy(scan->best, scan->run, scan->run_length);
		scan->best_length = scan->run_length;
	}
	scan->run_length = 0;
}

// Behind a class: "[...]", with "[]...]" and "[^]...]" and escapes.
static void skip_class(struct scan *scan)
{
	const char *at = scan->at + 1;
	if (at < scan->end && *at == '^')
		at++;
	if (at < scan->end && *at == ']')
		at++;
	while (at < scan->end && *at != ']')
		at += *at == '\\' ? 2 : 1;
	scan->at = MIN(at + 1, scan->end);
}

static void skip_group(struct scan *scan)
{
	size_t depth = 0;
	while (scan->at < scan->end) {
		char c = *scan->at;
		if (c == '\\') {
			scan->at = MIN(scan->at + 2, scan->end);
			continue;
		}
		if (c == '[') {
			skip_class(scan);
			continue;
		}
		scan->at++;
		depth += c == '(';
		depth -= c == ')';
		if (!depth)
			return;
	}
}

// A quantifier that allows for nothing.
static bool is_optional(const struct scan *scan)
{
	char second = scan->at + 1 < scan->end ? scan->at[1] : 0;
	switch (*scan->at) {
	case '?':
	case '*':
		return true;
	case '{':
		return second == '0' || second == ',';
	default:
		return false;
	}
}

// A quantifier behind the last character: if it may be absent, it is no part of the run.
static void quantifier(struct scan *scan)
{
	if (scan->at >= scan->end || !memchr("?*+{", *scan->at, 4))
		return;
	if (is_optional(scan) && scan->run_length)
		scan->run_length--;
	run_end(scan);
	if (*scan->at == '{')
		while (scan->at < scan->end && *scan->at != '}')
			scan->at++;
	while (scan->at < scan->end && memchr("?*+}", *scan->at, 4))
		scan->at++;
}

// Something that may be any text.
static void gap(struct scan *scan)
{
	run_end(scan);
	quantifier(scan);
}

static void literal(struct scan *scan, char c)
{
	if ((unsigned char)c >= 0x80) {
		gap(scan);
		return;
	}
	scan->run[scan->run_length++] = (char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
	quantifier(scan);
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

// Behind "\x", "\p", "\k"... there may be an argument: in brackets, or digits and letters.
static void skip_argument(struct scan *scan)
{
	if (scan->at < scan->end && memchr("{<'", *scan->at, 3)) {
		while (scan->at < scan->end && !memchr("}>", *scan->at, 2))
			scan->at++;
		scan->at = MIN(scan->at + 1, scan->end);
		return;
	}
	while (scan->at < scan->end && is_word(*scan->at))
		scan->at++;
}

static void escape(struct scan *scan)
{
	char c = scan->at + 1 < scan->end ? scan->at[1] : 0;
	scan->at = MIN(scan->at + 2, scan->end);
	if (c && !is_word(c)) {
		literal(scan, c);
		return;
	}
	if (c && strchr("xpPoNgkcu0123456789", c))
		skip_argument(scan);
	gap(scan);
}

static void piece(struct scan *scan)
{
	switch (*scan->at) {
	case '\\':
		escape(scan);
		return;
	case '(':
		skip_group(scan);
		gap(scan);
		return;
	case '[':
		skip_class(scan);
		gap(scan);
		return;
	case '^':
	case '$':
	case '.':
		scan->at++;
		gap(scan);
		return;
	default:
		literal(scan, *scan->at++);
	}
}

// "(?x)" at `at`: blanks and '#' lose their meaning.
static bool is_extended(const char *at, const char *end)
{
	if (end - at < 3 || at[1] != '?')
		return false;
	for (at += 2; at < end && (is_word(*at) || *at == '^' || *at == '-'); at++)
		if (*at == 'x')
			return true;
	return false;
}

// Alternatives at the outermost level, and modes that change what characters mean, leave nothing
// that is certain.
static bool is_plain(const char *pattern, size_t length)
{
	struct scan scan = { .at = pattern, .end = pattern + length };
	if (memmem(pattern, length, "\\Q", 2) || memmem(pattern, length, "(*", 2))
		return false;
	while (scan.at < scan.end) {
		char c = *scan.at;
		if (c == '|' || (c == '(' && is_extended(scan.at, scan.end)))
			return false;
		if (c == '(')
			skip_group(&scan);
		else if (c == '[')
			skip_class(&scan);
		else
			scan.at = MIN(scan.at + (c == '\\' ? 2 : 1), scan.end);
	}
	return true;
}

size_t regex_literal(const char *pattern, size_t length, char *out)
{
	if (!pattern || !length || !is_plain(pattern, length))
		return 0;
	struct scan scan = { .at = pattern, .end = pattern + length, .best = out };
	scan.run = malloc(length);
	if (!scan.run)
		return 0;
	while (scan.at < scan.end)
		piece(&scan);
	run_end(&scan);
	free(scan.run);
	return scan.best_length >= LITERAL_SHORTEST ? scan.best_length : 0;
}

// ---- bytes ----------------------------------------------------------------------------------
// What a scan for bytes wants: that of three bytes in a row two are known.
static bool is_rare(const char *hex, size_t bytes)
{
	size_t known = 0, near = 0;
	for (size_t i = 0; i < bytes; i++) {
		bool here = hex[2 * i] != '?';
		known += here;
		near |= (size_t)(here && ((i && hex[2 * i - 2] != '?') ||
						 (i > 1 && hex[2 * i - 4] != '?')));
	}
	return known >= BYTES_LEAST && near;
}

// One byte at `at`: how much of the pattern it is, 0 where there is another thing.
static size_t byte_take(const char *at, size_t left, char hex[2])
{
	if (left && *at == '.') {
		hex[0] = hex[1] = '?';
		return 1;
	}
	if (left < 4 || at[0] != '\\' || at[1] != 'x' || !isxdigit((unsigned char)at[2]) ||
		!isxdigit((unsigned char)at[3]))
		return 0;
	hex[0] = at[2];
	hex[1] = at[3];
	return 4;
}

size_t regex_bytes(const char *pattern, size_t length, char *out)
{
	size_t at = 0, bytes = 0;
	if (memchr(pattern, '|', length))
		return 0;
	for (size_t taken; (taken = byte_take(pattern + at, length - at, out + 2 * bytes));
		at += taken)
		bytes++;
	// A quantifier counts for the last byte, which may then be absent; a class only says what
	// follows.
	if (at < length && pattern[at] != '[') {
		if (!memchr("?*+{", pattern[at], 4) || !bytes)
			return 0;
		bytes--;
	}
	while (bytes && out[2 * bytes - 1] == '?')
		bytes--;
	return is_rare(out, bytes) ? 2 * bytes : 0;
}
