// A progress bar for people.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 32 };
static const uint64_t first_after_ns = 500000000, again_after_ns = 100000000;

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void progress_init(struct progress *progress, const char *wish)
{
	bool always = wish && !strcmp(wish, "always"), never = wish && !strcmp(wish, "never");
	*progress = (struct progress){
		.on = always || (!never && isatty(STDERR_FILENO)),
		.start_ns = now_ns(),
	};
}

void progress_draw(void *context, uint64_t done, uint64_t total)
{
	struct progress *progress = context;
	uint64_t now = progress->on ? now_ns() : 0;
	if (!progress->on || !total || now - progress->start_ns < first_after_ns ||
		now - progress->drawn_ns < again_after_ns)
		return;
	progress->drawn_ns = now;
	progress->shown = true;
	char bar[BAR_WIDTH + 1];
	unsigned percent = (unsigned)(MIN(done, total) * 100.0 / total);
	for (unsigned i = 0; i < BAR_WIDTH; i++)
		bar[i] = i * 100 < percent * BAR_WIDTH ? '=' : ' ';
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r[%s] %3u %%", bar, percent);
}

void progress_clear(struct progress *progress)
{
	if (progress->shown)
		fprintf(stderr, "\r%*s\r", BAR_WIDTH + 10, "");
	progress->shown = false;
}
