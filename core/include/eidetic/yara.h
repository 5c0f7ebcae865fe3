// YARA: rules compiled once, and matched against memory put together again, on all cores.
//
//     ei_yara *rules;
//     EI_TRY(ei_yara_open(run, OPT_YARA, &rules));
//     ei_error *error = ei_yara_process(run, rules, &process, found, context);
//     ei_yara_close(rules);
//
// What is scanned are ranges: the regions of a process, drivers and what lies between them in the
// kernel, pieces of physical memory. To a rule each is a file: its first byte has the offset 0,
// `filesize` is its size, and pages that are not in the image are zeroes. Long stretches of zeroes
// are not looked at; a string is not found across one, unless the range starts a program.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_YARA_H
#define EIDETIC_YARA_H

#include <eidetic/memory.h>

typedef struct ei_yara ei_yara;

// ---- Options --------------------------------------------------------------------------------
// The options that rules come from are the same for all plugins that use them. Put
// EI_YARA_OPTIONS(OPT_YARA) into the table, and leave EI_YARA_OPTION_COUNT places there.
enum {
	EI_YARA_STRING,
	EI_YARA_RULES,
	EI_YARA_FILE,
	EI_YARA_COMPILED,
	EI_YARA_INSENSITIVE,
	EI_YARA_WIDE,
	EI_YARA_MAX_SIZE,
	EI_YARA_CONTEXT,
	EI_YARA_TIMEOUT,
	EI_YARA_MAX_MATCHES,
	EI_YARA_OPTION_COUNT
};

// clang-format off
#define EI_YARA_OPTIONS(first)                                                                     \
	[(first) + EI_YARA_STRING]      = { "yara-string",        EI_STR,  EI_MANY, "text, {hexadecimal} or /expression/ to look for" },     \
	[(first) + EI_YARA_RULES]       = { "yara-rules",         EI_STR,  EI_MANY, "the same, or whole rules" },                            \
	[(first) + EI_YARA_FILE]        = { "yara-file",          EI_STR,  EI_MANY, "file of rules; each is a namespace of its own" },       \
	[(first) + EI_YARA_COMPILED]    = { "yara-compiled-file", EI_STR,  EI_MANY, "file of rules that yarac compiled; only of those you trust" }, \
	[(first) + EI_YARA_INSENSITIVE] = { "insensitive",        EI_BOOL, 0,       "--yara-string without regard to case" },                \
	[(first) + EI_YARA_WIDE]        = { "wide",               EI_BOOL, 0,       "--yara-string as UTF-16, too" },                        \
	[(first) + EI_YARA_MAX_SIZE]    = { "max-size",           EI_UINT, 0,       "scan no region of more bytes (1 GiB); 0: any" },        \
	[(first) + EI_YARA_CONTEXT]     = { "context",            EI_UINT, 0,       "bytes to show around a match (16, at most 256)" },      \
	[(first) + EI_YARA_TIMEOUT]     = { "timeout",            EI_UINT, 0,       "seconds for one region (60); 0: any" },                  \
	[(first) + EI_YARA_MAX_MATCHES] = { "max-matches",        EI_UINT, 0,       "show no more of a string's matches in one region (1000); 0: all" }
// clang-format on

// Compiles what the options say, whose first one is number `first`. EI_E_USAGE when they name no
// rules; EI_E_FORMAT, with file and line, for rules that do not compile; EI_E_IO, EI_E_LIMIT;
// EI_E_REQUIREMENT without libyara. Rules cannot include other files.
EI_API EI_CHECKED ei_error *ei_yara_open(ei_run *run, unsigned first, ei_yara **out);
EI_API void ei_yara_close(ei_yara *rules); // NULL is allowed
EI_OWNER(ei_yara, ei_yara_close);

// ---- Matches --------------------------------------------------------------------------------
// One string of a rule that matched. Texts and bytes live until the call returns.
typedef struct ei_yara_match {
	const char *rule;
	const char *name_space; // "default", or the name of the file
	const char *tags;       // "a b", or ""
	const char *meta;       // "author=x, date=y", or ""
	const char *string;     // "$a"; NULL: the rule matched without strings
	uint64_t matches;       // of the string in the range, shown or not; 0: the rule has none
	uint64_t at;            // address of the first byte; of the range where string is NULL
	uint32_t length;        // bytes
	ei_val value;           // the first 512 of them
	ei_val before, after;   // what is around it, as far as the image has it
	uint64_t start, size;   // of the range
	ei_val protection;      // of a region of a process: text
	ei_val name;            // of the range: file, driver; EI_NONE
} ei_yara_match;

// Returns false to end the scan.
typedef bool ei_yara_found(ei_run *run, void *context, const ei_yara_match *match);

// Scan, and call `found` in this thread: range after range, by rule and address within each.
// Regions that were not scanned to their end, because of their size or of time, leave a note, and
// so do strings that match more often in one than --max-matches says. YARA itself counts no more
// than a million. EI_E_NOMEM.
EI_API EI_CHECKED ei_error *ei_yara_process(ei_run *run, const ei_yara *rules,
	const eprocess *process, ei_yara_found *found, void *context);
EI_API EI_CHECKED ei_error *ei_yara_kernel(
	ei_run *run, const ei_yara *rules, ei_yara_found *found, void *context);
// Pieces of 64 MiB: each is a file to a rule.
EI_API EI_CHECKED ei_error *ei_yara_physical(
	ei_run *run, const ei_yara *rules, ei_yara_found *found, void *context);

#endif
