// Structures as the kernel has them, for databases that clang and lld-link make of this file.
// SPDX-License-Identifier: Apache-2.0
typedef unsigned char UCHAR;
typedef unsigned short USHORT;
typedef unsigned long ULONG;
typedef unsigned long long ULONGLONG;

typedef struct _LIST_ENTRY {
	struct _LIST_ENTRY *Flink, *Blink;
} LIST_ENTRY;

typedef enum _KSTATE { Lowest = -7, Initialized = 0, Ready, Running, Highest = 0x12345678 } KSTATE;

typedef union _LARGE_INTEGER {
	struct {
		ULONG LowPart;
		long HighPart;
	};
	struct {
		ULONG LowPart;
		long HighPart;
	} u;
	long long QuadPart;
} LARGE_INTEGER;

typedef struct _EX_FAST_REF {
	union {
		void *Object;
#ifdef _WIN64
		ULONGLONG RefCnt : 4;
		ULONGLONG Value;
#else
		ULONG RefCnt : 3;
		ULONG Value;
#endif
	};
} EX_FAST_REF;

typedef struct _UNICODE_STRING {
	USHORT Length, MaximumLength;
	USHORT *Buffer;
} UNICODE_STRING;

struct _NEVER_DEFINED;
struct _MMVAD;

typedef struct _KPROCESS {
	LIST_ENTRY ProfileListHead;
	void *DirectoryTableBase[2];
	UCHAR State;
} KPROCESS;

typedef struct _EPROCESS {
	KPROCESS Pcb;
	LARGE_INTEGER CreateTime;
	void *UniqueProcessId;
	LIST_ENTRY ActiveProcessLinks;
	struct _MMVAD *VadRoot;
	struct _NEVER_DEFINED *Job;
	EX_FAST_REF Token;
	UCHAR ImageFileName[15];
	ULONG Grid[3][4];
	KSTATE Stage;
	union {
		ULONG Flags;
		struct {
			ULONG CreateReported : 1;
			ULONG NoDebugInherit : 5;
			ULONG Rest : 26;
		};
	};
	ULONGLONG Wide : 40;
	ULONGLONG Tail : 24;
	const volatile ULONG Cookie;
	int (*Callback)(int);
	float Single;
	double Double;
	LIST_ENTRY Heads[2];
	UNICODE_STRING Name;
	void **Table;
	KSTATE *Stages;
	ULONG (*Rows)[4];
	signed char Small;
	_Bool Yes;
	char Large[40000];
	short Last;
} EPROCESS;

struct _MMVAD {
	struct _MMVAD *Left, *Right;
	EPROCESS *Owner;
	struct {
		ULONG Protection : 5;
		ULONG Private : 1;
	} u;
};

EPROCESS *PsInitialSystemProcess;
LIST_ENTRY PsActiveProcessHead = { &PsActiveProcessHead, &PsActiveProcessHead };
struct _MMVAD MmRoot;
int _fltused;

ULONG __fastcall ExFast(ULONG a)
{
	return a + MmRoot.u.Protection;
}

ULONG __stdcall NtClose(ULONG handle)
{
	PsInitialSystemProcess = 0;
	return handle;
}
