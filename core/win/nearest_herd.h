// Objects of one type, looked at before their layout is trusted: to find where members lie.
// Private to nearest*.c.
// SPDX-License-Identifier: Apache-2.0
#ifndef WIN_NEAREST_HERD_H
#define WIN_NEAREST_HERD_H

#include "win/nearest_parts.h"

enum {
	HERD_MAX = 64,        // objects; more is no better evidence
	HERD_WINDOW = 0x1000, // bytes of each that are looked at
	HERD_NAME_MAX = 16,
};

struct herd {
	const struct nearest_wish *wish;
	const struct profile *types; // for other types than that of the objects
	uint32_t pointer_size, count;
	uint64_t at[HERD_MAX];
	uint8_t *bytes[HERD_MAX]; // HERD_WINDOW each
	// Of processes: what has been found out so far.
	uint64_t pid[HERD_MAX], created[HERD_MAX], threads[HERD_MAX];
	struct space space[HERD_MAX];
	uint64_t now; // FILETIME; 0 unknown
};

// Processes, System first, whatever the layout says of their links and pids; `*link` is where in a
// process the links are. `out` lives in `arena`. False when they are not found.
bool herd_processes(const struct nearest_wish *wish, const struct globals *globals,
	const struct profile *types, ei_arena *arena, struct herd *out, uint32_t *link);

// Hives, by a list all of whose members carry the signature.
bool herd_hives(const struct nearest_wish *wish, const struct globals *globals,
	const struct profile *types, ei_arena *arena, struct herd *out, uint32_t *link);

// What lies at an offset of an object; beyond the window it is 0.
uint64_t herd_pointer(const struct herd *herd, uint32_t object, uint32_t offset);
uint32_t herd_u32(const struct herd *herd, uint32_t object, uint32_t offset);
uint64_t herd_u64(const struct herd *herd, uint32_t object, uint32_t offset);

// A pointer in the kernel's memory; 0 when it cannot be read.
uint64_t herd_follow(const struct herd *herd, uint64_t va);
bool herd_is_kernel(const struct herd *herd, uint64_t va);

// ---- where members lie ----------------------------------------------------------------------
struct shifts {
	struct type_shift of[TYPE_SHIFTS_MAX];
	size_t count;
	const char *text; // "ExitTime +0x8, Peb +0x8", in the session's arena
};

// Members of _EPROCESS and _CMHIVE that all objects show elsewhere than `types` says. No shifts:
// they are where they should be, or it cannot be told.
EI_CHECKED ei_error *shifts_find(const struct nearest_wish *wish, const struct globals *globals,
	const struct profile *types, struct shifts *out);

#endif
