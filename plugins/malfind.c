// malfind: memory of processes that holds code nobody's file accounts for.
//
// Volatility looks at the protection that a region was first asked for. What a page is now, and
// whether it still is its file's, the page tables say: both are asked here.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/code.h>
#include <eidetic/memory.h>
#include <eidetic/pe.h>
#include <eidetic/scan.h>
#include <eidetic/system.h>
#include <eidetic/threads.h>
#include <stdio.h>
#include <string.h>

enum {
	PID,
	PROCESS,
	START,
	END,
	TAG,
	PROTECTION,
	NOW,
	COMMIT,
	PRIVATE,
	FILE_PATH,
	EXECUTABLE,
	CHANGED,
	SCORE,
	REASONS,
	AT,
	OUTPUT,
	NOTES,
	HEXDUMP,
	DISASM,
	COLUMNS
};
enum { OPT_PID, OPT_DUMP, OPT_SCORE };
enum { SHOWN = 64, PAGE = 4096, KNOWN_MAX = 4096, VAD_TYPE_IMAGE = 2 };

// clang-format off
#define AREA_FIELDS(F, ALT) F(Segment, PTR, MAY)
EI_TYPE(area, "_CONTROL_AREA", AREA_FIELDS);

static const ei_column columns[COLUMNS] = {
	[PID]        = { "pid",        EI_UINT, "process id", .vol3 = "PID" },
	[PROCESS]    = { "process",    EI_STR,  "process name", .vol3 = "Process" },
	[START]      = { "start",      EI_ADDR, "first address of the region", .vol3 = "Start VPN" },
	[END]        = { "end",        EI_ADDR, "last address of the region", .vol3 = "End VPN" },
	[TAG]        = { "tag",        EI_STR,  "pool tag of the _MMVAD", .vol3 = "Tag" },
	[PROTECTION] = { "protection", EI_STR,  "protection as first asked for", .vol3 = "Protection" },
	[NOW]        = { "now",        EI_STR,  "what its pages in memory allow, by the page tables: so many of each" },
	[COMMIT]     = { "commit",     EI_UINT, "pages charged", .vol3 = "CommitCharge" },
	[PRIVATE]    = { "private",    EI_UINT, "1: the process's own memory, 0: shared or mapped", .vol3 = "PrivateMemory" },
	[FILE_PATH]  = { "file",       EI_STR,  "file that is mapped" },
	[EXECUTABLE] = { "executable", EI_UINT, "pages in memory that can be executed now" },
	[CHANGED]    = { "changed",    EI_UINT, "of these, pages of a file that this process has changed" },
	[SCORE]      = { "score",      EI_UINT, "how much speaks for injected code, 0 to 100" },
	[REASONS]    = { "reasons",    EI_STR,  "what does", .ioc = "ProcessItem/SectionList/MemorySection/Injected" },
	[AT]         = { "at",         EI_ADDR, "where the bytes shown are from" },
	[OUTPUT]     = { "output",     EI_STR,  "file written", .vol3 = "File output", .vol3_absent = "Disabled" },
	[NOTES]      = { "notes",      EI_STR,  "what the region starts with", .vol3 = "Notes" },
	[HEXDUMP]    = { "hexdump",    EI_ANY,  "the first bytes", .vol3 = "Hexdump", .ioc = "ProcessItem/SectionList/MemorySection/InjectedHexPattern" },
	[DISASM]     = { "disasm",     EI_STR,  "the same as instructions", .vol3 = "Disasm" },
};

static const ei_option options[] = {
	[OPT_PID]   = { "pid",   EI_UINT, EI_MANY, "only these processes" },
	[OPT_DUMP]  = { "dump",  EI_BOOL, 0,       "write each region into the output folder" },
	[OPT_SCORE] = { "score", EI_UINT, 0,       "only regions with this score, or a higher one" },
};

