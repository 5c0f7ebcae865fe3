// Fixture: a Windows in memory, made object by object.
// SPDX-License-Identifier: Apache-2.0
#include "fx.h"
#include "samples/forge/isf_layout.h"
#include "test.h"
#include "win/shared.h"
#include <time.h>

enum { MEMORY = 16 << 20, ARENA = 16 << 20, TEXT_MAX = 4096 };

static const struct {
	uint64_t base, heap;
} layouts[] = {
	[FX_X64] = { UINT64_C(0xfffff80312200000), UINT64_C(0xffffa00000100000) },
	[FX_PAE] = { 0x82800000, 0x85000000 },
};

// ---- memory ---------------------------------------------------------------------------------

static bool is_mapped(struct fx_tables *tables, uint64_t va)
{
	return load_u64(tables->memory->bytes + fx_entry_at(tables, va, 0)) != 0;
}

static void ensure(struct fx_tables *tables, uint64_t va, size_t size)
{
	for (uint64_t page = va & ~UINT64_C(0xfff); page < va + size; page += PAGE_SIZE)
		if (!is_mapped(tables, page))
			fx_map_fresh(tables, page);
}

// Fresh pages for each object, so that a test can take one away.
static uint64_t place(struct fx_tables *tables, uint64_t *heap, size_t size)
{
	uint64_t va = *heap + 0x40;
	ensure(tables, va, size);
	*heap += (size + 0x40 + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
	return va;
}

static void put(struct fx_tables *tables, uint64_t va, uint64_t value, size_t size)
{
	uint8_t bytes[8];
	for (size_t i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	fx_write(tables, va, bytes, MIN(size, (size_t)8));
}

static void put_pointer(const struct fx *fx, struct fx_tables *tables, uint64_t va, uint64_t value)
{
	put(tables, va, value, fx->pointer);
}

// ---- fields ---------------------------------------------------------------------------------

struct object {
	const struct fx *fx;
	struct fx_tables *tables;
	const char *type;
	uint64_t va;
};

// The address of a field; 0 when this build has no such field.
static uint64_t field_at(const struct object *object, const char *field, uint32_t *size)
{
	struct member member;
	if (!profile_member(object->fx->profile, object->type, field, &member))
		return 0;
	*size = member.size;
	return object->va + member.offset;
}

static void put_field(const struct object *object, const char *field, uint64_t value)
{
	uint32_t size;
	uint64_t at = field_at(object, field, &size);
	if (at)
		put(object->tables, at, value, size);
}

static void put_chars(const struct object *object, const char *field, const char *text)
{
	uint32_t size;
	uint64_t at = field_at(object, field, &size);
	if (at && text)
		fx_write(object->tables, at, text, MIN(strlen(text), (size_t)size - 1));
}

// Seconds since 1601 in units of 100 ns; NULL is no time.
static void put_time(const struct object *object, const char *field, const char *text)
{
	struct tm tm = { 0 };
	if (!text)
		return;
	assert_non_null(strptime(text, "%Y-%m-%dT%H:%M:%S", &tm));
	put_field(object, field, ((uint64_t)timegm(&tm) + UINT64_C(11644473600)) * 10000000);
}

// Writes the text as UTF-16 without a NUL; its length in bytes.
static size_t write_wide(struct fx_tables *tables, uint64_t va, const char *text)
{
	for (size_t i = 0; text[i]; i++)
		put(tables, va + 2 * i, (uint8_t)text[i], 2);
	return 2 * strlen(text);
}

static void put_string(
	const struct object *object, const char *field, const char *text, uint64_t *heap)
{
	uint32_t size;
	uint64_t at = field_at(object, field, &size);
	if (!at || !text)
		return;
	uint64_t buffer = place(object->tables, heap, 2 * strlen(text) + 2);
	size_t length = write_wide(object->tables, buffer, text);
	put(object->tables, at, length, 2);
	put(object->tables, at + 2, length + 2, 2);
	put_pointer(object->fx, object->tables, at + object->fx->pointer, buffer);
}

static uint32_t size_of(const struct fx *fx, const char *type)
{
	uint32_t size = profile_type_size(fx->profile, type);
	return size ? size : 64;
}

static struct object make(const struct fx *fx, struct fx_tables *tables, uint64_t *heap,
	const char *type, uint64_t at)
{
	if (at)
		ensure(tables, at, size_of(fx, type));
	else
		at = place(tables, heap, size_of(fx, type));
	return (struct object){ fx, tables, type, at };
}

// ---- lists ----------------------------------------------------------------------------------

static void list_init(const struct fx *fx, struct fx_tables *tables, uint64_t head)
{
	ensure(tables, head, 2 * fx->pointer);
	put_pointer(fx, tables, head, head);
	put_pointer(fx, tables, head + fx->pointer, head);
}

static uint64_t get_pointer(const struct fx *fx, struct fx_tables *tables, uint64_t va)
{
	uint64_t entry = load_u64(tables->memory->bytes + fx_entry_at(tables, va, 0));
	const uint8_t *at =
		tables->memory->bytes + (entry & UINT64_C(0xffffffffff000)) + va % PAGE_SIZE;
	return fx->pointer == 8 ? load_u64(at) : load_u32(at);
}

static void list_append(const struct fx *fx, struct fx_tables *tables, uint64_t head, uint64_t link)
{
	uint64_t last = get_pointer(fx, tables, head + fx->pointer);
	put_pointer(fx, tables, link, head);
	put_pointer(fx, tables, link + fx->pointer, last);
	put_pointer(fx, tables, last, link);
	put_pointer(fx, tables, head + fx->pointer, link);
}

// ---- the system -----------------------------------------------------------------------------

uint64_t fx_symbol(const struct fx *fx, const char *name)
{
	uint64_t rva;
	assert_true(profile_symbol(fx->profile, name, &rva));
	return fx->session.identity.kernel_base + rva;
}

static void session_init(struct fx *fx, enum fx_mode mode)
{
	struct session *session = &fx->session;
	session->identity.found = true;
	session->identity.kernel = fx->tables.space;
	session->identity.kernel_base = layouts[mode].base;
	session->physical = (struct space){ .mode = &space_physical };
	session->threads = 1;
	session->profile = fx->profile;
	assert_null(ei_arena_create(ARENA, &session->arena));
}

// Layouts of 32-bit builds come without addresses: made up here, each on a page of its own.
static void invent_symbols(struct fx *fx)
{
	static const char *const names[] = { "PsActiveProcessHead", "PsInitialSystemProcess",
		"PsLoadedModuleList" };
	json_t *isf = isf_of_profile(fx->profile);
	json_t *symbols = json_object_get(isf, "symbols");
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		json_object_set_new(symbols, names[i],
			json_pack("{s:i}", "address", (int)(0x100040 + i * PAGE_SIZE)));
	char *text = json_dumps(isf, JSON_COMPACT);
	fx_profile_parse(fx, text);
	json_decref(isf);
	free(text);
}

void fx_init(struct fx *fx, const char *profile)
{
	*fx = (struct fx){ 0 };
	assert_null(profile_by_name(profile, &fx->profile));
	if (!profile_info(fx->profile).symbol_count)
		invent_symbols(fx);
	fx->pointer = profile_info(fx->profile).pointer_size;
	enum fx_mode mode = fx->pointer == 8 ? FX_X64 : FX_PAE;
	fx_memory_init(&fx->memory, MEMORY);
	fx_tables_init(&fx->tables, &fx->memory, mode, 0);
	fx->heap = layouts[mode].heap;
	session_init(fx, mode);
	fx->processes = fx_symbol(fx, "PsActiveProcessHead");
	fx->modules = fx_symbol(fx, "PsLoadedModuleList");
	list_init(fx, &fx->tables, fx->processes);
	list_init(fx, &fx->tables, fx->modules);
}

void fx_deinit(struct fx *fx)
{
	shared_drop(fx->session.shared);
	ei_arena_drop(fx->session.arena);
	profile_unref(fx->profile);
	fx_memory_deinit(&fx->memory);
}

void fx_profile_parse(struct fx *fx, const char *isf)
{
	profile_unref(fx->profile);
	fx->profile = NULL;
	ei_error *error = profile_parse(isf, strlen(isf), "of the test", &fx->profile);
	if (error)
		fail_msg("%s", ei_error_text(error));
	fx->session.profile = fx->profile;
}

// ---- processes ------------------------------------------------------------------------------

static void put_handles(struct fx *fx, const struct object *process, uint32_t count)
{
	if (!count)
		return;
	struct object table = make(fx, &fx->tables, &fx->heap, "_HANDLE_TABLE", 0);
	put_field(&table, "HandleCount", count);
	put_field(process, "ObjectTable", table.va);
}

static void put_session(struct fx *fx, const struct object *process, int session)
{
	if (!session)
		return;
	struct object space = make(fx, &fx->tables, &fx->heap, "_MM_SESSION_SPACE", 0);
	put_field(&space, "SessionId", (uint64_t)session - 1);
	put_field(process, "Session", space.va);
}

static void put_audit(struct fx *fx, const struct object *process, const char *path)
{
	if (!path)
		return;
	struct object name = make(fx, &fx->tables, &fx->heap, "_OBJECT_NAME_INFORMATION", 0);
	put_string(&name, "Name", path, &fx->heap);
	put_field(process, "SeAuditProcessCreationInfo.ImageFileName", name.va);
}

static void put_environment(
	struct fx_object *out, const struct object *block, const struct fx_process *wish)
{
	const char *text = wish->environment;
	if (!text)
		return;
	size_t size = 2 * strlen(text) + 4;
	uint64_t at = wish->environment_at;
	if (at)
		ensure(&out->tables, at, size);
	else
		at = place(&out->tables, &out->heap, size);
	write_wide(&out->tables, at, text);
	for (size_t i = 0; text[i]; i++)
		if (text[i] == '\n')
			put(&out->tables, at + 2 * i, 0, 2);
	put_field(block, "Environment", at);
	put_field(block, "EnvironmentSize", wish->environment_size ? wish->environment_size : size);
	out->environment = at;
}

static void put_user_half(struct fx *fx, struct fx_object *out, const struct fx_process *wish)
{
	out->heap = 0x200000;
	struct object peb = make(fx, &out->tables, &out->heap, "_PEB", 0);
	struct object loader = make(fx, &out->tables, &out->heap, "_PEB_LDR_DATA", 0);
	struct object block = make(fx, &out->tables, &out->heap, "_RTL_USER_PROCESS_PARAMETERS", 0);
	uint32_t size;
	out->peb = peb.va;
	out->parameters = block.va;
	out->loader = field_at(&loader, "InLoadOrderModuleList", &size);
	put_field(&peb, "Ldr", loader.va);
	put_field(&peb, "ProcessParameters", block.va);
	list_init(fx, &out->tables, out->loader);
	put_string(&block, "CommandLine", wish->command_line, &out->heap);
	put_string(&block, "ImagePathName", wish->image, &out->heap);
	put_environment(out, &block, wish);
}

static void put_root(struct fx *fx, struct fx_object *out, const struct object *process,
	const struct fx_process *wish)
{
	bool user = wish->user || wish->command_line || wish->image || wish->environment ||
		    wish->user_pages;
	out->tables = fx->tables;
	if (user)
		fx_tables_init(&out->tables, &fx->memory, fx->tables.mode, 0);
	if (user && !wish->user_pages)
		put_user_half(fx, out, wish);
	for (uint64_t i = 0; i < wish->user_pages; i++)
		fx_map_fresh(&out->tables, wish->user_page_at + i * PAGE_SIZE);
	put_field(process, "Peb", out->peb);
	if (!wish->no_root)
		put_field(process, "Pcb.DirectoryTableBase", out->tables.root);
}

struct fx_object fx_process_add(struct fx *fx, const struct fx_process *wish)
{
	struct object process = make(fx, &fx->tables, &fx->heap, "_EPROCESS", wish->at);
	struct fx_object out = { .va = process.va };
	uint32_t size;
	put_field(&process, "UniqueProcessId", wish->pid);
	put_field(&process, "InheritedFromUniqueProcessId", wish->ppid);
	put_field(&process, "ActiveThreads", wish->threads);
	put_chars(&process, "ImageFileName", wish->name);
	put_time(&process, "CreateTime", wish->created);
	put_time(&process, "ExitTime", wish->exited);
	put_handles(fx, &process, wish->handles);
	put_session(fx, &process, wish->session);
	put_audit(fx, &process, wish->audit);
	put_field(&process, "WoW64Process", wish->wow64 ? 0x7ff0000 : 0);
	put_field(&process, "Wow64Process", wish->wow64 ? 0x7ff0000 : 0);
	put_root(fx, &out, &process, wish);
	out.link = field_at(&process, "ActiveProcessLinks", &size);
	list_append(fx, &fx->tables, fx->processes, out.link);
	if (fx->first_entry)
		return out;
	fx->first_entry = out.link;
	uint64_t pointer = fx_symbol(fx, "PsInitialSystemProcess");
	ensure(&fx->tables, pointer, fx->pointer);
	put_pointer(fx, &fx->tables, pointer, out.va);
	return out;
}

// ---- modules --------------------------------------------------------------------------------

static struct fx_object put_module(
	const struct object *entry, uint64_t head, uint64_t *heap, const struct fx_module *wish)
{
	uint32_t size;
	put_field(entry, "DllBase", wish->base);
	put_field(entry, "SizeOfImage", wish->size);
	put_string(entry, "BaseDllName", wish->name, heap);
	put_string(entry, "FullDllName", wish->path, heap);
	put_time(entry, "LoadTime", wish->loaded);
	uint64_t link = field_at(entry, "InLoadOrderLinks", &size);
	list_append(entry->fx, entry->tables, head, link);
	return (struct fx_object){ .va = entry->va, .link = link };
}

struct fx_object fx_module_add(struct fx *fx, const struct fx_module *wish)
{
	const char *type = "_KLDR_DATA_TABLE_ENTRY";
	if (!profile_has_type(fx->profile, type))
		type = "_LDR_DATA_TABLE_ENTRY";
	struct object entry = make(fx, &fx->tables, &fx->heap, type, wish->at);
	return put_module(&entry, fx->modules, &fx->heap, wish);
}

struct fx_object fx_dll_add(struct fx *fx, struct fx_object *process, const struct fx_module *wish)
{
	struct object entry =
		make(fx, &process->tables, &process->heap, "_LDR_DATA_TABLE_ENTRY", wish->at);
	return put_module(&entry, process->loader, &process->heap, wish);
}

// ---- damage ---------------------------------------------------------------------------------

void fx_drop_page(struct fx *fx, uint64_t va)
{
	assert_true(is_mapped(&fx->tables, va));
	fx_unmap(&fx->tables, va);
}

void fx_drop_user_page(struct fx *fx, struct fx_object *owner, uint64_t va)
{
	(void)fx;
	assert_true(is_mapped(&owner->tables, va));
	fx_unmap(&owner->tables, va);
}

void fx_forward(struct fx *fx, uint64_t link, uint64_t to)
{
	put_pointer(fx, &fx->tables, link, to);
}

void fx_backward(struct fx *fx, uint64_t link, uint64_t to)
{
	put_pointer(fx, &fx->tables, link + fx->pointer, to);
}
