// Kernel modules: the loaded list, and the first pages of each driver.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <stdlib.h>

struct module {
	const char *name, *path;
	uint64_t base;
	uint32_t size, timestamp;
	bool unlinked;
};

static const char *entry_type(const struct forge *f)
{
	return profile_has_type(f->profile, "_KLDR_DATA_TABLE_ENTRY") ? "_KLDR_DATA_TABLE_ENTRY"
								      : "_LDR_DATA_TABLE_ENTRY";
}

static void put_name(struct forge *f, struct object entry, const char *field, const char *text)
{
	uint32_t bytes;
	uint64_t va = pool_text(f, POOL_PAGED, text, &bytes);
	forge_put_string(f, entry, field, va, bytes);
}

static uint64_t module_write_entry(struct forge *f, const struct module *m)
{
	// modscan reads the user mode type, which is the longer one: keep it readable.
	uint32_t bytes = MAX(
		forge_size(f, entry_type(f), 0x100), forge_size(f, "_LDR_DATA_TABLE_ENTRY", 0x100));
	struct object entry = { &f->kernel, pool_take(f, POOL_NONPAGED, "MmLd", bytes),
		entry_type(f) };
	forge_put(f, entry, "DllBase", m->base);
	forge_put(f, entry, "EntryPoint", m->base + 0x1040);
	forge_put(f, entry, "SizeOfImage", m->size);
	forge_put(f, entry, "TimeDateStamp", m->timestamp);
	forge_put(f, entry, "CheckSum", m->timestamp >> 3);
	forge_put(f, entry, "Flags", 0x49104000);
	forge_put(f, entry, "LoadCount", 1);
	put_name(f, entry, "FullDllName", m->path);
	put_name(f, entry, "BaseDllName", m->name);
	uint64_t links = forge_field(f, entry, "InLoadOrderLinks");
	if (m->unlinked)
		list_init(f, &f->kernel, links);
	else
		list_add(f, &f->kernel, kernel_symbol(f, "PsLoadedModuleList"), links);
	for (int scan = m->unlinked; scan < 2; scan++)
		truth_row(f, scan ? "modscan" : "modules", "{s:I, s:I, s:I, s:I, s:s, s:s}",
			"offset", (json_int_t)entry.va, "physical",
			(json_int_t)paging_physical(f, &f->kernel, entry.va), "base",
			(json_int_t)m->base, "size", (json_int_t)m->size, "name", m->name, "path",
			m->path);
	return entry.va;
}

static void module_write_pages(struct forge *f, const struct module *m)
{
	struct pe_spec spec = {
		.name = m->name,
		.base = m->base,
		.size = m->size,
		.timestamp = m->timestamp,
		.checksum = m->timestamp >> 3,
		.is64 = f->pointer == 8,
		.driver = true,
		.major = f->major,
		.minor = f->minor,
	};
	for (uint64_t at = 0; at < 2 * PAGE_SIZE; at += PAGE_SIZE)
		paging_map(f, &f->kernel, m->base + at, memory_take(f),
			at ? 0x121 : PTE_KERNEL | PTE_NX);
	pe_write_header(&spec, memory_page(f, paging_frame(f, &f->kernel, m->base)));
	uint8_t *text = memory_page(f, paging_frame(f, &f->kernel, m->base + PAGE_SIZE));
	for (size_t i = 0; i < PAGE_SIZE; i += 8) {
		uint64_t code = forge_random(f);
		memcpy(text + i, &code, sizeof code);
	}
}

static void module_note(struct forge *f, const struct module *m)
{
	struct dump_driver *grown = realloc(f->drivers, (f->driver_count + 1) * sizeof *grown);
	if (!grown) {
		forge_fail(f, EI_E_NOMEM, "no memory");
		return;
	}
	f->drivers = grown;
	f->drivers[f->driver_count++] = (struct dump_driver){
		.name = m->name,
		.base = m->base,
		.size_bytes = m->size,
		.timestamp = m->timestamp,
		.checksum = m->timestamp >> 3,
	};
}

static void module_keep(
	struct forge *f, const struct module *m, uint64_t entry, const json_t *description)
{
	struct loaded_module *grown = realloc(f->modules, (f->module_count + 1) * sizeof *grown);
	if (!grown) {
		forge_fail(f, EI_E_NOMEM, "no memory");
		return;
	}
	f->modules = grown;
	f->modules[f->module_count++] = (struct loaded_module){
		.name = m->name,
		.base = m->base,
		.entry = entry,
		.size = m->size,
		.unlinked = m->unlinked,
		.description = description,
	};
}

const struct loaded_module *module_find(const struct forge *f, const char *name)
{
	for (size_t i = 0; i < f->module_count; i++) {
		if (strcmp(f->modules[i].name, name) == 0)
			return &f->modules[i];
	}
	return NULL;
}

const char *module_name_at(const struct forge *f, uint64_t va)
{
	for (size_t i = 0; i < f->module_count; i++) {
		const struct loaded_module *m = &f->modules[i];
		if (!m->unlinked && va - m->base < m->size)
			return m->name;
	}
	return NULL;
}

static void module_create(struct forge *f, const json_t *description)
{
	struct module m = {
		.name = scenario_text(description, "name", "driver.sys"),
		.size = (uint32_t)scenario_number(
			description, "size", (0x10 + forge_below(f, 0x100)) * PAGE_SIZE),
		.timestamp = (uint32_t)scenario_number(
			description, "timestamp", 0x50000000 + forge_below(f, 0x14000000)),
		.unlinked = scenario_flag(description, "unlinked"),
	};
	char path[256];
	snprintf(path, sizeof path, "\\SystemRoot\\System32\\drivers\\%s", m.name);
	m.path = scenario_text(description, "path", path);
	m.base = region_reserve(f, REGION_DRIVERS, m.size + PAGE_SIZE);
	module_write_pages(f, &m);
	module_keep(f, &m, module_write_entry(f, &m), description);
	if (!m.unlinked)
		module_note(f, &m);
}

static void module_create_kernel(struct forge *f)
{
	const char *root = f->vista ? "\\SystemRoot" : "\\WINDOWS";
	char path[64];
	snprintf(path, sizeof path, "%s\\system32\\ntoskrnl.exe", root);
	struct module m = { "ntoskrnl.exe", path, f->kernel_base, f->kernel_size, f->timestamp,
		false };
	module_keep(f, &m, module_write_entry(f, &m), NULL);
	module_note(f, &m);
}

void module_create_all(struct forge *f)
{
	uint64_t head = kernel_symbol(f, "PsLoadedModuleList");
	if (!head)
		return;
	list_init(f, &f->kernel, head);
	module_create_kernel(f);
	size_t i;
	json_t *description;
	json_array_foreach(json_object_get(f->scenario, "drivers"), i, description)
		module_create(f, description);
}
