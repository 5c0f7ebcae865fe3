// Functions that drivers have asked the kernel to call.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

// A callback that is being registered.
struct callback {
	const char *kind;
	const struct loaded_module *module;
	uint64_t function;
	const char *altitude;
	uint32_t nth; // of its kind
};

static void callback_truth(struct forge *f, const char *type, uint64_t function, const char *detail)
{
	truth_row(f, "callbacks", "{s:s, s:I, s:s?, s:s?}", "type", type, "callback",
		(json_int_t)function, "module", module_name_at(f, function), "detail", detail);
}

// Rundown protection, function, context; not in the kernel's symbols.
static uint64_t routine_block(struct forge *f, const struct callback *c)
{
	uint64_t va = pool_take(f, POOL_NONPAGED, "Cbrb", 3 * f->pointer);
	write_pointer(f, &f->kernel, va, 0x20);
	write_pointer(f, &f->kernel, va + f->pointer, c->function);
	callback_truth(f, "GenericKernelCallback", c->function, NULL);
	return va;
}

// Slots are fast references: the low bits count.
static void slot_write(struct forge *f, uint64_t array, uint32_t nth, uint64_t block)
{
	write_pointer(f, &f->kernel, array + (uint64_t)nth * f->pointer,
		block | (f->pointer == 8 ? 0xf : 0x7));
}

static void notify_add(struct forge *f, const struct callback *c, const char *array_name)
{
	char count[64];
	uint64_t array = kernel_symbol(f, array_name);
	snprintf(count, sizeof count, "%sCount", array_name);
	if (!array || c->nth >= 8)
		return;
	slot_write(f, array, c->nth, routine_block(f, c));
	kernel_set32(f, count, c->nth + 1);
	callback_truth(f, array_name, c->function, NULL);
}

static void add_process(struct forge *f, const struct callback *c)
{
	notify_add(f, c, "PspCreateProcessNotifyRoutine");
}

static void add_thread(struct forge *f, const struct callback *c)
{
	notify_add(f, c, "PspCreateThreadNotifyRoutine");
}

static void add_image(struct forge *f, const struct callback *c)
{
	notify_add(f, c, "PspLoadImageNotifyRoutine");
}

// The list's head is made by the first to come.
static void ring_add(struct forge *f, const char *symbol, uint64_t node)
{
	uint64_t head = kernel_symbol(f, symbol);
	if (!head)
		return;
	if (!read_pointer(f, &f->kernel, head))
		list_init(f, &f->kernel, head);
	list_add(f, &f->kernel, head, node);
}

// Since Vista a list by altitude; before, an array of slots.
static void add_registry(struct forge *f, const struct callback *c)
{
	uint64_t array = kernel_symbol(f, "CmpCallBackVector");
	kernel_set32(f, "CmpCallBackCount", c->nth + 1);
	if (array) {
		slot_write(f, array, c->nth, routine_block(f, c));
		callback_truth(f, "CmRegisterCallback", c->function, NULL);
		return;
	}
	static const uint32_t narrow[] = { 16, 28, 32, 48 }, wide[] = { 24, 40, 48, 80 };
	const uint32_t *at = f->pointer == 8 ? wide : narrow; // cookie, function, altitude, end
	if (!kernel_symbol(f, "CallbackListHead"))
		return;
	uint64_t va = pool_take(f, POOL_PAGED, "CMcb", at[3]);
	uint64_t cookie = f->booted + c->nth;
	uint32_t bytes;
	uint64_t text = pool_text(f, POOL_PAGED, c->altitude, &bytes);
	write_bytes(f, &f->kernel, va + at[0], &cookie, sizeof cookie);
	write_pointer(f, &f->kernel, va + at[1], c->function);
	write_u32(f, &f->kernel, va + at[2], bytes | (bytes + 2) << 16);
	write_pointer(f, &f->kernel, va + at[2] + f->pointer, text);
	ring_add(f, "CallbackListHead", va);
	char detail[64];
	snprintf(detail, sizeof detail, "Altitude: %s", c->altitude);
	callback_truth(f, "CmRegisterCallbackEx", c->function, detail);
}

static uint64_t component_text(struct forge *f, const struct callback *c)
{
	size_t length = strcspn(c->module->name, ".");
	uint64_t va = pool_take(f, POOL_NONPAGED, "KBcn", (uint32_t)length + 1);
	write_bytes(f, &f->kernel, va, c->module->name, length);
	return va;
}

static void bugcheck_truth(struct forge *f, const struct callback *c, const char *list)
{
	char component[64];
	snprintf(component, sizeof component, "%.*s", (int)strcspn(c->module->name, "."),
		c->module->name);
	callback_truth(f, list, c->function, component);
}

// Links, routine, buffer, length, component, checksum, state.
static void add_bugcheck(struct forge *f, const struct callback *c)
{
	uint64_t va = pool_take(f, POOL_NONPAGED, "KBck", 8 * f->pointer);
	uint64_t component = component_text(f, c);
	write_pointer(f, &f->kernel, va + 2 * f->pointer, c->function);
	write_pointer(f, &f->kernel, va + 5 * f->pointer, component);
	write_pointer(f, &f->kernel, va + 6 * f->pointer, c->function + component);
	write_u32(f, &f->kernel, va + 7 * f->pointer, 1);
	ring_add(f, "KeBugCheckCallbackListHead", va);
	bugcheck_truth(f, c, "KeBugCheckCallbackListHead");
}

