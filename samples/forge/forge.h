// The forge: writes a Windows memory image from a profile and a scenario.
//
// A writer only: it shares nothing with the readers but profile data, so that one misunderstanding
// cannot hide in both. Everything is kept in one `struct forge`. Failures are sticky: the first
// one is remembered (forge_fail), writes after it go nowhere, and the caller asks once per stage.
// SPDX-License-Identifier: Apache-2.0
#ifndef FORGE_FORGE_H
#define FORGE_FORGE_H

#include "base/base.h"
#include "container.h"
#include "profile/profile.h"
#include <jansson.h>
#include <stdio.h>

enum paging_mode { PAGING_X86, PAGING_PAE, PAGING_X64 };

// An address space: the kernel's (System's) or a process's.
struct space {
	uint64_t dtb;  // physical address of the top table
	uint64_t next; // next free user address that nobody asked for
};

// Kernel objects are addressed by space, address and the type whose fields are written.
struct object {
	struct space *space;
	uint64_t va;
	const char *type;
};

enum pool_kind { POOL_NONPAGED, POOL_PAGED, POOL_KINDS };
enum region { REGION_NONPAGED, REGION_PAGED, REGION_DRIVERS, REGION_SYSTEM, REGIONS };

struct pool {
	uint64_t page; // page being filled, 0 at first
	uint32_t used; // bytes of it
	uint32_t previous_size;
};

struct big_allocation {
	uint64_t va;
	uint32_t tag;
	uint32_t bytes;
	enum pool_kind kind;
};

struct symbol {
	const char *name;
	uint64_t rva;
};

// A section: what control area, segment, subsections and prototype entries are written from.
struct section_page {
	uint64_t frame; // 0: not in memory
	bool transition;
};

struct section_part {
	uint64_t first_page, pages;
	uint64_t file_offset, file_bytes;
	uint32_t protection;
};

enum { SECTION_PARTS = 12 };

struct section {
	bool image;
	uint64_t base;        // of an image
	uint64_t file_object; // 0: backed by the page file
	uint64_t page_count;
	struct section_page *pages;
	struct section_part parts[SECTION_PARTS];
	uint32_t part_count;
	uint64_t control_area, segment, subsection, prototypes; // made by section_write
};

// A file that is mapped as an image in several processes, or a driver.
struct image_file {
	char *name; // "ntdll.dll"
	char *path; // "C:\\Windows\\System32\\ntdll.dll"
	uint64_t base;
	uint32_t size;
	uint32_t timestamp;
	bool wow64;
	uint64_t header_frame; // shared by everybody who maps it
	uint64_t text_frame;
	struct section section;
	struct image_file *next;
};

// A user region of a process, becomes a node of its tree of address descriptors.
struct region_node {
	uint64_t start, end;           // end: last byte
	uint32_t protection;           // Windows' 5-bit memory manager protection
	struct image_file *file;       // an image
	const struct section *section; // shared memory that is no image; neither: private
	const char *path;              // of the section's file, NULL: none
	uint32_t commit;
};

// The loader's lists that name a mapped image.
enum { IN_LOAD = 1, IN_MEMORY = 2, IN_INITIALISATION = 4, IN_ALL = 7 };

struct loaded_image {
	uint64_t base;
	uint32_t lists;
};

struct thread {
	struct object object; // _ETHREAD
	uint64_t tid;
	struct thread *next;
};

// One entry of a handle table that is being put together.
struct handle_entry {
	uint32_t index; // the handle is four times this
	uint32_t access, attributes;
	uint64_t target; // what the entry points at: an object header, in the table of ids a body
};

struct handle_list {
	struct handle_entry *entries; // by index
	size_t count;
};

struct process {
	struct space space;
	struct object object; // _EPROCESS
	char *name;
	uint64_t pid, ppid;
	uint64_t created, exited;
	int64_t session; // -1: none
	uint64_t peb;    // 0: no user half
	uint64_t image;  // where its program is mapped
	bool wow64;
	bool unlinked;
	bool keeps_handles; // though it has exited
	bool in_subsystem;  // csrss.exe has a handle to it
	struct thread *threads;
	struct handle_list handles;
	struct region_node *regions;
	size_t region_count;
	struct loaded_image *images;
	size_t image_count;
	struct process *next;
};

