// The kernel's code: functions whose instructions refer to variables as those of real kernels do.
// SPDX-License-Identifier: Apache-2.0
#ifndef FORGE_CODE_H
#define FORGE_CODE_H

#include "forge.h"

// One function, as text: hexadecimal bytes, and in braces the four bytes that refer to a symbol.
// "{NAME}" is its distance from the end of the instruction, "{NAME+10}" with a hexadecimal
// distance added, "{NAME:1}" where one more byte of the instruction follows; "[NAME]" is its
// address. Blanks and '|' mean nothing.
struct code_shape {
	const char *name;
	const char *body;
	uint32_t pointer_size;
	uint32_t first, last; // builds; last 0: still
	bool exported;
};

extern const struct code_shape code_shapes[];
extern const size_t code_shape_count;

#endif
