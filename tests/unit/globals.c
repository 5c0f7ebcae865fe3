// Globals by code and by encoded debugger data: byte sequences of every shape, and what is wrong
// with them.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx_tables.h"
#include "win/globals_kdbg.h"
#include "win/globals_recipe.h"
#include "win/globals_scan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BASE64 UINT64_C(0xfffff80312200000)
#define BASE32 UINT64_C(0x82800000)
#define POOL64 UINT64_C(0xffffa00000001000)
#define POOL32 UINT64_C(0x86001000)

// Where things are in the image.
enum {
	CODE = 0x1000, // functions, 0x200 apart
	EXPORTS = 0x5000,
	DATA = 0x8000, // nothing but zeroes there
	RING = 0x8010,
	TABLE = 0x8100,
	TYPES = 0x8200,
	COOKIE = 0x8300,
	COOKIE_WRONG = 0x8301,
	SERVICES = 0x8400,
	CALLBACKS = 0x8500,
	DISTANCES = 0x8600,
	PFN = 0x8700,
	PROCESS_TYPE = 0x8800,
	SYSTEM = 0x8810,
	BLOCK = 0x9000, // of the debugger
	NEVER = 0x9800,
	ALWAYS = 0x9808,
	FLAG = 0x9810,
	SIZE = 0x10000,
	FUNCTION_BYTES = 0x200,
	EXPORTS_MAX = 16,
};

struct world {
	struct fx_memory memory;
	struct fx_tables tables;
	struct kernel_image kernel;
	struct code *code;
	uint64_t pool;
	unsigned pointer;
	struct {
		const char *name;
		uint32_t rva;
	} exports[EXPORTS_MAX];
	size_t export_count;
	uint32_t next; // function
};

static void put(struct world *w, uint64_t va, uint64_t value, unsigned bytes)
{
	fx_write(&w->tables, va, &value, bytes);
}

static void put_rva(struct world *w, uint32_t rva, uint64_t value)
{
	put(w, w->kernel.base + rva, value, w->pointer);
}

static uint64_t at(const struct world *w, uint32_t rva)
{
	return w->kernel.base + rva;
}

// ---- what is in the image -------------------------------------------------------------------
static void world_data(struct world *w)
{
	unsigned p = w->pointer;
	put_rva(w, RING, at(w, RING));
	put_rva(w, RING + p, at(w, RING));
	put_rva(w, TABLE, w->pool);
	put(w, w->pool + 8, w->pool + 0x1001, p);
	for (unsigned i = 0; i < 12; i++)
		put_rva(w, TYPES + (2 + i) * p, w->pool + 0x100 + 0x20 * i);
	put_rva(w, SERVICES, at(w, 0x9100));
	put_rva(w, SERVICES + 2 * p, 0x1d0);
	put_rva(w, SERVICES + 3 * p, at(w, 0x9900));
	put_rva(w, CALLBACKS, w->pool + 0x40 + p - 1);
	put(w, at(w, DISTANCES), 0x40202000, 4);
	put_rva(w, PFN, w->pool + 0xf00);
	// System, a process: type 7 behind the cookie 0x5a and byte 1 of the header's address.
	uint64_t system = w->pool + 0x800, header = system - 6 * p;
	put_rva(w, PROCESS_TYPE, w->pool + 0x100 + 0x20 * 5);
	put_rva(w, SYSTEM, system);
	put(w, header + 3 * p, 7 ^ 0x5a ^ (header >> 8 & 0xff), 1);
	put(w, at(w, COOKIE), 0x5a, 1);
	put(w, at(w, COOKIE_WRONG), 0x5b, 1);
}

static void world_init(struct world *w, unsigned pointer)
{
	*w = (struct world){ .pointer = pointer, .next = CODE };
	fx_memory_init(&w->memory, 4 << 20);
	fx_tables_init(&w->tables, &w->memory, pointer == 8 ? FX_X64 : FX_PAE, 0);
	w->kernel = (struct kernel_image){
		.space = &w->tables.space, .base = pointer == 8 ? BASE64 : BASE32, .size = SIZE
	};
	w->pool = pointer == 8 ? POOL64 : POOL32;
	for (uint32_t rva = 0; rva < SIZE; rva += PAGE_SIZE)
		fx_map_fresh(&w->tables, at(w, rva));
	fx_map_fresh(&w->tables, w->pool);
	world_data(w);
}

static void world_deinit(struct world *w)
{
	code_close(w->code);
	fx_memory_deinit(&w->memory);
}

