// Tables inside the kernel image: exports, version resource, debug directory with its RSDS record.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

enum { EXPORT_DIRECTORY, RESOURCE_DIRECTORY = 2, DEBUG_DIRECTORY = 6 };

// Besides the functions that code.c writes.
static const char *const export_names[] = {
	"ExAllocatePoolWithTag",
	"ExFreePoolWithTag",
	"IoCreateDevice",
	"IoDeleteDevice",
	"IofCompleteRequest",
	"KdDebuggerEnabled",
	"KdVersionBlock",
	"KeBugCheckEx",
	"KeNumberProcessors",
	"MmGetSystemRoutineAddress",
	"MmHighestUserAddress",
	"NtBuildNumber",
	"NtOpenProcess",
	"ObReferenceObjectByHandle",
	"PsGetProcessId",
	"PsInitialSystemProcess",
	"PsLoadedModuleList",
	"PsLookupProcessByProcessId",
	"PsProcessType",
	"RtlInitUnicodeString",
	"ZwQuerySystemInformation",
};

static void put(struct forge *f, uint32_t rva, const void *bytes, size_t length)
{
	write_bytes(f, &f->kernel, f->kernel_base + rva, bytes, length);
}

static void put32(struct forge *f, uint32_t rva, uint32_t value)
{
	put(f, rva, &value, sizeof value);
}

static void put16(struct forge *f, uint32_t rva, uint32_t value)
{
	uint16_t v = (uint16_t)value;
	put(f, rva, &v, sizeof v);
}

static uint8_t *header_page(struct forge *f)
{
	return memory_page(f, paging_frame(f, &f->kernel, f->kernel_base));
}

// The first page at or after `rva` that holds none of the kernel's variables.
static uint32_t free_page(struct forge *f, uint32_t rva)
{
	while (symbol_near(f, rva, PAGE_SIZE) && rva + 2 * PAGE_SIZE < f->kernel_size)
		rva += PAGE_SIZE;
	return rva;
}

// ---- exports --------------------------------------------------------------------------------
enum { EXPORTS_MAX = 256 };

struct exports {
	const char *names[EXPORTS_MAX];
	uint32_t count;
};

static void export_add(struct exports *exports, const char *name)
{
	for (uint32_t i = 0; i < exports->count; i++)
		if (!strcmp(exports->names[i], name))
			return;
	if (exports->count < EXPORTS_MAX)
		exports->names[exports->count++] = name;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct exports exports_of(const struct forge *f)
{
	struct exports exports = { .count = 0 };
	const char *name;
	for (size_t i = 0; i < ARRAY_LENGTH(export_names); i++)
		export_add(&exports, export_names[i]);
	for (size_t i = 0; (name = code_export(f, i)); i++)
		export_add(&exports, name);
	if (f->pointer == 4)
		export_add(&exports, "KeServiceDescriptorTable");
	qsort(exports.names, exports.count, sizeof *exports.names, compare_names);
	return exports;
}

static uint32_t export_rva(struct forge *f, const char *name, uint32_t index)
{
	uint64_t va = kernel_symbol(f, name);
	return va ? (uint32_t)(va - f->kernel_base) : 0x21000 + index * 0x140;
}

static uint32_t write_exports(struct forge *f, uint32_t rva)
{
	struct exports exports = exports_of(f);
	uint32_t count = exports.count;
	uint32_t functions = rva + 40, names = functions + count * 4, ordinals = names + count * 4;
	uint32_t text = ordinals + count * 2;
	put32(f, rva + 4, f->timestamp);
	put32(f, rva + 12, text);
	put32(f, rva + 16, 1);
	put32(f, rva + 20, count);
	put32(f, rva + 24, count);
	put32(f, rva + 28, functions);
	put32(f, rva + 32, names);
	put32(f, rva + 36, ordinals);
	put(f, text, "ntoskrnl.exe", 13);
	text += 13;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t length = (uint32_t)strlen(exports.names[i]) + 1;
		put32(f, functions + i * 4, export_rva(f, exports.names[i], i));
		put32(f, names + i * 4, text);
		put16(f, ordinals + i * 2, i);
		put(f, text, exports.names[i], length);
		text += length;
	}
	return text - rva;
}

// Three levels of directories (type, name, language) with one entry each, then the data.
static uint32_t write_version(struct forge *f, uint32_t rva)
{
	static const uint32_t ids[] = { 16, 1, 0x409 };
	for (uint32_t level = 0; level < 3; level++) {
		uint32_t at = rva + level * 24;
		put16(f, at + 14, 1);
		put32(f, at + 16, ids[level]);
		put32(f, at + 20, (level + 1) * 24 | (level < 2 ? 0x80000000 : 0));
	}
	uint32_t entry = rva + 72, data = rva + 88, length = 0x5c;
	put32(f, entry, data);
	put32(f, entry + 4, length);
	put16(f, data, length);
	put16(f, data + 2, 52);
	write_utf16(f, &f->kernel, f->kernel_base + data + 6, "VS_VERSION_INFO");
	uint32_t fixed = data + 40;
	uint32_t high = f->major << 16 | f->minor, low = f->build << 16 | f->revision;
	const uint32_t words[] = { 0xfeef04bd, 0x10000, high, low, high, low, 0x3f, 0, 0x40004, 1,
		0, 0, 0 };
	put(f, fixed, words, sizeof words);
	return 88 + length;
}

static uint8_t hex_byte(const char *at)
{
	const char text[3] = { at[0], at[1], 0 };
	return (uint8_t)strtoul(text, NULL, 16);
}

// The text form of a GUID has its first three numbers in reading order.
static void guid_bytes(const char *text, uint8_t out[16])
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	for (int i = 0; i < 16; i++)
		out[order[i]] = hex_byte(text + i * 2);
}

static void write_debug(struct forge *f, uint32_t directory)
{
	const json_t *kernel = json_object_get(f->scenario, "kernel");
	uint32_t asked = (uint32_t)scenario_number(kernel, "rsds_rva", directory + PAGE_SIZE);
	if (asked + PAGE_SIZE > f->kernel_size) {
		forge_fail(f, EI_E_FORMAT, "\"rsds_rva\" is 0x%x, the kernel ends at 0x%x", asked,
			f->kernel_size);
		return;
	}
	f->rsds_rva = free_page(f, asked & ~0xfffu) + 0x450;
	uint32_t length = 24 + (uint32_t)strlen(f->pdb) + 1;
	uint8_t guid[16];
	guid_bytes(f->guid, guid);
	put(f, f->rsds_rva, "RSDS", 4);
	put(f, f->rsds_rva + 4, guid, sizeof guid);
	put32(f, f->rsds_rva + 20, f->age);
	put(f, f->rsds_rva + 24, f->pdb, strlen(f->pdb) + 1);
	put32(f, directory + 4, f->timestamp);
	put32(f, directory + 12, 2);
	put32(f, directory + 16, length);
	put32(f, directory + 20, f->rsds_rva);
	put32(f, directory + 24, f->rsds_rva);
	pe_set_directory(header_page(f), DEBUG_DIRECTORY, directory, 28);
}

void kernel_write_tables(struct forge *f)
{
	uint32_t exports = free_page(f, 0x4000);
	uint32_t resources = free_page(f, exports + PAGE_SIZE);
	uint32_t debug = free_page(f, resources + PAGE_SIZE);
	pe_set_directory(header_page(f), EXPORT_DIRECTORY, exports, write_exports(f, exports));
	pe_set_directory(
		header_page(f), RESOURCE_DIRECTORY, resources, write_version(f, resources));
	write_debug(f, debug);
}
