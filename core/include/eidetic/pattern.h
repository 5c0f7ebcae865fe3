// Regular expressions over values of the image, for `--name` options. Bounded in steps and memory.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_PATTERN_H
#define EIDETIC_PATTERN_H

#include <eidetic/object.h>

typedef struct ei_pattern ei_pattern;

// Compiles `text`, an EI_STR (PCRE syntax, UTF-8); lives as long as the run. EI_E_USAGE with the
// place of the mistake. EI_NONE gives NULL: the pattern that everything matches.
EI_API EI_CHECKED ei_error *ei_pattern_compile(
	ei_run *run, ei_val text, bool ignore_case, ei_pattern **out);

// The same for text that is meant as it is, letter by letter.
EI_API EI_CHECKED ei_error *ei_pattern_plain(ei_run *run, ei_val text, ei_pattern **out);

// True when the pattern is found anywhere in `value`. Absent values match nothing; a match that
// needs too many steps does not count, and leaves a note.
EI_API bool ei_pattern_found(ei_run *run, const ei_pattern *pattern, ei_val value);

#endif