#define WORLD(w, pointer)                                                                          \
	__attribute__((cleanup(world_deinit))) struct world w##_itself;                            \
	struct world *w = &w##_itself;                                                             \
	world_init(w, pointer)

static void export_add(struct world *w, const char *name, uint32_t rva)
{
	assert_true(w->export_count < EXPORTS_MAX);
	w->exports[w->export_count].name = name;
	w->exports[w->export_count++].rva = rva;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_header(struct world *w)
{
	uint64_t base = w->kernel.base;
	put(w, base, 0x5a4d, 2);
	put(w, base + 0x3c, 0x80, 4);
	put(w, base + 0x80, 0x4550, 4);
	put(w, base + 0x94, w->pointer == 8 ? 0xf0 : 0xe0, 2);
	put(w, base + 0x98, w->pointer == 8 ? 0x20b : 0x10b, 2);
	put(w, base + 0x98 + 56, SIZE, 4);
	uint64_t directories = base + 0x98 + (w->pointer == 8 ? 112 : 96);
	put(w, directories - 4, 16, 4);
	put(w, directories, EXPORTS, 4);
	put(w, directories + 4, 0x1000, 4);
}

static void write_exports(struct world *w)
{
	uint64_t table = at(w, EXPORTS);
	uint32_t count = (uint32_t)w->export_count, text = EXPORTS + 0x200;
	qsort(w->exports, count, sizeof *w->exports, by_name);
	put(w, table + 20, count, 4);
	put(w, table + 24, count, 4);
	put(w, table + 28, EXPORTS + 0x40, 4);
	put(w, table + 32, EXPORTS + 0x100, 4);
	put(w, table + 36, EXPORTS + 0x180, 4);
	for (uint32_t i = 0; i < count; i++) {
		size_t length = strlen(w->exports[i].name) + 1;
		put(w, table + 0x40 + 4 * i, w->exports[i].rva, 4);
		put(w, table + 0x100 + 4 * i, text, 4);
		put(w, table + 0x180 + 2 * i, i, 2);
		fx_write(&w->tables, at(w, text), w->exports[i].name, length);
		text += (uint32_t)length;
	}
}

// Nothing is written from here on.
static void world_open(struct world *w)
{
	write_header(w);
	write_exports(w);
	fx_memory_open(&w->memory);
	w->kernel.reader = w->memory.reader;
	assert_null(code_open(&w->kernel, &w->code));
}

// ---- code as text ---------------------------------------------------------------------------
// Hexadecimal bytes; "{8010}" is the distance to that address of the image from the end of the
// four bytes, "{8010:1}" with one byte more, "[8010]" the address; "<200>" counts from this
// function.
static uint32_t code_text(struct world *w, uint32_t rva, const char *text)
{
	uint32_t from = rva;
	while (*(text += strspn(text, " |"))) {
		char kind = *text;
		bool byte = !strchr("{[<", kind);
		char hex[3] = { text[0], text[1], 0 };
		uint64_t value = strtoul(byte ? hex : text + 1, NULL, 16);
		if (byte) {
			put(w, at(w, rva++), value, 1);
			text += 2;
			continue;
		}
		text = text + strcspn(text, ":}]>");
		uint32_t after = *text == ':' ? (uint32_t)strtoul(text + 1, NULL, 16) : 0;
		text = text + strcspn(text, "}]>") + 1;
		value += kind == '<' ? from : 0;
		put(w, at(w, rva), kind == '[' ? at(w, (uint32_t)value) : value - rva - 4 - after,
			4);
		rva += 4;
	}
	return rva - from;
}

static uint32_t function(struct world *w, const char *text)
{
	uint32_t rva = w->next;
	w->next += FUNCTION_BYTES;
	code_text(w, rva, text);
	return rva;
}

static void exported(struct world *w, const char *name, const char *text)
{
	export_add(w, name, function(w, text));
}

// ---- what code refers to --------------------------------------------------------------------
struct seen {
	struct world *w;
	char text[1024];
};

static const char *use_name(enum code_use use)
{
	static const char *const names[] = { "call", "address", "table", "load", "store", "touch",
		"put-address", "put-value", "swap" };
	return names[__builtin_ctz(use)];
}

static bool see(void *context, const struct code_ref *ref)
{
	struct seen *seen = context;
	size_t used = strlen(seen->text);
	unsigned rva = ref->target ? (unsigned)(ref->target - seen->w->kernel.base) : 0;
	snprintf(seen->text + used, sizeof seen->text - used, "%s %x %u +%lld\n",
		use_name(ref->use), rva, ref->size, (long long)ref->displacement);
	return true;
}

static void assert_refs(struct world *w, uint32_t rva, const char *expected)
{
	struct seen seen = { .w = w };
	code_walk(w->code, at(w, rva), 1000, see, &seen);
	assert_string_equal(seen.text, expected);
}

static void each_use_of_an_address_is_told(void **state)
{
	(void)state;
	WORLD(w, 8);
	// lea rax,[8010]; mov rcx,[8100]; mov [8200],rcx; cmp byte [8300],0; movzx eax,byte [8301]
	uint32_t f = function(w, "48 8D 05 {8010} 48 8B 0D {8100} 48 89 0D {8200} "
				 "80 3D {8300:1} 00 0F B6 05 {8301} FF 35 {8400} E8 {1400} C3");
	world_open(w);
	assert_refs(w, f,
		"address 8010 8 +0\nload 8100 8 +0\nstore 8200 8 +0\ntouch 8300 1 +0\n"
		"load 8301 1 +0\nload 8400 8 +0\ncall 1400 0 +0\n");
}

static void what_is_put_into_a_structure_is_told_with_its_place(void **state)
{
	(void)state;
	WORLD(w, 8);
	// lea rax,[8010]; mov [rbx+28h],rax; mov rcx,[8700]; mov rdx,rcx; mov [rbx+18h],rdx
	uint32_t f =
		function(w, "48 8D 05 {8010} 48 89 43 28 48 8B 0D {8700} 48 8B D1 48 89 53 18 C3");
	world_open(w);
	assert_refs(w, f,
		"address 8010 8 +0\nput-address 8010 8 +40\nload 8700 8 +0\nput-value 8700 8 "
		"+24\n");
}

static void calls_and_new_values_end_what_a_register_holds(void **state)
{
	(void)state;
	WORLD(w, 8);
	// lea rax; call; mov [rbx+28h],rax | lea rcx; mov ecx,1; mov [rbx+28h],rcx
	uint32_t f = function(w, "48 8D 05 {8010} E8 {1400} 48 89 43 28 "
				 "48 8D 0D {8010} B9 01 00 00 00 48 89 4B 28 C3");
	world_open(w);
	assert_refs(w, f, "address 8010 8 +0\ncall 1400 0 +0\naddress 8010 8 +0\n");
}

static void jumps_are_followed_and_branches_come_later(void **state)
{
	(void)state;
	WORLD(w, 8);
	// je L; jmp M | M: lea [8010]; ret | L: lea [8100]; ret
	uint32_t f = function(w, "0F 84 <40> E9 <80> CC CC");
	code_text(w, f + 0x40, "48 8D 05 {8100} C3");
	code_text(w, f + 0x80, "48 8D 05 {8010} C3");
	world_open(w);
	assert_refs(w, f, "address 8010 8 +0\naddress 8100 8 +0\n");
}

static void loops_end(void **state)
{
	(void)state;
	WORLD(w, 8);
	uint32_t f = function(w, "48 8D 05 {8010} 75 F7 E9 <0>");
	uint32_t self = function(w, "EB FE");
	world_open(w);
	assert_refs(w, f, "address 8010 8 +0\n");
	assert_refs(w, self, "");
}

static void a_limit_is_kept(void **state)
{
	(void)state;
	WORLD(w, 8);
	uint32_t f = function(w, "90 90 90 48 8D 05 {8010} 48 8D 05 {8100} C3");
	world_open(w);
	struct seen seen = { .w = w };
	assert_int_equal(code_walk(w->code, at(w, f), 4, see, &seen), 4);
	assert_string_equal(seen.text, "address 8010 8 +0\n");
}

static void a_missing_page_of_code_ends_that_path_only(void **state)
{
	(void)state;
	WORLD(w, 8);
	// The branch leads on where the straight way runs into the missing page.
	uint32_t f = 0x3ff0;
	code_text(w, f, "0F 84 {3000} 48 8D 05 {8010} 48 8D");
	code_text(w, 0x3000, "48 8D 05 {8100} C3");
	fx_entry_put(&w->tables, at(w, 0x4000), 0, 0);
	world_open(w);
	assert_refs(w, f, "address 8010 8 +0\naddress 8100 8 +0\n");
}

static void elements_of_tables_by_image_base_are_told(void **state)
{
	(void)state;
	WORLD(w, 8);
	// lea rcx,[image]; mov rax,[rcx+rax*8+8200h]
	uint32_t f = function(w, "48 8D 0D {0} 48 8B 84 C1 00 82 00 00 C3");
	world_open(w);
	assert_refs(w, f, "address 0 8 +0\ntable 8200 8 +0\n");
}

static void addresses_outside_the_image_are_not_told(void **state)
{
	(void)state;
	WORLD(w, 8);
	uint32_t f =
		function(w, "48 8D 05 {20000} 48 8B 0D {F0000000} 65 48 8B 04 25 88 01 00 00 C3");
	world_open(w);
	assert_refs(w, f, "");
}

static void code_of_32_bits_names_addresses_as_they_are(void **state)
{
	(void)state;
	WORLD(w, 4);
	// push [8100]; mov esi,8500; mov eax,[eax*4+8200]; mov dword [ebx+1ch],8010; mov
	// eax,fs:[124h]
	uint32_t f = function(w, "FF 35 [8100] BE [8500] 8B 04 85 [8200] C7 43 1C [8010] "
				 "64 A1 24 01 00 00 A1 [8700] 89 43 14 C2 08 00");
	world_open(w);
	assert_refs(w, f,
		"load 8100 4 +0\naddress 8500 4 +0\ntable 8200 4 +0\naddress 8010 4 +0\n"
		"put-address 8010 4 +28\nload 8700 4 +0\nput-value 8700 4 +20\n");
}

// ---- recipes --------------------------------------------------------------------------------
struct shape {
	const char *exported, *text, *callee; // the callee is at 1400
	const char *global;
	uint32_t want, pointer;
};

// Each begins with references that are like the wanted one but for what is there.
// clang-format off
static const struct shape shapes[] = {
	{ "PsLookupProcessByProcessId", "48 8B 05 {8000} E8 {1400} C3", "8B 05 {8100} 48 8B 0D {8700} 48 8B 35 {8100} C3", "PspCidTable", TABLE, 8 },
	{ "PsLookupProcessByProcessId", "48 8B 0D {8000} 48 8B 0D {8100} C3", "C3", "PspCidTable", TABLE, 8 },
	{ "PsLookupThreadByThreadId", "E8 {1400} C3", "48 8B 0D {8100} C3", "PspCidTable", TABLE, 8 },
	{ "PsLookupProcessByProcessId", "A1 [8000] FF 35 [8100] E8 {1400} C3", "C3", "PspCidTable", TABLE, 4 },
	{ "ObGetObjectType", "48 8D 15 {8000} 0F B6 05 {8300} 48 8D 0D {8200} 48 8B 04 C1 C3", "C3", "ObTypeIndexTable", TYPES, 8 },
	{ "ObGetObjectType", "48 8D 0D {0} 48 8B 84 C1 00 82 00 00 C3", "C3", "ObTypeIndexTable", TYPES, 8 },
	{ "ObGetObjectType", "8B 04 85 [8000] 8B 04 85 [8200] C3", "C3", "ObTypeIndexTable", TYPES, 4 },
	{ "ObGetObjectType", "0F B6 05 {8301} 0F B6 05 {8300} 48 8D 0D {8200} C3", "C3", "ObHeaderCookie", COOKIE, 8 },
	{ "ObReferenceObjectByPointerWithTag", "0F B6 05 {8301} 0F B6 0D {8300} 48 8D 05 {8200} C3", "C3", "ObHeaderCookie", COOKIE, 8 },
	{ "ObQueryNameInfo", "48 8D 0D {8000} 48 8D 15 {8600} C3", "C3", "ObpInfoMaskToOffset", DISTANCES, 8 },
	{ "ObReferenceObjectByHandle", "E8 {1400} C3", "48 8B 05 {8700} 4C 8B 35 {8100} C3", "ObpKernelHandleTable", TABLE, 8 },
	{ "ObReferenceObjectByHandleWithTag", "4C 8B 35 {8100} C3", "C3", "ObpKernelHandleTable", TABLE, 8 },
	{ "KeAddSystemServiceTable", "4C 39 0D {8000} 4C 39 0D {8420} 75 00 C3", "C3", "KeServiceDescriptorTable", SERVICES, 8 },
	{ "KeAddSystemServiceTable", "83 B8 [8000] 00 83 B8 [8400] 00 C3", "C3", "KeServiceDescriptorTable", SERVICES, 4 },
	{ "PsSetCreateProcessNotifyRoutine", "48 8D 0D {8100} E8 {1400} C3", "48 8D 0D {9100} 48 8D 15 {8500} C3", "PspCreateProcessNotifyRoutine", 0x9100, 8 },
	{ "PsSetCreateProcessNotifyRoutine", "E8 {1400} C3", "48 8D 0D {8010} 48 8D 0D {8500} C3", "PspCreateProcessNotifyRoutine", CALLBACKS, 8 },
	{ "PsSetCreateProcessNotifyRoutineEx", "E8 {1400} C3", "48 8D 0D {8500} C3", "PspCreateProcessNotifyRoutine", CALLBACKS, 8 },
	{ "PsSetCreateProcessNotifyRoutine", "BE [8500] C3", "C3", "PspCreateProcessNotifyRoutine", CALLBACKS, 4 },
	{ "PsSetCreateThreadNotifyRoutine", "E8 {1400} C3", "48 8D 0D {8500} C3", "PspCreateThreadNotifyRoutine", CALLBACKS, 8 },
	{ "PsSetLoadImageNotifyRoutine", "E8 {1400} 48 8D 3D {8500} C3", "C3", "PspLoadImageNotifyRoutine", CALLBACKS, 8 },
	{ "PsSetLoadImageNotifyRoutineEx", "48 8D 0D {8500} C3", "C3", "PspLoadImageNotifyRoutine", CALLBACKS, 8 },
	{ "CmUnRegisterCallback", "48 8D 35 {8000} E8 {1400} 48 8D 0D {8010} C3", "C3", "CallbackListHead", RING, 8 },
	{ "CmSetCallbackObjectContext", "48 8D 0D {8000} 48 8B 1D {8010} 48 8D 0D {8010} C3", "C3", "CallbackListHead", RING, 8 },
	{ "CmUnRegisterCallback", "BF [8000] BE [8010] C3", "C3", "CallbackListHead", RING, 4 },
	{ "KeRegisterBugCheckCallback", "48 8D 0D {8000} 4C 8D 05 {8010} C3", "C3", "KeBugCheckCallbackListHead", RING, 8 },
	{ "KeRegisterBugCheckReasonCallback", "48 8D 0D {8000} 48 8D 0D {8010} C3", "C3", "KeBugCheckReasonCallbackListHead", RING, 8 },
	{ "IoRegisterShutdownNotification", "E8 {1400} 48 8D 0D {8010} C3", "C3", "IopNotifyShutdownQueueHead", RING, 8 },
	{ "IoRegisterLastChanceShutdownNotification", "48 8D 0D {8010} C3", "C3", "IopNotifyLastChanceShutdownQueueHead", RING, 8 },
	{ "IoRegisterFsRegistrationChange", "E8 {1400} C3", "48 8B 05 {8000} 48 8B 05 {8010} C3", "IopFsNotifyChangeQueueHead", RING, 8 },
	{ "KeCapturePersistentThreadState", "48 8D 05 {8010} 48 89 43 20 48 8D 05 {8000} 48 89 43 28 48 8D 0D {8010} 48 89 4B 28 C3", "C3", "PsActiveProcessHead", RING, 8 },
	{ "KeCapturePersistentThreadState", "48 8D 05 {8010} 48 89 43 20 C3", "C3", "PsLoadedModuleList", RING, 8 },
	{ "KeCapturePersistentThreadState", "48 8B 05 {8700} 48 89 43 18 C3", "C3", "MmPfnDatabase", PFN, 8 },
	{ "KeCapturePersistentThreadState", "48 8D 05 {9000} 48 89 83 80 00 00 00 C3", "C3", "KdDebuggerDataBlock", BLOCK, 8 },
	{ "KeInitializeCrashDumpHeader", "E8 {1400} C3", "48 8D 05 {8010} 48 89 41 28 C3", "PsActiveProcessHead", RING, 8 },
	{ "KeInitializeCrashDumpHeader", "E8 {1400} C3", "48 8B 05 {8700} 48 89 41 18 C3", "MmPfnDatabase", PFN, 8 },
	{ "KeInitializeCrashDumpHeader", "E8 {1400} C3", "48 8D 05 {9000} 48 89 81 80 00 00 00 C3", "KdDebuggerDataBlock", BLOCK, 8 },
	{ "KeCapturePersistentThreadState", "C7 43 1C [8010] C3", "C3", "PsActiveProcessHead", RING, 4 },
	{ "KeCapturePersistentThreadState", "C7 43 18 [8010] C3", "C3", "PsLoadedModuleList", RING, 4 },
	{ "KeCapturePersistentThreadState", "A1 [8700] 89 43 14 C3", "C3", "MmPfnDatabase", PFN, 4 },
	{ "KeCapturePersistentThreadState", "C7 43 60 [9000] C3", "C3", "KdDebuggerDataBlock", BLOCK, 4 },
};
// clang-format on

static uint64_t find_global(struct world *w, const char *global, uint32_t build)
{
	struct claims claims = { 0 };
	struct kernel_pe pe;
	assert_true(kernel_pe_open(w->kernel.space, w->kernel.reader, w->kernel.base, &pe));
	recipes_read(&w->kernel, &pe, w->code, build, &claims);
	return claimed(&claims, global);
}

static void shape_exports(struct world *w, const char *name, uint32_t rva)
{
	export_add(w, name, rva);
	export_add(w, "PsProcessType", PROCESS_TYPE);
	export_add(w, "PsInitialSystemProcess", SYSTEM);
}

static void expect_global(struct world *w, const struct shape *shape, uint32_t want)
{
	uint64_t found = find_global(w, shape->global, 0);
	uint64_t wanted = want ? at(w, want) : 0;
	if (found != wanted)
		fail_msg("%s, %s: %s at 0x%llx, want 0x%llx", shape->exported, shape->text,
			shape->global, (unsigned long long)found, (unsigned long long)wanted);
}

static void every_recipe_finds_its_global(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(shapes); i++) {
		WORLD(w, shapes[i].pointer);
		shape_exports(w, shapes[i].exported, 0x1000);
		code_text(w, 0x1000, shapes[i].text);
		code_text(w, 0x1400, shapes[i].callee);
		world_open(w);
		expect_global(w, &shapes[i], shapes[i].want);
	}
}

