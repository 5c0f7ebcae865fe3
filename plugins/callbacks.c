// callbacks: functions that drivers have asked the kernel to call: the hooks that Windows offers.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/drivers.h>
#include <eidetic/objects.h>
#include <eidetic/scan.h>
#include <eidetic/system.h>
#include <string.h>

enum { TYPE, CALLBACK, MODULE, SYMBOL, DETAIL, RECORD, COLUMNS };
enum { IRP_MJ_SHUTDOWN = 16, RING_MAX = 4096, TEXT_MAX = 64, EVENT_CATEGORIES = 5 };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[TYPE]     = { "type",     EI_STR,  "list that it is on, or what it was registered with", .vol3 = "Type" },
	[CALLBACK] = { "callback", EI_ADDR, "function that is called", .vol3 = "Callback" },
	[MODULE]   = { "module",   EI_STR,  "listed module that the function is in; none: in no module", .vol3 = "Module" },
	[SYMBOL]   = { "symbol",   EI_STR,  "name of the function, where the kernel's symbols have it", .vol3 = "Symbol" },
	[DETAIL]   = { "detail",   EI_STR,  "altitude, component, or driver that registered it", .vol3 = "Detail" },
	[RECORD]   = { "record",   EI_ADDR, "address of the record that says so" },
};

// Links of a ring, and what a pool scan is given as the type of a record.
#define RECORD_FIELDS(F, ALT)                                                                      \
	F(Flink, PTR, MUST)                                                                        \
	F(Blink, PTR, MUST)
EI_TYPE(record, "_LIST_ENTRY", RECORD_FIELDS);

#define DEVICE_FIELDS(F, ALT)                                                                      \
	F(DriverObject, PTR, MAY)
EI_TYPE(device, "_DEVICE_OBJECT", DEVICE_FIELDS);
// clang-format on

static const char *const event_categories[EVENT_CATEGORIES] = { "EventCategoryReserved",
	"EventCategoryHardwareProfileChange", "EventCategoryDeviceInterfaceChange",
	"EventCategoryTargetDeviceChange", "EventCategoryKernelSoftRestart" };

// ---- one callback ---------------------------------------------------------------------------

static bool is_kernel(ei_run *r, uint64_t va)
{
	return ei_pointer_size(r) == 8 ? va >> 47 == 0x1ffff : va >= 0x80000000;
}

static void callback_emit(
	ei_run *r, const char *type, uint64_t function, ei_val detail, uint64_t at)
{
	ei_val symbol = ei_symbol_at(r, function, 0);
	size_t name = 0;
	do { // Volatility has a row for each name of a function
		ei_emit(r, (ei_val[COLUMNS]){
				   [TYPE] = ei_str(type),
				   [CALLBACK] = ei_addr(function),
				   [MODULE] = ei_module_title(r, function),
				   [SYMBOL] = symbol,
				   [DETAIL] = detail,
				   [RECORD] = ei_addr(at),
			   });
		symbol = ei_symbol_at(r, function, ++name);
	} while (ei_compat_vol3(r) && ei_has(symbol));
}

static ei_val ascii_at(ei_run *r, uint64_t va)
{
	char *text = ei_alloc(ei_scratch(r), TEXT_MAX + 1);
	if (!text || !va || !ei_read(r, NULL, va, text, TEXT_MAX))
		return ei_absent(va ? EI_UNREADABLE : EI_NONE);
	return ei_str(text);
}

// ---- arrays of slots ------------------------------------------------------------------------

// Slots are fast references to a block: rundown protection, function, context.
static const struct slots {
	const char *symbol, *type, *count;
	unsigned room; // slots, where `count` does not say
} slots[] = {
	{ "PspLoadImageNotifyRoutine", "PspLoadImageNotifyRoutine", NULL, 8 },
	{ "PspCreateThreadNotifyRoutine", "PspCreateThreadNotifyRoutine", NULL, 64 },
	{ "PspCreateProcessNotifyRoutine", "PspCreateProcessNotifyRoutine", NULL, 64 },
	{ "CmpCallBackVector", "CmRegisterCallback", "CmpCallBackCount", 100 },
};

