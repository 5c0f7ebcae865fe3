// The kernel variables that the forge writes, and addresses for profiles that have none.
// SPDX-License-Identifier: Apache-2.0
#include "forge.h"

struct known_symbol {
	const char *name;
	uint32_t bytes; // on x64; enough on x86
	bool (*exists)(const struct forge *f);
};

static bool until_vista(const struct forge *f)
{
	return !f->win7;
}

static bool until_xp(const struct forge *f)
{
	return !f->vista;
}

static bool since_vista(const struct forge *f)
{
	return f->vista;
}

static bool since_win7(const struct forge *f)
{
	return f->win7;
}

static bool since_win8_x64(const struct forge *f)
{
	return f->win8 && f->pointer == 8;
}

static bool since_win10(const struct forge *f)
{
	return f->win10;
}

// clang-format off
static const struct known_symbol known[] = {
	{ "PsActiveProcessHead",      16, NULL },
	{ "PsLoadedModuleList",       16, NULL },
	{ "KdDebuggerDataBlock",     896, NULL },
	{ "KdVersionBlock",           40, NULL },
	{ "KeNumberProcessors",        4, NULL },
	{ "CmpHiveListHead",          16, NULL },
	{ "ObTypeIndexTable",        800, since_win7 },
	{ "ObpObjectTypes",          512, until_vista },
	{ "ObHeaderCookie",            4, since_win10 },
	{ "ObpInfoMaskToOffset",     256, since_win7 },
	{ "ObpRootDirectoryObject",    8, NULL },
	{ "PsInitialSystemProcess",    8, NULL },
	{ "PsIdleProcess",             8, NULL },
	{ "PspCidTable",               8, NULL },
	{ "HandleTableListHead",      16, NULL },
	{ "ObpTypeDirectoryObject",    8, NULL },
	{ "MmProtectToValue",        128, NULL },
	{ "MmPfnDatabase",             8, NULL },
	{ "MmHighestPhysicalPage",     8, NULL },
	{ "MmNonPagedPoolStart",       8, NULL },
	{ "MmPagedPoolStart",          8, NULL },
	{ "NtBuildLab",              128, NULL },
	{ "NtBuildNumber",             4, NULL },
	{ "CmNtCSDVersion",            4, NULL },
	{ "PoolBigPageTable",          8, NULL },
	{ "PoolBigPageTableSize",      8, NULL },
	{ "KiProcessorBlock",        512, NULL },
	{ "MmUnloadedDrivers",         8, NULL },
	{ "MmLastUnloadedDriver",      8, NULL },
	{ "KiServiceTable",         2400, NULL },
	{ "KiServiceLimit",            4, NULL },
	{ "KeServiceDescriptorTable", 64, NULL },
	{ "KeServiceDescriptorTableShadow", 64, NULL },
	{ "PspCreateProcessNotifyRoutine", 512, NULL },
	{ "PspCreateProcessNotifyRoutineCount", 4, NULL },
	{ "PspCreateThreadNotifyRoutine", 512, NULL },
	{ "PspCreateThreadNotifyRoutineCount", 4, NULL },
	{ "PspLoadImageNotifyRoutine", 512, NULL },
	{ "PspLoadImageNotifyRoutineCount", 4, NULL },
	{ "KeBugCheckCallbackListHead", 16, NULL },
	{ "KeBugCheckReasonCallbackListHead", 16, NULL },
	{ "CmpCallBackCount",          4, NULL },
	{ "CmpCallBackVector",       800, until_xp },
	{ "CallbackListHead",         16, since_vista },
	{ "IopNotifyShutdownQueueHead", 16, NULL },
	{ "IopFsNotifyChangeQueueHead", 16, NULL },
	{ "RtlpDebugPrintCallbackList", 16, since_vista },
	{ "IopInvalidDeviceRequest",  16, NULL },
	{ "KdCopyDataBlock",          64, since_vista },
	{ "ObpCaptureHandleInformationEx", 64, since_win8_x64 },
};
// clang-format on

void symbol_invent(struct forge *f)
{
	if (profile_info(f->profile).symbol_count)
		return;
	f->invented = forge_alloc(f, ARRAY_LENGTH(known) * sizeof *f->invented);
	uint64_t rva = f->pointer == 8 ? 0x1f0000 : 0x150000;
	for (size_t i = 0; f->invented && i < ARRAY_LENGTH(known); i++) {
		if (known[i].exists && !known[i].exists(f))
			continue;
		rva += forge_below(f, 0x180) * 16;
		f->invented[f->invented_count++] = (struct symbol){ known[i].name, rva };
		rva += (known[i].bytes + 15) & ~15u;
	}
}

static bool symbol_rva(const struct forge *f, const char *name, uint64_t *rva)
{
	for (size_t i = 0; i < f->invented_count; i++) {
		if (strcmp(f->invented[i].name, name) == 0) {
			*rva = f->invented[i].rva;
			return true;
		}
	}
	if (!f->invented_count && profile_symbol(f->profile, name, rva))
		return true;
	for (size_t i = 0; i < f->placed_count; i++) {
		if (strcmp(f->placed[i].name, name) == 0) {
			*rva = f->placed[i].rva;
			return true;
		}
	}
	return false;
}

bool symbol_near(struct forge *f, uint64_t rva, uint64_t bytes)
{
	for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
		uint64_t at;
		if (symbol_rva(f, known[i].name, &at) && at < rva + bytes &&
			rva < at + known[i].bytes)
			return true;
	}
	return false;
}

uint64_t kernel_symbol(struct forge *f, const char *name)
{
	uint64_t rva;
	return symbol_rva(f, name, &rva) && rva < f->kernel_size ? f->kernel_base + rva : 0;
}

void kernel_set(struct forge *f, const char *name, uint64_t value)
{
	uint64_t va = kernel_symbol(f, name);
	if (va)
		write_pointer(f, &f->kernel, va, value);
}

void kernel_set32(struct forge *f, const char *name, uint32_t value)
{
	uint64_t va = kernel_symbol(f, name);
	if (va)
		write_u32(f, &f->kernel, va, value);
}
