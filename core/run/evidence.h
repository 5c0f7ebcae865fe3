// Evidence for indicators: what one image says about the terms that a program of them asks for.
//
// Processes come first: every other thing is bound to them by its pid. Then run those plugins whose
// columns carry terms that are asked for, one pass over memory looks for all that is text, and
// rules of YARA are matched. Rows become entities: rows of any plugin with the same pid are about
// one process, rows with the same pid and the same base about one region.
//
//     EI_TRY(evidence_gather(&wish, &evidence));
//     EI_TRY(ioc_evaluate(evidence_logic(evidence), indicator, arena, &verdict));
//     const struct holder *who = evidence_holder(evidence, verdict.witnesses[0].mark);
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_EVIDENCE_H
#define RUN_EVIDENCE_H

#include "ioc/ioc.h"
#include "run/run.h"

struct evidence_wish {
	const struct session *session;
	const struct plugin_set *plugins;
	const struct ioc_set *set; // compiled
	const struct ioc_program *program;
	const bool *cancelled;
	void (*progress)(void *context, uint64_t done, uint64_t total); // may be NULL
	void *progress_context;
};

#define EVIDENCE_NO_PID UINT64_MAX

// A value that made some condition true.
struct fact {
	const char *term;
	const char *value; // the first bytes of it; as the image has them: renderers escape
	uint32_t length;
	bool has_address;
	uint64_t address;   // of the value, where that is known
	const char *where;  // "private", "heap 0x1f0000", a path; or NULL
	const char *source; // who says so: "handles", "search"
	const struct fact *next;
};

// An entity, for people.
struct holder {
	const char *domain; // "ProcessItem/HandleList/Handle"
	const char *source; // who said first that it is there
	uint64_t pid;       // EVIDENCE_NO_PID: not of a process
	uint64_t address;   // 0: none
	const struct fact *facts;
};

struct evidence_process {
	uint64_t pid, ppid, offset, created, exited; // FILETIME; 0: not known, not yet
	const char *name, *path, *command;           // "" where there is none
	bool listed;                                 // on the kernel's list
	uint32_t parent;                             // index; UINT32_MAX: none that is known
	uint32_t holder;
};

// Who was asked.
struct evidence_source {
	const char *name;
	uint64_t rows;
	bool complete;
	const char *why; // not complete, or could not be asked; or NULL
	uint64_t nanoseconds;
};

struct evidence;

// Who answers a term, apart from terms that it is a part of: plugins and sources within, with
// commas between them, added to `out`.
void evidence_answerers(
	const struct plugin_set *plugins, const struct ioc_term *term, struct text *out);

// What cannot be asked is said by the sources and leaves terms unknown. EI_E_UNKNOWN where no
// Windows system is found, EI_E_NOMEM, EI_E_CANCELLED. What the wish points to must outlive it,
// but for the session.
EI_CHECKED ei_error *evidence_gather(const struct evidence_wish *wish, struct evidence **out);
void evidence_drop(struct evidence *evidence); // NULL is allowed
EI_OWNER(evidence, evidence_drop);

struct ioc_evidence *evidence_logic(struct evidence *evidence);
const struct holder *evidence_holder(const struct evidence *evidence, uint64_t mark);
size_t evidence_process_count(const struct evidence *evidence);
const struct evidence_process *evidence_process_at(const struct evidence *evidence, size_t index);
const struct evidence_process *evidence_process_of(const struct evidence *evidence, uint64_t pid);
size_t evidence_source_count(const struct evidence *evidence);
const struct evidence_source *evidence_source_at(const struct evidence *evidence, size_t index);

#endif
