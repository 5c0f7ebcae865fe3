// Fixture: a Windows in memory, made object by object from a built-in profile, and what a plugin
// says of it.
//
//     FX_WINDOWS(fx, "win10-19041-x64");
//     fx_process(fx, .pid = 4, .name = "System");
//     fx_drop_page(fx, 0xffffa00000004000);
//     expect_rows(fx, "pslist",
//             "pid  name\n"
//             "4    System\n");
//
// Page tables and profile are real, so translation and field tables are under test too. Fields are
// written by the name that the profile has; those that it lacks are left out.
// SPDX-License-Identifier: Apache-2.0
#ifndef FX_FX_H
#define FX_FX_H

#include "fx_tables.h"
#include "profile/profile.h"
#include "win/session.h"

struct fx {
	struct fx_memory memory;
	struct fx_tables tables; // the kernel's
	struct profile *profile;
	struct session session;
	unsigned pointer;     // bytes
	uint64_t heap;        // next kernel address
	uint64_t processes;   // head of the list of processes
	uint64_t modules;     // head of the list of kernel modules
	uint64_t first_entry; // _LIST_ENTRY of the first process, for PsInitialSystemProcess
};

// One process or module. Addresses of what it lacks are 0.
struct fx_object {
	uint64_t va;
	uint64_t link;           // its _LIST_ENTRY
	struct fx_tables tables; // a process's; the kernel's where there is no user half
	uint64_t heap;           // next user address
	uint64_t peb, parameters, loader, environment;
};

struct fx_process {
	uint64_t at; // address of the _EPROCESS; default: fresh pages
	uint32_t pid, ppid;
	const char *name;
	const char *created, *exited; // "2024-03-14T13:26:53"
	uint32_t threads, handles;    // handles: 0 is no handle table
	int session;                  // 0 is none, n is session n - 1
	bool wow64;
	bool user;                         // has a PEB; so has whoever has one of these:
	const char *command_line, *image;  // path
	const char *environment;           // variables, separated by newlines
	uint64_t environment_at;           // default: fresh pages
	uint32_t environment_size;         // default: all of it; as the block's owner says
	const char *audit;                 // device path, kept by the kernel
	bool no_root;                      // without page tables
	uint64_t user_pages, user_page_at; // so many pages mapped there
};

struct fx_module {
	uint64_t at;
	const char *name, *path;
	uint64_t base;
	uint32_t size;
	const char *loaded;
};

void fx_init(struct fx *fx, const char *profile);
void fx_deinit(struct fx *fx);

#define FX_WINDOWS(fx, name)                                                                       \
	__attribute__((cleanup(fx_deinit))) struct fx fx##_itself;                                 \
	struct fx *fx = &fx##_itself;                                                              \
	fx_init(fx, name)

// Another profile from here on, from the text of an ISF file.
void fx_profile_parse(struct fx *fx, const char *isf);

#define fx_process(fx, ...) fx_process_add((fx), &(struct fx_process){ __VA_ARGS__ })
#define fx_module(fx, ...) fx_module_add((fx), &(struct fx_module){ __VA_ARGS__ })
#define fx_dll(fx, process, ...) fx_dll_add((fx), (process), &(struct fx_module){ __VA_ARGS__ })
struct fx_object fx_process_add(struct fx *fx, const struct fx_process *wish);
struct fx_object fx_module_add(struct fx *fx, const struct fx_module *wish);
struct fx_object fx_dll_add(struct fx *fx, struct fx_object *process, const struct fx_module *wish);

// ---- damage, last ---------------------------------------------------------------------------
void fx_drop_page(struct fx *fx, uint64_t va);                               // of the kernel
void fx_drop_user_page(struct fx *fx, struct fx_object *owner, uint64_t va); // of a process
void fx_forward(struct fx *fx, uint64_t link, uint64_t to);                  // sets Flink
void fx_backward(struct fx *fx, uint64_t link, uint64_t to);                 // sets Blink
uint64_t fx_symbol(const struct fx *fx, const char *name);

// ---- expectations ---------------------------------------------------------------------------
// Runs "PLUGIN [options]" and compares the columns that the first line names, row by row; two or
// more spaces part cells. Then the notes: each line that begins with '#' must be in the note at
// its place, and there are as many.
void expect_rows(struct fx *fx, const char *command, const char *expected);
// The run is refused, or ends, with this text in its error.
void expect_refused(struct fx *fx, const char *command, const char *text);

#endif
