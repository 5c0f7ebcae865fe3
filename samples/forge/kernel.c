// The kernel image in memory: base, pages, variables, debugger data, shared page, low stub.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

static uint64_t choose_base(struct forge *f)
{
	uint64_t asked = scenario_number(json_object_get(f->scenario, "kernel"), "base", 0);
	if (asked)
		return asked;
	if (f->mode != PAGING_X64)
		return f->vista ? 0x82800000 + forge_below(f, 0x40) * PAGE_SIZE : 0x804d7000;
	if (f->win8 && !f->win10)
		return 0xfffff80010000000 + ((1 + forge_below(f, 6)) << 32) +
		       forge_below(f, 0x40000) * PAGE_SIZE;
	if (!f->win10)
		return 0xfffff80002600000 + forge_below(f, 0x400) * PAGE_SIZE;
	return 0xfffff80000000000 + (0x100 + forge_below(f, 0x3e00)) * (2 << 20);
}

static uint32_t choose_size(struct forge *f)
{
	uint64_t last = f->pointer == 8 ? 0x5d0000 : 0x3f0000;
	const char *name;
	uint64_t rva;
	for (uint32_t i = 0; (name = profile_symbol_at(f->profile, i, &rva)); i++) {
		if (rva > last && rva < 0x4000000)
			last = rva;
	}
	return (uint32_t)((last + 0x1ffff) & ~0xffffULL);
}

static bool wants_large_pages(const struct forge *f)
{
	const char *asked = scenario_text(json_object_get(f->scenario, "kernel"), "pages", NULL);
	if (asked)
		return strcmp(asked, "large") == 0;
	if (scenario_damage(f, "paged_out"))
		return false;
	return f->win10 && f->mode == PAGING_X64 && f->size_bytes >= 512 << 20;
}

static void map_large(struct forge *f)
{
	uint64_t large = paging_large_bytes(f);
	for (uint64_t at = 0; at < f->kernel_size && !f->error; at += large)
		paging_map_large(
			f, &f->kernel, f->kernel_base + at, memory_take_run(f, large / PAGE_SIZE));
}

static void map_small(struct forge *f)
{
	for (uint64_t at = 0; at < f->kernel_size && !f->error; at += PAGE_SIZE) {
		// The header page is data; code follows it.
		uint64_t flags = at ? 0x121 : PTE_KERNEL | PTE_NX;
		if (at >= f->kernel_size / 2)
			flags = PTE_KERNEL;
		paging_map(f, &f->kernel, f->kernel_base + at, memory_take(f), flags);
	}
}

void kernel_create(struct forge *f)
{
	symbol_invent(f);
	f->kernel_base = choose_base(f);
	f->kernel_size = choose_size(f);
	if (wants_large_pages(f))
		map_large(f);
	else
		map_small(f);
	struct pe_spec spec = {
		.name = "ntoskrnl.exe",
		.base = f->kernel_base,
		.size = f->kernel_size,
		.timestamp = f->timestamp,
		.checksum = f->timestamp ^ 0x9e3779b9,
		.is64 = f->pointer == 8,
		.driver = true,
		.major = f->major,
		.minor = f->minor,
	};
	uint64_t frame = paging_frame(f, &f->kernel, f->kernel_base);
	pe_write_header(&spec, memory_page(f, frame));
}

// ---- debugger data
// --------------------------------------------------------------------------------
enum { DEBUGGER_DATA_BYTES = 0x360 };

struct debugger_field {
	uint32_t offset;
	const char *symbol; // its address is the value
};

static const struct debugger_field debugger_fields[] = {
	{ 72, "PsLoadedModuleList" },
	{ 80, "PsActiveProcessHead" },
	{ 88, "PspCidTable" },
	{ 128, "KeBugCheckCallbackListHead" },
	{ 152, "ObpRootDirectoryObject" },
	{ 192, "MmPfnDatabase" },
	{ 240, "MmHighestPhysicalPage" },
	{ 272, "MmNonPagedPoolStart" },
	{ 288, "MmPagedPoolStart" },
	{ 520, "NtBuildLab" },
	{ 536, "KiProcessorBlock" },
	{ 544, "MmUnloadedDrivers" },
	{ 552, "MmLastUnloadedDriver" },
	{ 616, "CmNtCSDVersion" },
};