// ---- what speaks for it, and how much -------------------------------------------------------
enum reason {
	ALLOCATED_RWX, MADE_EXECUTABLE, ALLOCATED_RX, SHARED_CODE, DATA_FILE, CODE_CHANGED,
	TAKEN_PLACE, THREAD_STARTS, PROGRAM, PROGRAM_START, SHELLCODE, PROLOGUE, HEADER_GONE,
	NO_CODE, REASON_COUNT
};
static const struct {
	int weight;
	const char *text;
} reasons[REASON_COUNT] = {
	[ALLOCATED_RWX]   = { 35,  "allocated writable and executable" },
	[MADE_EXECUTABLE] = { 45,  "made executable after it was allocated" },
	[ALLOCATED_RX]    = { 20,  "executable, of no file" },
	[SHARED_CODE]     = { 35,  "executable, shared, of no file" },
	[DATA_FILE]       = { 20,  "executable view of a data file" },
	[CODE_CHANGED]    = { 45,  "code of a file changed in this process" },
	[TAKEN_PLACE]     = { 45,  "lies where the loader has a module" },
	[THREAD_STARTS]   = { 25,  "a thread starts in it" },
	[PROGRAM]         = { 30,  "holds a program" },
	[PROGRAM_START]   = { 10,  "starts with MZ" },
	[SHELLCODE]       = { 30,  "starts as shellcode does" },
	[PROLOGUE]        = { 10,  "starts as a function does" },
	[HEADER_GONE]     = { 10,  "its first page is empty, or gone" },
	[NO_CODE]         = { -20, "its first bytes are no instructions" },
};

// Ways in which code that does not know where it is begins.
static const struct {
	uint8_t length;
	uint8_t bytes[6];
} shellcodes[] = {
	{ 5, { 0xfc, 0x48, 0x83, 0xe4, 0xf0 } },       // cld; and rsp, -16
	{ 2, { 0xfc, 0xe8 } },                         // cld; call
	{ 6, { 0xe8, 0x00, 0x00, 0x00, 0x00, 0x58 } }, // call $+5; pop rax ...
	{ 6, { 0xe8, 0x00, 0x00, 0x00, 0x00, 0x59 } },
	{ 6, { 0xe8, 0x00, 0x00, 0x00, 0x00, 0x5b } },
	{ 6, { 0xe8, 0x00, 0x00, 0x00, 0x00, 0x5d } },
	{ 6, { 0xe8, 0x00, 0x00, 0x00, 0x00, 0x5e } },
	{ 4, { 0xd9, 0x74, 0x24, 0xf4 } },             // fnstenv [esp - 12]
	{ 6, { 0xd9, 0xee, 0xd9, 0x74, 0x24, 0xf4 } }, // fldz; fnstenv
	{ 4, { 0x64, 0xa1, 0x30, 0x00 } },             // mov eax, fs:[0x30]
	{ 5, { 0x65, 0x48, 0x8b, 0x04, 0x25 } },       // mov rax, gs:[...]
};

static const struct {
	uint8_t bytes[2];
	const char *note; // in Volatility's words
} starts[] = {
	{ { 'M', 'Z' }, "MZ header" },
	{ { 0x55, 0x8b }, "PE header" },
	{ { 0x55, 0x48 }, "Function prologue" },
	{ { 0x55, 0x89 }, "Function prologue" },
};
// clang-format on

// What is known of a process before its regions are looked at.
struct process {
	ei_run *run;
	const eprocess *p;
	const ei_space *space;
	bool wow64;
	uint64_t *modules, *threads; // bases; where they start
	size_t module_count, thread_count;
};

struct finding {
	const struct process *process;
	const ei_region *region;
	bool is_image;
	unsigned kinds[8];   // pages by what they allow: EI_PAGE_WRITE, EI_PAGE_EXECUTE
	unsigned executable; // pages
	unsigned changed;    // of these, copies of a file's pages
	bool can_tell;       // pages of the file were recognised: others are copies
	bool first_page;     // holds something
	uint64_t at;         // what is worth a look
	bool found;          // there is something
	bool is[REASON_COUNT];
	uint8_t bytes[SHOWN];
	size_t shown;
	ei_val disasm;
};

