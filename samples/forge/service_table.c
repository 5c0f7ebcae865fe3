// The table of system services, and the drivers that were unloaded.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"
#include <ctype.h>

// ---- system services
// ------------------------------------------------------------------------------
struct services {
	uint64_t table;
	uint32_t count;
	uint32_t next_symbol; // where the search for another service's symbol goes on
};

static uint32_t service_count(struct forge *f, uint64_t table)
{
	uint64_t limit = kernel_symbol(f, "KiServiceLimit");
	// The kernel's own variable lies behind the table; invented ones leave room for a default.
	uint32_t count = f->win8 ? 432 : f->win7 ? 401 : 284;
	bool behind = !f->invented_count && limit > table && limit - table < 0x1000;
	uint32_t room = behind ? (uint32_t)(limit - table) / 4 : 0;
	return room >= count && room < 520 ? room : count;
}

static uint64_t service_function(struct forge *f, struct services *s)
{
	const char *name;
	uint64_t rva;
	while ((name = profile_symbol_at(f->profile, s->next_symbol, &rva))) {
		s->next_symbol++;
		if (strncmp(name, "Nt", 2) == 0 && isupper((uint8_t)name[2]) &&
			rva < f->kernel_size && rva > 0x1000)
			return f->kernel_base + rva;
	}
	return f->kernel_base + 0x30000 + forge_below(f, 0x8000) * 16;
}

// On x64 an entry is the distance from the table, with the number of stack arguments below it.
static bool service_write(struct forge *f, const struct services *s, uint32_t index, uint64_t to)
{
	uint64_t at = s->table + (uint64_t)index * 4;
	if (f->pointer == 4) {
		write_u32(f, &f->kernel, at, (uint32_t)to);
		return true;
	}
	int64_t distance = (int64_t)(to - s->table);
	if (distance >= 1 << 27 || distance < -(1 << 27))
		return false;
	write_u32(f, &f->kernel, at, (uint32_t)((uint64_t)distance << 4) | index % 5);
	return true;
}

// A jump in a page behind the kernel, for what is too far away for an entry.
static uint64_t trampoline(struct forge *f, uint64_t to)
{
	uint64_t page = (f->kernel_base + f->kernel_size + 0x1fffff) & ~0x1fffffULL;
	if (paging_frame(f, &f->kernel, page) == UINT64_MAX)
		paging_map(f, &f->kernel, page, memory_take(f), PTE_KERNEL);
	uint64_t va = page + 0x100 + forge_below(f, 0x80) * 16;
	uint8_t code[14] = { 0xff, 0x25 }; // jmp [rip]
	memcpy(code + 6, &to, sizeof to);
	write_bytes(f, &f->kernel, va, code, sizeof code);
	return va;
}

static uint64_t service_hook(struct forge *f, uint32_t index, uint64_t otherwise)
{
	size_t i;
	json_t *hook;
	json_array_foreach(json_object_get(f->scenario, "service_hooks"), i, hook)
	{
		const struct loaded_module *to = module_find(f, scenario_text(hook, "module", ""));
		if (scenario_number(hook, "index", UINT64_MAX) == index && to)
			return to->base + scenario_number(hook, "offset", 0x1000);
	}
	return otherwise;
}

static void service_create(struct forge *f, struct services *s, uint32_t index)
{
	uint64_t to = service_hook(f, index, service_function(f, s));
	if (!service_write(f, s, index, to)) {
		to = trampoline(f, to);
		service_write(f, s, index, to);
	}
	truth_row(f, "ssdt", "{s:i, s:I, s:s?}", "index", (int)index, "address", (json_int_t)to,
		"module", module_name_at(f, to));
}

void service_create_all(struct forge *f)
{
	static const char *const descriptors[] = { "KeServiceDescriptorTable",
		"KeServiceDescriptorTableShadow" };
	struct services s = { .table = kernel_symbol(f, "KiServiceTable") };
	if (!s.table)
		return;
	s.count = service_count(f, s.table);
	for (uint32_t i = 0; i < s.count && !f->error; i++)
		service_create(f, &s, i);
	kernel_set32(f, "KiServiceLimit", s.count);
	for (size_t i = 0; i < ARRAY_LENGTH(descriptors); i++) {
		uint64_t d = kernel_symbol(f, descriptors[i]);
		if (!d)
			continue;
		write_pointer(f, &f->kernel, d, s.table);
		write_pointer(f, &f->kernel, d + 2 * f->pointer, s.count);
	}
}

// ---- unloaded drivers
// -----------------------------------------------------------------------------
enum { UNLOADED_SLOTS = 50 };

static const char *const unloaded_names[] = { "dump_storport.sys", "dump_lsi_sas.sys",
	"dump_dumpfve.sys", "hwpolicy.sys" };

// Name, first and last address, time; not in the kernel's symbols.
static void unloaded_write(
	struct forge *f, uint64_t at, const char *name, uint64_t time, uint32_t size)
{
	uint32_t string = f->pointer * 2, bytes;
	uint64_t text = pool_text(f, POOL_PAGED, name, &bytes);
	uint64_t start = region_reserve(f, REGION_DRIVERS, size);
	write_u32(f, &f->kernel, at, bytes | (bytes + 2) << 16);
	write_pointer(f, &f->kernel, at + f->pointer, text);
	write_pointer(f, &f->kernel, at + string, start);
	write_pointer(f, &f->kernel, at + string + f->pointer, start + size);
	write_bytes(f, &f->kernel, at + string + 2 * f->pointer, &time, sizeof time);
	truth_row(f, "unloadedmodules", "{s:s, s:I, s:I, s:o}", "name", name, "start",
		(json_int_t)start, "end", (json_int_t)(start + size), "time", truth_time(time));
}

void unloaded_create_all(struct forge *f)
{
	uint32_t stride = 4 * f->pointer + 8, count = 0;
	const json_t *own = json_object_get(f->scenario, "unloaded");
	size_t defaults =
		json_object_get(f->scenario, "population") ? ARRAY_LENGTH(unloaded_names) : 0;
	uint64_t array = pool_take(f, POOL_NONPAGED, "MmDT", UNLOADED_SLOTS * stride);
	for (size_t i = 0; i < defaults; i++, count++)
		unloaded_write(f, array + (uint64_t)count * stride, unloaded_names[i],
			f->booted + 50000000 + i * 20000000, 0xf000 + (uint32_t)i * 0x3000);
	size_t i;
	json_t *driver;
	json_array_foreach((json_t *)own, i, driver)
	{
		if (count >= UNLOADED_SLOTS)
			break;
		unloaded_write(f, array + (uint64_t)count++ * stride,
			scenario_text(driver, "name", "driver.sys"),
			scenario_time(f, driver, "time", f->now - 600000000),
			(uint32_t)scenario_number(driver, "size", 0x8000));
	}
	kernel_set(f, "MmUnloadedDrivers", array);
	kernel_set(f, "MmLastUnloadedDriver", count);
}
