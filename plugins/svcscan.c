// svcscan: services as the control manager knows them, beside what the registry says of them.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/registry.h>
#include <eidetic/services.h>
#include <eidetic/win.h>
#include <string.h>

enum {
	OFFSET,
	ORDER,
	PID,
	START,
	STATE,
	TYPE,
	NAME,
	DISPLAY,
	BINARY,
	REGISTRY_BINARY,
	DLL,
	DESCRIPTION,
	FOUND_BY,
	COLUMNS
};
enum { OPT_REGISTRY };
enum { NAMES_MAX = 1 << 13 };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[OFFSET]          = { "offset",          EI_ADDR, "address of the record in services.exe", .vol3 = "Offset" },
	[ORDER]           = { "order",           EI_UINT, "number of the record", .vol3 = "Order" },
	[PID]             = { "pid",             EI_UINT, "process that it runs in", .vol3 = "PID", .ioc = "ServiceItem/pid" },
	[START]           = { "start",           EI_STR,  "when it is started", .vol3 = "Start", .ioc = "ServiceItem/mode" },
	[STATE]           = { "state",           EI_STR,  "whether it runs", .vol3 = "State", .ioc = "ServiceItem/status" },
	[TYPE]            = { "type",            EI_STR,  "driver, process of its own, or process with others", .vol3 = "Type", .ioc = "ServiceItem/type" },
	[NAME]            = { "name",            EI_STR,  "its name: that of its key", .vol3 = "Name", .ioc = "ServiceItem/name" },
	[DISPLAY]         = { "display",         EI_STR,  "its name for people", .vol3 = "Display", .ioc = "ServiceItem/descriptiveName" },
	[BINARY]          = { "binary",          EI_STR,  "command line that runs, or the driver's object", .vol3 = "Binary" },
	[REGISTRY_BINARY] = { "binary_registry", EI_STR,  "ImagePath of its key", .vol3 = "Binary (Registry)", .ioc = "ServiceItem/path" },
	[DLL]             = { "dll",             EI_STR,  "ServiceDll of its key: what svchost.exe loads for it", .vol3 = "Dll", .ioc = "ServiceItem/serviceDLL" },
	[DESCRIPTION]     = { "description",     EI_STR,  "Description of its key", .ioc = "ServiceItem/description" },
	[FOUND_BY]        = { "found_by",        EI_STR,  "chain, scan, or registry; without chain where others have it: hidden" },
};

static const ei_option options[] = {
	[OPT_REGISTRY] = { "registry", EI_BOOL, 0, "also services that only the registry knows" },
};
// clang-format on

// The key that has a subkey for each service.
struct services_key {
	ei_key key;
	bool known;
};

// Names that the control manager has, as numbers made from them.
struct names {
	uint64_t *items;
	size_t count;
};

static struct services_key services_key_find(ei_run *r)
{
	static const char *const paths[] = { "CurrentControlSet\\Services",
		"ControlSet001\\Services" };
	ei_iter it = ei_hives(r);
	for (cmhive h = ei_handle(r, cmhive); ei_next(&it, &h);) {
		ei_hive *hive = ei_hive_open(r, &h);
		ei_key select = ei_key_find(hive, "Select");
		for (size_t i = 0; select.state == EI_OK && i < EI_COUNT(paths); i++) {
			ei_key key = ei_key_find(hive, paths[i]);
			if (key.state == EI_OK)
				return (struct services_key){ key, true };
		}
	}
	return (struct services_key){ .known = false };
}

static ei_val value_of(const ei_key *key, const char *name)
{
	if (key->state != EI_OK)
		return ei_absent((ei_state)key->state);
	ei_value value = ei_key_value(key, name);
	if (value.state != EI_OK)
		return ei_absent((ei_state)value.state);
	return ei_value_data(&value);
}

static ei_val text_of(const ei_key *key, const char *name)
{
	ei_val value = value_of(key, name);
	return ei_has(value) && value.kind != EI_STR ? ei_absent(EI_GARBAGE) : value;
}

static ei_val number_of(const ei_key *key, const char *name)
{
	ei_val value = value_of(key, name);
	return ei_has(value) && value.kind > EI_TIME ? ei_absent(EI_GARBAGE) : value;
}

