// Driver objects with their dispatch tables, and the devices that they made.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

enum {
	MAJOR_FUNCTIONS = 28,
	TYPE_DEVICE = 3,
	TYPE_DRIVER = 4,
	DEVICE_DISK = 7,
	DEVICE_UNKNOWN = 0x22,
};

static const char *const major_names[MAJOR_FUNCTIONS] = { "CREATE", "CREATE_NAMED_PIPE", "CLOSE",
	"READ", "WRITE", "QUERY_INFORMATION", "SET_INFORMATION", "QUERY_EA", "SET_EA",
	"FLUSH_BUFFERS", "QUERY_VOLUME_INFORMATION", "SET_VOLUME_INFORMATION", "DIRECTORY_CONTROL",
	"FILE_SYSTEM_CONTROL", "DEVICE_CONTROL", "INTERNAL_DEVICE_CONTROL", "SHUTDOWN",
	"LOCK_CONTROL", "CLEANUP", "CREATE_MAILSLOT", "QUERY_SECURITY", "SET_SECURITY", "POWER",
	"SYSTEM_CONTROL", "DEVICE_CHANGE", "QUERY_QUOTA", "SET_QUOTA", "PNP" };

// What nearly every driver handles.
static const uint8_t handled[] = { 0, 2, 3, 4, 14, 16, 18, 22, 23, 27 };

static const char *const file_systems[] = { "Ntfs", "Fs_Rec", "mup", "FLTMGR", "fileinfo",
	"WdFilter", "Npfs", "Msfs", "luafv", "Wof", "bindflt", "srv2", "srvnet", "mrxsmb", "rdbss",
	"FileCrypt", NULL };

struct named_device {
	const char *driver, *device;
	uint32_t type;
};

// clang-format off
static const struct named_device named_devices[] = {
	{ "volmgr",   "HarddiskVolume1",   DEVICE_DISK },
	{ "disk",     "Harddisk0\\DR0",    DEVICE_DISK },
	{ "cdrom",    "CdRom0",            2 },
	{ "tcpip",    "Tcp",               0x12 },
	{ "tcpip",    "Udp",               0x12 },
	{ "tcpip",    "RawIp",             0x12 },
	{ "mup",      "Mup",               0x10 },
	{ "Npfs",     "NamedPipe",         0x11 },
	{ "Msfs",     "MailSlot",          0xc },
	{ "Null",     "Null",              0x15 },
	{ "Beep",     "Beep",              1 },
	{ "afd",      "Afd",               0x11 },
	{ "ksecdd",   "KsecDD",            0x39 },
	{ "ndis",     "Ndis",              0x12 },
	{ "mountmgr", "MountPointManager", 0x6d },
};
// clang-format on

// A driver that is being made.
struct driver {
	const struct loaded_module *module;
	struct object object;
	char service[64]; // "disk"
	char path[96];    // "\\Driver\\disk"
};

static uint64_t invalid_request(struct forge *f)
{
	uint64_t va = kernel_symbol(f, "IopInvalidDeviceRequest");
	return va ? va : f->kernel_base + 0x2a3f0;
}

static void put_text(struct forge *f, struct object o, const char *field, const char *text)
{
	uint32_t bytes;
	uint64_t va = pool_text(f, POOL_PAGED, text, &bytes);
	forge_put_string(f, o, field, va, bytes);
}

// ---- dispatch tables
// ------------------------------------------------------------------------------
// {"irp": number, "module": name, "offset": …} or {"irp": number, "at": address}: a hook.
static uint64_t hooked(struct forge *f, const struct driver *d, uint32_t irp, uint64_t otherwise)
{
	size_t i;
	json_t *hook;
	json_array_foreach(json_object_get(d->module->description, "hooks"), i, hook)
	{
		if (scenario_number(hook, "irp", MAJOR_FUNCTIONS) != irp)
			continue;
		const struct loaded_module *to =
			module_find(f, scenario_text(hook, "module", "ntoskrnl.exe"));
		uint64_t target = scenario_number(hook, "at", 0);
		if (!target && to)
			target = to->base + scenario_number(hook, "offset", 0x1000);
		return target ? target : otherwise;
	}
	return otherwise;
}

