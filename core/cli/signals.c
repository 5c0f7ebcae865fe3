// Ctrl-C asks a run to end; a second one ends the process.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <signal.h>

static bool interrupted;
const bool *const cancelled = &interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	__atomic_store_n(&interrupted, true, __ATOMIC_RELAXED);
}

ei_error *unless_cancelled(void)
{
	bool is_cancelled = __atomic_load_n(cancelled, __ATOMIC_RELAXED);
	return is_cancelled ? ei_fail(EI_E_CANCELLED, "cancelled") : NULL;
}

void signals_catch(void)
{
	// SA_RESETHAND: the second signal finds the default action again.
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN); // a write says so, in its place
}