struct loaded_module {
	const char *name;
	uint64_t base;
	uint64_t entry; // of the loaded list
	uint32_t size;
	bool unlinked;
	const json_t *description; // NULL: the kernel's own
};

struct forge {
	// What was asked for.
	struct profile *profile;
	const char *isf_path; // NULL: a built-in
	json_t *scenario;
	const char *scenario_path;
	uint64_t size_bytes;
	uint64_t random;
	FILE *truth;
	bool unlisted;   // rows are about a process that no list has
	bool crashed;    // into a crash dump
	ei_error *error; // sticky

	// What Windows it is.
	enum paging_mode mode;
	uint32_t pointer; // 4 or 8
	uint32_t major, minor, build, revision;
	bool vista;            // pool type numbering, and much else
	bool win7;             // type index instead of type pointer
	bool win8;             // plain pool tags, object table without a count
	bool win10;            // header cookie
	bool wide_user;        // user addresses end at 128 TiB, before at 8
	bool registry_process; // hives are mapped in the user half of a process
	uint64_t now, booted;  // FILETIME
	uint32_t processors;
	char build_lab[64];

	// Physical memory.
	struct store *store;
	struct phys_run runs[4];
	size_t run_count;

	// Virtual memory.
	struct space kernel;
	uint32_t self_index;
	uint64_t region_next[REGIONS];
	struct pool pools[POOL_KINDS];
	struct big_allocation *big;
	size_t big_count;
	uint64_t shared_frame; // of KUSER_SHARED_DATA

	// The kernel.
	uint64_t kernel_base;
	uint32_t kernel_size;
	struct symbol *invented; // for profiles without symbols
	size_t invented_count;
	struct symbol *placed; // by code.c, for what neither profile nor symbol.c places
	size_t placed_count;
	char guid[33];
	uint32_t age;
	const char *pdb;
	uint32_t rsds_rva;
	uint32_t timestamp;
	uint8_t cookie;
	uint64_t type_va[64];
	const char *type_name[64];
	size_t type_count;

	struct image_file *files;
	struct cached_file *cached;
	uint64_t library_next[2]; // ceiling for 64-bit and 32-bit libraries
	struct process *processes;
	struct process *registry;
	uint64_t sessions[8];
	uint64_t device;               // the volume's device object
	struct named_object *named;    // everything with a place in the namespace
	struct key_block *key_blocks;  // control blocks of open keys
	struct handle_list ids;        // processes and threads
	uint8_t id_used[1 << 14];      // a bit for each multiple of 4
	struct loaded_module *modules; // by load order, the hidden too
	size_t module_count;
	struct dump_driver *drivers;
	size_t driver_count;
};

// ---- forge.c: errors, random numbers, scenario values -----------------------------------------
void forge_fail(struct forge *f, ei_code code, const char *format, ...) EI_PRINTF(3, 4);
void *forge_alloc(struct forge *f, size_t bytes); // zeroed, lives to the end; NULL sets the error
char *forge_copy(struct forge *f, const char *text);
uint64_t forge_random(struct forge *f);
uint64_t forge_below(struct forge *f, uint64_t limit);
bool forge_time(const char *iso, uint64_t *out); // ISO 8601 UTC to FILETIME
const char *scenario_text(const json_t *in, const char *key, const char *otherwise);
uint64_t scenario_number(const json_t *in, const char *key, uint64_t otherwise); // or "0x…" text
bool scenario_flag(const json_t *in, const char *key);
uint64_t scenario_time(struct forge *f, const json_t *in, const char *key, uint64_t otherwise);
// A name in the scenario's "damage" object, NULL when it is not there.
const json_t *scenario_damage(const struct forge *f, const char *name);