static void recipes_see_through_jumps_and_branches(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(shapes); i++) {
		WORLD(w, shapes[i].pointer);
		shape_exports(w, shapes[i].exported, 0x2000);
		// je back to itself, jmp, then the function; a thunk in front of all
		code_text(w, 0x2000, "E9 {2100}");
		code_text(w, 0x2100, "74 FE 0F 85 {2100} E9 {1000}");
		code_text(w, 0x1000, shapes[i].text);
		code_text(w, 0x1400, shapes[i].callee);
		world_open(w);
		expect_global(w, &shapes[i], shapes[i].want);
	}
}

static void code_on_a_missing_page_finds_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(shapes); i++) {
		WORLD(w, shapes[i].pointer);
		// The last byte of the first instruction is on the page that is missing.
		uint32_t rva = 0x1ffc;
		shape_exports(w, shapes[i].exported, rva);
		code_text(w, rva, shapes[i].text);
		code_text(w, 0x1400, shapes[i].callee);
		fx_entry_put(&w->tables, at(w, 0x2000), 0, 0);
		world_open(w);
		expect_global(w, &shapes[i], 0);
	}
}

static void every_recipe_has_a_shape_here(void **state)
{
	(void)state;
	const char *global, *name, *seen;
	uint32_t pointer;
	for (size_t i = 0; recipe_describe(i, &global, &name, &pointer, &seen); i++) {
		bool found = false;
		for (size_t n = 0; n < ARRAY_LENGTH(shapes); n++)
			found |= !strcmp(shapes[n].global, global) &&
				 (!strcmp(shapes[n].exported, name) ||
					 !strcmp(name, "ObGetObjectType") ||
					 !strcmp(name, "ObReferenceObjectByPointerWithTag"));
		if (!found)
			fail_msg("nothing tests %s by %s", global, name);
		assert_true(*seen);
	}
}

