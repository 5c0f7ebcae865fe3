// endless: emits rows until it is told to stop.
// SPDX-License-Identifier: Apache-2.0
#include <eidetic/plugin.h>
#include <unistd.h>

enum { ROUND, COLUMNS };

static const ei_column columns[COLUMNS] = { [ROUND] = { "round", EI_UINT, "a number" } };

static ei_error *run(ei_run *r)
{
	for (uint64_t round = 0; ei_emit(r, (ei_val[COLUMNS]){ [ROUND] = ei_uint(round) }); round++)
		usleep(1000);
	return NULL;
}

EI_PLUGIN(endless) = { EI_HEAD(endless), .needs = EI_NEEDS_IMAGE, EI_COLUMNS(columns), .run = run,
	.purpose = "rows without end" };
