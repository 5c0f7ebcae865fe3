// Regular expressions.
// SPDX-License-Identifier: Apache-2.0
#include "ioc/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { HEAP_MAX_KIB = 8 << 10, DEPTH_MAX = 5000, LITERAL_SHORTEST = 3 };

struct regex {
	pcre2_code *code;
	pcre2_match_context *limits;
	pcre2_match_data *match;
	bool tried; // machine code was made of it, if that can be
};

ei_error *regex_create(const char *pattern, size_t length, bool case_sensitive, struct regex **out)
{
	EI_OWNED(regex) regex = calloc(1, sizeof *regex);
	if (!regex)
		return ei_fail(EI_E_NOMEM, "out of memory");
	uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
	int code = 0;
	PCRE2_SIZE at = 0;
	regex->code = pcre2_compile((PCRE2_SPTR)pattern, length,
		options | (case_sensitive ? 0 : PCRE2_CASELESS), &code, &at, NULL);
	if (!regex->code) {
		PCRE2_UCHAR message[160] = "";
		pcre2_get_error_message(code, message, sizeof message);
		return ei_fail(EI_E_FORMAT, "byte %zu: %s", at, (const char *)message);
	}
	regex->limits = pcre2_match_context_create(NULL);
	regex->match = pcre2_match_data_create(1, NULL);
	if (!regex->limits || !regex->match)
		return ei_fail(EI_E_NOMEM, "out of memory");
	pcre2_set_match_limit(regex->limits, IOC_MATCH_STEPS_MAX);
	pcre2_set_depth_limit(regex->limits, DEPTH_MAX);
	pcre2_set_heap_limit(regex->limits, HEAP_MAX_KIB);
	*out = EI_GIVE(regex);
	return NULL;
}

void regex_drop(struct regex *regex)
{
	if (!regex)
		return;
	pcre2_match_data_free(regex->match);
	pcre2_match_context_free(regex->limits);
	pcre2_code_free(regex->code);
	free(regex);
}

enum ioc_truth regex_match(struct regex *regex, const char *text, size_t length)
{
	// Most expressions are never tried: their literal is not met.
	if (!regex->tried)
		(void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
	regex->tried = true;
	int result = pcre2_match(
		regex->code, (PCRE2_SPTR)text, length, 0, 0, regex->match, regex->limits);
	if (result == PCRE2_ERROR_NOMATCH)
		return IOC_FALSE;
	return result >= 0 ? IOC_TRUE : IOC_UNKNOWN;
}

// ---- literals -------------------------------------------------------------------------------
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