static void a_recipe_is_for_its_builds_only(void **state)
{
	(void)state;
	WORLD(w, 8);
	shape_exports(w, "ObGetObjectType", 0x1000);
	code_text(w, 0x1000, "0F B6 05 {8300} 48 8D 0D {8200} C3");
	world_open(w);
	assert_int_equal(find_global(w, "ObHeaderCookie", 9600), 0);
	assert_int_equal(find_global(w, "ObHeaderCookie", 19041), at(w, COOKIE));
	assert_int_equal(find_global(w, "ObTypeIndexTable", 6002), 0);
}

static void service_table_is_what_its_descriptor_points_to(void **state)
{
	(void)state;
	WORLD(w, 8);
	shape_exports(w, "KeAddSystemServiceTable", 0x1000);
	code_text(w, 0x1000, "4C 39 0D {8420} C3");
	world_open(w);
	assert_int_equal(find_global(w, "KiServiceTable", 0), at(w, 0x9100));
}

// ---- tables by their entries ----------------------------------------------------------------
enum { BIG_VARIABLE = 0x8900, BIG_SLOTS = 512, LIMIT = 0x1d0 };

static void big_entry(struct world *w, uint32_t slot, uint32_t stride, uint64_t va, uint32_t tag)
{
	uint64_t entry = w->pool + 0x1000 + (uint64_t)slot * stride;
	put(w, entry, va, w->pointer);
	put(w, entry + w->pointer, tag, 4);
}

