// Regular expressions: pcre2 behind two functions, its memory in the run's arena.
// SPDX-License-Identifier: Apache-2.0
#define PCRE2_CODE_UNIT_WIDTH 8
#include "win/session.h"
#include <eidetic/pattern.h>
#include <pcre2.h>

enum { PATTERN_STEPS_MAX = 1000000, PATTERN_HEAP_MAX_KIB = 1024 };

struct ei_pattern {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *context;
};

static void *arena_allocate(size_t size, void *arena)
{
	return ei_alloc(arena, size);
}

static void arena_release(void *memory, void *arena)
{
	(void)memory, (void)arena; // goes with the arena
}

ei_error *ei_pattern_compile(ei_run *run, ei_val text, bool ignore_case, ei_pattern **out)
{
	if (!ei_has(text)) {
		*out = NULL;
		return NULL;
	}
	ei_pattern *pattern = ei_alloc(run->arena, sizeof *pattern);
	pcre2_general_context *memory =
		pcre2_general_context_create(arena_allocate, arena_release, run->arena);
	if (!pattern || !memory)
		return ei_fail(EI_E_NOMEM, "out of memory");
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | (ignore_case ? PCRE2_CASELESS : 0);
	int code;
	PCRE2_SIZE place;
	pattern->code = pcre2_compile((PCRE2_SPTR)text.s, text.length, options, &code, &place,
		pcre2_compile_context_create(memory));
	if (!pattern->code) {
		PCRE2_UCHAR why[128];
		pcre2_get_error_message(code, why, sizeof why);
		return ei_fail(EI_E_USAGE, "pattern '%.*s', at character %zu: %s", (int)text.length,
			text.s, (size_t)place + 1, (const char *)why);
	}
	pattern->match = pcre2_match_data_create(1, memory);
	pattern->context = pcre2_match_context_create(memory);
	if (!pattern->match || !pattern->context)
		return ei_fail(EI_E_NOMEM, "out of memory");
	pcre2_set_match_limit(pattern->context, PATTERN_STEPS_MAX);
	pcre2_set_heap_limit(pattern->context, PATTERN_HEAP_MAX_KIB);
	*out = pattern;
	return NULL;
}

bool ei_pattern_found(ei_run *run, const ei_pattern *pattern, ei_val value)
{
	if (!pattern)
		return true;
	if (!ei_has(value) || value.kind != EI_STR)
		return false;
	int found = pcre2_match(pattern->code, (PCRE2_SPTR)value.s, value.length, 0, 0,
		pattern->match, pattern->context);
	if (found == PCRE2_ERROR_MATCHLIMIT || found == PCRE2_ERROR_HEAPLIMIT)
		ei_note(run, "the pattern was given up on a value of %u bytes: too many steps",
			value.length);
	return found >= 0;
}
