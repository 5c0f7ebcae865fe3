// crashinfo: what the header of a Windows crash dump says.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/crash.h>
#include <eidetic/plugin.h>

enum {
	SIGNATURE,
	MAJOR_VERSION,
	MINOR_VERSION,
	DTB,
	PFN_DATABASE,
	MODULE_LIST,
	PROCESS_HEAD,
	MACHINE,
	PROCESSORS,
	KDBG,
	DUMP_TYPE,
	UPTIME,
	COMMENT,
	SYSTEM_TIME,
	BITMAP_HEADER,
	BITMAP_BITS,
	BITMAP_PAGES,
	VALID_DUMP,
	BUGCHECK,
	BUGCHECK_NAME,
	PARAMETER_1,
	PARAMETER_2,
	PARAMETER_3,
	PARAMETER_4,
	PARAMETERS,
	EXCEPTION_CODE,
	EXCEPTION_ADDRESS,
	PRODUCT_TYPE,
	SUITE_MASK,
	MINI_DUMP_FIELDS,
	WRITER_STATUS,
	REQUIRED_SPACE,
	PAE,
	DRIVERS,
	UNLOADED,
	COLUMNS,
};

// Volatility shows the fill pattern where Windows left no comment.
#define FILL_32 "PAGEPAGEPAGEPAGEPAGEPAGEPAGEPAGE"
#define FILL_128 FILL_32 FILL_32 FILL_32 FILL_32