// ---- memory.c: sparse physical pages ----------------------------------------------------------
ei_error *memory_create(struct forge *f);
void memory_drop(struct forge *f);
uint64_t memory_take(struct forge *f);                     // a random free frame
bool memory_take_at(struct forge *f, uint64_t frame);      // false: taken, or outside RAM
uint64_t memory_take_run(struct forge *f, uint64_t count); // contiguous and aligned to `count`
uint8_t *memory_page(struct forge *f, uint64_t frame);     // never NULL; allocates
void memory_forget(struct forge *f, uint64_t frame);       // back to zeroes (a lost page)
void memory_mark_user(struct forge *f, uint64_t frame);
struct phys_view memory_view(const struct forge *f);
bool memory_user_frame(const void *store, uint64_t frame);

// ---- paging.c: page tables --------------------------------------------------------------------
enum {
	PTE_VALID = 0x1,
	PTE_WRITE = 0x2,
	PTE_USER = 0x4,
	PTE_LARGE = 0x80,
	PTE_KERNEL = 0x163, // valid, writable, accessed, dirty, global
	PTE_USER_DATA = 0x67,
	PTE_USER_CODE = 0x25,
};
#define PTE_NX (1ULL << 63)
void paging_create_kernel(struct forge *f);
void paging_create(struct forge *f, struct space *space);
void paging_seal(struct forge *f); // copies the kernel half to every process
void paging_map(struct forge *f, struct space *space, uint64_t va, uint64_t frame, uint64_t flags);
void paging_map_large(struct forge *f, struct space *space, uint64_t va, uint64_t frame);
void paging_set(struct forge *f, struct space *space, uint64_t va, uint64_t entry); // raw entry
// The frame of a mapped address; UINT64_MAX when it is not mapped.
uint64_t paging_frame(struct forge *f, const struct space *space, uint64_t va);
uint64_t paging_entry(struct forge *f, const struct space *space, uint64_t va);
uint64_t paging_physical(struct forge *f, const struct space *space, uint64_t va);
uint64_t paging_large_bytes(const struct forge *f);
uint64_t paging_canonical(const struct forge *f, uint64_t va);
uint64_t region_take(struct forge *f, enum region region, uint64_t bytes);    // mapped kernel pages
uint64_t region_reserve(struct forge *f, enum region region, uint64_t bytes); // addresses only
void region_init(struct forge *f);

// ---- write.c: bytes and fields at virtual addresses --------------------------------------------
void write_bytes(
	struct forge *f, struct space *space, uint64_t va, const void *bytes, size_t length);
void read_bytes(struct forge *f, struct space *space, uint64_t va, void *bytes, size_t length);
void write_u32(struct forge *f, struct space *space, uint64_t va, uint32_t value);
void write_pointer(struct forge *f, struct space *space, uint64_t va, uint64_t value);
uint64_t read_pointer(struct forge *f, struct space *space, uint64_t va);
// UTF-8 to UTF-16LE at `va`; returns the bytes, without the NUL that is written as well.
uint32_t write_utf16(struct forge *f, struct space *space, uint64_t va, const char *utf8);
uint32_t utf16_bytes(const char *utf8);

// Writes a field by name; what this build does not have is skipped. Names separated by `|` are
// the names that a field has had. Bit fields are written at their bits.
void forge_put(struct forge *f, struct object o, const char *path, uint64_t value);
void forge_put_text(struct forge *f, struct object o, const char *path, const char *text);
void forge_put_string(
	struct forge *f, struct object o, const char *path, uint64_t buffer, uint32_t bytes);
// Address of a field, 0 when this build does not have it.
uint64_t forge_field(struct forge *f, struct object o, const char *path);
uint32_t forge_size(struct forge *f, const char *type, uint32_t otherwise);
void list_init(struct forge *f, struct space *space, uint64_t head);
void list_add(struct forge *f, struct space *space, uint64_t head, uint64_t node); // at the tail

// ---- pool.c, object.c: the kernel's heap and its objects
// ----------------------------------------- Body of a new allocation, zeroed. Past a page it is
// "big": page aligned and without a header.
uint64_t pool_take(struct forge *f, enum pool_kind kind, const char *tag, uint32_t bytes);
uint64_t pool_text(struct forge *f, enum pool_kind kind, const char *utf8, uint32_t *bytes);
void pool_write_big_table(struct forge *f);

