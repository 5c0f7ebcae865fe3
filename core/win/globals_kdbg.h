// The kernel's data for its debugger (_KDDEBUGGER_DATA64, "KDBG"): it names most globals.
//
// From Windows 8 on x64 the block is encoded unless the machine was started for debugging or
// has crashed; a function that decodes it, KdCopyDataBlock, is in the kernel. The variables that
// it uses tell everything: each eight bytes v of the block are
//     KiWaitAlways ^ swap(&KdpDataBlockEncoded ^ rotate_left(KiWaitNever ^ v, KiWaitNever))
// and what comes out is the block only if it begins like one and names this kernel.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_GLOBALS_KDBG_H
#define WIN_GLOBALS_KDBG_H

#include "win/globals_code.h"

enum { KDBG_BYTES_MAX = 0x400 };

struct kdbg {
	uint64_t va;
	uint8_t bytes[KDBG_BYTES_MAX]; // decoded
	uint32_t size;
	// What decoded it; 0 for a block in clear.
	uint64_t wait_never, wait_always, encoded_flag;
	const char *witness; // "debugger data", "decoded debugger data"
};

// The keys' addresses and the block's, tried on the image. True when the block comes out.
bool kdbg_decode(const struct kernel_image *kernel, uint64_t block, uint64_t wait_never,
	uint64_t wait_always, uint64_t encoded_flag, struct kdbg *out);

// The block in clear at `va`.
bool kdbg_read(const struct kernel_image *kernel, uint64_t va, struct kdbg *out);

// The block: in clear at `hint` (0: not known), in clear anywhere in the image, or encoded. False
// when there is none that can be read. Reads all of the image if it must.
bool kdbg_find(
	const struct kernel_image *kernel, struct code *code, uint64_t hint, struct kdbg *out);

// The pointer at `offset` of the block; 0 past its end.
uint64_t kdbg_pointer(const struct kernel_image *kernel, const struct kdbg *kdbg, uint32_t offset);

// A global whose address the block holds, by its place in the order of offsets; NULL past the last.
const char *kdbg_global(size_t index, uint32_t *offset);

#endif
