// Machine code in words.
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_CODE_H
#define EIDETIC_CODE_H

#include <eidetic/object.h>

// The instructions in `bytes`, as if they lay at `va`, up to the first that is none:
// "push rbp; mov rbp, rsp"; with --compat vol3, lines as Volatility has them. `bits` is 32 or 64.
// `decoded` (may be NULL): how many bytes they are. Scratch memory; EI_NONE when there is none.
EI_API ei_val ei_disassemble(ei_run *run, const uint8_t *bytes, size_t size, uint64_t va,
	unsigned bits, size_t *decoded);

#endif
