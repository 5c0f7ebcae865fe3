// Evidence about programs: what those that lie in memory say of themselves. Of processes, of their
// modules and of what was put there without a file; of drivers.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_parts.h"
#include "run/pe_facts.h"

#include <eidetic/memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const char source_name[] = "programs";

// What is asked of a program, below PEInfo.
static const char *const names[] = { "PETimeStamp", "Type", "BaseAddress",
	"DetectedAnomalies/string", "DigitalSignature/SignatureExists", "PdbPath", "ImportHash",
	"Exports/DllName", "Exports/NumberOfFunctions", "Exports/ExportedFunctions/string",
	"ImportedModules/Module/Name", "ImportedModules/Module/ImportedFunctions/string",
	"Sections/Section/Name", "ResourceInfoList/ResourceInfoItem/Type",
	"ResourceInfoList/ResourceInfoItem/Name", "VersionInfoList/VersionInfoItem/CompanyName",
	"VersionInfoList/VersionInfoItem/FileDescription",
	"VersionInfoList/VersionInfoItem/FileVersion",
	"VersionInfoList/VersionInfoItem/InternalName",
	"VersionInfoList/VersionInfoItem/LegalCopyright",
	"VersionInfoList/VersionInfoItem/OriginalFilename",
	"VersionInfoList/VersionInfoItem/ProductName",
	"VersionInfoList/VersionInfoItem/ProductVersion" };
enum { NAMES = ARRAY_LENGTH(names) };

// Whose program it is.
enum subject { OF_FILE, OF_PROCESS, OF_SECTION, OF_DRIVER, SUBJECTS };
static const char *const subjects[SUBJECTS] = { "FileItem", "ProcessItem",
	"ProcessItem/SectionList/MemorySection", "DriverItem" };

enum { TERM_BYTES = 160 };

static void term_name(char *out, unsigned subject, size_t name)
{
	snprintf(out, TERM_BYTES, "%s/PEInfo/%s", subjects[subject], names[name]);
}

enum { TRIES = 3 }; // for a file of which pages are missing, wherever else it is mapped

struct programs {
	struct evidence *evidence;
	ei_run *run;
	const struct ioc_term *terms[SUBJECTS][NAMES]; // NULL: nobody asks
	bool asked[SUBJECTS];
	uint64_t count;
};

// One program, and what it is evidence of.
struct program {
	struct programs *programs;
	const ei_space *space;
	uint64_t base;
	struct known known[SUBJECTS]; // UINT32_MAX: of none
	struct place place;
};

bool evidence_programs_say(const char *term)
{
	for (unsigned i = 0; i < SUBJECTS; i++)
		for (size_t n = 0; n < NAMES; n++) {
			char name[TERM_BYTES];
			term_name(name, i, n);
			if (!strcasecmp(name, term))
				return true;
		}
	return false;
}

// ---- values ---------------------------------------------------------------------------------
static bool page_read(void *context, uint32_t rva, uint8_t *page)
{
	const struct program *program = context;
	return ei_read(program->programs->run, program->space, program->base + rva, page,
		       PE_PAGE) == PE_PAGE;
}

// Items of a program's lists, of those that are told apart.
static struct known item_of(
	struct program *program, enum subject subject, const struct ioc_term *term, uint32_t item)
{
	struct evidence *evidence = program->programs->evidence;
	struct known owner = program->known[subject];
	if (!strcmp(term->domain, subjects[subject]))
		return owner;
	struct holder holder = { .source = source_name,
		.pid = evidence->holders[owner.holder].pid,
		.address = program->base };
	return evidence_same(evidence, (struct entity_key){ term->domain, { owner.entity, item } },
		owner.entity, IOC_NO_LINK, &holder);
}

static void fact_take(void *context, const char *name, uint32_t item, ei_val value)
{
	struct program *program = context;
	size_t at = 0;
	while (at < NAMES && strcmp(names[at], name) != 0)
		at++;
	for (unsigned i = 0; i < SUBJECTS && at < NAMES; i++) {
		const struct ioc_term *term = program->programs->terms[i][at];
		if (!term || program->known[i].entity == UINT32_MAX)
			continue;
		struct known known = item_of(program, (enum subject)i, term, item);
		if (known.entity != UINT32_MAX)
			evidence_value(program->programs->evidence, term->name, known, value,
				&program->place);
	}
}