struct object_request {
	const char *object_type;      // "Process"
	const char *type;             // "_EPROCESS"
	const char *tag;              // "Proc", without the protected bit
	const char *name;             // NULL: unnamed
	uint64_t directory;           // address of the name's directory
	uint32_t bytes;               // of the body; 0: the size of `type`
	bool quota, creator, handles; // further headers in front of it
	enum pool_kind kind;
};
struct object object_create(struct forge *f, const struct object_request *request);
void object_create_types(struct forge *f);
bool object_type_exists(const struct forge *f, const char *name);
uint64_t object_header(struct forge *f, struct object o);
void object_open(struct forge *f, uint64_t body); // one more handle

// ---- namespace.c: directories, symbolic links, and who is where ---------------------------------
void namespace_create(struct forge *f);
// The directory of that path; it and what leads there are made when missing.
uint64_t directory_find(struct forge *f, const char *path);
// A new object at a path like "\\BaseNamedObjects\\x"; `request` lacks only name and directory.
struct object named_create(struct forge *f, const struct object_request *request, const char *path);
uint64_t named_find(const struct forge *f, const char *object_type, const char *path); // 0: none
void named_note(struct forge *f, const char *type, const char *path, uint64_t va);
void symlink_create(struct forge *f, const char *path, const char *target);

// ---- handle.c, handle_table.c: handle tables and what is in them --------------------------------
void handle_add(struct forge *f, struct handle_list *list, struct handle_entry entry);
// A table of one, two or three levels; pages of it without any entry are paged out.
uint64_t handle_table_write(struct forge *f, const struct handle_list *list, bool of_ids);
void id_table_write(struct forge *f);
bool id_take(struct forge *f, uint64_t id); // false: in use

// ---- key_block.c: control blocks of open keys; paths start behind \\REGISTRY\\ ------------------
uint64_t key_block_find(struct forge *f, const char *path);

// ---- thread.c, token.c
// ----------------------------------------------------------------------------
void thread_create_all(struct forge *f, struct process *p, const json_t *description);
void token_create(struct forge *f, struct process *p, const json_t *description);

// ---- pe.c, kernel.c ---------------------------------------------------------------------------
struct pe_spec {
	const char *name; // internal and export name
	uint64_t base;
	uint32_t size, timestamp, checksum;
	bool is64, driver, dll;
	uint32_t major, minor, build, revision; // operating system version
};
void pe_write_header(const struct pe_spec *spec, uint8_t *page);
void pe_set_directory(uint8_t *page, uint32_t index, uint32_t rva, uint32_t bytes);
// What the scenario's "images" say of the file at `path`, into its header and the page behind it.
void image_write_content(struct forge *f, const char *path, uint8_t *header, uint8_t *text);
void symbol_invent(struct forge *f); // addresses, for profiles that have types only
bool symbol_near(struct forge *f, uint64_t rva, uint64_t bytes); // is one of ours in there?
void kernel_create(struct forge *f);                             // its image, mapped
void kernel_write(struct forge *f);        // variables, debugger data, shared page, low stub
void kernel_write_tables(struct forge *f); // exports, version, debug record
uint64_t kernel_symbol(struct forge *f, const char *name);          // address; 0: no such symbol
void kernel_set(struct forge *f, const char *name, uint64_t value); // pointer-sized
void kernel_set32(struct forge *f, const char *name, uint32_t value);
// ---- code.c: functions of the kernel, and the variables that they refer to
void code_create(struct forge *f);
void code_finish(struct forge *f); // what is only known when there are processes
const char *code_export(const struct forge *f, size_t index); // NULL past the last
void code_encode_debugger_data(struct forge *f, uint64_t block, uint32_t bytes);
ei_error *kernel_identify(struct forge *f); // version, mode, defaults by what the types have
ei_error *isf_write(struct forge *f, const char *dir);

