// search TERMS CORPUS [REPS]: speed of the term search on one thread, over a file in memory.
//
// Each line of TERMS of 4 bytes or more is a term. Prints one line:
// terms=... compile=...s matches=... wall=...s wall_gbps=... cpu_gbps=... kernel=...
// SPDX-License-Identifier: Apache-2.0
#include "scan/scan.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

enum { LINE_SHORTEST = 4, SAMPLE_PAGES = 256 };

static double seconds(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static const char *file_map(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	if (fd < 0 || fstat(fd, &status)) {
		perror(path);
		exit(1);
	}
	*size = (size_t)status.st_size;
	const char *bytes = mmap(NULL, *size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (bytes == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	return bytes;
}

static size_t lines_read(const char *text, size_t size, struct term *terms, size_t room)
{
	size_t count = 0;
	for (const char *at = text, *end = text + size; at < end && count < room;) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		line_end = line_end ? line_end : end;
		size_t length = (size_t)(line_end - at);
		if (length && at[length - 1] == '\r')
			length--;
		if (length >= LINE_SHORTEST && length <= TERM_LONGEST)
			terms[count++] = (struct term){ at, (uint32_t)length };
		at = line_end + 1;
	}
	return count;
}

// Pages from all over the corpus, as an image is sampled.
static size_t sample_take(const uint8_t *corpus, size_t size, uint8_t *sample)
{
	size_t pages = size / PAGE_SIZE, taken = MIN(pages, (size_t)SAMPLE_PAGES);
	for (size_t i = 0; i < taken; i++)
		memcpy(sample + i * PAGE_SIZE, corpus + i * pages / taken * PAGE_SIZE, PAGE_SIZE);
	return taken * PAGE_SIZE;
}

static void count_hits(void *context, const struct term_hit *hits, size_t count)
{
	(void)hits;
	*(unsigned long long *)context += count;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: search TERMS CORPUS [REPS]\n");
		return 2;
	}
	size_t list_size, size;
	const char *list = file_map(argv[1], &list_size), *corpus = file_map(argv[2], &size);
	struct term *terms = malloc(TERM_COUNT_MAX * sizeof *terms);
	if (!terms)
		return 1;
	size_t count = lines_read(list, list_size, terms, TERM_COUNT_MAX);
	struct term_set *set = NULL;
	double start = seconds(CLOCK_MONOTONIC);
	static uint8_t sample[SAMPLE_PAGES * PAGE_SIZE];
	size_t sampled = sample_take((const uint8_t *)corpus, size, sample);
	ei_error *error = terms_compile_for(terms, count, sample, sampled, &set);
	double compile = seconds(CLOCK_MONOTONIC) - start;
	if (error) {
		fprintf(stderr, "search: %s\n", ei_error_text(error));
		return 1;
	}
	unsigned long long matches = 0;
	double wall = 1e9, cpu = 1e9;
	for (long i = 0, reps = argc > 3 ? strtol(argv[3], NULL, 10) : 3; i < reps; i++) {
		matches = 0;
		double w = seconds(CLOCK_MONOTONIC), c = seconds(CLOCK_PROCESS_CPUTIME_ID);
		terms_scan(set, (const uint8_t *)corpus, size, size, count_hits, &matches);
		w = seconds(CLOCK_MONOTONIC) - w;
		c = seconds(CLOCK_PROCESS_CPUTIME_ID) - c;
		wall = MIN(wall, w);
		cpu = MIN(cpu, c);
	}
	printf("terms=%zu compile=%.3fs matches=%llu wall=%.3fs wall_gbps=%.2f cpu_gbps=%.2f "
	       "kernel=%s\n",
		count, compile, matches, wall, (double)size / wall / 1e9, (double)size / cpu / 1e9,
		terms_kernel_name());
	term_set_drop(set);
	free(terms);
	return 0;
}
