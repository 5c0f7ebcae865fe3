// Regular expressions over values of the image.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/pattern.h>

#include "base/regex.h"
#include "win/session.h"

enum { PATTERN_STEPS_MAX = 1000000 };

struct ei_pattern {
	struct regex *regex; // in the run's arena
};

ei_error *ei_pattern_compile(ei_run *run, ei_val text, bool ignore_case, ei_pattern **out)
{
	if (!ei_has(text)) {
		*out = NULL;
		return NULL;
	}
	ei_pattern *pattern = ei_alloc(run->arena, sizeof *pattern);
	if (!pattern)
		return ei_fail(EI_E_NOMEM, "out of memory");
	struct regex_wish wish = {
		.ignore_case = ignore_case, .steps = PATTERN_STEPS_MAX, .arena = run->arena
	};
	EI_TRY_IN(regex_create(text.s, text.length, &wish, &pattern->regex), "pattern '%.*s'",
		(int)text.length, text.s);
	*out = pattern;
	return NULL;
}

static bool is_plain(uint8_t c)
{
	return c == '_' || c >= 0x80 || (c >= '0' && c <= '9') ||
	       ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

ei_error *ei_pattern_plain(ei_run *run, ei_val text, ei_pattern **out)
{
	if (!ei_has(text))
		return ei_pattern_compile(run, text, false, out);
	char *quoted = ei_alloc(run->arena, 2 * (size_t)text.length + 1);
	size_t length = 0;
	if (!quoted)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (uint32_t i = 0; i < text.length; i++) {
		if (!is_plain((uint8_t)text.s[i]))
			quoted[length++] = '\\';
		quoted[length++] = text.s[i];
	}
	quoted[length] = '\0';
	return ei_pattern_compile(run, ei_str(quoted), false, out);
}

bool ei_pattern_found(ei_run *run, const ei_pattern *pattern, ei_val value)
{
	if (!pattern)
		return true;
	if (!ei_has(value) || value.kind != EI_STR)
		return false;
	enum regex_result result = regex_find(pattern->regex, value.s, value.length);
	if (result == REGEX_GIVEN_UP)
		ei_note(run, "the pattern was given up on a value of %u bytes: too many steps",
			value.length);
	return result == REGEX_FOUND;
}
