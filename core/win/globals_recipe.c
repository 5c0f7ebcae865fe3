// The table of recipes, and what carries them out.
//
// "Seen in" says where a recipe was compared with a kernel's real code: disassembly of a 19041
// kernel, from which fifteen of these functions were also assembled again and gone through with
// this table, and decompiled functions with their symbols of Windows 10 before 17134, of 22631 and
// of 11 24H2.
// "(the call)": only the exported function was seen there, not the one it calls. "public" marks
// what rests on published descriptions alone. The 32-bit ones are all of that kind: there the
// debugger's data is in clear and names the same globals.
// SPDX-License-Identifier: Apache-2.0
#include "win/globals_recipe.h"

enum {
	FUNCTION_LIMIT = 1024, // instructions
	CALLEE_LIMIT = 512,
	CALLEES_MAX = 24,
	BUDGET = 8192,      // instructions of one recipe
	TYPES_MIN = 6,      // object types that are looked at
	FIRST_TYPE = 2,     // what is before are marks
	CALLBACKS = 8,      // routines of each kind that are looked at; there are 64, 8 on XP
	SERVICES_MIN = 100, // system calls
	SERVICES_MAX = 2000,
	// Pointers that _OBJECT_HEADER is long, and those before its TypeIndex, since Windows 7
	HEADER_POINTERS = 6,
	TYPE_INDEX_POINTERS = 3,
};

struct look {
	const struct kernel_image *kernel;
	uint32_t pointer_size;
	uint64_t type_table, process_type, system; // 0: not known
};

// ---- what is at an address ------------------------------------------------------------------
static bool is_outside(const struct look *look, uint64_t va)
{
	return va >= look->kernel->space->mode->kernel_start && !kernel_holds(look->kernel, va);
}

static uint64_t pointer(const struct look *look, uint64_t va)
{
	return kernel_pointer(look->kernel, va);
}

static bool looks_any(const struct look *look, uint64_t va)
{
	uint8_t byte;
	return kernel_read(look->kernel, va, &byte, 1);
}

// Heads of empty lists point to themselves; of others one neighbour at least points back.
static bool looks_ring(const struct look *look, uint64_t va)
{
	uint64_t first = pointer(look, va), last = pointer(look, va + look->pointer_size);
	if (va % look->pointer_size || !first || !last)
		return false;
	if (first == va || last == va)
		return first == last;
	return first >= look->kernel->space->mode->kernel_start &&
	       (pointer(look, first + look->pointer_size) == va || pointer(look, last) == va);
}

// The table's pages are page-aligned; how many levels there are is in the low bits.
static bool is_table_code(const struct look *look, uint64_t value)
{
	return (value & 7) <= 2 && (value & ~UINT64_C(7)) % PAGE_SIZE == 0 &&
	       is_outside(look, value);
}

// TableCode is the first member, since Windows 8 the third, always at 8.
static bool looks_handle_table(const struct look *look, uint64_t va)
{
	uint64_t table = pointer(look, va);
	return va % look->pointer_size == 0 && table % 8 == 0 && is_outside(look, table) &&
	       (is_table_code(look, pointer(look, table)) ||
		       is_table_code(look, pointer(look, table + 8)));
}

static bool looks_type_table(const struct look *look, uint64_t va)
{
	uint64_t before = 0;
	for (uint32_t i = FIRST_TYPE; i < FIRST_TYPE + TYPES_MIN; i++) {
		uint64_t type = pointer(look, va + (uint64_t)i * look->pointer_size);
		if (!is_outside(look, type) || type % 8 || type == before)
			return false;
		before = type;
	}
	return true;
}

// With it System's header says that it is a process, where the kernel says what that is.
static bool looks_cookie(const struct look *look, uint64_t va)
{
	uint8_t cookie, index;
	if (!kernel_read(look->kernel, va, &cookie, 1))
		return false;
	if (!look->type_table || !look->process_type || !look->system)
		return true;
	uint64_t size = look->pointer_size, header = look->system - HEADER_POINTERS * size;
	if (!kernel_read(look->kernel, header + TYPE_INDEX_POINTERS * size, &index, 1))
		return true;
	index = (uint8_t)(index ^ cookie ^ header >> 8);
	return pointer(look, look->type_table + size * index) == look->process_type;
}

// Base, counters, number of services, bytes of arguments: pointers but for the number.
static bool looks_services(const struct look *look, uint64_t va)
{
	uint8_t bytes[4];
	uint32_t size = look->pointer_size;
	if (!kernel_read(look->kernel, va + 2 * size, bytes, sizeof bytes))
		return false;
	uint32_t count = load_u32(bytes);
	return count >= SERVICES_MIN && count <= SERVICES_MAX &&
	       kernel_holds(look->kernel, pointer(look, va)) &&
	       kernel_holds(look->kernel, pointer(look, va + 3 * size));
}