// What is no program has no such properties.
static void absence_give(struct program *program, enum subject subject)
{
	struct programs *p = program->programs;
	for (size_t i = 0; i < NAMES; i++)
		if (p->terms[subject][i] && program->known[subject].entity != UINT32_MAX &&
			!strcmp(p->terms[subject][i]->domain, subjects[subject]))
			evidence_value(p->evidence, p->terms[subject][i]->name,
				program->known[subject], ei_absent(EI_NONE), NULL);
}

// Whether it is a program, all of which could be read.
static bool program_read(struct program *program)
{
	const struct pe_source source = { page_read, program, fact_take, program };
	bool complete = false;
	program->place = (struct place){
		.has_address = true, .address = program->base, .source = source_name
	};
	program->programs->count += pe_facts(&source, &complete);
	return complete;
}

// ---- files ----------------------------------------------------------------------------------
// A file is mapped by many and read once, unless pages were missing. How often it was tried is kept
// beside its evidence, for as long as all of it is gathered.
static struct entity_slot *tries_of(struct programs *p, ei_val path)
{
	static const char domain[] = "FileItem/PEInfo";
	uint64_t key = evidence_path_key(path);
	struct entity_slot *slot = key ? evidence_slot(p->evidence, domain, key, 0) : NULL;
	if (slot && !slot->domain)
		evidence_keep(p->evidence, slot, domain, key, 0, (struct known){ 0, 0 });
	return slot;
}

static bool file_wanted(struct programs *p, struct program *program, ei_val path)
{
	struct holder holder = {
		.source = source_name, .pid = EVIDENCE_NO_PID, .address = program->base
	};
	const struct entity_slot *tries = tries_of(p, path);
	if (tries && tries->entity >= TRIES)
		return false;
	struct known known = evidence_file(p->evidence, path, &holder);
	if (known.entity != UINT32_MAX && ei_has(path))
		evidence_value(p->evidence, "FileItem/FullPath", known, path, NULL);
	program->known[OF_FILE] = known;
	return known.entity != UINT32_MAX;
}

static void tries_count(struct programs *p, ei_val path, bool complete)
{
	struct entity_slot *tries = tries_of(p, path);
	if (tries)
		tries->entity = complete ? TRIES : tries->entity + 1;
}

// ---- processes ------------------------------------------------------------------------------
static struct known section_of(
	struct programs *p, const struct known *process, uint64_t pid, uint64_t start)
{
	static const char domain[] = "ProcessItem/SectionList/MemorySection";
	struct holder holder = { .source = source_name, .pid = pid, .address = start };
	return evidence_same(p->evidence, (struct entity_key){ domain, { pid, start } },
		process->entity, IOC_NO_LINK, &holder);
}

static bool is_own_program(const struct evidence_process *process, ei_val path)
{
	return process && *process->path && ei_has(path) &&
	       evidence_path_key(ei_str(process->path)) == evidence_path_key(path);
}

static void region_give(struct programs *p, struct known process, uint64_t pid,
	const ei_space *space, const ei_region *region)
{
	static const struct known none = { UINT32_MAX, UINT32_MAX };
	struct program program = { .programs = p,
		.space = space,
		.base = region->start,
		.known = { none, none, none, none } };
	uint8_t magic[2];
	if (p->asked[OF_SECTION])
		program.known[OF_SECTION] = section_of(p, &process, pid, region->start);
	bool read = ei_read(p->run, space, region->start, magic, sizeof magic) == sizeof magic;
	if (read && memcmp(magic, "MZ", 2) != 0) {
		absence_give(&program, OF_SECTION);
		return;
	}
	if (!read)
		return;
	if (p->asked[OF_PROCESS] &&
		is_own_program(evidence_process_of(p->evidence, pid), region->file))
		program.known[OF_PROCESS] = process;
	bool file = p->asked[OF_FILE] && file_wanted(p, &program, region->file);
	if (!file && program.known[OF_PROCESS].entity == UINT32_MAX && !p->asked[OF_SECTION])
		return;
	bool complete = program_read(&program);
	if (file)
		tries_count(p, region->file, complete);
}