static unsigned slots_room(ei_run *r, const struct slots *array)
{
	uint64_t at;
	if (!array->count || !ei_symbol(r, array->count, &at))
		return array->room;
	uint64_t count = ei_u64_or(ei_read_u32(r, NULL, at), 0);
	return count < array->room ? (unsigned)count : array->room;
}

static void slots_emit(ei_run *r, const struct slots *array)
{
	uint64_t size = ei_pointer_size(r), mask = size == 8 ? 0xf : 0x7, at;
	if (!ei_symbol(r, array->symbol, &at))
		return;
	unsigned room = slots_room(r, array);
	for (unsigned i = 0; i < room; i++) {
		uint64_t block = ei_u64_or(ei_read_ptr(r, NULL, at + i * size), 0) & ~mask;
		// Some builds have fewer slots than others: what follows is something else.
		if (block && !is_kernel(r, block))
			return;
		ei_val function = ei_read_ptr(r, NULL, block + size);
		if (block && ei_u64_or(function, 0) && is_kernel(r, function.u))
			callback_emit(r, array->type, function.u, ei_absent(EI_NONE), block);
	}
}

// ---- rings of records -----------------------------------------------------------------------

enum detail_kind { DETAIL_NONE, DETAIL_ASCII, DETAIL_ALTITUDE };

// In front of a record are the links of the ring.
static const struct ring {
	const char *symbol, *type;
	unsigned function_64, function_32, detail_64, detail_32; // bytes
	enum detail_kind detail;
} rings[] = {
	{ "KeBugCheckCallbackListHead", "KeBugCheckCallbackListHead", 16, 8, 40, 20, DETAIL_ASCII },
	{ "KeBugCheckReasonCallbackListHead", "KeBugCheckReasonCallbackListHead", 16, 8, 24, 12,
		DETAIL_ASCII },
	{ "CallbackListHead", "CmRegisterCallbackEx", 40, 28, 48, 32, DETAIL_ALTITUDE },
};

static ei_val ring_detail(ei_run *r, const struct ring *ring, uint64_t at)
{
	if (ring->detail == DETAIL_ASCII)
		return ascii_at(r, ei_u64_or(ei_read_ptr(r, NULL, at), 0));
	ei_val altitude = ei_read_ustr(r, NULL, at);
	if (!ei_has(altitude))
		return altitude;
	return ei_str(ei_text(ei_scratch(r), "Altitude: %.*s", (int)altitude.length, altitude.s));
}

static void ring_emit(ei_run *r, const struct ring *ring)
{
	bool wide = ei_pointer_size(r) == 8;
	uint64_t head;
	if (!ei_symbol(r, ring->symbol, &head))
		return;
	uint64_t at = ei_u64_or(ei_read_ptr(r, NULL, head), 0);
	for (unsigned n = 0; at && at != head && n < RING_MAX && !ei_stopped(r); n++) {
		ei_val function =
			ei_read_ptr(r, NULL, at + (wide ? ring->function_64 : ring->function_32));
		if (!ei_has(function)) {
			ei_note(r, "%s: the record at 0x%llx cannot be read; the list ends there",
				ring->symbol, (unsigned long long)at);
			return;
		}
		callback_emit(r, ring->type, function.u,
			ring_detail(r, ring, at + (wide ? ring->detail_64 : ring->detail_32)), at);
		at = ei_u64_or(ei_read_ptr(r, NULL, at), 0);
	}
}

// ---- records by their pool tag --------------------------------------------------------------

static ei_val pointer_in(ei_run *r, const record *found, unsigned pointers)
{
	return ei_read_ptr(
		r, found->obj.space, found->obj.va + (uint64_t)pointers * ei_pointer_size(r));
}

static void plain_emit(ei_run *r, const record *found, const char *type, unsigned pointers)
{
	ei_val function = pointer_in(r, found, pointers);
	if (ei_has(function) && is_kernel(r, function.u))
		callback_emit(r, type, function.u, ei_absent(EI_NONE), found->obj.va);
}