static void registry_cells(const ei_key *key, ei_val *cells)
{
	ei_key parameters = *key;
	if (key->state == EI_OK)
		parameters = ei_key_child(key, "Parameters", strlen("Parameters"));
	cells[REGISTRY_BINARY] = text_of(key, "ImagePath");
	cells[DLL] = text_of(&parameters, "ServiceDll");
	if (cells[DLL].state == EI_NONE) // where it was until Windows 2000, and still works
		cells[DLL] = text_of(key, "ServiceDll");
	cells[DESCRIPTION] = text_of(key, "Description");
}

// ---- names ----------------------------------------------------------------------------------

// Of ASCII letters in any case; FNV-1a.
static uint64_t name_number(ei_val name)
{
	uint64_t number = UINT64_C(0xcbf29ce484222325);
	for (uint32_t i = 0; i < name.length; i++) {
		char letter = name.s[i];
		letter = letter >= 'A' && letter <= 'Z' ? (char)(letter + 32) : letter;
		number = (number ^ (uint8_t)letter) * UINT64_C(0x100000001b3);
	}
	return number;
}

static bool names_have(const struct names *names, uint64_t number)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->items[i] == number)
			return true;
	return false;
}

// ---- rows -----------------------------------------------------------------------------------

static const char *found_by(const ei_service *s)
{
	bool scan = s->found & EI_BY_SCAN, chain = s->found & EI_BY_FORWARD;
	return scan ? chain ? "chain+scan" : "scan" : "chain";
}

static void service_emit(ei_run *r, const ei_service *s, const struct services_key *services)
{
	ei_val cells[COLUMNS] = {
		[OFFSET] = ei_addr(s->record),
		[ORDER] = s->order,
		[PID] = s->pid,
		[START] = s->start,
		[STATE] = s->state,
		[TYPE] = s->type,
		[NAME] = s->name,
		[DISPLAY] = s->display,
		[BINARY] = s->binary,
		[FOUND_BY] = ei_str(found_by(s)),
	};
	ei_key key = { .state = EI_NONE };
	if (services->known && ei_has(s->name))
		key = ei_key_child(&services->key, s->name.s, s->name.length);
	registry_cells(&key, cells);
	ei_emit(r, cells);
}

// What can be started is a service or a driver; other subkeys only hold settings.
static void key_emit(ei_run *r, const ei_key *key, const struct names *names)
{
	ei_val name = ei_key_name(key), start = number_of(key, "Start");
	if (!ei_has(name) || !ei_has(start) || names_have(names, name_number(name)))
		return;
	ei_val none = ei_absent(EI_NONE);
	ei_val cells[COLUMNS] = {
		[OFFSET] = none,
		[ORDER] = none,
		[PID] = none,
		[START] = ei_service_start_text(start),
		[STATE] = none,
		[TYPE] = ei_service_type_text(r, number_of(key, "Type")),
		[NAME] = name,
		[DISPLAY] = text_of(key, "DisplayName"),
		[BINARY] = none,
		[FOUND_BY] = ei_str("registry"),
	};
	registry_cells(key, cells);
	ei_emit(r, cells);
}

static ei_error *run(ei_run *r)
{
	struct names names = { ei_alloc(ei_scratch(r), NAMES_MAX * sizeof *names.items), 0 };
	struct services_key services = services_key_find(r);
	ei_service_cursor cursor = { NULL };
	for (ei_service s; ei_next_service(r, &cursor, &s);) {
		if (names.items && names.count < NAMES_MAX && ei_has(s.name))
			names.items[names.count++] = name_number(s.name);
		service_emit(r, &s, &services);
	}
	if (!services.known || !names.items || !ei_has(ei_opt(r, OPT_REGISTRY)))
		return NULL;
	ei_subkeys subkeys = ei_key_subkeys(&services.key);
	for (ei_key key; !ei_stopped(r) && ei_subkey_next(&subkeys, &key);)
		if (key.state == EI_OK)
			key_emit(r, &key, &names);
	return NULL;
}

EI_PLUGIN(svcscan) = {
	EI_HEAD(svcscan),
	.vol3 = "windows.svcscan.SvcScan",
	.purpose = "services of the control manager, and what the registry says of them",
	EI_COLUMNS(columns),
	EI_OPTIONS(options),
	EI_TYPES(&eprocess_spec),
	EI_SYMBOLS("PsActiveProcessHead"),
	.run = run,
};
