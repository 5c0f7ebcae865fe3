// Text at the edge of a page: what is beside it lies elsewhere in memory, where whoever holds it
// says.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_edge.h"

#include <eidetic/win.h>

// The kernel's space is NULL; false where there is none.
static bool space_of(ei_run *run, const ei_owner *owner, const ei_space **out)
{
	*out = NULL;
	if (owner->kind == EI_OWNER_KERNEL)
		return true;
	if (owner->kind != EI_OWNER_PROCESS || !ei_has(owner->pid))
		return false;
	ei_iter it = ei_processes(run);
	for (eprocess p = ei_handle(run, eprocess); ei_next(&it, &p);)
		if (ei_u64_or(ei_get(p, UniqueProcessId), UINT64_MAX) == owner->pid.u) {
			*out = ei_process_space(run, &p);
			return *out;
		}
	return false;
}

// A byte a character; 0 for what is no Latin-1, and before what cannot be read.
static size_t piece_read(
	ei_run *run, const ei_space *space, uint64_t va, bool wide, char out[EVIDENCE_EDGE])
{
	uint8_t bytes[2 * EVIDENCE_EDGE];
	size_t unit = wide ? 2 : 1;
	size_t got = ei_read(run, space, va, bytes, EVIDENCE_EDGE * unit) / unit;
	for (size_t i = 0; i < got; i++)
		out[i] = wide && bytes[i * 2 + 1] ? '\0' : (char)bytes[i * unit];
	return got;
}

bool evidence_edge_read(ei_run *run, const ei_hit *hit, const ei_owner *owner,
	const struct ioc_text *inner, struct evidence_edge *out)
{
	const ei_space *space;
	bool wide = hit->flags & EI_HIT_UTF16;
	size_t length = inner->end - inner->start, unit = wide ? 2 : 1;
	bool first = !inner->start, last = inner->end == inner->length;
	if ((!first && !last) || length > sizeof out->bytes - 2 * EVIDENCE_EDGE ||
		!ei_has(owner->va) || owner->va.u < EVIDENCE_EDGE * unit ||
		!space_of(run, owner, &space))
		return false;
	char piece[EVIDENCE_EDGE];
	size_t before = MIN(inner->start, (size_t)EVIDENCE_EDGE);
	memcpy(out->bytes, inner->bytes + inner->start - before, before);
	if (first && piece_read(run, space, owner->va.u - EVIDENCE_EDGE * unit, wide, piece) ==
			     EVIDENCE_EDGE) {
		memcpy(out->bytes, piece, EVIDENCE_EDGE);
		before = EVIDENCE_EDGE;
	}
	memcpy(out->bytes + before, inner->bytes + inner->start, length);
	size_t behind = MIN(inner->length - inner->end, (size_t)EVIDENCE_EDGE);
	memcpy(out->bytes + before + length, inner->bytes + inner->end, behind);
	if (last) {
		behind = piece_read(run, space, owner->va.u + hit->length, wide, piece);
		memcpy(out->bytes + before + length, piece, behind);
	}
	out->text = (struct ioc_text){ out->bytes, before + length + behind, before,
		before + length, inner->labels };
	return true;
}