static void big_table(struct world *w, uint32_t stride)
{
	for (uint32_t page = 0; page < BIG_SLOTS * stride; page += PAGE_SIZE)
		fx_map_fresh(&w->tables, w->pool + 0x1000 + page);
	for (uint32_t i = 0; i < 8; i++)
		big_entry(w, 7 * i, stride, w->pool + 0x100000 * (i + 1), 0x30314d43); // "CM10"
	big_entry(w, 3, stride, w->pool + 0x900001, 0);                                // free
	put_rva(w, BIG_VARIABLE, w->pool + 0x1000);
	put_rva(w, BIG_VARIABLE + 3 * w->pointer, BIG_SLOTS);
	put_rva(w, BIG_VARIABLE - 16, w->pool); // a page that is no table
}

static uint64_t scanned(struct world *w, const char *global)
{
	struct claims claims = { 0 };
	claim(&claims, &w->kernel, "KeServiceDescriptorTable", "", at(w, SERVICES));
	claim(&claims, &w->kernel, "KiServiceTable", "", at(w, 0x9100));
	scans_read(&w->kernel, &claims);
	return claimed(&claims, global);
}

static void big_allocations_are_found_by_their_entries(void **state)
{
	(void)state;
	static const struct {
		unsigned pointer, stride;
	} cases[] = { { 8, 24 }, { 8, 32 }, { 4, 16 }, { 4, 12 } };
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		WORLD(w, cases[i].pointer);
		big_table(w, cases[i].stride);
		world_open(w);
		assert_int_equal(scanned(w, "PoolBigPageTable"), at(w, BIG_VARIABLE));
		assert_int_equal(
			scanned(w, "PoolBigPageTableSize"), at(w, BIG_VARIABLE + 3 * w->pointer));
	}
}

