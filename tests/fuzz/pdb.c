// Fuzz entry: program databases. What loads must answer every question.
// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/ask_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile *profile = NULL;
	ei_error *error = profile_parse(data, size, "fuzz.pdb", &profile);
	if (!error)
		ask_profile(profile);
	ei_error_drop(error);
	profile_unref(profile);
	return 0;
}
