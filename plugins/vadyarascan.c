// vadyarascan: YARA rules matched against the regions of each process.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/system.h>
#include <eidetic/yara.h>

enum {
	OFFSET,
	PID,
	RULE,
	COMPONENT,
	VALUE,
	BEFORE,
	AFTER,
	LENGTH,
	MATCHES,
	PROCESS,
	START,
	SIZE,
	PROTECTION,
	FILE_PATH,
	NAME_SPACE,
	TAGS,
	META,
	COLUMNS
};
enum { OPT_PID, OPT_YARA, OPT_END = OPT_YARA + EI_YARA_OPTION_COUNT };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[OFFSET]     = { "offset",     EI_ADDR,  "address of the match", .vol3 = "Offset" },
	[PID]        = { "pid",        EI_UINT,  "process id", .vol3 = "PID" },
	[RULE]       = { "rule",       EI_STR,   "rule that matched", .vol3 = "Rule" },
	[COMPONENT]  = { "component",  EI_STR,   "string of the rule", .vol3 = "Component" },
	[VALUE]      = { "value",      EI_BYTES, "bytes that matched, at most 512", .vol3 = "Value" },
	[BEFORE]     = { "before",     EI_BYTES, "bytes in front of them" },
	[AFTER]      = { "after",      EI_BYTES, "bytes behind them" },
	[LENGTH]     = { "length",     EI_UINT,  "bytes that matched" },
	[MATCHES]    = { "matches",    EI_UINT,  "how often the string is in the region, shown or not" },
	[PROCESS]    = { "process",    EI_STR,   "process name" },
	[START]      = { "start",      EI_ADDR,  "first address of the region" },
	[SIZE]       = { "size",       EI_HEX,   "bytes of the region" },
	[PROTECTION] = { "protection", EI_STR,   "protection of the region as first asked for" },
	[FILE_PATH]  = { "file",       EI_STR,   "file that is mapped there" },
	[NAME_SPACE] = { "namespace",  EI_STR,   "namespace of the rule: the file that it is from" },
	[TAGS]       = { "tags",       EI_STR,   "tags of the rule" },
	[META]       = { "meta",       EI_STR,   "what the rule says of itself" },
};

static const ei_option options[] = {
	[OPT_PID] = { "pid", EI_UINT, EI_MANY, "only these processes" },
	EI_YARA_OPTIONS(OPT_YARA),
};
// clang-format on
_Static_assert(EI_COUNT(options) == OPT_END, "every option has its place");

static bool emit(ei_run *r, void *context, const ei_yara_match *match)
{
	const eprocess *p = context;
	// Volatility shows strings alone.
	if (!match->string && ei_compat_vol3(r))
		return true;
	return ei_emit(r, (ei_val[COLUMNS]){
				  [OFFSET] = ei_addr(match->at),
				  [PID] = ei_get(*p, UniqueProcessId),
				  [RULE] = ei_str(match->rule),
				  [COMPONENT] = ei_str(match->string),
				  [VALUE] = match->value,
				  [BEFORE] = match->before,
				  [AFTER] = match->after,
				  [LENGTH] = ei_uint(match->length),
				  [MATCHES] = ei_uint(match->matches),
				  [PROCESS] = ei_get(*p, ImageFileName),
				  [START] = ei_addr(match->start),
				  [SIZE] = ei_hex(match->size),
				  [PROTECTION] = match->protection,
				  [FILE_PATH] = match->name,
				  [NAME_SPACE] = ei_str(match->name_space),
				  [TAGS] = ei_str(*match->tags ? match->tags : NULL),
				  [META] = ei_str(*match->meta ? match->meta : NULL),
			  });
}

static ei_error *run(ei_run *r)
{
	EI_OWNED(ei_yara) rules = NULL;
	EI_TRY(ei_yara_open(r, OPT_YARA, &rules));
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		if (ei_opt_allows(r, OPT_PID, ei_get(p, UniqueProcessId)))
			EI_TRY(ei_yara_process(r, rules, &p, emit, &p));
	return NULL;
}

EI_PLUGIN(vadyarascan) = {
	EI_HEAD(vadyarascan),
	.vol3 = "windows.vadyarascan.VadYaraScan",
	.purpose = "YARA rules matched against the regions of each process",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	EI_SYMBOLS("PsActiveProcessHead"),
	.run = run,
	.asks = "rules",
};
