// Self-tests in words: what each claims, what rests on it, what was seen.
// SPDX-License-Identifier: Apache-2.0
#include "win/self_test.h"

#include "win/fields.h"
#include "win/nearest_parts.h"

// clang-format off
static const struct {
	const char *name, *claim, *rests;
} claims[] = {
	{ "System is pid 4",
	  "the first process is called System and has the id 4",
	  "everything about processes" },
	{ "page-table roots",
	  "through the page tables of each process that runs the kernel is where it is",
	  "dlllist, cmdline, envars, memmap; path and cmd of pstree; process of search" },
	{ "process links",
	  "the neighbour of each process on the kernel's list points back",
	  "pslist, pstree: which processes there are" },
	{ "pids", "process ids are small multiples of four", "pid" },
	{ "unique pids", "no two processes have one id", "pid" },
	{ "parent pids", "parents' ids are small multiples of four", "ppid; pstree: the tree" },
	{ "process names", "names are printable", "name of processes" },
	{ "object types", "the object header of each process says that it is one",
	  "types and names of kernel objects" },
	{ "create times", "no process is older than the system, or from the future", "created" },
	{ "exit times", "no process ended before it began", "exited" },
	{ "processes that ended", "who has neither threads nor handles has an exit time",
	  "threads, exited" },
	{ "thread lists", "lists of threads lead back to their process", "threads" },
	{ "thread counts", "as many threads are listed as are counted", "threads" },
	{ "handle tables", "handle tables are in kernel memory", "handles" },
	{ "handle counts", "there are fewer handles than the kernel allows", "handles" },
	{ "sessions", "session structures are in kernel memory", "session" },
	{ "session ids", "session ids are small numbers", "session" },
	{ "32-bit halves", "what is kept of a 32-bit process is in the kernel or at a page's start",
	  "wow64" },
	{ "address trees", "trees of address ranges are in kernel memory",
	  "search: region; memory maps of processes" },
	{ "address tree nodes",
	  "the root of each tree of address ranges leads back to it or has its pool tag",
	  "vadinfo, vadwalk; search: region" },
	{ "process environment blocks", "environment blocks are in user memory, at a page's start",
	  "dlllist, cmdline, envars; path and cmd of pstree" },
	{ "image bases", "images of processes are in user memory, at multiples of 64 KiB",
	  "base of processes" },
	{ "image bases by the process", "processes and kernel agree on the image's address",
	  "dlllist, cmdline, envars; path and cmd of pstree" },
	{ "process parameters", "paths in processes' parameters are printable",
	  "cmdline, envars; path and cmd of pstree" },
	{ "command lines", "command lines of processes are printable", "cmdline; cmd of pstree" },
	{ "process paths", "paths that the kernel keeps of processes begin with a backslash",
	  "audit of pstree" },
	{ "dll bases", "modules of processes are in user memory and begin with MZ",
	  "dlllist: base" },
	{ "dll sizes", "modules of processes are as large as their headers say", "dlllist: size" },
	{ "dll names", "names of processes' modules are printable", "dlllist: name" },
	{ "dll paths", "paths of processes' modules end with their names", "dlllist: path" },
	{ "load times", "no module was loaded before the system started, or in the future",
	  "dlllist: loaded" },
	{ "the kernel is a module", "the kernel is on its list of modules, with its size",
	  "modules: base, size" },
	{ "module links", "the neighbour of each module on the kernel's list points back",
	  "modules: which there are" },
	{ "module bases", "modules are in kernel memory, at a page's start, and begin with MZ",
	  "modules: base" },
	{ "module sizes", "modules are as large as their headers say", "modules: size" },
	{ "module names", "names of modules are printable", "modules: name" },
	{ "module paths", "paths of modules end with their names", "modules: path" },
	{ "hives", "hives on the kernel's list have their signature, 0xbee0bee0",
	  "hivelist, printkey" },
	{ "hive base blocks", "base blocks of hives begin with regf", "hivelist, printkey" },
	{ "hive names", "names of hives are paths", "hivelist: file, mount" },
	{ "hive files", "some hive says which file it is of", "hivelist: name, file; printkey: key" },
	{ "hive mounts", "some hive says where in the registry it is", "hivelist: mount" },
	{ "hive sizes", "hives are whole pages long, and their maps are in kernel memory",
	  "hivelist: stable, volatile; printkey" },
	{ "root keys", "the root cell of each hive is a key", "printkey" },
};

static const struct {
	const char *name, *rests;
} global_uses[] = {
	{ "PsActiveProcessHead",    "pslist, pstree, and all that asks for processes" },
	{ "PsInitialSystemProcess", "pslist, where its list is broken at the start" },
	{ "PsLoadedModuleList",     "modules" },
	{ "CmpHiveListHead",        "hivelist, printkey" },
	{ "HandleTableListHead",    "handles of processes that are not on their list" },
	{ "KiServiceTable",         "ssdt" },
	{ "KiServiceLimit",         "ssdt" },
	{ "MmPfnDatabase",          "pages that the kernel has standing by" },
	{ "ObTypeIndexTable",       "types of kernel objects" },
	{ "ObHeaderCookie",         "types of kernel objects" },
	{ "PoolBigPageTable",       "bigpools" },
	{ "PoolBigPageTableSize",   "bigpools" },
};
// clang-format on