// ---- a process ------------------------------------------------------------------------------

static void process_know(struct process *process)
{
	ei_run *r = process->run;
	process->modules = ei_alloc(ei_scratch(r), KNOWN_MAX * sizeof(uint64_t));
	process->threads = ei_alloc(ei_scratch(r), KNOWN_MAX * sizeof(uint64_t));
	if (!process->modules || !process->threads)
		return;
	ei_iter modules = ei_process_modules(r, process->p);
	for (ldr_entry m = ei_handle(r, ldr_entry); ei_next(&modules, &m);)
		if (process->module_count < KNOWN_MAX)
			process->modules[process->module_count++] =
				ei_u64_or(ei_get(m, DllBase), 0);
	ei_iter threads = ei_process_threads(r, process->p);
	for (ethread t = ei_handle(r, ethread); ei_next(&threads, &t);)
		if (process->thread_count < KNOWN_MAX)
			process->threads[process->thread_count++] =
				ei_u64_or(ei_get(t, Win32StartAddress), 0);
}

static bool any_inside(const uint64_t *addresses, size_t count, const ei_region *region)
{
	for (size_t i = 0; i < count; i++)
		if (addresses[i] >= region->start && addresses[i] <= region->end)
			return true;
	return false;
}

// ---- a region -------------------------------------------------------------------------------

static unsigned protection_of(const ei_region *region)
{
	return (unsigned)ei_u64_or(region->protection, 0);
}

// What is mapped cannot be told: its description is missing, or reads as zeroes.
static bool area_is_lost(ei_run *r, const ei_region *region)
{
	if (!region->control_area)
		return false;
	area mapped = ei_at(r, area, region->control_area);
	return !ei_u64_or(ei_get(mapped, Segment), 0);
}

// Windows XP has no type: there it is a file that is mapped as programs are.
static bool region_is_image(ei_run *r, const ei_region *region)
{
	if (ei_has(region->type))
		return region->type.u == VAD_TYPE_IMAGE;
	return (protection_of(region) & EI_PROTECT_ACCESS) == EI_PROTECT_EXECUTE_COPY &&
	       (region->file_object || area_is_lost(r, region));
}

// Where the first page is that is not all zeroes, of a page of the tables; `end`: there is none.
static uint64_t content_in(const struct process *process, uint64_t va, uint64_t end)
{
	uint8_t page[PAGE];
	for (; va < end; va += PAGE) {
		size_t got = ei_read(process->run, process->space, va, page, sizeof page);
		if (got && (page[0] || memcmp(page, page + 1, got - 1) != 0))
			return va;
	}
	return end;
}

// The first byte that differs from the file's page, as far as that is in memory.
static uint64_t change_in(ei_run *r, const ei_page_state *page)
{
	uint8_t ours[PAGE], original[PAGE];
	if (!page->original || ei_read_physical(r, page->pa, ours, PAGE) < PAGE ||
		ei_read_physical(r, page->original, original, PAGE) < PAGE)
		return page->va;
	for (size_t i = 0; i < PAGE; i++)
		if (ours[i] != original[i])
			return page->va + i;
	return page->va;
}

static void page_count(struct finding *finding, const ei_page_state *page)
{
	unsigned pages = (unsigned)(page->size / PAGE);
	bool executable = page->flags & EI_PAGE_EXECUTE, image = finding->is_image;
	bool copy = page->flags & EI_PAGE_PRIVATE && !ei_u64_or(finding->region->is_private, 0);
	finding->kinds[page->flags & (EI_PAGE_WRITE | EI_PAGE_EXECUTE)] += pages;
	finding->executable += executable ? pages : 0;
	finding->changed += executable && copy ? pages : 0;
	finding->can_tell |= page->flags & EI_PAGE_SHARED || page->original;
	if (finding->found || (image && !(executable && copy)))
		return;
	uint64_t at = content_in(finding->process, page->va, page->va + page->size);
	if (at == page->va + page->size)
		return;
	finding->first_page = at == finding->region->start;
	finding->at = image ? change_in(finding->process->run, page) : at;
	finding->found = true;
}