// Fast references to callback blocks: their low bits count, and seldom down to 0.
static bool looks_callbacks(const struct look *look, uint64_t va)
{
	uint64_t low_bits = 2 * look->pointer_size - 1, blocks = 0, counts = 0;
	for (uint32_t i = 0; i < CALLBACKS; i++) {
		uint64_t at = va + (uint64_t)i * look->pointer_size;
		uint64_t block = pointer(look, at);
		if (block ? !is_outside(look, block) : !looks_any(look, at))
			return false;
		blocks += block != 0;
		counts |= block & low_bits;
	}
	return va % look->pointer_size == 0 && (!blocks || counts);
}

static bool looks_outside(const struct look *look, uint64_t va)
{
	return va % look->pointer_size == 0 && is_outside(look, pointer(look, va));
}

// Distances of optional headers by the bits of InfoMask: that of two is the sum.
static bool looks_distances(const struct look *look, uint64_t va)
{
	uint8_t bytes[4];
	return kernel_read(look->kernel, va, bytes, sizeof bytes) && !bytes[0] && bytes[1] &&
	       bytes[2] && bytes[3] == bytes[1] + bytes[2];
}

// ---- the table ------------------------------------------------------------------------------
typedef bool looks(const struct look *look, uint64_t va);

struct recipe {
	const char *global, *exported, *witness;
	uint32_t uses;        // enum code_use, several
	uint8_t pointer_size; // of the kernels it is for; 0: all
	uint8_t size;         // bytes read or written; 0: any
	uint8_t depth;        // how many calls deep; callees come after what calls them
	uint8_t nth;          // of those references that look right
	int16_t displacement; // where CODE_PUT_* puts it
	int16_t adjust;       // from what is referred to to the global
	looks *check;
	uint32_t first, last; // builds; last 0: still
	const char *seen_in;
};

#define PUT_A CODE_PUT_ADDRESS
#define PUT_V CODE_PUT_VALUE
#define ADDR CODE_ADDRESS
#define ARRAY (CODE_ADDRESS | CODE_TABLE)
#define READ (CODE_LOAD | CODE_TOUCH)
#define BY(exported) exported, "the code of " exported
#define DUMP "KeCapturePersistentThreadState"
#define HEADER "KeInitializeCrashDumpHeader"

