// Arenas: a chain of blocks, freed together or back to a mark.
// SPDX-License-Identifier: Apache-2.0
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BLOCK = 64 * 1024, ARENA_ALIGN = 16 };

struct block {
	struct block *older;
	size_t used;
	size_t room;
	size_t reserved;
	uint8_t bytes[];
};

_Static_assert(sizeof(struct block) % ARENA_ALIGN == 0, "block bytes must be aligned");

struct ei_arena {
	struct block *newest;
	size_t total; // bytes of all blocks
	size_t cap;
};

ei_error *ei_arena_create(size_t cap_bytes, ei_arena **out)
{
	ei_arena *arena = calloc(1, sizeof *arena);
	if (!arena)
		return ei_fail(EI_E_NOMEM, "out of memory");
	arena->cap = cap_bytes;
	*out = arena;
	return NULL;
}

static void arena_pop(ei_arena *arena)
{
	struct block *block = arena->newest;
	arena->newest = block->older;
	arena->total -= block->room;
	free(block);
}

void ei_arena_drop(ei_arena *arena)
{
	if (!arena)
		return;
	while (arena->newest)
		arena_pop(arena);
	free(arena);
}

static bool arena_push(ei_arena *arena, size_t need)
{
	size_t room = MAX(need, (size_t)ARENA_BLOCK);
	if (room > arena->cap - arena->total)
		room = need;
	if (room > arena->cap - arena->total)
		return false;
	struct block *block = malloc(sizeof *block + room);
	if (!block)
		return false;
	*block = (struct block){ .older = arena->newest, .room = room };
	arena->newest = block;
	arena->total += room;
	return true;
}

void *ei_alloc(ei_arena *arena, size_t size_bytes)
{
	if (size_bytes > arena->cap)
		return NULL;
	size_t need = (MAX(size_bytes, (size_t)1) + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	struct block *block = arena->newest;
	if ((!block || block->room - block->used < need) && !arena_push(arena, need))
		return NULL;
	block = arena->newest;
	void *memory = block->bytes + block->used;
	block->used += need;
	return memset(memory, 0, need);
}

char *arena_text(ei_arena *arena, const char *bytes, size_t length)
{
	char *copy = ei_alloc(arena, length + 1);
	if (copy && length)
		memcpy(copy, bytes, length);
	return copy;
}

char *ei_text(ei_arena *arena, const char *format, ...)
{
	char text[256];
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(text, sizeof text, format, args);
	char *copy = length < 0 ? NULL : ei_alloc(arena, (size_t)length + 1);
	if (copy && (size_t)length < sizeof text)
		memcpy(copy, text, (size_t)length);
	else if (copy)
		vsnprintf(copy, (size_t)length + 1, format, again);
	va_end(again);
	va_end(args);
	return copy;
}

ei_mark ei_arena_mark(const ei_arena *arena)
{
	struct block *block = arena->newest;
	return (ei_mark){ .block = block, .used = block ? block->used : 0 };
}

void ei_arena_rewind(ei_arena *arena, ei_mark mark)
{
	while (arena->newest && arena->newest != mark.block)
		arena_pop(arena);
	if (arena->newest)
		arena->newest->used = mark.used;
}
