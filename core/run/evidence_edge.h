// Text at the edge of a page: what is in front of it and behind it for whoever holds it.
// SPDX-License-Identifier: Apache-2.0
#ifndef RUN_EVIDENCE_EDGE_H
#define RUN_EVIDENCE_EDGE_H

#include "ioc/ioc.h"
#include <eidetic/scan.h>

enum { EVIDENCE_EDGE = 64 };

struct evidence_edge {
	char bytes[2 * EVIDENCE_EDGE + EI_TERM_LONGEST + 2];
	struct ioc_text text; // of them
};

// `inner`: the hit with what is around it in its own page. False where that is all: it does not
// touch the edge, or nobody says what is beyond.
bool evidence_edge_read(ei_run *run, const ei_hit *hit, const ei_owner *owner,
	const struct ioc_text *inner, struct evidence_edge *out);

#endif