static uint64_t own_function(struct forge *f, const struct driver *d)
{
	return d->module->base + PAGE_SIZE + forge_below(f, 0xf0) * 16;
}

static void write_dispatch(struct forge *f, const struct driver *d)
{
	uint64_t table = forge_field(f, d->object, "MajorFunction");
	uint64_t functions[MAJOR_FUNCTIONS];
	for (uint32_t i = 0; i < MAJOR_FUNCTIONS; i++)
		functions[i] = invalid_request(f);
	for (size_t i = 0; i < ARRAY_LENGTH(handled); i++)
		functions[handled[i]] = own_function(f, d);
	for (uint32_t i = 0; table && i < MAJOR_FUNCTIONS; i++) {
		uint64_t function = hooked(f, d, i, functions[i]);
		char name[40];
		snprintf(name, sizeof name, "IRP_MJ_%s", major_names[i]);
		write_pointer(f, &f->kernel, table + (uint64_t)i * f->pointer, function);
		truth_row(f, "driverirp", "{s:I, s:I, s:s, s:s, s:I, s:s?}", "offset",
			(json_int_t)d->object.va, "physical",
			(json_int_t)paging_physical(f, &f->kernel, d->object.va), "driver", d->path,
			"irp", name, "address", (json_int_t)function, "module",
			module_name_at(f, function));
	}
}

// ---- devices
// --------------------------------------------------------------------------------------
static struct object device_create(struct forge *f, const char *name, uint32_t type)
{
	struct object_request request = {
		.object_type = "Device",
		.type = "_DEVICE_OBJECT",
		.tag = "Devi",
		.kind = POOL_NONPAGED,
	};
	char path[96];
	snprintf(path, sizeof path, "\\Device\\%s", name ? name : "");
	struct object o = name ? named_create(f, &request, path) : object_create(f, &request);
	forge_put(f, o, "Type", TYPE_DEVICE);
	forge_put(f, o, "Size", forge_size(f, "_DEVICE_OBJECT", 0));
	forge_put(f, o, "DeviceType", type);
	forge_put(f, o, "ReferenceCount", 1);
	forge_put(f, o, "StackSize", 1);
	return o;
}

static void device_link(
	struct forge *f, const struct driver *d, struct object device, const char *name)
{
	uint64_t first = forge_field(f, d->object, "DeviceObject");
	if (!first)
		return;
	forge_put(f, device, "DriverObject", d->object.va);
	forge_put(f, device, "NextDevice", read_pointer(f, &f->kernel, first));
	write_pointer(f, &f->kernel, first, device.va);
	truth_row(f, "devicetree", "{s:I, s:s, s:I, s:s?}", "offset", (json_int_t)d->object.va,
		"driver", d->path, "device", (json_int_t)device.va, "name", name);
}

static void devices_create(struct forge *f, const struct driver *d)
{
	bool any = false;
	for (size_t i = 0; i < ARRAY_LENGTH(named_devices); i++) {
		const struct named_device *n = &named_devices[i];
		if (strcmp(n->driver, d->service) != 0)
			continue;
		device_link(f, d, device_create(f, n->device, n->type), n->device);
		any = true;
	}
	if (strcmp(d->service, "volmgr") == 0)
		device_link(f, d, (struct object){ &f->kernel, f->device, "_DEVICE_OBJECT" },
			"HarddiskVolume2");
	if (!any)
		device_link(f, d, device_create(f, NULL, DEVICE_UNKNOWN), NULL);
}

