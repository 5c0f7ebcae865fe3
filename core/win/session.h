// The session: one opened image with its kernel found. What core/win, core/registry, core/scan and
// core/run share; the one header of core/win is win.h, this is what it stands on.
//
// A session is immutable once opened, and shared by all threads. A run (`ei_run`) is one plugin at
// work in one thread: it borrows the session and owns a reader and scratch memory.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_SESSION_H
#define WIN_SESSION_H

#include "profile/profile.h"
#include "space/space.h"
#include <eidetic/win.h>

// How a fact about the system was come by, for `info` and the run record.
struct identity {
	bool found;          // a kernel was found and validated
	struct space kernel; // the kernel's address space
	uint64_t kernel_base;
	uint32_t kernel_size;    // SizeOfImage; 0 unknown
	char root_witness[64];   // "crash header", "low stub", "self-map", "KDBG", "--dtb"
	char kernel_witness[64]; // "PE header and RSDS", "export directory", ...
	char pdb[64];            // "" without an RSDS record
	char guid[33];
	uint32_t age;
	uint32_t build;   // NT build number; 0 unknown
	uint32_t machine; // PE machine
	uint64_t kdbg;    // virtual address of _KDDEBUGGER_DATA64; 0 none
	bool arm64;       // recognised, not read
};

// One thing that was tried while identifying, for `info -v`.
struct attempt {
	const char *witness;
	uint64_t dtb;
	uint64_t pa; // where the witness was seen
	const char *outcome;
	bool accepted;
};

struct session {
	struct image *image;
	struct identity identity;
	struct profile *profile; // NULL: none
	bool profile_is_nearest; // another build's types; the symbols are what the image gave away
	char profile_how[512];   // "exact, built-in", "exact, ISF PATH", "--profile", why none
	ei_arena *arena;         // lives as long as the session
	const struct attempt *attempts;
	size_t attempt_count;
	const char *const *notes;
	size_t note_count;
	struct space physical;
	unsigned threads; // for parallel scans
	unsigned verbose; // how often -v was given
	bool compat_vol3; // --compat vol3: plugins whose rows are not a table of columns look
	const struct profile_store *store;
	struct shared *shared; // lazily built tables (pool hits, reverse map), with their locks
};

struct text;
struct option_values;
struct output;

struct ei_run {
	const struct session *session;
	struct reader *reader;
	ei_arena *scratch;           // rewound by iterators
	ei_arena *arena;             // lives as long as the run: layouts
	struct layout_slot *layouts; // resolved tables, newest first
	const ei_plugin *plugin;
	const struct option_values *options;
	struct output *output; // run/engine.h; NULL for work outside of a plugin
	const bool *cancelled; // set by a signal; may be NULL
	bool stopped;
	uint64_t rows, limit; // limit 0: none
	uint64_t notes;
	ei_error *failure;       // the sink failed: disk full...
	struct text *kept_notes; // of a shared table that is being built; NULL: notes are the run's
	uint32_t heard;          // slots whose notes this run has given
};

// "0x..." addresses in messages are canonical.
static inline uint64_t run_canonical(const ei_run *run, uint64_t va)
{
	return run->session->identity.kernel.mode->canonical(va);
}

#endif
