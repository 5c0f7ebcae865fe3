// ssdt: the kernel's table of system calls, and where each of them really goes.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/objects.h>
#include <eidetic/system.h>
#include <eidetic/win.h>
#include <string.h>

enum { INDEX, ADDRESS, MODULE, SYMBOL, HOOKED, COLUMNS };
enum { SERVICES_MAX = 4096, SAMPLE = 64 };

// clang-format off
static const ei_column columns[COLUMNS] = {
	[INDEX]   = { "index",   EI_UINT, "number of the system call", .vol3 = "Index" },
	[ADDRESS] = { "address", EI_ADDR, "routine that answers it", .vol3 = "Address" },
	[MODULE]  = { "module",  EI_STR,  "listed module that the routine is in; none: in no module", .vol3 = "Module", .ioc = "HookItem/HookingModule" },
	[SYMBOL]  = { "symbol",  EI_STR,  "name of the routine, where the kernel's symbols have it", .vol3 = "Symbol" },
	[HOOKED]  = { "hooked",  EI_BOOL, "the routine is not in the kernel" },
};
// clang-format on

// How an entry becomes an address. 32-bit kernels keep addresses; the others distances from the
// table with the number of arguments in the low bits, which since Windows Vista are shifted out.
enum decoding { AS_ADDRESS, AS_DISTANCE, AS_SHIFTED };

static uint64_t entry_address(uint64_t table, uint32_t entry, enum decoding decoding)
{
	int64_t distance = (int32_t)entry;
	switch (decoding) {
	case AS_DISTANCE:
		return table + (uint64_t)(distance & ~(int64_t)0xf);
	case AS_SHIFTED:
		return table + (uint64_t)(distance >> 4);
	default:
		return entry;
	}
}

// Where the kernel is, by its own header: the list of modules may be damaged, or lie.
struct kernel {
	uint64_t base, size; // 0: not known
};

static struct kernel kernel_range(ei_run *r)
{
	ei_system system = ei_system_read(r);
	return (struct kernel){ ei_u64_or(system.kernel_base, 0),
		ei_u64_or(system.kernel_size, 0) };
}

static bool in_kernel(const struct kernel *kernel, uint64_t address)
{
	return address - kernel->base < kernel->size;
}

// The decoding by which most of the first routines are in the kernel itself.
static enum decoding decoding_find(ei_run *r, uint64_t table, const struct kernel *kernel,
	const uint32_t *entries, size_t count)
{
	if (ei_pointer_size(r) == 4)
		return AS_ADDRESS;
	int votes = 0;
	for (size_t i = 0; i < count && i < SAMPLE; i++) {
		votes += in_kernel(kernel, entry_address(table, entries[i], AS_SHIFTED));
		votes -= in_kernel(kernel, entry_address(table, entries[i], AS_DISTANCE));
	}
	return votes >= 0 ? AS_SHIFTED : AS_DISTANCE;
}

// An entry of zeroes is none: nothing begins at the table itself.
static void lost_emit(ei_run *r, size_t index)
{
	ei_val lost = ei_absent(EI_GARBAGE);
	ei_emit(r, (ei_val[COLUMNS]){
			   [INDEX] = ei_uint(index),
			   [ADDRESS] = lost,
			   [MODULE] = lost,
			   [SYMBOL] = lost,
			   [HOOKED] = lost,
		   });
}

static void service_emit(ei_run *r, size_t index, uint64_t address, const struct kernel *kernel)
{
	ei_val symbol = ei_symbol_at(r, address, 0), module = ei_module_title(r, address);
	size_t name = 0;
	if (ei_compat_vol3(r) && !ei_has(module))
		return; // Volatility leaves out the very routines that matter
	do {            // it has a row for each name of a routine
		ei_emit(r, (ei_val[COLUMNS]){
				   [INDEX] = ei_uint(index),
				   [ADDRESS] = ei_addr(address),
				   [MODULE] = module,
				   [SYMBOL] = symbol,
				   [HOOKED] = kernel->size ? ei_bool(!in_kernel(kernel, address))
							   : ei_absent(EI_UNREADABLE),
			   });
		symbol = ei_symbol_at(r, address, ++name);
	} while (ei_compat_vol3(r) && ei_has(symbol));
}

// The table's descriptor (base, counters, limit) has the number too.
static uint64_t service_count(ei_run *r)
{
	uint64_t at = 0;
	if (!ei_symbol(r, "KiServiceLimit", &at) && ei_symbol(r, "KeServiceDescriptorTable", &at))
		at += 2 * ei_pointer_size(r);
	return at ? ei_u64_or(ei_read_u32(r, NULL, at), 0) : 0;
}

static ei_error *run(ei_run *r)
{
	uint64_t table = 0;
	struct kernel kernel = kernel_range(r);
	ei_symbol(r, "KiServiceTable", &table);
	uint64_t count = service_count(r);
	if (!count || count > SERVICES_MAX) {
		ei_note(r, "the number of services cannot be read, or is not true: %llu",
			(unsigned long long)count);
		return NULL;
	}
	uint32_t *entries = ei_alloc(ei_scratch(r), count * sizeof *entries);
	if (!entries)
		return ei_fail(EI_E_NOMEM, "out of memory");
	size_t have = ei_read(r, NULL, table, entries, count * sizeof *entries) / sizeof *entries;
	enum decoding decoding = decoding_find(r, table, &kernel, entries, have);
	for (size_t i = 0; i < have; i++) {
		if (entries[i])
			service_emit(r, i, entry_address(table, entries[i], decoding), &kernel);
		else if (!ei_compat_vol3(r))
			lost_emit(r, i);
	}
	if (have < count)
		ei_note(r, "%llu of %llu entries cannot be read",
			(unsigned long long)(count - have), (unsigned long long)count);
	return NULL;
}

EI_PLUGIN(ssdt) = {
	EI_HEAD(ssdt),
	.vol3 = "windows.ssdt.SSDT",
	.purpose = "the table of system calls, and the modules that its routines are in",
	EI_COLUMNS(columns),
	EI_SYMBOLS("KiServiceTable"),
	.run = run,
};