struct debugger_size {
	uint32_t offset;
	const char *type, *member; // NULL: the type's size
};

static const struct debugger_size debugger_sizes[] = {
	{ 666, "_KTHREAD", "Teb" },
	{ 668, "_KTHREAD", "KernelStack" },
	{ 670, "_KTHREAD", "InitialStack" },
	{ 674, "_KTHREAD", "State" },
	{ 680, "_EPROCESS", NULL },
	{ 682, "_EPROCESS", "Peb" },
	{ 684, "_EPROCESS", "InheritedFromUniqueProcessId" },
	{ 686, "_EPROCESS", "Pcb.DirectoryTableBase" },
	{ 688, "_KPRCB", NULL },
	{ 692, "_KPRCB", "CurrentThread" },
	{ 702, "_KPRCB", "Number" },
	{ 704, "_ETHREAD", NULL },
	{ 736, "_KPCR", NULL },
};

static void put_at(struct forge *f, uint64_t va, uint64_t value, uint32_t bytes)
{
	write_bytes(f, &f->kernel, va, &value, bytes);
}

static void write_debugger_sizes(struct forge *f, uint64_t block)
{
	for (size_t i = 0; i < ARRAY_LENGTH(debugger_sizes); i++) {
		const struct debugger_size *d = &debugger_sizes[i];
		struct member m = { .offset = profile_type_size(f->profile, d->type) };
		if (d->member && !profile_member(f->profile, d->type, d->member, &m))
			continue;
		put_at(f, block + d->offset, m.offset, 2);
	}
}

static void write_debugger_data(struct forge *f)
{
	uint64_t block = kernel_symbol(f, "KdDebuggerDataBlock");
	if (!block || scenario_damage(f, "no_kdbg"))
		return;
	uint64_t list = f->pointer == 8 ? block : 0;
	put_at(f, block, list, 8);
	put_at(f, block + 8, list, 8);
	write_bytes(f, &f->kernel, block + 16, "KDBG", 4);
	put_at(f, block + 20, f->win8 ? 0x360 : f->win7 ? 0x340 : 0x290, 4);
	put_at(f, block + 24, f->kernel_base, 8);
	for (size_t i = 0; i < ARRAY_LENGTH(debugger_fields); i++)
		put_at(f, block + debugger_fields[i].offset,
			kernel_symbol(f, debugger_fields[i].symbol), 8);
	put_at(f, block + 312, PAGE_SIZE, 8);
	write_debugger_sizes(f, block);
	// A kernel that crashes decodes it first.
	const char *usual = f->crashed ? "clear" : "encoded";
	const char *kdbg = scenario_text(json_object_get(f->scenario, "kernel"), "kdbg", usual);
	if (strcmp(kdbg, "encoded") == 0 && f->win8 && f->pointer == 8)
		code_encode_debugger_data(f, block, DEBUGGER_DATA_BYTES);
}

static void write_version_block(struct forge *f)
{
	struct object o = { &f->kernel, kernel_symbol(f, "KdVersionBlock"),
		"_DBGKD_GET_VERSION64" };
	if (!o.va)
		return;
	forge_put(f, o, "MajorVersion", 0xf);
	forge_put(f, o, "MinorVersion", f->build);
	forge_put(f, o, "ProtocolVersion", 6);
	forge_put(f, o, "Flags", f->pointer == 8 ? 0x7 : 0x3);
	forge_put(f, o, "MachineType", f->pointer == 8 ? 0x8664 : 0x14c);
	forge_put(f, o, "KernBase", f->kernel_base);
	forge_put(f, o, "PsLoadedModuleList", kernel_symbol(f, "PsLoadedModuleList"));
	forge_put(f, o, "DebuggerDataList", kernel_symbol(f, "KdDebuggerDataBlock"));
}

// Tools read the shift from a handle table entry to an address out of the code that does it. An
// entry holds the address from its bit 4 on.
static void write_handle_shift(struct forge *f)
{
	struct member m;
	uint64_t code = kernel_symbol(f, "ObpCaptureHandleInformationEx");
	if (!code || !profile_member(f->profile, "_HANDLE_TABLE_ENTRY", "ObjectPointerBits", &m))
		return;
	const uint8_t shift[] = { 0x48, 0x8b, 0x07, 0x48, 0xc1, 0xf8, (uint8_t)(m.bit - 4), 0xc3 };
	write_bytes(f, &f->kernel, code, shift, sizeof shift);
}

