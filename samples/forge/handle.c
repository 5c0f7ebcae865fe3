// Named objects and handle tables.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

struct handle_type {
	const char *name, *type, *tag;
	enum pool_kind kind;
	uint32_t access;
};

static const struct handle_type handle_types[] = {
	{ "Mutant", "_KMUTANT", "Muta", POOL_NONPAGED, 0x1f0001 },
	{ "Event", "_KEVENT", "Even", POOL_NONPAGED, 0x1f0003 },
	{ "Semaphore", "_KSEMAPHORE", "Sema", POOL_NONPAGED, 0x1f0003 },
	{ "Directory", "_OBJECT_DIRECTORY", "Dire", POOL_PAGED, 0x3 },
	{ "Device", "_DEVICE_OBJECT", "Devi", POOL_NONPAGED, 0x0 },
	{ "Key", "_CM_KEY_BODY", "Key ", POOL_PAGED, 0x20019 },
};

static const struct handle_type *handle_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(handle_types); i++) {
		if (strcmp(handle_types[i].name, name) == 0)
			return &handle_types[i];
	}
	return NULL;
}

static struct object named_create(
	struct forge *f, const struct handle_type *t, const char *name, uint64_t directory)
{
	return object_create(f, &(struct object_request){ .object_type = t->name,
					.type = t->type,
					.tag = t->tag,
					.name = name,
					.directory = directory,
					.kind = t->kind });
}

void object_create_directories(struct forge *f)
{
	const struct handle_type *t = handle_type("Directory");
	uint64_t root = named_create(f, t, "\\", 0).va;
	kernel_set(f, "ObpRootDirectoryObject", root);
	f->named_objects = named_create(f, t, "BaseNamedObjects", root).va;
	uint64_t devices = named_create(f, t, "Device", root).va;
	struct object device = named_create(f, handle_type("Device"), "HarddiskVolume2", devices);
	forge_put(f, device, "Type", 3);
	forge_put(f, device, "Size", forge_size(f, "_DEVICE_OBJECT", 0));
	forge_put(f, device, "DeviceType", 7);
	f->device = device.va;
}

// ---- keys: a chain of control blocks, one per part of the path
// --------------------------------------
static uint64_t name_block(struct forge *f, const char *name, size_t length)
{
	uint32_t head = forge_size(f, "_CM_NAME_CONTROL_BLOCK", f->pointer * 4);
	struct object o = { &f->kernel, pool_take(f, POOL_PAGED, "CMNb", head + (uint32_t)length),
		"_CM_NAME_CONTROL_BLOCK" };
	forge_put(f, o, "Compressed", 1);
	forge_put(f, o, "RefCount", 1);
	forge_put(f, o, "NameLength", length);
	uint64_t text = forge_field(f, o, "Name");
	if (text)
		write_bytes(f, &f->kernel, text, name, length);
	return o.va;
}

static uint64_t control_block(struct forge *f, uint64_t parent, const char *name, size_t length)
{
	uint32_t bytes = forge_size(f, "_CM_KEY_CONTROL_BLOCK", 0x128);
	struct object o = { &f->kernel, pool_take(f, POOL_PAGED, "CMkb", bytes),
		"_CM_KEY_CONTROL_BLOCK" };
	forge_put(f, o, "ParentKcb", parent);
	forge_put(f, o, "NameBlock", name_block(f, name, length));
	forge_put(f, o, "RefCount", 1);
	return o.va;
}

static void key_write(struct forge *f, struct object body, const char *path)
{
	uint64_t block = control_block(f, 0, "REGISTRY", 8);
	while (*path) {
		size_t length = strcspn(path, "\\");
		block = control_block(f, block, path, length);
		path += length + (path[length] == '\\');
	}
	forge_put(f, body, "Type", 0x6b793032);
	forge_put(f, body, "KeyControlBlock", block);
}

// ---- handles ------------------------------------------------------------------------------------
static void entry_write(
	struct forge *f, struct process *p, uint32_t index, uint64_t object, uint32_t access)
{
	struct object process_table = { &f->kernel, 0, "_HANDLE_TABLE" };
	process_table.va = read_pointer(f, &f->kernel, forge_field(f, p->object, "ObjectTable"));
	uint64_t code = read_pointer(f, &f->kernel, forge_field(f, process_table, "TableCode"));
	uint32_t stride = forge_size(f, "_HANDLE_TABLE_ENTRY", f->pointer * 2);
	struct object entry = { &f->kernel, code + (uint64_t)index * stride,
		"_HANDLE_TABLE_ENTRY" };
	uint64_t header = object_header(f, (struct object){ &f->kernel, object, NULL });
	if (forge_field(f, entry, "ObjectPointerBits")) {
		forge_put(f, entry, "ObjectPointerBits", header >> (f->pointer == 8 ? 4 : 3));
		forge_put(f, entry, "Unlocked", 1);
		forge_put(f, entry, "RefCnt", 0x7ffe);
		forge_put(f, entry, "GrantedAccessBits", access);
	} else {
		forge_put(f, entry, "Object", header | 1);
		forge_put(f, entry, "GrantedAccess", access);
	}
	forge_put(f, process_table, "HandleCount", index);
}

static uint64_t handle_object(struct forge *f, const json_t *d, const char **type, uint32_t *access)
{
	const char *name = scenario_text(d, "name", NULL);
	*type = scenario_text(d, "type", "Mutant");
	*access = 0x1fffff;
	if (strcmp(*type, "File") == 0)
		return file_object(f, name ? name : "\\");
	if (strcmp(*type, "Process") == 0) {
		struct process *p = process_by_name(f, name ? name : "");
		return p ? p->object.va : 0;
	}
	const struct handle_type *t = handle_type(*type);
	if (!t) {
		forge_fail(f, EI_E_FORMAT, "a handle has the unknown type '%s'", *type);
		return 0;
	}
	*access = t->access;
	bool key = strcmp(*type, "Key") == 0;
	struct object o = named_create(f, t, key ? NULL : name, f->named_objects);
	if (key)
		key_write(f, o, name ? name : "MACHINE");
	if (strcmp(*type, "Mutant") == 0) {
		forge_put(f, o, "Header.Type", 2);
		truth_row(f, "mutantscan", "{s:I, s:I, s:s?}", "offset", (json_int_t)o.va,
			"physical", (json_int_t)paging_physical(f, &f->kernel, o.va), "name", name);
	}
	return o.va;
}

static void process_write_handles(struct forge *f, struct process *p, const json_t *handles)
{
	uint32_t index = 0, limit = PAGE_SIZE / forge_size(f, "_HANDLE_TABLE_ENTRY", 16) - 1;
	size_t i;
	json_t *d;
	json_array_foreach((json_t *)handles, i, d)
	{
		const char *type;
		uint32_t access;
		uint64_t object = handle_object(f, d, &type, &access);
		if (!object || p->exited || index >= limit)
			continue;
		entry_write(f, p, ++index, object, access);
		truth_row(f, "handles", "{s:I, s:s, s:I, s:s, s:I, s:s?}", "pid",
			(json_int_t)p->pid, "process", p->name, "handle", (json_int_t)index * 4,
			"type", type, "offset", (json_int_t)object, "name",
			scenario_text(d, "name", NULL));
	}
}

void handle_create_all(struct forge *f)
{
	struct process *p = f->processes;
	size_t i;
	json_t *description;
	json_array_foreach(json_object_get(f->scenario, "processes"), i, description)
	{
		if (!p)
			break;
		f->unlisted = p->unlinked;
		process_write_handles(f, p, json_object_get(description, "handles"));
		p = p->next;
	}
	f->unlisted = false;
}
