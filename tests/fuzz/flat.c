// Fuzz entry: flat blocks, as they come from a cache. The digest is made right first, as it would
// otherwise stop every mutation at the door.
// SPDX-License-Identifier: Apache-2.0
#include "profile/internal.h"
#include "tests/fuzz/ask_profile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal(struct bytes *block)
{
	struct flat_header *header = (void *)block->data;
	size_t covered = offsetof(struct flat_header, count);
	if (block->size >= sizeof *header)
		header->digest = flat_digest(block->data + covered, block->size - covered);
}

static void try_block(const uint8_t *data, size_t size, bool sealed)
{
	struct bytes block = { malloc(size ? size : 1), size };
	struct profile *profile = NULL;
	if (!block.data)
		return;
	if (size)
		memcpy(block.data, data, size);
	if (sealed)
		seal(&block);
	ei_error *error = profile_from_block(&block, "fuzz", &profile);
	if (!error)
		ask_profile(profile);
	ei_error_drop(error);
	profile_unref(profile);
	bytes_deinit(&block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_block(data, size, false);
	try_block(data, size, true);
	return 0;
}