static void pages_count(struct finding *finding)
{
	const struct process *process = finding->process;
	uint64_t va = finding->region->start;
	ei_page_state page;
	while (ei_next_region_page(process->run, process->space, finding->region, va, &page)) {
		page_count(finding, &page);
		va = page.va + page.size;
		if (va <= page.va)
			return;
	}
}

static void bytes_read(struct finding *finding)
{
	const struct process *process = finding->process;
	bool narrow = ei_pointer_size(process->run) == 4 ||
		      (process->wow64 && (ei_compat_vol3(process->run) || finding->at >> 32 == 0));
	uint64_t room = finding->region->end - finding->at;
	size_t decoded, want = room < SHOWN ? (size_t)room + 1 : SHOWN;
	// What is missing is zeroes.
	memset(finding->bytes, 0, SHOWN);
	ei_read(process->run, process->space, finding->at, finding->bytes, want);
	finding->shown = ei_compat_vol3(process->run) ? SHOWN : want;
	finding->disasm = ei_disassemble(process->run, finding->bytes, finding->shown, finding->at,
		narrow ? 32 : 64, &decoded);
	finding->is[NO_CODE] = decoded < finding->shown / 2;
}

// ---- reasons --------------------------------------------------------------------------------

static void reason_of_region(struct finding *finding)
{
	const ei_region *region = finding->region;
	unsigned access = protection_of(region) & EI_PROTECT_ACCESS;
	bool can_execute = access & EI_PROTECT_EXECUTE, can_write = access >= EI_PROTECT_READ_WRITE;
	if (finding->is_image)
		finding->is[CODE_CHANGED] = finding->changed && finding->can_tell;
	else if (can_execute && can_write)
		finding->is[ALLOCATED_RWX] = true;
	else if (!finding->executable && !can_execute)
		return;
	else if (!can_execute)
		finding->is[MADE_EXECUTABLE] = true;
	else if (region->file_object)
		finding->is[DATA_FILE] = true;
	else
		finding->is[ei_u64_or(region->is_private, 0) ? ALLOCATED_RX : SHARED_CODE] = true;
}

static void reason_of_start(struct finding *finding)
{
	const struct process *process = finding->process;
	const uint8_t *bytes = finding->bytes;
	ei_pe pe;
	if (memcmp(bytes, "MZ", 2) == 0) {
		bool whole = ei_pe_read(process->run, process->space, finding->at, &pe);
		finding->is[whole ? PROGRAM : PROGRAM_START] = true;
		finding->is[NO_CODE] = false;
	}
	for (size_t i = 0; i < EI_COUNT(shellcodes); i++)
		if (memcmp(bytes, shellcodes[i].bytes, shellcodes[i].length) == 0)
			finding->is[SHELLCODE] = true;
	finding->is[PROLOGUE] = bytes[0] == 0x55 && !finding->is[SHELLCODE] &&
				(bytes[1] == 0x8b || bytes[1] == 0x48 || bytes[1] == 0x89);
}

static void reasons_find(struct finding *finding)
{
	const struct process *process = finding->process;
	const ei_region *region = finding->region;
	bytes_read(finding);
	if (finding->is_image)
		return;
	reason_of_start(finding);
	finding->is[HEADER_GONE] = !finding->first_page;
	finding->is[TAKEN_PLACE] = any_inside(process->modules, process->module_count, region);
	finding->is[THREAD_STARTS] = any_inside(process->threads, process->thread_count, region);
}