static void processes_give(struct programs *p)
{
	ei_iter it = ei_processes(p->run);
	for (eprocess process = ei_handle(p->run, eprocess); ei_next(&it, &process);) {
		uint64_t pid = ei_u64_or(ei_get(process, UniqueProcessId), EVIDENCE_NO_PID);
		const ei_space *space = ei_process_space(p->run, &process);
		struct known known = evidence_process(p->evidence, pid, source_name);
		ei_region_cursor cursor = { 0 };
		for (ei_region region; space && !ei_stopped(p->run) &&
				       ei_next_region(p->run, &process, &cursor, &region);)
			region_give(p, known, pid, space, &region);
	}
}

// ---- drivers --------------------------------------------------------------------------------
static void driver_give(struct programs *p, const kldr_entry *module)
{
	static const struct known none = { UINT32_MAX, UINT32_MAX };
	uint64_t base = ei_u64_or(ei_get(*module, DllBase), 0);
	struct program program = {
		.programs = p, .base = base, .known = { none, none, none, none }
	};
	if (!base)
		return;
	ei_val path = ei_get(*module, FullDllName);
	bool file = p->asked[OF_FILE] && file_wanted(p, &program, path);
	if (p->asked[OF_DRIVER])
		program.known[OF_DRIVER] = evidence_driver(p->evidence, base, source_name);
	bool complete = program_read(&program);
	if (file)
		tries_count(p, path, complete);
}

static void drivers_give(struct programs *p)
{
	ei_iter it = ei_modules(p->run);
	for (kldr_entry module = ei_handle(p->run, kldr_entry); ei_next(&it, &module);)
		driver_give(p, &module);
}

static ei_error *drivers_check(const struct evidence *evidence)
{
	const ei_plugin needs = { .name = source_name,
		.types = (const ei_type_spec *const[]){ &kldr_entry_spec },
		.type_count = 1,
		.symbols = (const char *const[]){ "PsLoadedModuleList" },
		.symbol_count = 1 };
	return run_check(evidence->wish.session, &needs);
}

// ---- all of them ----------------------------------------------------------------------------
static bool terms_gather(struct programs *p)
{
	bool any = false;
	for (unsigned i = 0; i < SUBJECTS; i++)
		for (size_t n = 0; n < NAMES; n++) {
			char term[TERM_BYTES];
			term_name(term, i, n);
			if (!evidence_asks(p->evidence, term))
				continue;
			p->terms[i][n] = evidence_term(p->evidence, term);
			p->asked[i] = any = true;
			ioc_evidence_answers(p->evidence->logic, term, false);
		}
	return any;
}

ei_error *evidence_programs(struct evidence *evidence)
{
	const ei_plugin needs = { .name = source_name,
		.types = (const ei_type_spec *const[]){ &eprocess_spec },
		.type_count = 1 };
	uint64_t started = evidence_clock();
	struct programs programs = { .evidence = evidence };
	if (!terms_gather(&programs))
		return NULL;
	EI_OWNED(ei_run) run = NULL;
	EI_TRY(evidence_open(evidence, &needs, started, &run));
	if (!run)
		return NULL;
	programs.run = run;
	if (programs.asked[OF_FILE] && evidence_asks(evidence, "FileItem/FullPath"))
		ioc_evidence_answers(evidence->logic, "FileItem/FullPath", false);
	if (programs.asked[OF_FILE] || programs.asked[OF_PROCESS] || programs.asked[OF_SECTION])
		processes_give(&programs);
	EI_OWNED(ei_error) no_drivers = drivers_check(evidence);
	if (!no_drivers && (programs.asked[OF_FILE] || programs.asked[OF_DRIVER]))
		drivers_give(&programs);
	evidence_source_add(evidence, source_name, programs.count,
		no_drivers ? ei_error_text(no_drivers) : NULL, started);
	return NULL;
}