static void a_table_with_an_entry_that_is_none_is_another(void **state)
{
	(void)state;
	WORLD(w, 8);
	big_table(w, 24);
	big_entry(w, 9, 24, w->pool + 0x10, 0x30314d43);
	world_open(w);
	assert_int_equal(scanned(w, "PoolBigPageTable"), 0);
}

static void number_of_services_is_behind_their_table(void **state)
{
	(void)state;
	WORLD(w, 8);
	put(w, at(w, 0x9100 + 4 * LIMIT + 8), LIMIT, 4);
	world_open(w);
	assert_int_equal(scanned(w, "KiServiceLimit"), at(w, 0x9100 + 4 * LIMIT + 8));
}

// ---- debugger data --------------------------------------------------------------------------
#define KEY_NEVER UINT64_C(0x8642097531fedcba)
#define KEY_ALWAYS UINT64_C(0x0f1e2d3c4b5a6978)
static const char copy_block[] =
	"80 3D {9810:1} 00 4C 8D 05 {9000} 74 3D 48 8B 15 {9800} 49 8B 00 48 33 C2 8B CA 48 D3 C0 "
	"48 8D 15 {9810} 48 33 C2 48 0F C8 48 33 05 {9808} 49 89 00 C3";

static uint64_t encode(const struct world *w, uint64_t value)
{
	unsigned by = KEY_NEVER & 63;
	value = at(w, FLAG) ^ __builtin_bswap64(KEY_ALWAYS ^ value);
	return KEY_NEVER ^ (by ? value >> by | value << (64 - by) : value);
}

