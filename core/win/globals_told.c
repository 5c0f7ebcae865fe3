// The kernel's globals as they were found without symbols, for people.
// SPDX-License-Identifier: Apache-2.0
#include "win/nearest_parts.h"
#include <eidetic/system.h>

static ei_global *known(ei_global *globals, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(globals[i].name, name))
			return &globals[i];
	return NULL;
}

static void add_witness(ei_arena *arena, ei_global *global, const struct global_witness *said)
{
	const char *text;
	if (said->va == global->address) {
		text = ei_text(arena, "%s, %s", global->witnesses, said->witness);
		global->witnesses = text ? text : global->witnesses;
		return;
	}
	const char *before = global->against ? global->against : "";
	text = ei_text(arena, "%s%s0x%llx by %s", before, *before ? ", " : "",
		(unsigned long long)said->va, said->witness);
	global->against = text ? text : global->against;
}

size_t ei_system_globals(ei_run *run, ei_global out[EI_GLOBALS_MAX])
{
	const struct session *session = run->session;
	struct nearest_wish wish = {
		.session = session, .reader = run->reader, .cancelled = run->cancelled
	};
	struct global_witness said[GLOBAL_WITNESSES_MAX];
	size_t said_count = 0, count = 0;
	if (!session->profile || !session->profile_is_nearest)
		return 0;
	EI_OWNED(ei_error) error = globals_witnessed(&wish, session->profile, said, &said_count);
	if (error)
		return 0;
	for (size_t i = 0; i < said_count; i++) {
		ei_global *global = known(out, count, said[i].global);
		if (global)
			add_witness(run->scratch, global, &said[i]);
		else if (count < EI_GLOBALS_MAX)
			out[count++] = (ei_global){ .name = said[i].global,
				.address = said[i].va,
				.witnesses = said[i].witness };
	}
	return count;
}
