// Fuzz entry: program databases. What loads must answer every question, and come out as a symbol
// file that loads.
// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/ask_profile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(const struct profile *profile)
{
	char *text = NULL;
	size_t length = 0;
	struct profile *again = NULL;
	FILE *out = open_memstream(&text, &length);
	if (!out)
		return;
	ei_error *error = profile_write_isf(profile, out);
	fclose(out);
	if (!error)
		error = profile_parse(text, length, "fuzz.json", &again);
	if (error && ei_error_code(error) != EI_E_NOMEM && ei_error_code(error) != EI_E_LIMIT) {
		fprintf(stderr, "%s\n", ei_error_text(error));
		abort();
	}
	ei_error_drop(error);
	profile_unref(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile *profile = NULL;
	ei_error *error = profile_parse(data, size, "fuzz.pdb", &profile);
	if (!error) {
		ask_profile(profile);
		write_and_read(profile);
	}
	ei_error_drop(error);
	profile_unref(profile);
	return 0;
}
