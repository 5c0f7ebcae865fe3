// The search without vectors, blocks, classes or strides: what the kernels must agree with.
// SPDX-License-Identifier: Apache-2.0
#include "scan/internal.h"

// The gram whose characters are `step` bytes apart; false when it does not fit.
static bool gram_at(const struct search *search, size_t at, size_t step, uint64_t *gram)
{
	*gram = 0;
	for (unsigned i = 0; i < search->filter->gram; i++) {
		size_t here = at + i * step;
		if (here + step > search->size)
			return false;
		if (step == 2 && search->bytes[here + 1])
			return false;
		*gram |= (uint64_t)search->bytes[here] << 8 * i;
	}
	return true;
}

static void look_at(struct search *search, size_t at, enum stream stream)
{
	uint64_t gram;
	if (gram_at(search, at, stream == STREAM_WIDE ? 2 : 1, &gram))
		candidate_verify(search, gram_hash(gram, search->filter->gram_mask), at, stream);
}

void scan_scalar(struct search *search)
{
	for (size_t at = 0; at < search->size; at++) {
		look_at(search, at, STREAM_RAW);
		look_at(search, at, STREAM_WIDE);
	}
}
