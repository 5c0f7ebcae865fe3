// The block kernel, for any vector width: included by a file that defines block_look() and
// wide_gram() and names the kernel BLOCK_KERNEL. README.md explains the steps.
// SPDX-License-Identifier: Apache-2.0
#include "scan/places.h"

// Bit n is about byte n of the block.
struct looks {
	uint64_t in;   // is in the class
	uint64_t zero; // is zero
};

static inline struct looks block_look(const struct filter *filter, const uint8_t *at);

// Finds the places of a piece where a gram of the class begins, in both streams.
static inline __attribute__((always_inline)) void places_find(
	struct search *search, const uint8_t *window, size_t size, unsigned phase, unsigned gram)
{
	const struct filter *filter = search->filter;
	const unsigned stride = filter->stride;
	uint16_t *raw_end = search->raw, *wide_end = search->wide;
	struct looks next = block_look(filter, window);
	for (size_t at = 0; at < size; at += BLOCK) {
		struct looks here = next;
		next = block_look(filter, window + at + BLOCK);
		struct bits bytes = { here.in, next.in };
		uint64_t raw = run_starts(bytes, gram, 1) & filter->raw_spots[phase];
		// A character of UTF-16 is a byte of the class with a zero behind it.
		struct bits units = { here.in & (here.zero >> 1 | next.zero << (BLOCK - 1)),
			next.in & next.zero >> 1 };
		uint64_t wide = run_starts(units, gram, 2) & filter->wide_spots[phase];
		phase = phase + 1 == stride ? 0 : phase + 1;
		if (!(raw | wide))
			continue;
		raw_end = places_put(raw_end, raw, at);
		wide_end = places_put(wide_end, wide, at);
	}
	search->raw_count = (size_t)(raw_end - search->raw);
	search->wide_count = (size_t)(wide_end - search->wide);
}

void BLOCK_KERNEL(struct search *search, const uint8_t *window, size_t origin, size_t size)
{
	unsigned phase = (unsigned)(origin / BLOCK % search->filter->stride);
	switch (search->filter->gram) {
	case 3:
		places_find(search, window, size, phase, 3);
		break;
	case 4:
		places_find(search, window, size, phase, 4);
		break;
	case 5:
		places_find(search, window, size, phase, 5);
		break;
	case 6:
		places_find(search, window, size, phase, 6);
		break;
	case 7:
		places_find(search, window, size, phase, 7);
		break;
	default:
		places_find(search, window, size, phase, 8);
	}
	places_screen(search, window);
}