static unsigned score_of(const struct finding *finding)
{
	int score = 0;
	for (size_t i = 0; i < REASON_COUNT; i++)
		score += finding->is[i] ? reasons[i].weight : 0;
	return score < 0 ? 0 : score > 100 ? 100 : (unsigned)score;
}

// ---- rows -----------------------------------------------------------------------------------

static ei_val reasons_text(ei_run *r, const struct finding *finding)
{
	const char *text = "";
	for (size_t i = 0; i < REASON_COUNT && text; i++)
		if (finding->is[i])
			text = ei_text(
				ei_scratch(r), "%s%s%s", text, *text ? ", " : "", reasons[i].text);
	return ei_str(text);
}

static ei_val now_text(ei_run *r, const struct finding *finding)
{
	static const char *const names[] = { [0] = "r",
		[EI_PAGE_WRITE] = "rw",
		[EI_PAGE_EXECUTE] = "rx",
		[EI_PAGE_WRITE | EI_PAGE_EXECUTE] = "rwx" };
	const char *text = "";
	for (size_t i = 0; i < EI_COUNT(names) && text; i++)
		if (finding->kinds[i])
			text = ei_text(ei_scratch(r), "%s%s%s %u", text, *text ? ", " : "",
				names[i], finding->kinds[i]);
	return ei_str(text);
}

static ei_val note_of(const struct finding *finding)
{
	for (size_t i = 0; i < EI_COUNT(starts); i++)
		if (memcmp(finding->bytes, starts[i].bytes, 2) == 0)
			return ei_str(starts[i].note);
	return ei_absent(EI_NONE);
}

static char shown_char(uint8_t byte)
{
	return byte >= 0x20 && byte <= 0x7e ? (char)byte : '.';
}

// Volatility's own drawing of it, quotes included.
static ei_val hexdump(ei_run *r, const struct finding *finding)
{
	enum { WIDTH = 16, LINE = 3 * WIDTH + WIDTH + 1 };
	if (!ei_compat_vol3(r))
		return ei_bytes(finding->bytes, (uint32_t)finding->shown);
	char *text = ei_alloc(ei_scratch(r), SHOWN / WIDTH * LINE + 3), *at = text;
	if (!text)
		return ei_absent(EI_NONE);
	*at++ = '"';
	for (size_t i = 0; i < SHOWN; i += WIDTH) {
		*at++ = '\n';
		for (size_t j = i; j < i + WIDTH; j++, at += 3)
			snprintf(at, 4, "%02x ", finding->bytes[j]);
		for (size_t j = i; j < i + WIDTH; j++)
			*at++ = shown_char(finding->bytes[j]);
	}
	*at++ = '"';
	*at = 0;
	return ei_str(text);
}

static ei_val disasm(ei_run *r, const struct finding *finding)
{
	if (!ei_compat_vol3(r))
		return finding->disasm;
	return ei_str(ei_text(ei_scratch(r), "\"%.*s\"",
		ei_has(finding->disasm) ? (int)finding->disasm.length : 0,
		ei_has(finding->disasm) ? finding->disasm.s : ""));
}

static ei_error *dump(ei_run *r, const struct finding *finding, ei_val pid, ei_val *name)
{
	const ei_region *region = finding->region;
	ei_extract *extract;
	ei_extracted done;
	*name = ei_absent(EI_NONE);
	if (!ei_has(ei_opt(r, OPT_DUMP)))
		return NULL;
	EI_TRY(ei_extract_begin(r,
		ei_text(ei_scratch(r), "pid.%llu.vad.0x%llx-0x%llx.dmp",
			(unsigned long long)ei_u64_or(pid, 0), (unsigned long long)region->start,
			(unsigned long long)region->end),
		&extract));
	ei_extract_memory(
		extract, finding->process->space, region->start, region->end - region->start + 1);
	EI_TRY(ei_extract_end(extract, &done));
	*name = done.file;
	return NULL;
}

