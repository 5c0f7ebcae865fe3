// Readers: one thread's cache of physical pages.
// SPDX-License-Identifier: Apache-2.0
#include "space/paging.h"

ei_error *reader_create(const struct image *image, struct reader **out)
{
	EI_OWNED(reader) reader = calloc(1, sizeof *reader);
	if (!reader)
		return ei_fail(EI_E_NOMEM, "no memory for a reader");
	reader->image = image;
	reader->runs = image_runs(image, &reader->run_count);
	reader->translations = calloc(TRANSLATIONS, sizeof *reader->translations);
	reader->pages = malloc((size_t)CACHE_SETS * CACHE_WAYS * PAGE_SIZE);
	if (!reader->translations || !reader->pages)
		return ei_fail(EI_E_NOMEM, "no memory for a reader");
	*out = EI_GIVE(reader);
	return NULL;
}

void reader_drop(struct reader *reader)
{
	if (!reader)
		return;
	free(reader->walk.visits);
	free(reader->translations);
	free(reader->pages);
	free(reader);
}

const struct image *reader_image(const struct reader *reader)
{
	return reader->image;
}

// ---- what the image holds -------------------------------------------------------------------
const struct image_run *reader_run(struct reader *reader, uint64_t pa)
{
	const struct image_run *runs = reader->runs;
	size_t low = 0, high = reader->run_count;

	if (reader->run_last < high) {
		const struct image_run *last = &runs[reader->run_last];
		if (pa >= last->start && pa - last->start < last->length)
			return last;
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (pa >= runs[middle].start && pa - runs[middle].start >= runs[middle].length)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == reader->run_count)
		return NULL;
	reader->run_last = low;
	return &runs[low];
}

bool reader_holds(struct reader *reader, uint64_t pa, uint64_t size)
{
	while (size) {
		const struct image_run *run = reader_run(reader, pa);
		if (!run || pa < run->start)
			return false;
		uint64_t here = run->length - (pa - run->start);
		if (here >= size)
			return true;
		pa += here;
		size -= here;
	}
	return true;
}

bool reader_holds_any(struct reader *reader, uint64_t pa, uint64_t size)
{
	const struct image_run *run = reader_run(reader, pa);

	return run && (run->start <= pa || run->start - pa < size);
}

// ---- pages ----------------------------------------------------------------------------------
// A page may lie across two runs that follow each other.
static bool page_fill(const struct reader *reader, uint64_t pa, uint8_t *page)
{
	for (size_t done = 0; done < PAGE_SIZE;) {
		size_t got = image_read(reader->image, pa + done, page + done, PAGE_SIZE - done);
		if (!got)
			return false;
		done += got;
	}
	return true;
}

const uint8_t *reader_page(struct reader *reader, uint64_t pa)
{
	pa &= ~(uint64_t)(PAGE_SIZE - 1);
	uint64_t frame = pa / PAGE_SIZE;
	size_t set = (frame ^ frame >> 6 ^ frame >> 12) % CACHE_SETS;
	uint64_t *tags = reader->tags[set];

	for (size_t way = 0; way < CACHE_WAYS; way++)
		if (tags[way] == pa + 1)
			return reader->pages[set * CACHE_WAYS + way];
	if (!reader_holds(reader, pa, PAGE_SIZE))
		return NULL;
	size_t way = reader->victim[set]++ % CACHE_WAYS;
	uint8_t *page = reader->pages[set * CACHE_WAYS + way];
	tags[way] = 0;
	if (!page_fill(reader, pa, page))
		return NULL;
	tags[way] = pa + 1;
	return page;
}
