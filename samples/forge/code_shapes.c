// Functions of the kernel, each with the instructions that matter and some that do not: in the
// forms that disassembly of a 19041 kernel and decompiled later and earlier ones show, shortened.
// SPDX-License-Identifier: Apache-2.0
#include "code.h"

// mov [rsp+8],rbx; push rdi; sub rsp,30h; mov rax,[__security_cookie]; xor rax,rsp; mov
// [rsp+28h],rax
#define ENTER_GUARDED                                                                              \
	"48 89 5C 24 08 57 48 83 EC 30 48 8B 05 {__security_cookie} 48 33 C4 48 89 44 24 28 | "
// mov rbx,[rsp+40h]; add rsp,30h; pop rdi; ret
#define LEAVE_GUARDED "48 8B 5C 24 40 48 83 C4 30 5F C3"
// sub rsp,28h ... add rsp,28h; ret
#define ENTER "48 83 EC 28 | "
#define LEAVE "48 83 C4 28 C3"
// mov edi,edi; push ebp; mov ebp,esp ... pop ebp; ret 8
#define ENTER_86 "8B FF 55 8B EC | "
#define LEAVE_86 "5D C2 08 00"

// clang-format off
const struct code_shape code_shapes[] = {
	// ---- x64: processes and threads by id ----
	{ "PsLookupProcessByProcessId",
	  "48 89 5C 24 18 56 48 83 EC 20 48 89 7C 24 38 48 8B F2 | "
	  "65 48 8B 3C 25 88 01 00 00 66 FF 8F E6 01 00 00 B2 03 | "
	  "E8 {PspReferenceCidTableEntry} 48 8B D8 48 85 C0 74 05 | "
	  "E8 {PsGetCurrentServerSilo} 48 89 1E 33 C0 48 8B 5C 24 40 48 83 C4 20 5E C3",
	  8, 7600, 22631, true },
	{ "PsLookupProcessByProcessId",
	  "48 83 EC 28 48 8B D9 F7 C1 FC 03 00 00 74 0F | 48 8B D1 48 8B 0D {PspCidTable} | "
	  "E8 {ExpLookupHandleTableEntry} 48 83 C4 28 C3", 8, 26100, 0, true },
	{ "PsLookupProcessByProcessId",
	  "48 83 EC 28 48 8B D1 48 8B 0D {PspCidTable} E8 {ExpLookupHandleTableEntry} 48 83 C4 28 C3",
	  8, 0, 6999, true },
	{ "PsLookupThreadByThreadId",
	  ENTER "48 8B DA B2 06 E8 {PspReferenceCidTableEntry} 48 3B 05 {PsIdleProcess} 75 02 33 C0 " LEAVE,
	  8, 0, 0, true },
	{ "PspReferenceCidTableEntry",
	  "48 83 EC 28 F7 C1 FC 03 00 00 75 07 33 C0 48 83 C4 28 C3 | "
	  "83 3D {ObpTraceFlags:1} 00 48 8B D1 48 8B 0D {PspCidTable} | "
	  "E8 {ExpLookupHandleTableEntry} 48 85 C0 75 02 EB FE 4C 8B 35 {PspCidTable} EB F3",
	  8, 0, 0, false },
	{ "ExpLookupHandleTableEntry", "8B 01 48 3B D0 72 03 33 C0 C3 48 8B 41 08 C3", 8, 0, 0, false },
	{ "PsGetCurrentServerSilo", "48 8B 05 {PspHostSiloGlobals} C3", 8, 0, 0, false },

	// ---- x64: objects ----
	{ "ObGetObjectType",
	  "48 8D 41 D0 0F B6 49 E8 48 C1 E8 08 0F B6 C0 48 33 C1 | "
	  "0F B6 0D {ObHeaderCookie} 48 33 C1 48 8D 0D {ObTypeIndexTable} 48 8B 04 C1 C3",
	  8, 10240, 0, true },
	// movzx eax,[rcx-18h]; lea rcx,[image base]; mov rax,[rcx+rax*8+table]
	{ "ObGetObjectType", "0F B6 41 E8 48 8D 0D {ObTypeIndexTable} 48 8B 04 C1 C3", 8, 7600, 9600, true },
	{ "ObReferenceObjectByPointerWithTag",
	  "48 89 74 24 10 57 48 83 EC 30 48 8B F1 4D 85 C0 74 2E | "
	  "48 8D 41 D0 48 C1 E8 08 0F B6 C8 0F B6 46 E8 48 33 C8 0F B6 05 {ObHeaderCookie} 48 33 C8 | "
	  "48 8D 05 {ObTypeIndexTable} 4C 39 04 C8 | "
	  "83 3D {ObpTraceFlags:1} 00 48 8B 74 24 48 33 C0 48 83 C4 30 5F C3",
	  8, 10240, 0, true },
	{ "ObQueryNameInfo",
	  "0F B6 41 EA 48 83 C1 D0 A8 02 74 15 83 E0 03 48 8D 15 {ObpInfoMaskToOffset} | "
	  "0F B6 04 10 48 2B C8 48 8B C1 C3 66 90 33 C9 EB F7", 8, 7600, 0, true },
	{ "ObReferenceObjectByHandle",
	  "48 83 EC 48 48 8B 44 24 78 C7 44 24 20 44 66 6C 74 | "
	  "E8 {ObpReferenceObjectByHandleWithTag} 48 83 C4 48 C3", 8, 0, 0, true },
	{ "ObpReferenceObjectByHandleWithTag",
	  ENTER_GUARDED "8B 05 {ObpTraceFlags} 85 C9 79 09 4C 8B 35 {ObpKernelHandleTable} EB 07 "
	  "4C 8B B7 70 05 00 00 | 49 8B CE E8 {ExpLookupHandleTableEntry} " LEAVE_GUARDED,
	  8, 0, 0, false },

	// ---- x64: the debugger's data, and who copies it ----
	{ "KeCapturePersistentThreadState",
	  ENTER_GUARDED "48 8B D9 8B 05 {NtBuildNumber} 89 43 0C | "
	  "48 8B 05 {MmPfnDatabase} 48 89 43 18 48 8D 05 {PsLoadedModuleList} 48 89 43 20 | "
	  "48 8D 05 {PsActiveProcessHead} 48 89 43 28 C7 43 30 64 86 00 00 | "
	  "E8 {PsGetCurrentServerSilo} 84 C0 74 1A | "
	  "48 8D 05 {KdDebuggerDataBlock} 48 89 83 80 00 00 00 48 8D 8B 80 20 00 00 | "
	  "E8 {KdCopyDataBlock} " LEAVE_GUARDED, 8, 0, 0, true },
	{ "KeInitializeCrashDumpHeader",
	  ENTER "83 F9 01 75 05 E8 {IoFillDumpHeader} 33 C0 " LEAVE, 8, 0, 0, true },
	{ "IoFillDumpHeader",
	  "48 8D 15 {KeBugCheckCallbackListHead} | 48 8B 05 {MmPfnDatabase} 48 89 41 18 | "
	  "48 8D 05 {PsLoadedModuleList} 48 89 41 20 48 8D 05 {PsActiveProcessHead} 48 89 41 28 | "
	  "48 8D 05 {KdDebuggerDataBlock} 48 89 81 80 00 00 00 C3", 8, 0, 0, false },
	// The loop: v ^= never; rol v, never; v ^= &flag; bswap v; v ^= always.
	{ "KdCopyDataBlock",
	  "80 3D {KdpDataBlockEncoded:1} 00 4C 8D 05 {KdDebuggerDataBlock} 4C 8B C9 74 3D | "
	  "41 BA 6C 00 00 00 49 2B C8 | 48 8B 15 {KiWaitNever} 49 8B 00 48 33 C2 | "
	  "44 8B D9 8B CA 48 D3 C0 48 8D 15 {KdpDataBlockEncoded} 48 33 C2 48 0F C8 | "
	  "48 33 05 {KiWaitAlways} 49 89 00 49 83 C0 08 41 FF CA 75 CC C3 | "
	  "41 0F 10 00 41 0F 11 01 C3", 8, 9200, 0, false },
	{ "KdCopyDataBlock",
	  "48 8D 15 {KdDebuggerDataBlock} 41 B8 40 03 00 00 E9 {memcpy}", 8, 0, 9199, false },
	{ "memcpy", "4C 8B D9 48 2B D1 72 0F C3", 8, 0, 0, false },
	{ "KeSetTimerEx",
	  ENTER_GUARDED "48 8B 05 {KiWaitNever} 48 8B F9 48 8B 35 {KiWaitAlways} 49 33 F1 48 0F CE 48 33 F1 | "
	  "8B C8 48 D3 CE 48 33 F0 8B 05 {KiIrqlFlags} " LEAVE_GUARDED, 8, 9200, 0, true },

	// ---- x64: system calls ----
	{ "KeAddSystemServiceTable",
	  "48 89 5C 24 08 8B 54 24 28 4D 8B D1 8D 42 FF 83 F8 01 77 36 45 33 C9 | "
	  "4C 39 0D {KeServiceDescriptorTable+20} 75 2A 4C 39 0D {KeServiceDescriptorTableShadow+20} 75 21 | "
	  "48 8D 05 {KeServiceDescriptorTableShadow+20} 44 8B 15 {KiTableInformation} | "
	  "48 89 0D {KeServiceDescriptorTableShadow+20} B0 01 48 8B 5C 24 08 C3 32 C0 EB F5",
	  8, 0, 0, true },

	// ---- x64: who is told of what ----
	{ "PsSetCreateProcessNotifyRoutine",
	  ENTER "8A C2 33 D2 84 C0 0F 95 C2 E8 {PspSetCreateProcessNotifyRoutine} " LEAVE, 8, 0, 0, true },
	{ "PsSetCreateProcessNotifyRoutineEx",
	  ENTER "84 D2 0F 95 C2 83 CA 02 E8 {PspSetCreateProcessNotifyRoutine} " LEAVE, 8, 6001, 0, true },
	{ "PspSetCreateProcessNotifyRoutine",
	  ENTER_GUARDED "F6 C2 01 75 16 E8 {ExAllocateCallBack} 48 8D 0D {PspCreateProcessNotifyRoutine} "
	  "F0 FF 05 {PspCreateProcessNotifyRoutineCount} | EB 07 48 8D 0D {PspCreateProcessNotifyRoutine} "
	  LEAVE_GUARDED, 8, 0, 0, false },
	{ "PsSetCreateThreadNotifyRoutine",
	  ENTER "33 D2 E8 {PspSetCreateThreadNotifyRoutine} " LEAVE, 8, 0, 0, true },
	{ "PspSetCreateThreadNotifyRoutine",
	  ENTER_GUARDED "E8 {ExAllocateCallBack} 48 8D 0D {PspCreateThreadNotifyRoutine} " LEAVE_GUARDED,
	  8, 0, 0, false },
	{ "PsSetLoadImageNotifyRoutine",
	  ENTER "33 D2 E8 {PsSetLoadImageNotifyRoutineEx} " LEAVE, 8, 16299, 0, true },
	{ "PsSetLoadImageNotifyRoutine",
	  ENTER_GUARDED "E8 {ExAllocateCallBack} 48 8D 3D {PspLoadImageNotifyRoutine} " LEAVE_GUARDED,
	  8, 0, 16298, true },
	{ "PsSetLoadImageNotifyRoutineEx",
	  ENTER_GUARDED "E8 {ExAllocateCallBack} 33 DB 48 8D 0D {PspLoadImageNotifyRoutine} 48 8D 0C D9 "
	  "83 3D {ObpTraceFlags:1} 00 " LEAVE_GUARDED, 8, 16299, 0, true },
	{ "ExAllocateCallBack", "B9 00 02 00 00 33 C0 C3", 8, 0, 0, false },
	{ "CmUnRegisterCallback",
	  ENTER_GUARDED "48 8D 35 {CmpCallbackListLock} E8 {ExAllocateCallBack} | "
	  "48 8D 0D {CallbackListHead} E8 {ExAllocateCallBack} " LEAVE_GUARDED, 8, 6000, 0, true },
	{ "CmSetCallbackObjectContext",
	  ENTER_GUARDED "48 8D 0D {CmpCallbackListLock} E8 {ExAllocateCallBack} | "
	  "48 8B 1D {CallbackListHead} 48 8D 0D {CallbackListHead} 48 3B D9 75 00 " LEAVE_GUARDED,
	  8, 6000, 0, true },
	{ "KeRegisterBugCheckCallback",
	  ENTER_GUARDED "8B 05 {KiIrqlFlags} 48 8D 0D {KeBugCheckCallbackLock} E8 {ExAllocateCallBack} | "
	  "4C 8D 05 {KeBugCheckCallbackListHead} 48 8B 05 {KeBugCheckCallbackListHead} " LEAVE_GUARDED,
	  8, 0, 0, true },
	{ "KeRegisterBugCheckReasonCallback",
	  ENTER_GUARDED "48 8D 0D {KeBugCheckCallbackLock} E8 {ExAllocateCallBack} 83 FF 04 74 0C | "
	  "48 8D 0D {KeBugCheckReasonCallbackListHead} 83 FF 06 75 07 | "
	  "48 8D 0D {KeBugCheckAddRemovePagesCallbackListHead} " LEAVE_GUARDED, 8, 0, 0, true },
	{ "IoRegisterShutdownNotification",
	  ENTER_GUARDED "E8 {ExAllocateCallBack} 48 8D 0D {IopNotifyShutdownQueueHead} " LEAVE_GUARDED,
	  8, 0, 0, true },
	{ "IoRegisterLastChanceShutdownNotification",
	  ENTER_GUARDED "E8 {ExAllocateCallBack} 48 8D 0D {IopNotifyLastChanceShutdownQueueHead} "
	  LEAVE_GUARDED, 8, 0, 0, true },
	// A resource begins with a list entry, but is not the list.
	{ "IoRegisterFsRegistrationChange",
	  ENTER_GUARDED "48 8D 0D {IopDatabaseResource} E8 {ExAllocateCallBack} | "
	  "48 8B 05 {IopFsNotifyChangeQueueHead} 48 8D 0D {IopFsNotifyChangeQueueHead} 48 3B C1 "
	  LEAVE_GUARDED, 8, 0, 0, true },

	// ---- x86 ----
	{ "PsLookupProcessByProcessId",
	  ENTER_86 "53 56 64 A1 24 01 00 00 FF 75 08 8B F0 FF 8E D4 00 00 00 | FF 35 [PspCidTable] "
	  "E8 {ExMapHandleToPointer} 5E 5B " LEAVE_86, 4, 0, 0, true },
	{ "PsLookupThreadByThreadId",
	  ENTER_86 "A1 [PspCidTable] 50 E8 {ExMapHandleToPointer} " LEAVE_86, 4, 0, 0, true },
	{ "ExMapHandleToPointer", "8B FF 8B 44 24 04 C2 08 00", 4, 0, 0, false },
	{ "KeCapturePersistentThreadState",
	  ENTER_86 "8B 5D 08 A1 [MmPfnDatabase] 89 43 14 C7 43 18 [PsLoadedModuleList] "
	  "C7 43 1C [PsActiveProcessHead] C7 43 60 [KdDebuggerDataBlock] " LEAVE_86, 4, 0, 0, true },
	{ "KeAddSystemServiceTable",
	  ENTER_86 "8B 45 18 C1 E0 04 83 B8 [KeServiceDescriptorTable] 00 75 02 B0 01 " LEAVE_86,
	  4, 0, 0, true },
	{ "PsSetCreateProcessNotifyRoutine",
	  ENTER_86 "56 BE [PspCreateProcessNotifyRoutine] 33 C0 5E " LEAVE_86, 4, 0, 0, true },
	{ "PsSetCreateThreadNotifyRoutine",
	  ENTER_86 "56 BE [PspCreateThreadNotifyRoutine] 33 C0 5E " LEAVE_86, 4, 0, 0, true },
	{ "PsSetLoadImageNotifyRoutine",
	  ENTER_86 "56 BE [PspLoadImageNotifyRoutine] 33 C0 5E " LEAVE_86, 4, 0, 0, true },
	{ "CmUnRegisterCallback",
	  ENTER_86 "BF [CmpCallbackListLock] 56 BE [CallbackListHead] 5E " LEAVE_86, 4, 6000, 0, true },
	{ "ObGetObjectType",
	  ENTER_86 "8B 4D 08 0F B6 41 F4 8B 04 85 [ObTypeIndexTable] " LEAVE_86, 4, 7600, 9600, true },
	{ "ObGetObjectType",
	  ENTER_86 "8B 4D 08 8D 41 E8 C1 E8 08 0F B6 C0 0F B6 51 F4 33 C2 0F B6 0D [ObHeaderCookie] 33 C1 "
	  "8B 04 85 [ObTypeIndexTable] " LEAVE_86, 4, 10240, 0, true },
	{ "ObReferenceObjectByHandle",
	  ENTER_86 "E8 {ObpReferenceObjectByHandleWithTag} " LEAVE_86, 4, 0, 0, true },
	{ "ObpReferenceObjectByHandleWithTag",
	  ENTER_86 "8B 45 08 85 C0 79 08 8B 35 [ObpKernelHandleTable] 5E 8B 06 " LEAVE_86, 4, 0, 0, false },
	{ "KeRegisterBugCheckCallback",
	  ENTER_86 "BA [KeBugCheckCallbackLock] B9 [KeBugCheckCallbackListHead] " LEAVE_86, 4, 0, 0, true },
};
// clang-format on

const size_t code_shape_count = ARRAY_LENGTH(code_shapes);
