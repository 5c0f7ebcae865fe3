// Regular expressions: PCRE2 behind three functions.
// SPDX-License-Identifier: Apache-2.0
#include "base/regex.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { HEAP_MAX_KIB = 8 << 10, DEPTH_MAX = 5000 };
#define NO_LIMIT UINT32_MAX

struct regex {
	pcre2_code *code;
	pcre2_match_context *limits;
	pcre2_match_data *match;
	uint32_t give_ups_left; // NO_LIMIT: any number
	bool tried;             // machine code was made of it, if that can be
	bool in_arena;          // machine code is not: it would outlive the arena
};

static void *arena_allocate(size_t size, void *arena)
{
	return ei_alloc(arena, size);
}

static void arena_release(void *memory, void *arena)
{
	(void)memory, (void)arena; // goes with the arena
}

static uint32_t options_of(const struct regex_wish *wish)
{
	uint32_t options = wish->bytes ? PCRE2_NEVER_UTF | PCRE2_NEVER_UCP
				       : PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
	return options | PCRE2_NEVER_BACKSLASH_C | (wish->ignore_case ? PCRE2_CASELESS : 0);
}

static ei_error *code_make(struct regex *regex, const char *pattern, size_t length,
	const struct regex_wish *wish, pcre2_general_context *memory)
{
	pcre2_compile_context *context = pcre2_compile_context_create(memory);
	if (!context)
		return ei_fail(EI_E_NOMEM, "out of memory");
	int code = 0;
	PCRE2_SIZE at = 0;
	regex->code =
		pcre2_compile((PCRE2_SPTR)pattern, length, options_of(wish), &code, &at, context);
	pcre2_compile_context_free(context);
	if (regex->code)
		return NULL;
	PCRE2_UCHAR why[160] = "";
	pcre2_get_error_message(code, why, sizeof why);
	return ei_fail(EI_E_USAGE, "at character %zu: %s", (size_t)at + 1, (const char *)why);
}

static ei_error *limits_make(
	struct regex *regex, const struct regex_wish *wish, pcre2_general_context *memory)
{
	regex->limits = pcre2_match_context_create(memory);
	regex->match = pcre2_match_data_create(1, memory);
	if (!regex->limits || !regex->match)
		return ei_fail(EI_E_NOMEM, "out of memory");
	pcre2_set_match_limit(regex->limits, wish->steps);
	pcre2_set_depth_limit(regex->limits, DEPTH_MAX);
	pcre2_set_heap_limit(regex->limits, HEAP_MAX_KIB);
	return NULL;
}

static ei_error *parts_make(
	struct regex *regex, const char *pattern, size_t length, const struct regex_wish *wish)
{
	pcre2_general_context *memory = NULL;
	if (wish->arena) {
		memory = pcre2_general_context_create(arena_allocate, arena_release, wish->arena);
		if (!memory)
			return ei_fail(EI_E_NOMEM, "out of memory");
	}
	EI_TRY(code_make(regex, pattern, length, wish, memory));
	return limits_make(regex, wish, memory);
}

ei_error *regex_create(
	const char *pattern, size_t length, const struct regex_wish *wish, struct regex **out)
{
	struct regex *regex =
		wish->arena ? ei_alloc(wish->arena, sizeof *regex) : calloc(1, sizeof *regex);
	if (!regex)
		return ei_fail(EI_E_NOMEM, "out of memory");
	regex->in_arena = wish->arena != NULL;
	regex->give_ups_left = wish->give_ups ? wish->give_ups : NO_LIMIT;
	ei_error *error = parts_make(regex, pattern, length, wish);
	if (error) {
		regex_drop(regex);
		return error;
	}
	*out = regex;
	return NULL;
}

void regex_drop(struct regex *regex)
{
	if (!regex || regex->in_arena)
		return;
	pcre2_match_data_free(regex->match);
	pcre2_match_context_free(regex->limits);
	pcre2_code_free(regex->code);
	free(regex);
}

enum regex_result regex_find(struct regex *regex, const char *subject, size_t length)
{
	if (!regex->give_ups_left)
		return REGEX_GIVEN_UP;
	// Most of many expressions are never tried: their literal is not met.
	if (!regex->tried && !regex->in_arena)
		(void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
	regex->tried = true;
	int result = pcre2_match(
		regex->code, (PCRE2_SPTR)subject, length, 0, 0, regex->match, regex->limits);
	if (result == PCRE2_ERROR_NOMATCH)
		return REGEX_ABSENT;
	if (result >= 0)
		return REGEX_FOUND;
	if (regex->give_ups_left != NO_LIMIT)
		regex->give_ups_left--;
	return REGEX_GIVEN_UP;
}