bool self_test_claim(const char *name, const char **claim, const char **rests)
{
	for (size_t i = 0; i < ARRAY_LENGTH(claims); i++) {
		if (strcmp(claims[i].name, name) != 0)
			continue;
		*claim = claims[i].claim;
		*rests = claims[i].rests;
		return true;
	}
	return false;
}

static const char *global_rests(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(global_uses); i++)
		if (!strcmp(global_uses[i].name, name))
			return global_uses[i].rests;
	return NULL;
}

// ---- tests ----------------------------------------------------------------------------------
static struct self_test test_of(ei_arena *arena, const struct test_tally *tally)
{
	struct self_test test = { .name = tally->name };
	uint32_t all = tally->good + tally->bad;
	self_test_claim(tally->name, &test.claim, &test.rests);
	test.result = !all ? SELF_NOT_POSSIBLE : tally->failed ? SELF_FAILED : SELF_PASSED;
	test.saw = all ? ei_text(arena, "it holds in %u of %u", tally->good, all)
		       : "nothing that could be asked";
	return test;
}

// ---- globals --------------------------------------------------------------------------------
// All that was said of one global. A witness that contradicts is named with its address.
static struct self_test global_of(ei_arena *arena, const char *name, uint64_t va,
	const struct global_witness *said, size_t count)
{
	const char *saw = NULL;
	bool differs = false;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(said[i].global, name) != 0)
			continue;
		const char *before = saw ? saw : "", *comma = saw ? ", " : "";
		if (said[i].va == va)
			saw = ei_text(arena, "%s%s%s", before, comma, said[i].witness);
		else
			saw = ei_text(arena, "%s%s%s says 0x%llx", before, comma, said[i].witness,
				(unsigned long long)said[i].va);
		differs |= said[i].va != va;
	}
	return (struct self_test){
		.name = name,
		.claim = ei_text(arena, "it is at 0x%llx", (unsigned long long)va),
		.rests = global_rests(name),
		.result = !saw      ? SELF_NOT_POSSIBLE
			  : differs ? SELF_FAILED
				    : SELF_PASSED,
		.saw = saw ? saw : "no other witness",
		.is_global = true,
	};
}

static struct self_test global_missing(const char *name)
{
	return (struct self_test){
		.name = name,
		.claim = "its address is known",
		.rests = global_rests(name),
		.result = SELF_NOT_POSSIBLE,
		.saw = "no symbol, and no witness",
		.is_global = true,
	};
}

static ei_error *globals_test(const struct nearest_wish *wish, const struct profile *profile,
	ei_arena *arena, struct self_test *tests, size_t *count)
{
	uint64_t base = wish->session->identity.kernel_base;
	struct global_witness said[GLOBAL_WITNESSES_MAX];
	size_t said_count = 0;
	EI_TRY(globals_witnessed(wish, profile, said, &said_count));
	for (size_t i = 0; win_symbols[i]; i++) {
		uint64_t rva;
		bool known = profile_symbol(profile, win_symbols[i], &rva);
		tests[(*count)++] =
			known ? global_of(arena, win_symbols[i], base + rva, said, said_count)
			      : global_missing(win_symbols[i]);
	}
	return NULL;
}

// A layout has no symbols: those that its types lead to are as good.
static ei_error *profile_symbolised(
	const struct nearest_wish *wish, ei_arena *arena, struct profile **out)
{
	struct profile *types = wish->session->profile;
	struct symbol_at symbols[GLOBALS_MAX];
	struct globals globals;
	const char *doubt;
	size_t count = 0;
	if (!profile_info(types).symbol_count) {
		EI_TRY(globals_find(wish, arena, &globals));
		count = globals_fit(wish, &globals, types, types, symbols, &doubt);
	}
	if (count)
		return profile_with_symbols(types, symbols, count, out);
	*out = profile_ref(types);
	return NULL;
}

// ---- all of them ----------------------------------------------------------------------------
static size_t global_count(void)
{
	size_t count = 0;
	while (win_symbols[count])
		count++;
	return count;
}

ei_error *self_tests_run(const struct session *session, struct reader *reader,
	const bool *cancelled, ei_arena *arena, struct self_tests *out)
{
	struct nearest_wish wish = { .session = session, .reader = reader, .cancelled = cancelled };
	struct test_tally tallies[TEST_TALLIES_MAX];
	size_t tally_count = 0, count = 0;
	EI_OWNED(profile) profile = NULL;
	EI_TRY(profile_symbolised(&wish, arena, &profile));
	EI_TRY(profile_tally(&wish, profile, tallies, &tally_count));
	struct self_test *tests = ei_alloc(arena, (tally_count + global_count()) * sizeof *tests);
	if (!tests)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (; count < tally_count; count++)
		tests[count] = test_of(arena, &tallies[count]);
	EI_TRY(globals_test(&wish, profile, arena, tests, &count));
	*out = (struct self_tests){ tests, count };
	return NULL;
}