static void encoded_block(struct world *w, uint64_t base)
{
	uint8_t block[0x360] = { 0 };
	uint64_t head = at(w, RING);
	uint32_t size = sizeof block;
	memcpy(block + 0x10, "KDBG", 4);
	memcpy(block + 0x14, &size, 4);
	memcpy(block + 0x18, &base, 8);
	memcpy(block + 0x50, &head, 8);
	for (size_t i = 0; i < sizeof block; i += 8)
		put(w, at(w, BLOCK) + i, encode(w, load_u64(block + i)), 8);
	put(w, at(w, NEVER), KEY_NEVER, 8);
	put(w, at(w, ALWAYS), KEY_ALWAYS, 8);
	put(w, at(w, FLAG), 1, 1);
}

static void assert_decoded(struct world *w)
{
	struct kdbg kdbg;
	assert_true(kdbg_find(&w->kernel, w->code, 0, &kdbg));
	assert_int_equal(kdbg.va, at(w, BLOCK));
	assert_int_equal(kdbg.size, 0x360);
	assert_int_equal(kdbg.wait_never, at(w, NEVER));
	assert_int_equal(kdbg.wait_always, at(w, ALWAYS));
	assert_int_equal(kdbg.encoded_flag, at(w, FLAG));
	assert_int_equal(kdbg_pointer(&w->kernel, &kdbg, 0x50), at(w, RING));
	assert_int_equal(kdbg_pointer(&w->kernel, &kdbg, 0x35c), 0);
	assert_string_equal(kdbg.witness, "decoded debugger data");
}