// clang-format off
static const ei_column columns[COLUMNS] = {
	[SIGNATURE]     = { "signature",              EI_STR,  .doc = "\"PAGE\"", .vol3 = "Signature" },
	[MAJOR_VERSION] = { "major_version",          EI_UINT, .doc = "0xf (15): free build, 0xc (12): checked build", .vol3 = "MajorVersion" },
	[MINOR_VERSION] = { "minor_version",          EI_UINT, .doc = "build of the kernel", .vol3 = "MinorVersion" },
	[DTB]           = { "directory_table_base",   EI_HEX,  .doc = "page-table root of the System process", .vol3 = "DirectoryTableBase" },
	[PFN_DATABASE]  = { "pfn_database",           EI_HEX,  .doc = "virtual address of the frame database", .vol3 = "PfnDataBase" },
	[MODULE_LIST]   = { "ps_loaded_module_list",  EI_HEX,  .doc = "head of the list of kernel modules", .vol3 = "PsLoadedModuleList" },
	[PROCESS_HEAD]  = { "ps_active_process_head", EI_HEX,  .doc = "head of the list of processes", .vol3 = "PsActiveProcessHead" },
	[MACHINE]       = { "machine_image_type",     EI_UINT, .doc = "PE machine: 332 x86, 34404 x64, 43620 ARM64", .vol3 = "MachineImageType" },
	[PROCESSORS]    = { "number_processors",      EI_UINT, .doc = "processors", .vol3 = "NumberProcessors" },
	[KDBG]          = { "kd_debugger_data_block", EI_HEX,  .doc = "virtual address of the debugger data block", .vol3 = "KdDebuggerDataBlock" },
	[DUMP_TYPE]     = { "dump_type",              EI_STR,  .doc = "kind of dump", .vol3 = "DumpType" },
	[UPTIME]        = { "system_up_time",         EI_STR,  .doc = "time since the system started", .vol3 = "SystemUpTime" },
	[COMMENT]       = { "comment",                EI_STR,  .doc = "comment in the header", .vol3 = "Comment", .vol3_absent = FILL_128 },
	[SYSTEM_TIME]   = { "system_time",            EI_TIME, .doc = "time of the crash, UTC", .vol3 = "SystemTime" },
	[BITMAP_HEADER] = { "bitmap_header_size",     EI_HEX,  .doc = "where the first page is in the file", .vol3 = "BitmapHeaderSize" },
	[BITMAP_BITS]   = { "bitmap_size",            EI_HEX,  .doc = "pages that the bitmap speaks of", .vol3 = "BitmapSize" },
	[BITMAP_PAGES]  = { "bitmap_pages",           EI_HEX,  .doc = "pages that it says are stored", .vol3 = "BitmapPages" },
	[VALID_DUMP]    = { "valid_dump",             EI_STR,  .doc = "\"DU64\": 64-bit; \"DUMP\": 32-bit" },
	[BUGCHECK]      = { "bugcheck_code",          EI_HEX,  .doc = "why the system stopped" },
	[BUGCHECK_NAME] = { "bugcheck_name",          EI_STR,  .doc = "the same by name" },
	[PARAMETER_1]   = { "bugcheck_parameter_1",   EI_HEX,  .doc = "first parameter of the bug check" },
	[PARAMETER_2]   = { "bugcheck_parameter_2",   EI_HEX,  .doc = "second parameter" },
	[PARAMETER_3]   = { "bugcheck_parameter_3",   EI_HEX,  .doc = "third parameter" },
	[PARAMETER_4]   = { "bugcheck_parameter_4",   EI_HEX,  .doc = "fourth parameter" },
	[PARAMETERS]    = { "bugcheck_parameters",    EI_STR,  .doc = "what the four parameters are" },
	[EXCEPTION_CODE]    = { "exception_code",     EI_HEX,  .doc = "exception record: NTSTATUS" },
	[EXCEPTION_ADDRESS] = { "exception_address",  EI_HEX,  .doc = "exception record: where it happened" },
	[PRODUCT_TYPE]  = { "product_type",           EI_UINT, .doc = "1 workstation, 2 domain controller, 3 server" },
	[SUITE_MASK]    = { "suite_mask",             EI_HEX,  .doc = "product suites" },
	[MINI_DUMP_FIELDS] = { "mini_dump_fields",    EI_HEX,  .doc = "parts of a triage dump that are there" },
	[WRITER_STATUS] = { "writer_status",          EI_HEX,  .doc = "NTSTATUS of the writing of the dump" },
	[REQUIRED_SPACE] = { "required_dump_space",   EI_HEX,  .doc = "size of the dump, as planned" },
	[PAE]           = { "pae",                    EI_BOOL, .doc = "32-bit systems: paging with PAE" },
	[DRIVERS]       = { "drivers",                EI_UINT, .doc = "triage dumps: drivers listed, see crashdrivers" },
	[UNLOADED]      = { "unloaded_drivers",       EI_UINT, .doc = "triage dumps: unloaded drivers listed" },
};
// clang-format on

// "1 day, 2:03:04.500000": days and microseconds only when there are any.
static ei_val uptime(ei_run *r, uint64_t ticks)
{
	if (ei_crash_unset(ticks))
		return ei_absent(EI_NONE);
	// To the even microsecond when exactly between two, as Volatility rounds.
	uint64_t rest = ticks % 10, all = ticks / 10;
	all += rest > 5 || (rest == 5 && all % 2);
	unsigned micros = (unsigned)(all % 1000000), seconds = (unsigned)(all / 1000000 % 86400);
	unsigned long long days = all / 1000000 / 86400;
	const char *before =
		days ? ei_text(ei_scratch(r), "%llu day%s, ", days, &"s"[days == 1]) : "";
	const char *after = micros ? ei_text(ei_scratch(r), ".%06u", micros) : "";
	if (!before || !after)
		return ei_absent(EI_NONE);
	return ei_str(ei_text(ei_scratch(r), "%s%u:%02u:%02u%s", before, seconds / 3600,
		seconds / 60 % 60, seconds % 60, after));
}

static ei_val type_text(ei_run *r, const ei_crash *crash)
{
	return ei_str(ei_text(ei_scratch(r), "%s (0x%x)", crash->type_name, crash->type));
}