static ei_error *finding_emit(ei_run *r, const struct finding *finding)
{
	const ei_region *region = finding->region;
	ei_val pid = ei_get(*finding->process->p, UniqueProcessId), file;
	EI_TRY(dump(r, finding, pid, &file));
	ei_emit(r, (ei_val[COLUMNS]){
			   [PID] = pid,
			   [PROCESS] = ei_get(*finding->process->p, ImageFileName),
			   [START] = ei_addr(region->start),
			   [END] = ei_addr(region->end),
			   [TAG] = region->tag[0] ? ei_str(region->tag) : ei_absent(EI_UNREADABLE),
			   [PROTECTION] = ei_protection_text(r, region->protection),
			   [NOW] = now_text(r, finding),
			   [COMMIT] = region->commit,
			   [PRIVATE] = region->is_private,
			   [FILE_PATH] = region->file,
			   [EXECUTABLE] = ei_uint(finding->executable),
			   [CHANGED] = ei_uint(finding->changed),
			   [SCORE] = ei_uint(score_of(finding)),
			   [REASONS] = reasons_text(r, finding),
			   [AT] = ei_addr(finding->at),
			   [OUTPUT] = file,
			   [NOTES] = note_of(finding),
			   [HEXDUMP] = hexdump(r, finding),
			   [DISASM] = disasm(r, finding),
		   });
	return NULL;
}

// ---- all ------------------------------------------------------------------------------------

// Volatility's own question.
static bool volatility_asks(const ei_region *region)
{
	unsigned protection = protection_of(region), access = protection & EI_PROTECT_ACCESS;
	if (access != EI_PROTECT_EXECUTE_READ_WRITE && access != EI_PROTECT_EXECUTE_COPY)
		return false;
	if (ei_u64_or(region->is_private, 0) == 1)
		return strcmp(region->tag, "VadS") == 0;
	return protection != EI_PROTECT_EXECUTE_COPY;
}

static ei_error *region_judge(const struct process *process, const ei_region *region)
{
	ei_run *r = process->run;
	bool compat = ei_compat_vol3(r);
	struct finding finding = { .process = process,
		.region = region,
		.is_image = !compat && region_is_image(r, region) };
	if (compat && !volatility_asks(region))
		return NULL;
	pages_count(&finding);
	reason_of_region(&finding);
	bool any = compat;
	for (size_t i = 0; i < REASON_COUNT; i++)
		any |= finding.is[i];
	if (!any || !finding.found)
		return NULL;
	if (compat)
		finding.at = region->start;
	reasons_find(&finding);
	if (score_of(&finding) < ei_u64_or(ei_opt(r, OPT_SCORE), 0))
		return NULL;
	return finding_emit(r, &finding);
}

static ei_error *process_judge(ei_run *r, const eprocess *p)
{
	struct process process = { .run = r,
		.p = p,
		.space = ei_process_space(r, p),
		.wow64 = ei_u64_or(ei_process_is_wow64(p), 0) != 0 };
	ei_region_cursor cursor = { 0 };
	if (!process.space)
		return NULL;
	process_know(&process);
	for (ei_region region; ei_next_region(r, p, &cursor, &region);)
		EI_TRY(region_judge(&process, &region));
	return NULL;
}

static ei_error *run(ei_run *r)
{
	ei_iter it = ei_processes(r);
	for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
		if (ei_opt_allows(r, OPT_PID, ei_get(p, UniqueProcessId)))
			EI_TRY(process_judge(r, &p));
	return NULL;
}

EI_PLUGIN(malfind) = {
	EI_HEAD(malfind),
	.vol3 = "windows.malfind.Malfind",
	.purpose = "memory of processes that holds code nobody's file accounts for",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec, &area_spec),
	EI_SYMBOLS("PsActiveProcessHead"),
	.run = run,
};