static void generic_emit(ei_run *r, const record *found)
{
	plain_emit(r, found, "GenericKernelCallback", 1);
}

static void filesystem_emit(ei_run *r, const record *found)
{
	plain_emit(r, found, "IoRegisterFsRegistrationChange", 3);
}

static void debug_print_emit(ei_run *r, const record *found)
{
	plain_emit(r, found, "DbgSetDebugPrintCallback", 2);
}

static bool type_is(ei_run *r, uint64_t object, const char *name)
{
	ei_val type = ei_object_type(r, object);
	return ei_has(type) && type.length == strlen(name) && !memcmp(type.s, name, type.length);
}

// What is called at shutdown is the routine of the device's driver.
static void shutdown_emit(ei_run *r, const record *found)
{
	uint64_t address = ei_u64_or(pointer_in(r, found, 2), 0);
	if (!address || !type_is(r, address, "Device"))
		return;
	device d = ei_at(r, device, address);
	uint64_t driver_at = ei_u64_or(ei_get(d, DriverObject), 0);
	driver owner = ei_at(r, driver, driver_at);
	ei_val routine = ei_driver_routine(r, &owner, IRP_MJ_SHUTDOWN);
	if (driver_at && ei_u64_or(routine, 0))
		callback_emit(r, "IoRegisterShutdownNotification", routine.u,
			ei_get(owner, DriverName), found->obj.va);
}

static void plug_emit(ei_run *r, const record *found)
{
	bool wide = ei_pointer_size(r) == 8;
	uint64_t at = found->obj.va;
	ei_val category = ei_read_u32(r, found->obj.space, at + (wide ? 16 : 8));
	ei_val function = ei_read_ptr(r, found->obj.space, at + (wide ? 32 : 20));
	uint64_t owner = ei_u64_or(ei_read_ptr(r, found->obj.space, at + (wide ? 48 : 28)), 0);
	if (!ei_has(function) || !is_kernel(r, function.u) ||
		ei_u64_or(category, EVENT_CATEGORIES) >= EVENT_CATEGORIES)
		return;
	ei_val name = owner && type_is(r, owner, "Driver") ? ei_object_name(r, owner)
							   : ei_absent(EI_NONE);
	callback_emit(r, event_categories[category.u], function.u, name, at);
}

static const struct pool_record {
	const char *tag;
	unsigned least_64, least_32; // bytes of a block
	void (*emit)(ei_run *r, const record *found);
} pool_records[] = {
	{ "IoFs", 48, 16, filesystem_emit },
	{ "IoSh", 24, 12, shutdown_emit },
	{ "Cbrb", 24, 12, generic_emit },
	{ "DbCb", 32, 32, debug_print_emit },
	{ "Pnp9", 48, 48, plug_emit },
	{ "PnpD", 64, 64, plug_emit },
	{ "PnpC", 56, 56, plug_emit },
};

static void pool_emit(ei_run *r, const struct pool_record *wanted)
{
	ei_iter it = ei_pool_hits(
		r, &(ei_pool_wish){
			   .tag = wanted->tag,
			   .least = ei_pointer_size(r) == 8 ? wanted->least_64 : wanted->least_32,
			   .type = &record_spec,
		   });
	for (record found = ei_handle(r, record); ei_next(&it, &found);)
		wanted->emit(r, &found);
}

static ei_error *run(ei_run *r)
{
	for (size_t i = 0; i < EI_COUNT(slots); i++)
		slots_emit(r, &slots[i]);
	for (size_t i = 0; i < EI_COUNT(rings); i++)
		ring_emit(r, &rings[i]);
	for (size_t i = 0; i < EI_COUNT(pool_records); i++)
		pool_emit(r, &pool_records[i]);
	return NULL;
}

EI_PLUGIN(callbacks) = {
	EI_HEAD(callbacks),
	.vol3 = "windows.callbacks.Callbacks",
	.purpose = "functions that drivers have asked the kernel to call",
	EI_COLUMNS(columns),
	EI_TYPES(&record_spec, &driver_spec, &device_spec),
	.run = run,
};