// Links, routine, component, checksum, reason, state.
static void add_reason(struct forge *f, const struct callback *c)
{
	uint64_t va = pool_take(f, POOL_NONPAGED, "KBrs", 7 * f->pointer);
	uint64_t component = component_text(f, c);
	write_pointer(f, &f->kernel, va + 2 * f->pointer, c->function);
	write_pointer(f, &f->kernel, va + 3 * f->pointer, component);
	write_pointer(f, &f->kernel, va + 4 * f->pointer, c->function + component + 4);
	write_u32(f, &f->kernel, va + 5 * f->pointer, 4);
	write_u32(f, &f->kernel, va + 5 * f->pointer + 4, 1);
	ring_add(f, "KeBugCheckReasonCallbackListHead", va);
	bugcheck_truth(f, c, "KeBugCheckReasonCallbackListHead");
}

static struct object driver_of(struct forge *f, const struct callback *c, char *path, size_t room)
{
	struct object o = { &f->kernel, 0, "_DRIVER_OBJECT" };
	static const char *const folders[] = { "Driver", "FileSystem" };
	for (size_t i = 0; !o.va && i < ARRAY_LENGTH(folders); i++) {
		snprintf(path, room, "\\%s\\%.*s", folders[i], (int)strcspn(c->module->name, "."),
			c->module->name);
		o.va = named_find(f, "Driver", path);
	}
	return o;
}

// Links and the device; what is called is the dispatch function of its driver.
static void add_shutdown(struct forge *f, const struct callback *c)
{
	enum { IRP_MJ_SHUTDOWN = 16 };
	char path[96];
	struct object driver = driver_of(f, c, path, sizeof path);
	uint64_t table = driver.va ? forge_field(f, driver, "MajorFunction") : 0;
	if (!table)
		return;
	uint64_t device = read_pointer(f, &f->kernel, forge_field(f, driver, "DeviceObject"));
	uint64_t va = pool_take(f, POOL_NONPAGED, "IoSh", 3 * f->pointer);
	write_pointer(f, &f->kernel, va + 2 * f->pointer, device);
	ring_add(f, "IopNotifyShutdownQueueHead", va);
	callback_truth(f, "IoRegisterShutdownNotification",
		read_pointer(f, &f->kernel, table + IRP_MJ_SHUTDOWN * f->pointer), path);
}

// Links, driver, routine.
static void add_filesystem(struct forge *f, const struct callback *c)
{
	char path[96];
	struct object driver = driver_of(f, c, path, sizeof path);
	uint64_t va = pool_take(f, POOL_PAGED, "IoFs", 6 * f->pointer);
	write_pointer(f, &f->kernel, va + 2 * f->pointer, driver.va);
	write_pointer(f, &f->kernel, va + 3 * f->pointer, c->function);
	ring_add(f, "IopFsNotifyChangeQueueHead", va);
	callback_truth(f, "IoRegisterFsRegistrationChange", c->function, NULL);
}

// Links, routine.
static void add_debugprint(struct forge *f, const struct callback *c)
{
	if (!f->vista)
		return;
	uint64_t va = pool_take(f, POOL_NONPAGED, "DbCb", 16 + 2 * f->pointer);
	write_pointer(f, &f->kernel, va + 2 * f->pointer, c->function);
	ring_add(f, "RtlpDebugPrintCallbackList", va);
	callback_truth(f, "DbgSetDebugPrintCallback", c->function, NULL);
}

struct callback_kind {
	const char *name;
	void (*add)(struct forge *f, const struct callback *c);
};

static const struct callback_kind kinds[] = {
	{ "process", add_process },
	{ "thread", add_thread },
	{ "image", add_image },
	{ "registry", add_registry },
	{ "bugcheck", add_bugcheck },
	{ "reason", add_reason },
	{ "shutdown", add_shutdown },
	{ "filesystem", add_filesystem },
	{ "debugprint", add_debugprint },
};

static void callback_create(struct forge *f, const json_t *description, uint32_t *counts)
{
	struct callback c = {
		.kind = scenario_text(description, "kind", "process"),
		.module = module_find(f, scenario_text(description, "module", "ntoskrnl.exe")),
		.altitude = scenario_text(description, "altitude", "328010"),
	};
	if (!c.module)
		return; // the build, or the population, is without it
	c.function = c.module->base +
		     scenario_number(description, "offset", 0x1000 + forge_below(f, 0xf0) * 16);
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		if (strcmp(kinds[i].name, c.kind) != 0)
			continue;
		c.nth = counts[i]++;
		kinds[i].add(f, &c);
		return;
	}
	forge_fail(f, EI_E_FORMAT, "a callback has the unknown kind '%s'", c.kind);
}

void callback_create_all(struct forge *f)
{
	uint32_t counts[ARRAY_LENGTH(kinds)] = { 0 };
	size_t i;
	json_t *description;
	json_array_foreach(json_object_get(f->scenario, "callbacks"), i, description)
		callback_create(f, description, counts);
}
