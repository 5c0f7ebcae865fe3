// Address spaces: translating and reading, through the reader's caches.
// SPDX-License-Identifier: Apache-2.0
#include "space/paging.h"

static uint64_t physical_canonical(uint64_t va)
{
	return va;
}

const struct space_mode space_physical = {
	.name = "physical",
	.pointer_size = 8,
	.kernel_end = UINT64_MAX,
	.user_end = UINT64_MAX,
	.canonical = physical_canonical,
};

static void physical_page(struct reader *reader, uint64_t pa, struct page *out)
{
	pa &= ~(uint64_t)(PAGE_SIZE - 1);
	bool held = reader_holds(reader, pa, PAGE_SIZE);

	*out = (struct page){ .va = pa, .pa = pa, .size = PAGE_SIZE };
	out->fault = held ? FAULT_NONE : FAULT_OUTSIDE;
}

static struct translation *translation_slot(
	const struct space *space, struct reader *reader, uint64_t page_number)
{
	uint64_t mixed = page_number ^ page_number >> 10 ^ (space->dtb >> 12) * 0x9e3779b1u;

	return &reader->translations[mixed % TRANSLATIONS];
}

bool space_translate(
	const struct space *space, struct reader *reader, uint64_t va, struct page *out)
{
	if (!space->mode->paging) {
		physical_page(reader, va, out);
		return out->fault == FAULT_NONE;
	}
	uint64_t number = va / PAGE_SIZE;
	struct translation *slot = translation_slot(space, reader, number);
	if (slot->page_number != number || !space_equal(&slot->space, space)) {
		paging_walk(space, reader, va, &slot->page);
		slot->space = *space;
		slot->page_number = number;
	}
	*out = slot->page;
	return out->fault == FAULT_NONE;
}

// Reads inside one page that is in the image. A whole page goes past the cache: whoever reads
// much at once will not read it again.
static size_t page_read(
	struct reader *reader, const struct page *page, uint64_t va, uint8_t *buffer, size_t size)
{
	uint64_t pa = page->pa + (va - page->va);

	if (size >= PAGE_SIZE)
		return image_read(reader->image, pa, buffer, size);
	const uint8_t *bytes = reader_page(reader, pa);
	if (!bytes)
		return 0;
	memcpy(buffer, bytes + pa % PAGE_SIZE, size);
	return size;
}

// Bytes of [va, va + size) that lie in the space at all.
static size_t size_clip(const struct space *space, uint64_t va, size_t size)
{
	uint64_t room = space->mode->kernel_end - space->mode->canonical(va);

	return size && size - 1 > room ? (size_t)room + 1 : size;
}

static enum fault read_fault(const struct reader *reader)
{
	return image_failure(reader->image) ? FAULT_IO : FAULT_OUTSIDE;
}

size_t space_read(const struct space *space, struct reader *reader, uint64_t va, void *buffer,
	size_t size, enum fault *fault)
{
	size_t done = 0;
	struct page page;
	enum fault why = FAULT_NONE;

	size = size_clip(space, va, size);
	while (done < size) {
		if (!space_translate(space, reader, va + done, &page)) {
			why = page.fault;
			break;
		}
		uint64_t at = space->mode->canonical(va + done);
		size_t here = PAGE_SIZE - at % PAGE_SIZE;
		if (here > size - done)
			here = size - done;
		size_t got = page_read(reader, &page, at, (uint8_t *)buffer + done, here);
		done += got;
		if (got < here) {
			why = read_fault(reader);
			break;
		}
	}
	if (fault)
		*fault = why;
	return done;
}

uint64_t space_read_patchy(
	const struct space *space, struct reader *reader, uint64_t va, void *buffer, size_t size)
{
	uint64_t missing = 0;
	uint8_t *at = buffer;

	for (unsigned page = 0; size && page < 64; page++) {
		size_t here = PAGE_SIZE - va % PAGE_SIZE;
		if (here > size)
			here = size;
		size_t got = space_read(space, reader, va, at, here, NULL);
		if (got < here) {
			memset(at + got, 0, here - got);
			missing |= UINT64_C(1) << page;
		}
		va += here;
		at += here;
		size -= here;
	}
	return missing;
}

static bool physical_next(struct reader *reader, uint64_t pa, uint64_t last, struct page *out)
{
	pa &= ~(uint64_t)(PAGE_SIZE - 1);
	const struct image_run *run = reader_run(reader, pa);
	if (!run)
		return false;
	uint64_t at = MAX(pa, run->start & ~(uint64_t)(PAGE_SIZE - 1));
	if (at > last)
		return false;
	*out = (struct page){ .va = at, .pa = at, .size = PAGE_SIZE };
	return true;
}

bool space_next(const struct space *space, struct reader *reader, uint64_t va, uint64_t last,
	unsigned flags, struct page *out)
{
	if (!space->mode->paging)
		return physical_next(reader, va, last, out);
	return paging_next(space, reader, va, last, flags, out);
}