// ---- process.c, vad.c, user.c, module.c, registry.c ---------------------------------------------
void process_create_all(struct forge *f);
struct process *process_by_name(struct forge *f, const char *name);
uint32_t process_name_bytes(struct forge *f); // what _EPROCESS keeps of a name, without the NUL
void vad_add(struct forge *f, struct process *p, struct region_node region);
void vad_write_tree(struct forge *f, struct process *p);
void user_create(struct forge *f, struct process *p, const json_t *description);
// The user half of a thread: its environment block and its stack; the address of the former.
uint64_t user_create_thread(struct forge *f, struct process *p, const struct thread *t, size_t nth);
// Private memory with contents: maps pages as it writes. `flags` of new pages.
void user_write(struct forge *f, struct process *p, uint64_t va, const void *bytes, size_t length,
	uint64_t flags);
// Pages [va, va + bytes) of a process that are in memory, and known to its tree.
void user_pages(struct forge *f, struct process *p, uint64_t va, uint64_t bytes);
// Notes an image that is mapped, for the truth; `lists`: set of IN_LOAD..., that name it.
void loaded_image_note(struct forge *f, struct process *p, uint64_t base, uint32_t lists);

// The 32-bit half of a process on a 64-bit system: its block, and its loader's list.
void wow64_create(struct forge *f, struct process *p, const json_t *description);

// The image at a path, made on first use; everybody shares its header and first code page.
struct image_file *file_find(struct forge *f, const char *path, bool wow64, bool program);
bool path_has_device(const char *path);  // "\\Device\\NamedPipe\\x"
const char *file_tail(const char *path); // behind the drive or device
void file_create_volume(struct forge *f);
void file_map(struct forge *f, struct process *p, struct image_file *file);
void file_make_section(struct forge *f, struct image_file *file); // control area, subsection
uint64_t file_object(struct forge *f, const char *path);          // a _FILE_OBJECT of that name
uint64_t file_open(struct forge *f, const char *path);            // the same one each time
// ---- section.c, cached_file.c
// ---------------------------------------------------------------------
void section_write(struct forge *f, struct section *s);
void section_map(
	struct forge *f, struct process *p, const struct section *s, uint64_t va, uint64_t flags);
uint64_t section_last_pte(const struct forge *f, const struct section *s);
// Sets one of the pointers that a file object shares with others of the same file.
void section_attach(
	struct forge *f, uint64_t file_object, const char *field, uint64_t control_area);
void cached_create_all(struct forge *f);
const struct section *cached_section(const struct forge *f, const char *path); // NULL: none

// Bytes of {"text"|"utf16"|"hex"|"fill"} in a scenario; the caller frees. NULL: none of them.
uint8_t *content_bytes(struct forge *f, const json_t *content, size_t *length);
void module_create_all(struct forge *f);
const struct loaded_module *module_find(const struct forge *f, const char *name);
// Of the module on the list that an address is in; NULL: none.
const char *module_name_at(const struct forge *f, uint64_t va);
void driver_create_all(struct forge *f);
void callback_create_all(struct forge *f);
void service_create_all(struct forge *f);
void unloaded_create_all(struct forge *f);
void registry_create_all(struct forge *f);
void handle_create_all(struct forge *f);
void term_write_all(struct forge *f);
void net_create_all(struct forge *f);
void manager_create(struct forge *f); // of services
void damage_apply(struct forge *f);

// ---- dump.c
void info_write_truth(struct forge *f);
ei_error *dump_write(struct forge *f, const char *format, const char *path);

// ---- population.c, scenario.c, truth.c
// ------------------------------------------------------------
ei_error *scenario_load(struct forge *f);
ei_error *scenario_populate(struct forge *f); // once the build is known
// The default machine, in front of what the scenario lists; not `desktop`: the core of it only.
void population_add(struct forge *f, json_t *scenario, bool desktop);
// One row of the truth file; `format` and arguments as json_pack's.
void truth_row(struct forge *f, const char *plugin, const char *format, ...);
json_t *truth_time(uint64_t filetime); // ISO text or null

#endif
