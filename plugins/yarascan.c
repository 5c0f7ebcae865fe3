// yarascan: YARA rules matched against the kernel's memory, or against all of physical memory.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/scan.h>
#include <eidetic/system.h>
#include <eidetic/yara.h>

enum {
	OFFSET,
	RULE,
	COMPONENT,
	VALUE,
	BEFORE,
	AFTER,
	LENGTH,
	MATCHES,
	OWNER,
	PID,
	VIRTUAL,
	REGION,
	START,
	SIZE,
	NAME_SPACE,
	TAGS,
	META,
	COLUMNS
};
enum { OPT_PHYSICAL, OPT_YARA, OPT_END = OPT_YARA + EI_YARA_OPTION_COUNT };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[OFFSET]     = { "offset",    EI_ADDR,  "address of the match: the kernel's, or physical", .vol3 = "Offset" },
	[RULE]       = { "rule",      EI_STR,   "rule that matched", .vol3 = "Rule" },
	[COMPONENT]  = { "component", EI_STR,   "string of the rule", .vol3 = "Component" },
	[VALUE]      = { "value",     EI_BYTES, "bytes that matched, at most 512", .vol3 = "Value" },
	[BEFORE]     = { "before",    EI_BYTES, "bytes in front of them" },
	[AFTER]      = { "after",     EI_BYTES, "bytes behind them" },
	[LENGTH]     = { "length",    EI_UINT,  "bytes that matched" },
	[MATCHES]    = { "matches",   EI_UINT,  "how often the string is in the range, shown or not" },
	[OWNER]      = { "owner",     EI_STR,   "process, or kernel; with --physical the one that says most" },
	[PID]        = { "pid",       EI_UINT,  "its process id" },
	[VIRTUAL]    = { "virtual",   EI_ADDR,  "where the owner maps it" },
	[REGION]     = { "region",    EI_STR,   "what is there: driver, file, heap, pool block..." },
	[START]      = { "start",     EI_ADDR,  "first address of the range that was scanned as one" },
	[SIZE]       = { "size",      EI_HEX,   "bytes of it" },
	[NAME_SPACE] = { "namespace", EI_STR,   "namespace of the rule: the file that it is from" },
	[TAGS]       = { "tags",      EI_STR,   "tags of the rule" },
	[META]       = { "meta",      EI_STR,   "what the rule says of itself" },
};

static const ei_option options[] = {
	[OPT_PHYSICAL] = { "physical", EI_BOOL, 0, "all of physical memory, instead of what the kernel maps" },
	EI_YARA_OPTIONS(OPT_YARA),
};
// clang-format on
_Static_assert(EI_COUNT(options) == OPT_END, "every option has its place");

struct owner {
	ei_val name, pid, va, region;
};

static struct owner owner_of(ei_run *r, const ei_yara_match *match)
{
	ei_val none = ei_absent(EI_NONE);
	struct owner kernel = { ei_str("kernel"), none, ei_addr(match->at), match->name };
	ei_owner_cursor cursor = { 0 };
	ei_owner owner;
	if (!ei_has(ei_opt(r, OPT_PHYSICAL)))
		return kernel;
	// The kernel's map of it says less than a process's, and comes first.
	struct owner best = { none, none, none, none };
	while (ei_next_owner(r, match->at, &cursor, &owner)) {
		best = (struct owner){ owner.process, owner.pid, owner.va, owner.region };
		if (owner.kind == EI_OWNER_KERNEL)
			best.name = ei_str("kernel");
		if (owner.kind == EI_OWNER_PROCESS)
			break;
	}
	return best;
}

static bool emit(ei_run *r, void *context, const ei_yara_match *match)
{
	(void)context;
	// Volatility shows strings alone.
	if (!match->string && ei_compat_vol3(r))
		return true;
	struct owner owner = owner_of(r, match);
	return ei_emit(r, (ei_val[COLUMNS]){
				  [OFFSET] = ei_addr(match->at),
				  [RULE] = ei_str(match->rule),
				  [COMPONENT] = ei_str(match->string),
				  [VALUE] = match->value,
				  [BEFORE] = match->before,
				  [AFTER] = match->after,
				  [LENGTH] = ei_uint(match->length),
				  [MATCHES] = ei_uint(match->matches),
				  [OWNER] = owner.name,
				  [PID] = owner.pid,
				  [VIRTUAL] = owner.va,
				  [REGION] = owner.region,
				  [START] = ei_addr(match->start),
				  [SIZE] = ei_hex(match->size),
				  [NAME_SPACE] = ei_str(match->name_space),
				  [TAGS] = ei_str(*match->tags ? match->tags : NULL),
				  [META] = ei_str(*match->meta ? match->meta : NULL),
			  });
}

static ei_error *run(ei_run *r)
{
	EI_OWNED(ei_yara) rules = NULL;
	bool physical = ei_has(ei_opt(r, OPT_PHYSICAL));
	EI_TRY(ei_yara_open(r, OPT_YARA, &rules));
	if (physical)
		return ei_yara_physical(r, rules, emit, NULL);
	EI_TRY(ei_require(r, EI_NEEDS_KERNEL));
	return ei_yara_kernel(r, rules, emit, NULL);
}

EI_PLUGIN(yarascan) = {
	EI_HEAD(yarascan),
	.needs = EI_NEEDS_IMAGE,
	.vol3 = "yarascan.YaraScan",
	.purpose = "YARA rules matched against the kernel, or against physical memory",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	.run = run,
	.asks = "rules",
};