// ---- drivers
// --------------------------------------------------------------------------------------
static void driver_name(struct driver *d, const char *module)
{
	const char *folder = "Driver";
	snprintf(d->service, sizeof d->service, "%.*s", (int)strcspn(module, "."), module);
	for (size_t i = 0; file_systems[i]; i++) {
		if (strcmp(file_systems[i], d->service) == 0)
			folder = "FileSystem";
	}
	snprintf(d->path, sizeof d->path, "\\%s\\%s", folder, d->service);
}

static void write_extension(struct forge *f, const struct driver *d, uint64_t va)
{
	struct object extension = { &f->kernel, va, "_DRIVER_EXTENSION" };
	forge_put(f, d->object, "DriverExtension", va);
	forge_put(f, extension, "DriverObject", d->object.va);
	forge_put(f, extension, "AddDevice", own_function(f, d));
	put_text(f, extension, "ServiceKeyName", d->service);
}

static void driver_create(struct forge *f, const struct loaded_module *m)
{
	struct driver d = { .module = m };
	driver_name(&d, m->name);
	uint32_t body = forge_size(f, "_DRIVER_OBJECT", 0x150);
	struct object_request request = {
		.object_type = "Driver",
		.type = "_DRIVER_OBJECT",
		.tag = "Driv",
		.bytes = body + forge_size(f, "_DRIVER_EXTENSION", 0x50),
		.kind = POOL_NONPAGED,
	};
	d.object = named_create(f, &request, d.path);
	forge_put(f, d.object, "Type", TYPE_DRIVER);
	forge_put(f, d.object, "Size", body);
	forge_put(f, d.object, "Flags", 0x12);
	forge_put(f, d.object, "DriverStart", m->base);
	forge_put(f, d.object, "DriverSize", m->size);
	forge_put(f, d.object, "DriverSection", m->entry);
	forge_put(f, d.object, "DriverInit", m->base + 0x1040);
	put_text(f, d.object, "DriverName", d.path);
	write_extension(f, &d, d.object.va + body);
	write_dispatch(f, &d);
	devices_create(f, &d);
	truth_row(f, "driverscan", "{s:I, s:I, s:I, s:I, s:s, s:s, s:s}", "offset",
		(json_int_t)d.object.va, "physical",
		(json_int_t)paging_physical(f, &f->kernel, d.object.va), "start",
		(json_int_t)m->base, "size", (json_int_t)m->size, "service", d.service, "name",
		d.service, "alternative", d.path);
}

static bool is_driver(const struct loaded_module *m)
{
	const char *dot = strrchr(m->name, '.');
	return dot && (strcmp(dot, ".sys") == 0 || strcmp(dot, ".SYS") == 0);
}

// Filters sit on top of the device of another driver.
static void attach(struct forge *f, const char *lower, const char *upper)
{
	struct object below = { &f->kernel, named_find(f, "Driver", lower), "_DRIVER_OBJECT" };
	struct object above = { &f->kernel, named_find(f, "Driver", upper), "_DRIVER_OBJECT" };
	if (!below.va || !above.va || !forge_field(f, below, "DeviceObject"))
		return;
	struct object device = { &f->kernel,
		read_pointer(f, &f->kernel, forge_field(f, below, "DeviceObject")),
		"_DEVICE_OBJECT" };
	uint64_t filter = read_pointer(f, &f->kernel, forge_field(f, above, "DeviceObject"));
	forge_put(f, device, "AttachedDevice", filter);
}

void driver_create_all(struct forge *f)
{
	for (size_t i = 0; i < f->module_count && !f->error; i++) {
		f->unlisted = f->modules[i].unlinked;
		if (is_driver(&f->modules[i]))
			driver_create(f, &f->modules[i]);
	}
	f->unlisted = false;
	attach(f, "\\Driver\\disk", "\\Driver\\partmgr");
	attach(f, "\\Driver\\volmgr", "\\Driver\\fvevol");
	attach(f, "\\Driver\\fvevol", "\\Driver\\volsnap");
	attach(f, "\\FileSystem\\Ntfs", "\\FileSystem\\FLTMGR");
}