static void encoded_data_is_decoded_by_the_function_that_a_dumper_calls(void **state)
{
	(void)state;
	WORLD(w, 8);
	encoded_block(w, BASE64);
	exported(w, "KeCapturePersistentThreadState", "E8 {1400} E8 {1600} C3");
	code_text(w, 0x1400, "48 0F C8 48 8B 05 {8000} C3"); // swaps, but decodes nothing
	code_text(w, 0x1600, copy_block);
	world_open(w);
	assert_decoded(w);
}

static void encoded_data_is_decoded_without_any_export(void **state)
{
	(void)state;
	WORLD(w, 8);
	encoded_block(w, BASE64);
	put(w, at(w, 0x1ffc), 0xcccccccc, 4);
	code_text(w, 0x2000, copy_block);
	world_open(w);
	assert_decoded(w);
}

static void encoded_data_is_decoded_by_the_keys_of_timers_and_what_it_must_say(void **state)
{
	(void)state;
	WORLD(w, 8);
	encoded_block(w, BASE64);
	exported(w, "KeCapturePersistentThreadState", "48 8D 05 {9000} 48 89 83 80 00 00 00 C3");
	exported(w, "KeSetTimerEx",
		"48 8B 05 {8700} 48 8B 05 {9800} 48 8B 35 {9808} 49 33 F1 48 0F CE 8B C8 48 D3 CE "
		"C3");
	world_open(w);
	assert_decoded(w);
}

static void data_of_another_kernel_is_refused(void **state)
{
	(void)state;
	WORLD(w, 8);
	struct kdbg kdbg;
	encoded_block(w, BASE64 + 0x200000);
	exported(w, "KeCapturePersistentThreadState", "E8 {1400} C3");
	code_text(w, 0x1400, copy_block);
	world_open(w);
	assert_false(kdbg_find(&w->kernel, w->code, 0, &kdbg));
}

static void missing_keys_are_no_data(void **state)
{
	(void)state;
	WORLD(w, 8);
	struct kdbg kdbg;
	encoded_block(w, BASE64);
	exported(w, "KeCapturePersistentThreadState", "E8 {1400} C3");
	code_text(w, 0x1400, copy_block);
	fx_entry_put(&w->tables, at(w, 0x9000), 0, 0);
	world_open(w);
	assert_false(kdbg_find(&w->kernel, w->code, 0, &kdbg));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_use_of_an_address_is_told),
		cmocka_unit_test(what_is_put_into_a_structure_is_told_with_its_place),
		cmocka_unit_test(calls_and_new_values_end_what_a_register_holds),
		cmocka_unit_test(jumps_are_followed_and_branches_come_later),
		cmocka_unit_test(loops_end),
		cmocka_unit_test(a_limit_is_kept),
		cmocka_unit_test(a_missing_page_of_code_ends_that_path_only),
		cmocka_unit_test(elements_of_tables_by_image_base_are_told),
		cmocka_unit_test(addresses_outside_the_image_are_not_told),
		cmocka_unit_test(code_of_32_bits_names_addresses_as_they_are),
		cmocka_unit_test(every_recipe_finds_its_global),
		cmocka_unit_test(recipes_see_through_jumps_and_branches),
		cmocka_unit_test(code_on_a_missing_page_finds_nothing),
		cmocka_unit_test(every_recipe_has_a_shape_here),
		cmocka_unit_test(a_recipe_is_for_its_builds_only),
		cmocka_unit_test(service_table_is_what_its_descriptor_points_to),
		cmocka_unit_test(big_allocations_are_found_by_their_entries),
		cmocka_unit_test(a_table_with_an_entry_that_is_none_is_another),
		cmocka_unit_test(number_of_services_is_behind_their_table),
		cmocka_unit_test(encoded_data_is_decoded_by_the_function_that_a_dumper_calls),
		cmocka_unit_test(encoded_data_is_decoded_without_any_export),
		cmocka_unit_test(
			encoded_data_is_decoded_by_the_keys_of_timers_and_what_it_must_say),
		cmocka_unit_test(data_of_another_kernel_is_refused),
		cmocka_unit_test(missing_keys_are_no_data),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