static void write_variables(struct forge *f)
{
	// Protection by number; then the same uncached, guarded, write-combined.
	static const uint8_t protect[8] = { 0x01, 0x02, 0x10, 0x20, 0x04, 0x08, 0x40, 0x80 };
	static const uint32_t modifier[4] = { 0, 0x200, 0x100, 0x400 };
	uint64_t lab = kernel_symbol(f, "NtBuildLab");
	if (lab)
		write_bytes(f, &f->kernel, lab, f->build_lab, strlen(f->build_lab) + 1);
	kernel_set32(f, "KeNumberProcessors", f->processors);
	kernel_set32(f, "NtBuildNumber", 0xf0000000 | f->build);
	uint32_t pack = (uint32_t)scenario_number(f->scenario, "service_pack", f->build == 7601);
	kernel_set32(f, "CmNtCSDVersion", pack << 8);
	kernel_set(f, "MmHighestPhysicalPage", f->size_bytes / PAGE_SIZE - 1);
	kernel_set(f, "MmPfnDatabase", f->pointer == 8 ? 0xfffffa8000000000 : 0x83000000);
	write_handle_shift(f);
	uint64_t table = kernel_symbol(f, "MmProtectToValue");
	for (uint32_t i = 0; table && i < 32; i++)
		write_u32(f, &f->kernel, table + i * 4,
			protect[i % 8] | (i % 8 ? modifier[i / 8] : 0));
}

// ---- shared page and low stub
// ---------------------------------------------------------------------
static void put_time3(struct forge *f, struct object o, const char *path, uint64_t time)
{
	uint64_t at = forge_field(f, o, path);
	if (!at)
		return;
	put_at(f, at, time, 8);
	put_at(f, at + 8, time >> 32, 4);
}

static void write_shared_page(struct forge *f)
{
	uint64_t va = f->mode == PAGING_X64 ? 0xfffff78000000000 : 0xffdf0000;
	f->shared_frame = memory_take(f);
	paging_map(f, &f->kernel, va, f->shared_frame, PTE_KERNEL | PTE_NX);
	struct object o = { &f->kernel, va, "_KUSER_SHARED_DATA" };
	put_time3(f, o, "SystemTime", f->now);
	put_time3(f, o, "InterruptTime", f->now - f->booted);
	uint64_t root = forge_field(f, o, "NtSystemRoot");
	const char *windows = scenario_text(f->scenario, "system_root", "C:\\Windows");
	if (root)
		write_utf16(f, &f->kernel, root, windows);
	forge_put(f, o, "NtMajorVersion", f->major);
	forge_put(f, o, "NtMinorVersion", f->minor);
	forge_put(f, o, "NtBuildNumber", 0xf0000000 | f->build);
	forge_put(f, o, "NtProductType", scenario_number(f->scenario, "product_type", 1));
	forge_put(f, o, "ProductTypeIsValid", 1);
	forge_put(f, o, "SuiteMask", 0x110);
	forge_put(f, o, "TickCountMultiplier", 0xfa00000);
	forge_put(f, o, "NumberOfPhysicalPages", f->size_bytes / PAGE_SIZE);
	forge_put(f, o, "ActiveConsoleId", 1);
}

// What starts the other processors stays in the first megabyte, with the kernel's CR3 in it.
static void write_low_stub(struct forge *f)
{
	if (f->mode != PAGING_X64 || scenario_damage(f, "no_low_stub"))
		return;
	uint64_t frame = 0x13;
	if (!memory_take_at(f, frame))
		return;
	uint8_t *page = memory_page(f, frame);
	static const uint8_t jump[] = { 0xe9, 0x4d, 0x06, 0x00, 0x01, 0x00, 0x00, 0x00 };
	uint64_t entry = f->kernel_base + 0x1000 + forge_below(f, 0x1000) * 16;
	memcpy(page, jump, sizeof jump);
	memcpy(page + 0x70, &entry, sizeof entry);
	memcpy(page + 0xa0, &f->kernel.dtb, sizeof f->kernel.dtb);
}

void kernel_write(struct forge *f)
{
	code_create(f);
	write_debugger_data(f);
	write_version_block(f);
	write_variables(f);
	write_shared_page(f);
	write_low_stub(f);
	kernel_write_tables(f);
}
