// pool FILE [REPS]: speed of the pool-tag scan, one pass on one thread over a file, ten tags at
// once.
// SPDX-License-Identifier: Apache-2.0
#include "scan/scan.h"

#include <time.h>

static const uint32_t tags[] = { 0x636f7250, 0xe36f7250, 0x65726854, 0xe5726854, 0x656c6946,
	0xe56c6946, 0x6174754d, 0x76697244, 0x644c6d4d, 0x30314d43 };

static double seconds(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static ei_error *scan(const struct image *image, const struct tag_set *set, size_t *hits)
{
	struct hit_list list;
	hit_list_init(&list, 1 << 20);
	struct found_context context = { .tags = set, .list = &list };
	struct pass_consumer consumer = tags_consumer(&context);
	struct pass_wish wish = { .image = image, .threads = 1 };
	ei_error *error = pass_run(&wish, &consumer, 1);
	*hits = list.count;
	hit_list_deinit(&list);
	return error;
}

static ei_error *bench(const char *path, int reps)
{
	EI_OWNED(image) image = NULL;
	EI_TRY(image_open(path, "raw", &image));
	struct tag_set set;
	tag_set_init(&set, 16, tags, ARRAY_LENGTH(tags));
	double wall = 1e9, cpu = 1e9;
	size_t hits = 0;
	for (int i = 0; i < reps; i++) {
		double wall_start = seconds(CLOCK_MONOTONIC),
		       cpu_start = seconds(CLOCK_PROCESS_CPUTIME_ID);
		EI_TRY(scan(image, &set, &hits));
		wall = MIN(wall, seconds(CLOCK_MONOTONIC) - wall_start);
		cpu = MIN(cpu, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_start);
	}
	double size = (double)image_bytes(image);
	printf("tags=%zu hits=%zu wall_gbps=%.2f cpu_gbps=%.2f\n", ARRAY_LENGTH(tags), hits,
		size / wall / 1e9, size / cpu / 1e9);
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: pool FILE [REPS]\n");
		return 2;
	}
	EI_OWNED(ei_error) error = bench(argv[1], argc > 2 ? (int)strtol(argv[2], NULL, 10) : 3);
	if (error)
		fprintf(stderr, "%s\n", ei_error_text(error));
	return error != NULL;
}