// clang-format off
static const struct recipe recipes[] = {
	// What a crash dump's header holds, at the places where it holds them.
	{ "KdDebuggerDataBlock", BY(DUMP),   PUT_A, 8, 0, 0, 1, 0x80, 0, looks_any,     3790, 0, "19041, 22631" },
	{ "KdDebuggerDataBlock", BY(HEADER), PUT_A, 8, 0, 2, 1, 0x80, 0, looks_any,     3790, 0, "22631" },
	{ "KdDebuggerDataBlock", BY(DUMP),   PUT_A, 4, 0, 0, 1, 0x60, 0, looks_any,     2600, 0, "public" },
	{ "PsActiveProcessHead", BY(DUMP),   PUT_A, 8, 0, 0, 1, 0x28, 0, looks_ring,    3790, 0, "19041, 22631" },
	{ "PsActiveProcessHead", BY(HEADER), PUT_A, 8, 0, 2, 1, 0x28, 0, looks_ring,    3790, 0, "22631" },
	{ "PsActiveProcessHead", BY(DUMP),   PUT_A, 4, 0, 0, 1, 0x1c, 0, looks_ring,    2600, 0, "public" },
	{ "PsLoadedModuleList",  BY(DUMP),   PUT_A, 8, 0, 0, 1, 0x20, 0, looks_ring,    3790, 0, "19041, 22631" },
	{ "PsLoadedModuleList",  BY(DUMP),   PUT_A, 4, 0, 0, 1, 0x18, 0, looks_ring,    2600, 0, "public" },
	{ "MmPfnDatabase",       BY(DUMP),   PUT_V, 8, 0, 0, 1, 0x18, 0, looks_outside, 3790, 0, "19041, 22631" },
	{ "MmPfnDatabase",       BY(HEADER), PUT_V, 8, 0, 2, 1, 0x18, 0, looks_outside, 3790, 0, "22631" },
	{ "MmPfnDatabase",       BY(DUMP),   PUT_V, 4, 0, 0, 1, 0x14, 0, looks_outside, 2600, 0, "public" },

	// Processes and threads by id. Until 23H2 the table is read one call deeper.
	{ "PspCidTable", BY("PsLookupProcessByProcessId"), READ, 0, 0, 1, 1, 0, 0, looks_handle_table, 2600, 0, "before 17134, 19041 (the call), 22631, 24H2" },
	{ "PspCidTable", BY("PsLookupThreadByThreadId"),   READ, 0, 0, 1, 1, 0, 0, looks_handle_table, 2600, 0, "before 17134, 22631" },

	// Types of objects. The table comes first: the cookie is proven with it.
	{ "ObTypeIndexTable", BY("ObGetObjectType"),                   ARRAY, 0, 0, 0, 1, 0, 0, looks_type_table, 7600, 0, "19041, 22631" },
	{ "ObTypeIndexTable", BY("ObReferenceObjectByPointerWithTag"), ARRAY, 0, 0, 0, 1, 0, 0, looks_type_table, 7600, 0, "19041" },
	{ "ObHeaderCookie",   BY("ObGetObjectType"),                   READ,  0, 1, 0, 1, 0, 0, looks_cookie,    10240, 0, "19041, 22631" },
	{ "ObHeaderCookie",   BY("ObReferenceObjectByPointerWithTag"), READ,  0, 1, 0, 1, 0, 0, looks_cookie,    10240, 0, "19041" },
	{ "ObpInfoMaskToOffset", BY("ObQueryNameInfo"),                ARRAY, 0, 0, 0, 1, 0, 0, looks_distances,  7600, 0, "19041, 22631" },
	{ "ObpKernelHandleTable", BY("ObReferenceObjectByHandle"),        READ, 0, 0, 2, 1, 0, 0, looks_handle_table, 2600, 0, "19041 (the call), 22631" },
	{ "ObpKernelHandleTable", BY("ObReferenceObjectByHandleWithTag"), READ, 0, 0, 2, 1, 0, 0, looks_handle_table, 7600, 0, "19041 (the call), 22631" },

	// System calls. The first place for another table is 32 bytes into the descriptors.
	{ "KeServiceDescriptorTable", BY("KeAddSystemServiceTable"), READ, 8, 8, 0, 1, 0, -32, looks_services, 3790, 0, "19041, 22631" },
	{ "KeServiceDescriptorTable", BY("KeAddSystemServiceTable"), ADDR, 8, 0, 0, 1, 0, 0,   looks_services, 3790, 9600, "public" },
	{ "KeServiceDescriptorTable", BY("KeAddSystemServiceTable"), READ | ARRAY, 4, 0, 0, 1, 0, 0, looks_services, 2600, 0, "public" },

	// Who is told of what.
	{ "PspCreateProcessNotifyRoutine", BY("PsSetCreateProcessNotifyRoutine"),   ARRAY, 0, 0, 1, 1, 0, 0, looks_callbacks, 2600, 0, "19041 (the call), 22631" },
	{ "PspCreateProcessNotifyRoutine", BY("PsSetCreateProcessNotifyRoutineEx"), ARRAY, 0, 0, 1, 1, 0, 0, looks_callbacks, 6001, 0, "19041 (the call)" },
	{ "PspCreateThreadNotifyRoutine",  BY("PsSetCreateThreadNotifyRoutine"),    ARRAY, 0, 0, 1, 1, 0, 0, looks_callbacks, 2600, 0, "19041 (the call), 22631" },
	{ "PspLoadImageNotifyRoutine",     BY("PsSetLoadImageNotifyRoutineEx"),     ARRAY, 0, 0, 0, 1, 0, 0, looks_callbacks, 16299, 0, "19041, 22631" },
	{ "PspLoadImageNotifyRoutine",     BY("PsSetLoadImageNotifyRoutine"),       ARRAY, 0, 0, 1, 1, 0, 0, looks_callbacks, 2600, 0, "public" },
	{ "CallbackListHead", BY("CmUnRegisterCallback"),       ADDR, 0, 0, 0, 1, 0, 0, looks_ring, 6000, 0, "19041, 22631" },
	{ "CallbackListHead", BY("CmSetCallbackObjectContext"), ADDR, 0, 0, 0, 1, 0, 0, looks_ring, 6000, 0, "19041" },
	{ "KeBugCheckCallbackListHead",       BY("KeRegisterBugCheckCallback"),       ADDR, 0, 0, 0, 1, 0, 0, looks_ring, 2600, 0, "19041, 22631" },
	{ "KeBugCheckReasonCallbackListHead", BY("KeRegisterBugCheckReasonCallback"), ADDR, 0, 0, 0, 1, 0, 0, looks_ring, 2600, 0, "19041, 22631" },
	{ "IopNotifyShutdownQueueHead",           BY("IoRegisterShutdownNotification"),           ADDR, 0, 0, 0, 1, 0, 0, looks_ring, 2600, 0, "19041, 22631" },
	{ "IopNotifyLastChanceShutdownQueueHead", BY("IoRegisterLastChanceShutdownNotification"), ADDR, 0, 0, 0, 1, 0, 0, looks_ring, 2600, 0, "19041" },
	{ "IopFsNotifyChangeQueueHead", BY("IoRegisterFsRegistrationChange"), READ, 0, 0, 1, 1, 0, 0, looks_ring, 2600, 0, "19041 (the call), 22631" },
};
// clang-format on