// A number of the crash itself; Windows leaves some of them unset.
static ei_val number(ei_kind kind, uint64_t value)
{
	return ei_crash_unset(value) ? ei_absent(EI_NONE) : ei_of(kind, value);
}

static ei_val bitmap(const ei_crash *crash, uint64_t value)
{
	return crash->has_bitmap ? ei_hex(value) : ei_absent(EI_NONE);
}

static void fill_compared(ei_run *r, const ei_crash *crash, ei_val *cells)
{
	cells[SIGNATURE] = ei_str(crash->signature);
	cells[MAJOR_VERSION] = ei_uint(crash->major);
	cells[MINOR_VERSION] = ei_uint(crash->minor);
	cells[DTB] = ei_hex(crash->dtb);
	cells[PFN_DATABASE] = ei_hex(crash->pfn_database);
	cells[MODULE_LIST] = ei_hex(crash->ps_loaded_module_list);
	cells[PROCESS_HEAD] = ei_hex(crash->ps_active_process_head);
	cells[MACHINE] = ei_uint(crash->machine);
	cells[PROCESSORS] = ei_uint(crash->processors);
	cells[KDBG] = ei_hex(crash->kdbg);
	cells[DUMP_TYPE] = type_text(r, crash);
	cells[UPTIME] = uptime(r, crash->uptime);
	cells[COMMENT] = crash->comment_unset ? ei_absent(EI_NONE) : ei_str(crash->comment);
	cells[SYSTEM_TIME] = number(EI_TIME, crash->system_time);
	cells[BITMAP_HEADER] = bitmap(crash, crash->bitmap_header_size);
	cells[BITMAP_BITS] = bitmap(crash, crash->bitmap_bits);
	cells[BITMAP_PAGES] = bitmap(crash, crash->bitmap_pages);
}

static void fill_own(const ei_crash *crash, ei_val *cells)
{
	bool narrow = crash->machine == 0x14c;
	cells[VALID_DUMP] = ei_str(crash->valid_dump);
	cells[BUGCHECK] = number(EI_HEX, crash->bugcheck);
	cells[BUGCHECK_NAME] = ei_str(crash->bugcheck_name);
	for (unsigned i = 0; i < 4; i++)
		cells[PARAMETER_1 + i] = number(EI_HEX, crash->parameters[i]);
	cells[PARAMETERS] = ei_str(crash->bugcheck_parameters);
	cells[EXCEPTION_CODE] = number(EI_HEX, crash->exception_code);
	cells[EXCEPTION_ADDRESS] = number(EI_HEX, crash->exception_address);
	cells[PRODUCT_TYPE] = number(EI_UINT, crash->product_type);
	cells[SUITE_MASK] = number(EI_HEX, crash->suite_mask);
	cells[MINI_DUMP_FIELDS] = number(EI_HEX, crash->mini_dump_fields);
	cells[WRITER_STATUS] = number(EI_HEX, crash->writer_status);
	cells[REQUIRED_SPACE] = number(EI_HEX, crash->required_dump_space);
	cells[PAE] = narrow ? ei_bool(crash->pae == 1) : ei_absent(EI_NONE);
	cells[DRIVERS] = ei_uint(crash->driver_count);
	cells[UNLOADED] = ei_uint(crash->unloaded_count);
}

static ei_error *run(ei_run *r)
{
	const ei_crash *crash = ei_crash_header(r);
	if (!crash)
		return ei_fail(EI_E_REQUIREMENT, "the image is not a Windows crash dump");
	ei_val cells[COLUMNS] = { 0 };
	fill_compared(r, crash, cells);
	fill_own(crash, cells);
	ei_emit(r, cells);
	return NULL;
}

EI_PLUGIN(crashinfo) = {
	EI_HEAD(crashinfo),
	.needs = EI_NEEDS_IMAGE,
	.vol3 = "windows.crashinfo.Crashinfo",
	.purpose = "the header of a Windows crash dump: why and when the system stopped",
	EI_COLUMNS(columns),
	.run = run,
};
