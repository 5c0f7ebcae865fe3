// Reading the kernel's code for what it refers to: the variables, tables and functions that the
// instructions of one function name.
//
// Code is read as the processor might run it: straight on, along jumps, then down the branches that
// were passed by, in the order they were met. Nothing is executed or guessed: a reference is an
// operand that names an address. Every instruction is looked at once, so loops end.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_GLOBALS_CODE_H
#define WIN_GLOBALS_CODE_H

#include "space/space.h"

// The kernel's image in memory.
struct kernel_image {
	const struct space *space;
	struct reader *reader;
	uint64_t base;
	uint32_t size;
};

static inline bool kernel_holds(const struct kernel_image *kernel, uint64_t va)
{
	return va - kernel->base < kernel->size;
}

// The pointer at `va`; 0 when it cannot be read.
uint64_t kernel_pointer(const struct kernel_image *kernel, uint64_t va);
// False unless all of it can be read.
bool kernel_read(const struct kernel_image *kernel, uint64_t va, void *buffer, size_t size);

// How an instruction uses an address. One bit each, so that a wish may name several.
enum code_use {
	CODE_CALL = 1,         // calls it
	CODE_ADDRESS = 2,      // takes its address: lea, or a constant that is an address
	CODE_TABLE = 4,        // reads an element of it: [image base + distance + index]
	CODE_LOAD = 8,         // moves what is there to a register, or pushes it
	CODE_STORE = 16,       // moves something there
	CODE_TOUCH = 32,       // anything else with it: compare, test, add, exclusive or
	CODE_PUT_ADDRESS = 64, // its address goes to [register + displacement]
	CODE_PUT_VALUE = 128,  // what was loaded from there goes to [register + displacement]
	CODE_SWAP = 256,       // no reference: bytes of a register are swapped (bswap)
};

struct code_ref {
	enum code_use use;
	uint64_t at;          // of the instruction
	uint64_t target;      // canonical; in the image, except of calls
	uint32_t size;        // bytes read or written there; a pointer's for addresses
	int64_t displacement; // of CODE_PUT_*
};

struct code;

// EI_E_NOMEM; EI_E_REQUIREMENT for spaces of another processor.
EI_CHECKED ei_error *code_open(const struct kernel_image *kernel, struct code **out);
void code_close(struct code *code); // NULL is allowed
EI_OWNER(code, code_close);

// Calls `visit` for each reference of the function at `va` until it returns false, the function
// ends, or `limit` instructions (at most 1024) have been read. Code that cannot be read or is no
// code ends that path. Returns how many instructions were read.
uint32_t code_walk(struct code *code, uint64_t va, uint32_t limit,
	bool (*visit)(void *context, const struct code_ref *ref), void *context);

#endif