// ---- claims ---------------------------------------------------------------------------------
void claim(struct claims *claims, const struct kernel_image *kernel, const char *global,
	const char *witness, uint64_t va)
{
	if (va && kernel_holds(kernel, va) && claims->count < GLOBAL_WITNESSES_MAX)
		claims->list[claims->count++] = (struct global_witness){ global, witness, va };
}

uint64_t claimed(const struct claims *claims, const char *global)
{
	for (size_t i = 0; i < claims->count; i++)
		if (!strcmp(claims->list[i].global, global))
			return claims->list[i].va;
	return 0;
}

// ---- carrying them out ----------------------------------------------------------------------
struct search {
	const struct look *look;
	const struct recipe *recipe;
	uint32_t matches, instructions;
	uint64_t found;
	uint64_t callees[CALLEES_MAX];
	size_t callee_count;
};

static bool is_wanted(const struct search *search, const struct code_ref *ref)
{
	const struct recipe *recipe = search->recipe;
	bool put = ref->use == CODE_PUT_ADDRESS || ref->use == CODE_PUT_VALUE;
	return ref->use & recipe->uses && (!recipe->size || ref->size == recipe->size) &&
	       (!put || ref->displacement == recipe->displacement);
}

static bool search_visit(void *context, const struct code_ref *ref)
{
	struct search *search = context;
	uint64_t va = ref->target + (uint64_t)search->recipe->adjust;
	if (ref->use == CODE_CALL && search->callee_count < CALLEES_MAX)
		search->callees[search->callee_count++] = ref->target;
	if (is_wanted(search, ref) && search->recipe->check(search->look, va) &&
		++search->matches == search->recipe->nth)
		search->found = va;
	return !search->found;
}

// The function at `va`, then what it calls, `depth` calls deep.
static void search_function(struct code *code, struct search *search, uint64_t va, uint32_t depth)
{
	bool is_callee = depth < search->recipe->depth;
	search->callee_count = 0;
	search->instructions += code_walk(
		code, va, is_callee ? CALLEE_LIMIT : FUNCTION_LIMIT, search_visit, search);
	if (!depth || search->found)
		return;
	uint64_t callees[CALLEES_MAX];
	size_t count = search->callee_count;
	memcpy(callees, search->callees, count * sizeof *callees);
	for (size_t i = 0; i < count && !search->found && search->instructions < BUDGET; i++)
		search_function(code, search, callees[i], depth - 1);
}

static bool is_for(const struct recipe *recipe, uint32_t pointer_size, uint32_t build)
{
	if (recipe->pointer_size && recipe->pointer_size != pointer_size)
		return false;
	return !build || (build >= recipe->first && (!recipe->last || build <= recipe->last));
}

static uint64_t exported_pointer(
	const struct kernel_image *kernel, const struct kernel_pe *pe, const char *name)
{
	uint32_t rva;
	return kernel_pe_export(pe, name, &rva) ? kernel_pointer(kernel, kernel->base + rva) : 0;
}

void recipes_read(const struct kernel_image *kernel, const struct kernel_pe *pe, struct code *code,
	uint32_t build, struct claims *claims)
{
	struct look look = { .kernel = kernel,
		.pointer_size = kernel->space->mode->pointer_size,
		.process_type = exported_pointer(kernel, pe, "PsProcessType"),
		.system = exported_pointer(kernel, pe, "PsInitialSystemProcess") };
	for (size_t i = 0; i < ARRAY_LENGTH(recipes); i++) {
		struct search search = { .look = &look, .recipe = &recipes[i] };
		uint32_t rva;
		if (!is_for(&recipes[i], look.pointer_size, build) ||
			!kernel_pe_export(pe, recipes[i].exported, &rva))
			continue;
		search_function(code, &search, kernel->base + rva, recipes[i].depth);
		claim(claims, kernel, recipes[i].global, recipes[i].witness, search.found);
		look.type_table = claimed(claims, "ObTypeIndexTable");
	}
	uint64_t services = claimed(claims, "KeServiceDescriptorTable");
	if (services)
		claim(claims, kernel, "KiServiceTable", "what KeServiceDescriptorTable points to",
			kernel_pointer(kernel, services));
}

bool recipe_describe(size_t index, const char **global, const char **exported,
	uint32_t *pointer_size, const char **seen_in)
{
	if (index >= ARRAY_LENGTH(recipes))
		return false;
	*global = recipes[index].global;
	*exported = recipes[index].exported;
	*pointer_size = recipes[index].pointer_size;
	*seen_in = recipes[index].seen_in;
	return true;
}
