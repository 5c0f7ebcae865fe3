// Globals by the code of exported functions: a table of recipes, each saying which function to
// begin at and how it refers to the global. A recipe's result is only kept when what is at that
// address looks like the global; several recipes for one global are independent witnesses.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_GLOBALS_RECIPE_H
#define WIN_GLOBALS_RECIPE_H

#include "win/globals_code.h"
#include "win/kernel_pe.h"
#include "win/nearest_parts.h"

struct claims {
	struct global_witness list[GLOBAL_WITNESSES_MAX];
	size_t count;
};

// Drops what is 0, outside the image, or one too many.
void claim(struct claims *claims, const struct kernel_image *kernel, const char *global,
	const char *witness, uint64_t va);

// The first claim of `global`; 0: none.
uint64_t claimed(const struct claims *claims, const char *global);

// Adds what the recipes for the build (0: all of them) give.
void recipes_read(const struct kernel_image *kernel, const struct kernel_pe *pe, struct code *code,
	uint32_t build, struct claims *claims);

// One recipe's view of itself, for tests: false past the last.
bool recipe_describe(size_t index, const char **global, const char **exported,
	uint32_t *pointer_size, const char **seen_in);

#endif
